"""The ExecutionEngine: targets become the difference, amounts become slices, soft orders are chased and never doubled."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake, Place, Strategy
from ctosd.testing.rig import Rig, run_virtual

SYMBOL = "BTC/USDT:USDT"


class Idle(Strategy):
    """A strategy whose handle the tests use."""


async def rigged() -> tuple[Rig, Any]:
    rig = Rig()
    unit = rig.unit(Idle)
    await rig.start()
    assert unit.strategy is not None
    return rig, unit.strategy.sys


def fill_all(rig: Rig) -> None:
    """From now on every order fills at once."""
    accept = rig.venue.accept

    def filled(command: Any) -> Any:
        outcome = accept(command)
        if isinstance(command, Place):
            rig.venue.fill(command.client_id, price=command.price or D(100))
        return outcome

    rig.venue.accept = filled  # type: ignore[method-assign]


def size(rig: Rig) -> D:
    return rig.desk.blotter.ledger.position("test/main", "mine", SYMBOL).size


def test_a_target_is_reached_from_any_position() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        fill_all(rig)
        await sys.set_coin_position("BTC", "300", soft=False)
        assert size(rig) == 3
        await sys.set_coin_position("BTC", "-200", soft=False)
        assert size(rig) == -2
        await sys.set_coin_position("BTC", "0", soft=False)
        assert size(rig) == 0
        sides = [(c.side, c.reduce_only) for c in rig.venue.received if isinstance(c, Place)]
        assert ("sell", True) in sides  # the close of the long goes first and can only reduce

    run_virtual(main())


def test_stack_adds_and_the_dead_band_does_nothing() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        fill_all(rig)
        await sys.set_coin_position("BTC", "100", soft=False)
        await asyncio.sleep(1)
        await sys.set_coin_position("BTC", "100", soft=False, stack=True)
        assert size(rig) == 2
        before = len(rig.venue.received)
        assert await sys.set_coin_position("BTC", "203", soft=False) == []
        assert len(rig.venue.received) == before

    run_virtual(main())


def test_an_amount_is_sliced_and_bounded_in_slippage() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        fill_all(rig)
        orders = await sys.place_incremental_orders("4000", SYMBOL, "buy", soft=False)
        assert len(orders) == 2  # half of the 50 displayed at a time
        assert sum(order.filled for order in orders) == 40
        assert all(order.price <= D("100.6") and order.tif == "ioc" for order in orders)

    run_virtual(main())


def test_a_chase_rests_follows_and_is_never_doubled() -> None:
    """At any instant at most one order of the chase is open, and what is filled is what was asked."""

    async def main() -> None:
        rig, sys = await rigged()
        chasing = asyncio.ensure_future(sys.place_incremental_orders("300", SYMBOL, "buy"))
        filled = D(0)
        for turn in range(40):
            await asyncio.sleep(3)
            live = [u for u in rig.venue.book.values() if u.state in ("open", "partially_filled")]
            assert len(live) <= 1
            if live and turn % 3 == 0:
                part = min(D(1), live[0].size - live[0].filled)
                rig.venue.fill(live[0].client_id, part)
                filled += part
            if chasing.done():
                break
        orders = await chasing
        assert filled == 3 == sum(order.filled for order in orders)
        assert all(order.post_only and order.price <= D("99.9") for order in orders)

    run_virtual(main())


def test_mistakes_are_named() -> None:
    async def main() -> None:
        _, sys = await rigged()
        with pytest.raises(CallerMistake, match="DOGE"):
            await sys.set_coin_position("DOGE", "100")
        with pytest.raises(CallerMistake, match="positive"):
            await sys.place_incremental_orders("-5", "BTC", "buy")
        with pytest.raises(CallerMistake, match="buy or sell"):
            await sys.place_incremental_orders("5", "BTC", "up")

    run_virtual(main())
