"""A copy taken while another process writes: whole, not behind, and unnoticed by the writer."""

import os
import sqlite3
import stat

import pytest

from ctosd.abi.errors import Misconfigured, NotReady
from ctosd.host.backup import copying
from ctosd.host.backup.checking import inspect
from ctosd.host.backup.copying import copy_database


def test_copies_are_whole_while_a_writer_commits_and_none_of_its_commits_fails(writer, tmp_path):
    """Checkpoints run meanwhile; every copy has all that was committed before it began."""
    busy = writer()
    busy.wait(1500)
    lengths = []
    for number in range(8):
        before = busy.told()[0]
        target = tmp_path / f"copy-{number}.db"
        copy_database(busy.folder / "journal.db", target)
        facts = inspect(target)
        assert facts.last_seq == facts.rows >= before
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert not target.with_name(target.name + "-wal").exists()
        lengths.append(facts.last_seq)
    assert lengths == sorted(set(lengths)), "the writer was at work between the copies"
    busy.wait(busy.told()[0] + 500)
    _, failures, checkpoints, slowest = busy.told()
    assert failures == 0
    assert checkpoints > 0, "the log was begun anew at least once: the hard case was in it"
    assert slowest < 5.0
    busy.stop()


def test_a_reader_through_sqlite_would_be_refused(writer, tmp_path):
    """Why the bytes are copied: the daemon's lock keeps SQLite's own backup out."""
    busy = writer()
    busy.wait(1)
    connection = sqlite3.connect(f"file:{busy.folder}/journal.db?mode=ro", uri=True, timeout=0.1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connection.execute("SELECT COUNT(*) FROM rows").fetchone()
    connection.close()


def test_what_a_killed_writer_committed_is_in_the_copy(writer, tmp_path):
    busy = writer(200)
    busy.wait(700)
    busy.kill()
    assert (busy.folder / "journal.db-wal").stat().st_size > 0
    last = busy.told()[0]
    copy_database(busy.folder / "journal.db", tmp_path / "copy.db")
    assert inspect(tmp_path / "copy.db").last_seq >= last


def test_a_torn_tail_of_the_log_is_left_out(writer, tmp_path):
    busy = writer(200)
    busy.wait(200)
    busy.kill()
    log = busy.folder / "journal.db-wal"
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 1000)
    copy_database(busy.folder / "journal.db", tmp_path / "copy.db")
    assert inspect(tmp_path / "copy.db").last_seq >= busy.told()[0] - 1


def test_a_log_that_is_begun_anew_meanwhile_makes_another_try(writer, tmp_path, monkeypatch):
    """Whatever was read by then may not belong together."""
    busy = writer(200)
    busy.wait(100)
    busy.kill()
    source = busy.folder / "journal.db"
    real, tries = copying._copy, []

    def meddle(path, target):
        real(path, target)
        if path == source and len(tries) < 2:
            with open(f"{source}-wal", "r+b") as log:
                log.seek(16)
                log.write(os.urandom(8) if not tries else saved)
        if path == source:
            tries.append(target)

    with open(f"{source}-wal", "rb") as log:
        log.seek(16)
        saved = log.read(8)
    monkeypatch.setattr(copying, "_copy", meddle)
    copy_database(source, tmp_path / "copy.db")
    assert len(tries) == 3
    assert inspect(tmp_path / "copy.db").last_seq >= busy.told()[0]


def test_a_store_that_never_rests_is_said_to_be_so(writer, tmp_path, monkeypatch):
    busy = writer(200)
    busy.wait(10)
    busy.kill()
    monkeypatch.setattr(copying, "_PAUSE_S", 0.0)
    monkeypatch.setattr(copying, "_generation", lambda source: (os.urandom(8),))
    with pytest.raises(NotReady, match="faster than it can be copied"):
        copy_database(busy.folder / "journal.db", tmp_path / "copy.db")


def test_nothing_to_copy_is_named(tmp_path):
    with pytest.raises(Misconfigured, match="no such file"):
        copy_database(tmp_path / "journal.db", tmp_path / "copy.db")
