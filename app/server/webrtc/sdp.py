"""The sections of a WebRTC session description (SDP, RFC 8866), as text. Knows nothing of codecs or networks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from liveface.engine.errors import PeerError

_NAME = "a=mid:"
_SHARED = "a=bundle-only"  # port 0 is no refusal then (RFC 9143, section 6)
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class Section:
    """One medium: its m= line and all that belongs to it, without line ends."""

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        """`audio`, `video` or `application`."""
        return self.lines[0][2:].partition(" ")[0]

    @property
    def name(self) -> str:
        """What the group of media that share a connection, and candidates that come later, call it."""
        return next((line.removeprefix(_NAME) for line in self.lines if line.startswith(_NAME)), "")

    @property
    def is_refused(self) -> bool:
        """Whether it has port 0, as RFC 3264 has it for what is not to be."""
        return self.lines[0].split()[1:2] == ["0"] and _SHARED not in self.lines

    @property
    def direction(self) -> str:
        """Which way the sender of the description wants its medium to go."""
        return next((line[2:] for line in self.lines if line[2:] in _DIRECTIONS), "sendrecv")

    @property
    def port(self) -> str:
        """Where it is to be sent, which sections over one connection share; 9 and 0 where that is not known yet."""
        return next(iter(self.lines[0].split()[1:2]), "0")

    def refused(self) -> "Section":
        """The answer that refuses this medium: port 0, as RFC 3264 has it."""
        kind, _, rest = self.lines[0].partition(" ")
        _, _, formats = rest.partition(" ")
        named = tuple(line for line in self.lines if line.startswith(_NAME))
        return Section((f"{kind} 0 {formats}", "c=IN IP4 0.0.0.0", *named[:1], "a=inactive"))

    def called(self, name: str) -> "Section":
        """The same under a name, which it did not have."""
        return Section((self.lines[0], _NAME + name, *self.lines[1:]))

    def moved(self, name: str) -> "Section":
        """The same under another name, its candidates for the only component that there is."""
        return Section(tuple(_moved(line, name) for line in self.lines))


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """An offer, an answer or the fragment of one (RFC 8840): what holds for all media, then a section for each."""

    head: tuple[str, ...]
    sections: tuple[Section, ...]

    @classmethod
    def parse(cls, text: str) -> "SessionDescription":
        """Cut into sections; raises `PeerError` where a line is not of the form `letter=value`."""
        parts: list[list[str]] = [[]]
        for line in filter(None, (line.strip() for line in text.splitlines())):
            if line[1:2] != "=":
                raise PeerError(code="sdp_line", line=line[:40])
            if line.startswith("m="):
                parts.append([])
            parts[-1].append(line)
        return cls(tuple(parts[0]), tuple(Section(tuple(lines)) for lines in parts[1:]))

    def __str__(self) -> str:
        lines = (*self.head, *(line for section in self.sections for line in section.lines))
        return "".join(f"{line}\r\n" for line in lines)

    def ice_names(self) -> frozenset[str]:
        """The username fragments of ICE that it mentions: new ones mean that ICE starts again."""
        lines = (*self.head, *(line for section in self.sections for line in section.lines))
        return frozenset(line.partition(":")[2] for line in lines if line.startswith("a=ice-ufrag:"))

    def named(self) -> "SessionDescription":
        """The same, with a name for each section that has none, as some programs leave it."""
        taken = {section.name for section in self.sections}
        free = (name for name in map(str, count()) if name not in taken)
        sections = tuple(section if section.name else section.called(next(free)) for section in self.sections)
        return replace(self, sections=sections)

    def unnamed(self) -> "SessionDescription":
        """The answer to an offer without names: without any, and without groups."""
        head = tuple(line for line in self.head if not line.startswith("a=group:"))
        sections = tuple(
            Section(tuple(line for line in section.lines if not line.startswith(_NAME))) for section in self.sections
        )
        return replace(self, head=head, sections=sections)

    def only(self, kept: list[bool]) -> "SessionDescription":
        """Without the sections that are not `kept`, of which there is one mark for each."""
        sections = tuple(section for section, is_kept in zip(self.sections, kept, strict=True) if is_kept)
        names = {section.name for section in sections}
        return replace(self, head=tuple(_grouped(line, names) for line in self.head), sections=sections)

    def led_by(self, names: Sequence[str]) -> "SessionDescription":
        """With those sections at the head of the group that shares a connection, which becomes that of the first."""
        return replace(self, head=tuple(_led(line, names) for line in self.head))

    def candidates_for(self, names: Sequence[str]) -> "SessionDescription":
        """A fragment's candidates for those media that are not refused: others share the connection of the first."""
        moved = (section.moved(section.name if section.name in names else names[0]) for section in self.sections)
        return replace(self, sections=tuple(moved))

    def refusing(self, offer: "SessionDescription", kept: list[bool]) -> "SessionDescription":
        """The answer to a whole offer, where this one answers `offer.only(kept)`."""
        answers = iter(self.sections)
        sections = (
            next(answers) if is_kept else section.refused()
            for section, is_kept in zip(offer.sections, kept, strict=True)
        )
        return replace(self, sections=tuple(sections))


def _grouped(line: str, names: set[str]) -> str:
    """A line that may say which media share a connection, with only the named ones left."""
    if not line.startswith("a=group:"):
        return line
    group, *members = line.split()
    return " ".join([group, *(member for member in members if member in names)])


def _led(line: str, names: Sequence[str]) -> str:
    if not line.startswith("a=group:BUNDLE "):
        return line
    group, *members = line.split()
    return " ".join(
        [group, *(name for name in names if name in members), *(one for one in members if one not in names)]
    )


def _moved(line: str, name: str) -> str:
    if line.startswith(_NAME):
        return _NAME + name
    if line.startswith("a=candidate:"):
        foundation, _, rest = line.partition(" ")
        component, _, rest = rest.partition(" ")
        # RTP is component 1, and RTCP goes the same way; Eyevinn's client says 0.
        return f"{foundation} {'1' if component == '0' else component} {rest}"
    return line
