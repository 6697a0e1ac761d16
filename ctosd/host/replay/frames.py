"""Every frame, decoded again by its venue's own wire: it must tell what was published while it was heard.

A driver that can be asked has a module `replay` in its package, with ``reader(venue, instruments)``: a function of a frame
and its time of receipt that gives the events of markets, and the fills and orders. Of these two everything is compared but
whose they are: a frame does not tell. Balances and positions, which drivers sum up, are not compared. What a driver makes of more than one frame (books that are put
together, bars that fill a hole, funding that waits for a mark) is compared where the frame alone says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec

from ctosd.abi import events
from ctosd.abi.events import Bar, BookDelta, Event, Fill, Funding, OrderUpdate, Quote, Trade
from ctosd.abi.instruments import Instrument
from ctosd.host.recorder.records import Frame, Record, Told
from ctosd.host.replay.tape import Difference, Tape

Reader = Callable[[bytes, int], Sequence[Event]]
STRAIGHT = (Quote, Trade)
"""What is published as it is decoded, one for one."""
MARKET = (Quote, Trade, BookDelta, Bar, Funding)
OWN = (Fill, OrderUpdate)
COMPARED = (*MARKET, *OWN)


@dataclass(slots=True)
class Heard:
    """What came of decoding again. `silent` told something that nobody followed; `unread` are venues without a reader."""

    frames: int = 0
    events: int = 0
    compared: int = 0
    silent: int = 0
    unread: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)


def event_of(told: Told) -> Event:
    """The event of a record. Raises `msgspec.MsgspecError` for one of another version."""
    event: Event = msgspec.msgpack.decode(told.event, type=getattr(events, told.kind))
    return event


def readers(drivers: Mapping[str, str], instruments: Sequence[Instrument]) -> dict[str, Reader]:
    """A reader for each venue whose driver has one."""
    found: dict[str, Reader] = {}
    for venue, module in drivers.items():
        name = f"{module.rpartition('.')[0]}.replay"
        if module.count(".") and find_spec(name) is not None:
            found[venue] = import_module(name).reader(venue, [each for each in instruments if each.venue == venue])
    return found


def decode_again(tape: Tape) -> Heard:
    """Decode all frames of a tape again and compare."""
    heard = Heard()
    known = readers(tape.header.drivers, tape.header.instruments)
    for frame, told in _scenes(tape.records):
        venue = frame.lane.partition(" ")[0]
        heard.frames += 1
        reader = known.get(venue)
        if reader is None:
            heard.unread.add(venue)
            continue
        again = reader(frame.data, frame.time_ns)
        published = [event for each in told if isinstance(event := event_of(each), COMPARED)]
        heard.events += len(again)
        heard.compared += len(published)
        heard.silent += bool(again) and not published
        if published and (wrong := _compare(published, again)):
            heard.differences.append(Difference(frame.time_ns, f"frame of {frame.lane}: {shown(frame.data)}", *wrong))
    return heard


def _scenes(records: Iterable[Record]) -> Iterator[tuple[Frame, list[Told]]]:
    """Each frame that came in, with what was published while it was heard."""
    frame: Frame | None = None
    told: list[Told] = []
    for each in records:
        if isinstance(each, Frame) and not each.out:
            if frame is not None:
                yield frame, told
            frame, told = each, []
        elif isinstance(each, Told) and each.heard and frame is not None:
            told.append(each)
    if frame is not None:
        yield frame, told


def _compare(published: Sequence[Event], again: Sequence[Event]) -> tuple[str, str] | None:
    was = [each for each in published if isinstance(each, STRAIGHT)]
    now = [each for each in again if isinstance(each, STRAIGHT)]
    if was != now:
        return _said(was), _said(now)
    for each in published:
        same = [other for other in again if type(other) is type(each)]
        if not _is_told(each, same):
            return _said([each]), _said(same)
    return None


def _is_told(event: Event, same: Sequence[Any]) -> bool:
    """Whether what was decoded again tells the event, as far as one frame can."""
    if isinstance(event, OWN):
        return _nameless(event) in map(_nameless, same)
    if isinstance(event, Funding):
        return not same or any((each.rate, each.next_ns) == (event.rate, event.next_ns) for each in same)
    if isinstance(event, BookDelta) and event.snapshot:
        return True  # it may be put together from this frame and those before it
    return event in same


def _nameless(event: Any) -> Any:
    """Without whose it is, and by what name: the driver's memory and its store know that."""
    venue_id = event.venue_id if isinstance(event, Fill) else ""
    return msgspec.structs.replace(event, account="", client_id="", venue_id=venue_id)


def _said(some: Sequence[Event]) -> str:
    return "; ".join(map(repr, some)) or "nothing"


def shown(data: bytes, most: int = 160) -> str:
    text = data[:most].decode("utf-8", "backslashreplace")
    return text if len(data) <= most else f"{text}…"
