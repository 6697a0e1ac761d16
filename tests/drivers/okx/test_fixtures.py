"""Every OKX case that other projects published: what we support has the right meaning, the rest is named with its reason."""

import json
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ctosd.abi import (
    Accepted,
    Amend,
    Bar,
    BookDelta,
    CallerMistake,
    Fill,
    Funding,
    OrderUpdate,
    Place,
    Quote,
    Rejected,
    Trade,
)
from drivers.okx.conditionals import Conditionals
from drivers.okx.listing import FeeRow, Listing
from drivers.okx.marketdata import read_depth
from drivers.okx.positions import Positions
from drivers.okx.private import balance, fill_of_push, fill_of_row, order_update
from drivers.okx.records import AccountRow, BalanceRow, FillRow, OrderRow, PositionRow, Push, StatusRow, time_ns
from drivers.okx.replies import judge, outcome
from drivers.okx.requests import Writer
from drivers.okx.wire import Decoder, depth
from tests.drivers.okx.scripted import MAIN, PERP, SPOT_ROW, SWAP_ROW, cancel, dump, fixture, listing, place

NOWHERE = "no unified symbol: options, expiring futures and inverse contracts are not listed"


def made_for(native: str, contract: str = "1") -> Listing:
    """A listing in which this instrument of a fixture has a symbol."""
    base, quote = native.removesuffix("-SWAP").split("-")[:2] if "-" in native else (native, "HBOT")
    if native.endswith("-SWAP") or "-" not in native:
        return listing(
            SWAP_ROW
            | {"instId": native, "uly": f"{base}-{quote}", "ctValCcy": base, "settleCcy": quote, "ctVal": contract}
        )
    return listing(SPOT_ROW | {"instId": native, "baseCcy": base, "quoteCcy": quote})


def decode(message: Any, made: Listing) -> list[Any]:
    decoder = Decoder("okx", made)
    events = list(decoder.decode(dump(message), 7)[1])
    assert decoder.undecodable == 0, decoder.reason
    return events


def is_listed(native: str) -> bool:
    return native.endswith(("-USDT-SWAP", "-USDC-SWAP")) or native.count("-") == 1


# -- crypto-msg-parser: 26 messages ----------------------------------------------------------------------------------------------

PARSER_UNSUPPORTED = {
    ("trade", "inverse_swap"): NOWHERE,
    ("funding_rate", "inverse_swap"): NOWHERE,
    ("l2_event", "linear_future_snapshot"): NOWHERE,
    ("l2_event", "option_snapshot"): NOWHERE,
    ("l2_topk", "inverse_future"): NOWHERE,
    ("l2_topk", "inverse_swap"): NOWHERE,
    ("l2_topk", "option"): NOWHERE,
    ("bbo", "linear_future"): NOWHERE,
    ("candlestick", "spot"): "from before `confirm`: nobody can tell whether the bar is closed",
    ("candlestick", "linear_future"): NOWHERE,
    ("candlestick", "linear_swap"): "from before `confirm`: nobody can tell whether the bar is closed",
    ("ticker", "linear_future"): NOWHERE,
    ("l2_snapshot", "linear_future"): NOWHERE,
    ("open_interest", "inverse_future"): "open interest is no event of the promise",
    ("open_interest", "linear_future"): "open interest is no event of the promise",
    ("open_interest", "linear_swap"): "open interest is no event of the promise",
}


def test_crypto_msg_parser() -> None:
    cases = fixture("crypto-msg-parser/okx_raw_messages.json")["cases"]
    supported = 0
    for case in cases:
        key, message = (case["kind"], case["test"]), json.loads(case["raw_msg"])
        made = listing()
        if key in PARSER_UNSUPPORTED:
            if "arg" in message:
                assert decode(message, made) == [], key
            continue
        supported += 1
        row = message["data"][0]
        if "arg" not in message:
            continue  # the answer of REST, see below
        (event,) = decode(message, made)
        contract = 0.01 if message["arg"]["instId"].endswith("SWAP") else 1.0
        assert event.time_ns == int(row["ts"]) * 10**6
        if isinstance(event, Trade):
            assert (event.price, event.size, event.side) == (
                float(row["px"]),
                pytest.approx(float(row["sz"]) * contract),
                row["side"],
            )
        elif isinstance(event, Quote):
            asks = row["asks"][0] if "asks" in row else (row["askPx"], row["askSz"])
            assert (event.ask, event.ask_size) == (float(asks[0]), pytest.approx(float(asks[1]) * contract))
        else:
            assert isinstance(event, BookDelta)
            assert event.snapshot
            assert event.bids == [(float(each[0]), float(each[1]) * contract) for each in row["bids"]]
    assert len(cases) == 26
    assert supported == 26 - len(PARSER_UNSUPPORTED)


