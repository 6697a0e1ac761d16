"""Replies to queries: recorded and documented ones of other projects give their meaning."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from drivers.binance import replies
from drivers.binance.errors import judge
from tests.drivers.binance.scripted import MAIN, fixture

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
H = 3_600 * 1_000_000_000


def connector(product: str, test: str) -> Any:
    """The documented reply of one of the official connector's cases."""
    for cases in fixture("binance-connector-python", f"{product}.json")["files"].values():
        for case in cases:
            if case["test"] == test and "path" in case:
                return case["expected_response"]
    raise AssertionError(f"no case {test}")


def recorded(path: str, place: int = 0, method: str = "GET") -> Any:
    return fixture("gocryptotrader", "binance_http_mock_spot_fapi.json")["routes"][path][method][place]["data"]


def nautilus(name: str) -> Any:
    folder = ("binance_py", "http_responses") if name.startswith("http_") else tuple(name.split("/")[:-1])
    return fixture("nautilus", *folder, name.rsplit("/", maxsplit=1)[-1])


def test_orders_of_usdm() -> None:
    row = connector("usds_futures", "test_query_order_success")
    order = replies.order(row, MAIN, PERP)
    assert (order.client_id, order.venue_id, order.state, order.side, order.type) == (
        "abc",
        "1573346959",
        "open",
        "buy",
        "market",
    )
    assert (order.size, order.filled, order.price, order.average) == (D("0.40"), 0, None, None)
    assert order.time_ns == 1579276756075 * 1_000_000
    partly = next(
        c["payload"] for c in fixture("hummingbot", "binance_perpetual.json")["inline_payloads"] if c["var"] == "order"
    )
    order = replies.order(partly, MAIN, PERP)
    assert (order.state, order.side, order.filled, order.average) == ("partially_filled", "sell", D("0.5"), None)
    placed = connector("usds_futures", "test_new_order_success")
    assert replies.order(placed, MAIN, PERP).size == D(10)
    for row in nautilus("http_futures_account_orders.json"):
        assert replies.order(row, MAIN, PERP).client_id == "abc"


def test_orders_of_spot() -> None:
    filled = fixture("hummingbot", "binance.json")["fixtures"][
        "BinanceExchangeTests._order_status_request_completely_filled_mock_response"
    ]
    order = replies.order(filled, MAIN, SPOT)
    assert (order.state, order.client_id, order.venue_id, order.average) == ("filled", "OID1", "4", D(10002))
    partly = fixture("hummingbot", "binance.json")["fixtures"][
        "BinanceExchangeTests._order_status_request_partially_filled_mock_response"
    ]
    assert replies.order(partly, MAIN, SPOT).state == "partially_filled"
    for path, place in (("/api/v3/allOrders", 0), ("/api/v3/openOrders", 0), ("/api/v3/openOrders", 1)):
        [row] = recorded(path, place)
        assert replies.order(row, MAIN, SPOT).state == "open"
    assert replies.order(recorded("/api/v3/order"), MAIN, SPOT).client_id == "eliteOrder"
    for name in ("order_response", "new_order_full_response"):
        row = nautilus(f"binance/spot/http_json/{name}.json")
        assert replies.order(row, MAIN, SPOT).size in (D(1), D(10))
    for row in nautilus("binance/spot/http_json/all_orders_response.json"):
        assert replies.order(row, MAIN, SPOT).venue_id


def test_conditional_orders() -> None:
    [row] = connector("usds_futures", "test_current_all_algo_open_orders_success")
    order = replies.algo(row, MAIN, PERP)
    assert (order.client_id, order.venue_id, order.state, order.type) == (
        "MRumok0dkhrP4kCm12AHaB",
        "2148627",
        "open",
        "limit",
    )
    assert (order.size, order.price, order.side) == (D("0.01"), D(750), "sell")
    cancelled = connector("usds_futures", "test_query_algo_order_success")
    assert replies.algo(cancelled, MAIN, PERP).state == "cancelled"
    [row] = nautilus("binance/futures/http_json/open_algo_orders.json")
    assert (replies.algo(row, MAIN, PERP).client_id, replies.algo(row, MAIN, PERP).type) == (
        "test-algo-order-1",
        "market",
    )
    done = {**cancelled, "algoStatus": "FINISHED"}
    assert (replies.algo(done, MAIN, PERP).state, replies.algo(done, MAIN, PERP).filled) == ("filled", D("0.01"))
    assert replies.algo_state("FINISHED", D("0.005"), D("0.01")) == "cancelled"


