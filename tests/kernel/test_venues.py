"""Venues as supervised things: what is lost while a connection is down is repaired before anything new may leave."""

import asyncio
from decimal import Decimal as D

from ctosd.abi import ClockReading, NotReady, Order, Strategy, VenueStatus, topic
from ctosd.testing.rig import Rig, run_virtual


class Trader(Strategy):
    """Places what a test asks for."""


async def _world() -> tuple[Rig, Order]:
    rig = Rig()
    unit = rig.unit(Trader)
    await rig.start()
    assert unit.strategy is not None
    order = await unit.strategy.sys.place_order(rig.venue.listed[0].symbol, "buy", "limit", "1", "90")
    return rig, order


def say(rig: Rig, up: bool, reason: str = "the private stream is lost") -> None:
    status = VenueStatus(venue="test", up=up, reason=reason, time_ns=rig.clock.now_ns())
    rig.desk.bus.publish(topic("status", "test"), status)


def test_what_was_filled_while_it_was_down_is_booked_before_it_is_up() -> None:
    async def main() -> None:
        rig, order = await _world()
        venue = rig.system.venues.all["test"]
        say(rig, up=False)
        assert venue.state == "down"
        rig.venue.fill(order.client_id, D("0.4"), tell=False)
        rig.venue.deaf = True
        say(rig, up=True)
        await asyncio.sleep(3)
        assert venue.state == "down"
        assert "reconciling" in venue.reason
        unit = next(iter(rig.system.supervisor.units.values()))
        assert unit.strategy is not None
        refused = await unit.strategy.sys.place_order(rig.venue.listed[0].symbol, "buy", "limit", "1", "91")
        assert refused.reason == "venue_down"
        rig.venue.deaf = False
        await asyncio.sleep(60)
        assert venue.state == "running"
        assert order.filled == D("0.4")

    run_virtual(main())


def test_a_connection_that_is_lost_again_while_it_reconciles_stays_down() -> None:
    async def main() -> None:
        rig, _ = await _world()
        venue = rig.system.venues.all["test"]
        say(rig, up=False)
        rig.venue.deaf = True
        say(rig, up=True)
        await asyncio.sleep(0.1)
        say(rig, up=False, reason="lost again")
        rig.venue.deaf = False
        await asyncio.sleep(120)
        assert venue.state == "down"
        say(rig, up=True)
        await asyncio.sleep(0.1)
        assert venue.state == "running"

    run_virtual(main())


def test_a_loss_during_the_first_connection_is_believed() -> None:
    async def main() -> None:
        rig = Rig()
        venue = rig.system.venues.all["test"]
        fetch = rig.venue.fetch_open_orders

        async def lose(account: str, symbol: str = "") -> object:
            say(rig, up=False)
            return await fetch(account, symbol)

        rig.venue.fetch_open_orders = lose  # type: ignore[method-assign,assignment]
        await rig.system.start()
        assert venue.state == "down"
        rig.venue.fetch_open_orders = fetch  # type: ignore[method-assign]
        say(rig, up=True)
        await asyncio.sleep(0.1)
        assert venue.state == "running"

    run_virtual(main())


def test_a_clock_that_was_set_is_asked_of_the_venue_again_until_it_answers() -> None:
    async def main() -> None:
        rig, _ = await _world()
        asked: list[int] = []
        fetch = rig.venue.fetch_clock

        async def fetch_clock() -> ClockReading:
            asked.append(rig.clock.now_ns())
            if len(asked) < 3:
                raise NotReady("no answer")
            return await fetch()

        rig.venue.fetch_clock = fetch_clock  # type: ignore[method-assign]
        rig.system.watchdog.on_step(3_600.0)
        await asyncio.sleep(60)
        assert len(asked) == 3
        assert len(rig.log.events("clock_stepped")) == 1

    run_virtual(main())


def test_real_money_does_not_move_until_somebody_arms_it() -> None:
    """A live venue takes no order that adds risk; what reduces may leave, and cancels are never asked."""

    async def main() -> None:
        rig, order = await _world()
        line = rig.desk.egress.lines["test"]
        unit = next(iter(rig.system.supervisor.units.values()))
        assert unit.strategy is not None
        sys, symbol = unit.strategy.sys, rig.venue.listed[0].symbol
        rig.venue.fill(order.client_id, D(1))
        kept = await sys.place_order(symbol, "buy", "limit", "1", "89")
        line.live = True
        rig.venue.quote(99.9, 100.1)
        refused = await sys.place_order(symbol, "buy", "limit", "1", "90.5")
        assert (refused.state, refused.reason) == ("denied", "unarmed")
        leaving = await sys.place_order(symbol, "sell", "limit", "1", "110")
        assert leaving.state == "open"
        cancelled = await sys.revoke_order(kept.client_id)
        assert cancelled.state == "cancelled"
        await rig.desk.egress.arming.arm("test/main", D(1000), 60, "me")
        armed = await sys.place_order(symbol, "buy", "limit", "1", "90.4")
        assert armed.state == "open"

    run_virtual(main())