def test_crypto_msg_parser_rest_books() -> None:
    """`l2_snapshot`: the answer to market/books, from before it had a seqId."""
    for case in fixture("crypto-msg-parser/okx_raw_messages.json")["cases"]:
        if case["kind"] == "l2_snapshot" and case["test"] != "linear_future":
            row = json.loads(case["raw_msg"])["data"][0]
            product = listing().find(PERP if case["test"] == "linear_swap" else "BTC/USDT")
            book = depth("okx", product, read_depth(dump(row)), True)
            ratio = 0.01 if case["test"] == "linear_swap" else 1
            assert book.asks[0] == (float(row["asks"][0][0]), pytest.approx(float(row["asks"][0][1]) * ratio))
            assert (len(book.bids), book.last_id, book.snapshot) == (3, 0, True)


# -- tardis: messages and what they mean ------------------------------------------------------------------------------------------

TARDIS_UNSUPPORTED = {
    "index-tickers": "an index price is no event of the promise",
    "open-interest": "open interest is no event of the promise",
    "liquidations": "made by the recorder, not by the venue",
    "liquidation-orders": "other people's liquidations are no event of the promise",
}


def test_tardis() -> None:
    blocks = fixture("tardis/mappers_okx_binance.json")["blocks"].values()
    checked = 0
    for block in blocks:
        decoders: dict[str, Decoder] = {}
        for case in block["cases"]:
            message = case["message"]
            if not case["exchange"].startswith("okex") or "event" in message:
                continue
            channel, native = message["arg"]["channel"], message["arg"].get("instId", "")
            if channel in TARDIS_UNSUPPORTED or not is_listed(native):
                assert not native or list(Decoder("okx", listing()).decode(dump(message), 7)[1]) == []
                continue
            decoder = decoders.setdefault(native, Decoder("okx", made_for(native)))
            events = list(decoder.decode(dump(message), 7)[1])
            row = message["data"][0]
            checked += 1
            if channel == "funding-rate":
                assert events == [], "the mark price is not known yet"
            elif channel == "mark-price":
                (event,) = events
                assert isinstance(event, Funding)
                assert (event.rate, event.mark) == (0.00048105, 2.1729)
                assert event.next_ns == 1640131200000 * 10**6
            else:
                (event,) = events
                expected = next(iter(case["expected"]), {})
                assert event.time_ns == int(row["ts"]) * 10**6
                if isinstance(event, Trade):
                    assert (event.price, event.size, event.side, event.trade_id) == tuple(
                        expected[key] for key in ("price", "amount", "side", "id")
                    )
                elif isinstance(event, BookDelta):
                    assert event.snapshot == expected["isSnapshot"]
                    assert event.bids == [(each["price"], each["amount"]) for each in expected["bids"]]
                    assert event.asks == [(each["price"], each["amount"]) for each in expected["asks"]]
                elif expected.get("type") == "book_ticker":
                    assert (event.bid, event.bid_size, event.ask, event.ask_size) == tuple(
                        expected[key] for key in ("bidPrice", "bidAmount", "askPrice", "askAmount")
                    )
    assert checked == 9


# -- ccxt: frames of 2026, and requests ---------------------------------------------------------------------------------------------


