"""Backpack's public wire: frames of its streams and market replies of its REST API, as the market events of the ABI.

`Decoder.decode` takes one frame and returns the stream it belongs to and what it tells: an event, `Refused`, or None.

- None, counted in `ignored`: what tells nothing (bars that are not closed, empty candles, one-sided books, other symbols)
- None, counted in `undecodable`: not a frame of this venue, or one that cannot be true; `reason` and `frame` keep the last

The envelope's keys come in either order. Engine times are microseconds; where a frame has none the server's time counts,
then the time of receipt. Sheet, sections 4 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Generic, TypeVar

import msgspec

from ctosd.abi import Bar, BookDelta, Funding, MarketEvent, Quote, Side, Trade
from drivers.backpack.instants import US, Moment, ns_of
from drivers.backpack.listing import Market
from drivers.backpack.timeframes import BY_NATIVE, span_ns

T = TypeVar("T")
Level = tuple[float, float]
Heard = MarketEvent | None

BROKEN = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
"""What reading garbage can raise: wrong types and JSON, wrong UTF-8, absurd numbers, nesting without end."""

MICROSECONDS = 100_000_000_000_000
"""A time above this is in microseconds, as all those of streams should be."""

STREAM = b'"stream":"'
LEAD = len(STREAM)
MOST_STREAMS = 4_096


class Refused(msgspec.Struct, frozen=True):
    """The server did not take a message of ours; it does not say which."""

    code: int
    message: str


class Frame(msgspec.Struct, Generic[T], gc=False):
    """The envelope of every stream."""

    data: T


class Ticker(msgspec.Struct, gc=False):
    """bookTicker: the best ask and bid with their sizes."""

    a: float
    A: float
    b: float
    B: float
    T: int = 0


class HalfTicker(msgspec.Struct, gc=False):
    """bookTicker when a side of the book may be empty, or the engine's time be missing."""

    a: float | None = None
    A: float | None = None
    b: float | None = None
    B: float | None = None
    T: int = 0
    E: int = 0


class Depth(msgspec.Struct):
    """depth: absolute sizes; a size of 0, in any number of decimals, deletes."""

    U: int
    u: int
    a: list[Level]
    b: list[Level]
    T: int = 0
    E: int = 0


class Tick(msgspec.Struct, gc=False):
    """trade. `m`: the buyer was the maker."""

    p: float
    q: float
    m: bool
    t: int | str = ""
    T: int = 0
    E: int = 0


class Candle(msgspec.Struct, gc=False, rename={"low": "l"}):
    """kline. `X` closed; prices are null where nothing traded. Times are text, or seconds in older descriptions."""

    t: Moment
    X: bool
    o: float | None = None
    c: float | None = None
    h: float | None = None
    low: float | None = None
    v: float | None = None


class Mark(msgspec.Struct, gc=False):
    """markPrice. `f` is the rate of the present interval, `n` the next payment in ms (µs in older descriptions)."""

    p: float
    f: float | None = None
    n: Moment = None
    T: int = 0
    E: int = 0


class _Error(msgspec.Struct):
    code: int | str = 0
    message: str = ""


class _Reply(msgspec.Struct):
    error: _Error | None = None


_read_ticker = msgspec.json.Decoder(Frame[Ticker], strict=False).decode
_read_half = msgspec.json.Decoder(Frame[HalfTicker], strict=False).decode
_read_reply = msgspec.json.Decoder(_Reply).decode


