"""Tests of the command serve as a person meets it: a process of its own, real peers, signals and mistakes."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

import liveface.app.commands.serve
from liveface.app.cli import main
from liveface.app.server.settings import ServeSettings
from liveface.app.server.webrtc.encoding_cost import EncodingCost
from liveface.app.session.clock import MonotonicClock

ROOT = Path(__file__).resolve().parents[3]
STARTING = 60.0  # s, on a machine that is busy with other tests
ENDING = 2.0  # s, from the signal to the end of the process


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "liveface.app.cli", "serve", "--port", "0", *arguments]


def environment() -> dict[str, str]:
    """Without what a person's own settings would change."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LIVEFACE_")}


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server's process, and the first line that it writes."""
    process = subprocess.Popen(
        command(*arguments), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def address_in(line: str) -> str:
    assert " serves at http" in line, line
    return line.split(" serves at ")[1].split()[0]


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence with which the command ends before anything is loaded."""
    monkeypatch.setattr(sys, "argv", ["liveface", "serve", "--port", "0", *arguments])
    monkeypatch.setattr(
        liveface.app.commands.serve, "open_session_pool", lambda *some, **named: pytest.fail("something was loaded")
    )
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert output.out == ""
    assert len(output.err.strip().splitlines()) == 1
    return output.err


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let peers meet on a machine that has no other address."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda *_, **__: ["127.0.0.1"])


async def connected(session: aiohttp.ClientSession) -> tuple[RTCPeerConnection, dict[str, str]]:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver(AudioStreamTrack(), "sendrecv")
    peer.addTransceiver("video", "recvonly")
    seen = asyncio.Event()

    @peer.on("track")
    async def look(track: AudioStreamTrack) -> None:
        if track.kind == "video":
            await track.recv()
            seen.set()

    await peer.setLocalDescription(await peer.createOffer())
    offer = {"sdp": peer.localDescription.sdp, "type": "offer", "size": "128x128"}
    async with session.post("/offer", json=offer) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    async with asyncio.timeout(STARTING):
        await seen.wait()
    return peer, answer


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_at_once_with_a_peer_that_sees_a_face(number: signal.Signals) -> None:
    with serving() as (process, line):

        async def visit() -> None:
            async with aiohttp.ClientSession(address_in(line)) as session:
                peer, answer = await connected(session)
                async with session.get(f"/conversations/{answer['conversation']}") as response:
                    assert (await response.json())["frames"] > 0
                process.send_signal(number)
                started = time.monotonic()
                assert await asyncio.to_thread(process.wait, STARTING) == 0
                assert time.monotonic() - started < ENDING
                await peer.close()

        asyncio.run(visit())
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_nothing_is_left_in_the_event_loop_that_begins_as_the_server_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(liveface.app.commands.serve, "_tidy", asyncio.Event().wait)
    monkeypatch.setattr(logging.Logger, "setLevel", lambda *_: None)  # of this process

    async def leave(generation: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            if generation:
                left.append(asyncio.create_task(leave(generation - 1)))

    async def run() -> None:
        left.append(asyncio.create_task(leave(3)))
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ensemble: Any = None
            cost, clock = EncodingCost(0.0, 0.0), MonotonicClock()
            await liveface.app.commands.serve._serve(
                ServeSettings(), ensemble, cost, clock, tmp_path, listener, None, ""
            )
        assert asyncio.all_tasks() == {asyncio.current_task()}

    left: list[asyncio.Task[None]] = []
    asyncio.run(run())
    assert len(left) == 4


def test_a_server_for_others_makes_a_token_and_tells_how_to_get_https() -> None:
    with serving("--host", "0.0.0.0") as (process, line):
        address = address_in(line)
        page, _, token = address.partition("?token=")
        assert len(token) >= 24
        port = page.rstrip("/").rpartition(":")[2]

        async def visit() -> None:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                async with session.get("/health") as response:
                    assert response.status == 401
                async with session.get("/health", headers={"Authorization": f"Bearer {token}"}) as response:
                    assert response.status == 200

        asyncio.run(visit())
        process.send_signal(signal.SIGTERM)
        assert process.wait(STARTING) == 0
        assert process.stdout is not None
        told = process.stdout.read()
        assert "--cert" in told
        assert token not in told


def test_a_port_in_use_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} of 127.0.0.1 is in use" in refused(monkeypatch, capsys, "--port", str(port))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--cert", "none.pem", "--key", "none.pem"), "none.pem does not exist"),
        (("--cert", "cert.pem"), "https needs both"),
        (("--host", "192.0.2.1"), "not an address of this machine"),
        (("--config", "none.toml"), "cannot be read"),
        (("--turn", "turn:user:hunter2"), "not of the form"),
        (("--codec", "av1"), "vp8 or h264"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    arguments: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(monkeypatch, capsys, *arguments)
    assert reason in told
    assert "hunter2" not in told


def test_a_token_that_is_too_short_is_one_sentence_and_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVEFACE_TOKEN", "hunter2")
    told = refused(monkeypatch, capsys)
    assert "at least 16" in told
    assert "hunter2" not in told
