"""The way out: gate, bucket, look again, journal, one write, outcome. Nothing is sent twice, nothing is read into silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ctosd.abi import Accepted, Amend, CallerMistake, Cancel, Fenced, Order, OrderUpdate, Place, Quote, Strategy
from ctosd.core.gate import Limits
from ctosd.kernel.unit import ExitPolicy
from ctosd.testing.rig import Rig, run_virtual

SYMBOL = "BTC/USDT:USDT"


class Idle(Strategy):
    """A strategy whose handle the tests use."""


async def rigged(**house: Any) -> tuple[Rig, Any]:
    rig = Rig(house=Limits(**house))
    unit = rig.unit(Idle)
    await rig.start()
    assert unit.strategy is not None
    return rig, unit.strategy.sys


def kinds(rig: Rig) -> list[str]:
    return [row.kind for row in rig.journal.kept if row.kind != "state"]


def test_the_intent_is_committed_before_the_venue_hears() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        seen: list[tuple[list[str], int]] = []

        def reply(command: Any) -> Any:
            seen.append((kinds(rig), rig.journal.commits))
            return rig.venue.accept(command)

        rig.venue.replies.append(reply)
        await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert seen == [(["intent"], 1)]
        assert kinds(rig) == ["intent", "outcome"]

    run_virtual(main())


def test_a_denied_order_is_never_sent() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "120")
        assert (order.state, order.reason) == ("denied", "price_band")
        assert rig.venue.received == []
        assert "intent" not in kinds(rig)
        assert [d.reason for d in rig.desk.blotter.refusals["mine"]] == ["price_band"]

    run_virtual(main())


def test_the_same_refusal_is_counted_not_repeated() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        for _ in range(5):
            await sys.place_order(SYMBOL, "buy", "limit", "1", "120")
        (denial,) = rig.desk.blotter.refusals["mine"]
        assert denial.count == 5

    run_virtual(main())


def test_open_orders_count_as_exposure_until_they_end() -> None:
    async def main() -> None:
        _, sys = await rigged(max_position_notional=D(150))
        first = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        second = await sys.place_order(SYMBOL, "buy", "limit", "1", "98")
        assert (first.state, second.reason) == ("open", "max_position_notional")
        await sys.revoke_order(first.client_id)
        assert first.state == "cancelled"
        third = await sys.place_order(SYMBOL, "buy", "limit", "1", "97")
        assert third.state == "open"

    run_virtual(main())


def test_a_rejection_is_told_with_the_venues_words() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        rig.venue.reject("insufficient_funds", "margin 12 < 20")
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert (order.state, order.reason, order.message) == ("rejected", "insufficient_funds", "margin 12 < 20")
        assert rig.desk.blotter.open_orders() == []

    run_virtual(main())


@pytest.mark.parametrize("arrived", [True, False])
def test_a_lost_answer_is_unknown_freezes_risk_and_is_resolved_by_query(arrived: bool) -> None:
    """Unknown is neither filled nor rejected; one write was made and there is never a second."""

    async def main() -> None:
        rig, sys = await rigged()
        rig.venue.lose(arrived)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert order.state == "unknown"
        more = await sys.place_order(SYMBOL, "buy", "limit", "2", "98")
        assert more.reason == "unresolved"
        await asyncio.sleep(60)
        assert order.state == ("open" if arrived else "never_sent")
        assert [type(c).__name__ for c in rig.venue.received] == ["Place"]
        rig.venue.quote(99.9, 100.1)
        again = await sys.place_order(SYMBOL, "buy", "limit", "2", "98")
        assert again.state == "open"

    run_virtual(main())


def test_unknown_waits_while_the_venue_cannot_be_asked() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        rig.venue.lose(arrived=False)
        rig.venue.deaf = True
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        await asyncio.sleep(600)
        assert order.state == "unknown"
        rig.venue.deaf = False
        await asyncio.sleep(60)
        assert order.state == "never_sent"

    run_virtual(main())


def test_an_order_that_filled_while_unknown_is_booked_once() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        rig.venue.lose(arrived=True)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        fill = rig.venue.fill(order.client_id, tell=False)
        await asyncio.sleep(60)
        assert order.state == "filled"
        rig.venue.push(fill)  # the private stream comes back and repeats it
        assert rig.desk.blotter.ledger.position("test/main", "mine", SYMBOL).size == 1
        assert rig.desk.blotter.counts["fills"] == 1

    run_virtual(main())


def test_a_fill_before_the_ack_stays_a_fill() -> None:
    async def main() -> None:
        rig, sys = await rigged()

        def filled_first(command: Any) -> Any:
            outcome = rig.venue.accept(command)
            rig.venue.fill(command.client_id)
            return outcome

        rig.venue.replies.append(filled_first)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert order.state == "filled"

    run_virtual(main())


def test_a_driver_that_raises_means_unknown() -> None:
    async def main() -> None:
        rig, sys = await rigged()

        def broken(command: Any) -> Any:
            raise RuntimeError("parser")

        rig.venue.replies.append(broken)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert order.state == "unknown"
        assert "parser" in order.message

    run_virtual(main())


class Slow(Strategy):
    """Places an order at its start, at a venue that takes its time."""

    async def on_start(self) -> None:
        await self.sys.subscribe_ticks(SYMBOL, "quotes")

    async def on_quote(self, quote: Quote) -> None:
        if quote.bid == 50:
            await self.sys.place_order(SYMBOL, "buy", "limit", "1", "50")


def test_cancelling_the_strategy_does_not_lose_the_outcome() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Slow, exit=ExitPolicy(stop="keep"))
        await rig.start()
        rig.venue.hold = asyncio.Event()
        rig.venue.quote(50, 51)
        await asyncio.sleep(0.01)
        assert len(rig.venue.received) == 1
        stopping = asyncio.ensure_future(rig.system.supervisor.stop(unit, "test"))
        await asyncio.sleep(0.5)
        rig.venue.hold.set()
        await stopping
        (order,) = rig.desk.blotter.open_orders()
        assert order.state == "open"
        assert "outcome" in kinds(rig)

    run_virtual(main())


def test_a_strategy_that_is_cut_off_under_way_loses_no_outcome() -> None:
    """Parked without a word while its order is on the wire: the answer is still read, journaled and acted upon."""

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Slow, exit=ExitPolicy(park="keep"))
        await rig.start()
        rig.venue.hold = asyncio.Event()
        rig.venue.quote(50, 51)
        await asyncio.sleep(0.01)
        (order,) = rig.desk.blotter.open_orders()
        await rig.system.supervisor.park(unit, "test")
        assert (unit.state, order.state) == ("parked", "pending")
        rig.venue.hold.set()
        await asyncio.sleep(0.01)
        assert order.state == "open"
        assert kinds(rig)[-1] == "outcome"

    run_virtual(main())


def test_a_full_bucket_delays_and_cancels_go_first() -> None:
    async def main() -> None:
        rig, sys = await rigged(order_rate=None, duplicate_window_ms=0)
        first = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        line = rig.desk.egress.lines["test"]
        line.budget.buckets.take((("orders", 899),), rig.clock.now_ns())  # 100 are left: the reserve
        start_ns = rig.clock.now_ns()
        placing = asyncio.ensure_future(sys.place_order(SYMBOL, "buy", "limit", "1", "98"))
        await asyncio.sleep(0)
        await sys.revoke_order(first.client_id)
        assert isinstance(rig.venue.received[-1], Cancel)
        assert rig.clock.now_ns() == start_ns
        await placing
        assert isinstance(rig.venue.received[-1], Place)
        assert rig.clock.now_ns() > start_ns

    run_virtual(main())


def test_the_kill_switch_is_looked_at_again_after_the_wait() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        rig.desk.egress.lines["test"].budget.buckets.take((("orders", 900),), rig.clock.now_ns())
        placing = asyncio.ensure_future(sys.place_order(SYMBOL, "buy", "limit", "1", "99"))
        await asyncio.sleep(0)
        rig.desk.switch.set("halted", "a person", "test")
        order = await placing
        assert (order.state, order.reason) == ("denied", "halted")
        assert rig.venue.received == []
        assert rig.desk.blotter.open_orders() == []

    run_virtual(main())


def test_an_order_that_would_wait_too_long_is_dropped() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        rig.desk.egress.lines["test"].budget.buckets.penalise(rig.clock.now_ns() + 60 * 10**9)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert (order.state, order.reason) == ("denied", "deadline")

    run_virtual(main())


def test_no_order_goes_out_blind_when_the_journal_fails() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        resting = await sys.place_order(SYMBOL, "buy", "limit", "1", "98")
        rig.journal.failed = "disk full: free some space"
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert (order.state, order.reason, order.message) == ("denied", "journal", "disk full: free some space")
        assert len(rig.venue.received) == 1
        await sys.revoke_order(resting.client_id)  # a cancel makes exposure smaller: it may
        assert resting.state == "cancelled"

    run_virtual(main())


def test_amend_changes_terms_in_place() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        await sys.amend_order(order.client_id, price="98.5", size="2")
        assert (order.price, order.size, order.state) == (D("98.5"), D(2), "open")
        assert kinds(rig)[-2:] == ["intent", "outcome"] or "order" in kinds(rig)[-3:]

    run_virtual(main())


def test_an_amendment_passes_the_gate() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        await sys.amend_order(order.client_id, price="120")
        assert (order.price, order.reason, order.state) == (D(99), "price_band", "open")
        assert len(rig.venue.received) == 1

    run_virtual(main())


def test_cancelling_what_the_venue_does_not_know_means_look() -> None:
    """`order not found` after a cancel is a reason to look, not an answer."""

    async def main() -> None:
        rig, sys = await rigged()
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        rig.venue.fill(order.client_id, tell=False)
        await sys.revoke_order(order.client_id)
        assert order.state == "open"
        await asyncio.sleep(60)
        assert order.state == "filled"

    run_virtual(main())


def test_state_is_saved_before_the_order_that_follows_from_it() -> None:
    class Counting(Strategy):
        class State(msgspec.Struct):
            n: int = 0

        async def on_start(self) -> None:
            self.state.n = 7
            await self.sys.place_order(SYMBOL, "buy", "limit", "1", "99")

    async def main() -> None:
        rig = Rig()
        rig.unit(Counting)
        await rig.start()
        order_of = [row.kind for row in rig.journal.kept]
        assert order_of.index("state") < order_of.index("intent")
        state = next(row for row in rig.journal.kept if row.kind == "state")
        assert msgspec.json.decode(state.body)["state"] == {"n": 7}

    run_virtual(main())


def test_a_callers_mistake_raises_and_sends_nothing() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        for args in [
            ("XYZ/USDT", "buy", "limit", "1", "99"),
            (SYMBOL, "up", "limit", "1", "99"),
            (SYMBOL, "buy", "limit", "one", "99"),
            (SYMBOL, "buy", "limit", 0.1, "99"),
            (SYMBOL, "buy", "limit", "1", None),
            (SYMBOL, "buy", "market", "1", "99"),
            (SYMBOL, "buy", "stop", "1", "99"),
            (SYMBOL, "buy", "limit", "NaN", "99"),
        ]:
            with pytest.raises(CallerMistake):
                await sys.place_order(*args)
        with pytest.raises(CallerMistake):
            await sys.revoke_order("ctos-not-mine")
        assert rig.venue.received == []

    run_virtual(main())


def test_another_strategys_order_cannot_be_touched() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        other = rig.unit(Idle, name="other")
        rig.system.supervisor.start(other)
        await asyncio.sleep(0.1)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        assert other.strategy is not None
        with pytest.raises(CallerMistake, match="other has no order"):
            await other.strategy.sys.revoke_order(order.client_id)

    run_virtual(main())


def test_a_revoked_handle_sends_nothing() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        rig.system.supervisor.units["mine"].seat.revoke("test")
        with pytest.raises(Fenced, match="test"):
            await sys.place_order(SYMBOL, "buy", "limit", "1", "99")

    run_virtual(main())


def test_writes_equal_intents() -> None:
    """The count of what left equals the count of what was meant to leave, per venue."""

    async def main() -> None:
        rig, sys = await rigged(order_rate=None, duplicate_window_ms=0)
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        await sys.amend_order(order.client_id, price="98")
        await sys.revoke_order(order.client_id)
        await sys.place_order(SYMBOL, "buy", "limit", "1", "120")
        line = rig.desk.egress.lines["test"]
        assert (line.intents, line.writes) == (3, 3)

    run_virtual(main())


def test_an_outsiders_order_and_fill_are_external() -> None:
    async def main() -> None:
        rig, _ = await rigged()
        rig.venue.book["web-1"] = OrderUpdate(account="test/main", symbol=SYMBOL, client_id="web-1", venue_id="w", state="open",
                                              side="sell", type="limit", size=D(2), filled=D(0), price=D(101), time_ns=1)  # fmt: skip
        rig.venue.fill("web-1")
        ledger = rig.desk.blotter.ledger
        assert ledger.total("test/main", SYMBOL).size == -2
        assert ledger.position("test/main", "external", SYMBOL).size == -2
        assert ledger.check() == []
        assert rig.log.events("external_fill")

    run_virtual(main())


def test_order_and_accepted_are_values() -> None:
    """The ABI's records compare and encode: the journal and replay depend on it."""
    accepted = Accepted(client_id="c", venue_id="v", time_ns=1)
    assert msgspec.json.decode(msgspec.json.encode(accepted), type=Accepted) == accepted
    order = Order(client_id="c", strategy="s", account="a/b", symbol=SYMBOL, side="buy", type="limit", size=D("0.10"))
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order


