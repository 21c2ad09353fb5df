"""What a face does besides speaking, as one small value that travels with each motion; it knows no picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """`blink`: 0 (open) to 1 (shut). `yaw`, `pitch`, `roll`: degrees from the photo, a nod is a positive pitch.

    `breath`: 0 (out) to 1 (in). `brows`: 0 (as in the photo) to 1 (raised), Action Units 1 and 2 together.
    """

    blink: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    breath: float = 0.0
    brows: float = 0.0


REST = Expression()
