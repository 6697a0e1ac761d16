"""Binance's public streams: which stream carries a channel, on which route, and the dialect of one connection.

USDⓈ-M splits its streams over routes, and one that is asked for on the wrong route is acknowledged and then silent; so the
route follows from the stream's kind here and nowhere else, and each stream has a watch for its first message. Rows of
COIN-M contracts, which share the all-market streams since 2026, never come in: only single symbols are subscribed, and
names that are not listed are dropped by the decoder. (Sheet B4 and C6.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from ctosd.abi import CallerMistake, Channel, Dialect, Misconfigured, Session
from drivers.binance.config import ProductName
from drivers.binance.limits import Pools

TIMEFRAMES = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")

ROUTES: Mapping[str, str] = {
    "bookTicker": "public",
    "depth": "public",
    "aggTrade": "market",
    "markPrice": "market",
    "kline": "market",
}
"""USDⓈ-M: kind of stream -> route."""

ROTATE_S = 23 * 3_600.0  # the venue closes after 24 h
SHUTDOWN = b"serverShutdown"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its name as Binance spells it, and the session that carries it."""

    name: str
    route: str


def stream(product: ProductName, channel: Channel, native: str, timeframe: str, depth_ms: int) -> Stream:
    """The stream of a channel.

    Raises:
        CallerMistake: the product does not have it.
    """
    symbol = native.lower()
    if channel == "quotes":
        suffix = "bookTicker"
    elif channel == "trades":
        suffix = "aggTrade" if product == "usdm" else "trade"
    elif channel == "book":
        slow = 250 if product == "usdm" else 1_000
        suffix = "depth" if depth_ms == slow else f"depth@{depth_ms}ms"
    elif channel == "bars":
        check_timeframe(product, timeframe)
        suffix = f"kline_{timeframe}"
    elif product == "usdm":
        suffix = "markPrice@1s"
    else:
        raise CallerMistake("there is no funding on Binance spot")
    kind = suffix.partition("@")[0].partition("_")[0]
    return Stream(f"{symbol}@{suffix}", ROUTES[kind] if product == "usdm" else "stream")


def check_timeframe(product: ProductName, timeframe: str) -> None:
    """Raises `CallerMistake` for a timeframe that Binance does not have."""
    known = TIMEFRAMES if product == "spot" else TIMEFRAMES[1:]
    if timeframe not in known:
        raise CallerMistake(f"Binance {product} has no bars of {timeframe!r}; it has {', '.join(known)}")


def check_depth(product: ProductName, depth_ms: int) -> None:
    """Raises `Misconfigured` for a pace of the book that the product does not have: its stream would be silent."""
    known = (100, 250, 500) if product == "usdm" else (100, 1_000)
    if depth_ms not in known:
        raise Misconfigured(f"depth_ms: {product} has {' and '.join(map(str, known))} ms, not {depth_ms}")


class Control(msgspec.Struct):
    """The answer to SUBSCRIBE and UNSUBSCRIBE."""

    id: int | str | None = None
    result: Any = None
    error: Any = None
    code: int = 0
    msg: str = ""


Deliver = Callable[[bytes, int], None]
PING = b'{"method":"LIST_SUBSCRIPTIONS","id":0}'
"""A question that costs nothing, for the sake of its answer: protocol pings prove that we are there, not that it is."""
read_control = msgspec.json.Decoder(Control).decode


class PublicDialect(Dialect):
    """One public connection. `listeners` maps a stream's name to what takes its frames."""

    ping = PING
    ping_s = 30.0
    silent_s = 75.0
    rotate_s = ROTATE_S
    batch = 50
    capacity = 200

    def __init__(self, product: ProductName, route: str, address: str, pools: Pools) -> None:
        self.name = route
        self.listeners: dict[str, Deliver] = {}
        self.messages_per_s = 8.0 if product == "usdm" else 4.0
        self.connects = tuple(pools.connect(0))
        self.unknown = 0
        self.reason = ""
        self.on_change: Callable[[str, bool], None] = lambda stream, subscribed: None
        self.when_down: Callable[[str], None] = lambda reason: None
        self.when_silent: Callable[[str], Awaitable[None]] = _nothing
        self._url = f"{address}/stream"
        self._pending: dict[int, tuple[str, ...]] = {}
        self._count = 0
        self._names: dict[bytes, str] = {}

    async def address(self) -> str:
        return self._url

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        for each in streams:
            self.on_change(each, True)
        return [self._control("SUBSCRIBE", streams)]

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        return [self._control("UNSUBSCRIBE", streams)]

    def _control(self, method: str, streams: Sequence[str]) -> bytes:
        self._count += 1
        if method == "SUBSCRIBE":
            self._pending[self._count] = tuple(streams)
            if len(self._pending) > 256:
                del self._pending[next(iter(self._pending))]
        return orjson.dumps({"method": method, "params": list(streams), "id": self._count})

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        if frame.startswith(b'{"stream":"'):
            raw = frame[11 : frame.find(b'"', 11)]
            name = self._names.get(raw)
            if name is None:
                name = self._names[raw] = _name(raw)
            deliver = self.listeners.get(name)
            if deliver is not None:
                deliver(frame, recv_ns)
                return name
        return self._unusual(session, frame, recv_ns)

    def _unusual(self, session: Session, frame: bytes, recv_ns: int) -> str:
        if SHUTDOWN in frame[:80]:
            session.rotate("the venue announced that it will close this connection")
            return ""
        try:
            answer = read_control(frame)
        except (msgspec.MsgspecError, ValueError):
            return self._stray(frame)
        streams = self._pending.pop(answer.id, ()) if isinstance(answer.id, int) else ()
        if answer.error is not None or answer.code:
            reason = str(answer.error or answer.msg)
            for each in streams:
                session.rejected(each, reason)
            if not streams:
                self._stray(frame)
        return ""

    def _stray(self, frame: bytes) -> str:
        self.unknown += 1
        self.reason = frame[:200].decode("utf-8", "replace")
        return ""

    def on_down(self, reason: str) -> None:
        self._pending.clear()
        self.when_down(reason)

    async def bridge(self, stream: str) -> None:
        await self.when_silent(stream)


async def _nothing(stream: str) -> None:
    """Nothing can stand in for this stream."""


def _name(raw: bytes) -> str:
    """A stream's name; some symbols are not ASCII, and JSON may spell them with escapes."""
    try:
        return str(orjson.loads(b'"%b"' % raw))
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", "replace")
