"""Reads of accounts: resting and ended orders, fills by pages, what is held."""

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import AuthFailed, CallerMistake, NotReady
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import AccountConfig
from drivers.backpack.queries import Queries
from drivers.backpack.rest import Rest
from drivers.backpack.sign import Signer
from tests.drivers.backpack.exchange import (
    MAIN,
    NOT_FOUND,
    PUBLIC_KEY,
    SECOND,
    SEED,
    SETTINGS,
    SOL,
    T0,
    Call,
    World,
    config,
    fill_row,
    listing,
    order_row,
)


class Asked:
    """Queries of one account over a scripted venue."""

    def __init__(self) -> None:
        self.world = World()
        self.ids = ClientIds(self.world.store, T0)
        rest = Rest("http://127.0.0.1:1", config(), self.world.ports)
        self.queries = Queries(rest, listing(), self.ids, self.world.clock)
        self.account = Account(MAIN, AccountConfig(), Signer.of({"api_key": PUBLIC_KEY, "api_secret": SEED}))
        (self.number,) = self.ids.allocate(MAIN, ["ctos1"], T0)

    def answer(self, route: str, answer: Any) -> None:
        self.world.web.answers[route] = answer

    async def order(self, client_id: str = "ctos1") -> Any:
        return await self.queries.order(self.account, SOL, client_id)


async def test_a_resting_order() -> None:
    asked = Asked()
    asked.answer("GET /api/v1/order", order_row(clientId=asked.number))
    update = await asked.order()
    assert (update.client_id, update.state, update.venue_id) == ("ctos1", "open", "59669287267")
    assert asked.world.web.calls[-1].query == {"clientId": str(asked.number), "symbol": "SOL_USDC_PERP"}


async def test_an_ended_order_is_in_the_history() -> None:
    """404 from the book, then the history by its number; what ended is noted."""
    asked = Asked()
    asked.answer("GET /api/v1/order", NOT_FOUND)
    others = [order_row(clientId=None, id="1"), order_row(clientId=5, id="2")]
    mine = order_row(clientId=asked.number, status="Cancelled", createdAt="2026-11-22T10:00:00.500")
    asked.answer("GET /wapi/v1/history/orders", [*others, mine])
    update = await asked.order()
    assert (update.client_id, update.state) == ("ctos1", "cancelled")
    assert asked.ids.pair("ctos1").end_ns == T0
    assert asked.world.web.calls[-1].query["sortDirection"] == "Desc"


async def test_nobody_knows_the_order() -> None:
    """None only after the book, the history and the fills; and without asking for what was never given a number."""
    asked = Asked()
    asked.answer("GET /api/v1/order", NOT_FOUND)
    assert await asked.order() is None
    assert [call.path for call in asked.world.web.calls] == [
        "/api/v1/order",
        "/wapi/v1/history/orders",
        "/wapi/v1/history/fills",
    ]
    assert await asked.order("ctos-never-sent") is None
    assert len(asked.world.web.calls) == 3


async def test_an_order_of_years_ago_with_the_same_number_is_another() -> None:
    asked = Asked()
    asked.answer("GET /api/v1/order", NOT_FOUND)
    old = order_row(clientId=asked.number, status="Filled", createdAt="2021-01-01T00:00:00")
    asked.answer("GET /wapi/v1/history/orders", [old])
    assert await asked.order() is None


async def test_fills_prove_an_order_that_the_history_does_not_show_yet() -> None:
    asked = Asked()
    asked.answer("GET /api/v1/order", NOT_FOUND)
    asked.answer("GET /wapi/v1/history/fills", [fill_row(clientId=str(asked.number))])
    with pytest.raises(NotReady, match="does not show"):
        await asked.order()


async def test_the_history_is_searched_page_by_page() -> None:
    """Newest first, until before the number was given out."""
    asked = Asked()
    asked.answer("GET /api/v1/order", NOT_FOUND)

    def page(call: Call) -> list[dict[str, Any]]:
        offset = int(call.query["offset"])
        fresh = "2026-11-22T10:00:00"
        full = [order_row(id=str(offset + i), createdAt=fresh, clientId=None) for i in range(1_000)]
        if offset == 2_000:
            full[500] = order_row(clientId=asked.number, status="Filled", createdAt=fresh)
        return full

    asked.answer("GET /wapi/v1/history/orders", page)
    assert (await asked.order()).state == "filled"
    assert [call.query["offset"] for call in asked.world.web.to("/wapi/v1/history/orders")] == ["0", "1000", "2000"]


