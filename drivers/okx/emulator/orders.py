"""An order as OKX keeps it, and its rows in REST answers and in the pushes of the channel `orders` (sheet section 9.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Side
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.listing import Market

ZERO = Decimal(0)
OPEN = frozenset({"live", "partially_filled"})
EMPTY = (
    *(
        "algoClOrdId",
        "algoId",
        "attachAlgoClOrdId",
        "pxType",
        "pxUsd",
        "pxVol",
        "quickMgnType",
        "slOrdPx",
        "slTriggerPx",
    ),
    *("slTriggerPxType", "stpId", "tpOrdPx", "tpTriggerPx", "tpTriggerPxType"),
)


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of an order. `size` in contracts (base coins for spot); `fee` is negative when paid."""

    trade_id: str
    bill_id: str
    price: Decimal
    size: Decimal
    fee: Decimal
    pnl: Decimal
    taker: bool
    time_ns: int


class Ticket(msgspec.Struct, kw_only=True, eq=False):
    """One order. `size` as the client sent it (`in_quote`: quote money); `coins` as the stage has it.

    The stage knows the order by `key`, which is never used twice.
    """

    account: str
    market: Market
    id: str
    key: str
    side: Side
    type: str
    size: Decimal
    created_ns: int
    updated_ns: int
    client_id: str = ""
    tag: str = ""
    pos_side: str = "net"
    mode: str = "cross"
    price: Decimal | None = None
    target: str = ""  # tgtCcy
    reduce_only: bool = False
    stp: str = "cancel_maker"
    state: str = "live"
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    fee: Decimal = ZERO
    pnl: Decimal = ZERO
    fee_asset: str = ""
    cancel_source: str = ""
    category: str = "normal"
    leverage: str = ""
    amend_result: str = ""
    amend_source: str = ""
    request_id: str = ""
    source: str = ""
    algo_id: str = ""
    algo_client_id: str = ""
    last: Execution | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def in_quote(self) -> bool:
        return self.target == "quote_ccy"

    @property
    def average(self) -> Decimal | None:
        return self.notional / self.filled if self.filled else None

    def row(self) -> dict[str, Any]:
        """As REST tells it; fill figures are the last fill's."""
        last = self.last
        average = self.average
        return {
            **dict.fromkeys(EMPTY, ""),
            "accFillSz": plain(self.filled),
            "algoClOrdId": self.algo_client_id,
            "algoId": self.algo_id,
            "attachAlgoOrds": [],
            "avgPx": plain(average.quantize(self.market.tick / 1000)) if average is not None else "",
            "cTime": ms(self.created_ns),
            "cancelSource": self.cancel_source,
            "cancelSourceReason": REASONS.get(self.cancel_source, ""),
            "category": self.category,
            "ccy": "",
            "clOrdId": self.client_id,
            "fee": plain(self.fee),
            "feeCcy": self.fee_asset,
            "fillPx": plain(last.price) if last is not None else "",
            "fillSz": plain(last.size) if last is not None else "0",
            "fillTime": ms(last.time_ns) if last is not None else "",
            "instId": self.market.id,
            "instType": self.market.type,
            "isTpLimit": "false",
            "lever": self.leverage,
            "linkedAlgoOrd": {"algoId": ""},
            "ordId": self.id,
            "ordType": self.type,
            "pnl": plain(self.pnl),
            "posSide": self.pos_side,
            "px": plain(self.price),
            "rebate": "0",
            "rebateCcy": self.fee_asset,
            "reduceOnly": "true" if self.reduce_only else "false",
            "side": self.side,
            "source": self.source,
            "state": self.state,
            "stpMode": self.stp,
            "sz": plain(self.size),
            "tag": self.tag,
            "tdMode": self.mode,
            "tgtCcy": self.target,
            "tradeId": last.trade_id if last is not None else "",
            "tradeQuoteCcy": "" if self.market.swap else self.market.quote,
            "uTime": ms(self.updated_ns),
        }

    def push(self, filled: Execution | None, mark: Decimal, *, code: str = "0", message: str = "") -> dict[str, Any]:
        """As the channel tells it: fill figures only where this push is about the fill `filled`."""
        coins = self.market.coins
        worth = coins(self.size) * (self.price or mark) if not self.in_quote else self.size
        figures: dict[str, str] = {
            "fillPx": plain(filled.price) if filled is not None else "",
            "fillSz": plain(filled.size) if filled is not None else "0",
            "fillTime": ms(filled.time_ns) if filled is not None else "",
            "tradeId": filled.trade_id if filled is not None else "",
            "execType": ("T" if filled.taker else "M") if filled is not None else "",
            "fillFee": plain(filled.fee) if filled is not None else "0",
            "fillFeeCcy": self.fee_asset if filled is not None else "",
            "fillPnl": plain(filled.pnl) if filled is not None else "0",
            "fillNotionalUsd": plain(coins(self.filled) * (self.average or ZERO)) if self.filled else "",
            "fillMarkPx": plain(mark) if filled is not None and self.market.swap else "",
            "fillIdxPx": plain(mark) if filled is not None else "",
        }
        empty = dict.fromkeys(("fillFwdPx", "fillMarkVol", "fillPxUsd", "fillPxVol", "lastPx"), "")
        return {
            **self.row(),
            **empty,
            **figures,
            "notionalUsd": plain(worth),
            "lastPx": plain(mark),
            "amendResult": self.amend_result,
            "amendSource": self.amend_source,
            "reqId": self.request_id,
            "code": code,
            "msg": message,
        }


REASONS = {
    "13": "Order canceled: FOK order was not fully filled",
    "14": "Order canceled: IOC order was partially canceled",
    "20": "Cancel all after triggered",
    "31": "The post-only order will take liquidity in maker orders",
    "32": "Self trade prevention",
}


def fill_row(ticket: Ticket, fill: Execution) -> dict[str, Any]:
    """A fill as `trade/fills` tells it."""
    return {
        **dict.fromkeys(("fillPxVol", "fillPxUsd", "fillMarkVol", "fillFwdPx", "feeRate"), ""),
        "instType": ticket.market.type,
        "instId": ticket.market.id,
        "tradeId": fill.trade_id,
        "ordId": ticket.id,
        "clOrdId": ticket.client_id,
        "billId": fill.bill_id,
        "subType": "1" if ticket.side == "buy" else "2",
        "tag": ticket.tag,
        "fillPx": plain(fill.price),
        "fillSz": plain(fill.size),
        "fillIdxPx": plain(fill.price),
        "fillPnl": plain(fill.pnl),
        "fillMarkPx": plain(fill.price) if ticket.market.swap else "",
        "side": ticket.side,
        "posSide": ticket.pos_side if ticket.market.swap else "net",
        "execType": "T" if fill.taker else "M",
        "feeCcy": ticket.fee_asset,
        "fee": plain(fill.fee),
        "ts": ms(fill.time_ns),
        "fillTime": ms(fill.time_ns),
        "tradeQuoteCcy": "" if ticket.market.swap else ticket.market.quote,
    }
