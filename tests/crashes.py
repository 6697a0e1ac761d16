"""Kills a real daemon at each step of the life of a tick and of an order, and lets the next one audit what it left.

`python -m tests.crashes FOLDER VENUE` runs one venue in a few chains side by side. A chain is an emulator in a process that
survives, and one daemon after the other on the same files: each recovers, compares itself with the emulator, trades, and
dies in the step that is its turn.
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
from pathlib import Path
from typing import Any, NoReturn

from ctosd.boot import options
from ctosd.daemon import Daemon
from ctosd.host import emulate, places
from ctosd.host.config import load
from ctosd.host.storage.lock import InstanceLock
from ctosd.kernel.system import System
from tests.autopsy import VENUES, compare, look, told
from tests.deaths import STEPS, Trap

LIFE_S = 40.0
"""The longest that one daemon may take to recover, trade and die."""
AGREE_S = 6.0
"""How long what the private stream has yet to tell may be missing."""

CHAINS = 5
"""A few steps a chain: who starts ten times in a minute uses up what Binance lets one address ask in it."""

CONFIG = """
clock: wall
strategies_dir: ""
log: {level: warning, console: json}
risk: {order_rate: 1000, order_burst: 1000, duplicate_window_ms: 0, max_order_notional: 5000, max_position_notional: 20000}
venues:
  %(venue)s:
    environment: demo
    accounts: {main: {}}
    endpoints: %(endpoints)s
strategies:
  - name: pendulum
    use: tests.pendulum:Pendulum
    account: %(venue)s/main
    exit: keep
    limits: {order_rate: 1000, order_burst: 1000, max_position_notional: 1500}
    params: {symbol: "%(symbol)s", notional: 300}
"""


class Victim(Daemon):
    """The daemon, which audits itself after its recovery, then lets its strategy trade until the trap closes."""

    folder: Path
    control: str
    start: Mapping[str, str]
    trap: Trap | None

    def _ready(self, system: System, seconds: float) -> None:
        super()._ready(system, seconds)
        task = asyncio.get_running_loop().create_task(self._live(system))
        task.add_done_callback(lambda done: done.result())

    async def _live(self, system: System) -> None:
        unit = system.supervisor.units["pendulum"]
        while system.desk.blotter.unresolved() or unit.strategy is None or unit.state != "running":
            await asyncio.sleep(0.02)
        strategy: Any = unit.strategy
        deadline, found = time.monotonic() + AGREE_S, dict[str, Any]()
        while True:
            found = compare(system, look(await told(self.control)), self.start)
            if not found["faults"] or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        found |= {"placed": strategy.state.placed, "swings": strategy.state.swings, "seconds": time.monotonic()}
        with (self.folder / "audits.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(found) + "\n")
        if self.trap is not None:
            self.trap.enabled = True
            strategy.release(self.trap.arm)


def daemon(folder: Path, venue: str, address: Mapping[str, Any], step: str) -> None:
    """One life; in the last one, without a step, nobody dies by a trap."""
    with (folder / "out").open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    trap = Trap(folder / "mark", step)
    if step:
        STEPS[step](trap, venue)
    config = folder / "ctos.yaml"
    args = options(["--config", str(config), "--var", str(folder / "var")])
    settings, where = load(args.config, {}), places.find(args.var, {})
    where.make()
    with InstanceLock(where.lib / "lock"):
        victim = Victim(settings, where, {})
        victim.folder, victim.control, victim.start = folder, address["control"], address["start"]
        victim.trap = trap if step else None
        with asyncio.Runner(loop_factory=victim.new_loop) as runner:
            runner.run(victim.main())


def forked(call: Callable[[], object]) -> int:
    """Run it in a child; returns the child's pid."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        end(call)
    return pid


def end(call: Callable[[], object]) -> NoReturn:
    try:
        call()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


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
        emulate.main([venue, "--json", "--settings", str(settings)])

    pid = forked(serve)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        address: dict[str, Any] = json.loads(pipe.readline())
    address["control"] = address["endpoints"]["rest"] + "/_emulator"
    try:
        balances = look(asyncio.run(told(address["control"]))).balances
    except BaseException:
        stop(pid)
        raise
    address["start"] = {asset: str(total) for asset, total in balances.items()}
    return pid, address


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


def chain(number: int) -> list[str]:
    """Neighbours go to different chains: those that must prove an order absent wait longest."""
    return list(STEPS)[number::CHAINS]


def run(folder: Path, venue: str, number: int) -> None:
    """The steps of a chain in turn; what each life found is told of the death before it."""
    emulator, address = venue_process(folder, venue)
    endpoints = {name: url for name, url in address["endpoints"].items() if not name.startswith("spot.")}
    text = CONFIG % {"venue": venue, "symbol": VENUES[venue].symbol, "endpoints": json.dumps(endpoints)}
    (folder / "ctos.yaml").write_text(text)
    audits = folder / "audits.jsonl"
    audits.touch()
    deaths: list[dict[str, Any]] = []
    try:
        for step in chain(number):
            began = time.monotonic()
            (folder / "mark").unlink(missing_ok=True)
            pid = forked(lambda step=step: daemon(folder, venue, address, step))  # type: ignore[misc]
            status = await_end(pid, lambda: False)
            mark = (folder / "mark").read_text() if (folder / "mark").exists() else "{}"
            killed = status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            deaths.append({"step": step, "killed": killed, "seconds": time.monotonic() - began, **json.loads(mark)})
            if not killed:
                break
        lives = len(audits.read_text().splitlines())
        pid = forked(lambda: daemon(folder, venue, address, ""))
        await_end(pid, lambda: len(audits.read_text().splitlines()) > lives)
    finally:
        stop(emulator)
    lines = [json.loads(line) for line in audits.read_text().splitlines()]
    (folder / "told").write_text(json.dumps({"deaths": deaths, "audits": lines}))


def main(folder: Path, venue: str) -> None:
    pids = []
    for number in range(CHAINS):
        place = folder / str(number)
        place.mkdir()
        pids.append(forked(lambda place=place, number=number: run(place, venue, number)))  # type: ignore[misc]
    for pid in pids:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
