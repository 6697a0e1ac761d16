"""Every decision of the gate, made again: the gate is a pure function of what it saw, so the answer must be the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ctosd.core import gate
from ctosd.core.gate import Refusal
from ctosd.host.recorder.records import Decision, Record
from ctosd.host.replay.tape import Difference


def decide_again(records: Iterable[Record]) -> tuple[int, Sequence[Difference]]:
    """How many decisions there are, and those that come out otherwise."""
    count, found = 0, []
    for each in records:
        if isinstance(each, Decision):
            count += 1
            now = (gate.check_again if each.again else gate.check)(each.order, each.view)
            if now != each.refusal:
                order = each.order
                place = f"decision on {order.client_id} ({order.strategy}, {order.side} {order.size} {order.symbol})"
                found.append(Difference(each.time_ns, place, verdict(each.refusal), verdict(now)))
    return count, found


def verdict(refusal: Refusal | None) -> str:
    return "allowed" if refusal is None else f"refused, {refusal.reason}: {refusal.message}"
