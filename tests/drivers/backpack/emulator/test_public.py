"""Public questions are answered as the venue's own description has it; the schema is checked by `Counter.get`."""

import pytest

from tests.drivers.backpack.emulator.counter import BTC, PERP, SOL, Counter, market, refusal


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter()


@pytest.mark.parametrize("name", ["status", "markets", "assets", "collateral", "tickers", "markPrices", "openInterest"])
def test_whole_lists(counter: Counter, name: str) -> None:
    assert counter.get(f"/api/v1/{name}")


@pytest.mark.parametrize("symbol", [SOL, PERP, BTC])
@pytest.mark.parametrize("name", ["market", "ticker", "depth", "trades", "trades/history"])
def test_one_market(counter: Counter, name: str, symbol: str) -> None:
    assert counter.get(f"/api/v1/{name}", symbol=symbol)
    assert refusal(counter.send("GET", f"/api/v1/{name}"))[0] == 400
    assert refusal(counter.send("GET", f"/api/v1/{name}", {"symbol": "NO_USDC"}))[:2] == (400, "INVALID_MARKET")


def test_ping_and_time_are_text(counter: Counter) -> None:
    assert counter.get("/api/v1/ping") == "pong"
    assert counter.get("/api/v1/time") == str(counter.now_ms)
    assert dict(counter.send("GET", "/api/v1/time").headers)["content-type"].startswith("text/plain")


def test_markets_by_kind(counter: Counter) -> None:
    assert [each["symbol"] for each in counter.get("/api/v1/markets", marketType="SPOT")] == [SOL, "BTC_USDC"]
    assert {each["marketType"] for each in counter.get("/api/v1/markets", marketType="PERP")} == {"PERP"}


def test_marks_are_always_a_list_and_of_perpetuals(counter: Counter) -> None:
    (mark,) = counter.get("/api/v1/markPrices", symbol=PERP)
    assert mark["symbol"] == PERP
    assert mark["nextFundingTimestamp"] % (8 * 3_600_000) == 0
    assert mark["nextFundingTimestamp"] > counter.now_ms
    assert counter.get("/api/v1/markPrices", symbol=SOL) == []
    assert len(counter.get("/api/v1/markPrices")) == 3


def test_funding_rates_are_paged_and_stay_the_same(counter: Counter) -> None:
    rows = counter.get("/api/v1/fundingRates", symbol=PERP, limit=3)
    assert [row["intervalEndTimestamp"] for row in rows] == [
        "2026-01-01T00:00:00",
        "2025-12-31T16:00:00",
        "2025-12-31T08:00:00",
    ]
    assert counter.get("/api/v1/fundingRates", symbol=PERP, limit=2, offset=1) == rows[1:]
    assert dict(counter.send("GET", "/api/v1/fundingRates", {"symbol": PERP}).headers)["X-TOTAL"] == "300"
    assert counter.get("/api/v1/fundingRates", symbol=SOL) == []


def test_open_interest_has_the_accounts_in_it() -> None:
    counter = Counter()
    (before,) = counter.get("/api/v1/openInterest", symbol=PERP)
    counter.place(**market(quantity="2"))
    (after,) = counter.get("/api/v1/openInterest", symbol=PERP)
    assert float(after["openInterest"]) == float(before["openInterest"]) + 2