def test_fills() -> None:
    [row] = connector("usds_futures", "test_account_trade_list_success")
    fill = replies.fill(row, MAIN, PERP, "mine")
    assert (fill.trade_id, fill.venue_id, fill.client_id) == ("698759", "25851813", "mine")
    assert (fill.side, fill.price, fill.size, fill.fee, fill.liquidity) == (
        "sell",
        D("7819.01"),
        D("0.002"),
        D("0.07819010"),
        "taker",
    )
    [row] = fixture("hummingbot", "binance.json")["fixtures"][
        "BinanceExchangeTests._order_fills_request_partial_fill_mock_response"
    ]
    fill = replies.fill(row, MAIN, SPOT, "mine")
    assert (fill.side, fill.price, fill.size, fill.fee, fill.fee_asset) == ("buy", D(10500), D("0.5"), D(30), "HBOT")
    [row] = connector("spot", "test_my_trades_success")
    assert replies.fill(row, MAIN, SPOT, "").size > 0
    trade = next(
        c["payload"] for c in fixture("hummingbot", "binance_perpetual.json")["inline_payloads"] if c["var"] == "trade"
    )
    assert replies.fill(trade, MAIN, PERP, "autoclose-1").cause == "liquidation"


@pytest.mark.parametrize(
    ("client_id", "cause"),
    [("autoclose-5", "liquidation"), ("adl_autoclose", "adl"), ("settlement_autoclose-1", "settlement"),
     ("delivery_autoclose-1", "delivery"), ("ctos1", ""), ("", "")],
)  # fmt: skip
def test_why_the_venue_traded(client_id: str, cause: str) -> None:
    assert replies.cause(client_id) == cause


def test_money() -> None:
    [row] = connector("usds_futures", "test_futures_account_balance_v3_success")
    balance = replies.balance_usdm(row, MAIN, 1)
    assert (balance.asset, balance.total, balance.available) == ("USDT", D("122607.35137903"), D("23.72469206"))
    for row in fixture("hummingbot", "binance.json")["fixtures"][
        "BinanceExchangeTests.balance_request_mock_response_for_base_and_quote"
    ]["balances"]:
        balance = replies.balance_spot(row, MAIN, 7)
        assert balance.total == D(row["free"]) + D(row["locked"])
    assert all(replies.balance_spot(row, MAIN, 1).total >= 0 for row in recorded("/api/v3/account")["balances"])
    for row in (
        nautilus("http_spot_wallet_account.json")["balances"]
        + nautilus("binance/spot/http_json/account_response.json")["balances"]
    ):
        assert replies.balance_spot(row, MAIN, 1).total > 0


def test_positions() -> None:
    [row] = connector("usds_futures", "test_position_information_v3_success")
    position = replies.position(row, MAIN, "ADA/USDT:USDT", D(20))
    assert (position.size, position.entry, position.mark, position.unrealised) == (
        D(30),
        D("0.385"),
        D("0.41047590"),
        D("0.764277"),
    )
    assert (position.leverage, position.liquidation) == (D(20), None)  # version 3 tells no leverage
    [row] = nautilus("binance/futures/http_json/position_risk.json")
    position = replies.position(row, MAIN, PERP, D(1))
    assert (position.leverage, position.liquidation) == (D(20), D(45000))
    legs = [
        replies.position(row, MAIN, PERP, D(1)).size for row in nautilus("http_futures_account_positions_hedge.json")
    ]
    assert sum(legs) == D(10)
    single = fixture("hummingbot", "binance_perpetual.json")["fixtures"]
    [row] = single["BinancePerpetualDerivativeUnitTest._get_position_risk_api_endpoint_single_position_list"]
    assert replies.position(row, MAIN, PERP, D(1)).size == 1


