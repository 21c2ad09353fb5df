"""Talk to a conversation over WebRTC from another process, and print what that client sees and hears.

    python scripts/measure_webrtc.py --seconds 20 --size 512x512
    python scripts/measure_webrtc.py --loss 0.05 --jitter 0.2

The client sends speech with a click each second; the pictures carry their number and the place of the click that they
heard, so that delay and offset are told from what arrives. The last line is one JSON object.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing.connection import Connection

import aioice.ice
import numpy as np

from liveface.app.capacity.admission import Admission, measure_drawing, measure_hearing
from liveface.app.capacity.scheduler import Scheduler
from liveface.app.capacity.session_pool import SessionPool
from liveface.app.files.media_files import iterate_audio
from liveface.app.measure.frame_marks import marked, read
from liveface.app.measure.webrtc_probe import Heard, Link, Probe, Reception, Seen
from liveface.app.server.sessions.session_registry import Limits, SessionRegistry, SessionRequest
from liveface.app.server.webrtc.peer import PeerSettings
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import ASSETS, CORES, DEFAULT_AVATAR, MODELS
from liveface.app.session.stats import Stats, percentiles
from liveface.app.settings import parse_size
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.drawing.renderer import Renderer, load_renderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import SAMPLE_RATE, Frame, Motion, Samples

SPEECH = ASSETS / "audio" / "speech.wav"
RATE = 48_000
FREEZE = 0.2  # s without a new picture
LOUD = 0.45  # amplitude that only a click has
PLACES = 64  # of a click in a frame, in ms, and none
RESTING = 63  # in place of a click's: the mouth is closed
NUMBERS = 1 << 14  # frames, after which their numbers begin anew


class ListeningRenderer:
    """Draws what another one draws, with the frame's number and the place of a click in its sound in the corner."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def prepare(self, avatar: Avatar) -> None:
        """See `SharedRenderer.prepare`."""
        self.renderer.prepare(avatar)

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """See `Renderer.draw`."""
        frames = self.renderer.draw(motions, avatars)
        return [
            replace(frame, image=marked(frame.image, number(motion)))
            for frame, motion in zip(frames, motions, strict=True)
        ]


