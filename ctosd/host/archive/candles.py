"""Recorded bars: from columns to events, with holes, doubles and impossible rows told by their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf, isfinite
from operator import mul, sub
from statistics import median
from typing import Any

from ctosd.abi.driver import Log
from ctosd.abi.errors import Misconfigured
from ctosd.abi.events import Bar
from ctosd.core.bars import DAY, TIMEFRAMES, period, timeframe_ns, timeframe_of
from ctosd.host.archive.description import FOREVER, Description
from ctosd.host.archive.faults import fault
from ctosd.host.archive.feed import RecordedFeed, Row, between
from ctosd.host.archive.instants import iso
from ctosd.host.archive.prices import snapped
from ctosd.host.archive.table import Table

ABSURD_DAY = 1e13
"""Quote money that no instrument turns over in a day: volume above it was in quote units already."""


SAMPLE = 5_000
"""Bars that are looked at to tell the unit of the volume."""


class CandleReader:
    """Reads one table of bars."""

    def __init__(self, table: Table, description: Description, venue: str, log: Log) -> None:
        self.table = table
        self.description = description
        self.venue = venue
        self.log = log
        self.opens = table.times()
        self.timeframe = self._timeframe()
        self.step = timeframe_ns(self.timeframe)
        self.holes = self.missing = self.dropped = 0
        self.first_hole = ""

    def read(self) -> RecordedFeed:
        """The bars of the description's range, each arriving at its close.

        Raises:
            Misconfigured: with the row and what is wrong there.
        """
        volumes, unit = self._volumes()
        rows = self._rows(volumes)
        self._tell_holes()
        wanted = self.description
        if wanted.start_ns or wanted.end_ns < FOREVER:
            rows = between(rows, wanted.start_ns + self.step, wanted.end_ns + 1)
        statistics: dict[str, Any] = {
            "kind": "bars",
            "timeframe": self.timeframe,
            "volume": unit,
            "gaps": self.holes,
            "missing": self.missing,
            "dropped": self.dropped,
        }
        return RecordedFeed(rows, statistics)

    def _rows(self, volumes: Sequence[float]) -> list[Row]:
        venue, symbol, timeframe, step = self.venue, self.description.symbol, self.timeframe, self.step
        columns = self.table.columns
        prices = snapped([columns[role] for role in ("open", "high", "low", "close")], self.description.tick)
        monthly = timeframe == "1M"
        expected = self.opens[0]
        rows: list[Row] = []
        append = rows.append
        for ns, open_, high, low, close, volume in zip(self.opens, *prices, volumes, strict=True):
            if ns != expected:
                ns = self._irregular(len(rows) + self.dropped, ns, expected)
                if ns < expected:
                    continue
            if not (0.0 < low <= open_ <= high < inf and low <= close <= high and 0.0 <= volume < inf):
                raise self._impossible(len(rows) + self.dropped, open_, high, low, close, volume)
            expected = period("1M", ns)[1] if monthly else ns + step
            append((expected, Bar(venue, symbol, timeframe, open_, high, low, close, volume, ns, expected)))
        return rows

    # -- what can be wrong ----------------------------------------------------------------------------------------------

    def _irregular(self, index: int, ns: int, expected: int) -> int:
        """Look at a bar that does not follow the one before: when its period begins, before `expected` to leave it out.

        After an outage venues write the time at which trading began again: the bar stands for its whole period.
        """
        if ns > expected:
            begins = expected + (ns - expected) // self.step * self.step if self.timeframe != "1M" else ns
            if begins > expected:
                self._hole(index, begins, expected)
            return begins
        before = self.opens[index - 1]
        if ns == before and self.description.duplicates == "drop":
            self.dropped += 1
            return 0
        if ns == before:
            what, remedy = f"a second bar of {iso(ns)}", "delete one, or write `duplicates: drop` to keep the first"
        elif ns < before:
            what, remedy = f"time goes back from {iso(before)} to {iso(ns)}", "sort the rows by time"
        else:
            what = f"the bar of {iso(ns)} begins before that of {iso(before)} ends ({self.timeframe})"
            remedy = "one file is one feed of one timeframe"
        raise self.table.fault(index, what, remedy)

    def _hole(self, index: int, ns: int, expected: int) -> None:
        lost = max(1, (ns - expected) // self.step)
        if self.description.gaps == "error":
            what = f"{lost} bars are missing between {iso(expected)} and {iso(ns)}"
            raise self.table.fault(index, what, "complete the file, or write `gaps: allow`")
        if not self.holes:
            self.first_hole = f"{iso(expected)} to {iso(ns)}, {self.table.place(index)}"
        self.holes += 1
        self.missing += lost

    def _tell_holes(self) -> None:
        if self.holes and self.description.gaps == "warn":
            self.log.warning(
                "archive_gaps", path=str(self.table.path), gaps=self.holes, missing=self.missing, first=self.first_hole
            )

    def _impossible(
        self, index: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> Misconfigured:
        numbers = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
        odd = [name for name, value in numbers.items() if not isfinite(value)]
        negative = [name for name, value in numbers.items() if value < 0.0 or (value == 0.0 and name != "volume")]
        if odd:
            what = f"{odd[0]} is {numbers[odd[0]]}, not a finite number"
        elif negative:
            what = f"{negative[0]} is {numbers[negative[0]]}"
        else:
            what = f"open {open_} and close {close} must lie between low {low} and high {high}"
        return self.table.fault(index, what, "correct or delete the row")

    # -- what the file leaves open --------------------------------------------------------------------------------------

    def _timeframe(self) -> str:
        """As described, else by the most frequent distance of two bars."""
        opens, wanted = self.opens, self.description.timeframe
        distances = Counter(d for d in map(sub, opens[1:], opens) if d > 0)
        if not distances:
            if wanted:
                return wanted
            raise fault(self.table.path, "one bar does not tell its timeframe", "write `timeframe:`")
        distance = distances.most_common(1)[0][0]
        found = timeframe_of(distance)
        if wanted and found != wanted:
            there = found or f"{distance / 1e9:g} s"
            raise fault(self.table.path, f"its bars lie {there} apart, not {wanted}", "correct `timeframe:`")
        if not found:
            what = f"its bars lie {distance / 1e9:g} s apart, which is no timeframe"
            raise fault(self.table.path, what, f"use one of {' '.join(TIMEFRAMES)}")
        return found

    def _volumes(self) -> tuple[Sequence[float], str]:
        """Volume of every bar in base units, and the unit that the file has it in."""
        columns, wanted = self.table.columns, self.description.volume
        closes = columns["close"]
        if "volume" not in columns and "quote_volume" not in columns:
            return [0.0] * len(closes), "none"
        if wanted == "quote" or "volume" not in columns:
            volumes = columns.get("quote_volume", columns.get("volume", ()))
            return self._per_price(volumes, closes), "quote"
        volumes = columns["volume"]
        if wanted == "base" or not self._absurd(volumes, closes):
            return volumes, "base"
        self.log.warning("archive_volume_in_quote", path=str(self.table.path), remedy="write `volume: quote` or `base`")
        return self._per_price(volumes, closes), "quote"

    def _absurd(self, volumes: Sequence[float], closes: Sequence[float]) -> bool:
        turnover: float = median(map(mul, volumes[:SAMPLE], closes[:SAMPLE]))
        return turnover * DAY / self.step > ABSURD_DAY

    def _per_price(self, volumes: Sequence[float], closes: Sequence[float]) -> list[float]:
        return [volume / close if close > 0.0 else volume for volume, close in zip(volumes, closes, strict=True)]
