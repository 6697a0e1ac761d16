"""Rows of orders, fills and balances as events: the same for pushes and for answers to queries. (Sheet sections 6 to 9.5.)"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ctosd.abi import Balance, Fill, FundingPayment, Liquidity, OrderState, OrderType, OrderUpdate, Side
from drivers.okx.conditionals import Conditionals
from drivers.okx.listing import Product
from drivers.okx.records import ZERO, AlgoRow, BalanceRow, BillRow, FillRow, OrderRow, decimal, is_true, time_ns

STATES: Mapping[str, OrderState] = {
    "live": "open",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "cancelled",
    "mmp_canceled": "cancelled",
}
MARKET = frozenset({"market", "optimal_limit_ioc"})

UNTRADED: Mapping[str, tuple[OrderState, str]] = {
    "31": ("rejected", "post_only"),
    "13": ("expired", "not_filled"),
    "14": ("expired", "not_filled"),
    "15": ("rejected", "price_band"),
    "27": ("rejected", "price_band"),
}
"""Why an order that traded nothing went -> its state and the word."""

GONE: Mapping[str, str] = {
    "2": "reduce_only",
    "3": "liquidated",
    "4": "insufficient_funds",
    "6": "liquidated",
    "14": "not_filled",
    "15": "price_band",
    "17": "reduce_only",
    "21": "reduce_only",
    "22": "reduce_only",
    "23": "reduce_only",
    "32": "self_trade",
}
"""Why an order was taken out of the book -> the word. A user's cancel has none."""

CAUSES: Mapping[str, str] = {"full_liquidation": "liquidation", "partial_liquidation": "liquidation", "adl": "adl"}
"""Category of an order that the venue itself made -> cause of its fills."""

BILL_CAUSES: Mapping[str, str] = {
    **{str(code): "liquidation" for code in range(100, 110)},
    **{str(code): "adl" for code in range(125, 129)},
}
"""`subType` of a fill that was asked for -> its cause. (docs-v5, bills details.)"""

ALGO_STATES: Mapping[str, tuple[OrderState, str]] = {
    "live": ("open", ""),
    "pause": ("open", ""),
    "partially_effective": ("open", ""),
    "effective": ("open", ""),
    "canceled": ("cancelled", ""),
    "order_failed": ("rejected", "exchange_error"),
    "partially_failed": ("rejected", "exchange_error"),
}


def side_of(text: str) -> Side:
    """Raises `ValueError` for what is no side: a sign must not be guessed."""
    if text == "buy":
        return "buy"
    if text == "sell":
        return "sell"
    raise ValueError(f"{text!r} is no side")


def price_of(text: str) -> Decimal | None:
    """A price that may be absent; market orders have -1 or nothing."""
    value = decimal(text)
    return value if value > 0 else None


def client_id_of(row: OrderRow, conditionals: Conditionals) -> str:
    """An order that a conditional one sent goes by the client id of that one."""
    if row.algo_cl_ord_id and row.ord_id:
        conditionals.join(row.algo_cl_ord_id, row.ord_id)
        return row.algo_cl_ord_id
    return conditionals.owner(row.ord_id) or row.cl_ord_id


def state_of(row: OrderRow, filled: Decimal) -> tuple[OrderState, str]:
    """The unified state, and the word for why it ended.

    Raises:
        ValueError: a state that nobody knows.
    """
    state = STATES.get(row.state)
    if state is None:
        raise ValueError(f"{row.state!r} is no state of an order")
    if state != "cancelled":
        return state, ""
    if not filled and row.cancel_source in UNTRADED:
        return UNTRADED[row.cancel_source]
    if row.category in CAUSES:
        return state, "liquidated"
    return state, GONE.get(row.cancel_source, "")


def order_update(account: str, row: OrderRow, product: Product, conditionals: Conditionals) -> OrderUpdate:
    """An order as the venue tells it. Raises `ValueError` for a row that cannot be one."""
    filled = product.coins(row.acc_fill_sz)
    size = product.coins(row.sz)
    if row.tgt_ccy == "quote_ccy":
        size = filled  # a stranger's: its size is money, and what it will come to nobody knows
    state, reason = state_of(row, filled)
    kind: OrderType = "market" if row.ord_type in MARKET else "limit"
    return OrderUpdate(
        account=account,
        symbol=product.symbol,
        client_id=client_id_of(row, conditionals),
        venue_id=row.ord_id,
        state=state,
        side=side_of(row.side),
        type=kind,
        size=size,
        filled=filled,
        time_ns=time_ns(row.u_time, row.c_time),
        price=price_of(row.px) if kind == "limit" else None,
        average=price_of(row.avg_px),
        reduce_only=is_true(row.reduce_only),
        reason=reason,
    )


