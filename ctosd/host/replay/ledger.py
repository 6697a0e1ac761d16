"""Rows of a journal, folded as a start of the daemon folds them: the same code, on a kernel without a venue."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ctosd.abi.errors import CallerMistake, Misconfigured, NotReady
from ctosd.abi.instruments import Instrument, split_symbol
from ctosd.abi.orders import Order
from ctosd.core.gate import Limits
from ctosd.core.ledger import Ledger
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.fold import Replay
from ctosd.kernel.loop import VirtualLoop
from ctosd.kernel.ports import Row
from ctosd.kernel.system import build

GRID = Decimal("0.00000001")
"""Of instruments that are known by their symbol only: no fold looks at it."""


class Rows:
    """`kernel.ports.Journal` of what was written once; nothing is added to it."""

    boot = 0
    failed = ""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        raise CallerMistake("a journal that is replayed takes no rows")

    def commit_now(self, seq: int) -> bool:
        return False

    async def committed(self, seq: int) -> None:
        raise NotReady("a journal that is replayed takes no rows")

    def rows(self, kinds: tuple[str, ...] | None = None, after: int = 0) -> Iterator[Row]:
        return (row for row in self._rows if row.seq > after and (kinds is None or row.kind in kinds))

    def close(self) -> None:
        """Nothing is open."""

    def statistics(self) -> Mapping[str, Any]:
        return {"rows": len(self._rows)}


class _Silent:
    """A log for a fold: what it would say was said when it happened."""

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


class Folded(NamedTuple):
    """What the rows come to: every order in its last state, and the money."""

    orders: dict[str, Order]
    ledger: Ledger


def fold(rows: Sequence[Row], instruments: Iterable[Instrument]) -> Folded:
    """Fold the rows of every venue. Raises `InvariantBroken` when they do not add up, `CallerMistake` for unlisted symbols."""
    clock = VirtualClock(rows[-1].time_ns if rows else 0)
    loop = VirtualLoop(clock)

    async def run() -> Folded:
        journal = Rows(rows)
        system = build(clock=clock, journal=journal, house=Limits(), log=_Silent(), jitter=lambda: 0.5)
        listed = list(instruments)
        system.desk.market.enlist(listed)
        for venue in dict.fromkeys(each.venue for each in listed):
            Replay(system.fold, venue, system.desk).run()
        return Folded(dict(system.desk.blotter.orders), system.desk.blotter.ledger)

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


class _Named(msgspec.Struct):
    account: str = ""
    symbol: str = ""


class _Intent(msgspec.Struct):
    order: _Named = msgspec.field(default_factory=_Named)


def read_journal(path: Path) -> list[Row]:
    """Every row of a journal file. Raises `Misconfigured` for what is none, or is held by a daemon that runs."""
    if not path.is_file():
        raise Misconfigured(f"{path}: no such file; a daemon's journal is lib/journal.db in its directory")
    try:
        with sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True) as base:
            return [
                Row(*each) for each in base.execute("SELECT seq, boot, time_ns, kind, key, body FROM rows ORDER BY seq")
            ]
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise Misconfigured(
                f"{path}: a daemon that runs holds it; stop it, or copy the file from a backup"
            ) from None
        raise Misconfigured(f"{path}: it cannot be read as a journal ({error})") from None


def named_instruments(rows: Iterable[Row]) -> list[Instrument]:
    """An instrument for each symbol that the rows name: money is counted by the kind and the assets, which a symbol tells."""
    found: dict[tuple[str, str], Instrument] = {}
    for row in rows:
        if row.kind == "intent":
            named = msgspec.json.decode(row.body, type=_Intent).order
        elif row.kind in ("fill", "funding", "transfer", "order"):
            named = msgspec.json.decode(row.body, type=_Named)
        else:
            continue
        venue = named.account.partition("/")[0]
        if named.symbol and (venue, named.symbol) not in found:
            found[venue, named.symbol] = _instrument(venue, named.symbol)
    return list(found.values())


def _instrument(venue: str, symbol: str) -> Instrument:
    base, quote, settle = split_symbol(symbol)
    return Instrument(
        venue=venue, symbol=symbol, native=symbol, kind="perp" if settle else "spot", base=base, quote=quote,
        settle=settle or quote, tick=GRID, lot=GRID, min_size=GRID,
    )  # fmt: skip
