"""The way of an event: engine, then who listens; strangers stay outside."""

from __future__ import annotations

from ctosd.abi import Quote
from tests.drivers.paper.clockwork import ETH, ListFeed, World, quote_rows, recorded, venue


async def test_a_stranger_in_a_feed_is_named_once() -> None:
    """An event of an unlisted symbol is not delivered and not fatal."""
    world = World(virtual=True, now_ns=0)
    rows = quote_rows(*[60_000.0] * 600)
    rows += [(rows[-1][0] + 1, Quote("paper", ETH, 1.0, 1.0, 2.0, 1.0, rows[-1][0] + 1))] * 2
    world.feeds["x"] = ListFeed(rows)
    driver = await venue(world, recorded())
    world.pump()
    assert len(world.log.named("paper_unlisted_symbol")) == 1
    assert driver.statistics()["strangers"] == [ETH]
    assert driver.statistics()["events"] == 600
