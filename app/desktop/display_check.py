"""Whether a window can be opened here: Qt itself would end the process without a word."""

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from liveface.engine.errors import DeviceError

_PACKAGES = (
    "libegl1 libgl1 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 "
    "libwayland-cursor0 libdbus-1-3 libfontconfig1"
)


def check_screen() -> None:
    """Raise `DeviceError` without Qt, and on Linux without a display or if Qt's plug-in for it cannot be loaded."""
    package = find_spec("PyQt6")
    if package is None or package.origin is None:
        raise DeviceError(code="window_library_missing")
    if sys.platform != "linux":
        return
    platform = os.environ.get("QT_QPA_PLATFORM") or ("wayland" if os.environ.get("WAYLAND_DISPLAY") else "xcb")
    if platform not in ("xcb", "wayland"):
        return
    if platform == "xcb" and not os.environ.get("DISPLAY"):
        raise DeviceError(code="display_absent")
    plugin = Path(package.origin).parent / "Qt6" / "plugins" / "platforms"
    plugin /= "libqxcb.so" if platform == "xcb" else "libqwayland.so"
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        raise DeviceError(code="window_library_unusable", reason=str(error), packages=_PACKAGES) from error
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
        raise DeviceError(code="display_silent", name=os.environ["DISPLAY"])
