"""Tests of what is skipped where, in a pytest of its own that uses this one's hooks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "test_program.py": "import shutil, pytest\n\ndef test_it():\n    if shutil.which('flite') is None:\n"
    "        pytest.skip('flite is not installed')\n",
    "test_package.py": "import pytest\npytest.importorskip('no_such_package')\n",
    "test_mark.py": "import pytest\n\n@pytest.mark.skipif(True, reason='needs Xvfb')\ndef test_it():\n    pass\n",
    "test_machine.py": "import pytest\n\n@pytest.mark.skipif(True, reason='this machine has no GPU')\n"
    "def test_it():\n    pass\n",
}


@pytest.mark.parametrize(("ci", "failed"), [("true", 3), ("", 0)], ids=["in CI", "elsewhere"])
def test_what_is_skipped_for_want_of_a_program_fails_in_ci_only(tmp_path: Path, ci: str, failed: int) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    environment = os.environ | {
        "CI": ci,
        "PATH": "/nowhere",
        "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--continue-on-collection-errors",
            "-rN",
            tmp_path,
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = done.stdout
    assert told.count("no test is skipped for want of a program") == failed, told
    assert bool(done.returncode) == bool(failed)
    assert "1 skipped" in told if failed else "4 skipped" in told
