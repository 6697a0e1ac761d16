"""The scheduler: direct entry while idle, order kept while busy, one lane at a time, failures stay at home."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ctosd.abi import Quote, Strategy, Trade
from ctosd.kernel.scheduler import Blocked, Lane, Scheduler
from ctosd.testing.rig import Rig, run_virtual

SYMBOL = "BTC/USDT:USDT"


class Recorder(Strategy):
    """Writes down what it hears; suspends in between when told to."""

    async def on_start(self) -> None:
        self.heard: list[Any] = []
        self.tasks: list[Any] = []
        self.pause: asyncio.Event | None = None
        await self.sys.subscribe_ticks(SYMBOL, "quotes", "trades")

    async def on_quote(self, quote: Quote) -> None:
        self.tasks.append(asyncio.current_task())
        if self.pause is not None:
            await self.pause.wait()
            self.tasks.append(asyncio.current_task())
        self.heard.append(quote.bid)

    async def on_trade(self, trade: Trade) -> None:
        self.heard.append(trade.trade_id)


def trade(rig: Rig, name: str) -> None:
    rig.desk.bus.publish("trades/test/BTC-USDT:USDT", Trade("test", SYMBOL, 1.0, 1.0, "buy", 0, name))


def test_an_idle_strategy_hears_inside_publish() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Recorder)
        await rig.start()
        strategy: Any = unit.strategy
        rig.venue.quote(5, 6)
        assert strategy.heard[-1] == 5

    run_virtual(main())


def test_a_handler_runs_on_its_own_task_before_and_after_it_suspends() -> None:
    """`asyncio.timeout` and cancel scopes look at the current task: it must be the strategy's own."""

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Recorder)
        await rig.start()
        strategy: Any = unit.strategy
        strategy.tasks.clear()
        strategy.pause = asyncio.Event()
        rig.venue.quote(5, 6)
        strategy.pause.set()
        await asyncio.sleep(0.01)
        assert strategy.tasks == [unit.task, unit.task]
        assert strategy.heard[-1] == 5

    run_virtual(main())


def test_while_busy_quotes_conflate_and_trades_queue() -> None:
    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Recorder)
        await rig.start()
        strategy: Any = unit.strategy
        strategy.heard.clear()
        pause = strategy.pause = asyncio.Event()
        rig.venue.quote(1, 2)
        for bid in (2, 3, 4):
            rig.venue.quote(bid, bid + 1)
        trade(rig, "t1")
        trade(rig, "t2")
        strategy.pause = None
        pause.set()
        await asyncio.sleep(0.01)
        assert strategy.heard == [1, 4, "t1", "t2"]
        rig.venue.quote(9, 10)
        assert strategy.heard[-1] == 9  # idle again: entered directly

    run_virtual(main())


class Chatty(Strategy):
    """Answers each quote by publishing a trade, which both strategies hear."""

    log_: list[str] = []
    rig: Rig

    async def on_start(self) -> None:
        await self.sys.subscribe_ticks(SYMBOL, "quotes", "trades")

    async def on_quote(self, quote: Quote) -> None:
        self.log_.append(f"{self.name} quote in")
        if self.name == "a":
            trade(self.rig, "x")
        self.log_.append(f"{self.name} quote out")

    async def on_trade(self, _: Trade) -> None:
        self.log_.append(f"{self.name} trade")


def test_no_strategy_is_entered_from_inside_another_one() -> None:
    """Run to completion: what a handler sets off is heard after it has returned, in the order of publication."""

    async def main() -> None:
        rig = Chatty.rig = Rig()
        Chatty.log_.clear()
        for name in ("a", "b"):
            rig.unit(Chatty, name=name)
        await rig.start()
        await asyncio.sleep(0.01)
        Chatty.log_.clear()
        rig.venue.quote(5, 6)
        assert Chatty.log_[:2] == ["a quote in", "a quote out"]
        assert sorted(Chatty.log_[2:4]) == ["a trade", "b trade"]
        assert Chatty.log_[4:] == ["b quote in", "b quote out"]

    run_virtual(main())


class Failing(Recorder):
    """Raises on a bid of 13."""

    async def on_quote(self, quote: Quote) -> None:
        if quote.bid == 13:
            raise ValueError("thirteen")
        await super().on_quote(quote)


def test_what_a_handler_raises_is_the_failure_of_its_task_alone() -> None:
    async def main() -> None:
        rig = Rig()
        bad, good = rig.unit(Failing, name="bad"), rig.unit(Recorder, name="good")
        await rig.start()
        strategy: Any = good.strategy
        rig.venue.quote(13, 14)
        assert strategy.heard[-1] == 13
        await asyncio.sleep(0.01)
        assert bad.state == "backoff"
        assert "thirteen" in bad.last_error
        assert "test_scheduler.py" in bad.last_error
        assert good.state == "running"

    run_virtual(main())


async def test_a_turn_is_counted_and_named() -> None:
    """The guard needs to know who runs and whether it is still the same turn; plain asyncio, no kernel around."""
    scheduler = Scheduler(asyncio.get_running_loop())
    lane = Lane("x", scheduler, lambda own: None)
    seen: list[Any] = []

    async def handler(event: Any) -> None:
        seen.append((scheduler.running, scheduler.turns))
        await asyncio.sleep(0)
        seen.append((scheduler.running, scheduler.turns))

    task = asyncio.create_task(lane.main())
    lane.task = task
    await asyncio.sleep(0)
    lane.sink(handler, "never-drop", "")(None)
    await asyncio.sleep(0.01)
    assert [who for who, _ in seen] == [lane, lane]
    assert seen[1][1] > seen[0][1]
    assert scheduler.running is None
    task.cancel()


async def test_blocked_cannot_be_swallowed_by_except_exception() -> None:
    scheduler = Scheduler(asyncio.get_running_loop())
    lane = Lane("x", scheduler, lambda own: None)

    async def stubborn(_: Any) -> None:
        try:
            raise Blocked("too long")
        except Exception:  # noqa: S110 - what a stubborn strategy would write
            pass

    lane.task = task = asyncio.create_task(lane.main())
    await asyncio.sleep(0)
    lane.sink(stubborn, "never-drop", "")(None)
    with pytest.raises(Blocked):
        await task
