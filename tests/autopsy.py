"""What the emulator says happened, in one shape for all venues, and everything in which the journal's world differs."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.kernel.system import System

OPEN = frozenset({"live", "partially_filled", "new", "open", "partiallyfilled"})
LIMIT = Decimal(1500)
"""The strategy's largest position, in quote money; see the configuration in tests/crashes.py."""
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Truth:
    """One account as the emulator knows it. Orders by the venue's id: (open, filled, client id); ids as the venue has them."""

    orders: Mapping[str, tuple[bool, Decimal, str]]
    trades: Counter[str]
    received: Mapping[str, int]
    processed: Mapping[str, int]
    positions: Mapping[str, Decimal]
    balances: Mapping[str, Decimal]


@dataclass(frozen=True)
class Venue:
    symbol: str
    account: Callable[[Any], Any]
    order_id: str
    trade_id: str


VENUES = {
    "okx": Venue("BTC/USDT:USDT", lambda accounts: accounts["okx/main"], "id", "trade_id"),
    "binance": Venue("BTC/USDT:USDT", lambda accounts: accounts["main"]["futures"], "order_id", "trade_id"),
    "backpack": Venue("SOL/USDC:USDC", lambda accounts: accounts["backpack/main"], "id", "tradeId"),
}


async def told(control: str) -> Any:
    """The emulator's own figures, by its control address."""

    def ask() -> Any:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(control, timeout=5) as reply:
            return json.loads(reply.read())

    return await asyncio.to_thread(ask)


def look(figures: Any) -> Truth:
    accounts = figures["statistics"]["accounts"]
    endpoints = figures["endpoints"]
    name = "binance" if "wsapi" in endpoints else "backpack" if "ws" in endpoints else "okx"
    venue = VENUES[name]
    account = venue.account(accounts)
    ids = account.get("client_ids")
    return Truth(
        orders={
            str(each[venue.order_id]): (
                each["state"].lower() in OPEN, Decimal(each["filled"]), str(each["client_id"]),
            )
            for each in account["orders"]
        },
        trades=Counter(str(each[venue.trade_id]) for each in account["fills"]),
        received={k: v["received"] for k, v in ids.items()} if ids is not None else account["received"],
        processed={k: v["processed"] for k, v in ids.items()}
        if ids is not None
        else account.get("placed", account.get("processed")),
        positions={symbol: Decimal(size) for symbol, size in account["positions"].items() if Decimal(size)},
        balances={asset: Decimal(total) for asset, total in account["balances"].items()},
    )  # fmt: skip


def compare(system: System, truth: Truth, start: Mapping[str, str]) -> dict[str, Any]:
    """Every difference, and the figures that tell what there was to compare."""
    name = next(iter(system.venues.all))
    account = f"{name}/main"
    intents = _intents(system)
    faults = [f"ledger: {each}" for each in system.desk.blotter.ledger.check()]
    faults += [f"the journal intends {cid} {n} times" for cid, n in Counter(intents).items() if n > 1]
    faults += [f"the venue was sent {cid} {n} times" for cid, n in truth.received.items() if n > 1]
    faults += [f"the venue carried {cid} out {n} times" for cid, n in truth.processed.items() if n > 1]
    faults += _orders(system, truth, set(intents))
    here = Counter(msgspec.json.decode(row.body)["trade_id"] for row in system.journal.rows(("fill",)))
    faults += [f"trade {each}: there {truth.trades[each]}, here {here[each]}" for each in truth.trades | here
               if not truth.trades[each] == here[each] == 1]  # fmt: skip
    faults += _money(system, account, truth, start)
    seen = {order.client_id: truth.received.get(_native(system, order.client_id), 0) for order in _all(system)}
    states = {order.client_id: order.state for order in _all(system)}
    return {
        "faults": faults,
        "orders": len(truth.orders),
        "fills": sum(truth.trades.values()),
        "intents": len(intents),
        "seen": seen,
        "states": states,
    }


def _all(system: System) -> list[Any]:
    return list(system.desk.blotter.orders.values())


def _native(system: System, client_id: str) -> str:
    """The id that the venue was sent: Backpack takes numbers."""
    driver: Any = next(iter(system.venues.all.values())).driver
    if driver.venue != "backpack":
        return client_id
    return str(driver.desk.ids.number(client_id))


def _intents(system: System) -> list[str]:
    rows = (msgspec.json.decode(row.body) for row in system.journal.rows(("intent",)))
    return [row["order"]["client_id"] for row in rows if row["act"] in ("place", "adopt")]


def _orders(system: System, truth: Truth, intended: set[str]) -> list[str]:
    """Both directions: every order there is one of ours in the same state, and every one of ours that was sent is there."""
    faults: list[str] = []
    ours = {order.venue_id: order for order in _all(system) if order.venue_id}
    # An order that only its fills told of has no number of the venue.
    ours |= {_native(system, order.client_id): order for order in _all(system) if not order.venue_id}
    found: set[str] = set()
    for venue_id, (is_open, filled, client_id) in truth.orders.items():
        order = ours.get(venue_id) or ours.get(client_id)
        if order is None:
            faults.append(f"order {venue_id} ({client_id}) is only there")
            continue
        found.add(order.client_id)
        if order.client_id not in intended:
            faults.append(f"{order.client_id} was never intended")
        if order.is_open != is_open or order.filled != filled:
            faults.append(f"{order.client_id}: there open={is_open} filled {filled}, here {order.state} {order.filled}")
    missing = [order for order in _all(system)
               if order.state not in ("never_sent", "denied", "rejected") and order.client_id not in found]  # fmt: skip
    faults += [f"{order.client_id} is {order.state} here and nothing there" for order in missing]
    return faults


def _money(system: System, account: str, truth: Truth, start: Mapping[str, str]) -> list[str]:
    faults: list[str] = []
    held = {each.symbol: each.size for each in system.desk.blotter.ledger.totals(account) if each.size}
    if held != truth.positions:
        faults.append(f"positions: there {truth.positions}, here {held}")
    money = VENUES[account.partition("/")[0]].symbol.partition(":")[2]
    expected = Decimal(start[money])
    for each in system.desk.blotter.ledger.totals(account):
        expected += each.realised - each.fee + each.funding
    if abs(expected - truth.balances[money]) > CENT / 100:
        faults.append(f"balance: there {truth.balances[money]}, here {expected}")
    for holding in system.desk.blotter.ledger.holdings():
        if holding.strategy == "external" and holding.size:
            faults.append(f"{holding.size} of {holding.symbol} belongs to nobody")
        if abs(holding.size) * holding.entry > LIMIT:
            faults.append(f"exposure: {holding.strategy} holds {holding.size} from {holding.entry}")
    return faults
