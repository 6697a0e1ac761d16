"""The driver's verbs from start to stop."""

import asyncio
from decimal import Decimal as D

import pytest

from ctosd.abi import Accepted, CallerMistake, Cancel, Fill, Misconfigured, NotReady, Rejected
from drivers.backpack import Backpack
from drivers.backpack.config import AccountConfig, BackpackConfig
from tests.drivers.backpack.exchange import (
    LOOPBACK,
    MAIN,
    NOT_FOUND,
    SETTINGS,
    SOL,
    SOL_SPOT,
    World,
    config,
    fill_row,
    order_row,
    place,
    started,
)
from tests.drivers.backpack.test_private import FILL


async def test_what_it_is() -> None:
    manifest = Backpack.manifest
    assert (manifest.can_amend, manifest.can_hedge, manifest.has_dead_man) == (False, False, False)
    assert (manifest.keeps_store, manifest.can_batch, manifest.can_trigger) == (True, True, True)
    driver = Backpack(config(), [MAIN], World().ports)
    with pytest.raises(NotReady, match="no dead-man"):
        await driver.refresh_dead_man(MAIN, [SOL], 10)
    with pytest.raises(NotReady, match="not started"):
        driver.instruments()
    assert driver.statistics() == {"started": False}


@pytest.mark.parametrize(
    ("settings", "live"),
    [
        ({"endpoints": LOOPBACK}, False),
        ({"environment": "live"}, True),
        ({"environment": "live", "endpoints": LOOPBACK}, False),
        ({"environment": "live", "endpoints": {"ws": LOOPBACK["ws"]}}, True),
        ({"endpoints": {"rest": "https://proxy.example", "ws": LOOPBACK["ws"]}}, True),
        ({}, False),
    ],
)
def test_when_real_money_can_move(settings: dict, live: bool) -> None:
    """Only an order address on this machine is no real one."""
    assert Backpack(BackpackConfig(**settings), [MAIN], World().ports).live is live


async def test_no_demo() -> None:
    with pytest.raises(Misconfigured, match="environment: live"):
        await Backpack(BackpackConfig(), [MAIN], World().ports).start()


async def test_an_orders_life_over_the_wire() -> None:
    """Placed by REST, filled on the stream, its text the same everywhere, found afterwards."""
    world = World()
    driver = await started(world)
    assert [each.symbol for each in driver.instruments()] == [SOL, SOL_SPOT, "BTC/USDC:USDC"]
    assert driver.instruments()[0].taker_fee == D("0.0005")
    world.web.answers["POST /api/v1/order"] = lambda call: order_row(clientId=call.body["clientId"])
    order = place()
    assert driver.costs(order) == (("bp.rest@backpack/main", 1.0),)
    outcome = await driver.submit(order)
    assert isinstance(outcome, Accepted)
    number = world.web.calls[-1].body["clientId"]
    world.wires[1].hear({"stream": "account.orderUpdate", "data": {**FILL, "c": number}})
    assert world.on("private/backpack", Fill)[0].client_id == order.client_id
    world.web.answers["GET /wapi/v1/history/fills"] = [fill_row(901, clientId=str(number))]
    (fill,) = await driver.fetch_fills(MAIN, 0)
    assert (fill.client_id, fill.trade_id) == (order.client_id, "901")
    world.web.answers["GET /api/v1/order"] = NOT_FOUND
    world.web.answers["GET /wapi/v1/history/orders"] = [
        order_row(clientId=number, status="Filled", executedQuantity="12", createdAt="2026-11-22T10:00:00.094")
    ]
    assert (await driver.fetch_order(MAIN, SOL, order.client_id)).state == "filled"
    await driver.stop()
    await world.close()


async def test_texts_survive_a_restart() -> None:
    """Open orders of before have their own texts again, and cancels reach them."""
    world = World()
    driver = await started(world)
    world.web.answers["POST /api/v1/order"] = lambda call: order_row(clientId=call.body["clientId"])
    await driver.submit(place())
    number = world.web.calls[-1].body["clientId"]
    await driver.stop()
    await world.close()
    again = World(store=world.store)
    again.web.answers["GET /api/v1/orders"] = [order_row(clientId=number)]
    again.web.answers["DELETE /api/v1/order"] = (202, b"")
    driver = await started(again)
    (update,) = await driver.fetch_open_orders(MAIN)
    assert update.client_id == place().client_id
    cancel = Cancel(account=MAIN, client_id=update.client_id, venue_id="", symbol=SOL)
    assert isinstance(await driver.submit(cancel), Accepted)
    assert again.web.calls[-1].body == {"clientId": number, "symbol": "SOL_USDC_PERP"}
    await driver.stop()
    await again.close()


