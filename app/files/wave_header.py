"""What the header of a WAV file says of its length, which programs that write into a pipe do not know.

Knows nothing of the sound.
"""

import struct
from pathlib import Path

from liveface.engine.errors import AudioError

# Programs that never learn the length write nothing, the most that there can be, or a large number: 0x7ffff000
# (espeak-ng, SoX), 0x80000000 (arecord), 2000000000. A file that has less than it promises, and promises so much, is
# one of theirs rather than five hours of which the end is missing.
_PLACEHOLDER = 1_900_000_000  # bytes


def is_placeholder(promised: float, present: int) -> bool:
    """Whether a promise of so many bytes, where so many are there, says only that nobody knew."""
    return present < promised and promised >= _PLACEHOLDER


def check_wave_header(path: Path) -> None:
    """Raise `AudioError` if a WAV file holds less sound than its header promises: the decoder would not say so."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                present = path.stat().st_size - file.tell()
                if present == 0:
                    raise AudioError(f"{path.name} holds 0 seconds of sound: give a file with at least one sample.")
                if size != 0 and present < size and not is_placeholder(size, present):
                    raise AudioError(
                        f"{path.name} is truncated: it holds {present} bytes of sound, its header promises {size}; "
                        "copy or export it again."
                    )
                return
            file.seek(size + size % 2, 1)
    raise AudioError(f"{path.name} is truncated before its sound begins: copy or export it again.")
