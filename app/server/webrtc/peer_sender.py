"""What one viewer is sent: two tracks, the thread that encodes for it, and its bit rate. Knows no connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from liveface.app.server.schemas import Sent
from liveface.app.server.sessions.broadcast import Subscription
from liveface.app.server.webrtc.bitrate import BitrateControl
from liveface.app.server.webrtc.codecs import PictureCodec, PictureEncoder
from liveface.app.server.webrtc.tracks import FaceTrack, Failed, MediaClock, VoiceTrack, ignore_failure

_REFERENCE_PIXELS = 512 * 512  # for which the first bit rate is meant
_LEAST = 250_000  # bit/s, however much is lost
_MOST = 1.5  # times the first one


class PeerSender:
    """The thread is this viewer's own: a picture that takes long holds up nobody else, and only one waits for it."""

    def __init__(
        self,
        viewing: Subscription,
        codec: PictureCodec,
        bitrate: int,
        now: Callable[[], float],
        on_failure: Failed = ignore_failure,
    ) -> None:
        """`bitrate`: at which pictures of 512 x 512 start, in bit/s. `now`: the seconds that reports are told in.

        `on_failure`: is told what makes pictures or sound end early. `codec` may be changed until the first picture is
        taken.
        """
        self.codec = codec
        self.clock = MediaClock()
        self._bitrate = bitrate
        self._control: BitrateControl | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="liveface encoder")
        self._sound, self._pictures = viewing, viewing.another(1)
        self.voice = VoiceTrack(self._sound, self.clock, now, on_failure)
        self.face = FaceTrack(self._pictures, self.clock, self._executor, self._make_encoder, now, on_failure)

    def note_sent(self, bitrate: int) -> None:
        """So much was sent in the latest second, in bit/s."""
        if self._control is not None:
            self._control.note_sent(bitrate)

    def note_estimate(self, bitrate: int, now: float) -> None:
        """The receiver believes that the way to it carries `bitrate`; `now` in seconds."""
        if self._control is not None:
            self._control.note_estimate(bitrate, now)
            self._follow(self._control)

    def note_loss(self, share: float, now: float) -> None:
        """Of the latest packets that share was lost; `now` in seconds."""
        if self._control is not None:
            self._control.note_loss(share, now)
            self._follow(self._control)

    def numbers(self) -> Sent:
        """What has been sent, for JSON."""
        return {
            "codec": self.codec,
            "target_bitrate": self._control.target if self._control is not None else None,
            "pictures_sent": self.face.sent,
            "pictures_dropped": self._pictures.dropped,
            "sound_dropped": self._sound.dropped,
        }

    def close(self) -> None:
        """End both tracks; may be called twice."""
        self.face.stop()  # it must give nothing more to its thread
        self.voice.stop()
        self._sound.close()
        self._pictures.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _make_encoder(self, pixels: int) -> PictureEncoder:
        start = max(_LEAST, int(self._bitrate * pixels / _REFERENCE_PIXELS))
        self._control = BitrateControl(start, _LEAST, int(start * _MOST))
        return PictureEncoder(self.codec, start)

    def _follow(self, control: BitrateControl) -> None:
        if self.face.encoder is not None:
            self.face.encoder.bitrate = control.target
