"""OKX's limits as token buckets, and what each call takes from them. (Sheet section 11.)

The venue tells no counters, so ours are all there is. A bucket lets at most ``capacity + rate * window`` through any
window; of 80 % of each published limit one half is capacity and one half refill. Limits of one call in a window keep a
capacity of 1 and refill more slowly than the window, which comes to the same.

A scope after ``@`` is counted apart: ``trd.place@okx/main:BTC-USDT-SWAP`` is one account's bucket for one instrument.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctosd.abi import Limit

SHARE = 0.8
"""The part of each limit that we use; the rest is for other programs with the same key or address."""
RESERVE = 0.2
"""The part of each bucket that is kept for cancels, exits and the queries that settle doubts."""

TABLE: Mapping[str, tuple[float, float]] = {
    # per address
    "pub.time": (10, 2),
    "pub.funding": (10, 2),
    "pub.funding_hist": (10, 2),
    "pub.mark": (10, 2),
    "pub.ticker": (20, 2),
    "pub.hist_candles": (20, 2),
    "pub.instruments": (20, 2),
    "pub.books": (40, 2),
    "pub.candles": (40, 2),
    "pub.status": (1, 5),
    "ws.connect": (3, 1),
    "ws.ops": (480, 3_600),  # a connection
    # per account and instrument; REST and WebSocket share them
    "trd.place": (60, 2),
    "trd.amend": (60, 2),
    "trd.cancel": (60, 2),
    "trd.batch_place": (300, 2),  # counted in orders
    "trd.batch_amend": (300, 2),
    "trd.batch_cancel": (300, 2),
    "trd.get_order": (60, 2),
    # per account
    "trd.subaccount": (1_000, 2),  # new and amended orders of derivatives
    "trd.pending": (60, 2),
    "trd.history": (40, 2),
    "trd.fills": (60, 2),
    "trd.fills_hist": (10, 2),
    "trd.caa": (1, 1),
    "trd.algo": (20, 2),
    "trd.algo_cancel": (20, 2),
    "trd.algo_query": (20, 2),
    "acc.balance": (10, 2),
    "acc.positions": (10, 2),
    "acc.instruments": (20, 2),
    "acc.config": (5, 2),
    "acc.posmode": (5, 2),
    "acc.fee": (5, 2),
    "acc.leverage": (20, 2),
    "acc.bills": (5, 1),
    "acc.bills_archive": (5, 2),
}
"""Limit name -> (count, seconds of its window)."""


def limits() -> tuple[Limit, ...]:
    """The buckets of one OKX venue."""
    return tuple(_limit(name, count, window_s) for name, (count, window_s) in TABLE.items())


def _limit(name: str, count: float, window_s: float) -> Limit:
    half = count * SHARE / 2
    if half < 1:
        return Limit(name, 1, min(half, SHARE) / window_s)
    return Limit(name, half, half / window_s, reserve=half * RESERVE if half >= 2 else 0)


def scope(name: str, account: str, native: str = "") -> str:
    """The name of a limit for one account, and one of its instruments where it is counted so."""
    return f"{name}@{account}:{native}" if native else f"{name}@{account}"
