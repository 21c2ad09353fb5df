"""Feed every door of the program with inputs that are damaged by chance, and tell what became of each.

    python scripts/feed_bad_inputs.py --seed 1

About a thousand: photos, sounds, settings, preferences, avatars' folders and checkpoints as files; session
descriptions, JSON, WebSocket messages, uploads and raw bytes to a `liveface serve` that it starts by itself. Each must
end in success or in one clear error, leave the file as it was and nothing beside it. The same seed makes the same
inputs. The last line is one JSON object; `faults` names each input that was treated badly, and `--only DOOR:NUMBER`
tries that one again.
"""

import argparse
import asyncio
import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import av
import numpy as np
from aiortc import RTCPeerConnection
from PIL import Image

from liveface.app.desktop.preferences import Preferences, PreferencesFile
from liveface.app.files.media_files import read_audio
from liveface.app.server.settings import combined
from liveface.app.session.pipeline import ASSETS
from liveface.engine import checkpoint
from liveface.engine.errors import LivefaceError
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.photo import read_photo

ROOT = Path(__file__).resolve().parents[1]
COUNTS = {  # inputs of each door
    "photo": 180,
    "sound": 180,
    "settings": 80,
    "preferences": 60,
    "avatar": 40,
    "checkpoint": 40,
    "sdp": 150,
    "json": 130,
    "websocket": 110,
    "http": 40,
    "upload": 10,
}
LONGEST = 700  # characters of one clear error
PATIENCE = 60.0  # s for an answer: a photo may take 45
SOCKET_FRAMES = 12  # over one WebSocket: it is closed after 20 errors
WORDS = (
    "",
    "0",
    "-1",
    "65536",
    "99999999999999999999",
    "NaN",
    "null",
    "\x00",
    "ä€😀",
    "../../etc/passwd",
    "%s%n",
    "{0}",
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, "", "x" * 3000, [], {}, [[[[]]]], {"a": {"b": []}}, "\x00\ud800", "{name}", 2**70),
)


class Fault(Exception):  # noqa: N818
    """An input that was treated badly: the text says how."""


@dataclass
class Tally:
    """What has come of all inputs."""

    inputs: int = 0
    used: int = 0
    refused: int = 0
    tracebacks: int = 0
    lost_files: int = 0
    silent: int = 0
    faults: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)

    def note(self, name: str, outcome: str | Fault) -> None:
        """Count one: "" for success, the code of an error, or a fault."""
        self.inputs += 1
        if isinstance(outcome, Fault):
            kind = str(outcome).partition(":")[0]
            self.tracebacks += kind == "traceback"
            self.lost_files += kind == "lost file"
            self.silent += kind == "silent"
            self.faults.append(f"{name}: {outcome}")
        elif outcome:
            self.refused += 1
            self.codes[outcome] += 1
        else:
            self.used += 1


# Damage


