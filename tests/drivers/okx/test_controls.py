"""Cancelling everything, the dead-man switch, leverage."""

from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NoAnswer, NotReady
from tests.drivers.okx.scripted import MAIN, PERP, SPOT, World, order_row, virtual

PENDING, ALGOS = "/api/v5/trade/orders-pending", "/api/v5/trade/orders-algo-pending"
BATCH, CANCEL_ALGOS = "/api/v5/trade/cancel-batch-orders", "/api/v5/trade/cancel-algos"
DEAD_MAN = "/api/v5/trade/cancel-all-after"
LEVERAGE = "/api/v5/account/set-leverage"


class Open:
    """A venue that has orders until they are cancelled; a request may be lost on the way."""

    def __init__(self, world: World, orders: list[str], algos: list[str]) -> None:
        self.orders, self.algos = list(orders), list(algos)
        self.lose = 0
        world.http.on(
            PENDING,
            lambda call: [
                order_row(ordId=each, instId=each.partition(":")[2] or "BTC-USDT-SWAP", clOrdId="")
                for each in self.orders
            ][:100],
        )
        world.http.on(
            ALGOS,
            lambda call: (
                [{"instId": "BTC-USDT-SWAP", "algoId": each, "state": "live", "side": "buy"} for each in self.algos]
                if call.query["ordType"] == "trigger"
                else []
            ),
        )
        world.http.on(BATCH, self.cancel)
        world.http.on(CANCEL_ALGOS, self.cancel)

    def cancel(self, call: Any) -> Any:
        if self.lose:
            self.lose -= 1
            return NoAnswer("reset")
        assert len(call.body) <= (20 if call.path == BATCH else 10)
        for row in call.body:
            name = row.get("ordId") or row["algoId"]
            (self.orders if "ordId" in row else self.algos).remove(name)
        return [{"ordId": row.get("ordId", ""), "sCode": "0"} for row in call.body]


@virtual
async def test_everything_goes_conditional_and_foreign_orders_too() -> None:
    world = World()
    driver = await world.started()
    venue = Open(world, [str(n) for n in range(45)] + ["x:BTC-USD-SWAP"], [f"a{n}" for n in range(12)])
    venue.lose = 1
    await driver.cancel_everything(MAIN)
    assert (venue.orders, venue.algos) == ([], [])
    assert any({"instId": "BTC-USD-SWAP", "ordId": "x:BTC-USD-SWAP"} in call.body for call in world.http.to(BATCH))
    await world.close(driver)


@virtual
async def test_what_does_not_go_is_said() -> None:
    world = World()
    driver = await world.started()
    venue = Open(world, ["1"], [])
    world.http.on(BATCH, (200, {"code": "1", "msg": "", "data": [{"sCode": "51410", "sMsg": "busy"}]}))
    with pytest.raises(NotReady, match="1 orders are open still"):
        await driver.cancel_everything(MAIN, PERP)
    assert world.http.to(PENDING)[-1].query["instId"] == "BTC-USDT-SWAP"
    assert venue.orders == ["1"]
    world.http.on(PENDING, NoAnswer("reset"))
    with pytest.raises(NotReady):
        await driver.cancel_everything(MAIN)
    await world.close(driver)


@virtual
async def test_the_dead_mans_timer_is_one_for_our_tag() -> None:
    """It is wound for whatever symbol, and stopped with the last."""
    world = World()
    driver = await world.started()
    world.http.on(DEAD_MAN, [{"triggerTime": "1", "ts": "1"}])
    await driver.refresh_dead_man(MAIN, [PERP, SPOT], 30)
    await driver.refresh_dead_man(MAIN, [PERP], 0)
    await driver.refresh_dead_man(MAIN, [SPOT], 5)
    await driver.refresh_dead_man(MAIN, [SPOT], 0)
    assert [call.body for call in world.http.to(DEAD_MAN)] == [
        {"timeOut": "30", "tag": "ctos"},
        {"timeOut": "10", "tag": "ctos"},
        {"timeOut": "0", "tag": "ctos"},
    ]
    with pytest.raises(NotReady, match="120 s at most"):
        await driver.refresh_dead_man(MAIN, [PERP], 121)
    world.http.on(DEAD_MAN, (200, {"code": "51071", "msg": "too many tags"}))
    with pytest.raises(NotReady):
        await driver.refresh_dead_man(MAIN, [PERP], 30)
    await world.close(driver)


@virtual
async def test_leverage() -> None:
    world = World()
    driver = await world.started()
    world.http.on(LEVERAGE, [{"lever": "5"}])
    await driver.set_leverage(MAIN, PERP, D(5))
    assert world.http.to(LEVERAGE)[0].body == {"instId": "BTC-USDT-SWAP", "lever": "5", "mgnMode": "cross"}
    for symbol, leverage in ((SPOT, D(2)), (PERP, D(0)), (PERP, D(101))):
        with pytest.raises(CallerMistake):
            await driver.set_leverage(MAIN, symbol, leverage)
    world.http.on(LEVERAGE, (200, {"code": "59107", "msg": "pending orders"}))
    with pytest.raises(NotReady, match="59107"):
        await driver.set_leverage(MAIN, PERP, D(5))
    await world.close(driver)


@virtual
async def test_leverage_of_isolated_legs() -> None:
    world = World(margin="isolated", position_mode="hedge")
    world.http.on("/api/v5/account/config", [{"acctLv": "2", "posMode": "long_short_mode", "perm": "trade", "ip": "1"}])
    driver = await world.started()
    world.http.on(LEVERAGE, [{"lever": "5"}])
    await driver.set_leverage(MAIN, PERP, D(5))
    assert [call.body["posSide"] for call in world.http.to(LEVERAGE)] == ["long", "short"]
    await world.close(driver)
