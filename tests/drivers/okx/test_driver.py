"""The driver's life: starting, staying right about time and listing, several accounts, stopping."""

import pytest
from pydantic import TypeAdapter, ValidationError

from ctosd.abi import AuthFailed, Misconfigured, NotReady
from drivers.okx import Okx
from drivers.okx.config import OkxConfig
from tests.drivers.okx.scripted import KEYS, MAIN, PERP, SPOT, SWAP_ROW, World, place, refuse, virtual

HOUR_S = 3_600


@virtual
async def test_a_start_reads_the_listing_and_the_fees() -> None:
    world = World()
    driver = await world.started()
    listed = {each.symbol: each for each in driver.instruments()}
    assert listed.keys() == {PERP, SPOT}
    assert str(listed[PERP].taker_fee) == "0.0005"
    assert sorted(world.sessions) == ["business", "private-main", "public"]
    assert {call.query["instType"] for call in world.http.to("/api/v5/account/instruments")} == {"SPOT", "SWAP"}
    await driver.start()
    assert len(world.http.to("/api/v5/account/config")) == 1, "asked again, it does not start again"
    await world.close(driver)


@virtual
async def test_public_use_needs_no_keys() -> None:
    world = World(secrets={})
    driver = await world.started()
    assert sorted(world.sessions) == ["business", "public"]
    assert world.http.to("/api/v5/account/instruments") == []
    assert len(driver.instruments()) == 2
    await world.close(driver)


@virtual
async def test_two_accounts_share_the_market_and_have_links_of_their_own() -> None:
    world = World(secrets={MAIN: KEYS, "okx/two": KEYS})
    driver = await world.started((MAIN, "okx/two"))
    assert sorted(world.sessions) == ["business", "private-main", "private-two", "public"]
    await driver.submit(place(account="okx/two"))
    assert [said["op"] for said in world.sessions["private-two"].sent][-1] == "order"
    assert "order" not in [said["op"] for said in world.sessions["private-main"].sent]
    await world.close(driver)


@virtual
async def test_the_public_listing_stands_in() -> None:
    world = World()
    world.http.on("/api/v5/account/instruments", (404, b""))
    world.http.on("/api/v5/account/trade-fee", (500, b""))
    driver = await world.started()
    assert len(driver.instruments()) == 2
    assert [event for _, event, _ in world.log.lines if event.startswith("okx_")] == [
        "okx_public_listing",
        "okx_fees_unknown",
    ] * 2
    await world.close(driver)


@virtual
async def test_starts_that_fail() -> None:
    world = World()
    world.http.on("/api/v5/account/config", (401, {"code": "50119", "msg": "API key doesn't exist"}))
    driver = world.driver()
    with pytest.raises(AuthFailed, match="demo trading"):
        await driver.start()
    world.usual()
    world.http.on("/api/v5/public/time", (502, b""))
    with pytest.raises(NotReady):
        await driver.start()
    world.http.on("/api/v5/public/time", lambda call: [{"ts": str(world.clock.now_ns() // 10**6)}])
    await driver.start()
    await world.close(driver)


@virtual
async def test_a_venue_that_lists_nothing_is_not_ready() -> None:
    world = World()
    world.http.on("/api/v5/account/instruments", [])
    driver = world.driver()
    with pytest.raises(NotReady, match="lists nothing"):
        await driver.start()
    await world.close(driver)


@virtual
async def test_the_clock_is_read_again_and_again_and_after_a_refusal() -> None:
    world = World()
    driver = await world.started()
    path = "/api/v5/public/time"
    before = len(world.http.to(path))
    await world.turn(1_000)
    assert len(world.http.to(path)) - before == 5
    world.reply = refuse("50102", "Timestamp request expired")
    await driver.submit(place())
    await world.turn(1)
    assert len(world.http.to(path)) - before == 6
    assert (await driver.fetch_clock()).offset_ns == pytest.approx(0, abs=10**6)
    await world.close(driver)


@virtual
async def test_the_listing_is_read_every_hour_and_when_the_grid_was_wrong() -> None:
    world = World()
    driver = await world.started()
    world.http.on(
        "/api/v5/account/instruments",
        lambda call: [SWAP_ROW | {"tickSz": "0.5"}] if call.query["instType"] == "SWAP" else [],
    )
    await world.turn(60)
    world.reply = refuse("51121", "lot size")
    for _ in range(3):
        await driver.submit(place())
    await world.turn(1)
    assert str(next(each.tick for each in driver.instruments() if each.symbol == PERP)) == "0.5"
    assert len(world.http.to("/api/v5/account/instruments")) == 4
    world.http.on("/api/v5/account/instruments", (502, b""))
    world.http.on("/api/v5/public/instruments", (502, b""))
    await world.turn(HOUR_S + 1)
    assert len(world.log.events("okx_listing_old")) == 1
    assert len(driver.instruments()) == 2, "the old listing stands"
    await world.close(driver)


@virtual
async def test_what_it_is() -> None:
    world = World()
    driver = await world.started()
    assert not driver.live
    assert Okx(OkxConfig(environment="live"), (MAIN,), world.ports).live
    assert not Okx(OkxConfig(environment="live", endpoints={"rest": "http://127.0.0.1:1"}), (MAIN,), world.ports).live
    assert set(driver.endpoints()) == {"rest", "public", "business", "private"}
    counters = driver.statistics()
    assert counters["presence"]["up"] is True
    assert counters["accounts"][MAIN]["up"] is True
    assert KEYS["api_secret"] not in repr(counters)
    await world.close(driver)


@virtual
async def test_half_a_credential_is_a_mistake_of_the_configuration() -> None:
    world = World(secrets={MAIN: {"api_key": "k"}})
    with pytest.raises(Misconfigured, match="passphrase"):
        world.driver()


@virtual
async def test_a_stop_closes_everything_and_leaves_orders_alone() -> None:
    world = World()
    driver = await world.started()
    await driver.stop()
    assert not any(session.up for session in world.sessions.values())
    assert [call.path for call in world.http.calls if call.method == "POST"] == []
    await world.tasks.cancel()
    assert world.failures == []


def test_the_configuration_is_checked() -> None:
    adapter = TypeAdapter(OkxConfig)
    assert adapter.validate_python({}).environment == "demo"
    for wrong in ({"environment": "paper"}, {"history_days": 91}, {"margin": "cash"}, {"quiet_s": -1}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
