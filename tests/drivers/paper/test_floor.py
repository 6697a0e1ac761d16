"""The venue's floor: what is kept, in which order it is told, and how a recorded market runs to its end."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ctosd.abi import (
    Accepted,
    Balance,
    Fill,
    Funding,
    FundingPayment,
    OrderUpdate,
    Outcome,
    Rejected,
    Unknown,
    VenueStatus,
)
from drivers.paper import Paper
from tests.drivers.paper.clockwork import (
    BTC,
    MAIN,
    MINUTE,
    SECOND,
    T0,
    DictStore,
    ListFeed,
    World,
    at_once,
    bars,
    config,
    place,
    quote_rows,
    recorded,
    venue,
)


async def test_same_seed_same_fills() -> None:
    """Two venues with one seed tell the same story to the byte; another seed tells another."""
    stories = []
    for seed in (7, 7, 8):
        world = World()
        driver = await venue(world, config(market={"seed": seed}))
        quote = await driver.fetch_quote(BTC)
        await driver.submit(place("b", "buy", "0.05", round(quote.bid - 3, 1)))
        world.clock.run(30)
        stories.append([event for _, event in world.heard])
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


async def _money(driver: Paper) -> list[tuple[str, Decimal]]:
    return [(each.asset, each.total) for each in await driver.fetch_balances(MAIN)]


async def _held(driver: Paper) -> list[tuple[Decimal, Decimal, Decimal]]:
    return [(each.size, each.entry, each.leverage) for each in await driver.fetch_positions(MAIN)]


QUESTIONS: list[Callable[[Paper], Any]] = [
    lambda driver: driver.fetch_open_orders(MAIN),
    lambda driver: driver.fetch_fills(MAIN, 0),
    _money,
    _held,
]


async def test_a_killed_venue_comes_back_as_it_last_told() -> None:
    """Without a stop: orders, fills, balances, positions, leverage and the price are as before."""
    store = DictStore()
    world = World(store=store)
    driver = await venue(world)
    quote = await driver.fetch_quote(BTC)
    await driver.set_leverage(MAIN, BTC, Decimal(10))
    await driver.submit(place("m", "sell", "0.02"))
    await driver.submit(place("b", "buy", "0.01", round(quote.bid - 500, 1)))
    world.clock.run(21)
    before = [await ask(driver) for ask in QUESTIONS]
    last = await driver.fetch_quote(BTC)

    later = World(store=store, now_ns=world.clock.now_ns() + 3 * SECOND)
    again = await venue(later)
    assert [await ask(again) for ask in QUESTIONS] == before
    assert abs((await again.fetch_quote(BTC)).mid / last.mid - 1) < 0.003
    # A symbol with an order or a position flows without anybody asking.
    later.clock.run(2)
    assert later.on("quotes/paper/BTC-USDT:USDT")
    assert later.on("quotes/paper/ETH-USDT:USDT") == []
    duplicate = await again.submit(place("b", "buy", "0.01", round(quote.bid - 500, 1)))
    assert isinstance(duplicate, Rejected)
    assert duplicate.reason == "duplicate_client_id"


async def test_what_is_published_is_already_kept() -> None:
    """At the moment that a fill is heard, a venue made from the store knows it."""
    store = DictStore()
    world = World(store=store)
    driver = await venue(world)
    await driver.fetch_quote(BTC)
    known: list[bool] = []

    def hear(event: Any) -> None:
        if isinstance(event, Fill):
            copy = DictStore()
            copy.rows = dict(store.rows)
            other = Paper(config(), [MAIN], World(store=copy).ports)
            at_once(other.start())
            known.append(event in at_once(other.fetch_fills(MAIN, 0)))

    world.listeners["private/paper"] = hear
    await driver.submit(place("c1", "buy", "0.01"))
    assert known == [True]


async def test_funding_that_is_published_is_already_kept() -> None:
    """A daemon that is killed before its journal has the payment finds it here, under the id that was told."""
    store = DictStore()
    world = World(store=store)
    often = config(funding={"interval_h": 1 / 6})
    driver = await venue(world, often)
    await driver.submit(place("c1", "buy", "0.1"))
    known: list[list[FundingPayment]] = []

    def hear(event: Any) -> None:
        if isinstance(event, FundingPayment):
            copy = DictStore()
            copy.rows = dict(store.rows)
            other = Paper(often, [MAIN], World(store=copy).ports)
            at_once(other.start())
            known.append(list(at_once(other.fetch_funding_payments(MAIN, T0))))

    world.listeners["private/paper"] = hear
    world.clock.run(21 * 60)
    told = world.private(FundingPayment)
    assert [payment.time_ns for payment in told] == [T0 + 10 * MINUTE, T0 + 20 * MINUTE]
    assert known == [told[:1], told]


async def test_a_full_disk_does_not_lose_what_happened() -> None:
    """While the store refuses, new orders are refused too; what happened meanwhile is kept when it works again."""
    store = DictStore()
    world = World(store=store)
    driver = await venue(world)
    await driver.fetch_quote(BTC)
    store.broken = True
    assert isinstance(await driver.submit(place("c1", "buy", "0.01")), Accepted)
    refused = await driver.submit(place("c2", "buy", "0.01"))
    assert isinstance(refused, Rejected)
    assert refused.reason == "maintenance"
    assert len(world.log.named("paper_store_failed")) == 1
    store.broken = False
    assert isinstance(await driver.submit(place("c3", "buy", "0.01")), Accepted)
    again = await venue(World(store=store))
    assert {fill.client_id for fill in await again.fetch_fills(MAIN, 0)} == {"c1", "c3"}


async def test_events_keep_their_order_when_a_listener_trades() -> None:
    """An order that is sent from inside a fill's handler is told after everything of the first."""
    world = World()
    driver = await venue(world)
    await driver.fetch_quote(BTC)
    sent: list[Outcome] = []

    def answer(event: Any) -> None:
        if isinstance(event, Fill) and not sent:
            sent.append(Unknown(client_id="", message=""))
            sent[0] = at_once(driver.submit(place("second", "sell", "0.01")))

    world.listeners["private/paper"] = answer
    await driver.submit(place("first", "buy", "0.01"))
    assert isinstance(sent[0], Accepted)
    ids = [event.client_id for event in world.on("private/paper") if isinstance(event, Fill | OrderUpdate)]
    assert ids == sorted(ids)
    totals = [balance.total for balance in world.private(Balance)]
    assert totals[-1] == (await driver.fetch_balances(MAIN))[0].total


