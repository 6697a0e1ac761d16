"""Frames of every venue, decoded again by its own wire, tell what was published while they were heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ctosd.abi.events import BookDelta, Funding, Quote, Trade
from ctosd.host.recorder.records import Frame, Told
from ctosd.host.replay.frames import decode_again, event_of, readers, shown
from ctosd.host.replay.tape import Tape
from ctosd.testing.conformance.world import World
from tests.host.replay.reel import SUBJECTS, listen, raw, texts


async def follow(world: World) -> None:
    for channel in ("quotes", "trades", "book", "funding"):
        await world.driver.subscribe(channel, world.symbol)
    await world.driver.subscribe("bars", world.symbol, "1m")


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_decoded_again_is_what_was_published(name: str, tmp_path: Path) -> None:
    tape = listen(tmp_path, name, follow, seconds=90.0)
    heard = decode_again(tape)
    assert not heard.differences, texts(heard.differences)
    assert heard.compared > 100
    assert not heard.unread
    kinds = {type(event_of(each)) for each in tape.records if isinstance(each, Told)}
    assert {Quote, Trade, BookDelta, Funding} <= kinds


@pytest.mark.parametrize("name", SUBJECTS)
def test_an_event_or_a_frame_that_was_changed_is_named(name: str, tmp_path: Path) -> None:
    """Each kind that is compared one for one: another price in the event is found, and so is another frame."""
    tape = listen(tmp_path, name, follow, seconds=5.0)
    told = [each for each in tape.records if isinstance(each, Told) and each.heard]
    for kind, field in ((Quote, "bid"), (Trade, "price"), (BookDelta, "time_ns")):
        some = next(each for each in reversed(told) if each.kind == kind.__name__)
        event: Any = event_of(some)
        other = replace(some, event=raw(replace(event, **{field: getattr(event, field) + 1})))
        heard = decode_again(changed(tape, some, other))
        assert len(heard.differences) == 1, kind
        assert "lane #" in heard.differences[0].place
        assert heard.differences[0].recorded != heard.differences[0].again
    last = next(each for each in reversed(told) if each.kind == "Quote")
    before = tape.records[: tape.records.index(last)]
    frame = next(each for each in reversed(before) if isinstance(each, Frame))
    heard = decode_again(changed(tape, frame, replace(frame, data=b'{"nothing":1}')))
    assert len(heard.differences) == 1
    assert "nothing" in heard.differences[0].place


def changed(tape: Tape, old: object, new: Any) -> Tape:
    records = [new if each is old else each for each in tape.records]
    return Tape(tape.path, tape.header, records, tape.footer, "")


def test_a_driver_without_a_reader_is_said_to_have_none(tmp_path: Path) -> None:
    tape = listen(tmp_path, "okx", follow, seconds=1.0)
    tape.header.drivers["okx"] = "ctosd.testing.venue"
    heard = decode_again(tape)
    assert heard.unread == {"okx"}
    assert heard.compared == 0
    assert readers({"x": "alone"}, ()) == {}


def test_long_frames_are_cut_where_they_are_shown() -> None:
    assert shown(b"x" * 500) == "x" * 160 + "…"
    assert shown(b"\xff") == "\\xff"
