"""Tests of what a client may leave open, and of what it may not ask for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from liveface.app.server.context import ServerContext
from liveface.app.server.refusals import status_of
from liveface.app.server.requests import read_query
from liveface.app.server.schemas import Wanted
from liveface.app.server.security import Access
from liveface.app.session.clock import MonotonicClock
from liveface.engine.errors import LivefaceError, NotFoundError
from tests.app.server.application_fakes import World


def staged(folder: Path, use: Callable[[ServerContext], Awaitable[None]]) -> None:
    async def run() -> None:
        await use(World(folder, Access(), MonotonicClock()).stage)

    asyncio.run(run())


def test_a_wish_is_read_from_a_query_as_from_json(tmp_path: Path) -> None:
    async def use(stage: ServerContext) -> None:
        for named in (
            {"avatar": "jonas", "size": "256X128", "lookahead": "0"},
            {"avatar": "jonas", "size": "256x128", "lookahead": 0},
        ):
            wish = await stage.wish(read_query(named, Wanted))
            assert (wish.name, wish.lookahead, wish.avatar.photo.shape) == ("jonas", 0, (128, 256, 3))

    staged(tmp_path, use)


def test_what_is_absent_is_the_servers_choice(tmp_path: Path) -> None:
    async def use(stage: ServerContext) -> None:
        wish = await stage.wish(Wanted())
        assert (wish.name, wish.lookahead, wish.avatar.photo.shape) == ("clara", 2, (512, 512, 3))

    staged(tmp_path, use)


@pytest.mark.parametrize(
    "named", [{"lookahead": "-1"}, {"lookahead": "7"}, {"lookahead": ""}, {"size": "1x1"}, {"size": "x"}, {"size": [1]}]
)
def test_what_cannot_be_is_refused(tmp_path: Path, named: dict[str, object]) -> None:
    async def use(stage: ServerContext) -> None:
        with pytest.raises(LivefaceError) as refused:
            await stage.wish(read_query(named, Wanted))
        assert status_of(refused.value) == 400

    staged(tmp_path, use)


def test_an_avatar_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def use(stage: ServerContext) -> None:
        with pytest.raises(NotFoundError):
            await stage.wish(Wanted(avatar="nobody"))

    staged(tmp_path, use)


def test_encoding_costs_more_for_larger_pictures(tmp_path: Path) -> None:
    async def use(stage: ServerContext) -> None:
        small, large = [stage.encoding_cost(await stage.wish(Wanted(size=size))) for size in ("128x128", "512x256")]
        assert small == pytest.approx(0.001 + 128 * 128 * 1e-8)
        assert large == pytest.approx(0.001 + 512 * 256 * 1e-8)

    staged(tmp_path, use)
