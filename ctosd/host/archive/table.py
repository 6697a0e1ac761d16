"""A recorded file as columns, and where each of its rows stands in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctosd.abi.errors import Misconfigured
from ctosd.host.archive.columns import NEEDS, kind_of
from ctosd.host.archive.faults import fault, shown
from ctosd.host.archive.instants import read_times


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` by role. `places` gives the line of a row in a text file; without it rows are counted from 1."""

    path: Path
    names: tuple[str, ...]
    columns: dict[str, Sequence[Any]]
    places: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def place(self, index: int) -> str:
        return f"line {self.places[index]}" if self.places is not None else f"row {index + 1}"

    def fault(self, index: int, what: str, remedy: str) -> Misconfigured:
        return fault(self.path, what, remedy, self.place(index))

    def kind(self, wanted: str) -> str:
        """The kind of the records: as wanted, else by the columns.

        Raises:
            Misconfigured: the columns do not hold it.
        """
        has = dict.fromkeys(self.columns, 0)
        kind = wanted if wanted != "auto" else kind_of(has)
        missing = [role for role in ("time", *NEEDS.get(kind, ())) if role not in has]
        if not kind or missing:
            lack = f"no column for {', '.join(missing)} of {kind}" if kind else "no bars, trades, quotes or funding"
            raise fault(
                self.path, f"{lack} among {', '.join(self.names)}", "name the columns in a first line", self.place(0)
            )
        return kind

    def times(self) -> list[int]:
        """ns of every row.

        Raises:
            Misconfigured: a cell that is no time.
        """
        column, clocks = self.columns["time"], None
        if "day" in self.columns and ":" in str(column[0])[:3]:  # a time of day, and its date beside it
            column, clocks = self.columns["day"], self.columns["time"]
        try:
            return read_times(column, clocks)
        except ValueError as error:
            index = error.args[1] if len(error.args) > 1 else 0
            cell = f"{column[index]} {clocks[index]}" if clocks else f"{column[index]}"
            what = f"{shown(cell)} is not a time"
            raise self.fault(index, what, "write ISO 8601 or a number since the epoch") from None

    def one_symbol(self) -> None:
        """Refuse a file of several symbols: they would be read as one."""
        found = set(self.columns.get("symbol", ()))
        if len(found) > 1:
            some = ", ".join(sorted(map(str, found))[:4])
            raise fault(
                self.path, f"holds {len(found)} symbols ({some})", "split it: one file is one feed of one symbol"
            )
