"""The glass-to-glass self-test: sound in through the real source, pictures and sound back from the real sink."""

import json
import os
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import av
import numpy as np
from numpy.typing import NDArray

from liveface.app.files.media_files import read_audio
from liveface.app.measure import virtual_sound_card
from liveface.app.measure.click_track import ClickTrack
from liveface.app.measure.frame_marks import COLUMNS, ROWS, block_size, read, read_blocks
from liveface.app.measure.loopback_program import ARRIVED, CARRIED, ORIGIN, PLAYED, SEEN, VIDEO, Kind, Task, Witness
from liveface.app.measure.virtual_screen import VirtualScreen
from liveface.app.measure.virtual_sound_card import VirtualSoundCard
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.pipeline import ASSETS
from liveface.app.session.stats import Percentiles, percentiles
from liveface.app.settings import Settings
from liveface.engine.bench import trend
from liveface.engine.errors import ConfigurationError, DeviceError
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Samples

_VOICE = ASSETS / "audio" / "speech.wav"
_PREPARATION = 30.0  # s of sound beyond the time measured, in which the program under test has to start
_ENDING = 10.0  # s that a server gets to end
_GLANCE = 0.002  # s between two looks at the screen
_SEARCH = 0.2  # s between two searches for the window, which take long
_SETTLING = FPS  # frames at the beginning that are not measured
_FEWEST = 4  # clicks from which anything can be said
_HOUR = 3600.0
_CERTAINTY = 1.96  # standard errors, 95 of 100

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Offset:
    """Of sound from its picture in milliseconds, positive where the sound is later; `p95` is that of the size."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class LoopbackReport:
    """What was found at the far ends.

    A window is measured twice where there is a sound card: as it listens to a microphone, for the delay, and as it
    plays its sound, for the offset; otherwise the offset is that of the sound handed over for playing.
    `microphone`: whether the sound came in through a virtual microphone, or else from a file at real time.
    `sound_to_photon_ms`: from the first sample of a frame's own sound at the source to its picture at the sink.
    `av_offset_ms`: of the sound at the sink from the picture that belongs to it. `drift_ms_per_hour`: of that offset,
    with the half width of its 95 % interval. `frames` were seen at the sink, `missed` were not: their pictures were
    skipped. `clicks`: moments of sound found. `glance_ms`: a picture may have been there earlier by as much, p95.

    Over WebRTC the sound comes from a peer's microphone track, and a picture counts as there when its last packet is.
    The offset is what a player gets that keeps sound and pictures in step: by their RTP times, which the sender's
    reports lead back to one clock. `arrival_offset_ms`: the same by their arrival, as where a player does not.
    """

    kind: Kind
    microphone: bool
    sound_to_photon_ms: Percentiles
    av_offset_ms: Offset
    drift_ms_per_hour: float
    drift_error_ms_per_hour: float
    frames: int
    missed: int
    clicks: int
    glance_ms: float
    arrival_offset_ms: Offset | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """The far ends of one performance, in seconds of one clock.

    `pictures`: number of a frame -> when its picture was first there. `carried`: number of a click -> sample at which
    the frames carry it, 640 to a frame. `spoken`: number of a click -> when it went in.
    `heard`: number of a click -> when it came out; `shown`: number of a frame -> when its picture came out beside it,
    both in the time of the file or of the sender where the sink is one. `arrived`: number of a click -> when it came
    over a network. `glance_ms` as in the report.
    """

    pictures: dict[int, float]
    carried: dict[int, int]
    spoken: dict[int, float]
    heard: dict[int, float]
    shown: dict[int, float]
    glance_ms: float = 0.0
    arrived: dict[int, float] | None = None


def run_loopback(kind: str, seconds: float, injected_ms: float = 0.0) -> LoopbackReport:
    """Let the program speak for so many seconds into a window, a file or a WebRTC peer, and measure it from outside.

    `injected_ms` holds its sound back, to prove that the test finds out. Raises `ConfigurationError` for a kind that
    cannot be measured, `DeviceError` where a part is missing or nothing comes through.
    """
    match kind:
        case "window" | "file" | "webrtc":
            return _run(kind, seconds, injected_ms)
        case _:
            raise ConfigurationError(f"The loopback is “{kind}”: choose window, file or webrtc.")


def _run(kind: Kind, seconds: float, injected_ms: float) -> LoopbackReport:
    clock = MonotonicClock()
    has_card = kind != "webrtc" and virtual_sound_card.is_available()
    track = ClickTrack(read_audio(_VOICE), seconds + _PREPARATION)
    observations = [
        _observed(kind, seconds, injected_ms, track, clock, has_card, is_audible)
        for is_audible in ((False, True) if kind == "window" and has_card else (False,))
    ]
    return judged(kind, has_card, *observations)


def _observed(
    kind: Kind, seconds: float, injected_ms: float, track: ClickTrack, clock: Clock, has_card: bool, is_audible: bool
) -> Observation:
    """Let the program perform once."""
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        environment = dict(os.environ)
        card = resources.enter_context(VirtualSoundCard(track.sound, clock)) if has_card else None
        if card is not None:
            environment |= card.environment
        voice = None if card is not None else str(_written(folder / "voice.wav", track.sound))
        task = Task(kind, str(folder), voice, seconds, injected_ms, is_audible)
        arrived = None
        glance_ms = 0.0
        if kind == "window":
            eye = Eye(resources.enter_context(VirtualScreen()), clock)
            _perform(task, task.command, environment | eye.screen.environment, eye.glance)
            pictures = shown = eye.pictures
            heard = (
                _moments(track.found_in(card.played()), card.started)
                if card and is_audible
                else _handed(track, *Witness.recall(folder / PLAYED))
            )
            glance_ms = eye.glance_ms
        elif kind == "webrtc":
            _converse(task, environment)
            seen = {int(number): moments for number, moments in json.loads((folder / SEEN).read_text()).items()}
            pictures, shown = ({number: moments[place] for number, moments in seen.items()} for place in (0, 1))
            sound, due = Witness.recall(folder / PLAYED)
            heard = _handed(track, sound, due)
            arrived = _handed(track, sound, json.loads((folder / ARRIVED).read_text()))
        else:
            _perform(task, task.command, environment)
            moments = Witness.recall(folder / CARRIED)[1]
            shown = seen_in_file(folder / VIDEO)
            pictures = {number: moments[round(second * FPS)] for number, second in shown.items()}
            heard = _moments(track.found_in(read_audio(folder / VIDEO)))
        carried = track.found_in(Witness.recall(folder / CARRIED)[0])
        origin = float(json.loads((folder / ORIGIN).read_text())) if card is None else card.started
    spoken = _moments({click: int(track.starts[click]) for click in carried}, origin)
    return Observation(pictures, carried, spoken, heard, shown, glance_ms, arrived)


def _written(path: Path, sound: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def _perform(
    task: Task,
    command: list[str],
    environment: dict[str, str],
    meanwhile: Callable[[], None] | None = None,
    told: IO[str] | None = None,
) -> None:
    """Run a program of the task to its end, `told` on its standard input; raises what it said."""
    program = subprocess.Popen(
        command, env=environment, stdin=told, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        limit = time.monotonic() + task.seconds + _PREPARATION
        while program.poll() is None:
            if time.monotonic() > limit:
                raise DeviceError(
                    f"The program under test has not ended {_PREPARATION:.0f} s after its time: measure on a machine "
                    "with less to do."
                )
            time.sleep(_GLANCE)
            if meanwhile is not None:
                meanwhile()
    finally:
        program.kill()
        _, errors = program.communicate()
    _require_success(program, errors)


def _converse(task: Task, environment: dict[str, str]) -> None:
    """Run the server under test, and to its end the peer that speaks to it; raises what they said."""
    server = subprocess.Popen(task.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _perform(task, task.peer_command, environment, told=server.stdout)
    except DeviceError:
        if not server.poll():  # otherwise what it said is the reason
            raise
    finally:
        server.terminate()
        try:
            _, errors = server.communicate(timeout=_ENDING)
        except subprocess.TimeoutExpired:
            server.kill()
            _, errors = server.communicate()
    _require_success(server, errors)


def _require_success(program: subprocess.Popen[str], errors: str) -> None:
    if program.returncode:
        raise DeviceError(errors.strip().splitlines()[-1] if errors.strip() else "The program under test has crashed.")


class Eye:
    """Looks at a screen for the numbers in the pictures of a window, and remembers when each came.

    `pictures`: number -> seconds of the clock.
    """

    def __init__(self, screen: VirtualScreen, clock: Clock) -> None:
        self.screen = screen
        self.pictures: dict[int, float] = {}
        self._clock = clock
        self._place: tuple[int, int] | None = None
        self._cell = block_size(Settings().height, Settings().width)
        self._size = round(ROWS * self._cell), round(COLUMNS * self._cell)
        self._moments: list[float] = []
        self._seen = b""
        self._search = 0.0

    def glance(self) -> None:
        """Look once."""
        now = self._clock.now()
        # Before the window is whole, it may seem to be elsewhere.
        if not self.pictures and now >= self._search:
            self._place = self.screen.window()
            self._search = now + _SEARCH
        if self._place is None:
            return
        self._moments.append(now)
        corner = self.screen.green(*self._place, *self._size)
        if (seen := corner.tobytes()) != self._seen:
            number = read_blocks(corner, self._cell)
            self._seen = b"" if number is None else seen
            if number is not None:
                self.pictures.setdefault(number, now)

    @property
    def glance_ms(self) -> float:
        """Milliseconds between two looks, which 95 of 100 do not exceed."""
        return float(np.percentile(np.diff(self._moments), 95)) * 1000 if len(self._moments) > 1 else 0.0


def seen_in_file(path: Path) -> dict[int, float]:
    """The numbers in the pictures of a video: number -> seconds from the start at which it is shown first."""
    shown: dict[int, float] = {}
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            number = read(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if number is not None and frame.time is not None:
                shown.setdefault(number, frame.time)
    return shown


def _handed(track: ClickTrack, sound: Samples, moments: list[float]) -> dict[int, float]:
    """When each click was handed over for whoever might play it; of each HOP of the sound there is a moment."""
    places = track.found_in(sound)
    return {click: moments[place // HOP] + place % HOP / SAMPLE_RATE for click, place in places.items()}


def _moments(places: dict[int, int], origin: float = 0.0) -> dict[int, float]:
    return {click: origin + place / SAMPLE_RATE for click, place in places.items()}


def judged(kind: Kind, microphone: bool, silent: Observation, audible: Observation | None = None) -> LoopbackReport:
    """Compare what came out with what went in; the offset is that of the audible performance, if there was one.

    Raises `DeviceError` if too little came out.
    """
    numbers, delays = _delays(silent)
    audible = audible or silent
    moments, offsets = _offsets(audible)
    drift = trend(moments, offsets)
    assert drift is not None, "too few points were let through"
    return LoopbackReport(
        kind=kind,
        microphone=microphone,
        sound_to_photon_ms=percentiles(list(delays)),
        av_offset_ms=_spread(offsets),
        drift_ms_per_hour=round(drift.slope * _HOUR * 1000, 1),
        drift_error_ms_per_hour=round(_CERTAINTY * drift.standard_error * _HOUR * 1000, 1),
        frames=len(numbers),
        missed=int(numbers[-1] - numbers[0] + 1 - len(numbers)),
        clicks=len(offsets),
        glance_ms=round(silent.glance_ms, 2),
        arrival_offset_ms=None
        if audible.arrived is None
        else _spread(_offsets(replace(audible, heard=audible.arrived, shown=audible.pictures))[1]),
    )


def _spread(offsets: Array) -> Offset:
    p50, p95 = np.median(offsets), np.percentile(np.abs(offsets), 95)
    return Offset(round(float(p50) * 1000, 2), round(float(p95) * 1000, 2))


def _delays(seen: Observation) -> tuple[NDArray[np.int64], Array]:
    """The numbers of the frames seen, and how many seconds after their sound their pictures were."""
    numbers = np.array(sorted(number for number in seen.pictures if number >= _SETTLING), np.int64)
    _require(len(numbers), "pictures")
    _require(len(seen.carried), "moments of sound")
    places = np.array(list(seen.carried.values())) / SAMPLE_RATE
    lags = np.array([seen.spoken[click] for click in seen.carried]) - places
    spoken = numbers / FPS + np.interp(numbers / FPS, places, lags)
    return numbers, np.array([seen.pictures[number] for number in numbers.tolist()]) - spoken


def _offsets(seen: Observation) -> tuple[Array, Array]:
    """When clicks were heard, and how many seconds after the moment in their pictures that they belong to."""
    found = [
        (seen.heard[click], seen.heard[click] - seen.shown[place // HOP] - place % HOP / SAMPLE_RATE)
        for click, place in seen.carried.items()
        if place >= _SETTLING * HOP and click in seen.heard and place // HOP in seen.shown
    ]
    _require(len(found), "moments of sound with their pictures")
    moments, offsets = np.array(found).T
    return moments, offsets


def _require(count: int, what: str) -> None:
    if count < _FEWEST:
        raise DeviceError(
            f"{count} {what} came out where at least {_FEWEST} were expected: measure for longer, or on a machine with "
            "less to do."
        )
