"""Fills: the right symbols, all pages, and whose order each one was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctosd.abi import NotReady
from drivers.binance import Binance
from tests.drivers.binance.scripted import MAIN, MS, PERP, SPOT, Venue, place, settle

ETH = "ETH/USDT:USDT"
DAY = 86_400_000


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


class Tape:
    """A venue's memory of trades and orders, asked as Binance is asked."""

    def __init__(self, venue: Venue, head: str = "/fapi/v1", trades: str = "userTrades", window: int = 7 * DAY) -> None:
        self.trades: dict[str, list[dict[str, Any]]] = {}
        self.orders: dict[str, list[dict[str, Any]]] = {}
        self.window = window
        venue.route("GET", f"{head}/{trades}", self.page)
        venue.route("GET", f"{head}/allOrders", self.order_page)

    def add(self, native: str, trade: int, order: int, time_ms: int, client_id: str) -> None:
        row = {"symbol": native, "id": trade, "orderId": order, "price": "5", "qty": "1", "commission": "0.1", "commissionAsset": "USDT",
               "time": time_ms, "buyer": True, "maker": True}  # fmt: skip
        self.trades.setdefault(native, []).append(row)
        orders = self.orders.setdefault(native, [])
        if all(each["orderId"] != order for each in orders):
            orders.append({"orderId": order, "clientOrderId": client_id})

    def page(self, params: dict[str, str]) -> list[Any]:
        rows = self.trades.get(params["symbol"], [])
        if "fromId" in params:
            rows = [row for row in rows if row["id"] >= int(params["fromId"])]
        else:
            begin, end = int(params["startTime"]), int(params["endTime"])
            assert end - begin <= self.window
            rows = [row for row in rows if begin <= row["time"] <= end]
        return sorted(rows, key=lambda row: row["id"])[: int(params["limit"])]

    def order_page(self, params: dict[str, str]) -> list[Any]:
        rows = [row for row in self.orders.get(params["symbol"], []) if row["orderId"] >= int(params["orderId"])]
        return sorted(rows, key=lambda row: row["orderId"])[: int(params["limit"])]


async def started(venue: Venue, **settings: Any) -> tuple[Binance, Tape, int]:
    spot = venue.product == "spot"
    tape = Tape(venue, "/api/v3", "myTrades", DAY) if spot else Tape(venue)
    if not spot:
        venue.route("GET", "/fapi/v1/allAlgoOrders", lambda p: [])
    driver = venue.driver(**settings)
    await driver.start()
    venue.calls.clear()
    return driver, tape, venue.clock.now_ns() // MS


