"""Market data by question."""

from typing import Any

import pytest

from drivers.paper.config import FundingConfig, MarketConfig, PaperConfig
from tests.drivers.binance.emulator.documented import fixture, has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, ETH, Answered, Rig


@pytest.mark.parametrize(
    ("path", "params", "name"),
    [
        ("v1/depth", {"symbol": BTC}, "order_book_success"),
        ("v1/trades", {"symbol": BTC}, "recent_trades_list_success"),
        ("v1/aggTrades", {"symbol": BTC}, "compressed_aggregate_trades_list_success"),
        ("v1/premiumIndex", {"symbol": BTC}, "mark_price_success"),
        ("v1/fundingRate", {"symbol": BTC}, "get_funding_rate_history_success"),
        ("v1/ticker/24hr", {"symbol": BTC}, "ticker24hr_price_change_statistics_success"),
        ("v1/ticker/price", {"symbol": BTC}, "symbol_price_ticker_success"),
        ("v2/ticker/price", {"symbol": BTC}, "symbol_price_ticker_v2_success"),
        ("v1/ticker/bookTicker", {"symbol": BTC}, "symbol_order_book_ticker_success"),
        ("v1/openInterest", {"symbol": BTC}, "open_interest_success"),
    ],
)
def test_futures_answer_as_documented(path: str, params: dict[str, Any], name: str) -> None:
    rig = Rig()
    rig.open(f"/fapi/{path}", **params)
    rig.run(5)
    has_keys(rig.open(f"/fapi/{path}", **params), reply("usds_futures", name), "nq", "rateType")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("depth", "depth_success"),
        ("trades", "get_trades_success"),
        ("aggTrades", "agg_trades_success"),
        ("avgPrice", "avg_price_success"),
        ("ticker/24hr", "ticker24hr_success"),
        ("ticker/price", "ticker_price_success"),
        ("ticker/bookTicker", "ticker_book_ticker_success"),
    ],
)
def test_spot_answers_as_documented(path: str, name: str) -> None:
    rig = Rig()
    rig.open(f"/api/v3/{path}", symbol=BTC)
    rig.run(5)
    has_keys(rig.open(f"/api/v3/{path}", symbol=BTC), reply("spot", name))


def test_spot_answers_as_recorded() -> None:
    rig = Rig()
    rig.open("/api/v3/ticker/24hr", symbol=BTC)
    rig.run(5)
    routes = fixture("gocryptotrader/binance_http_mock_spot_fapi.json")["routes"]
    for path in ("/api/v3/ticker/24hr", "/api/v3/depth", "/api/v3/trades", "/api/v3/aggTrades", "/api/v3/ticker/price"):
        real = routes[path]["GET"][0]["data"]
        ours = rig.open(path, symbol=BTC)
        has_keys(ours, real[0] if isinstance(real, list) and isinstance(ours, dict) else real, "count")


def test_a_book_of_futures_has_only_some_depths() -> None:
    rig = Rig()
    for limit in (5, 10, 20, 50, 100, 500, 1000):
        assert len(rig.open("/fapi/v1/depth", symbol=BTC, limit=limit)["bids"]) == limit
    with pytest.raises(Answered):
        rig.open("/fapi/v1/depth", symbol=BTC, limit=7)
    assert len(rig.open("/api/v3/depth", symbol=BTC, limit=7)["asks"]) == 7
    assert len(rig.open("/api/v3/depth", symbol=BTC)["asks"]) == 100


def test_a_stale_book_is_given_when_the_fault_is_on() -> None:
    rig = Rig()
    old = rig.open("/fapi/v1/depth", symbol=BTC)["lastUpdateId"]
    rig.run(10)
    rig.emulator.set_fault("stale_snapshot", 1)
    assert rig.open("/fapi/v1/depth", symbol=BTC)["lastUpdateId"] == old
    rig.emulator.set_fault("stale_snapshot", 0)
    assert rig.open("/fapi/v1/depth", symbol=BTC)["lastUpdateId"] > old


def test_trades_go_on_from_an_id() -> None:
    rig = Rig()
    rig.open("/api/v3/trades", symbol=BTC)
    rig.run(20)
    trades = rig.open("/api/v3/trades", symbol=BTC)
    assert rig.open("/api/v3/historicalTrades", symbol=BTC, fromId=trades[3]["id"], limit=2) == trades[3:5]
    aggregates = rig.open("/api/v3/aggTrades", symbol=BTC)
    assert rig.open("/api/v3/aggTrades", symbol=BTC, fromId=aggregates[2]["a"], limit=3) == aggregates[2:5]
    later = rig.open("/api/v3/aggTrades", symbol=BTC, startTime=rig.now_ms - 10_000, limit=2)
    assert all(each["T"] >= rig.now_ms - 10_000 for each in later)
    assert len(later) == 2


def test_one_symbol_is_a_row_and_several_are_a_list() -> None:
    rig = Rig()
    assert rig.open("/api/v3/ticker/price", symbol=BTC)["symbol"] == BTC
    assert [each["symbol"] for each in rig.open("/api/v3/ticker/price", symbols='["ETHUSDT","BTCUSDT"]')] == [ETH, BTC]
    assert len(rig.open("/api/v3/ticker/price")) > 10
    for symbols in ("BTCUSDT", '{"a":1}'):
        with pytest.raises(Answered):
            rig.open("/api/v3/ticker/price", symbols=symbols)


def test_funding_of_the_past_lies_on_whole_intervals() -> None:
    rig = Rig()
    rows = rig.open("/fapi/v1/fundingRate", symbol=BTC, limit=5)
    next_ms = rig.open("/fapi/v1/premiumIndex", symbol=BTC)["nextFundingTime"]
    assert [each["fundingTime"] for each in rows] == [next_ms - 28_800_000 * count for count in (5, 4, 3, 2, 1)]
    start = rows[1]["fundingTime"]
    assert rig.open("/fapi/v1/fundingRate", symbol=BTC, startTime=start, limit=2) == rows[1:3]


def test_only_unusual_intervals_are_told() -> None:
    assert Rig().open("/fapi/v1/fundingInfo") == []
    rig = Rig(PaperConfig(funding=FundingConfig(interval_h=4), market=MarketConfig(seed=7)))
    rows = rig.open("/fapi/v1/fundingInfo")
    assert {each["fundingIntervalHours"] for each in rows} == {4}
    has_keys(rows, reply("usds_futures", "get_funding_rate_info_success"))


def test_fees_of_spot() -> None:
    has_keys(Rig().ask("GET", "/api/v3/account/commission", symbol=BTC), reply("spot", "account_commission_success"))
    assert Rig().open("/api/v3/ping") == {}