def test_ccxt_frames_of_2026() -> None:
    methods = fixture("ccxt/ws_okx.json")["methods"]
    found: dict[str, list[Any]] = {}
    for name, cases in methods.items():
        for case in cases:
            decoder = Decoder("okx", listing())
            found[name] = [
                event
                for message in case["messages"]
                if "data" in message
                for event in decoder.decode(dump(message), 7)[1]
            ]
            assert decoder.undecodable == 0
    (first, second) = found["watchTicker"]
    assert (first.bid, first.bid_size, second.ask_size) == (63921.0, pytest.approx(7.793), pytest.approx(18.5307))
    assert found["watchBidsAsks"][0].bid_size == 1.70080521
    assert [(event.price, event.size, event.side) for event in found["watchTrades"]] == [
        (63913.5, 0.01, "buy"),
        (63913.4, pytest.approx(0.3495), "sell"),
    ]
    assert found["watchOHLCV"] == [], "the bar is open"
    assert [(event.snapshot, event.last_id, len(event.bids)) for event in found["watchOrderBook"]] == [
        (True, 333794734980, 5),
        (True, 333794734996, 5),
    ]
    closed = methods["watchOHLCV"][0]["messages"][2]
    closed["data"][0][8] = "1"
    (bar,) = decode(closed, listing())
    assert isinstance(bar, Bar)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (63913, 63952, 63913, 63952, 18.0374)


SPOT_LTC = SPOT_ROW | {"instId": "LTC-USDT", "baseCcy": "LTC"}
SWAPS = [
    SWAP_ROW | {"instId": f"{base}-USDT-SWAP", "uly": f"{base}-USDT", "ctValCcy": base, "ctVal": "1"}
    for base in ("BTC", "LTC", "ETH", "ADA")
]
ONES = listing(SPOT_ROW, SPOT_LTC, *SWAPS)
NET, HEDGE = Writer("x", "cross", "net"), Writer("x", "cross", "hedge")

CCXT_ORDERS: dict[str, Any] = {
    "Spot market buy order": (NET, place(symbol="LTC/USDT", price=None, size="0.1")),
    "type2 & type3 together": (NET, place(symbol="BTC/USDT:USDT", price=None, size="0.1", trigger=D(100444))),
    "Swap limit buy with stopPrice and posSide = long.": (
        HEDGE,
        place(symbol="LTC/USDT:USDT", size="1", price="50", trigger=D(55)),
    ),
    "Swap limit sell with stopLossPrice and posSide = long.": (
        HEDGE,
        place(symbol="LTC/USDT:USDT", side="sell", size="1", price="49", trigger=D(50), reduce_only=True),
    ),
    "sell order with stopLoss": (NET, place(symbol="LTC/USDT:USDT", side="sell", size="0.4", price="100")),
    "Create a swap postOnly limit order with tp + sl attached (type 3)": (
        HEDGE,
        place(size="1", price="25000", post_only=True),
    ),
    "contract with hedged market sell and stopLossPrice": (
        HEDGE,
        place(symbol="ETH/USDT:USDT", side="sell", size="1", price=None, trigger=D(2000), reduce_only=True),
    ),
    "Swap create a stop order using the createTriggerOrder method (type 1)": (
        HEDGE,
        place(size="1", price="50000", trigger=D(49000)),
    ),
    "Swap create a stop loss trigger order (type 2)": (
        HEDGE,
        place(side="sell", size="1", price="31000", trigger=D(30000), reduce_only=True),
    ),
    "Spot edit an orders price and amount": (
        NET,
        Amend(
            account=MAIN, client_id="", venue_id="617122719557050368", symbol="LTC/USDT", size=D("0.05"), price=D(55)
        ),
    ),
    "Spot cancel order": (NET, cancel(venue_id="635561007938625536", symbol="LTC/USDT")),
}
ATTACHED = "attachAlgoOrds"  # orders that come with their own stops: the promise has none, the order itself is the same

