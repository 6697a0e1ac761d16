"""Backpack's rate limits (sheet, section 9): 2000 requests a minute, and 30 of them for what is historical.

Both are counted in fixed minutes per (sub)account, so ``capacity + rate * 60`` stays at 80 % of the published figures.
Unsigned calls are probably counted per address: they have a scope of their own. Which routes are historical is not
published; klines are, and everything under ``/wapi/v1/history`` is taken to be.
"""

from __future__ import annotations

from ctosd.abi import Costs, Limit

REST = "bp.rest"
HISTORY = "bp.hist"
PUBLIC = "public"

LIMITS: tuple[Limit, ...] = (
    Limit(REST, capacity=400.0, rate=20.0, reserve=100.0),
    Limit(HISTORY, capacity=12.0, rate=0.2),
)

MINUTE_NS = 60_000_000_000


def cost(scope: str, *, history: bool = False) -> Costs:
    """What one request takes. `scope` is the account's name, or `PUBLIC`."""
    one = (f"{REST}@{scope}", 1.0)
    return (one, (f"{HISTORY}@{scope}", 1.0)) if history else (one,)


def penalty_until_ns(now_ns: int, retry_after: str) -> int:
    """Until when to be silent after a 429: the next minute with up to two seconds of jitter, or what the venue asks for.

    The jitter comes from the clock's own low digits, so that several daemons do not come back at once.
    """
    until_ns = (now_ns // MINUTE_NS + 1) * MINUTE_NS + now_ns // 1_000 % 2_000 * 1_000_000
    if retry_after.isdigit() and len(retry_after) < 6:
        until_ns = max(until_ns, now_ns + int(retry_after) * 1_000_000_000)
    return until_ns
