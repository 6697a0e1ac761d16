"""Rows of OKX's private answers and pushes: only the fields that are needed. Every number is a text; empty means absent."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

ZERO = Decimal(0)
MS = 1_000_000


class Envelope(msgspec.Struct, Generic[T]):
    """Every REST answer."""

    code: str = ""
    msg: str = ""
    data: list[T] = []


class Page(msgspec.Struct):
    """A REST answer whose rows are read later."""

    code: str | int = ""
    msg: str = ""
    data: list[msgspec.Raw] = []


class Arg(msgspec.Struct, rename="camel"):
    """What a push belongs to."""

    channel: str = ""
    inst_id: str = ""
    inst_type: str = ""


class Push(msgspec.Struct, Generic[T]):
    """A WebSocket push."""

    arg: Arg
    data: list[T]
    action: str = ""


class Row(msgspec.Struct, rename="camel"):
    """A row of any kind."""


class Acknowledgement(Row, gc=False):
    """One order's part of the answer to a place, an amend, a cancel; also of the algo service."""

    ord_id: str = ""
    cl_ord_id: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    s_code: str = ""
    s_msg: str = ""
    ts: str = ""


class OrderRow(Row):
    """An order: GET order, orders-pending, orders-history, and the orders channel."""

    inst_id: str
    ord_id: str
    inst_type: str = ""
    cl_ord_id: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    tag: str = ""
    px: str = ""
    sz: str = ""
    ord_type: str = "limit"
    side: str = ""
    pos_side: str = ""
    td_mode: str = ""
    tgt_ccy: str = ""
    state: str = ""
    acc_fill_sz: str = ""
    avg_px: str = ""
    fill_px: str | float = ""
    fill_sz: str = ""
    fill_time: str = ""
    fill_fee: str = ""
    fill_fee_ccy: str = ""
    trade_id: str = ""
    exec_type: str = ""
    fee: str = ""
    fee_ccy: str = ""
    reduce_only: str | bool = "false"
    cancel_source: str = ""
    category: str = ""
    c_time: str = ""
    u_time: str = ""


class AlgoRow(Row):
    """A conditional order: orders-algo-pending, order-algo, and the orders-algo channel."""

    inst_id: str
    algo_id: str
    inst_type: str = ""
    algo_cl_ord_id: str = ""
    cl_ord_id: str = ""
    ord_id: str = ""
    ord_type: str = ""
    state: str = ""
    side: str = ""
    sz: str = ""
    tgt_ccy: str = ""
    ord_px: str = ""
    sl_ord_px: str = ""
    tp_ord_px: str = ""
    sl_trigger_px: str = ""
    reduce_only: str | bool = "false"
    tag: str = ""
    c_time: str = ""
    u_time: str = ""


class FillRow(Row):
    """A fill: trade/fills and fills-history."""

    inst_id: str
    trade_id: str
    ord_id: str
    cl_ord_id: str = ""
    inst_type: str = ""
    bill_id: str = ""
    sub_type: str = ""
    fill_px: str = ""
    fill_sz: str = ""
    side: str = ""
    exec_type: str = ""
    fee: str = ""
    fee_ccy: str = ""
    ts: str = ""


class BillRow(Row):
    """A change of the balance: account/bills and bills-archive. `sz` is in contracts, without a sign."""

    bill_id: str
    inst_id: str = ""
    ccy: str = ""
    bal_chg: str = ""
    pnl: str = ""
    sz: str = ""
    ts: str = ""


class SettledRow(Row):
    """A rate of the past: public/funding-rate-history."""

    funding_time: str
    funding_rate: str = ""
    realized_rate: str = ""


class BalanceRow(Row):
    """One currency of one account."""

    ccy: str
    cash_bal: str = ""
    avail_bal: str = ""
    avail_eq: str = ""
    frozen_bal: str = ""
    eq: str = ""
    upl: str = ""
    u_time: str = ""


class AccountRow(Row):
    """The account channel and account/balance."""

    details: list[BalanceRow] = []
    u_time: str = ""


class PositionRow(Row):
    """A position, or a leg of one."""

    inst_id: str
    pos: str = ""
    pos_side: str = ""
    mgn_mode: str = ""
    avg_px: str = ""
    mark_px: str = ""
    upl: str = ""
    realized_pnl: str = ""
    lever: str = ""
    liq_px: str = ""
    c_time: str = ""
    u_time: str = ""


class ConfigRow(Row):
    """account/config."""

    acct_lv: str = ""
    pos_mode: str = ""
    perm: str = ""
    ip: str = ""
    level: str = ""
    uid: str = ""
    label: str = ""


class StatusRow(Row):
    """A maintenance: system/status and the status channel."""

    title: str = ""
    state: str = ""
    begin: str = ""
    end: str = ""
    service_type: str = ""
    env: str = ""


def decimal(text: str | float, otherwise: Decimal = ZERO) -> Decimal:
    """A number of the venue; `otherwise` when it is absent or none."""
    if not text:
        return otherwise
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        return otherwise
    return value if value.is_finite() else otherwise


def time_ns(*texts: str) -> int:
    """The first of these times in ms that there is, in ns; 0 for none."""
    for text in texts:
        if text and text != "0" and text.isdigit():
            return int(text) * MS
    return 0


def is_true(value: str | bool) -> bool:
    return value in {True, "true"}
