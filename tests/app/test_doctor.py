"""Tests of the doctor: each thing that can be wrong, with its remedy, and the command's lines and exit status."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import liveface.app.commands.doctor
import liveface.app.doctor
from liveface.app.doctor import Finding, examine
from liveface.app.session.clock import MonotonicClock
from liveface.engine.errors import CheckpointError, DeviceError, LivefaceError
from liveface.engine.media import SAMPLE_RATE

CLOCK = MonotonicClock()


class FakeMicrophone:
    """Gives the same sample again and again."""

    sample = 0.1
    device = "Desk"

    def __init__(self, *_: object) -> None:
        self.is_open = False

    def open(self) -> float:
        self.is_open = True
        return 0.0

    def read(self, timeout: float) -> np.ndarray:
        return np.full(SAMPLE_RATE, self.sample, np.float32)

    def close(self) -> None:
        self.is_open = False


def raising(error: Exception) -> Callable[..., str]:
    def fail(*_: object) -> str:
        raise error

    return fail


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which all is well, as far as devices go; change one thing with the returned monkeypatch."""
    for name in ("_drawing", "_window", "_virtual_microphone", "_gpu", "_packages", "_extras"):
        monkeypatch.setattr(liveface.app.doctor, name, lambda *_: "fine")
    monkeypatch.setattr(liveface.app.doctor, "Microphone", FakeMicrophone)
    monkeypatch.setattr(liveface.app.doctor, "cameras", lambda: ["/dev/video4"])
    monkeypatch.setattr(liveface.app.doctor, "choose", lambda kind, wanted: FakeMicrophone)
    monkeypatch.setattr(FakeMicrophone, "name", "Desk", raising=False)
    return monkeypatch


def findings(**options: bool) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(CLOCK, **options)}


def test_where_all_is_well_every_finding_says_so(healthy: pytest.MonkeyPatch) -> None:
    found = findings()
    assert {finding.state for finding in found.values()} == {"good"}
    assert found["microphone"].text == "“Desk”, -20 dBFS in one second"
    assert found["model"].text == "11 files are the listed ones"


def test_a_microphone_that_gives_only_silence_is_bad(healthy: pytest.MonkeyPatch) -> None:
    healthy.setattr(FakeMicrophone, "sample", 0.0)
    finding = findings()["microphone"]
    assert (finding.state, "silence: switch it on" in finding.text) == ("bad", True)


def test_without_a_desktop_neither_window_nor_microphone_are_needed(healthy: pytest.MonkeyPatch) -> None:
    healthy.setattr(liveface.app.doctor, "_window", raising(DeviceError("There is no display.")))
    healthy.setattr(liveface.app.doctor, "_microphone", raising(DeviceError("No microphone was found.")))
    assert [findings()[subject].state for subject in ("window", "microphone")] == ["bad", "bad"]
    assert [findings(needs_desktop=False)[subject].state for subject in ("window", "microphone")] == ["absent"] * 2


def test_a_changed_model_is_bad(healthy: pytest.MonkeyPatch) -> None:
    healthy.setattr(liveface.app.doctor, "check_sums", raising(CheckpointError("motion.onnx is missing.")))
    assert findings()["model"] == Finding("model", "bad", "motion.onnx is missing.")


def test_a_machine_without_a_camera_is_told_what_to_install_and_goes_on(healthy: pytest.MonkeyPatch) -> None:
    healthy.setattr(liveface.app.doctor, "cameras", list)
    healthy.setattr("platform.system", lambda: "Linux")
    finding = findings()["virtual camera"]
    assert (finding.state, "v4l2loopback-dkms" in finding.text) == ("absent", True)


def test_packages_of_other_versions_and_missing_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["numpy<2,>=1.0", "nosuchpackage>=2.0", "rich>=13.7", "typer", "pillow==11.*", 'x==1; extra == "y"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: found)
    expected = r"^numpy \d\S* instead of <2,>=1\.0, nosuchpackage missing instead of >=2\.0, pillow \S+ instead of ==11"
    with pytest.raises(LivefaceError, match=expected):
        liveface.app.doctor._packages()


def test_another_python_is_named_with_those_that_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 10, 1))
    with pytest.raises(LivefaceError, match=r"3\.11 to 3\.13 is expected"):
        liveface.app.doctor._python()


def test_a_gpu_without_torch_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA Fast, 999.1'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(liveface.app.doctor, "find_spec", lambda name: None)
    with pytest.raises(LivefaceError, match=r"NVIDIA Fast, 999.1, but torch is missing: install"):
        liveface.app.doctor._gpu()
    monkeypatch.setattr(liveface.app.doctor, "find_spec", lambda name: name)
    assert liveface.app.doctor._gpu() == "NVIDIA Fast, 999.1, for --backend torch or tensorrt"


def test_a_driver_that_hangs_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(liveface.app.doctor, "_DRIVER_PATIENCE", 0.1)
    with pytest.raises(LivefaceError, match=r"does not answer .*timed out.*: start the machine again"):
        liveface.app.doctor._gpu()


def test_a_mistake_of_ours_is_a_finding_and_the_rest_is_examined(healthy: pytest.MonkeyPatch) -> None:
    healthy.setattr(liveface.app.doctor, "_virtual_microphone", raising(KeyError("index")))
    found = findings()
    assert found["virtual microphone"].state == "absent"
    assert "unexpected KeyError: 'index'" in found["virtual microphone"].text
    assert found["GPU"].state == "good"


def command() -> typer.Typer:
    program = typer.Typer()
    program.command()(liveface.app.commands.doctor.doctor)
    return program


FINDINGS = [Finding("Python", "good", "3.11"), Finding("GPU", "absent", "none"), Finding("window", "bad", "no display")]


@pytest.mark.parametrize(("count", "status"), [(1, 0), (2, 0), (3, 1)])
def test_the_command_prints_a_line_each_and_its_status_tells(
    monkeypatch: pytest.MonkeyPatch, count: int, status: int
) -> None:
    monkeypatch.setattr(liveface.app.commands.doctor, "examine", lambda clock, needs_desktop: iter(FINDINGS[:count]))
    result = CliRunner().invoke(command(), [])
    assert result.output.splitlines() == ["+ Python: 3.11", "- GPU: none", "! window: no display"][:count]
    assert result.exit_code == status
    result = CliRunner().invoke(command(), ["--json"])
    assert [one["state"] for one in json.loads(result.output)] == ["good", "absent", "bad"][:count]
    assert result.exit_code == status


def test_the_real_program_examines_this_machine() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "liveface.app.cli", "doctor", "--headless", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = {one["subject"]: one for one in json.loads(done.stdout)}
    assert [found[subject]["state"] for subject in ("Python", "model")] == ["good", "good"]
    assert "OpenVINO" in found["drawing"]["text"]
    assert len(found) == 11
