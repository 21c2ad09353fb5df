"""Tests of what the peer of the loopback test writes down."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from liveface.app.measure.frame_marks import marked
from liveface.app.measure.loopback_peer import Notes, converse, recorded
from liveface.app.measure.loopback_program import ARRIVED, PLAYED, SEEN, Task, Witness
from liveface.app.measure.webrtc_probe import Heard, Reception, Seen
from liveface.engine.errors import PeerError
from liveface.engine.media import HOP, SAMPLE_RATE, Picture
from tests.app.fakes import write_sound
from tests.app.server.loopback import here

PACKET = 960  # samples at 48 kHz
SECOND = 1 << 32  # of NTP
BEGUN = (1 << 32) - 2 * PACKET  # RTP time of the first packet: they begin anew soon


def a_packet(number: int, level: float = 0.0) -> Heard:
    """It arrives 5 ms after its time."""
    return Heard(50 + number / 50 + 0.005, (BEGUN + number * PACKET) % (1 << 32), np.full(PACKET, level, np.float32))


def a_picture(number: int) -> Picture:
    return marked(np.full((256, 256, 3), 90, np.uint8), number)


def test_packets_are_put_together_in_their_order_with_silence_for_what_is_lost() -> None:
    order = [1, 0, 2, 3, 6, 7, 8]
    sound, timestamps, arrivals = recorded([a_packet(number, level=0.1 * number) for number in order])
    assert sound.shape == (4 * HOP,)
    middles = sound[HOP // 4 :: HOP // 2]
    np.testing.assert_allclose(middles, [0, 0.1, 0.2, 0.3, 0, 0, 0.6, 0.7], atol=0.03)
    assert timestamps == [(BEGUN + 2 * PACKET * block) % (1 << 32) for block in range(4)]
    assert arrivals == pytest.approx([50.005, 50.045, 50.085, 50.125])


def test_a_moment_of_sound_stays_where_it_was() -> None:
    sounds = [a_packet(number) for number in range(20)]
    sounds[5].pcm[480] = 1.0
    sound, _, _ = recorded(sounds)
    assert int(np.argmax(sound)) == round(0.11 * SAMPLE_RATE)


def test_silence_of_the_network_is_an_error() -> None:
    with pytest.raises(PeerError, match="No sound"):
        recorded([])


def test_what_came_is_left_with_its_arrival_and_the_senders_time(tmp_path: Path) -> None:
    async def take() -> None:
        notes = Notes()
        received = Reception(sounds=[a_packet(number) for number in range(5)])
        received.clocks["audio"].note(60.0, 900 * SECOND, BEGUN)
        received.clocks["video"].note(60.0, 900 * SECOND, 0)
        notes.look(Seen(60.0, 0, np.zeros((256, 256, 3), np.uint8)))
        assert not notes.begun.is_set()
        for place, number in enumerate([3, 3, 4]):
            notes.look(Seen(60 + place / 25, 3600 * place, a_picture(number)))
        assert notes.begun.is_set()
        notes.leave(tmp_path, received)

    asyncio.run(take())
    seen = json.loads((tmp_path / SEEN).read_text())
    assert seen == {"3": pytest.approx([60.0, 900.0]), "4": pytest.approx([60.08, 900.08])}
    sound, due = Witness.recall(tmp_path / PLAYED)
    assert len(sound) == 2 * HOP
    assert due == pytest.approx([900.0, 900.04])
    assert json.loads((tmp_path / ARRIVED).read_text()) == pytest.approx([50.005, 50.045])


def test_pictures_without_a_report_of_their_clock_are_an_error(tmp_path: Path) -> None:
    async def take() -> None:
        notes = Notes()
        received = Reception(sounds=[a_packet(number) for number in range(5)])
        received.clocks["audio"].note(60.0, 900 * SECOND, BEGUN)
        notes.look(Seen(60.0, 0, a_picture(3)))
        notes.leave(tmp_path, received)

    with pytest.raises(PeerError, match="No report"):
        asyncio.run(take())


def test_what_the_server_refuses_is_raised_in_its_own_words(tmp_path: Path) -> None:
    async def refuse(request: web.Request) -> web.Response:
        assert "m=audio" in (await request.json())["sdp"]
        return web.json_response({"error": {"message": "Found no room."}}, status=503)

    async def visit() -> None:
        application = web.Application()
        application.add_routes([web.post("/offer", refuse)])
        voice = write_sound(tmp_path / "voice.wav", np.zeros((1, SAMPLE_RATE), np.float32), SAMPLE_RATE)
        async with TestServer(application) as server:
            await converse(Task("webrtc", str(tmp_path), str(voice), 1.0, 0.0, False), str(server.make_url("/")))

    with here(), pytest.raises(PeerError, match=r"^Found no room\.$"):
        asyncio.run(visit())
