"""A tape is the whole file, or as much of it as there is, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctosd.host.recorder.flightfile import Torn
from ctosd.host.recorder.records import Line
from ctosd.host.replay.tape import load
from tests.host.replay.reel import Scene, play, trade

FAULT = '{"level":"warning","event":"order_unknown","time":""}'


async def fail(scene: Scene) -> None:
    await trade(scene)
    scene.recorder.hear(FAULT)


def test_a_whole_tape_knows_its_fault(tmp_path: Path) -> None:
    tape = load(play(tmp_path, fail))
    assert tape.torn == ""
    assert tape.footer is not None
    assert tape.header.cause == FAULT
    (line,) = [each for each in tape.records if isinstance(each, Line) and each.text == FAULT]
    assert tape.fault_ns == line.time_ns
    assert [each.symbol for each in tape.header.instruments] == ["BTC/USDT:USDT"]


def test_a_torn_tape_has_what_is_whole(tmp_path: Path) -> None:
    path = play(tmp_path, trade)
    whole = load(path)
    path.write_bytes(path.read_bytes()[:-30])
    tape = load(path)
    assert tape.footer is None
    assert "torn" in tape.torn
    assert list(tape.records) == list(whole.records)[: len(tape.records)]


def test_what_has_no_header_is_no_tape(tmp_path: Path) -> None:
    path = tmp_path / "x.flight"
    path.write_bytes(b"nothing")
    with pytest.raises(Torn):
        load(path)
