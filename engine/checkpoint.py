"""A checkpoint: named weights with the configuration and the provenance that explain them, in one safetensors file.

Knows nothing of networks: what the tensors mean is for the module that reads them.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from liveface.engine.errors import CheckpointError, OutputError

FORMAT = "1"  # value of the metadata key "liveface"; raised when an old reader would misread a new file

Tensor = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Everything that is needed to use a set of weights.

    `tensors`: by full name, for example `motion.head.weight`; any shape and any dtype that safetensors holds.
    `configuration`: what the networks' constructors need. `provenance`: data, commit, recipe and metrics.
    """

    tensors: Mapping[str, Tensor]
    configuration: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors of one network, `<name>.<tensor>`, without that prefix.

        Raises `CheckpointError` if the checkpoint holds none.
        """
        prefix = f"{name}."
        tensors = {key.removeprefix(prefix): tensor for key, tensor in self.tensors.items() if key.startswith(prefix)}
        if not tensors:
            held = ", ".join(sorted({key.partition(".")[0] for key in self.tensors})) or "nothing"
            raise CheckpointError(f"The checkpoint holds no {name} network but {held}: choose one trained with it.")
        return tensors


def save(
    path: Path, tensors: Mapping[str, Tensor], configuration: Mapping[str, Any], provenance: Mapping[str, Any]
) -> None:
    """Write a checkpoint under a temporary name, then rename it: `path` holds the old file or the new one, never half.

    `configuration` and `provenance` must be representable as JSON. Raises `OutputError` if the file cannot be written.
    """
    metadata = {
        "liveface": FORMAT,
        "configuration": json.dumps(dict(configuration), sort_keys=True),
        "provenance": json.dumps(dict(provenance), sort_keys=True),
    }
    # safetensors stores the memory as it lies, so a transposed view must become contiguous first.
    contiguous = {name: np.ascontiguousarray(tensor).reshape(tensor.shape) for name, tensor in tensors.items()}
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        save_file(contiguous, temporary, metadata)
        temporary.chmod(0o644)
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"The checkpoint {path} cannot be written ({error}): choose a writable folder.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises `CheckpointError` if the file is missing, broken, of another program or of a newer format.
    """
    if not path.is_file():
        raise CheckpointError(f"The checkpoint {path} does not exist: give the path of a .safetensors file.")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            _require_own(path, metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it has keys but is no mapping)
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read ({error}): check its permissions.") from error
    except (SafetensorError, TypeError) as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}): restore it from the distribution or train it again."
        ) from error
    try:
        configuration, provenance = json.loads(metadata["configuration"]), json.loads(metadata["provenance"])
        if not isinstance(configuration, dict) or not isinstance(provenance, dict):
            raise ValueError("it is no object")
    except (KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} has a damaged description ({error}): restore it from the distribution or train it again."
        ) from error
    return Checkpoint(tensors, configuration, provenance)


def _require_own(path: Path, metadata: Mapping[str, str]) -> None:
    found = metadata.get("liveface")
    if found is None:
        raise CheckpointError(f"{path} holds weights of another program: give a checkpoint written by liveface train.")
    if found != FORMAT:
        shown = found[:20]
        raise CheckpointError(f"{path} has checkpoint format {shown}, this program reads {FORMAT}: update liveface.")
