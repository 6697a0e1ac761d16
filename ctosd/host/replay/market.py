"""The market of a recording as a recorded market: the paper venue plays it, and a strategy lives through it again.

Lines of ``LOCAL_NS EVENT``, a raw feed whose frames are the events as they were published: whatever venue they came from,
books and what was asked for by REST included. Its decoder is called `flight`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ctosd.abi.events import MarketEvent
from ctosd.host.recorder.records import Record, Told
from ctosd.host.replay.frames import MARKET, event_of
from ctosd.host.replay.tape import Tape

DECODER = "flight"


class _Event(msgspec.Struct):
    kind: str
    event: msgspec.Raw


_KINDS: dict[str, type[MarketEvent]] = {kind.__name__: kind for kind in MARKET}
_read = msgspec.json.Decoder(_Event).decode
_write = msgspec.json.Encoder().encode


def extract(tape: Tape, path: Path) -> tuple[int, list[str]]:
    """Write the market of a tape to `path`; returns how many events it has, and their symbols. Raises `OSError`."""
    count, symbols = 0, dict[str, None]()
    with path.open("wb") as file:
        for time_ns, event in _events(tape.records):
            body = _write({"kind": type(event).__name__, "event": event})
            file.write(b"%d %b\n" % (time_ns, body))
            symbols[event.symbol] = None
            count += 1
    return count, list(symbols)


def _events(records: Iterable[Record]) -> Iterator[tuple[int, MarketEvent]]:
    last_ns = 0
    for each in records:
        if isinstance(each, Told) and isinstance(event := event_of(each), MARKET):
            last_ns = max(last_ns, each.time_ns)  # a feed's time never goes back
            yield last_ns, event


class EventDecoder:
    """Reads the lines that `extract` wrote, as events of `venue`."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.undecodable = 0
        self.reason = ""

    def decode(self, frame: bytes, recv_ns: int) -> MarketEvent | None:
        """See `host.archive.frames.Decode`."""
        try:
            told = _read(frame)
            return replace(msgspec.json.decode(told.event, type=_KINDS[told.kind]), venue=self.venue)
        except (msgspec.MsgspecError, KeyError) as error:
            self.undecodable += 1
            self.reason = str(error)
            return None

    __call__ = decode
