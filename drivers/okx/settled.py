"""The rates at which funding was settled: what a bill leaves out. (Sheet section 5.1.)

A bill of funding is written some seconds after the settlement that it is about, and tells neither that time nor the rate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal

from drivers.okx.listing import Product
from drivers.okx.records import MS, SettledRow, decimal, time_ns
from drivers.okx.rest import Rest

PAGE = 400
MOST_PAGES = 10
LATE_NS = 1_800 * 1_000_000_000
"""A bill belongs to the last settlement before it, if that is not longer ago: the shortest interval is an hour."""
KEPT = 6 * PAGE
"""Rates of one instrument that are remembered: 100 days of hourly ones, more than the venue has bills of."""


class Settled:
    """Asks for each settlement once; `NotReady` when the venue cannot be asked."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._rates: dict[str, list[tuple[int, Decimal]]] = {}  # the venue's name -> times and rates, oldest first

    async def learn(self, product: Product, moments_ns: Iterable[int]) -> None:
        """Have the rates at hand that `at` is going to be asked for."""
        missing = [moment for moment in moments_ns if self.at(product, moment) is None]
        if not missing:
            return
        known = dict(self._rates.get(product.native, ()))
        after_ms, oldest_ns = max(missing) // MS + 1, min(missing) - LATE_NS
        for _ in range(MOST_PAGES):
            rows = await self._page(product, after_ms)
            known.update(rows)
            if len(rows) < PAGE or min(rows) <= oldest_ns:
                break
            after_ms = min(rows) // MS
        self._rates[product.native] = sorted(known.items())[-KEPT:]

    async def _page(self, product: Product, after_ms: int) -> Mapping[int, Decimal]:
        """The newest settlements before `after_ms`."""
        pairs = [("instId", product.native), ("after", str(after_ms)), ("limit", str(PAGE))]
        costs = ((f"pub.funding_hist@{product.native}", 1.0),)
        rows = await self._rest.rows(SettledRow, "/api/v5/public/funding-rate-history", pairs, costs)
        return {time_ns(row.funding_time): decimal(row.realized_rate or row.funding_rate) for row in rows}

    def at(self, product: Product, moment_ns: int) -> tuple[int, Decimal] | None:
        """`(time, rate)` of the settlement that a bill of this moment is about; None when it is not known."""
        rates = self._rates.get(product.native, [])
        place = bisect_right(rates, moment_ns, key=lambda each: each[0])
        return rates[place - 1] if place and rates[place - 1][0] > moment_ns - LATE_NS else None