async def test_all_pages_of_all_windows_oldest_first(venue: Venue) -> None:
    """2500 trades of one millisecond, and some of weeks before: nothing twice, nothing left out."""
    driver, tape, now = await started(venue, symbols=[PERP, ETH])
    for number in range(2_500):
        tape.add("BTCUSDT", number, number // 100, now - 1_000, f"ctos{number // 100}")
    tape.add("ETHUSDT", 1, 1, now - 20 * DAY, "ctosold")
    fills = await driver.fetch_fills(MAIN, (now - 30 * DAY) * MS)
    assert len(fills) == len({(fill.symbol, fill.trade_id) for fill in fills}) == 2_501
    assert fills[0].symbol == ETH
    assert [fill.time_ns for fill in fills] == sorted(fill.time_ns for fill in fills)
    assert {fill.client_id for fill in fills} == {"ctosold", *(f"ctos{n}" for n in range(25))}
    assert await driver.fetch_fills(MAIN, now * MS) == []


async def test_symbols_come_from_orders_positions_and_income(venue: Venue) -> None:
    driver, tape, now = await started(venue)
    tape.add("BTCUSDT", 1, 1, now - 5, "a")
    tape.add("ETHUSDT", 2, 2, now - 4, "b")
    tape.add("币安人生USDT", 3, 3, now - 3, "c")
    assert await driver.fetch_fills(MAIN, 0) == []  # nobody can know of them
    driver.book[MAIN].surveyed_ns = -1
    driver.book[MAIN].listed_ns = 0
    venue.route(
        "GET", "/fapi/v1/income", lambda p: [{"symbol": "BTCUSDT", "time": now - 5}, {"symbol": "", "time": now}]
    )
    venue.route("GET", "/fapi/v3/positionRisk", lambda p: [{"symbol": "ETHUSDT"}])
    venue.route("GET", "/fapi/v1/openAlgoOrders", lambda p: [
        {"symbol": "币安人生USDT", "algoId": 9, "clientAlgoId": "x", "algoStatus": "NEW", "side": "BUY", "type": "STOP_MARKET", "quantity": "1"}])  # fmt: skip
    assert [fill.client_id for fill in await driver.fetch_fills(MAIN, 0)] == ["a", "b", "c"]


async def test_what_was_traded_is_remembered_over_a_restart(venue: Venue) -> None:
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    driver, _, _ = await started(venue)
    await driver.submit(place())
    assert venue.store.rows[f"traded/{MAIN}"] == PERP.encode()
    again, tape, now = await started(venue)
    tape.add("BTCUSDT", 1, 7, now - 5, "ctos0000001000000001")
    [fill] = await again.fetch_fills(MAIN, 0)
    assert fill.client_id == "ctos0000001000000001"


async def test_while_the_stream_is_heard_only_symbols_in_use_are_asked_for(venue: Venue) -> None:
    driver, _, _now = await started(venue, symbols=[PERP, ETH])
    await driver.fetch_fills(MAIN, 0)
    assert len(venue.sent("GET", "/fapi/v1/income")) == 1
    venue.clock.run(100)
    since = venue.clock.now_ns()
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    venue.clock.run(1)
    await driver.submit(place())
    venue.calls.clear()
    await driver.fetch_fills(MAIN, since)
    assert {params["symbol"] for params in venue.sent("GET", "/fapi/v1/userTrades")} == {"BTCUSDT"}
    assert venue.sent("GET", "/fapi/v1/income") == []
    venue.session("private").cut()
    venue.calls.clear()
    await driver.fetch_fills(MAIN, since)
    assert {params["symbol"] for params in venue.sent("GET", "/fapi/v1/userTrades")} == {"BTCUSDT", "ETHUSDT"}
    assert len(venue.sent("GET", "/fapi/v1/income")) == 1
    await settle()


async def test_the_order_that_a_conditional_one_became_is_ours(venue: Venue) -> None:
    driver, tape, now = await started(venue, symbols=[PERP])
    tape.add("BTCUSDT", 1, 55, now - 5, "random-of-the-venue")
    venue.route(
        "GET",
        "/fapi/v1/allAlgoOrders",
        lambda p: [{"actualOrderId": "55", "clientAlgoId": "ctosmine"}, {"actualOrderId": ""}],
    )
    [fill] = await driver.fetch_fills(MAIN, 0)
    assert fill.client_id == "ctosmine"


async def test_an_order_that_the_venue_forgot_has_no_name(venue: Venue) -> None:
    driver, tape, now = await started(venue, symbols=[PERP])
    tape.add("BTCUSDT", 1, 55, now - 5, "x")
    tape.orders.clear()
    [fill] = await driver.fetch_fills(MAIN, 0)
    assert (fill.client_id, fill.venue_id) == ("", "55")
    venue.calls.clear()
    await driver.fetch_fills(MAIN, 0)
    assert venue.sent("GET", "/fapi/v1/allOrders") == []  # asked once


async def test_liquidations_say_so(venue: Venue) -> None:
    driver, tape, now = await started(venue, symbols=[PERP])
    tape.add("BTCUSDT", 1, 55, now - 5, "autoclose-123")
    assert [fill.cause for fill in await driver.fetch_fills(MAIN, 0)] == ["liquidation"]


async def test_answers_that_cannot_be_read_are_not_ready(venue: Venue) -> None:
    driver, _, _ = await started(venue, symbols=[PERP])
    for answer in ({"msg": "odd"}, [5], [{"id": 1, "orderId": 5}]):
        venue.route("GET", "/fapi/v1/userTrades", lambda p, answer=answer: answer)
        with pytest.raises(NotReady):
            await driver.fetch_fills(MAIN, 0)


async def test_spot_symbols_are_pairs_of_held_coins() -> None:
    venue = Venue("spot")
    balances = [{"asset": "BTC", "free": "1", "locked": "0"}, {"asset": "USDT", "free": "1", "locked": "0"}]
    venue.route("GET", "/api/v3/account", lambda p: {"canTrade": True, "balances": balances})
    driver, tape, now = await started(venue)
    tape.add("BTCUSDT", 1, 7, now - 3 * DAY, "ctosa")
    tape.add("ETHUSDT", 1, 7, now - 5, "ctosb")
    assert [fill.symbol for fill in await driver.fetch_fills(MAIN, 0)] == [SPOT]
    await venue.end()
