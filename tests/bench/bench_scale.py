"""A thousand strategies in one process: start, memory, and the loop's lateness at 10,000 events a second."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import uvloop

from ctosd.abi import Quote, Strategy, topic
from ctosd.runtime.facts import rss_mb
from ctosd.testing.rig import Rig
from ctosd.testing.venue import perpetual

COUNT = 1_000
RATE = 10_000
SECONDS = 10


class Looker(Strategy):
    """Each on its own symbol: places one order, then watches quotes."""

    async def on_start(self) -> None:
        symbol = f"C{self.name[1:]}/USDT:USDT"
        self.seen = 0
        await self.sys.subscribe_ticks(symbol, "quotes")
        await self.sys.place_order(symbol, "buy", "limit", "1", "99")

    async def on_quote(self, quote: Quote) -> None:
        self.seen += 1


async def measure() -> dict[str, float]:
    rig = Rig(instruments=[perpetual("test", f"C{i}/USDT:USDT") for i in range(COUNT)])
    gc.collect()
    before = rss_mb()
    units = [rig.unit(Looker, name=f"s{i}") for i in range(COUNT)]
    start = time.perf_counter()
    await rig.system.start()
    while any(unit.state != "running" for unit in units):
        await asyncio.sleep(0.005)
    started = time.perf_counter() - start
    gc.collect()
    memory = (rss_mb() - before) * 1024 / COUNT
    gc.freeze()
    lags = await pour(rig)
    heard = sum(unit.strategy.seen for unit in units)  # type: ignore[union-attr]
    await rig.system.stop("measured")
    return {
        "start_s": started,
        "kib_each": memory,
        "p99_ms": lags[int(len(lags) * 0.99)],
        "worst_ms": lags[-1],
        "heard": heard,
    }


async def pour(rig: Rig) -> list[float]:
    """10,000 quotes a second in slices of 2 ms, and a probe every 5 ms that notes how late the loop comes to it."""
    loop = asyncio.get_running_loop()
    publish: Any = rig.desk.bus.publish
    streams = [(topic("quotes", "test", s.symbol), s.symbol) for s in rig.venue.listed]
    lags: list[float] = []
    sent, begin = 0, loop.time()

    def probe(due: float) -> None:
        lags.append(max(0.0, (time.perf_counter() - due) * 1e3))
        if loop.time() < begin + SECONDS:
            loop.call_later(0.005, probe, time.perf_counter() + 0.005)

    probe(time.perf_counter())
    while loop.time() < begin + SECONDS:
        wanted = int((loop.time() - begin) * RATE)
        for index in range(sent, wanted):
            name, symbol = streams[index % COUNT]
            publish(name, Quote("test", symbol, 99.9, 1.0, 100.1, 1.0, 0))
        sent = max(sent, wanted)
        await asyncio.sleep(0.002)
    return sorted(lags)


def main() -> None:
    seen = asyncio.Runner(loop_factory=uvloop.new_event_loop).run(measure())
    print(f"start of {COUNT} strategies     {seen['start_s']:7.2f} s         (bar: 5)")
    print(f"memory                       {seen['kib_each']:7.1f} KiB each  (bar: 200)")
    print(f"loop lag at {RATE} events/s   {seen['p99_ms']:7.2f} ms p99    (bar: 5), worst {seen['worst_ms']:.1f} ms")
    print(f"events heard                 {seen['heard']:7,} of about {RATE * SECONDS:,}")


if __name__ == "__main__":
    main()
