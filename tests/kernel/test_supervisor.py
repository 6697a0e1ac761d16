"""The supervisor: back-off, parking, zombies, floods, exit policies and missed events, each on a whole kernel."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ctosd.abi import CtosError, Fenced, Fill, Misconfigured, NotReady, Order, Quote, Strategy
from ctosd.core.gate import Limits
from ctosd.core.ledger import DUST
from ctosd.core.restart import RestartPolicy
from ctosd.kernel.unit import ExitPolicy
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import Rig, run_virtual
from ctosd.testing.venue import perpetual

SYMBOL = "BTC/USDT:USDT"


class Quiet(Strategy):
    """Does nothing."""


class RaisesAtStart(Strategy):
    """Fails at every start."""

    async def on_start(self) -> None:
        raise RuntimeError("cannot")


class Trader(Strategy):
    """Places one buy at its start and remembers its fills."""

    class State(msgspec.Struct):
        fills: int = 0
        starts: int = 0

    async def on_start(self) -> None:
        self.state.starts += 1
        if not await self.sys.get_open_orders(SYMBOL):
            await self.sys.place_order(SYMBOL, "buy", "limit", "1", "99")

    async def on_fill(self, fill: Fill) -> None:
        self.state.fills += 1


def test_raising_at_every_start_is_backed_off_then_parked_while_others_trade() -> None:
    async def main() -> None:
        rig = Rig()
        bad, good = rig.unit(RaisesAtStart, name="bad"), rig.unit(Trader, name="good")
        await rig.start()
        assert bad.state == "backoff"
        assert good.state == "running"
        await asyncio.sleep(200)
        assert bad.state == "parked"
        assert bad.restarts == 5
        assert "failed more than 5 times in 300 s" in bad.reason
        assert "cannot" in bad.last_error
        rig.venue.fill(next(iter(rig.venue.book)))
        assert good.state == "running"
        strategy: Any = good.strategy
        assert strategy.state.fills == 1

    run_virtual(main())


def test_a_parked_unit_starts_again_at_a_persons_word() -> None:
    async def main() -> None:
        rig = Rig()
        bad = rig.unit(RaisesAtStart, restart=RestartPolicy(policy="never"))
        await rig.start()
        assert bad.state == "parked"
        rig.system.supervisor.start(bad)
        assert bad.state == "starting"
        await asyncio.sleep(0.1)
        assert bad.state == "parked"

    run_virtual(main())


@pytest.mark.parametrize("error", [Misconfigured("no such coin")])
def test_misconfigured_is_parked_at_once(error: CtosError) -> None:
    class Wrong(Strategy):
        async def on_start(self) -> None:
            raise error

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Wrong)
        await rig.start()
        assert (unit.state, unit.restarts) == ("parked", 0)
        assert "no such coin" in unit.reason

    run_virtual(main())


class Stubborn(Strategy):
    """Swallows its cancellation, whatever the reason."""

    async def run(self) -> None:
        self.released = False
        while not self.released:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.log.info("swallowed")
                await self._try_to_trade()

    async def _try_to_trade(self) -> None:
        try:
            await self.sys.place_order(SYMBOL, "buy", "limit", "1", "99")
        except Fenced:
            self.log.info("was_fenced")


def test_a_strategy_that_swallows_its_cancellation_becomes_a_harmless_zombie() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Stubborn)
        await rig.start()
        await rig.system.supervisor.stop(unit, "enough")
        assert unit.state == "zombie"
        assert "cannot trade" in unit.reason
        assert rig.log.events("was_fenced")
        assert rig.venue.received == []
        with pytest.raises(CtosError, match="zombie"):
            rig.system.supervisor.start(unit)
        strategy: Any = unit.strategy
        strategy.released = True
        await asyncio.sleep(4000)
        assert not unit.lingers()

    run_virtual(main())


class Flood(Strategy):
    """Sends what the gate refuses, as fast as it can, and ignores every answer."""

    async def on_start(self) -> None:
        await self.sys.subscribe_ticks(SYMBOL, "quotes")

    async def on_quote(self, quote: Quote) -> None:
        while True:
            await self.sys.place_order(SYMBOL, "buy", "limit", "1", "99")


def test_a_flood_is_fenced_parked_and_explained() -> None:
    async def main() -> None:
        rig = Rig()
        flood = rig.unit(Flood, name="flood", limits=Limits(order_rate=5, order_burst=5))
        other = rig.unit(Trader, name="other")
        await rig.start()
        await asyncio.sleep(5)
        assert flood.state == "parked"
        assert "flooded the gate" in flood.reason
        assert other.state == "running"
        sent = [
            command for command in rig.venue.received if rig.desk.blotter.orders[command.client_id].strategy == "flood"
        ]
        assert 1 <= len([c for c in sent if type(c).__name__ == "Place"]) <= 5
        assert rig.desk.blotter.open_orders("flood") == []  # the exit policy took them out

    run_virtual(main())


@pytest.mark.parametrize(
    ("policy", "open_left", "size_left"), [("keep", 1, "1"), ("cancel", 0, "1"), ("flatten", 0, "0")]
)
def test_exit_policies(policy: Any, open_left: int, size_left: str) -> None:
    class Two(Strategy):
        async def on_start(self) -> None:
            await self.sys.place_order(SYMBOL, "buy", "limit", "1", "99")
            await self.sys.place_order(SYMBOL, "buy", "limit", "2", "98")

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Two, exit=ExitPolicy(stop=policy))
        await rig.start()
        rig.venue.fill(next(iter(rig.venue.book)))
        if policy == "flatten":
            rig.venue.replies.append(rig.venue.accept)  # the cancel
            rig.venue.replies.append(lambda c: (rig.venue.accept(c), rig.venue.fill(c.client_id))[0])
        await rig.system.supervisor.stop(unit, "test")
        assert len(rig.desk.blotter.open_orders("mine")) == open_left
        assert rig.desk.blotter.ledger.position("test/main", "mine", SYMBOL).size == D(size_left)
        assert unit.state == "stopped"
        assert rig.desk.blotter.ledger.check() == []

    run_virtual(main())


def test_what_no_order_can_close_is_booked_as_dust() -> None:
    """A fee in coins leaves a part of a lot: the exit closes the rest, and the strategy is flat all the same."""
    spot = perpetual(symbol="BTC/USDT", kind="spot", settle="", max_leverage=D(1))

    class One(Strategy):
        async def on_start(self) -> None:
            await self.sys.place_order("BTC/USDT", "buy", "limit", "1", "99")

    async def main() -> None:
        rig = Rig(instruments=[spot])
        unit = rig.unit(One, exit=ExitPolicy(stop="flatten"))
        await rig.start()
        bought = rig.venue.fill(next(iter(rig.venue.book)), tell=False)
        rig.venue.push(msgspec.structs.replace(bought, fee=D("0.0004"), fee_asset="BTC"))
        rig.venue.replies.append(lambda c: (rig.venue.accept(c), rig.venue.fill(c.client_id, price=D(100)))[0])
        await rig.system.supervisor.stop(unit, "test")
        ledger = rig.desk.blotter.ledger
        assert rig.venue.received[-1].size == D("0.999")
        assert [ledger.position("test/main", name, "BTC/USDT").size for name in ("mine", DUST)] == [D(0), D("0.0006")]
        assert (unit.remained, ledger.check()) == ((), [])
        again = Rig(journal=MemoryJournal(2, list(rig.journal.kept)), instruments=[spot])
        again.unit(One)
        await again.start()
        assert again.desk.blotter.ledger.position("test/main", DUST, "BTC/USDT").size == D("0.0006")

    run_virtual(main())


def test_what_an_exit_could_not_end_is_told() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Trader, exit=ExitPolicy(stop="flatten"))
        await rig.start()
        rig.venue.fill(next(iter(rig.venue.book)))
        rig.venue.reject("insufficient")
        await rig.system.supervisor.stop(unit, "test")
        assert unit.remained == (f"1 {SYMBOL} on test/main",)
        rig.system.supervisor.start(unit, "again")
        assert unit.remained == ()

    run_virtual(main())


def test_what_is_filled_while_a_strategy_is_down_is_told_at_its_next_start() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Trader, exit=ExitPolicy(stop="keep"))
        await rig.start()
        await rig.system.supervisor.stop(unit, "test")
        rig.venue.fill(next(iter(rig.venue.book)))
        rig.system.supervisor.start(unit)
        await asyncio.sleep(0.1)
        strategy: Any = unit.strategy
        assert (strategy.state.fills, strategy.state.starts) == (1, 2)

    run_virtual(main())


def test_a_new_process_resumes_state_and_tells_what_was_missed() -> None:
    """Everything through the journal: another kernel over the same rows and the same venue."""

    async def first() -> tuple[Rig, Any]:
        rig = Rig()
        rig.unit(Trader)
        await rig.start()
        cid = next(iter(rig.venue.book))
        rig.venue.fill(cid, D("0.4"))
        await asyncio.sleep(0.01)
        return rig, cid

    async def second(old: Rig, cid: str) -> None:
        from ctosd.testing.journal import MemoryJournal

        rig = Rig(journal=MemoryJournal(boot=2, rows=old.journal.kept))
        rig.venue.book, rig.venue.done = old.venue.book, old.venue.done
        rig.venue.fill(cid, D("0.6"), tell=False)  # it happened while nobody was listening
        unit = rig.unit(Trader)
        await rig.start()
        await asyncio.sleep(0.01)
        strategy: Any = unit.strategy
        assert (strategy.state.fills, strategy.state.starts) == (2, 2)
        assert rig.desk.blotter.orders[cid].state == "filled"
        assert rig.desk.blotter.ledger.position("test/main", "mine", SYMBOL).size == D(1)
        placed = [c for c in old.venue.received + rig.venue.received if type(c).__name__ == "Place"]
        assert len({c.client_id for c in placed}) == len(placed) == 2  # the first, and the one of the second start

    rig, cid = run_virtual(first())
    run_virtual(second(rig, cid))


def test_a_venue_that_is_not_ready_is_tried_again_and_its_strategies_wait() -> None:
    async def main() -> None:
        rig = Rig()
        rig.venue.fail_start = [NotReady("no route"), NotReady("no route")]
        unit = rig.unit(Trader)
        await rig.system.start()
        assert rig.system.venues.all["test"].state == "backoff"
        assert unit.state == "starting"
        assert "no route" in unit.reason
        await asyncio.sleep(10)
        assert unit.state == "running"

    run_virtual(main())


def test_a_venue_that_refuses_parks_its_strategies() -> None:
    async def main() -> None:
        rig = Rig()
        rig.venue.fail_start = [Misconfigured("wrong endpoint")]
        unit = rig.unit(Trader)
        await rig.system.start()
        await asyncio.sleep(0.1)
        assert rig.system.venues.all["test"].state == "parked"
        assert unit.state == "parked"
        assert "wrong endpoint" in unit.reason

    run_virtual(main())


def test_shutdown_applies_policies_and_keeps_what_was_wanted() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Trader)
        await rig.start()
        await rig.system.stop("bye")
        assert rig.desk.blotter.open_orders() == []
        assert (unit.state, unit.wanted) == ("stopped", "running")

    run_virtual(main())


def test_finished_strategies_are_not_restarted() -> None:
    class Done(Strategy):
        async def run(self) -> None:
            await asyncio.sleep(1)

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Done)
        await rig.start()
        await asyncio.sleep(2)
        assert (unit.state, unit.wanted, unit.reason) == ("stopped", "stopped", "it has finished")

    run_virtual(main())


def test_on_stop_is_heard_and_its_state_saved() -> None:
    class Farewell(Strategy):
        class State(msgspec.Struct):
            said: str = ""

        async def on_stop(self) -> None:
            self.state.said = "bye"

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Farewell)
        await rig.start()
        await rig.system.supervisor.stop(unit, "test")
        assert b'"bye"' in [row for row in rig.journal.kept if row.kind == "state"][-1].body

    run_virtual(main())


def test_timers_fire_once_and_can_be_moved() -> None:
    class Timed(Strategy):
        async def on_start(self) -> None:
            self.times: list[int] = []
            self.set_timer(5)
            self.set_timer(10)

        async def on_timer(self) -> None:
            self.times.append(self.clock.now_ns())

    async def main() -> None:
        rig = Rig(instruments=(perpetual(),))
        unit = rig.unit(Timed)
        start_ns = rig.clock.now_ns()
        await rig.start()
        await asyncio.sleep(60)
        strategy: Any = unit.strategy
        assert len(strategy.times) in (0, 1)
        assert all(at - start_ns >= 10**10 for at in strategy.times)

    run_virtual(main())


def test_orders_are_told_to_their_owner() -> None:
    class Listener(Trader):
        async def on_order(self, order: Order) -> None:
            self.log.info("heard", state=order.state)

    async def main() -> None:
        rig = Rig()
        rig.unit(Listener)
        await rig.start()
        rig.venue.fill(next(iter(rig.venue.book)))
        await asyncio.sleep(0.01)
        assert [line["state"] for line in rig.log.events("heard")][-1] == "filled"

    run_virtual(main())
