"""The market's loudspeaker: what the stage tells becomes stream messages, at once or on each stream's own beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi import Bar, Fill, MarketEvent, Quote, Trade
from drivers.binance.emulator import pushes
from drivers.binance.emulator.books import Books
from drivers.binance.emulator.candles import Candles
from drivers.binance.emulator.channels import Channel, channel_of
from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.markets import Market, Markets
from drivers.binance.emulator.streams import Hub
from drivers.binance.emulator.tape import Print, Tapes
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.stage import Stage

BEAT_S = 0.05


class Beat:
    """A stream that speaks periodically."""

    def __init__(self, channel: Channel, due_ms: int) -> None:
        self.channel = channel
        self.due_ms = due_ms
        self.last_id = 0
        self.held: Any = None  # an update that a fault lets come after the next one


class Broadcast:
    """The market streams of one product."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        books: Books,
        tapes: Tapes,
        candles: Candles,
        hub: Hub,
        faults: Faults,
        time: VenueTime,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._books = books
        self._tapes = tapes
        self._candles = candles
        self._hub = hub
        self._faults = faults
        self._time = time
        self._beats: dict[str, Beat] = {}
        self._touched: dict[str, tuple[Market, Quote]] = {}
        hub.on_first, hub.on_last = self._begin, self._end
        tapes.on_aggregate = self._aggregate
        self._makers: Mapping[str, Callable[[str, Beat], Any]] = {
            "depth": self._depth,
            "levels": self._top,
            "kline": self._kline,
            "ticker": self._ticker,
            "miniTicker": self._mini,
            "markPrice": self._mark,
            "avgPrice": self._average,
        }

    # -- which streams are heard ----------------------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        channel = channel_of(name, self._hub.product)
        market = self._markets.get(channel.native) if channel is not None and channel.native else None
        if channel is None or (channel.native and market is None):
            return
        if market is not None:
            market.open()
            if channel.kind == "depth":
                self._books.of(market).follow(name)
            elif channel.kind == "kline":
                self._stage.keep_bars(market.symbol, channel.argument)
        if channel.period_ms:
            self._beats[name] = Beat(channel, self._time.true_ms() + channel.period_ms)

    def _end(self, name: str) -> None:
        beat = self._beats.pop(name, None)
        if beat is not None and beat.channel.kind == "depth":
            self._books.of(self._market(beat)).leave(name)

    def _market(self, beat: Beat) -> Market:
        return self._markets.find(beat.channel.native)

    # -- at once ------------------------------------------------------------------------------------------------------------

    def hear(self, event: MarketEvent) -> None:
        """What the stage tells of one of our symbols."""
        market = self._markets.by_symbol.get(event.symbol)
        if market is None:
            return
        if isinstance(event, Quote):
            self._quote(market, event)
        elif isinstance(event, Trade):
            found = self._tapes.add(market, event)
            if market.symbol in self._books.feeds:
                self._books.of(market).stirred = True
            name = f"{market.native.lower()}@trade"
            if self._hub.heard(name):
                self._hub.publish(name, pushes.trade(market, found))
        elif isinstance(event, Bar):
            self._closed(market, event)

    def _quote(self, market: Market, quote: Quote) -> None:
        name = f"{market.native.lower()}@bookTicker"
        heard = self._hub.heard(name)
        if market.symbol in self._books.feeds or heard:
            update = self._books.of(market).touch(quote)
            if heard:
                now_ms = self._time.ms(quote.time_ns)
                self._hub.publish(name, pushes.book_ticker(market, quote, update, now_ms))
        if self._hub.heard("!bookTicker"):
            self._touched[market.symbol] = (market, quote)

    def _aggregate(self, market: Market, found: Print) -> None:
        name = f"{market.native.lower()}@aggTrade"
        if self._hub.heard(name):
            self._hub.publish(name, pushes.aggregate(market, found, self._time.now_ms()))

    def _closed(self, market: Market, bar: Bar) -> None:
        name = f"{market.native.lower()}@kline_{bar.timeframe}"
        if self._hub.heard(name):
            self._hub.publish(name, self._kline_message(market, bar.timeframe, bar, closed=True))

    def forced(self, market: Market, fill: Fill, status: str = "FILLED") -> None:
        """Tell the public of a liquidation."""
        time_ms = self._time.ms(fill.time_ns)
        size, price = market.size(fill.size), market.price(fill.price)
        order = {
            "s": market.native,
            "S": fill.side.upper(),
            "o": "LIMIT",
            "f": "IOC",
            "q": size,
            "p": price,
            "ap": price,
            "X": status,
            "l": size,
            "z": size,
            "T": time_ms,
        }
        for name in (f"{market.native.lower()}@forceOrder", "!forceOrder@arr"):
            self._hub.publish(name, {"e": "forceOrder", "E": time_ms, "o": order})

    # -- on the beat ----------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Called every `BEAT_S`: whatever is due is told."""
        self._tapes.flush()
        now_ms = self._time.true_ms()  # a clock that is set back holds no stream up
        for name, beat in list(self._beats.items()):
            if now_ms >= beat.due_ms:
                late = now_ms - beat.due_ms
                beat.due_ms = now_ms + beat.channel.period_ms - late % beat.channel.period_ms
                self._speak(name, beat)

    def _speak(self, name: str, beat: Beat) -> None:
        if beat.channel.kind == "bookTicker":
            for market, quote in self._touched.values():
                update = self._books.of(market).last_id
                self._hub.publish(name, pushes.book_ticker(market, quote, update, self._time.now_ms()))
            self._touched.clear()
            return
        message = self._makers[beat.channel.kind](name, beat)
        if message:
            self._hub.publish(name, message)

    def _open_markets(self) -> list[Market]:
        """Those that flow: rows of all-market streams are only of what moves."""
        return [market for market in self._markets if market.symbol in self._stage.trades]

    def _depth(self, name: str, beat: Beat) -> Any:
        """Speaks itself where a fault wants two messages, or another order."""
        market = self._market(beat)
        found = self._books.of(market).difference(name)
        if found is None or self._faults.strikes("book_gap"):
            return None
        message = pushes.difference(market, found, self._time.ms(found.time_ns))
        held, beat.held = beat.held, None
        if held is None and self._faults.strikes("book_reorder"):
            beat.held = message
            return None
        self._hub.publish(name, message)
        if held is not None:
            return held
        return message if self._faults.strikes("book_duplicate") else None

    def _top(self, name: str, beat: Beat) -> Any:
        market = self._market(beat)
        found = self._books.of(market).snapshot(int(beat.channel.argument))
        prev_id, beat.last_id = beat.last_id or found.last_id - 1, found.last_id
        return pushes.top(market, found, prev_id, self._time.ms(found.time_ns))

    def _kline(self, name: str, beat: Beat) -> Any:
        market, interval = self._market(beat), beat.channel.argument
        bar = self._candles.growing(market, interval)
        return self._kline_message(market, interval, bar, closed=False) if bar is not None else None

    def _kline_message(self, market: Market, interval: str, bar: Bar, *, closed: bool) -> Any:
        start_ms, end_ms = self._time.ms(bar.open_ns), self._time.ms(bar.time_ns)
        numbers = [each.id for each in self._tapes.of(market).trades if start_ms <= each.time_ms < end_ms]
        ids = (numbers[0], numbers[-1]) if numbers else (-1, -1)
        return pushes.kline(market, interval, bar, closed=closed, ids=ids, now_ms=self._time.now_ms())

    def _ticker(self, name: str, beat: Beat) -> Any:
        if beat.channel.argument:
            return [self._ticker_of(market) for market in self._open_markets()]
        return self._ticker_of(self._market(beat))

    def _ticker_of(self, market: Market) -> Any:
        trades = self._tapes.of(market).trades
        return pushes.ticker(market, self._candles.day(market), market.quote(), trades[-1].size if trades else 0.0)

    def _mini(self, name: str, beat: Beat) -> Any:
        if beat.channel.argument:
            return [pushes.mini_ticker(market, self._candles.day(market)) for market in self._open_markets()]
        market = self._market(beat)
        return pushes.mini_ticker(market, self._candles.day(market))

    def _mark(self, name: str, beat: Beat) -> Any:
        chosen = self._open_markets() if beat.channel.argument else [self._market(beat)]
        now_ms = self._time.now_ms()
        rows = [pushes.mark_price(market, self._stage.funding(market.symbol), now_ms) for market in chosen]
        return rows if beat.channel.argument else rows[0]

    def _average(self, name: str, beat: Beat) -> Any:
        market = self._market(beat)
        return pushes.average_price(market, self._candles.day(market))
