"""The command that joins separately trained networks into the model which the program loads."""

from pathlib import Path
from typing import Annotated, Any

import typer

from liveface.app.files.model_files import write_sums
from liveface.engine import checkpoint
from liveface.engine.errors import ConfigurationError

MODEL = "default.safetensors"


def assemble(
    parts: Annotated[list[Path], typer.Argument(help="Checkpoints written by the other training commands.")],
    out: Annotated[Path, typer.Option(help="Folder for the model and its exported networks.")],
    note: Annotated[str, typer.Option(help="Of where the weights come from, kept with them.")] = "",
) -> None:
    """Join trained networks into one model and export it for use without torch; of two networks the last counts."""
    from liveface.engine.export import export_model

    networks: dict[str, dict[str, checkpoint.Tensor]] = {}
    configuration: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    for path in parts:
        part = checkpoint.load(path)
        if "training_step" in part.configuration:
            raise ConfigurationError(f"{path} is an unfinished training: let it finish, then assemble its result.")
        for name in {tensor.partition(".")[0] for tensor in part.tensors}:
            networks[name] = {f"{name}.{key}": value for key, value in part.part(name).items()}
        configuration |= part.configuration
        provenance |= part.provenance
    if note:
        provenance["note"] = {"text": note}
    tensors = {key: value for network in networks.values() for key, value in network.items()}
    checkpoint.save(out / MODEL, tensors, configuration, provenance)
    export_model(checkpoint.load(out / MODEL), out)
    write_sums(out)
    print(out / MODEL)