class Decoder:
    """Decodes the public frames of one venue. `markets` is the listing's table by native name, read at each meeting."""

    def __init__(self, venue: str, markets: Callable[[], Mapping[str, Market]]) -> None:
        self.venue = venue
        self.ignored = self.undecodable = self.refused = 0
        self.reason = ""
        self.frame = b""
        self._markets = markets
        self._streams: dict[bytes, tuple[str, Callable[[bytes, int], Heard] | None]] = {}

    def decode(self, frame: bytes, recv_ns: int) -> tuple[str, Heard | Refused]:
        """The stream of a frame, empty for none, and what it tells; see the module."""
        start = frame.rfind(STREAM) + LEAD
        if start < LEAD:
            tight = tightened(frame)
            return self.decode(tight, recv_ns) if tight else ("", self._reply(frame))
        entry = self._streams.get(frame[start:-2])  # the venue writes the stream last
        if entry is None:
            name = frame[start : frame.find(b'"', start)]
            entry = self._streams.get(name) or self._meet(name)
        stream, tell = entry
        if tell is None:
            self.ignored += 1
            return stream, None
        try:
            event = tell(frame, recv_ns)
        except BROKEN as error:
            self.broken(error, frame)
            return stream, None
        if event is None:
            self.ignored += 1
        return stream, event

    def broken(self, error: Exception, frame: bytes) -> None:
        """Count something that cannot be read."""
        self.undecodable += 1
        self.reason = str(error)
        self.frame = frame[:2_048]

    def _reply(self, frame: bytes) -> Refused | None:
        """A frame without an envelope: a refusal, or the acknowledgement that some servers give."""
        try:
            refused = refusal_in(frame)
        except BROKEN as fault:
            self.broken(fault, frame)
            return None
        self.refused += refused is not None
        self.ignored += refused is None
        return refused

    def _meet(self, name: bytes) -> tuple[str, Callable[[bytes, int], Heard] | None]:
        """How to read a stream that was not heard before. What is kept is bounded: a server may say anything."""
        stream = name.decode("utf-8", "replace")
        kind, _, rest = stream.partition(".")
        if kind in ("kline", "depth") and rest.partition(".")[0] in PARTS:
            part, _, rest = rest.partition(".")
        else:
            part = ""
        market = self._markets().get(rest)
        entry = (stream, self._teller(kind, part, market) if market is not None else None)
        if market is not None and len(self._streams) < MOST_STREAMS:
            self._streams[name] = entry
        return entry

    def _teller(self, kind: str, part: str, market: Market) -> Callable[[bytes, int], Heard] | None:
        symbol = market.symbol
        if kind == "bookTicker":
            return self._tickers(symbol)
        if kind == "depth":
            return self._depths(symbol)
        if kind == "trade":
            return self._trades(symbol)
        if kind == "kline":
            return self._candles(symbol, part)
        if kind == "markPrice":
            return self._marks(market)
        return None

    def statistics(self) -> dict[str, Any]:
        return {
            "ignored": self.ignored,
            "undecodable": self.undecodable,
            "refused": self.refused,
            "reason": self.reason,
        }

    # -- one reader for each stream: everything that does not change is bound once ------------------------------------------

    def _tickers(self, symbol: str) -> Callable[[bytes, int], Quote | None]:
        read, read_half = _read_ticker, _read_half
        venue = self.venue

        def tell(frame: bytes, recv_ns: int) -> Quote | None:
            try:
                tick = read(frame).data
                bid, ask = tick.b, tick.a
                bid_size, ask_size, time = tick.B, tick.A, tick.T
                if 0.0 < bid <= ask < inf and bid_size > 0.0 < ask_size and time > MICROSECONDS:
                    return Quote(venue, symbol, bid, bid_size, ask, ask_size, time * US)
            except msgspec.ValidationError:
                pass
            half = read_half(frame).data
            if not (half.b and half.a and half.B and half.A):
                return None  # one side of the book is empty
            if 0.0 < half.b <= half.a < inf and half.B > 0.0 < half.A:
                time_ns = moment_ns(half.T, half.E, recv_ns)
                return Quote(venue, symbol, half.b, half.B, half.a, half.A, time_ns)
            raise ValueError(f"bid {half.b} x {half.B} and ask {half.a} x {half.A} cannot stand together")

        return tell

    def _depths(self, symbol: str) -> Callable[[bytes, int], BookDelta]:
        read, venue = msgspec.json.Decoder(Frame[Depth], strict=False).decode, self.venue

        def tell(frame: bytes, recv_ns: int) -> BookDelta:
            depth = read(frame).data
            first, last, time = depth.U, depth.u, depth.T
            if last < first:
                raise ValueError(f"the update ids {first} to {last} run backwards")
            time_ns = time * US if time > MICROSECONDS else moment_ns(time, depth.E, recv_ns)
            return BookDelta(venue, symbol, depth.b, depth.a, time_ns, first, last)

        return tell

    def _trades(self, symbol: str) -> Callable[[bytes, int], Trade]:
        read, venue = msgspec.json.Decoder(Frame[Tick], strict=False).decode, self.venue

        def tell(frame: bytes, recv_ns: int) -> Trade:
            tick = read(frame).data
            price, size, time = tick.p, tick.q, tick.T
            if not (0.0 < price < inf and 0.0 < size < inf):
                raise ValueError(f"a trade of {size} at {price}")
            side: Side = "sell" if tick.m else "buy"
            time_ns = time * US if time > MICROSECONDS else moment_ns(time, tick.E, recv_ns)
            return Trade(venue, symbol, price, size, side, time_ns, f"{tick.t}")

        return tell

    def _candles(self, symbol: str, part: str) -> Callable[[bytes, int], Bar | None]:
        read, venue = msgspec.json.Decoder(Frame[Candle], strict=False).decode, self.venue
        timeframe = BY_NATIVE[part]

        def tell(frame: bytes, recv_ns: int) -> Bar | None:
            candle = read(frame).data
            return bar_of(venue, symbol, timeframe, candle) if candle.X else None

        return tell

    def _marks(self, market: Market) -> Callable[[bytes, int], Funding | None]:
        read, venue = msgspec.json.Decoder(Frame[Mark], strict=False).decode, self.venue
        symbol, interval_ns = market.symbol, market.interval_ns

        def tell(frame: bytes, recv_ns: int) -> Funding | None:
            mark = read(frame).data
            if mark.f is None or not interval_ns:
                return None
            if not (0.0 < mark.p < inf and abs(mark.f) < inf):
                raise ValueError(f"a funding rate of {mark.f} at a mark price of {mark.p}")
            time_ns = moment_ns(mark.T, mark.E, recv_ns)
            return Funding(venue, symbol, mark.f, mark.p, ns_of(mark.n), time_ns, interval_ns)

        return tell


