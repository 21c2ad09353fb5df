"""Tests of what lies beside the frozen program: menu entry, icons, licences. scripts/test_app.sh tries the rest."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "bundle"
ICONS = ROOT / "assets" / "icons"
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def test_the_icon_is_there_in_all_sizes() -> None:
    assert (ICONS / "liveface.svg").read_text().startswith("<svg ")
    for size in SIZES:
        with Image.open(ICONS / f"liveface-{size}.png") as icon:
            assert (icon.size, icon.mode) == ((size, size), "RGBA")
            assert icon.getchannel("A").getextrema() == (0, 255)


def test_the_menu_entry_names_program_and_icon() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(BUNDLE / "liveface.desktop", encoding="utf-8")
    entry = parser["Desktop Entry"]
    assert (entry["Type"], entry["Exec"], entry["Icon"], entry["Terminal"]) == (
        "Application",
        "liveface",
        "liveface",
        "false",
    )


def test_the_licence_of_the_folder_is_told() -> None:
    readme = (BUNDLE / "README.txt").read_text(encoding="utf-8")
    assert "GNU General Public License 3" in readme
    assert "Version 3, 29 June 2007" in (BUNDLE / "GPL-3.txt").read_text(encoding="utf-8")
    assert all((f"bundle/{name}" in (ROOT / "build.spec").read_text()) for name in ("GPL-3.txt", "README.txt"))


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
def test_the_menu_entry_is_installed_with_its_icons_and_removed_again(tmp_path: Path) -> None:
    application, home = tmp_path / "my programs", tmp_path / "data"
    shutil.copytree(BUNDLE, application)
    shutil.copytree(ICONS, application / "_internal" / "liveface" / "assets" / "icons")
    environment = os.environ | {"XDG_DATA_HOME": str(home)}
    subprocess.run([application / "install.sh"], env=environment, check=True)
    assert f'Exec="{application}/liveface"' in (home / "applications" / "liveface.desktop").read_text()
    assert len(list(home.glob("icons/hicolor/*/apps/liveface.*"))) == len(SIZES) + 1
    subprocess.run([application / "install.sh", "--remove"], env=environment, check=True)
    assert not [path for path in home.rglob("*") if path.is_file()]
