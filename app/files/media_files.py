"""Reads sound and pictures from any file that PyAV can open. Knows nothing of devices or of time."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr

from liveface.app.files.downmix import Downmix
from liveface.app.files.ogg_links import FilePart, ogg_links
from liveface.app.files.wave_header import check_wave_header, is_placeholder
from liveface.engine.errors import AudioError, MediaError
from liveface.engine.media import SAMPLE_RATE, Picture, Samples

_SOUND_SUFFIXES = (".wav", ".flac", ".m4a", ".mp3", ".opus", ".ogg")
# Containers whose header promises a length; elsewhere the length is a guess from the bit rate.
_CONTAINERS_WITH_LENGTH = {"wav", "w64", "aiff", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_TOLERATED_SHORTFALL = 0.1  # s, between the promised length and the decoded one: encoder padding and rounding
_RATES = range(1000, 768_001)  # Hz, of sound that is meant
_MOST_FAULTS = 100  # places at which a container cannot be made out, before its rest is given up


def _say_nothing(_text: str) -> None:
    """Where nobody wants to hear of it."""


def read_audio(
    path: Path,
    rate: int = SAMPLE_RATE,
    check: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = _say_nothing,
) -> Samples:
    """The whole sound of a file, mixed to one channel: float32 (n,), -1 to 1, `rate` Hz.

    `check` is called after each second of sound; what it raises ends the reading. `tell` gets a sentence if damaged
    packets had to be skipped. Raises `AudioError` if the file is missing, broken, truncated, empty, without sound or
    not finite.
    """
    seconds = []
    for second in iterate_audio(path, rate, rate, tell=tell):
        check()
        seconds.append(second)
    return np.concatenate(seconds)[:, 0]


def iterate_audio(
    path: Path,
    block: int,
    rate: int = SAMPLE_RATE,
    channels: int = 1,
    tell: Callable[[str], None] = _say_nothing,
) -> Generator[Samples, None, None]:
    """The sound of a file in blocks of float32 (block, channels), -1 to 1, `rate` Hz; only the last may be shorter.

    `Downmix` says how the channels are mixed. `tell` and what is raised: as `read_audio` has it.
    """
    pending: list[Samples] = []
    size, is_empty = 0, True
    for piece in _resampled(path, rate, channels, tell):
        pending.append(piece)
        size += len(piece)
        if size >= block:
            joined = np.concatenate(pending)
            whole = size - size % block
            yield from joined[:whole].reshape(-1, block, channels)
            is_empty = False
            pending, size = [joined[whole:]], size - whole
    if size:
        yield np.concatenate(pending)
    elif is_empty:
        raise AudioError(f"{path.name} holds less than a sample at {rate} Hz: give a longer file.")


def audio_of(path: Path) -> Samples:
    """The sound that belongs to a video, float32 (n,) at 16 kHz: its own track, or the sound file beside it.

    Raises `AudioError` if there is neither, or if it cannot be read.
    """
    with _open(path) as container:
        has_sound = bool(container.streams.audio)
    if not has_sound:
        beside = [path.with_suffix(suffix) for suffix in _SOUND_SUFFIXES]
        path = next((candidate for candidate in beside if candidate.is_file()), path)
    return read_audio(path)


def read_video(path: Path) -> tuple[Picture, float]:
    """All pictures of a video, upright, and their rate: uint8 (T, H, W, 3) RGB, frames per second.

    Raises `MediaError` if the file is missing, broken or holds no picture.
    """
    pictures = []
    with _open(path, MediaError) as container:
        if not container.streams.video:
            raise MediaError(f"{path.name} holds no pictures: give a video file.")
        stream = container.streams.video[0]
        if stream.codec_context is None:  # PyAV's types do not say so
            raise MediaError(f"{path.name} holds pictures of an unknown kind: give an MP4 with H.264.")
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                quarters = round(frame.rotation / 90)
                # No comprehension: the error below tells how far it came.
                pictures.append(np.rot90(frame.to_ndarray(format="rgb24"), quarters))
        except av.FFmpegError as error:
            raise MediaError(
                f"{path.name} breaks off after {len(pictures)} pictures ({error.strerror}): give a complete video file."
            ) from error
        rate = stream.average_rate or stream.guessed_rate
    if not pictures or not rate:
        raise MediaError(f"{path.name} holds no readable picture: give a complete video file.")
    return np.stack(pictures), float(rate)


@contextmanager
def _open(
    path: Path, kind: type[MediaError] = AudioError, part: tuple[int, int] | None = None
) -> Iterator[av.container.InputContainer]:
    if not path.is_file():
        raise kind(f"{path} does not exist or is not a file: give the path of a media file.")
    if path.stat().st_size == 0:
        raise kind(f"{path.name} is empty (0 bytes): give a media file with content.")
    with ExitStack() as opened:
        try:
            # The metadata may be in any encoding, and nobody reads it.
            source = str(path) if part is None else opened.enter_context(FilePart(path, *part))
            container = av.open(source, "r", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            raise kind(
                f"{path.name} is broken or not a media file ({error.strerror}): give a WAV, FLAC, MP3 or MP4."
            ) from error
        opened.callback(container.close)
        yield container


def _resampled(path: Path, rate: int, channels: int, tell: Callable[[str], None]) -> Iterator[Samples]:
    """Decoded sound at `rate`, in pieces of any size, float32 (n, channels); checks what the file promised."""
    check_wave_header(path)
    progress = _Progress()
    converter: _Converter | None = None
    links = ogg_links(path) if path.is_file() else []
    parts: list[tuple[int, int] | None] = [*links] or [None]
    for part in parts:
        with _open(path, part=part) as container:
            if not container.streams.audio:
                if progress.seconds:
                    continue
                raise AudioError(f"{path.name} holds no sound: give a file with an audio track.")
            stream = container.streams.audio[0]
            if stream.codec_context is None:  # PyAV's types do not say so
                raise AudioError(f"{path.name} holds sound of an unknown kind: give a WAV, FLAC, MP3 or MP4.")
            before = progress.seconds
            for frame in _frames_as_float(path, container, stream, progress):
                places = [channel.name for channel in frame.layout.channels]
                if converter is None or not converter.fits(frame.sample_rate, places):
                    if converter is not None:
                        yield converter.rest()
                    converter = _Converter(frame.sample_rate, places, rate, channels)
                samples = frame.to_ndarray().reshape(-1, len(places)).astype(np.float32, copy=False)
                _require_numbers(path, samples, progress.seconds, frame.sample_rate)
                progress.seconds += len(samples) / frame.sample_rate
                yield converter.feed(np.clip(samples, -1, 1))
            _require_promised(path, container, stream, progress.seconds - before + progress.skipped_seconds)
    if converter is None or not progress.seconds:
        if progress.skipped:
            raise AudioError(f"{path.name} is broken: none of its {progress.skipped} packets can be decoded.")
        raise AudioError(f"{path.name} holds 0 seconds of sound: give a file with at least one sample.")
    if progress.skipped > progress.decoded:
        raise AudioError(
            f"{path.name} is broken: {progress.skipped} of its {progress.skipped + progress.decoded} packets cannot be "
            "decoded; give a complete file."
        )
    if progress.skipped:
        packets = "1 damaged packet was" if progress.skipped == 1 else f"{progress.skipped} damaged packets were"
        tell(f"{path.name}: {packets} skipped.")
    yield converter.rest()


@dataclass(slots=True)
class _Progress:
    """How far a file has been read."""

    seconds: float = 0.0
    decoded: int = 0  # packets
    skipped: int = 0
    skipped_seconds: float = 0.0


class _Converter:
    """Sound of one rate and one set of channels to what is wanted."""

    def __init__(self, source_rate: int, places: list[str], rate: int, channels: int) -> None:
        self._source = source_rate, places
        self._channels = channels
        self._downmix = Downmix(places, source_rate, channels)
        self._resampler = soxr.ResampleStream(source_rate, rate, channels, dtype="float32", quality="HQ")

    def fits(self, source_rate: int, places: list[str]) -> bool:
        return self._source == (source_rate, places)

    def feed(self, samples: Samples) -> Samples:
        return self._shaped(self._resampler.resample_chunk(self._downmix.feed(samples)))

    def rest(self) -> Samples:
        nothing = np.zeros((0, self._channels), np.float32)
        return self._shaped(self._resampler.resample_chunk(nothing, last=True))

    def _shaped(self, samples: Samples) -> Samples:
        return np.clip(samples, -1, 1).reshape(-1, self._channels)  # at steps a resampler goes beyond its input


def _require_numbers(path: Path, samples: Samples, seconds: float, rate: int) -> None:
    are_numbers = np.isfinite(samples).all(axis=1)
    if not are_numbers.all():
        raise AudioError(
            f"{path.name} has a sample that is not a number at {seconds + int(np.argmin(are_numbers)) / rate:.3f} s, "
            "where -1 to 1 was expected: export the sound again."
        )


def _require_promised(
    path: Path, container: av.container.InputContainer, stream: av.AudioStream, seconds: float
) -> None:
    promised = _promised_seconds(path, container, stream)
    if seconds and seconds < promised - _TOLERATED_SHORTFALL:
        raise AudioError(
            f"{path.name} is truncated: it holds {seconds:.2f} s of sound "
            f"where its header promises {promised:.2f} s; copy or export it again."
        )


def _promised_seconds(path: Path, container: av.container.InputContainer, stream: av.AudioStream) -> float:
    """How long the sound is according to the file's header; 0 if that says nothing."""
    promised = _stated_seconds(container, stream)
    context = stream.codec_context
    if context.name.startswith("pcm_") and context.format is not None:
        size = promised * context.sample_rate * context.layout.nb_channels * context.format.bytes
        if is_placeholder(size, path.stat().st_size):
            return 0.0
    return promised


