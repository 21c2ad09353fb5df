"""The list of a model's files with their SHA-256 sums, as `sha256sum --check` reads it."""

import hashlib
from pathlib import Path

from liveface.app.files.atomic_write import write_whole
from liveface.engine.errors import CheckpointError

LIST = "SHA256SUMS"
_KINDS = ("*.safetensors", "*.onnx", "*.tflite", "*.npz")


def write_sums(folder: Path) -> None:
    """List the model files of a folder as they are now."""
    files = sorted(path for kind in _KINDS for path in folder.glob(kind))
    write_whole(folder / LIST, "".join(f"{_sum(path)}  {path.name}\n" for path in files).encode())


def check_sums(folder: Path) -> int:
    """Compare the files with the list; returns how many there are. Raises `CheckpointError` where they differ."""
    try:
        lines = (folder / LIST).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CheckpointError(f"{folder / LIST} cannot be read ({error.strerror}): install liveface again.") from error
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    missing = [name for name in expected if not (folder / name).is_file()]
    changed = [name for name in expected if name not in missing and _sum(folder / name) != expected[name]]
    if missing or changed:
        found = [
            f"{name} is {what}"
            for names, what in ((missing, "missing"), (changed, "not the listed one"))
            for name in names
        ]
        raise CheckpointError(f"{', '.join(found)} in {folder}: install liveface again, or assemble the model anew.")
    return len(expected)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
