"""Where a result is written: a name that is judged before the work, and a file that takes nobody else's place.

Knows nothing of what is in the file.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from liveface.engine.errors import OutputError

_MOST_NAMES = 1000  # that are tried before giving up


def check_output(path: Path, inputs: Sequence[Path] = (), replaces: bool = False) -> None:
    """Raise `OutputError` if a result could not be written to `path` at the end, or would destroy something.

    `inputs`: files that the work reads; none of them is ever replaced. `replaces`: an older file may be.
    """
    for one in inputs:
        if path.exists() and one.exists() and path.samefile(one):
            raise OutputError(f"The output {path} is also the input: give the output another name.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder, expected was the name of a file: give it a name in that folder.")
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist; make it first.")
    if path.exists():
        if not path.is_file():
            raise OutputError(f"{path} is a device or a pipe, expected was the name of a file: choose another name.")
        if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
            raise OutputError(f"{path} exists and is write-protected: choose another name.")
        if not replaces:
            raise OutputError(f"{path} exists already: choose another name, or replace it with --force.")
    trial, file = create_beside(path, ".trial")
    file.close()
    trial.unlink()


def create_beside(path: Path, word: str) -> tuple[Path, BinaryIO]:
    """A new file of one's own in the folder of `path`, and where it is; raises `OutputError`.

    A word that begins with a dot makes a hidden file, such as ".a.mp4.part"; another one makes "a (word).mp4".
    """
    for candidate in _names_beside(path, word):
        try:
            return candidate, candidate.open("xb", buffering=0)
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error.strerror}): choose a folder that exists, that you may write to and "
                "that has space."
            ) from error
    raise OutputError(f"{path} cannot be written: too many files beside it are called “{word}”; delete some.")


def put_in_place(temporary: Path, path: Path, replaces: bool) -> Path:
    """Rename a finished file to `path`, or to "a 2.mp4" where that name was taken meanwhile; returns the name.

    Raises `OSError`, and both files are as they were.
    """
    if replaces:
        temporary.replace(path)
        return path
    for number in range(1, _MOST_NAMES):
        candidate = path if number == 1 else path.with_name(f"{path.stem} {number}{path.suffix}")
        try:
            os.link(temporary, candidate)  # unlike a renaming it never replaces anything
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            if candidate.exists():
                continue
            temporary.rename(candidate)
        else:
            temporary.unlink()
        return candidate
    raise FileExistsError(f"{path} and all names like it are taken")


def _names_beside(path: Path, word: str) -> Iterator[Path]:
    for number in range(1, _MOST_NAMES):
        if word.startswith("."):
            yield path.with_name(f".{path.name}.{os.getpid()}.{number}{word}")
        else:
            yield path.with_name(f"{path.stem} ({word}{'' if number == 1 else f' {number}'}){path.suffix}")
