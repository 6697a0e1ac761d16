"""Recorded time on the wall clock: distances kept, divided by the speed, stamps untouched."""

from __future__ import annotations

import pytest

from ctosd.abi import MarketEvent, Quote
from drivers.paper.pace import Pacer
from tests.drivers.paper.clockwork import SECOND, T0, HeapClock

OLD = 1_500_000_000 * SECOND


def rows(*seconds: float) -> list[tuple[int, MarketEvent]]:
    return [(ns, Quote("paper", "A/USDT", 1.0, 1.0, 2.0, 1.0, ns)) for ns in (OLD + int(s * SECOND) for s in seconds)]


class Run:
    def __init__(self, feed: list[tuple[int, MarketEvent]], speed: float) -> None:
        self.clock = HeapClock()
        self.heard: list[tuple[float, int]] = []
        self.pacer = Pacer(self.clock, feed, self.hear, speed)
        self.pacer.start()

    def hear(self, ns: int, event: MarketEvent) -> None:
        assert event.time_ns == ns
        self.heard.append(((self.clock.now_ns() - T0) / SECOND, ns))


@pytest.mark.parametrize("speed", [1.0, 10.0, 60.0])
def test_distances_are_kept_divided_by_the_speed(speed: float) -> None:
    """An event that was recorded a minute after the first comes a minute after it, or a sixtieth of it."""
    run = Run(rows(0, 1, 60), speed)
    run.clock.run(61 / speed)
    assert [at for at, _ in run.heard] == pytest.approx([0, 1 / speed, 60 / speed], abs=0.001)
    assert [ns for _, ns in run.heard] == [OLD, OLD + SECOND, OLD + 60 * SECOND]


def test_nothing_comes_early() -> None:
    """Half a distance in, the second event has not come."""
    run = Run(rows(0, 10), 1.0)
    run.clock.run(9.99)
    assert len(run.heard) == 1


def test_a_long_pause_is_not_made_up_for() -> None:
    """After the machine slept, the feed goes on from where it was at its own pace."""
    run = Run(rows(0, 1, 2, 3), 1.0)
    run.clock.run(0.5)
    run.clock.time_ns += 3_600 * SECOND
    run.clock.run(0.001)
    assert len(run.heard) == 2
    assert run.pacer.late == 1
    run.clock.run(1.0)
    assert len(run.heard) == 3


def test_a_burst_leaves_the_loop_to_others() -> None:
    """Thousands of events of one instant come in several turns."""
    run = Run(rows(*[0.0] * 1_000), 1.0)
    run.clock.run(0.0)
    first = len(run.heard)
    assert 0 < first < 1_000
    run.clock.run(0.1)
    assert len(run.heard) == 1_000


def test_stop_is_final() -> None:
    """After stop nothing comes and no timer is left."""
    run = Run(rows(0, 1, 2), 1.0)
    run.clock.run(0.5)
    run.pacer.stop()
    run.clock.run(10)
    assert len(run.heard) == 1
    assert run.clock.pending() == 0


def test_stop_from_inside() -> None:
    """A listener may stop the market that it hears."""
    clock = HeapClock()
    heard: list[int] = []
    pacer = Pacer(clock, rows(0, 0, 0), lambda ns, _: (heard.append(ns), pacer.stop()), 1.0)  # type: ignore[arg-type, func-returns-value]
    pacer.start()
    clock.run(5)
    assert len(heard) == 1
    assert clock.pending() == 0
