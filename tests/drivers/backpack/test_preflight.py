"""What a person is told of an account, and what is changed only on consent."""

from typing import Any

import pytest

from ctosd.abi import AuthFailed, Finding, NotReady
from drivers.backpack.config import AccountConfig
from tests.drivers.backpack.exchange import MAIN, SETTINGS, World, order_row, started


async def findings(world: World, consent: tuple[str, ...] = (), **account: Any) -> dict[str, Finding]:
    driver = await started(world, accounts={"main": AccountConfig(**account)})
    try:
        found = await driver.preflight(MAIN, consent)
    finally:
        await driver.stop()
        await world.close()
    assert all(bool(each.remedy) != each.ok for each in found)
    return {each.subject: each for each in found}


async def test_a_sound_account() -> None:
    found = await findings(World())
    assert all(each.ok for each in found.values())
    assert {"credentials", "key rights", "withdrawals", "liquidation", "auto lend", "leverage", "fees", "foreign orders",
            "position mode"} == set(found)  # fmt: skip
    assert "2 and 5" in found["fees"].message


async def test_without_credentials() -> None:
    found = await findings(World(secrets=False))
    assert found["credentials"].blocks
    assert "accounts.yaml" in found["credentials"].remedy


@pytest.mark.parametrize("code", ["FORBIDDEN", "UNAUTHORIZED"])
async def test_a_key_that_may_not_trade(code: str) -> None:
    """Found out by cancelling an order that cannot exist."""
    world = World()
    world.web.answers["DELETE /api/v1/order"] = (403, {"code": code, "message": "no"})
    found = await findings(world)
    assert found["key rights"].blocks
    assert world.web.to("/api/v1/order")[0].body["orderId"] == "0"


async def test_a_right_that_cannot_be_found_out() -> None:
    world = World()
    world.web.answers["DELETE /api/v1/order"] = (503, b"")
    found = await findings(world)
    assert (found["key rights"].ok, found["key rights"].blocks) == (False, False)


async def test_foreign_orders_are_named() -> None:
    world = World()
    world.web.answers["GET /api/v1/orders"] = [order_row(), order_row(id="2", clientId=5)]
    found = await findings(world)
    assert "59669287267 on SOL/USDC:USDC" in found["foreign orders"].message
    assert not found["foreign orders"].blocks


async def test_leverage_is_changed_only_on_consent() -> None:
    world = World()
    found = await findings(world, leverage=5)
    assert "not 5" in found["leverage"].message
    assert not world.web.to("/api/v1/account", "PATCH")
    world = World()

    def change(call: Any) -> Any:
        world.web.answers["GET /api/v1/account"] = {**SETTINGS, "leverageLimit": call.body["leverageLimit"]}
        return 200, b""

    world.web.answers["PATCH /api/v1/account"] = change
    found = await findings(world, ("leverage",), leverage=5)
    assert found["leverage"].ok
    assert world.web.to("/api/v1/account", "PATCH")[0].body == {"leverageLimit": "5"}


async def test_lending_is_switched_off_only_on_consent() -> None:
    world = World()
    world.web.answers["GET /api/v1/account"] = {**SETTINGS, "autoLend": True}
    found = await findings(world)
    assert "autoLendRedeem" in found["auto lend"].message
    world = World()
    world.web.answers["GET /api/v1/account"] = {**SETTINGS, "autoLend": True}

    def change(call: Any) -> Any:
        world.web.answers["GET /api/v1/account"] = {**SETTINGS, "autoLend": call.body["autoLend"]}
        return 200, b""

    world.web.answers["PATCH /api/v1/account"] = change
    assert "off now" in (await findings(world, ("auto lend",)))["auto lend"].message


async def test_what_keeps_a_driver_from_starting() -> None:
    """A refused key is permanent, an account in liquidation is not."""
    world = World()
    world.web.answers["GET /api/v1/account"] = {**SETTINGS, "liquidating": True}
    with pytest.raises(NotReady, match="liquidated"):
        await started(world)
    world.web.answers["GET /api/v1/account"] = (401, {"code": "UNAUTHORIZED", "message": "no"})
    with pytest.raises(AuthFailed):
        await started(world)
    world.web.answers["GET /api/v1/account"] = SETTINGS
    driver = await started(world)
    world.web.answers["GET /api/v1/account"] = {**SETTINGS, "liquidating": True}
    found = {each.subject: each for each in await driver.preflight(MAIN)}
    assert found["liquidation"].blocks
    world.web.answers["GET /api/v1/account"] = (401, {"code": "UNAUTHORIZED", "message": "no"})
    (only,) = await driver.preflight(MAIN)
    assert (only.subject, only.blocks) == ("credentials", True)
    await driver.stop()
    await world.close()
