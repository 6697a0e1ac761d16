"""Funding: who pays whom, when, at which rate, and what is missed."""

from decimal import Decimal as D

from ctosd.abi import Balance, FundingPayment
from tests.drivers.paper.matching.exchange import ETH, PERP, A, B, Venue, venue


def payments(events: list) -> list[tuple[str, D, int]]:
    return [(event.account, event.amount, event.time_ns) for event in events if isinstance(event, FundingPayment)]


def test_longs_pay_shorts_at_the_time_that_was_told(v: Venue) -> None:
    """Rate 1 % of 100.5: a long of 2 pays 2.01, a short of 1 gets 1.005."""
    v.place("buy", "2")
    v.place("sell", "1", account=B)
    assert v.funding(0.01, next_ns=2_000, now=1_500) == []
    cash = v.cash()
    assert not v.engine.settle(1_999)
    told = list(v.engine.settle(2_003))
    assert payments(told) == [(A, D("-2.01"), 2_000), (B, D("1.005"), 2_000)]
    assert v.cash() == cash - D("2.01")
    assert [event.account for event in told if isinstance(event, Balance)] == [A, B]
    assert not v.engine.settle(2_004)


def test_the_told_mark_values_the_position(v: Venue) -> None:
    v.place("buy", "1")
    v.funding(0.01, next_ns=2_000, now=1_500, mark=200.0)
    assert payments(list(v.engine.settle(2_000))) == [(A, D(-2), 2_000)]


def test_the_next_settlement_is_an_interval_later_at_the_last_rate(v: Venue) -> None:
    v.place("buy", "1")
    v.funding(0.01, next_ns=2_000, now=1_500)
    v.engine.settle(2_000)
    assert v.engine.next_due_ns == 2_100
    assert payments(list(v.engine.settle(2_100))) == [(A, D("-1.005"), 2_100)]


def test_a_rate_that_is_told_again_is_paid_once(v: Venue) -> None:
    v.place("buy", "1")
    v.funding(0.01, next_ns=2_000, now=1_500)
    v.funding(0.02, next_ns=2_000, now=1_600)
    assert payments(list(v.engine.settle(2_000))) == [(A, D("-2.010"), 2_000)]
    assert payments(v.funding(0.03, next_ns=2_000, now=2_001)) == []
    assert not v.engine.settle(2_050)


def test_news_of_the_next_interval_settle_the_last_first(v: Venue) -> None:
    """The driver was late: the news come with the settlement, at the rate that was due."""
    v.place("buy", "1")
    v.funding(0.01, next_ns=2_000, now=1_500)
    assert payments(v.funding(0.05, next_ns=2_100, now=2_001)) == [(A, D("-1.005"), 2_000)]
    assert v.engine.next_due_ns == 2_100


def test_a_rate_told_at_its_own_time_is_paid_then(v: Venue) -> None:
    v.place("buy", "1")
    assert payments(v.funding(0.01, next_ns=2_000, now=2_000)) == [(A, D("-1.005"), 2_000)]
    assert payments(v.funding(0.02, next_ns=2_100, now=2_100)) == [(A, D("-2.010"), 2_100)]


def test_missed_settlements_are_paid_up_to_a_bound(v: Venue) -> None:
    v.place("buy", "1")
    v.funding(0.01, next_ns=2_000, now=1_500)
    told = list(v.engine.settle(2_000 + 1_000))
    assert [time for _, _, time in payments(told)] == [2_800, 2_900, 3_000]
    assert v.engine.next_due_ns == 3_100


def test_without_news_the_rules_rate_is_paid_on_the_grid_of_intervals() -> None:
    v = venue(funding_rate=D("0.01"), funding_interval_ns=1_000)
    v.quote(100, 5, 101, 5)
    v.place("buy", "1")
    assert not v.engine.settle(1_500)
    assert v.engine.next_due_ns == 2_000
    assert payments(list(v.engine.settle(2_000))) == [(A, D("-1.005"), 2_000)]


def test_without_a_rate_nothing_is_paid(v: Venue) -> None:
    v.place("buy", "1")
    v.engine.settle(1)
    assert not v.engine.settle(v.engine.next_due_ns)


def test_who_cannot_pay_is_liquidated() -> None:
    v = venue(balances={"USDT": D(110)})
    v.quote(100, 50, 100, 50)
    v.place("buy", "10")
    v.funding(0.11, next_ns=2_000, now=1_500)
    v.engine.settle(2_000)
    assert v.size() == 0
    assert v.cash() >= 0


def test_the_flat_and_spot_pay_nothing(v: Venue) -> None:
    assert v.funding(0.01, next_ns=1_001, now=1_500) == []
    assert v.engine.positions(A) == []
    assert PERP in {each.symbol for each in v.engine.instruments}


def test_what_was_paid_can_be_asked_for(v: Venue) -> None:
    """Since a time, oldest first over all markets, as it was told."""
    v.place("buy", "1")
    v.place("buy", "1", symbol=ETH)
    v.funding(0.01, next_ns=2_000, now=1_500)
    told = [event for event in v.engine.settle(2_250) if isinstance(event, FundingPayment)]
    asked = list(v.engine.payments(A))
    assert sorted(asked, key=lambda each: each.payment_id) == sorted(told, key=lambda each: each.payment_id)
    assert [each.time_ns for each in asked] == sorted(each.time_ns for each in asked)
    assert list(v.engine.payments(A, asked[1].time_ns)) == [each for each in asked if each.time_ns >= asked[1].time_ns]
    assert list(v.engine.payments(A, asked[-1].time_ns + 1)) == list(v.engine.payments(B)) == []
