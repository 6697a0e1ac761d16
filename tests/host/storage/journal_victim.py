"""Processes that are killed, or run out of disk, while they write; run by the tests of the journal and the store.

Usage: ``python journal_victim.py kill|store DIRECTORY DURABILITY KILLS SEED`` or ``... full DIRECTORY HOW``. Each prints
one line of JSON and exits 0 when all that was acknowledged is there, else it ends with an assertion.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ctosd.abi import NotReady
from ctosd.host.storage.journal import Durability, Journal
from ctosd.host.storage.store import FileStore

PAIR = struct.Struct("<QQ")


def body_of(boot: int, seq: int) -> bytes:
    """Small as an order mostly, and sometimes larger than a page."""
    return b"%d/%d;" % (boot, seq) * (2_000 if seq % 50 == 0 else 20)


async def trade(journal: Journal, acknowledge: int) -> None:
    """Like the egress: an intent is acknowledged only when it is committed, other rows are just appended."""

    async def intend() -> None:
        while True:
            seq = journal.append("intent", "grid", body_of(journal.boot, journal.seq + 1), 0)
            if not journal.commit_now(seq):
                await journal.committed(seq)
            os.write(acknowledge, PAIR.pack(journal.boot, seq))
            journal.append("outcome", "grid", body_of(journal.boot, journal.seq + 1), 0)
            await asyncio.sleep(0)

    await asyncio.gather(*(intend() for _ in range(3)))


def run_journal(path: Path, durability: Durability, acknowledge: int) -> None:
    journal = Journal(path, durability=durability)
    os.write(acknowledge, PAIR.pack(journal.boot, 0))
    asyncio.run(trade(journal, acknowledge))


def run_store(path: Path, durability: str, acknowledge: int) -> None:
    store = FileStore(path)
    boot = int(store.read().get("boot", b"0")) + 1
    count = 0
    while True:
        count += 1
        value = b"%d/%d" % (boot, count)
        gone = {f"order/{count - 1}": None, f"order/{count}": value}
        store.write({"boot": b"%d" % boot, "cash": value, "position": value, **(gone if count % 2 else {})})
        os.write(acknowledge, PAIR.pack(boot, count))


def kill_once(run: Callable[[int], None], after_s: float) -> list[tuple[int, int]]:
    """What a child acknowledged until it was killed."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reads)
            run(writes)
        finally:
            os._exit(1)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        first = pipe.read(PAIR.size)
        assert first, "the child died before it acknowledged anything"
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        data = first + pipe.read()
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return list(PAIR.iter_unpack(data[: len(data) // PAIR.size * PAIR.size]))


def copy_of(path: Path) -> sqlite3.Connection:
    """A copy to look into, so that the next child finds the files as the kill left them."""
    copy = path.with_name("copy.db")
    for suffix in ("", "-wal", "-redo"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copy(source, copy.with_name(copy.name + suffix))
    return sqlite3.connect(copy)


def rows_of(path: Path) -> list[tuple[int, int, bytes]]:
    """What the next start will find."""
    copy_of(path).close()
    journal = Journal(path.with_name("copy.db"))
    rows = [(row.seq, row.boot, row.body) for row in journal.rows()]
    journal.close()
    return rows


def kill_journal(directory: Path, durability: Durability, kills: int, chance: random.Random) -> dict[str, int]:
    path = directory / "journal.db"
    acknowledged: dict[int, int] = {}
    boots: list[int] = []
    kept: dict[int, int] = {}
    for _ in range(kills):
        told = kill_once(lambda pipe: run_journal(path, durability, pipe), chance.uniform(0.0, 0.06))
        boots.append(told[0][0])
        acknowledged |= {seq: boot for boot, seq in told if seq}
        rows = rows_of(path)
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "a gap in the sequence"
        assert all(body == body_of(boot, seq) for seq, boot, body in rows), "a damaged body"
        kept = {seq: boot for seq, boot, _ in rows}
        lost = {seq for seq, boot in acknowledged.items() if kept.get(seq) != boot}
        assert not lost, f"acknowledged and lost: {sorted(lost)[:5]}"
    assert boots == sorted(set(boots)), "a boot epoch came twice"
    return {"boots": len(boots), "acknowledged": len(acknowledged), "rows": len(kept)}


def kill_store(directory: Path, durability: str, kills: int, chance: random.Random) -> dict[str, int]:
    path = directory / "store.db"
    writes = boot = 0
    for _ in range(kills):
        told = kill_once(lambda pipe: run_store(path, durability, pipe), chance.uniform(0.0, 0.05))
        boot, count = told[-1]
        writes += len(told)
        connection = copy_of(path)
        kept = dict(connection.execute("SELECT key, value FROM entries"))
        connection.close()
        assert kept["cash"] == kept["position"], "half of a write"
        kept_boot, kept_count = map(int, kept["cash"].split(b"/"))
        assert kept_boot == boot == int(kept["boot"])
        assert kept_count >= count, "an acknowledged write is lost"
    return {"boots": boot, "acknowledged": writes}


async def fill_disk(directory: Path, how: str) -> dict[str, object]:
    """Run out of room, be told so, make room, and go on."""
    path, ballast = directory / "journal.db", directory / "ballast"
    journal = Journal(path)
    before = journal.append("intent", "grid", b"before", 0)
    assert journal.commit_now(before)
    await take_room(how, path, ballast)
    refused, message = await until_refused(journal)
    here = journal.commit_now(refused)
    waiting = journal.statistics()["backlog"]
    for number in range(300):
        journal.append("fill", "grid", b"meanwhile %d" % number, 0)
    backlog = journal.statistics()["backlog"] - waiting
    give_room(how, ballast)
    await until(lambda: not journal.failed)
    after = journal.append("intent", "grid", b"after", 0)
    await journal.committed(after)
    bodies = [row.seq for row in journal.rows()]
    journal.close()
    assert bodies == list(range(1, after + 1)), "a row that waited for room is lost or out of order"
    return {"message": message, "here": here, "backlog": backlog, "rows": len(bodies), "failed": journal.failed}


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the journal tells only when asked."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.005)


async def until_refused(journal: Journal) -> tuple[int, str]:
    while True:
        seq = journal.append("intent", "grid", b"x" * 1000, 0)
        if journal.commit_now(seq):
            continue
        try:
            await journal.committed(seq)
        except NotReady as error:
            return seq, str(error)


async def take_room(how: str, path: Path, ballast: Path) -> None:
    if how == "limit":
        size = path.with_name(path.name + "-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, resource.RLIM_INFINITY))
        return
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        return


def give_room(how: str, ballast: Path) -> None:
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        ballast.unlink()


def main(what: str, directory: Path, *words: str) -> None:
    if what == "full":
        report: object = asyncio.run(fill_disk(directory, words[0]))
    else:
        durability, kills, seed = words
        scenario: Callable[..., object] = kill_journal if what == "kill" else kill_store
        report = scenario(directory, durability, int(kills), random.Random(seed))
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