def number(motion: Motion) -> int:
    """The frame's number, and the millisecond of a click in its sound or that the mouth rests, as one number."""
    loud = np.flatnonzero(np.abs(motion.pcm) > LOUD)
    place = 1 + int(loud[0]) * 1000 // SAMPLE_RATE if len(loud) else 0
    return motion.index % NUMBERS * PLACES + (place if motion.code.any() else RESTING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--size", type=parse_size, default=(512, 512))
    parser.add_argument("--lookahead", type=int, default=2)
    parser.add_argument("--codec", choices=("vp8", "h264"), default="vp8")
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets, in both directions")
    parser.add_argument("--interrupts", action="store_true", help="interrupt every third second, just after a click")
    parser.add_argument("--jitter", type=float, default=0.0, help="most seconds that a packet is delayed")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    link = Link(options.loss, options.jitter) if options.loss or options.jitter else None
    client = multiprocessing.get_context("spawn").Process(
        target=run_client, args=(there, options.seconds, link, options.codec.upper(), options.interrupts), daemon=True
    )
    client.start()
    width, height = options.size
    wish = SessionRequest(Avatar.load(DEFAULT_AVATAR).framed(width, height), "clara", options.lookahead)
    server = asyncio.run(serve(here, wish, PeerSettings(codec=options.codec)))
    received = here.recv()
    client.join()
    print(json.dumps({"received": received, "server": server}))


async def serve(pipe: Connection, wish: SessionRequest, settings: PeerSettings) -> dict[str, object]:
    """Answer the client's offer and perform until it says so."""
    stay_here()
    clock = MonotonicClock()
    with performing(clock) as ensemble:
        conversations = SessionRegistry(ensemble, clock, Limits())
        pipe.send("ready")
        offer = await asyncio.to_thread(pipe.recv)
        stats = Stats()
        conversation = await conversations.open(wish, RemoteSource(clock, stats), 0.005, stats)
        peer = conversation.join(settings, speaks=True)
        pipe.send(await peer.answer(offer))
        await asyncio.to_thread(pipe.recv)
        numbers = conversation.numbers()
        stages = {name: asdict(taken) for name, taken in stats.report().stages_ms.items()}
        await conversations.close_all()
    return numbers | {"stages_ms": stages}


@contextmanager
def performing(clock: MonotonicClock) -> Iterator[SessionPool]:
    """As `open_session_pool` does, with marked pictures."""
    network = StepNetwork(MODELS / "motion.onnx")
    renderer = ListeningRenderer(load_renderer(MODELS, CORES))
    cost = measure_drawing(renderer, Avatar.load(DEFAULT_AVATAR), clock)
    admission = Admission(cost, measure_hearing(Streamer(network.another()), clock), os.cpu_count() or CORES)
    with Scheduler(renderer, clock, cost) as scheduler:
        yield SessionPool(network, scheduler, admission, clock)


def run_client(pipe: Connection, seconds: float, link: Link | None, picture_codec: str, interrupts: bool) -> None:
    pipe.send(asyncio.run(measure(pipe, seconds, link, picture_codec, interrupts)))


async def measure(
    pipe: Connection, seconds: float, link: Link | None, picture_codec: str, interrupts: bool
) -> dict[str, object]:
    """Be the client; returns what came."""
    stay_here()
    sound = speech_with_clicks()
    found: list[tuple[Seen, int]] = []
    probe = Probe(
        sound,
        link=link,
        picture_codec=picture_codec,
        keeps_pictures=False,
        look=lambda seen: found.append((replace(seen, image=seen.image[:0].copy()), read(seen.image) or 0)),
    )
    await asyncio.to_thread(pipe.recv)
    pipe.send(await probe.offer())
    answer = await asyncio.to_thread(pipe.recv)
    await probe.accept(answer)
    moments = await interrupted(probe, seconds) if interrupts else []
    await asyncio.sleep(max(0.0, probe.received.began + seconds - asyncio.get_running_loop().time()))
    pipe.send("done")
    result = told(probe.received, found, seconds) | (told_of(moments, probe.received, found) if interrupts else {})
    await probe.close()
    return result


async def interrupted(probe: Probe, seconds: float) -> list[float]:
    """Interrupt every third second, 0.1 s after a click was sent; returns when it was."""
    loop = asyncio.get_running_loop()
    moments: list[float] = []
    while loop.time() < probe.received.began + seconds - 4:
        if probe.received.spoken is None:
            await asyncio.sleep(0.1)
            continue
        await asyncio.sleep(3.0 - (loop.time() - probe.received.spoken - 0.1) % 1.0)
        moments.append(loop.time())
        probe.channel.send(json.dumps({"type": "interrupt"}))
    return moments


def told_of(moments: list[float], received: Reception, found: list[tuple[Seen, int]]) -> dict[str, object]:
    """How long it took until a picture with a closed mouth came, and how many clicks came that should not have."""
    resting = [seen.moment for seen, mark in found if mark % PLACES == RESTING]
    waits = [min((rest - moment for rest in resting if rest > moment), default=9.9) for moment in moments]
    clicks = [heard.moment for heard, _ in clicks_in(received.sounds)]
    stale = sum(any(moment < click < moment + 0.6 for click in clicks) for moment in moments)
    return {"interrupts": len(moments), "interrupt_to_closed_mouth_ms": spread(waits), "stale_clicks_heard": stale}


def told(received: Reception, found: list[tuple[Seen, int]], seconds: float) -> dict[str, object]:
    moments = np.array([seen.moment for seen, _ in found])
    gaps = np.diff(moments)
    # The first seconds, in which both sides find their pace, count for nothing but the first picture.
    settled = moments >= received.began + min(3.0, seconds / 3)
    span = received.began + seconds - (received.began + min(3.0, seconds / 3))
    pictures = [(seen, mark % PLACES - 1) for seen, mark in found if 0 < mark % PLACES < RESTING]
    clicks = clicks_in(received.sounds)
    spoken = received.spoken or 0.0
    offsets = []
    video, audio = received.clocks["video"], received.clocks["audio"]
    if clicks and video.is_known and audio.is_known:
        played = [audio.moment(heard.timestamp, heard.moment) + place for heard, place in clicks]
        for seen, place in pictures:
            shown = video.moment(seen.timestamp, seen.moment) + place / 1000
            offsets.append(shown - min(played, key=lambda moment: abs(moment - shown)))
    offsets = [offset for offset in offsets if abs(offset) < 0.45]
    return {
        "first_picture_ms": round((moments[0] - received.began) * 1000) if len(moments) else None,
        "pictures": len(moments),
        "unreadable": sum(mark == 0 for _, mark in found),
        "fps": round(float(settled.sum()) / span, 2),
        "freezes": int((gaps[settled[1:]] > FREEZE).sum()) if len(gaps) else None,
        "longest_gap_ms": round(float(gaps[settled[1:]].max(initial=0.0)) * 1000) if len(gaps) else None,
        "sounds": len(received.sounds),
        "clicks": [len(pictures), len(clicks)],
        "click_to_picture_ms": spread([(seen.moment - spoken) % 1.0 for seen, _ in pictures]),
        "click_to_sound_ms": spread([(heard.moment - spoken) % 1.0 for heard, _ in clicks]),
        # Told by sender reports. Packets that overtake each other confuse the client's decoder: then it means nothing.
        "sound_after_picture_ms": spread([-offset for offset in offsets]),
        "messages": len(received.messages),
    }


def spread(seconds: list[float]) -> dict[str, float] | None:
    return asdict(percentiles(seconds)) if seconds else None


def clicks_in(sounds: list[Heard]) -> list[tuple[Heard, float]]:
    """The pieces of sound in which a click begins, and the seconds until it does."""
    found: list[tuple[Heard, float]] = []
    for heard in sounds:
        loud = np.flatnonzero(np.abs(heard.pcm) > LOUD)
        is_new = not found or heard.moment - found[-1][0].moment > 0.5
        if len(loud) and is_new:
            found.append((heard, float(loud[0]) / RATE))
    return found


def speech_with_clicks() -> Samples:
    """Speech at 48 kHz, a whole number of seconds, with a click at the beginning of each."""
    speech = np.concatenate([block[:, 0] for block in iterate_audio(SPEECH, RATE, RATE)])
    speech = speech[: len(speech) // RATE * RATE] * np.float32(0.25 / np.abs(speech).max())
    burst = 0.9 * np.sin(2 * np.pi * 2500 * np.arange(RATE // 250) / RATE) * np.hanning(RATE // 250)
    for start in range(0, len(speech), RATE):
        speech[start : start + len(burst)] = burst
    return speech


def stay_here() -> None:
    """Connect over the loopback device, which ICE leaves out."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


if __name__ == "__main__":
    main()
