"""What the latency benchmark measures, and for how long: stages, back ends, sizes, batches, lookaheads, floor.

Every cell has its own share of time, so that a slow machine gets fewer repetitions and not a much longer run.
"""

import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from liveface.app.files.media_files import read_audio
from liveface.app.measure.live import perform
from liveface.app.measure.machine import OtherWork, describe, in_a_fresh_process, memory_mb, peak_memory_mb
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.clock import MonotonicClock, steady_delay_ms
from liveface.app.session.pipeline import ASSETS, CORES, DEFAULT_AVATAR, MODELS
from liveface.app.session.queues import FrameQueue, Owed, SampleQueue
from liveface.app.session.stats import process_age
from liveface.app.settings import BACKLOG_MS, DEFAULT_LOOKAHEAD
from liveface.engine import checkpoint
from liveface.engine.backends.openvino import PaintNetworks, StepNetwork, operations
from liveface.engine.backends.painter import Painter
from liveface.engine.backends.precision import REFERENCE, probe
from liveface.engine.bench import WARM, Stopwatch, TimedNetwork, TimedPainter, distribution, phases, repeat
from liveface.engine.checkpoint import Checkpoint
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.drawing.renderer import MouthRenderer
from liveface.engine.errors import BackendError, ConfigurationError, LivefaceError
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.features import FeatureExtractor
from liveface.engine.hearing.streamer import LOOKAHEADS, MotionNetwork, Streamer
from liveface.engine.hearing.window import SlidingWindow
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Frame, Motion, Samples

SPEECH = ASSETS / "audio" / "speech.wav"
QUALITY = MODELS / "quality.json"
FORMAT = 1  # of the numbers; raised when an older program's can no longer be compared
STAGES = ("capture", "window", "features", "motion", "generator", "compositor", "encode", "present")
SUMS = ("hear", "draw", "picture")
SIDE = 512  # pixels, of what is measured at one size only

_CAPACITY = 20_000  # durations of each stage: a quarter of an hour of frames
_ENCODED = 50  # different pictures that are encoded, again and again
_IDLE_CALLS = 20_000
_ABSENT = {
    "bf16": "this processor has no bfloat16 instructions",
    "int8": "the model comes without generator.int8.onnx: scripts/quantise_generator.py makes it",
}

Numbers = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. Times in seconds: `cell` for one back end at one size or batch, `live` per lookahead."""

    stages: float
    overhead: float
    cell: float
    live: float
    sides: tuple[int, ...]
    batches: tuple[int, ...]
    lookaheads: tuple[int, ...]
    with_torch_on_cpu: bool

    @property
    def seconds(self) -> float:
        """All cells together with three back ends that run, where a cell's time is enough for one repetition."""
        cells = 3 * (1 + len(self.sides) + 2 * len(self.batches)) + 1
        return 1.5 * self.stages + self.overhead + cells * self.cell + len(self.lookaheads) * self.live


FULL = Plan(12.0, 12.0, 1.5, 5.0, (256, 512, 720), (1, 2, 4, 8, 16, 32, 64), tuple(LOOKAHEADS), True)
QUICK = Plan(4.0, 4.0, 0.4, 2.5, (256, 512, 720), (1, 4, 16), (0, 2, 6), False)


