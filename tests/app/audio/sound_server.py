"""A real PulseAudio server for tests, with a speaker that leads nowhere and a microphone that hears it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from liveface.app.measure.private_sound_server import ROOM_WITH_DESK, private_sound_server


@contextmanager
def sound_server(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of programs that use it; skips the test where PulseAudio is not installed."""
    if not shutil.which("pulseaudio") or not shutil.which("paplay"):
        pytest.skip("PulseAudio is not installed: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    with private_sound_server(folder, ROOM_WITH_DESK) as variables:
        yield os.environ | variables | {"HOME": str(folder)}
