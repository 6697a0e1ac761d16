"""What a venue says happened, in one shape for all venues, and everything in which the journal's world differs."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ctosd.core.holding import cash
from ctosd.kernel.system import System

OPEN = frozenset({"live", "partially_filled", "new", "open", "partiallyfilled"})
LIMIT = Decimal(1500)
"""The strategy's largest position, in quote money; see the configuration in tests/crashes.py."""
CENT = Decimal("0.01")
ZERO = Decimal(0)


class Seen(NamedTuple):
    """An order as the venue knows it; a venue that has no amends need not tell its size."""

    is_open: bool
    filled: Decimal
    client_id: str
    size: Decimal | None


@dataclass(frozen=True)
class Truth:
    """One account as its venue knows it. Orders by the venue's id; client ids as the venue has them."""

    orders: Mapping[str, Seen]
    trades: Counter[str]
    received: Mapping[str, int]
    processed: Mapping[str, int]
    positions: Mapping[str, Decimal]
    balances: Mapping[str, Decimal]


@dataclass(frozen=True)
class Venue:
    """`account` finds ours in the emulator's figures; None where the venue is in the daemon's own process."""

    symbol: str
    account: Callable[[Any], Any] | None
    order_id: str = "id"
    trade_id: str = "trade_id"
    product: str = ""
    amends: bool = True


VENUES = {
    "okx": Venue("BTC/USDT:USDT", lambda accounts: accounts["okx/main"]),
    "binance": Venue("BTC/USDT:USDT", lambda accounts: accounts["main"]["futures"], "order_id"),
    "binance-spot": Venue("BTC/USDT", lambda accounts: accounts["main"]["spot"], "order_id", product="spot"),
    "backpack": Venue(
        "SOL/USDC:USDC", lambda accounts: accounts["backpack/main"], trade_id="tradeId", amends=False
    ),
    "paper": Venue("BTC/USDT:USDT", None),
}  # fmt: skip


async def told(control: str) -> Any:
    """The emulator's own figures, by its control address."""

    def ask() -> Any:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(control, timeout=5) as reply:
            return json.loads(reply.read())

    return await asyncio.to_thread(ask)


def look(name: str, figures: Any) -> Truth:
    """What an emulator says."""
    venue = VENUES[name]
    assert venue.account is not None
    account = venue.account(figures["statistics"]["accounts"])
    ids = account.get("client_ids")
    return Truth(
        orders={str(each[venue.order_id]): _seen(each) for each in account["orders"]},
        trades=Counter(str(each[venue.trade_id]) for each in account["fills"]),
        received={k: v["received"] for k, v in ids.items()} if ids is not None else account["received"],
        processed={k: v["processed"] for k, v in ids.items()}
        if ids is not None
        else account.get("placed", account.get("processed")),
        positions={symbol: Decimal(size) for symbol, size in account["positions"].items() if Decimal(size)},
        balances={asset: Decimal(total) for asset, total in account["balances"].items()},
    )


def _seen(row: Any) -> Seen:
    size = Decimal(row["size"]) if "size" in row else None
    return Seen(row["state"].lower() in OPEN, Decimal(row["filled"]), str(row["client_id"]), size)


async def inside(system: System) -> Truth:
    """What the paper venue in the daemon's own process says, which came back from its own store."""
    driver = system.venues.all["paper"].driver
    account = "paper/main"
    updates = [await driver.fetch_order(account, order.symbol, order.client_id) for order in _all(system)]
    updates += list(await driver.fetch_open_orders(account))
    orders = {
        each.venue_id: Seen(each.state in OPEN, each.filled, each.client_id, each.size) for each in updates if each
    }
    once = {each.client_id: 1 for each in orders.values()}
    return Truth(
        orders=orders,
        trades=Counter(fill.trade_id for fill in await driver.fetch_fills(account, 0)),
        received=once,
        processed=once,
        positions={each.symbol: each.size for each in await driver.fetch_positions(account) if each.size},
        balances={each.asset: each.total for each in await driver.fetch_balances(account)},
    )


