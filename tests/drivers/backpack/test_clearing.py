"""Cancel everything: by market and kind, and sure of it."""

import asyncio
from collections import deque
from typing import Any

import pytest

from ctosd.abi import NoAnswer, NotReady
from drivers.backpack.account import Account
from drivers.backpack.clearing import Clearing
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import AccountConfig
from drivers.backpack.queries import Queries
from drivers.backpack.rest import Rest
from drivers.backpack.sign import Signer
from tests.drivers.backpack.exchange import (
    MAIN,
    NOT_FOUND,
    PUBLIC_KEY,
    SEED,
    SOL,
    T0,
    World,
    config,
    listing,
    order_row,
)

ROWS = [order_row(), order_row(id="2", symbol="GONE_USDC_PERP")]


async def run(world: World, symbol: str = "") -> None:
    rest = Rest("http://127.0.0.1:1", config(), world.ports)
    queries = Queries(rest, listing(), ClientIds(world.store, T0), world.clock)
    account = Account(MAIN, AccountConfig(), Signer.of({"api_key": PUBLIC_KEY, "api_secret": SEED}))
    task = asyncio.create_task(Clearing(rest, listing(), queries, world.clock).cancel(account, symbol))
    await world.clock.advance(10)
    await task


def asked(world: World) -> list[Any]:
    return [call.body for call in world.web.to("/api/v1/orders", "DELETE")]


async def test_every_market_and_both_kinds() -> None:
    """Markets that we do not list too: the venue's own list says where orders are."""
    world = World()
    world.web.answers["GET /api/v1/orders"] = deque([ROWS, ROWS, []])  # the cancels take a moment
    world.web.answers["DELETE /api/v1/orders"] = (202, b"")
    await run(world)
    assert asked(world) == [
        {"orderType": kind, "symbol": native}
        for native in ("GONE_USDC_PERP", "SOL_USDC_PERP")
        for kind in ("RestingLimitOrder", "ConditionalOrder")
    ]


async def test_one_market() -> None:
    """Orders elsewhere are left alone, and do not count."""
    world = World()
    world.web.answers["GET /api/v1/orders"] = [ROWS[1]]
    world.web.answers["DELETE /api/v1/orders"] = []
    await run(world, SOL)
    assert {body["symbol"] for body in asked(world)} == {"SOL_USDC_PERP"}


@pytest.mark.parametrize("answer", [NoAnswer("reset"), (500, b""), (202, b""), NOT_FOUND])
async def test_what_is_not_sure_is_said(answer: Any) -> None:
    """Orders that stay, whatever was answered, are told; every market was asked for all the same."""
    world = World()
    world.web.answers["GET /api/v1/orders"] = ROWS
    world.web.answers["DELETE /api/v1/orders"] = answer
    with pytest.raises(NotReady, match="SOL_USDC_PERP"):
        await run(world)
    assert len(asked(world)) == 4


async def test_a_lost_answer_does_not_matter_when_they_are_gone() -> None:
    world = World()
    world.web.answers["GET /api/v1/orders"] = deque([ROWS, []])
    world.web.answers["DELETE /api/v1/orders"] = NoAnswer("reset")
    await run(world)
    world.web.answers["GET /api/v1/orders"] = NoAnswer("reset")
    with pytest.raises(NotReady):
        await run(world, SOL)
