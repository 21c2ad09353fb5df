"""Whether a window can be opened here: Qt itself would end the process without a word."""

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from liveface.engine.errors import DeviceError
from liveface.engine.extras import installing

_PACKAGES = (
    "libegl1 libgl1 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 "
    "libwayland-cursor0 libdbus-1-3 libfontconfig1"
)
_REMEDY = f"on Debian install {_PACKAGES}, or use --headless."


def check_screen() -> None:
    """Raise `DeviceError` without Qt, and on Linux without a display or if Qt's plug-in for it cannot be loaded."""
    package = find_spec("PyQt6")
    if package is None or package.origin is None:
        raise DeviceError(f"The window needs the package PyQt6: {installing('desktop')}, or use --headless.")
    if sys.platform != "linux":
        return
    platform = os.environ.get("QT_QPA_PLATFORM") or ("wayland" if os.environ.get("WAYLAND_DISPLAY") else "xcb")
    if platform not in ("xcb", "wayland"):
        return
    if platform == "xcb" and not os.environ.get("DISPLAY"):
        raise DeviceError(
            "There is no display (DISPLAY and WAYLAND_DISPLAY are not set): start from a desktop, or use --headless."
        )
    plugin = Path(package.origin).parent / "Qt6" / "plugins" / "platforms"
    plugin /= "libqxcb.so" if platform == "xcb" else "libqwayland.so"
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        raise DeviceError(f"Qt cannot open a window ({error}): {_REMEDY}") from error
    if platform == "xcb":
        _check_x_server()


def _check_x_server() -> None:
    library = ctypes.CDLL("libxcb.so.1")
    library.xcb_connect.restype = ctypes.c_void_p
    library.xcb_connection_has_error.argtypes = library.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = library.xcb_connect(None, None)
    has_error = library.xcb_connection_has_error(connection)
    library.xcb_disconnect(connection)
    if has_error:
        raise DeviceError(f"The display {os.environ['DISPLAY']} does not answer: check DISPLAY, or use --headless.")
