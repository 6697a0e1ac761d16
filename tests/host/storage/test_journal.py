"""The journal: what it reported committed is there, whatever happens to the process, the disk or the file."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ctosd.abi import Misconfigured, NotReady
from ctosd.host.storage import writer
from ctosd.host.storage.database import sync_directory
from ctosd.host.storage.journal import Durability, Journal, MemoryJournal, open_journal
from ctosd.host.storage.redo import HALF
from ctosd.host.storage.rowfile import BATCH, LAYOUT, SMALL, RowFile, batch_size

VICTIM = Path(__file__).with_name("journal_victim.py")
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    yield journal
    journal.close()


def fill(journal: Journal | MemoryJournal, count: int, kind: str = "fill") -> int:
    seq = 0
    for number in range(count):
        seq = journal.append(kind, "grid", b'{"n":%d}' % number, number)
    return seq


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the journal tells only when asked."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.005)


def write(path: Path, count: int) -> None:
    journal = Journal(path)
    fill(journal, count)
    journal.close()


def killed(path: Path) -> Path:
    """The files of a journal as kill -9 leaves them now, in another place."""
    place = path.parent.parent / "killed" / path.name
    place.parent.mkdir()
    for suffix in ("", "-wal", "-redo"):
        shutil.copy(f"{path}{suffix}", f"{place}{suffix}")
    return place


def kept_log(path: Path, count: int) -> None:
    """Leave the file as kill -9 does, with everything still in its log."""
    journal = Journal(path)
    for number in range(count):
        journal.append("fill", "grid", b"%d" % number, 0)
        assert len(list(journal.rows())) == number + 1
    copy = path.with_name("copy")
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    journal.close()
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").rename(f"{path}{suffix}")


def victim(*words: str | Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, VICTIM, *words], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


# -- rows ------------------------------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_went(journal: Journal) -> None:
    """All columns survive, in order, with the boot epoch of the run."""
    first = journal.append("intent", "grid-btc", b'{"a":1}', 5)
    second = journal.append("outcome", "grid-btc", b"\x00\xff", 6)
    rows = list(journal.rows())
    assert [(row.seq, row.boot, row.time_ns, row.kind, row.key, row.body) for row in rows] == [
        (first, journal.boot, 5, "intent", "grid-btc", b'{"a":1}'),
        (second, journal.boot, 6, "outcome", "grid-btc", b"\x00\xff"),
    ]


def test_reading_filters_by_kind_and_place(journal: Journal) -> None:
    """`kinds` and `after` select, over many pages, and an empty choice of kinds selects nothing."""
    fill(journal, 5_000)
    mode = journal.append("mode", "", b"{}", 0)
    last = fill(journal, 5_000)
    assert [row.seq for row in journal.rows(("mode",))] == [mode]
    assert [row.seq for row in journal.rows(("mode", "fill"), after=last - 2)] == [last - 1, last]
    assert [row.seq for row in journal.rows()] == list(range(1, last + 1))
    assert not list(journal.rows(()))


def test_reading_ends_at_what_was_there(journal: Journal) -> None:
    """A reader that appends while it reads does not chase its own rows."""
    last = fill(journal, 10)
    rows = journal.rows()
    read = [journal.append("fill", "grid", b"{}", 0) and row.seq for row in rows]
    assert read == list(range(1, last + 1))


def test_the_sequence_goes_on_after_a_restart(path: Path) -> None:
    """The second run numbers on, under a higher boot epoch."""
    write(path, 100)
    journal = Journal(path)
    assert journal.append("fill", "grid", b"{}", 0) == 101
    assert [row.boot for row in journal.rows(after=99)] == [1, 2]
    journal.close()


def test_no_row_can_be_changed_or_deleted(path: Path) -> None:
    """The file itself refuses, whoever opens it."""
    write(path, 3)
    connection = sqlite3.connect(path)
    for statement in ("UPDATE rows SET body = 'x' WHERE seq = 1", "DELETE FROM rows WHERE seq = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("backlog", [0, 1, 2, SMALL, SMALL + 1, 127, 128, 500, BATCH, BATCH + 1, 10 * BATCH])
def test_every_size_of_batch_has_its_statement(path: Path, backlog: int) -> None:
    """Whatever the backlog is, it goes in whole, and a step never takes more than there is."""
    assert min(backlog, 1) <= batch_size(backlog) <= min(backlog, BATCH)
    journal = Journal(path, relaxed=True)
    fill(journal, backlog)
    assert len(list(journal.rows())) == backlog
    journal.close()


# -- boot ------------------------------------------------------------------------------------------------------------------


def test_the_boot_epoch_rises_by_one_or_to_the_present_second(path: Path) -> None:
    """It never falls, and a file that was deleted or restored cannot bring an old epoch back."""
    epochs = []
    for now_ns in (0, 0, 1_700_000_000_999_999_999, 5_000_000_000):
        journal = Journal(path, now_ns=now_ns)
        epochs.append(journal.boot)
        journal.close()
    assert epochs == [1, 2, 1_700_000_000, 1_700_000_001]


def test_the_boot_epoch_is_on_disk_before_anything_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In process mode too it is committed with synchronous=FULL (2), and then its directory is synced; later NORMAL (1)."""
    steps: list[object] = []
    real_boot = RowFile._next_boot

    def boot(file: RowFile, now_ns: int) -> int:
        steps.append(file._execute("PRAGMA synchronous").fetchone()[0])
        return real_boot(file, now_ns)

    def sync(directory: Path) -> None:
        steps.append(directory)
        sync_directory(directory)

    monkeypatch.setattr(RowFile, "_next_boot", boot)
    monkeypatch.setattr("ctosd.host.storage.rowfile.sync_directory", sync)
    journal = Journal(path)
    assert steps == [2, path.parent]
    assert journal._file._execute("PRAGMA synchronous").fetchone() == (1,)
    copy = path.with_name("copy.db")
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT value FROM meta WHERE name = 'boot'").fetchone() == (journal.boot,)
    connection.close()
    journal.close()


