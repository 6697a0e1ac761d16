"""Orders as the venue keeps and tells them: three spellings of one record (REST, history, stream)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Fill
from drivers.backpack.emulator.formats import iso, ms, plain

ZERO = Decimal(0)
DONE = frozenset({"Filled", "Cancelled", "Expired", "TriggerFailed"})
ORIGINS = {"": "USER", "liquidation": "LIQUIDATION_AUTOCLOSE", "adl": "ADL_AUTOCLOSE"}
SYSTEM = {"": None, "liquidation": "LiquidatePositionOnBook", "adl": "LiquidatePositionOnAdl"}
ATTACHED = (
    "stopLossTriggerPrice",
    "stopLossLimitPrice",
    "stopLossTriggerBy",
    "takeProfitTriggerPrice",
    "takeProfitLimitPrice",
    "takeProfitTriggerBy",
)


class Ticket(msgspec.Struct, kw_only=True, eq=False):
    """One order. `key` is its client id on the stage; `cause` is that of an order of the venue's own."""

    account: str
    key: str
    id: str
    client_id: int | None
    name: str  # the venue's symbol
    symbol: str  # ours
    side: str
    type: str
    created_ns: int
    tif: str = "GTC"
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    post_only: bool = False
    reduce_only: bool | None = None
    prevention: str = "RejectTaker"
    trigger_price: Decimal | None = None
    trigger_by: str | None = None
    trigger_quantity: str | None = None
    triggered_ns: int = 0
    attached: dict[str, str] = msgspec.field(default_factory=dict)
    related_id: str | None = None
    status: str = "New"
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    expiry: str | None = None
    cause: str = ""
    accepted: bool = False
    ended_ns: int = 0

    @property
    def is_open(self) -> bool:
        return self.status not in DONE

    @property
    def waits(self) -> bool:
        return self.status == "TriggerPending"

    def add(self, fill: Fill) -> None:
        self.executed += fill.size
        self.executed_quote += fill.size * fill.price

    def _terms(self) -> dict[str, Any]:
        """What REST and history have in common."""
        terms = {
            "id": self.id,
            "clientId": self.client_id,
            "symbol": self.name,
            "side": self.side,
            "orderType": self.type,
            "quantity": _text(self.quantity),
            "executedQuantity": plain(self.executed),
            "executedQuoteQuantity": plain(self.executed_quote),
            "status": self.status,
            "timeInForce": self.tif,
            "selfTradePrevention": self.prevention,
            "triggerPrice": _text(self.trigger_price),
            "triggerBy": self.trigger_by,
            "triggerQuantity": self.trigger_quantity,
            "strategyId": None,
            **{name: self.attached.get(name) for name in ATTACHED},
        }
        if self.type == "Limit":
            terms |= {"price": _text(self.price), "postOnly": self.post_only}
        return terms

    def rest(self) -> dict[str, Any]:
        """As POST, GET and DELETE of orders answer it; `createdAt` in ms."""
        found = self._terms() | {
            "createdAt": ms(self.created_ns),
            "reduceOnly": self.reduce_only,
            "relatedOrderId": self.related_id,
            "triggeredAt": ms(self.triggered_ns) if self.triggered_ns else None,
        }
        if self.type == "Market":
            found["quoteQuantity"] = plain(self.quote_quantity or self.executed_quote)
        elif self.quantity is None:  # a limit order's quantity is required: one that waits tells what it will have
            found["quantity"] = self.trigger_quantity
        return found

    def historical(self) -> dict[str, Any]:
        """As GET /wapi/v1/history/orders has it; `createdAt` in ISO text."""
        return self._terms() | {
            "createdAt": iso(self.created_ns),
            "expiryReason": self.expiry,
            "systemOrderType": SYSTEM[self.cause],
            "quoteQuantity": _text(self.quote_quantity),
        }

    def update(self, event: str, time_us: int, fill: Execution | None = None) -> dict[str, Any]:
        """As `account.orderUpdate` tells it (sheet section 7.2); keys that do not apply are left out."""
        optional = {
            "c": self.client_id,
            "q": _text(self.quantity),
            "Q": _text(self.quote_quantity),
            "p": _text(self.price),
            "P": _text(self.trigger_price),
            "B": self.trigger_by,
            "Y": self.trigger_quantity,
            "a": self.attached.get("takeProfitTriggerPrice"),
            "b": self.attached.get("stopLossTriggerPrice"),
            "d": self.attached.get("takeProfitTriggerBy"),
            "g": self.attached.get("stopLossTriggerBy"),
            "j": self.attached.get("takeProfitLimitPrice"),
            "k": self.attached.get("stopLossLimitPrice"),
            "I": self.related_id,
            "R": self.expiry if event == "orderExpired" else None,
        }
        message: dict[str, Any] = {
            "e": event,
            "E": time_us,
            "T": time_us,
            "s": self.name,
            "S": self.side,
            "o": self.type.upper(),
            "f": self.tif,
            "X": self.status,
            "i": self.id,
            "z": plain(self.executed),
            "Z": plain(self.executed_quote),
            "V": self.prevention,
            "O": ORIGINS[self.cause],
            "r": bool(self.reduce_only),
            "y": self.post_only,
        }
        message |= {key: value for key, value in optional.items() if value is not None}
        if fill is not None:
            message |= fill.update()
        return message


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One fill under the venue's ids. `trade_id` counts the public trades of its symbol."""

    ticket: Ticket
    trade_id: int
    fill: Fill

    def update(self) -> dict[str, Any]:
        fill = self.fill
        return {
            "t": self.trade_id,
            "l": plain(fill.size),
            "L": plain(fill.price),
            "m": fill.liquidity == "maker",
            "n": plain(fill.fee),
            "N": fill.fee_asset,
        }

    def historical(self) -> dict[str, Any]:
        """As GET /wapi/v1/history/fills has it: here the client id is a text."""
        ticket, fill = self.ticket, self.fill
        return {
            "clientId": str(ticket.client_id) if ticket.client_id is not None else None,
            "fee": plain(fill.fee),
            "feeSymbol": fill.fee_asset,
            "isMaker": fill.liquidity == "maker",
            "orderId": ticket.id,
            "price": plain(fill.price),
            "quantity": plain(fill.size),
            "side": ticket.side,
            "symbol": ticket.name,
            "systemOrderType": SYSTEM[ticket.cause],
            "timestamp": iso(fill.time_ns),
            "tradeId": self.trade_id,
        }


def _text(amount: Decimal | None) -> str | None:
    return plain(amount) if amount is not None else None
