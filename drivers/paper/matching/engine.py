"""The matching engine: markets go in, commands go in, what happens to accounts comes out.

Pure: no clock, no chance, no wire. Times are arguments; ids are counters; the same calls give the same answers. Several accounts
trade against what the market shows and against each other, by price and then by time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf
from typing import Any

from ctosd.abi import (
    Amend,
    Balance,
    Bar,
    BookDelta,
    CallerMistake,
    Cancel,
    Fill,
    Funding,
    FundingPayment,
    Instrument,
    OrderUpdate,
    Outcome,
    Place,
    Position,
    PrivateEvent,
    Quote,
    Trade,
)
from drivers.paper.matching import checks, liquidation, margin, resting
from drivers.paper.matching.account import Account
from drivers.paper.matching.clearing import Clearing
from drivers.paper.matching.desk import Desk
from drivers.paper.matching.funding import Funder
from drivers.paper.matching.grid import sane
from drivers.paper.matching.market import Market, sane_bar, sane_quote
from drivers.paper.matching.memory import Memory
from drivers.paper.matching.rules import Rules

Events = Sequence[PrivateEvent]


class Engine:
    """One venue. The `on_…` methods and the commands return events in the order in which they happened, `()` for none."""

    def __init__(self, venue: str, instruments: Sequence[Instrument], rules: Rules | None = None) -> None:
        self.venue = venue
        self.rules = rules or Rules()
        self._clearing = Clearing(venue, self.rules)
        self._markets = self._clearing.markets
        self._desk = Desk(self._clearing)
        self._funder = Funder(self._clearing)
        self._memory = Memory(self._clearing)
        for instrument in instruments:
            self.add_instrument(instrument)

    @property
    def instruments(self) -> Sequence[Instrument]:
        return tuple(market.instrument for market in self._markets.values())

    def add_instrument(self, instrument: Instrument) -> None:
        """List one more; one that is listed stays as it is."""
        if instrument.symbol not in self._markets:
            self._markets[instrument.symbol] = Market(instrument, self.rules)
            self._funder.next_due_ns = 0

    def open_account(self, account: str, balances: Mapping[str, Decimal], leverage: Decimal = Decimal(1)) -> None:
        """Open an account with its first money. One that exists keeps its money and takes the new default leverage."""
        clearing = self._clearing
        found = clearing.accounts.get(account)
        if found is not None and found.leverage == leverage:
            return
        if found is None:
            found = clearing.accounts[account] = Account(account, leverage, self.rules.keep_closed)
            found.cash.update(balances)
        found.leverage = leverage
        for holding in found.holdings.values():
            found.measure(holding)
        clearing.changed[found.key] = found

    # -- market; the fast path comes first --------------------------------------------------------------------------------

    def on_quote(self, quote: Quote) -> Events:
        try:
            market = self._markets[quote.symbol]
        except KeyError:
            return ()
        if market.low < quote.bid < quote.ask < market.high:
            market.quote = quote
            return ()
        return self._quote(market, quote)

    def on_trade(self, trade: Trade) -> Events:
        try:
            market = self._markets[trade.symbol]
        except KeyError:
            return ()
        if market.low < trade.price < market.high:
            market.trade = trade
            return ()
        return self._trade(market, trade)

    def on_bar(self, bar: Bar) -> Events:
        try:
            market = self._markets[bar.symbol]
        except KeyError:
            return ()
        if market.low < bar.low <= bar.high < market.high:
            market.bar = bar
            return ()
        return self._bar(market, bar)

    def on_book(self, delta: BookDelta) -> Events:
        market = self._markets.get(delta.symbol)
        if market is None or market.book.apply(delta) or market.idle:
            return ()
        resting.on_book(self._clearing, market, delta)
        bid, ask = market.book.best_bid, market.book.best_ask
        if bid is not None and ask is not None and market.low < bid <= ask < market.high:
            return ()
        return self._book(market, delta, bid or 0.0, ask or inf)

    def _book(self, market: Market, delta: BookDelta, bid: float, ask: float) -> Events:
        market.take_book(delta)
        self._clearing.at(delta.time_ns)
        if market.source == "book":
            resting.on_touch(self._clearing, market)
            self._watch(market, bid, ask)
        return self._close(market)

    def on_funding(self, funding: Funding) -> Events:
        market = self._markets.get(funding.symbol)
        if market is None or market.instrument.kind != "perp":
            return ()
        self._funder.hear(market, funding)
        self._clearing.at(funding.time_ns)
        return self._clearing.flush()

    def settle(self, now_ns: int) -> Events:
        """Pay the funding that is due. Cheap when none is."""
        if now_ns < self._funder.next_due_ns:
            return ()
        self._funder.settle(now_ns)
        self._clearing.at(now_ns)
        return self._clearing.flush()

    @property
    def next_due_ns(self) -> int:
        """When `settle` next has something to do; 0 when that is not known yet."""
        return self._funder.next_due_ns

    def _quote(self, market: Market, quote: Quote) -> Events:
        if not sane_quote(quote):
            return ()
        market.take_quote(quote)
        if market.idle:
            return ()
        self._clearing.at(quote.time_ns)
        resting.on_touch(self._clearing, market)
        self._watch(market, quote.bid, quote.ask)
        return self._close(market)

    def _trade(self, market: Market, trade: Trade) -> Events:
        if not sane(trade.price):
            return ()
        market.take_trade(trade)
        if market.idle:
            return ()
        self._clearing.at(trade.time_ns)
        resting.on_trade(self._clearing, market, trade)
        self._watch(market, trade.price, trade.price)
        return self._close(market)

    def _bar(self, market: Market, bar: Bar) -> Events:
        if market.fine or not sane_bar(bar):
            return ()
        market.bar = bar
        clearing = self._clearing
        clearing.at(bar.time_ns)
        before = bar.open
        for price in resting.path(bar):
            resting.on_price(clearing, market, price)
            liquidation.on_leg(clearing, market, before, price)
            before = price
        market.pinned = None
        self._watch(market, bar.low, bar.high)
        return self._close(market)

    def _watch(self, market: Market, low: float, high: float) -> None:
        """Somebody's margin must be looked at when the price left the band in which nobody can sink."""
        if market.holders and not (market.guard[0] < low and high < market.guard[1]):
            liquidation.check(self._clearing, market)

    def _close(self, market: Market) -> Events:
        if market.stirred:
            self._clearing.look(market)
        return self._clearing.flush()

    # -- commands ---------------------------------------------------------------------------------------------------------

    def place(self, place: Place, now_ns: int, share: float = 1.0) -> tuple[Outcome, Events]:
        """`share` is the part of what the order could take at once that it gets: a fault to inject."""
        self._clearing.at(now_ns)
        outcome = self._desk.place(place, now_ns, share)
        return outcome, self._clearing.flush()

    def amend(self, amend: Amend, now_ns: int) -> tuple[Outcome, Events]:
        self._clearing.at(now_ns)
        outcome = self._desk.amend(amend, now_ns)
        return outcome, self._clearing.flush()

    def cancel(self, cancel: Cancel, now_ns: int) -> tuple[Outcome, Events]:
        self._clearing.at(now_ns)
        outcome = self._desk.cancel(cancel)
        return outcome, self._clearing.flush()

    def cancel_all(self, account: str, symbol: str, now_ns: int) -> Events:
        """Cancel every open order of an account, of one symbol or (empty) of all."""
        self._clearing.at(now_ns)
        self._desk.cancel_all(account, symbol)
        return self._clearing.flush()

    def force_close(self, account: str, symbol: str, cause: str, share: Decimal, now_ns: int) -> Events:
        """The venue itself closes `share` of a position at the mark, as a liquidation or an auto-deleveraging does."""
        self._clearing.at(now_ns)
        holding = self._account(account).holdings.get(symbol)
        if holding is not None and holding.lots and holding.market.half_mark() is not None:
            lots = max(1, int(abs(holding.lots) * share))
            liquidation.close(self._clearing, holding.account, holding, lots, cause)
        return self._clearing.flush()

    def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        """Change an account's leverage in one perpetual.

        Raises:
            CallerMistake: no such account or perpetual, a leverage out of range, or one that the account cannot carry.
        """
        found, market = self._account(account), self._markets.get(symbol)
        if market is None or market.instrument.kind != "perp":
            raise CallerMistake(f"{symbol!r} is not a perpetual of {self.venue}: leverage is for perpetuals")
        most = market.instrument.max_leverage
        if not 1 <= leverage <= most:
            raise CallerMistake(f"leverage {leverage} of {symbol} is not valid: it must lie between 1 and {most}")
        holding, old = found.holding(market), found.leverages.get(symbol)
        before = holding.margin
        found.leverages[symbol] = leverage
        found.measure(holding)
        free = found.free(market.instrument.settle)
        if holding.margin > before and free < 0:
            found.leverages.pop(symbol)
            if old is not None:
                found.leverages[symbol] = old
            found.measure(holding)
            raise CallerMistake(
                f"margin is insufficient for leverage {leverage} in {symbol}: {checks.plain(-free)} are missing"
            )
        self._clearing.changed[found.key] = found

    # -- questions --------------------------------------------------------------------------------------------------------

    def _account(self, name: str) -> Account:
        try:
            return self._clearing.accounts[name]
        except KeyError:
            known = ", ".join(self._clearing.accounts) or "none"
            raise CallerMistake(f"{name!r} is not an account of {self.venue}; known: {known}") from None

    def order(self, account: str, client_id: str, venue_id: str = "") -> OrderUpdate | None:
        """An order by its client id, or by its venue id when the former is empty; None when the venue knows none."""
        found = self._desk.find(account, client_id, venue_id)
        return found.update() if found is not None else None

    def open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        """Oldest priority first."""
        return [each.update() for each in self._account(account).open.values() if not symbol or each.symbol == symbol]

    def fills(self, account: str, since_ns: int = 0) -> Sequence[Fill]:
        """At or after `since_ns`, oldest first; at most `keep_closed` are remembered."""
        fills = list(self._account(account).fills)
        return fills[bisect_left(fills, since_ns, key=lambda fill: fill.time_ns) :]

    def payments(self, account: str, since_ns: int = 0) -> Sequence[FundingPayment]:
        """Funding due at or after `since_ns`, oldest first; at most `keep_closed` are remembered."""
        found = [payment for payment in self._account(account).payments if payment.time_ns >= since_ns]
        return sorted(found, key=lambda payment: payment.time_ns)

    def balances(self, account: str) -> Sequence[Balance]:
        found = self._account(account)
        return [self._clearing.balance(found, asset) for asset in found.assets()]

    def positions(self, account: str) -> Sequence[Position]:
        """Open positions in perpetuals, by symbol."""
        found, now_ns = self._account(account), self._clearing.now_ns
        return [margin.position(found, holding, now_ns) for _, holding in sorted(found.positions.items())]

    def leverage(self, account: str, symbol: str) -> Decimal:
        return self._account(account).leverage_of(self._markets[symbol])

    def quote(self, symbol: str) -> Quote | None:
        """The newest touch; derived from the last trade or bar where the market tells no quotes; None before the first price."""
        market = self._markets.get(symbol)
        return market.top() if market is not None else None

    def orderbook(self, symbol: str, level: int) -> BookDelta:
        """A snapshot with at most `level` levels a side, best first: what strangers show, and what is modelled behind it."""
        try:
            return self._markets[symbol].depth(level)
        except KeyError:
            raise CallerMistake(f"{symbol!r} is not listed at {self.venue}") from None

    # -- memory -----------------------------------------------------------------------------------------------------------

    @property
    def dirty(self) -> bool:
        """Whether `drain_changes` has something to say of orders, fills or accounts."""
        return bool(self._clearing.changed)

    def drain_changes(self, news: bool = True) -> dict[str, bytes | None]:
        """Records that changed since the last call, by key; None deletes. Feed all of them to `restore` of a new engine.

        With `news` the last prices of every market in which somebody has something are among them. Without, only those
        of markets whose orders or positions changed: cheap enough for each command, also with a thousand symbols.
        """
        return self._memory.drain(news)

    def drop_changes(self) -> None:
        """Nobody keeps records: forget which ones changed."""
        self._clearing.changed.clear()

    def restore(self, records: Mapping[str, bytes]) -> None:
        """Take back what was drained, before any account is opened.

        Raises:
            Misconfigured: a record cannot be read, or an open order or position does not fit the instruments any more.
        """
        self._memory.restore(records)

    def statistics(self) -> dict[str, Any]:
        clearing = self._clearing
        return {
            "accounts": len(clearing.accounts),
            "markets": len(clearing.markets),
            "open_orders": sum(len(account.open) for account in clearing.accounts.values()),
            "orders": clearing.counters.orders,
            "trades": clearing.counters.trades,
            "payments": clearing.counters.payments,
            "liquidations": clearing.counters.liquidations,
            "next_funding_ns": self._funder.next_due_ns,
        }
