"""The deep book: its looks, added up, are the book; kept shelves and whole books tell the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.paper.deepbook import DeepBook, renew
from drivers.paper.stage import Stage
from tests.drivers.paper.clockwork import World
from tests.drivers.paper.test_stage import BTC, stage, world

__all__ = ["stage", "world"]

SIZES = st.dictionaries(st.floats(1, 9), st.sampled_from([0.0, 1.0, 2.5]), max_size=8)


@given(before=SIZES, wanted=SIZES)
def test_renewing_tells_what_differed_and_nothing_else(before: dict[float, float], wanted: dict[float, float]) -> None:
    levels = {price: size for price, size in before.items() if size}
    was = dict(levels)
    changed = renew(levels, wanted)
    assert levels == {price: size for price, size in (was | wanted).items() if size}
    assert changed == {price: size for price, size in wanted.items() if was.get(price, 0.0) != size}


@pytest.mark.parametrize("kept", [True, False])
def test_looks_add_up_to_the_book(kept: bool, world: World, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """A market that keeps shelves, and one that tells whole books, as a recorded one does."""
    if not kept:
        monkeypatch.setattr(Stage, "shelves", lambda stage, symbol, depth: None)
    book = DeepBook(stage, BTC, 50)
    bids: dict[float, float] = {}
    for _ in range(30):
        world.clock.run_until(world.clock.now_ns() + 300_000_000)
        renew(bids, book.look()[0])
        shown = stage.book(BTC, 50)
        assert bids == book.bids == dict(shown.bids)
        assert book.asks == dict(shown.asks)
        assert book.touch() == (*shown.bids[0], *shown.asks[0])
