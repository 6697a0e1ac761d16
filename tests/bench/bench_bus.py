"""The bus and the hop into a strategy: events a second, deliveries a second, microseconds to a handler."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import uvloop
from peers import run

from ctosd.abi import Quote, Strategy
from ctosd.kernel.bus import Bus
from ctosd.testing.rig import Rig

QUOTE = Quote("test", "BTC/USDT:USDT", 1.0, 1.0, 2.0, 1.0, 0)
ROUNDS = 7

NAUTILUS = """
import json, time
from nautilus_trader.common.component import MessageBus, LiveClock
from nautilus_trader.model.identifiers import TraderId
def rate(n, subscribers):
    bus = MessageBus(trader_id=TraderId("T-1"), clock=LiveClock())
    class H:
        def __init__(self): self.n = 0
        def on(self, e): self.n += 1
    for _ in range(subscribers): bus.subscribe("quotes", H().on)
    best = 0
    for _ in range(5):
        t = time.perf_counter()
        for _ in range(n): bus.publish("quotes", 1)
        best = max(best, n / (time.perf_counter() - t))
    return best
print(json.dumps({"x1": rate(100_000, 1), "x100": rate(5_000, 100) * 100}))
"""


class Counter:
    """The cheapest subscriber there is."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0

    def on(self, event: Any) -> None:
        self.n += 1


def publish_rate(subscribers: int, count: int) -> float:
    """Publications a second, the median of some rounds."""
    bus = Bus()
    for _ in range(subscribers):
        bus.subscribe("quotes/test/X", Counter().on)
    return median(_time(bus.publish, count) for _ in range(ROUNDS))


def _time(publish: Callable[[str, Any], None], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        publish("quotes/test/X", QUOTE)
    return count / (time.perf_counter() - start)


class Hopper(Strategy):
    """Notes when it is entered."""

    async def on_start(self) -> None:
        self.at: list[int] = []
        await self.sys.subscribe_ticks("BTC/USDT:USDT", "quotes")

    async def on_quote(self, quote: Quote) -> None:
        self.at.append(time.perf_counter_ns())


async def hop() -> list[float]:
    """Microseconds from publish to the first line of an idle strategy's handler, from a timer callback as live."""
    rig = Rig()
    unit = rig.unit(Hopper)
    await rig.start()
    loop = asyncio.get_running_loop()
    strategy: Any = unit.strategy
    waits: list[float] = []
    done = asyncio.Event()

    def tick(left: int) -> None:
        start = time.perf_counter_ns()
        rig.desk.bus.publish("quotes/test/BTC-USDT:USDT", QUOTE)
        waits.append((strategy.at[-1] - start) / 1e3)
        if left:
            loop.call_soon(tick, left - 1)
        else:
            done.set()

    loop.call_soon(tick, 20_000)
    await done.wait()
    await rig.system.stop("measured")
    return sorted(waits)


def main() -> None:
    one, hundred = publish_rate(1, 400_000), publish_rate(100, 10_000) * 100
    peer = run(NAUTILUS)
    print(f"publish to one subscriber     {one / 1e6:8.2f} M events/s      (bar: 4)")
    print(f"publish to a hundred          {hundred / 1e6:8.2f} M deliveries/s  (bar: 8)")
    if peer:
        print(f"  beside nautilus_trader      {one / peer['x1']:8.1f} x ({peer['x1'] / 1e6:.2f} M), "
              f"{hundred / peer['x100']:.1f} x ({peer['x100'] / 1e6:.1f} M)")  # fmt: skip
    else:
        print("  no peer installed: python tests/bench/peers.py")
    waits = asyncio.Runner(loop_factory=uvloop.new_event_loop).run(hop())
    print(
        f"hop to a strategy's handler   {waits[len(waits) // 2]:8.2f} us p50, {waits[len(waits) * 99 // 100]:.2f} us p99  (bar: 5)"
    )


if __name__ == "__main__":
    main()
