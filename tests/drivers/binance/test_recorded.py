"""Every reply and payload that gocryptotrader and hummingbot keep of Binance: its meaning, or why we have no use for it.

A route that we call must be judged here, row by row; one that we do not call says so by its absence from `CALLS`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from drivers.binance import Binance, instruments, replies
from drivers.binance.calls import CALLS
from drivers.binance.errors import judge
from drivers.binance.wire import Decoder
from tests.drivers.binance.scripted import MAIN, Venue, fixture

MS = 1_000_000
HERE = Path(__file__).parent


def _order(data: Any) -> None:
    for row in data if isinstance(data, list) else [data]:
        order = replies.order(row, MAIN, "X/Y")
        assert (order.venue_id, order.size, order.filled) == (
            str(row["orderId"]),
            D(row["origQty"]),
            D(row["executedQty"]),
        )
        assert order.side == row["side"].lower()
        states = {"NEW": "open", "CANCELED": "cancelled", "FILLED": "filled"}
        assert order.state == states[row["status"]]


def _depth(data: Any) -> None:
    book = Decoder("v", {"N": "X/Y"}).snapshot(json.dumps(data).encode(), "N", 7)
    assert book is not None
    assert (book.snapshot, book.last_id) == (True, data["lastUpdateId"])
    assert [list(level) for level in book.bids] == [[float(price), float(size)] for price, size in data["bids"]]
    assert [list(level) for level in book.asks] == [[float(price), float(size)] for price, size in data["asks"]]


def _bars(data: Any) -> None:
    for row in data:
        bar = replies.bar(row, "v", "X/Y", "x")
        assert (bar.open_ns, bar.time_ns) == (row[0] * MS, (row[6] + 1) * MS)
        assert [bar.open, bar.high, bar.low, bar.close, bar.volume] == [float(each) for each in row[1:6]]


def _premium(data: Any) -> None:
    funding = replies.funding(data, "v", "X/Y:Y", 8)
    assert funding is not None
    assert (funding.rate, funding.mark) == (float(data["lastFundingRate"]), float(data["markPrice"]))
    assert (funding.next_ns, funding.time_ns) == (data["nextFundingTime"] * MS, data["time"] * MS)


def _quotes(data: Any) -> None:
    for row in data:
        quote = replies.quote(row, "v", "X/Y", 5)
        assert (quote.bid, quote.bid_size) == (float(row["bidPrice"]), float(row["bidQty"]))
        assert (quote.ask, quote.ask_size) == (float(row["askPrice"]), float(row["askQty"]))


def _coins(data: Any) -> None:
    for row in data["balances"]:
        balance = replies.balance_spot(row, MAIN, 7)
        assert (balance.asset, balance.total) == (row["asset"], D(row["free"]) + D(row["locked"]))
        assert balance.available == D(row["free"])


def _clock(data: Any) -> None:
    assert judge("usdm", 200, {}, json.dumps(data).encode(), 1).data["serverTime"] == data["serverTime"]


ROUTES: dict[str, Callable[[Any], None]] = {
    "GET /api/v3/account": _coins,
    "GET /api/v3/allOrders": _order,
    "GET /api/v3/openOrders": _order,
    "GET /api/v3/order": _order,
    "DELETE /api/v3/order": _order,
    "GET /api/v3/depth": _depth,
    "GET /fapi/v1/depth": _depth,
    "GET /api/v3/klines": _bars,
    "GET /fapi/v1/klines": _bars,
    "GET /fapi/v1/premiumIndex": _premium,
    "GET /fapi/v1/ticker/bookTicker": _quotes,
    "GET /fapi/v1/time": _clock,
}
NOT_CALLED = {
    "aggTrades": "trades come by stream", "historicalTrades": "trades come by stream", "trades": "trades come by stream",
    "order/test": "orders are tried on the demo venue", "ticker/24hr": "figures of a day", "ticker/price": "a last trade is no quote",
    "userDataStream": "spot's listen keys are gone: userDataStream.subscribe", "indexInfo": "indices",
}  # fmt: skip


def routes() -> dict[str, list[Any]]:
    recorded = fixture("gocryptotrader", "binance_http_mock_spot_fapi.json")["routes"]
    return {f"{method} {path}": rows for path, methods in recorded.items() for method, rows in methods.items()}


BY_THE_DRIVER = {"GET /fapi/v1/fundingInfo", "GET /fapi/v1/fundingRate"}
"""Read by no function of their own: the driver is asked, below."""


def test_every_recorded_route_is_judged_or_not_called() -> None:
    called = {f"{call.method} {call.path}" for calls in CALLS.values() for call in calls.values()}
    found = routes()
    assert {name for name in found if name in called} == ROUTES.keys() | BY_THE_DRIVER
    for name in found.keys() - ROUTES.keys() - BY_THE_DRIVER:
        assert name.startswith("GET /futures/data/") or name.partition("v3/")[2] in NOT_CALLED or name.partition("v1/")[2] in NOT_CALLED  # noqa: E501  # fmt: skip


@pytest.mark.parametrize("name", ROUTES)
def test_recorded_replies_have_their_meaning(name: str) -> None:
    for row in routes()[name]:
        ROUTES[name](row["data"])


def test_recorded_refusals() -> None:
    """The one among the recorded replies: it came with 400."""
    (refused, _) = routes()["GET /fapi/v1/ticker/24hr"]
    found = judge("usdm", 400, {}, json.dumps(refused["data"]).encode(), 1)
    assert (found.kind, found.code) == ("rejected", -1121)


# -- hummingbot -----------------------------------------------------------------------------------------------------------------

BULK = "test_messages.test_hummingbot"
USER = "test_userdata.test_messages_of_hummingbot"
LISTINGS = "test_instruments.test_documented_listings"
ERRORS = "test_errors.test_recorded_errors"
HERE_ = "test_recorded.test_acknowledgements_of_hummingbot"
HUMMINGBOT = {
    "binance": {
        "_order_diff_event": BULK, "_order_cancelation_request_successful_mock_response": HERE_,
        "_successfully_subscribed_event": HERE_, "_order_fills_request_partial_fill_mock_response": "test_replies.test_fills",
        "_order_status_request_completely_filled_mock_response": "test_replies.test_orders_of_spot",
        "_order_status_request_partially_filled_mock_response": "test_replies.test_orders_of_spot",
        "all_symbols_request_mock_response": LISTINGS, "balance_request_mock_response_for_base_and_quote": "test_replies.test_money",
        "is_order_fill_http_update_executed_during_websocket_order_event_processing": "not a message",
        "latest_prices_request_mock_response": "figures of a day", "order_creation_request_successful_mock_response": HERE_,
        "order_event_for_full_fill_websocket_update": USER, "trading_rules_request_erroneous_mock_response": LISTINGS,
        "_error_response": ERRORS, "test_place_order_manage_server_overloaded_error_unkown_order": ERRORS,
        "test_place_order_manage_server_overloaded_error_failure": ERRORS,
        "test_format_trading_rules__notional_but_no_min_notional_present": LISTINGS,
        "test_generate_ws_signature": "parameters, no message; signing has the vectors of the venue",
        "test_generate_ws_signature_alphabetical_sorting": "parameters, no message; signing has the vectors of the venue",
        "test_process_event_message_queues_user_events": USER, "test_process_event_message_handles_stream_terminated": USER,
        "test_is_exchange_information_valid": "a status without a symbol",
    },
    "binance_perpetual": {
        "_funding_info_event": BULK, "_orderbook_update_event": BULK, "_get_exchange_info_error_mock_response": LISTINGS,
        "_get_funding_info_dict": "numbers where the venue sends text, and no symbol",
        "_get_position_risk_api_endpoint_single_position_list": "test_replies.test_positions",
        "_get_wrong_symbol_account_update_ws_event_single_position_dict": USER, "_error_response": ERRORS,
        "test_get_snapshot_successful": BULK, "test_listen_for_order_book_snapshots_serves_on_demand_resync_request": BULK,
        "test_get_funding_info_from_exchange_successful": HERE_, "test_set_position_mode_diff_initial_mode_change_fail": ERRORS,
        "test_buy_order_fill_event_takes_fee_from_update_event": USER, "test_sell_order_fill_event_takes_fee_from_update_event": USER,
        "test_order_fill_event_ignored_for_repeated_trade_id": USER,
        "test_order_event_with_cancelled_status_marks_order_as_cancelled": "test_userdata.test_a_cancelled_order_with_a_trade_keeps_both",
        "test_wrong_symbol_margin_call_event": USER, "test_update_order_fills_from_trades_constrains_query_with_start_time": "test_replies.test_fills",
        "test_update_order_status_successful": "test_replies.test_orders_of_usdm",
        "test_set_leverage_failed": "a leverage of 0, which the venue never tells", "test_cancel_all_unknown_order": ERRORS,
        "test_cancel_order_failed": HERE_, "test_update_balances": "the account of version 2: balances are asked of version 3", "_simulate_user_update_event": USER,
    },
}  # fmt: skip
"""Case -> the test that judges it, or why none does."""


def cases(name: str) -> dict[str, Any]:
    found = fixture("hummingbot", f"{name}.json")
    inline = {each["test"]: each["payload"] for each in found["inline_payloads"]}
    return {key.partition(".")[2]: value for key, value in found["fixtures"].items()} | inline


@pytest.mark.parametrize("name", HUMMINGBOT)
def test_every_payload_of_hummingbot_is_judged_or_has_its_reason(name: str) -> None:
    """A test that is named here exists and reads this file."""
    assert cases(name).keys() == HUMMINGBOT[name].keys()
    for where in set(HUMMINGBOT[name].values()):
        module, _, test = where.partition(".")
        if not module.startswith("test_"):
            assert " " in where
            continue
        tree = ast.parse((HERE / f"{module}.py").read_text())
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert "hummingbot" in (HERE / f"{module}.py").read_text()


def test_acknowledgements_of_hummingbot() -> None:
    """Answers to writes and subscriptions, and the replies of the perpetual venue that are not judged elsewhere."""
    spot, perpetual = cases("binance"), cases("binance_perpetual")
    for payload, client_id in (
        (spot["order_creation_request_successful_mock_response"], "OID1"),
        (spot["_order_cancelation_request_successful_mock_response"], "OID1"),
        (perpetual["test_cancel_order_failed"], "ODI1"),
    ):
        found = judge("spot", 200, {}, json.dumps(payload).encode(), 1)
        assert (found.kind, found.data["clientOrderId"], found.data["orderId"]) == ("ok", client_id, payload["orderId"])
    decoder = Decoder("v", {"N": "X/Y"})
    assert decoder.decode(json.dumps(spot["_successfully_subscribed_event"]).encode(), 7) is None
    assert decoder.undecodable == 0
    _premium(perpetual["test_get_funding_info_from_exchange_successful"])


# -- the rest ---------------------------------------------------------------------------------------------------------------------


def test_other_replies() -> None:
    """nautilus's and ccxt-rs's, of calls of ours."""
    http = ("nautilus", "binance", "spot", "http_json")
    _quotes([fixture(*http, "book_ticker_response.json")])
    _quotes([fixture("ccxt-rs", "binance_fetch_ticker_ETH_USDT.json")["http_response"]])
    _quotes(fixture("ccxt-rs", "binance_fetch_tickers_BTC_ETH.json")["http_response"])
    _clock(fixture(*http, "server_time_response.json"))
    found, unread = instruments.read("spot", "v", fixture(*http, "exchange_info_response.json"))
    assert (found, unread) == ([], ["ETHBTC"])  # its filters are left out


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue, **config: Any) -> Binance:
    driver = venue.driver(**config)
    await driver.start()
    return driver


async def test_recorded_intervals_of_funding(venue: Venue) -> None:
    """Under a symbol that is listed here."""
    driver = await started(venue)
    (recorded,) = routes()["GET /fapi/v1/fundingInfo"]
    row = next(row for row in recorded["data"] if row["fundingIntervalHours"] == 4)
    venue.route("GET", "/fapi/v1/fundingInfo", lambda p: [{**row, "symbol": "ETHUSDT"}])
    premium = routes()["GET /fapi/v1/premiumIndex"][0]["data"]
    venue.route("GET", "/fapi/v1/premiumIndex", lambda p: premium)
    funding = await driver.fetch_funding("ETH/USDT:USDT")
    assert funding is not None
    assert (funding.interval_ns, funding.rate) == (4 * 3_600 * 1_000 * MS, float(premium["lastFundingRate"]))


@pytest.mark.parametrize("place", range(5))
async def test_recorded_rates_of_funding(venue: Venue, place: int) -> None:
    """A payment's rate is the recorded one; where the venue answered with nothing, it is not known."""
    driver = await started(venue)
    rates = routes()["GET /fapi/v1/fundingRate"][place]["data"] or []
    paid = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "-0.5",
        "asset": "USDT",
        "time": int(rates[0]["fundingTime"]) + 9 if rates else 9,
        "tranId": 7,
    }
    venue.route("GET", "/fapi/v1/income", lambda p: [paid])
    venue.route("GET", "/fapi/v1/fundingRate", lambda p: rates)
    [payment] = await driver.fetch_funding_payments(MAIN, 0)
    assert (payment.amount, payment.rate) == (D("-0.5"), D(rates[0]["fundingRate"]) if rates else 0)


