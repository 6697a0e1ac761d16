"""Orders are carried out with the venue's own rules, and told in its words."""

import json
from typing import Any

import pytest

from drivers.backpack.emulator.markets import settings_of
from drivers.paper.config import MarketConfig, PaperConfig, SymbolConfig
from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter, market, refusal


@pytest.fixture
def counter() -> Counter:
    return Counter()


def at(price: float) -> str:
    return f"{price:.2f}"


def test_a_resting_order_is_new_and_can_be_asked_for(counter: Counter) -> None:
    placed = counter.place(clientId=7, postOnly=True)
    assert placed["status"] == "New"
    assert placed["createdAt"] == counter.now_ms
    assert counter.ask("GET", "/api/v1/order", {"symbol": PERP, "clientId": 7}) == placed
    assert counter.ask("GET", "/api/v1/order", {"symbol": PERP, "orderId": placed["id"]}) == placed
    assert counter.ask("GET", "/api/v1/orders") == [placed]
    assert counter.ask("GET", "/api/v1/orders", {"symbol": SOL}) == []
    assert counter.ask("GET", "/api/v1/orders", {"marketType": "PERP"}) == [placed]


def test_a_finished_order_is_only_in_the_history(counter: Counter) -> None:
    placed = counter.place(**market(quantity="2", clientId=8))
    assert placed["status"] == "Filled"
    assert placed["executedQuantity"] == "2"
    average = float(placed["executedQuoteQuantity"]) / 2
    reply = counter.signed("GET", "/api/v1/order", {"symbol": PERP, "clientId": 8})
    assert refusal(reply)[:2] == (404, "RESOURCE_NOT_FOUND")
    assert counter.history("orders", orderId=placed["id"])[0]["status"] == "Filled"
    fills = counter.history("fills", orderId=placed["id"])
    assert sum(float(each["price"]) * float(each["quantity"]) for each in fills) == pytest.approx(2 * average)
    assert {each["clientId"] for each in fills} == {"8"}


def test_post_only_that_would_take_is_refused(counter: Counter) -> None:
    _, ask = counter.touch()
    assert counter.refused(price=at(ask), postOnly=True) == (
        400,
        "INVALID_ORDER",
        "Order would immediately match and take.",
    )
    assert counter.place(price=at(ask - 0.01 if ask - 0.01 > 0 else ask), postOnly=True, quantity="0.01")


@pytest.mark.parametrize(("tif", "reason", "executed"), [("IOC", "ImmediateOrCancel", "0"), ("FOK", "FillOrKill", "0")])
def test_immediate_orders_that_find_nothing_expire(counter: Counter, tif: str, reason: str, executed: str) -> None:
    placed = counter.place(timeInForce=tif, clientId=3)
    assert (placed["status"], placed["executedQuantity"]) == ("Expired", executed)
    told = counter.history("orders")[0]
    assert (told["status"], told["expiryReason"]) == ("Expired", reason)
    assert counter.truth()["processed"] == {3: 1}


def test_a_market_order_spends_an_amount(counter: Counter) -> None:
    placed = counter.place(**market(symbol=SOL, quantity=None, quoteQuantity="1000"))
    assert placed["status"] == "Filled"
    assert 990 < float(placed["executedQuoteQuantity"]) <= 1000
    sold = counter.place(**market(symbol=SOL, side="Ask", quantity=None, quoteQuantity="1000"))
    assert 990 < float(sold["executedQuoteQuantity"]) <= 1000


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"price": "200"}, "INVALID_PRICE"),
        ({"quantity": "5000"}, "INSUFFICIENT_MARGIN"),
        ({"symbol": SOL, "quantity": "5000"}, "INSUFFICIENT_FUNDS"),
        ({"reduceOnly": True}, "INVALID_ORDER"),
        (market(quantity="1", reduceOnly=True), "INVALID_ORDER"),
    ],
)
def test_the_engine_s_refusals_have_the_venue_s_codes(counter: Counter, fields: dict[str, Any], code: str) -> None:
    assert counter.refused(**fields)[:2] == (400, code)
    assert counter.truth()["orders"] == []
    assert counter.ask("GET", "/api/v1/orders") == []


