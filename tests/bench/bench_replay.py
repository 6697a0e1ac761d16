"""The grid on recorded data as fast as it can, everything switched on: bars and raw frames a second.

The whole daemon's parts are there: configuration, kernel, gate, journal file, paper venue, strategy. Only loading is timed apart.
Beside it in the same run: a bare Python loop of the same rules and, where it is installed, nautilus_trader's backtest.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from peers import run as run_peer

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CTOS_DATA", ROOT.parent / "shared" / "data"))
BARS = DATA / "ohlcv" / "btc-perp_1m_2021-12-31_2022-02-01.csv.gz"
FEED = DATA / "feeds" / "usdm_btcusdt_20240808.gz"
ROUNDS = 5

CONFIG = """
clock: virtual
seed: 3
equity_every_s: 3600
log: {{level: warning, console: json}}
risk: {{max_order_notional: 100000, max_position_notional: 1000000}}
venues:
  paper:
    driver: paper
    accounts: {{main: {{}}}}
    balances: {{USDT: 1000000}}
    market: {{kind: recorded, feeds: [{feed}]}}
strategies:
  - name: grid
    use: grid
    account: paper/main
    params: {{symbols: ["BTC/USDT:USDT"], base_notional: 1000, {steps}, max_inventory: 500000, max_loss: 900000}}
"""

STEPS = {
    "default": "buy_step: 0.966, sell_step: 1.018, buy_move: 0.99, sell_move: 1.01, low_guard: 0.5",
    "tight": "buy_step: 0.996, sell_step: 1.004, buy_move: 0.996, sell_move: 1.004",
    "feed": "buy_step: 0.9999, sell_step: 1.0001, buy_move: 0.9999, sell_move: 1.0001",
}

NAUTILUS = """
import json, sys, time, gzip, csv
from datetime import datetime, timezone
from decimal import Decimal
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

class Config(StrategyConfig, frozen=True):
    buy_step: float
    sell_step: float
    buy_move: float
    sell_move: float
    size: str

class Grid(Strategy):
    def __init__(self, config, instrument, bar_type):
        super().__init__(config)
        self.instrument, self.bar_type = instrument, bar_type
        self.base = None
        self.resting = {}
    def on_start(self):
        self.subscribe_bars(self.bar_type)
    def on_bar(self, bar):
        if self.base is None:
            self.base = float(bar.close)
            self.quote()
    def quote(self):
        for order in self.cache.orders_open(strategy_id=self.id):
            self.cancel_order(order)
        for side, factor in ((OrderSide.BUY, self.config.buy_step), (OrderSide.SELL, self.config.sell_step)):
            order = self.order_factory.limit(self.instrument.id, side, Quantity.from_str(self.config.size),
                                             self.instrument.make_price(self.base * factor), post_only=True)
            self.submit_order(order)
    def on_order_filled(self, event):
        self.base *= self.config.buy_move if event.order_side == OrderSide.BUY else self.config.sell_move
        self.quote()

path, steps = sys.argv[1], json.loads(sys.argv[2])
frame = pd.read_csv(path, parse_dates=["timestamp"], index_col="timestamp")
frame.index = frame.index.tz_localize("UTC")
frame["volume"] = 1000.0
instrument = TestInstrumentProvider.btcusdt_perp_binance()
bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
bars = BarDataWrangler(bar_type, instrument).process(frame)
engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
engine.add_venue(Venue("BINANCE"), oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, base_currency=None,
                 starting_balances=[Money(1_000_000, USDT)])
