"""What Backpack's public REST API tells of its markets. Sheet, sections 3 and 4."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctosd.abi import Bar, BookDelta, CallerMistake, Clock, ClockReading, Funding, NotReady, Quote, Response
from drivers.backpack.errors import VenueError
from drivers.backpack.instants import SECOND, Moment, ns_of
from drivers.backpack.listing import Fees, Listing, Market
from drivers.backpack.rest import Rest
from drivers.backpack.timeframes import SPANS, native_of
from drivers.backpack.wire import BROKEN, Candle, Decoder, Level, bar_of

STEPS = (5, 10, 20, 50, 100, 500, 1000)
"""Depths that the venue gives."""

ROWS = 1_000
"""Bars that one call may span."""


class Ladder(msgspec.Struct, rename="camel"):
    """A book over REST. Both sides ascend by price: the best bid comes last."""

    asks: list[Level]
    bids: list[Level]
    last_update_id: int
    timestamp: Moment = None


class Candlestick(msgspec.Struct):
    """A bar over REST; prices are null where nothing traded."""

    start: Moment
    end: Moment
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float | None = None


class MarkRecord(msgspec.Struct, rename="camel"):
    """Mark price and funding of one perpetual."""

    mark_price: float
    symbol: str = ""
    funding_rate: float | None = None
    next_funding_timestamp: Moment = None


class Health(msgspec.Struct):
    """The answer to GET status."""

    status: str
    message: str | None = None


_read_ladder = msgspec.json.Decoder(Ladder, strict=False).decode
_read_sticks = msgspec.json.Decoder(list[Candlestick], strict=False).decode
_read_marks = msgspec.json.Decoder(list[MarkRecord], strict=False).decode
_read_health = msgspec.json.Decoder(Health).decode


def step_of(level: int) -> int:
    """The smallest depth of the venue that shows `level` levels."""
    return next((step for step in STEPS if step >= level), STEPS[-1])


def book_of(venue: str, market: Market, ladder: Ladder, level: int, recv_ns: int) -> BookDelta:
    """A snapshot, best first."""
    bids = sorted(((price, size) for price, size in ladder.bids if size > 0.0), reverse=True)
    asks = sorted((price, size) for price, size in ladder.asks if size > 0.0)
    time_ns = ns_of(ladder.timestamp) or recv_ns
    return BookDelta(
        venue, market.symbol, bids[:level], asks[:level], time_ns, last_id=ladder.last_update_id, snapshot=True
    )


class MarketData:
    """Reads of markets; every one raises `NotReady` when the venue cannot be asked."""

    def __init__(self, rest: Rest, listing: Listing, decoder: Decoder, clock: Clock) -> None:
        self._rest = rest
        self._listing = listing
        self._decoder = decoder
        self._clock = clock
        self._venue = listing.venue

    async def load(self, fees: Fees) -> None:
        """Read the list of markets."""
        response = await self._rest.get("/api/v1/markets")
        try:
            self._listing.load(response.body, fees)
        except BROKEN as error:
            raise self._rest.unreadable(response, error) from None
        if not self._listing.by_symbol:
            raise NotReady("Backpack lists no market that can be read")

    async def book(self, symbol: str, level: int) -> BookDelta:
        if level < 1:
            raise CallerMistake(f"a book of {level} levels: ask for 1 or more")
        market = self._listing.market(symbol)
        params = {"limit": step_of(level), "symbol": market.native}
        response = await self._rest.get("/api/v1/depth", params)
        try:
            return book_of(self._venue, market, _read_ladder(response.body), level, response.time_ns)
        except BROKEN as error:
            raise self._rest.unreadable(response, error) from None

    async def quote(self, symbol: str) -> Quote:
        book = await self.book(symbol, 5)
        if not (book.bids and book.asks):
            raise NotReady(f"{symbol} has no bid or no ask now")
        (bid, bid_size), (ask, ask_size) = book.bids[0], book.asks[0]
        return Quote(self._venue, book.symbol, bid, bid_size, ask, ask_size, book.time_ns)

    async def funding(self, symbol: str) -> Funding | None:
        market = self._listing.market(symbol)
        if not market.interval_ns:
            return None
        response = await self._rest.get("/api/v1/markPrices", {"symbol": market.native})
        try:
            marks = _read_marks(response.body)
        except BROKEN as error:
            raise self._rest.unreadable(response, error) from None
        mark = next((each for each in marks if each.symbol in (market.native, "")), None)
        if mark is None or mark.funding_rate is None:
            raise NotReady(f"Backpack tells no funding rate of {symbol} now")
        next_ns = ns_of(mark.next_funding_timestamp)
        return Funding(self._venue, market.symbol, mark.funding_rate, mark.mark_price, next_ns, response.time_ns,
                       market.interval_ns)  # fmt: skip

    # -- bars -----------------------------------------------------------------------------------------------------------

    async def klines(self, symbol: str, timeframe: str, limit: int, start_ns: int, end_ns: int) -> Sequence[Bar]:
        """Closed bars. Pages run back from the end, so that the newest are had with the fewest of the scarce calls."""
        market, native, span = self._listing.market(symbol), native_of(timeframe), SPANS[timeframe]
        if limit < 1:
            return ()
        now_ns = self._clock.now_ns() + self._rest.skew.offset_ns
        end_ns = min(end_ns or now_ns, now_ns)
        floor_ns = max(start_ns, 0) or max(0, end_ns - (limit + 1) * span)
        found: dict[int, Bar] = {}
        upper_ns = end_ns
        while upper_ns > floor_ns and len(found) < limit:
            lower_ns = max(floor_ns, upper_ns - min(limit + 1, ROWS - 1) * span)
            for bar in await self._page(market, timeframe, native, lower_ns, upper_ns):
                if start_ns <= bar.open_ns and bar.time_ns <= end_ns:
                    found[bar.open_ns] = bar
            upper_ns = lower_ns
        return [found[open_ns] for open_ns in sorted(found)][-limit:]

    async def _page(self, market: Market, timeframe: str, native: str, lower_ns: int, upper_ns: int) -> list[Bar]:
        params = {
            "endTime": -(-upper_ns // SECOND),
            "interval": native,
            "startTime": lower_ns // SECOND,
            "symbol": market.native,
        }
        response = await self._rest.get("/api/v1/klines", params, history=True)
        try:
            sticks = _read_sticks(response.body)
        except BROKEN as error:
            raise self._rest.unreadable(response, error) from None
        return self._bars(market, timeframe, sticks)

    def _bars(self, market: Market, timeframe: str, sticks: list[Candlestick]) -> list[Bar]:
        """Rows as bars: those without prices are left out, those that cannot be true are counted."""
        bars: list[Bar] = []
        for stick in sticks:
            candle = Candle(stick.start, True, stick.open, stick.close, stick.high, stick.low, stick.volume)
            try:
                bar = bar_of(self._venue, market.symbol, timeframe, candle)
            except BROKEN as error:
                self._decoder.broken(error, b"")
                continue
            if bar is not None:
                bars.append(bar)
        return bars

    # -- the venue itself -----------------------------------------------------------------------------------------------

    async def clock(self) -> ClockReading:
        """The venue's clock, which it tells as bare text in ms."""
        sent_ns = self._clock.now_ns()
        response = await self._rest.get("/api/v1/time", urgent=True)
        came_ns = response.time_ns or self._clock.now_ns()
        text = response.body.decode("utf-8", "replace").strip().strip('"')
        if not text.isdigit():
            raise self._rest.unreadable(response, ValueError("no time"))
        middle_ns = (sent_ns + came_ns) // 2
        return ClockReading(offset_ns=ns_of(text) - middle_ns, round_trip_ns=max(0, came_ns - sent_ns))

    async def maintenance(self) -> str:
        """Why the venue is in maintenance; empty when it is not."""
        try:
            response = await self._rest.get("/api/v1/status", urgent=True)
        except VenueError as error:
            if error.verdict.reason == "maintenance":
                return error.verdict.message
            raise
        return self._health(response)

    def _health(self, response: Response) -> str:
        try:
            health = _read_health(response.body)
        except BROKEN as error:
            raise self._rest.unreadable(response, error) from None
        return "" if health.status.lower() == "ok" else health.message or health.status
