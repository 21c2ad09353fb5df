"""Tests of who may import whom, over the syntax tree of every source file and in a process of its own."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("engine", "app", "ui", "assets")
INFERENCE_LIBRARIES = {
    "openvino": "engine/backends/openvino.py",
    "tensorrt": "engine/backends/tensorrt.py",
    "torch_tensorrt": "engine/backends/tensorrt.py",
    "modelopt": "engine/backends/tensorrt.py",
}
# torch is a training library as well as an inference library: these parts may import it, the rest may not.
TORCH_PLACES = (
    *("liveface.engine.train", "liveface.engine.model", "liveface.engine.evaluate", "liveface.engine.export"),
    *("liveface.engine.backends.lanes", "liveface.engine.backends.torch_cuda", "liveface.engine.backends.tensorrt"),
    *("liveface.app.commands.train", "liveface.app.commands.evaluate"),
)
FORBIDDEN_IN_ENGINE = (
    *("app", "ui", "PyQt6", "aiortc", "av", "aiohttp", "sounddevice", "pyvirtualcam", "typer", "rich"),
    *("asyncio", "threading", "socket"),
)
NETWORK_LIBRARIES = ("asyncio", "aiohttp", "aiortc", "aioice", "prometheus_client")
NETWORK_PLACES = ("liveface.app.server", "liveface.app.integrations", "liveface.app.commands.serve")
NETWORK_SINK = (
    "liveface.app.commands.run",
    "liveface.app.server.webrtc.whip_sink",
)  # one sink among others: its event loop is its own
LIVE_COMMANDS = ("run", "serve", "render", "prepare", "devices", "doctor", "demo")
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    name = "liveface." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_name(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a source file imports, at any depth, except for its types only."""
    tree = ast.parse(path.read_text())
    for_types_only = {
        inner for node in ast.walk(tree) if is_type_checking(node) for inner in ast.walk(node) if inner is not node
    }
    for node in ast.walk(tree):
        if node in for_types_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            # `from liveface.engine import media` names a module, `from liveface.engine.media import HOP` does not.
            yield from (
                name if (name := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            )


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a node is an `if TYPE_CHECKING:` block."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def reachable(start: str) -> dict[str, str]:
    """Return the project's modules that a module imports, directly or not, each with the module that imports it."""
    importer = {start: start}
    waiting = [start]
    while waiting:
        current = waiting.pop()
        for name in imports(MODULES[current]):
            if name in MODULES and name not in importer:
                importer[name] = current
                waiting.append(name)
    return importer


def is_within(name: str, *packages: str) -> bool:
    """Tell whether a dotted name is one of some packages or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.fixture(params=MODULES, scope="module")
def module(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


def test_the_engine_knows_no_thread_event_loop_device_or_other_layer(module: str) -> None:
    if is_within(module, "engine"):
        found = {name for name in imports(MODULES[module]) if is_within(name, *FORBIDDEN_IN_ENGINE)}
        assert not found


def test_the_user_interface_knows_only_the_media_and_qt(module: str) -> None:
    if is_within(module, "ui"):
        found = {
            name
            for name in imports(MODULES[module])
            if not is_within(name, "ui", "liveface.engine.media", "PyQt6", "numpy")
            and name.partition(".")[0] not in sys.stdlib_module_names
        }
        assert not found


def test_only_the_command_that_opens_a_window_imports_the_user_interface(module: str) -> None:
    if not is_within(module, "ui", "liveface.app.commands.window"):
        assert not {name for name in imports(MODULES[module]) if is_within(name, "ui", "PyQt6")}


def test_an_inference_library_is_imported_by_its_own_backend_only(module: str) -> None:
    path = MODULES[module].relative_to(ROOT).as_posix()
    for library, backend in INFERENCE_LIBRARIES.items():
        if path != backend:
            assert not {name for name in imports(MODULES[module]) if is_within(name, library)}


def test_torch_is_imported_by_networks_and_training_only(module: str) -> None:
    if not is_within(module, *TORCH_PLACES):
        assert not {name for name in imports(MODULES[module]) if is_within(name, "torch")}


def test_event_loops_and_networks_are_known_to_the_server_and_its_integrations_only(module: str) -> None:
    if not is_within(module, *NETWORK_PLACES):
        assert not {
            name
            for name in imports(MODULES[module])
            if is_within(name, *NETWORK_LIBRARIES, *NETWORK_PLACES[:2]) and (module, name) != NETWORK_SINK
        }


def test_a_face_in_a_window_does_without_the_libraries_of_networks() -> None:
    assert_not_loaded("import liveface.app.commands.run", *NETWORK_LIBRARIES[1:])


def test_shipped_data_is_no_code(module: str) -> None:
    if is_within(module, "assets"):
        assert not list(imports(MODULES[module]))


def test_the_package_files_are_a_docstring_only(module: str) -> None:
    if MODULES[module].name == "__init__.py":
        tree = ast.parse(MODULES[module].read_text())
        assert ast.get_docstring(tree)
        assert len(tree.body) == 1


@pytest.mark.parametrize("command", LIVE_COMMANDS)
def test_the_live_path_never_reaches_training_or_evaluation(command: str) -> None:
    importer = reachable(f"liveface.app.commands.{command}")
    found = {
        f"{by} imports {name}"
        for name, by in importer.items()
        if is_within(name, "liveface.engine.train", "liveface.engine.evaluate")
    }
    assert not found


@pytest.mark.parametrize("command", LIVE_COMMANDS)
def test_a_live_command_loads_neither_torch_nor_training(command: str) -> None:
    assert_not_loaded(
        f"import liveface.app.commands.{command}", "torch", "jax", "liveface.engine.train", "liveface.engine.evaluate"
    )


def test_the_command_line_loads_no_heavy_library() -> None:
    assert_not_loaded(
        "import liveface.app.cli; liveface.app.cli.command_line(None)",
        "torch",
        "PyQt6",
        "openvino",
        "av",
        "cv2",
        "numpy",
        "aiortc",
    )


def assert_not_loaded(statement: str, *packages: str) -> None:
    """Run a statement in a fresh process, then look at what it has loaded."""
    program = f"{statement}\nimport sys\nprint(*[name for name in {packages!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_the_rules_above_can_fail(tmp_path: Path) -> None:
    offender = tmp_path / "offender.py"
    offender.write_text(
        "def late():\n    import torch.nn\n    from liveface.engine import media\n"
        "    from liveface.app.cli import main\n"
    )
    assert list(imports(offender)) == ["torch.nn", "liveface.engine.media", "liveface.app.cli"]
