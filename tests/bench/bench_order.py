"""Wire to wire on loopback: from the first byte of a quote to the last byte of the signed order that a strategy answers with.

Usage: ``python tests/bench/bench_order.py [SAMPLES [QUOTES_A_SECOND]]``. The whole daemon runs as a user starts it: driver, strategy, risk gate,
journal (durability `process`), rate limits, logs, private stream; the venue measures, in its own process. Beside it in the
same run, in turns: plain sockets without any work (the floor), and bare clients that parse, sign and send.

Bars: 2.5 times the floor over WebSocket order entry, 4 times over REST, at p50.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from exchange import Client, Exchange
from rivals import ORDER, RIVALS

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
A_SECOND = 200.0
ROUNDS = 12
WARM, AGAIN = 600, 30
"""Samples thrown away at the beginning, and at the beginning of each turn."""
OURS = {"ctosd, websocket": 2.5, "ctosd, rest": 4.0}

STRATEGY = '''
from decimal import Decimal

from ctosd.abi import Strategy, exact

SYMBOL, SIZE = "BTC/USDT:USDT", Decimal("0.01")


class Maker(Strategy):
    """A post-only order on every quote."""

    async def on_start(self):
        await self.sys.subscribe_ticks(SYMBOL, "quotes")

    async def on_quote(self, quote):
        await self.sys.place_order(SYMBOL, "buy", "post_only", SIZE, exact(quote.bid))
'''

CONFIG = """
strategies_dir: ""
risk: {{order_rate: 100000, order_burst: 10000}}
venues:
  binance:
    environment: demo
    orders: {orders}
    accounts: {{main: {{}}}}
    endpoints:
      rest: http://127.0.0.1:{port}
      wsapi: ws://127.0.0.1:{port}/ws-fapi/v1
      public: ws://127.0.0.1:{port}/public
      market: ws://127.0.0.1:{port}/market
      private: ws://127.0.0.1:{port}/private
strategies:
  - name: maker
    use: ./maker.py:Maker
    account: binance/main
    exit: keep
    limits: {{order_rate: 100000, order_burst: 10000, max_order_notional: 5000, max_position_notional: 20000}}
"""


def start(name: str, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """One client as a process of its own."""
    command = [sys.executable, str(HERE / "rivals.py"), name, str(port)]
    if name in OURS:
        (folder / "maker.py").write_text(STRATEGY)
        config = folder / "ctos.yaml"
        config.write_text(CONFIG.format(orders=name.rsplit(maxsplit=1)[-1], port=port))
        command = [str(BIN / "ctosd"), "--config", str(config), "--var", str(folder / "var")]
    with (folder / "out").open("wb") as sink:
        return subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)


async def turn(client: Client, samples: int, first: int, pace_s: float) -> list[float]:
    """`samples` quotes, one after the other at their pace; us until each order. Misses are left out."""
    found = []
    loop = asyncio.get_running_loop()
    for number in range(first, first + samples):
        due = loop.time() + pace_s
        taken = await client.sample(number)
        if taken is not None:
            found.append(taken / 1e3)
        await asyncio.sleep(max(0.0, due - loop.time()))
    return found


async def measure(samples: int, pace_s: float) -> dict[str, list[list[float]]]:
    exchange = Exchange(len(ORDER))
    names = [*RIVALS, *OURS]
    clients: dict[str, Client] = {}
    processes: list[subprocess.Popen[bytes]] = []
    folder = Path(tempfile.mkdtemp(prefix="ctos-"))
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    try:
        for name in names:
            clients[name], port = await exchange.admit(name)
            own = folder / name.split()[-1]
            own.mkdir()
            processes.append(start(name, port, own))
            try:
                await asyncio.wait_for(clients[name].wants.wait(), 20)
            except TimeoutError:
                raise SystemExit(f"{name} asked for no quotes:\n{(own / 'out').read_text()[-3000:]}") from None
        await asyncio.sleep(1.0)
        exchange.settle()
        counts = dict.fromkeys(names, 0)
        for index in range(ROUNDS + 1):
            for name in names:
                size = WARM if index == 0 else AGAIN + samples // ROUNDS
                taken = await turn(clients[name], size, counts[name], pace_s)
                counts[name] += size
                if index:
                    found[name].append(taken[AGAIN:])
                elif not taken:
                    raise SystemExit(
                        f"{name} sent no order:\n{(folder / name.split()[-1] / 'out').read_text()[-3000:]}"
                    )
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        exchange.stop()
        if os.environ.get("CTOS_BENCH_KEEP"):
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder)
    return found


def report(found: dict[str, list[list[float]]], samples: int) -> None:
    floor = statistics.median(us for each in found["floor"] for us in each)
    print(f"{'us, ' + str(samples) + ' samples each':<24}{'p50':>8}{'p90':>8}{'p99':>8}{'misses':>8}   of the floor")
    for name, turns in found.items():
        every = sorted(us for each in turns for us in each)
        cuts = statistics.quantiles(every, n=100)
        # The machine's mood changes from minute to minute: each turn is held against the floor's turn beside it.
        ratios = sorted(statistics.median(each) / statistics.median(base) for each, base in zip(turns, found["floor"]))
        bar = f"(bar: {OURS[name]:g})" if name in OURS else ""
        missing = samples // ROUNDS * ROUNDS - len(every)
        print(
            f"{name:<24}{cuts[49]:8.1f}{cuts[89]:8.1f}{cuts[98]:8.1f}{missing:8}   {cuts[49] / floor:5.2f}"
            f"   by turns {statistics.median(ratios):5.2f} [{ratios[0]:.2f} to {ratios[-1]:.2f}]   {bar}"
        )


def main(samples: int, a_second: float) -> None:
    gc.disable()  # of the stop-watch
    began = time.perf_counter()
    report(uvloop.run(measure(samples, 1 / a_second)), samples)
    print(f"{time.perf_counter() - began:.0f} s, paced at {a_second:g} quotes/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2_400, float(sys.argv[2]) if sys.argv[2:] else A_SECOND)