def damaged(random: Random, content: bytes) -> bytes:
    """The content with one to three kinds of damage."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        size = len(data)
        place = random.randrange(size) if size else 0
        if random.random() < 0.4:
            place = min(place, random.randrange(1, 200))  # most of what is decided is decided at the beginning
        length = random.randrange(1, max(2, size // random.choice((2, 10, 100, 1000, 10_000))))
        match random.randrange(10):
            case 0:
                del data[place:]
            case 1:
                for _ in range(random.randrange(1, 30)):
                    if data:
                        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            case 2:
                data[place : place + length] = bytes(length)
            case 3:
                data[place:place] = data[place : place + length] * random.randrange(1, 4)
            case 4:
                data[place:place] = random.randbytes(min(length, 5000))
            case 5:
                del data[place : place + length]
            case 6:
                data = data[size // 2 :] + data[: size // 2]
            case 7:
                data[place : place + 4] = random.choice(
                    (b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01")
                )
            case 8:
                data[place : place + length] = random.randbytes(min(length, 5000))
            case 9:
                data = random.choice((bytearray(), data[:1], bytearray(random.randbytes(300)), data[:40] * 50))
    return bytes(data)


def damaged_text(random: Random, text: str) -> str:
    """A text of lines, with one to three of them lost, doubled, exchanged or changed."""
    lines = text.splitlines()
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(lines)) if lines else 0
        match random.randrange(8):
            case 0:
                del lines[place : place + 1]
            case 1:
                lines[place:place] = lines[place : place + 1] * random.choice((1, 2, 40))
            case 2:
                random.shuffle(lines)
            case 3 if lines:
                parts = re.split(r"([ :=/\"])", lines[place])
                parts[random.randrange(len(parts))] = random.choice(WORDS)
                lines[place] = "".join(parts)
            case 4 if lines:
                lines[place] = re.sub(r"\d+", lambda _: random.choice(WORDS[1:5]), lines[place], count=1)
            case 5:
                lines = lines[:place]
            case 6 if lines:
                lines[place] += random.choice(WORDS) * random.choice((1, 1, 500))
            case _:
                lines.insert(
                    place, random.choice(("m=video 0 UDP/TLS/RTP/SAVPF 97", "a=mid:0", "x", "=", "a=" + "y" * 5000))
                )
    return "\r\n".join(lines) + "\r\n"


def damaged_object(random: Random, document: Mapping[str, Any]) -> str:
    """An object in JSON with values exchanged, lost or added; or a text that is none any more."""
    changed = dict(document)
    for _ in range(random.randrange(1, 4)):
        key = random.choice([*changed, "other", ""]) if changed else "other"
        if random.random() < 0.25:
            changed.pop(key, None)
        else:
            changed[key] = random.choice(VALUES)
    text = json.dumps(changed)
    match random.randrange(6):
        case 0:
            return text[: random.randrange(len(text))]
        case 1:
            return random.choice(("", "[]", "null", "[" * 3000, "{" * 3000, '{"a":1}{"a":1}', "NaN", "'", text + text))
    return text


# Samples


def photos() -> list[bytes]:
    """A face in every format that is read, with what stands beside pictures."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    picture = Image.open(ASSETS / "avatars" / "clara" / "photo.png").convert("RGB").resize((320, 320))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a face"
    samples = []
    for kind, mode in (
        *(("JPEG", "RGB"), ("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16")),
        *(("WEBP", "RGBA"), ("AVIF", "RGB"), ("HEIF", "RGB")),
    ):
        file = io.BytesIO()
        image = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257) if mode == "I;16" else picture
        image = image if mode == "I;16" else image.convert(mode)
        image.save(file, kind, **({} if kind == "HEIF" else {"exif": exif}))
        samples.append(file.getvalue())
    return samples


def sounds() -> list[tuple[str, bytes]]:
    """Half a second of speech in every format of note: the ends of names, and the files."""
    samples = []
    for name, codec, rate, layout in (
        *(
            ("wav", "pcm_s16le", 16_000, "mono"),
            ("wav", "pcm_f32le", 48_000, "5.1"),
            ("flac", "flac", 44_100, "stereo"),
        ),
        *(
            ("mp3", "libmp3lame", 44_100, "stereo"),
            ("ogg", "libopus", 48_000, "mono"),
            ("m4a", "aac", 48_000, "stereo"),
        ),
    ):
        file = io.BytesIO()
        with av.open(file, "w", format={"m4a": "mp4"}.get(name, name)) as target:
            stream = target.add_stream(codec, rate=rate, layout=layout)
            resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or None)
            with av.open(str(ASSETS / "audio" / "speech.wav")) as source:
                for number, frame in enumerate(source.decode(audio=0)):
                    for piece in resampler.resample(frame):
                        target.mux(stream.encode(piece))
                    if number > 12:
                        break
            for piece in resampler.resample(None):
                target.mux(stream.encode(piece))
            target.mux(stream.encode(None))
        samples.append((name, file.getvalue()))
    return samples


SETTINGS = """\
host = "127.0.0.1"
port = 8080
token = "0123456789abcdef0123"
allow_origin = ["https://example.org"]
max_sessions = 4
stun = ["stun:stun.example.org:3478"]
turn = ["turn:user:secret@turn.example.org:3478?transport=udp"]
bitrate = 2000000
codec = "vp8"
size = "512x512"
lookahead = 2
idle_seconds = 600.0
push_to = ["https://example.org/live"]
trusted_proxy = ["127.0.0.1", "10.0.0.0/8"]
udp_ports = "50000-50100"
public_peers_only = false
log_level = "info"
log_format = "text"
access_log = true
"""


# Files


