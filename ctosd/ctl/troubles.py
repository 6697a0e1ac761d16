"""What is wrong, in words, each with the command that mends it: read from the daemon's status."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

SLOW_LOOP_MS = 50.0
LONG_BACKLOG = 1_000
_WELL = ("running", "up", "done")


def troubles(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`(what is wrong, how to mend it)`, the gravest first."""
    yield from _journal(status.get("journal") or {})
    yield from _mode(status)
    yield from _orders(status.get("orders") or {})
    for venue in status.get("venues") or ():
        yield from _venue(venue)
    for strategy in status.get("strategies") or ():
        yield from _strategy(strategy)
    yield from _loop(status.get("loop") or {})
    if status.get("ready") is False:
        yield "the daemon is not ready yet: it is still starting", "wait, then look again: ctosctl watch status"


def _journal(journal: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if journal.get("failed"):
        yield (
            f"the journal cannot be written: {journal['failed']}; nothing that adds risk goes out",
            "make room on its disk or mend its rights, then start ctosd again",
        )
    elif int(journal.get("backlog") or 0) > LONG_BACKLOG:
        yield f"the journal is {journal['backlog']} rows behind: the disk is slow", "see: ctosctl cat journal"


def _mode(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    mode, why = status.get("mode"), status.get("mode_reason") or "no reason was given"
    if mode == "halted":
        yield f"trading is halted: {why}; no order leaves, cancels still do", "ctosctl resume --reason TEXT"
    elif mode == "reducing":
        yield f"only orders that reduce go out: {why}", "ctosctl resume --reason TEXT"


def _orders(orders: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    unknown = int(orders.get("unknown") or 0)
    if unknown:
        many = "1 order has an unknown outcome" if unknown == 1 else f"{unknown} orders have an unknown outcome"
        yield (
            f"{many}: the venue is being asked; nothing that adds risk goes out on these instruments",
            "it resolves by itself; see: ctosctl orders",
        )


def _venue(venue: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, state = venue.get("name"), venue.get("state")
    if state in _WELL:
        return
    why = venue.get("reason") or venue.get("last_error") or "no reason was given"
    if state == "backoff":
        yield f"venue {name} is not connected: {why}", "it tries again by itself; see: ctosctl logs --level warning"
    elif state == "starting":
        yield f"venue {name} is still starting", f"wait; see: ctosctl cat drivers/{name}/status"
    else:
        yield f"venue {name} is {state}: {why}", "mend the cause (keys, configuration), then start ctosd again"


def _strategy(strategy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, state, wanted = strategy.get("name"), strategy.get("state"), strategy.get("wanted")
    why = _why(strategy)
    if state == "parked":
        yield f"{name} is parked{why}", f"mend the cause, then: ctosctl start {name}"
    elif state == "zombie":
        yield (
            f"{name} ignored its cancellation{why}; its handle is revoked, so it cannot trade",
            "mend its code, then start ctosd again: nothing else ends it",
        )
    elif state == "backoff":
        yield (
            f"{name} failed and waits for its next start{why}",
            f"see: ctosctl why {name}; at once: ctosctl restart {name}",
        )
    elif state == "stopped" and wanted == "running":
        yield f"{name} should run, but is stopped{why}", f"ctosctl start {name}"
    if left := strategy.get("remained"):
        yield f"{name} has left the market, but for {', '.join(left)}", f"ctosctl flatten {name}"


def _why(strategy: Mapping[str, Any]) -> str:
    reason, error = strategy.get("reason") or "", strategy.get("last_error") or ""
    if error and error not in reason:
        error = f"last error: {error}"
        reason = f"{reason}; {error}" if reason else error
    return f": {reason}" if reason else ""


def _loop(loop: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    lag = float(loop.get("lag_p99_ms") or 0)
    if lag > SLOW_LOOP_MS:
        yield f"the event loop is late by {lag:.0f} ms (p99): a strategy blocks, or the machine is busy", "ctosctl ps"