CCXT_UNSUPPORTED = {
    "order with closeFraction shouldn't send sz": "closing by fraction: the promise's orders have a size",
    "spot stopLossPrice buy order": "margin trading of spot (tdMode cross): spot orders are cash",
    "Spot margin limit buy order": "margin trading of spot",
    "Close an inverse swap position with a market reduceOnly order": NOWHERE,
    "Swap trailingPercent order": "trailing orders are not in the promise",
    "create a trailinPrice order to close a long position": "trailing orders are not in the promise",
    "market buy": "an order sized in quote money is not in the promise",
    "Swap edit an orders take profit": "attached stops are not in the promise",
    "Swap edit an algo order": "a waiting conditional order is cancelled and placed anew",
    "Closing positiion in net mode": "close-position: positions are closed by reduce-only orders",
    "closing a long position in dual mode": "close-position: positions are closed by reduce-only orders",
    "set margin mode isolated": "the margin mode stands in the configuration",
    "Swap fetch open trailing orders": "trailing orders are not in the promise; cancel_everything finds them",
    "Fetch canceled orders with no arguments": "the promise asks for one order at a time",
    "Fetch closed orders with no arguments": "the promise asks for one order at a time",
    "funding balance": "the funding account is not traded on",
    "fetch full spot orderbook": "the full book has no seqId",
    "fetch leverage": "leverage is read with the positions",
    "spot tickers": "quotes are asked for one symbol at a time",
}
CCXT_ELSEWHERE = {
    "Create multiple spot orders at the same time": "test_orders: batches",
    "Cancel stop order": "test_orders: a conditional order is placed and cancelled",
    "Cancel multiple spot orders": "test_orders: batches by rest",
    "Cancel multiple spot stop orders": "test_controls: everything goes",
    "Cancel orders after": "test_controls: the dead man's timer",
    "set leverage": "test_controls: leverage",
    "Spot fetch order": "test_queries",
    "Fetch stop order": "test_queries",
    "Fetch open orders with no arguments": "test_queries",
    "Swap fetch open orders": "test_queries",
    "Swap fetch closed orders": "test_queries: the history",
    "Spot fetch my trades with no arguments": "test_queries: older fills",
    "Swap fetch my trades": "test_queries: older fills",
    "Swap fetch position": "test_queries: money",
    "Fetch positions with no arguments": "test_queries: money",
    "Fetch status": "test_presence",
    "market history should use limit=300": "test_marketdata",
    "spot ohlcv": "test_marketdata",
    "spot orderbook": "test_marketdata",
    "Spot trading fee": "test_driver",
    "swap fetch ticker": "test_marketdata",
    "linear swap fetch the funding interval": "test_marketdata",
    "Fetch position mode": "test_preflight",
}


def test_ccxt_requests() -> None:
    """The same meaning: instrument, side, type, size, price, trigger, leg, flags. Bytes carry ccxt's own choices."""
    cases = [case for cases in fixture("ccxt/request_okx.json")["methods"].values() for case in cases]
    names = [case["description"] for case in cases]
    assert sorted(names) == sorted([*CCXT_ORDERS, *CCXT_UNSUPPORTED, *CCXT_ELSEWHERE])
    for case in cases:
        name = case["description"]
        if name not in CCXT_ORDERS:
            continue
        writer, command = CCXT_ORDERS[name]
        product = ONES.find(command.symbol)
        if isinstance(command, Place):
            last = (
                D(3000) if command.symbol.startswith("ETH") else D(60000) if command.symbol.startswith("BTC") else D(70)
            )
            body = (
                writer.conditional(command, product, last)
                if command.trigger
                else writer.place(command, product, by_code=False)
            )
        elif isinstance(command, Amend):
            body = writer.amend(command, product, by_code=False)
        else:
            body = writer.cancel(command, product, by_code=False)
        ours = json.loads(body)
        theirs = case["output"][0] if isinstance(case["output"], list) else case["output"]
        if "LTC/USDT" in case["input"] and "tdMode" not in theirs:
            assert ours["instId"] == "LTC-USDT"
        if name == "Spot edit an orders price and amount":
            theirs = theirs | {"instId": "LTC-USDT"}  # ours names another pair with a listing in this test
        for field, value in theirs.items():
            if field != ATTACHED:
                assert ours.get(field) == value, (name, field)
        extra = ours.keys() - theirs.keys() - {"clOrdId", "algoClOrdId", "tag", "triggerPxType"}
        assert extra == set(), name


# -- nautilus: one message each -------------------------------------------------------------------------------------------------------


def orders_of(name: str) -> list[tuple[Fill | None, OrderUpdate]]:
    known = Conditionals()
    found = []
    for row in msgspec.json.decode(dump(fixture(f"nautilus/okx/{name}.json")), type=Push[OrderRow]).data:
        product = made_for(row.inst_id).by_native[row.inst_id]
        found.append((fill_of_push(MAIN, row, product, known), order_update(MAIN, row, product, known)))
    return found


