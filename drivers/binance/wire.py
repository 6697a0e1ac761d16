"""Binance's public frames, spot and USDⓈ-M, as market events.

Pure and typed: a cheap look at the first bytes picks the decoder of the channel, and prices and sizes go straight to
floats. No frame raises. What becomes of one:

- an event
- None, counted in `Decoder.ignored`: nothing to tell (an acknowledgement, a bar that is still open, a channel or a
  symbol that was not asked for, a book with one side)
- None, counted in `Decoder.undecodable`: not a frame of this venue, or one that cannot be true; `Decoder.reason` and
  `Decoder.frame` keep the last

Times are the venue's own; where it gives none (spot bookTicker, spot snapshots) the time of receipt stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Generic, TypeVar

import msgspec

from ctosd.abi.events import Bar, BookDelta, Funding, MarketEvent, Quote, Trade
from ctosd.abi.instruments import Side

MS = 1_000_000
T = TypeVar("T")
Level = tuple[float, float]
Handler = Callable[[bytes, int], MarketEvent | None]

BROKEN = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
"""What reading garbage can raise: wrong types and JSON, wrong UTF-8, absurd numbers, nesting without end."""

HEAD = 32
"""Bytes at the start of a frame that are the same in all frames of one combined stream, and tell its channel."""
MOST_HEADS = 4_096

SPOT_TICKERS = tuple(b'{"u":%d' % digit for digit in range(10))
"""How a bare spot bookTicker begins; the only event of its kind without a name."""

read_any = msgspec.json.Decoder(dict[str, Any] | list[Any]).decode

# -- shapes: Binance's own one-letter keys, only those that are needed ------------------------------------------------------


class Combined(msgspec.Struct, Generic[T], gc=False):
    """A frame of a combined stream."""

    data: T


class Ticker(msgspec.Struct, gc=False):
    """bookTicker. Spot sends no time."""

    s: str
    b: float
    B: float
    a: float
    A: float
    T: int = 0


class Tick(msgspec.Struct, gc=False):
    """trade. `m`: the buyer was the maker."""

    s: str
    t: int
    p: float
    q: float
    T: int
    m: bool


class AggTick(msgspec.Struct, gc=False):
    """aggTrade: the trades of one order at one price."""

    s: str
    a: int
    p: float
    q: float
    T: int
    m: bool


class Depth(msgspec.Struct):
    """depthUpdate. Only USDⓈ-M sends `T` and `pu`."""

    s: str
    U: int
    u: int
    b: list[Level]
    a: list[Level]
    E: int
    T: int = 0
    pu: int = 0


class Snapshot(msgspec.Struct, rename={"last_id": "lastUpdateId"}):
    """The answer to GET depth, or a spot partial book. Only USDⓈ-M sends times; none names its symbol."""

    last_id: int
    bids: list[Level]
    asks: list[Level]
    E: int = 0
    T: int = 0


class Candle(msgspec.Struct, gc=False, rename={"low": "l"}):
    """The bar inside of kline. `t` first ms, `T` last ms, `x` closed."""

    t: int
    T: int
    i: str
    o: float
    c: float
    h: float
    low: float
    v: float
    x: bool


class Kline(msgspec.Struct, gc=False):
    s: str
    k: Candle


class Mark(msgspec.Struct, gc=False):
    """markPriceUpdate. `r` is empty for contracts without funding."""

    s: str
    p: float
    r: str
    T: int
    E: int


class Decoder:
    """Decodes the public frames of one venue; bind `decode` once per connection.

    `symbols` maps Binance's names to unified symbols: ``{"BTCUSDT": "BTC/USDT:USDT"}``.
    """

    def __init__(self, venue: str, symbols: Mapping[str, str]) -> None:
        self.venue = venue
        self.symbols = dict(symbols)
        self.ignored = self.undecodable = 0
        self.reason = ""
        self.frame = b""
        self._by_name: dict[str, tuple[Any, Callable[[Any, int], MarketEvent | None]]] = {
            "bookTicker": (Ticker, self._ticker),
            "trade": (Tick, self._trade),
            "aggTrade": (AggTick, self._agg_trade),
            "depthUpdate": (Depth, self._depth),
            "kline": (Kline, self._kline),
            "markPriceUpdate": (Mark, self._mark),
        }
        # Six bytes after the @ tell the channel of a combined frame; the first six those of a bare one.
        names = {
            "bookTicker": b"bookTi",
            "trade": b'trade"',
            "aggTrade": b"aggTra",
            "kline": b"kline_",
            "markPriceUpdate": b"markPr",
        }
        self._handlers: dict[bytes, Handler] = {
            start: self._handler(name, combined=True) for name, start in names.items()
        }
        self._handlers[b"depth@"] = self._handlers[b'depth"'] = self._handler("depthUpdate", combined=True)
        self._handlers |= dict.fromkeys(SPOT_TICKERS, self._handler("bookTicker", combined=False))
        self._handlers[b'{"e":"'] = self._bare
        self._bare_handlers = {name[:4].encode(): self._handler(name, combined=False) for name in self._by_name}
        self._heads: dict[bytes, Handler] = {}
        self._ticker_heads: set[bytes] = set()
        self._read_ticker = msgspec.json.Decoder(Combined[Ticker], strict=False).decode
        self._read_snapshot = msgspec.json.Decoder(Snapshot, strict=False).decode

    # -- frames ---------------------------------------------------------------------------------------------------------

    def decode(self, frame: bytes, recv_ns: int) -> MarketEvent | None:
        """The event of one frame, received at `recv_ns`; see the module for what None means."""
        try:
            head = frame[:HEAD]
            if head in self._ticker_heads:  # two frames of three: read without another call
                tick = self._read_ticker(frame).data
                bid, ask = tick.b, tick.a
                if 0.0 < bid <= ask < inf and tick.B >= 0.0 and tick.A >= 0.0:
                    time_ns = tick.T * MS or recv_ns
                    return Quote(self.venue, self.symbols[tick.s], bid, tick.B, ask, tick.A, time_ns)
            event = (self._heads.get(head) or self._meet(frame, head))(frame, recv_ns)
            self.ignored += event is None
            return event
        except KeyError:
            self.ignored += 1  # a symbol that was not asked for
        except BROKEN as error:
            self._broken(error, frame)
        return None

    __call__ = decode

    def snapshot(self, frame: bytes, native: str, recv_ns: int) -> BookDelta | None:
        """The answer to a REST depth request for one of Binance's symbols."""
        try:
            return self._snapshot(self._read_snapshot(frame), self.symbols[native], recv_ns)
        except KeyError:
            self.ignored += 1
        except BROKEN as error:
            self._broken(error, frame)
        return None

    def statistics(self) -> dict[str, Any]:
        return {"ignored": self.ignored, "undecodable": self.undecodable, "reason": self.reason}

    def _meet(self, frame: bytes, head: bytes) -> Handler:
        """The handler of a frame whose head was not seen before. Those of combined streams are kept: they never vary."""
        at = frame.find(b"@", 11, HEAD)
        kind = frame[at + 1 : at + 7]
        handler = self._handlers.get(kind, self._unusual)
        if 0 < at <= HEAD - 7 and kind in self._handlers and len(self._heads) < MOST_HEADS:
            self._heads[head] = handler
            if kind == b"bookTi":
                self._ticker_heads.add(head)
        return handler

    def _handler(self, name: str, *, combined: bool) -> Handler:
        shape, tell = self._by_name[name]
        if not combined:
            read = msgspec.json.Decoder(shape, strict=False).decode
            return lambda frame, recv_ns: tell(read(frame), recv_ns)
        unwrap = msgspec.json.Decoder(Combined[shape], strict=False).decode  # type: ignore[valid-type]
        return lambda frame, recv_ns: tell(unwrap(frame).data, recv_ns)

    def _bare(self, frame: bytes, recv_ns: int) -> MarketEvent | None:
        return self._bare_handlers.get(frame[6:10], self._unusual)(frame, recv_ns)

    def _unusual(self, frame: bytes, recv_ns: int) -> MarketEvent | None:
        """Everything that the first bytes do not tell: snapshots, partial books, other spacing or order of keys."""
        whole = read_any(frame)
        data, stream = whole, ""
        if isinstance(whole, dict):
            data, stream = whole.get("data", whole), str(whole.get("stream", ""))
        if not isinstance(data, dict):
            return None  # the all-market streams come as lists
        if "lastUpdateId" in data:
            symbol = self.symbols[stream.partition("@")[0].upper()] if stream else self._only_symbol()
            return self._snapshot(msgspec.convert(data, Snapshot, strict=False), symbol, recv_ns)
        shape, tell = self._by_name.get(_name(data), (None, None))
        if tell is None:
            return None
        event = tell(msgspec.convert(data, shape, strict=False), recv_ns)
        if isinstance(event, BookDelta) and stream.partition("@depth")[2][:1].isdigit():
            return msgspec.structs.replace(event, snapshot=True, first_id=0, prev_id=0)  # depth5, 10 and 20 are whole
        return event

    def _only_symbol(self) -> str:
        if len(self.symbols) != 1:
            raise ValueError(f"a book snapshot names no symbol, and {len(self.symbols)} are possible")
        return next(iter(self.symbols.values()))

    def _broken(self, error: Exception, frame: bytes) -> None:
        self.undecodable += 1
        self.reason = str(error)
        self.frame = frame

    # -- events ---------------------------------------------------------------------------------------------------------

    def _ticker(self, tick: Ticker, recv_ns: int) -> Quote | None:
        bid, ask = tick.b, tick.a
        if 0.0 < bid <= ask < inf and tick.B >= 0.0 and tick.A >= 0.0:
            return Quote(self.venue, self.symbols[tick.s], bid, tick.B, ask, tick.A, tick.T * MS or recv_ns)
        if bid == 0.0 or ask == 0.0:
            return None  # one side of the book is empty
        raise ValueError(f"bid {bid} x {tick.B} and ask {ask} x {tick.A} cannot stand together")

    def _trade(self, tick: Tick, recv_ns: int) -> Trade | None:
        return self._tell_trade(tick, f"{tick.t}")

    def _agg_trade(self, tick: AggTick, recv_ns: int) -> Trade | None:
        return self._tell_trade(tick, f"{tick.a}")

    def _tell_trade(self, tick: Tick | AggTick, trade_id: str) -> Trade | None:
        price, size = tick.p, tick.q
        if 0.0 < price < inf and 0.0 < size < inf:
            side: Side = "sell" if tick.m else "buy"
            return Trade(self.venue, self.symbols[tick.s], price, size, side, tick.T * MS, trade_id)
        if price == 0.0 or size == 0.0:
            return None  # USDⓈ-M sends empty trades for the insurance fund
        raise ValueError(f"a trade of {size} at {price}")

    def _depth(self, depth: Depth, recv_ns: int) -> BookDelta:
        if depth.u < depth.U:
            raise ValueError(f"the update ids {depth.U} to {depth.u} run backwards")
        symbol, time_ns = self.symbols[depth.s], (depth.T or depth.E) * MS
        return BookDelta(self.venue, symbol, depth.b, depth.a, time_ns, depth.U, depth.u, depth.pu)

    def _snapshot(self, book: Snapshot, symbol: str, recv_ns: int) -> BookDelta:
        time_ns = (book.T or book.E) * MS or recv_ns
        return BookDelta(self.venue, symbol, book.bids, book.asks, time_ns, last_id=book.last_id, snapshot=True)

    def _kline(self, kline: Kline, recv_ns: int) -> Bar | None:
        bar = kline.k
        if not bar.x:
            return None
        if not (0.0 < bar.low <= min(bar.o, bar.c) <= max(bar.o, bar.c) <= bar.h < inf and bar.v >= 0.0):
            raise ValueError(f"a bar cannot have open {bar.o} high {bar.h} low {bar.low} close {bar.c} volume {bar.v}")
        symbol = self.symbols[kline.s]
        return Bar(
            self.venue, symbol, bar.i, bar.o, bar.h, bar.low, bar.c, bar.v, bar.t * MS, (bar.T + 1) * MS
        )  # fmt: skip

    def _mark(self, mark: Mark, recv_ns: int) -> Funding | None:
        if not mark.r:
            return None
        rate = float(mark.r)
        if not (0.0 < mark.p < inf and abs(rate) < inf):
            raise ValueError(f"a funding rate of {rate} at a mark price of {mark.p}")
        return Funding(self.venue, self.symbols[mark.s], rate, mark.p, mark.T * MS, mark.E * MS)


def _name(data: dict[str, Any]) -> str:
    """The event's name; spot's bookTicker has none and is known by its keys."""
    return str(data.get("e") or ("bookTicker" if data.keys() >= {"s", "b", "B", "a", "A"} else ""))
