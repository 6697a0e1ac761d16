"""Market data by question, for REST and the WebSocket API of both products (sheet B2 and C2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ctosd.abi import Instrument, exact
from drivers.binance.emulator import listing
from drivers.binance.emulator.books import Books
from drivers.binance.emulator.candles import Candles
from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.formats import fixed, levels, plain
from drivers.binance.emulator.limits import Limits
from drivers.binance.emulator.listing import Rules
from drivers.binance.emulator.markets import Market, Markets
from drivers.binance.emulator.operations import Call
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal, invalid
from drivers.binance.emulator.tape import Tapes
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.stage import Stage

FUTURES_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
HOUR_NS = 3_600_000_000_000
Message = dict[str, Any]


class MarketData:
    """Questions about the markets of one product."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        books: Books,
        tapes: Tapes,
        candles: Candles,
        limits: Limits,
        faults: Faults,
        time: VenueTime,
        rules: Rules,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._books = books
        self._tapes = tapes
        self._candles = candles
        self._limits = limits
        self._faults = faults
        self._time = time
        self.rules = rules
        self._futures = markets.product.name == "futures"

    # -- the venue ----------------------------------------------------------------------------------------------------------

    def ping(self, call: Call) -> Message:
        return {}

    def time(self, call: Call) -> Message:
        return {"serverTime": self._time.now_ms()}

    def info(self, call: Call) -> Message:
        declared, now_ms = self._limits.declared(), self._time.now_ms()
        if self._futures:
            return listing.futures_info(self._markets, declared, now_ms, self.rules)
        chosen = self._chosen(call.params) or list(self._markets)
        return listing.spot_info(chosen, declared, now_ms, self.rules)

    def _chosen(self, params: Params) -> list[Market]:
        """The markets of `symbol` or `symbols`; none when neither is there."""
        if params.sent("symbol"):
            return [self._markets.of(params)]
        if not params.sent("symbols"):
            return []
        try:
            names = json.loads(params.text("symbols"))
        except ValueError:
            raise invalid("symbols") from None
        if not isinstance(names, list):
            raise invalid("symbols")
        return [self._markets.find(str(name)) for name in names]

    def _each(self, params: Params, row: Callable[[Market], Message]) -> Message | list[Message]:
        """One row for `symbol`, a list for several or all."""
        if params.sent("symbol"):
            return row(self._markets.of(params))
        return [row(market) for market in self._chosen(params) or self._markets]

    # -- books and trades ------------------------------------------------------------------------------------------------------

    def depth(self, call: Call) -> Message:
        market = self._markets.of(call.params)
        limit = call.params.integer("limit", 500 if self._futures else 100, least=1)
        if self._futures and limit not in FUTURES_DEPTHS:
            raise invalid("limit")
        found = self._books.of(market).snapshot(min(limit, 5000), self._faults.strikes("stale_snapshot"))
        time_ms = self._time.ms(found.time_ns)
        times = {"E": self._time.now_ms(), "T": time_ms} if self._futures else {}
        return {
            "lastUpdateId": found.last_id,
            **times,
            "bids": levels(found.bids, market.price_places, market.size_places),
            "asks": levels(found.asks, market.price_places, market.size_places),
        }

    def trades(self, call: Call) -> list[Message]:
        market = self._markets.of(call.params)
        market.open()
        limit = call.params.limit(500, 1000)
        found = list(self._tapes.of(market).trades)
        if call.params.sent("fromId"):
            number = call.params.integer("fromId")
            found = [each for each in found if each.id >= number][:limit]
        rows = [
            {
                "id": each.id,
                "price": market.price(each.price),
                "qty": market.size(each.size),
                "quoteQty": fixed(each.price * each.size, 8 if not self._futures else 2),
                "time": each.time_ms,
                "isBuyerMaker": each.buyer_is_maker,
            }
            for each in found[-limit:]
        ]
        last = {"isRPITrade": False} if self._futures else {"isBestMatch": True}
        return [{**row, **last} for row in rows]

    def aggregates(self, call: Call) -> list[Message]:
        params, market = call.params, self._markets.of(call.params)
        market.open()
        limit = params.limit(500, 1000)
        found = list(self._tapes.of(market).aggregates)
        if params.sent("fromId"):
            number = params.integer("fromId")
            found = [each for each in found if each.id >= number][:limit]
        start = params.integer("startTime") if params.sent("startTime") else 0
        end = params.integer("endTime") if params.sent("endTime") else 1 << 62
        found = [each for each in found if start <= each.time_ms <= end]
        extra = {} if self._futures else {"M": True}
        return [
            {
                "a": each.id,
                "p": market.price(each.price),
                "q": market.size(each.size),
                "f": each.first,
                "l": each.last,
                "T": each.time_ms,
                "m": each.buyer_is_maker,
                **extra,
            }
            for each in (found[:limit] if params.sent("startTime") else found[-limit:])
        ]

    def klines(self, call: Call) -> list[list[Any]]:
        params, market = call.params, self._markets.of(call.params)
        interval = self._candles.check(market, params.need("interval"))
        limit = params.limit(500, 1500 if self._futures else 1000)
        start = params.integer("startTime") if params.sent("startTime") else None
        end = params.integer("endTime") if params.sent("endTime") else None
        return [self._candles.row(market, bar) for bar in self._candles.bars(market, interval, limit, start, end)]

    # -- tickers ------------------------------------------------------------------------------------------------------------

    def day(self, call: Call) -> Message | list[Message]:
        return self._each(call.params, self._day)

    def _day(self, market: Market) -> Message:
        day, trades = self._candles.day(market), self._tapes.of(market).trades
        found: Message = {
            "symbol": market.native,
            "priceChange": market.price(day.change),
            "priceChangePercent": fixed(day.percent, 3),
            "weightedAvgPrice": market.price(day.average),
            "lastPrice": market.price(day.last),
            "lastQty": market.size(trades[-1].size if trades else 0.0),
            "openPrice": market.price(day.open),
            "highPrice": market.price(day.high),
            "lowPrice": market.price(day.low),
            "volume": market.size(day.volume),
            "quoteVolume": fixed(day.quote_volume, 8),
            "openTime": day.open_ms,
            "closeTime": day.close_ms,
            "firstId": day.first_id,
            "lastId": day.last_id,
            "count": len(trades),
        }
        if self._futures:
            return found
        touch = self._touch(market)
        touch.pop("symbol")
        return {**found, "prevClosePrice": market.price(day.open), **touch}

    def price(self, call: Call) -> Message | list[Message]:
        def row(market: Market) -> Message:
            found: Message = {"symbol": market.native, "price": market.price(market.last())}
            return {**found, "time": self._time.now_ms()} if self._futures else found

        return self._each(call.params, row)

    def book_ticker(self, call: Call) -> Message | list[Message]:
        return self._each(call.params, self._touch)

    def _touch(self, market: Market) -> Message:
        quote = market.quote()
        found: Message = {
            "symbol": market.native,
            "bidPrice": market.price(quote.bid),
            "bidQty": market.size(quote.bid_size),
            "askPrice": market.price(quote.ask),
            "askQty": market.size(quote.ask_size),
        }
        if not self._futures:
            return found
        return {**found, "time": self._time.ms(quote.time_ns), "lastUpdateId": self._books.of(market).last_id}

    def average(self, call: Call) -> Message:
        market = self._markets.of(call.params)
        day = self._candles.day(market)
        return {"mins": 5, "price": market.price(day.average), "closeTime": day.close_ms}

    # -- perpetuals -----------------------------------------------------------------------------------------------------------

    def premium(self, call: Call) -> Message | list[Message]:
        return self._each(call.params, self._premium)

    def _premium(self, market: Market) -> Message:
        funding, mark = self._stage.funding(market.symbol), fixed(market.mark(), 8)
        return {
            "symbol": market.native,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": f"{funding.rate:.8f}" if funding is not None else "0.00000000",
            "interestRate": "0.00010000",
            "nextFundingTime": funding.next_ns // 1_000_000 if funding is not None else 0,
            "time": self._time.now_ms(),
        }

    def funding_rates(self, call: Call) -> list[Message]:
        """Rates of the past: those that somebody paid are known, for the others the present one stands."""
        params = call.params
        limit = params.limit(100, 1000)
        market = self._markets.maybe(params) or next(iter(self._markets))
        funding = self._stage.funding(market.symbol)
        if funding is None:
            return []
        end = params.integer("endTime") if params.sent("endTime") else self._time.now_ms()
        start = params.integer("startTime") if params.sent("startTime") else None
        step, next_ms = funding.interval_ns // 1_000_000, funding.next_ns // 1_000_000
        end = min(end, self._time.now_ms())
        first = start if start is not None else end - limit * step
        # Aligned to the present interval: a payment lies whole intervals before the next one.
        times = [next_ms - step * count for count in range(1, 1 + max(0, (next_ms - first) // step))]
        rows = [each for each in reversed(times) if first <= each <= end]
        now = exact(funding.rate), market.mark()

        def row(time_ms: int) -> Message:
            rate, mark = market.settled.get(time_ms, now)
            told = {"fundingRate": fixed(rate, 8), "markPrice": fixed(mark, 8)}
            return {"symbol": market.native, "fundingTime": time_ms, **told}

        return [row(each) for each in (rows[:limit] if start is not None else rows[-limit:])]

    def funding_info(self, call: Call) -> list[Message]:
        """Only symbols whose interval is not eight hours."""
        found = []
        for market in self._markets:
            funding = self._stage.funding(market.symbol) if self._unusual() else None
            if funding is not None and funding.interval_ns != 8 * HOUR_NS:
                found.append(
                    {
                        "symbol": market.native,
                        "adjustedFundingRateCap": "0.00750000",
                        "adjustedFundingRateFloor": "-0.00750000",
                        "fundingIntervalHours": _hours(funding.interval_ns),
                        "disclaimer": False,
                    }
                )
        return found

    def _unusual(self) -> bool:
        """Whether the stage pays at other intervals: one market tells for all of them."""
        first = next(iter(self._markets), None)
        funding = self._stage.funding(first.symbol) if first is not None else None
        return funding is not None and funding.interval_ns != 8 * HOUR_NS

    def open_interest(self, call: Call) -> Message:
        market = self._markets.of(call.params)
        return {"openInterest": market.size(10_659.509), "symbol": market.native, "time": self._time.now_ms()}

    # -- fees -----------------------------------------------------------------------------------------------------------------

    def commission(self, call: Call) -> Message:
        instrument: Instrument = self._markets.of(call.params).instrument
        maker, taker = instrument.maker_fee, instrument.taker_fee
        if self._futures:
            return {
                "symbol": call.params.need("symbol"),
                "makerCommissionRate": plain(maker),
                "takerCommissionRate": plain(taker),
                "rpiCommissionRate": plain(maker),
            }
        none = dict.fromkeys(("maker", "taker", "buyer", "seller"), "0.00000000")
        return {
            "symbol": call.params.need("symbol"),
            "standardCommission": {**none, "maker": fixed(maker, 8), "taker": fixed(taker, 8)},
            "specialCommission": none,
            "taxCommission": none,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }


def _hours(interval_ns: int) -> int | float:
    """The venue has whole hours; an emulator that pays more often says so in parts of one."""
    return interval_ns / HOUR_NS if interval_ns % HOUR_NS else interval_ns // HOUR_NS


def gone(call: Call) -> Any:
    """An endpoint that the venue has removed."""
    raise Refusal(-1020, "This endpoint was removed; use the WebSocket API to subscribe to user data.", status=410)
