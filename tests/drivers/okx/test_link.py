"""One account's private stream: what it pushes, when it counts as up, and what happens when it is lost."""

import asyncio

import pytest

from ctosd.abi import AuthFailed, Balance, Fill, NotReady, OrderUpdate, Position
from tests.drivers.okx.scripted import MAIN, PERP, World, order_row, push, virtual


@virtual
async def test_a_fill_comes_before_its_order() -> None:
    world = World()
    driver = await world.started()
    session = world.sessions["private-main"]
    row = order_row(
        state="filled",
        accFillSz="50",
        fillSz="50",
        fillPx="60000",
        tradeId="t1",
        fillFee="-1",
        fillFeeCcy="USDT",
        execType="T",
    )
    assert session.hear(push("orders", row, instType="ANY", uid="1")) == "orders"
    fill, update = world.on("private/okx")[-2:]
    assert isinstance(fill, Fill)
    assert isinstance(update, OrderUpdate)
    assert (fill.trade_id, update.state) == ("t1", "filled")
    await world.close(driver)


@virtual
async def test_post_only_that_would_have_taken_is_rejected_late() -> None:
    world = World()
    driver = await world.started()
    world.sessions["private-main"].hear(
        push("orders", order_row(state="canceled", cancelSource="31", ordType="post_only"))
    )
    (update,) = world.private(OrderUpdate)
    assert (update.state, update.reason) == ("rejected", "post_only")
    await world.close(driver)


@virtual
async def test_balances_and_positions() -> None:
    world = World()
    driver = await world.started()
    session = world.sessions["private-main"]
    session.hear(
        push("account", {"uTime": "5", "details": [{"ccy": "USDT", "cashBal": "100", "availEq": "90", "uTime": "6"}]})
    )
    session.hear(
        push(
            "positions",
            {"instId": "BTC-USDT-SWAP", "pos": "-50", "posSide": "net", "mgnMode": "cross", "avgPx": "6", "uTime": "7"},
        )
    )
    assert world.private(Balance)[-1].available == 90
    position = world.private(Position)[-1]
    assert (position.symbol, str(position.size)) == (PERP, "-0.50")
    await world.close(driver)


@virtual
async def test_strangers_and_garbage_are_counted() -> None:
    world = World()
    driver = await world.started()
    session = world.sessions["private-main"]
    session.hear(push("orders", order_row(instId="BTC-USD-SWAP")))
    session.hear(push("orders", order_row(state="dreaming")))
    session.hear(push("orders", {"instId": 5}))
    assert world.private(OrderUpdate) == []
    counters = driver.statistics()["accounts"][MAIN]
    assert (counters["unlisted"], counters["unreadable"]) == (1, 2)
    assert len(world.log.events("okx_push_unreadable")) == 2
    await world.close(driver)


@virtual
async def test_it_is_up_when_everything_is_confirmed() -> None:
    world = World()
    world.acknowledges = False
    driver = world.driver()
    with pytest.raises(NotReady, match="did not confirm account, orders, positions"):
        await driver.start()
    await world.close(driver)


@virtual
async def test_a_refused_login_is_for_a_person() -> None:
    world = World()
    driver = world.driver()
    opened = world.ports.open_session
    assert opened is not None

    def refusing(dialect):
        session = opened(dialect)
        if dialect.needs_greeting:
            session.error = AuthFailed("login refused")
        return session

    object.__setattr__(world.ports, "open_session", refusing)
    with pytest.raises(AuthFailed):
        await driver.start()
    assert not any(session.up for session in world.sessions.values())
    await world.close(driver)


@virtual
async def test_the_conditional_stream_is_opened_once() -> None:
    world = World()
    driver = await world.started()
    link = driver._orders.links[MAIN]
    await asyncio.gather(link.watch_conditionals(), link.watch_conditionals())
    first = world.sessions["algo-main"]
    await link.watch_conditionals()
    assert world.sessions["algo-main"] is first
    first.drop()
    with pytest.raises(NotReady):
        await link.watch_conditionals()
    first.connect(resumed=True)
    await link.watch_conditionals()
    await world.close(driver)


@virtual
async def test_conditional_orders_from_before_the_start_are_heard() -> None:
    world = World()
    row = {"instId": "BTC-USDT-SWAP", "algoId": "a1", "algoClOrdId": "c1", "state": "live", "side": "buy", "sz": "50"}
    world.http.on("/api/v5/trade/orders-algo-pending", lambda call: [row] if call.query["ordType"] == "trigger" else [])
    driver = await world.started()
    await driver.fetch_open_orders(MAIN)
    await driver.fetch_open_orders(MAIN)
    await world.turn(2)
    session = world.sessions["algo-main"]
    session.hear(push("orders-algo", row | {"state": "canceled"}))
    assert world.private(OrderUpdate)[-1].state == "cancelled"
    await world.close(driver)


@virtual
async def test_a_conditional_stream_in_use_counts() -> None:
    """While it is down nobody would hear of those orders: the venue is down until it is back."""
    world = World()
    driver = await world.started()
    await driver._orders.links[MAIN].watch_conditionals()
    session = world.sessions["algo-main"]
    session.drop("reset")
    session.connect(resumed=True)
    await world.turn(2)
    assert [event.up for event in world.on("status/okx")] == [False, True]
    await world.close(driver)
