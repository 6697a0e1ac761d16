"""`ctosctl probe`: why a venue cannot be reached, or not be traded on. The daemon need not run.

It reads the configuration and the credentials as the daemon does, and goes the way to each venue step by step. With
`--orders ACCOUNT` the running daemon places and cancels far-off orders.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from ctosd.abi.errors import CallerMistake, CtosError, Misconfigured
from ctosd.ctl.client import Daemon, Failure, sockets
from ctosd.ctl.options import seconds
from ctosd.ctl.words import Paper, paper_for
from ctosd.host import modprobe, secrets
from ctosd.host.config import Config, VenueConfig, load
from ctosd.host.config.mistakes import ConfigMistakes, did_you_mean
from ctosd.host.config.settings import NetworkSettings
from ctosd.host.probing import page
from ctosd.host.probing.check import Check, Report, scrubbed
from ctosd.host.probing.orders import COINS, Placed, Rounds
from ctosd.host.probing.pace import Pace
from ctosd.host.probing.reach import reach
from ctosd.host.probing.trial import Secrets, Trial, try_out
from ctosd.host.proxy import Proxy
from ctosd.kernel.clock import WallClock

DONE, FAILED, USAGE, NOT_RUNNING, CONFIGURATION, INTERRUPTED = 0, 1, 2, 3, 4, 130
TIMEOUT_S = 5.0
LEAST_S = 10.0
"""The daemon answers when an order has come to its outcome: it is given at least so long."""


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosctl probe",
        description="Find out why a venue cannot be reached, or not be traded on: names, connections, TLS, HTTP, WebSockets,"
        " clock, keys, account. The daemon need not run.",
        epilog="example: ctosctl probe okx    Exit: 0 all is well, 1 something is wrong, 2 usage, 3 not running, 4 configuration.",
    )
    add = parser.add_argument
    add("venue", nargs="*", metavar="VENUE", help="venues of the configuration (default: all that are not simulated)")
    add("--config", type=Path, default=Path("etc/ctos.yaml"), metavar="FILE", help="the main configuration file")
    add("--json", action="store_true", help="print JSON")
    add(
        "--timeout", type=seconds, default=TIMEOUT_S, metavar="SECONDS",
        help="how long one step may take (default 5); the start of a driver, which is several, three times that",
    )  # fmt: skip
    add(
        "--orders", default="", metavar="ACCOUNT",
        help="have the running daemon place and cancel far-off post-only orders on this account, such as okx/main",
    )  # fmt: skip
    add("--socket", default="", metavar="PATH", help="with --orders: the daemon's socket (or $CTOS_SOCKET)")
    add("--var", default="", metavar="DIR", help="with --orders: the daemon's directory (or $CTOS_VAR)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    args = options(sys.argv[1:] if argv is None else argv)
    environ = os.environ  # noqa: TID251 - a command of its own reads its own environment
    paper = paper_for(sys.stdout, environ)
    told: dict[str, Any] = {"ok": True}
    code = DONE
    try:
        if args.venue or not args.orders:
            code = _probe(args, environ, paper, told)
        if args.orders:
            code = max(code, _orders(args, environ, paper, told))
    except Failure as failure:
        return _complain(f"ctosctl probe: {failure}", failure.code)
    except ConfigMistakes as error:
        return _complain(str(error), CONFIGURATION)
    except Misconfigured as error:
        return _complain(f"ctosctl probe: {error}", CONFIGURATION)
    except CtosError as error:
        return _complain(f"ctosctl probe: {error}", USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    if args.json:
        told["ok"] = code == DONE
        _say(json.dumps(told, indent=2, ensure_ascii=False))
    return code


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def new_loop() -> asyncio.AbstractEventLoop:
    """As the daemon's: what is probed is its own way out."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


# -- venues ------------------------------------------------------------------------------------------------------------


def _probe(args: argparse.Namespace, environ: Mapping[str, str], paper: Paper, told: dict[str, Any]) -> int:
    modprobe.check_namespace()
    config = load(args.config, environ)
    venues = _chosen(config, args.venue)
    told["venues"] = {}
    if not venues:
        simulated = ", ".join(args.venue or (venue.name for venue in config.venues)) or "no venue"
        told["message"] = f"nothing to probe: {simulated} is simulated, and reached without a network"
        if not args.json:
            _say(told["message"])
        return DONE
    probe = Probe(config, environ, args.timeout, None if args.json else paper)
    runner = asyncio.Runner(loop_factory=new_loop)
    reports = runner.run(probe.run(venues))
    if not probe.stuck:  # else closing the loop would wait for a name server that does not answer
        runner.close()
    told["venues"] = {report.venue: _plain(report) for report in reports}
    if not args.json:
        _say(page.summary(reports))
    return DONE if all(report.ok for report in reports) else FAILED


def _plain(report: Report) -> dict[str, Any]:
    return {"ok": report.ok, **msgspec.to_builtins(report)}


def _chosen(config: Config, names: Sequence[str]) -> list[VenueConfig]:
    """The venues that are meant and can be probed. Raises `CallerMistake` for a name that is none."""
    known = {venue.name: venue for venue in config.venues}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are: {', '.join(known)}"
            raise CallerMistake(f"{config.path} has no venue {name!r}{hint}")
    return [venue for venue in config.venues if not venue.simulated and (not names or venue.name in names)]


