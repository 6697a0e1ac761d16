"""What the venue knows: one order wherever it went, all pages, all fills, and never a silence taken for a no."""

from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NoAnswer, NotReady
from tests.drivers.okx.scripted import MAIN, PERP, SPOT, Call, World, order_row, push, virtual

ORDER, HISTORY = "/api/v5/trade/order", "/api/v5/trade/orders-history"
PENDING, ALGOS = "/api/v5/trade/orders-pending", "/api/v5/trade/orders-algo-pending"
FILLS, OLD_FILLS = "/api/v5/trade/fills", "/api/v5/trade/fills-history"
BILLS, OLD_BILLS = "/api/v5/account/bills", "/api/v5/account/bills-archive"
RATES = "/api/v5/public/funding-rate-history"
ID = "ctos0000001000000001"
GONE = (200, {"code": "51603", "msg": "Order does not exist", "data": []})
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


@virtual
async def test_an_order_that_is_open() -> None:
    world = World()
    driver = await world.started()
    world.http.on(ORDER, [order_row()])
    found = await driver.fetch_order(MAIN, PERP, ID)
    assert found is not None
    assert (found.state, found.size) == ("open", D("0.5"))
    assert world.http.to(ORDER)[0].query == {"instId": "BTC-USDT-SWAP", "clOrdId": ID}
    await world.close(driver)


@virtual
async def test_an_order_that_only_the_history_remembers() -> None:
    world = World()
    driver = await world.started()
    world.http.on(ORDER, GONE)
    world.http.on(HISTORY, [order_row(clOrdId="x", ordId="1"), order_row(state="canceled", cancelSource="20")])
    found = await driver.fetch_order(MAIN, PERP, ID)
    assert found is not None
    assert found.state == "cancelled"
    assert world.http.to(HISTORY)[0].query["instType"] == "SWAP"
    await world.close(driver)


@virtual
async def test_none_only_when_the_venue_says_so_everywhere() -> None:
    world = World()
    driver = await world.started()
    world.http.on(ORDER, GONE)
    assert await driver.fetch_order(MAIN, PERP, ID) is None
    assert world.http.to(HISTORY)
    assert world.http.to(ALGOS)
    assert await driver.fetch_order(MAIN, PERP, "not-an-id") is None
    for trouble in (NoAnswer("reset"), (502, b""), (200, {"code": "50001", "msg": "busy"}), (200, b"garbage")):
        world.http.on(ORDER, trouble)
        with pytest.raises(NotReady):
            await driver.fetch_order(MAIN, PERP, ID)
    world.http.on(ORDER, GONE)
    world.http.on(HISTORY, NoAnswer("reset"))
    with pytest.raises(NotReady):
        await driver.fetch_order(MAIN, PERP, ID)
    await world.close(driver)


@virtual
async def test_a_conditional_order_and_what_became_of_it() -> None:
    world = World()
    driver = await world.started()
    algo = {
        "instId": "BTC-USDT-SWAP",
        "algoId": "a1",
        "algoClOrdId": ID,
        "state": "live",
        "side": "buy",
        "sz": "50",
        "ordPx": "60000",
    }
    world.http.on(ORDER, GONE)
    world.http.on("/api/v5/trade/order-algo", [algo])
    found = await driver.fetch_order(MAIN, PERP, ID)
    assert found is not None
    assert (found.state, found.venue_id) == ("open", "a1")
    world.http.on("/api/v5/trade/order-algo", [algo | {"state": "effective", "ordId": "88"}])
    world.http.on(
        ORDER,
        lambda call: (
            [order_row(ordId="88", clOrdId="", state="filled", accFillSz="50")]
            if call.query.get("ordId") == "88"
            else GONE
        ),
    )
    found = await driver.fetch_order(MAIN, PERP, ID)
    assert found is not None
    assert (found.client_id, found.state, found.venue_id) == (ID, "filled", "88")
    await world.close(driver)


def paged(total: int, make: Any, cursor: str) -> Any:
    """A venue that gives 100 rows a page, newest first, older than `after`."""
    rows = [make(number) for number in range(total, 0, -1)]

    def answer(call: Call) -> list[Any]:
        after = int(call.query.get("after", "0")) or 10**9
        found = [row for row in rows if int(row[cursor]) < after]
        return found[: int(call.query["limit"])]

    return answer


@virtual
async def test_open_orders_are_paged() -> None:
    world = World()
    driver = await world.started()
    world.http.on(PENDING, paged(250, lambda n: order_row(ordId=str(n), clOrdId=f"c{n}"), "ordId"))
    world.http.on(
        ALGOS,
        lambda call: (
            [
                {
                    "instId": "BTC-USDT-SWAP",
                    "algoId": "a1",
                    "algoClOrdId": "k1",
                    "state": "live",
                    "side": "buy",
                    "sz": "1",
                }
            ]
            if call.query["ordType"] == "trigger"
            else []
        ),
    )
    found = await driver.fetch_open_orders(MAIN)
    assert len(found) == 251
    assert len({each.client_id for each in found}) == 251
    assert len(world.http.to(PENDING)) == 3 + 1, "three pages, and one look before the start"
    await driver.fetch_open_orders(MAIN, SPOT)
    assert world.http.to(PENDING)[-1].query["instId"] == "BTC-USDT"
    await world.close(driver)


