"""The ledger: money per strategy and per account, that always adds up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ctosd.abi import CallerMistake, Fill, FundingPayment, Instrument, InvariantBroken
from ctosd.core.ledger import EXTERNAL, WHOLE, Ledger, cash, pnl, unrealised

D = Decimal
ACCOUNT = "paper/main"


def instrument(kind: str = "perp", symbol: str = "") -> Instrument:
    return Instrument(
        venue="paper",
        symbol=symbol or ("BTC/USDT:USDT" if kind == "perp" else "BTC/USDT"),
        native="x",
        kind=kind,  # type: ignore[arg-type]
        base="BTC",
        quote="USDT",
        settle="USDT" if kind == "perp" else "",
        tick=D("0.1"),
        lot=D("0.001"),
        min_size=D("0.001"),
    )


PERP, SPOT = instrument(), instrument("spot")
NUMBERS = iter(range(10**9))


def fill(side: str, size: str | Decimal, price: str | Decimal, listed: Instrument = PERP, **more: Any) -> Fill:
    number = next(NUMBERS)
    fields: dict[str, Any] = {"trade_id": f"t{number}", "fee": D(0), "fee_asset": "USDT", "time_ns": number, **more}
    return Fill(
        account=ACCOUNT,
        symbol=listed.symbol,
        client_id="",
        venue_id="",
        side=side,  # type: ignore[arg-type]
        size=D(size),
        price=D(price),
        liquidity="maker",
        **fields,
    )


def paid(
    amount: str | Decimal, position: str | Decimal, number: str = "f1", asset: str = "USDT", time_ns: int = 10**18
) -> FundingPayment:
    return FundingPayment(
        account=ACCOUNT,
        symbol=PERP.symbol,
        payment_id=number,
        amount=D(amount),
        asset=asset,
        rate=D("0.0001"),
        position=D(position),
        time_ns=time_ns,
    )


PRICES = st.decimals("0.1", "90000", places=1)
SIZES = st.decimals("0.001", "50", places=3)
FEES = st.decimals("-1", "5", places=8)
SIDES = st.sampled_from(["buy", "sell"])
NAMES = st.sampled_from(["grid", "mean", EXTERNAL, ""])


class Books(RuleBasedStateMachine):
    """Fills, repeats, funding and snapshots in any order, beside naive sums."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.seen: list[tuple[Fill, str]] = []
        self.size = self.flow = self.fees = self.funding = D(0)

    @rule(side=SIDES, size=SIZES, price=PRICES, fee=FEES, strategy=NAMES)
    def a_fill(self, side: str, size: Decimal, price: Decimal, fee: Decimal, strategy: str) -> None:
        done = fill(side, size, price, fee=fee)
        assert self.ledger.apply(done, strategy, PERP)
        self.seen.append((done, strategy))
        sign = 1 if side == "buy" else -1
        self.size += sign * size
        self.flow -= sign * size * price
        self.fees += fee

    @rule(data=st.data(), strategy=NAMES)
    def the_same_fill_again(self, data: st.DataObject, strategy: str) -> None:
        if self.seen:
            before = self.ledger.snapshot()
            assert not self.ledger.apply(data.draw(st.sampled_from(self.seen))[0], strategy, PERP)
            assert self.ledger.snapshot() == before

    @rule(amount=st.decimals("-100", "100", places=8), off=st.sampled_from([D(0), D(1), D(-3)]))
    def funding_is_paid(self, amount: Decimal, off: Decimal) -> None:
        payment = paid(amount, self.size + off, f"f{next(NUMBERS)}")
        assert self.ledger.apply_funding(payment, PERP)
        before = self.ledger.snapshot()
        assert not self.ledger.apply_funding(payment, PERP)
        assert self.ledger.snapshot() == before
        self.funding += amount

    @rule()
    def the_daemon_restarts(self) -> None:
        image = self.ledger.snapshot()
        self.ledger = Ledger.restore(image)
        assert self.ledger.snapshot() == image

    @invariant()
    def everything_adds_up_exactly(self) -> None:
        ledger = self.ledger
        assert ledger.check() == []
        whole = ledger.total(ACCOUNT, PERP.symbol)
        assert (whole.size, whole.flow, whole.fee, whole.funding) == (self.size, self.flow, self.fees, self.funding)
        assert whole.fills == len(self.seen)
        for mark in (D(0), D("123.4"), D("59999.95")):
            parts = list(ledger.holdings())
            assert sum((pnl(part, mark) for part in parts), D(0)) == pnl(whole, mark)
            assert pnl(whole, mark) == self.flow + self.size * mark - self.fees + self.funding
            for part in (*parts, whole):
                assert part.realised + unrealised(part, mark) == part.flow + part.size * mark


Books.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
TestBooks = Books.TestCase


