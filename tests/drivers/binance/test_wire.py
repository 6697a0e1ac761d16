"""Binance's public frames: each channel, recorded sessions, and that no garbage raises."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Bar, BookDelta, Funding, MarketEvent, Quote, Trade
from ctosd.core.book import Book, Rule
from drivers.binance.wire import Decoder

SHARED = Path(__file__).parents[4] / "shared"
PERP = {"BTCUSDT": "BTC/USDT:USDT"}

TICKER = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507",'
    b'"a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256314}}'
)
SPOT_TICKER = (
    b'{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}'
)
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,'
    b'"p":"61800.30","q":"0.006","X":"MARKET","m":false}}'
)
AGG_TRADE = b'{"e":"aggTrade","E":1,"s":"BTCUSDT","a":640283266,"p":"58942.01","q":"0.000356","f":7,"l":7,"T":1616176861893,"m":true}'
DEPTH = (
    b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":11,'
    b'"u":15,"pu":9,"b":[["58710.20","0.014"]],"a":[["61496.50","0.010"],["61510.90","0.000"]]}}'
)
SPOT_DEPTH = b'{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":11,"u":15,"b":[["1.5","2"]],"a":[]}'
SNAPSHOT = b'{"lastUpdateId":77,"bids":[["61837.63","3.78"]],"asks":[["61837.64","1.5"]]}'
KLINE = (
    b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":60000,"T":119999,"s":"BTCUSDT","i":"1m",'
    b'"f":1,"L":2,"o":"10.5","c":"11","h":"12.25","l":"9","v":"100","n":2,"x":true,"q":"1","V":"1","Q":"1","B":"0"}}}'
)
MARK = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1617308820003,"s":"BTCUSDT","p":"58940.14924532",'
    b'"P":"58905.14","i":"58857.26","r":"0.00058455","T":1617321600000}}'
)


def decode(frame: bytes, symbols: dict[str, str] = PERP, recv_ns: int = 5) -> MarketEvent | None:
    return Decoder("binance", symbols).decode(frame, recv_ns)


def data_of(frame: bytes) -> bytes:
    return json.dumps(json.loads(frame)["data"], separators=(",", ":")).encode()


EXPECTED: dict[bytes, MarketEvent] = {
    TICKER: Quote("binance", PERP["BTCUSDT"], 61800.2, 2.507, 61800.3, 2.51, 1723161256313_000000),
    TRADE: Trade("binance", PERP["BTCUSDT"], 61800.3, 0.006, "buy", 1723161256321_000000, "5266583935"),
    DEPTH: BookDelta(
        "binance",
        PERP["BTCUSDT"],
        [(58710.2, 0.014)],
        [(61496.5, 0.01), (61510.9, 0.0)],
        1723161256298_000000,
        11,
        15,
        9,
    ),
    KLINE: Bar("binance", PERP["BTCUSDT"], "1m", 10.5, 12.25, 9.0, 11.0, 100.0, 60_000_000_000, 120_000_000_000),
    MARK: Funding("binance", PERP["BTCUSDT"], 0.00058455, 58940.14924532, 1617321600000_000000, 1617308820003_000000),
}


@pytest.mark.parametrize("frame", EXPECTED, ids=lambda f: f[11:40].decode())
def test_channels(frame: bytes) -> None:
    """Every channel, in a combined stream, alone, and in JSON with other spacing."""
    assert decode(frame) == EXPECTED[frame]
    assert decode(data_of(frame)) == EXPECTED[frame]
    assert decode(json.dumps(json.loads(frame)).encode()) == EXPECTED[frame]


def test_spot_ticker_is_stamped_with_the_time_of_receipt() -> None:
    quote = Quote("binance", PERP["BTCUSDT"], 61837.63, 3.78826, 61837.64, 1.54698, 5)
    assert decode(SPOT_TICKER) == quote
    assert decode(b'{"stream":"btcusdt@bookTicker","data":' + SPOT_TICKER + b"}") == quote


def test_aggregate_trade_of_a_buyer_who_was_the_maker_is_a_sell() -> None:
    trade = Trade("binance", PERP["BTCUSDT"], 58942.01, 0.000356, "sell", 1616176861893_000000, "640283266")
    assert decode(AGG_TRADE) == trade
    assert decode(b'{"stream":"btcusdt@aggTrade","data":' + AGG_TRADE + b"}") == trade


def test_spot_depth_has_ids_but_no_predecessor() -> None:
    delta = decode(SPOT_DEPTH)
    assert isinstance(delta, BookDelta)
    assert (delta.first_id, delta.last_id, delta.prev_id, delta.time_ns) == (11, 15, 0, 1723161255208_000000)


def test_rest_snapshot_takes_the_only_symbol() -> None:
    snapshot = decode(SNAPSHOT)
    assert snapshot == BookDelta(
        "binance", PERP["BTCUSDT"], [(61837.63, 3.78)], [(61837.64, 1.5)], 5, last_id=77, snapshot=True
    )


def test_rest_snapshot_of_several_symbols_must_be_named() -> None:
    decoder = Decoder("binance", {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"})
    assert decoder.decode(SNAPSHOT, 5) is None
    assert "names no symbol, and 2 are possible" in decoder.reason
    named = decoder.snapshot(SNAPSHOT, "ETHUSDT", 5)
    assert named is not None
    assert named.symbol == "ETH/USDT"
    assert decoder.snapshot(SNAPSHOT, "XRPUSDT", 5) is None
    assert decoder.snapshot(b"<html>", "ETHUSDT", 5) is None
    assert (decoder.ignored, decoder.undecodable) == (1, 2)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream":"btcusdt@depth20@100ms","data":' + SNAPSHOT + b"}",
        DEPTH.replace(b"@depth@0ms", b"@depth20@100ms"),
    ],
)
def test_partial_books_are_snapshots(frame: bytes) -> None:
    """depth5, 10 and 20 carry the whole top of the book, spot and USDⓈ-M in different shapes."""
    book = decode(frame)
    assert isinstance(book, BookDelta)
    assert book.snapshot
    assert (book.symbol, book.first_id, book.prev_id) == (PERP["BTCUSDT"], 0, 0)


IGNORED = {
    "acknowledgement": b'{"result":null,"id":1}',
    "another channel": b'{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":1,"s":"BTCUSDT","p":"1"}}',
    "all markets": b'{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate"}]}',
    "bare list": b"[]",
    "private": b'{"e":"ORDER_TRADE_UPDATE","E":1}',
    "open bar": KLINE.replace(b'"x":true', b'"x":false'),
    "foreign symbol": TICKER.replace(b'"BTCUSDT"', b'"ETHUSDT"'),
    "one-sided book": TICKER.replace(b'"b":"61800.20"', b'"b":"0.00"'),
    "insurance fund": TRADE.replace(b'"61800.30"', b'"0"').replace(b'"0.006"', b'"0"'),
    "no funding": MARK.replace(b'"0.00058455"', b'""'),
}


@pytest.mark.parametrize("name", IGNORED)
def test_nothing_to_tell(name: str) -> None:
    decoder = Decoder("binance", PERP)
    assert decoder.decode(IGNORED[name], 1) is None
    assert (decoder.ignored, decoder.undecodable) == (1, 0)


UNDECODABLE = {
    "empty": b"",
    "text": b"Bad Gateway",
    "number": b"17",
    "cut": TICKER[:-20],
    "cut by one": TICKER[:-1],
    "trailing": TICKER + b"}",
    "crossed": TICKER.replace(b"61800.20", b"61900.20"),
    "price is text": TICKER.replace(b"61800.20", b"6180O.20"),
    "price is nan": TICKER.replace(b"61800.20", b"nan"),
    "price is infinite": TRADE.replace(b"61800.30", b"inf"),
    "negative size": TRADE.replace(b"0.006", b"-0.006"),
    "negative resting size": TICKER.replace(b"2.507", b"-2.507"),
    "missing key": TRADE.replace(b'"t":5266583935,', b""),
    "ids run backwards": DEPTH.replace(b'"u":15', b'"u":10'),
    "high below low": KLINE.replace(b'"h":"12.25"', b'"h":"1"'),
    "rate is text": MARK.replace(b"0.00058455", b"much"),
    "not UTF-8": TICKER.replace(b"BTC", b"\xff\xfe\xfd"),
    "nested without end": b"[" * 100_000,
    "absurd number": TRADE.replace(b"1723161256321", b"1e999"),
}


@pytest.mark.parametrize("name", UNDECODABLE)
def test_what_cannot_be_true_is_counted_with_its_reason(name: str) -> None:
    decoder = Decoder("binance", PERP)
    assert decoder.decode(UNDECODABLE[name], 1) is None
    assert (decoder.ignored, decoder.undecodable) == (0, 1)
    assert decoder.reason
    assert decoder.frame == UNDECODABLE[name]


FRAMES = [TICKER, SPOT_TICKER, TRADE, AGG_TRADE, DEPTH, SNAPSHOT, KLINE, MARK]


@settings(max_examples=400)
@given(st.sampled_from(FRAMES), st.integers(0, 250), st.binary(max_size=4), st.integers(0, 6))
def test_damaged_frames_never_raise(frame: bytes, place: int, insert: bytes, cut: int) -> None:
    """Whatever replaces a few bytes, the result is a market event, or None that was counted."""
    decoder = Decoder("binance", PERP)
    event = decoder.decode(frame[:place] + insert + frame[place + cut :], 1)
    counted = decoder.ignored + decoder.undecodable
    assert (
        (counted == 0)
        if isinstance(event, Quote | Trade | BookDelta | Bar | Funding)
        else (event, counted) == (None, 1)
    )


@given(st.binary(max_size=60))
def test_any_bytes_never_raise(frame: bytes) -> None:
    assert decode(frame) is None


# -- recorded sessions ------------------------------------------------------------------------------------------------------


def session(name: str, stem: str) -> Iterator[tuple[bytes, str]]:
    """Frames of a recorded session with the native symbol of a snapshot, snapshots after the frames before them in time."""
    folder = SHARED / "fixtures/cryptofeed" / name
    if not folder.is_dir():
        pytest.skip(f"the recorded session {name} is not beside the tree")
    parts: list[tuple[float, bytes, str]] = []
    for line in (folder / f"{stem}.ws.1.0").read_bytes().splitlines():
        head, _, frame = line.partition(b": ")
        if frame.startswith(b"{"):
            parts.append((float(head), frame, ""))
    for line in (folder / f"{stem}.http.0.0").read_bytes().splitlines():
        url, _, rest = line.partition(b" -> ")
        head, _, body = rest.partition(b": ")
        if body:
            parts.append((float(head), body, url.partition(b"symbol=")[2].partition(b"&")[0].decode()))
    for _, frame, native in sorted(parts, key=lambda part: part[0]):
        yield frame, native


SESSIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "futures": (
        "binance_futures_2021-07-22",
        "BINANCE_FUTURES",
        {f"{c}USDT": f"{c}/USDT:USDT" for c in ("SUSHI", "AKRO", "KEEP", "CTK")},
    ),
    "spot": (
        "binance_spot_2021-10-12",
        "BINANCE",
        {"NKNUSDT": "NKN/USDT", "BLZETH": "BLZ/ETH", "LRCBTC": "LRC/BTC", "RUNEEUR": "RUNE/EUR"},
    ),
}


@pytest.mark.parametrize(("market", "chain"), [("futures", "previous"), ("spot", "first")])
def test_recorded_session_builds_its_books(market: str, chain: Any) -> None:
    """Every frame is understood, no link of any book is missing, and tops equal the bookTicker of the same update id."""
    folder, stem, symbols = SESSIONS[market]
    decoder = Decoder("v", symbols)
    books = {symbol: Book("v", symbol, Rule(chain=chain)) for symbol in symbols.values()}
    verdicts: Counter[str] = Counter()
    tickers: dict[str, list[tuple[int, Quote]]] = {symbol: [] for symbol in books}
    tops: list[tuple[str, int, Quote | None]] = []
    for frame, native in session(folder, stem):
        event = decoder.snapshot(frame, native, 1) if native else decoder.decode(frame, 1)
        if isinstance(event, Quote):
            tickers[event.symbol].append((json.loads(frame)["data"]["u"], event))
        elif isinstance(event, BookDelta):
            book = books[event.symbol]
            verdicts[book.apply(event)] += 1
            if book.live:
                tops.append((event.symbol, book.last_id, book.quote()))
    assert (decoder.undecodable, verdicts["gap"], verdicts["crossed"], verdicts["malformed"]) == (0, 0, 0, 0)
    assert all(book.live for book in books.values())
    assert verdicts[""] > 150
    pairs = [(four(top), four(known[-1])) for symbol, last, top in tops if (known := before(tickers[symbol], last))]
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    assert len(pairs) > 100
    assert not wrong


def before(tickers: list[tuple[int, Quote]], last: int) -> list[Quote]:
    """The tickers up to an update id; none when there is no later one, for the next may have been lost with the end."""
    return [quote for u, quote in tickers if u <= last] if tickers and tickers[-1][0] > last else []


def four(quote: Quote | None) -> tuple[float, ...]:
    return (quote.bid, quote.bid_size, quote.ask, quote.ask_size) if quote else ()


def recorded(name: str, most: int) -> list[bytes]:
    path = SHARED / "data/feeds" / name
    if not path.is_file():
        pytest.skip(f"the recorded feed {name} is not beside the tree")
    frames = []
    with gzip.open(path) as file:
        for line in file:
            frames.append(line.rstrip().partition(b" ")[2])
            if len(frames) == most:
                break
    return frames


def verdicts_of(frames: list[bytes]) -> tuple[Counter[str], Decoder]:
    decoder, book = Decoder("v", PERP), Book("v", PERP["BTCUSDT"])
    found: Counter[str] = Counter()
    for frame in frames:
        event = decoder.decode(frame, 1)
        if isinstance(event, BookDelta):
            found[book.apply(event)] += 1
    return found, decoder


@pytest.fixture(scope="module")
def feed() -> tuple[list[bytes], list[int]]:
    """The start of the recorded USDⓈ-M feed, and where its deltas after the snapshot stand."""
    frames = recorded("usdm_btcusdt_20240808.gz", 2_500)
    start = next(i for i, f in enumerate(frames) if f.startswith(b'{"lastUpdateId"'))
    return frames, [i for i, f in enumerate(frames) if b"@depth" in f[:40] and i > start]


Feed = tuple[list[bytes], list[int]]


@pytest.mark.parametrize("name", ["usdm_btcusdt_20240808.gz", "spot_btcusdt_20240808.gz"])
def test_recorded_feed_is_whole(name: str) -> None:
    verdicts, decoder = verdicts_of(recorded(name, 6_000))
    assert (decoder.undecodable, decoder.ignored) == (0, 0)
    assert verdicts.keys() == {"", "buffered"}


def test_second_day_of_spot_continues_the_first() -> None:
    """The second file has no snapshot: its first delta follows the last of the first file."""
    days = [recorded(f"spot_btcusdt_2024080{n}.gz", 100_000) for n in (8, 9)]
    deltas = [[f for f in day if b"@depth" in f[:40] or f.startswith(b'{"last')] for day in days]
    verdicts, _ = verdicts_of(deltas[0] + deltas[1][:200])
    assert verdicts.keys() == {"", "buffered"}


def test_dropped_delta_is_a_gap(feed: Feed) -> None:
    frames, deltas = feed
    assert verdicts_of(frames[: deltas[9]] + frames[deltas[9] + 1 :])[0]["gap"] == 1


def test_swapped_deltas_are_a_gap(feed: Feed) -> None:
    frames, (a, b) = list(feed[0]), feed[1][9:11]
    frames[a], frames[b] = frames[b], frames[a]
    assert verdicts_of(frames)[0]["gap"] == 1


def test_repeated_delta_is_stale(feed: Feed) -> None:
    frames, deltas = feed
    verdicts, _ = verdicts_of([*frames[: deltas[9] + 1], *frames[deltas[9] :]])
    assert (verdicts["stale"], verdicts["gap"]) == (1, 0)


def test_cut_frame_is_undecodable_and_leaves_a_gap(feed: Feed) -> None:
    frames, at = list(feed[0]), feed[1][9]
    frames[at] = frames[at][:-30]
    verdicts, decoder = verdicts_of(frames)
    assert (decoder.undecodable, verdicts["gap"]) == (1, 1)


def test_flipped_digit_of_an_id_is_a_gap(feed: Feed) -> None:
    frames, at = list(feed[0]), feed[1][9]
    place = frames[at].index(b'"pu":') + 12
    digit = b"8" if frames[at][place : place + 1] == b"7" else b"7"
    frames[at] = frames[at][:place] + digit + frames[at][place + 1 :]
    assert verdicts_of(frames)[0]["gap"] == 1
