"""The journal as tables: fills, fees, funding and orders, with the figures that the ledger itself comes to.

A row belongs to the journal's row that brought it about and has its `seq`. What the journal tells of an order later than its
end (a late fill) is a further row of that order with the next `revision`: what was exported stays true as of its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from ctosd.abi.commands import Amend
from ctosd.abi.errors import InvariantBroken
from ctosd.abi.events import TERMINAL, Fill, FundingPayment, OrderUpdate
from ctosd.abi.instruments import Instrument
from ctosd.abi.orders import Order
from ctosd.core import lifecycle
from ctosd.core.holding import mul, sub
from ctosd.core.ledger import EXTERNAL, Ledger
from ctosd.host.archive.instants import iso
from ctosd.host.replay.ledger import named_instruments
from ctosd.kernel.ports import Row

ZERO = Decimal(0)

_WHEN = ("seq", "time", "time_ns", "venue", "account", "symbol")
_OF_FILL = ("trade_id", "client_id", "venue_order_id", "cause")
_TERMS = ("size", "price", "tif", "post_only", "reduce_only", "trigger", "tag")
_MONEY = ("filled", "average", "notional", "fee")
COLUMNS: dict[str, tuple[str, ...]] = {
    "fills": (
        *_WHEN, "strategy", "side", "size", "price", "notional", "fee", "fee_asset", "liquidity", "realised",
        "realised_asset", *_OF_FILL,
    ),
    "fees": (*_WHEN, "strategy", "amount", "asset", "liquidity", *_OF_FILL),
    "funding": (*_WHEN, "rate", "amount", "asset", "position", "shares", "payment_id"),
    "orders": (
        *_WHEN, "strategy", "client_id", "venue_order_id", "revision", "side", "type", *_TERMS, "state", "reason",
        "message", *_MONEY, "created", "created_ns", "ended", "ended_ns",
    ),
}  # fmt: skip
"""`time` is the venue's time of a fill or payment, of an order that of its intent."""

Cells = dict[str, str]
Emit = Callable[[str, Cells], None]


class _Intent(msgspec.Struct):
    act: str
    order: msgspec.Raw


class _Outcome(msgspec.Struct):
    act: str
    client_id: str
    outcome: str
    venue_id: str = ""
    reason: str = ""
    message: str = ""


class _Transfer(msgspec.Struct):
    account: str
    symbol: str
    source: str
    target: str
    size: Decimal
    time_ns: int = 0


