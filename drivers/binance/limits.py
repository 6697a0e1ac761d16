"""Binance's limits as token buckets, and what each call takes from them. (Sheet B2, C2 and E.)

The venue counts in windows that are aligned to its clock. A bucket that may hold `capacity` and refills at `rate` lets
at most ``capacity + rate * window`` through any window, so of the share that we use (80 %) one half is capacity and
one half refill. Names with ``@account`` are counted per account, all others per address.

The venue publishes its own numbers with the instruments. Where they differ from this table, what a call costs is
scaled, because buckets are made once: half the limit is double the cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ctosd.abi import Costs, Limit
from drivers.binance.config import ProductName

SHARE = 0.8
"""The part of each limit that we use; the rest is for other programs on the same address, and for our mistakes."""
RESERVE = 0.2
"""The part of each bucket that is kept for cancels and exits."""

WEIGHT, RAW, ORDERS_10S, ORDERS_1M, ORDERS_1D, FUNDING, CONNECTS = (
    "weight",
    "raw",
    "orders_10s",
    "orders_1m",
    "orders_1d",
    "funding",
    "connects",
)

Table = Mapping[str, tuple[float, float]]

TABLES: Mapping[ProductName, Table] = {
    "usdm": {
        WEIGHT: (2_400, 60),
        ORDERS_10S: (300, 10),
        ORDERS_1M: (1_200, 60),
        FUNDING: (500, 300),
        CONNECTS: (300, 300),
    },
    "spot": {
        WEIGHT: (6_000, 60),
        RAW: (61_000, 300),
        ORDERS_10S: (50, 10),
        ORDERS_1D: (160_000, 86_400),
        CONNECTS: (300, 300),
    },
}
"""Limit name -> (count, seconds of its window)."""

ORDER_LIMITS: Mapping[ProductName, tuple[str, ...]] = {
    "usdm": (ORDERS_10S, ORDERS_1M),
    "spot": (ORDERS_10S, ORDERS_1D),
}

COUNT_HEADERS = {
    "x-mbx-order-count-10s": ORDERS_10S,
    "x-mbx-order-count-1m": ORDERS_1M,
    "x-mbx-order-count-1d": ORDERS_1D,
}
WEIGHT_HEADER = "x-mbx-used-weight-1m"

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


def limits(product: ProductName) -> tuple[Limit, ...]:
    """The buckets of a product."""
    return tuple(_limit(name, count, window) for name, (count, window) in TABLES[product].items())


def _limit(name: str, count: float, window_s: float) -> Limit:
    half = count * SHARE / 2
    return Limit(name, half, half / window_s, reserve=half * RESERVE)


def depth_weight(product: ProductName, limit: int) -> float:
    """The weight of a book snapshot of `limit` levels."""
    if product == "usdm":
        return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def klines_weight(product: ProductName, limit: int) -> float:
    """The weight of `limit` bars."""
    if product == "spot":
        return 2
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10


class Pools:
    """The limits of one venue as it publishes them, and costs in their units."""

    def __init__(self, product: ProductName) -> None:
        self.product = product
        self.table = TABLES[product]
        self.published: dict[str, float] = {}
        self._scale = dict.fromkeys(self.table, 1.0)
        self._raw: tuple[tuple[str, float], ...] = ((RAW, 1.0),) if RAW in self.table else ()

    def adopt(self, rate_limits: Iterable[Any]) -> list[str]:
        """Take in `rateLimits` of exchangeInfo; returns the names of the limits that differ from the table."""
        for row in rate_limits:
            name = self._name(row) if isinstance(row, dict) else ""
            count = row.get("limit") if name else None
            if isinstance(count, (int, float)) and count > 0:
                self.published[name] = float(count)
                self._scale[name] = self.table[name][0] / float(count)
        self._raw = tuple((name, self._scale[name]) for name, _ in self._raw)
        return [name for name, count in self.published.items() if count != self.table[name][0]]

    def _name(self, row: Mapping[str, Any]) -> str:
        """The limit that a row tells of, empty for none of ours. Rows of replies have the same shape."""
        seconds = _SECONDS.get(str(row.get("interval")), 0) * int(row.get("intervalNum") or 0)
        prefix = {"REQUEST_WEIGHT": "weight", "RAW_REQUESTS": "raw", "ORDERS": "orders"}.get(
            str(row.get("rateLimitType"))
        )
        for name, (_, window) in self.table.items():
            if prefix and name.startswith(prefix) and window == seconds:
                return name
        return ""

    def weight(self, weight: float) -> list[tuple[str, float]]:
        """What a request of this weight takes."""
        return [(WEIGHT, weight * self._scale[WEIGHT]), *self._raw] if weight else [*self._raw]

    def take(self, name: str, tokens: float) -> tuple[str, float]:
        return name, tokens * self._scale[name]

    def orders(self, account: str, ten_seconds: float = 1.0, longer: float = 1.0) -> list[tuple[str, float]]:
        """What orders take from the pools of their account."""
        short, long = ORDER_LIMITS[self.product]
        return [
            (f"{short}@{account}", ten_seconds * self._scale[short]),
            (f"{long}@{account}", longer * self._scale[long]),
        ]

    def connect(self, weight: float) -> Costs:
        """What opening a WebSocket takes."""
        return (self.take(CONNECTS, 1.0), *self.weight(weight))

    # -- the venue's own counters ---------------------------------------------------------------------------------------

    def used_by_headers(self, headers: Mapping[str, str], account: str) -> list[tuple[str, float, float]]:
        """`(limit, used, allowed)` for each counter among the headers of a response, in our units."""
        found = []
        weight = headers.get(WEIGHT_HEADER)
        if weight is not None and weight.isdigit():
            found.append(self._used(WEIGHT, float(weight)))
        for header, name in COUNT_HEADERS.items():
            count = headers.get(header)
            if count is not None and count.isdigit() and account and name in self.table:
                found.append(self._used(name, float(count), account))
        return found

    def used_by_rows(self, rows: Sequence[Any], account: str) -> list[tuple[str, float, float]]:
        """The same from the `rateLimits` of a WebSocket API reply."""
        found = []
        for row in rows:
            name = self._name(row) if isinstance(row, dict) else ""
            if name and isinstance(row.get("count"), (int, float)):
                per_account = name.startswith("orders")
                found.append(self._used(name, float(row["count"]), account if per_account else ""))
        return found

    def _used(self, name: str, used: float, account: str = "") -> tuple[str, float, float]:
        allowed = self.table[name][0] * SHARE
        return f"{name}@{account}" if account else name, used * self._scale[name], allowed
