"""Raw recorded feeds: lines of ``LOCAL_NS FRAME``, decoded while they flow.

Nothing is kept in memory. A frame that cannot be decoded is counted, and the first is logged with its line; when none of
the first frames can, the decoder is the wrong one and the feed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ctosd.abi.driver import Log
from ctosd.abi.errors import Misconfigured
from ctosd.abi.events import MarketEvent
from ctosd.host.archive.description import Description
from ctosd.host.archive.faults import fault, shown
from ctosd.host.archive.feed import Row
from ctosd.host.archive.instants import epoch_scale, iso
from ctosd.host.archive.source import lines

Decode = Callable[[bytes, int], MarketEvent | None]
"""Frame and time of receipt in ns → event, or None. Its own `undecodable` count, if it has one, is read."""

TRIAL = 200
"""Frames at the start of which at least one must be understood."""


class FrameFeed:
    """One raw recording. Iterating again starts again, with the counts at zero."""

    def __init__(self, description: Description, decoder: Decode, log: Log) -> None:
        self.path: Path = description.path
        self.start_ns, self.end_ns = description.start_ns, description.end_ns
        self.decoder = getattr(decoder, "__self__", decoder)  # what counts, when a bound method was given
        self.decode: Decode = getattr(decoder, "decode", decoder)
        self.log = log
        self.first_ns = 0
        self.first_bad = ""
        self.scale = self._try()
        self._restart()

    def _restart(self) -> None:
        self.line = self.events = self.last_ns = self.undecodable = 0

    def _try(self) -> int:
        """Read the first lines; the unit of their times in ns.

        Raises:
            Misconfigured: the first line has no time, or no frame is understood.
        """
        some = list(islice((line for block in lines(self.path) for line in block), TRIAL))
        text, _, _ = some[0].partition(b" ")
        scale = epoch_scale(int(text)) if text.isdigit() else 0
        if not scale:
            raise self._fault(1, f"{shown(some[0])} does not begin with a time", "write lines of `LOCAL_NS FRAME`")
        self.first_ns = int(text) * scale
        before = self._count()
        heard = [self.decode(line.partition(b" ")[2], 0) for line in some]
        if self._count() - before == len(some) and not any(heard):
            reason = getattr(self.decoder, "reason", "")
            raise self._fault(1, f"no frame of the first {len(some)} is understood ({reason})", "correct `decoder:`")
        return scale

    def _count(self) -> int:
        return int(getattr(self.decoder, "undecodable", 0))

    def __iter__(self) -> Iterator[Row]:
        self._restart()
        decode, scale, end_ns, last = self.decode, self.scale, self.end_ns, self.start_ns
        bad = self._count()
        for block in lines(self.path):
            for line in block:
                self.line += 1
                text, _, frame = line.partition(b" ")
                try:
                    ns = int(text) * scale
                except ValueError:
                    raise self._untimed(line) from None
                if ns < last:
                    if self.last_ns:
                        raise self._backward(ns)
                    continue  # before the start of the range
                if ns >= end_ns:
                    return self._ended()
                event = decode(frame, ns)
                self.last_ns = last = ns
                if event is not None:
                    self.events += 1
                    yield ns, event
                elif (now := self._count()) != bad:
                    bad = now
                    self._undecoded(line)
        return self._ended()

    def _ended(self) -> None:
        if not self.events:
            what = f"none of its {self.line} lines gave an event"
            raise fault(self.path, what, "check `symbol:`, `decoder:`, `start:` and `end:` of the feed")

    def _undecoded(self, line: bytes) -> None:
        self.undecodable += 1
        if not self.first_bad:
            self.first_bad = f"line {self.line}"
            reason = str(getattr(self.decoder, "reason", ""))
            self.log.warning(
                "archive_undecodable", path=str(self.path), line=self.line, reason=reason, frame=shown(line, 120)
            )

    def _untimed(self, line: bytes) -> Misconfigured:
        if not line.strip():
            return self._fault(self.line, "the line is empty", "delete it")
        return self._fault(self.line, f"{shown(line)} does not begin with a time", "delete the line")

    def _backward(self, ns: int) -> Misconfigured:
        what = f"time goes back from {iso(self.last_ns)} to {iso(ns)}"
        return self._fault(self.line, what, "sort the lines by their first word, or split the file there")

    def _fault(self, line: int, what: str, remedy: str) -> Misconfigured:
        return fault(self.path, what, remedy, f"line {line}")

    def statistics(self) -> dict[str, Any]:
        return {
            "kind": "frames",
            "rows": self.line,
            "events": self.events,
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "gaps": 0,
            "dropped": self.line - self.events - self.undecodable,
            "undecodable": self.undecodable,
            "first_undecodable": self.first_bad,
        }
