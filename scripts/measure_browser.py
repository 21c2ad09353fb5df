"""Let a real Chromium talk with the real server, and measure what arrives at its page.

    python scripts/measure_browser.py --seconds 300 --out out

Chromium's microphone hears the shipped speech, over and over. The last line is one JSON object; `out` gets a
screenshot. Mouth and sound are compared over the first `--watched` seconds: pictures and sound are recorded in the
page at the moment they are shown and heard. The mouth's opening in the pictures is measured with the face mesh, and
what it should be with the motion network, on the sound that the page received.
"""

import argparse
import base64
import json
import re
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

from liveface.app.session.pipeline import ASSETS, MODELS
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.landmarks import EYE_OUTER_LEFT, EYE_OUTER_RIGHT, FaceMesh
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import HOP, SAMPLE_RATE

CHROMIUM = "/usr/bin/chromium"
SPEECH = ASSETS / "audio" / "speech.wav"
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
)
LIPS_INSIDE = (13, 14)  # points of the face mesh: upper and lower
IN_STEP = 40  # ms that sound may be away from its picture
LONGEST_LAG = 10  # pictures, by which mouth and sound are shifted against each other
CHUNK = 200  # pictures that are fetched from the page at a time

# Notes every picture as it is shown, and for the first seconds keeps it with the sound of the page, at 16 kHz.
WATCH = """
(() => {
    const watch = (window.watch = { pictures: [], shots: [], sounds: [], readings: [], peer: null, answered: null });
    const { setRemoteDescription } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.setRemoteDescription = function (...description) {
        watch.peer = this;
        watch.answered ??= performance.now();
        return setRemoteDescription.apply(this, description);
    };
    document.addEventListener("reading", (event) => watch.readings.push(event.detail));
    document.addEventListener("DOMContentLoaded", () => {
        const video = document.querySelector("video");
        const canvas = new OffscreenCanvas(256, 256);
        const pen = canvas.getContext("2d");
        const see = (now, { expectedDisplayTime, presentedFrames }) => {
            watch.pictures.push([expectedDisplayTime, presentedFrames]);
            if (watch.sounds.length && expectedDisplayTime < watch.until) {
                pen.drawImage(video, 0, 0, 256, 256);
                watch.shots.push([expectedDisplayTime, canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 })]);
            }
            video.requestVideoFrameCallback(see);
        };
        video.requestVideoFrameCallback(see);
    });
    // Must be called after a click: only then may a page listen.
    watch.listen = (seconds) => {
        watch.until = performance.now() + 1000 * seconds;
        const context = new AudioContext({ sampleRate: 16000 });
        const ear = new AnalyserNode(context, { fftSize: 32768 });
        context.createMediaStreamSource(document.querySelector("video").srcObject).connect(ear);
        const sound = new Float32Array(32768);
        let heard = 0;
        const timer = setInterval(() => {
            const end = Math.round(context.currentTime * 16000);
            const now = performance.now();
            ear.getFloatTimeDomainData(sound);
            const fresh = Math.min(end - heard, 32768);
            heard = end;
            // The moment at which the last of these samples was heard.
            if (fresh > 0) watch.sounds.push([now, [...sound.slice(32768 - fresh)].map((x) => Math.round(x * 32767))]);
            if (now > watch.until) { clearInterval(timer); context.close(); }
        }, 200);
    };
    watch.shotsFrom = (first, count) => Promise.all(
        watch.shots.slice(first, first + count).map(async ([moment, blob]) => {
            const bytes = new Uint8Array(await (await blob).arrayBuffer());
            return [moment, btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""))];
        }),
    );
    watch.video = async () =>
        [...(await watch.peer.getStats()).values()]
            .find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
})();
"""

Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--watched", type=float, default=40.0, help="seconds over which mouth and sound are compared")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with serving() as address, speech_file() as speech, sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}"]
        with playwright.chromium.launch(executable_path=CHROMIUM, args=flags, chromium_sandbox=False) as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
            page.context.grant_permissions(["microphone"])
            page.add_init_script(WATCH)
            page.goto(address)
            page.wait_for_selector(".portrait img")
            numbers = measured(page, options.seconds, min(options.watched, options.seconds), options.out)
    print(json.dumps(numbers))


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server, which ends in the end."""
    command = [sys.executable, "-m", "liveface.app.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            greeting = process.stdout.readline()
            found = re.search(r"http://\S+", greeting)
            assert found, f"the server did not start: {greeting}"
            yield found[0]
        finally:
            process.terminate()


@contextmanager
def speech_file() -> Iterator[Path]:
    """The shipped speech as Chromium's microphone wants it: 48 kHz."""
    with wave.open(str(SPEECH)) as source, tempfile.NamedTemporaryFile(suffix=".wav") as file:
        pcm = np.frombuffer(source.readframes(source.getnframes()), np.int16)
        with wave.open(file.name, "wb") as target:
            target.setparams((1, 2, 48_000, 0, "NONE", ""))
            target.writeframes(soxr.resample(pcm, source.getframerate(), 48_000).tobytes())
        yield Path(file.name)


