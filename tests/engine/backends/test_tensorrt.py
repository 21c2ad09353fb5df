"""TensorRT without TensorRT: a stand-in for the library's few calls, and everything around them for real."""

import builtins
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from liveface.engine import checkpoint  # noqa: E402
from liveface.engine.backends import tensorrt, torch_cuda  # noqa: E402
from liveface.engine.backends.calibration import Crops  # noqa: E402
from liveface.engine.backends.engine_cache import engine_file  # noqa: E402
from liveface.engine.backends.precision import MEAN_LIMIT, WORST_LIMIT, probe  # noqa: E402
from liveface.engine.backends.tensorrt import (  # noqa: E402
    LARGEST,
    SMALLEST,
    USUAL,
    TensorRTPainter,
    build,
    choose,
    engine_key,
    load_library,
    recall,
    remember,
    require_gpu,
)
from liveface.engine.backends.torch_cuda import SHAPES, TorchPainter  # noqa: E402
from liveface.engine.errors import BackendError  # noqa: E402

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]


class Input(SimpleNamespace):
    """What the library takes for one input: its smallest, usual and largest shape."""


class Library(ModuleType):
    """The part of torch-tensorrt that is used: it "compiles" to the very program that it is given."""

    __version__ = "2.13.0"
    Input = Input

    def __init__(self) -> None:
        super().__init__("torch_tensorrt")
        self.dynamo = SimpleNamespace(compile=self.compile)
        self.programs: dict[bytes, Any] = {}
        self.builds: list[dict[str, Any]] = []
        self.saves: list[dict[str, Any]] = []

    def compile(self, program: Any, **options: Any) -> Any:
        self.builds.append(options)
        return program

    def save(self, compiled: Any, path: str, **options: Any) -> None:
        self.saves.append(options)
        written = f"engine {len(self.programs)}".encode()
        self.programs[written] = compiled
        Path(path).write_bytes(written)

    def load(self, path: str) -> Any:
        program = self.programs.get(Path(path).read_bytes())
        if program is None:
            print("Traceback (most recent call last): ...", file=sys.stderr)
            raise ValueError(f"The file {path} doesn't correspond to a valid ExportedProgram.\nMore.")
        return program


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    stand_in, runtime = Library(), ModuleType("tensorrt")
    runtime.__version__ = "11.0.0.114"  # type: ignore[attr-defined]
    for module in (stand_in, runtime):  # others look for them by their specification
        module.__spec__ = ModuleSpec(module.__name__, None)
    monkeypatch.setitem(sys.modules, "torch_tensorrt", stand_in)
    monkeypatch.setitem(sys.modules, "tensorrt", runtime)
    return stand_in


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that paints the photo, where tracing and half precision on the CPU would take seconds."""

    def painting(inputs: Any, *others: Any) -> Any:
        return inputs[:, :3]

    monkeypatch.setattr(tensorrt, "export", lambda network, examples, kind: SimpleNamespace(module=lambda: painting))


@pytest.fixture
def weights(model: Path) -> checkpoint.Checkpoint:
    return checkpoint.load(model / "default.safetensors")


@pytest.fixture
def modelopt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The part of modelopt that is used: it shows the batches to the network, and gives it two scales."""

    class TensorQuantizer(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, amax: Any) -> None:
            super().__init__()
            self.register_buffer("_amax", amax)

        @property
        def amax(self) -> Any:
            return self._amax

    seen: list[int] = []

    def quantize(network: Any, configuration: Any, forward_loop: Callable[[Any], None]) -> Any:
        assert configuration == "8 bits"
        handle = network.register_forward_hook(lambda module, inputs, outputs: seen.append(len(inputs[0])))
        forward_loop(network)
        handle.remove()
        network.quantisers = torch.nn.ModuleList(
            [TensorQuantizer(torch.tensor([0.0, 2.0], dtype=torch.half)), TensorQuantizer(None)]
        )
        return network

    names = ("modelopt", "modelopt.torch", "modelopt.torch.quantization")
    parts = {
        name: ModuleType(name) for name in (*names, *(f"{names[2]}.{part}" for part in ("nn", "utils", "extensions")))
    }
    main = parts[names[2]]
    main.quantize, main.INT8_DEFAULT_CFG = quantize, "8 bits"  # type: ignore[attr-defined]
    parts[f"{names[2]}.nn"].TensorQuantizer = TensorQuantizer  # type: ignore[attr-defined]
    parts[f"{names[2]}.extensions"].get_cuda_ext = lambda: None  # type: ignore[attr-defined]
    parts[f"{names[2]}.utils"].export_torch_mode = contextlib.nullcontext  # type: ignore[attr-defined]
    parts["modelopt"].torch, parts["modelopt.torch"].quantization = parts["modelopt.torch"], main  # type: ignore[attr-defined]
    for name, part in parts.items():
        monkeypatch.setitem(sys.modules, name, part)
    return seen


