"""Tests of the sound server of our own that cannot start; tests of sound use one that does."""

import time
from pathlib import Path

import pytest

from liveface.app.measure.private_sound_server import private_sound_server
from liveface.app.measure.virtual_sound_card import is_available
from liveface.engine.errors import DeviceError


@pytest.mark.skipif(not is_available(), reason="PulseAudio is not installed")
def test_a_server_that_ends_at_once_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    began = time.monotonic()
    with pytest.raises(DeviceError, match="does not start here"), private_sound_server(tmp_path / "file", ()):
        pass
    assert time.monotonic() - began < 20
