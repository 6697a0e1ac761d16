"""Backpack's records of an account over REST: orders, fills, positions, balances, payments, settings.

Numbers are texts at this venue and become `Decimal`; where one comes as a JSON number it is read all the same. Markets that
are not in the listing are left out and counted by whoever asks. Sheet, sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from ctosd.abi import Balance, Fill, FundingPayment, OrderUpdate, Position
from drivers.backpack.clientids import ClientIds
from drivers.backpack.instants import Moment, ns_of
from drivers.backpack.listing import Fees, Market
from drivers.backpack.words import cause_of, side_of, state_of, type_of

T = TypeVar("T")
ZERO = Decimal(0)
Markets = Mapping[str, Market]


class OrderRecord(msgspec.Struct, rename="camel"):
    """An order, open or of the history."""

    id: str | int
    status: str
    side: str
    symbol: str = ""
    client_id: int | str | None = None
    order_type: str | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    trigger_price: str | float | None = None
    trigger_quantity: str | float | None = None
    executed_quantity: Decimal | None = None
    executed_quote_quantity: Decimal | None = None
    reduce_only: bool | None = None
    created_at: Moment = None
    triggered_at: Moment = None
    expiry_reason: str | None = None
    system_order_type: str | None = None


class FillRecord(msgspec.Struct, rename="camel"):
    """One execution. System orders may come without a trade id."""

    order_id: str | int
    price: Decimal
    quantity: Decimal
    side: str
    symbol: str
    timestamp: Moment
    fee: Decimal = ZERO
    fee_symbol: str = ""
    is_maker: bool | None = None
    client_id: int | str | None = None
    trade_id: int | str | None = None
    system_order_type: str | None = None


class PositionRecord(msgspec.Struct, rename="camel"):
    """A position. `net_exposure_quantity`, which is not read, would count open orders too."""

    symbol: str
    net_quantity: Decimal
    entry_price: Decimal = ZERO
    mark_price: Decimal = ZERO
    pnl_realized: Decimal = ZERO
    pnl_unrealized: Decimal = ZERO
    est_liquidation_price: Decimal | None = None


class Capital(msgspec.Struct):
    """One asset in the wallet; what is lent out is not here."""

    available: Decimal
    locked: Decimal = ZERO
    staked: Decimal = ZERO


class Collateral(msgspec.Struct, rename="camel"):
    """One asset as collateral: all of it, what is lent and what is in orders included."""

    symbol: str
    total_quantity: Decimal
    available_quantity: Decimal = ZERO
    lend_quantity: Decimal = ZERO
    open_order_quantity: Decimal = ZERO


class Margin(msgspec.Struct, rename="camel"):
    """The margin of the whole account, in USD."""

    net_equity: Decimal = ZERO
    net_equity_available: Decimal = ZERO
    collateral: list[Collateral] = []


class Settings(Fees, frozen=True, kw_only=True, rename="camel"):
    """The account's own settings, with its fees."""

    leverage_limit: Decimal = Decimal(1)
    auto_lend: bool = False
    auto_repay_borrows: bool = False
    auto_borrow_settlements: bool = False
    liquidating: bool = False
    limit_orders: int = 0
    trigger_orders: int = 0


class Payment(msgspec.Struct, rename="camel"):
    """A funding payment; positive was received."""

    symbol: str
    quantity: Decimal
    interval_end_timestamp: Moment
    funding_rate: Decimal = ZERO


def read(body: bytes, shape: type[T]) -> T:
    """Raises `msgspec.MsgspecError` or `ValueError` for what is not of this shape."""
    return msgspec.json.decode(body, type=shape, strict=False)


