"""The venue's clock against ours: the shortest trip is believed, a clock that was set is noticed, doubt refuses entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import ClockReading
from ctosd.core.clockskew import RESOLUTION_NS, Skew

MS = 1_000_000
SECOND = 1_000_000_000
T0 = 1_767_225_600 * SECOND


def reading(offset_ms: float, trip_ms: float) -> ClockReading:
    return ClockReading(offset_ns=int(offset_ms * MS), round_trip_ns=int(trip_ms * MS))


def test_nothing_is_known_before_the_first_reading() -> None:
    skew = Skew()
    assert skew.offset_ns == 0
    assert skew.refusal(T0) == "the venue's clock was not read yet"
    assert skew.uncertainty_ns(T0) > 30 * SECOND


def test_shortest_trip_is_believed() -> None:
    skew = Skew()
    for offset, trip in ((180, 400), (20, 30), (90, 200)):
        assert not skew.note(reading(offset, trip), T0)
    assert skew.offset_ns == 20 * MS
    assert skew.uncertainty_ns(T0) == 15 * MS + RESOLUTION_NS
    assert skew.refusal(T0) == ""


def test_good_reading_is_forgotten_in_time() -> None:
    skew = Skew(keep=3)
    skew.note(reading(10, 5), T0)
    for count in range(3):
        skew.note(reading(40, 100), T0 + count * SECOND)
    assert skew.offset_ns == 40 * MS


def test_good_reading_grows_old() -> None:
    """Crystals drift: after an hour a fresh reading of a longer trip tells more."""
    skew = Skew()
    skew.note(reading(10, 4), T0)
    skew.note(reading(60, 100), T0 + 3600 * SECOND)
    assert skew.offset_ns == 60 * MS


def test_clock_that_was_set_forward_is_noticed() -> None:
    skew = Skew()
    for count in range(5):
        skew.note(reading(10, 20), T0 + count * SECOND)
    assert skew.note(reading(-4_990, 300), T0 + 10 * SECOND)
    assert skew.offset_ns == -4_990 * MS
    assert skew.statistics()["steps"] == 1


def test_clock_that_was_set_back_is_noticed_before_and_at_the_next_reading() -> None:
    skew = Skew()
    skew.note(reading(0, 20), T0)
    assert skew.refusal(T0 - 10 * SECOND) == "this machine's clock was set back since the venue's was read"
    assert skew.note(reading(10_000, 20), T0 - 10 * SECOND)
    assert skew.offset_ns == 10 * SECOND
    assert skew.refusal(T0 - 10 * SECOND) == ""


def test_slow_reading_proves_nothing() -> None:
    """Its offset lies far off, but so may the instant at which the venue made its stamp."""
    skew = Skew()
    skew.note(reading(0, 20), T0)
    assert not skew.note(reading(450, 900), T0 + SECOND)
    assert skew.offset_ns == 0


def test_offset_beyond_the_bound_refuses_entries_and_is_still_told() -> None:
    """A cancel must carry the venue's time also when this machine's clock is hours off."""
    skew = Skew(30 * SECOND)
    skew.note(reading(45_000, 20), T0)
    assert skew.offset_ns == 45 * SECOND
    assert "45.0 s behind the venue's" in skew.refusal(T0)
    assert "timedatectl" in skew.refusal(T0)
    skew.note(reading(-31_000, 20), T0 + SECOND)
    assert "31.0 s ahead of" in skew.refusal(T0 + SECOND)


def test_doubt_refuses_entries() -> None:
    skew = Skew()
    skew.note(reading(0, 2_400), T0)
    assert "known to 1.20 s only" in skew.refusal(T0)
    skew.note(reading(0, 50), T0)
    assert skew.refusal(T0) == ""
    assert "last reading old" in skew.refusal(T0 + 4 * 3600 * SECOND)


@given(
    truth_ms=st.integers(-20_000, 20_000),
    trips=st.lists(st.tuples(st.integers(1, 900), st.floats(0, 1)), min_size=1, max_size=20),
)
def test_truth_lies_within_the_uncertainty(truth_ms: int, trips: list[tuple[int, float]]) -> None:
    """Wherever in its trip the venue stamped each answer, in whole milliseconds; and no step is seen where there is none."""
    skew = Skew()
    for count, (trip_ms, share) in enumerate(trips):
        now_ns = T0 + count * 60 * SECOND
        sent_ns = now_ns - trip_ms * MS
        stamp_ns = (sent_ns + int(share * trip_ms * MS) + truth_ms * MS) // MS * MS
        offset_ns = stamp_ns - (sent_ns + now_ns) // 2
        assert not skew.note(ClockReading(offset_ns=offset_ns, round_trip_ns=trip_ms * MS), now_ns)
        assert abs(skew.offset_ns - truth_ms * MS) <= skew.uncertainty_ns(now_ns)
