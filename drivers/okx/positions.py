"""Positions of one account: legs and margin modes of an instrument, told as one net position. (Sheet section 6.1.)"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ctosd.abi import Position
from drivers.okx.listing import Listing, Product
from drivers.okx.records import ZERO, PositionRow, decimal, time_ns

Leg = tuple[str, str]  # margin mode and position side


class Positions:
    """What the venue last told of each leg; its own times put pushes and answers in order."""

    def __init__(self, account: str, listing: Listing) -> None:
        self._account = account
        self._listing = listing
        self._legs: dict[str, dict[Leg, PositionRow]] = {}

    def push(self, rows: Iterable[PositionRow]) -> list[Position]:
        """Take in rows of the channel; returns the positions of the instruments that they name."""
        named: dict[str, None] = {}
        for row in rows:
            if self._listing.get(row.inst_id) is not None:
                self._put(row)
                named[row.inst_id] = None
        return [self._net(native) for native in named]

    def replace(self, rows: Iterable[PositionRow], asked_ns: int) -> list[Position]:
        """Take in all positions as they were answered to a question at `asked_ns` of the venue's time.

        Returns every position that is open, and those that were until now."""
        answered = [row for row in rows if self._listing.get(row.inst_id) is not None]
        told = {(row.inst_id, _leg(row)) for row in answered}
        before = set(self._legs)
        for native, legs in self._legs.items():
            for leg, row in list(legs.items()):
                if (native, leg) not in told and time_ns(row.u_time) <= asked_ns:
                    del legs[leg]
        for row in answered:
            self._put(row)
        found = [self._net(native) for native in {**dict.fromkeys(before), **dict.fromkeys(self._legs)}]
        return sorted(found, key=lambda each: each.symbol)

    def rows(self) -> list[PositionRow]:
        return [row for legs in self._legs.values() for row in legs.values()]

    def _put(self, row: PositionRow) -> None:
        legs = self._legs.setdefault(row.inst_id, {})
        known = legs.get(_leg(row))
        if known is not None and time_ns(row.u_time) < time_ns(known.u_time):
            return
        legs[_leg(row)] = row

    def _net(self, native: str) -> Position:
        product = self._listing.by_native[native]
        legs = self._legs.get(native, {})
        moment = max((time_ns(row.u_time) for row in legs.values()), default=0)
        for leg in [leg for leg, row in legs.items() if not decimal(row.pos)]:
            if len(legs) > 1:
                del legs[leg]
        return net(self._account, product, list(legs.values()), moment)


def _leg(row: PositionRow) -> Leg:
    return row.mgn_mode, row.pos_side


def signed(row: PositionRow, product: Product) -> Decimal:
    """The size of a leg in coins; negative when short."""
    size = product.coins(row.pos)
    return -abs(size) if row.pos_side == "short" else size


def net(account: str, product: Product, rows: list[PositionRow], moment: int) -> Position:
    """One position of all legs: its entry is the price at which the sum of their unrealised profits is 0."""
    size = sum((signed(row, product) for row in rows), ZERO)
    unrealised = sum((decimal(row.upl) for row in rows), ZERO)
    mark = next((decimal(row.mark_px) for row in rows if row.mark_px), ZERO)
    entry = ZERO
    if size and len(rows) == 1:
        entry = decimal(rows[0].avg_px)
    elif size:
        entry = mark - unrealised / size
    liquidation = decimal(rows[0].liq_px) if len(rows) == 1 else ZERO
    return Position(
        account=account,
        symbol=product.symbol,
        size=size,
        entry=entry,
        mark=mark,
        unrealised=unrealised if size else ZERO,
        realised=sum((decimal(row.realized_pnl) for row in rows), ZERO),
        leverage=max((decimal(row.lever) for row in rows if row.lever), default=Decimal(1)),
        liquidation=liquidation if liquidation > 0 and size else None,
        time_ns=moment,
    )
