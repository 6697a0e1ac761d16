"""What a flight recording holds, record by record, as it stands in the ring and in the file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctosd.abi.events import Bar, BookDelta, Event, Funding, Quote, Trade, VenueStatus, topic
from ctosd.abi.instruments import Instrument
from ctosd.abi.orders import Order
from ctosd.core.gate import Refusal, View

FORMAT = 1
OVERHEAD = 150
"""Bytes that a record costs in memory beside what it carries."""
HEARD = 380
"""And a frame with the event that it told."""
DECISION = 2_000
LEVEL = 130
"""And each level of a book: a tuple of two floats in a list."""


class Frame(msgspec.Struct, gc=False, tag="frame"):
    """One WebSocket frame. `lane` is the venue, its session, and which of its connections."""

    time_ns: int
    lane: str
    out: bool
    data: bytes


class Link(msgspec.Struct, gc=False, tag="link"):
    """A connection came up, or ended for a reason."""

    time_ns: int
    lane: str
    up: bool
    reason: str = ""


class Asked(msgspec.Struct, gc=False, tag="asked"):
    """An HTTP request without its headers: those carry the keys."""

    time_ns: int
    venue: str
    number: int
    method: str
    url: str
    body: bytes


class Answered(msgspec.Struct, gc=False, tag="answered"):
    """What came of request `number`; `error` when nothing came."""

    time_ns: int
    venue: str
    number: int
    status: int
    body: bytes
    error: str = ""


class Heard(msgspec.Struct, gc=False):
    """A frame that came in, and what was published while it was heard. In the ring only: one record for most of all."""

    time_ns: int
    lane: str
    data: bytes
    weight: int
    told: Event | list[Event] | None = None

    @property
    def events(self) -> list[Event]:
        told = self.told
        return told if isinstance(told, list) else [] if told is None else [told]


class Published(msgspec.Struct, gc=False):
    """An event that a driver published while no frame was heard. In the ring only."""

    time_ns: int
    topic: str
    event: Event


class Told(msgspec.Struct, gc=False, tag="event"):
    """An event in the file. `kind` is its class in `abi.events`; `heard` when it came of the frame before it."""

    time_ns: int
    topic: str
    heard: bool
    kind: str
    event: msgspec.Raw


class Decision(msgspec.Struct, gc=False, tag="decision"):
    """The gate's answer to one order, with all that decided it. `again`: the second look, after a wait for the rate limit."""

    time_ns: int
    order: Order
    view: View
    refusal: Refusal | None
    again: bool = False


class Entry(msgspec.Struct, gc=False, tag="row"):
    """A row handed to the journal."""

    time_ns: int
    seq: int
    kind: str
    key: str
    body: bytes


class Line(msgspec.Struct, gc=False, tag="log"):
    """A line of the log."""

    time_ns: int
    text: str


class Header(msgspec.Struct, tag="header"):
    """How the file begins. `drivers` maps a venue to its driver's module, `cause` is the log line of the fault."""

    format: int
    version: str
    boot: int
    time_ns: int
    event: str
    cause: str
    drivers: dict[str, str]
    instruments: Sequence[Instrument]


class Footer(msgspec.Struct, tag="end"):
    """How a whole file ends: how many records lie between, and every order of these minutes as the daemon had it."""

    records: int
    orders: Sequence[Order]


Held = Heard | Frame | Link | Asked | Answered | Published | Decision | Entry | Line
Record = Frame | Link | Asked | Answered | Told | Decision | Entry | Line


def levels_cost(book: BookDelta) -> int:
    """What the levels of a book take."""
    return LEVEL * (len(book.bids) + len(book.asks))


_CHANNELS = {Quote: "quotes", Trade: "trades", BookDelta: "book", Bar: "bars", Funding: "funding"}


def topic_of(event: Event) -> str:
    """The topic on which a driver publishes an event."""
    if isinstance(event, (Quote, Trade, BookDelta, Bar, Funding)):
        timeframe = event.timeframe if isinstance(event, Bar) else ""
        return topic(_CHANNELS[type(event)], event.venue, event.symbol, timeframe)
    if isinstance(event, VenueStatus):
        return topic("status", event.venue)
    return topic("private", event.account.partition("/")[0])


def cost(record: Held) -> int:
    """About what a record takes of the memory. The kinds that an order waits for come first."""
    if type(record) is Heard:
        return record.weight
    if type(record) is Entry:
        return OVERHEAD + len(record.body)
    if type(record) is Decision:
        return DECISION
    if type(record) is Frame:
        return OVERHEAD + len(record.data)
    if type(record) is Line:
        return OVERHEAD + len(record.text)
    if isinstance(record, Published):
        event = record.event
        return HEARD + (levels_cost(event) if isinstance(event, BookDelta) else 0)
    return OVERHEAD + (len(record.body) if isinstance(record, (Asked, Answered)) else 0)
