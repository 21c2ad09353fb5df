"""A stream of bytes that is cut anywhere, as whole samples. Knows nothing of what they sound like."""


class WholeSamples:
    """Keeps what is left of a sample until the rest of it comes."""

    def __init__(self, size: int = 2) -> None:
        """`size`: bytes of one sample, of all channels."""
        self._size = size
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """All samples that are complete now; empty where there is none."""
        joined = self._rest + piece
        whole = len(joined) - len(joined) % self._size
        self._rest = joined[whole:]
        return joined[:whole]

    def clear(self) -> None:
        """What comes now begins with a sample of its own."""
        self._rest = b""
