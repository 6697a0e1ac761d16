"""How Backpack's WebSocket speaks: the public session, and one private session for each account. Sheet, section 7.

Nothing acknowledges a subscription; an error does not say which one it means. Every session also follows the quotes of one
busy market: their flow shows that the line lives, however calm the rest is, and on a private session their first frame shows
that what was subscribed before them is in force.
The server pings by protocol every 60 s, and the socket answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import msgspec

from ctosd.abi import BookDelta, Channel, Dialect, Event, Fill, Log, NotReady, Ports, Position, Session, Timer, topic
from drivers.backpack.account import Account
from drivers.backpack.books import Books
from drivers.backpack.instants import SECOND
from drivers.backpack.listing import Market
from drivers.backpack.private import BALANCES, ORDERS, POSITIONS, PrivateDecoder
from drivers.backpack.rest import Rest
from drivers.backpack.sign import Signer
from drivers.backpack.standing import Standing
from drivers.backpack.timeframes import native_of
from drivers.backpack.wire import BROKEN, STREAM, Decoder, Refused, refusal_in, tightened

Publish = Callable[[str, Event], None]
Bridge = Callable[[str], Awaitable[None]]

CONFIRM_S = 3.0
"""After so long without any frame a private session counts as subscribed all the same: a dead market sends none."""

PRIVATE = b'"stream":"account.'

encode = msgspec.json.Encoder().encode


def stream_of(channel: Channel, market: Market, timeframe: str = "") -> str:
    """The name of a stream. Raises `CallerMistake` for a timeframe that the venue does not have."""
    if channel == "bars":
        return f"kline.{native_of(timeframe)}.{market.native}"
    kinds = {"quotes": "bookTicker", "trades": "trade", "book": "depth", "funding": "markPrice"}
    return f"{kinds[channel]}.{market.native}"


def subscribe_message(streams: Sequence[str], signature: list[str] | None = None) -> bytes:
    message: dict[str, object] = {"method": "SUBSCRIBE", "params": list(streams)}
    if signature is not None:
        message["signature"] = signature
    return encode(message)


def unsubscribe_message(streams: Sequence[str]) -> bytes:
    return encode({"method": "UNSUBSCRIBE", "params": list(streams)})


class PublicDialect(Dialect):
    """The streams of markets."""

    name = "public"
    busy = ""  # the stream that shows that the line lives

    def __init__(
        self, url: str, silent_s: float, decoder: Decoder, books: Books, publish: Publish, bridge: Bridge, log: Log
    ) -> None:
        self.silent_s = silent_s
        self._url = url
        self._decoder = decoder
        self._books = books
        self._publish = publish
        self._bridge = bridge
        self._log = log
        self._topics: dict[str, str] = {}
        self._unheard: set[str] = set()  # subscribed, and nothing came yet

    def add(self, stream: str, channel: Channel, market: Market, timeframe: str) -> None:
        """A stream is wanted: where what it tells goes."""
        self._topics[stream] = topic(channel, market.instrument.venue, market.symbol, timeframe)
        if channel == "book":
            self._books.follow(stream, market.symbol)

    async def address(self) -> str:
        return self._url

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        for stream in streams:
            self._books.begin(stream)
        self._unheard.update(stream for stream in streams if stream != self.busy)
        return [subscribe_message(streams)]

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        self._unheard.difference_update(streams)
        return [unsubscribe_message(streams)]

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        stream, event = self._decoder.decode(frame, recv_ns)
        if self._unheard:
            self._unheard.discard(stream)
        if event is None:
            return stream
        kind = type(event)
        if kind is BookDelta:
            self._books.take(stream, event)  # type: ignore[arg-type]
        elif kind is Refused:
            self._refused(session, event)  # type: ignore[arg-type]
        else:
            target = self._topics.get(stream)
            if target is not None:
                self._publish(target, event)  # type: ignore[arg-type]
        return stream

    def _refused(self, session: Session, refused: Refused) -> None:
        """An error names no stream. When only one has not been heard yet, it is that one."""
        message = f"{refused.code}: {refused.message}"
        if len(self._unheard) == 1:
            session.rejected(self._unheard.pop(), message)
        else:
            self._log.warning("backpack_stream_refused", session=self.name, reason=message)

    def on_down(self, reason: str) -> None:
        self._unheard.clear()
        self._books.lost()

    async def bridge(self, stream: str) -> None:
        await self._bridge(stream)


class PrivateDialect(Dialect):
    """The streams of one account. `busy` is the stream of quotes that shows that the line lives; empty for none."""

    replays = True  # both connections are heard while one replaces the other: what comes twice is told apart by its ids

    def __init__(
        self,
        url: str,
        silent_s: float,
        account: Account,
        signer: Signer,
        decoder: PrivateDecoder,
        rest: Rest,
        standing: Standing,
        ports: Ports,
        window_ms: int,
        busy: str = "",
    ) -> None:
        self.name = f"private {account.name.partition('/')[2]}"
        self.silent_s = silent_s
        self.busy = busy
        self._url = url
        self._account = account
        self._signer = signer
        self._decoder = decoder
        self._rest = rest
        self._standing = standing
        self._publish = ports.publish
        self._topic = topic("private", ports.venue)
        self._clock = ports.clock
        self._log = ports.log
        self._window_ms = window_ms
        self._mark = f'"stream":"{busy}"'.encode() if busy else b"\x00"
        self._timer: Timer | None = None
        self._balances_heard = False
        self._errors = 0

    @property
    def streams(self) -> list[str]:
        """What to ask for, in this order: the busy stream's first frame confirms those before it."""
        return [ORDERS, POSITIONS, *([self.busy] if self.busy else [])]

    async def address(self) -> str:
        return self._url

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        """Balances are asked for alone, because not every server has them; the busy stream last."""
        sure = [stream for stream in (ORDERS, POSITIONS) if stream in streams]
        frames = [self._signed(sure)] if sure else []
        if BALANCES in streams:
            frames.append(self._signed([BALANCES]))
        open_to_all = [stream for stream in streams if not stream.startswith("account.")]
        if open_to_all:
            frames.append(subscribe_message(open_to_all))
        return frames

    def _signed(self, streams: Sequence[str]) -> bytes:
        return subscribe_message(streams, self._signer.subscription(self._rest.now_ms(), self._window_ms))

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        return [unsubscribe_message(streams)]

    # -- frames ---------------------------------------------------------------------------------------------------------

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        if self._mark in frame:
            if self._timer is not None:
                self._confirm()
            return self.busy
        if PRIVATE not in frame:
            tight = tightened(frame)
            if tight:
                return self.hear(session, tight, recv_ns)
            if STREAM not in frame:
                self._reply(session, frame)
            return ""
        stream, events = self._decoder.decode(frame, recv_ns)
        if stream == BALANCES:
            self._balances_heard = True
        for event in events:
            if isinstance(event, Position):
                self._hold(event.symbol, event.size)
            elif isinstance(event, Fill):
                self._account.stirred = True
            self._publish(self._topic, event)
        return stream

    def _hold(self, symbol: str, size: Decimal) -> None:
        if size:
            self._account.held[symbol] = size
        else:
            self._account.held.pop(symbol, None)

    def _reply(self, session: Session, frame: bytes) -> None:
        """A frame without a stream: an error means the stream of balances, where that was asked for and is silent."""
        try:
            refused = refusal_in(frame)
        except BROKEN:
            refused = None
        if refused is None:
            return
        self._errors += 1
        message = f"{refused.code}: {refused.message}"
        if self._errors == 1 and not self._balances_heard:
            self._log.info("backpack_no_balance_stream", account=self._account.name, reason=message)
            session.rejected(BALANCES, message)
            session.unwant(BALANCES)
            return
        self._log.warning("backpack_stream_refused", session=self.name, reason=message)
        self.on_down(f"its subscription was refused: {message}")
        session.refused(NotReady(f"{self._account.name}: its private subscription was refused: {message}"))

    # -- up and down ----------------------------------------------------------------------------------------------------

    def on_up(self, resumed: bool) -> None:
        self._errors = 0
        self._cancel_timer()
        self._timer = self._clock.call_at(self._clock.now_ns() + int(CONFIRM_S * SECOND), self._confirm)

    def on_down(self, reason: str) -> None:
        self._cancel_timer()
        self._standing.link(self._account.name, False, reason)

    def _confirm(self) -> None:
        """The subscriptions are in force."""
        self._cancel_timer()
        self._standing.link(self._account.name, True)
        self._account.stirred = True

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
