"""The state of the daemon as plain records: what `status`, `ps`, `orders`, `positions` and `/proc` show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ctosd import __version__
from ctosd.abi.orders import Order
from ctosd.core.holding import Holding, pnl, unrealised
from ctosd.kernel.clock import SECOND
from ctosd.kernel.ports import Status
from ctosd.kernel.system import System
from ctosd.kernel.unit import Unit
from ctosd.kernel.venues import Venue

ZERO = Decimal(0)
Record = dict[str, Any]


def order_record(order: Order) -> Record:
    record: Record = msgspec.to_builtins(order)
    record["average"] = str(round(order.average, 12).normalize()) if order.filled else "0"
    return record


class Facts:
    """Reads everything, changes nothing."""

    def __init__(self, system: System) -> None:
        self.system = system

    # -- the whole -----------------------------------------------------------------------------------------------------------

    def status(self) -> Record:
        s = self.system
        now_ns = s.desk.clock.now_ns()
        counts = s.desk.blotter.statistics()
        return {
            "version": __version__,
            "boot": s.journal.boot,
            "pid": os.getpid(),
            "uptime_s": round((now_ns - s.started_ns) / SECOND, 3),
            "ready": all(venue.state == "running" for venue in s.venues.all.values()),
            "clock": "virtual" if s.virtual else "wall",
            "mode": s.desk.switch.mode,
            "mode_reason": s.desk.switch.reason,
            "venues": [self.venue(venue) for venue in s.venues.all.values()],
            "strategies": [self.strategy(unit) for unit in s.supervisor.units.values()],
            "orders": {
                "open": counts["open"],
                "unknown": counts["unresolved"],
                "denied": counts["denied"],
                "total": counts["placed"],
            },
            "fills": counts["fills"],
            "loop": {"lag_p50_ms": s.watchdog.lag_ms(0.5), "lag_p99_ms": s.watchdog.lag_ms(0.99)},
            "journal": {**s.journal.statistics(), "failed": s.journal.failed},
            "rss_mb": rss_mb(),
        }

    def venue(self, venue: Venue) -> Record:
        now_ns = self.system.desk.clock.now_ns()
        return {
            "kind": "driver",
            "name": venue.name,
            "driver": venue.driver.manifest.name,
            "use": venue.driver.manifest.name,
            "state": venue.state,
            "wanted": "running",
            "since_s": round((now_ns - venue.since_ns) / SECOND, 3),
            "reason": venue.reason,
            "restarts": max(0, venue.attempts - 1),
            "last_error": venue.last_error,
            "backoff_s": 0,
            "simulated": venue.driver.manifest.simulated,
        }

    def process(self, unit: Unit) -> Record:
        now_ns = self.system.desk.clock.now_ns()
        return {
            "kind": "strategy",
            "name": unit.name,
            "use": unit.recipe.use,
            "state": unit.state,
            "wanted": unit.wanted,
            "since_s": round((now_ns - unit.since_ns) / SECOND, 3),
            "restarts": unit.restarts,
            "last_error": unit.last_error,
            "reason": unit.reason,
            "backoff_s": round(unit.backoff_s, 3) if unit.state == "backoff" else 0,
            "remained": list(unit.remained),
        }

    def strategy(self, unit: Unit) -> Record:
        s = self.system
        holdings = list(s.desk.blotter.ledger.holdings(unit.name))
        return {
            **self.process(unit),
            "account": ", ".join(unit.recipe.accounts),
            "pnl": text(s.desk.egress.sight.pnl(unit.name)),
            "fees": text(sum((holding.fee for holding in holdings), ZERO)),
            "open_orders": len(s.desk.blotter.open_orders(unit.name)),
            "positions": [{"symbol": h.symbol, "size": str(h.size)} for h in holdings if h.size],
            "fills": sum(holding.fills for holding in holdings),
        }

    def processes(self) -> list[Record]:
        s = self.system
        drivers = [self.venue(venue) for venue in s.venues.all.values()]
        return drivers + [self.process(unit) for unit in s.supervisor.units.values()]

    # -- orders and money -------------------------------------------------------------------------------------------------------

    def orders(self, everything: bool = False, strategy: str = "", limit: int = 100) -> list[Record]:
        blotter = self.system.desk.blotter
        found = list(blotter.orders.values()) if everything else blotter.open_orders()
        chosen = [order for order in found if not strategy or order.strategy == strategy]
        return [order_record(order) for order in chosen[-limit:]]

    def positions(self) -> list[Record]:
        ledger = self.system.desk.blotter.ledger
        rows = [self._position(h, h.strategy) for h in ledger.holdings() if h.size or h.fills]
        return rows + [self._position(whole, "") for whole in ledger.totals()]

    def _position(self, h: Holding, strategy: str) -> Record:
        mark = self.system.desk.market.mark(h.account.partition("/")[0], h.symbol)
        price = mark if mark is not None else h.entry
        return {
            "account": h.account,
            "strategy": strategy,
            "symbol": h.symbol,
            "size": str(h.size),
            "entry": text(h.entry),
            "mark": text(price),
            "notional": text(h.size * price),
            "unrealised": text(unrealised(h, price)),
            "realised": text(h.realised),
            "fees": text(h.fee),
            "funding": text(h.funding),
            "pnl": text(pnl(h, price)),
        }

    def fills(self, limit: int = 50, strategy: str = "") -> list[Record]:
        """The newest fills, oldest first; the journal has them all."""
        recent = self.system.desk.blotter.recent
        chosen = [(owner, fill) for owner, fill in recent if not strategy or owner == strategy]
        return [{"strategy": owner, **msgspec.to_builtins(fill)} for owner, fill in chosen[-limit:]]

    # -- /proc -----------------------------------------------------------------------------------------------------------------

    def proc(self) -> Record:
        """The tree that the control socket serves under /proc; callables are evaluated when they are visited."""
        s = self.system
        desk = s.desk
        return {
            "version": __version__,
            "uptime": lambda: round((desk.clock.now_ns() - s.started_ns) / SECOND, 3),
            "boot_id": s.journal.boot,
            "status": lambda: Status({"Mode": desk.switch.mode, "Reason": desk.switch.reason, "RssMb": rss_mb()}),
            "bus": self._bus,
            "drivers": lambda: {name: self._driver(venue) for name, venue in s.venues.all.items()},
            "strategies": lambda: {name: self._unit(unit) for name, unit in s.supervisor.units.items()},
            "orders": self._orders,
            "positions": self._holdings,
            "risk": lambda: {
                "mode": desk.switch.mode,
                "armed": {account: Status(camel(grant)) for account, grant in desk.egress.arming.statistics().items()},
                "switch": Status(camel(desk.switch.statistics())),
                "limits": Status(camel({k: str(v) for k, v in msgspec.to_builtins(desk.house).items()})),
            },
            "journal": lambda: Status(camel(s.journal.statistics())),
            "buckets": lambda: {
                venue: {name: Status(camel(b)) for name, b in line.budget.buckets.statistics().items()}
                for venue, line in desk.egress.lines.items()
            },
            "market": lambda: {
                name.replace("/", ":", 1): Status(camel(each)) for name, each in desk.market.statistics().items()
            },
            "recovery": lambda: {
                "status": Status(camel(s.recovery.statistics())),
                "drift": Status({key.replace("/", ":", 1): str(size) for key, size in s.recovery.drift.items()}),
                "outside": [update.client_id or update.venue_id for update in desk.blotter.outside.all()],
            },
            "log": lambda: Status(camel(flat(s.log_statistics()))),
            "loop": lambda: Status(camel(s.watchdog.statistics())),
        }

    def _bus(self) -> Record:
        bus = self.system.desk.bus
        mailboxes = {
            name: Status(camel(unit.lane.statistics()))
            for name, unit in self.system.supervisor.units.items()
            if unit.lane is not None
        }
        topics = {name.replace("/", ":"): count for name, count in bus.topics().items()}
        return {"status": Status(camel(bus.statistics())), "seq": bus.seq, "topics": topics, "mailboxes": mailboxes}

    def _driver(self, venue: Venue) -> Record:
        line = self.system.desk.egress.lines[venue.name]
        return {
            "state": venue.state,
            "status": Status(camel(self.venue(venue))),
            "egress": Status(camel(line.statistics())),
            "statistics": Status(camel(flat(venue.driver.statistics()))),
        }

    def _unit(self, unit: Unit) -> Record:
        saved = unit.saved
        facts = self.strategy(unit)
        facts.pop("positions")
        return {
            "state": unit.state,
            "wanted": unit.wanted,
            "restarts": unit.restarts,
            "status": Status(camel(facts)),
            "limits": Status(camel({k: str(v) for k, v in msgspec.to_builtins(unit.recipe.limits).items()})),
            "saved": saved.state.decode() if saved is not None else "",
            "seat": Status(camel(unit.seat.statistics())),
        }

    def _orders(self) -> Record:
        blotter = self.system.desk.blotter
        tree: Record = {order.client_id: Status(camel(order_record(order))) for order in blotter.open_orders()}
        tree["unknown"] = [order.client_id for order in blotter.unresolved()]
        tree["counts"] = Status(camel(blotter.statistics()))
        return tree

    def _holdings(self) -> Record:
        tree: Record = {}
        for row in self.positions():
            owner = row["strategy"] or row["account"].replace("/", ":")
            tree.setdefault(owner, {})[row["symbol"].replace("/", "-")] = Status(camel(row))
        return tree


def text(value: Decimal) -> str:
    """Money for people: at most eight decimals, no exponent, no trailing zeros beyond two."""
    rounded = f"{value:.8f}".rstrip("0")
    whole, _, decimals = rounded.partition(".")
    return f"{whole}.{decimals:0<2}"


def camel(record: Mapping[str, Any]) -> Record:
    """Keys as /proc writes them."""
    return {"".join(part.capitalize() for part in key.split("_")): value for key, value in record.items()}


def flat(record: Mapping[str, Any], head: str = "") -> Record:
    """Nested statistics as one level."""
    out: Record = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            out.update(flat(value, f"{head}{key}_"))
        else:
            out[f"{head}{key}"] = value
    return out


def rss_mb() -> float:
    """Resident memory of this process in MiB (proc_pid_statm(5))."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return round(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
