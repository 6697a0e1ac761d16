"""Histories come in pages with headers that count them, newest first."""

import json

import pytest

from drivers.paper.config import FundingConfig, MarketConfig, PaperConfig
from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter, judged, market, refusal

ORDERS, FILLS = "/wapi/v1/history/orders", "/wapi/v1/history/fills"


@pytest.fixture
def counter() -> Counter:
    made = Counter()
    for number in range(5):
        made.place(**market(quantity="1", clientId=number))
        made.run(1)
    made.place(symbol=SOL, clientId=9)
    return made


def test_pages_are_counted_in_headers(counter: Counter) -> None:
    reply = counter.signed("GET", ORDERS, {"limit": 2, "offset": 2})
    headers = dict(reply.headers)
    told = {name: headers[f"X-{name}"] for name in ("PAGE-COUNT", "CURRENT-PAGE", "PAGE-SIZE", "TOTAL")}
    assert told == {"PAGE-COUNT": "3", "CURRENT-PAGE": "2", "PAGE-SIZE": "2", "TOTAL": "6"}
    assert [each["clientId"] for each in judged("GET", ORDERS, reply)] == [3, 2]
    assert [each["clientId"] for each in counter.history("orders", sortDirection="Asc")] == [0, 1, 2, 3, 4, 9]


def test_filters(counter: Counter) -> None:
    assert [each["clientId"] for each in counter.history("orders", symbol=SOL)] == [9]
    assert [each["clientId"] for each in counter.history("orders", marketType="SPOT")] == [9]
    one = counter.history("fills")[0]
    assert counter.history("fills", orderId=one["orderId"]) == [one]
    assert counter.history("fills", symbol=SOL) == []
    since = counter.now_ms - 2_500
    found = counter.history("fills", **{"from": since})
    assert [each["clientId"] for each in found] == ["4", "3"]
    assert len(counter.history("fills", to=since)) == 3
    assert counter.history("fills", fillType="Backstop") == []


@pytest.mark.parametrize(
    "query", [{"limit": 1001}, {"limit": 0}, {"limit": -1}, {"sortDirection": "Up"}, {"fillType": "Mine"}]
)
def test_wrong_questions_are_refused(counter: Counter, query: dict[str, object]) -> None:
    assert refusal(counter.signed("GET", FILLS, query))[:2] == (400, "INVALID_CLIENT_REQUEST")


def test_an_account_sees_its_own_only(counter: Counter) -> None:
    assert json.loads(counter.signed("GET", ORDERS, {}, account=1).body) == []
    assert json.loads(counter.signed("GET", FILLS, {}, account=1).body) == []


def test_history_may_be_late(counter: Counter) -> None:
    counter.emulator.set_fault("history_delay", 5.0)
    placed = counter.place(**market(quantity="1"))
    assert counter.history("fills", orderId=placed["id"]) == []
    assert counter.history("orders", orderId=placed["id"]) == []
    counter.run(6)
    assert len(counter.history("fills", orderId=placed["id"])) == 1
    assert len(counter.history("orders", orderId=placed["id"])) == 1


def test_funding_is_paid_and_told() -> None:
    counter = Counter(PaperConfig(market=MarketConfig(seed=7), funding=FundingConfig(interval_h=0.1)))
    counter.place(**market(quantity="5"))
    counter.run(6 * 60 + 30)
    (paid,) = counter.history("funding")
    assert (paid["symbol"], paid["intervalEndTimestamp"]) == (PERP, "2026-01-01T00:06:00")
    assert float(paid["quantity"]) * float(paid["fundingRate"]) < 0  # a long pays when the rate is positive
    assert counter.history("funding", symbol="BTC_USDC_PERP") == []
    assert [each["source"] for each in counter.history("settlement")] == ["FundingPayment"]
    assert counter.history("settlement", source="RealizePnl") == []
    assert counter.get("/api/v1/fundingRates", symbol=PERP)[0]["intervalEndTimestamp"] == "2026-01-01T00:06:00"


def test_what_nobody_did_is_empty(counter: Counter) -> None:
    for name in ("interest", "borrowLend", "dust", "position"):
        assert counter.history(name) == []
