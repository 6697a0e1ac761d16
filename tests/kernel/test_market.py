"""The last word of each market: newest source first, on the tick, with its age."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.abi import Bar, Quote, Trade, topic
from ctosd.kernel.bus import Bus
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.market import Market
from ctosd.testing.venue import perpetual

SYMBOL = "BTC/USDT:USDT"


def market() -> tuple[Market, Bus, VirtualClock]:
    clock, bus = VirtualClock(1_000), Bus()
    made = Market(bus, clock)
    made.enlist([perpetual("v")])
    return made, bus, clock


def test_nothing_is_known_before_something_came() -> None:
    made, _, _ = market()
    assert made.mark("v", SYMBOL) is None
    assert made.last("v", SYMBOL) is None


def test_the_mark_is_the_mid_and_the_last_the_trade() -> None:
    made, bus, _ = market()
    made.watch("quotes", "v", SYMBOL)
    made.watch("trades", "v", SYMBOL)
    bus.publish(topic("quotes", "v", SYMBOL), Quote("v", SYMBOL, 100.0, 1.0, 100.1, 1.0, 5))
    assert made.mark("v", SYMBOL) == D("100.05")
    assert made.last("v", SYMBOL) == D("100.05")
    bus.publish(topic("trades", "v", SYMBOL), Trade("v", SYMBOL, 100.1, 1.0, "buy", 5))
    assert made.last("v", SYMBOL) == D("100.1")
    assert made.mark("v", SYMBOL) == D("100.05")


def test_a_quote_that_was_only_asked_for_gives_way_to_newer_bars() -> None:
    made, bus, _ = market()
    made.put_quote(Quote("v", SYMBOL, 90.0, 1.0, 90.0, 1.0, 5))
    made.watch("bars", "v", SYMBOL, "1m")
    bus.publish(topic("bars", "v", SYMBOL, "1m"), Bar("v", SYMBOL, "1m", 1, 1, 1, 95.0, 1, 0, 60))
    assert made.mark("v", SYMBOL) == D(95)
    assert made.last("v", SYMBOL) == D(95)


def test_age_counts_from_arrival_and_slow_sources_say_so() -> None:
    made, bus, clock = market()
    made.watch("bars", "v", SYMBOL, "1m")
    latest = made.latest("v", SYMBOL)
    clock.time_ns = 7_000
    bus.publish(topic("bars", "v", SYMBOL, "1m"), Bar("v", SYMBOL, "1m", 1, 1, 1, 95.0, 1, 0, 60))
    assert latest.at_ns == 7_000
    assert latest.valid_ns >= 120 * 10**9


def test_watching_twice_taps_once() -> None:
    made, bus, _ = market()
    made.watch("quotes", "v", SYMBOL)
    made.watch("quotes", "v", SYMBOL)
    assert bus.statistics()["taps"] == 1


def test_symbols_are_understood_in_every_spelling() -> None:
    made, _, _ = market()
    for text in (SYMBOL, "btc-usdt:usdt", "BTC-USDT:USDT", "btcusdt-usdt"):
        assert made.symbol("v", text) == SYMBOL
    assert made.symbol("v", "DOGE/USDT") == ""
    assert made.symbol("w", SYMBOL) == ""
