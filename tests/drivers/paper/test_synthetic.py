"""The synthetic market: the same for the same seed, cheap, with a past, and resumable."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from ctosd.abi import MarketEvent, exact
from drivers.paper import listing
from drivers.paper.config import SymbolConfig
from drivers.paper.synthetic import Market, Rules, first_price
from tests.drivers.paper.clockwork import BTC, ETH, SECOND, SPOT, T0, market_of, quotes, take

HASH = """
import hashlib, msgspec
from itertools import islice
from drivers.paper import listing
from drivers.paper.synthetic import Market, Rules
market = Market(Rules(seed=11), 1704067200000000000)
for symbol in ("BTC/USDT:USDT", "ETH/USDT:USDT", "NEW/USDT:USDT", "BTC/USDT"):
    market.open(listing.instrument("paper", symbol), None, 1704067200000000000).open_book()
digest = hashlib.sha256()
for ns, event in islice(market, 10_000):
    digest.update(msgspec.json.encode((ns, type(event).__name__, event)))
print(digest.hexdigest())
"""


def test_same_seed_same_market_in_any_process() -> None:
    """10,000 events have the same hash in processes with different hash seeds."""
    digests = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", HASH],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == 64


def test_other_seed_other_market() -> None:
    """Another seed gives other prices."""
    one, other = (quotes(take(market_of(BTC, rules=Rules(seed=seed)), 2_000))[-1].bid for seed in (1, 2))
    assert one != other


def test_a_symbol_does_not_depend_on_who_else_is_open() -> None:
    """The tape of one symbol is the same beside others as alone."""
    alone = quotes(take(market_of(BTC), 500))
    beside = quotes(take(market_of(ETH, BTC), 1_500))
    assert beside[: len(alone)] == alone


def test_spot_and_perpetual_of_a_coin_stay_together() -> None:
    """The basis stays within 30 basis points."""
    events = take(market_of(BTC, SPOT), 20_000)
    perp, spot = quotes(events)[-1].mid, quotes(events, SPOT)[-1].mid
    assert perp != spot
    assert abs(perp / spot - 1) < 0.003


def test_history_ends_at_the_price_and_is_a_row_of_closed_bars() -> None:
    """The past joins on to the present price, without holes, and is the same each time; its newest part does not depend on its length."""
    market = market_of(BTC)
    stream = market.streams[BTC]
    bars = market.history(stream, 300, T0, 60_000.0)
    assert len(bars) == 300
    assert (bars[-1].time_ns, bars[-1].close) == (T0, 60_000.0)
    for before, bar in pairwise(bars):
        assert bar.open_ns == before.time_ns == bar.time_ns - 5 * SECOND
        assert bar.open == before.close
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.volume > 0
        assert stream.instrument.on_tick(exact(bar.close))
        assert stream.instrument.on_lot(exact(bar.volume))
    assert market.history(stream, 300, T0, 60_000.0) == bars
    assert [bar.close for bar in market.history(stream, 5_000, T0, 60_000.0)[-300:]] == [bar.close for bar in bars]


def test_history_can_bridge_two_prices() -> None:
    """A bridge begins at one price and ends at another."""
    market = market_of(BTC)
    bars = market.history(market.streams[BTC], 24, T0, 60_000.0, 61_000.0)
    assert (bars[0].open, bars[-1].close) == (61_000.0, 60_000.0)


def test_resumes_where_it_stood() -> None:
    """After a restart the price goes on from where it was, though hours have passed."""
    market = market_of(BTC, own=SymbolConfig(price=50_000, volatility=3.0))
    last = quotes(take(market, 30_000))[-1]
    assert abs(last.mid / 50_000 - 1) > 0.001
    saved = json.loads(json.dumps(market.save(market.streams[BTC])))
    again = Market(Rules(), T0 + 7_200 * SECOND)
    again.resume(saved)
    for volatility in (3.0, 1.0):  # whether or not the configuration was changed meanwhile
        again = Market(Rules(), T0 + 7_200 * SECOND)
        again.resume(saved)
        own = SymbolConfig(price=50_000, volatility=volatility)
        stream = again.open(listing.instrument("paper", BTC), own, T0 + 7_200 * SECOND)
        assert abs(stream.quote(T0).mid / last.mid - 1) < 0.0005
        assert take(again, 2)[0].time_ns == T0 + 7_200 * SECOND


def test_wall_play_delivers_what_is_due_and_does_not_catch_up_after_a_sleep() -> None:
    """Playing gives every due tick with the wall's stamps; after a pause the market goes on from where it stood."""
    market = market_of(BTC)
    heard: list[tuple[int, MarketEvent]] = []
    market.play(T0 + SECOND, lambda ns, event: heard.append((ns, event)))
    assert 5 < len(quotes([event for _, event in heard])) < 25
    assert all(ns == event.time_ns <= T0 + SECOND for ns, event in heard)
    count = len(heard)
    market.play(T0 + 3_600 * SECOND, lambda ns, event: heard.append((ns, event)))
    assert len(heard) - count < 10
    assert heard[-1][0] == T0 + 3_600 * SECOND
    assert market.next_ns is not None
    assert market.next_ns > T0 + 3_600 * SECOND


def test_duration_bounds_the_feed() -> None:
    """A bounded market ends at its end."""
    market = market_of(BTC)
    market.end_ns = T0 + 10 * SECOND
    stamps = [ns for ns, _ in market]
    assert stamps == sorted(stamps)
    assert T0 + 9 * SECOND < stamps[-1] < T0 + 10 * SECOND


def test_thousand_symbols_are_cheap() -> None:
    """A tick costs less than 20 microseconds, the best of three tries on a shared machine."""
    market = Market(Rules(), T0)
    for number in range(1_000):
        market.open(listing.instrument("paper", f"C{number}/USDT:USDT", 10.0), None, T0)
    best = math.inf
    for _ in range(3):
        before = sum(stream.ticks for stream in market.streams.values())
        started = time.thread_time()
        take(market, 10_000)
        spent = time.thread_time() - started
        best = min(best, spent / (sum(stream.ticks for stream in market.streams.values()) - before))
    assert best < 20e-6, f"{best * 1e6:.1f} µs a tick"


@pytest.mark.parametrize("symbol", ["ABC/USDT:USDT", "XYZ/USDT"])
def test_unlisted_symbols_have_a_price_of_their_own(symbol: str) -> None:
    """A name gives a price, always the same one."""
    assert 0.04 < first_price(symbol) < 150
    assert first_price(symbol) == first_price(symbol)
