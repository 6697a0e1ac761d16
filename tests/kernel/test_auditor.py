"""Reconciliation for ever: what a venue forgot to tell, what others do on our accounts, and what left unmeant."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import msgspec

from ctosd.abi import Fill, FundingPayment, NotReady, OrderUpdate, Strategy, topic
from ctosd.core.ledger import EXTERNAL
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import Rig, run_virtual

SYMBOL, ACCOUNT = "BTC/USDT:USDT", "test/main"
HOUR_NS = 3_600 * 10**9


class Keeps(Strategy):
    """Hears of its fills."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Fill] = []

    async def on_fill(self, fill: Fill) -> None:
        self.heard.append(fill)


async def audited(journal: MemoryJournal | None = None, **scene: Any) -> tuple[Rig, Any]:
    """A kernel whose venue is audited, as one is that is reached over a network."""
    rig = Rig(journal=journal)
    rig.system.venues._virtual = False
    vars(rig.venue).update(scene)
    unit = rig.unit(Keeps)
    await rig.start()
    assert unit.strategy is not None
    return rig, unit.strategy


def stranger(side: str = "buy", size: int = 3) -> OrderUpdate:
    return OrderUpdate(account=ACCOUNT, symbol=SYMBOL, client_id="web-1", venue_id="x1", state="open", side=side,
                       type="limit", size=D(size), filled=D(0), price=D(90), time_ns=1)  # fmt: skip


def held(rig: Rig, strategy: str) -> D:
    return rig.desk.blotter.ledger.position(ACCOUNT, strategy, SYMBOL).size


def test_fills_that_no_stream_told_are_found() -> None:
    async def main() -> None:
        rig, mine = await audited()
        order = await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "99")
        rig.venue.fill(order.client_id, D(1), tell=False)
        await asyncio.sleep(40)  # the listing tells that there is more filled than we know
        assert (order.filled, order.state) == (D(1), "partially_filled")
        rig.venue.fill(order.client_id, tell=False)
        await asyncio.sleep(40)  # it is not listed any more: asked for by its id
        assert (order.filled, order.state, len(mine.heard)) == (D(2), "filled", 2)
        assert rig.system.venues.statistics()["test"]["audit"]["repairs"] >= 2

    run_virtual(main())


def test_an_order_that_the_venue_cancelled_in_silence_is_found() -> None:
    async def main() -> None:
        rig, mine = await audited()
        order = await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "99")
        rig.venue._write(rig.venue.book[order.client_id], state="cancelled")
        await asyncio.sleep(40)
        assert order.state == "cancelled"

    run_virtual(main())


def test_orders_of_others_count_and_are_left_alone() -> None:
    async def main() -> None:
        rig, _ = await audited(book={"web-1": stranger()})
        assert [update.venue_id for update in rig.desk.blotter.outside.all()] == ["x1"]
        order = rig.desk.order(rig.system.supervisor.units["mine"].seat, ACCOUNT, SYMBOL, "buy", D(1))
        view = rig.desk.egress.sight.view(rig.system.supervisor.units["mine"].seat, order)
        assert (view.buying, view.account_buying) == (D(0), D(3))
        assert rig.venue.received == []
        rig.venue._write(rig.venue.book["web-1"], state="cancelled")
        await asyncio.sleep(40)
        assert list(rig.desk.blotter.outside.all()) == []
        assert len(rig.log.events("external_order")) == 1

    run_virtual(main())


def test_a_position_of_others_is_external_and_can_be_adopted() -> None:
    """Before the strategies start, and after a restart it is not booked again; what a strategy is given is its own."""

    async def main() -> None:
        rig, _ = await audited(foreign={SYMBOL: D(4)})
        assert (held(rig, EXTERNAL), held(rig, "mine")) == (D(4), D(0))
        rig.desk.blotter.transfer(ACCOUNT, SYMBOL, EXTERNAL, "mine", D(1))
        assert (held(rig, EXTERNAL), held(rig, "mine")) == (D(3), D(1))
        rig.venue.foreign[SYMBOL] = D(2)  # a person sells two
        await asyncio.sleep(400)
        assert (held(rig, EXTERNAL), held(rig, "mine")) == (D(1), D(1))
        assert rig.system.recovery.drift == {}
        again, _ = await audited(MemoryJournal(boot=2, rows=list(rig.journal.kept)), foreign={SYMBOL: D(2)})
        assert (held(again, EXTERNAL), held(again, "mine")) == (D(1), D(1))
        assert again.log.events("external_position") == []
        assert again.desk.blotter.ledger.check() == []

    run_virtual(main())


