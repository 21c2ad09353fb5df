"""The reverse proxies whose word about their clients is taken. Knows nothing of what may be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from liveface.engine.errors import ConfigurationError

_FORWARDED_FOR = "X-Forwarded-For"
_FORWARDED_PROTO = "X-Forwarded-Proto"
_MOST_HOPS = 16  # of one request that are looked at


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Those of some networks; without any, nobody's word is taken."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "TrustedProxies":
        """From addresses and networks, such as 127.0.0.1 and 10.0.0.0/8; raises `ConfigurationError`."""
        return cls(tuple(_network(text) for text in texts))

    def trusts(self, address: str) -> bool:
        """Whether that is the address of one of them."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)

    def client(self, request: web.Request) -> str:
        """The address of who asks: what the last trusted proxy says of it. What clients themselves say is not taken."""
        address = request.remote or ""
        named = [name.strip() for value in request.headers.getall(_FORWARDED_FOR, []) for name in value.split(",")]
        for name in reversed(named[-_MOST_HOPS:]):
            if not self.trusts(address) or not _is_address(name):
                break
            address = name
        return address

    def is_secure(self, request: web.Request) -> bool:
        """Whether the client speaks https, with the server or with a trusted proxy before it."""
        if request.secure:
            return True
        named = request.headers.get(_FORWARDED_PROTO, "").rpartition(",")[2].strip().lower()
        return self.trusts(request.remote or "") and named == "https"


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ConfigurationError(
            f"The trusted proxy is “{text[:60]}”: write its address or network, such as 127.0.0.1 or 10.0.0.0/8."
        ) from error


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
