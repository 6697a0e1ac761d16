"""Records over REST: orders, fills, balances with and without lending, positions, payments."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.testing.store import MemoryStore
from drivers.backpack.clientids import ClientIds
from drivers.backpack.records import (
    Capital,
    FillRecord,
    Margin,
    OrderRecord,
    Payment,
    PositionRecord,
    Settings,
    balances_of,
    fill_of,
    listed,
    payment_of,
    position_of,
    read,
    size_of,
    update_of,
)
from tests.drivers.backpack.exchange import MAIN, SETTINGS, SOL, T0, fill_row, listing, order_row

LISTED = listing()
PERP = LISTED.by_native["SOL_USDC_PERP"]


def order(**more: Any) -> Any:
    record = read(json.dumps(order_row(**more)).encode(), OrderRecord)
    return update_of(MAIN, record, PERP, ClientIds(MemoryStore(), T0))


def test_orders() -> None:
    update = order(executedQuantity="3", executedQuoteQuantity="422.4", status="PartiallyFilled", clientId=7)
    assert (update.state, update.filled, update.average, update.size) == ("partially_filled", D(3), D("140.8"), D(12))
    assert (update.client_id, update.venue_id, update.time_ns) == ("bp-7", "59669287267", 1_795_341_600_094_000_000)


def test_a_trigger_order_has_its_size_elsewhere() -> None:
    update = order(quantity=None, triggerQuantity="0.001", triggerPrice="4100", status="TriggerPending")
    assert (update.state, update.size) == ("open", D("0.001"))
    assert size_of(None, "80%", D(0)) == 0
    assert size_of(None, None, D(2)) == 2


def test_history_writes_times_as_text() -> None:
    update = order(createdAt="2025-09-11T20:10:40.699", status="Expired", expiryReason="PostOnlyTaker")
    assert (update.time_ns, update.state, update.reason) == (1_757_621_440_699_000_000, "rejected", "post_only")


@pytest.mark.parametrize(
    ("system", "cause"),
    [
        (None, ""),
        ("LiquidatePositionOnBook", "liquidation"),
        ("LiquidatePositionOnAdl", "adl"),
        ("FutureExpiry", "settlement"),
    ],
)
def test_fills(system: str | None, cause: str) -> None:
    record = read(json.dumps(fill_row(systemOrderType=system)).encode(), FillRecord)
    fill = fill_of(MAIN, record, PERP, ClientIds(MemoryStore(), T0))
    assert (fill.cause, fill.trade_id, fill.fee, fill.liquidity) == (cause, "1", D("0.05"), "maker")
    assert fill.time_ns == 1_795_341_601_500_000_000


def test_fills_without_a_trade_id_are_told_apart() -> None:
    """Two executions of one system order are two fills, and the same twice is one."""
    ids = ClientIds(MemoryStore(), T0)
    rows = [fill_row(None), fill_row(None, quantity="3"), fill_row(None)]
    fills = [fill_of(MAIN, read(json.dumps(row).encode(), FillRecord), PERP, ids) for row in rows]
    assert fills[0].trade_id == fills[2].trade_id != fills[1].trade_id


MARGIN = read(
    b'{"netEquity":"150","netEquityAvailable":"90","collateral":[{"symbol":"USDC","totalQuantity":"150",'
    b'"availableQuantity":"40","lendQuantity":"100","openOrderQuantity":"10"}]}',
    Margin,
)


@pytest.mark.parametrize(("redeem", "available"), [(False, D(40)), (True, D(140))])
def test_what_is_lent_counts(redeem: bool, available: D) -> None:
    """Lent coins are the account's all the same; an order can use them only when it may ask for them back."""
    capital = {"USDC": Capital(D(40), D(10)), "PYTH": Capital(D(5), D(1), D(3))}
    balances = balances_of(MAIN, capital, MARGIN, redeem=redeem, time_ns=1)
    assert [(each.asset, each.total, each.available) for each in balances] == [
        ("PYTH", D(9), D(5)),
        ("USDC", D(150), available),
    ]


def test_positions_are_net_quantities() -> None:
    """Exposure, which counts open orders too, is never taken for the position."""
    row = {"symbol": "SOL_USDC_PERP", "netQuantity": "-0.01", "netExposureQuantity": "7", "entryPrice": "126.93",
           "markPrice": "121.98", "pnlRealized": "0.051", "pnlUnrealized": "0.0048", "estLiquidationPrice": "0"}  # fmt: skip
    position = position_of(MAIN, read(json.dumps(row).encode(), PositionRecord), PERP, D(10), 5)
    assert (position.symbol, position.size, position.entry) == (SOL, D("-0.01"), D("126.93"))
    assert (position.leverage, position.liquidation, position.unrealised) == (D(10), None, D("0.0048"))


def test_payments() -> None:
    row = b'{"symbol":"SOL_USDC_PERP","quantity":"0.000022","fundingRate":"-0.0000048","intervalEndTimestamp":"2025-09-11T20:00:00"}'
    payment = payment_of(MAIN, read(row, Payment), PERP)
    assert (payment.amount, payment.rate, payment.position) == (D("0.000022"), D("-0.0000048"), D(0))
    assert payment.payment_id == "SOL_USDC_PERP-1757620800000000000"


def test_settings_and_listing() -> None:
    settings = read(json.dumps(SETTINGS).encode(), Settings)
    assert (settings.leverage_limit, settings.auto_lend, settings.spot_maker_fee) == (D(10), False, D(-1))
    records = [PositionRecord("SOL_USDC_PERP", D(1)), PositionRecord("GONE_USDC_PERP", D(1))]
    assert [market.symbol for _, market in listed(records, LISTED.by_native)] == [SOL]