async def test_a_server_that_ignores_the_offset_ends_the_search() -> None:
    asked = Asked()
    asked.answer("GET /api/v1/order", NOT_FOUND)
    same = [order_row(id=str(i), createdAt="2026-11-22T10:00:00") for i in range(1_000)]
    asked.answer("GET /wapi/v1/history/orders", same)
    assert await asked.order() is None
    fills = [fill_row(i) for i in range(1_000)]
    asked.answer("GET /wapi/v1/history/fills", fills)
    assert len(await asked.queries.fills(asked.account, 0)) == 1_000


async def test_strangers_can_be_asked_for() -> None:
    """By their number, and by the order id where they have none."""
    asked = Asked()
    asked.answer("GET /api/v1/order", order_row(clientId=55555))
    assert (await asked.order("bp-55555")).client_id == "bp-55555"
    asked.answer("GET /api/v1/order", order_row())
    assert (await asked.order("bp-order-59669287267")).client_id == "bp-order-59669287267"
    assert asked.world.web.calls[-1].query == {"orderId": "59669287267", "symbol": "SOL_USDC_PERP"}


async def test_other_refusals_are_no_answer() -> None:
    asked = Asked()
    asked.answer("GET /api/v1/order", (400, {"code": "INVALID_CLIENT_REQUEST", "message": "?"}))
    with pytest.raises(NotReady):
        await asked.order()
    asked.answer("GET /api/v1/order", order_row(status="Sideways"))
    with pytest.raises(NotReady, match="Sideways"):
        await asked.order()
    with pytest.raises(CallerMistake):
        await asked.queries.order(asked.account, "X/Y", "ctos1")


async def test_open_orders_of_all_kinds() -> None:
    """Conditional ones too, whoever's; other markets are counted; a status that is new to us is open, for it is listed."""
    asked = Asked()
    rows = [
        order_row(clientId=asked.number),
        order_row(id="2", status="TriggerPending", quantity=None, triggerQuantity="3", triggerPrice="150"),
        order_row(id="3", symbol="GONE_USDC_PERP"),
        order_row(id="4", status="Sleeping"),
    ]
    asked.answer("GET /api/v1/orders", rows)
    updates = await asked.queries.open_orders(asked.account)
    assert [(each.client_id, each.state) for each in updates] == [
        ("ctos1", "open"),
        ("bp-order-2", "open"),
        ("bp-order-4", "open"),
    ]
    assert asked.queries.unlisted == 1
    assert await asked.queries.open_natives(asked.account) == {"SOL_USDC_PERP", "GONE_USDC_PERP"}
    await asked.queries.open_orders(asked.account, SOL)
    assert asked.world.web.calls[-1].query == {"symbol": "SOL_USDC_PERP"}