def measure(plan: Plan, soak: float | None, say: Callable[[str], None]) -> Numbers:
    """Measure everything on this machine with the shipped model; `soak`: seconds of a live session, None for none.

    Belongs at the beginning of a process, because it tells what the start costs. `say` is told what comes next.
    Raises `CheckpointError` or `BackendError` if the model cannot run at all, `ConfigurationError` where there is no
    Linux.
    """
    begun, age = time.perf_counter(), process_age()
    if age is None:
        raise ConfigurationError("The benchmark reads Linux's own figures: run it there, or `liveface run --headless`.")
    born = begun - age
    others = OtherWork()
    quality = json.loads(QUALITY.read_text(encoding="utf-8"))
    numbers: Numbers = {"liveface_bench": FORMAT, "machine": describe(), "quality": quality}
    say("start")
    cold: dict[str, float] = {"program_s": age}
    network = _load(cold, "motion_network_s", lambda: StepNetwork(MODELS / "motion.onnx"))
    painter = _load(cold, "drawing_networks_s", load_painter)
    avatar = _load(cold, "avatar_s", lambda: Avatar.load(DEFAULT_AVATAR))
    framed, speech = avatar.framed(SIDE, SIDE), read_audio(SPEECH)
    memory = {"loaded": memory_mb()}
    say("stages of a picture")
    numbers["stages_ms"], numbers["picture"], shown = stages(network, painter, framed, speech, plan.stages)
    cold["to_first_picture_s"] = shown - born
    numbers["cold"] = {name: round(seconds, 3) for name, seconds in cold.items()}
    numbers["precision"] = painter.precision
    memory["after_stages"] = memory_mb()
    say("what the stopwatch itself costs")
    numbers["overhead"] = overhead(network, painter, framed, speech, plan.overhead)
    if soak is not None:
        say(f"a live session of {soak:g} s")
        numbers["soak"] = perform(network, painter, framed, SPEECH, DEFAULT_LOOKAHEAD, soak)
    numbers["lookaheads"] = {}
    for ahead in plan.lookaheads:
        say(f"a live session with a lookahead of {ahead}")
        live = perform(network, painter, framed, SPEECH, ahead, plan.live)
        numbers["lookaheads"][str(ahead)] = {
            "promised_ms": steady_delay_ms((1 + ahead) * HOP),
            **{name: live[name] for name in ("mic_to_picture_ms", "fps", "skipped")},
        }
    memory["after_live"] = memory_mb()
    say("one core")
    program = f"from liveface.app.measure.bench import one_core; print(one_core({plan.cell}))"
    numbers["one_core"] = _rate(float(in_a_fresh_process(program, threads=1, is_confined=True)))
    numbers["backends"] = {}
    for name, load in candidates(plan.with_torch_on_cpu).items():
        say(name)
        numbers["backends"][name] = back_end(load, network, avatar, speech, plan)
        gc.collect()
    say("the floor")
    numbers["floor"] = floor(
        {
            "generator": (MODELS / "generator.onnx", CORES, _in_reference_ms(numbers["backends"])),
            "motion": (MODELS / "motion.onnx", 1, numbers["stages_ms"]["motion"]["steady"]["p50"]),
        }
    )
    numbers["memory_mb"] = {**memory, "most": peak_memory_mb()}
    numbers["other_programs_percent"] = others.percent
    numbers["seconds"] = round(time.perf_counter() - begun, 1)
    return numbers


def load_painter(threads: int = CORES, arithmetic: str | None = None) -> PaintNetworks:
    """The shipped drawing networks as a live run loads them, or in an `arithmetic` of our choice."""
    return PaintNetworks(MODELS / "identity.onnx", MODELS / "generator.onnx", threads, arithmetic=arithmetic)


