"""Starts daemons to be killed, and lets each audit what the one before it left. Run by tests/test_kill.py."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from ctosd.boot import options
from ctosd.core.ledger import cash
from ctosd.daemon import Daemon
from ctosd.host import places
from ctosd.host.config import load
from ctosd.host.storage.lock import InstanceLock
from ctosd.kernel.system import System

START = {"USDT": Decimal(100_000)}
ACCOUNT = "paper/main"


class Audited(Daemon):
    """The daemon, which compares itself with its venue as soon as it has recovered, before strategies do more."""

    report: Path
    patient = False

    def _ready(self, system: System, seconds: float) -> None:
        super()._ready(system, seconds)
        task = asyncio.get_running_loop().create_task(self._audit(system))
        task.add_done_callback(lambda done: done.result())

    async def _audit(self, system: System) -> None:
        while self.patient and system.desk.blotter.unresolved():
            await asyncio.sleep(0.05)
        faults = await audit(system)
        resolved = system.recovery.resolved + system.recovery.repairs
        line = {"faults": faults, "fills": system.desk.blotter.ledger.statistics()["fills"], "resolved": resolved}
        with self.report.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


async def audit(system: System) -> list[str]:
    """Everything in which the journal's world differs from the venue's. Plain calls: nothing moves in between."""
    blotter, driver = system.desk.blotter, system.venues.all["paper"].driver
    faults = blotter.ledger.check()
    theirs = {p.symbol: p.size for p in await driver.fetch_positions(ACCOUNT) if p.size}
    ours = {h.symbol: h.size for h in blotter.ledger.totals(ACCOUNT) if h.size}
    if theirs != ours:
        faults.append(f"positions: venue {theirs}, ours {ours}")
    faults += _cash(system, {b.asset: b.total for b in await driver.fetch_balances(ACCOUNT)})
    doubtful = {order.client_id for order in blotter.open_orders() if order.state in ("pending", "unknown")}
    open_there = {update.client_id for update in await driver.fetch_open_orders(ACCOUNT)} - doubtful
    open_here = {order.client_id for order in blotter.open_orders()} - doubtful
    if open_there != open_here:
        faults.append(f"open orders: only there {open_there - open_here}, only here {open_here - open_there}")
    return faults + await _orders(system)


def _cash(system: System, totals: Mapping[str, Decimal]) -> list[str]:
    expected = dict(START)
    for holding in system.desk.blotter.ledger.totals(ACCOUNT):
        realised = holding.realised - holding.fee + holding.funding
        expected["USDT"] = expected["USDT"] + realised
        assert set(cash(holding)) <= {"USDT"}
    return (
        [] if abs(totals["USDT"] - expected["USDT"]) < Decimal("1e-6") else [f"cash: venue {totals}, ours {expected}"]
    )


async def _orders(system: System) -> list[str]:
    """Every intent is known to the venue or proved absent, and every fill of the venue is in the journal once."""
    faults: list[str] = []
    placed: list[str] = []
    for row in system.journal.rows(("intent",)):
        intent = msgspec.json.decode(row.body)
        if intent["act"] == "place":
            placed.append(intent["order"]["client_id"])
    faults += [f"intent twice: {cid}" for cid, count in Counter(placed).items() if count > 1]
    driver = system.venues.all["paper"].driver
    fills = await driver.fetch_fills(ACCOUNT, 0)
    there = Counter(fill.trade_id for fill in fills)
    here = Counter(msgspec.json.decode(row.body)["trade_id"] for row in system.journal.rows(("fill",)))
    faults += [f"fill {trade} is there {there[trade]} times and here {here[trade]}" for trade in there | here
               if there[trade] != here[trade]]  # fmt: skip
    known = set(placed)
    faults += [
        f"the venue filled {fill.client_id}, which was never intended" for fill in fills if fill.client_id not in known
    ]
    return faults


def child(folder: Path, config: str, patient: bool = False) -> None:
    """One start of the daemon, until somebody kills it."""
    with (folder / "out").open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    args = options(["--config", str(folder / config), "--var", str(folder / "var")])
    environ: dict[str, str] = {}
    settings = load(args.config, environ)
    where = places.find(args.var, environ)
    where.make()
    with InstanceLock(where.lib / "lock"):
        daemon = Audited(settings, where, environ)
        daemon.report = folder / "report.jsonl"
        daemon.patient = patient
        with asyncio.Runner(loop_factory=daemon.new_loop) as runner:
            runner.run(daemon.main())


def kill_one(folder: Path, random: Random, lives_s: float) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            child(folder, "ctos.yaml")
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)
    time.sleep(random.uniform(0.02, lives_s))
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        return 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 0 if not done else status


def main(folder: Path, kills: int, lives_s: float) -> None:
    random = Random(5)
    (folder / "report.jsonl").touch()
    died: Any = 0
    for _ in range(kills):
        died += kill_one(folder, random, lives_s)
    # The last one does not trade: it lives until nothing is unknown any more, and audits.
    before = len((folder / "report.jsonl").read_text().splitlines())
    pid = os.fork()
    if pid == 0:
        try:
            child(folder, "calm.yaml", patient=True)
        finally:
            os._exit(1)
    for _ in range(400):
        if len((folder / "report.jsonl").read_text().splitlines()) > before:
            break
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    lines = [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]
    faults = [fault for line in lines for fault in line["faults"]]
    for fault in faults[:20]:
        sys.stderr.write(fault + "\n")
    if died or not lines:
        sys.stderr.write((folder / "out").read_text()[-4000:])
    seen = {"kills": kills, "audits": len(lines), "fills": lines[-1]["fills"] if lines else 0, "faults": len(faults) + died,
            "resolved": sum(line["resolved"] for line in lines)}  # fmt: skip
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
