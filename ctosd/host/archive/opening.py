"""Opening a recorded market by its description."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctosd.abi.driver import Feed, Log
from ctosd.host.archive.candles import CandleReader
from ctosd.host.archive.columnar import read_columnar
from ctosd.host.archive.delimited import read_delimited
from ctosd.host.archive.description import Description, describe
from ctosd.host.archive.faults import fault
from ctosd.host.archive.feed import RecordedFeed
from ctosd.host.archive.frames import Decode, FrameFeed
from ctosd.host.archive.instants import iso
from ctosd.host.archive.source import sniff
from ctosd.host.archive.table import Table
from ctosd.host.archive.ticks import TickReader


def open_feed(
    spec: Mapping[str, Any], *, venue: str, base: Path, decoder: Decode | None = None, log: Log | None = None
) -> Feed:
    """The feed that a section of the configuration describes.

    Keys of `spec` (all but `path` may be left out):

    - `path`: the file, relative to `base`; plain or gzip
    - `symbol`: unified; needed unless the file is a raw feed
    - `kind`: bars, trades, quotes, funding or frames; else told by the columns
    - `format`: csv, parquet, feather or frames; else told by the first bytes
    - `timeframe`: else the most frequent distance of two bars
    - `start`, `end`: ISO 8601 or a number since the epoch; `end` is outside
    - `gaps`: warn, allow or error; `duplicates`: error or drop
    - `tick`: prices are put on this grid; else only float noise is removed
    - `volume`: base or quote; else base, unless no market could trade so much
    - `decoder`: names what reads the frames; the caller resolves it and gives it as `decoder`

    Raises:
        Misconfigured: a wrong description or an unusable file.
    """
    described = describe(spec, base)
    log = log if log is not None else _own_log()
    form = described.format if described.format != "auto" else sniff(described.path)
    if form == "frames" or described.kind == "frames":
        return _open_frames(described, decoder, log)
    with _no_collection():
        table = read_delimited(described.path) if form == "csv" else read_columnar(described.path, form)
        feed = _read(_as_funding(table, described), described, venue, log)
    return _not_empty(feed, described)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Rows are made by the hundred thousand and all stay: looking for garbage among them costs a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _own_log() -> Log:
    import structlog  # 80 ms, which a caller with a log of its own need not pay

    log: Log = structlog.get_logger("archive")
    return log


def _open_frames(described: Description, decoder: Decode | None, log: Log) -> FrameFeed:
    if decoder is None:
        what = f"no decoder {described.decoder!r}" if described.decoder else "a raw feed, and nothing says whose"
        raise fault(described.path, what, "write `decoder:` with the driver's, such as binance_usdm")
    sniff(described.path)  # refuses an empty file
    return FrameFeed(described, decoder, log)


def _as_funding(table: Table, described: Description) -> Table:
    """freqtrade keeps funding rates in the column `open` of a file of bars."""
    named = described.kind == "funding" or (described.kind == "auto" and "funding_rate" in described.path.name)
    if named and "rate" not in table.columns and "open" in table.columns:
        columns = {"time": table.columns["time"], "rate": table.columns["open"]}
        return Table(table.path, table.names, columns, table.places)
    return table


def _read(table: Table, described: Description, venue: str, log: Log) -> RecordedFeed:
    kind = table.kind(described.kind)
    table.one_symbol()
    if not described.symbol:
        raise fault(described.path, "no symbol is given for it", "write `symbol:`, such as BTC/USDT:USDT")
    if kind == "bars":
        return CandleReader(table, described, venue, log).read()
    return TickReader(table, described, venue, kind).read()


def _not_empty(feed: RecordedFeed, described: Description) -> RecordedFeed:
    if not feed.rows:
        what = f"nothing between {iso(described.start_ns)} and {iso(min(described.end_ns, 253402300799 * 10**9))}"
        raise fault(described.path, what, "correct `start:` and `end:`")
    return feed
