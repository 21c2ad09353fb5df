"""Tests of who may import whom, over the syntax tree of every source file and in a process of its own."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from liveface.engine.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("engine", "app", "ui", "assets")
FACE = "liveface"  # the folder of what others import; its own name, as it stands in our imports, is left out

# The house, the top floor first: who lives on a floor imports from those below only. Rooms on one floor are apart.
FLOORS = (
    ("liveface",),
    ("app.cli",),
    ("app.commands",),
    ("app.doctor",),
    ("app.desktop", "app.measure", "app.integrations", "app.library"),
    ("app.server", "app.outputs"),
    ("app.capacity", "app.audio"),
    ("app.session",),
    ("app.files", "app.settings"),
    ("engine.train", "engine.evaluate", "engine.bench", "engine.export"),
    ("engine.drawing",),
    ("engine.backends",),
    ("engine.model",),
    ("engine.hearing", "engine.face"),
    ("engine.media", "engine.checkpoint"),
    ("engine.errors", "engine.expression", "engine.extras", "engine.folders"),
    ("engine.sentences",),
    ("assets",),
)
# What breaks the rule, and why: who imports what, modules or rooms. All are still there: who mends one takes it out.
EXCEPTIONS = {
    # The face mesh loads its own networks, and only then needs the library that compiles them.
    ("engine.face.landmarks", "engine.backends.openvino"),
    # The rigs perform what a user would: they open the window and the server as the commands do.
    ("app.measure.loopback_program", "app.commands.window"),
    ("app.measure.loopback_server", "app.commands.serve"),
    # Evaluation is of what training has left out, so the two agree on the corpus. Never the other way round.
    ("engine.evaluate", "engine.train"),
}

INFERENCE_LIBRARIES = {
    "openvino": "engine.backends.openvino",
    "tensorrt": "engine.backends.tensorrt",
    "torch_tensorrt": "engine.backends.tensorrt",
    "modelopt": "engine.backends.tensorrt",
}
# torch is a training library as well as an inference library: these parts may import it, the rest may not.
TORCH_PLACES = (
    *("engine.train", "engine.model", "engine.evaluate", "engine.export"),
    *("engine.backends.lanes", "engine.backends.torch_cuda", "engine.backends.tensorrt"),
    *("app.commands.train", "app.commands.evaluate"),
)
FORBIDDEN_IN_ENGINE = (
    *("PyQt6", "aiortc", "av", "aiohttp", "sounddevice", "pyvirtualcam", "typer", "rich"),
    *("asyncio", "threading", "socket"),
)
NETWORK_LIBRARIES = ("asyncio", "aiohttp", "aiortc", "aioice", "prometheus_client")
NETWORK_PLACES = (
    *("app.server", "app.integrations", "liveface.pipecat", "liveface.livekit"),
    *("app.commands.serve", "app.commands.token"),  # which reads the key from the server's settings
    *("app.measure.loopback_peer", "app.measure.loopback_server", "app.measure.webrtc_probe"),
)
NETWORK_SINK = ("app.commands.run", "app.server.webrtc.whip_sink")  # one sink among others: its event loop is its own
BASE_COMMANDS = ("run", "render", "prepare", "avatars", "devices", "doctor", "demo", "compile", "bench")
LIVE_COMMANDS = ("run", "serve", "render", "prepare", "avatars", "devices", "doctor", "demo")


def module_name(path: Path) -> str:
    """Return the dotted name of a source file, without the package that all are in."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for folder in (*FOLDERS, FACE) for path in sorted((ROOT / folder).rglob("*.py"))}


