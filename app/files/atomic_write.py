"""A small file that is whole or not there, whatever happens meanwhile. Knows nothing of what is in it."""

import os
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, content: bytes) -> None:
    """Write under a temporary name, then rename; after an `OSError` the file is as it was before."""
    # A name of one's own: two programs may write the same file at the same time.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid4().hex[:8]}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
