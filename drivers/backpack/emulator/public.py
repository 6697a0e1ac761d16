"""Public questions: markets, books, trades, klines, marks and funding (sheet sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from ctosd.abi import Reply, exact
from drivers.backpack.emulator.books import LEVELS, Books
from drivers.backpack.emulator.candles import DAY_NS, INTERVALS, Candles
from drivers.backpack.emulator.faults import Faults
from drivers.backpack.emulator.formats import SECOND_NS, iso, ms, plain
from drivers.backpack.emulator.history import page
from drivers.backpack.emulator.intake import number, parameter
from drivers.backpack.emulator.markets import Market, Markets
from drivers.backpack.emulator.orders import ZERO
from drivers.backpack.emulator.refusals import JSON, TEXT, bad_request
from drivers.backpack.emulator.tape import Tape
from drivers.paper.chance import chance
from drivers.paper.stage import Stage

LIMITS = tuple(str(limit) for limit in (5, 10, 20, 50, 100, 500, 1_000))
SPANS = {"1d": DAY_NS, "1w": 7 * DAY_NS}
INTEREST = Decimal(10_000)
"""Open interest of strangers, in the base."""
RATES = 300
"""Funding intervals that are over when the emulator starts."""

Query = Mapping[str, str]


class Public:
    """Answers without a signature. `now_ns` is the venue's clock."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        books: Books,
        tape: Tape,
        candles: Candles,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._books = books
        self._tape = tape
        self._candles = candles
        self._faults = faults
        self._now_ns = now_ns

    def _market(self, query: Query) -> Market:
        market = self._markets.named(parameter(query, "symbol"))
        self._stage.open(market.symbol)
        return market

    def _chosen(self, query: Query) -> list[Market]:
        """The perpetuals that a question is about: one, or all."""
        if "symbol" not in query:
            return list(self._markets.perps())
        market = self._market(query)
        return [market] if market.is_perp else []

    # -- the system -------------------------------------------------------------------------------------------------------

    def status(self, query: Query) -> Reply:
        if self._faults.value("maintenance"):
            return told({"status": "Maintenance", "message": "Scheduled maintenance"})
        return told({"status": "Ok", "message": None})

    def ping(self, query: Query) -> Reply:
        return Reply(200, b"pong", TEXT)

    def time(self, query: Query) -> Reply:
        return Reply(200, str(ms(self._now_ns())).encode(), TEXT)

    # -- markets ------------------------------------------------------------------------------------------------------------

    def markets(self, query: Query) -> Reply:
        kinds = [part for part in query.get("marketType", "").split(",") if part]
        return told([each.described() for each in self._markets.all if not kinds or each.kind in kinds])

    def market(self, query: Query) -> Reply:
        return told(self._market(query).described())

    def assets(self, query: Query) -> Reply:
        token = {
            "displayName": "Solana",
            "blockchain": "Solana",
            "contractAddress": None,
            "depositEnabled": True,
            "minimumDeposit": "0",
            "withdrawEnabled": True,
            "minimumWithdrawal": "1",
            "maximumWithdrawal": None,
            "withdrawalFee": "0.1",
        }
        rows = [
            {"symbol": asset, "displayName": asset, "coingeckoId": None, "tokens": [token]}
            for asset in self._markets.assets()
        ]
        return told(rows)

    def collateral(self, query: Query) -> Reply:
        function = {"type": "sqrt", "base": "0.02", "factor": "0"}
        haircut = {"weight": "1", "kind": {"type": "identity"}}
        rows = [
            {"symbol": asset, "imfFunction": function, "mmfFunction": function, "haircutFunction": haircut}
            for asset in self._markets.assets()
        ]
        return told(rows)

    def ticker(self, query: Query) -> Reply:
        span = SPANS[parameter(query, "interval", tuple(SPANS), "1d")]
        return told(self._candles.ticker(self._market(query), span))

    def tickers(self, query: Query) -> Reply:
        span = SPANS[parameter(query, "interval", tuple(SPANS), "1d")]
        return told([self._candles.ticker(market, span) for market in self._markets.all])

    # -- book, trades, klines -----------------------------------------------------------------------------------------------

    def depth(self, query: Query) -> Reply:
        market = self._market(query)
        limit = int(parameter(query, "limit", LIMITS, str(LEVELS)))
        book = self._books.refresh(market)
        stale = book.has_older and self._faults.strikes("stale_snapshot")
        return told(book.oldest(limit) if stale else book.snapshot(limit))

    def trades(self, query: Query) -> Reply:
        return told(self._tape.page(self._market(query).symbol, number(query, "limit", 100, 1_000)))

    def old_trades(self, query: Query) -> Reply:
        limit, offset = number(query, "limit", 100, 1_000), number(query, "offset", 0)
        return told(self._tape.page(self._market(query).symbol, limit, offset))

    def klines(self, query: Query) -> Reply:
        market = self._market(query)
        interval = parameter(query, "interval", tuple(INTERVALS))
        parameter(query, "priceType", ("Last", "Index", "Mark"), "Last")
        start = number(query, "startTime", most=10**11) * SECOND_NS
        end = number(query, "endTime", self._now_ns() // SECOND_NS, 10**11) * SECOND_NS
        if end < start:
            raise bad_request("`startTime` must be before `endTime`")
        return told([candle.rest(market) for candle in self._candles.rows(market, interval, start, end)])

    # -- marks and funding ----------------------------------------------------------------------------------------------------

    def mark(self, market: Market) -> dict[str, Any]:
        """What is told of a perpetual's mark, by REST and by the stream."""
        funding, quote = self._stage.funding(market.symbol), self._stage.quote(market.symbol)
        index = exact(round(quote.mid, 8))
        return {
            "markPrice": plain(exact(round(funding.mark, 8)) if funding is not None and funding.mark else index),
            "indexPrice": plain(index),
            "fundingRate": plain(exact(round(funding.rate, 10))) if funding is not None else "0",
            "nextFundingTimestamp": ms(funding.next_ns) if funding is not None else 0,
            "symbol": market.name,
        }

    def marks(self, query: Query) -> Reply:
        return told([self.mark(market) for market in self._chosen(query)])

    def rates(self, query: Query) -> Reply:
        """Rates of the intervals that are over; those before the start are made up, the same for the same symbol."""
        market = self._market(query)
        funding = self._stage.funding(market.symbol)
        if funding is None:
            return page([], query, dict)
        step, end = funding.interval_ns, self._now_ns() // funding.interval_ns * funding.interval_ns
        ends = [end - step * number for number in range(RATES - 1, -1, -1)]
        return page(ends, query, lambda at: _rate(market, at))

    def interest_of(self, market: Market) -> Decimal:
        """Open interest: what strangers hold, and what the accounts do."""
        engine = self._stage.floor.engine
        held = [each.size for account in self._stage.accounts for each in engine.positions(account) if each.symbol == market.symbol]  # fmt: skip
        return INTEREST + sum((abs(size) for size in held), ZERO)

    def interest(self, query: Query) -> Reply:
        now = ms(self._now_ns())
        rows = [
            {"symbol": market.name, "openInterest": plain(self.interest_of(market)), "timestamp": now}
            for market in self._chosen(query)
        ]
        return told(rows)


def _rate(market: Market, end_ns: int) -> dict[str, Any]:
    drawn = chance(f"funding/{market.symbol}/{end_ns}").random()
    rate = Decimal(round(drawn * 200 - 60)) / 1_000_000
    return {"symbol": market.name, "intervalEndTimestamp": iso(end_ns, fraction=False), "fundingRate": plain(rate)}


def told(data: Any) -> Reply:
    return Reply(200, orjson.dumps(data), JSON)
