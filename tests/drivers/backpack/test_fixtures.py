"""Recorded and published traffic of Backpack, case by case: what each means here, or why it is not supported."""

import json
from collections import deque
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Accepted, Bar, Cancel, Fill, OrderUpdate, Position, Rejected, Unknown, VenueStatus
from drivers.backpack import Backpack
from drivers.backpack.errors import judge
from tests.drivers.backpack.exchange import FIXTURES, MAIN, World, market_row, place, started
from tests.drivers.backpack.test_errors import reply

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="the shared fixtures are not here")

ROWS = [
    *(market_row(f"{base}_USDC", "SPOT") for base in ("ETH", "DOGE", "USDT", "SOL")),
    *(market_row(f"{base}_USDC_PERP") for base in ("ETH", "ADA", "SOL")),
    market_row("COINALPHA_HBOT", "SPOT", quote="HBOT"),
    market_row("COINALPHAHBOT", "PERP", base="COINALPHA", quote="HBOT"),
]
ETH, ETH_SPOT = "ETH/USDC:USDC", "ETH/USDC"


def load(*names: str) -> Any:
    path = FIXTURES.joinpath(*names)
    return json.loads(path.read_text()) if path.exists() else {}


async def venue(world: World) -> Backpack:
    world.web.answers["GET /api/v1/markets"] = ROWS
    return await started(world)


async def close(world: World, driver: Backpack) -> None:
    await driver.stop()
    await world.close()


# -- ccxt's requests -------------------------------------------------------------------------------------------------------

NO_SUCH_VERB = "no verb of the ABI asks for it"
UNSUPPORTED_REQUESTS = {
    ("fetchTrades", "fetch trades with since and limit parameters"): NO_SUCH_VERB,
    ("fetchOpenInterest", "Fetch open interest"): NO_SUCH_VERB,
    ("fetchTicker", "Fetch ticker"): "it has no bid and ask; quotes come from depth",
    (
        "createOrder",
        "spot market sell with cost",
    ): "orders are sized in base units, never by their worth (quoteQuantity)",
}

PLACES = {
    "order with client order Id": {"symbol": "ADA/USDC:USDC", "type": "market", "price": None, "size": D(1)},
    "swap order with trigger price": {"symbol": ETH, "size": D("0.001"), "price": D(4000), "trigger": D(4100)},
    "create spot limit order": {"symbol": ETH_SPOT, "size": D("0.001"), "price": D(4000)},
    "create spot market order": {"symbol": ETH_SPOT, "type": "market", "price": None, "size": D("0.001")},
}
OURS = {"clientId", "timeInForce", "triggerBy"}
"""What this driver says besides: its number, and what the venue would otherwise choose by itself."""


def requests() -> list[tuple[str, dict[str, Any]]]:
    methods = load("ccxt", "request_backpack.json").get("methods", {})
    return [(name, case) for name, cases in methods.items() for case in cases]


def supported_requests() -> list[tuple[str, dict[str, Any]]]:
    return [each for each in requests() if (each[0], each[1]["description"]) not in UNSUPPORTED_REQUESTS]


async def ask(driver: Backpack, name: str, case: dict[str, Any]) -> None:
    """The same wish, in our verbs."""
    since_ns = 1_754_062_378_000 * 10**6
    if name == "createOrder":
        await driver.submit(place(**PLACES[case["description"]]))
    elif name == "cancelOrder":
        await driver.submit(
            Cancel(account=MAIN, client_id="bp-order-8284661092", venue_id="8284661092", symbol=ETH_SPOT)
        )
    elif name == "fetchPositions":
        await driver.fetch_positions(MAIN)
    elif name == "fetchOpenOrders":
        await driver.fetch_open_orders(MAIN, ETH_SPOT)
    elif name == "fetchMyTrades":
        await driver.fetch_fills(MAIN, since_ns)
    elif name == "fetchBalance":
        await driver.fetch_balances(MAIN)
    elif name == "fetchStatus":
        await driver.desk.market.maintenance()
    elif name == "fetchFundingHistory":
        await driver.desk.queries.payments(driver.desk.accounts[MAIN], 0)
    elif name == "fetchOHLCV":
        start_ns = 1_757_604_778 * 10**9
        await driver.fetch_klines(ETH_SPOT, "1m", 1, start_ns, start_ns + 120 * 10**9)
    else:
        raise AssertionError(f"{name}: neither supported nor told why not")


