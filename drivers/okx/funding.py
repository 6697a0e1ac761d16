"""Funding rates and mark prices come on two channels; here they become one event. (Sheet section 5.1.)"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import msgspec

from ctosd.abi import Funding
from drivers.okx.records import MS

SECOND_NS = 1_000_000_000
EIGHT_HOURS_NS = 8 * 3_600 * SECOND_NS
PACE_NS = SECOND_NS
"""Mark prices come five times a second; a new one alone is told once a second."""


class Rate(msgspec.Struct, gc=False, rename="camel"):
    """funding-rate: the forecast for the settlement at `funding_time`."""

    inst_id: str
    funding_rate: float
    funding_time: int
    next_funding_time: str | int = ""
    ts: str | int = ""


class Mark(msgspec.Struct, gc=False, rename="camel"):
    """mark-price."""

    inst_id: str
    mark_px: float
    ts: int


class Fundings:
    """Keeps the last rate and mark of each instrument. `symbol_of` gives the unified symbol, None for what is not listed."""

    def __init__(self, venue: str, symbol_of: Callable[[str], str | None]) -> None:
        self._venue = venue
        self._symbol_of = symbol_of
        self._rates: dict[str, Rate] = {}
        self._marks: dict[str, float] = {}
        self._told_ns: dict[str, int] = {}

    def rate(self, rate: Rate, recv_ns: int) -> Funding | None:
        """A new rate; None while no mark price is known. Raises `ValueError` for what cannot be one."""
        if not (abs(rate.funding_rate) < inf and rate.funding_time > 0):
            raise ValueError(f"a funding rate of {rate.funding_rate}")
        self._rates[rate.inst_id] = rate
        return self._tell(rate.inst_id, int(rate.ts) * MS if rate.ts else recv_ns)

    def mark(self, mark: Mark, recv_ns: int) -> Funding | None:
        """A new mark price; None while no rate is known, and when one was told a moment ago."""
        if not 0.0 < mark.mark_px < inf:
            raise ValueError(f"a mark price of {mark.mark_px}")
        self._marks[mark.inst_id] = mark.mark_px
        time_ns = mark.ts * MS or recv_ns
        if time_ns - self._told_ns.get(mark.inst_id, 0) < PACE_NS:
            return None
        return self._tell(mark.inst_id, time_ns)

    def _tell(self, native: str, time_ns: int) -> Funding | None:
        rate, mark, symbol = self._rates.get(native), self._marks.get(native), self._symbol_of(native)
        if rate is None or mark is None or symbol is None:
            return None
        self._told_ns[native] = time_ns
        after = int(rate.next_funding_time) if rate.next_funding_time else 0
        interval_ns = (after - rate.funding_time) * MS if after > rate.funding_time else EIGHT_HOURS_NS
        return Funding(
            self._venue, symbol, rate.funding_rate, mark, rate.funding_time * MS, time_ns, interval_ns
        )  # fmt: skip