def fill_of_push(account: str, row: OrderRow, product: Product, conditionals: Conditionals) -> Fill | None:
    """The fill that an orders push tells; None when it is about something else."""
    size = product.coins(row.fill_sz)
    if not row.trade_id or size <= 0:
        return None
    fee, asset = decimal(row.fill_fee), row.fill_fee_ccy
    if not row.fill_fee and row.acc_fill_sz == row.fill_sz:
        fee, asset = decimal(row.fee), row.fee_ccy  # the first fill: all fees until now are its own
    return Fill(
        account=account,
        symbol=product.symbol,
        trade_id=row.trade_id,
        client_id=client_id_of(row, conditionals),
        venue_id=row.ord_id,
        side=side_of(row.side),
        price=decimal(row.fill_px),
        size=size,
        fee=-fee,
        fee_asset=asset or row.fee_ccy or product.instrument.settle,
        liquidity=liquidity_of(row.exec_type),
        time_ns=time_ns(row.fill_time, row.u_time),
        cause=CAUSES.get(row.category, ""),
    )


def fill_of_row(account: str, row: FillRow, product: Product, conditionals: Conditionals) -> Fill:
    """A fill that was asked for."""
    return Fill(
        account=account,
        symbol=product.symbol,
        trade_id=row.trade_id,
        client_id=conditionals.owner(row.ord_id) or row.cl_ord_id,
        venue_id=row.ord_id,
        side=side_of(row.side),
        price=decimal(row.fill_px),
        size=product.coins(row.fill_sz),
        fee=-decimal(row.fee),
        fee_asset=row.fee_ccy or product.instrument.settle,
        liquidity=liquidity_of(row.exec_type),
        time_ns=time_ns(row.ts),
        cause=BILL_CAUSES.get(row.sub_type, ""),
    )


def payment_of_row(account: str, row: BillRow, product: Product, settled: tuple[int, Decimal] | None) -> FundingPayment:
    """A funding payment. `settled` is the time and the rate of its settlement.

    `pnl` is the fee itself; the change of the balance has it too, unless an isolated position paid from its own margin. Only
    with the rate the side is known: longs pay when it is positive, and a leg of the long/short mode has a bill of its own.
    """
    amount = decimal(row.pnl) or decimal(row.bal_chg)
    due_ns, rate = settled or (time_ns(row.ts), ZERO)
    size = product.coins(row.sz)
    return FundingPayment(
        account=account,
        symbol=product.symbol,
        payment_id=row.bill_id,
        amount=amount,
        asset=row.ccy,
        rate=rate,
        position=-size if amount * rate > 0 else size if amount * rate < 0 else ZERO,
        time_ns=due_ns,
    )


def liquidity_of(text: str) -> Liquidity:
    return "maker" if text == "M" else "taker"


def conditional_update(account: str, row: AlgoRow, product: Product, conditionals: Conditionals) -> OrderUpdate:
    """A conditional order. Once it has sent its order, that one tells the rest."""
    state, reason = ALGO_STATES.get(row.state, ("open", ""))
    client_id = row.algo_cl_ord_id or row.cl_ord_id
    if row.ord_id and row.ord_id != "0" and row.state in {"effective", "partially_effective"}:
        conditionals.join(client_id, row.ord_id)
    elif state == "open":
        conditionals.arm(client_id, row.algo_id)
    else:
        conditionals.end(client_id)
    order_price = row.ord_px or (row.sl_ord_px if row.sl_trigger_px else row.tp_ord_px)
    price = price_of(order_price)
    return OrderUpdate(
        account=account,
        symbol=product.symbol,
        client_id=client_id,
        venue_id=conditionals.order_of(client_id) or row.algo_id,
        state=state,
        side=side_of(row.side),
        type="market" if price is None else "limit",
        size=product.coins(row.sz),
        filled=ZERO,
        time_ns=time_ns(row.u_time, row.c_time),
        price=price,
        reduce_only=is_true(row.reduce_only),
        reason=reason,
    )


def balance(account: str, row: BalanceRow, otherwise_ns: int) -> Balance:
    """One currency. Unified accounts tell what orders may use as equity, simple ones as balance."""
    available = decimal(row.avail_eq or row.avail_bal)
    if row.cash_bal:
        total = decimal(row.cash_bal)
    elif row.eq:
        total = decimal(row.eq) - decimal(row.upl)
    else:
        total = available + decimal(row.frozen_bal)
    moment = time_ns(row.u_time) or otherwise_ns
    return Balance(account=account, asset=row.ccy, total=total, available=available, time_ns=moment)
