"""The buckets keep the venue's fixed windows; costs are in its units; its counters come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.core.bucket import BucketSet
from drivers.binance.calls import CALLS, METHODS, ONE_SYMBOL
from drivers.binance.config import ProductName
from drivers.binance.limits import SHARE, TABLES, Pools, depth_weight, klines_weight, limits

PRODUCTS: tuple[ProductName, ...] = ("usdm", "spot")


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_window_of_the_venue_is_ever_passed(product: ProductName) -> None:
    for limit in limits(product):
        count, window = TABLES[product][limit.name]
        assert limit.capacity + limit.rate * window <= count * SHARE + 1e-6
        assert 0 < limit.reserve < limit.capacity


@given(st.lists(st.tuples(st.integers(0, 2_000), st.sampled_from([1, 5, 20, 40]), st.booleans()), max_size=200))
def test_any_schedule_stays_below_the_weight_limit(schedule: list[tuple[int, int, bool]]) -> None:
    """Windows are aligned to the venue's clock: whatever their phase, 80 % is never passed."""
    buckets = BucketSet(limits("usdm"), 0)
    now, taken = 0, []
    for wait_ms, weight, urgent in schedule:
        now += wait_ms * 1_000_000
        if buckets.take([("weight", weight)], now, urgent):
            taken.append((now, weight))
    for phase in (0, 20_000_000_000, 40_000_000_000):
        windows: dict[int, int] = {}
        for at, weight in taken:
            key = (at + phase) // 60_000_000_000
            windows[key] = windows.get(key, 0) + weight
        assert max(windows.values(), default=0) <= 2_400 * SHARE


def test_cancels_go_out_when_orders_have_used_everything_up() -> None:
    buckets = BucketSet(limits("usdm"), 0)
    while buckets.take([("weight", 20.0)], 0):
        pass
    assert not buckets.take([("weight", 1.0), ("weight", 20.0)], 0)
    assert buckets.take([("weight", 1.0)], 0, True)


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_call_can_be_paid(product: ProductName) -> None:
    """No weight is above what a bucket can ever hold beyond its reserve."""
    pools, buckets = Pools(product), BucketSet(limits(product), 0)
    for name, call in CALLS[product].items():
        assert buckets.wait_ns(pools.weight(call.weight), 0) == 0, name
    assert set(METHODS[product]) <= set(CALLS[product])
    assert set(ONE_SYMBOL[product]) <= set(CALLS[product])


def test_weights() -> None:
    assert [depth_weight("usdm", n) for n in (5, 50, 100, 500, 1_000)] == [2, 2, 5, 10, 20]
    assert [depth_weight("spot", n) for n in (5, 100, 500, 1_000, 5_000)] == [5, 5, 25, 50, 250]
    assert [klines_weight("usdm", n) for n in (99, 100, 499, 500, 1_000, 1_500)] == [1, 2, 2, 5, 5, 10]
    assert klines_weight("spot", 1_000) == 2


def rows(**limits_: int) -> list[dict[str, Any]]:
    kinds = {"weight": ("REQUEST_WEIGHT", "MINUTE", 1), "raw": ("RAW_REQUESTS", "MINUTE", 5), "ten": ("ORDERS", "SECOND", 10),
             "day": ("ORDERS", "DAY", 1), "minute": ("ORDERS", "MINUTE", 1)}  # fmt: skip
    return [
        {
            "rateLimitType": kind,
            "interval": interval,
            "intervalNum": number,
            "limit": limits_[name],
            "count": limits_[name],
        }
        for name, (kind, interval, number) in kinds.items()
        if name in limits_
    ]


def test_limits_that_differ_scale_the_costs() -> None:
    """Half the limit is double the cost; a larger one makes calls cheaper; what is equal stays."""
    pools = Pools("spot")
    assert sorted(pools.adopt(rows(weight=6_000, ten=100, day=80_000, raw=300_000))) == [
        "orders_10s",
        "orders_1d",
        "raw",
    ]
    assert pools.orders("a/b") == [("orders_10s@a/b", 0.5), ("orders_1d@a/b", 2.0)]
    assert dict(pools.weight(20))["weight"] == 20
    assert dict(pools.weight(20))["raw"] == pytest.approx(61 / 300)
    assert Pools("usdm").adopt([{}, {"rateLimitType": "ORDERS"}, "x", {"interval": "MINUTE", "limit": 5}]) == []


def test_counters_of_headers_and_replies() -> None:
    pools = Pools("usdm")
    headers = {
        "x-mbx-used-weight-1m": "1200",
        "x-mbx-order-count-10s": "30",
        "x-mbx-order-count-1m": "60",
        "x-mbx-order-count-1d": "9",
    }
    assert pools.used_by_headers(headers, "v/a") == [
        ("weight", 1_200, 1_920), ("orders_10s@v/a", 30, 240), ("orders_1m@v/a", 60, 960),
    ]  # fmt: skip
    assert pools.used_by_headers({"x-mbx-used-weight-1m": "junk"}, "v/a") == []
    assert pools.used_by_rows([*rows(weight=7, ten=3), {}, 5], "v/a") == [
        ("weight", 7, 1_920),
        ("orders_10s@v/a", 3, 240),
    ]


def test_the_venues_counter_corrects_the_bucket() -> None:
    buckets, pools = BucketSet(limits("usdm"), 0), Pools("usdm")
    [(name, used, allowed)] = pools.used_by_headers({"x-mbx-used-weight-1m": "1900"}, "")
    buckets.sync_used(name, used, 0, allowed)
    assert buckets.bucket("weight", 0).tokens(0) == pytest.approx(20)
