"""Orders by their ids, and what is forgotten."""

import pytest

from drivers.binance.emulator.refusals import Refusal
from tests.drivers.binance.emulator.rig import BTC, ETH, Rig

DAY_S = 86_400


def test_an_order_is_found_by_either_id_and_only_in_its_market() -> None:
    rig = Rig()
    number = rig.limit(newClientOrderId="a")["orderId"]
    for params in ({"orderId": number}, {"origClientOrderId": "a"}, {"orderId": number, "origClientOrderId": "a"}):
        assert rig.ask("GET", "/fapi/v1/order", symbol=BTC, **params)["orderId"] == number
        assert rig.refused("GET", "/fapi/v1/order", symbol=ETH, **params) == -2013
    assert rig.refused("GET", "/fapi/v1/order", symbol=BTC, orderId=number, origClientOrderId="b") == -2013
    assert rig.refused("GET", "/fapi/v1/order", symbol=BTC) == -1102


def test_an_id_can_be_used_again_and_means_the_newer_one_then() -> None:
    rig = Rig()
    first = rig.limit(newClientOrderId="a")["orderId"]
    assert rig.refused(
        "POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01",
        price="58000", newClientOrderId="a",
    ) == -4116  # fmt: skip
    rig.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=first)
    second = rig.limit(newClientOrderId="a")["orderId"]
    assert rig.ask("GET", "/fapi/v1/order", symbol=BTC, origClientOrderId="a")["orderId"] == second
    assert rig.ask("GET", "/fapi/v1/order", symbol=BTC, orderId=first)["status"] == "CANCELED"
    assert rig.truth()["client_ids"]["a"] == {"received": 3, "processed": 2}


def test_futures_forget_what_was_cancelled_unfilled_after_three_days() -> None:
    rig = Rig()
    unfilled, open_one = rig.limit()["orderId"], rig.limit()["orderId"]
    filled = rig.market()["orderId"]
    rig.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=unfilled)
    rig.clock.time_ns += 3 * DAY_S * 1_000_000_000
    assert rig.ask("GET", "/fapi/v1/order", symbol=BTC, orderId=unfilled)["status"] == "CANCELED"
    rig.clock.time_ns += 1_000_000_000
    assert rig.refused("GET", "/fapi/v1/order", symbol=BTC, orderId=unfilled) == -2013
    known = rig.ask("GET", "/fapi/v1/allOrders", symbol=BTC)
    assert [each["orderId"] for each in known] == [open_one, filled]
    rig.clock.time_ns += 88 * DAY_S * 1_000_000_000
    assert rig.refused("GET", "/fapi/v1/order", symbol=BTC, orderId=filled) == -2013
    assert rig.ask("GET", "/fapi/v1/order", symbol=BTC, orderId=open_one)["status"] == "NEW"


def test_a_ledger_wants_one_of_the_ids() -> None:
    rig = Rig()
    ledger = rig.emulator.futures.traders["main"].ledger
    market = rig.emulator.futures.markets.find(BTC)
    with pytest.raises(Refusal):
        ledger.find(market, None, "")
    rig.limit(newClientOrderId="a")
    order = ledger.find(market, None, "a")
    assert order is not None
    assert (order.left, order.average, order.open) == (order.size, 0, True)
    assert ledger.of_engine(order.engine_id) is order
    ledger.rename(order, "b")
    assert (ledger.in_use("a"), ledger.in_use("b"), ledger.find(market, None, "a")) == (False, True, None)
