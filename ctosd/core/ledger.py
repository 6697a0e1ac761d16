"""The ledger: fills and funding folded into positions and money, per strategy and per account, and the two always add up.

Two books are kept side by side. The strategies' book gives each strategy a virtual sub-position of its own fills; what
is nobody's (orders sent by hand, liquidations) belongs to the strategy `EXTERNAL`. The accounts' book nets everything
of an account, as the venue does, without looking at the first. `check` compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

import msgspec

from ctosd.abi.errors import CallerMistake, InvariantBroken
from ctosd.abi.events import Fill, FundingPayment
from ctosd.abi.instruments import Instrument
from ctosd.core.forced import whole_of
from ctosd.core.holding import (
    ZERO,
    Holding,
    Sums,
    booked,
    cash,
    count,
    pnl,
    share,
    sub,
    total,
    trade_of,
    unrealised,
    why,
    write,
)

__all__ = ["DUST", "EXTERNAL", "WHOLE", "Holding", "Ledger", "cash", "pnl", "unrealised"]

EXTERNAL = "external"
"""The strategy that holds what no strategy of ours ordered."""
DUST = "dust"
"""The strategy that holds what exits left because no order can be so small."""
WHOLE = ""
"""In place of a strategy's name: the account's own netted book."""

_ROUNDED = (Inexact, InvalidOperation, Overflow)


class _Whole(msgspec.Struct, kw_only=True):
    """An account's netted holding, and what was applied to it already: id -> time.

    `moves` are the changes of a perpetual's sub-positions, `(time, strategy, change)`: funding is shared out by what was
    held when it was due, and may be told hours later.
    """

    holding: Holding
    trades: dict[str, int] = {}
    payments: dict[str, int] = {}
    moves: list[tuple[int, str, Decimal]] = []


class _Image(msgspec.Struct, kw_only=True):
    """The ledger as a snapshot holds it."""

    version: int = 1
    horizon_ns: int = 0
    wholes: list[_Whole] = []
    parts: list[Holding] = []


class Ledger:
    """Positions and money of all accounts. Pure: the same calls give the same ledger."""

    def __init__(self) -> None:
        self._wholes: dict[tuple[str, str], _Whole] = {}
        self._parts: dict[tuple[str, str], dict[str, Holding]] = {}  # (account, symbol) -> strategy -> holding
        self._horizon_ns = 0
        self._applied = self._repeats = self._late = 0

    # -- what happened --------------------------------------------------------------------------------------------------

    def apply(self, fill: Fill, strategy: str, instrument: Instrument) -> bool:
        """Book one fill. False when it was booked before, or is older than `forget` remembers; nothing changed then.

        `strategy` is the one whose order it was; an order that is nobody's goes to `EXTERNAL`.

        Raises:
            InvariantBroken: figures that are no figures, or a sum that cannot be kept exactly. Nothing was booked.
        """
        key = (fill.account, fill.symbol)
        whole = self._wholes.get(key) or self._open(key, instrument)
        if fill.trade_id in whole.trades:
            self._repeats += 1
            return False
        if fill.time_ns < self._horizon_ns:
            self._late += 1
            return False
        part = self._parts[key].get(strategy) or self._part(key, strategy, instrument)
        try:
            trade = trade_of(fill, instrument)
            ours, netted = booked(part, trade), booked(whole.holding, trade)
        except _ROUNDED as error:
            raise InvariantBroken(f"fill {fill.trade_id} of {fill.symbol} at {fill.account}: {why(error)}") from error
        write(part, trade, ours)
        write(whole.holding, trade, netted)
        whole.trades[fill.trade_id] = fill.time_ns
        if not part.base:
            whole.moves.append((fill.time_ns, part.strategy, trade.change))
        if last := whole_of(fill.trade_id):
            whole.trades[last] = fill.time_ns  # all its parts are booked: the venue's own word on it is a repeat
        self._applied += 1
        return True

    def apply_funding(self, payment: FundingPayment, instrument: Instrument) -> bool:
        """Book a funding payment of an account. False when it was booked before.

        It is shared out by the signed sizes that strategies held at its time. What they cannot account for (the venue
        paid for a larger position) goes to `EXTERNAL`. The parts add up to the payment exactly: what rounding leaves goes
        to the largest of them.
        """
        key = (payment.account, payment.symbol)
        whole = self._wholes.get(key) or self._open(key, instrument)
        if payment.payment_id in whole.payments:
            self._repeats += 1
            return False
        if payment.time_ns < self._horizon_ns:
            self._late += 1
            return False
        try:
            sizes = self.held_at(payment.account, payment.symbol, payment.time_ns)
            for strategy, amount in _split(payment, sizes).items():
                count(self._part(key, strategy, instrument).fundings, payment.asset, amount)
            count(whole.holding.fundings, payment.asset, payment.amount)
        except _ROUNDED as error:
            where = f"funding {payment.payment_id} of {payment.symbol} at {payment.account}"
            raise InvariantBroken(f"{where}: {why(error)}") from error
        whole.payments[payment.payment_id] = payment.time_ns
        return True

    def transfer(self, account: str, symbol: str, source: str, target: str, size: Decimal, time_ns: int = 0) -> None:
        """Move `size` (signed) of a sub-position to another strategy at what it cost; the account's own stays as it is.

        Funding that was due before `time_ns` is still the giver's.

        Raises:
            CallerMistake: `source` does not hold so much, or `target` holds the other side. Nothing was moved.
        """
        giver = self.position(account, source, symbol)
        taker = self.position(account, target, symbol)
        if not size or size * giver.size <= 0 or abs(size) > abs(giver.size):
            raise CallerMistake(f"{source} holds {giver.size} {symbol} on {account}: {size} of it cannot be moved")
        if size * taker.size < 0:
            raise CallerMistake(f"{target} holds {taker.size} {symbol} on {account}, the other side: close that first")
        parts = self._parts[account, symbol]
        whole = self._wholes[account, symbol].holding
        if target not in parts:
            parts[target] = Holding(account=account, strategy=target, symbol=symbol, money=whole.money, base=whole.base)
        taker = parts[target]
        cost = _part_of(giver.cost, size, giver.size)
        for part, sign in ((giver, -1), (taker, 1)):
            part.size = sub(part.size, -sign * size)
            part.cost = sub(part.cost, -sign * cost)
            part.flow = sub(part.flow, sign * cost)
            if not part.base:
                self._wholes[account, symbol].moves.append((time_ns, part.strategy, sign * size))

    def forget(self, before_ns: int) -> int:
        """Drop the ids of fills and payments older than `before_ns`; returns how many.

        From then on a fill as old as that is taken for a repeat, so choose a time before which no query asks.
        """
        self._horizon_ns = max(self._horizon_ns, before_ns)
        dropped = 0
        for whole in self._wholes.values():
            for seen in (whole.trades, whole.payments):
                old = [name for name, time_ns in seen.items() if time_ns < self._horizon_ns]
                dropped += len(old)
                for name in old:
                    del seen[name]
            whole.moves = [move for move in whole.moves if move[0] >= self._horizon_ns]
        return dropped

    # -- what is --------------------------------------------------------------------------------------------------------

    def position(self, account: str, strategy: str, symbol: str) -> Holding:
        """The sub-position of a strategy, `WHOLE` for the account's own; an empty one when nothing was ever booked."""
        if strategy == WHOLE:
            return self.total(account, symbol)
        part = self._parts.get((account, symbol), {}).get(strategy)
        return part or Holding(account=account, strategy=strategy, symbol=symbol)

    def held_at(self, account: str, symbol: str, time_ns: int) -> Sums:
        """strategy -> the signed size of a perpetual that it held at the venue's time `time_ns`."""
        sizes = {name: part.size for name, part in self._parts.get((account, symbol), {}).items()}
        whole = self._wholes.get((account, symbol))
        for moved_ns, strategy, change in whole.moves if whole else ():
            if moved_ns > time_ns:
                sizes[strategy] = sub(sizes[strategy], change)
        return sizes

    def sizes(self, account: str, strategy: str, symbol: str) -> tuple[Decimal, Decimal]:
        """The signed position of a strategy and of the whole account: what the gate asks for before every order."""
        key = (account, symbol)
        whole = self._wholes.get(key)
        if whole is None:
            return ZERO, ZERO
        part = self._parts[key].get(strategy)
        return part.size if part is not None else ZERO, whole.holding.size

    def total(self, account: str, symbol: str) -> Holding:
        """The account's netted position in one symbol."""
        whole = self._wholes.get((account, symbol))
        return whole.holding if whole else Holding(account=account, strategy=WHOLE, symbol=symbol)

    def totals(self, account: str = "") -> Iterator[Holding]:
        """The netted holdings of one account, or of all."""
        return (whole.holding for key, whole in self._wholes.items() if not account or key[0] == account)

    def holdings(self, strategy: str = "", account: str = "") -> Iterator[Holding]:
        """The sub-positions of one strategy, or of all, `EXTERNAL` included."""
        for key, parts in self._parts.items():
            if not account or key[0] == account:
                yield from (part for name, part in parts.items() if not strategy or name == strategy)

    def knows(self, account: str, symbol: str, trade_id: str) -> bool:
        """Whether this fill was booked."""
        whole = self._wholes.get((account, symbol))
        return whole is not None and trade_id in whole.trades

    def check(self) -> list[str]:
        """What does not add up, in words; empty when all is well. Equality is exact."""
        faults: list[str] = []
        for key, whole in self._wholes.items():
            parts = list(self._parts[key].values())
            faults += _unequal(whole.holding, parts)
            for holding in (whole.holding, *parts):
                faults += _unsound(holding)
        return faults

    def statistics(self) -> Mapping[str, Any]:
        return {
            "fills": self._applied,
            "repeats": self._repeats,
            "late": self._late,
            "holdings": sum(len(parts) for parts in self._parts.values()),
            "remembered": sum(len(whole.trades) + len(whole.payments) for whole in self._wholes.values()),
        }

    # -- to disk and back -----------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole ledger as JSON; ledgers with the same history give the same bytes."""
        parts = [part for parts in self._parts.values() for part in parts.values()]
        image = _Image(horizon_ns=self._horizon_ns, wholes=list(self._wholes.values()), parts=parts)
        return msgspec.json.encode(image)

    @classmethod
    def restore(cls, snapshot: bytes) -> Ledger:
        """The ledger that a snapshot was taken of. Raises `InvariantBroken` when it is damaged or does not add up."""
        ledger = cls()
        try:
            ledger._load(msgspec.json.decode(snapshot, type=_Image))
            faults = ledger.check()
        except (msgspec.MsgspecError, *_ROUNDED) as error:
            faults = [f"it cannot be read ({error})"]
        if faults:
            raise InvariantBroken(f"the ledger snapshot is damaged: {faults[0]}; fold the journal from its first fill")
        return ledger

    def _load(self, image: _Image) -> None:
        if image.version != 1:
            raise msgspec.ValidationError(f"version {image.version} is not known here")
        self._horizon_ns = image.horizon_ns
        for whole in image.wholes:
            key = (whole.holding.account, whole.holding.symbol)
            self._wholes[key] = whole
            self._parts[key] = {}
            self._applied += whole.holding.fills
        for part in image.parts:
            parts = self._parts.get((part.account, part.symbol))
            if parts is None:
                raise msgspec.ValidationError(
                    f"{part.strategy} holds {part.symbol} at {part.account}, the account does not"
                )
            parts[part.strategy] = part

    def _open(self, key: tuple[str, str], instrument: Instrument) -> _Whole:
        whole = self._wholes[key] = _Whole(holding=_empty(key, WHOLE, instrument))
        self._parts[key] = {}
        return whole

    def _part(self, key: tuple[str, str], strategy: str, instrument: Instrument) -> Holding:
        parts = self._parts[key]
        name = strategy or EXTERNAL
        if name not in parts:
            parts[name] = _empty(key, name, instrument)
        return parts[name]


