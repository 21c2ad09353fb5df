"""Let several portraits speak at once at real time, and print what each session and the drawing thread measured.

    python scripts/measure_sessions.py --sessions 2 --size 256x256 --seconds 20

The last line is one JSON object. `--unlimited` performs even what this machine would refuse.
"""

import argparse
import json
import time
from contextlib import ExitStack
from dataclasses import asdict

from liveface.app.capacity.admission import Admission
from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.session_pool import SessionPool, open_session_pool
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import ASSETS
from liveface.app.session.session import Session
from liveface.app.session.sources import FileSource
from liveface.app.session.stats import Report, Stats
from liveface.app.settings import parse_size
from liveface.engine.errors import CapacityError
from liveface.engine.face.avatar import Avatar

SPEECH = ASSETS / "audio" / "speech.wav"
PORTRAITS = sorted(folder.parent for folder in (ASSETS / "avatars").glob("*/avatar.json"))
APART = 0.015  # s from one session's start to the next: they are not in step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--size", type=parse_size, default=(256, 256))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--unlimited", action="store_true")
    options = parser.parse_args()
    clock = MonotonicClock()
    began = time.perf_counter()
    with open_session_pool(clock) as ensemble:
        width, height = options.size
        print(f"Ready after {time.perf_counter() - began:.1f} s.")
        holds = ensemble.admission.holds(width, height)
        if options.unlimited:
            ensemble.admission = Admission(DrawingCost(1e-9, 0.0, 0.0), 0.0, 1_000_000)
        print(json.dumps({"holds": holds} | perform(ensemble, options.sessions, width, height, options.seconds)))


def perform(ensemble: SessionPool, count: int, width: int, height: int, seconds: float) -> dict[str, object]:
    """Start the sessions one after the other, as many as are admitted, and let them speak together."""
    clock = MonotonicClock()
    sessions: list[Session] = []
    refusal = None
    with ExitStack() as performing:
        for place in range(count):
            avatar = Avatar.load(PORTRAITS[place % len(PORTRAITS)]).framed(width, height)
            stats = Stats()
            source = FileSource(SPEECH, clock, stats, live=True, loop=True)
            try:
                sessions.append(performing.enter_context(ensemble.performing(source, avatar, [], stats)))
            except CapacityError as error:
                refusal = str(error)
                print(refusal)
                break
            time.sleep(APART)
        before, started = ensemble.scheduler.drawn, time.perf_counter()
        sessions[-1].wait(seconds)
        after, passed = ensemble.scheduler.drawn, time.perf_counter() - started
        load = ensemble.admission.load()
    reports = [session.report() for session in sessions]
    for report in reports:
        print(line(report))
    busy = (after.busy - before.busy) / passed
    together = (after.pictures - before.pictures) / max(1, after.calls - before.calls)
    print(f"drawing {busy:.0%} of the time, {together:.2f} pictures in a call; predicted load {load:.0%}")
    return {
        "sessions": [
            {
                "fps": round(report.fps, 2),
                "frames": report.frames,
                "skipped": report.skipped,
                "lost_ms": round(report.lost_ms),
                "mic_to_picture_ms": report.mic_to_picture_ms and asdict(report.mic_to_picture_ms),
                "stages_ms": {stage: asdict(percentiles) for stage, percentiles in report.stages_ms.items()},
            }
            for report in reports
        ],
        "busy": round(busy, 3),
        "pictures_per_call": round(together, 3),
        "dropped": after.dropped - before.dropped,
        "predicted_load": round(load, 3),
        "refusal": refusal,
    }


def line(report: Report) -> str:
    delay = report.mic_to_picture_ms
    times = "no picture in time" if delay is None else f"mic to picture {delay.p50:.0f} ms (p95 {delay.p95:.0f})"
    stages = ", ".join(f"{name} {taken.p50:.1f} ms (p95 {taken.p95:.1f})" for name, taken in report.stages_ms.items())
    return f"{report.fps:.1f} fps, {report.skipped} of {report.frames} skipped, {times}, {stages}"


if __name__ == "__main__":
    main()