@settings(max_examples=50, deadline=None)
@given(fills=st.lists(st.tuples(SIDES, SIZES, PRICES, FEES, NAMES), max_size=15), seed=st.integers(0, 99))
def test_the_order_of_fills_changes_no_money(
    fills: list[tuple[str, Decimal, Decimal, Decimal, str]], seed: int
) -> None:
    """Size, cash, fees, volume and profit do not depend on it; only how profit splits into realised and open does."""
    ordered = [(fill(side, size, price, fee=fee), name) for side, size, price, fee, name in fills]
    shuffled = random.Random(seed).sample(ordered, len(ordered))
    books = []
    for sequence in (ordered, shuffled):
        ledger = Ledger()
        for done, name in sequence:
            ledger.apply(done, name, PERP)
        books.append(
            {
                (h.strategy, h.size, h.flow, h.fee, h.volume, h.fills, pnl(h, D(777)))
                for h in (*ledger.holdings(), ledger.total(ACCOUNT, PERP.symbol))
            }
        )
    assert books[0] == books[1]


def test_average_cost_realises_what_a_person_expects() -> None:
    """Buy 1 at 100 and 1 at 110, sell 1 at 120: entry 105, realised 15, open 15 at 120; then cross to short."""
    ledger = Ledger()
    for side, size, price in (("buy", "1", "100"), ("buy", "1", "110"), ("sell", "1", "120")):
        ledger.apply(fill(side, size, price, fee=D("0.1")), "grid", PERP)
    held = ledger.position(ACCOUNT, "grid", PERP.symbol)
    assert (held.size, held.entry, held.realised, held.fee, held.volume, held.fills) == (1, 105, 15, D("0.3"), 330, 3)
    assert unrealised(held, D(120)) == 15
    assert pnl(held, D(120)) == D("29.7")
    ledger.apply(fill("sell", "3", "125"), "grid", PERP)
    assert (held.size, held.entry, held.realised) == (-2, 125, 35)
    assert unrealised(held, D(100)) == 50
    ledger.apply(fill("buy", "2", "115"), "grid", PERP)
    assert (held.size, held.cost, held.entry, held.realised) == (0, 0, 0, 55)


def test_a_division_leaves_no_drift() -> None:
    """Thirds of a cost are rounded, but closing all of it gives the exact profit."""
    ledger = Ledger()
    ledger.apply(fill("buy", "0.003", "100.1"), "grid", PERP)
    for price in ("100.2", "100.3", "100.7"):
        ledger.apply(fill("sell", "0.001", price), "grid", PERP)
    held = ledger.position(ACCOUNT, "grid", PERP.symbol)
    assert held.realised == D("0.3012") - D("0.3003")
    assert held.cost == 0
    assert held.cost.as_tuple().exponent >= -12  # type: ignore[operator]


def test_strategies_hold_their_own_side_of_a_netted_account() -> None:
    """One long, one short: each has its position and profit, the account holds nothing."""
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "100"), "grid", PERP)
    ledger.apply(fill("sell", "1", "104"), "mean", PERP)
    assert ledger.position(ACCOUNT, "grid", PERP.symbol).size == 1
    assert ledger.position(ACCOUNT, "mean", PERP.symbol).size == -1
    assert ledger.total(ACCOUNT, PERP.symbol).realised == 4
    assert ledger.position(ACCOUNT, WHOLE, PERP.symbol) is ledger.total(ACCOUNT, PERP.symbol)
    assert [h.strategy for h in ledger.holdings("mean")] == ["mean"]
    assert [h.symbol for h in ledger.totals(ACCOUNT)] == [PERP.symbol]
    assert not list(ledger.totals("other/main"))
    assert ledger.position(ACCOUNT, "nobody", PERP.symbol).size == 0
    assert ledger.statistics()["holdings"] == 2


def test_nobodys_fills_are_external() -> None:
    """An order by hand or a liquidation belongs to no strategy, and still adds up."""
    ledger = Ledger()
    ledger.apply(fill("sell", "2", "100", cause="liquidation"), "", PERP)
    assert ledger.position(ACCOUNT, EXTERNAL, PERP.symbol).size == -2
    assert ledger.check() == []


def test_fees_of_a_spot_pair_in_coins_lessen_what_is_held() -> None:
    """A tenth of a percent of the coins bought is gone; profit counts it once, balances move by what is left."""
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "100", SPOT, fee=D("0.001"), fee_asset="BTC"), "grid", SPOT)
    held = ledger.position(ACCOUNT, "grid", SPOT.symbol)
    assert (held.size, held.cost, held.fees) == (D("0.999"), 100, {"BTC": D("0.001")})
    assert pnl(held, D(100)) == D("-0.1")
    assert cash(held) == {"USDT": D(-100), "BTC": D("0.999")}
    ledger.apply(fill("sell", "0.999", "110", SPOT, fee=D("0.2"), fee_asset="BNB"), "grid", SPOT)
    assert pnl(held, D(0)) == D("9.89")
    assert cash(held) == {"USDT": D("9.89"), "BNB": D("-0.2")}
    assert ledger.check() == []


