"""Rows of orders, fills and balances: states, reasons, signs of fees, contracts to coins."""

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ctosd.abi import REASONS, Balance, Fill
from drivers.okx.conditionals import Conditionals
from drivers.okx.private import balance, conditional_update, fill_of_push, fill_of_row, order_update, payment_of_row
from drivers.okx.records import AlgoRow, BalanceRow, BillRow, FillRow, OrderRow
from tests.drivers.okx.scripted import MAIN, PERP, SPOT, dump, listing, order_row

PRODUCTS = listing()


def update(conditionals: Conditionals | None = None, **changes: Any) -> Any:
    row = msgspec.json.decode(dump(order_row(**changes)), type=OrderRow)
    return order_update(MAIN, row, PRODUCTS.by_native[row.inst_id], conditionals or Conditionals())


def test_an_open_order() -> None:
    found = update()
    assert (found.state, found.size, found.filled, found.price, found.average) == ("open", D("0.5"), 0, 60000, None)
    assert (found.client_id, found.venue_id, found.side, found.type) == ("ctos0000001000000001", "7", "buy", "limit")
    assert (found.symbol, found.time_ns, found.reduce_only) == (PERP, 1700000000001_000000, False)


@pytest.mark.parametrize(
    ("source", "filled", "state", "reason"),
    [
        ("31", "0", "rejected", "post_only"), ("13", "0", "expired", "not_filled"), ("14", "0", "expired", "not_filled"),
        ("14", "10", "cancelled", "not_filled"), ("1", "0", "cancelled", ""), ("20", "0", "cancelled", ""),
        ("32", "0", "cancelled", "self_trade"), ("32", "5", "cancelled", "self_trade"), ("15", "0", "rejected", "price_band"),
        ("3", "0", "cancelled", "liquidated"), ("22", "0", "cancelled", "reduce_only"), ("99", "0", "cancelled", ""),
        ("", "0", "cancelled", ""),
    ],
)  # fmt: skip
def test_why_an_order_went(source: str, filled: str, state: str, reason: str) -> None:
    found = update(state="canceled", cancelSource=source, accFillSz=filled)
    assert (found.state, found.reason) == (state, reason)
    assert not reason or reason in REASONS


def test_market_orders_have_no_price() -> None:
    found = update(ordType="market", px="", avgPx="60001.5", state="filled", accFillSz="50", reduceOnly="true")
    assert (found.type, found.price, found.average, found.filled, found.reduce_only) == (
        "market",
        None,
        D("60001.5"),
        D("0.5"),
        True,
    )


def test_a_strangers_order_in_money() -> None:
    found = update(
        instId="BTC-USDT", tgtCcy="quote_ccy", sz="30000", accFillSz="0.4", ordType="market", state="partially_filled"
    )
    assert (found.symbol, found.size, found.filled) == (SPOT, D("0.4"), D("0.4"))


