"""Faults: drawn by probability, the same each time, changeable, and silent when they are all off."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ctosd.abi import REASONS, Amend, CallerMistake, Cancel, Place
from drivers.paper.config import FaultsConfig, LatencyConfig
from drivers.paper.faults import PROBABILITIES, TIMES, Faults

PLACE = Place(account="paper/main", client_id="c1", symbol="A/USDT", side="buy", type="market", size=Decimal(1))
AMEND = Amend(account="paper/main", client_id="c1", venue_id="1", symbol="A/USDT", price=Decimal(1))
CANCEL = Cancel(account="paper/main", client_id="c1", venue_id="1", symbol="A/USDT")


def faults(latency: LatencyConfig | None = None, **chances: float) -> Faults:
    return Faults(FaultsConfig(**chances), latency or LatencyConfig(), "7")


def test_calm_without_faults_and_latency() -> None:
    """Nothing is set: calm, and nothing ever strikes."""
    calm = faults()
    assert calm.calm
    assert not any(calm.strikes(name) for name in PROBABILITIES for _ in range(100))
    assert calm.way_s("order") == calm.way_s("ack") == 0
    assert calm.refusal(PLACE, 1) is None
    assert calm.share(PLACE) == 1


def test_the_same_seed_misbehaves_the_same() -> None:
    """Two runs draw the same mishaps."""
    one, other = ([each.strikes("drop") for _ in range(200)] for each in (faults(drop=0.3), faults(drop=0.3)))
    assert one == other
    assert 30 < sum(one) < 90


def test_latency_and_its_jitter() -> None:
    """The way takes its milliseconds, at most the jitter more, and the delay on top when it strikes."""
    slow = faults(LatencyConfig(order=20, ack=5, jitter=10), delay=1.0, delay_ms=300)
    ways = [slow.way_s("order") for _ in range(50)]
    assert min(ways) >= 0.32
    assert max(ways) < 0.33
    assert len(set(ways)) > 10
    assert 0.005 <= slow.way_s("ack") < 0.015


def test_refusals_are_words_of_the_contract() -> None:
    """What is refused has a reason of `REASONS` and a venue-like message; a cancel is never rejected."""
    strict = faults(reject=1.0)
    reasons = {strict.refusal(PLACE, 1).reason for _ in range(100)}  # type: ignore[union-attr]
    assert reasons <= REASONS.keys()
    assert len(reasons) > 2
    assert strict.refusal(AMEND, 1).reason == "amend_reject"  # type: ignore[union-attr]
    assert strict.refusal(CANCEL, 1) is None
    assert faults(rate_limit=1.0).refusal(CANCEL, 1).reason == "rate_limited"  # type: ignore[union-attr]


def test_partial_trims_only_new_orders() -> None:
    """An order gets a part between a tenth and nine tenths."""
    thin = faults(partial=1.0)
    assert all(0.1 <= thin.share(PLACE) <= 0.9 for _ in range(50))
    assert thin.share(CANCEL) == 1


def test_set_at_run_time() -> None:
    """A fault can be switched on and off; a wrong name or value is the caller's mistake."""
    calm = faults()
    calm.set("drop", 1.0)
    assert not calm.calm
    assert calm.strikes("drop")
    assert calm.statistics() == {"set": {"drop": 1.0, "delay_ms": 500.0}, "injected": {"drop": 1}}
    calm.set("drop", 0.0)
    assert calm.calm
    for name in TIMES:
        calm.set(name, 100.0)
    with pytest.raises(CallerMistake, match="drop delay partial"):
        calm.set("dorp", 1.0)
    with pytest.raises(CallerMistake, match="between 0 and 1"):
        calm.set("drop", 1.5)
    with pytest.raises(CallerMistake, match="between"):
        calm.set("drop", float("nan"))
