"""Tests of what an install brings: one package of ours, whole, that gets in nobody's way."""

import os
import subprocess
import sys
import venv
import wave
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("app", "assets", "engine", "liveface", "ui", "pyproject.toml", "README.md", "LICENSE", "NOTICE")

pytest.importorskip("setuptools", minversion="77", reason="the wheel cannot be built with an older setuptools")


def run(program: str, folder: Path, *path: Path) -> str:
    """What a Python program prints that runs in a folder, with other folders to import from."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source, built beside it so that nothing is left in it."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        (folder / name).symlink_to(ROOT / name)
    written = run("from setuptools.build_meta import build_wheel; print(build_wheel('dist'))", folder)
    return folder / "dist" / written.splitlines()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages: the wheel is Python only, so installing it is unpacking it."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_one_package_is_all_that_is_at_the_top(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top.partition("-")[0] for top in tops} == {"liveface"}
    assert "liveface" in tops


def test_every_file_of_the_source_is_in_it(installed: Path) -> None:
    wanted = {path for folder in SOURCES[:5] for path in (ROOT / folder).rglob("*") if path.is_file()}
    wanted = {path.relative_to(ROOT) for path in wanted if "__pycache__" not in path.parts}
    missing = {path for path in wanted if not (installed / "liveface" / path).is_file()}
    assert missing == {path for path in wanted if path.parts[0] == "liveface"}  # which are at the top
    assert all((installed / path).is_file() for path in missing)


@pytest.fixture(scope="module")
def plain(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds nothing but the wheel and what it needs without any extra.

    The packages are linked from the environment of the tests, so that no registry is asked.
    """
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(run_with(python, "import sysconfig; print(sysconfig.get_path('purelib'))", folder))
    [information] = installed.glob("liveface-*.dist-info")
    waiting, found = requirements(Distribution.at(information)), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= requirements(distribution(name))
            link(distribution(name), packages)
    for path in installed.iterdir():
        (packages / path.name).symlink_to(path)
    return python


def requirements(of: Distribution) -> set[str]:
    """The names of the packages that one needs here, without its extras."""
    needs = [Requirement(line) for line in of.requires or []]
    return {need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})}


def link(package: Distribution, folder: Path) -> None:
    """Make what a package has at the top of its environment visible in another."""
    for top in {path.parts[0] for path in package.files or [] if path.parts[0] not in ("..", "__pycache__")}:
        if not (folder / top).exists():
            (folder / top).symlink_to(Path(str(package.locate_file(top))))


def run_with(python: Path, program: str, folder: Path) -> str:
    """What a program prints in an environment of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, "-c", program]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def liveface(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed program in a folder."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DISPLAY")}
    command = [python, "-c", "from liveface.app.cli import main; main()", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_nothing_under_the_gpl_is_asked_for_without_an_extra(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    needs = {Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")}
    plain = {need.name.lower() for need in needs if need.marker is None}
    assert {"numpy", "openvino", "av"} < plain
    assert not plain & {"pyqt6", "pillow-heif", "sounddevice", "aiortc", "aiohttp", "matplotlib", "torch"}


@pytest.mark.skipif(sys.platform == "win32", reason="links and the place of Python are those of other systems")
def test_a_plain_install_renders_a_video(plain: Path, tmp_path: Path) -> None:
    sound, video = tmp_path / "second.wav", tmp_path / "o.mp4"
    with wave.open(str(ROOT / "assets" / "audio" / "speech.wav")) as speech, wave.open(str(sound), "wb") as second:
        second.setparams(speech.getparams())
        second.writeframes(speech.readframes(speech.getframerate()))
    done = liveface(plain, tmp_path, "render", "--audio", sound, "--out", video)
    assert (done.returncode, done.stderr) == (0, "")
    assert "25 pictures of 512x512" in done.stdout
    assert video.stat().st_size > 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="links and the place of Python are those of other systems")
@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (("run",), "PyQt6", "desktop"),
        (("run", "--headless", "--seconds", "1"), "sounddevice", "desktop"),
        (("devices",), "sounddevice", "desktop"),
        (("serve",), "aiohttp", "serve"),
        (("bench", "--out", "report"), "matplotlib", "plots"),
        (("evaluate", "--out", "report"), "torch", "train"),
    ],
)
def test_a_command_that_needs_an_extra_says_which(
    plain: Path, arguments: tuple[str, ...], package: str, extra: str, tmp_path: Path
) -> None:
    done = liveface(plain, tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f'the package {package}: pip install "liveface[{extra}]"' in done.stderr


def test_it_works_beside_others_of_the_same_names(installed: Path, tmp_path: Path) -> None:
    for name in ("app", "engine", "ui", "assets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True\n")
    program = (
        "import app, engine, ui, assets\n"
        "import liveface.app.cli\n"
        "from liveface.app.session.pipeline import DEFAULT_AVATAR, MODELS\n"
        "from liveface.engine.face.avatar import Avatar\n"
        "assert app.MINE and engine.MINE and ui.MINE and assets.MINE\n"
        "assert (MODELS / 'default.safetensors').is_file()\n"
        "Avatar.load(DEFAULT_AVATAR)\n"
        "print(liveface.__file__)\n"
    )
    assert Path(run(program, tmp_path, installed)) == installed / "liveface" / "__init__.py"
    version = "from liveface.app.cli import main; import sys; sys.argv[1:] = ['--version']; main()"
    assert run(version, tmp_path, installed).startswith("liveface ")