class Probe:
    """One run over some venues. What each one is found to be is shown on `paper` as soon as it is known."""

    def __init__(self, config: Config, environ: Mapping[str, str], timeout_s: float, paper: Paper | None) -> None:
        # A missing key is one finding among others, and keeps nobody from looking at the network.
        self.credentials = secrets.read(dict.fromkeys(config.accounts, False), config.directory, environ)
        self.stuck = False
        self._config = config
        self._environ = environ
        self._timeout_s = timeout_s
        self._paper = paper
        self._clock = WallClock()

    async def run(self, venues: Sequence[VenueConfig]) -> list[Report]:
        """All side by side, told in their order."""
        reports = []
        async with asyncio.TaskGroup() as group:
            for task in [group.create_task(self.venue(venue), name=f"probe-{venue.name}") for venue in venues]:
                reports.append(await task)
                if self._paper is not None:
                    _say(page.venue(reports[-1], self._paper) + "\n")
        return reports

    async def venue(self, venue: VenueConfig) -> Report:
        """Everything about one venue."""
        proxy = venue.network.proxy
        checks = [self._credential(venue, account) for account in venue.accounts]
        checks += await self._steps(venue)
        known = [str.__str__(text) for fields in self.credentials.accounts.values() for text in fields.values()]
        shown = tuple(scrubbed(check, known) for check in checks)
        return Report(venue=venue.name, money=venue.money, proxy=Proxy.shown(proxy) if proxy else "", checks=shown)

    async def _steps(self, venue: VenueConfig) -> list[Check]:
        clock, pace, timeout_s, proxy = self._clock, Pace(), self._timeout_s, venue.network.proxy
        keys = {account: self._secrets(venue, account) for account in venue.accounts}
        try:
            endpoints = self._endpoints(venue)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is what is wrong with it
            return [Check(name="configuration", target=venue.name, ok=False, message=str(error) or repr(error))]
        found = await reach(endpoints, proxy, clock=clock, pace=pace, timeout_s=timeout_s)
        self.stuck = self.stuck or found.stuck
        if not found.rest:
            remedy = "mend what is wrong above, then probe again"
            untried = Check(
                name="start", target=venue.name, ok=False, message="not tried: HTTP is not answered", remedy=remedy
            )
            return [*found.checks, untried]
        return found.checks + await try_out(venue, keys, clock=clock, pace=pace, timeout_s=timeout_s)

    def _endpoints(self, venue: VenueConfig) -> Mapping[str, str]:
        """The addresses in use. Raises `Misconfigured` when the driver cannot be made."""
        direct = replace(venue, network=NetworkSettings())  # a wrong proxy is a finding of its own
        keys: Secrets = {account: {} for account in venue.accounts}
        return Trial(direct, keys, clock=self._clock, pace=Pace(), timeout_s=self._timeout_s).driver.endpoints()

    # -- keys -----------------------------------------------------------------------------------------------------------

    def _secrets(self, venue: VenueConfig, account: str) -> Mapping[str, str]:
        known = self.credentials.accounts.get(account, {})
        return known or (venue.manifest.emulator_credentials if venue.local else {})

    def _credential(self, venue: VenueConfig, account: str) -> Check:
        """Where the keys of an account come from, or how it gets some."""
        if self.credentials.accounts.get(account):
            message = f"from {self.credentials.origins[account]}"
        elif venue.local:
            message = "none are needed: the emulator's own"
        else:
            return Check(name="credentials", target=account, ok=False, message="none", remedy=self._missing(account))
        return Check(name="credentials", target=account, ok=True, message=message)

    def _missing(self, account: str) -> str:
        try:
            secrets.read({account: True}, self._config.directory, self._environ)
        except ConfigMistakes as error:
            return "; ".join(str(mistake) for mistake in error.mistakes)
        return ""


# -- orders ------------------------------------------------------------------------------------------------------------


def _orders(args: argparse.Namespace, environ: Mapping[str, str], paper: Paper, told: dict[str, Any]) -> int:
    """Raises `Failure`, when the daemon does not run or knows no such account."""
    if "/" not in args.orders:
        raise CallerMistake(f"--orders {args.orders}: write the account's full name, such as okx/main")
    daemon = Daemon(sockets(args.socket, args.var, environ), max(args.timeout, LEAST_S))
    placed: list[Placed] = []
    for each in Rounds(daemon, args.orders).run():
        placed.append(each)
        if not args.json:
            if len(placed) == 1:
                _say(paper.paint(f"{args.orders}: orders 5 % below the market, cancelled at once", "bold"))
            _say(page.order(each, paper))
    told["account"] = args.orders
    told["orders"] = [{"ok": each.ok, **msgspec.to_builtins(each)} for each in placed]
    if not placed and not args.json:
        _say(f"  none of {', '.join(COINS)} is listed there as a perpetual: nothing was placed")
    return DONE if placed and all(each.ok for each in placed) else FAILED


if __name__ == "__main__":
    found = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that still waits for a name server must not keep the process.
    os._exit(found)
