"""When the venue counts as up: its connections, and its own word on maintenance."""

from typing import Any

from ctosd.abi import Balance, Position, VenueStatus
from tests.drivers.okx.scripted import MAIN, World, order_row, push, refuse, virtual
from tests.drivers.okx.scripted import place as place_order

STATUS = "/api/v5/system/status"
OTHER = "okx/other"
KEYS = {"api_key": "k", "api_secret": "s", "passphrase": "p"}


def maintenance(state: str, **changes: Any) -> dict[str, str]:
    return {"title": "Upgrade", "state": state, "serviceType": "5", "env": "2", "begin": "1", "end": "2"} | changes


def statuses(world: World) -> list[tuple[bool, str]]:
    return [(event.up, event.reason) for event in world.on("status/okx") if isinstance(event, VenueStatus)]


@virtual
async def test_a_start_tells_nothing() -> None:
    world = World()
    driver = await world.started()
    assert statuses(world) == []
    await world.close(driver)


@virtual
async def test_down_and_up_with_all_accounts() -> None:
    """Down with the first that is lost, up with the last that is back; then balances and positions are told."""
    world = World(secrets={MAIN: KEYS, OTHER: KEYS})
    driver = await world.started((MAIN, OTHER))
    first, second = world.sessions["private-main"], world.sessions["private-other"]
    first.drop("reset by peer")
    second.drop("reset by peer")
    assert statuses(world) == [(False, "okx/main: reset by peer")]
    second.connect(resumed=True)
    assert len(statuses(world)) == 1
    world.http.on(
        "/api/v5/account/positions", [{"instId": "BTC-USDT-SWAP", "pos": "1", "posSide": "net", "uTime": "5"}]
    )
    first.connect(resumed=True)
    assert statuses(world)[1:] == [(True, "connected")]
    await world.turn(3)
    assert {event.account for event in world.private(Balance)} == {MAIN, OTHER}
    assert [event.size for event in world.private(Position)][-1] > 0
    await world.close(driver)


@virtual
async def test_a_position_that_vanished_meanwhile_is_told_as_flat() -> None:
    world = World()
    driver = await world.started()
    session = world.sessions["private-main"]
    session.hear(push("positions", {"instId": "BTC-USDT-SWAP", "pos": "5", "posSide": "net", "uTime": "1"}))
    session.drop()
    session.connect(resumed=True)
    await world.turn(3)
    assert world.private(Position)[-1].size == 0
    await world.close(driver)


@virtual
async def test_maintenance_begins_and_ends_by_the_channel() -> None:
    world = World()
    driver = await world.started()
    world.http.on(STATUS, [maintenance("ongoing")])
    public = world.sessions["public"]
    public.hear(push("status", maintenance("scheduled")))
    assert statuses(world) == []
    public.hear(push("status", maintenance("ongoing")))
    await world.turn(1)
    assert statuses(world) == [(False, "maintenance: Upgrade")]
    public.hear(push("status", maintenance("completed")))
    assert statuses(world)[1:] == [(True, "connected")]
    await world.close(driver)


@virtual
async def test_the_end_is_asked_for_where_nobody_tells() -> None:
    world = World()
    driver = await world.started()
    world.http.on(STATUS, [maintenance("ongoing")], [maintenance("ongoing")], [])
    world.sessions["public"].hear(push("status", maintenance("ongoing")))
    await world.turn(200)
    assert [up for up, _ in statuses(world)] == [False, True]
    await world.close(driver)


@virtual
async def test_a_write_that_meets_a_maintenance_asks_and_makes_no_storm() -> None:
    world = World()
    driver = await world.started()
    world.http.on(STATUS, [maintenance("ongoing")])
    world.reply = refuse("50001", "Service temporarily unavailable")
    for number in range(20):
        await driver.submit(place_order(client_id=f"c{number}"))
    await world.turn(20)
    assert statuses(world) == [(False, "maintenance: Upgrade")]
    assert len(world.log.events("okx_maintenance")) == 1
    assert len(world.http.to(STATUS)) <= 3
    await world.close(driver)


@virtual
async def test_what_does_not_concern_us() -> None:
    world = World()
    driver = await world.started()
    for changes in ({"serviceType": "6"}, {"serviceType": "11"}, {"env": "1"}, {"state": "canceled"}):
        world.sessions["public"].hear(push("status", maintenance("ongoing") | changes))
    world.sessions["public"].hear(b'{"arg":{"channel":"status"},"data":[5]}')
    assert statuses(world) == []
    await world.close(driver)


@virtual
async def test_a_start_into_a_maintenance_says_so() -> None:
    world = World()
    world.http.on(STATUS, [maintenance("ongoing")])
    driver = await world.started()
    assert statuses(world) == [(False, "maintenance: Upgrade")]
    await world.close(driver)


@virtual
async def test_a_lost_link_during_a_maintenance_is_not_told_twice() -> None:
    world = World()
    driver = await world.started()
    world.http.on(STATUS, [maintenance("ongoing")])
    world.sessions["public"].hear(push("status", maintenance("ongoing")))
    session = world.sessions["private-main"]
    session.drop()
    session.connect(resumed=True)
    session.hear(push("orders", order_row()))
    await world.turn(1)
    assert len(statuses(world)) == 1
    await world.close(driver)
