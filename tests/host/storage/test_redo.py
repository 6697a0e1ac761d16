"""The redo log: what was written is found, and nothing else is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.host.storage.journal import Journal
from ctosd.host.storage.redo import HALF, Entry, RedoLog, redo_of


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RedoLog]:
    log = RedoLog(tmp_path / "log")
    yield log
    log.close()


def entry(seq: int, boot: int = 1, size: int = 10) -> Entry:
    return seq, boot, 1_700_000_000_000_000_000 + seq, "intent", "grüße", bytes([seq % 256]) * size


def found(log: RedoLog, tmp_path: Path) -> list[Entry]:
    """What another process finds."""
    again = RedoLog(tmp_path / "log")
    try:
        assert again.entries() == log.entries()
        return again.entries()
    finally:
        again.close()


def test_what_was_written_is_found_in_order(log: RedoLog, tmp_path: Path) -> None:
    assert found(log, tmp_path) == []
    assert log.write([entry(1), entry(2)], 0)
    assert log.write([entry(5)], 3)
    assert found(log, tmp_path) == [entry(1), entry(2), entry(5)]
    log.clear()
    assert found(log, tmp_path) == []


def test_a_half_is_begun_again_when_its_rows_are_committed(log: RedoLog, tmp_path: Path) -> None:
    """Of its old rows nothing comes back, and no row that is not committed is ever overwritten."""
    size, committed, newest = 9_000, 0, 0
    for seq in range(1, 400):
        if not log.write([entry(seq, size=size)], committed):
            assert seq - committed > HALF / (size + 100), "one half at least must have been free"
            committed = seq - 5
            assert log.write([entry(seq, size=size)], committed)
        newest = seq
        rows = log.entries()
        assert {row[0] for row in rows} >= set(range(committed + 1, newest + 1))
        assert all(row == entry(row[0], size=size) for row in rows)
    assert not log.write([entry(400, size=HALF)], 399)
    assert log.refused > 1


def test_a_record_that_was_cut_off_or_damaged_ends_what_is_found(log: RedoLog, tmp_path: Path) -> None:
    log.write([entry(1), entry(2), entry(3)], 0)
    data = bytearray((tmp_path / "log").read_bytes())
    whole = data.index(entry(3)[5])
    for at in (whole, whole - 20, whole + 9):
        (tmp_path / "log").write_bytes(bytes(data[:at]) + bytes([data[at] ^ 1]) + bytes(data[at + 1 :]))
        assert found(log, tmp_path) == [entry(1), entry(2)]
    (tmp_path / "log").write_bytes(bytes(data[: whole + 5]))
    assert found(log, tmp_path) == [entry(1), entry(2)]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 300))
def test_garbage_is_never_taken_for_rows(tmp_path_factory: pytest.TempPathFactory, garbage: bytes, at: int) -> None:
    path = tmp_path_factory.mktemp("redo") / "log"
    log = RedoLog(path)
    log.write([entry(seq) for seq in range(1, 4)], 0)
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, garbage, at)
    os.close(fd)
    rows = log.entries()
    log.close()
    assert rows == [entry(seq) for seq in range(1, len(rows) + 1)]


def test_a_full_disk_later_does_not_matter(log: RedoLog, tmp_path: Path) -> None:
    """Its blocks are its own from the beginning."""
    facts = (tmp_path / "log").stat()
    assert (facts.st_size, facts.st_blocks * 512 >= 2 * HALF) == (2 * HALF, True)


# -- and the journal ----------------------------------------------------------------------------------------------------------


def left_behind(path: Path, *entries: Entry) -> Journal:
    """A journal whose last process wrote `entries` ahead and died."""
    Journal(path).close()
    log = RedoLog(redo_of(path))
    log.write(entries, 0)
    log.close()
    return Journal(path)


@pytest.mark.parametrize(
    ("entries", "redone"),
    [
        ((entry(1), entry(2)), 2),
        ((entry(1), entry(3)), 1),  # a gap: power went, and what is behind it stood on what is lost
        ((entry(2),), 0),
        ((entry(1, boot=7),), 0),  # of another journal
    ],
)
def test_only_what_follows_the_last_row_is_taken(tmp_path: Path, entries: tuple[Entry, ...], redone: int) -> None:
    journal = left_behind(tmp_path / "journal.db", *entries)
    rows = list(journal.rows())
    assert journal.statistics()["redone"] == redone == len(rows)
    assert [(r.seq, r.boot, r.time_ns, r.kind, r.key, r.body) for r in rows] == list(entries[:redone])
    assert (journal.append("fill", "grid", b"{}", 0), journal.boot) == (redone + 1, 2)
    journal.close()
    assert RedoLog(redo_of(tmp_path / "journal.db")).entries() == []


def test_what_is_redone_is_committed_before_the_log_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a second death would take what the first had left."""
    path = tmp_path / "journal.db"
    kept: list[int] = []

    def clear(log: RedoLog) -> None:
        copy = tmp_path / "copy.db"
        for tail in ("", "-wal"):
            copy.with_name(copy.name + tail).write_bytes(path.with_name(path.name + tail).read_bytes())
        connection = sqlite3.connect(copy)
        kept.extend(row[0] for row in connection.execute("SELECT seq FROM rows"))
        connection.close()
        copy.unlink()

    Journal(path).close()
    log = RedoLog(redo_of(path))
    log.write([entry(1), entry(2)], 0)
    log.close()
    monkeypatch.setattr(RedoLog, "clear", clear)
    Journal(path).close()
    assert kept == [1, 2]
