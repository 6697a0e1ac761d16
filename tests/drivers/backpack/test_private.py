"""Private pushes: fills before updates, both casings, who traded, positions and balances."""

import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Balance, Fill, OrderUpdate, Position
from ctosd.testing.store import MemoryStore
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import AccountConfig
from drivers.backpack.private import BALANCES, ORDERS, POSITIONS, PrivateDecoder
from tests.drivers.backpack.exchange import MAIN, SOL, T0, listing

FILL = {"e": "orderFill", "E": 1795341600123456, "T": 1795341600123400, "s": "SOL_USDC_PERP", "c": 7, "S": "Bid", "o": "LIMIT", "f": "GTC", "q": "12", "p": "141", "X": "PartiallyFilled", "i": "5406825793", "t": 901, "l": "2", "L": "141", "z": "2", "Z": "282", "m": True, "n": "0.05", "N": "USDC", "O": "USER", "r": False}  # fmt: skip
POSITION = {"B": "126.97", "E": 1769366599828079, "M": "120.96", "P": "0.0009", "Q": "0.01", "T": 1769366599828078, "b": "126.9307", "f": "0.02", "i": 28563667732, "l": "0", "m": "0.0135", "n": "1.2096", "p": "0.0592", "q": "-0.01", "s": "SOL_USDC_PERP"}  # fmt: skip


def decoder() -> tuple[PrivateDecoder, ClientIds]:
    listed, ids = listing(), ClientIds(MemoryStore(), T0)
    return PrivateDecoder(Account(MAIN, AccountConfig(), None), lambda: listed.by_native, ids), ids


def push(stream: str, data: Any) -> bytes:
    return json.dumps({"data": data, "stream": stream}).encode()


def order(**more: Any) -> dict[str, Any]:
    base = {key: FILL[key] for key in ("E", "T", "s", "c", "S", "o", "f", "q", "p", "i", "O", "r")}
    return {**base, "e": "orderAccepted", "X": "New", "z": "0", "Z": "0", **more}


def test_a_fill_comes_before_its_order() -> None:
    """The sheet's own example, in the event order that the ledger needs."""
    made, ids = decoder()
    (number,) = ids.allocate(MAIN, ["ctos1"], T0)
    stream, events = made.decode(push("account.orderUpdate.SOL_USDC_PERP", {**FILL, "c": number}), 5)
    assert stream == ORDERS
    fill, update = events
    assert fill == Fill(account=MAIN, symbol=SOL, trade_id="901", client_id="ctos1", venue_id="5406825793", side="buy",
                        price=D(141), size=D(2), fee=D("0.05"), fee_asset="USDC", liquidity="maker",
                        time_ns=1795341600123400_000)  # fmt: skip
    assert update == OrderUpdate(account=MAIN, symbol=SOL, client_id="ctos1", venue_id="5406825793",
                                 state="partially_filled", side="buy", type="limit", size=D(12), filled=D(2), price=D(141),
                                 average=D(141), time_ns=1795341600123400_000)  # fmt: skip


@pytest.mark.parametrize(
    ("data", "state", "reason"),
    [
        (order(), "open", ""),
        (order(e="orderCancelled", X="Cancelled", z="3"), "cancelled", ""),
        (order(e="orderExpired", X="Expired", R="PostOnlyTaker"), "rejected", "post_only"),
        (order(e="orderExpired", X="Expired", R="IMMEDIATE_OR_CANCEL"), "expired", "not_filled"),
        (order(e="orderExpired", X="Expired", R="ReduceOnlyNotReduced", z="1"), "expired", "reduce_only"),
        (order(e="triggerPlaced", X="TriggerPending", P="150", B="LastPrice", Y="12"), "open", ""),
        (order(e="triggerFailed", X="TriggerFailed"), "rejected", "exchange_error"),
        (order(e="orderModified", X="New", q="4"), "open", ""),
    ],
)
def test_lives_of_orders(data: dict[str, Any], state: str, reason: str) -> None:
    made, _ = decoder()
    ((update,),) = [made.decode(push("account.orderUpdate", data), 5)[1]]
    assert (update.state, update.reason, update.filled) == (state, reason, D(data["z"]))
    assert update.size == D(data["q"])


