"""The command that serves faces over the network. Knows nothing of requests."""

import asyncio
import gc
import secrets
import signal
import socket
import ssl
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from aiohttp import web

from liveface.app.capacity.session_pool import SessionPool, open_session_pool
from liveface.app.server import access_log as journal
from liveface.app.server.application import make_application
from liveface.app.server.avatars.avatar_store import AvatarStore
from liveface.app.server.avatars.photo_worker import PhotoWorker
from liveface.app.server.connection_limits import ConnectionLimits
from liveface.app.server.context import ServerContext
from liveface.app.server.http_connection import HttpConnection
from liveface.app.server.listener import address_of, listening
from liveface.app.server.logs import configure
from liveface.app.server.security import is_loopback
from liveface.app.server.sessions.session_registry import Limits, SessionRegistry
from liveface.app.server.settings import TOKEN_VARIABLE, ServeSettings, combined
from liveface.app.server.shutdown import end_leftovers
from liveface.app.server.webrtc.aiortc_hooks import bind_within
from liveface.app.server.webrtc.encoding_cost import EncodingCost, measure_encoding
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.engine.face.avatar import Avatar

_WORKERS = 4  # threads for what would hold up the event loop
_GRACE = 0.3  # s that requests get to finish when the server ends
_LEAVING = 0.3  # s likewise, that connections get
_KEEP_ALIVE = 30.0  # s that a connection may be idle
_TIDYING = 5.0  # s
_DEFAULTS = ServeSettings()


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at.", show_default=_DEFAULTS.host)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.", show_default=str(_DEFAULTS.port))] = None,
    cert: Annotated[str | None, typer.Option(help="A certificate for https, as PEM.")] = None,
    key: Annotated[str | None, typer.Option(help="Its key, as PEM.")] = None,
    token: Annotated[
        str | None,
        typer.Option(help=f"What clients must show; better in the environment variable {TOKEN_VARIABLE}."),
    ] = None,
    token_key: Annotated[
        str | None, typer.Option(help="A file with the key of tokens with scopes, as `liveface token` makes them.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A site whose pages may use this server: https://example.org. Repeatable.")
    ] = None,
    max_sessions: Annotated[
        int | None, typer.Option(help="Faces at once, at most.", show_default=str(_DEFAULTS.max_sessions))
    ] = None,
    stun: Annotated[list[str] | None, typer.Option(help="stun:HOST:PORT. Repeatable.")] = None,
    turn: Annotated[list[str] | None, typer.Option(help="turn:USER:SECRET@HOST:PORT. Repeatable.")] = None,
    bitrate: Annotated[
        int | None,
        typer.Option(help="Bits per second at which 512x512 starts.", show_default=str(_DEFAULTS.bitrate)),
    ] = None,
    codec: Annotated[str | None, typer.Option(help="vp8 or h264.", show_default=_DEFAULTS.codec)] = None,
    size: Annotated[
        str | None, typer.Option(help="Of pictures where a client names none.", show_default=_DEFAULTS.size)
    ] = None,
    lookahead: Annotated[
        int | None, typer.Option(help="In frames, where a client names none.", show_default=str(_DEFAULTS.lookahead))
    ] = None,
    liveliness: Annotated[
        float | None,
        typer.Option(help="How much head and brows move, 0 to 2.", show_default=str(_DEFAULTS.liveliness)),
    ] = None,
    still: Annotated[bool | None, typer.Option("--still", help="No motion but speech.")] = None,
    idle_seconds: Annotated[
        float | None, typer.Option(help="Of silence, then a face ends.", show_default=str(_DEFAULTS.idle_seconds))
    ] = None,
    push_to: Annotated[
        list[str] | None,
        typer.Option(help="A WHIP server that clients may have faces sent to: https://example.org/live. Repeatable."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="A reverse proxy whose X-Forwarded-For is believed: 127.0.0.1, 10.0.0.0/8. Repeatable."),
    ] = None,
    udp_ports: Annotated[
        str | None, typer.Option(help="Over which peers are met, such as 50000-50100.", show_default="any")
    ] = None,
    public_peers_only: Annotated[
        bool | None, typer.Option("--public-peers-only", help="Send nothing to private addresses that peers name.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error.", show_default=_DEFAULTS.log_level)
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.", show_default=_DEFAULTS.log_format)] = None,
    access_log: Annotated[bool | None, typer.Option("--access-log", help="Write a line for each request.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with any of these; the command line wins.")] = None,
) -> None:
    """Serve faces to browsers, calls and agents, over WebRTC."""
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "cert": cert,
        "key": key,
        "token": token,
        "token_key": token_key,
        "allow_origin": allow_origin and tuple(allow_origin),
        "max_sessions": max_sessions,
        "stun": stun and tuple(stun),
        "turn": turn and tuple(turn),
        "bitrate": bitrate,
        "codec": codec,
        "size": size,
        "lookahead": lookahead,
        "liveliness": liveliness,
        "still": still,
        "idle_seconds": idle_seconds,
        "push_to": push_to and tuple(push_to),
        "udp_ports": udp_ports,
        "public_peers_only": public_peers_only,
        "log_level": log_level,
        "log_format": log_format,
        "access_log": access_log,
        "trusted_proxy": trusted_proxy and tuple(trusted_proxy),
    }
    run_server(combined(config, {name: value for name, value in given.items() if value is not None}))


