"""Windows and pages of the past."""

from typing import Any

import pytest

from tests.drivers.binance.emulator.rig import BTC, ETH, Rig

HOUR_NS = 3_600_000_000_000
DAY_MS = 86_400_000


def days(rig: Rig, count: int, each: str = "market") -> list[Any]:
    """One order a day, today's last; their numbers."""
    found = []
    for day in range(count):
        found.append((rig.market if each == "market" else rig.spot_market)()["orderId"])
        if day < count - 1:
            rig.clock.time_ns += 24 * HOUR_NS
    return found


def test_futures_show_seven_days_and_older_ones_by_time() -> None:
    rig = Rig()
    numbers = days(rig, 10)
    path = "/fapi/v1/userTrades"
    assert [each["orderId"] for each in rig.ask("GET", path, symbol=BTC)] == numbers[2:]
    start = rig.now_ms - 9 * DAY_MS
    first = rig.ask("GET", path, symbol=BTC, startTime=start)
    assert [each["orderId"] for each in first] == numbers[:8]
    assert [each["orderId"] for each in rig.ask("GET", path, symbol=BTC, startTime=start, limit=3)] == numbers[:3]
    assert [each["orderId"] for each in rig.ask("GET", path, symbol=BTC, limit=3)] == numbers[-3:]
    assert rig.refused("GET", path, symbol=BTC, startTime=start, endTime=start + 7 * DAY_MS + 1) == -1127
    assert rig.refused("GET", path, symbol=BTC, startTime=start, endTime=start - 1) == -1023
    assert rig.refused("GET", path) == -1102
    assert rig.ask("GET", path, symbol=ETH) == []


def test_pages_go_on_from_an_id() -> None:
    rig = Rig()
    numbers = days(rig, 5)
    path = "/fapi/v1/userTrades"
    everything = rig.ask("GET", path, symbol=BTC)
    page = rig.ask("GET", path, symbol=BTC, fromId=everything[2]["id"], limit=2)
    assert [each["orderId"] for each in page] == numbers[2:4]
    assert rig.refused("GET", path, symbol=BTC, fromId=1, startTime=rig.now_ms) == -1128
    assert [each["orderId"] for each in rig.ask("GET", path, symbol=BTC, orderId=numbers[1])] == [numbers[1]]


def test_spot_shows_the_newest_and_a_day_by_time() -> None:
    rig = Rig()
    numbers = days(rig, 4, "spot")
    path = "/api/v3/myTrades"
    assert [each["orderId"] for each in rig.ask("GET", path, symbol=BTC)] == numbers
    start = rig.now_ms - 2 * DAY_MS
    assert [each["orderId"] for each in rig.ask("GET", path, symbol=BTC, startTime=start)] == numbers[1:3]
    assert rig.refused("GET", path, symbol=BTC, startTime=start, endTime=start + DAY_MS + 1) == -1127
    everything = rig.ask("GET", path, symbol=BTC)
    assert rig.ask("GET", path, symbol=BTC, fromId=everything[3]["id"]) == everything[3:]


@pytest.mark.parametrize(("path", "each"), [("/fapi/v1/allOrders", "market"), ("/api/v3/allOrders", "spot")])
def test_orders_are_listed_oldest_first(path: str, each: str) -> None:
    rig = Rig()
    numbers = days(rig, 4, each)
    assert [row["orderId"] for row in rig.ask("GET", path, symbol=BTC)] == numbers
    assert [row["orderId"] for row in rig.ask("GET", path, symbol=BTC, limit=2)] == numbers[-2:]
    assert [row["orderId"] for row in rig.ask("GET", path, symbol=BTC, orderId=numbers[1], limit=2)] == numbers[1:3]


def test_futures_list_orders_of_all_symbols() -> None:
    rig = Rig()
    rig.limit()
    rig.ask("POST", "/fapi/v1/order", symbol=ETH, side="BUY", type="MARKET", quantity="0.1")
    assert [each["symbol"] for each in rig.ask("GET", "/fapi/v1/allOrders")] == [BTC, ETH]


def test_income_is_told_by_kind() -> None:
    rig = Rig()
    rig.market()
    rig.run(30)
    rig.market(side="SELL")
    kinds = [each["incomeType"] for each in rig.ask("GET", "/fapi/v1/income")]
    assert sorted(kinds) == ["COMMISSION", "COMMISSION", "REALIZED_PNL"]
    fees = rig.ask("GET", "/fapi/v1/income", incomeType="COMMISSION", symbol=BTC, limit=1)
    assert len(fees) == 1
    assert fees[0]["income"].startswith("-")
    assert rig.ask("GET", "/fapi/v1/income", symbol=ETH) == []
