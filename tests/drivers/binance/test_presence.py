"""Up and down are told once each, and only while the driver runs."""

from drivers.binance.presence import Presence
from tests.drivers.binance.scripted import Venue


def told(venue: Venue) -> list[tuple[bool, str]]:
    return [(status.up, status.reason) for status in venue.on("status/binance")]


def test_the_last_reason_that_goes_brings_it_up() -> None:
    venue = Venue()
    presence = Presence(venue.ports())
    presence.open()
    assert presence.lose("a", "a is down")
    assert presence.lose("b", "b is down")
    assert not presence.lose("a", "a is still down")
    presence.regain("a")
    assert told(venue) == [(False, "a is down")]
    assert (presence.up, presence.reasons) == (False, {"b": "b is down"})
    presence.regain("b")
    presence.regain("b")
    assert told(venue) == [(False, "a is down"), (True, "")]


def test_it_is_silent_before_the_start_and_after_the_end() -> None:
    venue = Venue()
    presence = Presence(venue.ports())
    presence.lose("a", "not yet")
    assert told(venue) == []
    presence.open()
    assert told(venue) == [(False, "not yet")]
    presence.close()
    presence.lose("a", "stopped")
    presence.regain("a")
    assert len(told(venue)) == 1
