"""The command that makes tokens which allow a part of what a server does. Knows no server."""

import time
from pathlib import Path
from typing import Annotated

import typer

from liveface.app.server.settings import TOKEN_VARIABLE, combined, read_key
from liveface.app.server.tokens import SCOPES, make
from liveface.engine.errors import ConfigurationError

_HOUR = 3600.0  # s


def token(
    scope: Annotated[list[str], typer.Option(help=f"What it allows: {', '.join(SCOPES)}. Repeatable.")],
    hours: Annotated[float, typer.Option(help="How long it is good.")] = 24.0,
    name: Annotated[str, typer.Option(help="Of who gets it; it stands in the token.")] = "",
    token_key: Annotated[
        Path | None, typer.Option(help="The file with the key, as `serve --token-key` has it; else the token signs.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The TOML file of the server.")] = None,
) -> None:
    """Make a token for a client that may use a part of a server, such as watching."""
    print(make(_key(token_key, config), scope, time.time(), hours * _HOUR, name))


def _key(path: Path | None, config: Path | None) -> str:
    """With which the server's tokens are signed."""
    if path is not None:
        return read_key(path)
    settings = combined(config, {})
    if settings.token_key is not None:
        return read_key(Path(settings.token_key))
    if settings.token is None:
        raise ConfigurationError(
            f"There is no key to sign with: set {TOKEN_VARIABLE} as for the server, or give --token-key FILE."
        )
    return settings.token