def compare(
    name: str, system: System, truth: Truth, start: Mapping[str, str], *, forgetful: bool = False
) -> dict[str, Any]:
    """Every difference, and the figures that tell what there was to compare.

    A `forgetful` journal lost its last rows: of an order that is over there and never filled nobody needs to know.
    """
    account = f"{name.partition('-')[0]}/main"
    intents = _intents(system)
    faults = [f"ledger: {each}" for each in system.desk.blotter.ledger.check()]
    faults += [f"the journal intends {cid} {n} times" for cid, n in Counter(intents).items() if n > 1]
    faults += [f"the venue was sent {cid} {n} times" for cid, n in truth.received.items() if n > 1]
    faults += [f"the venue carried {cid} out {n} times" for cid, n in truth.processed.items() if n > 1]
    faults += _orders(system, truth, set(intents), forgetful)
    here = Counter(msgspec.json.decode(row.body)["trade_id"] for row in system.journal.rows(("fill",)))
    faults += [f"trade {each}: there {truth.trades[each]}, here {here[each]}" for each in truth.trades | here
               if not truth.trades[each] == here[each] == 1]  # fmt: skip
    faults += _money(system, account, truth, start)
    return {
        "faults": faults,
        "orders": len(truth.orders),
        "fills": sum(truth.trades.values()),
        "intents": len(intents),
        "seen": {o.client_id: truth.received.get(_native(system, o.client_id), 0) for o in _all(system)},
        "states": {order.client_id: order.state for order in _all(system)},
        "sizes": {order.client_id: str(order.size) for order in _all(system)},
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


def _orders(system: System, truth: Truth, intended: set[str], forgetful: bool) -> list[str]:
    """Both directions: every order there is one of ours in the same state, and every one of ours that was sent is there."""
    faults: list[str] = []
    ours = {order.venue_id: order for order in _all(system) if order.venue_id}
    # An order that only its fills told of has no number of the venue.
    ours |= {_native(system, order.client_id): order for order in _all(system) if not order.venue_id}
    found: set[str] = set()
    for venue_id, seen in truth.orders.items():
        order = ours.get(venue_id) or ours.get(seen.client_id)
        if order is None and forgetful and not seen.is_open and not seen.filled:
            continue
        if order is None:
            faults.append(f"order {venue_id} ({seen.client_id}) is only there")
            continue
        found.add(order.client_id)
        if order.client_id not in intended:
            faults.append(f"{order.client_id} was never intended")
        if (order.is_open, order.filled, order.size) != (seen.is_open, seen.filled, seen.size or order.size):
            faults.append(f"{order.client_id}: there {seen}, here {order.state} {order.filled} of {order.size}")
    missing = [order for order in _all(system)
               if order.state not in ("never_sent", "denied", "rejected") and order.client_id not in found]  # fmt: skip
    faults += [f"{order.client_id} is {order.state} here and nothing there" for order in missing]
    return faults


def _money(system: System, account: str, truth: Truth, start: Mapping[str, str]) -> list[str]:
    faults: list[str] = []
    totals = list(system.desk.blotter.ledger.totals(account))
    held = {each.symbol: each.size for each in totals if each.size and not each.base}
    if held != truth.positions:
        faults.append(f"positions: there {truth.positions}, here {held}")
    expected = {asset: Decimal(amount) for asset, amount in start.items()}
    for each in totals:
        for asset, amount in cash(each).items():
            expected[asset] = expected.get(asset, ZERO) + amount
    faults += [f"balance of {asset}: there {truth.balances.get(asset, ZERO)}, here {amount}"
               for asset, amount in expected.items()
               if abs(amount - truth.balances.get(asset, ZERO)) > CENT / 100]  # fmt: skip
    for holding in system.desk.blotter.ledger.holdings():
        if holding.strategy == "external" and holding.size:
            faults.append(f"{holding.size} of {holding.symbol} belongs to nobody")
        if abs(holding.size) * holding.entry > LIMIT:
            faults.append(f"exposure: {holding.strategy} holds {holding.size} from {holding.entry}")
    return faults
