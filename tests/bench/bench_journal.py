"""How fast the journal takes, commits and reads rows, beside a bare sqlite3 loop on the same disk in the same run.

Usage: ``python tests/bench/bench_journal.py [DIRECTORY]``. Ratios are to the bare loop; below 1.00 is faster than it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from ctosd.host.storage.journal import Durability, Journal, MemoryJournal
from ctosd.host.storage.store import FileStore

BODY = b'{"act":"place","order":{' + b'"symbol":"BTC/USDT:USDT",' * 14 + b"}}"
ROUNDS = 5_000


def percentiles(run: Callable[[int], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """p50 and p99 of one call, us."""
    taken = []
    for index in range(rounds):
        start = time.perf_counter_ns()
        run(index)
        taken.append(time.perf_counter_ns() - start)
    taken.sort()
    return taken[rounds // 2] / 1e3, taken[rounds * 99 // 100] / 1e3


def line(name: str, value: str, against: float | None = None) -> None:
    print(f"{name:<46} {value:>38}" + (f"   x{against:5.2f} bare" if against is not None else ""), flush=True)


def bare(directory: Path, synchronous: str, rounds: int = ROUNDS) -> tuple[float, float]:
    """What SQLite itself takes for one row a commit."""
    connection = sqlite3.connect(directory / f"bare-{synchronous}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, boot, time_ns, kind, key, body)")

    def run(index: int) -> None:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO rows VALUES (?,?,?,?,?,?)", (index, 1, 1, "intent", "grid", BODY))
        connection.execute("COMMIT")

    result = percentiles(run, rounds)
    connection.close()
    return result


async def bench_now(directory: Path, bare50: float) -> None:
    journal = Journal(directory / "now.db")
    taken = []
    for index in range(2 * ROUNDS):
        start = time.perf_counter_ns()
        seq = journal.append("intent", "grid", BODY, index)
        if not journal.commit_now(seq):
            await journal.committed(seq)
        taken.append((time.perf_counter_ns() - start) / 1e3)
        await asyncio.sleep(0)
    taken.sort()
    p50, p99, most = taken[ROUNDS], taken[ROUNDS * 198 // 100], taken[-1]
    line("append + commit_now, or committed", f"p50 {p50:7.1f}  p99 {p99:7.1f} us", p50 / bare50)
    counts = journal.statistics()
    line(
        "  ahead / refused / syncs / checkpoints",
        f"{counts['ahead']} / {counts['ahead_refused']} / {counts['syncs']} / {counts['checkpoints']}, most {most / 1e3:.1f} ms",
    )
    journal.close()


def bench_append(directory: Path) -> None:
    for name, journal in (("relaxed", Journal(directory / "relaxed.db", relaxed=True)), ("memory", MemoryJournal())):
        taken, rows = [], 100_000
        for _ in range(3):
            start = time.perf_counter_ns()
            for index in range(rows):
                journal.append("fill", "grid", BODY, index)
            taken.append((time.perf_counter_ns() - start) / rows)
        line(f"append, {name}, 300,000 rows on end", f"best {min(taken):.0f}  worst {max(taken):.0f} ns a row")
        journal.close()
    for name, journal in (("relaxed", Journal(directory / "paced.db", relaxed=True)), ("memory", MemoryJournal())):
        start = time.perf_counter_ns()
        for index in range(100_000):
            journal.append("fill", "grid", BODY, index)
            sum(range(400))
        line(f"a loop of ~5 us with one append, {name}", f"{(time.perf_counter_ns() - start) / 100_000:.0f} ns a turn")
        journal.close()
    journal = Journal(directory / "append.db")
    p50, p99 = percentiles(lambda index: journal.append("fill", "grid", BODY, index), 20_000)
    line("append, process, the writer awake", f"p50 {p50 * 1e3:.0f}  p99 {p99 * 1e3:.0f} ns a row")
    journal.close()


async def bench_committed(directory: Path, durability: Durability, alone: float | None) -> None:
    journal = Journal(directory / f"{durability}.db", durability=durability)
    for together in (1, 8, 64):
        taken, rounds = [], 400 if together == 1 else 100
        started = time.perf_counter()
        for index in range(rounds):
            start = time.perf_counter_ns()
            seqs = [journal.append("intent", "grid", BODY, index) for _ in range(together)]
            await asyncio.gather(*(journal.committed(seq) for seq in seqs))
            taken.append((time.perf_counter_ns() - start) / 1e3)
        rate = rounds * together / (time.perf_counter() - started)
        taken.sort()
        line(
            f"await committed, {durability}, {together} at once",
            f"p50 {taken[rounds // 2]:6.0f}  p99 {taken[rounds * 99 // 100]:6.0f} us {rate:8,.0f}/s",
            taken[rounds // 2] / alone if alone else None,
        )
    journal.close()


def bench_bulk(directory: Path) -> None:
    journal = Journal(directory / "bulk.db")
    start = time.perf_counter()
    for index in range(100_000):
        journal.append("fill", "grid", BODY, index)
    count = sum(1 for _ in journal.rows(after=99_999))
    took = time.perf_counter() - start
    line("100,000 rows appended and committed", f"{took:.3f} s {100_000 / took:10,.0f} rows/s ({count})")
    for name, kinds in (("all", None), ("of a rare kind", ("mode",))):
        start = time.perf_counter()
        count = sum(1 for _ in journal.rows(kinds))
        line(f"100,000 rows read, {name}", f"{time.perf_counter() - start:.3f} s ({count} rows)")
    start = time.perf_counter()
    journal.close()
    line("closed (checkpoint, synced)", f"{time.perf_counter() - start:.3f} s")
    start = time.perf_counter()
    Journal(directory / "bulk.db").close()
    line("opened (checked, epoch synced) and closed", f"{time.perf_counter() - start:.3f} s")


def bench_store(directory: Path) -> None:
    store = FileStore(directory / "store.db")
    changes: dict[str, bytes | None] = {f"account/{number}": BODY for number in range(3)}
    p50, p99 = percentiles(lambda index: store.write(changes), 10_000)
    line("store, three keys changed", f"p50 {p50:7.1f}  p99 {p99:7.1f} us")
    mixed: dict[str, bytes | None] = {**changes, "order/1": None}
    p50, p99 = percentiles(lambda index: store.write(mixed), 2_000)
    line("store, three changed and one deleted", f"p50 {p50:7.1f}  p99 {p99:7.1f} us")
    store.close()


def main(where: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=where) as name:
        directory = Path(name)
        bench_append(directory)
        full50, full99 = bare(directory, "FULL", 400)
        normal50, normal99 = bare(directory, "NORMAL")
        line("bare sqlite3, NORMAL, one row a commit", f"p50 {normal50:7.1f}  p99 {normal99:7.1f} us")
        line("bare sqlite3, FULL, one row a commit", f"p50 {full50:7.1f}  p99 {full99:7.1f} us")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(bench_now(directory, normal50))
            runner.run(bench_committed(directory, "power", full50))
            runner.run(bench_committed(directory, "process", None))
        bench_bulk(directory)
        bench_store(directory)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
