"""The timeline tells what happened in order, in words, with the fault marked; and of one strategy what is its own."""

from __future__ import annotations

from pathlib import Path

from ctosd.host.replay.tape import Tape, load
from ctosd.host.replay.timeline import Wanted, clock, timeline
from tests.host.replay.reel import SYMBOL, Scene, listen, play
from tests.host.replay.test_frames import follow

FAULT = '{"level":"warning","event":"order_unknown","strategy":"mine","symbol":"BTC/USDT:USDT","message":"no answer"}'
OTHER = '{"level":"info","event":"strategy_stopped","strategy":"other"}'


async def act(scene: Scene) -> None:
    await scene.sys.place_order(SYMBOL, "buy", "limit", "1", "99")
    await scene.sys.place_order(SYMBOL, "buy", "limit", "1", "120")
    scene.recorder.hear(OTHER)
    await scene.rig.clock.sleep(20)
    scene.recorder.hear(FAULT)


def told(tape: Tape, **wanted: object) -> list[str]:
    return [f"{moment.kind} {moment.text}" for moment in timeline(tape, Wanted(**wanted))]  # type: ignore[arg-type]


def test_it_tells_decisions_rows_and_the_log_with_the_fault_marked(tmp_path: Path) -> None:
    tape = load(play(tmp_path, act))
    moments = list(timeline(tape, Wanted()))
    text = "\n".join(moment.text for moment in moments)
    assert "mine: buy 1 BTC/USDT:USDT at 99 (ctos" in text
    assert ": allowed [market 100" in text
    assert "refused, price_band: buy at 120 is more than 10.0% beyond the market at 100" in text
    assert "intent mine" in text
    (fault,) = [moment for moment in moments if moment.fault]
    assert fault.text.startswith("mine: nobody knows yet whether the venue took an order on BTC/USDT:USDT")
    assert [moment.time_ns for moment in moments] == sorted(moment.time_ns for moment in moments)
    assert fault.plain()["fault"] is True


def test_around_the_fault_there_is_only_what_is_near(tmp_path: Path) -> None:
    tape = load(play(tmp_path, act))
    near = told(tape, around_s=5.0)
    assert any("nobody knows yet" in each for each in near)
    assert not any("buy 1 BTC" in each for each in near)
    assert any("buy 1 BTC" in each for each in told(tape, around_s=60.0))


def test_of_one_strategy_only_its_own_and_the_fault(tmp_path: Path) -> None:
    tape = load(play(tmp_path, act))
    other = told(tape, strategy="other")
    assert any("other stopped" in each for each in other)
    assert any("nobody knows yet" in each for each in other)
    assert not any(each.startswith(("decision", "journal")) for each in other)
    mine = told(tape, strategy="mine")
    assert sum(each.startswith("decision") for each in mine) == 2
    assert not any("other stopped" in each for each in mine)


def test_market_data_is_counted_unless_frames_are_asked_for(tmp_path: Path) -> None:
    tape = listen(tmp_path, "okx", follow, seconds=5.0)
    short, long = told(tape), told(tape, frames=True)
    assert any("market events; --frames shows them" in each for each in short)
    assert any(each.startswith("frame okx lane #") and " -> " in each for each in short)
    assert not any(" <- " in each for each in short)
    assert len(long) > 2 * len(short)
    assert any(" <- " in each for each in long)
    assert any("Quote(" in each for each in long)
    assert any(each == "fault frozen: asked" for each in short)


def test_the_time_of_day() -> None:
    assert clock(1_700_000_000_123_456_789) == "22:13:20.123456"
