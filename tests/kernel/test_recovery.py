"""Recovery: whatever prefix of the journal a crash leaves, the next start finds the venue's truth."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import InvariantBroken, Strategy
from ctosd.kernel.fold import Replay
from ctosd.kernel.ports import Row
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import Rig, run_virtual

SYMBOL = "BTC/USDT:USDT"


class Idle(Strategy):
    """A strategy whose handle the tests use."""


async def busy_day(rig: Rig) -> None:
    """Places, partial fills, an amendment, a cancel, a rejection, a lost answer that arrived and one that did not."""
    unit = rig.unit(Idle)
    await rig.start()
    assert unit.strategy is not None
    sys = unit.strategy.sys
    first = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
    rig.venue.fill(first.client_id, D("0.3"))
    await sys.amend_order(first.client_id, price="98.5")
    second = await sys.place_order(SYMBOL, "sell", "limit", "2", "101")
    rig.venue.fill(second.client_id)
    third = await sys.place_order(SYMBOL, "buy", "limit", "1", "97")
    await sys.revoke_order(third.client_id)
    rig.venue.reject("post_only")
    await sys.place_order(SYMBOL, "buy", "post_only", "1", "99.5")
    rig.venue.lose(arrived=False)
    await sys.place_order(SYMBOL, "buy", "limit", "1", "96")
    await asyncio.sleep(60)
    rig.venue.lose(arrived=True)
    last = await sys.place_order(SYMBOL, "buy", "limit", "1", "95")
    rig.venue.fill(last.client_id, D("0.5"))


def rows_of(rig: Rig) -> list[Row]:
    return list(rig.journal.kept)


async def restarted(old: Rig, rows: list[Row]) -> Rig:
    rig = Rig(journal=MemoryJournal(boot=2, rows=rows))
    rig.venue.book, rig.venue.done = old.venue.book, old.venue.done
    rig.unit(Idle)
    await rig.start()
    await asyncio.sleep(120)
    return rig


def truth(rig: Rig) -> dict[str, Any]:
    live = {
        u.client_id: (u.price, u.size, u.filled)
        for u in rig.venue.book.values()
        if u.state in ("open", "partially_filled")
    }
    size = sum((f.size if f.side == "buy" else -f.size for f in rig.venue.done), D(0))
    return {"open": live, "size": size, "fills": len(rig.venue.done)}


def ours(rig: Rig) -> dict[str, Any]:
    live = {o.client_id: (o.price, o.size, o.filled) for o in rig.desk.blotter.open_orders()}
    whole = rig.desk.blotter.ledger.total("test/main", SYMBOL)
    return {"open": live, "size": whole.size, "fills": whole.fills}


def test_every_prefix_of_the_journal_recovers() -> None:
    """A crash can cut the journal behind any row whose commit nobody waited for; the venue keeps what it knows.

    Only rows before an intent are certain (the intent's commit takes them along), so a prefix that ends before the
    intent of an order that the venue knows cannot happen: it is skipped.
    """

    async def first() -> Rig:
        rig = Rig()
        await busy_day(rig)
        return rig

    old = run_virtual(first())
    rows = rows_of(old)
    intents = [index for index, row in enumerate(rows) if row.kind == "intent"]
    for cut in range(intents[-1] + 1, len(rows) + 1):
        again = run_virtual(restarted(old, rows[:cut]))
        assert ours(again) == truth(old), cut
        assert again.desk.blotter.unresolved() == []
        assert again.desk.blotter.ledger.check() == []
        assert again.venue.received == []  # recovery asks, it never sends


def test_an_intent_that_never_left_is_proved_absent() -> None:
    async def first() -> Rig:
        rig = Rig()
        await busy_day(rig)
        return rig

    old = run_virtual(first())
    rows = rows_of(old)
    cut = max(index for index, row in enumerate(rows) if row.kind == "intent")
    lost = [cid for cid in old.venue.book if cid not in str(rows[:cut])]
    for cid in lost:
        del old.venue.book[cid]
    old.venue.done = [fill for fill in old.venue.done if fill.client_id not in lost]
    again = run_virtual(restarted(old, rows[: cut + 1]))
    states = {order.state for order in again.desk.blotter.orders.values()}
    assert "never_sent" in states
    assert ours(again) == truth(old)


def test_recovering_twice_changes_nothing_more() -> None:
    async def first() -> Rig:
        rig = Rig()
        await busy_day(rig)
        return rig

    old = run_virtual(first())
    once = run_virtual(restarted(old, rows_of(old)[:-2]))
    twice = run_virtual(restarted(once, rows_of(once)))
    assert ours(once) == ours(twice) == truth(old)


def test_the_kill_switch_survives_a_restart() -> None:
    async def first() -> Rig:
        rig = Rig()
        rig.journal.append("mode", "halted", b'{"mode":"halted","reason":"storm","by":"me"}', 1)
        return rig

    old = run_virtual(first())
    again = run_virtual(restarted(old, rows_of(old)))
    assert (again.desk.switch.mode, again.desk.switch.reason) == ("halted", "storm")


def test_a_journal_that_does_not_add_up_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from ctosd.core.ledger import Ledger

    monkeypatch.setattr(Ledger, "check", lambda self: ["sizes differ"])

    async def main() -> None:
        rig = Rig()
        with pytest.raises(InvariantBroken, match="sizes differ"):
            Replay(rig.system.fold, "test", rig.desk).run()

    run_virtual(main())


def test_a_clock_that_was_set_proves_no_absence() -> None:
    """An hour that nobody lived through is no reason to believe that an order can no longer arrive."""

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Idle)
        manifest = replace(rig.venue.manifest, expiry_ms=5_000, grace_ms=10_000)
        rig.venue.manifest = manifest  # type: ignore[misc]
        await rig.start()
        assert unit.strategy is not None
        rig.venue.lose(arrived=False)
        order = await unit.strategy.sys.place_order(SYMBOL, "buy", "limit", "1", "96")
        order.created_ns -= 3_600 * 10**9
        rig.system.recovery.clock_stepped(3_600)
        await asyncio.sleep(14)
        assert order.state == "unknown"
        await asyncio.sleep(20)
        assert order.state == "never_sent"

    run_virtual(main())