@contextmanager
def kept(folder: Path, *, may_put_aside: bool = False) -> Iterator[None]:
    """Raise a `Fault` where a file in the folder is not as it was, or a new one is beside it."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if may_put_aside and sorted(before.values()) == sorted(after.values()):
        return
    if before != after:
        raise Fault(f"lost file: {sorted(path.name for path in before.keys() ^ after.keys()) or 'changed'}")


def check_told(text: str) -> None:
    """Raise a `Fault` where an error is not one clear sentence or two."""
    if not text.strip() or "\n" in text or len(text) > LONGEST or "Traceback" in text or not text.endswith((".", "”")):
        raise Fault(f"silent: the error is unclear: {text[:200]!r}")


def outcome_of(use: Callable[[], object]) -> str:
    """Use an input: "" where it was of use, else the code of the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nobody reads them, so they would be silent failures
            use()
    except LivefaceError as error:
        check_told(str(error))
        return error.code
    except Fault:
        raise
    except BaseException as error:
        raise Fault(f"traceback: {type(error).__name__}: {str(error)[:200]}") from error
    return ""


def use_photo(path: Path) -> None:
    picture = read_photo(path)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise Fault(f"silent: a picture of {picture.shape}, {picture.dtype}")


def use_sound(path: Path) -> None:
    sound = read_audio(path)
    if not len(sound) or not np.isfinite(sound).all() or np.abs(sound).max() > 1.0001:
        raise Fault(f"silent: a sound of {len(sound)} samples up to {np.abs(sound).max() if len(sound) else 0}")


def use_preferences(path: Path) -> None:
    told: list[str] = []
    found = PreferencesFile(path).load(told.append)
    try:
        written = json.loads((path if path.exists() else path.with_name("preferences.damaged.json")).read_text("utf-8"))
    except (ValueError, RecursionError):
        written = None
    known = asdict(Preferences())
    is_honoured = isinstance(written, dict) and all(
        written[name] == value for name, value in asdict(found).items() if name in written and name in known
    )
    if told:
        raise LivefaceError(told[0] if len(told) == 1 else "\n".join(told))
    if not is_honoured:
        raise Fault("silent: a preference is not honoured, and nothing is told")


class Files:
    """The doors that are files; `try_one` makes the input of a number and uses it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._seed = seed
        self._folder = folder
        self._photos = photos()
        self._sounds = sounds()
        whole = folder / "whole.safetensors"
        tensors = {"motion.head.weight": np.ones((4, 4), np.float32), "motion.head.bias": np.zeros(4, np.float32)}
        checkpoint.save(whole, tensors, {"motion": {"width": 4}}, {"commit": "none"})
        self._weights = whole.read_bytes()
        whole.unlink()

    def try_one(self, door: str, number: int) -> str:
        """Make an input and use it; the code of the error or ""."""
        random = Random(f"{self._seed} {door} {number}")
        folder = self._folder / f"{door}{number}"
        folder.mkdir()
        try:
            return getattr(self, f"_{door}")(random, folder)  # type: ignore[no-any-return]
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _photo(self, random: Random, folder: Path) -> str:
        path = folder / random.choice(("photo.jpg", "photo.png", "photo", "ph\u00f6to.webp"))
        path.write_bytes(damaged(random, random.choice(self._photos)))
        with kept(folder):
            return outcome_of(lambda: use_photo(path))

    def _sound(self, random: Random, folder: Path) -> str:
        name, content = random.choice(self._sounds)
        path = folder / f"sound.{name if random.random() < 0.8 else 'wav'}"
        path.write_bytes(damaged(random, content))
        with kept(folder):
            return outcome_of(lambda: use_sound(path))

    def _settings(self, random: Random, folder: Path) -> str:
        path = folder / "serve.toml"
        text = damaged_text(random, SETTINGS).encode()
        path.write_bytes(text if random.random() < 0.8 else damaged(random, text))
        with kept(folder):
            return outcome_of(lambda: combined(path, {}, {}))

    def _preferences(self, random: Random, folder: Path) -> str:
        path = folder / "preferences.json"
        text = damaged_object(random, asdict(Preferences(microphone="Desk", camera="OBS")))
        content = text.encode(errors="replace")
        path.write_bytes(content if random.random() < 0.8 else damaged(random, content))
        with kept(folder, may_put_aside=True):
            return outcome_of(lambda: use_preferences(path))

    def _avatar(self, random: Random, folder: Path) -> str:
        avatar = folder / "avatar"
        shutil.copytree(ASSETS / "avatars" / "clara", avatar)
        path = random.choice([path for path in avatar.iterdir() if path.is_file()])
        if path.suffix == ".json" and random.random() < 0.7:
            path.write_text(damaged_object(random, json.loads(path.read_text())), "utf-8", errors="replace")
        elif random.random() < 0.15:
            path.unlink()
        else:
            path.write_bytes(damaged(random, path.read_bytes()))
        with kept(folder):
            return outcome_of(lambda: Avatar.load(avatar))

    def _checkpoint(self, random: Random, folder: Path) -> str:
        path = folder / "weights.safetensors"
        path.write_bytes(damaged(random, self._weights))
        with kept(folder):
            return outcome_of(lambda: checkpoint.load(path).part("motion"))


# The server


class Server:
    """A `liveface serve` whose log is read."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "liveface.app.cli", "serve", "--port", "0", "--size", "128x128"],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(folder)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert " serves at http" in line, self._log.read_text()
        self.address = line.split(" serves at ")[1].split()[0]

    def stop(self) -> str | None:
        """End it; returns what is wrong with it, if anything is."""
        has_ended = self._process.poll()
        self._process.terminate()
        status = self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        log = self._log.read_text(errors="replace")
        if has_ended is not None:
            return f"traceback: the server has ended with status {has_ended}: {log[-300:]}"
        if "Traceback" in log:
            return f"traceback: in the server's log: {log[log.index('Traceback') :][-1500:]}"
        return f"silent: SIGTERM ended it with status {status}" if status else None


