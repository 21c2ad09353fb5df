"""What a server can be set to, from a file and the command line. Knows nothing of how it is honoured."""

import os
import re
import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from msgspec import Meta

from liveface.app.files.schema import FieldError, check, converted, names, unknown
from liveface.app.server.logs import LogFormat, LogLevel
from liveface.app.server.proxies import TrustedProxies
from liveface.app.server.security import Access, is_loopback, parse_origin
from liveface.app.server.tokens import SHORTEST_KEY, check_key
from liveface.app.server.webrtc.peer import IceServer, PeerSettings
from liveface.app.server.webrtc.whip_client import Destinations
from liveface.app.settings import DEFAULT_LOOKAHEAD, Lookahead, Settings, parse_size
from liveface.engine.errors import ConfigurationError

TOKEN_VARIABLE = "LIVEFACE_TOKEN"
TURN_VARIABLE = "LIVEFACE_TURN_SECRET"
DEFAULT_PORT = 8080

_SHORTEST_TOKEN = 16  # letters: one that nobody can guess by asking
_SECRETS = ("token", "turn", "turn_secret")

Codec = Literal["vp8", "h264"]


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """See docs/serving.md; raises `ConfigurationError` for what cannot be.

    `cert`, `key`: paths of PEM files. `token_key`: that of the key which tokens with scopes are signed with.
    `stun`, `turn`: as `ice_servers` reads them. `bitrate`: bits per second.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = DEFAULT_PORT
    cert: str | None = None
    key: str | None = None
    token: str | None = None
    token_key: str | None = None
    allow_origin: tuple[str, ...] = ()
    max_sessions: Annotated[int, Meta(ge=1, le=1000)] = 16
    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    turn_secret: str | None = None
    bitrate: Annotated[int, Meta(ge=100_000, le=20_000_000)] = 2_000_000
    codec: Annotated[Codec, Meta(description="vp8 or h264")] = "vp8"
    size: str = "512x512"
    lookahead: Lookahead = DEFAULT_LOOKAHEAD
    liveliness: Annotated[float, Meta(ge=0, le=2)] = 1.0
    still: bool = False
    idle_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 600.0
    push_to: tuple[str, ...] = ()
    trusted_proxy: tuple[str, ...] = ()
    udp_ports: str | None = None
    public_peers_only: bool = False
    log_level: Annotated[LogLevel, Meta(description="debug, info, warning or error")] = "info"
    log_format: Annotated[LogFormat, Meta(description="text or json")] = "text"
    access_log: bool = False

    def __post_init__(self) -> None:
        try:
            check(self)
        except FieldError as fault:
            raise ConfigurationError(_told(fault)) from None
        if (self.cert is None) != (self.key is None):
            raise ConfigurationError("Of cert and key only one is given: https needs both.")
        if self.token is not None and (len(self.token) < _SHORTEST_TOKEN or not self.token.isprintable()):
            raise ConfigurationError(
                f"The token has {len(self.token)} letters: at least {_SHORTEST_TOKEN} printable ones are needed; leave "
                "it out and one is made."
            )
        if self.turn_secret is not None and not self.turn:
            raise ConfigurationError("There is a turn_secret, but no TURN server that it is for: name one with turn.")
        self.faces()
        self.ice_servers()
        self.origins()
        self.proxies()
        self.port_range()
        Destinations(self.push_to)

    def faces(self) -> Settings:
        """What holds for every face."""
        return Settings(*parse_size(self.size), liveliness=self.liveliness, still=self.still)

    def origins(self) -> frozenset[str]:
        """Of the sites whose pages may ask."""
        return frozenset(parse_origin(text) for text in self.allow_origin)

    def proxies(self) -> TrustedProxies:
        """Whose word about clients is taken."""
        return TrustedProxies.parse(self.trusted_proxy)

    def access(self) -> Access:
        """Who may ask."""
        return Access(self.token, self.origins(), is_loopback(self.host), self.proxies(), self.signing_key())

    def signing_key(self) -> str | None:
        """With which tokens with scopes are signed: that of the file, else the token, if it is long enough."""
        if self.token_key is not None:
            return read_key(Path(self.token_key))
        return self.token if self.token is not None and len(self.token.encode()) >= SHORTEST_KEY else None

    def ice_servers(self) -> tuple[IceServer, ...]:
        """From `stun:HOST:PORT` and `turn:USER:SECRET@HOST:PORT?transport=udp`."""
        return tuple(_ice_server(text, "stun") for text in self.stun) + tuple(
            _ice_server(text, "turn", is_lent=self.turn_secret is not None) for text in self.turn
        )

    def port_range(self) -> range | None:
        """The UDP ports over which peers are met; None for those that the system chooses."""
        if self.udp_ports is None:
            return None
        found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", self.udp_ports)
        if found is None or not 1024 <= int(found[1]) <= int(found[2]) <= 65535:
            raise ConfigurationError(
                f"udp_ports is “{self.udp_ports[:20]}”: write two numbers from 1024 to 65535, such as 50000-50100."
            )
        return range(int(found[1]), int(found[2]) + 1)

    def peers(self) -> PeerSettings:
        """What holds for every peer."""
        return PeerSettings(self.ice_servers(), self.bitrate, self.codec, self.public_peers_only, self.turn_secret)

    def tls(self) -> ssl.SSLContext | None:
        """For https, None for http; raises `ConfigurationError` if the files cannot be used."""
        if self.cert is None or self.key is None:
            return None
        for path in (self.cert, self.key):
            if not Path(path).is_file():
                raise ConfigurationError(f"{path} does not exist: give the path of a PEM file.")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.cert, self.key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"{self.cert} and {self.key} cannot be used ({error}): they must be a certificate and its own key, "
                "without a password, as PEM."
            ) from error
        return context


def combined(
    config: Path | None, given: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> ServeSettings:
    """Settings of a TOML file, over which the environment wins, over which what is `given` wins.

    Raises `ConfigurationError` for a file that cannot be read, an unknown key or a value of the wrong kind.
    """
    found = {} if config is None else _read(config)
    for variable, name in ((TOKEN_VARIABLE, "token"), (TURN_VARIABLE, "turn_secret")):
        if secret := environment.get(variable):
            found[name] = secret
    return ServeSettings(**(found | dict(given)))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as TOML ({error}): correct it, or leave --config out."
        ) from error
    if (name := unknown(ServeSettings, found)) is not None:
        raise ConfigurationError(
            f"{path} has an unknown key “{name[:40]}”: known are {', '.join(names(ServeSettings))}."
        )
    try:
        return {name: converted(ServeSettings, name, value) for name, value in found.items()}
    except FieldError as fault:
        raise ConfigurationError(f"In {path} {_told(fault)}") from None


def _told(fault: FieldError) -> str:
    """What is wrong with a setting, without repeating what may be a secret."""
    found = f"of the kind {type(fault.value).__name__}" if fault.name in _SECRETS else fault.found
    return f"{fault.name} is {found}: it must be {fault.expected}."


def read_key(path: Path) -> str:
    """The key in a file, whatever white space is around it; raises `ConfigurationError`."""
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}): give a file with a key as text.") from error
    check_key(key)
    return key


def _ice_server(text: str, scheme: Literal["stun", "turn"], *, is_lent: bool = False) -> IceServer:
    """`is_lent`: credentials are made for each client, so that none are given."""
    examples = {"stun": "stun:stun.example.org:3478", "turn": "turn:USER:SECRET@turn.example.org:3478"}
    example = "turn:turn.example.org:3478, as there is a turn_secret" if is_lent else examples[scheme]
    kind, separator, rest = text.partition(":")
    userinfo, at, address = rest.rpartition("@")
    user, colon, secret = userinfo.partition(":")
    is_complete = not at if scheme == "stun" or is_lent else bool(at and user and colon and secret)
    if not separator or kind not in (scheme, f"{scheme}s") or not address or not is_complete:
        # What was given may hold a secret, so it is not repeated.
        raise ConfigurationError(f"The {scheme.upper()} server is not of the form {example}: write it so.")
    url = f"{kind}:{address}"
    return IceServer((url,), unquote(user), unquote(secret)) if at else IceServer((url,))
