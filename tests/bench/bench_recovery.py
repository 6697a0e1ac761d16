"""Ready again after kill -9: the time until strategies trade, with open orders and a long journal.

Usage: ``python tests/bench/bench_recovery.py [ORDERS [ROWS]]``. The real daemon rests the orders at the paper venue and is killed; the
journal is filled up with the rows of finished orders (intent, outcome, fill, state); then it is started, five times killed again.

Bar: 3 s with 1,000 open orders and 100,000 rows.
"""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import msgspec

from ctosd.abi import Fill
from ctosd.abi.orders import Order
from ctosd.core.ids import ClientIds, tag_of
from ctosd.host.storage.journal import open_journal

BIN = Path(sys.executable).parent
STARTS = 5
SYMBOL = "BTC/USDT:USDT"

STRATEGY = '''
from decimal import Decimal

from ctosd.abi import Strategy


class Wall(Strategy):
    """Many orders, far from the market."""

    async def on_start(self):
        held = await self.sys.get_open_orders("BTC/USDT:USDT")
        for number in range(len(held), ORDERS):
            await self.sys.place_order("BTC/USDT:USDT", "buy", "limit", "0.01", Decimal(40_000) + number)
        self.log.info("strategy_wall")
'''

CONFIG = """
log: {level: info, console: json}
strategies_dir: ""
risk: {order_rate: 100000, order_burst: 100000, max_open_orders: 100000, max_position_notional: 100000000}
venues:
  paper:
    driver: paper
    accounts: {main: {}}
    balances: {USDT: 100000000}
    limits: {orders_per_s: 50000, burst: 50000}
    max_open_orders: 100000
    market: {kind: synthetic, seed: 7, speed: 1}
strategies:
  - name: wall
    use: ./wall.py:Wall
    account: paper/main
    exit: keep
    limits: {order_rate: 100000, order_burst: 100000, max_open_orders: 100000, max_position_notional: 100000000}
"""


def start(folder: Path) -> tuple[subprocess.Popen[bytes], float]:
    """Start it; seconds until it says that it is ready, by its own process and by ours."""
    out = folder / "out"
    began = time.perf_counter()
    with out.open("wb") as sink:
        command = [str(BIN / "ctosd"), "--config", str(folder / "ctos.yaml"), "--var", str(folder / "var")]
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    while b"strategy_wall" not in (text := out.read_bytes()):
        if process.poll() is not None or time.perf_counter() - began > 60:
            process.kill()
            raise SystemExit(text.decode()[-3000:])
        time.sleep(0.005)
    return process, time.perf_counter() - began


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def fill_up(path: Path, rows: int) -> int:
    """Rows of orders that came and went."""
    journal = open_journal(path, now_ns=time.time_ns(), relaxed=True)
    ids, tag, encode = ClientIds(journal.boot), tag_of("gone"), msgspec.json.Encoder().encode
    now_ns, size, price = time.time_ns(), Decimal("0.001"), Decimal(60_000)
    for number in range(rows // 4):
        name, side = ids.mint(tag), "buy" if number % 2 else "sell"
        facts = {
            "account": "paper/main",
            "symbol": SYMBOL,
            "side": side,
            "size": size,
            "price": price,
            "client_id": name,
        }
        order = Order(strategy="gone", type="limit", created_ns=now_ns, updated_ns=now_ns, **facts)  # type: ignore[arg-type]
        outcome = {
            "act": "place",
            "outcome": "accepted",
            "client_id": name,
            "venue_id": f"g{number}",
            "time_ns": now_ns,
        }
        fill = Fill(trade_id=f"g{number}", venue_id=f"g{number}", fee=Decimal("0.01"), fee_asset="USDT", liquidity="maker",
                    time_ns=now_ns, **facts)  # type: ignore[arg-type]  # fmt: skip
        journal.append("intent", "gone", encode({"act": "place", "order": order}), now_ns)
        journal.append("outcome", "gone", encode(outcome), now_ns)
        journal.append("fill", "gone", encode(fill), now_ns)
        journal.append("state", "gone", b'{"cursor":%d,"state":{}}' % number, now_ns)
    journal.close()
    return rows // 4 * 4


def main(orders: int, rows: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ctos-"))
    try:
        (folder / "ctos.yaml").write_text(CONFIG)
        (folder / "wall.py").write_text(STRATEGY.replace("ORDERS", str(orders)))
        process, placing_s = start(folder)
        kill(process)
        filled = fill_up(folder / "var" / "lib" / "journal.db", rows)
        found = []
        for _ in range(STARTS):
            process, seconds = start(folder)
            found.append(seconds)
            if len(found) == STARTS:
                command = [str(BIN / "ctosctl"), "--var", str(folder / "var"), "status", "--json"]
                status = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
                assert status["orders"]["open"] == orders, status["orders"]
                assert status["orders"]["unknown"] == 0, status["orders"]
            kill(process)
    finally:
        shutil.rmtree(folder)
    print(f"{orders} open orders, {filled} rows more; first start with placing {placing_s:.2f} s")
    print(f"trading again after kill -9: best {min(found):.2f} s, median {statistics.median(found):.2f} s (bar: 3)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000, int(sys.argv[2]) if sys.argv[2:] else 100_000)
