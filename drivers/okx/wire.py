"""OKX's public frames as market events.

Pure and typed. A frame begins with the stream that it belongs to, so its first bytes pick a reader that knows the channel,
the symbol and the size of a contract: prices and sizes go straight to floats of coins. No frame raises; what tells nothing
is counted in `Decoder.ignored`, what is no frame of this venue in `Decoder.undecodable`. (Sheet section 9.3.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Generic, TypeVar

import msgspec

from ctosd.abi import Bar, BookDelta, MarketEvent, Quote, Side, Trade
from drivers.okx.funding import Fundings, Mark, Rate
from drivers.okx.listing import Listing, Product
from drivers.okx.records import MS, Arg
from drivers.okx.timeframes import BARS, end_ns

T = TypeVar("T")
Events = Sequence[MarketEvent]
Reader = Callable[[bytes, int], Events]

BROKEN = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, IndexError)
"""What reading garbage can raise."""
NONE: Events = ()
MOST_HEADS = 8_192
BOOKS = frozenset({"books", "books-l2-tbt", "books50-l2-tbt", "books-rpi"})
WHOLE_BOOKS = frozenset({"books5"})
TIMEFRAMES = {f"candle{name}": timeframe for timeframe, name in BARS.items()}


class Push(msgspec.Struct, Generic[T], gc=False):
    """A push whose stream is known already."""

    data: list[T]
    action: str = ""


class Probe(msgspec.Struct, gc=False):
    """A push whose stream is asked for."""

    arg: Arg


class Ticker(
    msgspec.Struct, gc=False, rename={"bid": "bidPx", "bid_size": "bidSz", "ask": "askPx", "ask_size": "askSz"}
):
    """tickers, and market/ticker."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    ts: int


class Tick(msgspec.Struct, gc=False, rename="camel"):
    """trades, trades-all. `side` is the taker's."""

    trade_id: str
    px: float
    sz: float
    side: Side
    ts: int


class Level(msgspec.Struct, array_like=True, gc=False):
    """A level: price, size; the rest of it is not needed."""

    px: float
    sz: float


class Depth(msgspec.Struct, rename="camel"):
    """One book frame. Recordings from before 2022 have no ids."""

    bids: list[Level]
    asks: list[Level]
    ts: int
    seq_id: int = 0
    prev_seq_id: int = 0


class Touch(msgspec.Struct, gc=False):
    """bbo-tbt with both sides, which nearly all are."""

    bids: tuple[Level]
    asks: tuple[Level]
    ts: int


class TouchPush(msgspec.Struct, gc=False):
    data: tuple[Touch]


