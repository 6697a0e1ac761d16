"""Findings with their remedies; nothing is changed without consent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from ctosd.abi import Finding
from ctosd.testing.conformance.world import World
from ctosd.testing.rig import run_virtual
from drivers.binance import Binance
from tests.drivers.binance.scripted import MAIN, PERP, SPOT, Venue
from tests.drivers.test_conformance import SUBJECTS

ACCOUNT = "/fapi/v1/accountConfig"


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue, **settings: Any) -> Binance:
    driver = venue.driver(**{"symbols": [PERP], **settings})
    await driver.start()
    venue.calls.clear()
    return driver


def of(findings: Sequence[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def writes(venue: Venue) -> list[str]:
    return [path for method, path, _ in venue.calls if method != "GET"]


async def test_an_account_in_order(venue: Venue) -> None:
    venue.route(
        "GET", "/fapi/v1/symbolConfig", lambda p: [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 20}]
    )
    findings = await (await started(venue)).preflight(MAIN)
    assert {finding.subject for finding in findings} == {
        "clock", "trading", "position mode", "multi-assets mode", "margin type", "foreign orders", "key rights", "fees",
    }  # fmt: skip
    assert [finding.subject for finding in findings if not finding.ok] == ["key rights"]
    assert not any(finding.blocks for finding in findings)
    assert of(findings, "fees").message == "BTC/USDT:USDT: maker 0.0002, taker 0.0005"
    assert of(findings, "margin type").message == "BTCUSDT: crossed, leverage 20"
    assert "withdrawals off" in of(findings, "key rights").remedy
    assert writes(venue) == []


async def test_modes_are_reported_and_changed_on_consent_only(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", ACCOUNT, lambda p: {"canTrade": True, "dualSidePosition": True, "multiAssetsMargin": True})
    venue.route(
        "GET", "/fapi/v1/symbolConfig", lambda p: [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 5}]
    )
    findings = await driver.preflight(MAIN)
    assert (of(findings, "position mode").blocks, "One-way" in of(findings, "position mode").remedy) == (True, True)
    assert (of(findings, "multi-assets mode").ok, of(findings, "margin type").ok) == (False, False)
    assert findings[0].subject == "position mode"
    assert writes(venue) == []
    venue.route("POST", "/fapi/v1/positionSide/dual", lambda p: {"code": 200, "msg": "success"})
    venue.route("POST", "/fapi/v1/multiAssetsMargin", lambda p: (400, {"code": -4171, "msg": "cannot be set"}))
    venue.route(
        "POST", "/fapi/v1/marginType", lambda p: (400, {"code": -4046, "msg": "No need to change margin type."})
    )
    findings = await driver.preflight(MAIN, {"position mode", "multi-assets mode", "margin type"})
    assert venue.sent("POST", "/fapi/v1/positionSide/dual")[0]["dualSidePosition"] == "false"
    assert venue.sent("POST", "/fapi/v1/marginType")[0]["marginType"] == "CROSSED"
    assert of(findings, "position mode").message == "one-way now"
    assert (of(findings, "margin type").ok, of(findings, "multi-assets mode").ok) == (True, False)


@pytest.mark.parametrize("code", [-4067, -4068, -4531])
async def test_a_mode_that_cannot_be_changed_now_says_why(venue: Venue, code: int) -> None:
    driver = await started(venue)
    venue.route("GET", ACCOUNT, lambda p: {"canTrade": True, "dualSidePosition": True})
    venue.route(
        "POST", "/fapi/v1/positionSide/dual", lambda p: (400, {"code": code, "msg": "Position side cannot be changed."})
    )
    finding = of(await driver.preflight(MAIN, {"position mode"}), "position mode")
    assert (finding.ok, finding.blocks, "close them first" in finding.remedy) == (False, True, True)


async def test_what_blocks(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", ACCOUNT, lambda p: {"canTrade": False})
    assert of(await driver.preflight(MAIN), "trading").blocks
    venue.route("GET", ACCOUNT, lambda p: (401, {"code": -2014, "msg": "API-key format invalid."}))
    [finding] = await driver.preflight(MAIN)
    assert (finding.subject, finding.blocks, "demo keys work on demo hosts" in finding.remedy) == (
        "credentials",
        True,
        True,
    )
    public = Venue().driver(secrets={})
    await public.start()
    [finding] = await public.preflight(MAIN)
    assert (finding.subject, finding.blocks) == ("credentials", True)


async def test_foreign_orders_are_counted(venue: Venue) -> None:
    driver = await started(venue)
    row = {
        "symbol": "ETHUSDT",
        "orderId": 1,
        "status": "NEW",
        "side": "BUY",
        "type": "LIMIT",
        "origQty": "1",
        "executedQty": "0",
        "price": "1",
    }
    venue.route(
        "GET",
        "/fapi/v1/openOrders",
        lambda p: [{**row, "clientOrderId": "web_1"}, {**row, "clientOrderId": "ctos1", "orderId": 2}],
    )
    finding = of(await driver.preflight(MAIN), "foreign orders")
    assert (finding.ok, finding.message) == (False, "1 open orders that CTOS did not place, on ETH/USDT:USDT")


async def test_fees_that_cannot_be_had_do_not_stand_in_the_way(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", "/fapi/v1/commissionRate", lambda p: (500, b"<html>"))
    finding = of(await driver.preflight(MAIN), "fees")
    assert (finding.ok, finding.blocks) == (False, False)


async def test_spot() -> None:
    venue = Venue("spot")
    rates = {"symbol": "BTCUSDT", "standardCommission": {"maker": "0.001", "taker": "0.002"}}
    venue.route("GET", "/api/v3/account/commission", lambda p: rates)
    driver = await started(venue, symbols=[SPOT])
    findings = await driver.preflight(MAIN)
    assert of(findings, "fees").message == "BTC/USDT: maker 0.001, taker 0.002"
    assert not of(findings, "dead-man switch").ok
    await venue.end()


async def test_a_clock_that_is_off_is_told_with_its_remedy(venue: Venue) -> None:
    driver = await started(venue)
    venue.offset_ms = 90_000
    await driver.fetch_clock()
    finding = of(await driver.preflight(MAIN), "clock")
    assert (finding.ok, finding.remedy) == (False, "set this machine's clock: timedatectl set-ntp true")


@pytest.mark.parametrize(
    ("name", "limit", "most"), [("binance-usdm", "futures.weight", 160), ("binance-spot", "spot.weight", 330)]
)
def test_a_start_asks_for_little_so_that_a_crash_loop_can_go_on_starting(name: str, limit: str, most: int) -> None:
    """The list of all open orders is the dearest question: it is asked once, and what blocks no order is not asked for."""

    async def main() -> None:
        world = World(SUBJECTS[name])
        await world.driver.start()
        assert world.emulator is not None
        before = world.emulator.statistics()["limits"][limit]["used"]
        await world.driver.fetch_open_orders(world.account)
        once = world.emulator.statistics()["limits"][limit]["used"] - before
        await world.driver.fetch_fills(world.account, 0)
        await world.driver.fetch_positions(world.account)
        assert world.emulator.statistics()["limits"][limit]["used"] <= most
        assert before < once, "a start alone lists no orders"
        await world.close()

    run_virtual(main())
