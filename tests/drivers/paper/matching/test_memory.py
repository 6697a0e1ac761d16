"""What survives a restart: everything that an exchange would keep."""

import pytest

from ctosd.abi import FundingPayment, Misconfigured
from drivers.paper.matching import Engine, Rules
from tests.drivers.paper.matching.exchange import ETH, PERP, SPOT, A, B, D, Venue, instrument, venue


def again(v: Venue, records: dict[str, bytes]) -> Venue:
    """A new engine that took the records back."""
    engine = Engine("paper", v.engine.instruments, v.engine.rules)
    engine.restore(records)
    for account in (A, B):
        engine.open_account(account, {"USDT": D(1)}, D(10))
    return Venue(engine, now=v.now, ids=v.ids, sequence=v.sequence)


def merge(records: dict[str, bytes], changes: dict[str, bytes | None]) -> None:
    for key, value in changes.items():
        if value is None:
            records.pop(key, None)
        else:
            records[key] = value


def answers(v: Venue) -> list:
    engine = v.engine
    return [
        [
            engine.open_orders(each),
            engine.balances(each),
            engine.positions(each),
            engine.fills(each),
            engine.payments(each),
        ]
        for each in (A, B)
    ]


def busy(v: Venue) -> Venue:
    v.place("buy", "3", "100")
    v.place("buy", "2")
    v.place("sell", "1", "110", reduce_only=True)
    v.place("sell", "2", "105", account=B)
    v.place("buy", "1", "95", symbol=SPOT)
    v.engine.set_leverage(A, ETH, D(20))
    v.trade(100, 6, "sell")
    v.funding(0.01, next_ns=5_000, now=2_000)
    return v


def test_a_restored_venue_answers_as_before(v: Venue) -> None:
    busy(v)
    records: dict[str, bytes] = {}
    merge(records, v.engine.drain_changes())
    back = again(v, records)
    assert answers(back) == answers(v)
    assert back.engine.leverage(A, ETH) == 20
    assert back.engine.quote(PERP) == v.engine.quote(PERP)


def test_a_restored_venue_goes_on_as_before(v: Venue) -> None:
    """Queues, reduce-only trimming, funding and counters: the same news lead to the same events."""
    busy(v)
    records: dict[str, bytes] = {}
    merge(records, v.engine.drain_changes())
    back = again(v, records)
    for each in (v, back):
        each.now = 3_000
    for act in (
        lambda each: each.quote(99, 3, 102, 4),
        lambda each: each.trade(99, 3, "sell"),
        lambda each: each.place("sell", "4"),
        lambda each: list(each.engine.settle(5_000)),
        lambda each: each.quote(106, 9, 107, 9),
    ):
        act(v)
        act(back)
        assert back.events == v.events
    assert answers(back) == answers(v)


def test_funding_that_was_paid_is_remembered() -> None:
    """Under the ids that were told, and as many of them as of fills."""
    v = venue(keep_closed=3)
    v.quote(100, 5, 101, 5)
    v.place("buy", "1")
    v.funding(0.01, next_ns=2_000, now=1_500)
    records: dict[str, bytes] = {}
    told = []
    for due_ns in (2_000, 2_100, 2_200, 2_300):
        told += [event for event in v.engine.settle(due_ns) if isinstance(event, FundingPayment)]
        merge(records, v.engine.drain_changes())
    assert len(told) == 4
    back = again(v, records)
    assert list(back.engine.payments(A)) == list(v.engine.payments(A)) == told[1:]
    (next_one,) = [event for event in back.engine.settle(2_400) if isinstance(event, FundingPayment)]
    assert next_one.payment_id not in {each.payment_id for each in told}


def test_only_what_changed_is_told(v: Venue) -> None:
    v.engine.drain_changes()
    assert not v.engine.dirty
    assert v.engine.drain_changes() == {}
    name = v.place("buy", "1", "90")
    assert v.engine.dirty
    assert set(v.engine.drain_changes()) == {f"order/{A}/{name}", "counters", f"market/{PERP}"}
    v.quote(100, 6, 101, 6)
    assert not v.engine.dirty


def test_an_account_that_exists_keeps_its_money(v: Venue) -> None:
    v.place("buy", "1")
    cash = v.cash()
    v.engine.open_account(A, {"USDT": D(5)}, D(20))
    assert v.cash() == cash
    assert v.engine.leverage(A, PERP) == 20


def test_a_grid_that_was_made_finer_still_fits(v: Venue) -> None:
    busy(v)
    engine = Engine("paper", [instrument(s, tick=D("0.1"), lot=D("0.01")) for s in (PERP, ETH, SPOT)], Rules())
    records = {key: value for key, value in v.engine.drain_changes().items() if value is not None}
    engine.restore(records)
    assert engine.positions(A)[0].size == v.size()
    assert engine.balances(A) == v.engine.balances(A)


@pytest.mark.parametrize(
    ("instruments", "words"),
    [
        ([instrument(SPOT)], "not listed"),
        ([instrument(PERP, lot=D(7)), instrument(SPOT)], "lot 7"),
    ],
)
def test_what_does_not_fit_any_more_is_said_with_its_remedy(v: Venue, instruments: list, words: str) -> None:
    v.place("buy", "2")
    records = {key: value for key, value in v.engine.drain_changes().items() if value is not None}
    with pytest.raises(Misconfigured, match=words) as caught:
        Engine("paper", instruments).restore(records)
    assert "closed" in str(caught.value)


def test_a_damaged_record_is_named(v: Venue) -> None:
    name = v.place("buy", "1")
    records = {key: value for key, value in v.engine.drain_changes().items() if value is not None}
    key = f"order/{A}/{name}"
    with pytest.raises(Misconfigured, match=key):
        venue().engine.restore(records | {key: records[key][:20]})
    del records[f"account/{A}"]
    with pytest.raises(Misconfigured, match="damaged"):
        Engine("paper", v.engine.instruments).restore(records)