@pytest.mark.parametrize(
    ("name", "cause", "side", "fee"),
    [
        ("ws_orders_adl", "adl", "buy", "12.3"),
        ("ws_orders_liquidation", "liquidation", "sell", "20.0"),
        ("ws_orders_fok", "", "buy", "0.25"),
    ],
)
def test_nautilus_orders(name: str, cause: str, side: str, fee: str) -> None:
    ((fill, update),) = orders_of(name)
    assert fill is not None
    assert (fill.cause, fill.side, fill.fee, fill.liquidity) == (cause, side, D(fee), "taker")
    assert (update.state, update.filled, update.size) == ("filled", fill.size, fill.size)


NAUTILUS_UNSUPPORTED = {
    "ws_orders_option": NOWHERE,
    "ws_opt_summary": NOWHERE,
    "ws_sprd_orders": "spread trading is another market of the venue",
    "http_get_spread_orders": "spread trading is another market of the venue",
    "http_get_instruments_futures": NOWHERE,
    "http_get_instruments_option": NOWHERE,
    "http_get_funding_rate_history": "past funding rates are not in the promise",
    "http_get_orders_pending_with_attached_tp_sl": "attached stops are not in the promise; the order itself is read below",
    "http_get_orders_algo_pending_attached_oco": "attached stops are not in the promise; it is listed and cancelled as a stranger's",
}


def test_nautilus_rest_rows() -> None:
    known = Conditionals()
    (row,) = msgspec.convert(fixture("nautilus/okx/http_get_orders_history.json")["data"], list[OrderRow])
    update = order_update(MAIN, row, listing().by_native["BTC-USDT-SWAP"], known)
    assert (update.state, update.type, update.size, update.average, update.price) == (
        "filled",
        "market",
        D("0.0003"),
        D("103698.9"),
        None,
    )
    (row,) = msgspec.convert(
        fixture("nautilus/okx/http_get_orders_pending_with_attached_tp_sl.json")["data"], list[OrderRow]
    )
    update = order_update(MAIN, row, made_for(row.inst_id).by_native[row.inst_id], known)
    assert (update.state, update.price, update.average) == ("open", 2300, None)
    fill_row = msgspec.convert(fixture("nautilus/okx/http_transaction_detail.json"), FillRow)
    fill = fill_of_row(MAIN, fill_row, listing().by_native["BTC-USDT"], known)
    assert (fill.price, fill.size, fill.fee) == (D("42000.5"), D("0.001"), D("-0.042")), (
        "a positive fee of the venue is a rebate"
    )
    (account,) = msgspec.convert(fixture("nautilus/okx/http_get_account_balance.json")["data"], list[AccountRow])
    (held,) = [balance(MAIN, each, 7) for each in account.details]
    assert (held.asset, held.total, held.available) == ("USDT", D("94.42612990333333"), D("94.42612990333333"))
    detail = msgspec.convert(fixture("nautilus/okx/http_balance_detail_new_fields.json"), BalanceRow)
    assert balance(MAIN, detail, 7).total == 100
    pushed = msgspec.convert(fixture("nautilus/okx/ws_account.json"), Push[AccountRow])
    assert [balance(MAIN, each, 7).asset for each in pushed.data[0].details][:2] == ["USDT", "BTC"]
    (leg,) = msgspec.convert(fixture("nautilus/okx/http_get_positions.json")["data"], list[PositionRow])
    (position,) = Positions(MAIN, listing()).push([leg])
    assert (position.size, position.entry, position.liquidation, position.leverage) == (D("0.005"), 10000, 9000, 10)
    rows = fixture("nautilus/okx/http_get_instruments_swap.json")["data"]
    assert [each.symbol for each in listing(*rows)] == [
        f"{row['ctValCcy']}/{row['uly'].split('-')[1]}:{row['settleCcy']}" for row in rows if row["ctType"] == "linear"
    ]
    for name in ("http_get_instruments_futures", "http_get_instruments_option"):
        assert len(listing(*fixture(f"nautilus/okx/{name}.json")["data"]).by_symbol) == 0
    (fees,) = msgspec.convert(fixture("nautilus/okx/http_get_trade_fee_response.json")["data"], list[FeeRow])
    made = listing()
    made.charge("SPOT", fees)
    assert made.find("BTC/USDT").instrument.maker_fee == D("0.0008")


