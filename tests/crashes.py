"""Kills a real daemon at each step of the life of a tick and of an order, and lets the next one audit what it left.

`python -m tests.crashes FOLDER [all]` runs every venue in chains, a few side by side. A chain is an emulator in a process
that survives, and one daemon after the other on the same files: each recovers, compares itself with the emulator, trades,
and dies in the step that is its turn. The paper venue lives, dies and comes back with its daemon.
Run by tests/test_crashes.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from ctosd.boot import options
from ctosd.daemon import Daemon
from ctosd.host import emulate, places
from ctosd.host.config import load
from ctosd.host.storage.lock import InstanceLock
from ctosd.kernel.system import System
from tests.autopsy import VENUES, Truth, compare, inside, look, told
from tests.deaths import STEPS, Trap, plan

LIFE_S = 40.0
"""The longest that one daemon may take to recover, trade and die."""
AGREE_S = 6.0
"""How long what the private stream has yet to tell may be missing."""
EXPIRY_MS, GRACE_MS = 2_500, 500
"""How long an order is waited for before it is proved absent: on the loopback nothing travels for the usual 15 s."""

LIVES = 6
"""Deaths in one chain, at most."""
SIDE_BY_SIDE = 6
"""Chains at once: the daemons wait more than they work, at OKX for the rate of new connections."""

CONFIG = """
clock: wall
strategies_dir: ""
log: {level: warning, console: json}
risk: {order_rate: 1000, order_burst: 1000, duplicate_window_ms: 0, max_order_notional: 5000, max_position_notional: 20000}
venues:
  %(driver)s: %(settings)s
strategies:
  - name: pendulum
    use: tests.pendulum:Pendulum
    account: %(driver)s/main
    exit: keep
    limits: {order_rate: 1000, order_burst: 1000, max_position_notional: 1500}
    params: {symbol: "%(symbol)s", notional: 300, amends: %(amends)s}
"""
BALANCES = {"USDT": 100_000}
PAPER: dict[str, Any] = {"accounts": {"main": {}}, "balances": BALANCES, "leverage": 10,
         "market": {"kind": "synthetic", "seed": 11, "rate": 50, "history": 30}}  # fmt: skip


class Victim(Daemon):
    """The daemon, which audits itself after its recovery, then lets its strategy trade until the trap closes."""

    folder: Path
    venue: str
    control: str
    start: Mapping[str, str]
    trap: Trap | None
    trading: bool | None

    def _ready(self, system: System, seconds: float) -> None:
        super()._ready(system, seconds)
        task = asyncio.get_running_loop().create_task(self._live(system))
        task.add_done_callback(lambda done: done.result())

    async def _live(self, system: System) -> None:
        unit = system.supervisor.units["pendulum"]
        while system.desk.blotter.unresolved() or unit.strategy is None or unit.state != "running":
            await asyncio.sleep(0.02)
        strategy: Any = unit.strategy
        deadline, found = time.monotonic() + (AGREE_S if self.trading is None else AGREE_S / 3), dict[str, Any]()
        while True:
            truth = await self._truth(system)
            found = compare(self.venue, system, truth, self.start, forgetful=self.trading is not None)
            if not found["faults"] or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        found |= {
            "adopted": system.recovery.adopted,
            "placed": strategy.state.placed,
            "swings": strategy.state.swings,
            "seconds": time.monotonic(),
        }
        with (self.folder / "audits.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(found) + "\n")
        if self.trap is not None:
            self.trap.enabled = True
            strategy.release(self.trap.arm)
        elif self.trading:
            strategy.release(lambda: None)

    async def _truth(self, system: System) -> Truth:
        return look(self.venue, await told(self.control)) if self.control else await inside(system)


def daemon(folder: Path, venue: str, address: Mapping[str, Any], step: str, trading: bool | None = None) -> None:
    """One life; without a step nobody dies by a trap, and it only looks unless it is to go on `trading`.

    Who says anything of `trading` takes the power away at the end of the life, and with it the journal's last rows.
    """
    with (folder / "out").open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    trap = Trap(folder / "mark", step) if step else None
    if trap is not None:
        STEPS[step].plant(trap, venue.partition("-")[0])
    config = folder / "ctos.yaml"
    args = options(["--config", str(config), "--var", str(folder / "var")])
    settings, where = load(args.config, {}), places.find(args.var, {})
    for each in settings.venues:
        driver = each.driver_class
        driver.manifest = replace(driver.manifest, expiry_ms=EXPIRY_MS, grace_ms=GRACE_MS)
    where.make()
    with InstanceLock(where.lib / "lock"):
        victim = Victim(settings, where, {})
        victim.folder, victim.venue, victim.trap, victim.trading = folder, venue, trap, trading
        victim.control, victim.start = address["control"], address["start"]
        with asyncio.Runner(loop_factory=victim.new_loop) as runner:
            runner.run(victim.main())
        victim.close()


def forked(call: Callable[[], object]) -> int:
    """Run it in a child; returns the child's pid."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # type: ignore[assignment] # whoever tests has its own
        end(call)
    return pid


