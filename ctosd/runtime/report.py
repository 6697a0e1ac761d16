"""The report of a run: orders, fills, profit and fees, and the hash that tells two runs apart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ctosd.core.holding import pnl
from ctosd.core.ledger import DUST, EXTERNAL
from ctosd.runtime.facts import Facts, text

ZERO = Decimal(0)


def summarise(facts: Facts, events: int, wall_s: float) -> dict[str, Any]:
    """Everything that a run should be remembered by. `events` is what the market said, `wall_s` how long that took."""
    system = facts.system
    ledger, blotter = system.desk.blotter.ledger, system.desk.blotter
    units = system.supervisor.units
    owners = [*units, *(name for name in (EXTERNAL, DUST) if any(ledger.holdings(name)))]
    return {
        "strategies": [_strategy(facts, name) for name in owners],
        "orders": blotter.counts["placed"],
        "denied": blotter.counts["denied"],
        "rejected": blotter.counts["rejected"],
        "open": len(blotter.open_orders()),
        "fills": blotter.counts["fills"],
        "balances": facts_balances(facts),
        "faults": ledger.check(),
        "events": events,
        "wall_s": round(wall_s, 3),
        "events_s": round(events / wall_s) if wall_s else 0,
        "sha256": blotter.digest.hexdigest(),
    }


def _strategy(facts: Facts, name: str) -> dict[str, Any]:
    desk = facts.system.desk
    holdings = list(desk.blotter.ledger.holdings(name))
    marks = {h.symbol: desk.market.mark(h.account.partition("/")[0], h.symbol) for h in holdings}
    total = sum((pnl(h, marks[h.symbol] or h.entry) for h in holdings), ZERO)
    return {
        "strategy": name,
        "fills": sum(h.fills for h in holdings),
        "volume": text(sum((h.volume for h in holdings), ZERO)),
        "fees": text(sum((h.fee for h in holdings), ZERO)),
        "funding": text(sum((h.funding for h in holdings), ZERO)),
        "realised": text(sum((h.realised for h in holdings), ZERO)),
        "pnl": text(total),
        "positions": {h.symbol: str(h.size) for h in holdings if h.size},
        "last_error": unit.last_error if (unit := facts.system.supervisor.units.get(name)) is not None else "",
    }


def facts_balances(facts: Facts) -> dict[str, str]:
    found = facts.system.desk.blotter.balances
    return {f"{account} {asset}": text(balance.total) for (account, asset), balance in sorted(found.items())}


def render(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    head = f"{'strategy':<24}{'fills':>8}{'volume':>16}{'fees':>12}{'funding':>12}{'realised':>14}{'PnL':>14}"
    lines = ["", head, "-" * len(head)]
    for row in report["strategies"]:
        lines.append(
            f"{row['strategy']:<24}{row['fills']:>8}{_short(row['volume']):>16}{_short(row['fees']):>12}"
            f"{_short(row['funding']):>12}{_short(row['realised']):>14}{_short(row['pnl']):>14}"
        )
        lines += [f"{'':<24}  holds {size} {symbol}" for symbol, size in row["positions"].items()]
        lines += [f"{'':<24}  its last error: {row['last_error']}"] if row["last_error"] else []
    lines.append("")
    lines.append(
        f"{report['orders']} orders ({report['denied']} denied, {report['rejected']} rejected, {report['open']} open), "
        f"{report['fills']} fills"
    )
    lines += [f"{name}: {total}" for name, total in report["balances"].items()]
    if report["events"]:
        lines.append(f"{report['events']:,} market events in {report['wall_s']} s: {report['events_s']:,} a second")
    lines += [f"DOES NOT ADD UP: {fault}" for fault in report["faults"]]
    lines.append(f"orders sha256 {report['sha256']}")
    return "\n".join(lines)


def _short(value: str) -> str:
    return f"{Decimal(value):,.2f}"
