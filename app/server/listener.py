"""The socket at which a server listens; knows nothing of what is said over it."""

import errno
import socket

from liveface.app.server.security import is_loopback
from liveface.engine.errors import ConfigurationError

_BACKLOG = 1024  # connections that wait to be accepted: others must not be lost behind a crowd


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at an address of this machine; raises `ConfigurationError` with what is in the way.

    `port` 0 takes any free one.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"The host “{host}” is not known: give an address of this machine.") from error
    family, kind, protocol, _, address = min(found, key=lambda candidate: candidate[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_explained(error, host, port)) from error
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket, host: str, *, is_secure: bool) -> str:
    """Where a browser finds it, such as http://127.0.0.1:8080."""
    name = _own_address(listener.family) if host in ("0.0.0.0", "::") else host
    scheme = "https" if is_secure else "http"
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def _explained(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use: end the program that listens there, or choose another --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine: use --host 127.0.0.1, or 0.0.0.0 for all that it has."
        case errno.EACCES:
            return f"Port {port} may not be used by this user: choose one from 1024 on with --port."
        case _:
            return f"{host} port {port} cannot be listened at ({error.strerror}): choose another --host or --port."


def _own_address(family: int) -> str:
    """By which others most likely reach this machine. Nothing is sent."""
    documentation = ("2001:db8::1", 9) if family == socket.AF_INET6 else ("192.0.2.1", 9)  # RFC 3849, RFC 5737
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(documentation)
        except OSError:
            return socket.gethostname()
        found = str(probe.getsockname()[0])
    return socket.gethostname() if is_loopback(found) else found