def update_of(account: str, record: OrderRecord, market: Market, ids: ClientIds) -> OrderUpdate:
    """An order. Raises `ValueError` for words that are not known."""
    filled = record.executed_quantity or ZERO
    quote = record.executed_quote_quantity or ZERO
    state, reason = state_of(record.status, record.expiry_reason or "", filled=filled > 0)
    return OrderUpdate(
        account=account,
        symbol=market.symbol,
        client_id=ids.text(record.client_id, str(record.id)),
        venue_id=str(record.id),
        state=state,
        side=side_of(record.side),
        type=type_of(record.order_type, has_price=record.price is not None),
        size=size_of(record.quantity, record.trigger_quantity, filled),
        filled=filled,
        time_ns=ns_of(record.triggered_at) or ns_of(record.created_at),
        price=record.price,
        average=quote / filled if filled and quote else None,
        reduce_only=bool(record.reduce_only),
        reason=reason,
    )


def size_of(quantity: Decimal | None, trigger: str | float | None, filled: Decimal) -> Decimal:
    """The size of an order; that of a trigger order may be a share of the position (``80%``), which is no size yet."""
    if quantity is not None:
        return quantity
    text = "" if trigger is None else str(trigger)
    return Decimal(text) if text and "%" not in text else filled


def fill_of(account: str, record: FillRecord, market: Market, ids: ClientIds) -> Fill:
    """One execution. Without a trade id, which only system orders lack, one is made of what tells it from others."""
    order = str(record.order_id)
    time_ns = ns_of(record.timestamp)
    trade = record.trade_id if record.trade_id is not None else f"{order}-{time_ns}-{record.price}-{record.quantity}"
    return Fill(
        account=account,
        symbol=market.symbol,
        trade_id=str(trade),
        client_id=ids.text(record.client_id, order),
        venue_id=order,
        side=side_of(record.side),
        price=record.price,
        size=record.quantity,
        fee=record.fee,
        fee_asset=record.fee_symbol,
        liquidity="maker" if record.is_maker else "taker",
        time_ns=time_ns,
        cause=cause_of(record.system_order_type),
    )


def position_of(account: str, record: PositionRecord, market: Market, leverage: Decimal, time_ns: int) -> Position:
    liquidation = record.est_liquidation_price
    return Position(
        account=account,
        symbol=market.symbol,
        size=record.net_quantity,
        entry=record.entry_price if record.net_quantity else ZERO,
        mark=record.mark_price,
        unrealised=record.pnl_unrealized,
        realised=record.pnl_realized,
        leverage=leverage,
        liquidation=liquidation if liquidation is not None and liquidation > 0 else None,
        time_ns=time_ns,
    )


def balances_of(
    account: str, capital: Mapping[str, Capital], margin: Margin, *, redeem: bool, time_ns: int
) -> list[Balance]:
    """Every asset of the account. `redeem`: what is lent can be used for orders too, because they ask for it back."""
    found = {asset: (each.available + each.locked + each.staked, each.available) for asset, each in capital.items()}
    for each in margin.collateral:
        free = each.available_quantity
        if redeem:
            free = min(free + each.lend_quantity, max(free, each.total_quantity - each.open_order_quantity))
        found[each.symbol] = (each.total_quantity, free)
    return [
        Balance(account=account, asset=asset, total=total, available=available, time_ns=time_ns)
        for asset, (total, available) in sorted(found.items())
    ]


def payment_of(account: str, record: Payment, market: Market) -> FundingPayment:
    """A payment. The record has no id of its own, and neither a mark price nor a size: its position is not known."""
    time_ns = ns_of(record.interval_end_timestamp)
    return FundingPayment(
        account=account,
        symbol=market.symbol,
        payment_id=f"{market.native}-{time_ns}",
        amount=record.quantity,
        asset=market.instrument.settle,
        rate=record.funding_rate,
        position=ZERO,
        time_ns=time_ns,
    )


def listed(records: Iterable[T], markets: Markets) -> Sequence[tuple[T, Market]]:
    """The records whose market is in the listing, with it."""
    return [(record, markets[native]) for record in records if (native := record.symbol) in markets]  # type: ignore[attr-defined]
