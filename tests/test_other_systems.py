"""Tests that the program does without what only Linux has, and that its packages can be had for Windows and macOS.

None of this has run there: see docs/install.md.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveface.engine.extras import EXTRAS
from tests.test_layers import MODULES, ROOT

SPEECH = ROOT / "assets" / "audio" / "speech.wav"
FOREIGN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tests.foreign_system; sys.path.pop(0)\n"
MAIN = f"{FOREIGN}from liveface.app.cli import main\nmain()\n"
SYSTEMS = {
    "Windows x86-64": ["win_amd64"],
    "macOS arm64": [f"macosx_{version}_0_arm64" for version in range(15, 10, -1)],
}
GPU_PACKAGES = ["tensorrt", "torch_tensorrt", "modelopt"]
_NO_REGISTRY = re.compile(r"Connection|Max retries|Temporary failure|Name or service|timed out|from versions: none\)$")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in takes away what Windows has not anyway")


def liveface(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program on the system that has less."""
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_stand_in_has_less(tmp_path: Path) -> None:
    program = FOREIGN + (
        "import os, signal, shutil\n"
        "for name in ('resource', 'fcntl', 'termios', 'pwd'):\n"
        "    try: __import__(name)\n"
        "    except ModuleNotFoundError: continue\n"
        "    raise AssertionError(name)\n"
        "assert not hasattr(signal, 'SIGHUP') and shutil.which('pactl') is None\n"
        "try: open('/proc/self/stat')\n"
        "except FileNotFoundError: print('less')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("less\n", "")


def test_every_module_is_imported(tmp_path: Path) -> None:
    """But those whose extra is not installed."""
    names = [name if name.startswith("liveface") else f"liveface.{name}" for name in MODULES]
    program = FOREIGN + (
        "import importlib, warnings\nwarnings.simplefilter('ignore')\n"
        "from liveface.engine.errors import LivefaceError\n"
        f"extras = {[package for packages in EXTRAS.values() for package in packages] + GPU_PACKAGES}\n"
        f"for name in {names}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        if (error.name or '').partition('.')[0] not in extras: raise\n"
        "    except LivefaceError as error:\n"
        "        if 'pip install' not in str(error): raise\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_video_is_rendered(tmp_path: Path) -> None:
    done = liveface(tmp_path, "render", "--audio", SPEECH, "--out", "o.mp4", "--size", "128x128", "--lookahead", 0)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "o.mp4").stat().st_size > 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_it_runs_without_a_window(tmp_path: Path) -> None:
    done = liveface(tmp_path, "run", "--headless", "--audio", SPEECH, "--seconds", 2)
    assert (done.returncode, done.stderr) == (0, "")
    numbers = json.loads(done.stdout)
    assert numbers["frames"] > 20
    assert numbers["resident_mb"] is None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    pytest.importorskip("aiortc", reason="the server is absent: install liveface[serve]")
    running = subprocess.Popen(
        [sys.executable, "-c", MAIN, "serve", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert running.stdout is not None
    address = re.search(r"http://[\d.:]+", running.stdout.readline())
    try:
        assert address is not None, running.communicate(timeout=30)
        yield running, address[0]
    finally:
        running.kill()
        running.communicate()


def test_it_serves_and_takes_a_photo_and_ends_when_asked(server: tuple[subprocess.Popen[str], str]) -> None:
    running, address = server
    with urllib.request.urlopen(f"{address}/healthz", timeout=30) as answer:
        assert answer.status == 200
    photo = (ROOT / "assets" / "avatars" / "maya" / "photo.png").read_bytes()
    request = urllib.request.Request(f"{address}/avatars", photo, {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status in (200, 201)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 0, errors


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_locked_packages_can_be_had_for_another_system(system: str, tmp_path: Path) -> None:
    """pip finds a wheel for each of a plain install, on Python 3.12; docs/install.md tells of the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = re.findall(r"^([\w.-]+==[^ ;\\]+)", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    (tmp_path / "locked.txt").write_text("\n".join(locked))
    platforms = [option for name in SYSTEMS[system] for option in ("--platform", name)]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--quiet",
        "--use-feature=fast-deps",
        "--retries",
        "1",
        "--timeout",
        "20",
    ]
    options = ["--only-binary=:all:", "--python-version", "3.12", "--target", str(tmp_path), "--ignore-installed"]
    done = subprocess.run(
        [*command, *options, *platforms, "--constraint", tmp_path / "locked.txt", *project["dependencies"]],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and _NO_REGISTRY.search(done.stderr.strip()):
        pytest.skip("there is no package registry to ask")
    assert done.returncode == 0, done.stderr
