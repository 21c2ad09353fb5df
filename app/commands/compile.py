"""The command that prepares the networks for this machine, so that later starts are fast."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from liveface.app.commands.demo import SPEECH
from liveface.app.files.media_files import read_audio
from liveface.app.session.pipeline import ASSETS, CORES, MODELS
from liveface.engine import checkpoint
from liveface.engine.backends import engine_cache, precision
from liveface.engine.backends.openvino import PaintNetworks, StepNetwork
from liveface.engine.errors import BackendError, ConfigurationError
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.streamer import Streamer

if TYPE_CHECKING:
    from liveface.engine.backends.calibration import Crops
    from liveface.engine.backends.tensorrt import Precision

_CROPS = 120  # real mouths that 8-bit integers are calibrated and judged on
_MEGABYTE = 1e6

Announce = Callable[[str], None]  # shows what is being done now


def compile_networks(
    backend: Annotated[
        Literal["openvino", "torch", "tensorrt"] | None, typer.Option(help="Only this one; all that can be used here.")
    ] = None,
    kind: Annotated[
        Literal["fp16", "int8"] | None,
        typer.Option("--precision", help="Of TensorRT's engine; both, and the better is chosen by measuring."),
    ] = None,
) -> None:
    """Prepare the networks for this machine, so that later starts are fast: choose by measuring, build engines."""
    if kind is not None and backend != "tensorrt":
        raise ConfigurationError("--precision is TensorRT's, the others choose by measuring: add --backend tensorrt.")
    preparations: dict[str, Callable[[Announce], Iterator[str]]] = {
        "openvino": _prepare_openvino,
        "torch": _prepare_torch,
        "tensorrt": lambda announce: _prepare_tensorrt(announce, kind),
    }
    with _progress() as announce:
        for name, prepare in preparations.items():
            if backend not in (None, name):
                continue
            try:
                for line in prepare(announce):
                    print(f"{name}: {line}", flush=True)
            except BackendError as error:
                if backend is not None:
                    raise
                print(f"{name}: left out. {error}", flush=True)


def _prepare_openvino(announce: Announce) -> Iterator[str]:
    announce("OpenVINO: measuring precisions")
    memory = precision.memory_file()
    before = memory.read_bytes() if memory.is_file() else None
    started = time.perf_counter()
    painter = PaintNetworks(MODELS / "identity.onnx", MODELS / "generator.onnx", CORES)
    elapsed = time.perf_counter() - started
    is_measured = (memory.read_bytes() if memory.is_file() else None) != before
    state = f"measured to be best in {elapsed:.1f} s" if is_measured else f"is up to date, loaded in {elapsed:.1f} s"
    yield f"{painter.precision} {state}"


def _prepare_torch(announce: Announce) -> Iterator[str]:
    try:
        from liveface.engine.backends.torch_cuda import choose_kernels, chosen_kernels, compiler_folder, usable_device
    except ImportError as error:
        raise BackendError(f"It needs the package {error.name}: install `liveface[train]`.") from error
    usable_device("cuda")
    model = checkpoint.load(MODELS / "default.safetensors")
    if (kernels := chosen_kernels(model)) is not None:
        yield f"is up to date, {kernels} kernels"
        return
    announce("torch: compiling and measuring kernels")
    started = time.perf_counter()
    seconds = choose_kernels(model)
    elapsed = time.perf_counter() - started
    measured = ", ".join(f"{name} {1000 * value:.2f} ms a picture" for name, value in seconds.items())
    size = sum(file.stat().st_size for file in compiler_folder().rglob("*") if file.is_file())
    yield f"{next(iter(seconds))} kernels chosen in {elapsed:.0f} s ({measured}), {size / _MEGABYTE:.1f} MB"


def _prepare_tensorrt(announce: Announce, kind: "Precision | None") -> Iterator[str]:
    try:
        from liveface.engine.backends import tensorrt
    except ImportError as error:
        raise BackendError(f"It needs the package {error.name}: install `liveface[tensorrt]`.") from error
    tensorrt.load_library()
    device = tensorrt.require_gpu("cuda")
    model = checkpoint.load(MODELS / "default.safetensors")
    crops: Crops | None = None
    for wanted in tensorrt.PRECISIONS if kind is None else (kind,):
        file, found = tensorrt.kept(model, wanted, device)
        if found.engine is not None:
            yield f"{wanted} is up to date, {file.stat().st_size / _MEGABYTE:.1f} MB"
            continue
        announce(f"TensorRT: building {wanted}, which takes some minutes")
        started = time.perf_counter()
        if wanted == "int8":
            crops = shipped_crops(_CROPS)
        try:
            engine = tensorrt.build(model, wanted, device, crops)
        except BackendError as error:
            if wanted == kind or wanted == "fp16":
                raise
            yield f"{wanted} left out. {error}"
            return
        engine_cache.write(file, tensorrt.engine_key(model, wanted, device), engine)
        elapsed, size = time.perf_counter() - started, file.stat().st_size / _MEGABYTE
        yield f"{wanted} built in {elapsed:.0f} s, {size:.1f} MB: the engine {found.fault}"
    if kind is not None:
        tensorrt.remember(model, kind)
        yield f"{kind} chosen, as asked"
    elif tensorrt.recall(model) is None:
        announce("TensorRT: measuring precisions")
        trials = tensorrt.choose(model, crops or shipped_crops(_CROPS))
        measured = ", ".join(
            f"{name} {1000 * trial.seconds:.2f} ms a picture, off by {255 * trial.mean:.2f}/255"
            for name, trial in trials.items()
        )
        yield f"{next(iter(trials))} chosen ({measured})"


def shipped_crops(count: int) -> "Crops":
    """The mouths of all shipped portraits, while they speak parts of the shipped sentence."""
    from liveface.engine.drawing.calibration_crops import crops_of

    streamer = Streamer(StepNetwork(MODELS / "motion.onnx"))
    motions = streamer.feed(read_audio(SPEECH)) + streamer.flush()
    chosen = motions[:: max(1, len(motions) // count)][:count]
    folders = sorted(path.parent for path in (ASSETS / "avatars").glob("*/avatar.json"))
    avatars = [Avatar.load(folder).framed(512, 512) for folder in folders]
    return crops_of(chosen, [avatar for avatar, _ in zip(cycle(avatars), chosen, strict=False)])


@contextmanager
def _progress() -> Iterator[Announce]:
    """What is being done and since when, on a terminal only; in a log it would be noise."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", start=True)
        yield lambda text: bar.reset(task, description=text)
