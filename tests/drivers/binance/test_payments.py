"""Funding by the venue's own record: nothing is lost or told twice, the position is derived, rates are asked for rarely."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NotReady
from drivers.binance import Binance
from drivers.binance.payments import KEPT_MS, PAGE, position
from tests.drivers.binance.scripted import MAIN, MS, PERP, Venue

INCOME, RATES = "/fapi/v1/income", "/fapi/v1/fundingRate"
HOUR_MS = 3_600_000


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue, **more: Any) -> Binance:
    driver = venue.driver(**more)
    await driver.start()
    venue.calls.clear()
    return driver


def paid(number: int, time_ms: int, native: str = "BTCUSDT", income: str = "-0.60000001") -> dict[str, Any]:
    return {
        "symbol": native,
        "incomeType": "FUNDING_FEE",
        "income": income,
        "asset": "USDT",
        "time": time_ms,
        "tranId": number,
    }


def listed(rows: list[dict[str, Any]]) -> Callable[[dict[str, str]], list[dict[str, Any]]]:
    """The income history: from `startTime` on, oldest first, `limit` of them."""
    ordered = sorted(rows, key=lambda row: row["time"])
    return lambda p: [row for row in ordered if row["time"] >= int(p["startTime"])][: int(p["limit"])]


def rated(p: dict[str, str], step_ms: int = HOUR_MS) -> list[dict[str, Any]]:
    """A settlement an hour, some ms after it."""
    first, last = -(-int(p["startTime"]) // step_ms), int(p["endTime"]) // step_ms
    times = [number * step_ms + 2 for number in range(first, last + 1)]
    return [{"fundingTime": each, "fundingRate": "0.0001", "markPrice": "60000"} for each in times][: int(p["limit"])]


def hour(venue: Venue) -> int:
    return venue.clock.now_ns() // MS // HOUR_MS * HOUR_MS


async def test_payments_since(venue: Venue) -> None:
    driver = await started(venue)
    due = hour(venue)
    rows = [
        paid(78, due + 5_000),
        paid(77, due - HOUR_MS),
        paid(79, due, "GONEUSDT"),
        paid(80, due + 1, "ETHUSDT", "3"),
    ]
    venue.route("GET", INCOME, listed(rows))
    venue.route("GET", RATES, rated)
    since_ns = (due - HOUR_MS) * MS
    first, third, second = await driver.fetch_funding_payments(MAIN, since_ns)
    assert (first.payment_id, first.time_ns) == ("77", since_ns)
    assert (second.payment_id, second.symbol, second.amount, second.asset) == ("78", PERP, D("-0.60000001"), "USDT")
    assert (second.rate, second.position, second.time_ns) == (D("0.0001"), D("0.1"), (due + 2) * MS), "when it was due"
    assert (third.symbol, third.time_ns, third.position) == ("ETH/USDT:USDT", (due + 1) * MS, D("-0.5"))
    assert venue.sent("GET", INCOME)[0]["startTime"] == str(due - HOUR_MS)
    assert await driver.fetch_funding_payments(MAIN, since_ns) == [first, third, second]
    assert len(venue.sent("GET", RATES)) == 2, "one question a symbol, and none for what is known"
    assert [each.payment_id for each in await driver.fetch_funding_payments(MAIN, since_ns + MS)] == ["80", "78"]


async def test_no_page_border_loses_a_payment(venue: Venue) -> None:
    """Many of one ms lie on both sides of it; a whole page of one ms cannot be told apart, and says so."""
    driver = await started(venue)
    begin = hour(venue) - 90 * HOUR_MS
    rows = [paid(number, begin + number // 30 * HOUR_MS) for number in range(PAGE + 200)]
    venue.route("GET", INCOME, listed(rows))
    venue.route("GET", RATES, rated)
    found = await driver.fetch_funding_payments(MAIN, begin * MS)
    assert sorted(int(each.payment_id) for each in found) == list(range(PAGE + 200))
    assert [each.time_ns for each in found] == sorted(each.time_ns for each in found)
    assert len(venue.sent("GET", INCOME)) == 2
    assert len(venue.sent("GET", RATES)) == 1
    venue.route("GET", INCOME, listed([paid(number, begin) for number in range(PAGE)]))
    with pytest.raises(NotReady, match="at one moment"):
        await driver.fetch_funding_payments(MAIN, begin * MS)


async def test_rates_of_a_long_time_are_read_page_by_page(venue: Venue) -> None:
    """And no further back than the venue knows income."""
    driver = await started(venue)
    due = hour(venue)
    rows = [paid(1, due - 1_500 * HOUR_MS), paid(2, due)]
    venue.route("GET", INCOME, listed(rows))
    venue.route("GET", RATES, rated)
    found = await driver.fetch_funding_payments(MAIN, 0)
    assert [each.position for each in found] == [D("0.1")] * 2
    assert len(venue.sent("GET", RATES)) == 2
    assert abs(int(venue.sent("GET", INCOME)[0]["startTime"]) - (venue.clock.now_ns() // MS - KEPT_MS)) < 1_000


@pytest.mark.parametrize(
    ("rates", "rate"),
    [
        ([], "0"),
        ([{"fundingRate": "0.0001", "markPrice": ""}], "0.0001"),
        ([{"fundingRate": "0.0001"}], "0.0001"),
        ([{"fundingRate": "0", "markPrice": "60000"}], "0"),
    ],
)
async def test_a_position_that_the_figures_do_not_tell(venue: Venue, rates: list[dict[str, Any]], rate: str) -> None:
    driver = await started(venue)
    due = hour(venue)
    venue.route("GET", INCOME, listed([paid(1, due)]))
    venue.route("GET", RATES, lambda p: [{**row, "fundingTime": due} for row in rates])
    (payment,) = await driver.fetch_funding_payments(MAIN, due * MS)
    assert (payment.rate, payment.position, payment.time_ns) == (D(rate), 0, due * MS)


def test_a_position_is_told_to_the_lot_or_not_at_all() -> None:
    """Income has eight places: a lot that pays less than two of the last one cannot be counted in it."""
    figures = D("0.0001"), D(60000)
    assert position(D("-0.6"), *figures, D("0.001")) == D("0.1")
    assert position(D("0.6"), *figures, D("0.001")) == D("-0.1")
    assert position(D("-0.6"), -figures[0], figures[1], D("0.001")) == D("-0.1")
    assert position(D("-0.00000001"), D("0.00000001"), D("0.5"), D(1)) == 0
    assert position(D("-0.6"), *figures, D(0)) == 0


@pytest.mark.parametrize(
    "wrong", [{"code": 1}, ["text"], [{"symbol": "BTCUSDT"}], [paid(1, 5, income="much")], (500, b"<html>")]
)
async def test_a_record_that_cannot_be_read_is_never_half_a_record(venue: Venue, wrong: Any) -> None:
    driver = await started(venue)
    venue.route("GET", INCOME, lambda p: wrong)
    venue.route("GET", RATES, lambda p: [])
    with pytest.raises(NotReady):
        await driver.fetch_funding_payments(MAIN, 0)


async def test_who_has_none() -> None:
    spot = Venue("spot")
    driver = await started(spot)
    assert await driver.fetch_funding_payments(MAIN, 0) == ()
    with pytest.raises(CallerMistake):
        await driver.fetch_funding_payments("binance/other", 0)
    assert spot.calls == []
    await spot.end()
    keyless = Venue()
    driver = await started(keyless, secrets={})
    assert await driver.fetch_funding_payments(MAIN, 0) == ()
    await keyless.end()