def _stated_seconds(container: av.container.InputContainer, stream: av.AudioStream) -> float:
    if container.format.name not in _CONTAINERS_WITH_LENGTH:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    is_only_sound = len(container.streams) == 1
    return (container.duration or 0) / av.time_base if is_only_sound else 0.0


def _frames_as_float(
    path: Path, container: av.container.InputContainer, stream: av.AudioStream, progress: _Progress
) -> Iterator[av.AudioFrame]:
    """All frames of a track as packed float32, whatever the file holds; damaged packets are left out and counted.

    PyAV's own conversion of planar sound to an array crashes from eight channels on.
    """
    converter: av.AudioResampler | None = None
    source: tuple[int, str] | None = None
    for packet in _packets(path, container, stream, progress):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            progress.skipped += 1
            if packet.duration and packet.time_base:
                progress.skipped_seconds += float(packet.duration * packet.time_base)
            continue
        progress.decoded += bool(frames)
        for frame in frames:
            if converter is None or source != (frame.sample_rate, frame.layout.name):
                if converter is not None:
                    yield from _converted(path, converter, None)
                source = frame.sample_rate, frame.layout.name
                converter = _to_float(path, frame)
            yield from _converted(path, converter, frame)
    if converter is not None:
        yield from _converted(path, converter, None)


