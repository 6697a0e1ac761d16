"""Market data by REST: quotes, books, bars and funding that are asked for. (Sheet section 5.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ctosd.abi import Bar, BookDelta, Funding, NotReady, Ports, Quote
from drivers.okx.funding import EIGHT_HOURS_NS, Mark, Rate
from drivers.okx.listing import Listing, Product
from drivers.okx.records import MS
from drivers.okx.rest import Rest
from drivers.okx.timeframes import bar_name, length_ns
from drivers.okx.wire import BROKEN, Candle, Depth, Ticker, bar, depth

PAGE = 300
RECENT = 1_440 - PAGE
"""market/candles has the newest 1440 bars only; what is older is in history-candles."""
DEEPEST = 400

read_ticker = msgspec.json.Decoder(Ticker, strict=False).decode
read_depth = msgspec.json.Decoder(Depth, strict=False).decode
read_candle = msgspec.json.Decoder(Candle, strict=False).decode
read_rate = msgspec.json.Decoder(Rate, strict=False).decode
read_mark = msgspec.json.Decoder(Mark, strict=False).decode


class MarketData:
    """The public queries of one venue. They raise `NotReady`, and `CallerMistake` for what is not listed."""

    def __init__(self, ports: Ports, listing: Listing, rest: Rest) -> None:
        self._ports = ports
        self._listing = listing
        self._rest = rest

    async def quote(self, symbol: str) -> Quote:
        product = self._listing.find(symbol)
        raw = await self._one("/api/v5/market/ticker", product, "pub.ticker")
        try:
            row = read_ticker(raw)
        except BROKEN:
            raise NotReady(f"{symbol} has no bid or no ask now") from None
        times, parts = product.times, product.parts
        bid_size, ask_size = row.bid_size * times / parts, row.ask_size * times / parts
        return Quote(self._ports.venue, symbol, row.bid, bid_size, row.ask, ask_size, row.ts * MS)

    async def book(self, symbol: str, level: int) -> BookDelta:
        """At most `level` levels a side, 400 at most."""
        product = self._listing.find(symbol)
        size = str(max(1, min(level, DEEPEST)))
        raw = await self._one("/api/v5/market/books", product, "pub.books", ("sz", size))
        return depth(self._ports.venue, product, _read(read_depth, raw), True)

    async def funding(self, symbol: str) -> Funding | None:
        product = self._listing.find(symbol)
        if product.spot:
            return None
        rate: Rate = _read(read_rate, await self._one("/api/v5/public/funding-rate", product, "pub.funding"))
        pairs = ("instType", "SWAP")
        mark: Mark = _read(read_mark, await self._one("/api/v5/public/mark-price", product, "pub.mark", pairs))
        after = int(rate.next_funding_time) if rate.next_funding_time else 0
        interval_ns = (after - rate.funding_time) * MS if after > rate.funding_time else EIGHT_HOURS_NS
        moment = int(rate.ts) * MS if rate.ts else mark.ts * MS
        return Funding(
            self._ports.venue, symbol, rate.funding_rate, mark.mark_px, rate.funding_time * MS, moment, interval_ns
        )  # fmt: skip

    async def bars(self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0) -> Sequence[Bar]:
        """The newest `limit` closed bars that open at or after `start_ns` and are over by `end_ns`, oldest first.

        Pages go backwards with `after`: `before` alone would give the newest rows.
        """
        product = self._listing.find(symbol)
        name = bar_name(timeframe)
        length = length_ns(timeframe)
        now_ns = self._rest.venue_ns()
        cursor_ms = (min(end_ns, now_ns) if end_ns else now_ns) // MS + 1
        found: dict[int, Bar] = {}
        while len(found) < limit:
            recent = timeframe != "1s" and now_ns - cursor_ms * MS < RECENT * length
            count = min(PAGE, limit - len(found) + 1)  # the newest row is open
            rows = await self._candles(product, name, cursor_ms, count, recent)
            if not rows and recent:
                rows = await self._candles(product, name, cursor_ms, count, False)
            for row in rows:
                if row.confirm == "1":
                    made = bar(self._ports.venue, product, timeframe, row)
                    if made.open_ns >= start_ns and (not end_ns or made.time_ns <= end_ns):
                        found[made.open_ns] = made
            oldest_ms = min((row.ts for row in rows), default=cursor_ms)
            if oldest_ms >= cursor_ms or oldest_ms * MS <= start_ns:
                break
            cursor_ms = oldest_ms
        return [found[key] for key in sorted(found)][-limit:]

    async def _candles(self, product: Product, name: str, after_ms: int, count: int, recent: bool) -> list[Candle]:
        path = "/api/v5/market/candles" if recent else "/api/v5/market/history-candles"
        pairs = [("instId", product.native), ("bar", name), ("after", str(after_ms)), ("limit", str(count))]
        raws = await self._rest.get(path, pairs, (("pub.candles" if recent else "pub.hist_candles", 1.0),))
        return [_read(read_candle, raw) for raw in raws]

    async def _one(self, path: str, product: Product, limit: str, *more: tuple[str, str]) -> msgspec.Raw:
        name = f"{limit}@{product.native}" if limit in {"pub.funding", "pub.mark"} else limit
        raws = await self._rest.get(path, [("instId", product.native), *more], ((name, 1.0),))
        if not raws:
            raise NotReady(f"GET {path}: no row for {product.native}")
        return raws[0]


def _read(decode: Any, raw: msgspec.Raw) -> Any:
    try:
        return decode(raw)
    except BROKEN as error:
        raise NotReady(f"the venue's answer cannot be read: {error}") from None
