"""Client order ids: unique, recognisable, and safe to ask about anything."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import InvariantBroken
from ctosd.core.ids import MAX_COUNTER, MAX_EPOCH, NOBODY, ClientIds, is_ours, owner_of, parse, tag_of


@given(epoch=st.integers(0, MAX_EPOCH), count=st.integers(1, 50))
def test_what_is_minted_is_ours_and_reads_back(epoch: int, count: int) -> None:
    """20 characters of `[0-9a-z]` that carry the epoch and a counter from 0."""
    ids = ClientIds(epoch)
    for counter in range(count):
        minted = ids.mint()
        assert re.fullmatch(r"ctos[0-9a-z]{16}", minted)
        assert is_ours(minted)
        assert parse(minted) == (epoch, NOBODY, counter)


def test_a_hundred_thousand_ids_differ_and_sort_by_age() -> None:
    """No id comes twice, and the text sorts as the counter does."""
    ids = ClientIds(7)
    minted = [ids.mint() for _ in range(100_000)]
    assert len(set(minted)) == len(minted)
    assert minted == sorted(minted)
    assert parse(minted[-1]) == (7, NOBODY, 99_999)
    assert ids.statistics() == {"epoch": 7, "minted": 100_000}


def test_two_boots_never_mint_the_same() -> None:
    """The counter starts again, the epoch makes the difference."""
    first, second = ClientIds(1), ClientIds(2)
    assert not {first.mint() for _ in range(2000)} & {second.mint() for _ in range(2000)}


def test_a_used_up_counter_is_an_error_and_not_a_repeat() -> None:
    """The last id is minted; the one after it breaks an invariant."""
    ids = ClientIds(1)
    ids._next = MAX_COUNTER - 1
    assert parse(ids.mint()) == (1, NOBODY, MAX_COUNTER - 1)
    assert parse(ids.mint()) == (1, NOBODY, MAX_COUNTER)
    for _ in range(2):
        with pytest.raises(InvariantBroken, match="used up"):
            ids.mint()


@pytest.mark.parametrize("epoch", [-1, MAX_EPOCH + 1])
def test_an_epoch_that_does_not_fit_is_refused(epoch: int) -> None:
    """Cut off, it would repeat another boot's ids."""
    with pytest.raises(InvariantBroken, match="epoch"):
        ClientIds(epoch)


@given(
    st.one_of(st.none(), st.integers(), st.binary(), st.text(), st.text(alphabet="ctos019z", min_size=18, max_size=22))
)
def test_garbage_is_not_ours_and_never_raises(garbage: object) -> None:
    """Whatever a venue sends: None, or an answer that mints back to the same text."""
    read = parse(garbage)
    assert is_ours(garbage) is (read is not None)
    if read is not None:
        ids = ClientIds(read[0])
        ids._next = read[2] - read[2] % 1296
        assert garbage in {ids.mint(read[1]) for _ in range(1296)}


@pytest.mark.parametrize(
    "other",
    ["ctos" + "0" * 15, "ctos" + "0" * 17, "CTOS" + "0" * 16, "ctos" + "٣" * 16, "ctos" + "_" * 16, "ctos+" + "0" * 15],
)
def test_look_alikes_are_not_ours(other: str) -> None:
    """Wrong length, upper case, digits of other scripts, what `int` would swallow."""
    assert not is_ours(other)
    assert parse(other) is None


def test_an_id_tells_whose_it_is() -> None:
    """The counter is common to all; a tag that two names share, or that nobody has, names nobody."""
    ids = ClientIds(1)
    mine, yours = ids.mint(tag_of("grid")), ids.mint(tag_of("other"))
    assert [parse(mine), parse(yours)] == [(1, tag_of("grid"), 0), (1, tag_of("other"), 1)]
    assert (owner_of(mine, ("grid", "other")), owner_of(yours, ("grid", "other"))) == ("grid", "other")
    assert owner_of(mine, ("other",)) == owner_of(ids.mint(), ("grid", "other")) == owner_of("x", ("grid",)) == ""
    tags: dict[str, str] = {}
    twins = next(
        (tags[tag_of(str(n))], str(n)) for n in range(10**6) if tags.setdefault(tag_of(str(n)), str(n)) != str(n)
    )
    assert owner_of(ids.mint(tag_of(twins[0])), twins) == ""
    assert tag_of("") == NOBODY
    assert all(tag_of(str(n)) != NOBODY for n in range(1000))
