"""Writes frames into an MP4 file, picture and sound in step to the sample. Knows nothing of where they come from."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
import soxr
from av.video.reformatter import ColorRange, Colorspace

from liveface.app.files.film import GrowingFilm, is_playable
from liveface.engine.errors import OutputError
from liveface.engine.media import FPS, SAMPLE_RATE, Frame, Samples

SOUND_RATE = 48_000  # Hz, of the written sound
_SOUND_HOP = SOUND_RATE // FPS
_QUALITY = "18"  # x264's constant rate factor: no visible loss on a face
_PRESET = "veryfast"
_SOUND_BIT_RATE = 128_000
_FRAMES_AT_RISK = 2 * FPS  # that a power failure may cost a live recording


class Recorder:
    """A sink that makes an MP4 file of H.264 and AAC; a file of its name appears when it is complete, or not at all.

    Until then it grows under a name of its own, such as "a (incomplete).mp4", which can be played whatever happens.
    Frame i is shown at i / 25 s together with the 40 ms of sound that begin there. `send` may block.
    """

    def __init__(
        self,
        path: Path,
        sound: Iterator[Samples] | None = None,
        replaces: bool = True,
        keeps_incomplete: bool = False,
    ) -> None:
        """`sound` replaces the frames' own: blocks of float32 (1920, 2) at 48 kHz, the last may be shorter.

        `replaces`: whether an older file of that name is, at the end; otherwise the new one gets another name.
        `keeps_incomplete`: whether what there is stays after an end that is none; it always stays where the disk fails.
        Raises `OutputError` if the name is not one of an MP4 file.
        """
        check_film_name(path)
        self._path = path
        self._replaces = replaces
        self._keeps_incomplete = keeps_incomplete
        self._sound: _Sound = _FrameSound() if sound is None else _GivenSound(sound)
        self._film: GrowingFilm | None = None
        self._frames = 0
        self._samples = 0
        self.written: Path | None = None  # the complete file, once it is there
        self.incomplete: Path | None = None  # what there is while it grows, or after a bad end

    def open(self, width: int, height: int) -> None:
        """Create the file for pictures of that many pixels; raises `OutputError`."""
        with self._explained():
            self._film = GrowingFilm(self._path)
            self.incomplete = self._film.place
            container = self._film.container
            self._video = container.add_stream("libx264", rate=FPS, options={"crf": _QUALITY, "preset": _PRESET})
            self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
            context = self._video.codec_context
            context.max_b_frames = 0  # pictures leave the encoder in the order in which they are shown
            context.gop_size = 2 * FPS
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU601
            self._audio = container.add_stream("aac", rate=SOUND_RATE, layout=self._sound.layout)
            self._audio.bit_rate = _SOUND_BIT_RATE
            container.start_encoding()

    def send(self, frame: Frame) -> None:
        """Encode one frame; raises `OutputError`."""
        with self._explained():
            # OpenCV's I420 is ITU-R BT.601 in the MPEG range, and takes less time than an FFmpeg scaler per picture.
            planes = cv2.cvtColor(frame.image, cv2.COLOR_RGB2YUV_I420)
            picture = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
            picture.colorspace, picture.color_range = Colorspace.ITU601, ColorRange.MPEG
            picture.pts, picture.time_base = self._frames, Fraction(1, FPS)
            self._mux(self._video.encode(picture))
            self._frames += 1
            self._encode(self._sound.of(frame))
            if self._keeps_incomplete and self._film is not None and self._frames % _FRAMES_AT_RISK == 0:
                self._film.flush_to_disk()

    def close(self, completed: bool = True) -> None:
        """Finish the file, or what there is of it; may be called twice. Raises `OutputError`."""
        film = self._film
        if film is None:
            return
        if not self._frames or not (completed or self._keeps_incomplete):
            self._film = self.incomplete = None
            film.discard()
            return
        with self._explained():
            self._encode(self._sound.rest(self._frames * _SOUND_HOP - self._samples))
            self._mux(self._video.encode(None))
            self._mux(self._audio.encode(None))
            if completed:
                self.written = film.finish(self._replaces)
                self.incomplete = None
            else:
                film.container.close()
                film.abandon()
            self._film = None

    def _encode(self, pcm: Samples) -> None:
        if not len(pcm):
            return
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm.T), format="fltp", layout=self._sound.layout)
        sound.sample_rate, sound.pts, sound.time_base = SOUND_RATE, self._samples, Fraction(1, SOUND_RATE)
        self._samples += len(pcm)
        self._mux(self._audio.encode(sound))

    def _mux(self, packets: list[Any]) -> None:
        assert self._film is not None, "the recorder is not open"
        self._film.container.mux(packets)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the disk refuses into an `OutputError` that names what is kept."""
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            film, self._film = self._film, None
            if film is not None:
                film.abandon()
            if film is None or not self._frames or not is_playable(film.place):
                if film is not None:
                    film.place.unlink(missing_ok=True)
                self.incomplete = None
                raise OutputError(
                    f"{self._path} cannot be written ({error.strerror}): choose a folder that exists, "
                    "that you may write to and that has space."
                ) from error
            raise OutputError(
                f"{self._path} cannot be written to its end ({error.strerror}): what there is of it is kept as "
                f"“{film.place.name}”; make space, or choose another folder."
            ) from error


def check_film_name(path: Path) -> None:
    """Raise `OutputError` if a name is not one of an MP4 file."""
    if path.suffix.lower() != ".mp4":
        raise OutputError(f"The output is called {path.name}: give it a name that ends in .mp4.")


class _Sound(Protocol):
    layout: str

    def of(self, frame: Frame) -> Samples: ...
    def rest(self, samples: int) -> Samples: ...


class _FrameSound:
    """The frames' own sound, converted to 48 kHz. The converter holds some back, which `rest` returns."""

    layout = "mono"

    def __init__(self) -> None:
        self._resampler = soxr.ResampleStream(SAMPLE_RATE, SOUND_RATE, 1, dtype="float32", quality="HQ")

    def of(self, frame: Frame) -> Samples:
        converted: Samples = self._resampler.resample_chunk(frame.pcm)
        return converted[:, None]

    def rest(self, samples: int) -> Samples:
        converted = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        return _exactly(samples, converted[:, None])


class _GivenSound:
    """Sound at 48 kHz from elsewhere, as much as there are pictures; silence after its end."""

    layout = "stereo"

    def __init__(self, blocks: Iterator[Samples]) -> None:
        self._blocks = blocks

    def of(self, frame: Frame) -> Samples:
        return _exactly(_SOUND_HOP, next(self._blocks, np.zeros((0, 2), np.float32)))

    def rest(self, samples: int) -> Samples:
        return _exactly(samples, np.zeros((0, 2), np.float32))


def _exactly(samples: int, pcm: Samples) -> Samples:
    """The first `samples` of float32 (n, channels), followed by zeros where there are fewer."""
    return np.pad(pcm[:samples], ((0, max(0, samples - len(pcm))), (0, 0)))
