"""The verbs of ctosctl: one table, and what each of them does."""

from __future__ import annotations

import json
import os
import sys

from ctosd import __version__
from ctosd.ctl import acts, show
from ctosd.ctl.client import DONE, FAILED, NOT_FOUND, NOT_RUNNING, Daemon, Failure, sockets
from ctosd.ctl.options import Verb, count, option, overview, parse, split, unknown
from ctosd.ctl.status import page
from ctosd.ctl.watching import watch
from ctosd.ctl.words import Paper, paper_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Any


def run(argv: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    name, rest = split(argv)
    if name in ("", "help"):
        return _help(name, rest)
    if name not in VERBS:
        raise unknown(name, VERBS)
    if name in ELSEWHERE:
        return _elsewhere(ELSEWHERE[name], rest)
    args = parse(VERBS[name], rest)
    args.paper = paper_for(sys.stdout, os.environ)
    return VERBS[name].run(Daemon(sockets(args.socket, args.var, os.environ), args.timeout), args)


def _help(name: str, rest: list[str]) -> int:
    topic = next((word for word in rest if not word.startswith("-")), "")
    if topic:
        return run([topic, "--help"])
    if "--version" in rest:
        return run(["version", *(word for word in rest if word != "--version")])
    print(overview(VERBS))
    return DONE if name == "help" or "--help" in rest or "-h" in rest else NOT_FOUND


def _print(result: Any, args: Namespace, text: Callable[[Any, Paper], str]) -> int:
    print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else text(result, args.paper))
    return DONE


def _reader(path: str, text: Callable[[Any, Paper], str]) -> Callable[[Daemon, Namespace], int]:
    return lambda daemon, args: _print(daemon.get(path), args, text)


def _orders(daemon: Daemon, args: Namespace) -> int:
    every = "1" if args.all else ""
    result = daemon.get("/v1/orders", all=every, strategy=args.strategy, limit=args.n)
    return _print(result, args, show.orders)


def _fills(daemon: Daemon, args: Namespace) -> int:
    return _print(daemon.get("/v1/fills", strategy=args.strategy, limit=args.n), args, show.fills)


def _why(daemon: Daemon, args: Namespace) -> int:
    return _print(daemon.get(f"/v1/why/{acts.part(args.name)}"), args, show.why)


def _logs(daemon: Daemon, args: Namespace) -> int:
    if not args.follow:
        for entry in daemon.get("/v1/logs", n=args.n, level=args.level):
            print(json.dumps(entry, ensure_ascii=False) if args.json else show.log_entry(entry, args.paper))
        return DONE
    try:
        for line in daemon.lines("/v1/logs", n=args.n, level=args.level, follow=1):
            print(line if args.json else show.log_line(line, args.paper), flush=True)
    except KeyboardInterrupt:
        return DONE
    except OSError:
        raise Failure(NOT_RUNNING, "ctosd has gone") from None
    raise Failure(NOT_RUNNING, "ctosd has stopped")


def _path(text: str) -> str:
    """What somebody wrote for a path of /proc: `proc/` and slashes before it are welcome, and mean nothing."""
    path = text.lstrip("/")
    return "" if path == "proc" else path.removeprefix("proc/")


def _ls(daemon: Daemon, args: Namespace) -> int:
    kind, content = daemon.file(_path(args.path))
    names = content.splitlines() if kind == "directory" else [args.path]
    print(json.dumps(names, indent=2) if args.json else "\n".join(names))
    return DONE


def _cat(daemon: Daemon, args: Namespace) -> int:
    for path in args.path:
        kind, content = daemon.file(_path(path), "application/json" if args.json else "text/plain")
        if kind == "directory" and not args.json:
            raise Failure(
                NOT_FOUND, f"{path} is a directory: ctosctl ls {path}, or ctosctl cat --json {path} for all of it"
            )
        sys.stdout.write(json.dumps(json.loads(content), indent=2, ensure_ascii=False) + "\n" if args.json else content)
    return DONE


def _watch(daemon: Daemon, args: Namespace) -> int:
    words = [args.what, *args.rest]
    verb = VERBS.get(args.what)
    if verb is None or args.what not in READS:
        verb, words = VERBS["cat"], ["cat", *words]
    inner = parse(verb, words[1:] + (["--json"] if args.json else []))
    inner.paper = args.paper
    return watch(lambda: verb.run(daemon, inner), " ".join(words), args)


