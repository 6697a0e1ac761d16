"""The fault matrix: every fault of every emulator x place, amend, cancel, fill, stream, under seeds.

python -m tests.drivers.torture okx reset_after place 17     one life, and what it found
python -m tests.drivers.torture --seeds 100 [--venue okx]    every cell; a table, and exit code 1 when one is wrong
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drivers.torture_life import live
from tests.drivers.torture_table import OPERATIONS, VENUES, counted, every_cell, every_omission, faults_of, omitted

ENOUGH = 20
"""So many lives without a single strike cannot be chance."""
Cell = tuple[str, str, str]


@dataclass
class Tally:
    """One cell over its seeds."""

    cell: Cell
    lives: int = 0
    orders: int = 0
    fills: int = 0
    refused: int = 0
    unknown: int = 0
    resolved: int = 0
    struck: int = 0
    amends: int = 0
    longest_s: float = 0.0
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def torture(cell: Cell, seeds: Sequence[int]) -> Tally:
    """Live one cell under every seed."""
    tally = Tally(cell)
    began = time.process_time()
    for seed in seeds:
        name = " ".join((*cell, str(seed)))
        try:
            verdict = live(*cell, seed)
        except Exception as error:
            tally.wrong.append(f"{name}: {error!r}")
            continue
        tally.lives += 1
        tally.orders += verdict.orders
        tally.fills += verdict.fills
        tally.refused += verdict.refused
        tally.unknown += verdict.unknown
        tally.resolved += verdict.resolved
        tally.struck += verdict.struck
        tally.amends += verdict.amends
        tally.longest_s = max(tally.longest_s, verdict.lasted_s)
        if verdict.wrong:
            tally.wrong.append(
                f"{name}: {verdict.wrong[0]}" + (f" (and {len(verdict.wrong) - 1} more)" if verdict.wrong[1:] else "")
            )
    if tally.lives >= ENOUGH and not tally.struck and counted(cell[0], cell[1]):
        tally.wrong.append(f"{' '.join(cell)}: it never struck in {tally.lives} lives: nothing was proved")
    tally.took_s = time.process_time() - began
    return tally


def _work(task: tuple[Cell, range]) -> Tally:
    return torture(*task)


def _row(tally: Tally) -> str:
    told = "right" if not tally.wrong else f"WRONG {len(tally.wrong)}"
    return (
        f"{' '.join(tally.cell):<44} {tally.lives:>5} {tally.orders:>7} {tally.fills:>7} {tally.refused:>7} {tally.struck:>7} {tally.amends:>7}"
        f" {tally.unknown:>7} {tally.resolved:>8} {tally.longest_s:>7.0f} {tally.took_s:>6.1f}  {told}\n"
    )


def matrix(cells: Sequence[Cell], seeds: range, processes: int) -> int:
    """Every cell; the exit code."""
    began = time.perf_counter()
    sys.stdout.write(
        f"{'cell':<44} lives  orders   fills refused  struck  amends unknown resolved virt. s  cpu s  verdict\n"
    )
    wrong: list[str] = []
    total = Tally(("all", "", ""))
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for tally in pool.imap(_work, [(cell, seeds) for cell in cells]):
            sys.stdout.write(_row(tally))
            sys.stdout.flush()
            wrong += tally.wrong
            for name in ("lives", "orders", "fills", "refused", "struck", "amends", "unknown", "resolved", "took_s"):
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            total.longest_s = max(total.longest_s, tally.longest_s)
    total.wrong = wrong
    sys.stdout.write(_row(total))
    for line in wrong:
        sys.stdout.write(f"  python -m tests.drivers.torture {line[:600]}\n")
    sys.stdout.write(f"{len(cells)} cells, {len(seeds)} seeds each, {time.perf_counter() - began:.0f} s\n")
    return 1 if wrong else 0


def _omissions(venue: str) -> None:
    reasons: dict[str, list[str]] = {}
    for name, fault, operation, reason in every_omission(venue):
        reasons.setdefault(reason, []).append(f"{name} {fault} {operation}")
    for reason, cells in reasons.items():
        sys.stdout.write(f"left out, for {reason}:\n  {', '.join(cells)}\n")


def _one(venue: str, fault: str, operation: str, seed: int) -> int:
    if venue not in VENUES or fault not in faults_of(venue) or operation not in OPERATIONS:
        sys.stdout.write(
            f"no such cell; venues {VENUES}, faults {faults_of(venue) if venue in VENUES else ''}, {OPERATIONS}\n"
        )
        return 2
    if reason := omitted(venue, fault, operation):
        sys.stdout.write(f"left out: {reason}\n")
        return 0
    began = time.perf_counter()
    verdict = live(venue, fault, operation, seed)
    sys.stdout.write(f"{verdict}\n{'WRONG' if verdict.wrong else 'right'}, {time.perf_counter() - began:.3f} s\n")
    for line in verdict.wrong:
        sys.stdout.write(f"  {line}\n")
    return 1 if verdict.wrong else 0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drivers.torture", description=__doc__)
    parser.add_argument("cell", nargs="*", help="venue fault operation seed: one life")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds each cell gets")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--venue", default="", choices=("", *VENUES))
    parser.add_argument("--fault", default="")
    parser.add_argument("--operation", default="", choices=("", *OPERATIONS))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    if given.cell:
        if len(given.cell) != 4 or not given.cell[3].isdigit():
            parser.error("a cell is four words: venue fault operation seed")
        venue, fault, operation, seed = given.cell
        return _one(venue, fault, operation, int(seed))
    cells = [
        cell for cell in every_cell(given.venue) if given.fault in ("", cell[1]) and given.operation in ("", cell[2])
    ]
    _omissions(given.venue)
    return matrix(cells, range(given.first, given.first + given.seeds), given.processes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
