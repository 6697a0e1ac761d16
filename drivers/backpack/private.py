"""Backpack's private streams: pushes about orders, positions and balances as the private events of the ABI.

An ``orderFill`` gives a `Fill` and then the `OrderUpdate`. The entry price of a position is `B`; `b` is its break-even
price. Streams write enum words in capitals where REST does not. Sheet, sections 7.2 and 7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Balance, Fill, OrderUpdate, Position, PrivateEvent
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.instants import Moment, ns_of
from drivers.backpack.listing import Market
from drivers.backpack.records import size_of
from drivers.backpack.wire import BROKEN
from drivers.backpack.words import cause_of, side_of, state_of, type_of

ZERO = Decimal(0)

ORDERS = "account.orderUpdate"
POSITIONS = "account.positionUpdate"
BALANCES = "account.balanceUpdate"


class OrderPush(msgspec.Struct, rename={"last_size": "l", "origin": "O"}):
    """account.orderUpdate; what is conditional may be absent."""

    e: str
    s: str
    S: str
    X: str
    i: str | int
    c: int | str | None = None
    o: str | None = None
    q: Decimal | None = None
    p: Decimal | None = None
    Y: str | float | None = None
    R: str | None = None
    t: int | str | None = None
    last_size: Decimal | None = None
    L: Decimal | None = None
    z: Decimal | None = None
    Z: Decimal | None = None
    m: bool | None = None
    n: Decimal | None = None
    N: str = ""
    origin: str | None = None
    r: bool | None = None
    T: Moment = None
    E: Moment = None


class PositionPush(msgspec.Struct):
    """account.positionUpdate. The first ones after a subscription have no `e`."""

    s: str
    q: Decimal
    B: Decimal = ZERO
    M: Decimal = ZERO
    p: Decimal = ZERO
    P: Decimal = ZERO
    liquidation: Decimal | None = msgspec.field(default=None, name="l")
    T: Moment = None
    E: Moment = None


class BalancePush(msgspec.Struct):
    """account.balanceUpdate, which only newer servers have: absolute figures of one asset."""

    a: str
    A: Decimal
    L: Decimal = ZERO
    S: Decimal = ZERO
    E: Moment = None


class _Envelope(msgspec.Struct):
    stream: str
    data: msgspec.Raw


_read_envelope = msgspec.json.Decoder(_Envelope).decode
_read_order = msgspec.json.Decoder(OrderPush, strict=False).decode
_read_positions = msgspec.json.Decoder(PositionPush | list[PositionPush], strict=False).decode
_read_balance = msgspec.json.Decoder(BalancePush, strict=False).decode


class PrivateDecoder:
    """Decodes the private frames of one account."""

    def __init__(self, account: Account, markets: Callable[[], Mapping[str, Market]], ids: ClientIds) -> None:
        self.account = account.name
        self.ignored = self.undecodable = 0
        self.reason = ""
        self._account = account
        self._markets = markets
        self._ids = ids

    def decode(self, frame: bytes, recv_ns: int) -> tuple[str, list[PrivateEvent]]:
        """The stream of a private frame and what it tells, in the order in which to publish it."""
        try:
            envelope = _read_envelope(frame)
            stream = envelope.stream
            if stream.startswith(ORDERS):
                return ORDERS, self._order(_read_order(envelope.data), recv_ns)
            if stream.startswith(POSITIONS):
                found = _read_positions(envelope.data)
                return POSITIONS, self._positions(found if isinstance(found, list) else [found], recv_ns)
            if stream.startswith(BALANCES):
                return BALANCES, self._balance(_read_balance(envelope.data), recv_ns)
        except BROKEN as error:
            self.undecodable += 1
            self.reason = str(error)
            return "", []
        self.ignored += 1
        return stream, []

    def _order(self, push: OrderPush, recv_ns: int) -> list[PrivateEvent]:
        market = self._markets().get(push.s)
        if market is None:
            self.ignored += 1
            return []
        order_id = str(push.i)
        client_id = self._ids.text(push.c, order_id)
        time_ns = ns_of(push.T) or ns_of(push.E) or recv_ns
        events: list[PrivateEvent] = []
        fill = self._fill(push, market, client_id, time_ns)
        if fill is not None:
            events.append(fill)
        filled = push.z if push.z is not None else fill.size if fill is not None else ZERO
        state, reason = state_of(push.X, push.R or "", filled=filled > 0)
        events.append(
            OrderUpdate(
                account=self.account,
                symbol=market.symbol,
                client_id=client_id,
                venue_id=order_id,
                state=state,
                side=side_of(push.S),
                type=type_of(push.o, has_price=push.p is not None),
                size=size_of(push.q, push.Y, filled if state == "filled" else ZERO),
                filled=filled,
                time_ns=time_ns,
                price=push.p,
                average=push.Z / filled if push.Z and filled else None,
                reduce_only=bool(push.r),
                reason=reason,
            )
        )
        self._ids.note(client_id, state, recv_ns)
        return events

    def _fill(self, push: OrderPush, market: Market, client_id: str, time_ns: int) -> Fill | None:
        if push.e != "orderFill" or push.last_size is None or push.L is None or push.t is None:
            return None
        return Fill(
            account=self.account,
            symbol=market.symbol,
            trade_id=str(push.t),
            client_id=client_id,
            venue_id=str(push.i),
            side=side_of(push.S),
            price=push.L,
            size=push.last_size,
            fee=push.n or ZERO,
            fee_asset=push.N,
            liquidity="maker" if push.m else "taker",
            time_ns=time_ns,
            cause=cause_of(push.origin),
        )

    def _positions(self, pushes: list[PositionPush], recv_ns: int) -> list[PrivateEvent]:
        events: list[PrivateEvent] = []
        for push in pushes:
            market = self._markets().get(push.s)
            if market is None:
                self.ignored += 1
                continue
            events.append(
                Position(
                    account=self.account,
                    symbol=market.symbol,
                    size=push.q,
                    entry=push.B if push.q else ZERO,
                    mark=push.M,
                    unrealised=push.P,
                    realised=push.p,
                    leverage=self._account.leverage,
                    liquidation=push.liquidation if push.liquidation and push.liquidation > 0 else None,
                    time_ns=ns_of(push.T) or ns_of(push.E) or recv_ns,
                )
            )
        return events

    def _balance(self, push: BalancePush, recv_ns: int) -> list[PrivateEvent]:
        total = push.A + push.L + push.S
        return [
            Balance(
                account=self.account,
                asset=push.a,
                total=total,
                available=push.A,
                time_ns=ns_of(push.E) or recv_ns,
            )
        ]

    def statistics(self) -> dict[str, Any]:
        return {"ignored": self.ignored, "undecodable": self.undecodable, "reason": self.reason}