async def an_offer() -> str:
    """A session description of a peer that speaks, sees and has a data channel."""
    connection = RTCPeerConnection()
    connection.addTransceiver("audio", "sendrecv")
    connection.addTransceiver("video", "recvonly")
    connection.createDataChannel("liveface")
    await connection.setLocalDescription(await connection.createOffer())
    text = str(connection.localDescription.sdp)
    await connection.close()
    return text


class Requests:
    """The doors of a server; `try_one` makes the input of a number and sends it."""

    def __init__(self, seed: int, address: str, session: aiohttp.ClientSession, offer: str) -> None:
        self._seed = seed
        self._address = address
        self._session = session
        self._offer = offer
        self._photos = photos()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._opened: dict[str, Any] = {}
        self._sent = 0

    async def try_one(self, door: str, number: int) -> str:
        """Send an input; the code of the answer or ""."""
        random = Random(f"{self._seed} {door} {number}")
        try:
            async with asyncio.timeout(PATIENCE):
                return str(await getattr(self, f"_{door}")(random))
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Fault(f"silent: no answer ({type(error).__name__}: {error})") from error

    async def _ask(self, method: str, path: str, **sent: Any) -> str:
        while True:
            async with self._session.request(method, path, **sent) as response:
                body = await response.read()
                if response.status in (429, 503) and "Retry-After" in response.headers:
                    await asyncio.sleep(float(response.headers["Retry-After"]))
                    continue
                if response.status < 400:
                    await self._leave(response, body)
                    return ""
                return self._code(response.status, body)

    def _code(self, status: int, body: bytes) -> str:
        try:
            error = json.loads(body)["error"]
            code, message, details = error["code"], error["message"], error["details"]
        except (ValueError, KeyError, TypeError) as wrong:
            raise Fault(f"silent: {status} without a code: {body[:200]!r}") from wrong
        if code == "server_failed" or not isinstance(details, dict):
            raise Fault(f"traceback: {status} {message}")
        check_told(message)
        return str(code)

    async def _leave(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        """End what an input has begun."""
        if location := response.headers.get("Location"):
            owner = json.loads(body).get("secret", "") if response.content_type == "application/json" else ""
            async with self._session.delete(location, headers={"Liveface-Owner": owner}):
                pass
        elif response.content_type == "application/json" and b'"owner"' in body:
            about = json.loads(body)
            headers = {"Liveface-Owner": about["owner"]}
            async with self._session.delete(f"/conversations/{about['conversation']}", headers=headers):
                pass

    async def _sdp(self, random: Random) -> str:
        sdp = damaged_text(random, self._offer)
        path = random.choice(("/whip", "/whip", "/offer", "/whep/nobody"))
        if path == "/offer":
            return await self._ask("POST", path, json={"type": "offer", "sdp": sdp})
        return await self._ask(
            "POST", path, data=sdp.encode(errors="replace"), headers={"Content-Type": "application/sdp"}
        )

    async def _json(self, random: Random) -> str:
        path, document = random.choice(
            (
                ("/offer", {"type": "offer", "sdp": self._offer, "avatar": "clara", "size": "128x128", "lookahead": 2}),
                ("/conversations/x/mute", {"muted": True}),
                ("/conversations/x/push", {"url": "https://example.org/live", "token": "x"}),
                ("/offer", {"type": "offer", "sdp": self._offer, "conversation": "x", "owner": "y"}),
            )
        )
        text = damaged_object(random, document).encode(errors="replace")
        return await self._ask("POST", path, data=text, headers={"Content-Type": "application/json"})

    async def _upload(self, random: Random) -> str:
        face = random.choice(("", "?face=1", "?face=99", "?face=x", "?name=" + "a" * 300))
        return await self._ask("POST", f"/avatars{face}", data=damaged(random, random.choice(self._photos)))

    async def _http(self, random: Random) -> str:
        lines = [
            "POST /offer HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            "Content-Length: 2",
            "",
            "{}",
        ]
        raw = damaged(random, damaged_text(random, "\r\n".join(lines)).encode(errors="replace"))
        host, port = self._address.removeprefix("http://").strip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw + b"\r\n\r\n")
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
        except asyncio.IncompleteReadError as ended:
            if ended.partial:
                raise Fault(f"silent: a broken answer: {ended.partial[:200]!r}") from ended
            return "closed"  # a request that is not whole within 3 s
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        status = int(head.split()[1])
        return self._code(status, body) if status >= 400 else ""

    async def _websocket(self, random: Random) -> str:
        if self._socket is None or self._socket.closed or self._sent >= SOCKET_FRAMES:
            await self.close()
            self._socket = await self._session.ws_connect("/pcm?rate=16000&size=128x128")
            self._opened, self._sent = await self._socket.receive_json(), 0
        self._sent += 1
        pcm = random.randbytes(random.choice((0, 1, 2, 641, 3200)))
        document = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode(), "event_id": "e"}
        if random.random() < 0.25:
            document = {"type": random.choice(("input_audio_buffer.commit", "response.cancel", "session.update"))}
        text = damaged_object(random, document)
        if random.random() < 0.2:
            await self._socket.send_bytes(pcm)
        else:
            await self._socket.send_str(text.encode(errors="replace").decode())
        await self._socket.send_json({"type": "response.cancel", "event_id": "end"})
        code = ""
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise Fault(f"silent: the socket was closed with {message.type}")
            told = json.loads(message.data)
            if told["type"] == "error":
                check_told(told["error"]["message"])
                code = told["error"]["code"]
            if told["type"] == "output_audio_buffer.cleared":
                return code

    async def close(self) -> None:
        """End the open socket and its conversation, for which there may be no second place."""
        if self._socket is not None:
            await self._socket.close()
            headers = {"Liveface-Owner": self._opened["owner"]}
            async with self._session.delete(f"/conversations/{self._opened['conversation']}", headers=headers):
                pass


