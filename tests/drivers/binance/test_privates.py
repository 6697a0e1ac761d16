"""Private connections: what is published and in which order, losses, keys that end, orders that move between services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import AuthFailed, Balance, Fill, FundingPayment, NoAnswer, NotReady, OrderUpdate, Position
from drivers.binance import Binance
from drivers.binance.privates import SOON_S
from tests.drivers.binance.scripted import MAIN, MS, PERP, SPOT, Session, Venue, settle


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue, **settings: Any) -> Binance:
    driver = venue.driver(**settings)
    await driver.start()
    venue.calls.clear()
    return driver


def update(**changes: Any) -> dict[str, Any]:
    order = {"s": "BTCUSDT", "c": "ctos1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1", "p": "100", "ap": "100", "sp": "0", "x": "TRADE",
             "X": "FILLED", "i": 7, "l": "1", "z": "1", "L": "100", "N": "USDT", "n": "0.05", "T": 9, "t": 3, "m": True, "R": False,
             "ot": "LIMIT", "ps": "BOTH", "rp": "0"}  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": 10, "T": 9, "o": {**order, **changes}}


def algo(status: str, became: str = "", filled: str = "0") -> dict[str, Any]:
    facts = {"caid": "ctos9", "aid": 900, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "S": "BUY", "ps": "BOTH", "f": "GTC",
             "q": "1", "X": status, "ai": became, "ap": "0", "aq": filled, "act": "0", "tp": "5", "p": "0"}  # fmt: skip
    return {"e": "ALGO_UPDATE", "T": 8, "E": 8, "o": facts}


async def test_a_fill_is_told_before_its_order(venue: Venue) -> None:
    driver = await started(venue)
    venue.session("private").hear(update())
    fill, order = venue.on("private/binance")
    assert isinstance(fill, Fill)
    assert (fill.trade_id, fill.fee, fill.liquidity, fill.time_ns) == ("3", D("0.05"), "maker", 9 * MS)
    assert isinstance(order, OrderUpdate)
    assert (order.state, order.client_id, order.venue_id) == ("filled", "ctos1", "7")
    assert driver.book[MAIN].owners[PERP, "7"] == "ctos1"


async def test_a_loss_is_told_and_after_it_the_stream_is_up_first(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", "/fapi/v3/balance", lambda p: [{"asset": "USDT", "balance": "9", "availableBalance": "8"}])
    row = {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "5", "markPrice": "6", "unRealizedProfit": "1"}
    venue.route("GET", "/fapi/v3/positionRisk", lambda p: [row])
    session = venue.session("private")
    session.cut("reset by peer")
    assert driver.book[MAIN].listening_ns == 0
    [status] = venue.on("status/binance")
    assert (status.up, "reset by peer" in status.reason) == (False, True)
    await session.connect()
    await settle()
    assert [each.up for each in venue.on("status/binance")] == [False, True]
    assert [(type(event)) for event in venue.on("private/binance")] == [Balance, Position]
    kinds = [type(event).__name__ for _, event in venue.heard]
    assert kinds == ["VenueStatus", "VenueStatus", "Balance", "Position"]
    assert driver.book[MAIN].listening_ns == venue.clock.now_ns()


async def test_a_refresh_that_fails_is_tried_again(venue: Venue) -> None:
    await started(venue)

    def down(params: dict[str, str]) -> Any:
        raise NoAnswer("slow")

    venue.route("GET", "/fapi/v3/balance", down)
    session = venue.session("private")
    session.cut()
    await session.connect()
    await settle()
    assert venue.private(Balance) == []
    venue.route("GET", "/fapi/v3/balance", lambda p: [{"asset": "USDT", "balance": "9", "availableBalance": "8"}])
    venue.clock.run(2)
    await settle()
    assert len(venue.private(Balance)) == 1


async def test_every_account_must_be_up() -> None:
    venue = Venue()
    keys = {"api_key": "key", "api_secret": "secret"}
    both = [MAIN, "binance/other"]
    config = venue.driver().config
    driver = Binance(config, both, venue.ports(dict.fromkeys(both, keys)))
    await driver.start()
    one, two = (session for session in venue.sessions if session.dialect.name == "private")
    one.cut()
    two.cut()
    await one.connect()
    await settle()
    assert [status.up for status in venue.on("status/binance")] == [False]
    await two.connect()
    await settle()
    assert [status.up for status in venue.on("status/binance")] == [False, True]
    await driver.stop()
    two.cut()
    assert len(venue.on("status/binance")) == 2  # a stop is no loss
    await venue.end()


async def test_listen_keys_are_renewed_and_replaced(venue: Venue) -> None:
    await started(venue)
    session = venue.session("private")
    await settle()
    venue.route("PUT", "/fapi/v1/listenKey", lambda p: {})
    venue.clock.run(25 * 60 + 1)
    await settle()
    assert len(venue.sent("PUT", "/fapi/v1/listenKey")) == 1
    venue.route("PUT", "/fapi/v1/listenKey", lambda p: (400, {"code": -1125, "msg": "This listenKey does not exist."}))
    venue.clock.run(25 * 60 + 1)
    await settle()
    assert session.calls == [("reconnect", "the listen key is gone")]
    session.hear({"e": "listenKeyExpired", "E": 1, "listenKey": "abc"})
    assert session.calls[-1] == ("reconnect", "the listen key expired")
    venue.route("PUT", "/fapi/v1/listenKey", lambda p: (500, b"<html>"))
    venue.clock.run(25 * 60 + 1)
    await settle()
    before = len(venue.sent("PUT", "/fapi/v1/listenKey"))
    venue.clock.run(61)  # sooner, because the key is running out
    await settle()
    assert len(venue.sent("PUT", "/fapi/v1/listenKey")) == before + 1


async def test_a_refused_listen_key_is_auth_failed(venue: Venue) -> None:
    venue.route("POST", "/fapi/v1/listenKey", lambda p: (401, {"code": -2015, "msg": "Invalid API-key"}))
    with pytest.raises(AuthFailed):
        await venue.driver().start()
    venue.route("POST", "/fapi/v1/listenKey", lambda p: {"listenKey": "../evil"})
    with pytest.raises(NotReady, match="no listen key"):
        await venue.driver().start()


async def test_the_order_socket_may_come_later(venue: Venue) -> None:
    """REST stands in for it; the log says so once."""
    driver = venue.driver()
    real = venue.open_session

    def open_session(dialect: Any) -> Session:
        venue.refuse_sessions = (
            [NotReady("handshake refused")] if dialect.name == "orders" and venue.clock.now_ns() < limit else []
        )
        return real(dialect)

    limit = venue.clock.now_ns() + 70_000_000_000
    object.__setattr__(driver.privates._ports, "open_session", open_session)
    await driver.start()
    assert driver.book[MAIN].api is None
    for _ in range(3):
        await settle()
        venue.clock.run(31)
    await settle()
    assert driver.book[MAIN].api is not None
    assert len(venue.log.named("order_socket_down")) == 1


async def test_an_order_that_a_conditional_one_became(venue: Venue) -> None:
    """The exchange may tell of the new order first; its fill waits for its owner."""
    driver = await started(venue)
    driver.book[MAIN].data.conditionals.arm("ctos9", PERP, "buy", D(1))
    session = venue.session("private")
    session.hear(update(c="venue-made", i=55, o="MARKET", ot="STOP_MARKET"))
    assert venue.on("private/binance") == []
    session.hear(algo("TRIGGERED", "55"))
    assert [event.client_id for event in venue.on("private/binance")] == ["ctos9", "ctos9", "ctos9"]
    session.hear(algo("FINISHED", "55", "1"))
    assert len(venue.on("private/binance")) == 3


async def test_events_that_nobody_claims_are_told_after_a_while(venue: Venue) -> None:
    driver = await started(venue)
    driver.book[MAIN].data.conditionals.arm("ctos9", PERP, "buy", D(1))
    venue.session("private").hear(update(c="a person", i=56))
    venue.clock.run(1.9)
    assert venue.on("private/binance") == []
    venue.clock.run(0.2)
    assert [event.client_id for event in venue.on("private/binance")] == ["a person", "a person"]


def paid(name: str = "FUNDING_FEE") -> dict[str, Any]:
    moved = {"m": name, "B": [{"a": "USDT", "wb": "5", "cw": "5", "bc": "-1"}]}
    return {"e": "ACCOUNT_UPDATE", "T": 1, "a": moved}


async def test_funding_is_asked_for_when_the_stream_tells_of_it(venue: Venue) -> None:
    """Once for all that moves at one time, from a little before it; nothing is remembered over the next."""
    await started(venue)
    now = venue.clock.now_ns() // MS
    row = {"symbol": "BTCUSDT", "income": "-1", "asset": "USDT", "time": now - 5_000, "tranId": 1}
    venue.route("GET", "/fapi/v1/income", lambda p: [row])
    venue.route("GET", "/fapi/v1/fundingRate", lambda p: [])
    for _ in range(2):
        venue.session("private").hear(paid())
    venue.session("private").hear(paid("ORDER"))
    await settle()
    assert venue.sent("GET", "/fapi/v1/income") == []
    for number in (1, 2):
        venue.clock.run(SOON_S)
        await settle()
        (*_, asked) = venue.sent("GET", "/fapi/v1/income")
        assert len(venue.sent("GET", "/fapi/v1/income")) == number
        assert now - 130_000 < int(asked["startTime"]) < now - 60_000
        assert [payment.payment_id for payment in venue.private(FundingPayment)] == ["1"] * number
        venue.session("private").hear(paid())
        await settle()
    assert [key for key in venue.store.rows if key.startswith("funding")] == []


async def test_funding_that_cannot_be_asked_for_is_left_to_the_kernel(venue: Venue) -> None:
    await started(venue)

    def down(params: dict[str, str]) -> Any:
        raise NoAnswer("slow")

    venue.route("GET", "/fapi/v1/income", down)
    venue.session("private").hear(paid())
    await settle()
    venue.clock.run(SOON_S)
    await settle()
    assert venue.sent("GET", "/fapi/v1/income")
    assert venue.private(FundingPayment) == []


async def test_notices(venue: Venue) -> None:
    await started(venue)
    session = venue.session("private")
    session.hear({"e": "serverShutdown", "E": 1})
    assert session.calls[-1][0] == "rotate"
    session.hear({"e": "MARGIN_CALL", "E": 1, "cw": "3", "p": []})
    assert venue.log.named("margin_call") == [{"venue": "binance", "account": MAIN}]
    session.hear({"result": ["abc"], "id": 0})
    assert venue.on("private/binance") == []


async def test_spot_listens_again_when_its_stream_is_ended() -> None:
    venue = Venue("spot")
    await started(venue)
    session = venue.session("orders")
    report = {"e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "ctos1", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "1", "p": "5", "x": "NEW",
              "X": "NEW", "r": "NONE", "i": 7, "l": "0", "z": "0", "L": "0", "n": "0", "N": None, "T": 3, "t": -1, "m": False, "C": ""}  # fmt: skip
    session.hear({"subscriptionId": 0, "event": report})
    assert [(event.symbol, event.state) for event in venue.private(OrderUpdate)] == [(SPOT, "open")]
    session.hear({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 2}})
    await settle()
    assert [status.up for status in venue.on("status/binance")] == [False, True]
    assert [name for name, _ in venue.api].count("userDataStream.subscribe.signature") == 2
    session.up = False
    session.hear({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 3}})
    assert session.calls[-1][0] == "reconnect"
    await venue.end()


@pytest.mark.parametrize(
    ("code", "error"), [(-2015, AuthFailed), (-1022, AuthFailed), (-1021, NotReady), (-1000, NotReady)]
)
async def test_a_refused_greeting(code: int, error: type[Exception]) -> None:
    venue = Venue("spot")
    venue.methods["userDataStream.subscribe.signature"] = lambda p: (400, {"code": code, "msg": "no"})
    with pytest.raises(error):
        await venue.driver().start()
    await venue.end()
