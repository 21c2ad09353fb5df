"""Treat a server badly, and tell how it answered and whether it is as before: memory, threads, file descriptors.

    python scripts/stress_server.py --connects 50 --offers 200

Starts `liveface serve` by itself and ends it with SIGTERM while a peer sees a face. With --speak a face speaks all the
time, and its pictures per second tell whether it is slowed down. The last line is one JSON object; `ok` is false where
something was not as it should be, and `faults` says what.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack

from liveface.app.session.pipeline import ASSETS

ROOT = Path(__file__).resolve().parents[1]
SPEECH = ASSETS / "audio" / "speech.wav"
SIZE = "128x128"
SETTLING = 45.0  # s that the server gets to forget who has gone: it keeps a conversation for 30 s
TIDYING = 7.0  # s, within which the server has collected what connections leave
GROWTH_MB = 25.0  # of memory from the first rounds to the last, that counts as none
THREADS = 4  # workers that are made when there is work for them, and stay
VANISHING = 10  # one client in so many does not say goodbye
MALFORMED = 60  # requests
IDLE = 1000  # connections that say nothing
CANDIDATES, LATE_CANDIDATES = 300, 100  # addresses that an offer names, and a PATCH after it
MOST_PROBED = 32  # of them
PROBING = 8.0  # s, in which a server has tried them all


class Server:
    """The process of `liveface serve`."""

    def __init__(self, arguments: list[str]) -> None:
        command = [sys.executable, "-m", "liveface.app.cli", "serve", "--port", "0", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert " serves at http" in line, line
        self.address = line.split(" serves at ")[1].split()[0]

    def usage(self) -> dict[str, float]:
        """Memory in MB, threads and open files of the process."""
        folder = Path(f"/proc/{self._process.pid}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
        return {
            "memory_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
            "threads": int(status["Threads"]),
            "files": len(list((folder / "fd").iterdir())),
        }

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; returns the exit status and after how many seconds it came."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        return self._process.wait(), round(time.monotonic() - started, 2)


class Peer:
    """A WebRTC client that speaks silence or a file, and counts what it sees."""

    def __init__(self, sound: MediaStreamTrack | None = None) -> None:
        self.pictures = 0
        self.first = asyncio.Event()
        self.answer: dict[str, str] = {}
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.addTransceiver(sound or AudioStreamTrack(), "sendrecv")
        self._connection.addTransceiver("video", "recvonly")
        self._connection.on("track", self._take)
        self._taking: list[asyncio.Task[None]] = []

    async def offer(self) -> dict[str, str]:
        """What is sent to begin a conversation."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return {"sdp": self._connection.localDescription.sdp, "type": "offer", "size": SIZE}

    async def connect(self, session: aiohttp.ClientSession) -> int:
        """Returns the status of the answer; after 200 a picture has been seen."""
        async with session.post("/offer", json=await self.offer()) as response:
            self.answer = await response.json()
            if response.status != 200:
                return response.status
        await self._connection.setRemoteDescription(RTCSessionDescription(self.answer["sdp"], "answer"))
        async with asyncio.timeout(20):
            await self.first.wait()
        return 200

    async def leave(self, session: aiohttp.ClientSession | None) -> None:
        """Say goodbye to the server, or vanish if there is no `session`."""
        if session is not None and "owner" in self.answer:
            headers = {"Liveface-Owner": self.answer["owner"]}
            await session.delete(f"/conversations/{self.answer['conversation']}", headers=headers)
        await self._connection.close()
        await asyncio.gather(*self._taking, return_exceptions=True)

    def _take(self, track: MediaStreamTrack) -> None:
        self._taking.append(asyncio.create_task(self._count(track)))

    async def _count(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                if track.kind == "video":
                    self.pictures += 1
                    self.first.set()


async def connects(session: aiohttp.ClientSession, count: int) -> dict[str, Any]:
    """One after the other, of whom most say goodbye; the server waits half a minute for the others to come back."""
    statuses: Counter[int] = Counter()
    for number in range(count):
        peer = Peer()
        statuses[await patiently(partial(peer.connect, session))] += 1
        await peer.leave(None if number % VANISHING == VANISHING - 1 else session)
    return {"statuses": dict(statuses)}


async def patiently(ask: Callable[[], Awaitable[int]]) -> int:
    """Ask again while there is no room: those who have vanished keep theirs for a while."""
    for _ in range(40):
        if (status := await ask()) != 503:
            return status
        await asyncio.sleep(1)
    return 503


async def parallel_offers(session: aiohttp.ClientSession, count: int) -> dict[str, Any]:
    """All at once; whoever gets a face ends it."""
    peer = Peer()
    offer = await peer.offer()
    durations: list[float] = []

    async def ask() -> tuple[int, bool]:
        started = time.monotonic()
        async with session.post("/offer", json=offer) as response:
            answer = await response.json()
            durations.append(time.monotonic() - started)
            is_explained = response.status == 200 or (
                "code" in answer.get("error", {}) and "Retry-After" in response.headers
            )
        if response.status == 200:
            await session.delete(
                f"/conversations/{answer['conversation']}", headers={"Liveface-Owner": answer["owner"]}
            )
        return response.status, is_explained

    answers = await asyncio.gather(*(ask() for _ in range(count)))
    await peer.leave(None)
    durations.sort()
    return {
        "statuses": dict(Counter(status for status, _ in answers)),
        "unexplained": sum(not is_explained for _, is_explained in answers),
        "seconds_p50": round(durations[len(durations) // 2], 3),
        "seconds_most": round(durations[-1], 3),
    }


def bomb() -> bytes:
    """A PNG of 40 kB that claims to have 10,000 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (100_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress(bytes(40_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


async def malformed(session: aiohttp.ClientSession, address: str) -> dict[str, Any]:
    """What no client of good will sends. Returns how often each status was answered, by kind of request."""
    good = (await Peer().offer())["sdp"]
    offers = {
        "nonsense": b"\xff\x00 nonsense",
        "deep": b"[" * 200_000,
        "no sdp": b'{"type": "offer", "sdp": "nonsense"}',
        "empty sdp": b'{"type": "offer", "sdp": ""}',
        "cut sdp": json.dumps({"type": "offer", "sdp": good[: len(good) // 2]}).encode(),
        "garbled sdp": json.dumps({"type": "offer", "sdp": good.replace("a=", "a")}).encode(),
        "repeated sdp": json.dumps({"type": "offer", "sdp": good * 20}).encode(),
        "traversal": json.dumps({"type": "offer", "sdp": good, "avatar": "../../etc/passwd"}).encode(),
        "10 MB": bytes(10_000_000),
    }
    photos = {"bomb": bomb(), "10 MB": b"\xff\xd8\xff" + os.urandom(9_900_000), "too large": bytes(12_000_000)}
    found: dict[str, dict[int, int]] = {}
    for kind, path, bodies in (("offer", "/offer", offers), ("photo", "/avatars", photos)):
        for name, body in bodies.items():
            statuses: Counter[int] = Counter()
            for _ in range(max(1, MALFORMED // len(bodies) // (5 if kind == "photo" else 1))):
                async with session.post(path, data=io.BytesIO(body)) as response:
                    statuses[response.status] += 1
                    await response.read()
            found[f"{kind}: {name}"] = dict(statuses)
    for name, headers in (("foreign origin", {"Origin": "https://evil.example"}), ("foreign host", {"Host": "evil"})):
        async with session.post("/offer", data=b"{}", headers=headers) as response:
            found[name] = {response.status: 1}
    host, _, port = address.removeprefix("http://").rstrip("/").partition(":")
    for start in (b"\x16\x03\x01" * 100, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", b"GET /"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(start)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(15):
                await reader.read()
        writer.close()
    return {"statuses": found}


async def attacks(session: aiohttp.ClientSession, address: str) -> dict[str, Any]:
    """What a stranger tries who wants another one's place, all connections, or to lock the owner out."""
    sdp = {"Content-Type": "application/sdp"}
    offer = (await Peer().offer())["sdp"]
    found: dict[str, Any] = {"taken_over": []}
    async with session.post("/whip?name=stress", data=offer, headers=sdp) as first:
        identifier, resource = first.headers["Liveface-Conversation"], first.headers["Location"]
    for name in ("stress", identifier):
        async with session.post(f"/whip?name={name}", data=offer, headers=sdp) as response:
            if response.status != 409 or "Liveface-Owner" in response.headers:
                found["taken_over"].append(name)
    await session.delete(resource)

    host, _, port = address.removeprefix("http://").rstrip("/").partition(":")
    idle = [await asyncio.open_connection(host, int(port)) for _ in range(IDLE)]
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    found["served_beside_idle"] = (await reader.readline()).startswith(b"HTTP/1.1 200")
    found["seconds_beside_idle"] = round(time.monotonic() - started, 3)
    for _, one in [*idle, (reader, writer)]:
        one.close()

    found["probed"] = await probed(session)

    limited = 0
    for number in range(500):
        forged = {"Origin": "https://evil.example", "X-Forwarded-For": f"198.51.100.{number % 250}"}
        async with session.get("/health", headers=forged) as response:
            limited += response.status == 429
    found["forged_addresses_are_limited"] = limited > 0
    async with session.get("/pcm?owner=secret", headers={"Upgrade": "websocket"}) as response:
        found["secret_in_address_is_refused"] = 400 <= response.status < 500
    async with session.get("/health") as response:
        found["owner_is_served"] = response.status == 200
    return found


class Ear(asyncio.DatagramProtocol):
    """A port that counts for one if anything comes to it."""

    def __init__(self) -> None:
        self.has_heard = False

    def datagram_received(self, data: bytes, address: object) -> None:
        """Note that somebody has sent something here."""
        self.has_heard = True


async def probed(session: aiohttp.ClientSession) -> int:
    """To how many of the ports that an offer and a PATCH name the server sends anything."""
    loop = asyncio.get_running_loop()
    ears = [
        await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
        for _ in range(CANDIDATES + LATE_CANDIDATES)
    ]
    ports = [transport.get_extra_info("sockname")[1] for transport, _ in ears]
    lines = [
        f"a=candidate:{number} 1 udp {2_000_000_000 - number} 127.0.0.1 {port} typ host"
        for number, port in enumerate(ports)
    ]
    offer = [line for line in (await Peer().offer())["sdp"].splitlines() if not line.startswith("a=candidate:")]
    place = next(place for place, line in enumerate(offer) if line.startswith("a=mid:")) + 1
    offer[place:place] = lines[:CANDIDATES]
    async with session.post(
        "/whip", data="\r\n".join([*offer, ""]), headers={"Content-Type": "application/sdp"}
    ) as answer:
        assert answer.status == 201, await answer.text()
        resource = answer.headers["Location"]
    fragment = "\r\n".join(["m=audio 9 RTP/AVP 0", "a=mid:0", *lines[CANDIDATES:], ""])
    late = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    async with session.patch(resource, data=fragment, headers=late) as answer:
        assert answer.status == 204, await answer.text()
    await asyncio.sleep(PROBING)
    await session.delete(resource)
    for transport, _ in ears:
        transport.close()
    return sum(ear.has_heard for _, ear in ears)


@contextlib.asynccontextmanager
async def speaking(session: aiohttp.ClientSession) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """A face that speaks all the time; what is yielded tells its pictures per second since it was asked last."""
    player = MediaPlayer(str(SPEECH), loop=True)
    peer = Peer(player.audio)
    assert await patiently(partial(peer.connect, session)) == 200, peer.answer
    before, since = 0, time.monotonic()

    async def fps() -> float:
        nonlocal before, since
        async with session.get(f"/conversations/{peer.answer['conversation']}") as response:
            numbers = await response.json()
        frames, now = numbers["frames"] - numbers["skipped"], time.monotonic()
        rate = float(frames - before) / (now - since)
        before, since = frames, now
        return round(rate, 1)

    await fps()
    try:
        yield fps
    finally:
        await peer.leave(session)


async def settled(session: aiohttp.ClientSession, server: Server, sessions: int) -> dict[str, float]:
    """What the server uses as soon as it holds so many sessions again, or after `SETTLING`."""
    end = time.monotonic() + SETTLING
    while time.monotonic() < end:
        async with session.get("/health") as response:
            if (await response.json())["sessions"] == sessions:
                break
        await asyncio.sleep(1)
    await asyncio.sleep(TIDYING)
    return server.usage()


async def stress(options: argparse.Namespace) -> dict[str, Any]:
    server = Server(options.serve)
    try:
        return await mistreat(server, options)
    finally:
        server.stop()


async def mistreat(server: Server, options: argparse.Namespace) -> dict[str, Any]:
    """All of it, one after the other."""
    result: dict[str, Any] = {}
    faults: list[str] = []
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(server.address, connector=connector, timeout=timeout) as session:
        # What is done for the first time stays in memory; it is no leak.
        await connects(session, 8)
        await malformed(session, server.address)
        result["before"] = await settled(session, server, 0)
        async with session.get("/health") as response:
            result["capacity"] = (await response.json())["capacity"]
        async with speaking(session) if options.speak else contextlib.nullcontext() as fps:
            busy = 1 if options.speak else 0
            for name, doing in (
                ("connects", connects(session, options.connects)),
                ("parallel_offers", parallel_offers(session, options.offers)),
                ("malformed", malformed(session, server.address)),
                ("attacks", attacks(session, server.address)),
            ):
                started = time.monotonic()
                result[name] = await doing | {"seconds": round(time.monotonic() - started, 1)}
                if fps is not None:
                    result[name]["fps_of_another"] = await fps()
                result[name]["after"] = await settled(session, server, busy)
        result["after"] = await settled(session, server, 0)
        leaving = Peer()
        await patiently(partial(leaving.connect, session))
        result["exit_status"], result["exit_seconds"] = await asyncio.to_thread(server.stop)
        await leaving.leave(None)
    before, after = result["before"], result["after"]
    if set(result["connects"]["statuses"]) != {200}:
        faults.append("not every connect was answered")
    if not set(result["parallel_offers"]["statuses"]) <= {200, 503} or result["parallel_offers"]["unexplained"]:
        faults.append("not every parallel offer was answered with 200 or an explained 503")
    if any(not 400 <= status < 500 for kind in result["malformed"]["statuses"].values() for status in kind):
        faults.append("not everything malformed was refused as such")
    attacked = result["attacks"]
    if attacked["taken_over"] or not attacked["owner_is_served"] or not attacked["served_beside_idle"]:
        faults.append("a stranger got what is not theirs, or shut others out")
    if not attacked["secret_in_address_is_refused"] or not attacked["forged_addresses_are_limited"]:
        faults.append("a forged address was believed, or a secret in an address taken")
    if not 0 < attacked["probed"] <= MOST_PROBED:
        faults.append("an offer made the server knock at too many ports, or at none")
    if attacked["seconds_beside_idle"] > 0.5:
        faults.append("idle connections held up another client")
    if after["memory_mb"] - before["memory_mb"] > GROWTH_MB:
        faults.append("memory has grown")
    if after["threads"] > before["threads"] + THREADS or after["files"] > before["files"]:
        faults.append("threads or file descriptors have been left")
    if result["exit_status"] != 0 or result["exit_seconds"] >= 2:
        faults.append("SIGTERM did not end it in time")
    return result | {"ok": not faults, "faults": faults}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connects", type=int, default=50)
    parser.add_argument("--offers", type=int, default=200)
    parser.add_argument("--speak", action="store_true", help="let a face speak all the time; needs room for two")
    parser.add_argument("--loopback", action="store_true", help="meet at 127.0.0.1 where there is no other address")
    parser.add_argument("serve", nargs="*", help="options for liveface serve, after --")
    options = parser.parse_args()
    if options.loopback:
        aioice.ice.get_host_addresses = lambda *_, **__: ["127.0.0.1"]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the idle connections' other ends are ours
    result = asyncio.run(stress(options))
    print(json.dumps(result))
    sys.exit(not result["ok"])


if __name__ == "__main__":
    main()