def _empty(key: tuple[str, str], strategy: str, instrument: Instrument) -> Holding:
    money = instrument.settle or instrument.quote
    base = instrument.base if instrument.kind == "spot" else ""
    return Holding(account=key[0], strategy=strategy, symbol=key[1], money=money, base=base)


def _split(payment: FundingPayment, sizes: Mapping[str, Decimal]) -> Sums:
    """strategy -> its part of the payment; adds up exactly."""
    held = total(sizes.values())
    # The venue paid on the larger position where both tell the same side: the rest was nobody's of ours.
    same_side = held * payment.position > 0
    whole = payment.position if same_side and abs(payment.position) > abs(held) else held
    parts: Sums = {}
    if held:
        parts = {name: _part_of(payment.amount, size, whole) for name, size in sizes.items() if size}
        largest = max(parts, key=lambda name: (abs(sizes[name]), name))
        count(parts, largest, sub(_part_of(payment.amount, held, whole), total(parts.values())))
    if rest := sub(payment.amount, total(parts.values())):
        count(parts, EXTERNAL, rest)
    return parts


def _part_of(amount: Decimal, size: Decimal, whole: Decimal) -> Decimal:
    if size == whole:
        return amount
    part = share(amount, size, whole)
    return part if (size > 0) == (whole > 0) else -part


