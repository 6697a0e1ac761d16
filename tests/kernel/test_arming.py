"""Arming: no risk without a person's word, and no longer than it reaches."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NotReady, Strategy
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import Rig, run_virtual

SYMBOL, ACCOUNT = "BTC/USDT:USDT", "test/main"


class Idle(Strategy):
    """A strategy whose handle the tests use."""


async def live(journal: MemoryJournal | None = None) -> tuple[Rig, Any]:
    rig = Rig(journal=journal)
    unit = rig.unit(Idle)
    await rig.start()
    rig.desk.egress.lines["test"].live = True
    assert unit.strategy is not None
    return rig, unit.strategy.sys


async def buys(sys: Any, price: str) -> str:
    order = await sys.place_order(SYMBOL, "buy", "limit", "1", price)
    return str(order.reason or order.state)


def test_a_grant_ends_by_its_time() -> None:
    async def main() -> None:
        rig, sys = await live()
        assert await buys(sys, "90") == "unarmed"
        await rig.desk.egress.arming.arm(ACCOUNT, D(100), 60, "me")
        assert await buys(sys, "90.1") == "open"
        await asyncio.sleep(61)
        rig.venue.quote(99.9, 100.1)
        assert await buys(sys, "90.2") == "unarmed"
        assert "time is over" in rig.desk.blotter.refusals["mine"][-1].message

    run_virtual(main())


def test_a_grant_ends_by_its_loss_and_stays_ended() -> None:
    """What was lost before does not count; a market that comes back does not arm again."""

    async def main() -> None:
        rig, sys = await live()
        arming = rig.desk.egress.arming
        await arming.arm(ACCOUNT, D(10), 3600, "me")
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "100")
        rig.venue.fill(order.client_id)
        assert await buys(sys, "89") == "open"
        rig.venue.quote(88.9, 89.1)
        assert await buys(sys, "88") == "unarmed"
        rig.venue.quote(99.9, 100.1)
        assert await buys(sys, "89.5") == "unarmed"
        out = await sys.place_order(SYMBOL, "sell", "limit", "1", "100.5")
        assert out.state == "open"
        assert D(arming.statistics()[ACCOUNT]["max_loss"]) == D(10)
        await arming.arm(ACCOUNT, D(10), 3600, "me")
        assert await buys(sys, "89.6") == "open"

    run_virtual(main())


def test_grants_and_their_ends_survive_a_restart() -> None:
    async def first() -> MemoryJournal:
        rig, _ = await live()
        await rig.desk.egress.arming.arm(ACCOUNT, D(100), 3600, "me")
        return rig.journal

    async def then(journal: MemoryJournal, wait_s: float, disarm: bool) -> str:
        rig, sys = await live(MemoryJournal(boot=2, rows=list(journal.kept)))
        await asyncio.sleep(wait_s)
        rig.venue.quote(99.9, 100.1)
        if disarm:
            rig.desk.egress.arming.disarm(ACCOUNT, "me")
            with pytest.raises(CallerMistake, match="not armed"):
                rig.desk.egress.arming.disarm(ACCOUNT, "me")
            rig, sys = await live(MemoryJournal(boot=3, rows=rig.journal.kept))
        return await buys(sys, "90")

    journal = run_virtual(first())
    assert run_virtual(then(journal, 10, False)) == "open"
    assert run_virtual(then(journal, 3601, False)) == "unarmed"
    assert run_virtual(then(journal, 10, True)) == "unarmed"


def test_what_is_no_bound_is_refused() -> None:
    async def main() -> None:
        rig, sys = await live()
        arming = rig.desk.egress.arming
        for loss, seconds in ((D(0), 60), (D("nan"), 60), (D(1), 0), (D(1), 32 * 86_400)):
            with pytest.raises(CallerMistake):
                await arming.arm(ACCOUNT, loss, seconds, "me")
        rig.journal.failed = "disk full"
        with pytest.raises(NotReady, match="disk full"):
            await arming.arm(ACCOUNT, D(1), 60, "me")
        rig.journal.failed = ""
        assert await buys(sys, "90") == "unarmed"

    run_virtual(main())
