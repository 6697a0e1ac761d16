"""Public messages of other projects through the decoder, case by case; what is not supported says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ctosd.abi import Bar, BookDelta, Funding, Quote, Trade
from drivers.binance.calls import CALLS
from drivers.binance.wire import Decoder
from tests.drivers.binance.scripted import fixture

NAMES = (
    "BTCUSDT",
    "ETHUSDT",
    "BALUSDT",
    "BNBBTC",
    "BTCUSDC",
    "GNTBTC",
    "DOGEBNB",
    "ETHBTC",
    "BNBUSDT",
    "COINALPHAHBOT",
)
RECV = 1_567_296_001_275_000_000

PARSER = {
    0: Trade, 1: "a dated future", 2: Trade, 3: "COIN-M", 4: Funding, 5: BookDelta, 6: "a dated future", 7: "COIN-M", 8: BookDelta,
    9: "a dated future", 10: "COIN-M", 11: Quote, 12: Quote, 13: Quote, 14: "tickers of a day are no channel here",
    15: "COIN-M", 16: "a dated future", 17: "COIN-M", 18: "tickers of a day are no channel here", 19: "options",
    20: "a bar that is still open", 21: "a dated future", 22: "a bar that is still open", 23: BookDelta, 24: BookDelta, 25: BookDelta,
    26: "COIN-M open interest", 27: "COIN-M open interest",
}  # fmt: skip
"""Case of crypto-msg-parser -> the kind of its event, or why there is none."""


def test_crypto_msg_parser() -> None:
    cases = fixture("crypto-msg-parser", "binance_raw_messages.json")["cases"]
    assert len(cases) == len(PARSER)
    for place, case in enumerate(cases):
        decoder = Decoder(
            "v", {name: name for name in NAMES} if not case["raw_msg"].startswith('{"last') else {"BTCUSDT": "BTCUSDT"}
        )
        event = decoder.decode(case["raw_msg"].encode(), RECV)
        want = PARSER[place]
        if isinstance(want, str):
            assert (event, decoder.ignored, decoder.undecodable) == (None, 1, 0), (place, want)
            continue
        assert type(event) is want, place
        check(event, case["asserts"])


def check(event: Any, asserts: list[str]) -> None:
    """What the case says of prices, sizes and sides, in our words."""
    said = {}
    for line in asserts:
        left, _, right = line.removeprefix("assert_eq!(").removesuffix(");").partition(", ")
        said[left.strip()] = right.strip()
    if isinstance(event, Trade):
        assert event.size == float(said["trade.quantity_base"])
        assert event.side == said["trade.side"].removeprefix("TradeSide::").lower()
    elif isinstance(event, Funding):
        assert event.rate == float(said["funding_rates[0].funding_rate"])
        assert event.next_ns == int(said["funding_rates[0].funding_time"]) * 1_000_000
    elif isinstance(event, BookDelta):
        assert (len(event.asks), len(event.bids)) == (
            int(said["orderbook.asks.len()"]),
            int(said["orderbook.bids.len()"]),
        )
        assert event.bids[0] == (float(said["orderbook.bids[0].price"]), float(said["orderbook.bids[0].quantity_base"]))
        assert f"Some({event.last_id})" == said["orderbook.seq_id"]
        assert event.snapshot == ("assert!(orderbook.snapshot);" in asserts)
    else:
        rows = " ".join(asserts)
        assert all(f"{number}, bbo_msg" in rows for number in (event.bid, event.bid_size, event.ask, event.ask_size))


TARDIS: dict[tuple[str, int], str] = {
    ("binance", 4): "tickers of a day",
    ("binance", 5): "tardis's own snapshot, keyed by a stream that Binance does not have",
    ("binance-futures", 4): "tickers of a day",
    ("binance-futures", 7): "tardis's own snapshot",
    ("binance-futures", 9): "tardis's own open interest",
}


def test_tardis() -> None:
    done = 0
    for block in fixture("tardis", "mappers_okx_binance.json")["blocks"].values():
        for case in block["cases"]:
            if not case["exchange"].startswith("binance"):
                continue
            frame = json.dumps(case["message"], separators=(",", ":")).encode()
            decoder = Decoder("v", {name: name for name in NAMES})
            event = decoder.decode(frame, RECV)
            if (case["exchange"], case["n"]) in TARDIS and not isinstance(event, BookDelta):
                assert decoder.undecodable == 0
                continue
            done += bool(agrees(event, case))
    assert done >= 6


def agrees(event: Any, case: dict[str, Any]) -> bool:
    """Whether the normalised output of the case, where it has one of ours, says the same."""
    for want in case["expected"]:
        if want["type"] == "trade":
            assert (event.price, event.size, event.side, event.trade_id) == (
                want["price"],
                want["amount"],
                want["side"],
                want["id"],
            )
            return True
        if want["type"] == "book_ticker":
            assert (event.bid, event.bid_size, event.ask, event.ask_size) == (
                want["bidPrice"], want["bidAmount"], want["askPrice"], want["askAmount"],
            )  # fmt: skip
            return True
        if want["type"] == "book_change" and case["message"]["data"].get("e") == "depthUpdate":
            assert [list(level) for level in event.bids] == [[row["price"], row["amount"]] for row in want["bids"]]
            return True
        if want["type"] == "derivative_ticker" and isinstance(event, Funding):
            assert (event.rate, event.mark) == (want["fundingRate"], want["markPrice"])
            return True
    return False


NAUTILUS: dict[str, Any] = {
    "binance/futures/market_data_json/book_ticker_stream.json": Quote,
    "binance/futures/market_data_json/kline_stream_closed.json": Bar,
    "binance/futures/market_data_json/liquidation_stream.json": "liquidations of others are no channel here",
    "binance/futures/market_data_json/ticker_stream.json": "tickers of a day",
    "binance_py/ws_messages/ws_futures_depth_diff_update.json": BookDelta,
    "binance_py/ws_messages/ws_futures_ticker_24hr.json": "tickers of a day",
    "binance_py/ws_messages/ws_spot_agg_trade.json": Trade,
    "binance_py/ws_messages/ws_spot_ticker_24hr.json": "tickers of a day",
}


@pytest.mark.parametrize("name", NAUTILUS)
def test_nautilus(name: str) -> None:
    decoder = Decoder("v", {each: each for each in NAMES})
    event = decoder.decode(json.dumps(fixture("nautilus", *name.split("/"))).encode(), RECV)
    want = NAUTILUS[name]
    assert (event is None and decoder.ignored == 1) if isinstance(want, str) else type(event) is want


@pytest.mark.parametrize(
    ("name", "kinds"), [("binance", {BookDelta: 1}), ("binance_perpetual", {BookDelta: 3, Funding: 1})]
)
def test_hummingbot(name: str, kinds: dict[type, int]) -> None:
    """Diffs, snapshots and funding; everything else of its messages is private, or a reply to a query."""
    data = fixture("hummingbot", f"{name}.json")
    found: dict[type, int] = {}
    for payload in [*data["fixtures"].values(), *(case["payload"] for case in data["inline_payloads"])]:
        decoder = Decoder("v", {"COINALPHAHBOT": "COINALPHA/HBOT"})
        event = decoder.decode(json.dumps(payload).encode(), RECV)
        if event is not None:
            found[type(event)] = found.get(type(event), 0) + 1
    assert found == kinds


def test_gocryptotrader() -> None:
    want = {"TestWsTradeUpdate": Trade, "TestWsDepthUpdate": BookDelta}
    for case in fixture("gocryptotrader", "binance_payload_literals.json")["cases"]:
        decoder = Decoder("v", {name: name for name in NAMES})
        event = decoder.decode(json.dumps(case["payload"]).encode(), RECV)
        assert type(event) is want.get(case["in_test"], type(None)), case["in_test"]


def test_live_trades_of_ccxt_rs_are_aggregate_trades() -> None:
    rows = fixture("ccxt-rs", "binance_fetch_trades_BTC_USDT.json")["http_response"]
    for row in rows:
        event = Decoder("v", {"BTCUSDT": "BTC/USDT"}).decode(
            json.dumps({"e": "aggTrade", "s": "BTCUSDT", **row}).encode(), RECV
        )
        assert isinstance(event, Trade)
        assert event.side == ("sell" if row["m"] else "buy")


def test_live_book_of_ccxt_rs() -> None:
    body = fixture("ccxt-rs", "binance_fetch_order_book_BTC_USDT.json")["http_response"]
    book = Decoder("v", {"BTCUSDT": "BTC/USDT"}).snapshot(json.dumps(body).encode(), "BTCUSDT", RECV)
    assert book is not None
    assert (book.last_id, book.bids[0]) == (87265283675, (69383.05, 0.51856))


@pytest.mark.parametrize(("product", "file"), [("usdm", "usds_futures"), ("spot", "spot")])
def test_calls_have_the_paths_of_the_official_connector(product: Any, file: str) -> None:
    """Method, path and whether it is signed, for every call that both have."""
    official: dict[tuple[str, str], bool] = {}
    for cases in fixture("binance-connector-python", f"{file}.json")["files"].values():
        for case in cases:
            if "path" in case:
                official[case["http_method"], case["path"]] = case["signed"]
    ours = {(call.method, call.path): call.security == "signed" for call in CALLS[product].values()}
    both = ours.keys() & official.keys()
    differ = {key: (ours[key], official[key]) for key in both if ours[key] != official[key]}
    missing = {path for _, path in ours.keys() - official.keys()}
    assert differ == {}
    assert missing == UNTESTED[product]


UNTESTED: dict[str, set[str]] = {"usdm": {"/fapi/v1/exchangeInfo", "/fapi/v1/listenKey"}, "spot": set()}
"""Paths of ours that the connector's cases do not have."""