def test_quotes() -> None:
    row = next(row for row in recorded("/fapi/v1/ticker/bookTicker") if row["symbol"] == "BTCUSDT")
    quote = replies.quote(row, "v", PERP, 5)
    assert (quote.bid, quote.bid_size, quote.ask, quote.time_ns) == (11495.46, 9.786, 11495.47, 1602820275978_000000)
    quote = replies.quote(nautilus("http_spot_market_book_ticker.json"), "v", SPOT, 5)
    assert (quote.bid, quote.time_ns) == (60741.67, 5)  # spot tells no time
    row = fixture("ccxt-rs", "binance_fetch_ticker_BTC_USDT.json")["http_response"]
    assert replies.quote(row, "v", SPOT, 5).ask == 69383.06
    with pytest.raises(ValueError, match="a bid of"):
        replies.quote({**row, "bidPrice": "0"}, "v", SPOT, 5)


@pytest.mark.parametrize(
    ("path", "count"), [("/api/v3/klines", 7), ("/fapi/v1/klines", 3)]
)  # fmt: skip
def test_recorded_bars(path: str, count: int) -> None:
    for place in range(count):
        rows = recorded(path, place)
        bars = [replies.bar(row, "v", SPOT, "x") for row in rows]
        assert [bar.open_ns for bar in bars] == sorted(bar.open_ns for bar in bars)
        assert all(bar.time_ns > bar.open_ns and (bar.time_ns - bar.open_ns) % 60_000_000_000 == 0 for bar in bars)


def test_bars_of_others() -> None:
    rows = fixture("ccxt-rs", "binance_fetch_ohlcv_BTC_USDT.json")["http_response"]
    first = replies.bar(rows[0], "v", SPOT, "1h")
    assert (first.open, first.high, first.low, first.close, first.volume) == (
        69100.0,
        69372.06,
        68952.01,
        69340.16,
        390.41434,
    )
    assert first.time_ns - first.open_ns == H
    for name in ("http_spot_market_klines", "http_futures_market_klines", "http_futures_market_continuous_klines"):
        assert all(replies.bar(row, "v", SPOT, "x").volume > 0 for row in nautilus(f"{name}.json"))


def test_funding() -> None:
    funding = replies.funding(recorded("/fapi/v1/premiumIndex"), "v", PERP, 4.0)
    assert funding is not None
    assert (funding.rate, funding.mark, funding.interval_ns) == (0.00001226, 26780.82240476, 4 * H)
    assert (funding.next_ns, funding.time_ns) == (1687248000000_000000, 1687244112000_000000)
    other = replies.funding(nautilus("http_futures_market_premium_index.json"), "v", PERP, 8.0)
    assert other is not None
    assert other.rate == 0.00038246
    assert replies.funding({"lastFundingRate": ""}, "v", PERP, 8.0) is None


WRITES = ("test_new_order_success", "test_modify_order_success", "test_cancel_order_success", "test_new_algo_order_success",
          "test_cancel_algo_order_success")  # fmt: skip


@pytest.mark.parametrize("test", WRITES)
def test_documented_replies_to_writes_are_successes_with_an_id(test: str) -> None:
    """They have no average price since 2026; nothing here looks for one."""
    import json

    body = json.dumps(connector("usds_futures", test)).encode()
    verdict = judge("usdm", 200, {}, body, 0)
    assert verdict.kind == "ok"
    assert verdict.data.get("orderId") or verdict.data.get("algoId")
    assert "avgPrice" not in verdict.data


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [("NEW", 0, "open"), ("NEW", 1, "partially_filled"), ("PENDING_NEW", 0, "open"), ("EXPIRED_IN_MATCH", 0, "expired"),
     ("REJECTED", 0, "rejected"), ("CANCELED", 1, "cancelled"), ("PENDING_CANCEL", 0, "open")],
)  # fmt: skip
def test_states(status: str, filled: int, state: str) -> None:
    assert replies.state(status, D(filled)) == state


def test_what_cannot_be_true_is_refused() -> None:
    row = connector("usds_futures", "test_query_order_success")
    for change in ({"status": "GONE"}, {"side": "HOLD"}, {"origQty": "NaN"}, {"executedQty": None}):
        with pytest.raises(replies.WRONG):
            replies.order({**row, **change}, MAIN, PERP)
    for wrong in ([1, "5", "4", "3", "5", "1", 2], [1, "5"], [1, "x", "4", "3", "5", "1", 2]):
        with pytest.raises(replies.WRONG):
            replies.bar(wrong, "v", SPOT, "1m")
