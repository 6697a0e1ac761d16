"""What a record costs in memory is counted about right: the bound of the ring holds for what the process takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from decimal import Decimal as D

import pytest

from ctosd.abi.events import Balance, Bar, BookDelta, Quote, VenueStatus
from ctosd.host.recorder.records import Entry, Frame, Held, Line, Published, cost, topic_of
from ctosd.host.recorder.ring import Ring
from ctosd.host.recorder.taps import tap_frames, tap_publish
from ctosd.kernel.clock import VirtualClock


def quote(number: int) -> Held:
    return Published(number, "quotes/okx/X", Quote("okx", "X", 1.5 + number, 2.5, 3.5 + number, 4.5, number))


def book(number: int) -> Held:
    levels = [(float(number + level), level + 0.5) for level in range(50)]
    return Published(number, "book/okx/X", BookDelta("okx", "X", levels, levels[::-1], number))


def heard(number: int) -> Held:
    ring = Ring(5, 1 << 30)
    tell = tap_publish(ring, VirtualClock(), lambda topic, event: None)
    event = Quote("okx", "X", 1.5 + number, 2.5 + number, 3.5 + number, 4.5 + number, number)
    tap_frames(ring, "okx public #1", lambda frame, recv_ns: tell("quotes/okx/X", event))(b"%d" % number * 10, number)
    return ring.records[0]


@pytest.mark.parametrize(
    "make",
    [
        heard,
        quote,
        book,
        lambda number: Frame(number, "okx public #1", False, b"%d" % number * 40),
        lambda number: Entry(number, number, "intent", "mine", b"%d" % number * 60),
        lambda number: Line(number, f"{number}" * 60),
    ],
)
def test_the_count_is_near_the_memory_that_is_taken(make: Callable[[int], Held]) -> None:
    tracemalloc.start()
    try:
        kept = [make(1_700_000_000_000 + number) for number in range(2_000)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    counted = sum(map(cost, kept))
    assert 0.5 * taken < counted < 2.5 * taken


def test_the_topic_of_an_event_is_where_drivers_publish_it() -> None:
    bar = Bar("okx", "BTC/USDT", "1m", 1.0, 1.0, 1.0, 1.0, 1.0, 1, 2)
    balance = Balance(account="okx/main", asset="USDT", total=D(1), available=D(1), time_ns=1)
    assert topic_of(Quote("okx", "BTC/USDT:USDT", 1.0, 1.0, 2.0, 1.0, 1)) == "quotes/okx/BTC-USDT:USDT"
    assert topic_of(bar) == "bars.1m/okx/BTC-USDT"
    assert topic_of(balance) == "private/okx"
    assert topic_of(VenueStatus(venue="okx", up=True, reason="", time_ns=1)) == "status/okx"