def crops(count: int) -> Crops:
    photo, inputs, told = probe()
    return Crops(*(np.repeat(array, count, axis=0) for array in (photo, inputs, told)))


def load(weights: checkpoint.Checkpoint, folder: Path, **options: Any) -> TensorRTPainter:
    return TensorRTPainter(weights, "fp16", "cpu", folder, **options)


@pytest.fixture
def usual_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "liveface"


def test_the_exported_engine_takes_any_batch_and_paints_within_the_tolerance(
    library: Library, weights: checkpoint.Checkpoint, tmp_path: Path
) -> None:
    painter, exact = load(weights, tmp_path), TorchPainter(weights, "cpu")
    photo, inputs, told = probe()
    for count in (1, 3):
        batch = np.repeat(inputs, count, axis=0), np.repeat(told, count, axis=0)
        painted = []
        for one in (painter, exact):
            identity = tuple(np.repeat(level, count, axis=0) for level in one.identify(photo))
            painted.append(one.begin(*batch, identity)())
        assert painted[0].shape == painted[1].shape == (count, 3, 128, 160)
        difference = np.abs(painted[0] - painted[1])
        assert 0.0 < difference.mean() <= MEAN_LIMIT
        assert difference.max() <= WORST_LIMIT
    with pytest.raises(AssertionError, match="64"):
        library.programs[b"engine 0"].module()(*(torch.zeros(65, *shape) for shape in SHAPES.values()))


@pytest.mark.usefixtures("quick_export")
def test_the_profile_is_1_to_64_and_best_at_8_for_every_input(library: Library, weights: checkpoint.Checkpoint) -> None:
    build(weights, "fp16", CPU)
    (options,) = library.builds
    profile = options["arg_inputs"]
    assert [one.name for one in profile] == ["inputs", "told", "fine", "middle", "coarse"]
    assert [one.min_shape for one in profile] == [(1, *shape) for shape in SHAPES.values()]
    assert [one.opt_shape for one in profile] == [(8, *shape) for shape in SHAPES.values()]
    assert [one.max_shape for one in profile] == [(64, *shape) for shape in SHAPES.values()]
    assert {one.dtype for one in profile} == {torch.float32}
    (saved,) = library.saves
    dimensions = {dimension for axes in saved["dynamic_shapes"].values() for dimension in axes.values()}
    assert list(saved["dynamic_shapes"]) == list(SHAPES)
    (batch,) = dimensions  # one for all: they grow together
    assert (batch.min, batch.max) == (SMALLEST, LARGEST)
    assert [len(example) for example in saved["arg_inputs"]] == [USUAL] * 5


def test_an_engine_computes_in_half_precision_between_inputs_in_single(weights: checkpoint.Checkpoint) -> None:
    network, examples = tensorrt.prepared(weights, "fp16", CPU)
    assert {value.dtype for value in network.generator.parameters()} == {torch.float16}
    assert {example.dtype for example in examples} == {torch.float32}
    with torch.no_grad():
        outputs = network(*(example[:1] for example in examples))
    assert {output.dtype for output in outputs} == {torch.float32}


