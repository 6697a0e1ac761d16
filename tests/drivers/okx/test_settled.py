"""Rates of past settlements: found for a bill that was written a little later, and asked for once."""

from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import NoAnswer, NotReady
from drivers.okx.listing import Product
from drivers.okx.rest import Rest
from drivers.okx.settled import KEPT, PAGE, Settled
from tests.drivers.okx.scripted import PERP, Call, World, listing, virtual

PATH = "/api/v5/public/funding-rate-history"
HOUR_MS, MS, DUE_MS = 3_600_000, 1_000_000, 1_699_999_200_000


def asked(world: World) -> tuple[Settled, Product]:
    return Settled(Rest("http://127.0.0.1:1", world.ports, simulated=True)), listing().find(PERP)


def hourly(call: Call) -> list[dict[str, Any]]:
    """A settlement an hour, for ever, as the venue pages them."""
    newest_ms = (int(call.query["after"]) - 1) // HOUR_MS * HOUR_MS
    times = [newest_ms - HOUR_MS * number for number in range(int(call.query["limit"]))]
    return [{"fundingTime": str(each), "fundingRate": "0.0002", "realizedRate": "0.0001"} for each in times]


@virtual
async def test_a_bill_belongs_to_the_settlement_before_it() -> None:
    world = World()
    settled, product = asked(world)
    world.http.on(PATH, [{"fundingTime": str(DUE_MS), "fundingRate": "0.0002", "realizedRate": ""}])
    late_ns = (DUE_MS + 15_000) * MS
    await settled.learn(product, [late_ns])
    assert settled.at(product, late_ns) == (DUE_MS * MS, D("0.0002"))
    assert settled.at(product, DUE_MS * MS) == (DUE_MS * MS, D("0.0002"))
    for moment_ns in ((DUE_MS - 1) * MS, (DUE_MS + HOUR_MS // 2) * MS):
        assert settled.at(product, moment_ns) is None
    assert world.http.to(PATH)[0].query == {
        "instId": "BTC-USDT-SWAP",
        "after": str(DUE_MS + 15_001),
        "limit": str(PAGE),
    }


@virtual
async def test_what_is_known_is_not_asked_for_and_what_is_not_is_asked_for_again() -> None:
    world = World()
    settled, product = asked(world)
    world.http.on(PATH, [], hourly)
    for calls in (1, 2, 2):
        await settled.learn(product, [DUE_MS * MS])
        assert len(world.http.to(PATH)) == calls
    assert settled.at(product, DUE_MS * MS) is not None
    await settled.learn(product, [])
    assert len(world.http.to(PATH)) == 2


@virtual
async def test_many_settlements_are_read_page_by_page() -> None:
    world = World()
    settled, product = asked(world)
    world.http.on(PATH, hourly)
    moments = [(DUE_MS - HOUR_MS * number) * MS for number in range(PAGE + 50)]
    await settled.learn(product, moments)
    assert len(world.http.to(PATH)) == 2
    assert all(settled.at(product, moment) == (moment, D("0.0001")) for moment in moments)
    await settled.learn(product, [(DUE_MS - HOUR_MS * 2 * KEPT) * MS])
    assert settled.at(product, moments[0]) is not None, "the newest are remembered"


@virtual
async def test_a_venue_that_cannot_be_asked() -> None:
    world = World()
    settled, product = asked(world)
    world.http.on(PATH, NoAnswer("reset"))
    with pytest.raises(NotReady):
        await settled.learn(product, [DUE_MS * MS])
