"""The synthetic market at work: idle for nothing, resumed, bounded, and still after a stop."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ctosd.abi import Misconfigured
from tests.drivers.paper.clockwork import BTC, MINUTE, SECOND, T0, DictStore, World, config, venue


async def test_idle_costs_nothing() -> None:
    """Nobody subscribed: no tick, and no timer but the one that saves."""
    world = World()
    driver = await venue(world)
    world.clock.run(3)
    assert world.heard == []
    assert world.clock.pending() == 1
    await driver.stop()
    assert world.clock.pending() == 0


async def test_klines_go_on_after_a_restart() -> None:
    """Bars that were told are told again after a restart, and the minutes between are bridged without a hole."""
    store = DictStore()
    world = World(store=store)
    driver = await venue(world)
    await driver.subscribe("bars", BTC, "1m")
    world.clock.run(600)
    told = world.on("bars.1m/paper/BTC-USDT:USDT")
    await driver.stop()
    later = World(store=store, now_ns=world.clock.now_ns() + 5 * MINUTE)
    again = await venue(later)
    bars_now = await again.fetch_klines(BTC, "1m", 300)
    assert [bar for bar in bars_now if bar in told] == told
    assert bars_now[-1].time_ns == later.clock.now_ns() // MINUTE * MINUTE
    assert all(after.open_ns == before.time_ns for before, after in pairwise(bars_now))


async def test_a_damaged_store_is_named() -> None:
    """Unreadable memory is a permanent error with a remedy, not a new account with new money."""
    store = DictStore()
    store.rows["market/tide"] = b"{not json"
    with pytest.raises(Misconfigured, match="move it away"):
        await venue(World(store=store))


async def test_a_synthetic_market_on_the_virtual_clock() -> None:
    """The kernel pumps it; it is bounded when asked to be, and the same each time."""
    stories = []
    for _ in range(2):
        world = World(virtual=True, now_ns=0)
        driver = await venue(world, config(market={"duration_s": 60, "symbols": {BTC: {"price": 60_000}}}))
        await driver.subscribe("quotes", BTC)
        world.pump()
        stories.append(world.on("quotes/paper/BTC-USDT:USDT"))
        assert len(world.on("status/paper")) == 1
    assert stories[0] == stories[1]
    assert 400 < len(stories[0]) < 800


async def test_no_timer_is_left_after_stop() -> None:
    """Stopping twice is no mistake; the market stands still and its place is kept."""
    store = DictStore()
    world = World(store=store)
    driver = await venue(world)
    await driver.subscribe("quotes", BTC)
    world.clock.run(1)
    await driver.stop()
    await driver.stop()
    count = len(world.heard)
    world.clock.run(10)
    assert len(world.heard) == count
    assert world.clock.pending() == 0
    assert "market/tide" in store.rows


async def test_small_bars_have_a_past_too() -> None:
    """Bars of seconds exist before the first tick, agree with the minutes that they make, and exist after a restart."""
    store = DictStore()
    world = World(store=store, now_ns=T0 + 37 * SECOND)
    driver = await venue(world)
    fine = await driver.fetch_klines(BTC, "5s", 1_000)
    minutes = await driver.fetch_klines(BTC, "1m", 2)
    assert fine[-1].time_ns == T0 + 35 * SECOND
    last = [bar for bar in fine if T0 - MINUTE <= bar.open_ns < T0]
    assert len(last) == 12
    assert (max(bar.high for bar in last), last[-1].close) == (minutes[-1].high, minutes[-1].close)
    world.clock.run(120)
    await driver.stop()
    again = await venue(World(store=store, now_ns=world.clock.now_ns() + 3 * SECOND))
    assert len(await again.fetch_klines(BTC, "5s", 20)) == 20