def chosen(share: float, only: str | None) -> list[tuple[str, int]]:
    """The inputs to try, as doors and numbers."""
    if only is not None:
        door, _, number = only.partition(":")
        return [(door, int(number))]
    return [(door, number) for door, count in COUNTS.items() for number in range(max(2, round(count * share)))]


def feed(seed: int, share: float = 1.0, only: str | None = None) -> Tally:
    """Try a share of all inputs."""
    tally = Tally()
    inputs = chosen(share, only)
    with tempfile.TemporaryDirectory(prefix="liveface-bad-") as name:
        folder = Path(name)
        files = Files(seed, folder)
        for door, number in inputs:
            if hasattr(Requests, f"_{door}"):
                continue
            try:
                outcome: str | Fault = files.try_one(door, number)
            except Fault as fault:
                outcome = fault
            tally.note(f"{door}:{number}", outcome)
        asked = [(door, number) for door, number in inputs if hasattr(Requests, f"_{door}")]
        if asked:
            asyncio.run(_feed_server(seed, folder, asked, tally))
    return tally


async def _feed_server(seed: int, folder: Path, asked: list[tuple[str, int]], tally: Tally) -> None:
    server = Server(folder)
    try:
        async with aiohttp.ClientSession(server.address) as session:
            requests = Requests(seed, server.address, session, await an_offer())
            for door, number in asked:
                try:
                    outcome: str | Fault = await requests.try_one(door, number)
                except Fault as fault:
                    outcome = fault
                tally.note(f"{door}:{number}", outcome)
            await requests.close()
    finally:
        if (wrong := await asyncio.to_thread(server.stop)) is not None:
            tally.note("server", Fault(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of all inputs")
    parser.add_argument("--only", help="one input, such as photo:17")
    arguments = parser.parse_args()
    tally = feed(arguments.seed, arguments.share, arguments.only)
    for fault in tally.faults:
        print(fault)
    print(json.dumps(asdict(tally) | {"codes": dict(tally.codes.most_common())}))
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()
