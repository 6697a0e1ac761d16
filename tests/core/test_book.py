"""The order book: its state machine, and that it equals a plain dict whatever comes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import BookDelta
from ctosd.core.book import SPARE, Book, Rule, Verdict

SECOND = 1_000_000_000
Levels = list[tuple[float, float]]


def snapshot(last: int, bids: Levels | None = None, asks: Levels | None = None, **more: Any) -> BookDelta:
    bids = [(100.0, 1.0), (99.0, 2.0)] if bids is None else bids
    asks = [(101.0, 3.0), (102.0, 4.0)] if asks is None else asks
    return BookDelta("v", "S", bids, asks, 1, last_id=last, snapshot=True, **more)


def after(previous: int, last: int, bids: Levels = [], asks: Levels = [], first: int = 0, ns: int = 2) -> BookDelta:  # noqa: B006
    """A delta of the kind that names its predecessor."""
    return BookDelta("v", "S", bids, asks, ns, first or previous + 1, last, previous)


def numbered(first: int, last: int, bids: Levels = [], asks: Levels = []) -> BookDelta:  # noqa: B006
    """A delta of the kind whose ids follow each other."""
    return BookDelta("v", "S", bids, asks, 2, first, last)


def verdicts(book: Book, *deltas: BookDelta) -> list[Verdict]:
    return [book.apply(delta) for delta in deltas]


def test_levels_come_best_first_and_zero_deletes() -> None:
    book = Book("v", "S")
    book.apply(snapshot(5))
    assert book.apply(after(5, 6, [(100.0, 0.0), (99.5, 7.0)], [(101.0, 0.5), (100.5, 1.5)])) == ""
    assert book.levels("buy", 5) == [(99.5, 7.0), (99.0, 2.0)]
    assert book.levels("sell", 2) == [(100.5, 1.5), (101.0, 0.5)]
    assert (book.best_bid, book.best_ask) == (99.5, 100.5)
    assert (book.size_at("buy", 100.0), book.size_at("sell", 102.0)) == (0.0, 4.0)


def test_snapshot_replaces_everything() -> None:
    book = Book("v", "S")
    verdicts(book, snapshot(5), snapshot(9, [(50.0, 1.0)], [(60.0, 2.0)]))
    assert book.snapshot(10) == BookDelta("v", "S", [(50.0, 1.0)], [(60.0, 2.0)], 1, last_id=9, snapshot=True)


def test_quote_is_the_top() -> None:
    book = Book("v", "S")
    assert book.quote() is None
    book.apply(snapshot(5))
    quote = book.quote()
    assert quote is not None
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (100.0, 1.0, 101.0, 3.0)


@pytest.mark.parametrize("previous", [3, 5])
def test_first_delta_that_names_its_predecessor_may_overlap_the_snapshot(previous: int) -> None:
    """U <= last <= u of USDⓈ-M, or a delta that joins on exactly; then each must follow."""
    book = Book("v", "S", Rule(chain="previous"))
    assert verdicts(book, snapshot(5), after(previous, 8), after(8, 9)) == ["", "", ""]


def test_first_numbered_delta_may_overlap_the_snapshot() -> None:
    """U <= last + 1 <= u of Binance spot and Backpack."""
    book = Book("v", "S", Rule(chain="first"))
    assert verdicts(book, snapshot(5), numbered(2, 5), numbered(4, 8), numbered(9, 9)) == ["", "stale", "", ""]


def test_overlap_is_a_gap_once_the_book_is_joined() -> None:
    """Only the first delta after a snapshot may overlap."""
    book = Book("v", "S", Rule(chain="first"))
    assert verdicts(book, snapshot(5), numbered(6, 8), numbered(8, 9)) == ["", "", "gap"]


def test_gap_empties_the_book_until_a_snapshot_joins_on() -> None:
    book = Book("v", "S")
    assert verdicts(book, snapshot(5), after(5, 6), after(7, 8, [(100.5, 1.0)]), after(8, 9)) == [
        "",
        "",
        "gap",
        "buffered",
    ]
    assert (book.live, book.best_bid, book.levels("sell", 3)) == (False, None, [])
    assert book.apply(snapshot(7)) == ""
    assert (book.live, book.last_id, book.best_bid) == (True, 9, 100.5)


def test_deltas_before_the_snapshot_are_kept_and_the_old_ones_dropped() -> None:
    book = Book("v", "S")
    early = [after(1, 3, [(98.0, 9.0)]), after(3, 6, [(97.0, 9.0)]), after(6, 7, [(96.0, 9.0)])]
    assert verdicts(book, *early, snapshot(5)) == ["buffered"] * 3 + [""]
    assert [price for price, _ in book.levels("buy", 9)] == [100.0, 99.0, 97.0, 96.0]


def test_snapshot_older_than_what_was_kept_is_not_enough() -> None:
    """The kept deltas stay kept: a newer snapshot joins on to them."""
    book = Book("v", "S")
    assert verdicts(book, after(9, 10), after(10, 11), snapshot(5)) == ["buffered", "buffered", "gap"]
    assert verdicts(book, snapshot(10)) == [""]
    assert book.last_id == 11


def test_repeated_delta_is_stale_and_changes_nothing() -> None:
    book = Book("v", "S")
    delta = after(5, 6, [(99.5, 1.0)])
    assert verdicts(book, snapshot(5), delta, after(6, 7, [(99.5, 2.0)]), delta) == ["", "", "", "stale"]
    assert book.size_at("buy", 99.5) == 2.0


def test_venue_may_repeat_or_reset_its_ids() -> None:
    """OKX sends keep-alives with equal ids, and after maintenance one delta whose id is below its predecessor's."""
    book = Book("v", "S", Rule(chain="previous"))
    assert verdicts(book, snapshot(50), after(50, 50), after(50, 3), after(3, 5)) == [""] * 4


