"""Order entry: exactly one write, the right path, and outcomes that never claim more than was proved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import Accepted, Cancel, Command, NoAnswer, NotSent, Outcome, Place, Rejected, Unknown
from drivers.binance import Binance
from tests.drivers.binance.scripted import MAIN, PERP, SPOT, Venue, amend, cancel, place, settle

ORDER = "/fapi/v1/order"


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue, **settings: Any) -> Binance:
    driver = venue.driver(**settings)
    await driver.start()
    venue.calls.clear()
    venue.api.clear()
    return driver


def raising(error: Exception) -> Callable[[dict[str, str]], Any]:
    def route(params: dict[str, str]) -> Any:
        raise error

    return route


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason


async def test_a_place_over_the_socket(venue: Venue) -> None:
    venue.methods["order.place"] = lambda p: {"orderId": 7, "clientOrderId": p["newClientOrderId"], "status": "NEW"}
    driver = await started(venue)
    now = venue.clock.now_ns()
    outcome = await driver.submit(place(post_only=True, expires_ns=now + 3_000_000_000))
    assert outcome == Accepted(client_id="ctos0000001000000001", venue_id="7", time_ns=now)
    [(method, params)] = venue.api
    assert method == "order.place"
    assert (params["timeInForce"], params["recvWindow"], params["timestamp"]) == ("GTX", 3_000, now // 1_000_000)
    assert {"apiKey", "signature"} <= params.keys()
    assert venue.calls == []
    assert driver.book[MAIN].owners[PERP, "7"] == "ctos0000001000000001"


async def test_only_what_did_not_leave_goes_by_rest(venue: Venue) -> None:
    """The socket closes between the look and the write: NotSent, so REST. After NoAnswer nothing is sent again."""
    venue.route("POST", ORDER, lambda p: {"orderId": 8})
    driver = await started(venue)
    session = venue.session("orders")

    async def closed(*args: Any) -> Any:
        raise NotSent("closed")

    session.ask = closed  # type: ignore[method-assign]
    assert isinstance(await driver.submit(place()), Accepted)
    assert driver.orders.fallbacks == 1
    assert len(venue.sent("POST", ORDER)) == 1

    async def lost(*args: Any) -> Any:
        raise NoAnswer("lost after the write")

    session.ask = lost  # type: ignore[method-assign]
    assert isinstance(await driver.submit(place(client_id="ctos2")), Unknown)
    assert isinstance(await driver.submit(amend(price=D(5), client_id="ctos2")), Unknown)
    assert isinstance(await driver.submit(cancel(client_id="ctos2")), Unknown)
    assert len(venue.sent("POST", ORDER)) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (raising(NotSent("no connection")), Rejected, "venue_down"),
        (raising(NoAnswer("reset")), Unknown, ""),
        (lambda p: (200, b"<html>ok</html>"), Unknown, ""),
        (lambda p: (200, {"status": "NEW"}), Unknown, ""),
        (lambda p: (200, []), Unknown, ""),
        (lambda p: (502, b"<html>Bad Gateway</html>"), Unknown, ""),
        (
            lambda p: (503, {"code": -1001, "msg": "Unknown error, please check your request or try again later."}),
            Unknown,
            "",
        ),
        (lambda p: (503, {"code": -1001, "msg": "Service Unavailable."}), Rejected, "overload"),
        (lambda p: (400, {"code": -2019, "msg": "Margin is insufficient."}), Rejected, "insufficient_funds"),
        (lambda p: (400, {"code": -1007, "msg": "Timeout"}), Unknown, ""),
        (lambda p: (200, {"orderId": 5}), Accepted, ""),
    ],
)
async def test_what_rest_proves(venue: Venue, answer: Callable[..., Any], kind: type, why: str) -> None:
    driver = await started(venue, orders="rest")
    venue.route("POST", ORDER, answer)
    outcome = await driver.submit(place())
    assert type(outcome) is kind
    assert getattr(outcome, "reason", "") == why
    assert len(venue.sent("POST", ORDER)) == 1


@pytest.mark.parametrize(
    ("frame", "kind", "why"),
    [
        ({"status": 200, "result": {"orderId": 5}}, Accepted, ""),
        ({"status": 400, "error": {"code": -5022, "msg": "Post Only order will be rejected."}}, Rejected, "post_only"),
        ({"status": 500, "error": {"code": -1000, "msg": "An unknown error"}}, Unknown, ""),
        ({"status": 200}, Unknown, ""),
        ({"status": 200, "result": None}, Unknown, ""),
        (
            {"status": 429, "error": {"code": -1003, "msg": "Too many", "data": {"retryAfter": 1_767_225_700_000}}},
            Rejected,
            "rate_limited",
        ),
    ],
)
async def test_what_the_socket_proves(venue: Venue, frame: dict[str, Any], kind: type, why: str) -> None:
    driver = await started(venue)
    session = venue.session("orders")
    task = asyncio.create_task(driver.submit(place()))
    await settle()
    session.hear({"id": json.loads(session.sent[-1])["id"], **frame})
    outcome = await task
    assert type(outcome) is kind
    assert getattr(outcome, "reason", "") == why
    if frame["status"] == 429:
        assert venue.budget.penalties == [(1_767_225_700_000_000_000, "")]


async def test_counters_of_a_reply_reach_the_budget(venue: Venue) -> None:
    driver = await started(venue)
    session = venue.session("orders")
    task = asyncio.create_task(driver.submit(place()))
    await settle()
    rows = [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300, "count": 17}]
    session.hear(
        {"id": json.loads(session.sent[-1])["id"], "status": 200, "result": {"orderId": 5}, "rateLimits": rows}
    )
    await task
    assert (f"orders_10s@{MAIN}", 17, 240) in venue.budget.synced


async def test_headers_reach_the_budget_and_418_holds_everything(venue: Venue) -> None:
    driver = await started(venue, orders="rest")
    venue.route(
        "POST", ORDER, lambda p: (200, {"orderId": 5}, {"x-mbx-used-weight-1m": "99", "x-mbx-order-count-10s": "3"})
    )
    await driver.submit(place())
    assert {("weight", 99, 1_920), (f"orders_10s@{MAIN}", 3, 240)} <= set(venue.budget.synced)
    venue.route("POST", ORDER, lambda p: (418, {"code": -1003, "msg": "banned"}, {"retry-after": "30"}))
    assert reason(await driver.submit(place())) == "banned"
    assert venue.budget.penalties == [(venue.clock.now_ns() + 30_000_000_000, "")]
    venue.route("POST", ORDER, lambda p: (400, {"code": -1015, "msg": "Too many new orders"}))
    assert reason(await driver.submit(place())) == "rate_limited"
    assert [name for _, name in venue.budget.penalties[1:]] == [f"orders_10s@{MAIN}", f"orders_1m@{MAIN}"]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (place(symbol="NO/USDT:USDT"), "bad_symbol"),
        (place(account="binance/other"), "auth"),
        (place(price=None, type="limit"), "bad_request"),
        (place(expires_ns=1), "deadline"),
    ],
)
async def test_refused_before_anything_is_sent(venue: Venue, command: Command, why: str) -> None:
    driver = await started(venue)
    assert reason(await driver.submit(command)) == why
    assert (venue.api, venue.calls) == ([], [])


async def test_a_clock_that_is_off_refuses_entries_and_lets_exits_go(venue: Venue) -> None:
    venue.offset_ms = 60_000
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    driver = await started(venue)
    outcome = await driver.submit(place())
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "timestamp"
    assert "timedatectl" in outcome.message
    assert isinstance(await driver.submit(place(reduce_only=True)), Accepted)


async def test_a_timestamp_refusal_reads_the_clock_again(venue: Venue) -> None:
    driver = await started(venue)
    venue.methods["order.place"] = lambda p: (
        400,
        {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."},
    )
    assert reason(await driver.submit(place())) == "timestamp"
    await settle()
    assert len(venue.sent("GET", "/fapi/v1/time")) == 1


# -- amends and cancels -----------------------------------------------------------------------------------------------------


async def test_an_amend_sends_what_does_not_change_too(venue: Venue) -> None:
    venue.methods |= {"order.place": lambda p: {"orderId": 7}, "order.modify": lambda p: {"orderId": 7}}
    driver = await started(venue)
    await driver.submit(place("sell", "0.5", "60000"))
    await driver.submit(amend(price=D(61000)))
    await driver.submit(amend(size=D("0.4")))
    facts = [(p["side"], p["quantity"], p["price"]) for name, p in venue.api if name == "order.modify"]
    assert facts == [("SELL", "0.5", "61000"), ("SELL", "0.4", "61000")]


async def test_an_amend_that_says_how_the_order_rests_needs_no_question(venue: Venue) -> None:
    venue.methods["order.modify"] = lambda p: {"orderId": 7}
    driver = await started(venue)
    command = amend(price=D(51000), side="sell", old_price=D(50000), old_size=D("0.3"))
    assert isinstance(await driver.submit(command), Accepted)
    assert [(p["side"], p["quantity"], p["price"]) for _, p in venue.api] == [("SELL", "0.3", "51000")]
    assert venue.calls == []


ROW = {"orderId": 7, "clientOrderId": "ctos0000001000000001", "status": "NEW", "side": "BUY", "type": "LIMIT", "origQty": "0.3",
       "executedQty": "0.1", "price": "50000", "updateTime": 5, "timeInForce": "GTC"}  # fmt: skip


async def test_an_amend_of_an_order_from_before_the_start_asks_first(venue: Venue) -> None:
    venue.methods["order.modify"] = lambda p: {"orderId": 7}
    driver = await started(venue)
    venue.route("GET", ORDER, lambda p: ROW)
    await driver.submit(amend(price=D(51000)))
    assert [(p["quantity"], p["price"]) for _, p in venue.api] == [("0.3", "51000")]
    venue.route("GET", ORDER, lambda p: {**ROW, "status": "CANCELED", "clientOrderId": "gone"})
    assert reason(await driver.submit(amend(price=D(1), client_id="gone"))) == "order_not_found"
    venue.route("GET", ORDER, lambda p: (400, {"code": -2013, "msg": "Order does not exist."}))
    venue.route("GET", "/fapi/v1/algoOrder", lambda p: (400, {"code": -2013, "msg": "Order does not exist."}))
    assert reason(await driver.submit(amend(price=D(1), client_id="never"))) == "order_not_found"
    venue.route("GET", ORDER, raising(NoAnswer("slow")))
    assert reason(await driver.submit(amend(price=D(1), client_id="other"))) == "venue_down"
    assert len(venue.api) == 1


async def test_a_cancel_of_an_ordinary_order(venue: Venue) -> None:
    venue.methods |= {
        "order.place": lambda p: {"orderId": 7},
        "order.cancel": lambda p: {"orderId": 7, "status": "CANCELED"},
    }
    driver = await started(venue)
    await driver.submit(place())
    assert isinstance(await driver.submit(cancel()), Accepted)
    assert venue.api[-1][1]["origClientOrderId"] == "ctos0000001000000001"
    venue.methods["order.cancel"] = lambda p: (400, {"code": -2011, "msg": "Unknown order sent."})
    assert reason(await driver.submit(cancel())) == "order_not_found"
    assert [name for name, _ in venue.api].count("algoOrder.cancel") == 0


async def test_conditional_orders_live_at_the_algo_service(venue: Venue) -> None:
    venue.route(
        "GET",
        "/fapi/v1/ticker/bookTicker",
        lambda p: {"bidPrice": "59999", "bidQty": "1", "askPrice": "60001", "askQty": "1", "time": 1},
    )
    venue.methods |= {
        "algoOrder.place": lambda p: {"algoId": 900},
        "algoOrder.cancel": lambda p: {"algoId": 900, "code": "200"},
    }
    driver = await started(venue)
    outcome = await driver.submit(place("sell", price=None, trigger=D(58000), reduce_only=True))
    assert isinstance(outcome, Accepted)
    assert outcome.venue_id == "900"
    params = venue.api[-1][1]
    assert (params["type"], params["triggerPrice"], params["algoType"]) == ("STOP_MARKET", "58000", "CONDITIONAL")
    assert reason(await driver.submit(amend(price=D(1)))) == "amend_reject"
    assert isinstance(await driver.submit(cancel()), Accepted)
    assert venue.api[-1][0] == "algoOrder.cancel"


async def test_a_cancel_of_an_unknown_id_tries_the_algo_service_too(venue: Venue) -> None:
    """After a restart nobody remembers which service has the order; asking both can do no harm."""
    venue.methods |= {
        "order.cancel": lambda p: (400, {"code": -2011, "msg": "Unknown order sent."}),
        "algoOrder.cancel": lambda p: {"algoId": 900},
    }
    driver = await started(venue)
    assert isinstance(await driver.submit(cancel()), Accepted)
    assert [name for name, _ in venue.api] == ["order.cancel", "algoOrder.cancel"]


async def test_a_triggered_order_is_cancelled_where_it_is_now(venue: Venue) -> None:
    venue.methods["order.cancel"] = lambda p: {"orderId": 55}
    driver = await started(venue)
    driver.book[MAIN].data.conditionals.join("55", "ctos0000001000000001")
    assert isinstance(await driver.submit(cancel()), Accepted)
    assert venue.api[-1][1]["orderId"] == "55"


async def test_spot_shrinks_and_refuses_other_amends() -> None:
    venue = Venue("spot")
    venue.methods |= {
        "order.place": lambda p: {"orderId": 7, "transactTime": 5},
        "order.amend.keepPriority": lambda p: {"amendedOrder": {"orderId": 7}},
    }
    driver = await started(venue)
    await driver.submit(place(symbol=SPOT, post_only=True))
    assert venue.api[-1][1]["type"] == "LIMIT_MAKER"
    assert isinstance(await driver.submit(amend(symbol=SPOT, size=D("0.005"))), Accepted)
    sent = venue.api[-1][1]
    assert sent["newQty"] == "0.005"
    assert sent["newClientOrderId"] == sent["origClientOrderId"], "the venue would give the order a name of its own"
    outcome = await driver.submit(amend(symbol=SPOT, price=D(1)))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, "cancel it, then place" in outcome.message) == ("amend_reject", True)
    await venue.end()


async def test_a_logged_on_connection_signs_nothing() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    venue = Venue()
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    driver = await started(venue, secrets={MAIN: {"api_key": "k", "private_key": pem}})
    await driver.submit(place())
    assert not {"apiKey", "signature"} & venue.api[-1][1].keys()
    assert "timestamp" in venue.api[-1][1]
    venue.session("orders").cut()
    await venue.session("orders").connect()
    assert [name for name, _ in venue.api].count("session.logon") == 1
    await venue.end()


# -- batches ----------------------------------------------------------------------------------------------------------------


def several(count: int, **more: Any) -> list[Place]:
    return [place(client_id=f"ctos{number}", **more) for number in range(count)]


async def test_a_batch_is_as_few_writes_as_can_be(venue: Venue) -> None:
    sizes: list[int] = []

    def route(params: dict[str, str]) -> Any:
        rows = json.loads(params["batchOrders"])
        sizes.append(len(rows))
        return [{"orderId": 1, "clientOrderId": row["newClientOrderId"]} if row["quantity"] != "9" else
                {"code": -2019, "msg": "Margin is insufficient."} for row in rows]  # fmt: skip

    venue.route("POST", "/fapi/v1/batchOrders", route)
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    driver = await started(venue)
    commands = [*several(10), place(client_id="ctosx", size="9")]
    outcomes = await driver.submit_batch(commands)
    assert [outcome.client_id for outcome in outcomes] == [command.client_id for command in commands]
    assert sizes == [5, 5]
    outcomes = await driver.submit_batch([place(size="9"), place(client_id="b")])
    assert [type(outcome) for outcome in outcomes] == [Rejected, Accepted]
    assert reason(outcomes[0]) == "insufficient_funds"


@pytest.mark.parametrize(
    "answer",
    [
        raising(NoAnswer("reset")),
        lambda p: (200, b"garbage"),
        lambda p: [{"orderId": 1}],
        lambda p: [{"orderId": 1, "code": -2022, "msg": "both at once"}] * 3,
        lambda p: [{"code": -1000, "msg": "An unknown error"}] * 3,
        lambda p: [5, None, "x"],
    ],
)
async def test_a_batch_that_cannot_be_read_is_unknown(venue: Venue, answer: Callable[..., Any]) -> None:
    driver = await started(venue)
    venue.route("POST", "/fapi/v1/batchOrders", answer)
    outcomes = await driver.submit_batch(several(3))
    assert [type(outcome) for outcome in outcomes] == [Unknown] * 3


async def test_cancels_go_together_by_symbol_and_unknown_ids_alone(venue: Venue) -> None:
    driver = await started(venue)
    venue.route(
        "POST", "/fapi/v1/batchOrders", lambda p: [{"orderId": n} for n in range(len(json.loads(p["batchOrders"])))]
    )
    await driver.submit_batch([*several(2), place(client_id="e", symbol="ETH/USDT:USDT")])
    venue.route(
        "DELETE", "/fapi/v1/batchOrders", lambda p: [{"orderId": 4}, {"code": -2011, "msg": "Unknown order sent."}]
    )
    venue.methods["order.cancel"] = lambda p: {"orderId": 3}
    commands = [
        cancel(client_id="ctos0"),
        cancel(client_id="e", symbol="ETH/USDT:USDT"),
        cancel(client_id="ctos1"),
        cancel(client_id="who"),
    ]
    outcomes = await driver.submit_batch(commands)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Rejected, Accepted]
    [params] = venue.sent("DELETE", "/fapi/v1/batchOrders")
    assert (params["symbol"], params["origClientOrderIdList"]) == ("BTCUSDT", '["ctos0","ctos1"]')


async def test_amends_go_together(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("POST", "/fapi/v1/batchOrders", lambda p: [{"orderId": 1}, {"orderId": 2}])
    await driver.submit_batch(several(2))
    venue.route("PUT", "/fapi/v1/batchOrders", lambda p: [{"orderId": 1}, {"orderId": 2}])
    outcomes = await driver.submit_batch([amend(client_id="ctos0", price=D(5)), amend(client_id="ctos1", size=D(2))])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    rows = json.loads(venue.sent("PUT", "/fapi/v1/batchOrders")[0]["batchOrders"])
    assert [(row["price"], row["quantity"]) for row in rows] == [("5", "0.01"), ("60000", "2")]


async def test_bad_commands_of_a_batch_do_not_spoil_the_others(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("POST", "/fapi/v1/batchOrders", lambda p: [{"orderId": 1}, {"orderId": 2}])
    commands = [
        place(client_id="a"),
        place(client_id="b", symbol="NO/USDT:USDT"),
        place(client_id="c", price=None, type="limit"),
        place(client_id="d"),
    ]
    outcomes = await driver.submit_batch(commands)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Rejected, Accepted]


async def test_spot_has_no_batches() -> None:
    venue = Venue("spot")
    venue.methods["order.place"] = lambda p: {"orderId": 7}
    driver = await started(venue)
    outcomes = await driver.submit_batch(several(3, symbol=SPOT))
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 3
    assert len(venue.api) == 3
    await venue.end()


def test_costs() -> None:
    driver = Venue().driver()
    assert dict(driver.costs(place())) == {f"orders_10s@{MAIN}": 1, f"orders_1m@{MAIN}": 1}
    assert dict(driver.costs(amend())) == {f"orders_10s@{MAIN}": 1, f"orders_1m@{MAIN}": 1}
    assert dict(driver.costs(cancel())) == {"weight": 1}
    spot = Venue("spot").driver()
    assert dict(spot.costs(place())).keys() == {"weight", "raw", f"orders_10s@{MAIN}", f"orders_1d@{MAIN}"}
    assert dict(spot.costs(amend()))["weight"] == 4
    assert isinstance(cancel(), Cancel)
