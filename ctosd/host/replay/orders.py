"""The orders of a recording, folded again from its rows: they must end as the daemon had them when it was frozen."""

from __future__ import annotations

from collections.abc import Sequence

from ctosd.abi.errors import CtosError
from ctosd.abi.orders import Order
from ctosd.host.recorder.records import Entry
from ctosd.host.replay.ledger import fold
from ctosd.host.replay.tape import Difference, Tape
from ctosd.kernel.ports import Row

UNSENT = ("denied", "never_sent")
"""Two words for an order that never left: our own is told by the gate, a fold tells what it proves."""


def fold_again(tape: Tape) -> tuple[int, Sequence[Difference]]:
    """How many orders began and were folded, and those that end otherwise. Those that began before the tape are not."""
    rows = [Row(e.seq, 0, e.time_ns, e.kind, e.key, e.body) for e in tape.records if isinstance(e, Entry)]
    if tape.footer is None:
        return 0, ()
    try:
        folded = fold(rows, tape.header.instruments)
    except CtosError as error:
        return 0, [Difference(tape.header.time_ns, "the fold of the recorded rows", "adds up", str(error))]
    count, found = 0, []
    for order in tape.footer.orders:
        again = folded.orders.get(order.client_id)
        if again is None:
            continue
        count += 1
        if not _is_same(order, again):
            place = f"order {order.client_id} ({order.strategy}, {order.side} {order.size} {order.symbol})"
            found.append(Difference(order.updated_ns, place, _said(order), _said(again)))
    return count, found


def _is_same(order: Order, again: Order) -> bool:
    if (order.filled, order.notional, order.fee) != (again.filled, again.notional, again.fee):
        return False
    if order.state == again.state or (order.state in UNSENT and again.state in UNSENT):
        return True
    return again.state == "unknown" and order.is_open  # a cancel without an answer: a fold is the more careful


def _said(order: Order) -> str:
    return f"{order.state}, filled {order.filled} for {order.notional}, fee {order.fee}"