async def test_leverage_is_the_whole_accounts() -> None:
    """Refused without the configuration's consent; the present value asks for nothing."""
    world = World()
    driver = await started(world)
    await driver.set_leverage(MAIN, SOL, D(10))
    with pytest.raises(CallerMistake, match=r"whole account \(now 10\).*set_leverage: true"):
        await driver.set_leverage(MAIN, SOL, D(5))
    assert not world.web.to("/api/v1/account", "PATCH")
    await driver.stop()
    await world.close()
    world = World()
    world.web.answers["PATCH /api/v1/account"] = (200, b"")
    driver = await started(world, accounts={"main": AccountConfig(set_leverage=True)})
    await driver.set_leverage(MAIN, SOL, D(5))
    assert world.web.to("/api/v1/account", "PATCH")[0].body == {"leverageLimit": "5"}
    await driver.stop()
    await world.close()


async def test_markets_without_credentials() -> None:
    """No private session; orders are refused, what is held is nothing."""
    world = World(secrets=False)
    driver = await started(world)
    assert len(world.wires) == 1
    outcome = await driver.submit(place())
    assert (type(outcome), outcome.reason) == (Rejected, "auth")
    assert not await driver.fetch_open_orders(MAIN)
    assert not await driver.fetch_fills(MAIN, 0)
    assert not await driver.fetch_balances(MAIN)
    assert not await driver.fetch_positions(MAIN)
    await driver.subscribe("quotes", SOL)
    assert world.wires[0].wanted
    await world.clock.advance(5)
    assert world.on("status/backpack") == []
    await driver.stop()
    await world.close()


async def test_queries_and_endpoints() -> None:
    world = World()
    driver = await started(world)
    assert driver.price_stream(SOL) == ("quotes", "")
    assert driver.endpoints() == {"rest": LOOPBACK["rest"], "public": LOOPBACK["ws"], "private": LOOPBACK["ws"]}
    assert (await driver.fetch_clock()).offset_ns == 0
    assert [each.asset for each in await driver.fetch_balances(MAIN)] == ["USDC"]
    assert await driver.fetch_positions(MAIN) == []
    assert await driver.submit_batch([]) == []
    world.web.answers["DELETE /api/v1/orders"] = []
    await driver.cancel_everything(MAIN, SOL)
    for act in (driver.fetch_balances("backpack/other"), driver.set_leverage(MAIN, "X/Y", D(1))):
        with pytest.raises(CallerMistake):
            await act
    await driver.stop()
    await world.close()


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        ("GET /api/v1/status", {"status": "Maintenance", "message": "upgrade"}),
        ("GET /api/v1/markets", (502, b"")),
        ("GET /api/v1/time", (200, b"?")),
        ("GET /api/v1/account", (500, b"")),
    ],
)
async def test_a_start_that_fails_can_be_tried_again(route: str, answer: object) -> None:
    world = World()
    good = world.web.answers[route]
    world.web.answers[route] = answer
    driver = Backpack(config(), [MAIN], world.ports)
    with pytest.raises(NotReady):
        await driver.start()
    assert world.tasks == []
    world.web.answers[route] = good
    await driver.start()
    await driver.start()  # asked again because something else was not ready
    assert len(world.wires) == 2
    await driver.stop()
    await driver.stop()
    assert not any(wire.up for wire in world.wires)
    await world.close()


async def test_a_private_stream_that_never_confirms() -> None:
    """The start waits for it, and gives up; what was opened is closed."""
    world = World()
    driver = Backpack(config(), [MAIN], world.ports)
    opened = world.ports.open_session

    def refusing(dialect):
        wire = opened(dialect)
        wire.confirms = False
        return wire

    object.__setattr__(world.ports, "open_session", refusing)
    task = asyncio.create_task(driver.start())
    await world.clock.advance(0.1)
    world.wires[1].lose("closed at once")
    await world.clock.advance(20)
    with pytest.raises(NotReady, match="closed at once"):
        await task
    assert not world.wires[0].up
    assert world.web.answers["GET /api/v1/account"] == SETTINGS
    await world.close()
