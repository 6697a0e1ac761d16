"""The paper venue as the kernel meets it: orders, fills, latency, faults, limits and accounts."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pydantic import ValidationError

from ctosd.abi import (
    Accepted,
    Balance,
    CallerMistake,
    Cancel,
    Command,
    Fill,
    NotReady,
    OrderUpdate,
    Outcome,
    Position,
    Rejected,
    Unknown,
)
from drivers.paper import Paper
from tests.drivers.paper.clockwork import BTC, MAIN, SECOND, T0, World, at_once, config, place, venue


async def test_a_market_order_fills_without_suspending() -> None:
    """With no latency a place is a plain call: accepted, filled at the ask, paid, and all of it published."""
    world = World()
    driver = await venue(world)
    quote = await driver.fetch_quote(BTC)
    outcome = at_once(driver.submit(place("c1", "buy", "0.01")))
    assert isinstance(outcome, Accepted)
    (fill,) = world.private(Fill)
    assert (fill.client_id, float(fill.price), fill.size, fill.liquidity) == ("c1", quote.ask, Decimal("0.01"), "taker")
    assert [update.state for update in world.private(OrderUpdate)] == ["open", "filled"]
    assert world.private(Position)[-1].size == Decimal("0.01")
    (balance,) = await driver.fetch_balances(MAIN)
    assert balance.total == Decimal(10_000) - fill.fee
    assert world.private(Balance)[-1].total == balance.total
    assert await driver.fetch_fills(MAIN, 0) == [fill]
    assert (await driver.fetch_positions(MAIN))[0].entry == fill.price
    update = await driver.fetch_order(MAIN, BTC, "c1")
    assert update is not None
    assert update.state == "filled"
    assert await driver.fetch_order(MAIN, BTC, "never") is None


async def test_a_resting_order_is_filled_by_the_market() -> None:
    """Orders a little off the market on both sides: the wandering price fills one of them within a minute."""
    world = World()
    driver = await venue(world)
    quote = await driver.fetch_quote(BTC)
    await driver.submit(place("b", "buy", "0.01", round(quote.bid - 6, 1), post_only=True))
    await driver.submit(place("s", "sell", "0.01", round(quote.ask + 6, 1), post_only=True))
    assert {order.client_id for order in await driver.fetch_open_orders(MAIN)} == {"b", "s"}
    world.clock.run(60)
    fills = world.private(Fill)
    assert fills
    assert all(fill.liquidity == "maker" for fill in fills)
    # The default seed shows a newcomer his first fill at once.
    assert fills[0].time_ns - T0 < 10 * SECOND
    for fill in fills:
        assert fill.price == (Decimal(str(round(quote.bid - 6, 1))) if fill.side == "buy" else fill.price)


async def test_cancel_and_refusals() -> None:
    """A cancel takes an order out once; unknown symbols and orders are refused with their reasons."""
    world = World()
    driver = await venue(world)
    quote = await driver.fetch_quote(BTC)
    outcome = await driver.submit(place("c1", "buy", "0.01", round(quote.bid - 100, 1)))
    assert isinstance(outcome, Accepted)
    cancel = Cancel(account=MAIN, client_id="c1", venue_id=outcome.venue_id, symbol=BTC)
    assert isinstance(await driver.submit(cancel), Accepted)
    again = await driver.submit(cancel)
    assert isinstance(again, Rejected)
    assert again.reason == "order_not_found"
    wrong = await driver.submit(place("c2", "buy", "1", 5, symbol="NO/SUCH"))
    assert isinstance(wrong, Rejected)
    assert wrong.reason == "bad_symbol"
    with pytest.raises(CallerMistake, match="not listed"):
        await driver.subscribe("quotes", "NO/SUCH")
    with pytest.raises(CallerMistake, match="paper/main"):
        await driver.fetch_balances("paper/other")


async def submit(world: World, driver: Paper, command: Command, seconds: float = 1.0) -> Outcome:
    """Submit while time goes on."""
    task = asyncio.ensure_future(driver.submit(command))
    for _ in range(20):
        await asyncio.sleep(0)
        world.clock.run(seconds / 20)
    await asyncio.sleep(0)
    return await asyncio.wait_for(task, 1)


async def test_latency_delays_the_order_and_its_ack() -> None:
    """The order is at the venue after its way, and its ack is back after another; the fill comes before the ack."""
    world = World()
    driver = await venue(world, config(latency_ms={"order": 200, "ack": 300}))
    await driver.subscribe("quotes", BTC)
    task = asyncio.ensure_future(driver.submit(place("c1", "buy", "0.01")))
    await asyncio.sleep(0)
    world.clock.run(0.19)
    await asyncio.sleep(0)
    assert world.private(Fill) == []
    world.clock.run(0.02)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(world.private(Fill)) == 1
    assert not task.done()
    world.clock.run(0.3)
    assert isinstance(await asyncio.wait_for(task, 1), Accepted)


async def test_an_expired_order_is_refused_by_the_venue() -> None:
    """What arrives after its time is not executed."""
    world = World()
    driver = await venue(world, config(latency_ms={"order": 500}))
    await driver.fetch_quote(BTC)
    outcome = await submit(world, driver, place("c1", "buy", "0.01", expires_ns=T0 + SECOND // 10))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "timestamp"
    assert world.private(Fill) == []


async def test_drop_means_that_nothing_arrived() -> None:
    """The outcome is unknown and the venue knows no such order."""
    world = World()
    driver = await venue(world, config(faults={"drop": 1.0}))
    outcome = await driver.submit(place("c1", "buy", "0.01"))
    assert isinstance(outcome, Unknown)
    assert await driver.fetch_order(MAIN, BTC, "c1") is None
    assert world.private(OrderUpdate) == []


async def test_a_lost_ack_means_that_it_did_arrive() -> None:
    """The outcome is unknown although the order filled."""
    world = World()
    driver = await venue(world, config(faults={"lose_ack": 1.0}))
    await driver.fetch_quote(BTC)
    outcome = await driver.submit(place("c1", "buy", "0.01"))
    assert isinstance(outcome, Unknown)
    update = await driver.fetch_order(MAIN, BTC, "c1")
    assert update is not None
    assert update.state == "filled"


async def test_delay_lets_it_arrive_late() -> None:
    """The order arrives after the configured delay."""
    world = World()
    driver = await venue(world, config(faults={"delay": 1.0, "delay_ms": 400}))
    await driver.fetch_quote(BTC)
    outcome = await submit(world, driver, place("c1", "buy", "0.01"))
    assert isinstance(outcome, Accepted)
    assert world.private(Fill)[0].time_ns >= T0 + 400_000_000


@pytest.mark.parametrize("fault", ["reject", "rate_limit"])
async def test_a_refusal_leaves_nothing_behind(fault: str) -> None:
    """Rejected and rate limited: a value with a reason, nothing at the venue, and it is counted."""
    world = World()
    driver = await venue(world, config(faults={fault: 1.0}))
    outcome = await driver.submit(place("c1", "buy", "0.01"))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason == "rate_limited") == (fault == "rate_limit")
    assert await driver.fetch_order(MAIN, BTC, "c1") is None
    assert driver.statistics()["faults"]["injected"] == {fault: 1}


async def test_partial_trims_what_a_taker_gets() -> None:
    """A market order gets a part; a limit order that crosses gets a part and rests with the remainder."""
    world = World()
    driver = await venue(world, config(faults={"partial": 1.0}))
    quote = await driver.fetch_quote(BTC)
    await driver.submit(place("m", "buy", "0.1"))
    market = await driver.fetch_order(MAIN, BTC, "m")
    assert market is not None
    assert 0 < market.filled < Decimal("0.1")
    assert market.state in ("cancelled", "expired")
    await driver.submit(place("l", "buy", "0.1", round(quote.ask + 20, 1)))
    limit = await driver.fetch_order(MAIN, BTC, "l")
    assert limit is not None
    assert 0 < limit.filled < Decimal("0.1")
    assert limit.state == "partially_filled"


async def test_faults_change_at_run_time() -> None:
    """A fault can be switched on and off while the venue runs."""
    world = World()
    driver = await venue(world)
    driver.set_fault("drop", 1.0)
    assert isinstance(await driver.submit(place("c1", "buy", "0.01")), Unknown)
    driver.set_fault("drop", 0.0)
    assert isinstance(await driver.submit(place("c1", "buy", "0.01")), Accepted)
    with pytest.raises(CallerMistake):
        driver.set_fault("gremlins", 1.0)


async def test_limits_are_declared_and_paid() -> None:
    """Every command takes a token of a declared bucket; the configuration sets its size without touching other venues."""
    world = World()
    driver = Paper(config(limits={"orders_per_s": 5, "burst": 10}), [MAIN], world.ports)
    (limit,) = driver.manifest.limits
    assert (limit.capacity, limit.rate) == (10, 5)
    assert driver.costs(place("c", "buy", "1")) == (("orders", 1.0),)
    assert Paper.manifest.limits[0].rate == 50
    assert Paper.manifest.simulated


async def test_accounts_have_their_own_money() -> None:
    """The venue's balances are every account's, except where one has its own."""
    world = World()
    settings = config(accounts={"main": {}, "rich": {"balances": {"USDT": "1e6"}}}, balances={"USDT": 500})
    driver = Paper(settings, [MAIN, "paper/rich"], world.ports)
    with pytest.raises(NotReady):
        await driver.fetch_balances(MAIN)
    await driver.start()
    await driver.start()
    assert [(await driver.fetch_balances(name))[0].total for name in driver.accounts] == [500, 1_000_000]


def test_the_configuration_is_bounded() -> None:
    """Probabilities beyond 1, a leverage of 0 and a negative price are refused by the record's own annotations."""
    for wrong in ({"faults": {"drop": 1.5}}, {"leverage": 0}, {"market": {"symbols": {BTC: {"price": -1}}}}):
        with pytest.raises(ValidationError):
            config(**wrong)
