"""Tests of what an install brings: one package of ours, whole, that gets in nobody's way."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
    assert missing == {Path("liveface/__init__.py")}  # which is at the top
    assert (installed / "liveface" / "__init__.py").is_file()


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
