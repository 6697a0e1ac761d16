"""Checks 16 to 40: orders, from their acceptance to their money."""

from __future__ import annotations

from decimal import Decimal

from ctosd.abi import Accepted, Balance, Cancel, Fill, OrderUpdate, Position, Rejected
from ctosd.abi.events import TERMINAL
from ctosd.testing.conformance.check import Unfit, check
from ctosd.testing.conformance.world import World


@check(16, "A limit order rests: accepted, told as open with our client id, among the open orders.")
async def a_limit_order_rests(world: World) -> None:
    command = await world.resting()
    (update,) = [each for each in world.private(OrderUpdate, command.client_id) if each.state == "open"][:1]
    assert (update.account, update.symbol, update.side, update.type) == (world.account, world.symbol, "buy", "limit")
    assert (update.size, update.price, update.filled) == (command.size, command.price, Decimal(0))
    found = await world.driver.fetch_open_orders(world.account)
    assert [each.client_id for each in found] == [command.client_id]
    assert found[0].price == command.price
    assert found[0].size == command.size
    assert await world.driver.fetch_open_orders(world.account, world.symbol)


@check(17, "A cancelled order is gone, and told.")
async def a_cancel_takes_it_out(world: World) -> None:
    command = await world.resting()
    await world.accepted(world.cancel_of(command))
    await world.until(lambda: world.last_state(command.client_id) == "cancelled", 10)
    assert not await world.driver.fetch_open_orders(world.account)


@check(18, "Cancelling what does not exist is refused as `order_not_found`.")
async def a_cancel_of_nothing_is_refused(world: World) -> None:
    cancel = Cancel(account=world.account, client_id=world.ids.mint(), venue_id="", symbol=world.symbol)
    outcome = await world.submit(cancel)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == "order_not_found"


@check(19, "A market order fills: fills add up to its size, each has its own id, a fee and a price near the market.")
async def a_market_order_fills(world: World) -> None:
    price = await world.price()
    command = await world.filled("buy")
    fills = world.private(Fill, command.client_id)
    assert sum(fill.size for fill in fills) == command.size
    assert len({fill.trade_id for fill in fills}) == len(fills)
    for fill in fills:
        assert abs(fill.price / price - 1) < Decimal("0.02")
        assert (fill.account, fill.symbol, fill.side, fill.liquidity) == (world.account, world.symbol, "buy", "taker")
        assert fill.fee >= 0
        assert fill.fee_asset
    last = world.private(OrderUpdate, command.client_id)[-1]
    assert last.filled == command.size


@check(20, "A fill is told before the order's end, and never twice.")
async def fills_come_first_and_once(world: World) -> None:
    command = await world.filled("buy")
    events = [e for _, e in world.heard if getattr(e, "client_id", "") == command.client_id]
    end = next(i for i, e in enumerate(events) if isinstance(e, OrderUpdate) and e.state == "filled")
    before = sum((e.size for e in events[:end] if isinstance(e, Fill)), Decimal(0))
    assert before == command.size
    ids = [e.trade_id for e in events if isinstance(e, Fill)]
    assert len(set(ids)) == len(ids)


@check(21, "`fetch_fills` tells the same fills as the stream, oldest first, from the time asked.")
async def fills_can_be_asked_for(world: World) -> None:
    since_ns = world.clock.now_ns()
    first = await world.filled("buy")
    await world.pass_s(2)
    second = await world.filled("sell")
    await world.pass_s(2)
    told = {(fill.trade_id, fill.size, fill.price, fill.side) for fill in world.private(Fill)}
    asked = await world.driver.fetch_fills(world.account, since_ns)
    assert {(fill.trade_id, fill.size, fill.price, fill.side) for fill in asked} == told
    assert [fill.time_ns for fill in asked] == sorted(fill.time_ns for fill in asked)
    assert {fill.client_id for fill in asked} == {first.client_id, second.client_id}
    assert {(f.trade_id, f.fee, f.fee_asset, f.liquidity) for f in asked} == {
        (f.trade_id, f.fee, f.fee_asset, f.liquidity) for f in world.private(Fill)
    }
    late = await world.driver.fetch_fills(world.account, asked[-1].time_ns + 1_000_000)
    assert late == [] or list(late) == []


@check(22, "Balances and positions follow what was traded.")
async def money_follows(world: World) -> None:
    before = {each.asset: each.total for each in await world.driver.fetch_balances(world.account)}
    assert before
    command = await world.filled("buy")
    await world.pass_s(2)
    after = {each.asset: each.total for each in await world.driver.fetch_balances(world.account)}
    assert after != before
    assert world.private(Balance)
    if world.instrument().kind == "perp":
        (position,) = await world.driver.fetch_positions(world.account)
        assert (position.symbol, position.size) == (world.symbol, command.size)
        assert position.entry > 0
        assert world.private(Position)[-1].size == command.size
    else:
        base = world.instrument().base
        fees = sum((f.fee for f in world.private(Fill) if f.fee_asset == base), Decimal(0))
        assert after[base] - before.get(base, Decimal(0)) == command.size - fees