# -- commits -----------------------------------------------------------------------------------------------------------------


def test_what_commit_now_acknowledged_is_in_the_files_before_it_returns(path: Path, journal: Journal) -> None:
    """SQLite need not have it: the next start finds it in the redo log, in its place, and only once."""
    with journal._writer.lock:  # the thread gets to nothing
        fill(journal, 3)
        seq = journal.append("intent", "grid", b"here", 7)
        assert journal.commit_now(seq)
        assert journal.commit_now(seq - 1)
        assert journal.statistics()["committed_seq"] < seq
        place = killed(path)
    again = Journal(place)
    assert again.statistics()["redone"] > 0
    assert [(row.seq, row.boot, row.kind, row.body) for row in again.rows()][-1] == (seq, 1, "intent", b"here")
    assert [row.seq for row in again.rows()] == [1, 2, 3, 4]
    again.close()
    third = Journal(place)
    assert (third.statistics()["redone"], len(list(third.rows()))) == (0, 4)
    third.close()


def test_commit_now_does_not_wait(journal: Journal) -> None:
    """When SQLite lags behind by more than the log holds, it is an honest False at once, and nothing is lost by it."""
    body, told = bytes(1_000), []
    with journal._writer.lock:
        while journal.commit_now(seq := journal.append("intent", "grid", body, 0)):
            told.append(seq)
        assert 2 * HALF / 1_100 < len(told) < 2 * HALF / 1_000
        assert not journal.commit_now(journal.append("intent", "grid", body, 0))
    assert [row.seq for row in journal.rows()] == list(range(1, seq + 2))
    assert journal.commit_now(journal.append("intent", "grid", body, 0))
    assert journal.statistics()["ahead_refused"] == 2


def test_rows_that_had_no_room_in_the_log_are_not_passed_over(path: Path, journal: Journal) -> None:
    """A later row is acknowledged with those before it, or not at all: behind a gap nothing would be found again."""
    with journal._writer.lock:
        refused = journal.append("state", "grid", bytes(HALF + 1), 0)
        assert not journal.commit_now(refused)
        assert not journal.commit_now(journal.append("intent", "grid", b"{}", 0))
    list(journal.rows())
    assert journal.commit_now(journal.append("intent", "grid", b"{}", 0))
    assert len(list(journal.rows())) == 3


def test_power_always_has_to_be_awaited(path: Path) -> None:
    """With durability power a commit means a sync, which the loop's thread must not wait for."""
    journal = Journal(path, durability="power")
    assert not journal.commit_now(journal.append("intent", "grid", b"{}", 0))
    journal.close()


