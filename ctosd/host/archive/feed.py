"""Recorded markets in memory, and several of them as one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge as merge_sorted
from itertools import chain
from operator import itemgetter
from typing import Any

from ctosd.abi.driver import Feed
from ctosd.abi.events import MarketEvent

Row = tuple[int, MarketEvent]
arrival = itemgetter(0)


class RecordedFeed:
    """Rows that lie ready: iterating costs nothing but the loop."""

    def __init__(self, rows: Sequence[Row], statistics: Mapping[str, Any]) -> None:
        self.rows = rows
        self._statistics = dict(statistics)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def statistics(self) -> dict[str, Any]:
        rows = self.rows
        first, last = (rows[0][0], rows[-1][0]) if rows else (0, 0)
        return {"rows": len(rows), "first_ns": first, "last_ns": last, **self._statistics}


class MergedFeed:
    """Several feeds in the order of arrival; of rows with equal times, those of the earlier feed come first."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self.feeds = tuple(feeds)

    def __iter__(self) -> Iterator[Row]:
        return merge_sorted(*self.feeds, key=arrival)

    def statistics(self) -> dict[str, Any]:
        return {str(place): dict(feed.statistics()) for place, feed in enumerate(self.feeds)}


class _MergedRows(RecordedFeed):
    def __init__(self, feeds: Sequence[RecordedFeed]) -> None:
        super().__init__(sorted(chain.from_iterable(feeds), key=arrival), {})
        self._parts = MergedFeed(feeds)

    def statistics(self) -> dict[str, Any]:
        return {**super().statistics(), **self._parts.statistics()}


def merge(feeds: Sequence[Feed]) -> Feed:
    """One feed of several. Feeds in memory are merged once; with a streamed one among them, as they flow."""
    if len(feeds) == 1:
        return feeds[0]
    ready = [feed for feed in feeds if isinstance(feed, RecordedFeed)]
    return _MergedRows(ready) if len(ready) == len(feeds) else MergedFeed(feeds)


def between(rows: list[Row], start_ns: int, end_ns: int) -> list[Row]:
    """The rows that arrive at or after `start_ns` and before `end_ns`; `rows` are in order."""
    return rows[bisect_left(rows, start_ns, key=arrival) : bisect_left(rows, end_ns, key=arrival)]