def test_client_ids_are_unique_among_open_orders_only(counter: Counter) -> None:
    counter.place(clientId=7)
    assert counter.refused(clientId=7)[:2] == (400, "INVALID_ORDER")
    assert counter.truth()["received"] == {7: 2}
    assert counter.truth()["processed"] == {7: 1}
    counter.ask("POST", "/api/v1/order", {"symbol": PERP, "side": "Bid", "orderType": "Limit", "price": "140",
                                          "quantity": "1", "clientId": 7}, account=1)  # fmt: skip
    assert counter.cancel(symbol=PERP, clientId=7).status == 200
    counter.place(clientId=7)
    assert counter.truth()["processed"] == {7: 2}


def test_cancels(counter: Counter) -> None:
    one = counter.place(clientId=1)
    reply = counter.cancel(symbol=PERP, orderId=one["id"])
    assert json.loads(reply.body)["status"] == "Cancelled"
    assert refusal(counter.cancel(symbol=PERP, orderId=one["id"]))[:2] == (404, "RESOURCE_NOT_FOUND")
    two = counter.place(clientId=2)
    assert refusal(counter.cancel(symbol=SOL, orderId=two["id"]))[0] == 404
    assert refusal(counter.cancel(symbol=PERP, orderId=two["id"], clientId=2))[0] == 400
    assert refusal(counter.cancel(symbol=PERP))[0] == 400
    other = counter.signed("DELETE", "/api/v1/order", {"symbol": PERP, "orderId": two["id"]}, account=1)
    assert refusal(other)[0] == 404
    assert counter.cancel(symbol=PERP, clientId="2").status == 200


def test_cancel_all_takes_a_market_and_a_kind(counter: Counter) -> None:
    counter.place(clientId=1)
    counter.place(clientId=2, symbol=SOL)
    waiting = {"triggerPrice": "160", "triggerQuantity": "1", "quantity": None}
    counter.place(clientId=3, **waiting)
    assert refusal(counter.signed("DELETE", "/api/v1/orders", {}))[0] == 400
    gone = counter.ask("DELETE", "/api/v1/orders", {"symbol": PERP, "orderType": "ConditionalOrder"})
    assert [each["clientId"] for each in gone] == [3]
    counter.place(clientId=4, **waiting)
    gone = counter.ask("DELETE", "/api/v1/orders", {"symbol": PERP, "orderType": "RestingLimitOrder"})
    assert [each["clientId"] for each in gone] == [1]
    gone = counter.ask("DELETE", "/api/v1/orders", {"symbol": PERP})
    assert [each["clientId"] for each in gone] == [4]
    assert [each["clientId"] for each in counter.ask("GET", "/api/v1/orders")] == [2]
    assert counter.ask("DELETE", "/api/v1/orders", {"symbol": PERP}) == []


def test_a_batch_answers_each_item_in_its_order(counter: Counter) -> None:
    usual = {"symbol": PERP, "side": "Bid", "orderType": "Limit", "price": "140", "quantity": "1"}
    items = [usual | {"clientId": 1}, usual | {"price": "140.001"}, usual | {"clientId": 1}, usual | {"clientId": 2}]
    told = counter.ask("POST", "/api/v1/orders", items)
    assert [each["operation"] for each in told] == ["Ok", "Err", "Err", "Ok"]
    assert told[1]["message"] == "Price decimal too long"
    assert told[3]["clientId"] == 2
    assert counter.signed("POST", "/api/v1/orders", [usual] * 21).status == 400
    assert len(counter.truth()["orders"]) == 2


@pytest.mark.parametrize(
    ("prevention", "taker", "maker"),
    [
        (None, ("Expired", "SelfTradePrevention"), ("New", None)),
        ("RejectTaker", ("Expired", "SelfTradePrevention"), ("New", None)),
        ("RejectMaker", ("Filled", None), ("Expired", "SelfTradePrevention")),
        ("RejectBoth", ("Expired", "SelfTradePrevention"), ("Expired", "SelfTradePrevention")),
    ],
)
def test_who_goes_when_own_orders_meet(
    prevention: str | None, taker: tuple[str, str | None], maker: tuple[str, str | None]
) -> None:
    wide = {"SOL/USDC:USDC": SymbolConfig(spread_bps=40)}
    counter = Counter(PaperConfig(market=MarketConfig(seed=7, symbols=wide)))
    bid, ask = counter.touch()
    assert ask - bid > 0.1
    counter.place(side="Ask", price=at(ask - 0.02), quantity="1", clientId=1)
    counter.place(price=at(ask + 0.1), quantity="2", clientId=2, selfTradePrevention=prevention)
    told = {each["client_id"]: (each["state"], each["reason"]) for each in counter.truth()["orders"]}
    assert told == {1: maker, 2: taker}