def test_a_liquidation_is_shared_out_and_never_traded_back() -> None:
    """The account is frozen for new risk in that instrument, over a restart too, until a person resumes."""

    async def main() -> None:
        rig, mine = await audited()
        order = await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "99")
        fill = rig.venue.fill(order.client_id)
        forced = msgspec.structs.replace(
            fill, trade_id="liq", client_id="", side="sell", size=D(1), cause="liquidation"
        )
        rig.venue.done.append(forced)
        rig.venue.push(forced)
        rig.venue.push(forced)
        await asyncio.sleep(0)
        assert (held(rig, "mine"), held(rig, EXTERNAL)) == (D(1), D(0))
        assert [each.cause for each in mine.heard] == ["", "liquidation"]
        back = await mine.sys.place_order(SYMBOL, "buy", "limit", "1", "98")
        out = await mine.sys.place_order(SYMBOL, "sell", "limit", "0.5", "101")
        assert (back.reason, out.state) == ("frozen", "open")
        again, other = await audited(
            MemoryJournal(boot=2, rows=list(rig.journal.kept)), book=rig.venue.book, done=rig.venue.done
        )
        assert held(again, "mine") == D(1)
        still = await other.sys.place_order(SYMBOL, "buy", "limit", "1", "98")
        assert still.reason == "frozen"
        again.desk.switch.set("active", "", "me")
        free = await other.sys.place_order(SYMBOL, "buy", "limit", "1", "98.1")
        assert free.state == "open"

    run_virtual(main())


def test_power_that_goes_before_the_last_rows_are_on_disk_loses_no_order() -> None:
    """Every row of the last minutes is gone: orders with our prefix are adopted by the strategy that their id names."""

    async def main() -> None:
        rig, mine = await audited(MemoryJournal(boot=1))
        early = len(rig.journal.kept)
        resting = await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "98")
        done = await mine.sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        rig.venue.fill(done.client_id)
        rig.venue.fill(resting.client_id, D("0.5"))
        left = await mine.sys.place_order(SYMBOL, "buy", "limit", "1", "97")
        rig.venue.fill(left.client_id, D("0.25"))
        await mine.sys.revoke_order(left.client_id)
        rows = list(rig.journal.kept)
        for cut in range(early, len(rows) + 1):
            again, _ = await audited(
                MemoryJournal(boot=2, rows=rows[:cut]), book=dict(rig.venue.book), done=list(rig.venue.done)
            )
            await asyncio.sleep(30)
            (found,) = again.desk.blotter.open_orders()
            assert (found.client_id, found.strategy, found.filled) == (resting.client_id, "mine", D("0.5")), cut
            assert (held(again, "mine"), held(again, EXTERNAL)) == (D("1.75"), D(0)), cut
            assert again.desk.blotter.ledger.check() == []
            twice, _ = await audited(
                MemoryJournal(boot=3, rows=list(again.journal.kept)), book=again.venue.book, done=again.venue.done
            )
            assert held(twice, "mine") == D("1.75")
            assert twice.venue.received == []

    run_virtual(main())


class Paid:
    """What the venue remembers of funding, and what it was asked."""

    def __init__(self, *payments: FundingPayment) -> None:
        self.payments = payments
        self.deaf = False
        self.asked_ns: list[int] = []

    async def __call__(self, account: str, since_ns: int) -> list[FundingPayment]:
        self.asked_ns.append(since_ns)
        if self.deaf:
            raise NotReady("no answer")
        return [payment for payment in self.payments if payment.time_ns >= since_ns]


