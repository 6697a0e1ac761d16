"""Cancel everything, both services, until nothing is listed; the dead man's switch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NotReady
from drivers.binance import Binance
from tests.drivers.binance.scripted import MAIN, PERP, SPOT, Venue, settle


class Shelf:
    """Open orders by symbol, ordinary and conditional."""

    def __init__(self, venue: Venue) -> None:
        self.orders, self.algos = ["BTCUSDT", "ETHUSDT"], ["BTCUSDT"]
        self.stubborn = 0
        venue.route("GET", "/fapi/v1/openOrders", lambda p: self.rows(self.orders, p))
        venue.route("GET", "/fapi/v1/openAlgoOrders", lambda p: self.rows(self.algos, p))
        venue.route("DELETE", "/fapi/v1/allOpenOrders", lambda p: self.clear(self.orders, p))
        venue.route("DELETE", "/fapi/v1/algoOpenOrders", lambda p: self.clear(self.algos, p))

    def rows(self, names: list[str], params: dict[str, str]) -> Any:
        return [{"symbol": name, "clientOrderId": "x", "clientAlgoId": "x", "orderId": 1, "algoId": 1, "status": "NEW", "algoStatus": "NEW",
                 "side": "BUY", "type": "LIMIT", "origQty": "1", "executedQty": "0", "quantity": "1", "price": "1"}
                for name in names if params.get("symbol", name) == name]  # fmt: skip

    def clear(self, names: list[str], params: dict[str, str]) -> Any:
        if self.stubborn:
            self.stubborn -= 1
            return {"code": 200, "msg": "done"}
        if params["symbol"] in names:
            names.remove(params["symbol"])
        return {"code": 200, "msg": "The operation of cancel all open order is done."}


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue) -> tuple[Binance, Shelf]:
    driver = venue.driver()
    await driver.start()
    shelf = Shelf(venue)
    venue.calls.clear()
    return driver, shelf


async def test_everything_of_both_services_goes(venue: Venue) -> None:
    driver, shelf = await started(venue)
    await driver.cancel_everything(MAIN)
    assert (shelf.orders, shelf.algos) == ([], [])


async def test_one_symbol_only(venue: Venue) -> None:
    driver, shelf = await started(venue)
    await driver.cancel_everything(MAIN, PERP)
    assert (shelf.orders, shelf.algos) == (["ETHUSDT"], [])
    assert all(params.get("symbol") == "BTCUSDT" for _, _, params in venue.calls)
    with pytest.raises(CallerMistake):
        await driver.cancel_everything(MAIN, "NO/USDT:USDT")


async def test_it_looks_again_and_says_when_it_is_not_sure(venue: Venue) -> None:
    driver, shelf = await started(venue)
    shelf.stubborn = 4

    async def clearing() -> None:
        await driver.cancel_everything(MAIN)

    venue.spawn("sweep", clearing())
    for _ in range(10):
        await settle()
        venue.clock.run(1)
    await settle()
    assert (shelf.orders, shelf.algos) == ([], [])
    shelf.orders.append("BTCUSDT")
    shelf.stubborn = 99
    failed: list[str] = []

    async def failing() -> None:
        try:
            await driver.cancel_everything(MAIN)
        except NotReady as error:
            failed.append(str(error))

    venue.spawn("sweep", failing())
    for _ in range(10):
        await settle()
        venue.clock.run(1)
    await settle()
    assert failed == ["binance/main still has open orders on BTCUSDT"]


async def test_nothing_open_is_no_error_and_an_odd_list_is_one() -> None:
    venue = Venue("spot")
    driver = venue.driver()
    await driver.start()
    await driver.cancel_everything(MAIN)
    venue.route("DELETE", "/api/v3/openOrders", lambda p: (400, {"code": -2011, "msg": "Unknown order sent."}))
    await driver.cancel_everything(MAIN, SPOT)
    venue.route("DELETE", "/api/v3/openOrders", lambda p: (400, {"code": -1121, "msg": "Invalid symbol."}))
    with pytest.raises(NotReady):
        await driver.cancel_everything(MAIN, SPOT)
    venue.route("GET", "/api/v3/openOrders", lambda p: {"odd": 1})
    with pytest.raises(NotReady):
        await driver.cancel_everything(MAIN)
    with pytest.raises(NotReady, match="no dead-man switch"):
        await driver.refresh_dead_man(MAIN, [SPOT], 30)
    await venue.end()


async def test_the_dead_mans_switch_is_per_symbol(venue: Venue) -> None:
    driver, _ = await started(venue)
    venue.route(
        "POST", "/fapi/v1/countdownCancelAll", lambda p: {"symbol": p["symbol"], "countdownTime": p["countdownTime"]}
    )
    await driver.refresh_dead_man(MAIN, [PERP, "ETH/USDT:USDT"], 60)
    await driver.refresh_dead_man(MAIN, [PERP], 0)
    sent = [(p["symbol"], p["countdownTime"]) for p in venue.sent("POST", "/fapi/v1/countdownCancelAll")]
    assert sent == [("BTCUSDT", "60000"), ("ETHUSDT", "60000"), ("BTCUSDT", "0")]
    venue.route("POST", "/fapi/v1/countdownCancelAll", lambda p: {})
    with pytest.raises(NotReady, match="did not confirm"):
        await driver.refresh_dead_man(MAIN, [PERP], 60)
