"""The listing and the fees as they are asked for."""

from decimal import Decimal as D

import pytest

from ctosd.abi import NotReady
from drivers.okx.account import Account
from drivers.okx.catalogue import Catalogue
from drivers.okx.listing import Listing
from drivers.okx.rest import Rest
from drivers.okx.sign import Signer
from tests.drivers.okx.scripted import MAIN, PERP, SPOT, World, virtual


def made(world: World) -> tuple[Catalogue, Listing, Account]:
    listing = Listing("okx")
    rest = Rest("http://127.0.0.1:9", world.ports, simulated=True)
    return Catalogue(world.ports, listing, rest), listing, Account(MAIN, Signer("k", "s", "p"), listing)


@virtual
async def test_a_keys_own_listing_and_fees() -> None:
    world = World()
    catalogue, listing, account = made(world)
    await catalogue.read(account)
    assert listing.by_symbol.keys() == {PERP, SPOT}
    assert listing.find(PERP).instrument.maker_fee == D("0.0002")
    assert world.http.to("/api/v5/public/instruments") == []
    assert catalogue.read_ns > 0


@virtual
async def test_without_keys_everybodys() -> None:
    world = World()
    catalogue, listing, _ = made(world)
    await catalogue.read(None)
    assert len(listing.by_symbol) == 2
    assert world.http.to("/api/v5/account/trade-fee") == []


@virtual
async def test_an_old_listing_stands_when_a_new_one_cannot_be_had() -> None:
    world = World()
    catalogue, listing, _ = made(world)
    await catalogue.read(None)
    world.http.on("/api/v5/public/instruments", (502, b""))
    with pytest.raises(NotReady):
        await catalogue.read(None)
    assert len(listing.by_symbol) == 2
