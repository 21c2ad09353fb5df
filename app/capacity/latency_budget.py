"""Latency as a contract: what this machine needs for a picture, and the longest lookahead that a budget then allows."""

import math
from dataclasses import dataclass

import numpy as np

from liveface.app.session.clock import Clock, sleep_until
from liveface.app.session.pipeline import Pipeline
from liveface.app.settings import HOLD_MS, SHORTEST_HOLD_MS
from liveface.engine.errors import ConfigurationError
from liveface.engine.hearing.streamer import LOOKAHEADS
from liveface.engine.media import FPS, HOP, Samples

FRAME_MS = 1000 // FPS
_UNMEASURED = 5  # pictures at the beginning, while caches are filled
_SHARE = 0.9  # of a frame's time that hearing and drawing may take: the rest is for sound, window and system
_MOST_SKIPPED = 0.1  # share of pictures that may be late beyond use where a delay is promised


@dataclass(frozen=True, slots=True)
class Pace:
    """What a live picture takes here, in milliseconds.

    `hear` and `draw` are medians. `ready` is the 95th percentile, from the moment when the last sound is there to the
    finished picture, which includes that the system may wake late. `skipped`: share of pictures, 0 to 1, that were not
    even begun within a frame's time, because of those before.
    """

    hear: float
    draw: float
    ready: float
    skipped: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How a budget is held: frames of `lookahead`, blocks of `block_ms` from the source, and the delay expected.

    `capture_ms`: from the capture of a block's last sample until it can be read. All delays are those which 95 of 100
    pictures stay below, from the capture of the first sample of a frame's own sound to the handing over of its picture.
    """

    budget_ms: float
    lookahead: int
    block_ms: int
    capture_ms: float
    expected_ms: float
    pace: Pace

    def __str__(self) -> str:
        """One line: what was chosen, and why."""
        ahead = self.lookahead * FRAME_MS
        return (
            f"latency budget {self.budget_ms:.0f} ms: lookahead {self.lookahead}, blocks of {self.block_ms} ms, "
            f"expected {self.expected_ms:.0f} ms = {FRAME_MS} of sound + {ahead} ahead + "
            f"{self.expected_ms - FRAME_MS - ahead:.0f}; measured: hear {self.pace.hear:.1f} ms, draw "
            f"{self.pace.draw:.1f} ms, ready within {self.pace.ready:.1f} ms, source {self.capture_ms:.0f} ms"
        )


def measure_pace(performer: Pipeline, speech: Samples, clock: Clock) -> Pace:
    """Hear float32 (n,) at 16 kHz frame by frame, each when it would have been spoken, and draw every picture.

    The streamer is as new afterwards. Raises `ConfigurationError` where no picture is drawn in time.
    """
    hear, draw, ready, skipped = [], [], [], 0
    started = clock.now()
    for index, start in enumerate(range(0, len(speech) - HOP, HOP)):
        spoken = started + (index + 1) / FPS
        sleep_until(clock, spoken)
        awake = clock.now()
        motions = performer.streamer.feed(speech[start : start + HOP])
        heard = clock.now()
        is_measured = bool(motions) and index >= _UNMEASURED
        if heard - spoken > 1 / FPS:
            skipped += is_measured
            continue
        performer.renderer.draw(motions, [performer.avatar] * len(motions))
        if is_measured:
            drawn = clock.now()
            hear.append(heard - awake)
            draw.append(drawn - heard)
            ready.append(drawn - spoken)
    performer.streamer.reset()
    if not ready:
        raise ConfigurationError(
            f"No delay can be promised here: none of {skipped} pictures was drawn in its time; choose a smaller --size."
        )
    return Pace(
        hear=float(np.median(hear)) * 1000,
        draw=float(np.median(draw)) * 1000,
        ready=float(np.percentile(ready, 95)) * 1000,
        skipped=skipped / (skipped + len(ready)),
    )


def make_plan(budget_ms: float, pace: Pace, capture_ms: dict[int, float]) -> Plan:
    """The longest lookahead that fits, and the longest block that allows it.

    `capture_ms`: of the source, for each size of block that it offers in milliseconds.
    Raises `ConfigurationError` where nothing fits, with the smallest budget that would.
    """
    if pace.hear + pace.draw > _SHARE * FRAME_MS:
        raise ConfigurationError(
            f"No delay can be promised here: hearing takes {pace.hear:.0f} ms and drawing {pace.draw:.0f} ms of the "
            f"{FRAME_MS} ms that a picture has; choose a smaller --size, or close other programs."
        )
    if pace.skipped > _MOST_SKIPPED:
        raise ConfigurationError(
            f"No delay can be promised here: {pace.skipped:.0%} of the pictures were late beyond use, because other "
            "programs interrupt; close them, or choose a smaller --size."
        )
    waits = {block: _wait(pace, capture) for block, capture in capture_ms.items()}
    smallest = FRAME_MS + min(waits.values())
    fitting = [
        (lookahead, block)
        for block, wait in waits.items()
        for lookahead in LOOKAHEADS
        if (1 + lookahead) * FRAME_MS + wait <= budget_ms
    ]
    if not fitting:
        raise ConfigurationError(
            f"A delay of {budget_ms:.0f} ms cannot be held here: a picture's own sound takes {FRAME_MS} ms, the source "
            f"{min(capture_ms.values()):.0f} ms, hearing and drawing up to {pace.ready:.0f} ms; "
            f"give --latency-budget {math.ceil(smallest)}ms or more, or a smaller --size."
        )
    lookahead, block = max(fitting)
    expected = (1 + lookahead) * FRAME_MS + waits[block]
    return Plan(budget_ms, lookahead, block, capture_ms[block], expected, pace)


def _wait(pace: Pace, capture_ms: float) -> float:
    """From the capture of the last sound that a picture needs to its handing over, as `PlayoutClock` has it."""
    return max(HOLD_MS, capture_ms + max(SHORTEST_HOLD_MS, pace.ready))


def parse_budget(text: str) -> float:
    """Milliseconds from text such as `150ms`; raises `ConfigurationError`."""
    number = text.strip().lower().removesuffix("ms").strip()
    try:
        budget = float(number)
    except ValueError:
        budget = math.nan
    if not 0 < budget < math.inf:
        raise ConfigurationError(f"The latency budget is “{text}”: write milliseconds, such as 150ms.")
    return budget
