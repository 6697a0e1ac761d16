"""Decisions made again come out the same, and one that was changed is named."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

from msgspec.structs import replace

from ctosd.core.gate import Refusal
from ctosd.host.recorder.records import Decision
from ctosd.host.replay.decisions import decide_again
from ctosd.host.replay.tape import load
from tests.host.replay.reel import SYMBOL, Scene, play, texts, trade


def test_every_decision_comes_out_the_same(tmp_path: Path) -> None:
    tape = load(play(tmp_path, trade))
    count, found = decide_again(tape.records)
    assert count == 6
    assert not found, texts(found)
    verdicts = [each.refusal for each in tape.records if isinstance(each, Decision)]
    assert [each.reason for each in verdicts if each is not None] == ["price_band"]


async def wait_and_halt(scene: Scene) -> None:
    """An order waits for the venue's rate limit, and trading is halted meanwhile."""
    rig = scene.rig
    rig.desk.egress.lines["test"].budget.buckets.take((("orders", 900),), rig.clock.now_ns())
    placing = asyncio.ensure_future(scene.sys.place_order(SYMBOL, "buy", "limit", "1", "99"))
    await asyncio.sleep(0)
    rig.desk.switch.set("halted", "a person", "test")
    await placing


def test_the_second_look_is_recorded_and_made_again(tmp_path: Path) -> None:
    tape = load(play(tmp_path, wait_and_halt))
    decisions = [each for each in tape.records if isinstance(each, Decision)]
    assert [(each.again, each.refusal and each.refusal.reason) for each in decisions] == [
        (False, None),
        (True, "halted"),
    ]
    assert decide_again(tape.records) == (2, [])
    count, found = decide_again([replace(decisions[1], refusal=None)])
    assert (count, len(found)) == (1, 1)


def test_what_was_seen_otherwise_or_answered_otherwise_is_named(tmp_path: Path) -> None:
    """The order, the view and the verdict hang together: whichever of them is changed, the decision is found."""
    tape = load(play(tmp_path, trade))
    decisions = [each for each in tape.records if isinstance(each, Decision)]
    allowed = next(each for each in decisions if each.refusal is None)
    changed = [
        replace(allowed, refusal=Refusal("halted", "no")),
        replace(allowed, order=replace(allowed.order, price=D(150))),
        replace(allowed, view=replace(allowed.view, venue_up=False)),
    ]
    for each in changed:
        count, (found,) = decide_again([each])
        assert count == 1
        assert allowed.order.client_id in found.place
        assert found.recorded != found.again