def _converted(path: Path, converter: av.AudioResampler, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
    try:
        return converter.resample(frame)
    except av.FFmpegError as error:
        raise AudioError(
            f"{path.name} holds sound that cannot be converted, of {0 if frame is None else frame.layout.nb_channels} "
            "channels: export it again with one or two."
        ) from error


def _to_float(path: Path, frame: av.AudioFrame) -> av.AudioResampler:
    if frame.sample_rate not in _RATES:
        raise AudioError(
            f"{path.name} holds sound at {frame.sample_rate} Hz, expected were {_RATES.start} to {_RATES.stop - 1}: "
            "export it again."
        )
    return av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)


def _packets(
    path: Path, container: av.container.InputContainer, stream: av.AudioStream, progress: _Progress
) -> Iterator["av.Packet[av.AudioStream]"]:
    """All packets; after one that the container cannot make out, those that come behind it."""
    for _ in range(_MOST_FAULTS):
        try:
            yield from container.demux(stream)
        except av.InvalidDataError:
            progress.skipped += 1
        except av.FFmpegError as error:
            raise AudioError(
                f"{path.name} is broken after {progress.seconds:.2f} s ({error.strerror}): give a complete file."
            ) from error
        else:
            return
    raise AudioError(f"{path.name} is broken after {progress.seconds:.2f} s: give a complete file.")
