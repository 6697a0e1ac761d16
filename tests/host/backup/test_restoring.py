"""Putting a backup back: never over what is newer, nothing deleted, and no client id comes twice."""

import os
import time

import msgspec
import pytest

from ctosd.abi.errors import CallerMistake, Misconfigured, NotReady
from ctosd.core.ids import ClientIds
from ctosd.host.backup.making import make
from ctosd.host.backup.restoring import MARGIN, SECOND, epoch, restore
from ctosd.host.storage.journal import open_journal
from ctosd.host.storage.lock import InstanceLock
from ctosd.host.storage.store import FileStore


def boot(lib, now_ns, rows=1):
    """One start of a daemon: its epoch, and some rows of it."""
    journal = open_journal(lib / "journal.db", now_ns=now_ns)
    for _ in range(rows):
        journal.append("operator", "note", b"{}", now_ns)
    journal.close()
    return journal.boot


def count(lib):
    journal = open_journal(lib / "journal.db", now_ns=0)
    rows = len(list(journal.rows()))
    journal.close()
    return rows


@pytest.fixture
def lib(tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    return folder


NOW = 1_790_000_000 * SECOND


def test_ids_after_a_restore_are_above_all_that_came_between(lib, tmp_path):
    """Starts since the backup, some of them with a clock that ran an hour ahead, are not repeated."""
    used = {boot(lib, NOW - 100 * SECOND)}
    folder, _ = make(lib, tmp_path / "safe", NOW)
    used |= {boot(lib, NOW + SECOND), boot(lib, NOW + 3600 * SECOND), boot(lib, NOW + 2 * SECOND)}
    for path in lib.glob("journal.db*"):
        path.unlink()  # the disk is lost: nothing tells of those starts
    _, aside, _ = restore(folder, lib, NOW + 10 * SECOND)
    assert aside is None
    after = boot(lib, NOW + 11 * SECOND)
    assert after > max(used)
    ClientIds(after)


def test_one_backup_restored_twice_onto_new_disks_gives_two_epochs(tmp_path, lib):
    """Also when the clock that the backup saw had once been far ahead."""
    ahead = NOW + 40_000_000 * SECOND
    boot(lib, ahead)
    boot(lib, NOW)
    folder, _ = make(lib, tmp_path / "safe", NOW)
    seen = []
    for number in range(3):
        fresh = tmp_path / f"disk-{number}"
        fresh.mkdir()
        at_ns = NOW + (60 + 100 * number) * SECOND
        restore(folder, fresh, at_ns)
        seen += [boot(fresh, at_ns + SECOND) for _ in range(20)]
    assert len(set(seen)) == len(seen)
    assert min(seen) > ahead // SECOND + 1


def test_the_epoch_is_above_the_journal_that_is_moved_aside(lib, tmp_path):
    boot(lib, NOW)
    _, manifest = make(lib, tmp_path / "safe", NOW)
    assert epoch(manifest, NOW // SECOND + 5_000_000, NOW) == NOW // SECOND + 5_000_000 + MARGIN
    assert epoch(msgspec.structs.replace(manifest, boot=5), 0, NOW) == NOW // SECOND + MARGIN
    with pytest.raises(Misconfigured, match="does not fit"):
        epoch(manifest, 36**7 - 2, NOW)


def test_a_clock_before_the_backup_is_refused(lib, tmp_path):
    boot(lib, NOW)
    folder, _ = make(lib, tmp_path / "safe", NOW)
    with pytest.raises(Misconfigured, match="clock stands before the backup"):
        restore(folder, lib, NOW - SECOND)


def test_a_newer_journal_is_only_moved_aside_and_only_when_forced(lib, tmp_path):
    boot(lib, NOW, rows=3)
    store = FileStore(lib / "venue-paper.db")
    store.write({"a": b"1"})
    store.close()
    folder, manifest = make(lib, tmp_path / "safe", NOW)
    assert [each.name for each in manifest.files] == ["journal.db", "venue-paper.db"]
    boot(lib, NOW + SECOND, rows=2)
    (lib / "venue-other.db").write_bytes(b"of another run")
    with pytest.raises(CallerMistake, match=r"is newer than the backup \(row 5, the backup ends at 3\)"):
        restore(folder, lib, NOW + 2 * SECOND)
    assert count(lib) == 5
    _, aside, _ = restore(folder, lib, NOW + 2 * SECOND, force=True)
    assert aside is not None
    assert count(lib) == 3
    assert count(aside) == 5
    assert (aside / "venue-other.db").read_bytes() == b"of another run"
    assert not (lib / "venue-other.db").exists()
    again = FileStore(lib / "venue-paper.db")
    assert again.read() == {"a": b"1"}
    again.close()


def test_the_log_of_the_old_journal_does_not_meet_the_new_file(writer, tmp_path):
    """After kill -9 the last rows stand in the log alone: they go aside with their file."""
    busy = writer(200)
    busy.wait(50)
    folder, manifest = make(busy.folder, tmp_path / "safe", time.time_ns())
    busy.wait(busy.told()[0] + 200)
    busy.kill()
    last = busy.told()[0]
    _, aside, _ = restore(folder, busy.folder, time.time_ns(), force=True)
    assert count(busy.folder) == manifest.rows
    assert aside is not None
    assert count(aside) >= last


def test_a_damaged_journal_needs_force_and_is_kept(lib, tmp_path):
    boot(lib, NOW)
    folder, _ = make(lib, tmp_path / "safe", NOW)
    (lib / "journal.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(CallerMistake, match=r"cannot be told.*--force"):
        restore(folder, lib, NOW + SECOND)
    _, aside, _ = restore(folder, lib, NOW + SECOND, force=True)
    assert aside is not None
    assert (aside / "journal.db").read_bytes() == b"rubbish" * 1000
    assert count(lib) == 1


def test_a_daemon_that_runs_is_left_alone(lib, tmp_path):
    boot(lib, NOW)
    folder, _ = make(lib, tmp_path / "safe", NOW)
    with InstanceLock(lib / "lock"), pytest.raises(NotReady, match="another ctosd runs"):
        restore(folder, lib, NOW + SECOND, force=True)
    assert count(lib) == 1


def test_another_user_than_the_daemons_is_sent_away(lib, tmp_path, monkeypatch):
    """Else root would leave files that the daemon cannot open."""
    boot(lib, NOW)
    folder, _ = make(lib, tmp_path / "safe", NOW)
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    with pytest.raises(Misconfigured, match=f"belongs to uid {real}"):
        restore(folder, lib, NOW + SECOND)


def test_a_backup_that_is_not_whole_is_not_restored(lib, tmp_path):
    boot(lib, NOW)
    folder, _ = make(lib, tmp_path / "safe", NOW)
    with (folder / "journal.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")
    with pytest.raises(Misconfigured, match="sha256 differs"):
        restore(folder, lib, NOW + SECOND)
