"""Tests of how many offers are answered at once."""

import asyncio

import pytest

from liveface.app.server import offer_limits as turnstile
from liveface.app.server.offer_limits import OfferLimits
from liveface.engine.errors import CapacityError


def test_who_finds_it_full_is_sent_away_and_may_come_again() -> None:
    async def run() -> None:
        gate = asyncio.Event()
        one = OfferLimits()

        async def answer() -> None:
            async with one.turn():
                await gate.wait()

        inside = [asyncio.create_task(answer()) for _ in range(turnstile._AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(CapacityError, match=str(turnstile._AT_ONCE)):
            await answer()
        gate.set()
        await asyncio.gather(*inside)
        await answer()

    asyncio.run(run())


def test_an_answer_that_fails_leaves_room_for_another() -> None:
    async def run() -> None:
        one = OfferLimits()
        for _ in range(3 * turnstile._AT_ONCE):
            with pytest.raises(ZeroDivisionError):
                async with one.turn():
                    raise ZeroDivisionError
        async with one.turn():
            pass

    asyncio.run(run())


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "_SECONDS", 0.0)

    async def run() -> None:
        async with OfferLimits().turn():
            await asyncio.Event().wait()

    with pytest.raises(CapacityError, match="within 0 s"):
        asyncio.run(run())
