"""What the tests of the benchmark share: a painter that costs nothing, and numbers without a measurement."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from liveface.app.measure.bench import FORMAT, STAGES, SUMS

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

_DURATIONS = {"count": 50, "mean": 2.0, "p50": 1.5, "p95": 3.0, "p99": 4.0, "max": 5.0}


class FakePainter:
    """Lightens every mouth; remembers the sizes of the batches."""

    batch = 8

    def __init__(self) -> None:
        self.batches: list[int] = []

    def identify(self, photo: Array) -> tuple[Array, ...]:
        return (photo[:, :, ::4, ::4],)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        assert len(inputs) == len(told) == len(identity[0])
        self.batches.append(len(inputs))
        change = np.full_like(inputs[:, :3], 0.1)
        return lambda: change


def numbers(factor: float = 1.0) -> dict[str, Any]:
    """Every duration is `factor` times as long."""
    durations = {name: value * factor for name, value in _DURATIONS.items()}
    rate = {"fps": 50.0 / factor, "real_time_factor": 2.0 / factor}
    live = {"promised_ms": 85.0, "mic_to_picture_ms": durations, "fps": 25.0, "skipped": 0}
    running = {
        "available": True,
        "load_s": 0.5,
        "generator_ms": durations,
        "sides": {"256": rate, "512": rate},
        "batches": {"1": rate | {"generator_fps": 70.0}, "4": rate | {"generator_fps": 80.0}},
        "memory_mb": 200.0,
    }
    network = {"operations": 10**8, "threads": 2, "floor_ms": 4.0, "measured_ms": 8.0, "times_the_floor": 2.0}
    return copy.deepcopy(
        {
            "liveface_bench": FORMAT,
            "machine": {
                "cpu": "A <fast> processor",
                "cores": 2,
                "memory_mb": 4096,
                "os": "Linux",
                "python": "3.11.0",
                "libraries": {"numpy": "2"},
                "liveface": "0.1.0",
                "commit": f"commit{factor:g}",
            },
            "quality": {
                "source": "docs/hearing.md",
                "lookahead": {str(ahead): {"S r": 0.9, "U r": 0.8} for ahead in range(7)},
            },
            "stages_ms": {stage: {"cold": 9.0, "warm": durations, "steady": durations} for stage in (*STAGES, *SUMS)},
            "picture": rate,
            "cold": {
                "program_s": 0.5,
                "motion_network_s": 0.1,
                "drawing_networks_s": 0.4,
                "avatar_s": 0.01,
                "to_first_picture_s": 1.2,
            },
            "precision": "f32",
            "overhead": {"percent": 0.1, "standard_error_percent": 0.2, "calculated_percent": 0.05},
            "lookaheads": {"0": live, "2": live, "6": live | {"mic_to_picture_ms": None}},
            "one_core": rate,
            "backends": {"openvino f32": running, "openvino bf16": {"available": False, "reason": "no [bfloat16]"}},
            "floor": {"peak_gflops": {"1": 80.0, "2": 160.0}, "generator": network, "motion": network},
            "memory_mb": {"loaded": 100.0, "after_stages": 110.0, "after_live": 120.0, "most": 130.0},
            "other_programs_percent": 3.0,
            "seconds": 55.0,
        }
    )


def soak() -> dict[str, Any]:
    """What a live session of a minute adds."""
    slope = {"slope": 0.5, "standard_error": 0.4}
    return {
        "seconds": 60.0,
        "frames": 1500,
        "fps": 25.0,
        "skipped": 1,
        "lost_ms": 0,
        "mic_to_picture_ms": _DURATIONS,
        "stages_ms": {"draw": _DURATIONS},
        "drift_ms_per_hour": slope,
        "memory_mb": {"first": 100.0, "last": 101.0, "most": 101.0},
        "memory_mb_per_hour": slope,
        "curves": {
            "memory_mb": [[0.0, 100.0], [60.0, 101.0]],
            "mic_to_picture_ms": [[0.0, 145.0, 150.0], [59.0, 146.0, 151.0]],
        },
    }
