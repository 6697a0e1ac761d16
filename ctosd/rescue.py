"""`ctosctl rescue`: what a daemon that died left open at the venues is cancelled, from the journal and the venues' own word.

For a person, and for systemd's ExecStopPost. It takes the daemon's lock, so that the two never act at once; it starts the
venues and no strategy. Orders of strategies whose exit policy for faults is `keep` stay, unless everything is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ctosd.abi.errors import CtosError, Misconfigured, NotReady
from ctosd.abi.orders import Order
from ctosd.core.gate import Limits
from ctosd.daemon import Daemon
from ctosd.host import modprobe, places
from ctosd.host.config import load
from ctosd.host.config.mistakes import ConfigMistakes
from ctosd.host.storage.lock import InstanceLock
from ctosd.kernel.seat import Seat
from ctosd.kernel.system import System

DONE, FAILED, CONFIGURATION = 0, 1, 4
WITHIN_S = 20.0


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosctl rescue",
        description="Cancel our open orders when the daemon died. While it runs, or after it ended well, nothing is done.",
        epilog="example: ctosctl rescue --config etc/ctos.yaml    Exit: 0 nothing of it is left, 1 something is, 4 configuration.",
    )
    add = parser.add_argument
    add("--config", type=Path, default=Path("etc/ctos.yaml"), metavar="FILE", help="the main configuration file")
    add("--var", default="", metavar="DIR", help="the daemon's directory (or $CTOS_VAR)")
    add("--all", action="store_true", help="orders of strategies that keep theirs after a fault, too")
    add("--within", type=float, default=WITHIN_S, metavar="SECONDS", help="how long it may take (default 20)")
    add("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    args = options(sys.argv[1:] if argv is None else argv)
    environ = os.environ  # a command of its own reads its own environment
    if environ.get("SERVICE_RESULT") == "success":  # systemd.exec(5): the daemon ended well, by its exit policies
        return _tell(args, DONE, "the daemon ended well: nothing to rescue")
    try:
        modprobe.check_namespace()
        config = load(args.config, environ)
        where = places.find(args.var, environ)
        if not where.journal.exists():
            return _tell(args, DONE, f"{where.journal} does not exist: nothing was ever sent from there")
        with InstanceLock(where.lib / "lock"):
            rescue = Rescue(config, where, environ)
            rescue.everything, rescue.within_s = args.all, args.within
            with asyncio.Runner(loop_factory=rescue.new_loop) as runner:
                code = runner.run(rescue.main())
            rescue.close()
            return _tell(args, code, rescue.summary, **rescue.found)
    except NotReady as error:
        return _tell(args, FAILED, f"nothing was done: {error}")
    except (ConfigMistakes, Misconfigured) as error:
        return _tell(args, CONFIGURATION, str(error))
    except CtosError as error:
        return _tell(args, FAILED, str(error))


def _tell(args: argparse.Namespace, code: int, summary: str, **found: Any) -> int:
    told = {"ok": code == DONE, "message": summary, **found}
    out = sys.stdout if code == DONE or args.json else sys.stderr
    out.write((json.dumps(told, indent=2) if args.json else f"ctosctl rescue: {summary}") + "\n")
    return code


class Rescue(Daemon):
    """The daemon's venues and journal, for one purpose."""

    everything = False
    within_s = WITHIN_S
    summary = ""
    found: Mapping[str, Any] = {}

    @staticmethod
    def lines_to() -> TextIO:
        return sys.stderr  # standard output is for the answer

    def _add_units(self, system: System) -> None:
        """Strategies are known by name, so that their fills find them, and none is started."""
        system.desk.blotter.owners.update(recipe.name for recipe in self.config.strategies)

    async def main(self) -> int:
        self._stop = asyncio.Event()
        system = self._build()
        system.watchdog.start()
        end_ns = self.clock.now_ns() + int(self.within_s * 1e9)
        try:
            await self._start_venues(system)
            kept = self._kept(system)
            await self._cancel(system, kept, end_ns)
        finally:
            await system.venues.stop()
            system.watchdog.stop()
            await system.desk.tasks.cancel()
            for close in self.closing:
                await close()
        return self._conclude(system, kept)

    async def _start_venues(self, system: System) -> None:
        start = system.desk.tasks.spawn("start", system.venues.start())
        await asyncio.wait({start}, timeout=self.within_s)

    def _kept(self, system: System) -> set[str]:
        """Client ids of orders that their strategy wants to keep after a fault."""
        if self.everything:
            return set()
        keeping = {recipe.name for recipe in self.config.strategies if recipe.exit.fault == "keep"}
        return {order.client_id for order in system.desk.blotter.open_orders() if order.strategy in keeping}

    async def _cancel(self, system: System, kept: set[str], end_ns: int) -> None:
        """Cancel, and wait for their ends; a cancel whose fate is not known is sent again after a second."""
        desk = system.desk
        accounts = tuple(account for venue in system.venues.all.values() for account in venue.driver.accounts)
        seat = Seat("rescue", accounts, Limits(), self.clock.steady_ns)
        seat.open()
        cancelled: set[str] = set()
        while (left := self._left(system, kept)) and self.clock.now_ns() < end_ns:
            cancelled |= {order.client_id for order in left}
            await asyncio.gather(
                *(desk.egress.cancel(seat, order) for order in left if desk.egress.line(order.account).up)
            )
            for _ in range(20):
                if not self._left(system, kept):
                    break
                await self.clock.sleep(0.05)
        self.found = {"cancelled": sorted(cancelled - {order.client_id for order in self._left(system, kept)})}

    def _left(self, system: System, kept: set[str]) -> list[Order]:
        return [order for order in system.desk.blotter.open_orders() if order.client_id not in kept]

    def _conclude(self, system: System, kept: set[str]) -> int:
        left = self._left(system, kept)
        down = {venue.name: venue.reason or venue.last_error for venue in system.venues.all.values() if not venue.attempts
                or venue.refused is not None or venue.last_error}  # fmt: skip
        remaining = [f"{order.client_id} {order.symbol} on {order.account} is {order.state}" for order in left]
        self.found = {**self.found, "kept": sorted(kept), "remaining": remaining, "venues": down}
        gone = len(self.found["cancelled"])
        self.summary = f"{gone} order{'' if gone == 1 else 's'} cancelled, {len(kept)} kept by policy"
        if remaining or down:
            troubles = [*remaining, *(f"{name}: {reason}" for name, reason in down.items())]
            self.summary += f"; look at the venue: {'; '.join(troubles)}"
        return FAILED if remaining or down else DONE


if __name__ == "__main__":
    raise SystemExit(main())
