"""The parts, put together."""

import pytest

from ctosd.abi import Misconfigured, Ports
from drivers.backpack.config import endpoints_of
from drivers.backpack.desk import Desk
from tests.drivers.backpack.exchange import World, config, started


def test_numbers_need_a_store() -> None:
    world = World()
    bare = Ports(venue="backpack", clock=world.clock, log=world.log, publish=world.ports.publish, spawn=world.ports.spawn,
                 open_feed=world.ports.open_feed, http=world.web)  # fmt: skip
    with pytest.raises(Misconfigured, match="store"):
        Desk(config(), endpoints_of(config()), [], bare)


async def test_statistics_tell_every_part() -> None:
    world = World()
    driver = await started(world)
    told = driver.statistics()
    assert told["standing"] == {"up": True, "reason": ""}
    assert told["accounts"]["backpack/main"]["credentials"] is True
    assert {"rest", "wire", "listing", "client_ids", "books", "upkeep", "sessions", "unlisted"} < set(told)
    await driver.desk.bridge("bookTicker.UNLISTED")
    await driver.stop()
    await world.close()
