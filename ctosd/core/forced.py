"""Trades that the venue makes for us, liquidations and auto-deleveraging: whose they are.

The venue closes the account's net position and knows no strategies. Each strategy that held that side loses its share;
what the strategies cannot account for was nobody's of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from ctosd.abi.events import Fill
from ctosd.core.holding import share, sub, total

FORCED = ("liquidation", "adl")
ZERO = Decimal(0)


def is_forced(fill: Fill) -> bool:
    return fill.cause in FORCED


def split(
    fill: Fill, held: Mapping[str, Decimal], lot: Decimal, nobody: str, before: Sequence[Fill] = ()
) -> list[tuple[str, Fill]]:
    """`(strategy, its part of the fill)`; sizes and fees add up to the fill's exactly.

    `held` is strategy -> signed size; `nobody` names who gets the rest. Parts are multiples of `lot`, but for the largest
    holder's, who takes what rounding left. With one owner the fill stays as it is; else its parts are numbered. `before` are
    parts that were booked already, when a crash came between them: the rest of the fill is shared out.
    """
    if before:
        size, fee = total(part.size for part in before), total(part.fee for part in before)
        fill = msgspec.structs.replace(fill, size=sub(fill.size, size), fee=sub(fill.fee, fee))
    sizes = _shares(fill, held, lot)
    rest = sub(fill.size, total(sizes.values()))
    if rest:
        sizes[nobody] = sizes.get(nobody, ZERO) + rest
    count = len(before) + len(sizes)
    if count == 1:
        return [(next(iter(sizes)), fill)]
    parts, left = [], fill.fee
    for number, (name, size) in enumerate(sizes.items(), 1 + len(before)):
        fee = left if number == count else _fee(fill, size)
        left = sub(left, fee)
        part = msgspec.structs.replace(fill, trade_id=f"{fill.trade_id}#{number}/{count}", size=size, fee=fee)
        parts.append((name, part))
    return parts


def whole_of(trade_id: str) -> str:
    """The venue's own id when this is the last numbered part of a fill; else empty."""
    head, mark, tail = trade_id.rpartition("#")
    number, slash, count = tail.partition("/")
    return head if mark and slash and number == count else ""


def _shares(fill: Fill, held: Mapping[str, Decimal], lot: Decimal) -> dict[str, Decimal]:
    sides = {name: abs(size) for name, size in held.items() if size and (size > 0) == (fill.side == "sell")}
    whole = total(sides.values())
    taken = min(fill.size, whole)
    if not taken:
        return {}
    sizes = {name: share(taken, size, whole) // lot * lot for name, size in sorted(sides.items())}
    largest = max(sorted(sides), key=lambda name: sides[name])
    sizes[largest] = sizes[largest] + sub(taken, total(sizes.values()))
    return {name: size for name, size in sizes.items() if size}


def _fee(fill: Fill, size: Decimal) -> Decimal:
    part = share(fill.fee, size, fill.size)
    return part.copy_sign(fill.fee)