def _sums(holdings: list[Holding], field: str) -> Sums:
    sums: Sums = {}
    for holding in holdings:
        for asset, amount in getattr(holding, field).items():
            count(sums, asset, amount)
    return {asset: amount for asset, amount in sums.items() if amount}


def _unequal(whole: Holding, parts: list[Holding]) -> list[str]:
    where = f"{whole.symbol} at {whole.account}"
    faults = []
    for field in ("size", "flow", "volume", "fills"):
        ours = total(Decimal(getattr(part, field)) for part in parts)
        if ours != getattr(whole, field):
            faults.append(f"{where}: {field} of the strategies is {ours}, of the account {getattr(whole, field)}")
    for field in ("fees", "fundings"):
        sums, theirs = _sums(parts, field), _sums([whole], field)
        if sums != theirs:
            faults.append(f"{where}: {field} of the strategies are {sums}, of the account {theirs}")
    return faults


def _unsound(holding: Holding) -> list[str]:
    where = f"{holding.symbol} of {holding.strategy or 'all'} at {holding.account}"
    faults = []
    if sub(holding.realised, holding.cost) != holding.flow:
        faults.append(f"{where}: realised {holding.realised} - cost {holding.cost} is not the cash flow {holding.flow}")
    if not holding.size and holding.cost:
        faults.append(f"{where}: flat, but costs {holding.cost}")
    return faults