@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_many_waiters_share_commits(
    path: Path, durability: Durability, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Sixty-four waiters at a time are served in order of their rows, by far fewer commits than rows."""
    journal = Journal(path, durability=durability)
    served: list[int] = []

    async def one(count: int) -> None:
        for _ in range(count):
            seq = journal.append("intent", "grid", b"{}", 0)
            await journal.committed(seq)
            assert journal.statistics()["committed_seq"] >= seq
            served.append(seq)

    async def all_of_them() -> None:
        await asyncio.gather(*(one(20) for _ in range(64)))

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(all_of_them())
    statistics = journal.statistics()
    assert sorted(served) == list(range(1, 64 * 20 + 1))
    assert statistics["commits"] < 64 * 20 / 4
    assert statistics["waiting"] == 0
    journal.close()


async def test_a_cancelled_waiter_harms_nobody(journal: Journal) -> None:
    """The others are still told."""
    with journal._writer.lock:
        seq = journal.append("intent", "a", b"{}", 0)
        gone, stays = (asyncio.create_task(journal.committed(seq)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(stays, 5)
    assert gone.cancelled()


async def test_appended_rows_are_committed_and_synced_without_being_asked_for(journal: Journal) -> None:
    """The writer thread finds them by itself, awake or asleep, and the sync follows behind."""
    await until(lambda: journal._writer.asleep)
    seq = journal.append("fill", "grid", b"{}", 0)
    await until(lambda: journal.statistics()["synced_seq"] >= seq)
    assert journal.statistics()["syncs"] >= 1


async def test_the_log_is_emptied_behind_the_loop(journal: Journal) -> None:
    """Beyond its limit the writer thread checkpoints, and the log does not grow for ever."""
    for _ in range(300):
        seq = journal.append("state", "grid", bytes(20_000), 0)
        if not journal.commit_now(seq):
            await journal.committed(seq)
    await until(lambda: journal.statistics()["checkpoints"])
    assert journal.statistics()["wal_bytes"] < 4 << 20
    assert len(list(journal.rows())) == 300


# -- relaxed and in memory ---------------------------------------------------------------------------------------------------


async def test_a_relaxed_journal_never_makes_its_caller_wait_and_keeps_everything(path: Path) -> None:
    """Committed at once as far as the caller is told; after `close` all rows are in the file."""
    journal = Journal(path, relaxed=True)
    last = fill(journal, 150_000)
    assert journal.commit_now(last)
    await asyncio.wait_for(journal.committed(last), 0.001)
    assert journal.statistics()["backlog"] <= writer.CROWD + 4096
    journal.close()
    again = Journal(path)
    assert sum(1 for _ in again.rows()) == last
    again.close()


async def test_memory_is_always_boot_one_and_needs_no_thread() -> None:
    """A simulated run mints the same ids each time."""
    threads = threading.active_count()
    journal = open_journal(None, now_ns=1_700_000_000_000_000_000)
    seq = journal.append("intent", "grid", b"{}", 7)
    assert (journal.boot, seq, journal.commit_now(seq), threading.active_count()) == (1, 1, True, threads)
    await journal.committed(seq)
    journal.append("mode", "", b"{}", 8)
    assert [(row.seq, row.time_ns, row.kind) for row in journal.rows()] == [(1, 7, "intent"), (2, 8, "mode")]
    assert [row.seq for row in journal.rows(("mode",), after=1)] == [2]
    assert journal.statistics()["seq"] == 2
    journal.close()


# -- the end -----------------------------------------------------------------------------------------------------------------


def test_close_writes_what_is_queued_and_leaves_no_thread(path: Path) -> None:
    """Closing twice is fine; the log is gone, the rows are there, and a late row is refused."""
    before = set(threading.enumerate())
    journal = Journal(path)
    fill(journal, 1_000)
    journal.close()
    journal.close()
    assert set(threading.enumerate()) == before
    assert not path.with_name("journal.db-wal").exists()
    with pytest.raises(NotReady, match="closed"):
        journal.append("fill", "grid", b"{}", 0)
    again = Journal(path)
    assert sum(1 for _ in again.rows()) == 1_000
    again.close()


def test_a_process_that_forgets_to_close_still_ends(path: Path) -> None:
    """The threads do not hold it up, and what was committed is there."""
    code = f"""if True:
        import pathlib, ctosd.host.storage.journal as j
        journal = j.Journal(pathlib.Path({str(path)!r}))
        assert journal.commit_now(journal.append("fill", "grid", b"kept", 0))
        journal.append("fill", "grid", b"queued", 0)"""
    subprocess.run([sys.executable, "-c", code], timeout=20, check=True)
    again = Journal(path)
    assert next(again.rows()).body == b"kept"
    again.close()


@pytest.mark.parametrize("durability", ["process", "power"])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, durability: str) -> None:
    """Twenty processes killed in mid-stream on one file: no acknowledged row is missing, damaged or out of order."""
    report = victim("kill", tmp_path, durability, "20", "7")
    assert report["boots"] == 20
    assert report["acknowledged"] > 200


# -- damage ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 100, 4_000])
def test_a_half_written_tail_of_the_log_is_dropped(path: Path, cut: int) -> None:
    """The last commit is half there: all before it are read, and the journal goes on."""
    kept_log(path, 20)
    wal = path.with_name("journal.db-wal")
    data = wal.read_bytes()
    wal.write_bytes(data[:-cut])
    journal = Journal(path)
    assert [row.body for row in journal.rows()] == [b"%d" % number for number in range(19)]
    assert journal.commit_now(journal.append("fill", "grid", b"next", 0))
    journal.close()


def test_a_garbled_tail_of_the_log_is_dropped(path: Path) -> None:
    """Checksums stop the reading where the garbage begins."""
    kept_log(path, 20)
    wal = path.with_name("journal.db-wal")
    data = bytearray(wal.read_bytes())
    data[-3000:] = b"\xa5" * 3000
    wal.write_bytes(data)
    journal = Journal(path)
    assert sum(1 for _ in journal.rows()) == 19
    journal.close()


def test_a_garbled_page_is_named_at_the_start(path: Path) -> None:
    """The sentence has the file and what to do."""
    write(path, 5_000)
    data = bytearray(path.read_bytes())
    for page in range(3, len(data) // 4096, 2):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(Misconfigured, match=r"journal\.db is damaged .* restore a backup or move both away"):
        Journal(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is empty \(0 bytes\).*restore it from a backup, or move it away"),
        (b"kind,key\nintent,grid\n" * 500, r"journal\.db is damaged \(file is not a database\)"),
        (b"SQLite format 3\x00" + bytes(20), r"journal\.db is damaged"),
    ],
    ids=["empty", "text", "stub"],
)
def test_a_file_that_is_no_journal_is_refused_and_not_touched(path: Path, content: bytes, sentence: str) -> None:
    """Nothing is overwritten: a person looks first."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=sentence):
        Journal(path)
    assert path.read_bytes() == content


def test_an_empty_file_beside_a_full_log_is_refused(path: Path) -> None:
    """SQLite would throw the log away."""
    kept_log(path, 5)
    path.write_bytes(b"")
    with pytest.raises(Misconfigured, match=r"is empty .* move it and journal\.db-wal away"):
        Journal(path)


def test_a_log_without_its_file_is_refused(path: Path) -> None:
    """A new file beside an old log would mix two journals."""
    kept_log(path, 5)
    path.unlink()
    with pytest.raises(Misconfigured, match=r"journal\.db-wal lies there without journal\.db"):
        Journal(path)


def test_a_strange_database_is_refused(path: Path) -> None:
    """Someone else's SQLite file is not ours to write to."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE rows (x)")
    connection.close()
    with pytest.raises(Misconfigured, match="not ctosd's journal"):
        Journal(path)


def test_a_journal_of_a_newer_release_is_refused(path: Path) -> None:
    """It names both layouts."""
    write(path, 1)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={LAYOUT.version + 6}")
    connection.close()
    with pytest.raises(Misconfigured, match=r"has layout 7 and this ctosd knows layout 1: install the release"):
        Journal(path)


def test_a_draft_of_a_start_that_was_killed_is_no_obstacle(path: Path) -> None:
    """A file comes into being whole or not at all."""
    path.parent.mkdir()
    path.with_name("journal.db.new").write_bytes(b"half")
    write(path, 1)
    assert not path.with_name("journal.db.new").exists()


def test_a_second_opener_is_refused(path: Path, journal: Journal) -> None:
    """One connection only: SQLite's WAL-reset bug needs two."""
    with pytest.raises(NotReady, match=r"journal\.db is open in another program"):
        Journal(path)
    outside = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('SELECT * FROM rows')",
            path,
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "database is locked" in outside.stderr


def test_a_place_where_no_file_can_be_is_said(tmp_path: Path) -> None:
    """A directory in its place, a file in place of its directory, a directory that takes no files."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "taken", tmp_path / "file" / "journal.db", Path("/proc/ctos/journal.db")):
        with pytest.raises(Misconfigured, match="cannot be opened for writing by uid"):
            Journal(place)


# -- trouble while it runs -----------------------------------------------------------------------------------------------------


def test_a_file_that_may_not_grow_is_told_and_mended(tmp_path: Path) -> None:
    """A write error: `failed` has the sentence, waiters are refused, and all rows are there when there is room again."""
    report = victim("full", tmp_path, "limit")
    assert "journal.db cannot be read or written (disk I/O error): check the disk" in report["message"]
    assert report["here"] is False
    assert report["backlog"] == 300
    assert report["failed"] == ""


def test_a_full_disk_is_told_and_mended(tmp_path: Path) -> None:
    """The same on a real file system without room."""
    inside = f"mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} {VICTIM} full {tmp_path} tmpfs"
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", inside], capture_output=True, text=True, timeout=50, check=False
    )
    if "Operation not permitted" in done.stderr or "ermission denied" in done.stderr:
        pytest.skip("this machine lets nobody mount a small file system of their own")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert f"the disk under {tmp_path}/journal.db is full: free some space there" in report["message"]
    assert report["backlog"] == 300
    assert report["failed"] == ""


def refuse(journal: Journal, pages: int) -> None:
    """Let SQLite itself believe that the disk has room for so many pages."""
    with journal._writer.lock:
        journal._file._connection.execute(f"PRAGMA max_page_count={pages}").fetchall()


async def until_failed(journal: Journal) -> None:
    while not journal.failed:
        journal.append("fill", "grid", bytes(5_000), 0)
        await asyncio.sleep(0.001)


async def test_those_who_wait_when_it_fails_are_told(path: Path) -> None:
    """A waiter does not hang, in either durability; reading says why it cannot."""
    journal = Journal(path, durability="power")
    refuse(journal, 1)
    seq = [journal.append("intent", "grid", bytes(5_000), 0) for _ in range(100)][-1]
    with pytest.raises(NotReady, match=r"the disk under .*journal\.db is full"):
        await asyncio.wait_for(journal.committed(seq), 5)
    with pytest.raises(NotReady, match="full"):
        journal.rows()
    refuse(journal, 1_000_000)
    assert sum(1 for _ in journal.rows()) == 100
    assert journal.failed == ""
    journal.close()


async def test_too_many_rows_in_memory_end_the_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: beyond it the newest rows go, and since there is a gap the failure stays."""
    monkeypatch.setattr(writer, "KEPT", 1_000)
    journal = Journal(path)
    refuse(journal, 1)
    await until_failed(journal)
    fill(journal, 10_000)
    assert journal.statistics()["backlog"] < 1_000 + 4_096 + 1
    assert journal.statistics()["dropped"] > 0
    assert "restart ctosd when the disk is well" in journal.failed
    refuse(journal, 1_000_000)
    with pytest.raises(NotReady, match="the newest are lost"):
        await journal.committed(journal.append("fill", "grid", b"{}", 0))
    journal.close()
    assert "rows could not be written" in journal.failed


async def test_a_sync_that_failed_is_never_forgiven(path: Path) -> None:
    """The kernel reports it once and drops the pages: only a restart knows what is on the disk."""
    journal = Journal(path)
    syncer = journal._writer._syncer
    assert syncer is not None
    reads, writes = os.pipe()
    syncer._fd = reads  # a pipe cannot be synced
    journal.append("fill", "grid", b"{}", 0)
    await until(lambda: journal.failed)
    assert "may not be on the disk" in journal.failed
    with pytest.raises(NotReady):
        await journal.committed(journal.append("fill", "grid", b"{}", 0))
    journal.close()
    for fd in (reads, writes):
        os.close(fd)
