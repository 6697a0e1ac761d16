"""A recording told to a person: one line a happening, market data counted rather than shown, the fault marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ctosd.abi.events import Event, Fill, OrderUpdate
from ctosd.host.logs.sentences import sentence
from ctosd.host.recorder.records import Answered, Asked, Decision, Entry, Frame, Line, Link, Record, Told
from ctosd.host.replay.decisions import verdict
from ctosd.host.replay.frames import MARKET, event_of, shown
from ctosd.host.replay.tape import Tape

SECOND = 1_000_000_000
LONG = 400


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. `fault` marks what the recording was made for."""

    time_ns: int
    kind: str
    text: str
    fault: bool = False

    def plain(self) -> dict[str, Any]:
        return {"time_ns": self.time_ns, "kind": self.kind, "text": self.text, "fault": self.fault}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a recording is told: so many seconds on both sides of the fault, of one strategy, with each frame."""

    around_s: float | None = None
    strategy: str = ""
    frames: bool = False


def timeline(tape: Tape, wanted: Wanted) -> Iterator[Moment]:
    """The moments of a tape in order."""
    near_ns = tape.fault_ns
    span_ns = None if wanted.around_s is None else int(wanted.around_s * SECOND)
    quiet, quiet_ns = 0, 0
    for each in tape.records:
        if span_ns is not None and abs(each.time_ns - near_ns) > span_ns:
            continue
        moment = _moment(each, tape, wanted)
        if moment is None:
            quiet += isinstance(each, Told) and not wanted.strategy
            quiet_ns = each.time_ns
            continue
        if quiet:
            yield Moment(quiet_ns, "market", f"({quiet} market events; --frames shows them)")
            quiet = 0
        yield moment
    if quiet:
        yield Moment(quiet_ns, "market", f"({quiet} market events; --frames shows them)")
    if not tape.header.cause:
        yield Moment(tape.header.time_ns, "fault", f"frozen: {tape.header.event}", True)


def _moment(each: Record, tape: Tape, wanted: Wanted) -> Moment | None:
    """A record as a line; None for what is not asked for."""
    if isinstance(each, Line):
        return _line(each, tape, wanted)
    if isinstance(each, Decision):
        return _decision(each) if wanted.strategy in ("", each.order.strategy) else None
    if isinstance(each, Entry):
        return _entry(each) if not wanted.strategy or _names(each.body, each.key, wanted.strategy) else None
    if wanted.strategy:
        return None
    if isinstance(each, Told):
        return _told(each, wanted)
    if isinstance(each, Frame):
        arrow = "->" if each.out else "<-"
        known = each.out or wanted.frames
        return Moment(each.time_ns, "frame", f"{each.lane} {arrow} {shown(each.data, LONG)}") if known else None
    if isinstance(each, Link):
        text = f"{each.lane} is connected" if each.up else f"{each.lane} is gone: {each.reason}"
        return Moment(each.time_ns, "link", text)
    return _http(each, wanted)


def _http(each: Asked | Answered, wanted: Wanted) -> Moment:
    if isinstance(each, Asked):
        body = f" {shown(each.body, LONG)}" if each.body else ""
        return Moment(each.time_ns, "http", f"{each.venue} request {each.number}: {each.method} {each.url}{body}")
    what = each.error or f"{each.status} {shown(each.body, LONG if wanted.frames else 120)}"
    return Moment(each.time_ns, "http", f"{each.venue} answer {each.number}: {what}")


def _line(each: Line, tape: Tape, wanted: Wanted) -> Moment | None:
    record: dict[str, Any] = msgspec.json.decode(each.text)
    if wanted.strategy and record.get("strategy") != wanted.strategy and each.text != tape.header.cause:
        return None
    return Moment(each.time_ns, str(record.get("level", "")), sentence(record), each.text == tape.header.cause)


def _decision(each: Decision) -> Moment:
    order, view = each.order, each.view
    price = "the market" if order.price is None else str(order.price)
    seen = f"market {view.price}, position {view.position}, {view.open_orders} open, trading {view.mode}"
    what = f"{order.strategy}: {order.side} {order.size} {order.symbol} at {price} ({order.client_id})"
    what = f"{what}, after its wait" if each.again else what
    return Moment(each.time_ns, "decision", f"{what}: {verdict(each.refusal)} [{seen}]")


def _entry(each: Entry) -> Moment:
    key = f" {each.key}" if each.key else ""
    return Moment(each.time_ns, "journal", f"row {each.seq} {each.kind}{key}: {shown(each.body, LONG)}")


def _told(each: Told, wanted: Wanted) -> Moment | None:
    event = event_of(each)
    if isinstance(event, MARKET) and not wanted.frames:
        return None
    return Moment(each.time_ns, "event", f"{each.topic}: {_said(event)}")


def _said(event: Event) -> str:
    if isinstance(event, Fill):
        return (
            f"fill {event.trade_id} of {event.client_id}: {event.side} {event.size} at {event.price}, fee {event.fee}"
        )
    if isinstance(event, OrderUpdate):
        because = f" ({event.reason})" if event.reason else ""
        return f"order {event.client_id} is {event.state}{because}, filled {event.filled} of {event.size}"
    return repr(event)


def _names(body: bytes, key: str, strategy: str) -> bool:
    return key == strategy or f'"strategy":"{strategy}"'.encode() in body


def clock(time_ns: int) -> str:
    """The time of day, UTC, in microseconds."""
    second, rest = divmod(time_ns, SECOND)
    return f"{datetime.fromtimestamp(second, UTC):%H:%M:%S}.{rest // 1_000:06d}"
