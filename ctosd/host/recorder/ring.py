"""The ring: what was heard, said and decided in the last minutes, bounded by time and by bytes.

Hearing a frame must cost next to nothing: nothing is copied or encoded here. The records are outside of the garbage
collector's sight, so that keeping a hundred thousand of them makes no collection longer.
"""

from __future__ import annotations

from collections import deque

from ctosd.host.recorder.records import Heard, Held, cost

MINUTE = 60_000_000_000


class Ring:
    """The newest records. `hearing` is the frame that is being taken in, None between frames."""

    __slots__ = ("hearing", "limit", "records", "shed", "size", "span_ns")

    def __init__(self, minutes: float, limit: int) -> None:
        self.records: deque[Held] = deque()
        self.span_ns = int(minutes * MINUTE)
        self.limit = limit
        self.size = 0
        self.shed = 0  # records that had to go before their time
        self.hearing: Heard | None = None

    def put(self, record: Held, weight: int = 0) -> None:
        """Keep one record; `weight` is its cost where that is known. The tap of frames does the same in line."""
        self.records.append(record)
        self.size += weight or cost(record)
        if self.size > self.limit:
            self.make_room()

    def make_room(self) -> None:
        """Let the oldest go: a few for each new one, so that no frame waits for many."""
        records, limit = self.records, self.limit
        while self.size > limit and records:
            old = records.popleft()
            self.size -= old.weight if type(old) is Heard else cost(old)
            self.shed += 1

    def age(self, now_ns: int) -> None:
        """Let go what is older than the span."""
        records, from_ns = self.records, now_ns - self.span_ns
        while records and records[0].time_ns < from_ns:
            self.size -= cost(records.popleft())