def measured(page: Page, seconds: float, watched: float, out: Path) -> dict[str, object]:
    """Hold a conversation and tell how it went."""
    page.click("#start")
    page.wait_for_selector("#stage[data-live], #message:not([hidden])")
    if page.is_visible("#message"):
        raise SystemExit(page.inner_text("#message"))
    page.wait_for_timeout(2000)  # jitter buffers settle
    before, began = page.evaluate("watch.video()"), time.perf_counter()
    page.evaluate("(seconds) => watch.listen(seconds)", watched)
    page.wait_for_timeout(1000 * watched)
    page.screenshot(path=out / "browser.png")
    page.wait_for_timeout(1000 * max(0.0, seconds - watched))
    after, passed = page.evaluate("watch.video()"), time.perf_counter() - began
    readings = page.evaluate("watch.readings")[2:]
    offsets = [reading["sync"] for reading in readings if reading["sync"] is not None]
    shown = np.array(page.evaluate("watch.pictures"))
    gaps = np.diff(shown[:, 0])
    return {
        "first_picture_ms": round(float(shown[0, 0] - page.evaluate("watch.answered"))),
        "seconds": round(passed, 1),
        "fps": round((after["framesDecoded"] - before["framesDecoded"]) / passed, 2),
        "size": [after["frameWidth"], after["frameHeight"]],
        "freezes": after["freezeCount"],
        "freezes_seconds": round(after["totalFreezesDuration"], 3),
        "pictures_dropped_in_the_page": after["framesDropped"],
        "longest_gap_ms": round(float(gaps.max())),
        "sound_after_picture_ms": distribution(readings, "sync"),
        "in_step": round(float(np.mean([abs(offset) <= IN_STEP for offset in offsets])), 3),
        "delay_ms": distribution(readings, "delay"),
        "skipped": readings[-1]["skipped"],
        "loss": max(reading["loss"] or 0.0 for reading in readings),
        "bitrate": round(float(np.mean([reading["bitrate"] for reading in readings if reading["bitrate"]]))),
        **lips(page),
        "screenshot": str(out / "browser.png"),
    }


def distribution(readings: list[dict[str, float | None]], name: str) -> dict[str, float] | None:
    """Percentiles of one number of the page's meter, and how far it was from zero at worst."""
    values = [value for reading in readings if (value := reading[name]) is not None]
    if not values:
        return None
    p5, p50, p95 = np.percentile(values, (5, 50, 95))
    furthest = max(values, key=abs)
    return {"p5": round(p5, 1), "p50": round(p50, 1), "p95": round(p95, 1), "furthest": round(furthest, 1)}


def lips(page: Page) -> dict[str, object]:
    """How well the mouth that was seen follows the sound that was heard with it.

    `lips_lag_ms`: by how much the pictures have to be shifted for the best correlation; positive where they are late.
    """
    moments, openings = seen(page)
    pcm, origin = heard(page.evaluate("watch.sounds"))
    motions = Streamer(StepNetwork(MODELS / "motion.onnx")).feed(pcm)
    units = np.array([motion.action_units for motion in motions])
    wanted = units[:, ACTION_UNITS.index(25)] + units[:, ACTION_UNITS.index(26)]
    loudness = np.array([np.sqrt(np.mean(motion.pcm**2)) for motion in motions])
    middles = origin + (np.arange(len(motions)) + 0.5) * HOP * 1000 / SAMPLE_RATE
    # A picture is shown from its moment on, for 40 ms: its middle is 20 ms later.
    lags = np.arange(-LONGEST_LAG, LONGEST_LAG + 0.125, 0.125) * 40
    curve = [correlation(np.interp(moments + 20 - lag, middles, wanted), openings) for lag in lags]
    best = int(np.argmax(curve))
    return {
        "lips_correlation": round(correlation(np.interp(moments + 20, middles, wanted), openings), 3),
        "lips_correlation_with_loudness": round(correlation(np.interp(moments + 20, middles, loudness), openings), 3),
        "lips_best_correlation": round(curve[best], 3),
        "lips_lag_ms": round(float(lags[best]), 1),
        "pictures_compared": len(moments),
    }


def seen(page: Page) -> tuple[Floats, Floats]:
    """Moments (T,) of the recorded pictures in ms of the page's clock, and how far the lips are apart there, in IOD."""
    mesh = FaceMesh.load(MODELS)
    moments, openings = [], []
    count = page.evaluate("watch.shots.length")
    for first in range(0, count, CHUNK):
        for moment, data in page.evaluate("([first, count]) => watch.shotsFrom(first, count)", [first, CHUNK]):
            picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            if faces := mesh.faces(np.ascontiguousarray(picture[:, :, ::-1], np.uint8)):
                points = faces[0].points[:, :2]
                apart = np.linalg.norm(points[LIPS_INSIDE[1]] - points[LIPS_INSIDE[0]])
                moments.append(moment)
                openings.append(apart / np.linalg.norm(points[EYE_OUTER_LEFT] - points[EYE_OUTER_RIGHT]))
    return np.array(moments), np.array(openings)


def heard(sounds: list[list[Any]]) -> tuple[NDArray[np.float32], float]:
    """The recorded sound, float32 (n,) at 16 kHz, and the moment of its first sample in ms of the page's clock."""
    pcm = np.concatenate([np.array(samples, np.float32) for _, samples in sounds]) / 32768
    ends = np.cumsum([len(samples) for _, samples in sounds]) * 1000 / SAMPLE_RATE
    # Each piece was fetched somewhat after its last sample: the promptest tells the moment best.
    return pcm.astype(np.float32), float(min(moment - end for (moment, _), end in zip(sounds, ends, strict=True)))


def correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a, b)[0, 1])


if __name__ == "__main__":
    main()