def tightened(frame: bytes) -> bytes:
    """A frame with an envelope that was written with white space, without it; empty for every other."""
    if b'"stream"' not in frame or STREAM in frame:
        return b""
    try:
        tight = msgspec.json.format(frame, indent=-1)
    except BROKEN:
        return b""
    return tight if STREAM in tight else b""


def refusal_in(frame: bytes) -> Refused | None:
    """The error that a frame without an envelope carries; None for an acknowledgement. Raises `BROKEN` for garbage."""
    error = _read_reply(frame).error
    if error is None:
        return None
    return Refused(int(error.code) if str(error.code).lstrip("-").isdigit() else 0, error.message)


PARTS = frozenset({"200ms", "600ms", "1000ms", *BY_NATIVE})
"""What may stand between the kind of a stream and its symbol."""


def moment_ns(engine: int, server: int, recv_ns: int) -> int:
    """The first of two times that is one, else the time of receipt."""
    return ns_of(engine or server) or recv_ns


def bar_of(venue: str, symbol: str, timeframe: str, candle: Candle) -> Bar | None:
    """A closed candle as a bar; None for an empty one. Raises `ValueError` when it cannot be true."""
    first, last, high, low = candle.o, candle.c, candle.h, candle.low
    if first is None or last is None or high is None or low is None:
        return None
    volume = candle.v or 0.0
    if not (0.0 < low <= min(first, last) <= max(first, last) <= high < inf and 0.0 <= volume < inf):
        raise ValueError(f"a bar cannot have open {first} high {high} low {low} close {last} volume {volume}")
    open_ns = ns_of(candle.t)
    return Bar(venue, symbol, timeframe, first, high, low, last, volume, open_ns, open_ns + span_ns(timeframe, open_ns))
