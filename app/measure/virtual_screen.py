"""A screen that nobody sees: an X server of our own, whose pixels are read from its memory."""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import DeviceError
from liveface.engine.media import Picture

_WIDTH, _HEIGHT = 1280, 1024  # pixels
_HEADER = struct.Struct(">25I")  # of an X window dump, in which Xvfb keeps its screen


class VirtualScreen:
    """An X server while in its `with`. Reading its memory takes microseconds and nothing from the server."""

    def __enter__(self) -> Self:
        """Start the server; raises `DeviceError` if it is not installed or does not start."""
        if shutil.which("Xvfb") is None:
            raise DeviceError("Xvfb, a screen without a monitor, is not installed: install the Debian package xvfb.")
        self._folder = tempfile.TemporaryDirectory()
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{_WIDTH}x{_HEIGHT}x24", "-fbdir"]
        with os.fdopen(reader) as number:
            self._server = subprocess.Popen(
                [*command, self._folder.name, "-br", "-noreset", "-nolisten", "tcp"],
                pass_fds=[writer],
                stderr=subprocess.DEVNULL,
            )
            os.close(writer)
            display = number.readline().strip()  # written when the server is ready, closed when it dies
        if not display:
            self.__exit__(None, None, None)
            raise DeviceError("Xvfb does not start here: try `Xvfb :99`, which says why.")
        self.environment = {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
        self._pixels = _mapped(Path(self._folder.name, "Xvfb_screen0"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait()
        self._folder.cleanup()

    def window(self) -> tuple[int, int] | None:
        """Row and column of the upper left pixel of what is shown on the black ground, if anything is."""
        is_lit = self._pixels[:, :, 1] > 0
        if not is_lit.any():
            return None
        return int(np.argmax(is_lit.any(axis=1))), int(np.argmax(is_lit.any(axis=0)))

    def green(self, row: int, column: int, height: int, width: int) -> NDArray[np.uint8]:
        """One channel of a part of the screen at this moment, a copy, uint8 (height, width)."""
        return self._pixels[row : row + height, column : column + width, 1].copy()

    def picture(self) -> Picture:
        """The whole screen at this moment, uint8 (H, W, 3) RGB."""
        return np.ascontiguousarray(self._pixels[:, :, 2::-1])


def _mapped(file: Path) -> NDArray[np.uint8]:
    """The memory of a screen with 32 bits per pixel: uint8 (H, W, 4), blue first."""
    header = _HEADER.unpack(file.read_bytes()[: _HEADER.size])
    header_size, width, height, bits, line, colours = (header[field] for field in (0, 4, 5, 11, 12, 19))
    assert (bits, header[7]) == (32, 0), "Xvfb on this machine has another order of bytes"
    start = header_size + 12 * colours
    return np.memmap(file, np.uint8, "r", start, (height, line // 4, 4))[:, :width]
