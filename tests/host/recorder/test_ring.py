"""The ring is bounded by time and by bytes, and what goes is the oldest."""

from __future__ import annotations

import gc

from ctosd.abi.events import Quote
from ctosd.host.recorder.records import OVERHEAD, Frame, Heard
from ctosd.host.recorder.ring import MINUTE, Ring


def frame(number: int, size: int = 50) -> Frame:
    return Frame(number * MINUTE, "venue lane #1", False, b"x" * size)


def test_what_is_older_than_the_span_goes() -> None:
    ring = Ring(5, 1 << 20)
    for number in range(20):
        ring.put(frame(number))
    ring.age(19 * MINUTE)
    assert [each.time_ns // MINUTE for each in ring.records] == list(range(14, 20))
    assert ring.size == 6 * (OVERHEAD + 50)
    assert ring.shed == 0


def test_bytes_bound_it_however_short_the_time() -> None:
    ring = Ring(5, 100_000)
    for number in range(5_000):
        ring.put(frame(number, 500))
        assert ring.size <= 100_000
    assert ring.size == sum(OVERHEAD + len(each.data) for each in ring.records)  # type: ignore[union-attr]
    assert ring.records[-1].time_ns == 4_999 * MINUTE
    assert ring.shed == 5_000 - len(ring.records)
    ring.age(10_000 * MINUTE)
    assert (len(ring.records), ring.size) == (0, 0)


def test_one_record_larger_than_everything_does_not_stay() -> None:
    ring = Ring(5, 1_000)
    ring.put(frame(1, 5_000))
    assert (len(ring.records), ring.size, ring.shed) == (0, 0, 1)


def test_records_are_out_of_the_collectors_sight() -> None:
    assert not gc.is_tracked(frame(1))
    assert not gc.is_tracked(Heard(1, "lane", b"", 1, Quote("okx", "X", 1.0, 2.0, 3.0, 4.0, 5)))