@check(23, "A post-only order that would take is refused as `post_only`, and nothing trades.")
async def post_only_never_takes(world: World) -> None:
    command = world.place("buy", await world.size(), await world.price("-0.01"), post_only=True)
    await world.refused(command, "post_only")
    await world.pass_s(1)
    assert world.traded(command.client_id) == 0
    assert not await world.driver.fetch_open_orders(world.account)


@check(24, "A post-only order away from the market rests.")
async def post_only_rests(world: World) -> None:
    command = await world.resting(post_only=True)
    assert [each.client_id for each in await world.driver.fetch_open_orders(world.account)] == [command.client_id]


@check(25, "An immediate-or-cancel order away from the market ends without a trace.")
async def ioc_ends(world: World) -> None:
    command = world.place("buy", await world.size(), await world.price("0.02"), tif="ioc")
    outcome = await world.submit(command)
    if isinstance(outcome, Accepted):
        await world.until(lambda: world.last_state(command.client_id) in ("expired", "cancelled"), 10)
    else:
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason == "not_filled"
    assert world.traded(command.client_id) == 0


@check(26, "A fill-or-kill order that cannot fill whole does not fill at all.")
async def fok_is_whole_or_nothing(world: World) -> None:
    command = world.place("buy", await world.size(), await world.price("0.02"), tif="fok")
    outcome = await world.submit(command)
    if isinstance(outcome, Accepted):
        await world.until(lambda: world.last_state(command.client_id) in ("expired", "cancelled", "rejected"), 10)
    else:
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason == "not_filled"
    assert world.traded(command.client_id) == 0


@check(27, "A limit order through the market takes.")
async def a_limit_order_takes(world: World) -> None:
    command = world.place("buy", await world.size(), await world.price("-0.005"))
    await world.accepted(command)
    await world.until(lambda: world.traded(command.client_id) == command.size, 10)
    assert all(fill.price <= (command.price or 0) for fill in world.private(Fill, command.client_id))


@check(28, "Reduce-only without a position is refused; with one it closes and never more.")
async def reduce_only_reduces(world: World) -> None:
    if not world.subject.perp:
        raise Unfit("no perpetual is examined")
    size = await world.size(4, world.subject.perp)
    if world.symbol != world.subject.perp:
        raise Unfit("the examined symbol is spot")
    await world.refused(world.place("sell", size, reduce_only=True), "reduce_only")
    await world.filled("buy", size)
    await world.pass_s(1)
    closing = world.place("sell", size, reduce_only=True)
    await world.accepted(closing)
    await world.until(lambda: world.traded(closing.client_id) == size, 10)
    await world.pass_s(1)
    assert not [each for each in await world.driver.fetch_positions(world.account) if each.size]


@check(29, "A price off the tick and a size off the lot are refused as `filter`, with the venue's words.")
async def the_grid_is_the_venues(world: World) -> None:
    instrument, size, price = world.instrument(), await world.size(), await world.price("0.05")
    for command in (
        world.place("buy", size, price + instrument.tick / 10),
        world.place("buy", size + instrument.lot / 10, price),
    ):
        outcome = await world.submit(command)
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason in ("filter", "bad_request"), outcome
        assert outcome.message


@check(30, "What cannot be paid for is refused as `insufficient_funds`.")
async def money_must_be_there(world: World) -> None:
    instrument, price = world.instrument(), await world.price("0.03")
    size = instrument.floor_size(Decimal(10_000_000) / price)
    if instrument.max_size is not None:
        size = min(size, instrument.floor_size(instrument.max_size))
    await world.refused(world.place("buy", size, price), "insufficient_funds", "position_limit")


@check(31, "The same client id twice never makes two orders.")
async def a_client_id_is_one_order(world: World) -> None:
    command = await world.resting()
    outcome = await world.submit(command)
    assert not isinstance(outcome, Accepted), "a second order was accepted under the same client id"
    if isinstance(outcome, Rejected):
        assert outcome.reason == "duplicate_client_id"
    await world.pass_s(1)
    assert len(await world.driver.fetch_open_orders(world.account)) == 1


@check(32, "An amendment changes price and total size in place, or is refused as the manifest says.")
async def an_amendment_holds(world: World) -> None:
    command = await world.resting()
    price, size = await world.price("0.06"), command.size + 2 * world.instrument().lot
    outcome = await world.submit(world.amend_of(command, price=price, size=size))
    if not world.driver.manifest.can_amend or (isinstance(outcome, Rejected) and world.instrument().kind == "spot"):
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason in ("unsupported", "amend_reject")
        assert outcome.message
        return
    assert isinstance(outcome, Accepted), outcome
    await world.pass_s(2)
    (found,) = await world.driver.fetch_open_orders(world.account)
    assert (found.client_id, found.price, found.size) == (command.client_id, price, size)