def test_a_perpetual_moves_cash_by_profit_fees_and_funding() -> None:
    """The price of the position itself is not paid."""
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "100", fee=D("0.05")), "grid", PERP)
    ledger.apply_funding(paid("-0.01", "1"), PERP)
    assert cash(ledger.total(ACCOUNT, PERP.symbol)) == {"USDT": D("-0.06")}
    ledger.apply(fill("sell", "1", "103", fee=D("0.05")), "grid", PERP)
    assert cash(ledger.total(ACCOUNT, PERP.symbol)) == {"USDT": D("2.89")}


def funded(sizes: Mapping[str, str | Decimal], payment: FundingPayment) -> dict[str, Decimal]:
    ledger = Ledger()
    for name, size in sizes.items():
        ledger.apply(fill("sell" if D(size) < 0 else "buy", abs(D(size)), "100"), name, PERP)
    assert ledger.apply_funding(payment, PERP)
    assert ledger.check() == []
    return {h.strategy: h.funding for h in ledger.holdings() if h.funding}


def test_funding_is_shared_by_signed_sizes() -> None:
    """The short one receives what the long ones pay, and thirds add up to the last digit."""
    assert funded({"a": "3", "b": "-1"}, paid("-2", "2")) == {"a": D(-3), "b": D(1)}
    thirds = funded({"a": "1", "b": "1", "c": "1"}, paid("-1", "3"))
    assert sum(thirds.values()) == -1
    assert sorted(thirds.values()) == [D("-0.333333333334"), D("-0.333333333333"), D("-0.333333333333")]


def test_funding_that_no_strategy_explains_is_external() -> None:
    """The venue paid for a larger position than ours, or for one that is gone."""
    assert funded({"a": "1"}, paid("-4", "4")) == {"a": D(-1), EXTERNAL: D(-3)}
    assert funded({"a": "2"}, paid("-4", "1")) == {"a": D(-4)}
    assert funded({}, paid("-4", "4")) == {EXTERNAL: D(-4)}
    assert funded({"a": "1", "b": "-1"}, paid("5", "0")) == {EXTERNAL: D(5)}


def test_funding_is_of_those_who_held_when_it_was_due() -> None:
    """It may be told hours later, when others hold the position, or nobody."""
    ledger = Ledger()
    for side, size, strategy, second in (("buy", "2", "a", 1), ("sell", "1", "b", 2), ("sell", "2", "a", 5)):
        done = fill(side, size, "100", time_ns=second * 10**9)
        assert ledger.apply(done, strategy, PERP)
    ledger.transfer(ACCOUNT, PERP.symbol, "b", "c", D(-1), 6 * 10**9)
    assert ledger.held_at(ACCOUNT, PERP.symbol, 10**10) == {"a": 0, "b": 0, "c": -1}
    assert [ledger.sizes(ACCOUNT, name, PERP.symbol) for name in "abcd"] == [(0, -1), (0, -1), (-1, -1), (0, -1)]
    assert ledger.sizes(ACCOUNT, "a", "ETH/USDT:USDT") == (0, 0)
    assert ledger.apply_funding(paid("-1", "1", time_ns=3 * 10**9), PERP)
    assert {h.strategy: h.funding for h in ledger.holdings() if h.funding} == {"a": D(-2), "b": D(1)}
    assert ledger.apply_funding(paid("1", "-1", "f2", time_ns=7 * 10**9), PERP)
    assert ledger.position(ACCOUNT, "c", PERP.symbol).funding == 1
    again = Ledger.restore(ledger.snapshot())
    assert again.held_at(ACCOUNT, PERP.symbol, 3 * 10**9) == {"a": 2, "b": -1, "c": 0}


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from("abcde"), st.decimals("-9", "9", places=3).filter(bool), max_size=5),
    amount=st.decimals("-1000", "1000", places=8),
    position=st.decimals("-30", "30", places=3),
)
def test_funding_parts_always_add_up(sizes: dict[str, Decimal], amount: Decimal, position: Decimal) -> None:
    """Whatever the sizes and whatever position the venue names."""
    assert sum(funded(sizes, paid(amount, position)).values()) == amount


@pytest.mark.parametrize(
    "wrong",
    [{"price": "NaN"}, {"price": "Infinity"}, {"price": "-1"}, {"size": "0"}, {"size": "NaN"}, {"fee": D("sNaN")}],
)
def test_figures_that_are_no_figures_break_an_invariant(wrong: dict[str, Any]) -> None:
    """Nothing is booked, and the message names the fill."""
    ledger = Ledger()
    with pytest.raises(InvariantBroken, match="fill t"):
        ledger.apply(fill("buy", **{"size": "1", "price": "1", **wrong}), "grid", PERP)
    assert ledger.total(ACCOUNT, PERP.symbol).fills == 0
    assert ledger.check() == []


