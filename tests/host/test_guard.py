"""The guard: a strategy that holds the loop is interrupted inside its own code, named and parked; others go on."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import uvloop

from ctosd.abi import Quote, Strategy
from ctosd.host.guard import Guard
from ctosd.testing.rig import Rig

SYMBOL = "BTC/USDT:USDT"


class Sleeper(Strategy):
    """Blocks the loop on a bid of 13, in C and for long."""

    async def on_start(self) -> None:
        await self.sys.subscribe_ticks(SYMBOL, "quotes")

    async def on_quote(self, quote: Quote) -> None:
        if quote.bid == 13:
            time.sleep(30)


class Spinner(Sleeper):
    """Blocks the loop by computing, behind an `except Exception`."""

    async def on_quote(self, quote: Quote) -> None:
        while quote.bid == 13:
            try:
                sum(range(1000))
            except Exception:  # noqa: S110 - what a stubborn strategy would write
                pass


class LateSpinner(Sleeper):
    """Blocks after it was suspended: in its own task."""

    async def on_quote(self, quote: Quote) -> None:
        await asyncio.sleep(0)
        while quote.bid == 13:
            sum(range(1000))


class Fine(Sleeper):
    """Counts quotes."""

    seen = 0

    async def on_quote(self, quote: Quote) -> None:
        self.seen += 1


@pytest.mark.parametrize("factory", [Sleeper, Spinner, LateSpinner])
@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_blocking_is_interrupted_named_and_parked(factory: type[Strategy], new_loop: Any) -> None:
    async def main() -> None:
        rig = Rig()
        bad, good = rig.unit(factory, name="bad"), rig.unit(Fine, name="good")
        guard = Guard(rig.system.scheduler, 0.1)
        guard.start()
        try:
            await rig.start()
            began = time.monotonic()
            rig.venue.quote(13, 14)
            await asyncio.sleep(0.05)
            assert time.monotonic() - began < 5
            assert bad.state == "parked"
            assert "blocked the loop" in bad.reason
            assert "test_guard.py" in bad.reason
            before = good.strategy.seen  # type: ignore[union-attr]
            rig.venue.quote(20, 21)
            assert good.strategy.seen == before + 1  # type: ignore[union-attr]
            assert good.state == "running"
        finally:
            guard.stop()
            await rig.system.stop("done")

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def test_the_kernel_itself_is_never_interrupted() -> None:
    """A driver that is slow inside a syscall could have an order half-way out: it is left alone."""

    class Buyer(Sleeper):
        async def on_quote(self, quote: Quote) -> None:
            if quote.bid == 13:
                await self.sys.place_order(SYMBOL, "buy", "limit", "1", "13")

    async def main() -> None:
        rig = Rig()
        unit = rig.unit(Buyer)
        guard = Guard(rig.system.scheduler, 0.1)
        guard.start()
        try:
            await rig.start()
            accept = rig.venue.accept

            def slow(command: Any) -> Any:
                time.sleep(0.4)
                return accept(command)

            rig.venue.replies.append(slow)
            rig.venue.quote(13, 14)
            await asyncio.sleep(0.05)
            assert unit.state == "running"
            assert [order.state for order in rig.desk.blotter.open_orders()] == ["open"]
            assert guard.interrupts > 0
        finally:
            guard.stop()
            await rig.system.stop("done")

    asyncio.run(main())
