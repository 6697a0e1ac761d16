"""Liquidations and auto-deleveraging: every strategy loses its share, and nothing of the fill is lost or invented."""

from __future__ import annotations

from decimal import Decimal as D

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import Fill
from ctosd.core.forced import is_forced, split, whole_of
from ctosd.core.ledger import EXTERNAL, Ledger
from ctosd.testing.venue import perpetual
from tests.core.test_lifecycle import fill

LOT = D("0.001")
AMOUNT = st.integers(1, 10**6).map(lambda n: n * LOT)


def forced(size: D, side: str = "sell", fee: str = "0.3", cause: str = "liquidation") -> Fill:
    made = fill(size)
    return msgspec.structs.replace(made, side=side, client_id="", fee=D(fee), cause=cause)


def test_one_holder_takes_the_fill_as_it_is() -> None:
    whole = forced(D(2))
    assert split(whole, {"a": D(5), "b": D(-1)}, LOT, EXTERNAL) == [("a", whole)]
    assert split(whole, {}, LOT, EXTERNAL) == [(EXTERNAL, whole)]
    assert is_forced(whole)
    assert not is_forced(fill(D(1)))


def test_holders_share_by_their_size_and_nobody_takes_the_rest() -> None:
    parts = split(forced(D(5)), {"a": D(3), "b": D(1)}, LOT, EXTERNAL)
    assert [(name, part.size, part.trade_id[-4:]) for name, part in parts] == [
        ("a", D(3), "#1/3"), ("b", D(1), "#2/3"), (EXTERNAL, D(1), "#3/3"),
    ]  # fmt: skip


@given(AMOUNT, st.lists(AMOUNT, min_size=1, max_size=5), st.sampled_from(["sell", "buy"]), st.integers(-(10**6), 10**6))
def test_parts_add_up(size: D, held: list[D], side: str, fee: int) -> None:
    """Sizes and fees exactly; nobody loses more than was held; the ledger agrees with itself, and knows the fill again."""
    sign = 1 if side == "sell" else -1
    holders = {f"s{number}": sign * amount for number, amount in enumerate(held)}
    whole = forced(size, side, str(D(fee) / 1000))
    parts = split(whole, holders, LOT, EXTERNAL)
    assert sum(part.size for _, part in parts) == size
    assert sum(part.fee for _, part in parts) == whole.fee
    assert all(part.size > 0 for _, part in parts)
    assert all(part.size <= abs(holders[name]) for name, part in parts if name != EXTERNAL)
    ledger = Ledger()
    for name, part in parts:
        assert not ledger.knows(whole.account, whole.symbol, whole.trade_id)
        assert ledger.apply(part, name, perpetual())
    assert ledger.knows(whole.account, whole.symbol, whole.trade_id)
    assert ledger.check() == []
    assert ledger.total(whole.account, whole.symbol).size == -sign * size


def test_only_the_last_part_names_the_whole() -> None:
    assert [whole_of(name) for name in ("t1", "t1#1/2", "t1#2/2", "a#b#3/3", "#")] == ["", "", "t1", "a#b", ""]


def test_parts_that_are_booked_already_are_left_out_and_the_rest_has_numbers_of_its_own() -> None:
    whole = forced(D(5))
    (_, first), *_ = split(whole, {"a": D(3), "b": D(1)}, LOT, EXTERNAL)
    rest = split(whole, {"b": D(1)}, LOT, EXTERNAL, [first])
    assert [(name, part.size) for name, part in rest] == [("b", D(1)), (EXTERNAL, D(1))]
    assert sum((part.fee for _, part in rest), first.fee) == whole.fee
    assert len({first.trade_id, *(part.trade_id for _, part in rest)}) == 3
    assert [whole_of(part.trade_id) for _, part in rest] == ["", whole.trade_id]
    ((owner, last),) = split(whole, {}, LOT, EXTERNAL, [first])
    assert (owner, last.size, whole_of(last.trade_id)) == (EXTERNAL, D(2), whole.trade_id)