async def test_fills_of_all_pages_with_the_venues_own() -> None:
    """Oldest first, from the asked ms on, each once; liquidations with their cause; no fill type leaves any out."""
    asked = Asked()

    def page(call: Call) -> list[dict[str, Any]]:
        offset = int(call.query["offset"])
        if offset:
            return [fill_row(7_000, at="2026-11-22T10:00:09", systemOrderType="LiquidatePositionOnBook", clientId=None)]
        return [fill_row(i, at="2026-11-22T10:00:05") for i in range(999)] + [fill_row(0, at="2026-11-22T09:59:00")]

    asked.answer("GET /wapi/v1/history/fills", page)
    fills = await asked.queries.fills(asked.account, T0 + 5)
    assert len(fills) == 1_000
    assert (fills[-1].trade_id, fills[-1].cause) == ("7000", "liquidation")
    assert [fill.time_ns for fill in fills] == sorted(fill.time_ns for fill in fills)
    first = asked.world.web.calls[0].query
    assert first == {"from": str(T0 // 10**6), "limit": "1000", "offset": "0", "sortDirection": "Asc"}
    asked.world.web.calls.clear()
    await asked.queries.fills(asked.account, 0)
    assert "from" not in asked.world.web.calls[0].query


async def test_positions_and_flat_ones() -> None:
    """404 is flat; the leverage is the account's."""
    asked = Asked()
    await asked.queries.settings(asked.account)
    row = {"symbol": "SOL_USDC_PERP", "netQuantity": "3", "entryPrice": "140", "markPrice": "141", "pnlUnrealized": "3"}
    asked.answer("GET /api/v1/position", [row, {**row, "symbol": "GONE_USDC_PERP"}])
    (position,) = await asked.queries.positions(asked.account)
    assert (position.size, position.leverage, position.time_ns) == (D(3), D(10), T0)
    asked.answer("GET /api/v1/position", NOT_FOUND)
    assert await asked.queries.positions(asked.account) == []
    asked.answer("GET /api/v1/position", (500, b""))
    with pytest.raises(NotReady):
        await asked.queries.positions(asked.account)


async def test_payments_since() -> None:
    asked = Asked()
    row = {"symbol": "SOL_USDC_PERP", "quantity": "-0.5", "fundingRate": "0.0001"}
    asked.answer("GET /wapi/v1/history/funding", [
        {**row, "intervalEndTimestamp": "2026-11-22T10:00:00"},
        {**row, "intervalEndTimestamp": "2026-11-22T08:00:00"},
        {**row, "intervalEndTimestamp": "2026-11-21T08:00:00"},
    ])  # fmt: skip
    payments = await asked.queries.payments(asked.account, T0 - 3 * 3_600 * SECOND)
    assert [each.time_ns for each in payments] == [T0 - 2 * 3_600 * SECOND, T0]
    assert (payments[0].amount, payments[0].rate) == (D("-0.5"), D("0.0001"))
    assert payments[0].position == 0, "neither a size nor a mark price is told"
    assert asked.world.web.calls[-1].query == {"limit": "1000", "offset": "0", "sortDirection": "Desc"}


def payment_row(number: int, symbol: str = "SOL_USDC_PERP") -> dict[str, Any]:
    """Payments an hour apart, the newest is number 0."""
    end = datetime.fromtimestamp(T0 // SECOND - 3_600 * number, UTC).replace(tzinfo=None).isoformat()
    return {"symbol": symbol, "quantity": "-0.5", "fundingRate": "0.0001", "intervalEndTimestamp": end}


async def test_payments_of_all_pages() -> None:
    """Newest first until what is too old; a row that a new one pushed to the next page is told once."""
    asked = Asked()
    rows = [payment_row(number) for number in range(2_500)]

    def page(call: Call) -> list[dict[str, Any]]:
        offset = int(call.query["offset"])
        return rows[max(0, offset - 1) : offset + 999] if offset else rows[:1_000]

    asked.answer("GET /wapi/v1/history/funding", page)
    since_ns = T0 - 1_500 * 3_600 * SECOND
    payments = await asked.queries.payments(asked.account, since_ns)
    assert [each.time_ns for each in payments] == [since_ns + number * 3_600 * SECOND for number in range(1_501)]
    assert len({each.payment_id for each in payments}) == 1_501
    assert [call.query["offset"] for call in asked.world.web.calls] == ["0", "1000"]
    asked.world.web.calls.clear()
    assert len(await asked.queries.payments(asked.account, 0)) == 2_500
    assert len(asked.world.web.calls) == 3


async def test_a_page_that_says_nothing_new_is_the_last() -> None:
    """Also of markets that are not listed here."""
    for symbol, count in (("SOL_USDC_PERP", 1_000), ("GONE_USDC_PERP", 0)):
        asked = Asked()
        asked.answer("GET /wapi/v1/history/funding", [payment_row(number, symbol) for number in range(1_000)])
        assert len(await asked.queries.payments(asked.account, 0)) == count
        assert len(asked.world.web.calls) == 2


@pytest.mark.parametrize("code", ["INVALID_SIGNATURE", "UNAUTHORIZED", "FORBIDDEN"])
async def test_a_refused_key_is_permanent(code: str) -> None:
    asked = Asked()
    asked.answer("GET /api/v1/account", (401, {"code": code, "message": "no"}))
    with pytest.raises(AuthFailed, match="new key"):
        await asked.queries.settings(asked.account)
    asked.answer("GET /api/v1/account", (500, b""))
    with pytest.raises(NotReady):
        await asked.queries.settings(asked.account)
    asked.answer("GET /api/v1/account", {**SETTINGS, "autoLend": True})
    await asked.queries.settings(asked.account)
    assert asked.account.redeem
