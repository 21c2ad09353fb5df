"""Compiled networks kept in files: written whole or not at all, read only if made for exactly what is asked for.

It knows no library: an engine is bytes, and what it was made for is names and values.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from liveface.engine.errors import OutputError

_FORMAT = "liveface engine 1"


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds: the `engine`, or why there is none to use, as the end of a sentence about the file."""

    engine: bytes | None
    fault: str = ""


def engine_file(folder: Path, kind: str, key: Mapping[str, str]) -> Path:
    """Where the engine of one kind is kept for one GPU: a new driver, library or network replaces it."""
    machine = re.sub(r"[^a-z0-9]+", "-", key["GPU"].lower()).strip("-")
    return folder / f"{kind}-{machine}.engine"


def read(file: Path, key: Mapping[str, str]) -> Found:
    """Read an engine that was made for `key`; a file that is missing, broken or made for another key holds none."""
    try:
        header, _, engine = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return Found(None, "is missing")
    except OSError as error:
        return Found(None, f"cannot be read ({error.strerror})")
    try:
        told = json.loads(header)
        made_for, checksum = dict(told[_FORMAT]), told["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Found(None, "is broken")
    changed = [
        f"{name} {made_for.get(name, 'unknown')} instead of {value}"
        for name, value in key.items()
        if made_for.get(name) != value
    ]
    if changed:
        return Found(None, f"is stale: made for {', '.join(changed)}")
    if hashlib.sha256(engine).hexdigest() != checksum:
        return Found(None, "is broken")
    return Found(engine)


def write(file: Path, key: Mapping[str, str], engine: bytes) -> None:
    """Keep an engine under a temporary name, then rename it; raises `OutputError`."""
    header = json.dumps({_FORMAT: dict(key), "sha256": hashlib.sha256(engine).hexdigest()})
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as writer:
            writer.write(header.encode() + b"\n" + engine)
        temporary.replace(file)
    except OSError as error:
        raise OutputError(
            f"The compiled network {file} cannot be written ({error.strerror}): make room, or choose another cache "
            "folder with XDG_CACHE_HOME."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
