"""The checksum that `books` frames carried until 2026, for recordings: today the field is fixed to 0. (Sheet 9.4.)

Signed CRC-32 of the best 25 levels a side, ``bid:size:ask:size:…`` interleaved while both sides have one, with prices and
sizes exactly as the venue wrote them. So it is kept over texts, apart from the book that is traded on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from zlib import crc32

LEVELS = 25

Row = Sequence[str]


def checksum(bids: Sequence[Row], asks: Sequence[Row]) -> int:
    """The checksum of these levels, best first; price and size are the first two of each row."""
    parts = []
    for bid, ask in zip_longest(bids[:LEVELS], asks[:LEVELS]):
        parts += [side for row in (bid, ask) if row is not None for side in (row[0], row[1])]
    value = crc32(":".join(parts).encode())
    return value - (1 << 32) if value >> 31 else value


class TextBook:
    """A book of texts: what the venue wrote, by price."""

    def __init__(self) -> None:
        self._bids: dict[float, Row] = {}
        self._asks: dict[float, Row] = {}

    def apply(self, bids: Sequence[Row], asks: Sequence[Row], *, snapshot: bool) -> int:
        """Take in a frame's levels; returns the checksum of the book after it."""
        if snapshot:
            self._bids.clear()
            self._asks.clear()
        for side, rows in ((self._bids, bids), (self._asks, asks)):
            for row in rows:
                if float(row[1]):
                    side[float(row[0])] = row
                else:
                    side.pop(float(row[0]), None)
        return checksum(*self.levels(LEVELS))

    def levels(self, n: int) -> tuple[list[Row], list[Row]]:
        """The best `n` levels of bids and of asks, best first."""
        bids = [self._bids[price] for price in sorted(self._bids, reverse=True)[:n]]
        asks = [self._asks[price] for price in sorted(self._asks)[:n]]
        return bids, asks
