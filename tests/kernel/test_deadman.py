"""The dead man's switch: renewed while we live and have orders, silent when we do not, disarmed at a graceful end."""

from collections.abc import Collection
from typing import Any

import pytest

from ctosd.abi import NotReady, Strategy
from ctosd.kernel.deadman import DeadMan
from ctosd.testing.rig import Rig, run_virtual


class Trader(Strategy):
    """Places what a test asks for."""


class World:
    def __init__(self) -> None:
        self.rig = Rig()
        self.calls: list[tuple[tuple[str, ...], float]] = []
        self.deaf = False
        self.trouble = ""

        async def refresh(account: str, symbols: Collection[str], timeout_s: float) -> None:
            if self.deaf:
                raise NotReady("no answer")
            self.calls.append((tuple(symbols), timeout_s))

        self.rig.venue.refresh_dead_man = refresh  # type: ignore[method-assign]
        self.man = DeadMan(
            self.rig.venue, self.rig.desk.blotter, self.rig.clock, lambda: self.trouble, 60.0, self.rig.log
        )

    async def start(self) -> Any:
        unit = self.rig.unit(Trader)
        await self.rig.start()
        self.symbol = self.rig.venue.listed[0].symbol
        assert unit.strategy is not None
        return unit.strategy.sys

    def run(self) -> None:
        self.rig.desk.tasks.spawn("deadman", self.man.run())


def test_it_is_armed_while_there_are_orders_and_disarmed_when_the_last_is_gone() -> None:
    async def main() -> None:
        world = World()
        sys = await world.start()
        world.run()
        await world.rig.clock.sleep(50)
        assert world.calls == []
        world.rig.venue.quote(99.9, 100.1)
        order = await sys.place_order(world.symbol, "buy", "limit", "1", "90")
        await world.rig.clock.sleep(60)
        assert world.calls == [((world.symbol,), 60.0)] * 3
        await sys.revoke_order(order.client_id)
        await world.rig.clock.sleep(60)
        assert world.calls[3:] == [((world.symbol,), 0)]

    run_virtual(main())


def test_without_evidence_of_life_nothing_is_renewed_and_the_log_says_why_once() -> None:
    async def main() -> None:
        world = World()
        sys = await world.start()
        await sys.place_order(world.symbol, "buy", "limit", "1", "90")
        world.trouble = "the journal failed: disk full"
        world.run()
        await world.rig.clock.sleep(100)
        assert world.calls == []
        assert [line["reason"] for line in world.rig.log.events("dead_man_not_renewed")] == [world.trouble]
        world.trouble = ""
        await world.rig.clock.sleep(20)
        assert world.calls == [((world.symbol,), 60.0)]

    run_virtual(main())


@pytest.mark.parametrize("deaf", [False, True])
def test_a_graceful_end_disarms_or_says_that_it_could_not(deaf: bool) -> None:
    async def main() -> None:
        world = World()
        sys = await world.start()
        await sys.place_order(world.symbol, "buy", "limit", "1", "90")
        await world.man.beat()
        world.deaf = deaf
        await world.man.disarm()
        assert world.calls[1:] == ([] if deaf else [((world.symbol,), 0)])
        said = world.rig.log.events("dead_man_not_renewed")
        assert bool(said) == deaf
        assert world.man.statistics()["armed"] == {}

    run_virtual(main())


def test_a_venue_that_does_not_answer_is_asked_again() -> None:
    async def main() -> None:
        world = World()
        sys = await world.start()
        await sys.place_order(world.symbol, "buy", "limit", "1", "90")
        world.deaf = True
        world.run()
        await world.rig.clock.sleep(50)
        world.deaf = False
        await world.rig.clock.sleep(20)
        assert world.calls == [((world.symbol,), 60.0)]
        assert world.man.statistics()["failures"] == 3

    run_virtual(main())
