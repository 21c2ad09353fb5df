"""The face as a video generator of LiveKit Agents; needs `pip install "liveface[livekit]"`."""

from liveface.app.integrations.livekit import LivefaceVideoGenerator as _Generator
from liveface.app.library.avatar import Avatar
from liveface.app.library.pipeline import load_parts
from liveface.app.settings import DEFAULT_LOOKAHEAD, Settings


class LivefaceVideoGenerator(_Generator):
    """What an `AvatarRunner` asks for pictures and sound; its options have the `width`, `height` and `rate` of this."""

    def __init__(
        self,
        avatar: Avatar | None = None,
        *,
        rate: int = 24_000,
        size: tuple[int, int] = (512, 512),
        lookahead: int = DEFAULT_LOOKAHEAD,
        mouth_amount: float = 1.0,
    ) -> None:
        """`avatar`: a shipped one unless it is given. `rate`: samples per second. The rest as for a `Pipeline`."""
        settings = Settings(*size, lookahead=lookahead, mouth_amount=mouth_amount)
        super().__init__(load_parts(avatar, settings), rate)
