"""A PulseAudio server of our own, beside the user's: for measurements and tests that need sound but no devices."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from liveface.engine.errors import DeviceError

# A speaker that leads nowhere, and a microphone that hears it.
ROOM_WITH_DESK = (
    "module-null-sink sink_name=room rate=48000 norewinds=1",
    "module-remap-source source_name=desk master=room.monitor source_properties=device.description=Desk",
)
_COMMAND = ("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes")
_PATIENCE = 30.0  # s until it answers, on a busy machine
_GLANCE = 0.05  # s between two questions: the server tells nobody when it is ready


@contextmanager
def private_sound_server(folder: Path, modules: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Run it with those modules; gives the variables by which programs find it. Needs a private `folder`, 0700.

    Raises `DeviceError` if it does not start.
    """
    variables = {
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_STATE_PATH": str(folder),
        "PULSE_SERVER": f"unix:{folder}/native",
    }
    environment = os.environ | variables | {"HOME": str(folder)}
    protocol = f"module-native-protocol-unix auth-anonymous=1 socket={folder}/native"
    command = [*_COMMAND, *(f"--load={module}" for module in (protocol, *modules))]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE
        while subprocess.run(
            ["pactl", "info"], env=environment, capture_output=True, timeout=_PATIENCE, check=False
        ).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                raise DeviceError("PulseAudio does not start here: try `pulseaudio -n --daemonize=no`, which says why.")
            time.sleep(_GLANCE)
        yield variables
    finally:
        server.terminate()
        server.wait()
