"""Far-off orders: through the real operator, gate and journal of a kernel; and a daemon that fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ctosd.abi import CtosError, Rejected, Unknown
from ctosd.abi.instruments import Instrument
from ctosd.ctl.client import NOT_FOUND, NOT_RUNNING, TIMED_OUT, Failure
from ctosd.host.probing import orders
from ctosd.host.probing.orders import COINS, Placed, Rounds, chosen, smallest
from ctosd.runtime.operator import Operator
from ctosd.testing.rig import Rig
from ctosd.testing.venue import perpetual

LISTED = tuple(perpetual(symbol=f"{coin}/USDT:USDT") for coin in COINS)


class Door:
    """What the control socket would do: the operator's answers, failures as ctosctl tells them."""

    def __init__(self, operator: Operator, loop: asyncio.AbstractEventLoop) -> None:
        self.operator, self.loop = operator, loop
        self.asked: list[str] = []
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None

    def post(self, path: str, **body: Any) -> Any:
        assert path == "/v1/call"
        self.asked.append(body["name"])
        self.before(body["name"])
        call = self.operator.call("uid=0", body["account"], body["name"], body["args"])
        try:
            result = msgspec.json.decode(
                msgspec.json.encode(asyncio.run_coroutine_threadsafe(call, self.loop).result(5))
            )
        except CtosError as error:
            raise Failure(NOT_FOUND, str(error)) from None
        self.after(body["name"])
        return result


class World:
    """A kernel whose scripted venue ends an order when it is cancelled."""

    def __init__(self, instruments: Sequence[Instrument] = LISTED) -> None:
        self.rig = Rig(instruments=instruments)
        self.door = Door(Operator(self.rig.system), asyncio.get_running_loop())

    async def start(self) -> None:
        await self.rig.system.start()
        for instrument in self.rig.venue.listed:
            self.rig.desk.market.watch("quotes", "test", instrument.symbol)
            self.rig.venue.quote(99.9, 100.1, instrument.symbol)

    async def run(self, account: str = "test/main") -> list[Placed]:
        return await asyncio.to_thread(lambda: list(Rounds(self.door, account).run()))

    @property
    def open(self) -> list[str]:
        return [order.client_id for order in self.rig.desk.blotter.open_orders("operator")]

    async def stop(self) -> None:
        await self.rig.system.stop("done")


@pytest.fixture
async def world() -> Any:
    made = World()
    await made.start()
    yield made
    await made.stop()


async def test_each_coin_is_placed_far_off_and_cancelled(world: World) -> None:
    placed = await world.run()
    assert [each.symbol for each in placed] == [f"{coin}/USDT:USDT" for coin in COINS]
    assert all(each.ok and each.ms is not None for each in placed), placed
    assert {(each.price, each.size, each.state, each.ended) for each in placed} == {
        ("95.0", "0.053", "open", "cancelled")
    }
    commands = world.rig.venue.received
    assert [type(each).__name__ for each in commands] == ["Place", "Cancel"] * len(COINS)
    first = commands[0]
    assert (first.post_only, first.side, first.tif) == (True, "buy", "gtc")  # type: ignore[union-attr]
    kept = [row for row in world.rig.journal.kept if row.kind == "intent"]
    assert len(kept) == 2 * len(COINS)
    assert world.open == []


async def test_an_unarmed_account_shows_the_gates_own_refusal_once(world: World) -> None:
    world.rig.desk.egress.lines["test"].live = True
    (placed,) = await world.run()
    assert (placed.ok, placed.state, placed.reason) == (False, "denied", "unarmed")
    assert "test/main is a live account that is not armed" in placed.message
    assert world.rig.venue.received == []


async def test_a_refusal_of_one_order_goes_on_to_the_next(world: World) -> None:
    def refuse(command: Any) -> Rejected:
        return Rejected(client_id=command.client_id, reason="filter", message="PRICE_FILTER", time_ns=1)

    world.rig.venue.replies.append(refuse)
    placed = await world.run()
    assert [each.ok for each in placed] == [False, True, True, True, True]
    assert (placed[0].state, placed[0].reason, placed[0].message) == ("rejected", "filter", "PRICE_FILTER")


async def test_an_order_that_is_filled_is_told(world: World) -> None:
    loop = asyncio.get_running_loop()

    def fill(name: str) -> None:
        if name == "place_order":
            loop.call_soon_threadsafe(world.rig.venue.fill, world.open[0])
            world.door.after = lambda name: None

    world.door.after = fill
    placed = await world.run()
    assert (placed[0].ok, placed[0].ended) == (False, "filled")
    assert "0.053 of it was bought: close that position by hand" in placed[0].message


async def test_a_daemon_that_is_late_leaves_nothing_behind(world: World) -> None:
    """The answer to an order did not come in time: it is found among the open ones, and cancelled."""

    def late(name: str) -> None:
        if name == "place_order":
            world.door.after = lambda name: None
            raise Failure(TIMED_OUT, "ctosd did not answer within 10 s")

    world.door.after = late
    placed = await world.run()
    assert [each.ok for each in placed] == [False, True, True, True, True]
    assert "did not answer" in placed[0].message
    assert world.open == []


async def test_a_daemon_that_dies_ends_it(world: World) -> None:
    def dead(name: str) -> None:
        if name in ("revoke_order", "get_open_orders") and len(world.door.asked) > 2:
            raise Failure(NOT_RUNNING, "ctosd is not running")

    world.door.before = dead
    (placed,) = await world.run()
    assert not placed.ok
    assert "whether an order is open nobody knows" in placed.message
    assert len(world.open) == 1
    world.door.before = lambda name: None
    await asyncio.sleep(0.12)  # else the gate takes the next order for the same one
    again = await world.run()  # what was left behind is cancelled first
    assert all(each.ok for each in again), again
    assert world.open == []


async def test_an_order_whose_end_does_not_come_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "PATIENCE_S", 0.05)
    monkeypatch.setattr(orders, "POLL_S", 0.01)
    monkeypatch.setattr(orders, "COINS", ("BTC",))
    world.rig.venue.replies.extend(
        [world.rig.venue.accept, lambda command: Unknown(client_id=command.client_id, message="no answer")]
    )
    (placed,) = await world.run()
    assert not placed.ok
    assert placed.ended in ("open", "unknown")
    assert placed.message


async def test_an_unknown_account_is_a_failure_of_its_own(world: World) -> None:
    with pytest.raises(Failure, match="nobody"):
        await world.run("test/nobody")


def test_the_smallest_size_is_on_the_grid_and_worth_enough() -> None:
    row = {"lot": "0.001", "min_size": "0.001", "min_notional": "5"}
    assert smallest(row, D(57000)) == D("0.001")
    assert smallest(row, D(95)) == D("0.053")
    assert smallest({"lot": "10", "min_size": "15", "min_notional": "0"}, D("0.1")) == 20


def test_the_venues_own_quote_is_chosen() -> None:
    rows = [
        {"kind": kind, "base": base, "quote": quote, "symbol": f"{base}/{quote}"}
        for kind, base, quote in [
            ("spot", "BTC", "USDT"), ("perp", "BTC", "USDC"), ("perp", "BTC", "USDT"), ("perp", "PEPE", "USDT"), ("perp", "WIF", "USDT"),
            ("perp", "DOGE", "USDC"), ("spot", "SOL", "USDT"),
        ]
    ]  # fmt: skip
    assert [row["symbol"] for row in chosen(rows)] == ["BTC/USDT", "DOGE/USDC"]
    assert chosen([]) == []
