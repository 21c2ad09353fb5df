"""Programs of others that publish and play, against the real server. Each is used as its makers deliver it.

FFmpeg comes with imageio-ffmpeg. Eyevinn's libraries for browsers, and libdatachannel, with which OBS publishes, come
from npm into the cache folder of pytest; without npm or its registry these tests are skipped.
"""

import asyncio
import shutil
import struct
import subprocess
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
import soxr
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer, unused_port
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright
from scipy.fft import irfft, next_fast_len, rfft

from liveface.app.files.media_files import read_audio
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import SAMPLE_RATE
from tests.app.server.loopback import here
from tests.app.server.player import PATIENCE, Watched, watch
from tests.app.server.whip_offers import PLAYER
from tests.app.server.whip_receiver import Receiver
from tests.web.live_server import serving

SPEECH = ASSETS / "audio" / "speech.wav"
CLIENTS = Path(__file__).parent / "clients"
CHROMIUM = Path("/usr/bin/chromium")
SITE = "http://localhost:9"  # of another origin than the server; nothing listens there
TOKEN = "a-token-that-is-long-enough"
PIECE = 4800  # samples of sound, 0.3 s, that are looked for in the speech
IN_STEP = 160  # samples, by which pieces of the same passage may differ
AUDIBLE = 0.02  # of full scale
LISTENED = 8 * PIECE  # samples, the latest
PIECES = 4  # that must be found; what is no speech of ours has 2 by chance
PICTURES = 12
MOVING = 0.2  # grey values between two pictures of a face that speaks, in its lower half


@pytest.fixture(scope="module", autouse=True)
def loopback() -> Iterator[None]:
    with here():
        yield


@pytest.fixture(scope="module")
def other_port() -> int:
    """Of the server that ours may push to."""
    return unused_port()


@pytest.fixture(scope="module")
def server(other_port: int) -> Iterator[str]:
    options = ("--token", TOKEN, "--allow-origin", SITE, "--size", "256x256")
    with serving(*options, "--push-to", f"http://127.0.0.1:{other_port}/") as (address, _):
        yield address.rstrip("/")


@pytest.fixture(scope="module")
def modules(pytestconfig: pytest.Config) -> Path:
    """The folder in which the clients lie beside their libraries."""
    folder = Path(pytestconfig.cache.mkdir("whip_clients"))
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is absent: install it to test the clients of others")
    for file in CLIENTS.iterdir():
        shutil.copy(file, folder)
    wanted, installed = (folder / "package.json").read_text(), folder / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
            pytest.skip(f"npm cannot install the clients of others: {' / '.join(said[:2])}")
        installed.write_text(wanted)
    return folder


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    return read_audio(SPEECH)


