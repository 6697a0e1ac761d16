"""Orders on their way out: one write each, by which way, and what is made of the answer."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import Accepted, Amend, CallerMistake, NoAnswer, NotSent, Rejected, Unknown
from drivers.okx import Okx
from tests.drivers.okx.scripted import (
    MAIN,
    PERP,
    SPOT,
    SPOT_ROW,
    SWAP_ROW,
    World,
    accept,
    cancel,
    dump,
    place,
    push,
    refuse,
    virtual,
)

ORDER = "/api/v5/trade/order"


def amend(**changes: Any) -> Amend:
    facts: dict[str, Any] = {"account": MAIN, "client_id": "c1", "venue_id": "5", "symbol": PERP, "price": D(59000)}
    return Amend(**facts | changes)


def orders_of(world: World) -> list[Any]:
    return [said for said in world.sessions["private-main"].sent if said["op"] not in {"login", "subscribe"}]


@virtual
async def test_over_the_websocket() -> None:
    world = World()
    driver = await world.started()
    expires_ns = world.clock.now_ns() + 5_000_000_000
    outcome = await driver.submit(place(expires_ns=expires_ns))
    assert outcome == Accepted(client_id="ctos0000001000000001", venue_id="v0", time_ns=1700000000123_000000)
    (said,) = orders_of(world)
    assert (said["op"], said["expTime"]) == ("order", str(expires_ns // 10**6))
    assert said["args"][0]["instIdCode"] == 10459
    assert isinstance(await driver.submit(amend(size=D("0.6"))), Accepted)
    assert isinstance(await driver.submit(cancel(venue_id="5")), Accepted)
    assert [each["op"] for each in orders_of(world)] == ["order", "amend-order", "cancel-order"]
    assert "expTime" not in orders_of(world)[2]
    assert world.http.to(ORDER) == []
    await world.close(driver)


@virtual
async def test_by_rest_while_the_websocket_is_down() -> None:
    world = World()
    driver = await world.started()
    world.http.on(ORDER, [{"ordId": "9", "clOrdId": "c", "sCode": "0"}])
    world.refuses = True  # it goes down between the look and the write
    assert isinstance(await driver.submit(place()), Accepted)
    world.refuses = False
    world.sessions["private-main"].drop()
    assert isinstance(await driver.submit(place(client_id="c2", expires_ns=1_700_000_001_000_000_000)), Accepted)
    first, second = world.http.to(ORDER)
    assert first.body["instId"] == "BTC-USDT-SWAP"
    assert second.headers["expTime"] == "1700000001000"
    assert orders_of(world) == []
    await world.close(driver)


@virtual
async def test_never_by_the_other_way_after_a_write() -> None:
    """The socket is lost after the frame left: the outcome is unknown, and nothing is sent again."""
    world = World()
    driver = await world.started()
    world.reply = lambda said: world.sessions["private-main"].drop()
    outcome = await driver.submit(place())
    assert isinstance(outcome, Unknown)
    assert world.http.to(ORDER) == []
    await world.close(driver)


@virtual
async def test_silence_is_unknown() -> None:
    world = World()
    driver = await world.started()
    world.reply = lambda said: None
    assert isinstance(await driver.submit(place()), Unknown)
    assert world.http.to(ORDER) == []
    await world.close(driver)


@virtual
async def test_without_a_number_rest_is_the_way() -> None:
    world = World()
    world.http.on(
        "/api/v5/account/instruments",
        lambda call: [SPOT_ROW] if call.query["instType"] == "SPOT" else [SWAP_ROW | {"instIdCode": None}],
    )
    driver = await world.started()
    world.http.on(ORDER, [{"ordId": "9", "sCode": "0"}])
    assert isinstance(await driver.submit(place()), Accepted)
    assert orders_of(world) == []
    await world.close(driver)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("51008", Rejected, "insufficient_funds"),
        ("51603", Rejected, "order_not_found"),
        ("50004", Unknown, ""),
        ("51149", Unknown, ""),
    ],
)
def test_refusals(code: str, kind: type, reason: str) -> None:
    @virtual
    async def body() -> None:
        world = World()
        driver = await world.started()
        world.reply = refuse(code)
        outcome = await driver.submit(place())
        assert type(outcome) is kind
        assert not reason or outcome.reason == reason  # type: ignore[union-attr]
        await world.close(driver)

    body()


@virtual
async def test_rest_outcomes() -> None:
    world = World(orders="rest")
    driver = await world.started()
    answers: list[tuple[Any, type, str]] = [
        ((200, b"<html>garbage"), Unknown, ""),
        ((502, b"Bad Gateway"), Unknown, ""),
        (NoAnswer("reset"), Unknown, ""),
        ((400, {"code": "50004", "msg": "Endpoint request timeout", "data": []}), Unknown, ""),
        (NotSent("refused"), Rejected, "venue_down"),
        ((429, {"code": "50011", "msg": "Too Many Requests", "data": []}), Rejected, "rate_limited"),
        ((503, {"code": "50001", "msg": "Service temporarily unavailable", "data": []}), Rejected, "maintenance"),
        ((200, {"code": "1", "msg": "", "data": [{"sCode": "51170", "sMsg": "reduce"}]}), Rejected, "reduce_only"),
    ]
    for answer, kind, reason in answers:
        world.http.on(ORDER, answer)
        outcome = await driver.submit(place())
        assert type(outcome) is kind, answer
        assert not reason or outcome.reason == reason  # type: ignore[union-attr]
    assert len(world.http.to(ORDER)) == len(answers), "one write each"
    await world.close(driver)


@virtual
async def test_what_is_refused_before_the_first_byte() -> None:
    world = World()
    driver = await world.started()
    cases = [
        (place(symbol="DOGE/USDT"), "bad_symbol"), (place(size="0.00015"), "filter"), (place(client_id="a-b"), "bad_request"),
        (place(account="okx/other"), "bad_request"), (place(trigger=D(5), tif="fok"), "unsupported"),
    ]  # fmt: skip
    for command, reason in cases:
        outcome = await driver.submit(command)
        assert isinstance(outcome, Rejected), command
        assert outcome.reason == reason
    assert orders_of(world) == []
    await world.close(driver)


@virtual
async def test_no_new_risk_on_a_doubtful_clock() -> None:
    """A clock 40 s off: entries wait, what reduces goes out."""
    world = World()
    world.http.on("/api/v5/public/time", lambda call: [{"ts": str(world.clock.now_ns() // 10**6 + 40_000)}])
    driver = await world.started()
    refused = await driver.submit(place())
    assert isinstance(refused, Rejected)
    assert refused.reason == "timestamp"
    assert isinstance(await driver.submit(place(side="sell", reduce_only=True)), Accepted)
    assert isinstance(await driver.submit(cancel(venue_id="5")), Accepted)
    await world.close(driver)


@virtual
async def test_an_expiry_is_by_the_venues_clock() -> None:
    world = World()
    world.http.on("/api/v5/public/time", lambda call: [{"ts": str(world.clock.now_ns() // 10**6 - 2_000)}])
    driver = await world.started()
    expires_ns = world.clock.now_ns() + 5_000_000_000
    await driver.submit(place(expires_ns=expires_ns))
    assert orders_of(world)[0]["expTime"] == str(expires_ns // 10**6 - 2_000)
    await world.close(driver)


@virtual
async def test_batches_go_twenty_at_a_time() -> None:
    world = World()
    driver = await world.started()
    commands = [place(client_id=f"c{n}") for n in range(45)]
    commands[3] = place(client_id="c3", size="0.00015")
    outcomes = await driver.submit_batch(commands)
    assert [outcome.client_id for outcome in outcomes] == [command.client_id for command in commands]
    assert isinstance(outcomes[3], Rejected)
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 44
    assert [len(said["args"]) for said in orders_of(world)] == [20, 20, 4]
    assert {said["op"] for said in orders_of(world)} == {"batch-orders"}
    await world.close(driver)


@virtual
async def test_batches_by_rest_and_in_part() -> None:
    world = World(orders="rest")
    driver = await world.started()
    path = "/api/v5/trade/cancel-batch-orders"
    rows = [
        {"ordId": "1", "clOrdId": "", "sCode": "0"},
        {"ordId": "2", "clOrdId": "", "sCode": "51400", "sMsg": "gone"},
    ]
    world.http.on(path, (200, {"code": "2", "msg": "", "data": rows}))
    outcomes = await driver.submit_batch([cancel("a1", "1"), cancel("a2", "2", SPOT)])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected]
    assert world.http.to(path)[0].body == [
        {"instId": "BTC-USDT-SWAP", "ordId": "1"},
        {"instId": "BTC-USDT", "ordId": "2"},
    ]
    world.http.on(path, NoAnswer("reset"))
    outcomes = await driver.submit_batch([cancel("a1", "1"), cancel("a2", "2", SPOT)])
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
    world.http.on(path, NotSent("refused"))
    outcomes = await driver.submit_batch([cancel("a1", "1"), cancel("a2", "2", SPOT)])
    assert {outcome.reason for outcome in outcomes} == {"venue_down"}  # type: ignore[union-attr]
    await world.close(driver)


@virtual
async def test_a_batch_of_one_is_a_single_order() -> None:
    world = World()
    driver = await world.started()
    await driver.submit_batch([place()])
    assert [said["op"] for said in orders_of(world)] == ["order"]
    await world.close(driver)


@virtual
async def test_costs() -> None:
    world = World()
    driver = world.driver()
    driver._listing.adopt([dump(SWAP_ROW), dump(SPOT_ROW)])
    assert tuple(driver.costs(place())) == (("trd.place@okx/main:BTC-USDT-SWAP", 1.0), ("trd.subaccount@okx/main", 1.0))
    assert tuple(driver.costs(place(symbol=SPOT))) == (("trd.place@okx/main:BTC-USDT", 1.0),)
    assert next(iter(driver.costs(amend()))) == ("trd.amend@okx/main:BTC-USDT-SWAP", 1.0)
    assert tuple(driver.costs(cancel())) == (("trd.cancel@okx/main:BTC-USDT-SWAP", 1.0),)
    assert tuple(driver.costs(place(trigger=D(1)))) == (("trd.algo@okx/main", 1.0),)
    with pytest.raises(CallerMistake):
        driver.costs(place(symbol="X/Y"))


ALGO = "/api/v5/trade/order-algo"


@virtual
async def test_a_conditional_order_is_placed_and_cancelled() -> None:
    """Its own stream is up before it leaves; its cancel goes to the algo service."""
    world = World()
    driver = await world.started()
    world.http.on(ALGO, [{"algoId": "a9", "algoClOrdId": "c1", "sCode": "0"}])
    outcome = await driver.submit(place(client_id="c1", trigger=D(61000)))
    assert outcome == Accepted(client_id="c1", venue_id="a9", time_ns=world.clock.now_ns())
    assert world.sessions["algo-main"].wants == ["orders-algo"]
    assert world.http.to(ALGO)[0].body["triggerPx"] == "61000"
    refused = await driver.submit(amend(client_id="c1"))
    assert isinstance(refused, Rejected)
    assert refused.reason == "amend_reject"
    path = "/api/v5/trade/cancel-algos"
    world.http.on(path, [{"algoId": "a9", "sCode": "0"}])
    assert isinstance(await driver.submit(cancel("c1")), Accepted)
    assert world.http.to(path)[0].body == [{"instId": "BTC-USDT-SWAP", "algoId": "a9"}]
    await world.close(driver)


@virtual
async def test_a_triggered_order_is_cancelled_by_its_own_id() -> None:
    world = World()
    driver = await world.started()
    world.http.on(ALGO, [{"algoId": "a9", "algoClOrdId": "c1", "sCode": "0"}])
    await driver.submit(place(client_id="c1", trigger=D(61000)))
    row = {
        "instId": "BTC-USDT-SWAP",
        "algoId": "a9",
        "algoClOrdId": "c1",
        "state": "effective",
        "ordId": "88",
        "side": "buy",
        "sz": "50",
        "ordPx": "60000",
    }
    world.sessions["algo-main"].hear(push("orders-algo", row, instType="ANY"))
    await driver.submit(cancel("c1", "a9"))
    assert orders_of(world)[0]["args"] == [{"instIdCode": 10459, "ordId": "88"}]
    await world.close(driver)


@virtual
async def test_a_reducing_stop_asks_for_the_price_first() -> None:
    world = World()
    driver = await world.started()
    world.http.on(
        "/api/v5/market/ticker", [{"bidPx": "60000", "bidSz": "1", "askPx": "60001", "askSz": "1", "ts": "5"}]
    )
    world.http.on(ALGO, [{"algoId": "a9", "sCode": "0"}])
    assert isinstance(await driver.submit(place(side="sell", price=None, trigger=D(59000), reduce_only=True)), Accepted)
    assert world.http.to(ALGO)[0].body["slTriggerPx"] == "59000"
    world.http.on("/api/v5/market/ticker", (500, b""))
    outcome = await driver.submit(place(side="sell", price=None, trigger=D(59000), reduce_only=True))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "venue_down"
    await world.close(driver)


@virtual
async def test_an_account_without_keys() -> None:
    world = World(secrets={})
    driver = await world.started()
    for command in (place(), cancel(), place(trigger=D(1))):
        outcome = await driver.submit(command)
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "auth"
    assert [outcome.reason for outcome in await driver.submit_batch([place(), place()])] == ["auth", "auth"]  # type: ignore[union-attr]
    await world.close(driver)


def test_replies_of_the_double_are_the_venues() -> None:
    """The scripted venue speaks as the sheet's example does."""
    reply = accept({"id": "o17", "op": "order", "args": [{"clOrdId": "a1b2c3"}]})
    assert json.loads(dump(reply))["data"][0].keys() >= {"ordId", "clOrdId", "sCode", "sMsg", "ts"}
    assert Okx.manifest.can_trigger
