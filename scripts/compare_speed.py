"""Compares our speed with that of a network of Wav2Lip's size, side by side on this machine.

    python scripts/compare_speed.py [--threads 2] [--seconds 20]

The other network is drawn at random with the published shape of Wav2Lip (Prajwal et al., 2020): two pictures of 96 x 96
pixels and 16 frames of 80 mel bins in, a face of 96 x 96 pixels out, 36 M parameters. Only speed counts: both run in
OpenVINO in float32, by turns, one picture at a time; ours is timed as the network alone and as the whole picture of
512 x 512 pixels. Needs `pip install 'liveface[train]'`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import torch
from torch import Tensor, nn

from liveface.app.session.pipeline import DEFAULT_AVATAR, MODELS
from liveface.engine.backends.openvino import PaintNetworks, operations
from liveface.engine.backends.precision import probe
from liveface.engine.drawing.renderer import MouthRenderer
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.media import HOP, Motion

SIDE = 512  # pixels of our picture
# Channels, stride and number of 3x3 layers of each stage of the face encoder.
FACE_STAGES = ((32, 2, 3), (64, 2, 4), (128, 2, 3), (256, 2, 3), (512, 2, 2))
# Channels, stride in bins and frames, and number of 3x3 layers of each stage of the sound encoder.
SOUND_STAGES = ((32, (1, 1), 3), (64, (3, 1), 3), (128, (3, 3), 3), (256, (3, 2), 2))
# Channels of each enlarging stage of the decoder, from 3x3 to 96x96 pixels; two 3x3 layers follow each.
DECODER_STAGES = (512, 512, 384, 256, 128, 64)
DECODER_LAYERS = (1, 2, 2, 2, 2, 2)


class Layer(nn.Sequential):
    """A 3x3 convolution without norm, which folds away: (B, C, H, W) to (B, wide, H / stride, W / stride)."""

    def __init__(self, narrow: int, wide: int, stride: int | tuple[int, int] = 1, padding: int = 1) -> None:
        super().__init__(nn.Conv2d(narrow, wide, 3, stride, padding), nn.ReLU(inplace=True))


class LargeNetwork(nn.Module):
    """An encoder and decoder with the shape of Wav2Lip's generator."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(6, 16, 7, 1, 3), nn.ReLU(inplace=True))
        widths, self.face = [16], nn.ModuleList()
        for wide, stride, layers in FACE_STAGES:
            rest = [Layer(wide, wide) for _ in range(layers - 1)]
            self.face.append(nn.Sequential(Layer(widths[-1], wide, stride), *rest))
            widths.append(wide)
        self.face.append(nn.Sequential(Layer(512, 512, 1, 0), nn.Conv2d(512, 512, 1), nn.ReLU(inplace=True)))
        widths.append(512)
        sound: list[nn.Module] = []
        narrow = 1
        for wide, stride, layers in SOUND_STAGES:
            sound += [Layer(narrow, wide, stride), *(Layer(wide, wide) for _ in range(layers - 1))]
            narrow = wide
        self.sound = nn.Sequential(*sound, Layer(narrow, 512, 1, 0), nn.Conv2d(512, 512, 1), nn.ReLU(inplace=True))
        self.leave_code = nn.Sequential(nn.Conv2d(512, 512, 1), nn.ReLU(inplace=True))
        self.decoder = nn.ModuleList()
        narrow = 512 + widths.pop()
        for index, (wide, layers) in enumerate(zip(DECODER_STAGES, DECODER_LAYERS, strict=True)):
            enlarge = (
                nn.ConvTranspose2d(narrow, wide, 3) if index == 0 else nn.ConvTranspose2d(narrow, wide, 3, 2, 1, 1)
            )
            rest = [Layer(wide, wide) for _ in range(layers)]
            self.decoder.append(nn.Sequential(enlarge, nn.ReLU(inplace=True), *rest))
            narrow = wide + widths.pop()
        self.leave = nn.Sequential(Layer(narrow, 32), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, sound: Tensor, faces: Tensor) -> Tensor:
        """A face (B, 3, 96, 96) for sound (B, 1, 80, 16) and two pictures (B, 6, 96, 96)."""
        skips = [self.enter(faces)]
        for stage in self.face:
            skips.append(stage(skips[-1]))
        values = self.leave_code(self.sound(sound))
        for stage in self.decoder:
            values = stage(torch.cat([values, skips.pop()], dim=1))
        output: Tensor = self.leave(torch.cat([values, skips.pop()], dim=1))
        return output


def large(folder: Path, threads: int) -> tuple[Callable[[], object], int]:
    """One run of the large network, and its operations."""
    path = folder / "large.onnx"
    torch.onnx.export(
        LargeNetwork().eval(), (torch.zeros(1, 1, 80, 16), torch.zeros(1, 6, 96, 96)), str(path), dynamo=False
    )
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    random = np.random.default_rng(0)
    for tensor in request.input_tensors:
        tensor.data[:] = random.random(tuple(tensor.shape), np.float32)
    return request.infer, operations(path)


def ours(threads: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """One run of our network, and one whole picture."""
    painter = PaintNetworks(MODELS / "identity.onnx", MODELS / "generator.onnx", threads)
    photo, inputs, code = probe()
    identity = painter.identify(photo)
    renderer, avatar = MouthRenderer(painter), Avatar.load(DEFAULT_AVATAR).framed(SIDE, SIDE)
    motion = Motion(
        0, np.zeros(len(ACTION_UNITS), np.float32), np.full(CODE_SIZE, 0.5, np.float32), np.zeros(HOP, np.float32), True
    )
    return lambda: painter.paint(inputs, code, identity), lambda: renderer.draw([motion], [avatar])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        their_run, count = large(Path(folder), arguments.threads)
    own_run, own_picture = ours(arguments.threads)
    runs = {"large": their_run, "network": own_run, "picture": own_picture}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    begun = time.perf_counter()
    while time.perf_counter() - begun < arguments.seconds:
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    median = {name: float(np.median(values)) * 1000 for name, values in times.items()}
    print(
        f"A network of Wav2Lip's size, 96 x 96 pixels: {count / 2e9:.2f} GMAC, {median['large']:.1f} ms\n"
        f"Our network: {operations(MODELS / 'generator.onnx') / 2e9:.2f} GMAC, {median['network']:.1f} ms, "
        f"{median['large'] / median['network']:.1f} times as fast\n"
        f"Our whole picture, {SIDE} x {SIDE} pixels: {median['picture']:.1f} ms, "
        f"{median['large'] / median['picture']:.1f} times as fast\n"
        f"{arguments.threads} threads, medians of {len(times['large'])} runs by turns"
    )


if __name__ == "__main__":
    main()
