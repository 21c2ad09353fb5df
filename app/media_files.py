"""Reads sound and pictures from any file that PyAV can open. Knows nothing of devices or of time."""

import struct
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import av
import numpy as np
import soxr

from engine.errors import AudioError, MediaError
from engine.media import SAMPLE_RATE, Picture, Samples

_SOUND_SUFFIXES = (".wav", ".flac", ".m4a", ".mp3", ".opus", ".ogg")
# Containers whose header promises a length; elsewhere the length is a guess from the bit rate.
_CONTAINERS_WITH_LENGTH = {"wav", "w64", "aiff", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_TOLERATED_SHORTFALL = 0.1  # s, between the promised length and the decoded one: encoder padding and rounding
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # written by programs that stream a WAV and never learn its length


def read_audio(path: Path, rate: int = SAMPLE_RATE, check: Callable[[], None] = lambda: None) -> Samples:
    """The whole sound of a file, mixed to one channel: float32 (n,), -1 to 1, `rate` Hz.

    `check` is called after each second of sound; what it raises ends the reading. Raises `AudioError` if the file is
    missing, broken, truncated, empty, without sound or not finite.
    """
    seconds = []
    for second in iterate_audio(path, rate, rate):
        check()
        seconds.append(second)
    return np.concatenate(seconds)[:, 0]


def iterate_audio(path: Path, block: int, rate: int = SAMPLE_RATE, channels: int = 1) -> Generator[Samples, None, None]:
    """The sound of a file in blocks of float32 (block, channels), -1 to 1, `rate` Hz; only the last may be shorter.

    One channel is the mean of the file's; a second one is its own only in a stereo file. Raises as `read_audio` does.
    """
    pending: list[Samples] = []
    size = 0
    for piece in _resampled(path, rate, channels):
        pending.append(piece)
        size += len(piece)
        if size >= block:
            joined = np.concatenate(pending)
            whole = size - size % block
            yield from joined[:whole].reshape(-1, block, channels)
            pending, size = [joined[whole:]], size - whole
    if size:
        yield np.concatenate(pending)


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


def _open(path: Path, kind: type[MediaError] = AudioError) -> av.container.InputContainer:
    if not path.is_file():
        raise kind(f"{path} does not exist or is not a file: give the path of a media file.")
    if path.stat().st_size == 0:
        raise kind(f"{path.name} is empty (0 bytes): give a media file with content.")
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise kind(
            f"{path.name} is broken or not a media file ({error.strerror}): give a WAV, FLAC, MP3 or MP4."
        ) from error


def _resampled(path: Path, rate: int, channels: int) -> Iterator[Samples]:
    """Decoded sound at `rate`, in pieces of any size, float32 (n, channels); checks what the file promised."""
    _check_wave_header(path)
    with _open(path) as container:
        if not container.streams.audio:
            raise AudioError(f"{path.name} holds no sound: give a file with an audio track.")
        stream = container.streams.audio[0]
        source_rate = stream.codec_context.sample_rate
        resampler = soxr.ResampleStream(source_rate, rate, channels, dtype="float32", quality="HQ")
        decoded = 0
        try:
            for frame in _frames_as_float(container, stream):
                samples = frame.to_ndarray().reshape(-1, frame.layout.nb_channels).astype(np.float32, copy=False)
                if not np.isfinite(samples).all():
                    first = decoded + int(np.argmin(np.isfinite(samples).all(axis=1)))
                    raise AudioError(
                        f"{path.name} has a sample that is not a number at {first / source_rate:.3f} s, "
                        "where -1 to 1 was expected: export the sound again."
                    )
                decoded += len(samples)
                piece = resampler.resample_chunk(_mixed(samples, channels))
                yield piece.reshape(-1, channels)
        except av.FFmpegError as error:
            raise AudioError(
                f"{path.name} is broken after {decoded / source_rate:.2f} s ({error.strerror}): give a complete file."
            ) from error
        if decoded == 0:
            raise AudioError(f"{path.name} holds 0 seconds of sound: give a file with at least one sample.")
        promised = _promised_seconds(container, stream)
        if decoded / source_rate < promised - _TOLERATED_SHORTFALL:
            raise AudioError(
                f"{path.name} is truncated: it holds {decoded / source_rate:.2f} s of sound "
                f"where its header promises {promised:.2f} s; copy or export it again."
            )
        yield resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True).reshape(-1, channels)


def _promised_seconds(container: av.container.InputContainer, stream: av.AudioStream) -> float:
    """How long the sound is according to the file's header; 0 if that says nothing."""
    if container.format.name not in _CONTAINERS_WITH_LENGTH:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    is_only_sound = len(container.streams) == 1
    return (container.duration or 0) / av.time_base if is_only_sound else 0.0


def _frames_as_float(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """All frames of a track as packed float32, whatever the file holds.

    PyAV's own conversion of planar sound to an array crashes from eight channels on.
    """
    converter: av.AudioResampler | None = None
    for frame in container.decode(stream):
        if converter is None:
            converter = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        yield from converter.resample(frame)
    if converter is not None:
        yield from converter.resample(None)


def _mixed(samples: Samples, channels: int) -> Samples:
    samples = np.clip(samples, -1, 1)
    if samples.shape[1] == channels:
        return np.ascontiguousarray(samples)
    return np.repeat(samples.mean(axis=1, keepdims=True), channels, axis=1)


def _check_wave_header(path: Path) -> None:
    """Raise `AudioError` if a WAV file holds less sound than its header promises: the decoder would not say so."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                present = path.stat().st_size - file.tell()
                if size == 0 and present == 0:
                    raise AudioError(f"{path.name} holds 0 seconds of sound: give a file with at least one sample.")
                if size not in _UNKNOWN_SIZES and present < size:
                    raise AudioError(
                        f"{path.name} is truncated: it holds {present} bytes of sound, its header promises {size}; "
                        "copy or export it again."
                    )
                return
            file.seek(size + size % 2, 1)
    raise AudioError(f"{path.name} is truncated before its sound begins: copy or export it again.")