async def test_recorded_bars_trade_on_the_virtual_clock_to_the_end() -> None:
    """Bars are delivered as they are, fill resting orders, and their end is told once."""
    world = World(virtual=True, now_ns=0)
    world.feeds["x"] = ListFeed(bars([60_000.0, 60_100.0, 59_000.0, 59_500.0]))
    driver = await venue(world, recorded())
    assert [each.symbol for each in driver.instruments()] == [BTC]
    await driver.subscribe("bars", BTC, "1m")
    assert (await driver.fetch_quote(BTC)).mid == 60_000.0
    await driver.submit(place("b", "buy", "0.01", 59_500))
    world.pump()
    assert [bar.close for bar in world.on("bars.1m/paper/BTC-USDT:USDT")] == [60_000.0, 60_100.0, 59_000.0, 59_500.0]
    (fill,) = world.private(Fill)
    assert (fill.price, fill.time_ns, fill.liquidity) == (59_500, T0 + 3 * MINUTE, "maker")
    (status,) = world.on("status/paper")
    assert status == VenueStatus(venue="paper", up=False, reason="end of data", time_ns=T0 + 4 * MINUTE)
    assert driver.statistics()["ended"]
    assert [bar.close for bar in await driver.fetch_klines(BTC, "1m", 2)] == [59_000.0, 59_500.0]


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_recorded_on_the_wall_clock_at_n_times(speed: float) -> None:
    """Events come at the recorded distances over N, stamped as recorded; fills too carry the market's time."""
    old = T0 - 400 * 24 * 60 * MINUTE
    world = World()
    world.feeds["x"] = ListFeed(quote_rows(60_000, 59_990, 59_980, step_ns=60 * SECOND, start_ns=old))
    driver = await venue(world, recorded(market={"speed": speed}))
    await driver.subscribe("quotes", BTC)
    await driver.submit(place("b", "buy", "0.01", 59_985))
    world.clock.run(60 / speed - 0.01)
    assert len(world.on("quotes/paper/BTC-USDT:USDT")) == 1
    world.clock.run(0.02)
    assert [q.time_ns for q in world.on("quotes/paper/BTC-USDT:USDT")] == [old, old + 60 * SECOND]
    assert world.on("status/paper") == []
    world.clock.run(60 / speed)
    assert world.private(Fill)[0].time_ns == old + 120 * SECOND
    assert len(world.on("status/paper")) == 1
    assert world.clock.pending() == 0


async def test_funding_is_paid_at_its_time() -> None:
    """A long pays a positive rate once, at the instant that the market told before."""
    world = World(virtual=True, now_ns=0)
    due = T0 + 2 * MINUTE
    funding = Funding("paper", BTC, 0.001, 60_000.0, due, T0, 8 * 3600 * SECOND)
    world.feeds["q"] = ListFeed(quote_rows(*[60_000.0] * 300))
    world.feeds["f"] = ListFeed([(T0, funding)])
    driver = await venue(world, recorded(market={"feeds": [{"path": "f"}, {"path": "q"}]}))
    feed, deliver = world.driven[0]
    for count, (ns, event) in enumerate(feed):
        world.clock.run_until(ns)
        deliver(ns, event)
        if count == 5:
            await driver.submit(place("c1", "buy", "0.1"))
    (payment,) = world.private(FundingPayment)
    assert (payment.amount, payment.time_ns) == (Decimal(-6), due)
    assert (await driver.fetch_funding(BTC)) == funding
    assert await driver.fetch_funding_payments(MAIN, due) == [payment]
    assert await driver.fetch_funding_payments(MAIN, due + 1) == []