def test_older_snapshot_does_not_turn_a_live_book_back() -> None:
    """A recorder's periodic REST snapshot is older than the stream beside it."""
    book = Book("v", "S")
    assert verdicts(book, snapshot(5), after(5, 9), snapshot(8), after(9, 10)) == ["", "", "stale", ""]
    assert book.apply(snapshot(4, prev_id=-1)) == ""


def test_book_that_stays_crossed_is_given_up() -> None:
    book = Book("v", "S")
    crossing = after(5, 6, [(101.5, 1.0)], ns=10)
    assert verdicts(book, snapshot(5), crossing, after(6, 7, ns=10 + SECOND), after(7, 8, ns=11 + SECOND)) == [
        "",
        "",
        "",
        "crossed",
    ]
    assert not book.live


def test_book_that_is_crossed_for_a_moment_lives_on() -> None:
    book = Book("v", "S")
    verdicts(book, snapshot(5), after(5, 6, [(101.5, 1.0)], ns=10), after(6, 7, [(101.5, 0.0)], ns=20))
    assert book.apply(after(7, 8, [(101.5, 1.0)], ns=10 + 3 * SECOND)) == ""


@pytest.mark.parametrize("price", [-1.0, 0.0, float("nan"), float("inf")])
def test_impossible_price_is_malformed(price: float) -> None:
    book = Book("v", "S")
    assert verdicts(book, snapshot(5), after(5, 6, [(price, 1.0)])) == ["", "malformed"]
    assert book.best_bid is None


@pytest.mark.parametrize("size", [-1.0, float("nan")])
def test_impossible_size_counts_as_none(size: float) -> None:
    book = Book("v", "S")
    book.apply(snapshot(5))
    book.apply(after(5, 6, [(100.0, size)]))
    assert (book.best_bid, book.size_at("buy", 100.0)) == (99.0, 0.0)


def test_stream_without_ids_needs_no_snapshot() -> None:
    book = Book("v", "S")
    assert book.apply(BookDelta("v", "S", [(1.0, 2.0)], [], 1)) == ""
    assert book.levels("buy", 1) == [(1.0, 2.0)]


def test_reset_waits_for_a_snapshot() -> None:
    book = Book("v", "S")
    verdicts(book, snapshot(5), after(5, 6))
    book.reset()
    assert verdicts(book, after(6, 7)) == ["buffered"]


def test_statistics_count_every_verdict() -> None:
    book = Book("v", "S")
    verdicts(book, after(4, 5), snapshot(5), after(5, 6), after(5, 6), after(9, 10))
    counts = book.statistics()
    assert {k: counts[k] for k in ("applied", "buffered", "stale", "gap", "held")} == {
        "applied": 2, "buffered": 1, "stale": 1, "gap": 1, "held": 1,
    }  # fmt: skip


prices = st.integers(1, 40).map(lambda n: n * 0.1)
sizes = st.one_of(st.just(0.0), st.integers(1, 9).map(float))
changes = st.lists(st.tuples(prices, sizes), max_size=12)


def plain(sides: dict[float, float], *, best_high: bool) -> Levels:
    return sorted(((p, s) for p, s in sides.items() if s), reverse=best_high)


@settings(max_examples=150)
@given(st.lists(st.tuples(changes, changes, st.booleans()), max_size=25))
def test_book_equals_a_plain_dict(steps: list[tuple[Levels, Levels, bool]]) -> None:
    """Any mix of deltas and snapshots, read after each or not: the same levels as two dicts that are sorted on demand."""
    book = Book("v", "S", Rule(chain="none", crossed_ns=10**18))
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    for down, up, whole in steps:
        if whole:
            bids, asks = {}, {}
        bids.update(down)
        asks.update(up)
        assert book.apply(BookDelta("v", "S", down, up, 1, snapshot=whole)) == ""
        assert book.levels("buy", 99) == plain(bids, best_high=True)
        assert book.levels("sell", 99) == plain(asks, best_high=False)
        assert book.best_bid == max((p for p, s in bids.items() if s), default=None)
        assert book.best_ask == min((p for p, s in asks.items() if s), default=None)


def test_swept_prices_leave_the_book_as_it_was() -> None:
    """Far more prices come and go than the book may keep; the standing ones stay, and memory does not grow."""
    book = Book("v", "S", Rule(chain="none"))
    for n in range(1, 5 * SPARE):
        book.apply(BookDelta("v", "S", [(float(n), 1.0)], [(10_000.0, 1.0)], n))
        book.apply(BookDelta("v", "S", [(float(n), 0.0 if n % 50 else 2.0), (9_000.0, 1.0)], [], n))
    standing = [(float(n), 2.0) for n in range(50, 5 * SPARE, 50)]
    assert book.levels("buy", 999) == [(9_000.0, 1.0), *reversed(standing)]
    assert len(book._bids._keys) < 2 * SPARE
