"""Makes generator.int8.onnx, the generator in 8-bit integers, beside a generator.onnx.

    python scripts/quantise_generator.py assets/models EXAMPLES [--count 48] [--keep-float NAME ...]

EXAMPLES is a folder of mouth examples as `liveface train generator` cuts them (planes.npy, told.npy). It prints the
error against the original on examples that the calibration has not seen. Needs `pip install onnxruntime==1.31.0`.
At start-up liveface measures the file against the original, and uses it only if it is faster and exact enough.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from liveface.app.files.model_files import write_sums
from liveface.engine.train.mouth_samples import INPUTS, REFERENCE

Feed = dict[str, NDArray[np.float32]]

# The last layer sets the change of colours, the first reads them: an error there is seen at once.
ENDS = ("/change/", "/enter/enter.0/")


class Examples(CalibrationDataReader):  # type: ignore[misc]
    """Feeds the generator with examples, one by one."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self.feeds = feeds

    def get_next(self) -> Feed | None:
        """Return the next example, None after the last."""
        return next(self.feeds, None)


def feeds(models: Path, examples: Path, chosen: range) -> Iterator[Feed]:
    identity = onnxruntime.InferenceSession(models / "identity.onnx", providers=["CPUExecutionProvider"])
    planes = np.load(examples / "planes.npy", mmap_mode="r")
    told = np.load(examples / "told.npy")
    for index in chosen:
        stack = np.ascontiguousarray(planes[index].transpose(2, 0, 1)[None], np.float32) / 255
        maps = identity.run(None, {"photo": stack[:, REFERENCE]})
        yield {
            "inputs": stack[:, INPUTS],
            "told": told[index : index + 1],
            **dict(zip(("fine", "middle", "coarse"), maps, strict=True)),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("examples", type=Path)
    parser.add_argument("--count", type=int, default=48, help="examples to calibrate with")
    parser.add_argument("--keep-float", nargs="*", default=ENDS, help="parts of names of nodes that stay float")
    arguments = parser.parse_args()
    original, result = arguments.models / "generator.onnx", arguments.models / "generator.int8.onnx"
    available = len(np.load(arguments.examples / "told.npy", mmap_mode="r"))
    step = max(1, available // arguments.count)
    with tempfile.TemporaryDirectory(dir=arguments.models) as folder:
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / result.name
        quant_pre_process(original, prepared, skip_symbolic_shape=True)
        nodes = onnx.load(prepared).graph.node
        kept = [node.name for node in nodes if any(part in node.name for part in arguments.keep_float)]
        quantize_static(
            prepared,
            quantised,
            Examples(feeds(arguments.models, arguments.examples, range(0, available, step))),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "ConvTranspose"],
            nodes_to_exclude=kept,
        )
        network = onnx.load(quantised)
        # A test compares it, so that an older generator's integers are not shipped beside a newer one.
        onnx.helper.set_model_props(network, {"source": hashlib.sha256(original.read_bytes()).hexdigest()})
        onnx.save(network, quantised)
        quantised.replace(result)
    write_sums(arguments.models)
    sessions = [onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in (original, result)]
    worst: list[Any] = []
    for feed in feeds(arguments.models, arguments.examples, range(step // 2, available, 4 * step)):
        change, other = (session.run(["change"], feed)[0] for session in sessions)
        worst.append((np.abs(change - other).mean() * 255, np.abs(change - other).max() * 255))
    mean, largest = np.array(worst).T
    print(f"{result}: mean error {mean.mean():.2f}, largest {largest.max():.0f} of 255 on {len(worst)} other examples")


if __name__ == "__main__":
    main()
