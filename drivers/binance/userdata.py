"""Binance's user data frames, spot and USDⓈ-M, as private events. Pure: no frame raises. (Sheet B5 and C7.)

One decoder an account: it keeps what single events leave out (leverage, the last balances, which conditional order an
ordinary one came from). Of one frame it gives the events in the order in which they must be heard: the fill, then its order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from ctosd.abi import Balance, Fill, OrderUpdate, Position, PrivateEvent, Side
from drivers.binance import replies
from drivers.binance.conditionals import Conditionals
from drivers.binance.wire import BROKEN, MS

Control = Literal["", "expired", "terminated", "shutdown", "margin_call", "funding"]
ZERO = Decimal(0)


class Frame(msgspec.Struct):
    """Bare, in a combined stream (`data`) or from the WebSocket API (`event`)."""

    e: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: msgspec.Raw = msgspec.Raw(b"")


class OrderFacts(msgspec.Struct):
    """The keys that ORDER_TRADE_UPDATE and executionReport have in common."""

    s: str
    c: str
    S: str
    o: str
    f: str
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: int
    z: Decimal
    last_size: Decimal = msgspec.field(name="l", default=ZERO)
    L: Decimal = ZERO
    n: Decimal | None = None
    N: str | None = None
    T: int = 0
    t: int = -1
    m: bool = False
    ap: Decimal | None = None  # USDⓈ-M
    R: bool = False
    ot: str = ""
    er: str | None = None
    C: str = ""  # spot: on a cancel our own id, while `c` is the cancel's
    r: str = ""
    expiry_reason: Any = msgspec.field(name="eR", default=None)  # spot
    Z: Decimal = ZERO


class OrderTradeUpdate(msgspec.Struct):
    o: OrderFacts


class AlgoFacts(msgspec.Struct):
    caid: str
    aid: int
    o: str
    s: str
    S: str
    q: Decimal
    X: str
    ai: str = ""
    aq: Decimal = ZERO
    ap: Decimal = ZERO
    p: Decimal = ZERO
    R: bool = False
    rm: str = ""


class AlgoUpdate(msgspec.Struct):
    T: int
    o: AlgoFacts


class WalletRow(msgspec.Struct):
    a: str
    wb: Decimal
    cw: Decimal = ZERO


class PositionRow(msgspec.Struct):
    s: str
    pa: Decimal
    ep: Decimal
    up: Decimal = ZERO
    cr: Decimal = ZERO
    ps: str = "BOTH"


class AccountFacts(msgspec.Struct):
    m: str = ""
    B: list[WalletRow] = []
    P: list[PositionRow] = []


class AccountUpdate(msgspec.Struct):
    T: int
    a: AccountFacts


class LeverageFacts(msgspec.Struct):
    s: str
    leverage: int = msgspec.field(name="l")


class ConfigUpdate(msgspec.Struct):
    ac: LeverageFacts | None = None


class SpotRow(msgspec.Struct):
    a: str
    f: Decimal
    locked: Decimal = msgspec.field(name="l")


class AccountPosition(msgspec.Struct):
    B: list[SpotRow]
    u: int = 0
    E: int = 0


Heard = tuple[list[PrivateEvent], Control]
NOTHING: Heard = ([], "")


class UserData:
    """Decodes the user data of one account; `symbols` maps Binance's names to unified ones."""

    def __init__(self, account: str, symbols: Mapping[str, str]) -> None:
        self.account = account
        self.symbols = symbols
        self.conditionals = Conditionals()
        self.leverage: dict[str, Decimal] = {}
        self.held: dict[str, dict[str, PositionRow]] = {}  # symbol -> leg -> its last row
        self.wallets: dict[str, Balance] = {}
        self.ignored = self.undecodable = 0
        self.reason = ""
        self._frame = msgspec.json.Decoder(Frame, strict=False).decode
        self._by_name: dict[str, Callable[[bytes | msgspec.Raw, int], Heard]] = {
            "ORDER_TRADE_UPDATE": self._order_trade(msgspec.json.Decoder(OrderTradeUpdate, strict=False)),
            "executionReport": self._execution(msgspec.json.Decoder(OrderFacts, strict=False)),
            "ACCOUNT_UPDATE": self._account(msgspec.json.Decoder(AccountUpdate, strict=False)),
            "ALGO_UPDATE": self._algo(msgspec.json.Decoder(AlgoUpdate, strict=False)),
            "ACCOUNT_CONFIG_UPDATE": self._config(msgspec.json.Decoder(ConfigUpdate, strict=False)),
            "outboundAccountPosition": self._wallet(msgspec.json.Decoder(AccountPosition, strict=False)),
            "listenKeyExpired": lambda raw, recv_ns: ([], "expired"),
            "eventStreamTerminated": lambda raw, recv_ns: ([], "terminated"),
            "serverShutdown": lambda raw, recv_ns: ([], "shutdown"),
            "MARGIN_CALL": lambda raw, recv_ns: ([], "margin_call"),
        }

    def decode(self, frame: bytes, recv_ns: int) -> Heard:
        """The events of one frame and what else it tells. TRADE_LITE, lists and balance transfers are passed over."""
        try:
            raw: bytes | msgspec.Raw = frame
            outer = self._frame(frame)
            if outer.data or outer.event:
                raw = outer.data or outer.event
                outer = self._frame(raw)
            read = self._by_name.get(outer.e)
            if read is None:
                self.ignored += 1
                return NOTHING
            return read(raw, recv_ns)
        except KeyError:
            self.ignored += 1  # a symbol that is not listed here
        except BROKEN as error:
            self.undecodable += 1
            self.reason = f"{error}: {frame[:200]!r}"
        return NOTHING

    def statistics(self) -> dict[str, Any]:
        return {"ignored": self.ignored, "undecodable": self.undecodable, "reason": self.reason}

    # -- orders ---------------------------------------------------------------------------------------------------------

    def _order_trade(self, decoder: msgspec.json.Decoder[OrderTradeUpdate]) -> Callable[[Any, int], Heard]:
        return lambda raw, recv_ns: (self._order(decoder.decode(raw).o, recv_ns), "")

    def _execution(self, decoder: msgspec.json.Decoder[OrderFacts]) -> Callable[[Any, int], Heard]:
        def read(raw: Any, recv_ns: int) -> Heard:
            facts = decoder.decode(raw)
            if facts.C and facts.x == "CANCELED":
                facts.c = facts.C
            if facts.Z and facts.z:
                facts.ap = facts.Z / facts.z
            return self._order(facts, recv_ns), ""

        return read

    def _order(self, facts: OrderFacts, recv_ns: int) -> list[PrivateEvent]:
        symbol = self.symbols[facts.s]
        side: Side = replies.side(facts.S)
        venue_id = f"{facts.i}"
        cause = replies.cause(facts.c)
        client_id = self.conditionals.owner(venue_id, facts.c, symbol, side, facts.q)
        events: list[PrivateEvent] = []
        if facts.last_size > 0 and facts.x in ("TRADE", "CALCULATED") and facts.t >= 0:
            events.append(self._fill(facts, symbol, side, client_id or facts.c, venue_id, cause))
        elif facts.x == "CALCULATED" and facts.last_size > 0:
            raise ValueError("a liquidation without a trade id")
        events.append(self._update(facts, symbol, side, client_id or facts.c, venue_id, cause))
        if client_id is None:
            return self.conditionals.hold(venue_id, events, recv_ns)
        return events

    def _fill(self, facts: OrderFacts, symbol: str, side: Side, client_id: str, venue_id: str, cause: str) -> Fill:
        if facts.L <= 0:
            raise ValueError(f"a fill at {facts.L}")
        return Fill(
            account=self.account,
            symbol=symbol,
            trade_id=f"{facts.t}",
            client_id=client_id,
            venue_id=venue_id,
            side=side,
            price=facts.L,
            size=facts.last_size,
            fee=facts.n or ZERO,
            fee_asset=facts.N or "",
            liquidity="maker" if facts.m else "taker",
            time_ns=facts.T * MS,
            cause=cause,
        )

    def _update(
        self, facts: OrderFacts, symbol: str, side: Side, client_id: str, venue_id: str, cause: str
    ) -> OrderUpdate:
        why = facts.er or (str(facts.expiry_reason) if facts.expiry_reason else "") or facts.r
        return OrderUpdate(
            account=self.account,
            symbol=symbol,
            client_id=client_id,
            venue_id=venue_id,
            state=replies.state(facts.X, facts.z),
            side=side,
            type=replies.kind(facts.ot or facts.o),
            size=facts.q,
            filled=facts.z,
            time_ns=facts.T * MS,
            price=facts.p or None,
            average=facts.ap or None if facts.z else None,
            reduce_only=facts.R,
            reason="liquidated" if cause in ("liquidation", "adl") else replies.reason(facts.X, why, facts.f),
        )

    def _algo(self, decoder: msgspec.json.Decoder[AlgoUpdate]) -> Callable[[Any, int], Heard]:
        def read(raw: Any, recv_ns: int) -> Heard:
            update = decoder.decode(raw)
            facts = update.o
            order = OrderUpdate(
                account=self.account,
                symbol=self.symbols[facts.s],
                client_id=facts.caid,
                venue_id=f"{facts.aid}",
                state=replies.algo_state(facts.X, facts.aq, facts.q),
                side=replies.side(facts.S),
                type=replies.kind(facts.o),
                size=facts.q,
                filled=facts.aq,
                time_ns=update.T * MS,
                price=facts.p or None,
                average=facts.ap or None if facts.aq else None,
                reduce_only=facts.R,
                reason="reduce_only" if facts.rm == "Reduce Only reject" else "exchange_error" if facts.rm else "",
            )
            return self.conditionals.follow(order, facts.X, facts.ai), ""

        return read

    # -- the account ----------------------------------------------------------------------------------------------------

    def _account(self, decoder: msgspec.json.Decoder[AccountUpdate]) -> Callable[[Any, int], Heard]:
        def read(raw: Any, recv_ns: int) -> Heard:
            update = decoder.decode(raw)
            events: list[PrivateEvent] = [self._balance(row, update.T * MS) for row in update.a.B]
            for row in update.a.P:
                symbol = self.symbols.get(row.s)
                if symbol is None:
                    self.ignored += 1
                    continue
                self.held.setdefault(symbol, {})[row.ps] = row
            changed = {self.symbols[row.s] for row in update.a.P if row.s in self.symbols}
            events += [self._position(symbol, update.T * MS) for symbol in sorted(changed)]
            return events, "funding" if update.a.m == "FUNDING_FEE" else ""

        return read

    def _balance(self, row: WalletRow, time_ns: int) -> Balance:
        """The stream does not tell what is free: the last known free amount moves with the wallet until it is asked for."""
        last = self.wallets.get(row.a)
        free = row.cw if last is None else last.available + row.wb - last.total
        found = Balance(account=self.account, asset=row.a, total=row.wb, available=max(ZERO, free), time_ns=time_ns)
        self.wallets[row.a] = found
        return found

    def _position(self, symbol: str, time_ns: int) -> Position:
        """The net of the legs. The mark follows from the unrealised profit of the largest one."""
        legs = list(self.held[symbol].values())
        largest = max(legs, key=lambda leg: abs(leg.pa))
        size = sum((leg.pa for leg in legs), ZERO)
        mark = largest.ep + largest.up / largest.pa if largest.pa else ZERO
        return Position(
            account=self.account,
            symbol=symbol,
            size=size,
            entry=largest.ep if size else ZERO,
            mark=max(ZERO, mark),
            unrealised=sum((leg.up for leg in legs), ZERO),
            realised=sum((leg.cr for leg in legs), ZERO),
            leverage=self.leverage.get(symbol, Decimal(1)),
            time_ns=time_ns,
        )

    def _config(self, decoder: msgspec.json.Decoder[ConfigUpdate]) -> Callable[[Any, int], Heard]:
        def read(raw: Any, recv_ns: int) -> Heard:
            change = decoder.decode(raw).ac
            if change is not None:
                self.leverage[self.symbols[change.s]] = Decimal(change.leverage)
            return NOTHING

        return read

    def _wallet(self, decoder: msgspec.json.Decoder[AccountPosition]) -> Callable[[Any, int], Heard]:
        def read(raw: Any, recv_ns: int) -> Heard:
            update = decoder.decode(raw)
            time_ns = (update.u or update.E) * MS
            return [
                Balance(account=self.account, asset=row.a, total=row.f + row.locked, available=row.f, time_ns=time_ns)
                for row in update.B
            ], ""

        return read