def run_server(
    settings: ServeSettings, opened: Callable[[Clock], AbstractContextManager[SessionPool]] | None = None
) -> None:
    """Serve until SIGTERM or Ctrl-C, with what `opened` brings if it is given; the first line of output tells where."""
    is_made = settings.token is None and (settings.token_key is not None or not is_loopback(settings.host))
    if is_made:
        settings = replace(settings, token=secrets.token_urlsafe(24))
    tls = settings.tls()
    opened = opened or partial(open_session_pool, life=settings.faces().life)
    clock = MonotonicClock()
    with (
        closing(listening(settings.host, settings.port)) as listener,
        tempfile.TemporaryDirectory(prefix="liveface.") as uploads,
        opened(clock) as ensemble,
    ):
        encoding = measure_encoding(Avatar.load(DEFAULT_AVATAR), settings.codec)
        greeting = _greeting(settings, address_of(listener, settings.host, is_secure=tls is not None), is_made)
        asyncio.run(_serve(settings, ensemble, encoding, clock, Path(uploads), listener, tls, greeting))


async def _serve(
    settings: ServeSettings,
    ensemble: SessionPool,
    encoding: EncodingCost,
    clock: Clock,
    uploads: Path,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    greeting: str,
) -> None:
    """Until SIGTERM or Ctrl-C."""
    configure(settings.log_level, settings.log_format)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_WORKERS, thread_name_prefix="liveface serve"))
    if (ports := settings.port_range()) is not None:
        bind_within(loop, ports)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        _when_asked(number, loop, stopping)
    limits = Limits(conversations=settings.max_sessions, idle_seconds=settings.idle_seconds)
    stage = ServerContext(
        SessionRegistry(ensemble, clock, limits),
        AvatarStore(clock, uploads, PhotoWorker()),
        settings.peers(),
        clock,
        encoding,
        settings.size,
        settings.lookahead,
        settings.push_to,
    )
    door = ConnectionLimits(trusts=settings.proxies().trusts)
    application = make_application(stage, ensemble, settings.access())
    application.middlewares.append(door.middleware())
    if settings.access_log:
        application.middlewares.insert(0, journal.access_log(settings.proxies()))
    runner = web.AppRunner(application, shutdown_timeout=_GRACE)
    await runner.setup()
    assert runner.server is not None
    connect = partial(
        HttpConnection,
        runner.server,
        loop=loop,
        access_log=None,  # type: ignore[arg-type]  # which means none, as for AppRunner
        keepalive_timeout=_KEEP_ALIVE,
        auto_decompress=False,  # nobody needs it, and little can become much
    )
    admitting = asyncio.create_task(door.admit(listener, connect, tls))
    tidying = asyncio.create_task(_tidy())
    try:
        print(greeting, flush=True)
        await stopping.wait()
    finally:
        tidying.cancel()
        admitting.cancel()
        await runner.cleanup()
        await end_leftovers(_LEAVING)


def _when_asked(number: signal.Signals, loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Let a signal stop the server, also where the event loop cannot listen to signals, as on Windows."""
    try:
        loop.add_signal_handler(number, stopping.set)
    except NotImplementedError:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set) and None)


async def _tidy() -> None:
    """Free what peers leave behind: aiortc's connections are cycles of references, and hold threads and memory."""
    gc.collect()
    gc.freeze()  # what lives as long as the server is not looked at again, so that collecting takes milliseconds
    while True:
        await asyncio.sleep(_TIDYING)
        gc.collect()


def _greeting(settings: ServeSettings, address: str, is_made: bool) -> str:
    """Where to find the server, and what stands in the way of using it."""
    if is_loopback(settings.host):
        return f"liveface serves at {address}/  (Ctrl-C ends it)"
    lines = [f"liveface serves at {address}/{f'?token={settings.token}' if is_made else ''}  (Ctrl-C ends it)"]
    if is_made:
        lines.append(f"The token is made anew at each start; {TOKEN_VARIABLE} in the environment sets a lasting one.")
    if settings.cert is None:
        lines.append(
            "Without https browsers give no microphone to a page of another machine, and the token can be read on the\n"
            "way: give --cert and --key. A certificate for a trial: openssl req -x509 -newkey rsa:2048 -nodes \\\n"
            "  -keyout key.pem -out cert.pem -days 30 -subj /CN=liveface"
        )
    return "\n".join(lines)