@check(33, "`fetch_order` finds open, filled and cancelled orders, and knows no stranger's id.")
async def orders_can_be_asked_for(world: World) -> None:
    resting = await world.resting()
    open_one = await world.driver.fetch_order(world.account, world.symbol, resting.client_id)
    assert open_one is not None
    assert open_one.state == "open"
    await world.accepted(world.cancel_of(resting))
    await world.until(lambda: world.last_state(resting.client_id) == "cancelled", 10)
    gone = await world.driver.fetch_order(world.account, world.symbol, resting.client_id)
    assert gone is not None
    assert gone.state == "cancelled"
    filled = await world.filled("buy")
    done = await world.driver.fetch_order(world.account, world.symbol, filled.client_id)
    assert done is not None
    assert (done.state, done.filled) == ("filled", filled.size)
    assert await world.driver.fetch_order(world.account, world.symbol, world.ids.mint()) is None


@check(34, "`costs` of every command is in the declared limits.")
async def costs_are_declared(world: World) -> None:
    names = {limit.name for limit in world.driver.manifest.limits}
    place = world.place("buy", await world.size(), await world.price("0.05"))
    for command in (place, world.cancel_of(place), world.amend_of(place, price=place.price)):
        costs = world.driver.costs(command)
        assert costs
        for name, tokens in costs:
            assert name.partition("@")[0] in names
            assert tokens > 0


@check(35, "`submit_batch` gives each command its own outcome, in their order.")
async def a_batch_keeps_its_order(world: World) -> None:
    size, price = await world.size(), await world.price("0.05")
    tick = world.instrument().tick
    places = [world.place("buy", size, price - number * 10 * tick) for number in range(3)]
    wrong = world.place("buy", size + world.instrument().lot / 10, price)
    outcomes = await world.driver.submit_batch([places[0], wrong, *places[1:]])
    assert [isinstance(each, Accepted) for each in outcomes] == [True, False, True, True], outcomes
    assert [each.client_id for each in outcomes] == [
        each.client_id for each in (places[0], wrong, places[1], places[2])
    ]
    await world.until(lambda: all(world.last_state(each.client_id) == "open" for each in places), 10)
    cancelled = await world.driver.submit_batch([world.cancel_of(each) for each in places])
    assert all(isinstance(each, Accepted) for each in cancelled)
    await world.until(lambda: all(world.last_state(each.client_id) == "cancelled" for each in places), 10)


@check(36, "`cancel_everything` leaves no order, conditional ones included.")
async def everything_can_be_cancelled(world: World) -> None:
    if world.emulator is None:
        raise Unfit("a simulated venue's orders are cancelled one by one")
    await world.resting()
    await world.resting("sell") if world.instrument().kind == "perp" else None
    if world.driver.manifest.can_trigger:
        price = await world.price("0.1")
        await world.accepted(world.place("sell", await world.size(), trigger=price))
    await world.driver.cancel_everything(world.account, world.symbol)
    await world.pass_s(3)
    assert not await world.driver.fetch_open_orders(world.account)


@check(37, "A conditional order waits for its price, and can be cancelled.")
async def a_conditional_order_waits(world: World) -> None:
    if not world.driver.manifest.can_trigger:
        raise Unfit("the manifest says that there are none")
    price = await world.price("0.2")
    spot, size = world.instrument().kind == "spot", await world.size()
    if spot:
        await world.filled("buy", size * 2)
    limit = price if spot else None
    command = world.place("sell", size, limit, trigger=price)
    await world.accepted(command)
    await world.pass_s(2)
    assert world.traded(command.client_id) == 0
    assert command.client_id in [each.client_id for each in await world.driver.fetch_open_orders(world.account)]
    await world.accepted(world.cancel_of(command))
    await world.until(lambda: world.last_state(command.client_id) in TERMINAL, 10)
    assert command.client_id not in [each.client_id for each in await world.driver.fetch_open_orders(world.account)]


@check(38, "Leverage can be set, and is told with the position.")
async def leverage_is_set(world: World) -> None:
    if world.instrument().kind != "perp":
        raise Unfit("no perpetual is examined")
    from ctosd.abi import CtosError

    try:
        await world.driver.set_leverage(world.account, world.symbol, Decimal(3))
    except CtosError as error:
        assert str(error), "refused without a word"
        raise Unfit(f"this venue refuses: {error}") from error
    await world.filled("buy")
    (position,) = await world.driver.fetch_positions(world.account)
    assert position.leverage == 3


@check(39, "Without credentials the market is there, and every order is refused as `auth`.", start=False)
async def no_keys_no_orders(world: World) -> None:
    if world.emulator is None:
        raise Unfit("a simulated venue has no keys")
    await world.close()
    public = World(world.subject, secrets=False)
    try:
        await public.start()
        await public.driver.subscribe("quotes", public.symbol)
        await public.until(lambda: public.on("quotes"))
        outcome = await public.submit(public.place("buy", await public.size(), await public.price("0.05")))
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "auth"
        assert not public.driver.live
    finally:
        await public.close()


@check(40, "The preflight of a good account blocks nothing, and each finding is a sentence.")
async def the_preflight_is_green(world: World) -> None:
    for finding in await world.driver.preflight(world.account):
        assert finding.message
        assert not finding.blocks, finding
        assert finding.ok or finding.remedy, finding
