"""The kernel's record against the venue's own, after one life of the matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from math import isclose
from typing import Any

import msgspec

from ctosd.abi import TERMINAL, Order
from ctosd.core.forced import FORCED
from ctosd.core.holding import cash
from tests.drivers.torture_table import REFUSALS, USUAL_REFUSALS
from tests.drivers.torture_truth import Levels

NEVER = ("denied", "never_sent", "rejected")
BAD = ("order_violation", "task_failed", "external_position", "order_risen", "driver_raised", "writes_exceed_intents",
       "subscriber_failed", "strategy_failed", "external_order", "order_adopted", "frame_unread",
       "private_event_unread")  # fmt: skip
NEAR = Decimal("1e-6")


def differences(life: Any) -> list[str]:
    """Everything in which kernel and venue differ."""
    wrong: list[str] = life.system.desk.blotter.ledger.check()
    for look in (_twice, _orders, _fills, _positions, _money, _writes, _frozen, _refused):
        wrong += look(life)
    bad = [(event, fields) for _, event, fields in life.log.lines if event in BAD and not _venues_own(fields)]
    return wrong + [f"{event}: {fields}" for event, fields in bad]


# -- orders -----------------------------------------------------------------------------------------------------------------


def _orders(life: Any) -> list[str]:
    """None lost: what the venue took is known here, with its end and what was filled; what is open here is there."""
    ours: dict[str, Order] = dict(life.system.desk.blotter.orders)
    by_venue = {order.venue_id: order for order in ours.values() if order.venue_id}
    wrong, met = [], set()
    for theirs in life.truth.orders():
        order = ours.get(theirs.client_id) or by_venue.get(theirs.venue_id)
        if order is None:
            if theirs.client_id not in ("", "None") and not _venues_own({"client_id": theirs.client_id}):
                wrong.append(f"lost: the venue has {theirs}, we have nothing")
            continue
        met.add(order.client_id)
        if _class(order) != theirs.state or order.filled != theirs.filled:
            wrong.append(f"{theirs} is {order.state} with {order.filled} here: {order.reason} {order.message}")
        if theirs.size not in (None, order.size):
            wrong.append(f"{theirs} has the size {order.size} here")
    alone = [order for order in ours.values() if order.client_id not in met and order.state not in NEVER]
    return wrong + [f"{each.client_id} is {each.state} here, the venue never had it: {each.message}" for each in alone]


def _class(order: Order) -> str:
    if order.state == "filled":
        return "filled"
    return "ended" if order.state in TERMINAL else order.state if order.state == "unknown" else "open"


def _venues_own(fields: Mapping[str, Any]) -> bool:
    """Whether it tells of the order with which the venue itself closes a position."""
    return str(fields.get("client_id", "")).startswith(("autoclose-", "adl_autoclose"))


def _refused(life: Any) -> list[str]:
    """Whatever was refused was refused for what was the matter, and says so."""
    known = USUAL_REFUSALS | REFUSALS.get(life.fault, frozenset())
    told = [fields for _, event, fields in life.log.lines if event in ("order_denied", "order_rejected")]
    return [f"refused for {each}" for each in told if each["reason"] not in known or not each["message"]]


def _twice(life: Any) -> list[str]:
    """Nothing twice: no id, and no amend."""
    wrong = [
        f"the id {name} reached the venue {count} times" for name, count in life.truth.received().items() if count > 1
    ]
    wrong += [f"amend {what} was carried out {count} times" for what, count in life.truth.amends.items() if count > 1]
    placed = Counter(body["order"]["client_id"] for body in _intents(life, "place"))
    return wrong + [f"meant twice: {name}" for name, count in placed.items() if count > 1]


def _intents(life: Any, *acts: str) -> list[dict[str, Any]]:
    rows = [msgspec.json.decode(row.body) for row in life.journal.rows(("intent",))]
    return [body for body in rows if body["act"] in acts]


def _writes(life: Any) -> list[str]:
    """What left is what was meant, by every count."""
    line = life.system.desk.egress.line(life.account)
    meant = len(_intents(life, "place", "amend"))
    wrong = (
        [] if line.meant == meant else [f"writes: {meant} places and amends are in the journal, {line.meant} were sent"]
    )
    wrong += [] if line.writes == line.intents else [f"writes: {line.intents} intents, {line.writes} writes"]
    if line.driver.written is not None and line.driver.written > line.meant:
        wrong.append(f"writes: the driver wrote {line.driver.written} times, {line.meant} were meant")
    return wrong


# -- money ------------------------------------------------------------------------------------------------------------------


def _fills(life: Any) -> list[str]:
    there = life.truth.fills()
    names = [msgspec.json.decode(row.body)["trade_id"] for row in life.journal.rows(("fill",))]
    here = Counter(names)
    return [
        f"fill {name}: there {there[name]}, here {here[name]}" for name in there | here if there[name] != here[name]
    ]


def _positions(life: Any) -> list[str]:
    there = life.truth.positions()
    totals = life.system.desk.blotter.ledger.totals(life.account)
    here = {each.symbol: each.size for each in totals if each.size and not each.base}
    return [] if there == here else [f"positions: there {there}, here {here}"]


def _money(life: Any) -> list[str]:
    """Cash less the cost of what is open; of spot the coins too."""
    instrument = life.system.desk.instrument(life.account, life.subject.symbol)
    here: Counter[str] = Counter()
    for holding in life.system.desk.blotter.ledger.totals(life.account):
        for asset, amount in cash(holding).items():
            here[asset] += amount  # type: ignore[assignment]
        if not holding.base:
            here[holding.money] -= holding.cost  # type: ignore[assignment]
    there = life.truth.cash(instrument.settle or instrument.quote)
    return [
        f"{asset}: there {there.get(asset, 0)}, here {here[asset]}"
        for asset in {*there, *here}
        if abs(there.get(asset, Decimal(0)) - here[asset]) > NEAR
    ]


def _frozen(life: Any) -> list[str]:
    """What the venue took away is seen as that, and never traded back: whatever leaves afterwards makes a position smaller."""
    size, frozen, wrong = Decimal(0), False, []
    for row in life.journal.rows(("fill", "freeze", "intent")):
        body = msgspec.json.decode(row.body)
        if row.kind == "fill":
            size += Decimal(body["size"]) * (1 if body["side"] == "buy" else -1)
        elif row.kind == "freeze":
            frozen = True
        elif frozen and body["act"] == "place":
            order = body["order"]
            change = Decimal(order["size"]) * (1 if order["side"] == "buy" else -1)
            if size * change >= 0 or abs(change) > abs(size):
                wrong.append(f"traded back after the venue had closed: {order}, with {size} held")
    fills = [msgspec.json.decode(row.body) for row in life.journal.rows(("fill",))]
    if any(fill.get("cause") in FORCED for fill in fills) and not (frozen and life.system.desk.switch.frozen):
        wrong.append("the venue closed a position, and nothing was frozen")
    return wrong


# -- the market ---------------------------------------------------------------------------------------------------------------


def differing_book(there: tuple[Levels, Levels], here: tuple[Levels, Levels]) -> str:
    """In what a book as it was heard is not the venue's; empty when it is."""
    for side, theirs, ours in zip(("bid", "ask"), there, here, strict=True):
        for price in {*theirs, *ours}:
            if not isclose(theirs.get(price, 0.0), ours.get(price, 0.0), rel_tol=1e-9):
                return f"{side} {price}: there {theirs.get(price)}, here {ours.get(price)}"
    return ""