@pytest.fixture
def browser(tmp_path: Path, speech: NDArray[np.float32]) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is absent: install the package chromium")
    microphone = tmp_path / "speech.wav"
    with wave.open(str(microphone), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes((soxr.resample(speech, SAMPLE_RATE, 48_000) * 32767).astype(np.int16).tobytes())
    flags = (
        *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"),
        *("--disable-component-update", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        *("--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required"),
        "--disable-features=LocalNetworkAccessChecks",  # of a page that a test makes up
        f"--use-file-for-fake-audio-capture={microphone}",
    )
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, chromium_sandbox=False)
        with running:
            yield running


def recognised(sound: NDArray[np.float32], speech: NDArray[np.float32]) -> int:
    """How many pieces of the latest sound are found in the speech, in step with one another; both are of 16 kHz."""
    recent = sound[-LISTENED:]
    starts = range(0, len(recent) - PIECE, PIECE // 2)
    pieces = [recent[start : start + PIECE] for start in starts]
    length = next_fast_len(len(speech) + PIECE)
    heard = rfft(np.array(pieces).reshape(-1, PIECE), length)
    likeness = np.abs(irfft(rfft(speech, length) * heard.conj(), length)[:, : len(speech) - PIECE])
    energy = np.cumsum(np.square(speech, dtype=np.float64))
    places = (likeness / np.sqrt(energy[PIECE:] - energy[:-PIECE] + 1e-6)).argmax(axis=1)
    offsets = np.array(
        [
            place - start
            for place, start, piece in zip(places, starts, pieces, strict=True)
            if np.sqrt(np.square(piece).mean()) > AUDIBLE
        ]
    )
    return max(((offsets >= least) & (offsets < least + IN_STEP)).sum() for least in offsets) if len(offsets) else 0


def most_motion(pictures: list[NDArray[Any]]) -> float:
    """Between one picture and the next, in grey values."""
    changes = [np.abs(one.astype(float) - other).mean() for one, other in pairwise(pictures)]
    return max(changes, default=0.0)


def test_other_sound_is_not_recognised(speech: NDArray[np.float32]) -> None:
    """What the tests below rest on."""
    half = len(speech) // 2
    assert recognised(speech[half:], speech[:half]) < PIECES
    assert recognised(np.zeros(half, np.float32), speech) == 0
    assert recognised(speech[half : half + 3 * LISTENED // 2], speech) >= PIECES


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is asked to end, and waited for, in the end."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as program:
        try:
            yield program
        finally:
            program.terminate()


def has_spoken(watched: Watched, speech: NDArray[np.float32]) -> bool:
    """Once it has, it has, whatever is heard thereafter."""
    if not watched.has_spoken and len(watched.pictures) >= PICTURES:
        sound = soxr.resample(watched.pcm()[-3 * (LISTENED + IN_STEP) :], 48_000, SAMPLE_RATE)
        watched.has_spoken = recognised(sound, speech) >= PIECES
    return watched.has_spoken


def assert_speaks(watched: Watched, speech: NDArray[np.float32]) -> None:
    assert has_spoken(watched, speech)
    assert {picture.shape for picture in watched.pictures} == {(256, 256, 3)}
    assert most_motion([picture[128:] for picture in watched.pictures]) > MOVING


def ffmpeg(address: str, *, has_picture: bool) -> list[str]:
    """Publish the speech again and again; H.264 as FFmpeg chooses it is of a profile that browsers do not have."""
    picture = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25"] if has_picture else []
    coded = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "0"] if has_picture else []
    return [
        *(
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-nostdin",
            "-re",
            *picture,
            "-stream_loop",
            "-1",
            "-i",
            str(SPEECH),
            *coded,
        ),
        *("-c:a", "libopus", "-ac", "2", "-ar", "48000", "-authorization", TOKEN, "-f", "whip", address),
    ]


@pytest.mark.parametrize("has_picture", [False, True])
def test_ffmpeg_publishes_under_a_name_that_another_one_gets_only_after_it(
    server: str, speech: NDArray[np.float32], has_picture: bool
) -> None:
    address = f"{server}/whip?name=ffmpeg"
    refused: list[int] = []

    def has_seen(watched: Watched) -> bool:
        if not has_spoken(watched, speech):
            return False
        if refused:
            return True
        other = subprocess.run(ffmpeg(address, has_picture=False), capture_output=True, timeout=PATIENCE, check=False)
        refused.append(other.returncode)
        watched.forget()
        return False

    with running(ffmpeg(address, has_picture=has_picture)) as first:
        watched = asyncio.run(watch(f"{server}/whep/ffmpeg", TOKEN, has_seen))
        assert first.poll() is None
    assert refused[0] != 0
    assert_speaks(watched, speech)
    assert is_gone(server, "ffmpeg")


def test_the_library_of_obs_publishes_and_a_player_sees_its_speech(
    server: str, modules: Path, speech: NDArray[np.float32], tmp_path: Path
) -> None:
    packets = tmp_path / "speech.opus"
    packets.write_bytes(b"".join(struct.pack(">H", len(packet)) + packet for packet in opus_packets(speech)))
    command = ["node", str(modules / "obs.mjs"), f"{server}/whip?name=obs", TOKEN, str(packets)]
    with running(command) as program:
        watched = asyncio.run(watch(f"{server}/whep/obs", TOKEN, lambda watched: has_spoken(watched, speech)))
    assert_speaks(watched, speech)
    assert program.returncode == 0
    assert is_gone(server, "obs")


def test_libraries_of_a_page_elsewhere_publish_and_play(
    server: str, modules: Path, browser: Browser, speech: NDArray[np.float32]
) -> None:
    bundle = modules / "bundle.js"
    subprocess.run(
        [
            modules / "node_modules/.bin/esbuild",
            modules / "page.js",
            "--bundle",
            f"--outfile={bundle}",
            "--log-level=error",
        ],
        check=True,
    )
    page = browser.new_page()
    page.context.grant_permissions(["microphone", "camera"], origin=SITE)
    page.route(f"{SITE}/", lambda route: route.fulfill(content_type="text/html", body="<video autoplay muted></video>"))
    page.goto(f"{SITE}/")
    page.add_script_tag(path=bundle)
    answers: list[tuple[str, int]] = []
    page.on("response", lambda answer: answers.append((answer.request.method, answer.status)))
    assert page.evaluate("([address, token]) => publish(address, token)", [f"{server}/whip?name=page", TOKEN])
    page.evaluate("([address, token]) => play(address, token)", [f"{server}/whep/page", TOKEN])
    recorded = page.evaluate("record(3)")
    page.evaluate("leave()")
    expected = {("OPTIONS", 200), ("POST", 201), ("PATCH", 204), ("DELETE", 200)}
    assert set(answers) == expected
    assert recorded["width"] == 256
    assert recognised(np.array(recorded["sound"], np.float32), speech) >= PIECES
    pictures = [np.array(picture) for picture in recorded["pictures"]]
    assert len(pictures) >= PICTURES
    assert most_motion(pictures) > MOVING
    assert is_gone(server, "page")


def test_a_face_is_pushed_to_another_server(server: str, other_port: int, speech: NDArray[np.float32]) -> None:
    receiver = Receiver()

    async def run() -> None:
        publisher = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        publisher.addTrack(MediaPlayer(str(SPEECH), loop=True).audio)
        await publisher.setLocalDescription(await publisher.createOffer())
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            asyncio.timeout(PATIENCE),
            TestServer(receiver.application(), port=other_port) as other,
            ClientSession(server, headers=bearer) as client,
        ):
            sdp = publisher.localDescription.sdp
            async with client.post("/whip", data=sdp, headers={"Content-Type": "application/sdp"}) as published:
                await publisher.setRemoteDescription(RTCSessionDescription(await published.text(), "answer"))
            owner = {"Liveface-Owner": published.headers["Liveface-Owner"]}
            address = f"/conversations/{published.headers['Liveface-Conversation']}/push"
            target = {"url": str(other.make_url("/whip")), "token": "theirs"}
            async with client.post(address, json=target, headers=owner) as begun:
                assert begun.status == 201, await begun.text()
            while not has_spoken(receiver.watched, speech):
                await asyncio.sleep(0.2)
            async with client.delete(published.headers["Location"]) as ended:
                assert ended.status == 200
            while len(receiver.requests) < 2:
                await asyncio.sleep(0.1)
        await publisher.close()

    asyncio.run(run())
    assert_speaks(receiver.watched, speech)
    assert receiver.requests == [("POST", "Bearer theirs"), ("DELETE", "Bearer theirs")]


def opus_packets(speech: NDArray[np.float32]) -> Iterator[bytes]:
    """Speech in packets of 20 ms."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    pcm = (soxr.resample(speech, SAMPLE_RATE, 48_000) * 32767).astype(np.int16)
    for start in range(0, len(pcm) - 960, 960):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, start
        yield from (bytes(packet) for packet in encoder.encode(frame))


def is_gone(server: str, name: str) -> bool:
    """Whether nobody publishes under a name."""
    asked = urllib.request.Request(
        f"{server}/whep/{name}",
        data=PLAYER.encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/sdp"},
    )
    try:
        urllib.request.urlopen(asked)
    except urllib.error.HTTPError as error:
        return error.status == 409
    return False
