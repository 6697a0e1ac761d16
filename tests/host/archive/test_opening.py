"""Opening recorded markets: the real files beside the tree, and what makes any file unusable."""

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctosd.abi import Bar, BookDelta, Feed, Funding, Misconfigured, Quote, Trade
from ctosd.core.book import Book
from ctosd.host.archive import open_feed
from drivers.binance.wire import Decoder

Shared = Callable[[str], Path]


def opened(path: Path, **spec: Any) -> Feed:
    return open_feed({"path": path.name, "symbol": "BTC/USDT:USDT", **spec}, venue="paper", base=path.parent)


@pytest.mark.parametrize(
    ("name", "rows", "timeframe", "gaps", "missing"),
    [
        ("ohlcv/btc-perp_1m_2021-12-31_2022-02-01.csv.gz", 45_031, "1m", 0, 0),
        ("ohlcv/binance_usdm_ETCUSDT_1m.csv.gz", 43_103, "1m", 0, 0),
        ("ohlcv/binance_spot_BTC-USDT_1h.csv.gz", 13_971, "1h", 9, 74),
        ("ohlcv/freqtrade/futures_XRP_USDT_USDT-5m-futures.feather", 1_999, "5m", 0, 0),
        ("ohlcv/freqtrade/futures_XRP_USDT_USDT-1h-mark.feather", 100, "1h", 0, 0),
    ],
)
def test_real_bars(shared: Shared, name: str, rows: int, timeframe: str, gaps: int, missing: int) -> None:
    """Every row becomes a bar, in order, on the venue's own digits."""
    feed = opened(shared(name))
    wanted = {"rows": rows, "timeframe": timeframe, "gaps": gaps, "missing": missing, "dropped": 0}
    assert feed.statistics().items() >= wanted.items()
    bars = [event for _, event in feed if isinstance(event, Bar)]
    assert len(bars) == rows
    assert all(a.time_ns <= b.open_ns for a, b in pairwise(bars))
    assert all(len(repr(price)) <= 9 for bar in bars for price in (bar.open, bar.high, bar.low, bar.close))


def test_real_quote_volume_is_turned_into_base_units(shared: Shared) -> None:
    """2,300,413 dollars at 46,377 are 49.6 bitcoin."""
    _, bar = next(iter(opened(shared("ohlcv/btc-perp_1m_2021-12-31_2022-02-01.csv.gz"))))
    assert isinstance(bar, Bar)
    assert bar.volume == pytest.approx(2300413.7295 / 46377)


def test_real_ticks_and_funding(shared: Shared) -> None:
    trades = list(opened(shared("ticks/nautilus_btcusdt-trades.parquet")))
    quotes = list(opened(shared("ticks/nautilus_btcusdt-quotes.parquet")))
    rates = list(opened(shared("ohlcv/freqtrade/futures_XRP_USDT_USDT-8h-funding_rate.feather")))
    assert [(len(rows), type(rows[0][1])) for rows in (trades, quotes, rates)] == [
        (2001, Trade),
        (451, Quote),
        (91, Funding),
    ]
    assert isinstance(trades[2][1], Trade)
    assert (trades[2][1].size, trades[2][1].side) == (0.000311, "buy")
    assert isinstance(rates[0][1], Funding)
    assert (rates[0][1].rate, rates[0][1].next_ns) == (0.0001, 1637193600_000_000_000)


def test_real_raw_feed_is_decoded_and_booked(shared: Shared) -> None:
    """All 93,954 frames are understood, and the book never loses its place."""
    symbol = "BTC/USDT:USDT"
    path = shared("feeds/usdm_btcusdt_20240808.gz")
    decoder = Decoder("paper", {"BTCUSDT": symbol})
    feed = open_feed({"path": path.name, "decoder": "binance_usdm"}, venue="paper", base=path.parent, decoder=decoder)
    book = Book("paper", symbol)
    for _, event in feed:
        if isinstance(event, BookDelta):
            book.apply(event)
    statistics, booked = feed.statistics(), book.statistics()
    assert (statistics["rows"], statistics["events"], statistics["undecodable"]) == (93_954, 93_954, 0)
    assert (booked["live"], booked["gap"], booked["stale"], booked["crossed"], booked["held"]) == (True, 0, 0, 0, 0)


BARS = "timestamp,open,high,low,close,volume\n" + "".join(f"{60 * n},1,1,1,1,1\n" for n in range(5))


@pytest.mark.parametrize(
    ("content", "spec", "message"),
    [
        (b"", {}, "the file is empty"),
        (gzip.compress(BARS.encode(), mtime=0)[:-9], {}, "the gzip file is cut off after line"),
        (BARS.encode("utf-16"), {}, "is written in UTF-16"),
        (b"\x89PNG\r\n\x1a\n", {}, "is not UTF-8; save the file as UTF-8"),
        (BARS.encode(), {"format": "parquet"}, "is no parquet file that can be read"),
        (
            BARS.encode(),
            {"start": "2030-01-01"},
            "nothing between 2030-01-01T00:00:00Z and .*; correct `start:` and `end:`",
        ),
        (BARS.encode(), {"symbol": ""}, "no symbol is given for it; write `symbol:`"),
        (BARS.encode(), {"kind": "quotes"}, "no column for bid, ask of quotes among timestamp, open"),
    ],
)
def test_unusable_files_are_told_with_a_remedy(
    write: Callable[..., Path], content: bytes, spec: dict[str, str], message: str
) -> None:
    with pytest.raises(Misconfigured, match=message):
        opened(write("x", content), **spec)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 140), st.integers(0, 9), st.binary(max_size=5), st.booleans())
def test_damaged_files_give_a_feed_or_a_plain_word(
    tmp_path: Path, place: int, cut: int, insert: bytes, packed: bool
) -> None:
    """Whatever happens to some bytes, nothing but `Misconfigured` comes out."""
    raw = gzip.compress(BARS.encode(), mtime=0) if packed else BARS.encode()
    path = tmp_path / "x"
    path.write_bytes(raw[:place] + insert + raw[place + cut :])
    told = read_or_told(path)
    assert told == sorted(told) if isinstance(told, list) else str(path) in told


def read_or_told(path: Path) -> list[int] | str:
    """The times of the rows, or what is wrong with the file."""
    try:
        return [ns for ns, _ in opened(path, gaps="allow", duplicates="drop")]
    except Misconfigured as error:
        return str(error)
