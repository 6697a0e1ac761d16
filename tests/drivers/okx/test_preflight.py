"""What a person is told of an account before it trades, and what is changed only on consent."""

from typing import Any

import pytest

from ctosd.abi import Finding, Misconfigured
from drivers.okx.preflight import account_level, foreign_orders, key_binding, key_rights, margins, position_mode
from drivers.okx.records import AlgoRow, ConfigRow, OrderRow, PositionRow
from tests.drivers.okx.scripted import MAIN, World, listing, order_row, virtual

CONFIG = "/api/v5/account/config"
GOOD = {"acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade", "ip": "10.0.0.1"}


@pytest.mark.parametrize(
    ("found", "ok", "blocks"),
    [
        (key_rights(ConfigRow(perm="read_only,trade")), True, False),
        (key_rights(ConfigRow(perm="read_only,trade,withdraw")), False, True),
        (key_rights(ConfigRow(perm="read_only")), False, True),
        (key_rights(ConfigRow()), True, False),
        (key_binding(ConfigRow(ip="10.0.0.1")), True, False),
        (key_binding(ConfigRow(ip="")), False, False),
        (account_level(ConfigRow(acct_lv="1")), False, False),
        (account_level(ConfigRow(acct_lv="3")), True, False),
        (position_mode(ConfigRow(acct_lv="2", pos_mode="net_mode"), "net"), True, False),
        (position_mode(ConfigRow(acct_lv="2", pos_mode="long_short_mode"), "net"), False, True),
        (position_mode(ConfigRow(acct_lv="2", pos_mode="long_short_mode"), "hedge"), True, False),
        (position_mode(ConfigRow(acct_lv="1"), "net"), True, False),
        (foreign_orders([], []), True, False),
        (foreign_orders([OrderRow("X", "1", cl_ord_id="ctos0000001000000001")], []), True, False),
        (foreign_orders([OrderRow("X", "1", cl_ord_id="byHand")], [AlgoRow("X", "2")]), False, False),
    ],
)
def test_findings(found: Finding, ok: bool, blocks: bool) -> None:
    """Whatever is not well has a remedy, and only what makes every order wrong stops them."""
    assert (found.ok, found.blocks) == (ok, blocks)
    assert bool(found.remedy) == (not ok)
    assert found.message


def test_margin_modes_of_open_positions() -> None:
    rows = [PositionRow("BTC-USDT-SWAP", "5", "net", "cross", lever="3"), PositionRow("BTC-USDT-SWAP", "5", "net", "isolated", lever="9"),
            PositionRow("BTC-USDT-SWAP", "0", "net", "isolated"), PositionRow("BTC-USD-SWAP", "5")]  # fmt: skip
    same, other = margins(rows, listing(), "cross")
    assert (same.ok, other.ok) == (True, False)
    assert "leverage 3" in same.message
    assert "margin: isolated" in other.remedy


@pytest.mark.parametrize("changes", [{"posMode": "long_short_mode"}, {"perm": "trade,withdraw"}])
def test_a_blocking_finding_stops_the_start_with_its_remedy(changes: dict[str, str]) -> None:
    @virtual
    async def body() -> None:
        world = World()
        world.http.on(CONFIG, [GOOD | changes])
        driver = world.driver()
        with pytest.raises(Misconfigured, match=r"okx/main: (position mode|key rights)"):
            await driver.start()
        await world.close(driver)

    body()


@virtual
async def test_other_findings_are_said_once_at_the_start() -> None:
    world = World()
    world.http.on(CONFIG, [GOOD | {"ip": ""}])
    driver = await world.started()
    (line,) = world.log.events("okx_preflight")
    assert line["subject"] == "key binding"
    await world.close(driver)


def by_subject(findings: Any) -> dict[str, Finding]:
    return {each.subject: each for each in findings}


@virtual
async def test_the_position_mode_is_changed_on_consent_only() -> None:
    world = World()
    driver = await world.started()
    world.http.on(CONFIG, [GOOD | {"posMode": "long_short_mode"}])
    path = "/api/v5/account/set-position-mode"
    world.http.on(path, [{"posMode": "net_mode"}])
    assert by_subject(await driver.preflight(MAIN))["position mode"].blocks
    assert world.http.to(path) == []
    assert by_subject(await driver.preflight(MAIN, ["position mode"]))["position mode"].ok
    assert world.http.to(path)[0].body == {"posMode": "net_mode"}
    world.http.on(path, (200, {"code": "59000", "msg": "close positions first"}))
    refused = by_subject(await driver.preflight(MAIN, ["position mode"]))["position mode"]
    assert refused.blocks
    assert "59000" in refused.message
    await world.close(driver)


@virtual
async def test_foreign_orders_are_cancelled_on_consent_only() -> None:
    world = World()
    driver = await world.started()
    world.http.on(
        "/api/v5/trade/orders-pending",
        [order_row(clOrdId="byHand")],
        [order_row(clOrdId="byHand")],
        [order_row(clOrdId="byHand")],
        [],
    )
    path = "/api/v5/trade/cancel-batch-orders"
    world.http.on(path, [{"ordId": "7", "sCode": "0"}])
    assert not by_subject(await driver.preflight(MAIN))["foreign orders"].ok
    assert world.http.to(path) == []
    assert by_subject(await driver.preflight(MAIN, ["foreign orders"]))["foreign orders"].ok
    assert len(world.http.to(path)) == 1
    await world.close(driver)


@virtual
async def test_without_credentials() -> None:
    world = World(secrets={})
    driver = await world.started()
    (finding,) = await driver.preflight(MAIN)
    assert (finding.subject, finding.ok, finding.blocks) == ("credentials", False, True)
    await world.close(driver)