def test_a_sum_that_would_be_rounded_breaks_an_invariant() -> None:
    """A hundred digits are enough for money; more are a fault of the driver."""
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "1e60"), "grid", PERP)
    before = ledger.snapshot()
    with pytest.raises(InvariantBroken, match="100 digits"):
        ledger.apply(fill("buy", "1", "1e-60"), "grid", PERP)
    assert ledger.snapshot() == before


def test_forgotten_ids_are_never_booked_again() -> None:
    """Old ids cost no memory for ever; a fill as old as they are counts as a repeat."""
    ledger = Ledger()
    old, new = fill("buy", "1", "1", time_ns=5), fill("buy", "1", "1", time_ns=50)
    ledger.apply(old, "grid", PERP)
    ledger.apply(new, "grid", PERP)
    assert ledger.forget(10) == 1
    assert not ledger.apply(old, "grid", PERP)
    assert not ledger.apply(new, "grid", PERP)
    assert ledger.knows(ACCOUNT, PERP.symbol, new.trade_id)
    assert ledger.total(ACCOUNT, PERP.symbol).size == 2
    assert (ledger.statistics()["late"], ledger.statistics()["repeats"]) == (1, 1)
    assert not Ledger.restore(ledger.snapshot()).apply(old, "grid", PERP)


def damaged(change: Any) -> bytes:
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "100"), "grid", PERP)
    image = msgspec.json.decode(ledger.snapshot())
    change(image)
    return msgspec.json.encode(image)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image["parts"][0].update(size="2"),
        lambda image: image["parts"][0].update(size="NaN"),
        lambda image: image["wholes"][0]["holding"].update(cost="99"),
        lambda image: image["parts"].clear(),
        lambda image: image["wholes"].clear(),
        lambda image: image.update(version=2),
        lambda image: image.update(parts="none"),
    ],
)
def test_a_damaged_snapshot_is_refused(change: Any) -> None:
    """Positions that do not add up are worse than none."""
    with pytest.raises(InvariantBroken, match="fold the journal"):
        Ledger.restore(damaged(change))
    with pytest.raises(InvariantBroken, match="fold the journal"):
        Ledger.restore(damaged(lambda image: None)[:-3])


def test_check_tells_what_does_not_add_up() -> None:
    """A book that somebody else wrote to is found out, field by field."""
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "100"), "grid", PERP)
    held = ledger.position(ACCOUNT, "grid", PERP.symbol)
    held.size, held.fees = D(2), {"USDT": D(1)}
    faults = ledger.check()
    assert len(faults) == 2
    assert "size of the strategies is 2, of the account 1" in faults[0]
    assert "fees" in faults[1]


def test_a_part_of_a_position_changes_hands_at_what_it_cost() -> None:
    """The account's own book does not move, and profit is made by nobody."""
    ledger = Ledger()
    ledger.apply(fill("buy", "3", "100"), EXTERNAL, PERP)
    before = msgspec.structs.replace(ledger.total(ACCOUNT, PERP.symbol))
    ledger.transfer(ACCOUNT, PERP.symbol, EXTERNAL, "grid", D(1))
    given_, kept = (ledger.position(ACCOUNT, name, PERP.symbol) for name in ("grid", EXTERNAL))
    assert [(h.size, h.entry, h.realised) for h in (given_, kept)] == [(D(1), D(100), D(0)), (D(2), D(100), D(0))]
    assert ledger.total(ACCOUNT, PERP.symbol) == before
    assert ledger.check() == []
    ledger.apply(fill("sell", "1", "110"), "grid", PERP)
    assert ledger.position(ACCOUNT, "grid", PERP.symbol).realised == D(10)
    assert ledger.check() == []


@pytest.mark.parametrize(
    ("size", "says"), [("4", "cannot be moved"), ("-1", "cannot be moved"), ("0", "cannot be moved")]
)
def test_no_more_changes_hands_than_is_held(size: str, says: str) -> None:
    ledger = Ledger()
    ledger.apply(fill("buy", "3", "100"), EXTERNAL, PERP)
    ledger.apply(fill("sell", "1", "100"), "short", PERP)
    with pytest.raises(CallerMistake, match=says):
        ledger.transfer(ACCOUNT, PERP.symbol, EXTERNAL, "grid", D(size))
    with pytest.raises(CallerMistake, match="the other side"):
        ledger.transfer(ACCOUNT, PERP.symbol, EXTERNAL, "short", D(1))
    assert ledger.check() == []
