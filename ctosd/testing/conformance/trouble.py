"""Checks 41 to 58: lost answers, cut sockets, gaps, limits, maintenance, funding. Faults are the emulator's, by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ctosd.abi import Accepted, Fill, FundingPayment, OrderUpdate, Outcome, Rejected, Unknown
from ctosd.testing.conformance.check import Unfit, check
from ctosd.testing.conformance.market import follow
from ctosd.testing.conformance.world import World

SOON_NS = 600 * 1_000_000_000
ENTRY_NS = 20 * 1_000_000_000
"""How long before a settlement a position can still be taken at leisure."""
AFTER_S = 20.0
"""How long after a settlement its record is asked for."""


def _demand(world: World, *faults: str) -> None:
    for fault in faults:
        if not world.knows_fault(fault):
            raise Unfit(f"there is no emulator that knows the fault {fault!r}")


async def _lost_answer(world: World, fault: str) -> None:
    command = world.place("buy", await world.size(), await world.price("0.05"))
    world.fault(fault, 1.0)
    outcome = await world.submit(command)
    world.fault(fault, 0.0)
    if fault == "garbage" and isinstance(outcome, Accepted):
        raise Unfit("the emulator writes no garbage on the way that this driver's orders take")
    assert isinstance(outcome, Unknown), outcome
    await world.pass_s(20)
    found = await world.driver.fetch_order(world.account, world.symbol, command.client_id)
    assert found is not None, "the venue has the order, and the driver says that it has not"
    assert found.state == "open"
    open_ones = await world.driver.fetch_open_orders(world.account)
    assert [each.client_id for each in open_ones] == [command.client_id]


@check(41, "An answer that is cut off after the venue acted is unknown, and the order is found by its id, once.")
async def a_cut_answer_is_unknown(world: World) -> None:
    _demand(world, "reset_after")
    await _lost_answer(world, "reset_after")


@check(42, "An error of the venue after it acted is unknown, never a refusal.")
async def an_error_after_is_unknown(world: World) -> None:
    _demand(world, "error_after")
    await _lost_answer(world, "error_after")


@check(43, "An answer that cannot be read is unknown.")
async def garbage_is_unknown(world: World) -> None:
    _demand(world, "garbage")
    await _lost_answer(world, "garbage")


@check(44, "When no connection can be made nothing was sent, and that is said.")
async def no_connection_is_a_proof(world: World) -> None:
    if world.dial is None or world.http is None:
        raise Unfit("a simulated venue is not reached over a network")
    size, price = await world.size(), await world.price("0.05")
    command = world.place("buy", size, price)
    world.dial.refuse = world.http.refuse = True
    world.dial.cut()
    await world.pass_s(0.2)
    outcome = await world.submit(command)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == "venue_down"
    world.dial.refuse = world.http.refuse = False
    await world.pass_s(60)
    assert await world.driver.fetch_order(world.account, world.symbol, command.client_id) is None


@check(45, "A cut private stream is told as down, comes back, and what happened meanwhile can be asked for.")
async def a_cut_stream_comes_back(world: World) -> None:
    if world.dial is None:
        raise Unfit("a simulated venue is not reached over a network")
    command = await world.resting()
    before = len(world.statuses())
    world.dial.refuse = True
    world.dial.cut()
    await world.until(lambda: len(world.statuses()) > before, 30, "the loss is told")
    assert not world.statuses()[-1].up
    world.dial.refuse = False
    await world.until(lambda: world.statuses()[-1].up, 90, "it comes back")
    assert [each.client_id for each in await world.driver.fetch_open_orders(world.account)] == [command.client_id]
    filled = await world.filled("buy")
    assert world.traded(filled.client_id) == filled.size


@check(46, "Public streams come back after a cut, and a book begins with a snapshot again.")
async def public_streams_come_back(world: World) -> None:
    if world.dial is None:
        raise Unfit("a simulated venue is not reached over a network")
    await world.driver.subscribe("book", world.symbol)
    await world.driver.subscribe("quotes", world.symbol)
    await world.until(lambda: len(world.on("book")) > 5)
    world.dial.cut()
    cut = len(world.heard)
    await world.pass_s(60)
    after: list[Any] = [event for name, event in world.heard[cut:] if name.startswith("book/")]
    assert after
    assert after[0].snapshot
    assert any(name.startswith("quotes/") for name, _ in world.heard[cut:])
    follow(world)


async def _book_heals(world: World, fault: str, value: float) -> None:
    assert world.emulator is not None
    value = value if "probability" in world.emulator.faults[fault] else 3  # else so many times
    await world.driver.subscribe("book", world.symbol)
    await world.until(lambda: len(world.on("book")) > 5)
    world.fault(fault, value)
    await world.pass_s(10)
    world.fault(fault, 0.0)
    await world.pass_s(90)
    book = follow(world)
    shown = await world.driver.fetch_orderbook(world.symbol, 5)
    await world.pass_s(0.5)
    book = follow(world)
    assert abs(book.levels("buy", 1)[0][0] / shown.bids[0][0] - 1) < 0.01
    assert book.levels("buy", 1)[0][0] < book.levels("sell", 1)[0][0]


@check(47, "A gap in a book's updates is noticed and healed.")
async def a_gap_is_healed(world: World) -> None:
    _demand(world, "book_gap")
    await _book_heals(world, "book_gap", 0.2)


@check(48, "A repeated update of a book changes nothing.")
async def a_repetition_is_harmless(world: World) -> None:
    _demand(world, "book_duplicate")
    await _book_heals(world, "book_duplicate", 0.3)


@check(49, "Updates of a book in the wrong order are noticed and healed.")
async def a_swap_is_healed(world: World) -> None:
    _demand(world, "book_reorder")
    await _book_heals(world, "book_reorder", 0.2)


@check(50, "A server that is connected but silent is noticed.")
async def silence_is_noticed(world: World) -> None:
    _demand(world, "silent_socket")
    await world.driver.subscribe("quotes", world.symbol)
    await world.until(lambda: world.on("quotes"))
    world.fault("silent_socket", 1.0)
    await world.pass_s(5)
    world.fault("silent_socket", 0.0)
    before = len(world.on("quotes"))
    await world.pass_s(240)
    assert len(world.on("quotes")) > before + 5


@check(51, "A burst of questions never passes the venue's limits.")
async def limits_are_kept(world: World) -> None:
    if world.emulator is None:
        raise Unfit("a simulated venue counts nothing")
    import asyncio

    async def ask(number: int) -> None:
        if number % 3 == 0:
            await world.driver.fetch_open_orders(world.account)
        elif number % 3 == 1:
            await world.driver.fetch_orderbook(world.symbol, 20)
        else:
            await world.driver.fetch_balances(world.account)

    await asyncio.gather(*(ask(number) for number in range(120)), return_exceptions=True)
    limits = world.emulator.statistics()["limits"]
    assert limits
    over = {name: each for name, each in limits.items() if each["refused"] or each["peak"] > each["allowed"]}
    assert over == {}


@check(52, "A rate-limit answer holds everything back, and is a refusal.")
async def a_rate_limit_is_obeyed(world: World) -> None:
    _demand(world, "rate_limit")
    command = world.place("buy", await world.size(), await world.price("0.05"))
    world.fault("rate_limit", 1.0)
    outcome = await world.submit(command)
    world.fault("rate_limit", 0.0)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason in ("rate_limited", "banned"), outcome
    assert world.budget.buckets.wait_ns(world.driver.costs(command), world.clock.now_ns()) > 0


@check(53, "Maintenance is a state: told once as down, and up again when it ends.")
async def maintenance_is_a_state(world: World) -> None:
    _demand(world, "maintenance")
    command = world.place("buy", await world.size(), await world.price("0.05"))
    world.fault("maintenance", 1.0)
    await world.submit(command)
    await world.pass_s(120)
    downs = [status for status in world.statuses() if not status.up]
    assert downs
    assert any("maintenance" in status.reason for status in downs)
    assert len(downs) <= 3, "an error storm"
    errors = [line for line in world.log.lines if line[0] == "error"]
    assert len(errors) < 10, errors[:3]
    world.fault("maintenance", 0.0)
    await world.until(lambda: world.statuses()[-1].up, 300, "it is over")
    await world.resting()


@check(54, "A wrong clock is measured, and signed requests still pass.")
async def the_clock_is_corrected(world: World) -> None:
    _demand(world, "clock_skew")
    world.fault("clock_skew", 8.0)
    command = world.place("buy", await world.size(), await world.price("0.05"))
    outcome = await world.submit(command)
    if not isinstance(outcome, Accepted):
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "timestamp", outcome
        await world.pass_s(10)
        await world.resting()
    reading = await world.driver.fetch_clock()
    assert 7e9 < reading.offset_ns < 9e9


@check(55, "A liquidation and an auto-deleveraging are fills with their cause.")
async def the_venue_trades_for_us(world: World) -> None:
    _demand(world, "liquidation", "adl")
    if world.instrument().kind != "perp":
        raise Unfit("no perpetual is examined")
    for fault, cause in (("adl", "adl"), ("liquidation", "liquidation")):
        opened = await world.filled("buy")
        known = len(world.private(Fill))
        world.fault(fault, 1.0)
        await world.until(lambda known=known: len(world.private(Fill)) > known, 20, cause)  # type: ignore[misc]
        world.fault(fault, 0.0)
        fill = world.private(Fill)[-1]
        assert fill.cause == cause
        assert fill.client_id != opened.client_id
        await world.pass_s(5)
        left = sum((each.size for each in await world.driver.fetch_positions(world.account)), Decimal(0))
        if left:
            await world.filled("sell", left, reduce_only=True)


@check(56, "Private events that a cut lost are found by asking: nothing is lost, nothing twice.")
async def nothing_is_lost_over_a_cut(world: World) -> None:
    if world.dial is None:
        raise Unfit("a simulated venue is not reached over a network")
    since_ns = world.clock.now_ns()
    size = await world.size()
    command = world.place("buy", size)
    outcome = await world.submit(command)
    world.dial.cut()
    await world.pass_s(90)
    fills = [
        fill for fill in await world.driver.fetch_fills(world.account, since_ns) if fill.client_id == command.client_id
    ]
    assert sum((fill.size for fill in fills), Decimal(0)) == size, outcome
    streamed = world.private(Fill, command.client_id)
    assert {fill.trade_id for fill in streamed} <= {fill.trade_id for fill in fills}
    assert len({fill.trade_id for fill in streamed}) == len(streamed)
    ends = [each for each in world.private(OrderUpdate, command.client_id) if each.state == "filled"]
    assert len(ends) <= 1 or ends[0].filled == ends[-1].filled


@check(57, "A command is written in the caller's own step, and waits for its answer in any other task.")
async def the_first_step_writes(world: World) -> None:
    import asyncio

    from ctosd.kernel.tasks import resume

    if world.emulator is None:
        raise Unfit("a simulated venue answers at once")
    command = world.place("buy", await world.size(), await world.price("0.05"))
    await world.budget.take(world.driver.costs(command))
    coro = world.driver.submit(command)
    yielded = coro.send(None)

    async def rest() -> Outcome:
        outcome: Outcome = await resume(coro, yielded)
        return outcome

    outcome = await asyncio.ensure_future(rest())  # noqa: TID251
    assert isinstance(outcome, Accepted), outcome
    world.fault("silent_socket", 1.0) if world.knows_fault("silent_socket") else None
    lost = world.place("buy", command.size, command.price)
    coro = world.driver.submit(lost)
    yielded = coro.send(None)
    waiting = asyncio.ensure_future(rest())  # noqa: TID251
    await world.pass_s(60)
    assert waiting.done(), "the answer is waited for without an end"
    world.fault("silent_socket", 0.0) if world.knows_fault("silent_socket") else None


@check(58, "Funding that was paid is listed, with the driver up or down, under the ids under which it was told.")
async def funding_is_listed(world: World) -> None:
    funding = await world.driver.fetch_funding(world.symbol)
    since_ns = world.clock.now_ns()
    if funding is None or funding.next_ns - since_ns > SOON_NS:
        raise Unfit("no funding is paid here within ten minutes")
    due_ns = funding.next_ns + (funding.interval_ns if funding.next_ns - since_ns < ENTRY_NS else 0)
    size = await world.size()
    await world.filled("buy", size)
    await world.pass_s((due_ns - world.clock.now_ns()) / 1e9 + AFTER_S)
    await world.restart(down_s=funding.interval_ns / 1e9)
    await world.pass_s(AFTER_S)
    listed = list(await world.driver.fetch_funding_payments(world.account, since_ns))
    assert [each.time_ns for each in listed] == [due_ns, due_ns + funding.interval_ns], (
        "each when it was due, oldest first"
    )
    assert len({(each.symbol, each.payment_id) for each in listed}) == len(listed)
    for each in listed:
        assert (each.account, each.symbol, each.asset) == (world.account, world.symbol, world.instrument().settle)
        assert each.amount * each.rate <= 0 != each.amount, "a long pays when the rate is positive"
        assert each.position in (size, 0), "what was paid on, or nothing where the venue does not tell"
    told = {(each.symbol, each.payment_id, each.amount) for each in world.private(FundingPayment)}
    assert told <= {(each.symbol, each.payment_id, each.amount) for each in listed}
    assert list(await world.driver.fetch_funding_payments(world.account, since_ns)) == listed, (
        "the same when asked again"
    )
    last_ns = listed[-1].time_ns
    assert list(await world.driver.fetch_funding_payments(world.account, last_ns)) == listed[-1:]
    assert list(await world.driver.fetch_funding_payments(world.account, last_ns + 1_000_000)) == []
