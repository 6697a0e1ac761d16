"""Commands as parameters: meaning against ccxt's requests, and what Binance cannot do."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import Cancel
from drivers.binance import requests
from drivers.binance.calls import CALLS
from drivers.binance.config import ProductName
from drivers.binance.requests import Unsupported, text
from tests.drivers.binance.scripted import MAIN, PERP, amend, cancel, fixture, place

NOW = 1_795_341_600_000_000_000
UNSUPPORTED = {
    "Spot limit buy order with test endpoint": "a test order is not an order",
    "Spot limit buy with test endpoint": "a test order is not an order",
    "Swap trailingPercent order": "orders have no trailing distance in the ABI",
    "spot create a trailing limit stop loss order": "orders have no trailing distance in the ABI",
    "swap trigger bbo order": "orders have no price match in the ABI",
    "swap hedged reduceOnly market buy order": "hedge mode is refused by the preflight: an order does not name its leg",
    "market sell with cost": "sizes are in base coin; a worth in quote coin is not an order of the ABI",
    "edit spot order": "cancel and replace is two orders in one request: cancel, then place",
}
"""ccxt's requests that this driver does not make, and why."""
OURS = {"newOrderRespType", "timeInForce", "newClientOrderId", "clientAlgoId", "workingType", "algoType"}


