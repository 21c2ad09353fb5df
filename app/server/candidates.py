"""Which of the addresses that a peer names are tried: usable ones, and few. Knows no connection.

An offer is a stranger's: each candidate in it makes this machine send packets to an address of the stranger's choice.
"""

from ipaddress import ip_address

MOST = 32  # of one peer in all, however they come

_HIDDEN = ".local"  # the end of names behind which browsers hide addresses, that only their own network can resolve
_END = "a=end-of-candidates"
_CANDIDATE = "a=candidate:"


class Candidates:
    """Those of one peer."""

    def __init__(self, *, public_only: bool = False, most: int = MOST) -> None:
        """`public_only`: addresses of private networks and of this machine are left out."""
        self._public_only = public_only
        self._left = most
        self._seen: set[str] = set()

    def admits(self, line: str, *, is_shared: bool = False) -> bool:
        """Whether an SDP line with a candidate is to be used; counts it then.

        `is_shared`: its medium shares the connection of another, whose candidates it may repeat.
        """
        destination = _destination(line)
        if destination in self._seen:
            return is_shared
        if destination is None or self._left <= 0:
            return False
        address = ip_address(destination.partition(" ")[0])
        if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
            return False
        if self._public_only and not address.is_global:
            return False
        self._seen.add(destination)
        self._left -= 1
        return True

    def filtered(self, text: str) -> str:
        """A description without those that are not to be used.

        Where one was left out as its host is hidden, the list must not seem to be complete: such a peer finds us, and
        so we learn where it is.
        """
        lines = text.splitlines()
        sharing = _sharing(lines)
        is_hiding = any(map(_is_hidden, lines))
        kept, name = [], ""
        for place, line in enumerate(lines):
            if line.startswith("m="):
                name = _name_after(lines, place)
            if line.startswith(_CANDIDATE) and not self.admits(line, is_shared=name in sharing):
                continue
            if line == _END and is_hiding:
                continue
            kept.append(line)
        return "".join(f"{line}\r\n" for line in kept)


def _destination(line: str) -> str | None:
    """Address, port and component; None for a line that is no usable candidate over UDP."""
    parts = line.removeprefix(_CANDIDATE).split()
    if len(parts) < 8 or parts[2].lower() != "udp" or parts[6] != "typ":
        return None
    component, priority, address, port = parts[1], parts[3], parts[4], parts[5]
    numbers = (component, priority, port)
    if not all(number.isascii() and number.isdecimal() and len(number) <= 10 for number in numbers):
        return None
    if component != "1" or not 0 < int(port) < 65536 or parts[7] not in ("host", "srflx", "prflx", "relay"):
        return None
    related = dict(zip(parts[8::2], parts[9::2], strict=False)).get("rport", "0")
    if not (related.isascii() and related.isdecimal() and len(related) <= 5):
        return None
    try:
        return f"{ip_address(address)} {port}"
    except ValueError:
        return None


def _is_hidden(line: str) -> bool:
    return line.startswith(_CANDIDATE) and f"{_HIDDEN} " in line


def _sharing(lines: list[str]) -> set[str]:
    """Names of the media that share another one's connection."""
    for line in lines:
        if line.startswith("m="):
            break
        if line.startswith("a=group:BUNDLE "):
            return set(line.split()[2:])
    return set()


def _name_after(lines: list[str], place: int) -> str:
    for line in lines[place + 1 :]:
        if line.startswith("m="):
            break
        if line.startswith("a=mid:"):
            return line.removeprefix("a=mid:")
    return ""