def test_the_end_of_an_order_is_noted() -> None:
    made, ids = decoder()
    (number,) = ids.allocate(MAIN, ["ctos1"], T0)
    made.decode(push(ORDERS, order(c=number)), T0)
    assert ids.pair("ctos1").end_ns == 0
    made.decode(push(ORDERS, order(c=number, e="orderCancelled", X="Cancelled")), T0 + 9)
    assert ids.pair("ctos1").end_ns == T0 + 9


@pytest.mark.parametrize(
    ("origin", "cause"),
    [("USER", ""), ("LIQUIDATION_AUTOCLOSE", "liquidation"), ("ADL_AUTOCLOSE", "adl"),
     ("BACKSTOP_LIQUIDITY_PROVIDER", "liquidation"), ("COLLATERAL_CONVERSION", "conversion")],
)  # fmt: skip
def test_who_traded(origin: str, cause: str) -> None:
    """The venue's own orders have no client id; their fills are told with their cause."""
    made, _ = decoder()
    data = {key: value for key, value in FILL.items() if key != "c"} | {"O": origin}
    fill, update = made.decode(push(ORDERS, data), 5)[1]
    assert (fill.cause, fill.client_id, update.client_id) == (cause, "bp-order-5406825793", "bp-order-5406825793")


def test_trigger_sizes() -> None:
    """A size is a number; a share of the position is none until it triggers."""
    made, _ = decoder()
    for given_size, size in (("12", D(12)), (12, D(12)), ("80%", D(0))):
        data = order(e="triggerPlaced", X="TriggerPending", Y=given_size)
        del data["q"]
        assert made.decode(push(ORDERS, data), 5)[1][0].size == size


def test_positions() -> None:
    """`B` is the entry and `q` the position; the first push after a subscription has no `e`; several may come at once."""
    made, _ = decoder()
    stream, (event,) = made.decode(push("account.positionUpdate", POSITION), 5)
    assert stream == POSITIONS
    assert event == Position(account=MAIN, symbol=SOL, size=D("-0.01"), entry=D("126.97"), mark=D("120.96"),
                             unrealised=D("0.0009"), realised=D("0.0592"), time_ns=1769366599828078_000)  # fmt: skip
    closed = {**POSITION, "e": "positionClosed", "q": "0", "l": "88"}
    both = made.decode(push("account.positionUpdate", [POSITION, closed]), 5)[1]
    assert [(each.size, each.entry, each.liquidation) for each in both] == [
        (D("-0.01"), D("126.97"), None),
        (D(0), D(0), D(88)),
    ]
    documented = {"s": "SOL_USDC_PERP", "b": 123, "B": 122, "l": 50, "M": 122, "q": 5, "p": "-1", "P": "0", "T": 1694687692989999}  # fmt: skip
    (plain,) = made.decode(push("account.positionUpdate", documented), 5)[1]
    assert (plain.size, plain.entry) == (D(5), D(122))


def test_balances() -> None:
    """Absolute figures; all of the asset is what is free, in orders and staked."""
    made, _ = decoder()
    data = {"e": "balanceUpdate", "E": 1795341600123456, "a": "USDC", "A": "90.5", "L": "10", "S": "1"}
    assert made.decode(push("account.balanceUpdate", data), 5) == (
        BALANCES,
        [Balance(account=MAIN, asset="USDC", total=D("101.5"), available=D("90.5"), time_ns=1795341600123456_000)],
    )


def test_what_is_not_listed_or_not_known_is_counted() -> None:
    made, _ = decoder()
    assert made.decode(push(ORDERS, order(s="X_USDC_RFQ")), 5)[1] == []
    assert made.decode(push(POSITIONS, {**POSITION, "s": "X"}), 5)[1] == []
    assert made.decode(push("account.rfqUpdate", {"e": "rfqActive"}), 5) == ("account.rfqUpdate", [])
    assert made.decode(push(ORDERS, order(X="Sideways")), 5) == ("", [])
    assert made.decode(push(ORDERS, {"e": "orderAccepted"}), 5) == ("", [])
    assert made.statistics()["ignored"] == 3
    assert made.statistics()["undecodable"] == 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100), st.integers(0, 300))
def test_no_garbage_raises(noise: bytes, at: int) -> None:
    made, _ = decoder()
    whole = push(ORDERS, FILL)
    for each in (noise, whole[:at] + noise + whole[at:], whole[:at]):
        made.decode(each, 5)
