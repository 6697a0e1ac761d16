"""What is said on the sockets, and what is made of what is heard."""

import json
from typing import Any

import pytest

from ctosd.abi import BookDelta, CallerMistake, Fill, Funding, NotReady, OrderUpdate, Position, Quote, Trade
from drivers.backpack.private import BALANCES, ORDERS, POSITIONS
from drivers.backpack.streams import CONFIRM_S, stream_of, subscribe_message, unsubscribe_message
from tests.drivers.backpack.exchange import MS, PUBLIC_KEY, SOL, T0, World, listing, settle, started
from tests.drivers.backpack.test_private import FILL, POSITION
from tests.drivers.backpack.test_wire import DEPTH, MARK, TICK, TRADE

BUSY = "bookTicker.BTC_USDC_PERP"


def test_names_and_messages() -> None:
    market = listing().market(SOL)
    names = [
        stream_of(channel, market, "1M" if channel == "bars" else "")
        for channel in ("quotes", "trades", "book", "bars", "funding")
    ]
    assert names == [
        "bookTicker.SOL_USDC_PERP",
        "trade.SOL_USDC_PERP",
        "depth.SOL_USDC_PERP",
        "kline.1month.SOL_USDC_PERP",
        "markPrice.SOL_USDC_PERP",
    ]
    assert json.loads(subscribe_message(["a", "b"])) == {"method": "SUBSCRIBE", "params": ["a", "b"]}
    assert json.loads(unsubscribe_message(["a"])) == {"method": "UNSUBSCRIBE", "params": ["a"]}
    with pytest.raises(CallerMistake):
        stream_of("bars", market, "7m")


async def test_public_streams_go_to_their_topics() -> None:
    world = World()
    driver = await started(world)
    public = world.wires[0]
    for channel in ("quotes", "trades", "funding"):
        await driver.subscribe(channel, SOL)
        await driver.subscribe(channel, SOL)
    await driver.subscribe("funding", "SOL/USDC")  # spot has none
    assert [message["params"] for message in public.sent] == [
        [BUSY],  # so that a calm line is told from a dead one
        ["bookTicker.SOL_USDC_PERP"],
        ["trade.SOL_USDC_PERP"],
        ["markPrice.SOL_USDC_PERP"],
    ]
    perp = {"s": "SOL_USDC_PERP"}
    assert public.hear({"stream": "bookTicker.SOL_USDC_PERP", "data": {**TICK, **perp}}) == "bookTicker.SOL_USDC_PERP"
    public.hear({"stream": "trade.SOL_USDC_PERP", "data": TRADE})
    public.hear({"stream": "markPrice.SOL_USDC_PERP", "data": MARK})
    public.hear({"stream": "trade.BTC_USDC_PERP", "data": TRADE})  # nobody wants it
    for name, kind in (("quotes", Quote), ("trades", Trade), ("funding", Funding)):
        assert len(world.on(f"{name}/backpack/SOL-USDC:USDC", kind)) == 1
    assert not [name for name, _ in world.heard if "BTC" in name]
    await driver.stop()
    await world.close()


async def test_a_book_by_both_ways() -> None:
    """The snapshot by REST, then the deltas that follow it."""
    world = World()
    world.web.answers["GET /api/v1/depth"] = {
        "asks": [["18.70", "1"]],
        "bids": [["18.60", "1"]],
        "lastUpdateId": "94978270",
        "timestamp": 1694687965940000,
    }
    driver = await started(world)
    await driver.subscribe("book", SOL)
    await settle()
    world.wires[0].hear({"stream": "depth.SOL_USDC_PERP", "data": {**DEPTH, "b": [["18.67", "0.832"]]}})
    first, second = world.on("book/backpack/SOL-USDC:USDC", BookDelta)
    assert (first.snapshot, first.bids) == (True, [(18.6, 1.0)])
    assert (second.snapshot, second.bids) == (False, [(18.67, 0.832)])
    assert world.web.to("/api/v1/depth")[0].query["limit"] == "1000"
    await driver.stop()
    await world.close()


async def test_a_silent_stream_is_fetched_by_rest() -> None:
    world = World()
    world.web.answers["GET /api/v1/depth"] = {
        "asks": [["2", "1"]],
        "bids": [["1", "1"]],
        "lastUpdateId": "5",
        "timestamp": 1,
    }
    world.web.answers["GET /api/v1/markPrices"] = [
        {
            "symbol": "SOL_USDC_PERP",
            "markPrice": "5",
            "indexPrice": "5",
            "fundingRate": "0.1",
            "nextFundingTimestamp": 1,
        }
    ]
    driver = await started(world)
    dialect = world.wires[0].dialect
    await driver.subscribe("book", SOL)
    await settle()
    for stream in ("bookTicker.SOL_USDC_PERP", "markPrice.SOL_USDC_PERP", "depth.SOL_USDC_PERP", "trade.SOL_USDC_PERP"):
        await dialect.bridge(stream)
    assert len(world.on("quotes/backpack/SOL-USDC:USDC")) == 1
    assert len(world.on("funding/backpack/SOL-USDC:USDC")) == 1
    await driver.stop()
    await world.close()


