"""kill -9 at any moment, start again: no order lost, none twice, positions and cash equal the venue's.

A forked child is the real daemon on the real paper venue with real files; what is spared is only the import of its
modules, two hundred times over. Each start audits what the one before it left behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 200

CONFIG = """
clock: wall
equity_every_s: 1
log: {level: warning, console: json}
risk: {order_rate: 1000, order_burst: 1000, duplicate_window_ms: 0}
venues:
  paper:
    driver: paper
    accounts: {main: {}}
    balances: {USDT: 100000}
    leverage: 10
    limits: {orders_per_s: 2000, burst: 4000}
    latency_ms: {order: %(latency)s, ack: %(latency)s}
    faults: {lose_ack: %(faults)s, drop: 0}
    market: {kind: synthetic, seed: 11, rate: 200, speed: 60, history: 30}
strategies:
  - name: grid
    use: grid
    account: paper
    enabled: %(on)s
    exit: keep
    limits: {order_rate: 1000, order_burst: 1000}
    params:
      symbols: [BTC/USDT:USDT, ETH/USDT:USDT]
      base_notional: 300
      buy_step: 0.99995
      sell_step: 1.00005
      buy_move: 0.99995
      sell_move: 1.00005
      max_inventory: 20000
      max_loss: 90000
  - name: other
    use: grid
    account: paper
    enabled: %(on)s
    exit: cancel
    limits: {order_rate: 1000, order_burst: 1000}
    params:
      symbols: [BTC/USDT:USDT]
      base_notional: 150
      buy_step: 0.9999
      sell_step: 1.0001
      buy_move: 0.9999
      sell_move: 1.0001
      max_inventory: 20000
      max_loss: 90000
"""


def run_victims(tmp_path: Path, kills: int, lives_s: float, latency: int, faults: float) -> dict[str, int]:
    (tmp_path / "ctos.yaml").write_text(CONFIG % {"latency": latency, "faults": faults, "on": "true"})
    (tmp_path / "calm.yaml").write_text(CONFIG % {"latency": 0, "faults": 0, "on": "false"})
    command = [sys.executable, "-m", "tests.victims", str(tmp_path), str(kills), str(lives_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=115, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(118)
def test_two_hundred_kills(tmp_path: Path) -> None:
    """A venue that answers at once: the kill falls anywhere between the fourteen steps."""
    began = time.monotonic()
    seen = run_victims(tmp_path, KILLS, 0.38, latency=0, faults=0)
    assert seen["kills"] == KILLS
    assert seen["fills"] > KILLS / 4
    assert seen["faults"] == 0, seen
    assert time.monotonic() - began < 115


@pytest.mark.timeout(118)
def test_kills_with_orders_in_flight_and_lost_answers(tmp_path: Path) -> None:
    """Commands travel for milliseconds and answers get lost: many a kill finds an order half-way."""
    seen = run_victims(tmp_path, 25, 1.6, latency=3, faults=0.04)
    assert seen["fills"] > 5
    assert seen["resolved"] > 0
    assert seen["faults"] == 0, seen


def test_kill_by_signal_is_a_kill() -> None:
    """The harness itself: a forked child really dies by SIGKILL."""
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
        os._exit(0)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
