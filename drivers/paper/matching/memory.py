"""What the venue remembers over a restart: records by key, only what changed since they were last asked for.

Keys: ``counters``, ``account/NAME``, ``position/NAME/SYMBOL``, ``order/NAME/CLIENT_ID``, ``fill/NAME/TRADE_ID``,
``payment/NAME/PAYMENT_ID``, ``market/SYMBOL``. Sizes and
prices are kept as decimals, not in ticks and lots, so that a grid that was made finer still fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from ctosd.abi import Bar, Fill, Funding, FundingPayment, Misconfigured, Quote, Trade
from drivers.paper.matching.account import Account, Holding
from drivers.paper.matching.clearing import Clearing, Counters
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import Order

T = TypeVar("T")


class AccountRecord(msgspec.Struct, kw_only=True):
    name: str
    leverage: Decimal
    leverages: dict[str, Decimal]
    cash: dict[str, Decimal]


class PositionRecord(msgspec.Struct, kw_only=True):
    account: str
    symbol: str
    size: Decimal
    cost: Decimal
    realised: Decimal


class MarketRecord(msgspec.Struct, kw_only=True):
    symbol: str
    quote: Quote | None = None
    trade: Trade | None = None
    bar: Bar | None = None
    funding: Funding | None = None
    next_ns: int = 0
    paid_ns: int = 0


class Memory:
    """Writes and reads the records of a clearing."""

    def __init__(self, clearing: Clearing) -> None:
        self._clearing = clearing
        self._kept: dict[str, tuple[Any, Any, Any]] = {}  # the last news of each market that were written

    def drain(self, news: bool) -> dict[str, bytes | None]:
        """Every record that changed since the last call; None deletes a key. `news`: see `Engine.drain_changes`."""
        clearing = self._clearing
        self._news(clearing.markets if news else dict.fromkeys(map(_symbol, clearing.changed.values())))
        if not clearing.changed:
            return {}
        changes = {key: _encode(record) for key, record in clearing.changed.items()}
        changes["counters"] = msgspec.json.encode(clearing.counters)
        clearing.changed.clear()
        return changes

    def _news(self, symbols: Iterable[str]) -> None:
        """The last price of a market in which somebody has something is kept along: marks need one at once."""
        for symbol in symbols:
            market = self._clearing.markets.get(symbol)
            if market is None or not (market.holders or market.ladders["buy"] or market.ladders["sell"]):
                continue
            now = (market.standing(), market.trade, market.bar)
            if self._kept.get(symbol) != now:
                self._kept[symbol] = now
                self._clearing.changed[f"market/{symbol}"] = market

    # -- back -------------------------------------------------------------------------------------------------------------

    def restore(self, records: Mapping[str, bytes]) -> None:
        """Take everything back.

        Raises:
            Misconfigured: a record cannot be read, or an open order or position does not fit the instruments any more.
        """
        kinds: dict[str, list[tuple[str, bytes]]] = {}
        for key, data in records.items():
            kinds.setdefault(key.partition("/")[0], []).append((key, data))
        if raw := kinds.get("counters"):
            self._clearing.counters = _decode(*raw[0], Counters)
        for market in self._read(kinds, "market", MarketRecord):
            self._market(market)
        for account in self._read(kinds, "account", AccountRecord):
            self._account(account)
        for position in self._read(kinds, "position", PositionRecord):
            self._position(position)
        for order in sorted(self._read(kinds, "order", Order), key=lambda each: each.rank):
            self._order(order)
        for fill in sorted(self._read(kinds, "fill", Fill), key=lambda each: number(each.trade_id)):
            self._owner(fill.account, f"fill {fill.trade_id}").fills.append(fill)
        for payment in sorted(self._read(kinds, "payment", FundingPayment), key=lambda each: number(each.payment_id)):
            self._owner(payment.account, f"payment {payment.payment_id}").payments.append(payment)
        self._settle()

    @staticmethod
    def _read(kinds: dict[str, list[tuple[str, bytes]]], kind: str, record: type[T]) -> list[T]:
        return [_decode(key, data, record) for key, data in kinds.get(kind, ())]

    def _market(self, record: MarketRecord) -> None:
        market = self._clearing.markets.get(record.symbol)
        if market is not None:
            market.quote, market.trade, market.bar = record.quote, record.trade, record.bar
            market.funding, market.next_ns, market.paid_ns = record.funding, record.next_ns, record.paid_ns
            self._kept[record.symbol] = (market.quote, market.trade, market.bar)

    def _account(self, record: AccountRecord) -> None:
        account = Account(record.name, record.leverage, self._clearing.rules.keep_closed)
        account.leverages, account.cash = record.leverages, record.cash
        self._clearing.accounts[record.name] = account

    def _position(self, record: PositionRecord) -> None:
        account = self._owner(record.account, f"position in {record.symbol}")
        market = self._clearing.markets.get(record.symbol)
        if market is None and not record.size:
            return
        market = self._listed(record.symbol, f"a position of {record.size}")
        self._fits(record.size, market.grid.lot, record.symbol, "position", "lot")
        holding = account.holding(market)
        holding.realised = record.realised
        account.move(holding, market.grid.count(record.size), record.cost)

    def _order(self, order: Order) -> None:
        account = self._owner(order.account, f"order {order.client_id}")
        account.orders[order.client_id] = account.by_venue_id[order.venue_id] = order
        if not order.is_open:
            account.closed.append(order)
            return
        market = self._listed(order.symbol, f"the open order {order.client_id}")
        assert order.price is not None
        self._fits(order.size - order.filled, market.grid.lot, order.symbol, order.client_id, "lot")
        self._fits(order.price, market.grid.tick, order.symbol, order.client_id, "tick")
        order.level, order.left = market.grid.level(order.price), market.grid.count(order.size - order.filled)
        self._clearing.shelve(order, market, account)

    def _settle(self) -> None:
        """Set margins and edges for what was read."""
        for account in self._clearing.accounts.values():
            for holding in account.positions.values():
                self._clearing.moved(account, holding)
        self._clearing.flush()
        for account in self._clearing.accounts.values():
            for asset in {holding.market.instrument.settle: None for holding in account.positions.values()}:
                self._clearing.watch_all(account, asset)
        self._clearing.changed.clear()

    def _owner(self, name: str, what: str) -> Account:
        try:
            return self._clearing.accounts[name]
        except KeyError:
            raise Misconfigured(
                f"{self._clearing.venue}: the stored {what} belongs to {name}, of which nothing is stored; the store is damaged"
            ) from None

    def _listed(self, symbol: str, what: str) -> Market:
        try:
            return self._clearing.markets[symbol]
        except KeyError:
            raise Misconfigured(
                f"{self._clearing.venue}: the store holds {what} in {symbol}, which is not listed; list it again until that is closed"
            ) from None

    def _fits(self, amount: Decimal, unit: Decimal, symbol: str, what: str, name: str) -> None:
        if amount % unit:
            raise Misconfigured(
                f"{self._clearing.venue}: the stored {what} in {symbol} has {amount}, not a multiple of the {name} {unit}; "
                f"set the {name} back until that is closed"
            )


def _symbol(record: Any) -> str:
    """The symbol that a changed record is about; empty for an account and for what was deleted."""
    return record.market.symbol if isinstance(record, Holding) else getattr(record, "symbol", "")


def number(name: str) -> int:
    """The counter in an id such as ``paper-t12``."""
    tail = name[name.rfind("-") + 2 :]
    return int(tail) if tail.isdigit() else 0


def _encode(record: Any) -> bytes | None:
    if isinstance(record, Holding):
        record = PositionRecord(
            account=record.account.name,
            symbol=record.market.symbol,
            size=record.size,
            cost=record.cost,
            realised=record.realised,
        )
    elif isinstance(record, Account):
        record = record.record()
    elif isinstance(record, Market):
        record = _market_record(record)
    return None if record is None else msgspec.json.encode(record)


def _market_record(market: Market) -> MarketRecord:
    return MarketRecord(
        symbol=market.symbol,
        quote=market.standing(),
        trade=market.trade,
        bar=market.bar,
        funding=market.funding,
        next_ns=market.next_ns,
        paid_ns=market.paid_ns,
    )


def _decode(key: str, data: bytes, record: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=record)
    except msgspec.DecodeError as error:
        raise Misconfigured(
            f"the stored record {key} cannot be read ({error}); restore the store from a copy"
        ) from error