async def test_a_public_refusal_means_the_only_stream_that_is_silent() -> None:
    """With several silent ones nobody can tell, and the log says so."""
    world = World()
    driver = await started(world)
    public = world.wires[0]
    refusal = {"id": None, "error": {"code": 4006, "message": "Invalid stream"}}
    await driver.subscribe("trades", SOL)
    public.hear(refusal)
    assert public.said == [("rejected", "trade.SOL_USDC_PERP")]
    await driver.subscribe("quotes", SOL)
    await driver.subscribe("funding", SOL)
    public.hear(refusal)
    assert len(public.said) == 1
    assert world.log.named("backpack_stream_refused")
    await driver.stop()
    await world.close()


# -- private ---------------------------------------------------------------------------------------------------------------


async def test_private_subscriptions_are_signed_and_ordered() -> None:
    """Balances alone, because not every server has them; the busy stream last and open."""
    world = World()
    driver = await started(world)
    sure, balances, busy = world.wires[1].sent
    assert sure["params"] == [ORDERS, POSITIONS]
    assert balances["params"] == [BALANCES]
    assert busy == {"method": "SUBSCRIBE", "params": [BUSY]}
    expected = driver.desk.accounts["backpack/main"].signer.subscription(T0 // MS, 5_000)
    assert sure["signature"] == balances["signature"] == expected
    assert (expected[0], expected[2:]) == (PUBLIC_KEY, [str(T0 // MS), "5000"])
    assert world.wires[1].dialect.replays
    await driver.stop()
    await world.close()


async def test_private_events_in_their_order() -> None:
    world = World()
    driver = await started(world)
    private = world.wires[1]
    assert private.hear({"stream": "account.orderUpdate", "data": FILL}) == ORDERS
    assert private.hear({"stream": "account.positionUpdate", "data": POSITION}) == POSITIONS
    told = [event for event in world.on("private/backpack") if isinstance(event, (Fill, OrderUpdate, Position))]
    assert [type(event) for event in told] == [Fill, OrderUpdate, Position]
    account = driver.desk.accounts["backpack/main"]
    assert (account.stirred, list(account.held)) == (True, [SOL])
    private.hear({"stream": "account.positionUpdate", "data": {**POSITION, "q": "0"}})
    assert account.held == {}
    assert private.hear(b"<html>") == ""
    assert (
        private.hear(json.dumps({"data": POSITION, "stream": "account.positionUpdate"}, indent=1).encode()) == POSITIONS
    )
    assert private.hear({"stream": "ticker.SOL_USDC", "data": {}}) == ""
    assert not private.said
    await driver.stop()
    await world.close()


async def test_no_stream_of_balances() -> None:
    """Its refusal is no drama, and it is not asked for again; a second refusal is about orders, and is."""
    world = World()
    driver = await started(world)
    private = world.wires[1]
    refusal = {"id": None, "error": {"code": 4006, "message": "Invalid stream"}}
    private.hear(refusal)
    assert private.said == [("rejected", BALANCES)]
    assert BALANCES not in private.wanted
    assert driver.desk.standing.up
    private.hear(refusal)
    assert isinstance(private.said[-1][1], NotReady)
    assert not driver.desk.standing.up
    await driver.stop()
    await world.close()


async def test_it_can_be_left_out() -> None:
    world = World()
    driver = await started(world, balance_stream=False)
    assert BALANCES not in world.wires[1].wanted
    await driver.stop()
    await world.close()


async def test_down_and_up_again() -> None:
    """Up when the first frame shows that the subscriptions are in force, or after a while without any."""
    world = World()
    driver = await started(world)
    private = world.wires[1]
    private.lose("reset")
    private.confirms = False
    private.connect()
    told: list[Any] = world.on("status/backpack")
    assert [(each.up, each.reason) for each in told] == [(False, "backpack/main: reset")]
    private.hear({"stream": BUSY, "data": {}})
    assert [each.up for each in world.on("status/backpack")] == [False, True]
    private.lose("reset")
    private.connect()
    await world.clock.advance(CONFIRM_S + 0.1)
    assert [each.up for each in world.on("status/backpack")] == [False, True, False, True]
    assert driver.desk.standing.up
    await driver.stop()
    await world.close()
