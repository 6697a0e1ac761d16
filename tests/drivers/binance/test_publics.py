"""Public connections are made when they are needed, shared, and renewed."""

from __future__ import annotations

import asyncio

import pytest

from ctosd.abi import NotReady
from drivers.binance.limits import Pools
from drivers.binance.publics import Publics
from drivers.binance.streams import Stream
from tests.drivers.binance.scripted import Venue


def publics(venue: Venue) -> Publics:
    return Publics("usdm", {"public": "wss://x/public", "market": "wss://x/market"}, venue.ports(), Pools("usdm"))


async def want(found: Publics, name: str, route: str = "public") -> None:
    await found.want(Stream(name, route), lambda frame, recv_ns: None, quiet_s=5, first_s=3)


async def test_one_connection_for_all_who_want_the_same_route_at_once() -> None:
    venue = Venue()
    found = publics(venue)
    await asyncio.gather(*(want(found, f"s{n}") for n in range(5)), want(found, "s0"), want(found, "m", "market"))
    assert [session.dialect.name for session in venue.sessions] == ["public", "market"]
    assert venue.sessions[0].wanted["s3"] == (5, 3)
    assert len(venue.sessions[0].wanted) == 5


async def test_losses_are_told_stream_by_stream_and_streams_renewed() -> None:
    venue = Venue()
    found = publics(venue)
    lost: list[str] = []
    subscribed: list[str] = []
    found.on_lost, found.on_subscribed = lost.append, subscribed.append
    await want(found, "a")
    await want(found, "b")
    venue.sessions[0].cut()
    await venue.sessions[0].connect()
    assert (lost, subscribed) == (["a", "b"], ["a", "b", "a", "b"])
    found.renew("a", "a gap")
    found.renew("unknown", "x")
    assert venue.sessions[0].calls == [("resubscribe", "a")]
    await found.stop()
    assert venue.sessions[0].calls[-1] == ("stop", "")
    assert found.statistics() == {}


async def test_a_connection_that_cannot_be_made_is_not_ready_and_can_be_tried_again() -> None:
    venue = Venue()
    found = publics(venue)
    venue.refuse_sessions = [NotReady("no route")]
    with pytest.raises(NotReady):
        await want(found, "a")
    await want(found, "a")
    assert len(venue.sessions) == 2
