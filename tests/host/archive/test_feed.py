"""Feeds in memory and their merger."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import Trade
from ctosd.host.archive.feed import MergedFeed, RecordedFeed, Row, between, merge


def row(ns: int, name: str) -> Row:
    return ns, Trade("v", name, 1.0, 1.0, "buy", ns)


class Streamed:
    """A feed that is not in memory."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Row]:
        yield from self.rows

    def statistics(self) -> dict[str, Any]:
        return {"rows": len(self.rows)}


times = st.lists(st.lists(st.integers(0, 6), max_size=8).map(sorted), min_size=1, max_size=4)


@pytest.mark.parametrize("streamed", [False, True])
@given(parts=times)
def test_merger_is_by_time_and_then_by_place(parts: list[list[int]], streamed: bool) -> None:
    """The same rows as a stable sort of all of them, however they are kept; and again when iterated again."""
    rows = [[row(ns, f"{place}.{n}") for n, ns in enumerate(part)] for place, part in enumerate(parts)]
    merged = merge([Streamed(r) if streamed else RecordedFeed(r, {}) for r in rows])
    expected = sorted((r for part in rows for r in part), key=itemgetter(0))
    assert list(merged) == expected
    assert list(merged) == expected


def test_one_feed_is_itself() -> None:
    feed = RecordedFeed([], {})
    assert merge([feed]) is feed


def test_mixed_feeds_are_merged_as_they_flow() -> None:
    merged = merge([RecordedFeed([row(1, "a"), row(3, "a")], {}), Streamed([row(1, "b"), row(2, "b")])])
    assert isinstance(merged, MergedFeed)
    assert [(ns, e.symbol) for ns, e in merged] == [(1, "a"), (1, "b"), (2, "b"), (3, "a")]
    assert merged.statistics()["1"] == {"rows": 2}


def test_statistics() -> None:
    one, two = RecordedFeed([row(1, "a"), row(3, "a")], {"gaps": 1}), RecordedFeed([row(2, "b")], {"gaps": 0})
    assert one.statistics() == {"rows": 2, "first_ns": 1, "last_ns": 3, "gaps": 1}
    both = merge([one, two]).statistics()
    assert (both["rows"], both["0"]["gaps"], both["1"]["rows"]) == (3, 1, 1)
    assert RecordedFeed([], {}).statistics()["rows"] == 0


def test_between_is_open_at_its_end() -> None:
    rows = [row(ns, "a") for ns in (1, 2, 2, 3, 4)]
    assert [ns for ns, _ in between(rows, 2, 4)] == [2, 2, 3]