def end(call: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        call()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def whole_lines(path: Path) -> list[str]:
    """The last line may be half written yet."""
    return path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def venue_process(folder: Path, venue: str) -> tuple[int, dict[str, Any]]:
    """The emulator, as `ctosctl emulate` runs it, in a child that outlives every daemon."""
    reader, writer = os.pipe()
    settings = folder / "emulator.yaml"
    settings.write_text("market: {kind: synthetic, seed: 11, rate: 10, history: 30}\n")

    def serve() -> None:
        os.dup2(writer, 1)
        emulate.main([venue.partition("-")[0], "--json", "--settings", str(settings)])

    pid = forked(serve)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        address: dict[str, Any] = json.loads(pipe.readline())
    address["control"] = address["endpoints"]["rest"] + "/_emulator"
    try:
        balances = look(venue, asyncio.run(told(address["control"]))).balances
    except BaseException:
        stop(pid)
        raise
    address["start"] = {asset: str(total) for asset, total in balances.items()}
    return pid, address


def configuration(venue: str, address: Mapping[str, Any]) -> str:
    """The daemon's whole configuration, with the addresses of its emulator."""
    terms = VENUES[venue]
    settings = PAPER
    if terms.account is not None:
        mine = f"{terms.product}." if terms.product else ""
        endpoints = {name.removeprefix(mine): url for name, url in address["endpoints"].items()
                     if name.startswith(mine) and "." not in name.removeprefix(mine)}  # fmt: skip
        settings = {"environment": "demo", "accounts": {"main": {}}, "endpoints": endpoints}
        settings |= {"product": terms.product} if terms.product else {}
    return CONFIG % {"driver": venue.partition("-")[0], "settings": json.dumps(settings), "symbol": terms.symbol,
                     "amends": str(terms.amends).lower()}  # fmt: skip


def await_end(pid: int, over: Callable[[], bool]) -> int | None:
    """The child's wait status; None when it had to be ended because it was `over` or too slow."""
    deadline = time.monotonic() + LIFE_S
    while time.monotonic() < deadline and not over():
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def run(folder: Path, venue: str, steps: list[str]) -> None:
    """The steps of a chain in turn; what each life found is told of the death before it."""
    emulator, address = 0, {"control": "", "start": BALANCES}
    if VENUES[venue].account is not None:
        emulator, address = venue_process(folder, venue)
    (folder / "ctos.yaml").write_text(configuration(venue, address))
    audits = folder / "audits.jsonl"
    audits.touch()
    deaths: list[dict[str, Any]] = []
    try:
        for step in steps:
            began = time.monotonic()
            (folder / "mark").unlink(missing_ok=True)
            pid = forked(lambda step=step: daemon(folder, venue, address, step))  # type: ignore[misc]
            status = await_end(pid, lambda: False)
            mark = (folder / "mark").read_text() if (folder / "mark").exists() else "{}"
            killed = status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            deaths.append({"step": step, "killed": killed, "seconds": time.monotonic() - began, **json.loads(mark)})
            if not killed:
                break
        lives = len(whole_lines(audits))
        pid = forked(lambda: daemon(folder, venue, address, ""))
        await_end(pid, lambda: len(whole_lines(audits)) > lives)
    finally:
        if emulator:
            stop(emulator)
    lines = [json.loads(line) for line in whole_lines(audits)]
    (folder / "told").write_text(json.dumps({"deaths": deaths, "audits": lines}))


def chains(everything: bool) -> list[tuple[str, list[str]]]:
    """`(venue, steps)` of each chain; the slow ones first."""
    found = []
    for venue in VENUES:
        steps = plan(venue, everything)
        count = -(-len(steps) // LIVES)
        found += [(venue, steps[number::count]) for number in range(count)]
    return found


def prepare(*venues: str) -> None:
    """Import here, once, what each of a hundred children would import again."""
    for driver in sorted({venue.partition("-")[0] for venue in venues}):
        import_module(f"drivers.{driver}")
        if driver != "paper":
            import_module(f"drivers.{driver}.emulator")
    for name in ("ctosd.host.network", "ctosd.host.served", "uvloop"):
        import_module(name)


def main(folder: Path, everything: bool) -> None:
    prepare(*VENUES)
    running: set[int] = set()
    for number, (venue, steps) in enumerate(chains(everything)):
        while len(running) >= SIDE_BY_SIDE:
            running.discard(os.wait()[0])
        place = folder / str(number)
        place.mkdir()
        running.add(forked(lambda place=place, venue=venue, steps=steps: run(place, venue, steps)))  # type: ignore[misc]
    while running:
        running.discard(os.wait()[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]), "all" in sys.argv[2:])
