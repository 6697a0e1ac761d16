"""OKX's public frames: each channel, the recorded session, derived faults, and that no garbage raises."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Bar, BookDelta, Funding, Quote, Trade
from ctosd.core.book import Book, Rule
from ctosd.core.booksync import BookSync
from drivers.okx.checksum import TextBook
from drivers.okx.listing import Listing
from drivers.okx.wire import Decoder
from tests.drivers.okx.scripted import PERP, SPOT, SPOT_ROW, SWAP_ROW, dump, fixture_text, listing, push

SWAP = {"instId": "BTC-USDT-SWAP"}
TICKER = push("tickers", {"instType": "SWAP", **SWAP, "last": "63921", "askPx": "63921.1", "askSz": "1871", "bidPx": "63921", "bidSz": "779", "ts": "1786540471710"}, **SWAP)  # fmt: skip
TRADE = push("trades", {**SWAP, "tradeId": "28", "px": "63913.5", "sz": "7", "side": "sell", "ts": "1786540435948", "count": "1", "seqId": 3}, **SWAP)  # fmt: skip
BEST = push("bbo-tbt", {"asks": [["63921.5", "790", "0", "42"]], "bids": [["63921.4", "421", "0", "28"]], "ts": "5", "seqId": 9}, **SWAP)  # fmt: skip
CANDLE = ["1786540440000", "10", "12", "9", "11", "1803.74", "18.0374", "1153287.1", "1"]


def book_frame(
    action: str, bids: list, asks: list, seq: int, prev: int, native: str = "BTC-USDT-SWAP", ts: int = 5
) -> bytes:
    row = {"asks": asks, "bids": bids, "ts": str(ts), "checksum": 0, "seqId": seq, "prevSeqId": prev}
    return dump({"arg": {"channel": "books", "instId": native}, "action": action, "data": [row]})


def decode(frame: Any, made: Listing | None = None) -> list[Any]:
    raw = frame if isinstance(frame, bytes) else dump(frame)
    return list(Decoder("okx", made or listing()).decode(raw, 77)[1])


def test_a_ticker() -> None:
    assert decode(TICKER) == [Quote("okx", PERP, 63921.0, 7.79, 63921.1, 18.71, 1786540471710_000000)]


def test_best_bid_and_ask() -> None:
    assert decode(BEST) == [Quote("okx", PERP, 63921.4, 4.21, 63921.5, 7.9, 5_000000)]


def test_a_trade_has_the_takers_side() -> None:
    assert decode(TRADE) == [Trade("okx", PERP, 63913.5, 0.07, "sell", 1786540435948_000000, "28")]


def test_several_trades_of_one_frame() -> None:
    frame = push("trades-all", *[TRADE["data"][0] | {"tradeId": str(n)} for n in range(3)], **SWAP)
    assert [event.trade_id for event in decode(frame)] == ["0", "1", "2"]


def test_a_book_frame() -> None:
    level = [["100.5", "50", "0", "3"]]
    assert decode(book_frame("snapshot", level, [], 10, -1)) == [
        BookDelta("okx", PERP, [(100.5, 0.5)], [], 5_000000, last_id=10, prev_id=-1, snapshot=True)
    ]
    (delta,) = decode(book_frame("update", [], [["101", "0", "0", "0"]], 12, 10))
    assert (delta.asks, delta.last_id, delta.prev_id, delta.snapshot) == ([(101.0, 0.0)], 12, 10, False)


def test_a_contract_of_many_coins() -> None:
    made = listing(SWAP_ROW | {"ctVal": "1000"})
    (delta,) = decode(book_frame("update", [["1", "0.32", "0", "1"]], [], 2, 1), made)
    assert delta.bids == [(1.0, 320.0)]


def test_five_levels_are_the_whole_book() -> None:
    frame = push(
        "books5",
        {"asks": [["2", "1", "0", "1"]], "bids": [["1", "1", "0", "1"]], "ts": "5", "seqId": 4},
        instId="BTC-USDT",
    )
    (delta,) = decode(frame)
    assert delta.snapshot
    assert (delta.symbol, delta.bids) == (SPOT, [(1.0, 1.0)])


def test_only_closed_bars_are_told() -> None:
    assert decode(push("candle1m", [*CANDLE[:-1], "0"], **SWAP)) == []
    (bar,) = decode(push("candle1m", CANDLE, **SWAP))
    assert bar == Bar("okx", PERP, "1m", 10, 12, 9, 11, 18.0374, 1786540440000_000000, 1786540500000_000000)
    (spot,) = decode(push("candle1Dutc", CANDLE, instId="BTC-USDT"))
    assert (spot.timeframe, spot.volume, spot.time_ns - spot.open_ns) == ("1d", 1803.74, 86_400_000_000_000)


def test_funding_needs_a_rate_and_a_mark() -> None:
    decoder = Decoder("okx", listing())
    rate = push(
        "funding-rate",
        {**SWAP, "fundingRate": "0.0001", "fundingTime": "1000", "nextFundingTime": "15000", "ts": "900"},
        **SWAP,
    )
    mark = push("mark-price", {**SWAP, "instType": "SWAP", "markPx": "60000", "ts": "2000"}, **SWAP)
    assert decoder.decode(dump(rate), 1)[1] == []
    assert decoder.decode(dump(mark), 1)[1] == [Funding("okx", PERP, 0.0001, 60000.0, 10**9, 2 * 10**9, 14 * 10**9)]


@pytest.mark.parametrize(
    "frame",
    [
        push("tickers", TICKER["data"][0] | {"bidPx": "", "bidSz": ""}, **SWAP),
        push("tickers", TICKER["data"][0] | {"bidPx": "70000"}, **SWAP),
        push("bbo-tbt", {"asks": [], "bids": [["1", "1", "0", "1"]], "ts": "5"}, **SWAP),
        push("tickers", TICKER["data"][0], instId="DOGE-USDT"),
        push("price-limit", {**SWAP, "buyLmt": "1", "sellLmt": "2", "ts": "5"}, **SWAP),
    ],
)  # fmt: skip
def test_what_tells_nothing_is_counted(frame: dict) -> None:
    """An empty side, a crossed market, an unlisted instrument, a channel that nobody reads."""
    decoder = Decoder("okx", listing())
    assert list(decoder.decode(dump(frame), 1)[1]) == []
    assert (decoder.ignored, decoder.undecodable) == (1, 0)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"px":"x"}]}',
        b'{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update"}',
        b'{"arg":{"channel":"tickers","instId":"BTC-USDT-SWAP"},"data":[]}',
        dump(push("trades", TRADE["data"][0] | {"sz": "-1"}, **SWAP)),
        dump(push("candle1m", ["1", "10", "9", "11", "10", "1", "1", "1", "1"], **SWAP)),
        dump(TRADE)[:-9],
        b"",
        b"[]",
    ],
)
def test_garbage_is_counted_and_kept(frame: bytes) -> None:
    decoder = Decoder("okx", listing())
    assert list(decoder.decode(frame, 1)[1]) == []
    assert (decoder.undecodable, decoder.frame) == (1, frame)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 400), junk=st.binary(max_size=4))
def test_no_frame_raises(at: int, junk: bytes) -> None:
    decoder = Decoder("okx", listing())
    for frame in (TICKER, TRADE, BEST):
        raw = dump(frame)
        decoder.decode(raw[: at % len(raw)] + junk + raw[at % len(raw) + 1 :], 1)
    decoder.decode(junk, 1)


def test_frames_with_other_spacing_are_read_too() -> None:
    assert decode(json.dumps(TICKER, indent=2).encode()) == decode(TICKER)


def test_a_new_contract_size_is_taken_after_forget() -> None:
    made = listing()
    decoder = Decoder("okx", made)
    assert decoder.decode(dump(TRADE), 1)[1][0].size == 0.07
    made.adopt([dump(SWAP_ROW | {"ctVal": "0.1"})])
    decoder.forget()
    assert decoder.decode(dump(TRADE), 1)[1][0].size == pytest.approx(0.7)


# -- the recording of 2022-05-13: it predates the ids ------------------------------------------------------------------------


def recording() -> list[dict[str, Any]]:
    found = []
    for line in fixture_text("cryptofeed/okx_2022-05-13/OKX.ws.1.0").splitlines():
        at = line.find(': {"arg"')
        if at > 0 and not line.startswith("wss:"):
            found.append(json.loads(line[at + 2 :]))
    return found


def recorded_listing() -> Listing:
    """The three recorded instruments as if they had unified symbols, one coin a contract."""
    rows = [
        SPOT_ROW | {"instId": native, "baseCcy": native.replace("-", ""), "quoteCcy": "Q"}
        for native in ("BTC-USD-220527", "UNI-USD-SWAP", "BTC-USDT")
    ]
    return listing(*rows)


def test_the_recorded_session() -> None:
    """74 trades, 28 tickers, 290 book frames, none unread; and the tickers stand at the top of the rebuilt books."""
    decoder = Decoder("okx", recorded_listing())
    books: dict[str, Book] = {}
    counts: dict[str, int] = {}
    checked = 0
    for frame in recording():
        stream, events = decoder.decode(dump(frame), 1)
        counts[frame["arg"]["channel"]] = counts.get(frame["arg"]["channel"], 0) + len(events)
        native = stream.partition(":")[2]
        for event in events:
            if isinstance(event, BookDelta):
                book = books.setdefault(native, Book("okx", event.symbol, Rule(chain="none")))
                assert book.apply(event) == ""
                texts = [[(float(p), float(s)) for p, s in side] for side in levels_of(native, frame)]
                assert [book.levels("buy", 400), book.levels("sell", 400)] == texts
                checked += 1
    assert counts == {"tickers": 28, "trades": 74, "books": 290}
    assert (checked, decoder.undecodable) == (290, 0)


_texts: dict[str, TextBook] = {}


def levels_of(native: str, frame: dict[str, Any]) -> list[list[tuple[str, str]]]:
    """The same book kept over texts, whose checksum is right."""
    if frame["action"] == "snapshot":
        _texts[native] = TextBook()
    (row,) = frame["data"]
    assert _texts[native].apply(row["bids"], row["asks"], snapshot=frame["action"] == "snapshot") == row["checksum"]
    return [[(level[0], level[1]) for level in side] for side in _texts[native].levels(1_000)]


def numbered() -> list[bytes]:
    """The recorded BTC-USDT frames with the ids that frames have today."""
    frames, last = [], -1
    for frame in recording():
        if frame["arg"] == {"channel": "books", "instId": "BTC-USDT"}:
            seq = 1_000 + 7 * len(frames)
            frame["data"][0] |= {"prevSeqId": last, "seqId": seq}
            frames.append(dump(frame))
            last = seq
    assert len(frames) == 98
    return frames


def replay(frames: list[bytes], heal: bytes) -> tuple[BookSync, int]:
    """Through the decoder into a book that asks for a subscription when it is lost: then `heal` comes."""
    sync = BookSync("okx", "BTCUSDT/Q", Rule(chain="previous"), source="stream")
    decoder = Decoder("okx", recorded_listing())
    asked, now = 0, 10**15
    sync.begin(now)
    for frame in frames:
        now += 10**9
        for event in decoder.decode(frame, now)[1]:
            asked += sync.take(event, now).action == "resubscribe"
    for _ in range(40):
        now += 10**9
        asked += sync.check(now).action == "resubscribe"
    if asked:
        sync.begin(now)
        for event in decoder.decode(heal, now)[1]:
            sync.take(event, now)
    return sync, asked


def truth() -> tuple[Any, Any, bytes]:
    sync, asked = replay(numbered(), b"")
    assert asked == 0
    assert sync.live
    bids, asks = sync.book.levels("buy", 1_000), sync.book.levels("sell", 1_000)
    side = [[[str(price), str(size), "0", "1"] for price, size in levels] for levels in (bids, asks)]
    return bids, asks, book_frame("snapshot", side[0], side[1], 5_000, -1, "BTC-USDT")


def dropped(frames: list[bytes]) -> list[bytes]:
    return frames[:40] + frames[41:]


def swapped(frames: list[bytes]) -> list[bytes]:
    return [*frames[:40], frames[41], frames[40], *frames[42:]]


def cut(frames: list[bytes]) -> list[bytes]:
    return [*frames[:40], frames[40][:-30], *frames[41:]]


def flipped(frames: list[bytes]) -> list[bytes]:
    return [*frames[:40], frames[40].replace(b'"seqId":1', b'"seqId":9'), *frames[41:]]


@pytest.mark.parametrize("fault", [dropped, swapped, cut, flipped])
def test_a_fault_is_noticed_and_healed(fault: Any) -> None:
    bids, asks, heal = truth()
    sync, asked = replay(fault(numbered()), heal)
    assert asked >= 1, "the break of the chain was not noticed"
    assert sync.live
    assert (sync.book.levels("buy", 1_000), sync.book.levels("sell", 1_000)) == (bids, asks)


def test_a_repeated_frame_changes_nothing() -> None:
    bids, asks, heal = truth()
    frames = numbered()
    sync, asked = replay([*frames[:41], frames[40], *frames[41:]], heal)
    assert (asked, sync.live) == (0, True)
    assert (sync.book.levels("buy", 1_000), sync.book.levels("sell", 1_000)) == (bids, asks)


def test_a_flipped_price_that_crosses_the_book_is_noticed() -> None:
    frames = numbered()
    bad = book_frame("update", [["999999", "1", "0", "1"]], [], 9_000, 1_000 + 7 * 97, "BTC-USDT", ts=1_700_000_000_000)
    later = [
        book_frame("update", [], [], 9_000, 9_000, "BTC-USDT", ts=1_700_000_000_000 + n * 2_000) for n in range(1, 4)
    ]
    bids, asks, heal = truth()
    sync, asked = replay([*frames, bad, *later], heal)
    assert asked >= 1
    assert (sync.book.levels("buy", 1_000), sync.book.levels("sell", 1_000)) == (bids, asks)


def test_keepalives_and_the_reset_after_maintenance_keep_the_chain() -> None:
    """An empty frame with equal ids, and the one frame whose id is smaller than the one before."""
    book = Book("okx", PERP, Rule(chain="previous"))
    level = [["100", "1", "0", "1"]]
    ids = [(10, -1), (12, 10), (12, 12), (3, 12), (4, 3)]
    verdicts = []
    for seq, prev in ids:
        (delta,) = decode(book_frame("snapshot" if prev == -1 else "update", level, [], seq, prev))
        verdicts.append(book.apply(delta))
    assert verdicts == ["", "", "", "", ""]
    assert all(a != b for a, b in pairwise(ids))
    assert book.last_id == 4


def test_the_touch_and_what_is_none() -> None:
    """The short way for bbo-tbt leaves everything unusual to the common reader, and forgets with it."""
    decoder = Decoder("okx", listing())
    row = {"asks": [["63921.5", "790", "0", "42"]], "bids": [["63921.4", "421", "0", "28"]], "ts": "5", "seqId": 9}
    usual = dump(push("bbo-tbt", row, **SWAP))
    told = [decoder.decode(usual, 1) for _ in range(3)]
    assert told[0] == told[1] == told[2]
    assert told[0][1] == (Quote("okx", PERP, 63921.4, 4.21, 63921.5, 7.9, 5_000_000),)
    for change in ({"bids": []}, {"asks": []}, {"bids": [["70000", "1", "0", "1"]]}):
        assert list(decoder.decode(dump(push("bbo-tbt", row | change, **SWAP)), 1)[1]) == []
    two = decoder.decode(dump(push("bbo-tbt", row | {"asks": [*row["asks"], ["63922", "1", "0", "1"]]}, **SWAP)), 1)
    assert two == told[0]
    assert (decoder.ignored, decoder.undecodable) == (3, 0)
    assert list(decoder.decode(usual[:-9], 1)[1]) == []
    assert decoder.undecodable == 1
    decoder.forget()
    assert decoder.decode(usual, 1) == told[0]