KINDS: dict[str, type | str] = {
    "aggTrade": Trade, "bookTicker": Quote, "markPriceUpdate": Funding, "depthUpdate": BookDelta,
    "kline": "its sample's low is above its open: it cannot be true", "forceOrder": "liquidations of others",
    "24hrTicker": "tickers of a day", "24hrMiniTicker": "tickers of a day", "compositeIndex": "indices", "assetIndexUpdate": "indices",
    "continuous_kline": "a pair's contracts joined", "contractInfo": "listings are read by query", "EquityUpdate": "sessions of stocks",
}  # fmt: skip


def test_stream_samples_of_the_official_connector() -> None:
    """Rows of all markets come as lists and are passed over; so are samples that cannot be true (levels without a size)."""
    seen = set()
    for file, cases in fixture("binance-connector-python", "usds_futures.json")["files"].items():
        for case in cases if file.startswith("websocket_streams") else ():
            sample = case.get("expected_response")
            if sample is None:
                continue
            decoder = Decoder("v", {each: each for each in NAMES})
            event = decoder.decode(json.dumps(sample).encode(), RECV)
            if isinstance(sample, list):
                assert (event, decoder.ignored) == (None, 1)
                continue
            seen.add(sample["e"])
            want = KINDS[sample["e"]]
            if isinstance(want, str) or (len(sample.get("b", [[0, 0]])[0]) == 1 and sample["e"] == "depthUpdate"):
                assert event is None
            else:
                assert type(event) is want
    assert seen >= {"aggTrade", "bookTicker", "markPriceUpdate", "depthUpdate", "kline"}
