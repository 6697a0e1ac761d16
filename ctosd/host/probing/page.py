"""What a probe found, for a person: one aligned line a check, venue by venue."""

from __future__ import annotations

from collections.abc import Sequence

from ctosd.ctl.words import Paper, clean
from ctosd.host.probing.check import Check, Report
from ctosd.host.probing.orders import Placed

COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


def venue(report: Report, paper: Paper) -> str:
    """One venue."""
    head = f"{report.venue}: {report.money}{f', through {report.proxy}' if report.proxy else ''}"
    rows = [_row(check) for check in report.checks]
    ways = any(check.way for check in report.checks)
    columns = [1, 2, 3, *([4] if ways else [])]
    widths = {column: max((len(row[column]) for row in rows), default=0) for column in columns}
    lines = [paper.paint(clean(head), "bold")]
    for row in rows:
        cells = [
            row[column].rjust(widths[column]) if column == 3 else row[column].ljust(widths[column])
            for column in columns
        ]
        lines.append(f"  {paper.paint(row[0].ljust(5), COLOURS[row[0]])}  {'  '.join(cells)}  {row[5]}".rstrip())
    return "\n".join(lines)


def _row(check: Check) -> tuple[str, str, str, str, str, str]:
    verdict = "ok" if check.ok else ("wrong" if check.matters else "note")
    said = clean(check.message)
    if check.remedy:
        said = f"{said}  -> {clean(check.remedy)}" if said else clean(check.remedy)
    ms = "" if check.ms is None else f"{check.ms:.1f} ms"
    return verdict, clean(check.name), clean(check.target), ms, check.way, said


def summary(reports: Sequence[Report]) -> str:
    """The last line."""
    wrong = [
        f"{report.venue} ({count})" for report in reports if (count := sum(check.wrong for check in report.checks))
    ]
    notes = sum(not check.ok and not check.matters for report in reports for check in report.checks)
    told = f"; {notes} {'note' if notes == 1 else 'notes'}" if notes else ""
    return (f"something is wrong: {', '.join(wrong)}" if wrong else "nothing is wrong") + told


def order(placed: Placed, paper: Paper) -> str:
    """One order."""
    verdict = "ok" if placed.ok else "wrong"
    terms = f"buy {placed.size} at {placed.price}" if placed.size else ""
    state = f"{placed.state} -> {placed.ended}" if placed.ended else placed.state
    ms = "" if placed.ms is None else f"{placed.ms:.1f} ms"
    said = ": ".join(part for part in (placed.reason, placed.message) if part and not placed.ok)
    cells = [placed.symbol.ljust(16), placed.client_id.ljust(20), terms.ljust(28), ms.rjust(9), state]
    return f"  {paper.paint(verdict.ljust(5), COLOURS[verdict])}  {clean('  '.join(cells))}  {clean(said)}".rstrip()