@virtual
async def test_strangers_pass_and_unlisted_instruments_do_not() -> None:
    world = World()
    driver = await world.started()
    world.http.on(
        PENDING,
        [order_row(clOrdId=""), order_row(ordId="8", clOrdId="byHand"), order_row(instId="BTC-USD-SWAP", ordId="9")],
    )
    assert [each.client_id for each in await driver.fetch_open_orders(MAIN)] == ["", "byHand"]
    world.http.on(PENDING, [order_row(side="limit")])
    with pytest.raises(NotReady, match="no side"):
        await driver.fetch_open_orders(MAIN)
    await world.close(driver)


def fill_row(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "tradeId": f"t{number}", "ordId": "7", "clOrdId": ID, "billId": str(number),
        "fillPx": "60000", "fillSz": "10", "side": "buy", "execType": "M", "fee": "-0.1", "feeCcy": "USDT",
        "ts": str(NOW_MS - DAY_MS + number),
    }  # fmt: skip
    return row | changes


@virtual
async def test_fills_of_all_pages_oldest_first() -> None:
    world = World()
    driver = await world.started()
    world.http.on(FILLS, paged(230, fill_row, "billId"))
    since_ns = (NOW_MS - 2 * DAY_MS) * 10**6
    found = await driver.fetch_fills(MAIN, since_ns)
    assert [fill.trade_id for fill in found] == [f"t{n}" for n in range(1, 231)]
    assert (found[0].size, found[0].fee, found[0].liquidity) == (D("0.1"), D("0.1"), "maker")
    assert world.http.to(FILLS)[0].query["begin"] == str(NOW_MS - 2 * DAY_MS)
    assert world.http.to(OLD_FILLS) == []
    await world.close(driver)


@virtual
async def test_older_fills_come_from_the_history() -> None:
    """Both are asked, of both kinds of instruments, and none is told twice. Since nothing is known: `history_days`."""
    world = World(history_days=30.0)
    driver = await world.started()
    old = fill_row(1, tradeId="old", ts=str(NOW_MS - 20 * DAY_MS))
    world.http.on(
        OLD_FILLS,
        lambda call: (
            [fill_row(5), old]
            if call.query["instType"] == "SWAP"
            else [fill_row(2, instId="BTC-USDT", ts=str(NOW_MS - 9 * DAY_MS))]
        ),
    )
    world.http.on(FILLS, [fill_row(5), fill_row(1, tradeId="ancient", ts=str(NOW_MS - 90 * DAY_MS))])
    found = await driver.fetch_fills(MAIN, 0)
    assert [(fill.symbol, fill.trade_id) for fill in found] == [(PERP, "old"), (SPOT, "t2"), (PERP, "t5")]
    assert abs(int(world.http.to(OLD_FILLS)[0].query["begin"]) - (NOW_MS - 30 * DAY_MS)) < 10_000
    await world.close(driver)


@virtual
async def test_a_fill_of_a_triggered_order_finds_its_owner() -> None:
    world = World()
    driver = await world.started()
    world.http.on(FILLS, [fill_row(1, clOrdId="", ordId="88"), fill_row(2, clOrdId="", ordId="99")])
    world.http.on(
        "/api/v5/trade/orders-algo-history",
        [{"instId": "BTC-USDT-SWAP", "algoId": "a1", "algoClOrdId": ID, "ordId": "88", "state": "effective"}],
    )
    found = await driver.fetch_fills(MAIN, (NOW_MS - 2 * DAY_MS) * 10**6)
    assert [fill.client_id for fill in found] == [ID, ""]
    await world.close(driver)


@virtual
async def test_fills_of_orders_by_hand_where_the_venue_has_no_such_history() -> None:
    world = World()
    driver = await world.started()
    world.http.on(FILLS, [fill_row(1, clOrdId="")])
    assert [fill.client_id for fill in await driver.fetch_fills(MAIN, (NOW_MS - 2 * DAY_MS) * 10**6)] == [""]
    world.http.on("/api/v5/trade/orders-algo-history", (200, {"code": "50001", "msg": "busy"}))
    with pytest.raises(NotReady):
        await driver.fetch_fills(MAIN, (NOW_MS - 2 * DAY_MS) * 10**6)
    await world.close(driver)


def bill_row(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "billId": str(number), "type": "8", "subType": "173", "ccy": "USDT",
        "balChg": "-0.6", "pnl": "-0.6", "sz": "10", "px": "60000", "ts": str(NOW_MS - DAY_MS + number),
    }  # fmt: skip
    return row | changes


