"""The face as a video service of Pipecat; needs `pip install "liveface[pipecat]"`."""

from liveface.app.integrations.pipecat import LivefaceVideoService as _Service
from liveface.app.library.avatar import Avatar
from liveface.app.library.pipeline import load_parts
from liveface.app.settings import DEFAULT_LOOKAHEAD, Settings


class LivefaceVideoService(_Service):
    """Stands between the TTS service and the output transport, whose `video_out_is_live` is set."""

    def __init__(
        self,
        avatar: Avatar | None = None,
        *,
        size: tuple[int, int] = (512, 512),
        lookahead: int = DEFAULT_LOOKAHEAD,
        mouth_amount: float = 1.0,
        name: str | None = None,
    ) -> None:
        """`avatar`: a shipped one unless it is given. `name`: of this service. The rest as for a `Pipeline`."""
        settings = Settings(*size, lookahead=lookahead, mouth_amount=mouth_amount)
        super().__init__(load_parts(avatar, settings), name=name)
