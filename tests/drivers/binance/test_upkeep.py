"""The background: clock and instruments stay fresh, a maintenance is told once and waited out with more and more patience."""

from __future__ import annotations

import pytest

from ctosd.abi import NoAnswer, NotReady
from drivers.binance.errors import Verdict
from drivers.binance.limits import Pools
from drivers.binance.presence import Presence
from drivers.binance.rest import Rest
from drivers.binance.upkeep import Upkeep
from tests.drivers.binance.scripted import Venue, settle

MAINTENANCE = Verdict(kind="rejected", reason="maintenance", message="This service is no longer available.")


class Rig:
    def __init__(self) -> None:
        self.venue = Venue()
        self.refreshed = 0
        ports = self.venue.ports()
        self.presence = Presence(ports)
        self.presence.open()
        self.upkeep = Upkeep(
            Rest("usdm", "https://x.example", ports, Pools("usdm"), {}), ports, self.presence, self.refresh
        )
        self.upkeep.running = True

    async def refresh(self) -> None:
        self.refreshed += 1
        if self.refreshed == 1:
            raise NotReady("slow")

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(int(seconds / step)):
            self.venue.clock.run(step)
            await settle(3)

    def told(self) -> list[bool]:
        return [status.up for status in self.venue.on("status/binance")]


async def test_clock_and_instruments() -> None:
    rig = Rig()
    rig.venue.spawn("attend", rig.upkeep.attend())
    await settle()
    await rig.pass_time(2 * 3_600 + 500, 10)
    assert len(rig.venue.sent("GET", "/fapi/v1/time")) == 42
    assert rig.refreshed == 2  # hourly, also after a failure
    rig.upkeep.running = False
    before = len(rig.venue.calls)
    await rig.pass_time(400, 10)
    assert len(rig.venue.calls) == before
    await rig.venue.end()


async def test_a_maintenance_ends_when_the_venue_answers_again() -> None:
    rig = Rig()

    def down(params: dict[str, str]) -> object:
        raise NoAnswer("down")

    rig.venue.route("GET", "/fapi/v1/time", down)
    for _ in range(50):
        rig.upkeep.note(MAINTENANCE, "")
    await rig.pass_time(20)
    assert rig.told() == [False]
    assert 3 <= len(rig.venue.sent("GET", "/fapi/v1/time")) <= 4  # no storm
    rig.venue.route("GET", "/fapi/v1/time", lambda p: {"serverTime": 1})
    await rig.pass_time(6)
    assert rig.told() == [False, True]
    rig.upkeep.note(MAINTENANCE, "")
    await settle()
    await rig.pass_time(8)
    assert rig.told() == [False, True, False]  # it was not over after all: 10 s this time
    await rig.pass_time(4)
    assert rig.told() == [False, True, False, True]
    await rig.venue.end()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_wrong_timestamp_reads_the_clock_once(answers: bool) -> None:
    rig = Rig()
    if not answers:
        rig.venue.route("GET", "/fapi/v1/time", lambda p: (500, b""))
    for _ in range(5):
        rig.upkeep.note(Verdict(kind="rejected", reason="timestamp"), "")
    await settle()
    assert len(rig.venue.sent("GET", "/fapi/v1/time")) == 1
    rig.upkeep.note(Verdict(kind="rejected", reason="timestamp"), "")
    await settle()
    assert len(rig.venue.sent("GET", "/fapi/v1/time")) == 2
    await rig.venue.end()
