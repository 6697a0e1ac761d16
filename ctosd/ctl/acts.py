"""The verbs of ctosctl that change something."""

from __future__ import annotations

import json
import sys

from ctosd.ctl import show
from ctosd.ctl.client import DONE, FAILED, NOT_FOUND, Daemon, Failure, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_BAD_ENDS = ("parked", "zombie", "backoff")


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name).replace("/", "%2F")


def each(verb: str) -> Callable[[Daemon, Namespace], int]:
    """`verb` for each strategy named; the exit code is that of the worst."""

    def run(daemon: Daemon, args: Namespace) -> int:
        results, worst = [], DONE
        for name in args.name:
            row = daemon.post(f"/v1/strategies/{part(name)}/{verb}", reason=getattr(args, "reason", ""))
            results.append(row)
            if not args.json:
                print(show.process(row, args.paper))
            worst = max(worst, FAILED if row.get("state") in _BAD_ENDS else DONE)
        if args.json:
            print(json.dumps(results[0] if len(results) == 1 else results, indent=2, ensure_ascii=False))
        return worst

    return run


def mode(verb: str) -> Callable[[Daemon, Namespace], int]:
    """``halt`` and ``resume``."""

    def run(daemon: Daemon, args: Namespace) -> int:
        result = daemon.post(f"/v1/{verb}", reason=args.reason)
        print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else show.mode(result, args.paper))
        return DONE

    return run


def flatten(daemon: Daemon, args: Namespace) -> int:
    """Close everything; failed when something is left."""
    whose = f"of {args.strategy}" if args.strategy else "of ALL strategies"
    if (
        not args.yes
        and sys.stdin.isatty()
        and not _sure(f"Cancel all orders and close all positions {whose} at market?")
    ):
        raise Failure(FAILED, "nothing was done")
    result = daemon.post("/v1/flatten", strategy=args.strategy, reason=args.reason)
    print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else show.flattened(result, args.paper))
    return FAILED if result.get("remaining") else DONE


def _sure(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def call(daemon: Daemon, args: Namespace) -> int:
    """Any syscall; its arguments are ``key=value``."""
    given = {}
    for word in args.args:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise Failure(NOT_FOUND, f"{word!r} is not KEY=VALUE, such as symbol=BTC/USDT:USDT")
        given[key] = value
    result = daemon.post("/v1/call", account=args.account, name=args.syscall, args=given)
    print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else show.anything(result, args.paper))
    order = result if isinstance(result, dict) else {}
    return FAILED if order.get("state") in ("denied", "rejected") else DONE
