"""What was paid while no driver was connected is told by a new one that remembers nothing, on the position that was held."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from ctosd.abi import FundingPayment
from ctosd.testing.conformance.world import World
from ctosd.testing.rig import run_virtual
from ctosd.testing.store import MemoryStore
from tests.drivers.test_conformance import OFTEN, SUBJECTS

PAST_S = 3 * 600
TOLD = {"okx": True, "binance-usdm": True, "backpack": False}
"""Whether the venue's records tell the position."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", TOLD)
def test_a_new_driver_tells_what_was_paid_before_it_was_there(name: str) -> None:
    async def main() -> None:
        world = World(replace(SUBJECTS[name], emulated=OFTEN))
        await world.start()
        since_ns = world.clock.now_ns()
        size = await world.size()
        await world.filled("sell", size)
        world.store = MemoryStore()
        await world.restart(PAST_S)
        driver = world.driver
        found = await driver.fetch_funding_payments(world.account, since_ns)
        assert len(found) == 3
        assert [payment.position for payment in found] == [-size if TOLD[name] else Decimal(0)] * 3
        assert all(payment.rate for payment in found)
        assert await driver.fetch_funding_payments(world.account, found[0].time_ns + 1_000_000) == list(found[1:])
        await world.close()

    run_virtual(main())


@pytest.mark.timeout(120)
def test_a_stream_tells_at_once_and_the_record_says_the_same() -> None:
    """Binance: the word on the stream is followed by the payment itself."""

    async def main() -> None:
        world = World(replace(SUBJECTS["binance-usdm"], emulated=OFTEN))
        await world.start()
        since_ns = world.clock.now_ns()
        await world.filled("buy")
        await world.pass_s(620)
        told = world.private(FundingPayment)
        assert told
        assert told == await world.driver.fetch_funding_payments(world.account, since_ns)
        await world.close()

    run_virtual(main())