@pytest.mark.parametrize("changes", [{"state": "dreaming"}, {"side": "limit"}])
def test_nothing_is_guessed(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is no"):
        update(**changes)


FILLED: dict[str, Any] = {
    "state": "partially_filled", "accFillSz": "20", "fillPx": "59999", "fillSz": "20", "fillTime": "1700000000005",
    "fillFee": "-1.2", "fillFeeCcy": "USDT", "tradeId": "t1", "execType": "M",
}  # fmt: skip


def fill(**changes: Any) -> Fill | None:
    row = msgspec.json.decode(dump(order_row(**FILLED | changes)), type=OrderRow)
    return fill_of_push(MAIN, row, PRODUCTS.by_native[row.inst_id], Conditionals())


def test_a_fill() -> None:
    assert fill() == Fill(
        account=MAIN, symbol=PERP, trade_id="t1", client_id="ctos0000001000000001", venue_id="7", side="buy",
        price=D(59999), size=D("0.2"), fee=D("1.2"), fee_asset="USDT", liquidity="maker", time_ns=1700000000005_000000,
    )  # fmt: skip


def test_fees_and_rebates() -> None:
    rebate = fill(fillFee="0.3", execType="T")
    assert rebate is not None
    assert (rebate.fee, rebate.liquidity) == (D("-0.3"), "taker")
    first = fill(fillFee="", fee="-0.7", feeCcy="BTC", fillFeeCcy="")
    assert first is not None
    assert (first.fee, first.fee_asset) == (D("0.7"), "BTC"), "of a first fill the sum is its own"


def test_a_push_without_a_trade_is_no_fill() -> None:
    assert fill(tradeId="", fillSz="") is None
    assert fill(fillSz="0") is None


@pytest.mark.parametrize(
    ("category", "cause"),
    [("normal", ""), ("full_liquidation", "liquidation"), ("partial_liquidation", "liquidation"), ("adl", "adl")],
)
def test_what_the_venue_itself_traded(category: str, cause: str) -> None:
    found = fill(category=category)
    assert found is not None
    assert found.cause == cause


@pytest.mark.parametrize(("code", "cause"), [("1", ""), ("", ""), ("104", "liquidation"), ("126", "adl")])
def test_a_fill_that_was_asked_for(code: str, cause: str) -> None:
    row = FillRow(
        "BTC-USDT-SWAP",
        "t9",
        "7",
        fill_px="1",
        fill_sz="3",
        side="sell",
        exec_type="T",
        fee="-0.01",
        ts="5",
        sub_type=code,
    )
    found = fill_of_row(MAIN, row, PRODUCTS.find(PERP), Conditionals())
    assert (found.size, found.fee, found.fee_asset, found.time_ns, found.cause) == (
        D("0.03"),
        D("0.01"),
        "USDT",
        5_000000,
        cause,
    )


def algo(state: str, conditionals: Conditionals, order: str = "", **more: Any) -> Any:
    row = AlgoRow(
        "BTC-USDT-SWAP",
        "a1",
        algo_cl_ord_id="c1",
        state=state,
        side="sell",
        sz="50",
        ord_px="61010",
        ord_id=order,
        **more,
    )
    return conditional_update(MAIN, row, PRODUCTS.find(PERP), conditionals)


def test_the_life_of_a_conditional_order() -> None:
    """It waits, it sends an order, and that one's events go by its name."""
    known = Conditionals()
    waiting = algo("live", known)
    assert (waiting.state, waiting.venue_id, waiting.client_id, waiting.size, waiting.price) == (
        "open",
        "a1",
        "c1",
        D("0.5"),
        61010,
    )
    assert known.armed == {"c1": "a1"}
    sent = algo("effective", known, "88")
    assert (sent.state, sent.venue_id) == ("open", "88")
    assert known.armed == {}
    assert update(known, ordId="88", clOrdId="").client_id == "c1"


def test_ends_of_conditional_orders() -> None:
    known = Conditionals()
    algo("live", known)
    assert algo("canceled", known).state == "cancelled"
    assert known.armed == {}
    assert (algo("order_failed", known).state, algo("order_failed", known).reason) == ("rejected", "exchange_error")
    assert algo("live", known, ord_type="conditional").type == "limit"
    market = AlgoRow("BTC-USDT-SWAP", "a1", state="live", side="sell", sz="1", sl_ord_px="-1", sl_trigger_px="5")
    assert conditional_update(MAIN, market, PRODUCTS.find(PERP), known).type == "market"


def test_an_order_that_names_its_conditional_one() -> None:
    known = Conditionals()
    assert update(known, ordId="88", clOrdId="", algoClOrdId="c7", algoId="a7").client_id == "c7"
    assert known.order_of("c7") == "88"


@pytest.mark.parametrize(
    ("row", "total", "available"),
    [
        (BalanceRow("USDT", cash_bal="100", avail_bal="80", avail_eq="90"), "100", "90"),
        (BalanceRow("USDT", cash_bal="", avail_eq="2000", eq="2010", upl="10"), "2000", "2000"),
        (BalanceRow("BTC", avail_bal="10", frozen_bal="5"), "15", "10"),
        (BalanceRow("BTC", cash_bal="-3", avail_eq="0"), "-3", "0"),
    ],
)
def test_balances(row: BalanceRow, total: str, available: str) -> None:
    """`total` without unrealised profit; `available` is what orders may use."""
    assert balance(MAIN, row, 7) == Balance(
        account=MAIN, asset=row.ccy, total=D(total), available=D(available), time_ns=7
    )


@pytest.mark.parametrize(
    ("pnl", "moved", "rate", "position"),
    [
        ("-0.6", "-0.6", "0.0001", "0.1"),
        ("0.6", "0.6", "0.0001", "-0.1"),
        ("-0.6", "-0.6", "-0.0001", "-0.1"),
        ("0.6", "0", "-0.0001", "0.1"),
        ("", "-0.6", "0.0001", "0.1"),
        ("-0.6", "-0.6", "0", "0"),
    ],
)
def test_who_pays_tells_the_side(pnl: str, moved: str, rate: str, position: str) -> None:
    """Longs pay when the rate is positive. The fee is `pnl`, also where an isolated position paid it from its own margin."""
    product = PRODUCTS.find(PERP)
    row = BillRow(bill_id="7", inst_id="BTC-USDT-SWAP", ccy="USDT", bal_chg=moved, pnl=pnl, sz="10", ts="1700000015000")
    payment = payment_of_row(MAIN, row, product, (1_700_000_000_000_000_000, D(rate)))
    assert (payment.amount, payment.rate, payment.position) == (D(pnl or moved), D(rate), D(position))
    assert (payment.payment_id, payment.asset, payment.time_ns) == ("7", "USDT", 1_700_000_000_000_000_000)
    unknown = payment_of_row(MAIN, row, product, None)
    assert (unknown.rate, unknown.position, unknown.time_ns) == (0, 0, 1_700_000_015_000_000_000)
