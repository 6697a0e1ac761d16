"""Orders as the venue wants them: types, sizes in contracts, margin modes, legs, conditional orders."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import Amend, CallerMistake
from drivers.okx.requests import PATHS, Writer, frame, text
from tests.drivers.okx.scripted import MAIN, PERP, SPOT, cancel, listing, place

WRITER = Writer("ctos", "cross", "net")
PRODUCTS = listing()


def written(order: Any, writer: Writer = WRITER, *, by_code: bool = False) -> dict[str, Any]:
    return json.loads(writer.place(order, PRODUCTS.find(order.symbol), by_code=by_code))


def test_a_limit_order() -> None:
    assert written(place()) == {
        "instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "50",
        "clOrdId": "ctos0000001000000001", "tag": "ctos", "px": "60000",
    }  # fmt: skip


def test_the_websocket_names_the_instrument_by_its_number() -> None:
    body = written(place(), by_code=True)
    assert body["instIdCode"] == 10459
    assert "instId" not in body


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"post_only": True}, "post_only"),
        ({"tif": "ioc"}, "ioc"),
        ({"tif": "fok"}, "fok"),
        ({"price": None, "tif": "ioc"}, "market"),
    ],
)
def test_types(changes: dict[str, Any], kind: str) -> None:
    body = written(place(**changes))
    assert body["ordType"] == kind
    assert ("px" in body) == (kind != "market")


def test_a_spot_market_order_is_sized_in_coins() -> None:
    """Without a word on it the size of a buy would be money."""
    body = written(place(symbol=SPOT, price=None, size="0.5"))
    assert (body["tdMode"], body["tgtCcy"], body["sz"], body["ordType"]) == ("cash", "base_ccy", "0.5", "market")
    assert "tgtCcy" not in written(place(symbol=SPOT))
    assert "tgtCcy" not in written(place(price=None))


def test_reduce_only_is_for_perpetuals() -> None:
    assert written(place(reduce_only=True))["reduceOnly"] is True
    assert "reduceOnly" not in written(place(symbol=SPOT, side="sell", reduce_only=True))


@pytest.mark.parametrize(
    ("side", "reduces", "leg"),
    [("buy", False, "long"), ("sell", False, "short"), ("buy", True, "short"), ("sell", True, "long")],
)
def test_legs(side: Any, reduces: bool, leg: str) -> None:
    body = written(place(side=side, reduce_only=reduces), Writer("ctos", "isolated", "hedge"))
    assert (body["posSide"], body["tdMode"]) == (leg, "isolated")
    assert "reduceOnly" not in body
    assert "posSide" not in written(place(symbol=SPOT), Writer("ctos", "cross", "hedge"))


@pytest.mark.parametrize(
    "order",
    [place(client_id="with-dash"), place(client_id=""), place(client_id="x" * 33), place(client_id='a"b'), place(size="0.00015"),
     place(price=None, post_only=True), place(post_only=True, tif="ioc")],
)  # fmt: skip
def test_what_the_venue_would_not_take_is_refused_before(order: Any) -> None:
    with pytest.raises(CallerMistake):
        written(order)


def amend(**changes: Any) -> Amend:
    facts: dict[str, Any] = {"account": MAIN, "client_id": "c1", "venue_id": "77", "symbol": PERP}
    return Amend(**facts | changes)


def test_an_amend_gives_the_new_total() -> None:
    body = json.loads(WRITER.amend(amend(size=D("0.7"), price=D("59999.9")), PRODUCTS.find(PERP), by_code=False))
    assert body == {"instId": "BTC-USDT-SWAP", "ordId": "77", "newSz": "70", "newPx": "59999.9"}
    with pytest.raises(CallerMistake):
        WRITER.amend(amend(), PRODUCTS.find(PERP), by_code=False)


def test_targets() -> None:
    """The venue's id where there is one, else ours; an order that came from a conditional one by its own."""
    product = PRODUCTS.find(PERP)
    assert json.loads(WRITER.cancel(cancel(venue_id="5"), product, by_code=True)) == {"instIdCode": 10459, "ordId": "5"}
    assert json.loads(WRITER.cancel(cancel("abc"), product, by_code=False))["clOrdId"] == "abc"
    assert json.loads(WRITER.cancel(cancel(venue_id="5"), product, by_code=False, order_id="9"))["ordId"] == "9"


def conditional(last: str = "60000", **changes: Any) -> dict[str, Any]:
    order = place(**{"trigger": D(61000), **changes})
    return json.loads(WRITER.conditional(order, PRODUCTS.find(order.symbol), D(last)))


def test_a_conditional_order() -> None:
    body = conditional(price="61010")
    assert (body["ordType"], body["triggerPx"], body["orderPx"], body["triggerPxType"]) == (
        "trigger",
        "61000",
        "61010",
        "last",
    )
    assert (body["algoClOrdId"], body["tag"], body["sz"]) == ("ctos0000001000000001", "ctos", "50")
    assert conditional(price=None)["orderPx"] == "-1"
    assert conditional(symbol=SPOT, price=None)["tgtCcy"] == "base_ccy"


@pytest.mark.parametrize(
    ("side", "trigger", "head"),
    [("sell", "59000", "sl"), ("sell", "61000", "tp"), ("buy", "61000", "sl"), ("buy", "59000", "tp")],
)
def test_a_conditional_order_that_reduces_is_a_stop_or_a_take_profit(side: Any, trigger: str, head: str) -> None:
    body = conditional(side=side, trigger=D(trigger), price=None, reduce_only=True)
    assert (body["ordType"], body["reduceOnly"]) == ("conditional", True)
    assert (body[f"{head}TriggerPx"], body[f"{head}OrdPx"]) == (trigger, "-1")


@pytest.mark.parametrize("changes", [{"post_only": True}, {"tif": "ioc"}, {"tif": "fok", "price": None}])
def test_conditional_orders_that_do_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(CallerMistake, match="has no conditional"):
        conditional(**changes)


def test_numbers_have_no_exponent() -> None:
    assert [text(D(each)) for each in ("5E+1", "0.5", "1E-8", "60000")] == ["50", "0.5", "0.00000001", "60000"]


def test_a_frame() -> None:
    body = WRITER.cancel(cancel(venue_id="5"), PRODUCTS.find(PERP), by_code=True)
    said = json.loads(frame("o1", "cancel-order", [body], 0))
    assert said == {"id": "o1", "op": "cancel-order", "args": [{"instIdCode": 10459, "ordId": "5"}]}
    assert json.loads(frame("o1", "order", [body], 123))["expTime"] == "123"
    assert set(PATHS) >= {"order", "amend-order", "cancel-order"}