@pytest.mark.usefixtures("quick_export")
def test_an_engine_is_built_once_and_then_found(
    library: Library, weights: checkpoint.Checkpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(weights, tmp_path)
    (line,) = caplog.messages
    assert "is missing: building it, which takes some minutes." in line
    caplog.clear()
    load(weights, tmp_path)
    assert len(library.builds) == 1
    assert caplog.messages == []
    assert [file.name for file in tmp_path.iterdir()] == ["fp16-cpu.engine"]


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("changed", ["library", "runtime", "driver", "weights"])
def test_a_stale_engine_is_built_anew_and_the_reason_told(
    library: Library,
    weights: checkpoint.Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    changed: str,
) -> None:
    load(weights, tmp_path)
    caplog.clear()
    match changed:
        case "library":
            monkeypatch.setattr(library, "__version__", "2.13.1", raising=False)
            told = "made for torch-tensorrt 2.13.0 instead of 2.13.1"
        case "runtime":
            monkeypatch.setattr(sys.modules["tensorrt"], "__version__", "11.0.1")
            told = "made for TensorRT 11.0.0.114 instead of 11.0.1"
        case "driver":
            monkeypatch.setattr(torch_cuda, "_driver", lambda: "999.1")
            told = "instead of 999.1"
        case _:
            name = "generator.told.0.linear.weight"
            tensors = {**weights.tensors, name: weights.tensors[name] * 2}
            weights = checkpoint.Checkpoint(tensors, weights.configuration, {})
            told = "made for network"
    load(weights, tmp_path)
    assert len(library.builds) == 2
    (line,) = caplog.messages
    assert told in line
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.usefixtures("quick_export")
def test_a_broken_engine_is_built_anew(
    library: Library, weights: checkpoint.Checkpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(weights, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-2])
    caplog.clear()
    load(weights, tmp_path)
    assert len(library.builds) == 2
    assert "is broken: building it" in caplog.text


@pytest.mark.usefixtures("quick_export")
def test_an_engine_that_the_library_cannot_load_is_built_anew_without_its_traceback(
    library: Library,
    weights: checkpoint.Checkpoint,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load(weights, tmp_path)
    library.programs = {b"of another process": None}
    caplog.clear()
    load(weights, tmp_path)
    assert len(library.builds) == 2
    (line,) = caplog.messages
    assert "cannot be loaded (The file" in line
    assert "\n" not in line
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("quick_export")
def test_an_unwritable_cache_is_told_and_does_no_harm(
    library: Library, weights: checkpoint.Checkpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    painter = load(weights, tmp_path / "file")
    assert "XDG_CACHE_HOME" in caplog.messages[-1]
    photo, inputs, told = probe()
    assert painter.begin(inputs, told, painter.identify(photo))().std() > 0.01


def test_a_network_that_the_library_refuses_is_told_in_one_line(
    library: Library, weights: checkpoint.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*given: Any, **options: Any) -> Any:
        raise RuntimeError("Could not find a kernel\nfor this and that")

    monkeypatch.setattr(library.dynamo, "compile", refusing)
    monkeypatch.setattr(tensorrt, "export", lambda network, examples, kind: None)
    with pytest.raises(BackendError, match=r"cannot build the fp16 engine: Could not find a kernel$"):
        load(weights, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick_export")
def test_an_interrupted_build_leaves_nothing(
    library: Library, weights: checkpoint.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any, **options: Any) -> Any:
        Path(options["timing_cache_path"]).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tensorrt.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(library.dynamo, "compile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(weights, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_the_key_holds_everything_that_an_engine_is_made_for(library: Library, weights: checkpoint.Checkpoint) -> None:
    key = engine_key(weights, "int8", CPU)
    assert {"GPU", "driver", "CUDA", "torch", "torch-tensorrt", "TensorRT", "precision", "batch", "network"} <= set(key)
    assert key["precision"] == "int8"
    assert key["TensorRT"] == "11.0.0.114"
    assert key["batch"] == "1 to 64, best 8"
    json.dumps(key)


@pytest.mark.usefixtures("library", "quick_export", "modelopt")
def test_integers_are_calibrated_on_all_crops_and_no_scale_is_zero(
    weights: checkpoint.Checkpoint, modelopt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "float16", torch.float32)  # which a CPU has not as fast
    network, _ = tensorrt.prepared(weights, "int8", CPU, crops(20))
    assert modelopt == [16, 4]
    scales = network.quantisers[0].amax
    assert scales.dtype == torch.float32
    assert scales[0] > 0.0
    assert scales[1] == 2.0
    assert network.quantisers[1].amax is None


@pytest.mark.usefixtures("modelopt")
def test_integers_on_a_gpu_without_modelopts_extension_are_told_what_to_install() -> None:
    on_gpu: Any = SimpleNamespace(is_cuda=True)
    with pytest.raises(BackendError, match="nvcc"):
        tensorrt._quantise(torch.nn.Identity(), [(on_gpu,)])


@pytest.mark.usefixtures("library")
def test_integers_are_not_built_while_somebody_waits_to_draw(weights: checkpoint.Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"int8-cpu\.engine is missing: run `liveface compile --backend tensorrt`"):
        TensorRTPainter(weights, "int8", "cpu", tmp_path)


@pytest.mark.usefixtures("library", "quick_export", "modelopt")
def test_built_integers_are_used_when_they_were_measured_to_be_best(
    weights: checkpoint.Checkpoint, usual_memory: Path
) -> None:
    assert recall(weights, "cpu") is None
    assert TensorRTPainter(weights, device="cpu").precision == "fp16"
    key = engine_key(weights, "int8", CPU)
    tensorrt.engine_cache.write(
        engine_file(tensorrt.engine_folder(), "int8", key), key, build(weights, "int8", CPU, crops(2))
    )
    remember(weights, "int8", "cpu")
    assert TensorRTPainter(weights, device="cpu").precision == "int8"
    assert (usual_memory / "tensorrt" / "int8-cpu.engine").is_file()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("milliseconds", "error", "best"), [(2.0, 0.0, "int8"), (3.9, 0.0, "fp16"), (1.0, 2 * MEAN_LIMIT, "fp16")]
)
def test_integers_are_chosen_if_they_are_exact_and_faster(
    weights: checkpoint.Checkpoint,
    usual_memory: Path,
    monkeypatch: pytest.MonkeyPatch,
    milliseconds: float,
    error: float,
    best: str,
) -> None:
    class Painting:
        def __init__(self, model: Any, kind: str, device: str) -> None:
            self.kind = kind

        def identify(self, photo: Any) -> tuple[Any, ...]:
            return ()

        def begin(self, inputs: Any, told: Any, identity: Any) -> Callable[[], Any]:
            picture = inputs[:, :3] + np.float32(error if self.kind == "int8" else 0.0)
            return lambda: picture

    seconds = {"fp16": 0.004, "int8": milliseconds / 1000}
    monkeypatch.setattr(tensorrt, "TensorRTPainter", Painting)
    monkeypatch.setattr(tensorrt, "TorchPainter", lambda model, device: Painting(model, "exact", device))
    monkeypatch.setattr(tensorrt, "measure", lambda painter, count: seconds[painter.kind] * count)
    trials = choose(weights, crops(3), "cpu")
    assert next(iter(trials)) == best
    assert trials["int8"].seconds == pytest.approx(milliseconds / 1000)
    assert trials["int8"].mean == pytest.approx(error, abs=1e-6)
    assert recall(weights, "cpu") == best


@pytest.mark.usefixtures("library")
def test_integers_without_modelopt_are_told_what_to_install(
    weights: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "modelopt", None)
    with pytest.raises(BackendError, match=r"install `liveface\[tensorrt\]`"):
        build(weights, "int8", CPU, crops(1))


def raising(error: BaseException) -> Callable[..., Any]:
    usual = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name == "torch_tensorrt":
            print("import error when try to import _TensorRTProxyModule")
            raise error
        return usual(name, *rest)

    return importing


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ModuleNotFoundError("No module named 'torch_tensorrt'", name="torch_tensorrt"),
            "needs the package",
        ),
        # As torch-tensorrt raises where a library of TensorRT's is missing.
        (Exception("import error, got error libnvinfer.so.11: cannot open\nmore"), r"\(import error.*cannot open\)"),
        (OSError("libcudart.so.13: cannot open shared object file"), "libcudart"),
    ],
)
def test_a_library_that_cannot_be_imported_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    monkeypatch.delitem(sys.modules, "torch_tensorrt", raising=False)
    monkeypatch.setattr(builtins, "__import__", raising(error))
    with pytest.raises(BackendError, match=told) as caught:
        load_library()
    assert "\n" not in str(caught.value)
    assert "liveface[tensorrt]" in str(caught.value)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("library")
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_without_a_gpu_is_told(weights: checkpoint.Checkpoint) -> None:
    with pytest.raises(BackendError, match="needs an NVIDIA GPU"):
        TensorRTPainter(weights)


def test_a_gpu_is_told_to_the_library_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert require_gpu("cuda") == torch.device("cuda", 1)
    assert require_gpu("cuda:0") == torch.device("cuda", 0)


def test_the_module_is_imported_without_the_library() -> None:
    program = "import sys, liveface.engine.backends.tensorrt; print({'torch_tensorrt', 'modelopt'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout == "set()\n", result.stderr