@pytest.mark.parametrize(
    ("name", "case"), supported_requests(), ids=lambda each: each if isinstance(each, str) else each["description"]
)
async def test_requests(name: str, case: dict[str, Any]) -> None:
    """The same route with the same meaning; pages and directions are our own choice, and a client's broker marks are not ours."""
    world = World()
    driver = await venue(world)
    world.web.answers.update(
        {"GET /api/v1/klines": [], "POST /api/v1/order": (500, b""), "DELETE /api/v1/order": (202, b"")}
    )
    world.web.calls.clear()
    await ask(driver, name, case)
    path, _, text = case["url"].partition("backpack.exchange")[2].partition("?")
    (call,) = [call for call in world.web.calls if call.path == path]
    assert call.method == case["http_method"]
    wanted = dict(part.split("=") for part in text.split("&")) if text else {}
    for key in ("limit", "fillType", *(["symbol"] if name == "fetchMyTrades" else [])):
        wanted.pop(key, None)
    assert {key: call.query.get(key) for key in wanted} == wanted
    if case["output"]:
        expected = {key: str(value) for key, value in case["output"].items() if key != "clientId"}
        assert {key: str(value) for key, value in call.body.items() if key not in OURS} == expected
    await close(world, driver)


def test_every_request_is_accounted_for() -> None:
    cases = {(name, case["description"]) for name, case in requests()}
    assert set(UNSUPPORTED_REQUESTS) <= cases
    assert len(cases) == 16


# -- ccxt's replies --------------------------------------------------------------------------------------------------------

UNSUPPORTED_REPLIES = {
    ("fetchOpenInterest", "Fetch open interest"): NO_SUCH_VERB,
    ("fetchTicker", "Fetch ticker"): "it has no bid and ask; quotes come from depth",
    ("fetchTickers", "Fetch tickers"): "it has no bid and ask; quotes come from depth",
}
STATES = {"open": "open", "closed": "filled", "canceled": "cancelled"}


def replies() -> list[tuple[str, dict[str, Any]]]:
    methods = load("ccxt", "response_backpack.json").get("methods", {})
    return [(name, case) for name, cases in methods.items() for case in cases]


def supported_replies() -> list[tuple[str, dict[str, Any]]]:
    return [each for each in replies() if (each[0], each[1]["description"]) not in UNSUPPORTED_REPLIES]


def same_order(update: OrderUpdate, parsed: dict[str, Any]) -> None:
    """What ccxt makes of an order, against what we make of it; it writes floats, so its digits decide."""
    assert (update.venue_id, update.symbol, update.side) == (parsed["id"], parsed["symbol"], parsed["side"])
    assert (update.state, update.type) == (STATES[parsed["status"]], parsed["type"])
    assert (update.size, update.filled) == (D(str(parsed["amount"])), D(str(parsed["filled"])))
    assert update.time_ns == parsed["timestamp"] * 10**6
    assert update.average == (D(str(parsed["average"])) if parsed["average"] is not None else None)
    if parsed["type"] == "limit":
        assert update.price == D(str(parsed["price"]))


