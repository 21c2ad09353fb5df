"""Tests of the line that is written for each request."""

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from liveface.app.server.access_log import access_log
from liveface.app.server.proxies import TrustedProxies


def test_a_request_is_a_line_without_any_secret(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def run() -> None:
        application = web.Application(middlewares=[access_log(TrustedProxies.parse(["127.0.0.1"]))])
        application.add_routes([web.get("/whip/{session}", answer)])
        async with TestClient(TestServer(application)) as client:
            headers = {"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer hunter2"}
            await client.get("/whip/hunter2?token=hunter2", headers=headers)
            await client.get("/hunter2", headers=headers)
            await client.request("PROPFIND", "/whip/1", headers=headers)

    with caplog.at_level(logging.INFO, "liveface"):
        asyncio.run(run())
    lines = [record.getMessage() for record in caplog.records if record.name == "liveface.access"]
    assert [" ".join(line.split()[:4]) for line in lines] == [
        "192.0.2.1 GET /whip/{session} 204",
        "192.0.2.1 GET none 404",
        "192.0.2.1 other none 405",
    ]
    assert "hunter2" not in " ".join(lines).lower()
