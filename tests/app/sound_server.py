"""A real PulseAudio server for tests, with a speaker that leads nowhere and a microphone that hears it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def sound_server(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of programs that use it; skips the test where PulseAudio is not installed."""
    if not shutil.which("pulseaudio") or not shutil.which("paplay"):
        pytest.skip("PulseAudio is not installed: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    environment = os.environ | {
        "PULSE_RUNTIME_PATH": str(runtime),
        "PULSE_STATE_PATH": str(folder),
        "PULSE_SERVER": f"unix:{runtime}/native",
        "HOME": str(folder),
    }
    modules = [
        f"module-native-protocol-unix auth-anonymous=1 socket={runtime}/native",
        "module-null-sink sink_name=room rate=48000 norewinds=1",
        "module-remap-source source_name=desk master=room.monitor source_properties=device.description=Desk",
    ]
    command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
    server = subprocess.Popen(
        [*command, *(f"--load={module}" for module in modules)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        # The server tells nobody when it is ready.
        for _ in range(100):
            if subprocess.run(["pactl", "info"], env=environment, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.05)
        else:
            pytest.skip("PulseAudio does not start here")
        yield environment
    finally:
        server.terminate()
        server.wait(10)
