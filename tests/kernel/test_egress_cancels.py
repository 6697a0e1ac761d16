"""Cancels on their way out: together, in batches, side by side, and of orders that have not left yet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from ctosd.abi import Cancel, Order
from ctosd.testing.rig import Rig, run_virtual
from tests.kernel.test_egress import SYMBOL, kinds, rigged


async def resting(sys: Any, count: int) -> list[Order]:
    return [await sys.place_order(SYMBOL, "buy", "limit", "1", str(90 + number)) for number in range(count)]


def batching(rig: Rig) -> list[list[str]]:
    """Let the venue take batches; the client ids of each that it gets."""
    venue, batches = rig.venue, []
    venue.manifest = replace(venue.manifest, can_batch=True)  # type: ignore[misc]
    submit_batch = venue.submit_batch

    async def submit(commands: Any) -> Any:
        batches.append([command.client_id for command in commands])
        assert kinds(rig)[-len(commands) :] == ["intent"] * len(commands)
        return await submit_batch(commands)

    venue.submit_batch = submit  # type: ignore[method-assign]
    return batches


def test_cancels_go_together_where_the_venue_takes_batches() -> None:
    async def main() -> None:
        rig, sys = await rigged(duplicate_window_ms=0)
        batches = batching(rig)
        orders = await resting(sys, 3)
        commits = rig.journal.commits
        await sys.cancel_all()
        assert batches == [[order.client_id for order in orders]]
        assert [order.state for order in orders] == ["cancelled"] * 3
        assert rig.journal.commits == commits + 1  # three intents, one commit
        line = rig.desk.egress.lines["test"]
        assert (line.writes, line.intents, line.meant) == (6, 6, 3)
        assert rig.desk.egress.flying == {}

    run_virtual(main())


def test_a_batch_whose_answer_is_lost_makes_every_cancel_a_question() -> None:
    async def main() -> None:
        rig, sys = await rigged(duplicate_window_ms=0)
        batching(rig)
        orders = await resting(sys, 2)

        async def broken(commands: Any) -> Any:
            raise ConnectionResetError("gone")

        rig.venue.submit_batch = broken  # type: ignore[method-assign]
        asked: list[str] = []
        rig.desk.egress.on_unknown = lambda order: asked.append(order.client_id)
        await sys.cancel_all()
        assert asked == [order.client_id for order in orders]
        assert [order.state for order in orders] == ["open", "open"]
        assert rig.desk.egress.flying == {}

    run_virtual(main())


def test_a_batch_with_an_answer_too_few_makes_every_cancel_a_question() -> None:
    async def main() -> None:
        rig, sys = await rigged(duplicate_window_ms=0)
        batching(rig)
        orders = await resting(sys, 2)

        async def short(commands: Any) -> Any:
            return [rig.venue.accept(commands[0])]

        rig.venue.submit_batch = short  # type: ignore[method-assign]
        asked: list[str] = []
        rig.desk.egress.on_unknown = lambda order: asked.append(order.client_id)
        await sys.cancel_all()
        assert asked == [order.client_id for order in orders]
        assert rig.desk.egress.flying == {}

    run_virtual(main())


def test_one_cancel_without_an_answer_holds_no_other_back() -> None:
    """Where there are no batches every cancel leaves at once."""

    async def main() -> None:
        rig, sys = await rigged(duplicate_window_ms=0)
        orders = await resting(sys, 3)
        rig.venue.hold = asyncio.Event()
        task = asyncio.ensure_future(sys.cancel_all())
        await asyncio.sleep(0.01)
        assert [type(command) for command in rig.venue.received[3:]] == [Cancel] * 3
        rig.venue.hold.set()
        await task
        assert [order.state for order in orders] == ["cancelled"] * 3

    run_virtual(main())


def test_cancels_leave_though_the_journal_fails() -> None:
    async def main() -> None:
        rig, sys = await rigged(duplicate_window_ms=0)
        batches = batching(rig)
        orders = await resting(sys, 2)
        rig.venue.submit_batch = type(rig.venue).submit_batch.__get__(rig.venue)  # type: ignore[method-assign]
        rig.journal.failed = "disk full: free some space"
        await sys.cancel_all()
        assert (batches, [order.state for order in orders]) == ([], ["cancelled"] * 2)

    run_virtual(main())


def test_an_order_that_is_cancelled_while_it_waits_never_leaves() -> None:
    """It stands in line for the venue's rate limit; nothing is asked of the venue."""

    async def main() -> None:
        rig, sys = await rigged(order_rate=None, duplicate_window_ms=0)
        rig.desk.egress.lines["test"].budget.buckets.take((("orders", 900),), rig.clock.now_ns())
        placing = [asyncio.ensure_future(sys.place_order(SYMBOL, "buy", "limit", "1", price)) for price in ("98", "99")]
        await asyncio.sleep(0)
        (first, second) = rig.desk.blotter.open_orders()
        await sys.revoke_order(first.client_id)
        assert rig.venue.received == []
        await asyncio.gather(*placing)
        assert (first.state, first.reason) == ("denied", "withdrawn")
        assert [command.client_id for command in rig.venue.received] == [second.client_id]
        placing = [asyncio.ensure_future(sys.place_order(SYMBOL, "buy", "limit", "1", "97"))]
        rig.desk.egress.lines["test"].budget.buckets.take((("orders", 900),), rig.clock.now_ns())
        await asyncio.sleep(0)
        await sys.cancel_all()
        await asyncio.gather(*placing)
        assert rig.desk.blotter.open_orders() == []

    run_virtual(main())


def test_an_order_that_is_cancelled_while_the_disk_is_slow_never_leaves() -> None:
    """Its intent may be on record: beside it stands that nothing was sent."""

    async def main() -> None:
        rig, sys = await rigged()
        done = asyncio.Event()
        rig.journal.commit_now = lambda seq: False  # type: ignore[method-assign]

        async def committed(seq: int) -> None:
            await done.wait()

        rig.journal.committed = committed  # type: ignore[method-assign]
        placing = asyncio.ensure_future(sys.place_order(SYMBOL, "buy", "limit", "1", "99"))
        await asyncio.sleep(0)
        (order,) = rig.desk.blotter.open_orders()
        await sys.revoke_order(order.client_id)
        done.set()
        await placing
        assert (order.state, order.reason) == ("denied", "withdrawn")
        assert rig.venue.received == []
        assert [row.kind for row in rig.journal.kept if row.kind in ("intent", "outcome")] == ["intent", "outcome"]
        assert b'"never_sent"' in rig.journal.kept[-2].body + rig.journal.kept[-1].body

    run_virtual(main())