def test_a_conditional_order_goes_to_venues_that_keep_them_and_to_no_other() -> None:
    async def main() -> None:
        rig, sys = await rigged()
        refused = await sys.place_order(SYMBOL, "sell", "market", "1", trigger="95")
        assert (refused.state, refused.reason) == ("denied", "unsupported")
        assert rig.venue.received == []
        rig.venue.manifest = replace(rig.venue.manifest, can_trigger=True)  # type: ignore[misc]
        order = await sys.place_order(SYMBOL, "sell", "limit", "1", "95", trigger="96")
        (command,) = rig.venue.received
        assert isinstance(command, Place)
        assert command.trigger == order.trigger == D(96)

    run_virtual(main())


def test_an_amendment_carries_the_terms_that_stand() -> None:
    """Some venues want all terms again."""

    async def main() -> None:
        rig, sys = await rigged()
        order = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        await sys.amend_order(order.client_id, price="98")
        amend = rig.venue.received[-1]
        assert isinstance(amend, Amend)
        assert (amend.side, amend.old_price, amend.old_size) == ("buy", D(99), D(1))
        assert (amend.price, amend.size) == (D(98), None)

    run_virtual(main())


def test_a_seat_that_was_lost_on_the_way_sends_nothing() -> None:
    """The strategy was let in while it held its seat; what it awaited before the gate took that away."""

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Idle)
        await rig.start()
        sent = await unit.strategy.sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        unit.seat.revoke("a person")
        again = msgspec.structs.replace(sent, client_id="ctos0", price=D(98), state="pending")
        order = await rig.desk.egress.place(unit.seat, again)
        assert (order.state, order.reason, order.message) == ("denied", "fenced", "a person")
        assert len(rig.venue.received) == 1

    run_virtual(main())
