"""What the driver does of its own accord."""

from decimal import Decimal as D

from ctosd.abi import Balance, NoAnswer, Position
from tests.drivers.backpack.exchange import MAIN, MS, SECOND, SETTINGS, SOL, World, place, started

ROW = {"symbol": "SOL_USDC_PERP", "netQuantity": "3", "entryPrice": "140", "markPrice": "141", "pnlUnrealized": "3"}


async def test_holdings_are_told_at_once_and_after_fills() -> None:
    """At the start, then by the clock, and soon after something traded; a position that is listed no more is flat."""
    world = World()
    world.web.answers["GET /api/v1/position"] = [ROW]
    driver = await started(world)
    await world.clock.advance(1)
    (balance,) = world.on("private/backpack", Balance)
    assert (balance.asset, balance.total, balance.available) == ("USDC", D(100), D(90))
    assert [each.size for each in world.on("private/backpack", Position)] == [D(3)]
    account = driver.desk.accounts[MAIN]
    assert account.held == {SOL: D(3)}
    world.web.answers["GET /api/v1/position"] = []
    world.heard.clear()
    account.stirred = True
    await world.clock.advance(4)
    assert [(each.symbol, each.size) for each in world.on("private/backpack", Position)] == [(SOL, D(0))]
    assert account.held == {}
    world.heard.clear()
    await world.clock.advance(62)
    assert world.on("private/backpack", Balance)
    await driver.stop()
    await world.close()


async def test_maintenance_is_told_once_and_ends() -> None:
    """By the clock, and at once when an order meets it; account reads rest meanwhile."""
    world = World()
    driver = await started(world)
    await world.clock.advance(5)
    world.web.answers["GET /api/v1/status"] = {"status": "Maintenance", "message": "upgrade"}
    world.web.answers["POST /api/v1/order"] = (503, {"code": "MAINTENANCE", "message": "upgrade"})
    assert (await driver.submit(place())).reason == "maintenance"
    await world.clock.advance(2)
    told = world.on("status/backpack")
    assert [(each.up, each.reason) for each in told] == [(False, "maintenance: upgrade")]
    for number in range(5):
        await driver.submit(place(f"ctos{number}"))
    reads = len(world.web.to("/api/v1/capital"))
    await world.clock.advance(90)
    assert len(world.on("status/backpack")) == 1
    assert len(world.web.to("/api/v1/capital")) == reads
    assert len(world.web.to("/api/v1/status")) < 10
    world.web.answers["GET /api/v1/status"] = {"status": "Ok"}
    await world.clock.advance(31)
    assert [each.up for each in world.on("status/backpack")] == [False, True]
    await driver.stop()
    await world.close()


async def test_a_wrong_clock_is_measured_at_once() -> None:
    world = World()
    driver = await started(world)
    before = len(world.web.to("/api/v1/time"))
    world.web.answers["GET /api/v1/time"] = lambda call: (200, str(world.clock.now_ns() // MS + 4_000).encode())
    world.web.answers["POST /api/v1/order"] = (
        400,
        {"code": "INVALID_CLIENT_REQUEST", "message": "Request has expired"},
    )
    assert (await driver.submit(place())).reason == "timestamp"
    await world.clock.advance(1.5)
    assert len(world.web.to("/api/v1/time")) == before + 1
    assert driver.desk.rest.skew.offset_ns == 4 * SECOND
    assert world.log.named("backpack_clock_stepped")
    await driver.submit(place("ctos2"))
    assert int(world.web.calls[-1].headers["X-Timestamp"]) == world.clock.now_ns() // MS + 4_000
    await driver.stop()
    await world.close()


async def test_what_fails_is_tried_at_its_next_turn() -> None:
    """Nothing of it stops the rest, and nothing raises."""
    world = World()
    driver = await started(world)
    for route in ("GET /api/v1/capital", "GET /api/v1/status", "GET /api/v1/time"):
        world.web.answers[route] = NoAnswer("reset")
    await world.clock.advance(400)
    assert driver.desk.upkeep.faults > 5
    world.web.answers["GET /api/v1/capital"] = {}
    world.web.answers["GET /api/v1/account"] = {**SETTINGS, "leverageLimit": "20"}
    await world.clock.advance(61)
    assert driver.desk.accounts[MAIN].leverage == 20
    await driver.stop()
    await world.close()


async def test_ended_pairs_are_written_and_forgotten() -> None:
    world = World()
    driver = await started(world)
    ids = driver.desk.ids
    ids.allocate(MAIN, ["ctos1"], world.clock.now_ns())
    ids.end("ctos1", world.clock.now_ns())
    await world.clock.advance(61)
    assert any(b'"end_ns":1795' in value for value in world.store.read().values())
    await driver.stop()
    await world.close()