engine.add_instrument(instrument)
engine.add_data(bars)
grid = Grid(Config(size="0.021", **steps), instrument, bar_type)
engine.add_strategy(grid)
start = time.perf_counter()
engine.run()
seconds = time.perf_counter() - start
fills = len(engine.trader.generate_order_fills_report())
print(json.dumps({"bars_s": len(bars) / seconds, "fills": fills}))
"""


def daemon(feed: str, steps: str) -> dict[str, float | str]:
    """One run of the real `ctosd` on the feed, in a directory of its own."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "ctos.yaml"
        config.write_text(CONFIG.format(feed=feed, steps=steps))
        command = [sys.executable, "-m", "ctosd", "--config", str(config), "--var", f"{folder}/var"]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        whole = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr + done.stdout)
    events, seconds = re.search(r"([\d,]+) market events in ([\d.]+) s", done.stdout).groups()  # type: ignore[union-attr]
    orders, fills = re.search(r"(\d+) orders.*, (\d+) fills", done.stdout).groups()  # type: ignore[union-attr]
    sha = re.search(r"sha256 (\w+)", done.stdout)[1]  # type: ignore[index]
    count = int(events.replace(",", ""))
    return {"rate": count / float(seconds), "orders": int(orders), "fills": int(fills), "sha": sha, "whole_s": whole}


def bare(steps: dict[str, float]) -> tuple[float, int]:
    """The same rules in a loop of nothing else: bars a second and fills."""
    import csv
    import gzip

    with gzip.open(BARS, "rt") as text:
        rows = [(float(r["low"]), float(r["high"]), float(r["close"])) for r in csv.DictReader(text)]
    start = time.perf_counter()
    base, fills, buy, sell = rows[0][2], 0, 0.0, float("inf")
    buy, sell = base * steps["buy_step"], base * steps["sell_step"]
    for low, high, _close in rows[1:]:
        if low < buy:
            base *= steps["buy_move"]
        elif high > sell:
            base *= steps["sell_move"]
        else:
            continue
        fills += 1
        buy, sell = round(base * steps["buy_step"], 1), round(base * steps["sell_step"], 1)
    return len(rows) / (time.perf_counter() - start), fills


def numbers(steps: str) -> dict[str, float]:
    keep = ("buy_step", "sell_step", "buy_move", "sell_move")
    return {key: float(value) for key, value in (part.split(": ") for part in steps.split(", ")) if key in keep}


def race(name: str) -> None:
    import json

    steps = STEPS[name]
    ours = [daemon(f"{{path: {BARS}, symbol: 'BTC/USDT:USDT'}}", steps) for _ in range(ROUNDS)]
    loops = [bare(numbers(steps)) for _ in range(ROUNDS)]
    rate, loop = median(float(each["rate"]) for each in ours), median(each[0] for each in loops)
    print(f"grid {name:<8} on 45,031 bars  {rate:10,.0f} bars/s  {ours[0]['orders']} orders, {ours[0]['fills']} fills")
    print(f"  bare Python loop           {loop:10,.0f} bars/s  {loop / rate:.2f} x ours, {loops[0][1]} fills")
    peer = run_peer(NAUTILUS, str(BARS), json.dumps(numbers(steps)))
    if peer:
        print(
            f"  nautilus_trader            {peer['bars_s']:10,.0f} bars/s  ours is {rate / peer['bars_s']:.1f} x, {peer['fills']} fills  (bar: 10)"
        )
    print(
        f"  whole process {median(float(e['whole_s']) for e in ours):.2f} s; hashes equal: {len({e['sha'] for e in ours}) == 1}"
    )


def main() -> None:
    if not BARS.exists():
        print(f"no recorded data at {DATA} (set CTOS_DATA): nothing measured")
        return
    for name in ("default", "tight"):
        race(name)
    feed = f"{{path: {FEED}, symbol: 'BTC/USDT:USDT', decoder: binance_usdm}}"
    runs = [daemon(feed, STEPS["feed"]) for _ in range(ROUNDS)]
    rate = median(float(each["rate"]) for each in runs)
    print(
        f"raw feed, 93,954 frames      {rate:10,.0f} frames/s (bar: 100,000)  {runs[0]['orders']} orders, {runs[0]['fills']} fills"
    )
    print(f"  hashes equal: {len({each['sha'] for each in runs}) == 1}")


if __name__ == "__main__":
    main()
