"""Market data by query: quotes, books, closed bars, funding. (Sheet B2 and C2.)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from ctosd.abi import Bar, BookDelta, CallerMistake, Funding, NotReady, Ports, Quote
from ctosd.core.bars import period, timeframe_ns
from drivers.binance import replies
from drivers.binance.limits import depth_weight, klines_weight
from drivers.binance.requests import Pairs
from drivers.binance.rest import Rest
from drivers.binance.streams import check_timeframe

DEPTHS = (5, 10, 20, 50, 100, 500, 1_000)
SNAPSHOT = 1_000  # levels of the snapshots that books are built on
MOST_BARS = {"usdm": 1_500, "spot": 1_000}
DEFAULT_HOURS = 8.0
REFRESH_NS = 3_600 * 1_000_000_000


class Market:
    """The public queries of one product. `symbols` maps unified names to Binance's."""

    def __init__(self, rest: Rest, ports: Ports, natives: Mapping[str, str]) -> None:
        self._rest = rest
        self._ports = ports
        self._natives = natives
        self._venue = ports.venue
        self._hours: dict[str, float] = {}
        self._hours_ns = 0

    def native(self, symbol: str) -> str:
        """Binance's name. Raises `CallerMistake` for a symbol that is not listed."""
        try:
            return self._natives[symbol]
        except KeyError:
            raise CallerMistake(f"{symbol} is not listed on Binance {self._rest.product}") from None

    async def quote(self, symbol: str) -> Quote:
        row = await self._rest.read("quote", [("symbol", self.native(symbol))])
        try:
            return replies.quote(row, self._venue, symbol, self._ports.clock.now_ns())
        except replies.WRONG as error:
            raise NotReady(f"{symbol}: no quote in the answer ({error})") from None

    async def orderbook(self, symbol: str, level: int) -> BookDelta:
        """A snapshot; Binance takes certain numbers of levels only, so the next larger is asked for and cut."""
        if level < 1:
            raise CallerMistake(f"{level} levels of a book")
        limit = next((depth for depth in DEPTHS if depth >= level), DEPTHS[-1])
        params = [("symbol", self.native(symbol)), ("limit", f"{limit}")]
        row = await self._rest.read("depth", params, weight=depth_weight(self._rest.product, limit))
        try:
            bids, asks = (
                [(float(price), float(size)) for price, size in row[side][:level]] for side in ("bids", "asks")
            )
            time_ns = int(row.get("T") or row.get("E") or 0) * replies.MS or self._ports.clock.now_ns()
            return BookDelta(self._venue, symbol, bids, asks, time_ns, last_id=int(row["lastUpdateId"]), snapshot=True)
        except replies.WRONG as error:
            raise NotReady(f"{symbol}: no book in the answer ({error})") from None

    async def snapshot(self, symbol: str) -> BookDelta:
        """What a streamed book is built on."""
        return await self.orderbook(symbol, SNAPSHOT)

    # -- bars -----------------------------------------------------------------------------------------------------------

    async def klines(self, symbol: str, timeframe: str, limit: int, start_ns: int, end_ns: int) -> Sequence[Bar]:
        """Closed bars, oldest first, at most the newest `limit`. USDⓈ-M leaves out periods without a trade: they come flat."""
        check_timeframe(self._rest.product, timeframe)
        native = self.native(symbol)
        if limit < 1:
            return ()
        now_ns = self._rest.venue_ns(self._ports.clock.now_ns())
        until_ns = min(end_ns, now_ns) if end_ns else now_ns
        bars: list[Bar] = []
        while len(bars) < limit:
            before = bars[0].open_ns if bars else until_ns
            page = await self._page(native, symbol, timeframe, limit - len(bars) + 1, before)
            page = [bar for bar in page if bar.time_ns <= until_ns and bar.open_ns >= start_ns and bar.open_ns < before]
            if not page:
                break
            bars = _unbroken([*page, *bars], timeframe)
        return bars[-limit:]

    async def _page(self, native: str, symbol: str, timeframe: str, count: int, before_ns: int) -> list[Bar]:
        limit = min(count, MOST_BARS[self._rest.product])
        params: Pairs = [("symbol", native), ("interval", timeframe), ("limit", f"{limit}")]
        params.append(("endTime", f"{(before_ns - 1) // replies.MS}"))
        rows = await self._rest.read("klines", params, weight=klines_weight(self._rest.product, limit))
        try:
            return [replies.bar(row, self._venue, symbol, timeframe) for row in rows]
        except replies.WRONG as error:
            raise NotReady(f"{symbol}: bars that cannot be read ({error})") from None

    # -- funding --------------------------------------------------------------------------------------------------------

    async def funding(self, symbol: str) -> Funding | None:
        native = self.native(symbol)
        if self._rest.product == "spot":
            return None
        hours = await self.hours(symbol)
        row = await self._rest.read("mark", [("symbol", native)])
        try:
            return replies.funding(row, self._venue, symbol, hours)
        except replies.WRONG as error:
            raise NotReady(f"{symbol}: no funding in the answer ({error})") from None

    async def hours(self, symbol: str) -> float:
        """Hours between two payments. Only symbols with other intervals than 8 h are listed; asked for once an hour."""
        now_ns = self._ports.clock.now_ns()
        if now_ns - self._hours_ns > REFRESH_NS:
            rows = await self._rest.read("funding_info")
            try:
                self._hours = {str(row["symbol"]): float(row["fundingIntervalHours"]) for row in rows}
            except replies.WRONG as error:
                raise NotReady(f"funding intervals that cannot be read ({error})") from None
            self._hours_ns = now_ns
        return self._hours.get(self.native(symbol), DEFAULT_HOURS)

    def with_interval(self, funding: Funding) -> Funding:
        """What a stream told, with the interval that it leaves out."""
        hours = self._hours.get(self._natives[funding.symbol], DEFAULT_HOURS)
        return funding if hours == DEFAULT_HOURS else replace(funding, interval_ns=int(hours * replies.HOUR_NS))


def _unbroken(bars: Sequence[Bar], timeframe: str) -> list[Bar]:
    """Bars with flat ones in the holes. Periods are those of the calendar, as months are."""
    timeframe_ns(timeframe)
    found: list[Bar] = []
    for bar in bars:
        while found and found[-1].time_ns < bar.open_ns:
            last = found[-1]
            begin_ns, after_ns = period(timeframe, last.time_ns)
            if begin_ns != last.time_ns:
                break  # another grid than ours: leave the hole as it is
            price = last.close
            found.append(Bar(bar.venue, bar.symbol, timeframe, price, price, price, price, 0.0, begin_ns, after_ns))
        found.append(bar)
    return found