def meaning(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """What an order says, without what each program chooses by itself; numbers as numbers."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in OURS:
            continue
        found[name] = D(value) if value.replace(".", "", 1).isdigit() else value
    return found


def test_requests_mean_what_ccxts_mean() -> None:
    done, left = 0, []
    for method, cases in fixture("ccxt", "request_binance.json")["methods"].items():
        for case in cases:
            if case["description"] in UNSUPPORTED:
                left.append(case["description"])
                continue
            call, pairs = ours(method, case)
            product: ProductName = "usdm" if "/fapi/" in case["path"] else "spot"
            assert (CALLS[product][call].method, CALLS[product][call].path) == (case["http_method"], case["path"])
            want = meaning(parse_qsl(case["params_without_auth"]))
            want = {
                {"origclientorderidlist": "origClientOrderIdList"}.get(name, name): value
                for name, value in want.items()
            }
            if "batchOrders" in want:
                assert sizes(dict(pairs)["batchOrders"]) == sizes(want["batchOrders"])
            else:
                assert meaning(pairs) == want, case["description"]
            done += 1
    assert (done, len(left)) == (13, 7)
    assert set(left) <= UNSUPPORTED.keys()


def sizes(batch: str) -> list[tuple[str, D, D]]:
    return [(row["symbol"], D(row["quantity"]), D(row["price"])) for row in orjson.loads(batch)]


def ours(method: str, case: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """The same request made here. Rounding to the grid is the kernel's business: the sizes are the rounded ones."""
    given, said = case["input"], dict(parse_qsl(case["params_without_auth"]))
    product: ProductName = "usdm" if "/fapi/" in case["path"] else "spot"
    native = said.get("symbol", "LTCUSDT")
    if method == "createOrder":
        extra = given[5] if len(given) > 5 else {}
        trigger = extra.get("triggerPrice") or extra.get("takeProfitPrice")
        order = place(
            given[2], said["quantity"], said.get("price"), symbol=given[0], reduce_only=extra.get("reduceOnly", False),
            trigger=D(str(trigger)) if trigger else None,
        )  # fmt: skip
        return requests.place(product, order, native, D(99))
    if method == "editOrders":
        rows = [
            requests.modify(amend(), "LTCUSDT", row["side"], D(str(row["price"])), D(str(row["amount"])))[1]
            for row in given[0]
        ]
        return "amend_batch", requests.batch(rows)
    if method == "cancelOrders":
        orders = [cancel(client_id=each) for each in given[2]["clientOrderIds"]]
        return "cancel_batch", requests.cancel_batch(orders, native)
    if method == "cancelAllOrders":
        return "cancel_all", [("symbol", native)]
    order_id = given[2]["clientOrderId"] if len(given) > 2 else ""
    return requests.cancel(Cancel(account=MAIN, client_id=order_id, venue_id=given[0], symbol=PERP), native)


@pytest.mark.parametrize(
    ("product", "facts", "want"),
    [
        ("usdm", {"post_only": True}, {"type": "LIMIT", "timeInForce": "GTX"}),
        ("spot", {"post_only": True}, {"type": "LIMIT_MAKER", "timeInForce": None}),
        ("usdm", {"tif": "ioc"}, {"type": "LIMIT", "timeInForce": "IOC"}),
        ("spot", {"tif": "fok"}, {"type": "LIMIT", "timeInForce": "FOK"}),
        ("usdm", {"reduce_only": True}, {"reduceOnly": "true"}),
        ("usdm", {"price": None}, {"type": "MARKET", "price": None, "timeInForce": None}),
        ("spot", {}, {"newOrderRespType": "ACK", "newClientOrderId": "ctos0000001000000001"}),
    ],
)
def test_flags(product: ProductName, facts: dict[str, Any], want: dict[str, str | None]) -> None:
    call, pairs = requests.place(product, place(**facts), "BTCUSDT")
    assert call == "place"
    assert {name: dict(pairs).get(name) for name in want} == want


@pytest.mark.parametrize(
    ("side", "trigger", "usdm", "spot"),
    [
        ("buy", "110", "STOP", "STOP_LOSS"),
        ("buy", "90", "TAKE_PROFIT", "TAKE_PROFIT"),
        ("sell", "90", "STOP", "STOP_LOSS"),
        ("sell", "110", "TAKE_PROFIT", "TAKE_PROFIT"),
    ],
)
def test_conditional_orders(side: str, trigger: str, usdm: str, spot: str) -> None:
    """Above the present price a buyer's trigger is a stop and a seller's a profit; USDⓈ-M has a service of its own for them."""
    for price, suffixes in (("100", ("", "_LIMIT")), (None, ("_MARKET", ""))):
        order = place(side, price=price, trigger=D(trigger))
        call, pairs = requests.place("usdm", order, "BTCUSDT", D(100))
        facts = dict(pairs)
        assert (call, facts["type"], facts["triggerPrice"]) == ("place_algo", usdm + suffixes[0], trigger)
        assert facts["clientAlgoId"] == order.client_id
        call, pairs = requests.place("spot", order, "BTCUSDT", D(100))
        facts = dict(pairs)
        assert (call, facts["type"], facts["stopPrice"]) == ("place", spot + suffixes[1], trigger)


@pytest.mark.parametrize(
    ("product", "facts", "reason"),
    [
        ("spot", {"reduce_only": True}, "reduce_only"),
        ("usdm", {"post_only": True, "tif": "ioc"}, "bad_request"),
        ("usdm", {"type": "limit", "price": None}, "bad_request"),
        ("usdm", {"trigger": D(5), "post_only": True}, "unsupported"),
        ("usdm", {"trigger": D(5)}, "no_price"),
        ("spot", {"trigger": D(5), "reduce_only": True}, "reduce_only"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    product: ProductName, facts: dict[str, Any], reason: str
) -> None:
    order = place(**facts)
    with pytest.raises(Unsupported) as refused:
        requests.place(product, order, "BTCUSDT", D(9) if reason == "reduce_only" else None)
    assert refused.value.reason == reason


def test_amends_and_cancels() -> None:
    call, pairs = requests.modify(amend(price=D(5)), "BTCUSDT", "sell", D(5), D("0.3"))
    assert (call, dict(pairs)) == ("amend", {"symbol": "BTCUSDT", "origClientOrderId": "ctos0000001000000001", "side": "SELL",
                                             "quantity": "0.3", "price": "5"})  # fmt: skip
    call, pairs = requests.shrink(amend(size=D("0.1"), price=D(5)), "BTCUSDT", D(5))
    assert dict(pairs)["newQty"] == "0.1"
    with pytest.raises(Unsupported, match="cancel it, then place a new one"):
        requests.shrink(amend(price=D(6)), "BTCUSDT", D(5))
    with pytest.raises(Unsupported, match="nothing to change"):
        requests.shrink(amend(price=D(5)), "BTCUSDT", D(5))
    assert dict(requests.cancel(cancel(client_id=""), "BTCUSDT")[1])["orderId"] == "7"
    assert requests.cancel(cancel(), "BTCUSDT", algo=True) == (
        "cancel_algo",
        [("clientAlgoId", "ctos0000001000000001")],
    )


def test_expiry_becomes_the_window_of_the_venue() -> None:
    """A late order is refused by the venue: its window ends when the order does."""
    late = place(expires_ns=NOW + 1_500_000_000)
    assert requests.expiry(late, NOW, lambda ns: ns + 250_000_000) == [
        ("recvWindow", "1500"),
        ("timestamp", "1795341600250"),
    ]
    assert requests.expiry(place(), NOW, lambda ns: ns)[0] == ("recvWindow", "5000")
    assert requests.expiry(place(expires_ns=NOW + 10**12), NOW, lambda ns: ns)[0] == ("recvWindow", "60000")
    with pytest.raises(Unsupported, match="too old"):
        requests.expiry(place(expires_ns=NOW), NOW, lambda ns: ns)


@given(st.decimals(min_value=D("1e-12"), max_value=D("1e12"), allow_nan=False, allow_infinity=False))
def test_digits_are_plain_and_exact(number: D) -> None:
    written = text(number)
    assert D(written) == number
    assert "E" not in written
    assert written == "0" or not written.startswith(".")


def test_frame() -> None:
    raw = requests.frame("o1", "order.place", {"symbol": "币USDT", "timestamp": "5", "recvWindow": "7"})
    assert orjson.loads(raw) == {
        "id": "o1",
        "method": "order.place",
        "params": {"symbol": "币USDT", "timestamp": 5, "recvWindow": 7},
    }
