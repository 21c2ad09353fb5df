"""Measures the whole program in its window over a long time: what drifts, what grows, what is lost.

    .venv/bin/python scripts/measure_window.py --seconds 1800

Starts a PulseAudio server and a screen of its own and the program as a user would, lets it hear the shipped sentence
again and again, switches its virtual microphone on by the keyboard, and records that beside the microphone. Each five
seconds both are compared by cross-correlation, and the program's memory, threads and files are counted. Ends in one
line of JSON. Needs pulseaudio-utils, Xvfb and xdotool.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from measure_call import Recording, serve_sound
from numpy.typing import NDArray
from scipy.signal import correlate

from liveface.app.audio.virtual_microphone import SOURCE
from liveface.app.measure.virtual_screen import VirtualScreen
from liveface.app.session.clock import MonotonicClock
from liveface.engine.bench import trend
from liveface.engine.media import SAMPLE_RATE

APPEARING = 5.0  # s, until the virtual microphone is there
SETTLING = 30.0  # s, in which the voice finds its delay and buffers fill
STEP = 5.0  # s from one look to the next
SPAN = SAMPLE_RATE  # samples that are compared: longer ones are not alike where the voice is being stretched
LATEST = 0.6  # s that the voice may be late
ALIKE = 0.8  # correlation
HOUR = 3600.0

Array = NDArray[np.float64]


def main(seconds: Annotated[float, typer.Option()] = 120.0) -> None:
    """Start, speak, record, compare."""
    clock = MonotonicClock()
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        serve_sound(folder, resources)
        os.environ |= {"HOME": str(folder), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}
        os.environ |= resources.enter_context(VirtualScreen()).environment
        command = [sys.executable, "-m", "liveface.app.cli", "run", "--microphone", "Desk"]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        resources.callback(program.kill)
        # Who records wants the sound sooner than the program does, and PulseAudio then hurries for all.
        with Recording("desk", clock) as microphone:
            press(program, "ctrl+j")
            look = Look(program.pid)
            time.sleep(APPEARING)
            with Recording(SOURCE, clock) as voice:
                time.sleep(SETTLING)
                began = clock.now()
                until = began + seconds
                while (left := until - clock.now()) > 0 and program.poll() is None:
                    look.again()
                    time.sleep(min(STEP, left))
            press(program, "ctrl+q")
            line, _ = program.communicate(timeout=30)
    moments, delays = compared(voice, microphone, began)
    numbers = {
        "seconds": round(seconds),
        "status": program.returncode,
        "at_the_end": " ".join(line.split()),
        "voice_after_microphone_ms": {
            f"p{part}": round(1000 * float(np.percentile(delays, part)), 1) for part in (5, 50, 95)
        },
        "in_each_third": [round(1000 * float(np.median(part)), 1) for part in np.array_split(delays, 3)],
        "compared": len(delays),
        "drift_ms_per_hour": hourly(moments, 1000 * delays),
        **look.numbers(),
    }
    print(json.dumps(numbers))


def press(program: "subprocess.Popen[str]", keys: str) -> None:
    """Type into the program's window, once there is one."""
    for _ in range(300):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^liveface$"], capture_output=True, text=True, check=False
        )
        if window := found.stdout.partition("\n")[0]:
            time.sleep(3)  # it is there before it listens
            subprocess.run(["xdotool", "windowfocus", window, "key", keys], check=True)
            return
        if program.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("The window did not open.")


class Look:
    """What a process holds, as Linux counts it."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")
        self._seen: list[tuple[float, float, int, int]] = []

    def again(self) -> None:
        """Count once more."""
        pages = int((self._folder / "statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        threads, files = (len(list((self._folder / name).iterdir())) for name in ("task", "fd"))
        self._seen.append((time.monotonic(), memory, threads, files))

    def numbers(self) -> dict[str, object]:
        """First, last and most; the slope is that of the last three quarters."""
        moments, memory, threads, files = np.array(self._seen).T
        late = len(moments) // 4
        return {
            "memory_mb": [round(float(memory[place]), 1) for place in (0, late, -1)],
            "memory_mb_per_hour": hourly(moments[late:], memory[late:]),
            "threads": [int(threads[0]), int(threads[-1]), int(threads.max())],
            "files": [int(files[0]), int(files[-1]), int(files.max())],
        }


def compared(voice: Recording, microphone: Recording, began: float) -> tuple[Array, Array]:
    """By cross-correlation: moments, and by how much the voice is later than the microphone then, both in seconds."""
    found = []
    for moment in np.arange(began, voice.ended - SPAN / SAMPLE_RATE - LATEST - 1, STEP):
        spoken, _ = microphone.cut(moment, SPAN)
        heard, begin = voice.cut(moment, SPAN + round(LATEST * SAMPLE_RATE))
        best = int(np.argmax(correlate(heard, spoken, "valid")))
        if np.corrcoef(heard[best : best + SPAN], spoken)[0, 1] > ALIKE:
            found.append((moment, begin + best / SAMPLE_RATE - moment))
    moments, delays = np.array(found).reshape(-1, 2).T
    return moments, delays


def hourly(moments: Array, values: Array) -> list[float] | None:
    """The slope in an hour, and 1.96 standard errors of it."""
    line = trend(moments, values)
    return None if line is None else [round(line.slope * HOUR, 2), round(1.96 * line.standard_error * HOUR, 2)]


if __name__ == "__main__":
    typer.run(main)
