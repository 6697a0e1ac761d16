"""The page of ``ctosctl status``: at most 80 columns, and what is wrong in words."""

from __future__ import annotations

from ctosd.ctl.troubles import troubles
from ctosd.ctl.words import Column, Paper, age, clean, gain, money, number, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WIDTH = 80


def page(status: Mapping[str, Any], paper: Paper) -> str:
    """The whole page. It keeps to 80 columns unless the terminal is narrower or wider."""
    sheet = Paper(paper.width or WIDTH, paper.colours)
    parts = [_head(status, sheet), _venues(status, sheet), _strategies(status, sheet), _foot(status, sheet)]
    wrong = _wrong(status, sheet)
    return "\n\n".join([*parts, wrong] if wrong else parts)


def _head(status: Mapping[str, Any], paper: Paper) -> str:
    mode = str(status.get("mode") or "active")
    ready = "running" if status.get("ready", True) else "starting"
    clock = " on the virtual clock" if status.get("clock") == "virtual" else ""
    head = f"ctosd {clean(status.get('version'))} {ready} for {age(status.get('uptime_s'))}{clock}"
    return f"{head}, pid {status.get('pid')}, boot {clean(status.get('boot'))}, trading is {paper.state(mode)}"


def _venues(status: Mapping[str, Any], paper: Paper) -> str:
    columns = (
        Column("VENUE", "name"),
        Column("DRIVER", "driver"),
        Column("STATE", "state", paint=Paper.state),
        Column("FOR", lambda row: age(row.get("since_s")), right=True),
        Column("MONEY", lambda row: "simulated" if row.get("simulated") else "real"),
        Column("NOTE", "reason"),
    )
    rows = status.get("venues") or ()
    return table(rows, _filled(columns, rows), paper, "no venue is configured: see venues: in etc/ctos.yaml")


def _strategies(status: Mapping[str, Any], paper: Paper) -> str:
    columns = (
        Column("STRATEGY", "name"),
        Column("STATE", "state", paint=Paper.state),
        Column("FOR", lambda row: age(row.get("since_s")), right=True),
        Column("POSITION", _positions),
        Column("OPEN", lambda row: number(row.get("open_orders")), right=True),
        Column("FILLS", lambda row: number(row.get("fills")), right=True),
        Column("PNL", lambda row: gain(row.get("pnl")), right=True),
        Column("FEES", lambda row: money(row.get("fees")), right=True),
    )
    return table(status.get("strategies") or (), columns, paper, "no strategy is configured: see etc/strategies.d/")


def _filled(columns: tuple[Column, ...], rows: Any) -> tuple[Column, ...]:
    """Without the last column when no row has anything there."""
    return columns if any(columns[-1].cell(row) for row in rows) else columns[:-1]


def _positions(strategy: Mapping[str, Any]) -> str:
    held = [each for each in strategy.get("positions") or () if number(each.get("size")) != "0"]
    return ", ".join(f"{number(each.get('size'))} {clean(each.get('symbol'))}" for each in held) or "flat"


def _foot(status: Mapping[str, Any], paper: Paper) -> str:
    orders, journal, loop = (status.get(key) or {} for key in ("orders", "journal", "loop"))
    counts = ", ".join(f"{orders.get(key, 0)} {key}" for key in ("open", "unknown", "denied"))
    first = f"orders: {counts}, {orders.get('total', 0)} in all; fills: {status.get('fills', 0)}"
    written = f"journal at {journal.get('seq', 0)} (durability {clean(journal.get('durability'))})"
    second = f"{written}; loop lag p99 {_ms(loop.get('lag_p99_ms'))}; memory {_mb(status.get('rss_mb'))}"
    return "\n".join(paper.paint(line, "grey") for line in (first, second))


def _ms(value: Any) -> str:
    return f"{float(value):.1f} ms" if isinstance(value, int | float) else "-"


def _mb(value: Any) -> str:
    return f"{float(value):.0f} MiB" if isinstance(value, int | float) else "-"


def _wrong(status: Mapping[str, Any], paper: Paper) -> str:
    lines = []
    for what, mend in troubles(status):
        lines.append(paper.wrap(what, "  ").replace("  ", f"{paper.paint('!', 'red')} ", 1))
        lines.append(paper.wrap(mend, "      ").replace("      ", "   -> ", 1))
    return "\n".join([paper.paint("What is wrong", "bold"), *lines]) if lines else ""