def stages(
    network: MotionNetwork, painter: Painter, avatar: Avatar, speech: Samples, seconds: float
) -> tuple[Numbers, Numbers, float]:
    """Every stage in milliseconds from the very first picture on, whole pictures, and the moment of the first one.

    One picture after another, as a live session makes them but without its waiting; `avatar` is framed. Encoding is
    measured by itself afterwards: the encoder's threads would compete with drawing, which they do not in a live
    session. `capture` is taking two blocks of 20 ms from a microphone's queue, `present` the way through the queue of
    frames, `generator` what drawing waits for it, `compositor` the rest of drawing.
    """
    clock, stopwatch = MonotonicClock(), Stopwatch((*STAGES, *SUMS), _CAPACITY)
    streamer, liveliness = Streamer(TimedNetwork(network, stopwatch)), Liveliness(0)
    renderer = MouthRenderer(TimedPainter(painter, stopwatch))
    samples, frames = SampleQueue(clock, SAMPLE_RATE, BACKLOG_MS), FrameQueue(clock, 1, avatar.photo)
    shown: list[Frame] = []

    def take(block: Samples) -> Samples:
        samples.put(block[: HOP // 2])
        samples.put(block[HOP // 2 :])
        return samples.get(0.0)

    def hand_over(motion: Motion, drawn: list[Frame]) -> Frame | None:
        frames.announce(Owed(motion, is_drawn=True))
        frames.supply(drawn)
        return frames.take()

    capture, present = stopwatch.timed("capture", take), stopwatch.timed("present", hand_over)
    hear, draw = stopwatch.timed("hear", streamer.feed), stopwatch.timed("draw", renderer.draw)
    blocks = _blocks(speech)
    streamer.feed(np.concatenate(list(islice(blocks, DEFAULT_LOOKAHEAD))))
    first = 0.0
    with _watched(stopwatch):
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds or len(shown) < WARM + 2:
            started = time.perf_counter()
            (motion,) = map(liveliness.enliven, hear(capture(next(blocks))))
            drawn = draw([motion], [avatar])
            stopwatch.note("compositor", stopwatch.latest("draw") - stopwatch.latest("generator"))
            frame = present(motion, drawn)
            stopwatch.note("picture", time.perf_counter() - started)
            assert frame is not None, "the queue was ended"
            first = first or time.perf_counter()
            if len(shown) < _ENCODED:
                shown.append(frame)
    _encode(stopwatch, shown, seconds / 2)
    found = {stage: phases(stopwatch.durations(stage)) for stage in (*STAGES, *SUMS)}
    mean = float(stopwatch.durations("picture")[1:].mean())
    return {stage: asdict(summed) for stage, summed in found.items() if summed is not None}, _rate(1.0 / mean), first


def overhead(
    network: MotionNetwork, painter: Painter, avatar: Avatar, speech: Samples, seconds: float
) -> dict[str, float]:
    """How much longer a picture takes because its stages are timed, in percent.

    Pictures are made with and without stopwatch by turns: `percent` is the median difference of neighbours, with its
    standard error. `calculated_percent` is what the calls of the stopwatch cost by themselves, which a busy machine
    does not blur.
    """
    stopwatch = Stopwatch((*STAGES, *SUMS), _CAPACITY)
    plain, liveliness = (Streamer(network), MouthRenderer(painter)), Liveliness(0)
    timed = (
        Streamer(TimedNetwork(network, stopwatch)),
        MouthRenderer(TimedPainter(painter, stopwatch)),
    )
    blocks = _blocks(speech)

    def picture(streamer: Streamer, renderer: MouthRenderer) -> float:
        block = next(blocks)
        started = time.perf_counter()
        for motion in streamer.feed(block):
            renderer.draw([liveliness.enliven(motion)], [avatar])
        return time.perf_counter() - started

    pairs: list[tuple[float, float]] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds or len(pairs) < DEFAULT_LOOKAHEAD + 3:
        without = picture(*plain)
        with _watched(stopwatch):
            pairs.append((without, picture(*timed)))
    times = np.array(pairs[DEFAULT_LOOKAHEAD + 1 :])
    typical, differences = float(np.median(times[:, 0])), times[:, 1] - times[:, 0]
    deviation = 1.4826 * float(np.median(np.abs(differences - np.median(differences))))
    nothing = lambda: None  # noqa: E731
    cost = sum(repeat(stopwatch.timed("window", nothing), 0.0, _IDLE_CALLS)) - sum(repeat(nothing, 0.0, _IDLE_CALLS))
    calls = len(STAGES) + len(SUMS)
    return {
        "percent": round(100 * float(np.median(differences)) / typical, 3),
        # Of a median: 1.25 times that of a mean.
        "standard_error_percent": round(100 * 1.2533 * deviation / len(times) ** 0.5 / typical, 3),
        "calculated_percent": round(100 * calls * cost / _IDLE_CALLS / typical, 3),
    }


def one_core(seconds: float) -> float:
    """Pictures per second of a session with one thread, in a process that has been given one core only."""
    pictures = _pictures(
        StepNetwork(MODELS / "motion.onnx"),
        load_painter(threads=1),
        Avatar.load(DEFAULT_AVATAR).framed(SIDE, SIDE),
        read_audio(SPEECH),
        seconds,
    )
    return len(pictures) / sum(pictures)


def candidates(with_torch_on_cpu: bool) -> Mapping[str, Callable[[], Painter]]:
    """Every back end by name, and what loads it: that raises a `LivefaceError` if it cannot be used here."""
    on_cpu = {"torch f32 (CPU)": partial(_torch, "cpu")} if with_torch_on_cpu else {}
    return {
        **{f"openvino {name}": partial(_in_precision, name) for name in (REFERENCE, *_ABSENT)},
        "torch f16 (CUDA)": partial(_torch, "cuda"),
        "torch f16 compiled (CUDA)": partial(_torch, "cuda", is_compiled=True),
        "tensorrt (CUDA)": _tensorrt,
        **on_cpu,
    }


def back_end(
    load: Callable[[], Painter], network: MotionNetwork, avatar: Avatar, speech: Samples, plan: Plan
) -> Numbers:
    """One back end at every size and batch, or the reason why it cannot run; `avatar` is not framed.

    `generator_ms` is painting alone; `sides` are whole pictures, heard and drawn one by one; `batches` are drawn at
    once at one size, and `generator_fps` painted at once.
    """
    started = time.perf_counter()
    try:
        painter = load()
    except LivefaceError as error:
        return {"available": False, "reason": str(error).splitlines()[0]}
    numbers: Numbers = {"available": True, "load_s": round(time.perf_counter() - started, 3)}
    painting = _painting(painter, 1)
    painting()
    numbers["generator_ms"] = _summed(repeat(painting, plan.cell))
    numbers["sides"] = {}
    for side in plan.sides:
        pictures = _pictures(network, painter, avatar.framed(side, side), speech, plan.cell)
        numbers["sides"][str(side)] = {**_rate(len(pictures) / sum(pictures)), "ms": _summed(pictures)}
    framed = avatar.framed(SIDE, SIDE)
    motions = list(islice(_motions(network, speech), max(plan.batches)))
    renderer = MouthRenderer(painter)
    numbers["batches"] = {}
    for batch in plan.batches:
        painting, drawing = _painting(painter, batch), partial(renderer.draw, motions[:batch], [framed] * batch)
        rates = []
        for run in (drawing, painting):
            run()
            rates.append(batch / float(np.mean(repeat(run, plan.cell, least=1))))
        numbers["batches"][str(batch)] = {**_rate(rates[0]), "generator_fps": round(rates[1], 2)}
    numbers["memory_mb"] = memory_mb()
    return numbers


def floor(networks: Mapping[str, tuple[Path, int, float]]) -> Numbers:
    """The shortest time that each network can take: its operations over the rate of a large matrix product.

    `networks`: file, threads, and measured milliseconds by name.
    """
    counts = {name: operations(path) for name, (path, _, _) in networks.items()}
    program = "from liveface.engine.bench import sgemm_rate; print(sgemm_rate())"
    rates = {threads: float(in_a_fresh_process(program, threads)) for _, threads, _ in networks.values()}
    result: Numbers = {"peak_gflops": {str(threads): round(rate / 1e9, 1) for threads, rate in sorted(rates.items())}}
    for name, (_, threads, measured) in networks.items():
        least = counts[name] / rates[threads] * 1000
        result[name] = {
            "operations": counts[name],
            "threads": threads,
            "floor_ms": round(least, 3),
            "measured_ms": round(measured, 3),
            "times_the_floor": round(measured / least, 2),
        }
    return result


def _load(cold: dict[str, float], name: str, load: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    loaded = load()
    cold[name] = time.perf_counter() - started
    return loaded


def _watched(stopwatch: Stopwatch) -> ExitStack:
    """Times the parts of a streamer that it makes for itself."""
    with ExitStack() as stack:
        stack.enter_context(stopwatch.watching(SlidingWindow, "push", "window"))
        stack.enter_context(stopwatch.watching(FeatureExtractor, "feed", "features"))
        return stack.pop_all()


def _blocks(speech: Samples) -> Iterator[Samples]:
    """The sound of one picture after another, float32 (640,), without end."""
    return cycle(np.ascontiguousarray(speech[: len(speech) // HOP * HOP]).reshape(-1, HOP))


def _motions(network: MotionNetwork, speech: Samples) -> Iterator[Motion]:
    streamer, liveliness = Streamer(network), Liveliness(0)
    for block in _blocks(speech):
        yield from map(liveliness.enliven, streamer.feed(block))


def _pictures(network: MotionNetwork, painter: Painter, avatar: Avatar, speech: Samples, seconds: float) -> list[float]:
    """Seconds that pictures take, one after another, heard and drawn."""
    motions, renderer = _motions(network, speech), MouthRenderer(painter)

    def picture() -> list[Frame]:
        return renderer.draw([next(motions)], [avatar])

    repeat(picture, 0.0)
    return repeat(picture, seconds)


def _painting(painter: Painter, batch: int) -> Callable[[], object]:
    photo, inputs, code = probe()
    identity = [np.repeat(level, batch, axis=0) for level in painter.identify(photo)]
    arrays = np.repeat(inputs, batch, axis=0), np.repeat(code, batch, axis=0), tuple(identity)
    return lambda: painter.begin(*arrays)()


def _in_reference_ms(backends: Mapping[str, Numbers]) -> float:
    """The generator's milliseconds in the arithmetic that the peak is measured in."""
    found: float = backends[f"openvino {REFERENCE}"]["generator_ms"]["p50"]
    return found


def _encode(stopwatch: Stopwatch, frames: list[Frame], seconds: float) -> None:
    height, width = frames[0].image.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "encoded.mp4")
        recorder.open(width, height)
        try:
            waiting = cycle(frames)
            send = stopwatch.timed("encode", recorder.send)
            repeat(lambda: send(next(waiting)), seconds, least=WARM + 2)
        finally:
            recorder.close(completed=False)


def _in_precision(name: str) -> Painter:
    """The shipped networks in an arithmetic of our choice."""
    try:
        return load_painter(arithmetic=name)
    except BackendError as error:
        raise BackendError(_ABSENT.get(name, str(error))) from error


def _torch(device: str, is_compiled: bool = False) -> Painter:
    try:
        from liveface.engine.backends.torch_cuda import TorchPainter
    except ImportError as error:
        raise BackendError(f"the package {error.name} is not installed: install liveface[train]") from error
    painter = TorchPainter(_weights(), device, kernels="compiled" if is_compiled else "plain")
    if is_compiled and painter.kernels == "plain":
        raise BackendError("torch.compile cannot make kernels here: see the line that it printed")
    return painter


def _tensorrt() -> Painter:
    try:
        from liveface.engine.backends.tensorrt import TensorRTPainter
    except ImportError as error:
        raise BackendError(f"the package {error.name} is not installed: install liveface[tensorrt]") from error
    return TensorRTPainter(_weights())


def _weights() -> Checkpoint:
    return checkpoint.load(MODELS / "default.safetensors")


def _summed(seconds: list[float]) -> Numbers:
    found = distribution(seconds)
    assert found is not None
    return asdict(found)


def _rate(fps: float) -> dict[str, float]:
    return {"fps": round(fps, 2), "real_time_factor": round(fps / FPS, 3)}
