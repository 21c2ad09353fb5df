"""What all tests share: the training data's place, a screen that is not there, and hypothesis without a stopwatch."""

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests import skips

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Beside other programs, torch's threads that wait for each other busily take ten times as long for small networks.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A busy machine makes any example slow once; time is asserted where it matters.
hypothesis.settings.register_profile("liveface", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("liveface")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the training data, or skip: it is not part of the repository."""
    folder = Path(os.environ.get("LIVEFACE_DATA", Path(__file__).resolve().parents[1] / "../shared/data"))
    if not folder.is_dir():
        pytest.skip("the training data is absent: name its folder in LIVEFACE_DATA")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if skips.is_forbidden(report):
        skips.fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if skips.is_forbidden(report):
        skips.fail(report)
    return report