async def check_reply(world: World, driver: Backpack, name: str, case: dict[str, Any]) -> None:
    body, parsed = case["httpResponse"], case["parsedResponse"]
    answers = world.web.answers
    if name == "fetchOpenOrders":
        answers["GET /api/v1/orders"] = body
        (update,) = await driver.fetch_open_orders(MAIN)
        same_order(update, parsed[0])
    elif name == "fetchOrders":
        answers["GET /api/v1/order"] = (404, {"code": "RESOURCE_NOT_FOUND", "message": "x"})
        answers["GET /wapi/v1/history/orders"] = body
        update = await driver.fetch_order(MAIN, ETH_SPOT, "bp-order-8284661092")
        assert update is not None
        same_order(update, parsed[0])
    elif name == "createOrder":
        answers["GET /api/v1/order"] = body
        text = f"bp-{body['clientId']}" if body["clientId"] else f"bp-order-{body['id']}"
        update = await driver.fetch_order(MAIN, parsed["symbol"], text)
        assert update is not None
        assert update.client_id == text
        same_order(update, parsed)
        answers["POST /api/v1/order"] = {**body, "clientId": None}
        outcome = await driver.submit(place(symbol=parsed["symbol"]))
        assert outcome == Accepted(
            client_id=place().client_id, venue_id=parsed["id"], time_ns=parsed["timestamp"] * 10**6
        )
    elif name == "cancelOrder":
        answers["DELETE /api/v1/order"] = body
        outcome = await driver.submit(Cancel(account=MAIN, client_id="x", venue_id=parsed["id"], symbol=ETH_SPOT))
        assert isinstance(outcome, Accepted)
    elif name == "fetchMyTrades":
        answers["GET /wapi/v1/history/fills"] = body
        (fill,) = await driver.fetch_fills(MAIN, 0)
        same_fill(fill, parsed[0])
    elif name == "fetchOHLCV":
        answers["GET /api/v1/klines"] = body
        at_ns = 1_757_604_778 * 10**9
        (bar,) = await driver.fetch_klines(ETH_SPOT, "1m", 1, at_ns, at_ns + 300 * 10**9)
        assert isinstance(bar, Bar)
        assert [bar.open_ns // 10**6, bar.open, bar.high, bar.low, bar.close, bar.volume] == parsed[0]
    elif name == "fetchFundingHistory":
        answers["GET /wapi/v1/history/funding"] = body
        (payment,) = await driver.desk.queries.payments(driver.desk.accounts[MAIN], 0)
        assert (payment.symbol, payment.time_ns) == (parsed[0]["symbol"], parsed[0]["timestamp"] * 10**6)
        assert (payment.amount, payment.rate) == (D(str(parsed[0]["amount"])), D(str(parsed[0]["rate"])))
    elif name == "fetchStatus":
        answers["GET /api/v1/status"] = body
        assert (await driver.desk.market.maintenance() == "") == (parsed["status"] == "ok")
    else:
        raise AssertionError(f"{name}: neither supported nor told why not")


def same_fill(fill: Fill, parsed: dict[str, Any]) -> None:
    assert (fill.trade_id, fill.venue_id, fill.symbol) == (parsed["id"], parsed["order"], parsed["symbol"])
    assert (fill.side, fill.liquidity, fill.time_ns) == (
        parsed["side"],
        parsed["takerOrMaker"],
        parsed["timestamp"] * 10**6,
    )
    assert (fill.price, fill.size) == (D(str(parsed["price"])), D(str(parsed["amount"])))
    assert (fill.fee, fill.fee_asset) == (D(str(parsed["fee"]["cost"])), parsed["fee"]["currency"])


@pytest.mark.parametrize(
    ("name", "case"), supported_replies(), ids=lambda each: each if isinstance(each, str) else each["description"]
)
async def test_replies(name: str, case: dict[str, Any]) -> None:
    world = World()
    driver = await venue(world)
    await check_reply(world, driver, name, case)
    await close(world, driver)


def test_every_reply_is_accounted_for() -> None:
    cases = {(name, case["description"]) for name, case in replies()}
    assert set(UNSUPPORTED_REPLIES) <= cases


# -- recorded HTTP -----------------------------------------------------------------------------------------------------------


async def test_the_recorded_replies() -> None:
    """Six replies of the venue itself: a market, an order placed, listed and cancelled, no fills, and collateral."""
    records = load("backpack", "http_recorded.json").get("records", [])
    market, placed, listed, cancelled, fills, collateral = [each["body"] for each in records]
    world = World()
    answers = world.web.answers
    answers["GET /api/v1/markets"] = [market]
    driver = await started(world)
    answers["POST /api/v1/order"] = placed
    order = place(symbol="USDT/USDC", side="sell", size=D(20), price=D("1.0077"), post_only=True)
    assert await driver.submit(order) == Accepted(
        client_id=order.client_id, venue_id="59669287267", time_ns=1_788_285_244_094 * 10**6
    )
    sent = world.web.calls[-1].body
    assert {
        key: sent[key] for key in ("orderType", "postOnly", "price", "quantity", "side", "symbol", "timeInForce")
    } == {key: placed[key] for key in ("orderType", "postOnly", "price", "quantity", "side", "symbol", "timeInForce")}
    answers["GET /api/v1/orders"] = listed
    (update,) = await driver.fetch_open_orders(MAIN, "USDT/USDC")
    assert (update.state, update.side, update.size, update.price) == ("open", "sell", D(20), D("1.0077"))
    answers["DELETE /api/v1/orders"] = cancelled
    answers["GET /api/v1/orders"] = deque([[]])
    await driver.cancel_everything(MAIN, "USDT/USDC")
    answers["GET /wapi/v1/history/fills"] = fills
    assert await driver.fetch_fills(MAIN, 0) == []
    answers["GET /api/v1/capital"] = {"USDT": {"available": "30", "locked": "0", "staked": "0"}}
    answers["GET /api/v1/capital/collateral"] = collateral
    (balance,) = await driver.fetch_balances(MAIN)
    assert (balance.asset, balance.total, balance.available) == ("USDT", D(30), D(30))
    await close(world, driver)


# -- hummingbot --------------------------------------------------------------------------------------------------------------

STUB = "a stub of that connector's own tests: the venue never writes it"
UNSUPPORTED_HUMMINGBOT = {
    "BackpackExchangeTests.is_order_fill_http_update_included_in_status_update": "a flag of the connector, no payload",
    "BackpackExchangeTests.balance_event_websocket_update": "empty: the connector polls balances",
    "BackpackExchangeTests.network_status_request_successful_mock_response": "ping is not asked for; time and status are",
    "test_update_order_status_successful": f"an order without a side; {STUB}",
    "test_update_balances_refreshes_in_flight_orders_snapshot": "margin without collateral: nothing is in the account",
    "test_update_balances_folds_in_auto_lent_funds": "of borrowLend/positions, which is not read: collateral has lent coins",
    "test_update_balances_survives_borrow_lend_failure": "of borrowLend/positions, which is not read",
    "test_is_exchange_information_valid": "a check of the connector; kinds that are not SPOT or PERP are left out here",
}


def hummingbot(name: str) -> dict[str, Any]:
    return load("hummingbot", name).get("fixtures", {})


def inline(name: str, test: str) -> Any:
    return next(each["payload"] for each in load("hummingbot", name)["inline_payloads"] if each["test"] == test)


async def test_hummingbot_spot() -> None:
    found = hummingbot("backpack.json")
    world = World()
    answers = world.web.answers
    rows = found["BackpackExchangeTests.all_symbols_including_invalid_pair_mock_response"][1]
    assert rows[0] == found["BackpackExchangeTests.trading_rules_request_mock_response"][0]
    answers["GET /api/v1/markets"] = rows
    driver = await started(world)
    assert [each.symbol for each in driver.instruments()] == ["COINALPHA/HBOT", "COINALPHA/HBOT:HBOT"]
    assert driver.instruments()[0].min_size == D("0.01")
    private = world.wires[1]
    for name, state in (("new", "open"), ("canceled", "cancelled")):
        world.heard.clear()
        private.hear(found[f"BackpackExchangeTests.order_event_for_{name}_order_websocket_update"])
        (update,) = world.on("private/backpack", OrderUpdate)
        assert (update.state, update.client_id, update.venue_id, update.side) == (state, "OID1", "4", "buy")
        assert (update.price, update.size, update.time_ns) == (D(10000), D(1), 1694687692989999_000)
    fill_row = found["BackpackExchangeTests._order_fill_template"]
    partial = found["BackpackExchangeTests._order_fills_request_partial_fill_mock_response"][0]
    answers["GET /wapi/v1/history/fills"] = [fill_row, {**partial, "tradeId": "30001"}]
    fills = await driver.fetch_fills(MAIN, 0)
    assert [(each.price, each.size, each.fee, each.fee_asset) for each in fills] == [
        (D(10000), D(1), D(30), "HBOT"),
        (D(10500), D("0.5"), D(30), "HBOT"),
    ]
    answers["GET /api/v1/order"] = found["BackpackExchangeTests._order_status_request_open_mock_response"]
    update = await driver.fetch_order(MAIN, "COINALPHA/HBOT", "bp-7")
    assert (update.state, update.time_ns) == ("open", 1_640_780_000 * 10**9)
    answers["GET /api/v1/capital"] = found["BackpackExchangeTests.balance_request_mock_response_only_base"]
    (balance,) = await driver.fetch_balances(MAIN)
    assert (balance.asset, balance.total, balance.available) == ("COINALPHA", D(15), D(10))
    answers["GET /api/v1/capital"] = inline("backpack.json", "test_update_balances_removes_old_assets")
    assert [each.asset for each in await driver.fetch_balances(MAIN)] == ["SOL"]
    await close(world, driver)


async def test_hummingbot_perpetual() -> None:
    found = hummingbot("backpack_perpetual.json")
    name = "backpack_perpetual.json"
    world = World()
    driver = await venue(world)
    private = world.wires[1]
    for key, size, entry in (
        ("BackpackPerpetualAPIUserStreamDataSourceUnitTests._position_update_event", D("0.01"), D("128.61")),
        (
            "BackpackPerpetualDerivativeUnitTest._get_account_update_ws_event_single_position_dict",
            D("-0.01"),
            D("126.97"),
        ),
    ):
        world.heard.clear()
        private.hear(found[key])
        (position,) = world.on("private/backpack", Position)
        assert (position.size, position.entry, position.symbol) == (size, entry, "COINALPHA/HBOT:HBOT")
    key = "BackpackPerpetualDerivativeUnitTest._get_position_risk_api_endpoint_single_position_list"
    world.web.answers["GET /api/v1/position"] = found[key]
    (position,) = await driver.fetch_positions(MAIN)
    assert (position.size, position.entry, position.unrealised) == (D("-0.01"), D("126.93"), D("0.0048"))
    funding = found["BackpackPerpetualDerivativeUnitTest._get_funding_info_dict"]
    world.web.answers["GET /api/v1/markPrices"] = funding
    rate = await driver.fetch_funding("COINALPHA/HBOT:HBOT")
    assert (rate.rate, rate.mark, rate.next_ns) == (0.0001, 1001.0, 1_609_488_000 * 10**9)
    world.heard.clear()
    private.hear(inline(name, "test_buy_order_fill_event_takes_fee_from_update_event"))
    fill, update = [each for each in world.on("private/backpack") if isinstance(each, (Fill, OrderUpdate))]
    assert (fill.size, fill.price, fill.fee, fill.trade_id) == (D("0.1"), D(10000), D(20), "1")
    assert (update.state, update.filled, update.size) == ("partially_filled", D("0.1"), D(0))  # it tells no size
    for test, state in (
        ("test_user_stream_update_for_order_failure", "rejected"),
        ("test_order_matching_by_exchange_order_id_fallback", "open"),
    ):
        world.heard.clear()
        private.hear(inline(name, test))
        assert [each.state for each in world.on("private/backpack", OrderUpdate)] == [state]
    world.web.answers["GET /api/v1/capital"] = {}
    for test, assets in (
        ("test_update_balances", ["SOL", "USDC"]),
        ("test_update_balances_with_asset_removal", ["USDC"]),
    ):
        world.web.answers["GET /api/v1/capital/collateral"] = inline(name, test)
        balances = await driver.fetch_balances(MAIN)
        assert [each.asset for each in balances] == assets
        assert (balances[-1].total, balances[-1].available) == (D(150), D(100))
    await close(world, driver)


async def test_hummingbot_streams_and_refusals() -> None:
    """Subscriptions, acknowledgements, deltas, trades, and the replies that its orders meet."""
    world = World()
    driver = await venue(world)
    public = world.wires[0]
    for name in ("backpack.json", "backpack_perpetual.json"):
        for test in ("test_listen_for_subscriptions_subscribes_to_trades_and_order_diffs",
                     "test_listen_for_subscriptions_subscribes_to_channels"):  # fmt: skip
            for each in load("hummingbot", name)["inline_payloads"]:
                if each["test"] == test:
                    (stream,) = each["payload"]["params"]
                    await driver.subscribe("trades" if stream.startswith("trade") else "funding", "COINALPHA/HBOT:HBOT")
                    assert each["payload"] in public.sent
        public.hear(inline(name, "test_trade_message_sell_side"))
        for key, payload in hummingbot(name).items():
            if key.endswith("_order_diff_event"):
                stream, delta = driver.desk.decoder.decode(json.dumps(payload).encode(), 5)
                assert (stream, delta.first_id, delta.last_id) == ("depth.COINALPHAHBOT", 157, 160)
                assert (delta.bids, delta.asks) == ([(0.0024, 10.0)], [(0.0026, 100.0)])
            if key.endswith("_successfully_subscribed_event"):
                assert public.hear(payload) == ""
        for each in load("hummingbot", name)["inline_payloads"]:
            if each["var"] == "incomplete_resp":
                before = driver.desk.decoder.undecodable
                public.hear(each["payload"])
                assert driver.desk.decoder.undecodable == before + 1
    assert not public.said
    world.web.answers["POST /api/v1/order"] = (
        503,
        inline("backpack.json", "test_place_order_manage_server_overloaded_error_failure"),
    )
    assert isinstance(await driver.submit(place()), Unknown)
    verdict = judge(reply(400, inline("backpack.json", "test_update_order_status_when_failed")))
    assert verdict.reason == "order_not_found"
    world.web.answers["POST /api/v1/order"] = (
        400,
        {"code": "INVALID_ORDER", "message": "Order would immediately match and take."},
    )
    assert isinstance(await driver.submit(place("ctos2")), Rejected)
    assert not world.on("status/backpack", VenueStatus)
    await close(world, driver)


def test_every_hummingbot_payload_is_accounted_for() -> None:
    """Each fixture is read by a test above or named with the reason why not."""
    text = Path(__file__).read_text(encoding="utf-8")
    left: list[str] = []
    for name in ("backpack.json", "backpack_perpetual.json"):
        keys = [key for key in hummingbot(name) if "_order_websocket_update" not in key]  # read by their common tail
        left += [key for key in keys if key.partition(".")[2] not in text and key not in UNSUPPORTED_HUMMINGBOT]
        payloads = load("hummingbot", name)["inline_payloads"]
        left += [each["test"] for each in payloads if each["test"] not in text and each["var"] != "incomplete_resp"]
    malformed = "test_format_trading_rules_with_exception"  # in tests of the listing, written out
    assert sorted(set(left) - {malformed}) == []