def _version(daemon: Daemon, args: Namespace) -> int:
    try:
        theirs = daemon.get("/v1/healthz")["version"]
    except Failure as failure:
        theirs = None
        if failure.code != NOT_RUNNING:
            raise
    if args.json:
        print(json.dumps({"ctosctl": __version__, "ctosd": theirs}))
    else:
        print(f"ctosctl {__version__}\nctosd {theirs or 'is not running'}")
    return DONE


def _check(_: Daemon, args: Namespace) -> int:
    """The daemon itself knows what is right; 77 and 78 are its words for configuration."""
    words = ["--check"]
    words += ["--config", args.config] if args.config else []
    words += ["--var", args.var] if args.var else []
    code = _elsewhere("ctosd", words)
    return {0: DONE, 77: 4, 78: 4}.get(code, FAILED)


def _elsewhere(module: str, words: list[str]) -> int:
    """Run a module that needs more than the standard library in a process of its own; its exit code is ours."""
    sys.stdout.flush()
    try:
        return os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606 - our own interpreter
    except KeyboardInterrupt:  # it was for the other one too, and it has ended itself
        return DONE


def _other(_: Daemon, args: Namespace) -> int:
    """For the table: `run` has sent these verbs elsewhere before anything was parsed."""
    raise Failure(FAILED, f"{args} is not done here")


