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


_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def span(text: str) -> float:
    """``8h``, ``90m``, ``2d`` or ``45s`` in seconds. Raises `ValueError`."""
    return float(text[:-1]) * _UNITS_S.get(text[-1:], 0) if text[-1:] in _UNITS_S else float(text)


def arm(daemon: Daemon, args: Namespace) -> int:
    """Let real money move, within a loss and a time."""
    try:
        seconds = span(args.time)
    except ValueError:
        raise Failure(NOT_FOUND, f"{args.time!r} is not a time such as 8h, 90m or 2d") from None
    result = daemon.post("/v1/arm", account=args.account, max_loss=args.max_loss, seconds=seconds)
    said = f"{args.account} is armed for {args.time}: it may lose {args.max_loss} of quote money"
    print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else said)
    return DONE


def disarm(daemon: Daemon, args: Namespace) -> int:
    result = daemon.post("/v1/disarm", account=args.account)
    said = f"{args.account} is disarmed: only orders that reduce may leave"
    print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else said)
    return DONE


def adopt(daemon: Daemon, args: Namespace) -> int:
    """Give a strategy what is nobody's."""
    given = {"strategy": args.strategy, "account": args.account, "what": args.what, "size": args.size}
    result = daemon.post("/v1/adopt", **given)
    said = f"{args.strategy} has {args.what} on {args.account} now"
    print(json.dumps(result, indent=2, ensure_ascii=False) if args.json else said)
    return DONE


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
