"""The venue's clock."""

from drivers.binance.emulator.venuetime import VenueTime
from tests.drivers.paper.clockwork import SECOND, HeapClock


def test_a_skewed_clock_is_wrong_everywhere_and_in_one_direction() -> None:
    time = VenueTime(HeapClock(1_000 * SECOND))
    assert time.now_ms() == 1_000_000
    time.skew_ns = -8 * SECOND
    assert (time.now_ms(), time.ms(1_000 * SECOND), time.now_ns()) == (992_000, 992_000, 1_000 * SECOND)
    assert time.ns(time.ms(1_000 * SECOND)) == 1_000 * SECOND


def test_what_is_due_later_happens_once_unless_it_stops() -> None:
    clock, heard = HeapClock(0), []
    time = VenueTime(clock)
    time.after(1, lambda: heard.append("a"))
    time.after(2, lambda: heard.append("b"))
    time.after(1.5, lambda: heard.append("c")).cancel()
    clock.run(1)
    assert heard == ["a"]
    time.stop()
    clock.run(5)
    assert heard == ["a"]
    assert clock.pending() == 0
