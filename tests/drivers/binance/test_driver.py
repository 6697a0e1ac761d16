"""The driver joined: start, streams, queries, settings, what it is and can."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import (
    Accepted,
    AuthFailed,
    Bar,
    BookDelta,
    CallerMistake,
    Funding,
    Misconfigured,
    NotReady,
    Quote,
    Rejected,
    Trade,
    topic,
)
from drivers.binance import Binance
from drivers.binance.config import BinanceConfig
from tests.drivers.binance.scripted import MAIN, MS, PERP, SPOT, Venue, place, settle


async def test_it_starts_with_clock_instruments_and_streams() -> None:
    venue = Venue()
    venue.offset_ms = 1_500
    driver = venue.driver()
    await driver.start()
    assert {each.symbol for each in driver.instruments()} >= {PERP, "ETH/USDT:USDT", "币安人生/USDT:USDT"}
    assert driver.rest.skew.offset_ns == 1_500 * MS
    assert [session.dialect.name for session in venue.sessions] == ["private", "orders"]
    assert venue.session("private").url.endswith("/private/ws?listenKey=abc")
    assert venue.on("status/binance") == []
    assert driver.statistics()["instruments"] == 3
    await driver.start()  # asked again: nothing happens
    assert len(venue.sessions) == 2
    await driver.stop()
    assert all(("stop", "") in session.calls for session in venue.sessions)
    await venue.end()


async def test_spot_has_one_private_connection() -> None:
    venue = Venue("spot")
    driver = venue.driver()
    await driver.start()
    assert [session.dialect.name for session in venue.sessions] == ["orders"]
    assert [name for name, _ in venue.api] == ["userDataStream.subscribe.signature"]
    assert (driver.manifest.has_dead_man, driver.manifest.can_batch) == (False, False)
    assert "orders_1d" in {limit.name for limit in driver.manifest.limits}
    await venue.end()


async def test_without_keys_it_is_public_only() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    assert venue.sessions == []
    outcome = await driver.submit(place())
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "auth"
    assert await driver.fetch_open_orders(MAIN) == ()
    assert await driver.fetch_fills(MAIN, 0) == ()
    assert await driver.fetch_balances(MAIN) == ()
    assert await driver.fetch_positions(MAIN) == ()
    with pytest.raises(NotReady):
        await driver.fetch_order(MAIN, PERP, "x")
    await venue.end()


async def test_hedge_mode_refuses_the_start_and_leaves_nothing_open() -> None:
    venue = Venue()
    venue.route("GET", "/fapi/v1/accountConfig", lambda p: {"canTrade": True, "dualSidePosition": True})
    driver = venue.driver()
    with pytest.raises(Misconfigured, match=r"position mode.*One-way"):
        await driver.start()
    assert all(not session.up for session in venue.sessions)
    await venue.end()


async def test_refused_keys_are_auth_failed() -> None:
    venue = Venue()
    venue.route(
        "GET", "/fapi/v1/accountConfig", lambda p: (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions."})
    )
    with pytest.raises(AuthFailed, match="API Management"):
        await venue.driver().start()
    await venue.end()


async def test_a_venue_that_does_not_answer_is_not_ready_and_a_second_start_works() -> None:
    venue = Venue()
    driver = venue.driver()
    venue.refuse_sessions = [NotReady("no route")]
    with pytest.raises(NotReady):
        await driver.start()
    await driver.start()
    assert [session.up for session in venue.sessions] == [False, True, True]
    await venue.end()


async def test_streams_go_to_their_route_and_topic() -> None:
    """A wrong route would be silent: quotes and books are public, trades, bars and funding are market."""
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    venue.route("GET", "/fapi/v1/depth", lambda p: {"lastUpdateId": 10, "bids": [["1", "1"]], "asks": [["2", "1"]]})
    for channel, timeframe in (("quotes", ""), ("book", ""), ("trades", ""), ("bars", "1m"), ("funding", "")):
        await driver.subscribe(channel, PERP, timeframe)  # type: ignore[arg-type]
        await driver.subscribe(channel, PERP, timeframe)  # type: ignore[arg-type]
    public, market = venue.session("public"), venue.session("market")
    assert (public.url, market.url) == (
        "wss://fstream.binancefuture.com/public/stream",
        "wss://fstream.binancefuture.com/market/stream",
    )
    assert set(public.wanted) == {"btcusdt@bookTicker", "btcusdt@depth@100ms"}
    assert set(market.wanted) == {"btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@markPrice@1s"}
    assert all(first_s > 0 for _, first_s in [*public.wanted.values(), *market.wanted.values()])
    await settle()
    ticker = {"e": "bookTicker", "u": 1, "s": "BTCUSDT", "b": "1.5", "B": "2", "a": "1.6", "A": "3", "T": 5, "E": 6}
    assert public.hear({"stream": "btcusdt@bookTicker", "data": ticker}) == "btcusdt@bookTicker"
    agg = {
        "e": "aggTrade",
        "E": 1,
        "s": "BTCUSDT",
        "a": 9,
        "p": "1.5",
        "q": "2",
        "f": 7,
        "l": 7,
        "T": 5,
        "m": True,
        "st": 1,
    }
    market.hear({"stream": "btcusdt@aggTrade", "data": agg})
    bar = {
        "t": 60_000,
        "T": 119_999,
        "s": "BTCUSDT",
        "i": "1m",
        "o": "1",
        "c": "2",
        "h": "2",
        "l": "1",
        "v": "3",
        "x": True,
    }
    market.hear({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": 1, "s": "BTCUSDT", "k": bar}})
    mark = {
        "e": "markPriceUpdate",
        "E": 1,
        "s": "BTCUSDT",
        "p": "1.5",
        "P": "1",
        "i": "1",
        "r": "0.0001",
        "T": 28_800_000,
    }
    market.hear({"stream": "btcusdt@markPrice@1s", "data": mark})
    kinds = {topic(c, "binance", PERP, t): k for c, t, k in (("quotes", "", Quote), ("trades", "", Trade), ("bars", "1m", Bar),
             ("funding", "", Funding), ("book", "", BookDelta))}  # fmt: skip
    for to, kind in kinds.items():
        assert [type(event) for event in venue.on(to)] == [kind], to
    await venue.end()


async def test_control_answers_pings_and_rejections() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    await driver.subscribe("quotes", PERP)
    public = venue.session("public")
    sent = json.loads(public.sent[-1])
    assert sent == {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1}
    public.hear({"result": None, "id": 1})
    assert public.calls == []
    await driver.subscribe("quotes", "ETH/USDT:USDT")
    public.hear({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 2})
    assert public.calls[0][0] == "rejected"
    public.hear({"e": "serverShutdown", "E": 1})
    assert public.calls[-1][0] == "rotate"
    public.hear(b"<html>")
    assert driver.statistics()["streams"]["public"]["unknown"] == 1
    await venue.end()


async def test_symbols_that_are_not_ascii_flow_too() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    await driver.subscribe("quotes", "币安人生/USDT:USDT")
    ticker = {"e": "bookTicker", "s": "币安人生USDT", "b": "1", "B": "1", "a": "2", "A": "1", "T": 5}
    session = venue.session("public")
    for escape in (True, False):
        frame = json.dumps(
            {"stream": "币安人生usdt@bookTicker", "data": ticker}, ensure_ascii=escape, separators=(",", ":")
        )
        assert session.hear(frame.encode()) == "币安人生usdt@bookTicker"
    assert len(venue.on(topic("quotes", "binance", "币安人生/USDT:USDT"))) == 2
    await venue.end()


async def test_a_full_connection_is_followed_by_another() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    driver.natives.update({f"C{n}/USDT:USDT": f"C{n}USDT" for n in range(250)})
    for n in range(250):
        await driver.subscribe("quotes", f"C{n}/USDT:USDT")
    assert [len(session.wanted) for session in venue.sessions] == [200, 50]
    await venue.end()


async def test_leverage_is_confirmed_and_bounded() -> None:
    venue = Venue()
    driver = venue.driver()
    await driver.start()
    venue.route("POST", "/fapi/v1/leverage", lambda p: {"leverage": int(p["leverage"]), "symbol": p["symbol"]})
    await driver.set_leverage(MAIN, PERP, D(7))
    assert driver.book[MAIN].data.leverage[PERP] == 7
    for wrong in (D("2.5"), D(0), D(126)):
        with pytest.raises(CallerMistake):
            await driver.set_leverage(MAIN, PERP, wrong)
    venue.route("POST", "/fapi/v1/leverage", lambda p: {"leverage": 0})
    with pytest.raises(NotReady, match="did not confirm"):
        await driver.set_leverage(MAIN, PERP, D(7))
    spot = Venue("spot").driver()
    spot.natives[SPOT] = "BTCUSDT"
    with pytest.raises(CallerMistake):
        await spot.set_leverage(MAIN, SPOT, D(2))
    await venue.end()


async def test_limits_of_the_venue_scale_the_costs() -> None:
    venue = Venue()
    venue.route("GET", "/fapi/v1/exchangeInfo", lambda p: {**INFO, "rateLimits": [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 150},
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
    ]})  # fmt: skip
    driver = venue.driver()
    assert dict(driver.costs(place()))[f"orders_10s@{MAIN}"] == 1
    await driver.start()
    assert dict(driver.costs(place()))[f"orders_10s@{MAIN}"] == 2
    assert venue.log.named("limits_differ")[0]["limits"] == "orders_10s"
    await venue.end()


INFO: dict[str, Any] = Venue().routes["GET", "/fapi/v1/exchangeInfo"]({})


@pytest.mark.parametrize(
    ("settings", "live"),
    [
        ({}, False),
        ({"environment": "live"}, True),
        ({"environment": "live", "endpoints": {"rest": "http://127.0.0.1:9"}}, False),
        ({"environment": "live", "endpoints": {"rest": "https://proxy.example"}}, True),
    ],
)
def test_live_only_where_real_money_can_move(settings: dict[str, Any], live: bool) -> None:
    driver = Binance(BinanceConfig(**settings), [MAIN], Venue().ports())
    assert driver.live is live
    assert driver.endpoints()["rest"]


async def test_maintenance_is_told_once_and_waited_out() -> None:
    venue = Venue()
    driver = venue.driver(orders="rest")
    await driver.start()
    venue.route(
        "POST", "/fapi/v1/order", lambda p: (503, {"code": -1016, "msg": "This service is no longer available."})
    )
    for number in range(5):
        outcome = await driver.submit(place(client_id=f"ctos{number}"))
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "maintenance"
    await settle()
    assert [(status.up, status.reason[:12]) for status in venue.on("status/binance")] == [(False, "maintenance:")]
    venue.clock.run(6)
    await settle()
    assert [status.up for status in venue.on("status/binance")] == [False, True]
    await venue.end()


async def test_the_clock_is_read_every_few_minutes() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    await settle()
    before = len(venue.sent("GET", "/fapi/v1/time"))
    for _ in range(3):
        venue.clock.run(181)
        await settle()
    assert len(venue.sent("GET", "/fapi/v1/time")) == before + 3
    assert (await driver.fetch_clock()).offset_ns == 0
    await venue.end()


async def test_orders_over_the_socket_or_by_rest() -> None:
    venue = Venue()
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    driver = venue.driver()
    await driver.start()
    assert isinstance(await driver.submit(place()), Accepted)
    assert venue.sent("POST", "/fapi/v1/order") == []
    venue.route("POST", "/fapi/v1/order", lambda p: {"orderId": 8})
    venue.session("orders").up = False
    outcome = await driver.submit(place(client_id="ctos2"))
    assert isinstance(outcome, Accepted)
    assert outcome.venue_id == "8"
    await venue.end()


async def test_queries_stand_in_for_streams_that_are_silent() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    ids = iter(range(10, 1_000, 10))
    venue.route(
        "GET", "/fapi/v1/depth", lambda p: {"lastUpdateId": next(ids), "bids": [["1", "1"]], "asks": [["2", "1"]]}
    )
    quote = {"bidPrice": "5", "bidQty": "1", "askPrice": "6", "askQty": "2", "time": 9}
    venue.route("GET", "/fapi/v1/ticker/bookTicker", lambda p: quote)
    row = {"markPrice": "5", "lastFundingRate": "0.0001", "nextFundingTime": 9, "time": 3}
    venue.route("GET", "/fapi/v1/premiumIndex", lambda p: row)
    for channel in ("quotes", "book", "trades", "funding"):
        await driver.subscribe(channel, PERP)  # type: ignore[arg-type]
    await settle()
    for session in venue.sessions:
        for name in session.wanted:
            await session.dialect.bridge(name)
    told = {
        channel: len(venue.on(topic(channel, "binance", PERP))) for channel in ("quotes", "book", "trades", "funding")
    }
    assert told == {"quotes": 1, "book": 2, "trades": 0, "funding": 1}
    await venue.end()
