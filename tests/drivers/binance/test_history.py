"""Orders, balances and positions by query."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NotReady
from drivers.binance import Binance
from tests.drivers.binance.scripted import MAIN, PERP, SPOT, Venue, fixture

GONE = (400, {"code": -2013, "msg": "Order does not exist."})
ROW = {"symbol": "BTCUSDT", "orderId": 55, "clientOrderId": "random", "status": "FILLED", "side": "BUY", "type": "MARKET", "origQty": "1",
       "executedQty": "1", "price": "0", "avgPrice": "60000", "updateTime": 5, "timeInForce": "GTC"}  # fmt: skip
ALGO = {"symbol": "BTCUSDT", "algoId": 900, "clientAlgoId": "mine", "algoStatus": "NEW", "side": "BUY", "orderType": "STOP_MARKET",
        "quantity": "1", "price": "0", "updateTime": 4, "actualOrderId": ""}  # fmt: skip


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue) -> Binance:
    driver = venue.driver()
    await driver.start()
    venue.calls.clear()
    return driver


async def test_an_order_that_neither_service_knows_is_none(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", "/fapi/v1/order", lambda p: GONE)
    venue.route("GET", "/fapi/v1/algoOrder", lambda p: GONE)
    assert await driver.fetch_order(MAIN, PERP, "x") is None
    venue.route("GET", "/fapi/v1/algoOrder", lambda p: (500, b"<html>"))
    with pytest.raises(NotReady):
        await driver.fetch_order(MAIN, PERP, "x")
    venue.route("GET", "/fapi/v1/order", lambda p: (400, {"code": -1121, "msg": "Invalid symbol."}))
    with pytest.raises(NotReady, match="Invalid symbol"):
        await driver.fetch_order(MAIN, PERP, "x")
    with pytest.raises(CallerMistake):
        await driver.fetch_order(MAIN, "NO/USDT:USDT", "x")


async def test_a_conditional_order_before_and_after_its_trigger(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", "/fapi/v1/order", lambda p: ROW if p.get("orderId") == "55" else GONE)
    venue.route("GET", "/fapi/v1/algoOrder", lambda p: ALGO)
    found = await driver.fetch_order(MAIN, PERP, "mine")
    assert found is not None
    assert (found.client_id, found.venue_id, found.state) == ("mine", "900", "open")
    venue.route(
        "GET",
        "/fapi/v1/algoOrder",
        lambda p: {**ALGO, "algoStatus": "FINISHED", "actualOrderId": "55", "actualQty": "1"},
    )
    for _ in range(2):  # the second time by what was learnt
        found = await driver.fetch_order(MAIN, PERP, "mine")
        assert found is not None
        assert (found.client_id, found.venue_id, found.state, found.average) == ("mine", "55", "filled", D(60000))


async def test_open_orders_of_both_services(venue: Venue) -> None:
    driver = await started(venue)
    driver.book[MAIN].data.conditionals.join("55", "mine")
    rows = [{**ROW, "status": "NEW", "executedQty": "0"}, {**ROW, "symbol": "NOTLISTED"}]
    venue.route("GET", "/fapi/v1/openOrders", lambda p: rows)
    venue.route("GET", "/fapi/v1/openAlgoOrders", lambda p: [{**ALGO, "clientAlgoId": "other"}])
    found = await driver.fetch_open_orders(MAIN)
    assert [(each.client_id, each.state) for each in found] == [("mine", "open"), ("other", "open")]
    assert "other" in driver.book[MAIN].data.conditionals.armed
    before = len(venue.budget.taken)
    await driver.fetch_open_orders(MAIN, PERP)
    assert venue.budget.taken[before:] == [("weight", 1), ("weight", 1)]
    venue.route("GET", "/fapi/v1/openOrders", lambda p: [{"symbol": "BTCUSDT"}])
    with pytest.raises(NotReady, match="cannot be read"):
        await driver.fetch_open_orders(MAIN)
    venue.route("GET", "/fapi/v1/openOrders", lambda p: {"msg": "odd"})
    with pytest.raises(NotReady):
        await driver.fetch_open_orders(MAIN)


async def test_spot_archived_orders_are_known_to_be_dead() -> None:
    venue = Venue("spot")
    driver = await started(venue)
    venue.route("GET", "/api/v3/order", lambda p: (400, {"code": -2026, "msg": "Order was archived."}))
    found = await driver.fetch_order(MAIN, SPOT, "old")
    assert found is not None
    assert (found.state, found.client_id) == ("cancelled", "old")
    venue.route("GET", "/api/v3/order", lambda p: GONE)
    assert await driver.fetch_order(MAIN, SPOT, "x") is None
    await venue.end()


async def test_balances(venue: Venue) -> None:
    driver = await started(venue)
    rows = [
        {"asset": "USDT", "balance": "100", "availableBalance": "40", "updateTime": 5},
        {"asset": "BNB", "balance": "0", "availableBalance": "0"},
    ]
    venue.route("GET", "/fapi/v3/balance", lambda p: rows)
    [balance] = await driver.fetch_balances(MAIN)
    assert (balance.asset, balance.total, balance.available) == ("USDT", D(100), D(40))
    assert driver.book[MAIN].data.wallets["USDT"] == balance
    venue.route("GET", "/fapi/v3/balance", lambda p: [{"asset": "USDT"}])
    with pytest.raises(NotReady):
        await driver.fetch_balances(MAIN)
    spot = Venue("spot")
    driver = await started(spot)
    spot.route(
        "GET",
        "/api/v3/account",
        lambda p: {"canTrade": True, "balances": [{"asset": "BTC", "free": "1", "locked": "0.5"}]},
    )
    [balance] = await driver.fetch_balances(MAIN)
    assert (balance.total, balance.available) == (D("1.5"), D(1))
    assert await driver.fetch_positions(MAIN) == []
    await spot.end()


async def test_positions_have_their_leverage_and_flat_ones_are_told(venue: Venue) -> None:
    """Version 3 tells neither the leverage nor that a position is gone."""
    driver = await started(venue)
    rows: list[Any] = [{"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-2", "entryPrice": "100", "markPrice": "90",
                        "unRealizedProfit": "20", "liquidationPrice": "500", "updateTime": 5}]  # fmt: skip
    venue.route("GET", "/fapi/v3/positionRisk", lambda p: rows)
    venue.route(
        "GET", "/fapi/v1/symbolConfig", lambda p: [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 21}]
    )
    [position] = await driver.fetch_positions(MAIN)
    assert (position.size, position.leverage, position.liquidation, position.mark) == (D(-2), D(21), D(500), D(90))
    rows.clear()
    [position] = await driver.fetch_positions(MAIN)
    assert (position.symbol, position.size, position.entry) == (PERP, 0, 0)
    assert await driver.fetch_positions(MAIN) == []


async def test_legs_of_hedge_mode_are_netted(venue: Venue) -> None:
    driver = await started(venue)
    rows = fixture("nautilus", "binance_py", "http_responses", "http_futures_account_positions_hedge.json")
    venue.route("GET", "/fapi/v3/positionRisk", lambda p: rows)
    [position] = await driver.fetch_positions(MAIN)
    assert (position.symbol, position.size) == (PERP, D(10))


async def test_unknown_accounts_are_a_mistake(venue: Venue) -> None:
    driver = await started(venue)
    with pytest.raises(CallerMistake, match="known: binance/main"):
        await driver.fetch_balances("binance/other")