_NAMES = option("name", nargs="+", metavar="NAME", help="a strategy, as `ctosctl ps` names it")
_NAME = option("name", metavar="NAME", help="a strategy, as `ctosctl ps` names it")
_ACCOUNT = option("account", metavar="ACCOUNT", help="venue/name, such as okx/main")
_REASON = option("--reason", default="", metavar="TEXT", help="why, for the journal")
_STRATEGY = option("--strategy", default="", metavar="NAME", help="only of this strategy")

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("status", _reader("/v1/status", page), "Everything at a glance, and what is wrong.", "ctosctl status"),
        Verb("ps", _reader("/v1/ps", show.ps), "Drivers and strategies as processes.", "ctosctl ps"),
        Verb("start", acts.each("start"), "Start strategies; parked ones too.", "ctosctl start grid-btc", _NAMES),
        Verb(
            "stop", acts.each("stop"), "Stop strategies; their exit policy says what becomes of orders and positions.",
            'ctosctl stop grid-btc --reason "news tonight"', _NAMES, _REASON,
        ),
        Verb("restart", acts.each("restart"), "Stop and start strategies.", "ctosctl restart grid-btc", _NAMES),
        Verb(
            "orders", _orders, "Open orders.", "ctosctl orders --strategy grid-btc", _STRATEGY,
            option("--all", "-a", action="store_true", help="the ended ones too"),
            option("-n", type=count, default=100, metavar="N", help="at most so many (default 100)"),
        ),
        Verb("positions", _reader("/v1/positions", show.positions), "Positions and their PnL.", "ctosctl positions --json"),
        Verb("balances", _reader("/v1/balances", show.balances), "The assets of each account.", "ctosctl balances"),
        Verb(
            "fills", _fills, "The last executions.", "ctosctl fills -n 10 --strategy grid-btc", _STRATEGY,
            option("-n", type=count, default=50, metavar="N", help="at most so many (default 50)"),
        ),
        Verb("why", _why, "Why a strategy does not trade: each gate, and the last refusals.", "ctosctl why grid-btc", _NAME),
        Verb(
            "logs", _logs, "The daemon's log.", "ctosctl logs -f --level warning",
            option("-f", "--follow", action="store_true", help="go on as it is written, until Ctrl-C"),
            option("-n", type=count, default=20, metavar="N", help="so many lines (default 20)"),
            option("--level", default="", metavar="LEVEL", help="debug, info, warning, error: this and above"),
        ),
        Verb(
            "ls", _ls, "List a directory of /proc.", "ctosctl ls strategies/grid-btc",
            option("path", nargs="?", default="", metavar="PATH", help="a directory (default: the root)"),
        ),
        Verb(
            "cat", _cat, "Print files of /proc; with --json whole directories.", "ctosctl cat strategies/grid-btc/status",
            option("path", nargs="+", metavar="PATH", help="a file, such as risk/mode"),
        ),
        Verb(
            "watch", _watch, "Show a path of /proc, or a verb that reads, again and again.",
            "ctosctl watch -i 1 status",
            option("-i", "--interval", type=float, default=2.0, metavar="SECONDS", help="between two looks (default 2)"),
            option("-c", "--count", type=count, default=0, metavar="N", help="end after so many looks (default: never)"),
            option("what", metavar="PATH|VERB", help="such as bus/rate, or status"),
            option("rest", nargs="*", metavar="WORD", help="what the verb takes"),
        ),
        Verb(
            "halt", acts.mode("halt"), "The kill switch: from now on no order leaves. Never asks; cancels still go out.",
            'ctosctl halt --reason "wrong prices"', _REASON,
        ),
        Verb("resume", acts.mode("resume"), "Let orders out again.", 'ctosctl resume --reason "venue is back"', _REASON),
        Verb(
            "flatten", acts.flatten, "Cancel all orders and close all positions at market. Asks first on a terminal.",
            "ctosctl flatten grid-btc -y", _REASON,
            option("strategy", nargs="?", default="", metavar="NAME", help="of this strategy only (default: of all)"),
            option("-y", "--yes", action="store_true", help="do not ask"),
        ),
        Verb(
            "arm", acts.arm, "Let a live account take risk, up to a loss and for a time. Without it only exits leave.",
            "ctosctl arm okx/main --max-loss 100 --for 8h", _ACCOUNT,
            option("--max-loss", required=True, metavar="AMOUNT", help="of quote money; then it is disarmed"),
            option("--for", dest="time", required=True, metavar="TIME", help="such as 8h, 90m, 2d"),
        ),
        Verb("disarm", acts.disarm, "End that at once; exits and cancels still go out.", "ctosctl disarm okx/main", _ACCOUNT),
        Verb(
            "adopt", acts.adopt, "Give a strategy an open order or a position that is nobody's of ours.",
            "ctosctl adopt grid-btc okx/main BTC/USDT:USDT",
            option("strategy", metavar="NAME", help="a strategy, as `ctosctl ps` names it"), _ACCOUNT,
            option("what", metavar="ORDER|SYMBOL", help="an order's id, or the symbol of an external position"),
            option("--size", default="", metavar="SIZE", help="only so much of the position, with its sign"),
        ),
        Verb(
            "call", acts.call, "Any syscall on an account.",
            "ctosctl call okx/main get_orderbook symbol=BTC/USDT:USDT level=5",
            option("account", metavar="ACCOUNT", help="venue/name, such as paper/main"),
            option("syscall", metavar="SYSCALL", help="such as get_price_now, get_klines, place_order"),
            option("args", nargs="*", metavar="KEY=VALUE", help="its arguments"),
        ),
        Verb(
            "check", _check, "Check a configuration, all mistakes at once; the daemon need not run.",
            "ctosctl check --config etc/ctos.yaml",
            option("--config", default="", metavar="FILE", help="the main file (default: the daemon's own)"),
        ),
        Verb(
            "emulate", _other, "Serve a venue's own protocol on loopback: simulated money, real wire.",
            "ctosctl emulate okx --port 9001",
        ),
        Verb(
            "probe", _other, "Why a venue cannot be reached, or not be traded on; the daemon need not run.",
            "ctosctl probe okx",
        ),
        Verb(
            "rescue", _other, "Cancel our open orders after the daemon died; while it runs, nothing is done.",
            "ctosctl rescue --config etc/ctos.yaml",
        ),
        Verb(
            "replay", _other, "What a flight recording tells, and whether all of it comes out the same again.",
            "ctosctl replay var/lib/flight/20260301T120000Z-order_unknown.flight",
        ),
        Verb(
            "backup", _other, "A verified copy of the store, also while the daemon trades; checks and restores one.",
            "ctosctl backup /mnt/safe --keep 14",
        ),
        Verb(
            "export", _other, "Fills, fees, funding and orders as CSV or Parquet, complete and append-only.",
            "ctosctl export fills --csv --out fills.csv",
        ),
        Verb("version", _version, "The versions of ctosctl and of the running daemon.", "ctosctl version"),
    )
}  # fmt: skip

ELSEWHERE = {
    "emulate": "ctosd.host.emulate",
    "rescue": "ctosd.rescue",
    "probe": "ctosd.host.probe",
    "replay": "ctosd.host.replay.command",
    "backup": "ctosd.host.backup.command",
    "export": "ctosd.host.export.command",
}
"""Verbs that compute: they import what they need, in a process of their own."""

READS = ("status", "ps", "orders", "positions", "balances", "fills", "why", "logs", "ls", "cat")
