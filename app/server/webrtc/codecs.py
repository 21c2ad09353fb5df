"""Pictures and sound as the packets that WebRTC carries, one for each; knows nothing of RTP."""

from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from liveface.engine.media import FPS, SAMPLE_RATE, Picture, Samples

PictureCodec = Literal["vp8", "h264"]

VOICE_MS = 20  # of sound in one packet
VOICE_SAMPLES = SAMPLE_RATE * VOICE_MS // 1000
VOICE_RATE = 48_000  # Hz, at which every Opus packet is decoded, and of its clock in RTP
VOICE_DELAY = 0.0065  # s, by which the encoder's filters hold back the sound

_VOICE_BITRATE = 40_000  # bit/s: transparent for speech of one channel up to 8 kHz
_EXPECTED_LOSS = 10  # percent, for which every packet repeats the one before it coarsely
_LONGEST_VOICE = 5760  # samples at 48 kHz, 120 ms: no packet may hold more
_BUFFER_SECONDS = 0.5  # of the bitrate, within which the sizes of pictures are evened out
_LONGEST_GROUP = 3000  # pictures from one key picture to the next, if nobody asks for one


class PictureEncoder:
    """Encodes pictures for one viewer; used in one thread, except for `bitrate`."""

    def __init__(self, codec: PictureCodec, bitrate: int) -> None:
        """`bitrate` in bit/s. Setting it later costs a key picture."""
        self.bitrate = bitrate
        self._codec = codec
        self._context: VideoCodecContext | None = None
        self._settings: tuple[int, int, int] | None = None
        self._count = 0

    def encode(self, image: Picture, is_key: bool) -> bytes:
        """One picture, uint8 (height, width, 3) RGB with even sides; `is_key`: can be decoded without those before."""
        settings = (image.shape[1], image.shape[0], self.bitrate)
        if self._context is None or settings != self._settings:
            self._context, self._settings = self._open(*settings), settings
        # Not by PyAV's own conversion, which prepares itself anew for each picture: 5 ms.
        yuv: Picture = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
        picture = av.VideoFrame.from_ndarray(yuv, "yuv420p")
        picture.pts = self._count
        picture.time_base = Fraction(1, FPS)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(picture))

    def _open(self, width: int, height: int, bitrate: int) -> VideoCodecContext:
        library, options = _OPTIONS[self._codec]
        context = av.CodecContext.create(library, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.bit_rate = bitrate
        context.gop_size = _LONGEST_GROUP
        context.time_base = Fraction(1, FPS)
        context.framerate = Fraction(FPS)
        context.thread_count = 1  # the machine's cores are shared by all viewers and by what draws
        context.options = {
            **options,
            "maxrate": str(bitrate),
            "bufsize": str(int(bitrate * _BUFFER_SECONDS)),
        } | ({"minrate": str(bitrate)} if self._codec == "vp8" else {})  # minrate = maxrate: a constant rate
        if self._codec == "h264":
            context.profile = "Baseline"
        return context


_OPTIONS: dict[PictureCodec, tuple[str, dict[str, str]]] = {
    "vp8": (
        "libvpx",
        {
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            "static-thresh": "1",
            "qmin": "2",
            "qmax": "56",
            "undershoot-pct": "100",
            "overshoot-pct": "15",
        },
    ),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}),
}


class VoiceEncoder:
    """Encodes sound with Opus, straight from the engine's rate: nothing is resampled."""

    def __init__(self) -> None:
        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate = SAMPLE_RATE
        self._context.layout = "mono"
        self._context.format = "s16"
        self._context.bit_rate = _VOICE_BITRATE
        self._context.time_base = Fraction(1, SAMPLE_RATE)
        self._context.options = {"application": "voip", "fec": "1", "packet_loss": str(_EXPECTED_LOSS)}
        self._position = 0

    def encode(self, pcm: Samples) -> bytes:
        """One packet of float32 (VOICE_SAMPLES,) at 16 kHz."""
        sound = av.AudioFrame.from_ndarray(_int16(pcm)[None], format="s16", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        sound.pts = self._position
        sound.time_base = Fraction(1, SAMPLE_RATE)
        self._position += len(pcm)
        return b"".join(bytes(packet) for packet in self._context.encode(sound))


class VoiceDecoder:
    """Decodes Opus, whatever its rate and channels, into one channel at 48 kHz."""

    def __init__(self) -> None:
        self._context = av.CodecContext.create("libopus", "r")
        self._context.sample_rate = VOICE_RATE
        self._context.layout = "mono"

    def decode(self, packet: bytes) -> Samples:
        """Float32 (n,); empty for a packet that cannot be decoded."""
        try:
            frames = self._context.decode(av.Packet(packet))
        except av.FFmpegError:
            return np.zeros(0, np.float32)
        pcm = [frame.to_ndarray().reshape(-1).astype(np.float32) / 32768 for frame in frames]
        return np.concatenate(pcm) if pcm else np.zeros(0, np.float32)


def voice_length(packet: bytes) -> int:
    """How many samples at 48 kHz an Opus packet holds, told by its first bytes (RFC 6716, section 3.1); 0 if broken."""
    if not packet:
        return 0
    configuration, counting = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        length = (480, 960, 1920, 2880)[configuration & 3]
    elif configuration < 16:
        length = (480, 960)[configuration & 1]
    else:
        length = (120, 240, 480, 960)[configuration & 3]
    many = packet[1] & 63 if len(packet) > 1 else 0
    length *= (1, 2, 2, many)[counting]
    return length if length <= _LONGEST_VOICE else 0


def _int16(pcm: Samples) -> NDArray[np.int16]:
    return (np.clip(pcm, -1.0, 1.0) * 32767).astype(np.int16)