def test_nautilus_replies_and_frames() -> None:
    accepted = dump({"code": "0", "msg": "", "data": [fixture("nautilus/okx/http_place_order_response.json")]})
    assert isinstance(outcome(place(), judge(200, accepted, 1)[0], 7), Accepted)
    refused = outcome(place(), judge(200, dump(fixture("nautilus/okx/http_place_algo_order_rejected.json")), 1)[0], 7)
    assert isinstance(refused, Rejected)
    assert refused.reason == "bad_request"
    (quote,) = decode(fixture("nautilus/okx/ws_bbo_tbt.json"), listing())
    assert (quote.bid, quote.ask, quote.bid_size) == (8476.97, 8476.98, 256)
    (delta,) = decode(fixture("nautilus/okx/ws_books_update.json"), listing())
    assert not delta.snapshot
    assert delta.last_id > delta.prev_id > 0
    (trade,) = decode(fixture("nautilus/okx/ws_trades.json"), made_for("BTC-USD"))
    assert (trade.price, trade.size) == (42219.9, 0.12060306)
    assert decode(fixture("nautilus/okx/ws_funding_rate.json"), listing()) == [], "the mark price is not known yet"


# -- hummingbot and gocryptotrader ------------------------------------------------------------------------------------------------------


def test_hummingbot() -> None:
    """Symbols are invented, shapes are real. Rows whose side is "limit" cannot be orders of anybody."""
    known = Conditionals()
    for name, head in (("okx", "OkxExchangeTests"), ("okx_perpetual", "OkxPerpetualDerivativeTests")):
        rows = fixture(f"hummingbot/{name}.json")["fixtures"]
        full = rows[f"{head}.order_event_for_full_fill_websocket_update"]
        (row,) = msgspec.convert(full, Push[OrderRow]).data
        update = order_update(MAIN, row, made_for(row.inst_id).by_native[row.inst_id], known)
        assert (update.client_id, update.state, update.price) == ("OID1", "filled", 10000)
        created = rows[f"{head}.order_creation_request_successful_mock_response"]
        assert judge(200, dump(created), 1)[0].venue_id == "312269865356374016"
    spot = fixture("hummingbot/okx.json")["fixtures"]
    (row,) = msgspec.convert(spot["OkxExchangeTests.trade_event_for_full_fill_websocket_update"], Push[OrderRow]).data
    fill = fill_of_push(MAIN, row, made_for(row.inst_id).by_native[row.inst_id], known)
    assert fill is not None
    assert (fill.trade_id, fill.price, fill.size, fill.fee, fill.fee_asset) == ("TrID1", 10000, 1, 30, "HBOT")
    (row,) = msgspec.convert(spot["OkxExchangeTests._order_status_request_open_mock_response"]["data"], list[OrderRow])
    with pytest.raises(ValueError, match="'limit' is no side"):
        order_update(MAIN, row, made_for(row.inst_id).by_native[row.inst_id], known)
    (account,) = msgspec.convert(
        spot["OkxExchangeTests.balance_request_mock_response_only_base"]["data"], list[AccountRow]
    )
    held = balance(MAIN, account.details[0], 7)
    assert (held.total, held.available) == (15, 10)
    assert len(listing(*spot["OkxExchangeTests.trading_rules_request_mock_response"]["data"]).by_symbol) == 1
    assert (
        len(listing(*spot["OkxExchangeTests.all_symbols_including_invalid_pair_mock_response"][1]["data"]).by_symbol)
        == 0
    )


