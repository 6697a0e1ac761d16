"""The processes behind prices: volatility, correlation, reversion, regimes and jumps as asked for."""

from __future__ import annotations

import math
import statistics
from itertools import islice, pairwise

from ctosd.abi import Quote
from drivers.paper import listing
from drivers.paper.config import SymbolConfig
from drivers.paper.synthetic import Market, Rules
from tests.drivers.paper.clockwork import BTC, ETH, T0, market_of, minute_returns, take


def test_volatility_correlation_and_reversion() -> None:
    """Minutes move as much as asked for, alts follow bitcoin, and the variance grows slower than time."""
    rules = Rules(rate=0.5, jumps_per_day=0.0)
    market = Market(rules, T0)
    for symbol in (BTC, ETH):
        market.open(listing.instrument("paper", symbol), SymbolConfig(volatility=0.8), T0)
    events = take(market, 130_000)
    one, other = minute_returns(BTC, events), minute_returns(ETH, events)
    year = statistics.pstdev(one) * math.sqrt(365 * 1440)
    assert 0.4 < year < 1.4
    count = min(len(one), len(other))
    assert statistics.correlation(one[:count], other[:count]) > 0.2
    long = [sum(one[i : i + 30]) for i in range(len(one) - 30)]
    ratio = statistics.pvariance(long) / (30 * statistics.pvariance(one))
    assert ratio < 0.9, f"a random walk has 1, this has {ratio:.2f}"


def test_regimes_and_jumps_happen() -> None:
    """All three regimes come up within days, and a jump is far larger than a usual step."""
    market = market_of(BTC, rules=Rules(rate=0.1, jumps_per_day=40))
    seen = set()
    mids = []
    for _, event in islice(market, 60_000):
        seen.add(market.regime)
        if isinstance(event, Quote):
            mids.append(event.mid)
    assert seen == {0, 1, 2}
    steps = sorted(abs(math.log(b / a)) for a, b in pairwise(mids))
    assert steps[-1] > 12 * statistics.median(steps)


def test_speed_makes_the_market_live_faster() -> None:
    """At 100 times the speed a minute moves about ten times as far."""
    slow, fast = (
        statistics.pstdev(
            minute_returns(
                BTC, take(market_of(BTC, rules=Rules(rate=1, speed=s, reversion=0, jumps_per_day=0)), 12_000)
            )
        )
        for s in (1.0, 100.0)
    )
    assert 4 < fast / slow < 25