def test_a_trigger_waits_and_becomes_active(counter: Counter) -> None:
    wire, _ = counter.listen("account.orderUpdate", account=0)
    _, ask = counter.touch()
    placed = counter.place(**market(quantity=None, triggerPrice=at(ask + 0.05), triggerQuantity="1", clientId=5))
    assert (placed["status"], placed["triggerBy"], placed["triggeredAt"]) == ("TriggerPending", "LastPrice", None)
    assert counter.ask("GET", "/api/v1/orders")[0]["status"] == "TriggerPending"
    assert counter.ask("GET", "/api/v1/account")["triggerOrders"] == 1
    counter.run(300)
    told = counter.history("orders")[0]
    assert told["status"] == "Filled"
    events = [(each["e"], each["X"]) for each in wire.on("account.orderUpdate")]
    assert events[:2] == [("triggerPlaced", "TriggerPending"), ("orderAccepted", "New")]
    assert events[-1] == ("orderFill", "Filled")


def test_a_trigger_whose_order_is_refused_fails(counter: Counter) -> None:
    _, ask = counter.touch()
    wire, _ = counter.listen(f"account.orderUpdate.{PERP}", account=0)
    counter.place(**market(quantity=None, triggerPrice=at(ask + 0.03), triggerQuantity="1", reduceOnly=True))
    counter.run(300)
    assert counter.truth()["orders"][0]["state"] == "TriggerFailed"
    assert [each["e"] for each in wire.on(f"account.orderUpdate.{PERP}")] == ["triggerPlaced", "triggerFailed"]


def test_a_share_of_the_position_can_be_triggered(counter: Counter) -> None:
    fields = {"side": "Ask", "quantity": None, "triggerPrice": "200", "triggerQuantity": "50%", "reduceOnly": True}
    assert counter.refused(**market(**fields))[:2] == (400, "INVALID_QUANTITY")
    counter.place(**market(quantity="4"))
    placed = counter.place(**market(**fields))
    assert placed["triggerQuantity"] == "50%"
    assert placed["status"] == "TriggerPending"


def test_attached_orders_are_placed_when_their_parent_is_filled(counter: Counter) -> None:
    parent = counter.place(**market(quantity="1", stopLossTriggerPrice="140", takeProfitTriggerPrice="170",
                                    takeProfitLimitPrice="171"))  # fmt: skip
    counter.run(0.1)
    children = counter.ask("GET", "/api/v1/orders")
    assert [(c["orderType"], c["side"], c["triggerPrice"], c["reduceOnly"]) for c in children] == [
        ("Market", "Ask", "140", True),
        ("Limit", "Ask", "170", True),
    ]
    assert {child["relatedOrderId"] for child in children} == {parent["id"]}


def test_a_resting_reduce_only_order_shrinks_with_the_position(counter: Counter) -> None:
    wire, _ = counter.listen("account.orderUpdate", account=0)
    counter.place(**market(quantity="4"))
    counter.place(side="Ask", price="160", quantity="4", reduceOnly=True, clientId=9)
    counter.place(**market(quantity="3", side="Ask"))
    modified = [each for each in wire.on("account.orderUpdate") if each["e"] == "orderModified"]
    assert [(each["c"], each["q"], each["r"]) for each in modified] == [(9, "1", True)]
    counter.place(**market(quantity="1", side="Ask"))
    assert counter.history("orders", symbol=PERP)[-2]["expiryReason"] == "ReduceOnlyNotReduced"


def test_lent_balances_must_be_redeemed(counter: Counter) -> None:
    counter.signed("PATCH", "/api/v1/account", {"autoLend": True})
    assert counter.refused(symbol=SOL)[:2] == (400, "BORROW_REQUIRES_LEND_REDEEM")
    counter.place(symbol=SOL, autoLendRedeem=True)


def test_too_many_orders_are_refused() -> None:
    counter = Counter(PaperConfig(market=MarketConfig(seed=7), max_open_orders=2))
    counter.place()
    counter.place()
    assert counter.refused()[:2] == (400, "ORDER_LIMIT")
    assert settings_of(None).max_open_orders == 200
