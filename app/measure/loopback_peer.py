"""The peer of the loopback test: speaks to the server, and writes down what it sees and hears, and when.

Started by `app.measure.loopback` only. Knows nothing of how the results are judged.
"""

import asyncio
import json
import sys
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import aiohttp
import aioice.ice
import numpy as np
import soxr

from liveface.app.files.media_files import read_audio
from liveface.app.measure.frame_marks import read
from liveface.app.measure.loopback_program import ARRIVED, ORIGIN, PLAYED, SEEN, Task, Witness
from liveface.app.measure.webrtc_probe import Heard, Probe, Reception, Seen
from liveface.app.server.webrtc.codecs import VOICE_RATE
from liveface.engine.errors import LivefaceError, PeerError
from liveface.engine.media import HOP, SAMPLE_RATE, Samples

_CONNECTING = 20.0  # s until the first picture
_BLOCK = HOP * VOICE_RATE // SAMPLE_RATE  # samples of one frame at the rate of the decoded sound
_HALF = 1 << 31  # of all RTP times


def main() -> None:
    """Perform the task in the first argument with the server whose greeting standard input brings."""
    task = Task(**json.loads(sys.argv[1]))
    _, served, rest = sys.stdin.readline().partition(" serves at ")
    meet_here()
    try:
        if not served:
            raise PeerError("The server has not started.")
        asyncio.run(converse(task, rest.split()[0]))
    except LivefaceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def meet_here() -> None:
    """Let the connections of this process find each other on this machine only, without any network."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def converse(task: Task, address: str) -> None:
    """Speak the task's voice to the server for so many seconds from the first picture on; raises `PeerError`."""
    assert task.voice is not None
    voice = soxr.resample(read_audio(Path(task.voice)), SAMPLE_RATE, VOICE_RATE, quality="HQ")
    notes = Notes()
    probe = Probe(voice, look=notes.look, keeps_pictures=False)
    try:
        await probe.accept(await _answer(address, await probe.offer()))
        async with asyncio.timeout(_CONNECTING):
            await notes.begun.wait()
        await asyncio.sleep(task.seconds)
    except TimeoutError as error:
        raise PeerError(f"No picture came within {_CONNECTING:.0f} s: measure on a machine with less to do.") from error
    finally:
        await probe.close()
    (Path(task.folder) / ORIGIN).write_text(json.dumps(probe.received.spoken))
    notes.leave(Path(task.folder), probe.received)


async def _answer(address: str, sdp: str) -> str:
    """The server's answer to an offer, by the plain way to a face."""
    async with (
        aiohttp.ClientSession(address) as client,
        client.post("/offer", json={"type": "offer", "sdp": sdp}) as response,
    ):
        answer = await response.json()
        if response.status != HTTPStatus.OK:
            raise PeerError(answer["error"]["message"])
        return str(answer["sdp"])


class Notes:
    """Pictures by the numbers in them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._pictures: dict[int, Seen] = {}

    def look(self, seen: Seen) -> None:
        """A picture has come."""
        number = read(seen.image)
        if number is not None:
            self._pictures.setdefault(number, replace(seen, image=seen.image[:0].copy()))
            self.begun.set()

    def leave(self, folder: Path, received: Reception) -> None:
        """Write when pictures and sound came, and when they were due; raises `PeerError` if too little is known."""
        pictures, voice = received.clocks["video"], received.clocks["audio"]
        pcm, timestamps, arrivals = recorded(received.sounds)
        Witness.leave(folder / PLAYED, pcm, list(map(voice.moment, timestamps, arrivals)))
        (folder / ARRIVED).write_text(json.dumps(arrivals))
        seen = {
            number: (seen.moment, pictures.moment(seen.timestamp, seen.moment))
            for number, seen in self._pictures.items()
        }
        (folder / SEEN).write_text(json.dumps(seen))


def recorded(sounds: list[Heard]) -> tuple[Samples, list[int], list[float]]:
    """Put pieces of sound together by their RTP times; raises `PeerError` if there are none.

    Returns float32 (n * HOP,) at 16 kHz, silent where something is missing; and of each HOP its RTP time and the moment
    at which it began to arrive.
    """
    if not sounds:
        raise PeerError("No sound came back: measure on a machine with less to do.")
    first = min(sounds, key=lambda heard: (heard.timestamp - sounds[0].timestamp + _HALF) % (2 * _HALF)).timestamp
    places = [(heard.timestamp - first) % (2 * _HALF) for heard in sounds]
    sound = np.zeros(max(places) + VOICE_RATE, np.float32)
    for place, heard in zip(places, sounds, strict=True):
        sound[place : place + len(heard.pcm)] = heard.pcm
    pcm: Samples = soxr.resample(sound, VOICE_RATE, SAMPLE_RATE, quality="HQ")
    starts = np.arange(max(places) // _BLOCK) * _BLOCK
    order = np.argsort(places)
    arrivals = np.interp(starts, np.array(places)[order], np.array([heard.moment for heard in sounds])[order])
    return pcm[: len(starts) * HOP], ((first + starts) % (2 * _HALF)).tolist(), arrivals.tolist()


if __name__ == "__main__":
    main()
