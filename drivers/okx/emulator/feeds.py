"""Feeds: what is pushed, and when. The market's events and a few timers on one side, the hub on the other (section 9.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ctosd.abi import Funding, MarketEvent, Quote, Trade, exact
from drivers.okx.emulator.algos import Algo
from drivers.okx.emulator.candles import Candles
from drivers.okx.emulator.channels import Subscription
from drivers.okx.emulator.faults import Faults
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.holdings import Holdings
from drivers.okx.emulator.ledger import Book
from drivers.okx.emulator.limits import SECOND
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.orderbooks import OrderBook
from drivers.okx.emulator.orders import Execution, Ticket
from drivers.okx.emulator.public import Public
from drivers.okx.emulator.sockets import Hub, Socket
from drivers.paper.stage import Stage

KEEPALIVE_NS = 60 * SECOND
Row = dict[str, Any]


class Feeds:
    """Everything that is pushed."""

    def __init__(
        self,
        stage: Stage,
        listing: Listing,
        books: Mapping[str, Book],
        public: Public,
        candles: Candles,
        holdings: Holdings,
        hub: Hub,
        faults: Faults,
        now: Callable[[], int],
    ) -> None:
        self._stage = stage
        self._listing = listing
        self._books = books
        self._public = public
        self._candles = candles
        self._holdings = holdings
        self._hub = hub
        self._faults = faults
        self._now = now
        self._sequence = 0
        self._said: dict[tuple[str, str], tuple[Any, int]] = {}
        self._held_back: dict[str, Row] = {}
        self._trades: dict[str, list[Row]] = {}
        self._regular: dict[tuple[str, tuple[str, ...]], int] = {}
        self._book_ns: dict[str, int] = {}
        public.before_look = self._look

    def start(self) -> None:
        self._stage.every(0.1, self._tenth)
        self._stage.every(0.2, self._fifth)
        self._stage.every(1.0, self._second)
        self._stage.every(30.0, self._half_minute)

    # -- the market -----------------------------------------------------------------------------------------------------------

    def hear(self, event: MarketEvent) -> None:
        market = self._listing.by_symbol.get(event.symbol)
        if market is None:
            return
        if isinstance(event, Trade):
            self._trade(market, event)
        elif isinstance(event, Quote):
            self._candles.begin(event.symbol)
            self._quote(market, event)
        elif isinstance(event, Funding):
            self._public.hear(event)

    def _trade(self, market: Market, trade: Trade) -> None:
        turns = self._candles.turns(trade)
        self._candles.hear(trade)
        if turns:
            self._minute(market)
        for channel in ("trades", "trades-all"):
            if self._hub.heard(channel, market.id):
                row = self._public.trade_row(market, trade, pushed=True)
                if channel == "trades-all":
                    row.pop("count")
                self._hub.publish(channel, market.id, [row])

    def _quote(self, market: Market, quote: Quote) -> None:
        if not self._hub.heard("bbo-tbt", market.id):
            return
        said = (quote.bid, quote.bid_size, quote.ask, quote.ask_size)
        if self._said.get(("bbo-tbt", market.id), (None, 0))[0] != said:
            self._said["bbo-tbt", market.id] = (said, 0)
            self._hub.publish("bbo-tbt", market.id, [self._best(market, quote)])

    def _best(self, market: Market, quote: Quote) -> Row:
        self._sequence += 1
        size = market.size
        return {
            "asks": [[plain(quote.ask), size(exact(quote.ask_size)), "0", "1"]],
            "bids": [[plain(quote.bid), size(exact(quote.bid_size)), "0", "1"]],
            "ts": ms(self._now()),
            "seqId": self._public.book(market).sequence + self._sequence,
        }

    def _candle_channels(self, market: Market) -> list[str]:
        return [channel for channel, name in self._hub.wanted("candle") if name == market.id]

    def _minute(self, market: Market) -> None:
        """A minute is over: candles that closed with it are pushed a last time."""
        now_ns = self._now()
        for channel in self._candle_channels(market):
            candle = self._candles.before(market, channel[6:])
            if candle is not None and self._said.get((channel, market.id), (0, 0))[1] < candle.open_ns:
                self._hub.publish(channel, market.id, [candle.row(market, now_ns)])
                self._said[channel, market.id] = (None, candle.open_ns)

    # -- timers ---------------------------------------------------------------------------------------------------------------

    def _tenth(self) -> None:
        for name in {name for channel, name in self._hub.wanted("books")}:
            self._advance(self._public.book(self._listing.by_id[name]))
        for _, name in self._hub.wanted("tickers"):
            row = self._public.ticker_row(self._listing.by_id[name])
            self._changed("tickers", name, row)

    def _fifth(self) -> None:
        for _, name in self._hub.wanted("mark-price"):
            self._changed("mark-price", name, self._public.mark_row(self._listing.by_id[name]), 10)
        for _, name in self._hub.wanted("index-tickers"):
            self._changed("index-tickers", name, self._public.index_row(name), 60)
        for _, name in self._hub.wanted("price-limit"):
            self._changed("price-limit", name, self._public.price_limit_row(self._listing.by_id[name]))

    def _second(self) -> None:
        self._hub.beat()
        now_ns = self._now()
        for channel, name in self._hub.wanted("candle"):
            market = self._listing.by_id[name]
            self._minute(market)
            candle = self._candles.present(market, channel[6:])
            if candle is not None:
                self._hub.publish(channel, name, [candle.row(market, now_ns)])
        for account in self._books:
            for channel in ("account", "positions"):
                for socket, subscription in self._hub.private(account, channel):
                    self._regularly(socket, subscription, account)

    def _regularly(self, socket: Socket, subscription: Subscription, account: str) -> None:
        due = self._regular.get((socket.id, subscription.key))
        now_ns = self._stage.now_ns()
        if subscription.interval_s and due is not None and now_ns >= due:
            self._regular[socket.id, subscription.key] = now_ns + int(subscription.interval_s * SECOND)
            if subscription.channel == "account":
                self._tell_account(socket, subscription, account, "")
            else:
                self._tell_positions(socket, subscription, account, None, "")

    def _half_minute(self) -> None:
        self._regular = {key: due for key, due in self._regular.items() if key[0] in self._hub.sockets}
        for _, name in self._hub.wanted("funding-rate"):
            self._hub.publish("funding-rate", name, [self._public.funding_row(self._listing.by_id[name])])
        for _, name in self._hub.wanted("open-interest"):
            self._hub.publish("open-interest", name, self._public.open_interest({"instType": "SWAP", "instId": name}))

    def _changed(self, channel: str, name: str, row: Row, at_least_s: int = 0) -> None:
        """Push a row that says something new, or after so many seconds one that does not."""
        said = {word: value for word, value in row.items() if word != "ts"}
        last, at_ns = self._said.get((channel, name), (None, 0))
        now_ns = self._stage.now_ns()
        if said != last or (at_least_s and now_ns - at_ns >= at_least_s * SECOND):
            self._said[channel, name] = (said, now_ns)
            self._hub.publish(channel, name, [row])

    # -- books ------------------------------------------------------------------------------------------------------------------

    def _look(self, book: OrderBook) -> None:
        """A REST request is about to see a book: what is streamed of it moves only with the stream."""
        if not self._hub.heard("books", book.market.id):
            book.cached()
        book.ready()

    def _advance(self, book: OrderBook) -> None:
        name, now_ns = book.market.id, self._stage.now_ns()
        top = book.top(5)
        update = book.refresh()
        if update is not None:
            self._book_ns[name] = now_ns
            self._send(name, update)
        elif now_ns - self._book_ns.get(name, now_ns) >= KEEPALIVE_NS:
            self._book_ns[name] = now_ns
            self._send(name, book.keepalive())
        row = book.top(5)
        if (row["bids"], row["asks"]) != (top["bids"], top["asks"]):
            self._hub.publish("books5", name, [row])

    def _send(self, name: str, update: Row) -> None:
        """Push an update of `books`, with whatever is to go wrong on its way."""
        if self._faults.use("book_gap"):
            return
        held = self._held_back.pop(name, None)
        if held is None and self._faults.use("book_reorder"):
            self._held_back[name] = update
            return
        self._hub.publish("books", name, [update], "update")
        if held is not None:
            self._hub.publish("books", name, [held], "update")
        if self._faults.use("book_duplicate"):
            self._hub.publish("books", name, [update], "update")

    # -- what a new subscription hears at once ------------------------------------------------------------------------------

    def subscribed(self, socket: Socket, subscription: Subscription) -> None:
        market, channel = subscription.market, subscription.channel
        if market is not None:
            self._stage.open(market.symbol)
        if channel in ("account", "positions", "balance_and_position"):
            self._first_private(socket, subscription)
            return
        if market is not None and channel == "books":
            self._first_book(socket, subscription, market)
            return
        data = self._first(subscription)
        if data:
            socket.say(arg=subscription.arg, data=data)

    def _first(self, subscription: Subscription) -> list[Any]:
        market, channel, public = subscription.market, subscription.channel, self._public
        if channel == "instruments":
            return [each.row() for each in self._listing.of_type(subscription.kind)]
        if channel == "status":
            return public.status({})
        if channel == "index-tickers":
            return [public.index_row(subscription.index)]
        if market is None:
            return []
        if channel == "books5":
            public.book(market).ready()
            return [public.book(market).top(5)]
        if channel == "bbo-tbt":
            return [self._best(market, self._stage.quote(market.symbol))]
        if subscription.candle:
            return self._first_candle(market, subscription)
        rows: dict[str, Callable[[Market], Row]] = {
            "tickers": public.ticker_row,
            "mark-price": public.mark_row,
            "funding-rate": public.funding_row,
            "price-limit": public.price_limit_row,
        }
        make = rows.get(channel)
        return [make(market)] if make is not None else []

    def _first_candle(self, market: Market, subscription: Subscription) -> list[Any]:
        candle = self._candles.present(market, subscription.candle)
        if candle is None:
            return []
        if self._hub.heard(subscription.channel, market.id) == 1:  # what closed before was nobody's
            self._said[subscription.channel, market.id] = (None, candle.open_ns - 1)
        return [candle.row(market, self._now())]

    def _first_book(self, socket: Socket, subscription: Subscription, market: Market) -> None:
        book = self._public.book(market)
        book.ready()
        self._book_ns.setdefault(market.id, self._stage.now_ns())
        row = book.snapshot(stale=self._faults.use("stale_snapshot"))
        socket.say(arg=subscription.arg, action="snapshot", data=[row])

    # -- accounts -----------------------------------------------------------------------------------------------------------

    def _first_private(self, socket: Socket, subscription: Subscription) -> None:
        account = socket.account
        book = self._books[account]
        if subscription.interval_s:
            due = self._stage.now_ns() + int(subscription.interval_s * SECOND)
            self._regular[socket.id, subscription.key] = due
        if subscription.channel == "account":
            self._tell_account(socket, subscription, account, "snapshot")
        elif subscription.channel == "positions":
            self._tell_positions(socket, subscription, account, None, "snapshot")
        else:
            assets = [each.asset for each in self._stage.floor.engine.balances(account)]
            row = self._holdings.brief(account, "snapshot", assets, book.open_legs(), [])
            self._hub.tell(socket, subscription, book.uid, [row])

    def order(self, ticket: Ticket, row: Row) -> None:
        for socket, subscription in self._hub.private(ticket.account, "orders"):
            if subscription.covers(ticket.market):
                self._hub.tell(socket, subscription, self._books[ticket.account].uid, [row])

    def algo(self, algo: Algo) -> None:
        for socket, subscription in self._hub.private(algo.account, "orders-algo"):
            if subscription.covers(algo.market):
                self._hub.tell(socket, subscription, self._books[algo.account].uid, [algo.push()])

    def execution(self, ticket: Ticket, fill: Execution) -> None:
        """Kept for the next push of positions, which names the trades that moved them."""
        row = {"instId": ticket.market.id, "tradeId": fill.trade_id}
        self._trades.setdefault(ticket.account, []).append(row)

    def position(self, account: str, market: Market, why: str) -> None:
        for socket, subscription in self._hub.private(account, "positions"):
            if subscription.covers(market):
                self._tell_positions(socket, subscription, account, market, "event_update")
        legs = [leg for leg in self._books[account].legs.values() if leg.instrument == market.id and leg.id]
        trades = self._trades.pop(account, [])
        row = self._holdings.brief(account, why or "filled", [], legs, trades)
        self._brief(account, row)

    def money(self, account: str, asset: str, why: str) -> None:
        for socket, subscription in self._hub.private(account, "account"):
            if subscription.asset in ("", asset):
                self._tell_account(socket, subscription, account, "event_update")
        trades = self._trades.pop(account, [])
        self._brief(account, self._holdings.brief(account, why or "filled", [asset], [], trades))

    def _brief(self, account: str, row: Row) -> None:
        for socket, subscription in self._hub.private(account, "balance_and_position"):
            self._hub.tell(socket, subscription, self._books[account].uid, [row])

    def _tell_account(self, socket: Socket, subscription: Subscription, account: str, what: str) -> None:
        assets = {subscription.asset} if subscription.asset else None
        row = self._holdings.balance_row(account, assets)
        pages = {"eventType": what or "regular_update", "curPage": 1, "lastPage": True}
        self._hub.tell(socket, subscription, self._books[account].uid, [row], **pages)

    def _tell_positions(
        self, socket: Socket, subscription: Subscription, account: str, market: Market | None, what: str
    ) -> None:
        """The open legs that a subscription covers; with a market, that market's, closed ones too."""
        book = self._books[account]
        legs: Iterable[Any] = book.legs.values() if market is not None else book.open_legs()
        rows = [
            self._holdings.position_row(account, leg)
            for leg in legs
            if leg.id
            and (market is None or leg.instrument == market.id)
            and subscription.covers(self._listing.by_id[leg.instrument])
        ]
        pages = {"eventType": what or "regular_update", "curPage": 1, "lastPage": True}
        self._hub.tell(socket, subscription, book.uid, rows, **pages)

    def maintenance(self, row: Row) -> None:
        self._hub.publish("status", "ANY", [row])
