"""Recorded markets: merged by time, instruments that fit, and mistakes that are named."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ctosd.abi import Bar, BookDelta, Misconfigured, Quote
from drivers.paper.recorded import market_price
from tests.drivers.paper.clockwork import BTC, ETH, MINUTE, T0, ListFeed, World, bars, config, recorded, venue


async def test_feeds_of_several_symbols_are_merged_by_time() -> None:
    """Events of two files come in the order of their times."""
    world = World(virtual=True, now_ns=0)
    world.feeds["a"] = ListFeed(bars([60_000.0] * 3))
    world.feeds["b"] = ListFeed(bars([3_000.0] * 3, ETH, T0 + MINUTE // 2))
    driver = await venue(world, recorded(market={"feeds": [{"path": "a"}, {"path": "b"}]}))
    assert {each.symbol for each in driver.instruments()} == {BTC, ETH}
    world.pump()
    assert [event.symbol for topic, event in world.heard if "bars" in topic] == [BTC, ETH] * 3


async def test_instruments_of_recordings_fit_their_prices() -> None:
    """The tick follows the data, and the configuration has the last word."""
    world = World(virtual=True, now_ns=0)
    world.feeds["x"] = ListFeed(bars([46_319.05, 46_377.0]))
    assert (await venue(world, recorded())).instruments()[0].tick == Decimal("0.01")
    own = recorded(instruments={BTC: {"tick": "0.05", "taker_fee": "0"}}, fees={"maker": "0.0001"})
    (found,) = (await venue(world, own)).instruments()
    assert (found.tick, found.taker_fee, found.maker_fee) == (Decimal("0.05"), 0, Decimal("0.0001"))


async def test_wrong_recordings_are_named() -> None:
    """No feed, a missing file, and two timeframes of one symbol: permanent errors that say what to change."""
    world = World(virtual=True)
    with pytest.raises(Misconfigured, match="feeds"):
        await venue(world, config(market={"kind": "recorded"}))
    with pytest.raises(Misconfigured, match="no such file"):
        await venue(world, recorded("nowhere"))
    hour = Bar("paper", BTC, "1h", 1, 1, 1, 1, 1, T0, T0 + 60 * MINUTE)
    world.feeds["m"], world.feeds["h"] = ListFeed(bars([1.0])), ListFeed([(hour.time_ns, hour)])
    with pytest.raises(Misconfigured, match="leave out those of 1h"):
        await venue(world, recorded(market={"feeds": [{"path": "m"}, {"path": "h"}]}))


def test_a_change_of_the_book_does_not_tell_the_market_price() -> None:
    """Its levels may lie far from the touch: a grid that took one for the price would begin at the wrong place."""
    far = BookDelta("paper", "BTC/USDT:USDT", [(58710.2, 1.0)], [], 1)
    assert market_price(far) is None
    assert (
        market_price(BookDelta("paper", "BTC/USDT:USDT", [(61.0, 1.0), (61.5, 2.0)], [(62.0, 1.0)], 1, snapshot=True))
        == 61.5
    )
    assert market_price(Quote("paper", "BTC/USDT:USDT", 61.0, 1.0, 61.5, 1.0, 1)) == 61.0