def payment(number: int, time_ns: int, position: int = 2) -> FundingPayment:
    return FundingPayment(account=ACCOUNT, symbol=SYMBOL, payment_id=f"p{number}", amount=D(-1), asset="USDT",
                          rate=D("0.0001"), position=D(position), time_ns=time_ns)  # fmt: skip


def test_funding_that_was_paid_while_we_were_down_is_of_those_who_held_then() -> None:
    """A stream that tells a newer payment first, and a record that cannot be read at first, lose none of it."""

    async def main() -> None:
        rig, mine = await audited(MemoryJournal(boot=1))
        order = await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "99")
        rig.venue.fill(order.client_id)
        opened_ns = rig.clock.now_ns()
        await asyncio.sleep(3_600)
        while_down, after = payment(1, rig.clock.now_ns()), payment(2, rig.clock.now_ns() + 9 * HOUR_NS)
        paid = Paid(while_down, after)
        paid.deaf = True
        done, rows = list(rig.venue.done), list(rig.journal.kept)
        await asyncio.sleep(8 * 3_600)
        again, other = await audited(MemoryJournal(boot=2, rows=rows), done=done, fetch_funding_payments=paid)
        closing = await other.sys.place_order(SYMBOL, "sell", "limit", "2", "101")
        again.venue.fill(closing.client_id)
        await asyncio.sleep(3_600)
        again.desk.bus.publish(topic("private", "test"), after)
        ledger = again.desk.blotter.ledger
        assert (ledger.total(ACCOUNT, SYMBOL).funding, held(again, "mine")) == (D(-1), D(0))
        paid.deaf = False
        await asyncio.sleep(301)
        assert ledger.total(ACCOUNT, SYMBOL).funding == D(-2)
        assert {h.strategy: h.funding for h in ledger.holdings() if h.funding} == {"mine": D(-1), EXTERNAL: D(-1)}
        assert all(opened_ns - 2 * HOUR_NS < since_ns <= opened_ns for since_ns in paid.asked_ns)
        await asyncio.sleep(301)
        assert paid.asked_ns[-1] == after.time_ns - HOUR_NS
        assert ledger.total(ACCOUNT, SYMBOL).funding == D(-2)
        assert len(again.log.events("funding_waits")) > 1

    run_virtual(main())


def test_an_account_that_never_traded_is_not_asked_for_funding() -> None:
    async def main() -> None:
        paid = Paid()
        await audited(fetch_funding_payments=paid)
        await asyncio.sleep(700)
        assert paid.asked_ns == []

    run_virtual(main())


def test_what_another_daemon_places_while_we_run_is_not_ours() -> None:
    async def main() -> None:
        rig, _ = await audited(MemoryJournal(boot=5))
        theirs = msgspec.structs.replace(stranger(), client_id=rig.desk.ids.__class__(3).mint())
        rig.venue.book[theirs.client_id] = theirs
        await asyncio.sleep(40)
        assert rig.desk.blotter.open_orders() == []
        assert rig.desk.blotter.outside.statistics() == {"orders": 1}

    run_virtual(main())


def test_more_orders_than_were_meant_halt_everything() -> None:
    async def main() -> None:
        rig, mine = await audited()
        await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "99")
        rig.venue.left = 1
        await asyncio.sleep(40)
        assert rig.desk.switch.mode == "active"
        rig.venue.left = 2
        await asyncio.sleep(40)
        assert (rig.desk.switch.mode, rig.desk.switch.by) == ("halted", "the auditor")
        assert len(rig.log.events("writes_exceed_intents")) == 1

    run_virtual(main())


def test_a_venue_that_does_not_answer_is_asked_again() -> None:
    async def main() -> None:
        rig, mine = await audited()
        order = await mine.sys.place_order(SYMBOL, "buy", "limit", "2", "99")
        rig.venue.fill(order.client_id, tell=False)
        rig.venue.deaf = True
        await asyncio.sleep(70)
        assert order.is_open
        rig.venue.deaf = False
        await asyncio.sleep(40)
        assert order.state == "filled"

    run_virtual(main())
