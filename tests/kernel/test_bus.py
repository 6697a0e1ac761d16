"""The bus: in line, in order, numbered; a failing subscriber harms nobody, a failing tap stops everything."""

from __future__ import annotations

from typing import Any

import pytest

from ctosd.kernel.bus import Bus


def test_taps_hear_before_subscribers_in_the_order_of_tapping() -> None:
    bus, heard = Bus(), []
    bus.subscribe("t", lambda e: heard.append(("strategy", e)))
    bus.tap("t", lambda e: heard.append(("lifecycle", e)))
    bus.tap("t", lambda e: heard.append(("ledger", e)))
    bus.publish("t", 1)
    assert heard == [("lifecycle", 1), ("ledger", 1), ("strategy", 1)]


def test_every_event_has_a_number_even_when_nobody_listens() -> None:
    bus = Bus()
    bus.publish("silence", 1)
    bus.publish("silence", 2)
    assert (bus.seq, bus.unheard) == (2, 2)


def test_a_failing_subscriber_is_counted_and_the_rest_hear() -> None:
    faults: list[Any] = []
    bus = Bus(lambda topic, handler, error: faults.append((topic, str(error))))
    heard: list[int] = []

    def bad(_: Any) -> None:
        raise ValueError("bad")

    bus.subscribe("t", bad)
    bus.subscribe("t", heard.append)
    bus.subscribe("t", bad)
    bus.subscribe("t", heard.append)
    bus.publish("t", 7)
    assert heard == [7, 7]
    assert faults == [("t", "bad"), ("t", "bad")]
    assert bus.faults == 2


def test_a_failing_tap_stops_the_event() -> None:
    """A tap is a law of the house: going on without it would book half a fill."""
    bus, heard = Bus(), []

    def broken(_: Any) -> None:
        raise ValueError("invariant")

    bus.tap("t", broken)
    bus.subscribe("t", heard.append)
    with pytest.raises(ValueError, match="invariant"):
        bus.publish("t", 1)
    assert heard == []


def test_subscribing_while_publishing_starts_with_the_next_event() -> None:
    bus, heard = Bus(), []
    bus.subscribe("t", lambda e: bus.subscribe("t", heard.append) if e == 1 else None)
    bus.publish("t", 1)
    assert heard == []
    bus.publish("t", 2)
    assert heard == [2]


def test_unsubscribe_leaves_taps_and_forgets_empty_topics() -> None:
    bus, heard = Bus(), []
    bus.tap("t", heard.append)
    bus.subscribe("t", print)
    bus.unsubscribe("t", print)
    bus.unsubscribe("t", print)
    assert bus.listeners("t") == 0
    bus.publish("t", 1)
    assert heard == [1]
    bus.subscribe("u", print)
    bus.unsubscribe("u", print)
    assert "u" not in bus.topics()
    assert bus.statistics()["taps"] == 1