@virtual
async def test_funding_of_all_pages_oldest_first() -> None:
    """With the time and the rate of its settlement the side is known. What is not listed or was due before is not told."""
    world = World()
    driver = await world.started()
    due_ms = NOW_MS - DAY_MS
    world.http.on(RATES, [{"fundingTime": str(due_ms), "fundingRate": "0.0002", "realizedRate": "0.0001"}])
    world.http.on(BILLS, paged(130, bill_row, "billId"))
    found = await driver.fetch_funding_payments(MAIN, due_ms * 10**6)
    assert {payment.payment_id for payment in found} == {str(n) for n in range(1, 131)}
    first = found[0]
    assert (first.symbol, first.amount, first.asset, first.rate) == (PERP, D("-0.6"), "USDT", D("0.0001"))
    assert (first.position, first.time_ns) == (D("0.1"), due_ms * 10**6)
    query = world.http.to(BILLS)[0].query
    assert query == {"instType": "SWAP", "type": "8", "begin": str(due_ms), "limit": "100"}
    assert [len(world.http.to(each)) for each in (BILLS, RATES, OLD_BILLS)] == [2, 1, 0]
    assert await driver.fetch_funding_payments(MAIN, due_ms * 10**6) == found
    assert await driver.fetch_funding_payments(MAIN, (due_ms + 1) * 10**6) == []
    assert len(world.http.to(RATES)) == 1, "a settlement is asked for once"
    world.http.on(BILLS, [bill_row(1, instId="BTC-USD-SWAP"), bill_row(2)])
    assert [payment.payment_id for payment in await driver.fetch_funding_payments(MAIN, due_ms * 10**6)] == ["2"]
    await world.close(driver)


@virtual
async def test_older_funding_comes_from_the_archive() -> None:
    """Up to where the recent bills begin, three months back at the most; on the border nothing is told twice."""
    world = World()
    driver = await world.started()
    old, border = bill_row(1, ts=str(NOW_MS - 20 * DAY_MS)), bill_row(5)
    world.http.on(OLD_BILLS, [border, old])
    world.http.on(BILLS, [border])
    assert [each.payment_id for each in await driver.fetch_funding_payments(MAIN, 0)] == ["1", "5"]
    (archive,), (recent,) = world.http.to(OLD_BILLS), world.http.to(BILLS)
    assert archive.query["end"] == recent.query["begin"]
    assert abs(int(archive.query["begin"]) - (NOW_MS - 90 * DAY_MS)) < 10_000
    assert 6 * DAY_MS < NOW_MS - int(recent.query["begin"]) < 7 * DAY_MS
    await world.close(driver)


@virtual
async def test_funding_that_cannot_be_asked_for() -> None:
    world = World()
    driver = await world.started()
    world.http.on(BILLS, NoAnswer("reset"))
    with pytest.raises(NotReady):
        await driver.fetch_funding_payments(MAIN, NOW_MS * 10**6)
    with pytest.raises(CallerMistake):
        await driver.fetch_funding_payments("okx/other", 0)
    await world.close(driver)
    keyless = World(secrets={})
    driver = await keyless.started()
    assert await driver.fetch_funding_payments(MAIN, 0) == ()
    await keyless.close(driver)


@virtual
async def test_money() -> None:
    world = World()
    driver = await world.started()
    (balance,) = await driver.fetch_balances(MAIN)
    assert (balance.asset, balance.total, balance.available) == ("USDT", 100, 90)
    row = {
        "instId": "BTC-USDT-SWAP",
        "pos": "50",
        "posSide": "net",
        "mgnMode": "cross",
        "avgPx": "60000",
        "markPx": "61000",
        "upl": "500",
        "uTime": "5",
    }
    world.http.on(
        "/api/v5/account/positions", [row, row | {"instId": "BTC-USD-SWAP"}, row | {"pos": "0", "mgnMode": "isolated"}]
    )
    (position,) = await driver.fetch_positions(MAIN)
    assert (position.symbol, position.size, position.entry) == (PERP, D("0.5"), 60000)
    world.http.on("/api/v5/account/positions", [])
    assert await driver.fetch_positions(MAIN) == []
    await world.close(driver)


@virtual
async def test_an_order_keeps_the_name_of_its_conditional_one_in_pushes() -> None:
    world = World()
    driver = await world.started()
    row = order_row(ordId="88", clOrdId="", algoClOrdId=ID, algoId="a1")
    world.sessions["private-main"].hear(push("orders", row))
    world.http.on(FILLS, [fill_row(1, clOrdId="", ordId="88")])
    (fill,) = await driver.fetch_fills(MAIN, (NOW_MS - 2 * DAY_MS) * 10**6)
    assert fill.client_id == ID
    await world.close(driver)


@virtual
async def test_accounts_without_keys_and_strangers() -> None:
    """No keys: nothing is open by our doing, but of a single order nobody can say that it is not there."""
    world = World(secrets={})
    driver = await world.started()
    assert list(await driver.fetch_open_orders(MAIN)) == []
    assert list(await driver.fetch_fills(MAIN, 0)) == []
    assert list(await driver.fetch_balances(MAIN)) == []
    assert list(await driver.fetch_positions(MAIN)) == []
    with pytest.raises(NotReady):
        await driver.fetch_order(MAIN, PERP, ID)
    with pytest.raises(CallerMistake):
        await driver.fetch_balances("okx/nobody")
    await world.close(driver)