def imports(path: Path, with_types: bool = False) -> Iterator[str]:
    """Yield the dotted name of everything that a source file imports, at any depth, our own without `liveface`.

    What is imported for its types only is left out, unless it is asked for.
    """
    tree = ast.parse(path.read_text())
    for_types_only = {
        inner for node in ast.walk(tree) if is_type_checking(node) for inner in ast.walk(node) if inner is not node
    }
    for node in ast.walk(tree):
        if node in for_types_only and not with_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("liveface.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            assert node.module.partition(".")[0] not in FOLDERS, f"{path} imports {node.module} without liveface"
            # `from liveface.engine import media` names a module, `from liveface.engine.media import HOP` does not.
            for alias in node.names:
                name = f"{node.module}.{alias.name}".removeprefix("liveface.")
                yield name if name in MODULES else node.module.removeprefix("liveface.")


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


def room_of(name: str) -> str | None:
    """The room that a module is in; None for the window, which has rules of its own, and for the files of packages."""
    return next((room for floor in FLOORS for room in floor if is_within(name, room)), None)


def is_exception(module: str, name: str) -> bool:
    """Whether an import is one of the listed exceptions."""
    return any(is_within(module, here) and is_within(name, there) for here, there in EXCEPTIONS)


def circle(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """The names on a circle of arrows; empty where there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(params=MODULES, scope="module")
def module(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


def test_every_module_lives_on_a_floor(module: str) -> None:
    assert is_within(module, "ui") or module in ("app", "engine") or room_of(module) is not None


def test_a_floor_imports_from_the_floors_below_only(module: str) -> None:
    if (room := room_of(module)) is None:
        return
    heights = {name: height for height, floor in enumerate(reversed(FLOORS)) for name in floor}
    for name in imports(MODULES[module], with_types=True):
        other = room_of(name)
        if other is not None and other != room and not is_exception(module, name):
            assert heights[other] < heights[room], f"{module} imports {name}"


def test_the_exceptions_are_still_needed() -> None:
    for here, there in EXCEPTIONS:
        inside = [path for name, path in MODULES.items() if is_within(name, here)]
        found = {name for path in inside for name in imports(path, with_types=True)}
        assert any(is_within(name, there) for name in found), f"{here} no longer imports {there}"


def test_no_rooms_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        here = room_of(module)
        for name in imports(path, with_types=True):
            there = room_of(name)
            if here is not None and there is not None and here != there and not is_exception(module, name):
                arrows.setdefault(here, set()).add(there)
    assert circle(arrows) == []


def test_no_modules_import_each_other_in_a_circle_even_for_their_types() -> None:
    arrows = {name: set(imports(path, with_types=True)) & MODULES.keys() for name, path in MODULES.items()}
    assert circle(arrows) == []


def test_the_product_keeps_its_files_in_rooms() -> None:
    files = {path.name for path in (ROOT / "app").glob("*.py")}
    assert files == {"__init__.py", "cli.py", "doctor.py", "settings.py"}


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(settings["packages"]) == {name if name == FACE else f"liveface.{name}" for name in found}
    assert settings["package-dir"] == {"liveface": "liveface", **{f"liveface.{name}": name for name in FOLDERS}}


def test_every_folder_of_modules_is_a_package() -> None:
    assert all((path.parent / "__init__.py").is_file() for path in MODULES.values())


def test_everything_of_ours_is_imported_by_the_name_that_it_is_installed_under(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names if alias.name.partition(".")[0] in FOLDERS}
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in FOLDERS


def test_the_engine_knows_no_thread_event_loop_device_or_other_layer(module: str) -> None:
    if is_within(module, "engine"):
        found = {name for name in imports(MODULES[module]) if is_within(name, "app", "ui", *FORBIDDEN_IN_ENGINE)}
        assert not found


def test_the_user_interface_knows_only_the_media_and_qt(module: str) -> None:
    if is_within(module, "ui"):
        found = {
            name
            for name in imports(MODULES[module])
            if not is_within(name, "ui", "engine.media", "PyQt6", "numpy")
            and name.partition(".")[0] not in sys.stdlib_module_names
        }
        assert not found


def test_only_the_command_that_opens_a_window_imports_the_user_interface(module: str) -> None:
    if not is_within(module, "ui", "app.commands.window"):
        assert not {name for name in imports(MODULES[module]) if is_within(name, "ui", "PyQt6")}


def test_an_inference_library_is_imported_by_its_own_backend_only(module: str) -> None:
    for library, backend in INFERENCE_LIBRARIES.items():
        if module != backend:
            assert not {name for name in imports(MODULES[module]) if is_within(name, library)}


def test_torch_is_imported_by_networks_and_training_only(module: str) -> None:
    if not is_within(module, *TORCH_PLACES):
        assert not {name for name in imports(MODULES[module]) if is_within(name, "torch")}


def test_event_loops_and_networks_are_known_to_the_server_its_rigs_and_integrations_only(module: str) -> None:
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


def test_the_package_files_are_a_docstring_only() -> None:
    for name, path in MODULES.items():
        if path.name == "__init__.py" and name != FACE:
            tree = ast.parse(path.read_text())
            assert ast.get_docstring(tree), path
            assert len(tree.body) == 1, path


@pytest.mark.parametrize("command", LIVE_COMMANDS)
def test_the_live_path_never_reaches_training_or_evaluation(command: str) -> None:
    importer = reachable(f"app.commands.{command}")
    found = {
        f"{by} imports {name}" for name, by in importer.items() if is_within(name, "engine.train", "engine.evaluate")
    }
    assert not found


@pytest.mark.parametrize("command", LIVE_COMMANDS)
def test_a_live_command_loads_neither_torch_nor_training(command: str) -> None:
    unwanted = ("torch", "jax", "liveface.engine.train", "liveface.engine.evaluate")
    assert_not_loaded(f"import liveface.app.commands.{command}", *unwanted)


def test_what_others_import_is_loaded_when_it_is_used() -> None:
    assert_not_loaded("import liveface; assert 'Pipeline' in dir(liveface)", "numpy", "typing_extensions", "openvino")
    assert_not_loaded("from liveface import Avatar, Pipeline", *NETWORK_LIBRARIES, "PyQt6", "torch")


def test_the_command_line_loads_no_heavy_library() -> None:
    heavy = ("torch", "PyQt6", "openvino", "av", "cv2", "numpy", "aiortc")
    assert_not_loaded("import liveface.app.cli as cli; cli.command_line(None)", *heavy)


@pytest.mark.parametrize("command", BASE_COMMANDS)
def test_a_command_of_the_base_loads_without_the_packages_of_extras(command: str) -> None:
    packages = [package for packages in EXTRAS.values() for package in packages]
    assert_not_loaded(
        f"import sys\nsys.modules |= dict.fromkeys({packages})\nimport liveface.app.commands.{command}\n"
        f"for name in {packages}: del sys.modules[name]"
    )


def test_the_extras_are_those_that_can_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = {
        extra: {re.split(r"[^\w-]", need)[0].lower().replace("-", "_") for need in needs}
        for extra, needs in project["optional-dependencies"].items()
    }
    needs["serve"].add("aioice")  # of aiortc
    others = {"livekit": "livekit_agents", "pipecat": "pipecat_ai", "skimage": "scikit_image", "jwt": "pyjwt"}
    for extra, packages in EXTRAS.items():
        assert {others.get(package, package.lower()) for package in packages} <= needs[extra], extra


def assert_not_loaded(statement: str, *packages: str) -> None:
    """Run a statement in a fresh process, then look at what it has loaded."""
    program = f"{statement}\nimport sys\nprint(*[name for name in {packages!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_the_rules_above_can_fail(tmp_path: Path) -> None:
    offender = tmp_path / "offender.py"
    offender.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from liveface.ui.theme import Theme\n"
        "def late():\n    import torch.nn\n    from liveface.engine import media\n"
        "    from liveface.app.cli import main\n"
    )
    assert list(imports(offender)) == ["typing", "torch.nn", "engine.media", "app.cli"]
    assert "ui.theme" in set(imports(offender, with_types=True))
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    offender.write_text("from engine import media\n")
    with pytest.raises(AssertionError, match="without liveface"):
        list(imports(offender))