async def test_settings_and_fees_of_nautilus(venue: Venue) -> None:
    driver = await started(venue, symbols=["BTC/USDT:USDT", "ETH/USDT:USDT"])
    more = ("nautilus", "binance_py", "http_responses")
    settings = fixture(*more, "http_futures_account_symbol_config.json")
    fees = {
        "BTCUSDT": fixture(*more, "http_futures_wallet_commission_rate_btcusdt.json"),
        "ETHUSDT": fixture(*more, "http_futures_wallet_commission_rate_ethusdt.json"),
    }
    held = fixture("hummingbot", "binance_perpetual.json")["fixtures"]
    [row] = held["BinancePerpetualDerivativeUnitTest._get_position_risk_api_endpoint_single_position_list"]
    row = {key: value for key, value in row.items() if key != "leverage"} | {
        "symbol": "BTCUSDT"
    }  # as version 3 tells it
    venue.route("GET", "/fapi/v1/symbolConfig", lambda p: settings)
    venue.route("GET", "/fapi/v3/positionRisk", lambda p: [row])
    venue.route("GET", "/fapi/v1/commissionRate", lambda p: fees[p["symbol"]])
    [position] = await driver.fetch_positions(MAIN)
    assert position.leverage == D(25)
    said = {finding.message for finding in await driver.preflight(MAIN) if finding.subject == "fees"}
    assert said == {
        f"{native[:3]}/USDT:USDT: maker {row['makerCommissionRate']}, taker {row['takerCommissionRate']}"
        for native, row in fees.items()
    }
