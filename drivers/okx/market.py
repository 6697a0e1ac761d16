"""The market as it streams: subscriptions, books that stay true, bars without holes.

Trades, quotes, books and funding come on the public connection, bars on the business one. Both are opened when the driver
starts, and shared by all accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi import Bar, CallerMistake, Channel, NotReady, Ports, Session, topic
from ctosd.core.book import Rule
from ctosd.core.booksync import BookSync, Step
from drivers.okx.config import OkxConfig
from drivers.okx.listing import Listing
from drivers.okx.marketdata import DEEPEST, MarketData
from drivers.okx.streams import PublicDialect
from drivers.okx.timeframes import bar_name, length_ns
from drivers.okx.wire import Decoder, Events, stream_of

CHECK_S = 1.0
MOST_MISSED = 300
CHAIN = Rule(chain="previous")


class Market:
    """Everything public of one venue."""

    def __init__(
        self, config: OkxConfig, ports: Ports, listing: Listing, data: MarketData, addresses: Mapping[str, str]
    ) -> None:
        self._config = config
        self._ports = ports
        self._listing = listing
        self._data = data
        self.decoder = Decoder(ports.venue, listing)
        self.public = PublicDialect("public", addresses["public"], self.decoder)
        self.business = PublicDialect("business", addresses["business"], self.decoder)
        self._sessions: dict[str, Session] = {}
        self._topics: dict[str, str] = {}
        self._books: dict[str, BookSync] = {}
        self._bars: dict[str, tuple[str, str]] = {}  # stream -> symbol, timeframe
        self._last_ns: dict[str, int] = {}  # stream -> opening time of the last bar that was told
        self._fetching: set[str] = set()
        for dialect in (self.public, self.business):
            dialect.bridging = self._bridge
        self.public.when_asked = self._asked
        self.public.when_down = self._down
        self.business.when_up = self._resumed

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open both connections. Raises `NotReady`."""
        if self._ports.open_session is None:
            return
        for dialect in (self.public, self.business):
            session = self._ports.open_session(dialect)
            self._sessions[dialect.name] = session
            await session.start()
        self._ports.spawn(f"{self._ports.venue}-books", self._watch())

    async def stop(self) -> None:
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.stop()

    @property
    def up(self) -> bool:
        return all(session.up for session in self._sessions.values())

    def session(self, name: str) -> Session:
        """Raises `NotReady` before the start."""
        try:
            return self._sessions[name]
        except KeyError:
            raise NotReady(f"{self._ports.venue} is not connected") from None

    # -- subscriptions --------------------------------------------------------------------------------------------------

    def subscribe(self, channel: Channel, symbol: str, timeframe: str) -> None:
        """Make a stream flow. Raises `CallerMistake`, `NotReady`."""
        product = self._listing.find(symbol)
        quiet_s, first_s = self._config.quiet_s, self._config.first_s
        if channel == "bars":
            frame = timeframe or "1m"
            stream = stream_of(f"candle{bar_name(frame)}", product.native)
            self._bars[stream] = symbol, frame
            self._follow(self.business, stream, topic("bars", self._ports.venue, symbol, frame))
            self.session("business").want(stream, first_s=0.0)
        elif channel == "funding":
            if product.spot:
                raise CallerMistake(f"{symbol} is spot: it has no funding")
            name = topic("funding", self._ports.venue, symbol)
            for kind in ("funding-rate", "mark-price"):
                stream = stream_of(kind, product.native)
                self._follow(self.public, stream, name)
                self.session("public").want(stream, first_s=first_s)
        elif channel == "book":
            stream = stream_of("books", product.native)
            if stream not in self._books:
                self._books[stream] = BookSync(self._ports.venue, symbol, CHAIN, source="stream")
            self._topics[stream] = topic("book", self._ports.venue, symbol)
            self.public.listeners[stream] = self._deltas(stream)
            self.session("public").want(stream, quiet_s=quiet_s, first_s=first_s)
        else:
            kind = "trades" if channel == "trades" else ("bbo-tbt" if self._config.quotes == "bbo" else "tickers")
            stream = stream_of(kind, product.native)
            self._follow(self.public, stream, topic(channel, self._ports.venue, symbol))
            quiet = {} if channel == "trades" else {"quiet_s": quiet_s}
            self.session("public").want(stream, first_s=0.0 if channel == "trades" else first_s, **quiet)

    def _follow(self, dialect: PublicDialect, stream: str, name: str) -> None:
        self._topics[stream] = name
        publish = self._ports.publish
        if stream in self._bars:
            dialect.listeners[stream] = lambda events: self._tell_bars(stream, events)
            return

        def tell(events: Events) -> None:
            for event in events:
                publish(name, event)

        dialect.listeners[stream] = tell

    # -- bars -----------------------------------------------------------------------------------------------------------

    def _tell_bars(self, stream: str, events: Events) -> None:
        """Each closed bar once, in order; a hole is filled from REST before what comes after it is told."""
        for event in events:
            if not isinstance(event, Bar):
                continue
            last_ns = self._last_ns.get(stream, 0)
            if event.open_ns <= last_ns:
                continue
            if last_ns and event.open_ns > last_ns + length_ns(event.timeframe):
                self._fill(stream, event)
                continue
            self._tell_bar(stream, event)

    def _tell_bar(self, stream: str, event: Bar) -> None:
        if event.open_ns > self._last_ns.get(stream, 0):
            self._last_ns[stream] = event.open_ns
            self._ports.publish(self._topics[stream], event)

    def _resumed(self, resumed: bool) -> None:
        if resumed:
            for stream in self._last_ns:
                self._fill(stream)

    def _fill(self, stream: str, newest: Bar | None = None) -> None:
        if stream in self._fetching:
            return
        self._fetching.add(stream)
        self._ports.spawn(f"{self._ports.venue}-bars-{stream}", self._fill_bars(stream, newest))

    async def _fill_bars(self, stream: str, newest: Bar | None) -> None:
        symbol, timeframe = self._bars[stream]
        try:
            start_ns = self._last_ns.get(stream, 0) + 1
            for each in await self._data.bars(symbol, timeframe, MOST_MISSED, start_ns):
                self._tell_bar(stream, each)
        except NotReady as error:
            self._ports.log.warning(
                "okx_bars_missing", venue=self._ports.venue, symbol=symbol, timeframe=timeframe, reason=str(error)
            )
        finally:
            self._fetching.discard(stream)
            if newest is not None:
                self._tell_bar(stream, newest)

    # -- books ----------------------------------------------------------------------------------------------------------

    def _deltas(self, stream: str) -> Callable[[Events], None]:
        book, clock = self._books[stream], self._ports.clock

        def take(events: Events) -> None:
            for event in events:
                self._act(stream, book.take(event, clock.now_ns()))  # type: ignore[arg-type]

        return take

    def _asked(self, stream: str) -> None:
        """A subscribe message for the stream leaves now."""
        if stream in self._books:
            self._act(stream, self._books[stream].begin(self._ports.clock.now_ns()))

    def _down(self, reason: str) -> None:
        for book in self._books.values():
            book.lost()

    def _act(self, stream: str, step: Step) -> None:
        if step.publish is not None:
            self._ports.publish(self._topics[stream], step.publish)
        if step.reason:
            self._ports.log.warning("okx_book_lost", venue=self._ports.venue, stream=stream, reason=step.reason)
        if step.action == "resubscribe" and "public" in self._sessions:
            self._sessions["public"].resubscribe(stream, step.reason or "its book is not known")
        elif step.action == "fetch" and stream not in self._fetching:
            self._fetching.add(stream)
            self._ports.spawn(f"{self._ports.venue}-book-{stream}", self._fetch(stream))

    async def _fetch(self, stream: str) -> None:
        book = self._books[stream]
        try:
            snapshot = await self._data.book(book.book.symbol, DEEPEST)
        except NotReady:
            step = book.failed(self._ports.clock.now_ns())
        else:
            step = book.fetched(snapshot, self._ports.clock.now_ns())
        finally:
            self._fetching.discard(stream)
        self._act(stream, step)

    async def _watch(self) -> None:
        """Look at the books once a second: one may stay crossed while nothing comes."""
        while True:
            await self._ports.clock.sleep(CHECK_S)
            for stream, book in self._books.items():
                if self._sessions and self._sessions["public"].up:
                    self._act(stream, book.check(self._ports.clock.now_ns()))

    # -- a stream that stays silent ---------------------------------------------------------------------------------------

    async def _bridge(self, stream: str) -> None:
        """What a stale stream would have told, by REST. Raises `NotReady`."""
        channel, _, native = stream.partition(":")
        product = self._listing.get(native)
        if product is None or stream not in self._topics:
            return
        if stream in self._books:
            await self._fetch(stream)
        elif channel in {"bbo-tbt", "tickers"}:
            self._ports.publish(self._topics[stream], await self._data.quote(product.symbol))
        elif stream in self._bars:
            await self._fill_bars(stream, None)
        elif channel == "funding-rate":
            event = await self._data.funding(product.symbol)
            if event is not None:
                self._ports.publish(self._topics[stream], event)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "sessions": {name: session.statistics() for name, session in self._sessions.items()},
            "frames": self.decoder.statistics(),
            "controls": {each.name: each.statistics() for each in (self.public, self.business)},
            "books": {stream: book.statistics() for stream, book in self._books.items()},
        }
