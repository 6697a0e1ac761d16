"""What the streams tell of the market: books by their changes, trades, klines, tickers and marks at their own pace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ctosd.abi import MarketEvent, Quote, Trade
from drivers.backpack.emulator.accounts import Accounts
from drivers.backpack.emulator.books import Book, Books, Change
from drivers.backpack.emulator.candles import Candle, Candles
from drivers.backpack.emulator.faults import Faults
from drivers.backpack.emulator.formats import plain, us
from drivers.backpack.emulator.markets import Market, Markets
from drivers.backpack.emulator.names import PERIODS, Name
from drivers.backpack.emulator.orders import Execution
from drivers.backpack.emulator.public import Public
from drivers.backpack.emulator.streams import Hub, Talk
from drivers.backpack.emulator.tape import Print, Tape
from drivers.paper.stage import Stage

SNAPSHOT_NS = 1_000_000_000
"""How often a book is put aside for the fault `stale_snapshot` while somebody watches it."""


class Feeds:
    """Joins the stage's market to the hub."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        books: Books,
        tape: Tape,
        candles: Candles,
        public: Public,
        accounts: Accounts,
        hub: Hub,
        faults: Faults,
        now_ns: Callable[[], int],
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._books = books
        self._tape = tape
        self._candles = candles
        self._public = public
        self._accounts = accounts
        self._hub = hub
        self._faults = faults
        self._now_ns = now_ns
        self._gathered: dict[str, list[Change]] = {}
        self._held: dict[str, dict[str, Any]] = {}
        self._bars: dict[str, Candle] = {}
        self._aside: dict[str, int] = {}
        books.on_change = self._on_change
        hub.on_subscribed = self.on_subscribed
        hub.on_idle = self.on_idle

    def start(self) -> None:
        for part, seconds in PERIODS.items():
            self._stage.every(seconds, partial(self._flush, part))
        self._stage.every(1.0, self._second)
        self._stage.every(60.0, self._minute)

    # -- who listens --------------------------------------------------------------------------------------------------------

    def on_subscribed(self, talk: Talk, name: Name, account: str) -> None:
        if name.market is not None:
            self._stage.open(name.market.symbol)
        if name.kind in ("depth", "bookTicker") and name.market is not None:
            self._books.refresh(name.market)
        elif name.kind == "account.positionUpdate":
            for symbol, data in self._accounts.present(account):
                if name.market is None or name.market.name == symbol:
                    self._hub.send_private(talk, name.text, data)

    def on_idle(self, name: Name) -> None:
        self._gathered.pop(name.text, None)
        self._held.pop(name.text, None)
        self._bars.pop(name.text, None)

    def _watched(self, market: Market) -> bool:
        """Whether anybody hears this book; else it is compared only when it is asked for."""
        streams = (f"bookTicker.{market.name}", f"depth.{market.name}")
        return any(map(self._hub.wanted, streams)) or any(
            self._hub.wanted(f"depth.{part}.{market.name}") for part in PERIODS
        )

    # -- what the market does -----------------------------------------------------------------------------------------------

    def hear(self, event: MarketEvent) -> None:
        if not self._markets.lists(event.symbol):
            return
        if isinstance(event, Trade):
            self._print(self._markets.of(event.symbol), self._tape.hear(event))
        elif isinstance(event, Quote):
            self.look(self._markets.of(event.symbol))

    def look(self, market: Market) -> None:
        """Something may have changed in this book."""
        if self._watched(market):
            self._books.refresh(market)

    def execute(self, execution: Execution) -> None:
        """A fill of an account is a public trade too, told once for both sides."""
        market = self._markets.of(execution.fill.symbol)
        prints = self._tape.of(market.symbol)
        if not prints or prints[-1].id < execution.trade_id:
            self._print(market, self._tape.execute(execution))
        if execution.fill.cause:
            now = us(self._now_ns())
            told = {"q": plain(execution.fill.size), "p": plain(execution.fill.price), "S": execution.ticket.side}
            self._hub.publish("liquidation", {"e": "liquidation", "E": now, "s": market.name, "T": now, **told})

    def _print(self, market: Market, made: Print) -> None:
        stream = f"trade.{market.name}"
        if self._hub.wanted(stream):
            self._hub.publish(stream, made.stream(market, us(self._now_ns())))

    # -- books ----------------------------------------------------------------------------------------------------------------

    def _on_change(self, book: Book, change: Change) -> None:
        """The touch is told before the depth of the same id, as recorded traffic has it."""
        market = book.market
        self._put_aside(book)
        if change.touch:
            self._touch(book, change)
        stream = f"depth.{market.name}"
        if self._hub.wanted(stream):
            self._tell_depth(stream, depth(book, [change]))
        for part in PERIODS:
            aggregated = f"depth.{part}.{market.name}"
            if self._hub.wanted(aggregated):
                self._gathered.setdefault(aggregated, []).append(change)

    def _put_aside(self, book: Book) -> None:
        if book.time_ns - self._aside.get(book.market.name, 0) >= SNAPSHOT_NS:
            self._aside[book.market.name] = book.time_ns
            book.keep()

    def _touch(self, book: Book, change: Change) -> None:
        market, stream = book.market, f"bookTicker.{book.market.name}"
        if not self._hub.wanted(stream):
            return
        bid, bid_size, ask, ask_size = book.touch
        data = {
            "e": "bookTicker",
            "E": us(change.time_ns),
            "T": us(change.time_ns),
            "s": market.name,
            "b": market.price(bid),
            "B": market.size(bid_size),
            "a": market.price(ask),
            "A": market.size(ask_size),
            "u": change.last_id,
        }
        self._hub.publish(stream, data)

    def _flush(self, part: str) -> None:
        """One message for all changes of a period."""
        for stream in [name for name in self._gathered if name.startswith(f"depth.{part}.")]:
            changes = self._gathered.pop(stream)
            book = self._books.refresh(self._markets.named(stream.split(".", 2)[2]))
            changes.extend(self._gathered.pop(stream, ()))
            self._tell_depth(stream, depth(book, changes))

    def _tell_depth(self, stream: str, data: dict[str, Any]) -> None:
        """Tell one depth message, or what the faults make of it."""
        faults, held = self._faults, self._held.pop(stream, None)
        if faults.strikes("book_gap"):
            return
        if held is None and faults.strikes("book_reorder"):
            self._held[stream] = data
            return
        self._hub.publish(stream, data)
        if faults.strikes("book_duplicate"):
            self._hub.publish(stream, data)
        if held is not None:
            self._hub.publish(stream, held)

    # -- at their own pace ----------------------------------------------------------------------------------------------------

    def _second(self) -> None:
        now = us(self._now_ns())
        for name in self._hub.names("kline"):
            self._kline(name, now)
        for name in self._hub.names("ticker"):
            if name.market is not None:
                self._hub.publish(name.text, self._ticker(name.market, now))
        for name in self._hub.names("markPrice"):
            if name.market is not None:
                self._hub.publish(name.text, self._mark(name.market, now))

    def _kline(self, name: Name, now: int) -> None:
        """At most once a second, when it changed; the last push of a bucket says that it is closed."""
        assert name.market is not None
        present, before = self._candles.present(name.market, name.part), self._bars.get(name.text)
        if before is not None and before.start_ns != present.start_ns:
            closed = self._candles.closed(name.market, name.part, before.start_ns)
            self._hub.publish(name.text, closed.stream(name.market, now, True))
        if present != before:
            self._hub.publish(name.text, present.stream(name.market, now, False))
        self._bars[name.text] = present

    def _ticker(self, market: Market, now: int) -> dict[str, Any]:
        told = self._candles.ticker(market)
        return {
            "e": "ticker",
            "E": now,
            "s": market.name,
            "o": told["firstPrice"],
            "c": told["lastPrice"],
            "h": told["high"],
            "l": told["low"],
            "v": told["volume"],
            "V": told["quoteVolume"],
            "n": int(told["trades"]),
        }

    def _mark(self, market: Market, now: int) -> dict[str, Any]:
        told = self._public.mark(market)
        return {
            "e": "markPrice",
            "E": now,
            "T": now,
            "s": market.name,
            "p": told["markPrice"],
            "f": told["fundingRate"],
            "i": told["indexPrice"],
            "n": told["nextFundingTimestamp"],
        }

    def _minute(self) -> None:
        now = us(self._now_ns())
        for name in self._hub.names("openInterest"):
            if name.market is not None:
                interest = plain(self._public.interest_of(name.market))
                data = {"e": "openInterest", "E": now, "s": name.market.name, "o": interest}
                self._hub.publish(name.text, data)


def depth(book: Book, changes: list[Change]) -> dict[str, Any]:
    """One depth message of several changes; of a level that changed twice the last size counts."""
    bids, asks = dict(changes[0].bids), dict(changes[0].asks)
    for change in changes[1:]:
        bids.update(change.bids)
        asks.update(change.asks)
    last = changes[-1]
    return {
        "e": "depth",
        "E": us(last.time_ns),
        "T": us(last.time_ns),
        "s": book.market.name,
        "U": changes[0].first_id,
        "u": last.last_id,
        "b": book.told(bids),
        "a": book.told(asks),
    }
