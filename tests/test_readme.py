"""Tests that README and documents keep what they promise: the program in it runs, and every link leads somewhere."""

import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveface.app.cli import SUMMARIES
from scripts import list_options

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")


def program() -> str:
    """The first Python program in the README."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_ten_lines_make_a_face_speak_from_an_array(tmp_path: Path) -> None:
    lines = program().splitlines()
    assert len([line for line in lines if line and not line.startswith(("import", "from"))]) <= 10
    portrait = Image.open(ROOT / "assets" / "avatars" / "maya" / "photo.png").convert("RGB")
    portrait.save(tmp_path / "me.jpg", quality=95)
    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", "not compressed"))
        file.writeframes((3000 * np.sin(np.arange(24_000) / 20)).astype("<i2").tobytes())
    done = subprocess.run(
        [sys.executable, "-c", program()], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{index} (512, 512, 3) (960,)" for index in range(25)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in _LINK.findall(text):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        path = document.parent / target if target else document
        assert path.exists(), f"{document.name} links to {target}"
        if anchor and path.suffix == ".md":
            assert anchor.removeprefix("#") in headings(path), f"{document.name} links to {target}{anchor}"


@pytest.mark.parametrize("command", SUMMARIES)
def test_every_command_is_in_the_reference(command: str) -> None:
    assert f"`liveface {command}" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_references_are_in_step_with_the_code() -> None:
    assert list_options.COMMANDS.read_text(encoding="utf-8") == list_options.commands(), "run scripts/list_options.py"
    assert list_options.SETTINGS.read_text(encoding="utf-8") == list_options.settings(), "run scripts/list_options.py"


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings, as the usual hosts make them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
