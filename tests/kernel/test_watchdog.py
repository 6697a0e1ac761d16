"""Evidence of life: only a loop that turned in time, with a journal that works, may be called alive."""

from __future__ import annotations

import asyncio
import time

import pytest

from ctosd.kernel.bus import Bus
from ctosd.kernel.clock import WallClock
from ctosd.kernel.watchdog import Watchdog
from ctosd.testing.journal import MemoryJournal


async def test_alive_needs_beats_since_the_last_look() -> None:
    journal = MemoryJournal()
    dog = Watchdog(WallClock(), Bus(), journal)
    assert "has not turned" in dog.alive()
    dog.start()
    await asyncio.sleep(0.25)
    assert dog.alive() == ""
    assert "has not turned" in dog.alive()
    await asyncio.sleep(0.15)
    journal.failed = "disk full"
    assert "disk full" in dog.alive()
    dog.stop()


async def test_a_blocked_loop_shows_in_the_lag() -> None:
    dog = Watchdog(WallClock(), Bus(), MemoryJournal())
    dog.start()
    await asyncio.sleep(0.15)
    time.sleep(0.3)  # noqa: ASYNC251 - blocking is the point
    await asyncio.sleep(0.01)
    assert dog.lag_ms(1.0) > 150
    assert dog.statistics()["lag_worst_ms"] > 150
    dog.stop()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_is_noticed_and_stops_nothing(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """Timers keep their distance, lateness is not made of it, and whoever must know is told by how much."""
    real, ahead_ns, steps, fired = time.time_ns, 0, [], []
    monkeypatch.setattr(time, "time_ns", lambda: real() + ahead_ns)
    clock = WallClock()
    dog = Watchdog(clock, Bus(), MemoryJournal())
    dog.on_step = steps.append
    dog.start()
    clock.call_at(clock.now_ns() + 300_000_000, lambda: fired.append(clock.now_ns()))
    await asyncio.sleep(0.15)
    ahead_ns = hours * 3_600_000_000_000
    await asyncio.sleep(0.35)
    assert fired
    assert [round(step) for step in steps] == [hours * 3_600]
    assert dog.alive() == ""
    assert dog.lag_ms(1.0) < 1_000
    assert dog.statistics()["clock_steps"] == 1
    dog.stop()


async def test_a_journal_that_fails_is_told_when_it_happens() -> None:
    """Once when it begins, once when it works again; not at every other sentence of the disk."""
    journal, told = MemoryJournal(), []
    dog = Watchdog(WallClock(), Bus(), journal)
    dog.on_journal = told.append
    dog.start()
    for failed in ("", "disk full", "disk still full", ""):
        journal.failed = failed
        await asyncio.sleep(0.15)
    assert told == ["disk full", ""]
    dog.stop()
