"""User data: every recorded message of other projects gives its meaning, and no garbage raises."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Balance, Fill, OrderUpdate, Position
from drivers.binance.userdata import UserData
from tests.drivers.binance.scripted import FIXTURES, MAIN, fixture

NATIVES = {
    "BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT", "DOGEUSDT": "DOGE/USDT:USDT", "BNBUSDT": "BNB/USDT:USDT",
    "COINALPHAHBOT": "COINALPHA/HBOT", "COINALPHA-HBOT": "COINALPHA/HBOT:HBOT", "BTCUSD": "BTC/USD",
}  # fmt: skip


def hear(frame: Any, data: UserData | None = None) -> tuple[list[Any], str]:
    raw = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    return (data or UserData(MAIN, NATIVES)).decode(raw, 1)


def facts(event: Any) -> tuple[Any, ...]:
    if isinstance(event, Fill):
        return (
            "fill",
            event.client_id,
            event.side,
            event.price,
            event.size,
            event.fee,
            event.fee_asset,
            event.liquidity,
            event.cause,
        )
    assert isinstance(event, OrderUpdate)
    return (event.state, event.client_id, event.side, event.type, event.size, event.filled, event.price, event.reason)


ORDERS: dict[str, list[tuple[Any, ...]]] = {
    "binance/futures/user_data_json/order_update_trade.json": [
        ("fill", "TEST", "buy", D("7100.50"), D("0.001"), D("0.01"), "USDT", "maker", ""),
        ("partially_filled", "TEST", "buy", "limit", D("0.001"), D("0.001"), D("7100.50"), ""),
    ],
    "binance/futures/user_data_json/order_update_calculated.json": [
        ("fill", "autoclose-1234567890", "sell", D("9910.12"), D("0.014"), D("0.06937084"), "USDT", "taker", "liquidation"),
        ("filled", "autoclose-1234567890", "sell", "limit", D("0.014"), D("0.014"), D("9910.00"), "liquidated"),
    ],
    "binance/futures/user_data_json/order_update_adl.json": [
        ("fill", "adl_autoclose_12345", "buy", D(42000), D("0.005"), D("0.105"), "USDT", "taker", "adl"),
        ("filled", "adl_autoclose_12345", "buy", "limit", D("0.005"), D("0.005"), D(42000), "liquidated"),
    ],
    "binance/futures/user_data_json/order_update_insurance.json": [
        ("fill", "autoclose-insurance-5678", "sell", D(45000), D("0.02"), D("0.45"), "USDT", "taker", "liquidation"),
        ("filled", "autoclose-insurance-5678", "sell", "limit", D("0.02"), D("0.02"), D(45000), "liquidated"),
    ],
    "binance/futures/user_data_json/order_update_settlement.json": [
        ("fill", "settlement_autoclose-9999", "sell", D(50000), D("0.01"), D("0.25"), "USDT", "taker", "settlement"),
        ("filled", "settlement_autoclose-9999", "sell", "limit", D("0.01"), D("0.01"), D(50000), ""),
    ],
    "binance/futures/user_data_json/algo_update_canceled.json": [
        ("cancelled", "Q5xaq5EGKgXXa0fD7fs0Ip", "sell", "limit", D("0.01"), D(0), D(750), "reduce_only"),
    ],
    "binance/spot/user_data_json/execution_report_new.json": [
        ("open", "x-TD67BGP9-T0000000000000", "buy", "limit", D(1), D(0), D(2500), ""),
    ],
    "binance/spot/user_data_json/execution_report_trade.json": [
        ("fill", "x-TD67BGP9-T0000000000000", "buy", D(2500), D(1), D("0.001"), "ETH", "maker", ""),
        ("filled", "x-TD67BGP9-T0000000000000", "buy", "limit", D(1), D(1), D(2500), ""),
    ],
    "binance/spot/user_data_json/execution_report_canceled.json": [
        ("cancelled", "x-TD67BGP9-T0000000000000", "buy", "limit", D(1), D(0), D(2500), ""),
    ],
    "binance_py/ws_messages/ws_futures_algo_update_triggered.json": [
        ("open", "O-20251211-053131-TEST-000-1", "buy", "market", D(38), D(0), None, ""),
    ],
    "binance_py/ws_messages/ws_futures_algo_update_finished.json": [],  # the ordinary order tells its own end
    "binance_py/ws_messages/ws_futures_order_update_adl.json": [
        ("fill", "adl_autoclose", "buy", D(2500), D(1), D("2.5"), "USDT", "taker", "adl"),
        ("filled", "adl_autoclose", "buy", "market", D(1), D(1), None, "liquidated"),
    ],
    "binance_py/ws_messages/ws_futures_order_update_liquidation.json": [
        ("fill", "autoclose-1234567890123456", "sell", D(50000), D("0.1"), D(5), "USDT", "taker", "liquidation"),
        ("filled", "autoclose-1234567890123456", "sell", "market", D("0.1"), D("0.1"), None, "liquidated"),
    ],
    "binance_py/ws_messages/ws_futures_order_update_settlement.json": [
        ("fill", "settlement_autoclose-1111222233334444", "buy", D(51000), D("0.05"), D("2.55"), "USDT", "taker", "settlement"),
        ("filled", "settlement_autoclose-1111222233334444", "buy", "market", D("0.05"), D("0.05"), None, ""),
    ],
    "binance_py/ws_messages/ws_futures_order_update_new_limit_if_touched_price_match.json": [
        ("open", "O-12345-test-limit-if-touched-price-match", "buy", "limit", D(1), D(0), D("2505.25"), ""),
    ],
    "binance_py/ws_messages/ws_spot_execution_report_canceled.json": [
        ("cancelled", "O-12345-test-cancel", "sell", "limit", D("0.5"), D("0.1"), D(2500), ""),
    ],
    "binance_py/ws_messages/ws_spot_execution_report_empty_client_id.json": [
        ("fill", "", "buy", D("2499.50"), D("0.5"), D("0.0005"), "ETH", "maker", ""),
        ("partially_filled", "", "buy", "limit", D(1), D("0.5"), D(2500), ""),
    ],
    "binance_py/ws_messages/ws_spot_execution_report_trade_prevention.json": [
        ("expired", "O-12345-test-stp", "buy", "limit", D(1), D(0), D(2500), "self_trade"),
    ],
    "binance_py/ws_messages/ws_spot_execution_report_trade_l_zero_canceled.json": [
        ("cancelled", "O-12345-test-l-zero-canceled", "buy", "limit", D("0.001"), D(0), D(2500), ""),
    ],
    "binance_py/ws_messages/ws_spot_execution_report_trade_l_zero_new.json": [
        ("open", "O-12345-test-l-zero-new", "buy", "limit", D(1), D(0), D(2500), ""),
    ],
    "binance_py/ws_messages/ws_spot_execution_report_binance_us.json": [
        ("fill", "T0ESHzso0banw0QiPFZYgj", "sell", D("117290.77"), D("0.00042"), D("0.00492621"), "USD", "taker", ""),
        ("filled", "T0ESHzso0banw0QiPFZYgj", "sell", "limit", D("0.00042"), D("0.00042"), D("117290.77"), ""),
    ],
}  # fmt: skip
PASSED_OVER = {
    "binance/spot/user_data_json/balance_update.json": "a transfer; the balance itself comes as outboundAccountPosition",
    "binance/spot/user_data_json/list_status_wrapped.json": "order lists are not placed by this driver",
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_nautilus(name: str) -> None:
    events, control = hear(fixture("nautilus", *name.split("/")))
    assert [facts(event) for event in events] == ORDERS[name]
    assert control == ""


OTHERS = {
    "binance_py/ws_messages/ws_spot_execution_report_new.json": "open",
    "binance_py/ws_messages/ws_spot_execution_report_new_price_match.json": "open",
    "binance_py/ws_messages/ws_spot_execution_report_pending_cancel.json": "partially_filled",
    "binance_py/ws_messages/ws_futures_order_update_new_reduce_only_qty.json": "open",
    "binance_py/ws_messages/ws_spot_execution_report_trade.json": "partially_filled",
}


def test_every_private_message_of_nautilus_is_here() -> None:
    folder = FIXTURES / "nautilus"
    if not folder.is_dir():
        pytest.skip("the fixtures are not beside the tree")
    found = {str(path.relative_to(folder)) for path in folder.glob("binance*/**/*.json")}
    private = {
        name
        for name in found
        if "user_data" in name or "execution_report" in name or "order_update" in name or "algo_update" in name
    }
    tested = {
        *ORDERS,
        *OTHERS,
        *PASSED_OVER,
        "binance/futures/user_data_json/account_update.json",
        "binance/spot/user_data_json/account_position.json",
    }
    assert private == tested


@pytest.mark.parametrize("name", OTHERS)
def test_the_state_of_the_others(name: str) -> None:
    data = UserData(MAIN, NATIVES)
    events, _ = hear(fixture("nautilus", *name.split("/")), data)
    assert data.undecodable == 0, data.reason
    assert events[-1].state == OTHERS[name]


@pytest.mark.parametrize("name", PASSED_OVER)
def test_what_is_passed_over(name: str) -> None:
    data = UserData(MAIN, NATIVES)
    assert hear(fixture("nautilus", *name.split("/")), data) == ([], "")
    assert (data.ignored, data.undecodable) == (1, 0)


def test_account_update_with_legs_is_netted() -> None:
    """Three legs of one symbol: 0, +20 and -10 are +10, at the entry of the largest."""
    events, _ = hear(fixture("nautilus", "binance", "futures", "user_data_json", "account_update.json"))
    balance, position = events
    assert isinstance(balance, Balance)
    assert (balance.asset, balance.total, balance.time_ns) == ("USDT", D("122624.12345678"), 1564745798939_000000)
    assert isinstance(position, Position)
    assert (position.symbol, position.size, position.entry) == ("BTC/USDT:USDT", D(10), D("6563.6"))
    assert position.unrealised == D("1427.05600")
    assert position.mark == D("6563.6") + D("2850.212") / 20


def test_spot_balances() -> None:
    events, _ = hear(fixture("nautilus", "binance", "spot", "user_data_json", "account_position.json"))
    assert [(each.asset, each.total, each.available) for each in events] == [
        ("USDT", D(12500), D(10000)),
        ("ETH", D(5), D(5)),
    ]


def hummingbot(name: str) -> list[Any]:
    data = fixture("hummingbot", f"{name}.json")
    return [*data["fixtures"].values(), *(case["payload"] for case in data["inline_payloads"])]


def test_messages_of_hummingbot() -> None:
    """Every user data message of its tests; ids may be text there, symbols are invented."""
    seen: list[tuple[str, int, str]] = []
    for payload in [*hummingbot("binance"), *hummingbot("binance_perpetual")]:
        inner = payload.get("event", payload) if isinstance(payload, dict) else {}
        name = inner.get("e", "")
        if name in ("", "depthUpdate"):
            continue
        data = UserData(MAIN, NATIVES)
        events, control = hear(payload, data)
        assert data.undecodable == 0, data.reason
        seen.append((name, len(events), control))
    assert seen == [
        ("executionReport", 2, ""),
        ("balanceUpdate", 0, ""),
        ("eventStreamTerminated", 0, "terminated"),
        ("ACCOUNT_UPDATE", 1, ""),  # the balance; the position is of a dated contract
        ("ORDER_TRADE_UPDATE", 2, ""),
        ("ORDER_TRADE_UPDATE", 2, ""),
        ("ORDER_TRADE_UPDATE", 2, ""),
        ("ORDER_TRADE_UPDATE", 2, ""),
        ("MARGIN_CALL", 0, "margin_call"),
        ("ORDER_TRADE_UPDATE", 0, ""),  # COIN-M
    ]


def test_a_cancelled_order_with_a_trade_keeps_both() -> None:
    """hummingbot has an event that cancels and trades at once: the fill is booked first."""
    case = next(
        c
        for c in fixture("hummingbot", "binance_perpetual.json")["inline_payloads"]
        if c["payload"].get("o", {}) and c["payload"]["o"]["X"] == "CANCELED"
    )  # noqa: E501
    fill, order = hear(case["payload"])[0]
    assert (fill.size, fill.fee, order.state, order.filled) == (D("0.1"), D(20), "cancelled", D("0.1"))


def test_payloads_of_gocryptotrader() -> None:
    want = {
        "TestWsOCO": ([], 1),
        "TestWsOrderExecutionReport": (["open"], 0),
        "TestWsOutboundAccountPosition": (["BTC", "BNB", "USDT"], 0),
    }
    for case in fixture("gocryptotrader", "binance_payload_literals.json")["cases"]:
        if case["in_test"] in want:
            data = UserData(MAIN, NATIVES)
            events = hear(case["payload"], data)[0]
            told = [event.asset if isinstance(event, Balance) else event.state for event in events]
            assert (told, data.ignored) == want[case["in_test"]]


CANCEL = {
    "e": "executionReport", "E": 1, "s": "ETHUSDT", "c": "web_123", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1", "p": "5", "P": "0",
    "C": "ctos-mine", "x": "CANCELED", "X": "CANCELED", "r": "NONE", "i": 7, "l": "0", "z": "0", "L": "0", "n": "0", "N": None, "T": 3,
    "t": -1, "w": False, "m": False, "O": 1, "Z": "0",
}  # fmt: skip


def test_a_spot_cancel_names_our_order_in_another_key() -> None:
    """`c` is the id of the cancel, `C` that of the order."""
    [order] = hear({"subscriptionId": 0, "event": CANCEL})[0]
    assert (order.client_id, order.state, order.venue_id) == ("ctos-mine", "cancelled", "7")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"X": "EXPIRED", "f": "IOC"}, "not_filled"),
        ({"X": "EXPIRED_IN_MATCH"}, "self_trade"),
        ({"X": "REJECTED"}, "exchange_error"),
        ({"X": "CANCELED"}, ""),
    ],
)
def test_why_an_order_ended(changes: dict[str, str], reason: str) -> None:
    [order] = hear({**CANCEL, **changes})[0]
    assert order.reason == reason


def test_spot_average_comes_from_the_quote_amount() -> None:
    trade = {
        **CANCEL,
        "C": "",
        "c": "a",
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "l": "0.5",
        "z": "0.5",
        "L": "6",
        "t": 9,
        "Z": "3",
    }
    fill, order = hear(trade)[0]
    assert (order.average, fill.trade_id, fill.time_ns) == (D(6), "9", 3_000_000)


def test_leverage_of_a_change_shows_in_positions() -> None:
    data = UserData(MAIN, NATIVES)
    hear({"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ac": {"s": "BTCUSDT", "l": 25}}, data)
    row = {"s": "BTCUSDT", "pa": "-2", "ep": "100", "cr": "1", "up": "10", "mt": "cross", "iw": "0", "ps": "BOTH"}
    [position] = hear({"e": "ACCOUNT_UPDATE", "E": 1, "T": 2, "a": {"m": "ORDER", "B": [], "P": [row]}}, data)[0]
    assert (position.leverage, position.size, position.mark, position.realised) == (D(25), D(-2), D(95), D(1))
    flat = {**row, "pa": "0", "ep": "0", "up": "0"}
    [position] = hear({"e": "ACCOUNT_UPDATE", "E": 1, "T": 3, "a": {"m": "ORDER", "B": [], "P": [flat]}}, data)[0]
    assert (position.size, position.entry, position.mark) == (0, 0, 0)


def test_free_money_moves_with_the_wallet_until_it_is_asked_for() -> None:
    data = UserData(MAIN, NATIVES)
    data.wallets["USDT"] = Balance(account=MAIN, asset="USDT", total=D(100), available=D(40), time_ns=0)
    [balance] = hear(
        {"e": "ACCOUNT_UPDATE", "T": 2, "a": {"m": "ORDER", "B": [{"a": "USDT", "wb": "90", "cw": "90", "bc": "0"}]}},
        data,
    )[0]
    assert (balance.total, balance.available) == (D(90), D(30))


def test_control_messages() -> None:
    want = {"listenKeyExpired": "expired", "serverShutdown": "shutdown", "MARGIN_CALL": "margin_call"}
    assert {name: hear({"e": name, "E": 1})[1] for name in want} == want
    funding = {
        "e": "ACCOUNT_UPDATE",
        "T": 2,
        "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "90", "cw": "90", "bc": "-1"}]},
    }
    assert hear(funding)[1] == "funding"
    assert hear({"e": "TRADE_LITE", "E": 1, "T": 1, "s": "BTCUSDT", "q": "1", "p": "5", "m": False, "c": "x", "S": "BUY", "L": "5",
                 "l": "1", "t": 4, "i": 7}) == ([], "")  # fmt: skip


ODD = {
    "a status from the future": {**CANCEL, "X": "TELEPORTED"},
    "a side of nobody": {**CANCEL, "S": "HOLD"},
    "a size that is text": {**CANCEL, "q": "much"},
    "no order id": {key: value for key, value in CANCEL.items() if key != "i"},
    "a fill without a price": {**CANCEL, "x": "TRADE", "l": "1", "t": 5},
    "a liquidation without a trade": {**CANCEL, "x": "CALCULATED", "l": "1", "L": "5", "t": -1},
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_true_is_counted(name: str) -> None:
    data = UserData(MAIN, NATIVES)
    assert hear(ODD[name], data) == ([], "")
    assert data.undecodable == 1
    assert data.statistics()["reason"]


SAMPLES = [json.dumps(CANCEL).encode(), json.dumps({"subscriptionId": 0, "event": CANCEL}).encode()]


@settings(max_examples=300)
@given(st.sampled_from(SAMPLES), st.integers(0, 300), st.binary(max_size=4), st.integers(0, 6))
def test_damaged_frames_never_raise(frame: bytes, at: int, insert: bytes, cut: int) -> None:
    UserData(MAIN, NATIVES).decode(frame[:at] + insert + frame[at + cut :], 1)