class Candle(msgspec.Struct, array_like=True, gc=False):
    """A candle: of the channel and of REST. Without `confirm` nobody knows whether it is closed."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    coins: float = 0.0
    money: float = 0.0
    confirm: str = "0"


def decoder(shape: Any) -> Callable[[bytes], Any]:
    """Reads a push of rows; numbers may be texts."""
    return msgspec.json.Decoder(Push[shape], strict=False).decode


read_probe = msgspec.json.Decoder(Probe).decode
read_tickers = decoder(Ticker)
read_ticks = decoder(Tick)
read_books = decoder(Depth)
read_touch = msgspec.json.Decoder(TouchPush, strict=False).decode
read_candles = decoder(Candle)
read_rates = decoder(Rate)
read_marks = decoder(Mark)


def stream_of(channel: str, native: str = "") -> str:
    """The name by which a stream is known between the driver and its sessions."""
    return f"{channel}:{native}" if native else channel


class Decoder:
    """Decodes the public frames of one venue."""

    def __init__(self, venue: str, listing: Listing) -> None:
        self.venue = venue
        self.listing = listing
        self.ignored = self.undecodable = 0
        self.reason = ""
        self.frame = b""
        self.fundings = Fundings(venue, self._symbol)
        self._heads: dict[bytes, tuple[str, Reader]] = {}
        self._touches: dict[
            bytes, tuple[str, str, float, float]
        ] = {}  # heads of bbo-tbt: stream, symbol, size of a contract

    def decode(self, frame: bytes, recv_ns: int) -> tuple[str, Events]:
        """The stream of one push and its events."""
        stream, head = "", frame.partition(b"}")[0]
        touch = self._touches.get(head)
        if touch is not None:  # most frames of all: read without another call
            try:
                row = read_touch(frame).data[0]
                bid, ask = row.bids[0], row.asks[0]
                bid_px, ask_px = bid.px, ask.px
                if 0.0 < bid_px <= ask_px < inf:
                    stream, symbol, times, parts = touch
                    if parts == 1.0:
                        bid_size, ask_size = bid.sz * times, ask.sz * times
                    else:
                        bid_size, ask_size = bid.sz / parts, ask.sz / parts
                    return stream, (Quote(self.venue, symbol, bid_px, bid_size, ask_px, ask_size, row.ts * MS),)
            except BROKEN:
                pass  # a side is empty, or something is wrong: the usual reader says what
        try:
            known = self._heads.get(head)
            stream, reader = known if known is not None else self._meet(frame, head)
            events = reader(frame, recv_ns)
        except BROKEN as error:
            if not self._is_idle(frame, error):
                self.undecodable += 1
                self.reason, self.frame = str(error), frame
                return stream, NONE
            events = NONE
        if not events:
            self.ignored += 1
        return stream, events

    def forget(self) -> None:
        """The listing changed: sizes of contracts are read anew."""
        self._heads.clear()
        self._touches.clear()

    def statistics(self) -> Mapping[str, Any]:
        return {"ignored": self.ignored, "undecodable": self.undecodable, "reason": self.reason}

    def _symbol(self, native: str) -> str | None:
        product = self.listing.get(native)
        return product.symbol if product is not None else None

    def _meet(self, frame: bytes, head: bytes) -> tuple[str, Reader]:
        """The reader of a frame whose head was not seen before."""
        arg = read_probe(frame).arg
        stream = stream_of(arg.channel, arg.inst_id)
        found = stream, self._reader(arg.channel, arg.inst_id)
        if head.startswith(b'{"arg":{"channel"') and len(self._heads) < MOST_HEADS:
            self._heads[head] = found
            product = self.listing.get(arg.inst_id)
            if arg.channel == "bbo-tbt" and product is not None:
                self._touches[head] = stream, product.symbol, product.times, product.parts
        return found

    def _reader(self, channel: str, native: str) -> Reader:
        product = self.listing.get(native)
        if product is None:
            return ignore
        if channel == "bbo-tbt":
            return best(self.venue, product)
        if channel == "tickers":
            return tickers(self.venue, product)
        if channel in {"trades", "trades-all"}:
            return trades(self.venue, product)
        if channel in BOOKS or channel in WHOLE_BOOKS:
            return books(self.venue, product, whole=channel in WHOLE_BOOKS)
        if channel in TIMEFRAMES:
            return candles(self.venue, product, TIMEFRAMES[channel])
        if channel == "funding-rate":
            return lambda frame, recv_ns: _some(self.fundings.rate(row, recv_ns) for row in read_rates(frame).data)
        if channel == "mark-price":
            return lambda frame, recv_ns: _some(self.fundings.mark(row, recv_ns) for row in read_marks(frame).data)
        return ignore

    def _is_idle(self, frame: bytes, error: Exception) -> bool:
        """Whether a ticker could not be read because a side of the book is empty: the venue then writes empty texts."""
        return b'Px":""' in frame and isinstance(error, msgspec.ValidationError)


def _some(events: Any) -> Events:
    return [event for event in events if event is not None]


def ignore(frame: bytes, recv_ns: int) -> Events:
    """A symbol or a channel that was not asked for."""
    return NONE


def tickers(venue: str, product: Product) -> Reader:
    """Reads `tickers`."""
    symbol, times, parts = product.symbol, product.times, product.parts

    def read(frame: bytes, recv_ns: int) -> Events:
        row = read_tickers(frame).data[-1]
        bid, ask = row.bid, row.ask
        if not 0.0 < bid <= ask < inf:
            return NONE  # one side is empty, or it is crossed before the market opens
        bid_size, ask_size = row.bid_size * times / parts, row.ask_size * times / parts
        return (Quote(venue, symbol, bid, bid_size, ask, ask_size, row.ts * MS),)

    return read


def best(venue: str, product: Product) -> Reader:
    """Reads `bbo-tbt`."""
    symbol, times, parts = product.symbol, product.times, product.parts

    def read(frame: bytes, recv_ns: int) -> Events:
        row = read_books(frame).data[-1]
        if not (row.bids and row.asks):
            return NONE
        bid, ask = row.bids[0], row.asks[0]
        if not 0.0 < bid.px <= ask.px < inf:
            return NONE
        bid_size, ask_size = bid.sz * times / parts, ask.sz * times / parts
        return (Quote(venue, symbol, bid.px, bid_size, ask.px, ask_size, row.ts * MS),)

    return read


def trades(venue: str, product: Product) -> Reader:
    """Reads `trades` and `trades-all`."""
    symbol, times, parts = product.symbol, product.times, product.parts

    def one(row: Tick) -> Trade:
        price, size = row.px, row.sz
        if 0.0 < price < inf and 0.0 < size < inf:
            return Trade(venue, symbol, price, size * times / parts, row.side, row.ts * MS, row.trade_id)
        raise ValueError(f"a trade of {size} at {price}")

    def read(frame: bytes, recv_ns: int) -> Events:
        rows = read_ticks(frame).data
        return (one(rows[0]),) if len(rows) == 1 else [one(row) for row in rows]

    return read


def books(venue: str, product: Product, *, whole: bool) -> Reader:
    """Reads `books` and its kin; `whole` when each frame is the whole book."""

    def read(frame: bytes, recv_ns: int) -> Events:
        push = read_books(frame)
        snapshot = whole or push.action == "snapshot"
        return [depth(venue, product, row, snapshot) for row in push.data]

    return read


def depth(venue: str, product: Product, row: Depth, snapshot: bool) -> BookDelta:
    """A book frame as a delta, in coins."""
    times, parts = product.times, product.parts
    if parts == 1.0:
        bids = [(level.px, level.sz * times) for level in row.bids]
        asks = [(level.px, level.sz * times) for level in row.asks]
    else:
        bids = [(level.px, level.sz / parts) for level in row.bids]
        asks = [(level.px, level.sz / parts) for level in row.asks]
    ids = row.seq_id, row.prev_seq_id
    return BookDelta(
        venue, product.symbol, bids, asks, row.ts * MS, last_id=ids[0], prev_id=ids[1], snapshot=snapshot
    )  # fmt: skip


def candles(venue: str, product: Product, timeframe: str) -> Reader:
    """Reads a candle channel: closed bars only."""

    def read(frame: bytes, recv_ns: int) -> Events:
        return [bar(venue, product, timeframe, row) for row in read_candles(frame).data if row.confirm == "1"]

    return read


def bar(venue: str, product: Product, timeframe: str, row: Candle) -> Bar:
    """A candle as a bar. Raises `ValueError` for one that cannot be."""
    if not 0.0 < row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high < inf:
        raise ValueError(f"a bar cannot have open {row.open} high {row.high} low {row.low} close {row.close}")
    open_ns = row.ts * MS
    volume = row.volume if product.spot else row.coins
    closes_ns = end_ns(timeframe, open_ns)
    return Bar(
        venue, product.symbol, timeframe, row.open, row.high, row.low, row.close, volume, open_ns, closes_ns
    )  # fmt: skip
