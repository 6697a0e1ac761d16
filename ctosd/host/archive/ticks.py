"""Recorded trades, quotes and funding rates: from columns to events, with impossible rows told by their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from operator import lt, sub
from statistics import median
from typing import Any

from ctosd.abi.events import Funding, Quote, Trade
from ctosd.abi.instruments import Side
from ctosd.host.archive.description import Description
from ctosd.host.archive.faults import fault, shown
from ctosd.host.archive.feed import RecordedFeed, Row, between
from ctosd.host.archive.instants import iso
from ctosd.host.archive.prices import snapped
from ctosd.host.archive.table import Table

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE

SIDES: dict[str, Side] = {"buy": "buy", "b": "buy", "bid": "buy", "sell": "sell", "s": "sell", "ask": "sell"}
TAKERS: dict[str, Side] = {"true": "sell", "1": "sell", "t": "sell", "false": "buy", "0": "buy", "f": "buy"}
"""Side of the taker when the buyer was the maker, and when not."""


class TickReader:
    """Reads one table of trades, quotes or funding rates."""

    def __init__(self, table: Table, description: Description, venue: str, kind: str) -> None:
        self.table = table
        self.description = description
        self.venue = venue
        self.kind = kind
        self.times = table.times()
        self.dropped = 0

    def read(self) -> RecordedFeed:
        """The records of the description's range.

        Raises:
            Misconfigured: with the row and what is wrong there.
        """
        self._forward()
        build: dict[str, Callable[[], list[Row]]] = {
            "trades": self._trades,
            "quotes": self._quotes,
            "funding": self._funding,
        }
        rows = between(build[self.kind](), self.description.start_ns, self.description.end_ns)
        return RecordedFeed(rows, {"kind": self.kind, "gaps": 0, "dropped": self.dropped})

    def _forward(self) -> None:
        if any(map(lt, self.times[1:], self.times)):
            index = next(i for i, (a, b) in enumerate(zip(self.times, self.times[1:], strict=False), 1) if b < a)
            what = f"time goes back from {iso(self.times[index - 1])} to {iso(self.times[index])}"
            raise self.table.fault(index, what, "sort the rows by time")

    # -- trades ---------------------------------------------------------------------------------------------------------

    def _trades(self) -> list[Row]:
        venue, symbol = self.venue, self.description.symbol
        columns = self.table.columns
        rows: list[Row] = []
        ids = [str(i) for i in columns.get("id", [""] * len(self.table))]
        prices, sizes = snapped([columns["price"]], self.description.tick)[0], snapped([columns["size"]])[0]
        before = ""
        for index, (ns, price, size, side, trade_id) in enumerate(
            zip(self.times, prices, sizes, self._sides(), ids, strict=True)
        ):
            if trade_id and trade_id == before and self._repeats(index, trade_id):
                continue
            if not (0.0 < price < inf and 0.0 < size < inf):
                raise self.table.fault(index, f"a trade of {size} at {price}", "correct or delete the row")
            rows.append((ns, Trade(venue, symbol, price, size, side, ns, trade_id)))
            before = trade_id
        return rows

    def _repeats(self, index: int, trade_id: str) -> bool:
        if self.description.duplicates == "error":
            remedy = "delete one, or write `duplicates: drop` to keep the first"
            raise self.table.fault(index, f"trade {trade_id} a second time", remedy)
        self.dropped += 1
        return True

    def _sides(self) -> list[Side]:
        columns = self.table.columns
        role, words = ("side", SIDES) if "side" in columns else ("buyer_maker", TAKERS)
        if role not in columns:
            has = ", ".join(self.table.names)
            raise fault(self.table.path, f"no side of the taker among {has}", "add a column `side` with buy or sell")
        cells = columns[role]
        try:
            return [words[str(cell).lower()] for cell in cells]
        except KeyError:
            index = next(i for i, cell in enumerate(cells) if str(cell).lower() not in words)
            what = f"{role} is {shown(str(cells[index]))}"
            raise self.table.fault(index, what, f"write one of {' '.join(words)}") from None

    # -- quotes ---------------------------------------------------------------------------------------------------------

    def _quotes(self) -> list[Row]:
        venue, symbol = self.venue, self.description.symbol
        columns = self.table.columns
        bids, asks = snapped([columns["bid"], columns["ask"]], self.description.tick)
        nothing = [0.0] * len(self.table)
        sizes = [snapped([columns.get(role, nothing)])[0] for role in ("bid_size", "ask_size")]
        rows: list[Row] = []
        for ns, bid, bid_size, ask, ask_size in zip(self.times, bids, sizes[0], asks, sizes[1], strict=True):
            if not (0.0 < bid <= ask < inf and 0.0 <= bid_size < inf and 0.0 <= ask_size < inf):
                what = f"bid {bid} x {bid_size} and ask {ask} x {ask_size} cannot stand together"
                raise self.table.fault(len(rows), what, "correct or delete the row")
            rows.append((ns, Quote(venue, symbol, bid, bid_size, ask, ask_size, ns)))
        return rows

    # -- funding --------------------------------------------------------------------------------------------------------

    def _funding(self) -> list[Row]:
        """A recorded rate is the one that was paid at its time; it is told a minute before.

        Venues show a running estimate that has all but settled by then: earlier would be knowledge of the future, and
        later would be after the payment. Settlement times lose the jitter of the recorder: they are whole minutes.
        """
        columns = self.table.columns
        interval = self._interval()
        marks: Sequence[Any] = columns.get("mark", [0.0] * len(self.table))
        rows: list[Row] = []
        for ns, rate, mark in zip(self.times, columns["rate"], marks, strict=True):
            if not (abs(rate) < 1.0 and 0.0 <= mark < inf):
                what = f"a funding rate of {rate} at a mark price of {mark}"
                raise self.table.fault(len(rows), what, "write the rate as a fraction, such as 0.0001")
            due = round(ns / MINUTE) * MINUTE
            told = due - MINUTE
            event = Funding(self.venue, self.description.symbol, rate, mark, due, told, interval)
            rows.append((told, event))
        return rows

    def _interval(self) -> int:
        distances = list(map(sub, self.times[1:], self.times))
        return max(1, round(median(distances) / HOUR)) * HOUR if distances else 8 * HOUR
