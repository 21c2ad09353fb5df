"""OpenVINO as a guest in our process."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

INTERRUPTED = """
import signal
from pathlib import Path
from engine.landmarks import FaceMesh
for _ in range(3):
    FaceMesh.load(Path("assets/models"))
signal.signal(signal.SIGINT, lambda *received: print("caught"))
signal.raise_signal(signal.SIGINT)
"""


def test_an_interrupt_after_networks_were_dropped_reaches_its_handler() -> None:
    result = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "caught\n"), result.stderr
