"""Market data in OKX's words (sheet section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi import Funding, Trade, exact
from drivers.okx.emulator import paging
from drivers.okx.emulator.accounts import listed
from drivers.okx.emulator.candles import Candles
from drivers.okx.emulator.desk import Desk
from drivers.okx.emulator.faults import Faults
from drivers.okx.emulator.figures import MS, ms, plain, whole
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.orderbooks import OrderBook
from drivers.okx.emulator.refusals import Refusal
from drivers.paper.stage import Stage

Given = Mapping[str, Any]
Row = dict[str, Any]
LIMIT_OF_RATES = "0.0075"


class Public:
    """Answers of requests that say `given`, and rows for pushes. They raise `Refusal`."""

    def __init__(
        self, stage: Stage, listing: Listing, candles: Candles, desk: Desk, faults: Faults, now: Callable[[], int]
    ) -> None:
        self._stage = stage
        self._listing = listing
        self._candles = candles
        self._desk = desk
        self._faults = faults
        self._now = now
        self._books: dict[str, OrderBook] = {}
        self._settled: dict[str, list[Funding]] = {}
        self._rates: dict[str, Funding] = {}
        self._maintained: list[Row] = []
        self.before_look: Callable[[OrderBook], None] = OrderBook.cached
        """Brings a book up to date; where it is streamed, the stream hears of it too."""

    def hear(self, funding: Funding) -> None:
        """Keep the last rate of each interval: what was forecast at its end was paid."""
        before = self._rates.get(funding.symbol)
        if before is not None and before.next_ns != funding.next_ns:
            self._settled.setdefault(funding.symbol, []).append(before)
        self._rates[funding.symbol] = funding

    def _market(self, given: Given) -> Market:
        market = self._listing.named(given.get("instId"))
        self._stage.open(market.symbol)
        return market

    # -- the venue ----------------------------------------------------------------------------------------------------------

    def time(self, given: Given) -> list[Row]:
        return [{"ts": ms(self._now())}]

    def maintain(self, ongoing: bool) -> Row:
        """Maintenance begins or ends; the row that says so."""
        now = self._now()
        if ongoing or not self._maintained:
            row = {
                **dict.fromkeys(("href", "scheDesc", "preOpenBegin"), ""),
                "title": "Trading system upgrade",
                "begin": ms(now),
                "end": ms(now + 600_000 * MS),
                "serviceType": "5",
                "system": "unified",
                "maintType": "3",
                "env": "2",
            }
            self._maintained.append(row)
        row = self._maintained[-1]
        row["state"], row["ts"] = "ongoing" if ongoing else "completed", ms(now)
        return dict(row)

    def status(self, given: Given) -> list[Row]:
        state = given.get("state")
        if state not in (None, "", "scheduled", "ongoing", "pre_open", "completed", "canceled"):
            raise Refusal("51000", "state")
        shown = (state,) if state else ("scheduled", "ongoing", "pre_open")
        return [row for row in self._maintained if row["state"] in shown]

    def instruments(self, given: Given) -> list[Row]:
        return listed(self._listing, given)

    # -- prices -------------------------------------------------------------------------------------------------------------

    def ticker(self, given: Given) -> list[Row]:
        return [self.ticker_row(self._market(given))]

    def tickers(self, given: Given) -> list[Row]:
        kind = given.get("instType")
        if kind in (None, ""):
            raise Refusal("50014", "instType")
        if kind not in ("SPOT", "SWAP", "FUTURES", "OPTION"):
            raise Refusal("51000", "instType")
        return [self.ticker_row(market) for market in self._listing.of_type(str(kind))]

    def ticker_row(self, market: Market) -> Row:
        quote, trades = self._desk.quote(market), self._stage.trades.get(market.symbol)
        last = trades[-1] if trades else None
        return {
            "instType": market.type,
            "instId": market.id,
            "last": plain(last.price if last is not None else quote.bid),
            "lastSz": market.size(exact(last.size)) if last is not None else "0",
            "askPx": plain(quote.ask),
            "askSz": market.size(exact(quote.ask_size)),
            "bidPx": plain(quote.bid),
            "bidSz": market.size(exact(quote.bid_size)),
            **self._candles.day(market),
            "ts": ms(self._now()),
        }

    def book(self, market: Market) -> OrderBook:
        found = self._books.get(market.id)
        if found is None:
            self._stage.open(market.symbol)
            found = self._books[market.id] = OrderBook(market, self._stage, self._now)
        return found

    def books(self, given: Given) -> list[Row]:
        return self._depth(given, 1, 400, numbered=True)

    def books_full(self, given: Given) -> list[Row]:
        return self._depth(given, 1, 5_000, numbered=False)

    def _depth(self, given: Given, usual: int, most: int, *, numbered: bool) -> list[Row]:
        market, levels = self._market(given), whole(given.get("sz") or usual)
        if not levels or levels > most:
            raise Refusal("51000", "sz")
        book = self.book(market)
        self.before_look(book)
        return [book.rest(levels, numbered=numbered, stale=self._faults.use("stale_snapshot"))]

    def candles(self, given: Given) -> list[list[str]]:
        return self._candles.asked(self._market(given), given, old=False)

    def history_candles(self, given: Given) -> list[list[str]]:
        return self._candles.asked(self._market(given), given, old=True)

    def trades(self, given: Given) -> list[Row]:
        market = self._market(given)
        found = self._stage.trades.get(market.symbol, [])[-paging.limit(given, 100, 500) :]
        return [self.trade_row(market, trade) for trade in reversed(found)]

    def history_trades(self, given: Given) -> list[Row]:
        kind = str(given.get("type") or "1")
        market = self._market(given)
        if kind not in ("1", "2"):
            raise Refusal("51000", "type")
        if kind == "2" and given.get("before"):
            raise Refusal("50024", "type", "before")
        word = "tradeId" if kind == "1" else "ts"
        rows = (self.trade_row(market, trade) for trade in reversed(self._stage.trades.get(market.symbol, [])))
        return paging.page(rows, given, lambda row: int(row[word]))

    def trade_row(self, market: Market, trade: Trade, *, pushed: bool = False) -> Row:
        number = int(trade.trade_id, 16) if trade.trade_id else 0
        row: Row = {
            "instId": market.id,
            "tradeId": str(1_000_000 + number),
            "px": plain(trade.price),
            "sz": market.size(exact(trade.size)),
            "side": trade.side,
            "ts": ms(trade.time_ns),
            "source": "0",
        }
        return {**row, "count": "1", "seqId": number} if pushed else row

    # -- perpetuals -----------------------------------------------------------------------------------------------------------

    def funding(self, given: Given) -> list[Row]:
        if given.get("instId") == "ANY":
            return [self.funding_row(market) for market in self._listing.of_type("SWAP")]
        market = self._market(given)
        if not market.swap:
            raise Refusal("51000", "instId")
        return [self.funding_row(market)]

    def funding_row(self, market: Market) -> Row:
        told = self._stage.funding(market.symbol)
        if told is None:
            raise Refusal("51001")
        settled = self._settled.get(market.symbol)
        return {
            "formulaType": "noRate",
            "fundingRate": plain(told.rate),
            "fundingTime": ms(told.next_ns),
            "impactValue": "20000",
            "instId": market.id,
            "instType": market.type,
            "interestRate": "0.0001",
            "maxFundingRate": LIMIT_OF_RATES,
            "method": "current_period",
            "minFundingRate": f"-{LIMIT_OF_RATES}",
            "nextFundingRate": "",
            "nextFundingTime": ms(told.next_ns + told.interval_ns),
            "premium": plain(told.rate),
            "prevFundingTime": ms(told.next_ns - told.interval_ns),
            "settFundingRate": plain(settled[-1].rate if settled else told.rate),
            "settState": "settled",
            "ts": ms(self._now()),
        }

    def funding_history(self, given: Given) -> list[Row]:
        market = self._market(given)
        settled = reversed(self._settled.get(market.symbol, []))
        found = paging.page(settled, given, lambda each: int(each.next_ns // MS), 400, 400)
        return [
            {
                "formulaType": "noRate",
                "fundingRate": plain(each.rate),
                "fundingTime": ms(each.next_ns),
                "instId": market.id,
                "instType": market.type,
                "method": "current_period",
                "realizedRate": plain(each.rate),
            }
            for each in found
        ]

    def mark_price(self, given: Given) -> list[Row]:
        if given.get("instType") not in ("SWAP", "MARGIN", "FUTURES", "OPTION"):
            raise Refusal("51000" if given.get("instType") else "50014", "instType")
        if given.get("instId"):
            return [self.mark_row(self._market(given))]
        return [self.mark_row(market) for market in self._listing.of_type(given["instType"])]

    def mark_row(self, market: Market) -> Row:
        mark = self._desk.mark(market)
        return {"instType": market.type, "instId": market.id, "markPx": plain(mark), "ts": ms(self._now())}

    def index_tickers(self, given: Given) -> list[Row]:
        name, quote = given.get("instId"), given.get("quoteCcy")
        if not name and not quote:
            raise Refusal("50015", "instId", "quoteCcy")
        if name:
            return [self.index_row(str(name))]
        names = dict.fromkeys(market.family for market in self._listing.all if market.quote == quote)
        return [self.index_row(each) for each in names]

    def index_row(self, name: str) -> Row:
        market = self._listing.index(name)
        self._stage.open(market.symbol)
        day = self._candles.day(market)
        kept = {word: day[word] for word in ("high24h", "low24h", "open24h", "sodUtc0", "sodUtc8")}
        return {"instId": name, "idxPx": plain(self._desk.mark(market)), **kept, "ts": ms(self._now())}

    def price_limit(self, given: Given) -> list[Row]:
        return [self.price_limit_row(self._market(given))]

    def price_limit_row(self, market: Market) -> Row:
        highest, lowest = self._desk.price_limits(market)
        limits = {"buyLmt": plain(highest), "sellLmt": plain(lowest), "enabled": True}
        return {"instType": market.type, "instId": market.id, **limits, "ts": ms(self._now())}

    def open_interest(self, given: Given) -> list[Row]:
        if given.get("instType") not in ("SWAP", "FUTURES", "OPTION"):
            raise Refusal("51000" if given.get("instType") else "50014", "instType")
        markets = [self._market(given)] if given.get("instId") else self._listing.of_type(given["instType"])
        rows = []
        for market in markets:
            coins = Decimal(1_000) * market.value / (market.lot or 1)
            try:
                worth = coins * self._desk.mark(market)
            except Refusal:
                continue
            row = {"instType": market.type, "instId": market.id, "oi": market.size(coins), "oiCcy": plain(coins)}
            rows.append({**row, "oiUsd": plain(worth), "ts": ms(self._now())})
        return rows