def test_hummingbot_perpetual() -> None:
    known = Conditionals()
    rows = fixture("hummingbot/okx_perpetual.json")["fixtures"]
    head = "OkxPerpetualDerivativeTests"
    for name, state in (("completely_filled", "filled"), ("partially_filled", "partially_filled")):
        (row,) = msgspec.convert(rows[f"{head}._order_status_request_{name}_mock_response"]["data"], list[OrderRow])
        assert order_update(MAIN, row, made_for(row.inst_id).by_native[row.inst_id], known).state == state
    (account,) = msgspec.convert(
        rows[f"{head}.balance_request_mock_response_for_base_and_quote"]["data"], list[AccountRow]
    )
    assert [str(balance(MAIN, each, 7).available) for each in account.details] == ["10", "2000"]
    head = "OKXPerpetualAPIOrderBookDataSourceTests"
    (book,) = decode(rows[f"{head}.get_ws_order_book_snapshot_msg"], made_for("COINALPHAHBOT"))
    assert (book.snapshot, book.last_id, book.prev_id, len(book.asks)) == (True, 123456, -1, 8)
    decoder = Decoder("okx", made_for("COINALPHAHBOT"))
    assert list(decoder.decode(dump(rows[f"{head}.get_ws_mark_price_info_msg"]), 7)[1]) == []
    (funding,) = decoder.decode(dump(rows[f"{head}.get_ws_funding_info_msg"]), 7)[1]
    assert (funding.rate, funding.mark, funding.next_ns) == (0.000069181086383, 0.1, 1706169600000 * 10**6)
    bad = rows["OkxPerpetualDerivativeTests.trading_rules_request_erroneous_mock_response"]["data"]
    assert len(listing(*bad).by_symbol) == 0


GOCRYPTOTRADER = {
    "Trade": "supported", "Status": "supported", "Failure": "supported", "instrumentJSON": "supported",
    "placeMultipleOrderParamsJSON": "supported",
    "Position Risk": NOWHERE, "Position": NOWHERE, "Balance And Position": NOWHERE, "Instrument": NOWHERE, "Mark Price": NOWHERE,
    "Price Limit": NOWHERE, "Ticker": NOWHERE, "Snapshot OrderBook": NOWHERE, "Options Trades": NOWHERE, "Option Summary": NOWHERE,
    "Algo Orders": NOWHERE, "RFQs": "block trading", "Quotes": "block trading", "Block Ticker": "block trading",
    "Spot Grid Algo Orders": "the venue's own robots", "Grid Positions": "the venue's own robots", "gridTradingPlaceOrder": "the venue's own robots",
    "stopGridAlgoOrderJSON": "the venue's own robots", "gridAIParamJSON": "the venue's own robots", "TestGenerateSubscriptions": "the venue's own robots",
    "Index Candlestick": "bars of an index", "payload": "bars of an index", "data": "bars of an index",
    "Withdrawal Info Details": "deposits", "Liquidation Orders": "other people's liquidations",
    "processSpreadOrderbookJSON": "spread trading", "okxSpreadPublicTickerJSON": "spread trading", "wsProcessSpreadTradesJSON": "spread trading",
}  # fmt: skip


def test_gocryptotrader() -> None:
    """Pushes of what is not listed tell nothing, and none is taken for garbage."""
    cases = {
        each["name"]: each["payload"] for each in fixture("gocryptotrader/okx_push_and_payload_literals.json")["cases"]
    }
    assert cases.keys() == GOCRYPTOTRADER.keys()
    for name, reason in GOCRYPTOTRADER.items():
        payload = cases[name]
        if reason != "supported" and isinstance(payload, dict) and "arg" in payload:
            assert decode(payload, listing()) == [], name
    (trade,) = decode(cases["Trade"], listing())
    assert (trade.price, trade.size) == (42219.9, 0.12060306)
    (status,) = msgspec.convert(cases["Status"], Push[StatusRow]).data
    assert (status.state, status.service_type, time_ns(status.begin)) == ("scheduled", "1", 1610019546 * 10**6)
    (product,) = listing(cases["instrumentJSON"])
    assert (product.symbol, product.instrument.lot) == ("BTC/USDC:USDC", D("0.0001"))
    for theirs in cases["placeMultipleOrderParamsJSON"]:
        order = place(client_id=theirs["clOrdId"], symbol="BTC/USDT", size="2", price="2.15")
        ours = json.loads(NET.place(order, ONES.find("BTC/USDT"), by_code=False))
        assert {key: ours[key] for key in theirs} == theirs


def test_cases_of_others_that_we_refuse_by_name() -> None:
    """Whatever is unsupported has its reason."""
    for table in (PARSER_UNSUPPORTED, TARDIS_UNSUPPORTED, CCXT_UNSUPPORTED, NAUTILUS_UNSUPPORTED, GOCRYPTOTRADER):
        assert all(table.values())
    with pytest.raises(CallerMistake):
        ONES.find("BTC/USD:BTC")