class Tables:
    """Folds rows and yields `(table, cells)` for each that is due. `ledger` and `repeats` tell what it came to."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.ledger = Ledger()
        self.orders: dict[str, Order] = {}
        self.repeats = 0
        self._instruments = {(each.venue, each.symbol): each for each in instruments}
        self._amends: dict[str, Amend] = {}
        self._revisions: dict[str, int] = {}
        self._steps: dict[str, Callable[[Row], Iterator[tuple[str, Cells]]]] = {
            "intent": self._intent,
            "outcome": self._outcome,
            "order": self._update,
            "fill": self._fill,
            "funding": self._funding,
            "transfer": self._transfer,
        }

    def take(self, row: Row) -> Iterator[tuple[str, Cells]]:
        """What one row of the journal adds to the tables. Raises `InvariantBroken` for a row that cannot be read."""
        step = self._steps.get(row.kind)
        if step is None:
            return
        try:
            yield from step(row)
        except msgspec.MsgspecError as error:
            raise InvariantBroken(f"row {row.seq} of kind {row.kind!r} cannot be read: {error}") from None

    # -- money -------------------------------------------------------------------------------------------------------------

    def _fill(self, row: Row) -> Iterator[tuple[str, Cells]]:
        fill = msgspec.json.decode(row.body, type=Fill)
        instrument = self._instrument(fill.account, fill.symbol)
        strategy = row.key or EXTERNAL
        before = self.ledger.position(fill.account, strategy, fill.symbol).realised
        if not self.ledger.apply(fill, strategy, instrument):
            self.repeats += 1
            return
        holding = self.ledger.position(fill.account, strategy, fill.symbol)
        shared = {
            **_when(row, fill.time_ns, fill.account, fill.symbol), "strategy": strategy, "liquidity": fill.liquidity,
            "trade_id": fill.trade_id, "client_id": fill.client_id, "venue_order_id": fill.venue_id, "cause": fill.cause,
        }  # fmt: skip
        yield "fills", {
            **shared, "side": fill.side, "size": plain(fill.size), "price": plain(fill.price),
            "notional": plain(mul(fill.size, fill.price)), "fee": plain(fill.fee), "fee_asset": fill.fee_asset,
            "realised": plain(sub(holding.realised, before)), "realised_asset": holding.money,
        }  # fmt: skip
        if fill.fee:
            yield "fees", {**shared, "amount": plain(fill.fee), "asset": fill.fee_asset}
        order = self.orders.get(fill.client_id) if fill.client_id else None
        if order is not None:
            lifecycle.on_fill(order, fill)
            yield from self._ended(row, order)

    def _funding(self, row: Row) -> Iterator[tuple[str, Cells]]:
        payment = msgspec.json.decode(row.body, type=FundingPayment)
        before = self._received(payment)
        if not self.ledger.apply_funding(payment, self._instrument(payment.account, payment.symbol)):
            self.repeats += 1
            return
        after = self._received(payment)
        shares = {name: sub(amount, before.get(name, ZERO)) for name, amount in sorted(after.items())}
        yield "funding", {
            **_when(row, payment.time_ns, payment.account, payment.symbol), "rate": plain(payment.rate),
            "amount": plain(payment.amount), "asset": payment.asset, "position": plain(payment.position),
            "shares": ";".join(f"{name}={plain(share)}" for name, share in shares.items() if share),
            "payment_id": payment.payment_id,
        }  # fmt: skip

    def _received(self, payment: FundingPayment) -> dict[str, Decimal]:
        return {
            part.strategy: part.fundings.get(payment.asset, ZERO)
            for part in self.ledger.holdings(account=payment.account)
            if part.symbol == payment.symbol
        }

    def _transfer(self, row: Row) -> Iterator[tuple[str, Cells]]:
        moved = msgspec.json.decode(row.body, type=_Transfer)
        self.ledger.transfer(moved.account, moved.symbol, moved.source, moved.target, moved.size, moved.time_ns)
        yield from ()

    def _instrument(self, account: str, symbol: str) -> Instrument:
        return self._instruments[account.partition("/")[0], symbol]

    # -- orders ------------------------------------------------------------------------------------------------------------

    def _intent(self, row: Row) -> Iterator[tuple[str, Cells]]:
        intent = msgspec.json.decode(row.body, type=_Intent)
        if intent.act == "amend":
            amend = msgspec.json.decode(intent.order, type=Amend)
            self._amends[amend.client_id] = amend
        elif intent.act in ("place", "adopt"):
            order = msgspec.json.decode(intent.order, type=Order)
            self.orders[order.client_id] = order
        yield from ()

    def _outcome(self, row: Row) -> Iterator[tuple[str, Cells]]:
        outcome = msgspec.json.decode(row.body, type=_Outcome)
        order = self.orders.get(outcome.client_id)
        if order is None or not order.is_open:
            return
        if outcome.act == "place":
            states = {"accepted": "open", "rejected": "rejected", "unknown": "unknown", "never_sent": "never_sent"}
            new = states[outcome.outcome]
            if lifecycle.may(order.state, new) and not (new == "open" and order.filled):  # type: ignore[arg-type]
                order.state = new  # type: ignore[assignment]
            order.venue_id = outcome.venue_id or order.venue_id
            order.reason, order.message = outcome.reason, outcome.message
            order.updated_ns = row.time_ns
            yield from self._ended(row, order)
        elif outcome.outcome == "unknown":
            order.state = "unknown"
        elif (
            outcome.act == "amend" and outcome.outcome == "accepted" and (amend := self._amends.get(outcome.client_id))
        ):
            order.price = amend.price or order.price
            order.size = amend.size or order.size

    def _update(self, row: Row) -> Iterator[tuple[str, Cells]]:
        update = msgspec.json.decode(row.body, type=OrderUpdate)
        order = self.orders.get(update.client_id)
        if order is None:
            return
        was_open = order.is_open
        lifecycle.on_update(order, update)
        if was_open:
            yield from self._ended(row, order)

    def _ended(self, row: Row, order: Order) -> Iterator[tuple[str, Cells]]:
        if order.state not in TERMINAL:
            return
        revision = self._revisions[order.client_id] = self._revisions.get(order.client_id, 0) + 1
        yield "orders", {
            **_when(row, order.created_ns, order.account, order.symbol), "strategy": order.strategy,
            "client_id": order.client_id, "venue_order_id": order.venue_id, "revision": str(revision), "side": order.side,
            "type": order.type, "size": plain(order.size), "price": _optional(order.price), "tif": order.tif,
            "post_only": _flag(order.post_only), "reduce_only": _flag(order.reduce_only),
            "trigger": _optional(order.trigger), "tag": order.tag, "state": order.state, "reason": order.reason,
            "message": order.message, "filled": plain(order.filled), "average": plain(order.average),
            "notional": plain(order.notional), "fee": plain(order.fee), "created": iso(order.created_ns),
            "created_ns": str(order.created_ns), "ended": iso(order.updated_ns), "ended_ns": str(order.updated_ns),
        }  # fmt: skip


def tables_of(rows: list[Row]) -> tuple[Tables, dict[str, list[Cells]]]:
    """Every table, whole, oldest first."""
    tables = Tables(named_instruments(rows))
    found: dict[str, list[Cells]] = {name: [] for name in COLUMNS}
    for row in rows:
        for name, cells in tables.take(row):
            found[name].append(cells)
    return tables, found


def plain(number: Decimal) -> str:
    """All digits, no exponent."""
    return f"{number:f}"


def _when(row: Row, time_ns: int, account: str, symbol: str) -> Cells:
    venue = account.partition("/")[0]
    return {"seq": str(row.seq), "time": iso(time_ns), "time_ns": str(time_ns), "venue": venue, "account": account, "symbol": symbol}  # fmt: skip


def _optional(number: Decimal | None) -> str:
    return "" if number is None else plain(number)


def _flag(value: bool) -> str:
    return "yes" if value else "no"
