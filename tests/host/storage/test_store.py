"""Stores: all changes or none, and nothing lost at a kill."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Misconfigured, NotReady
from ctosd.abi.driver import Store
from ctosd.host.storage.journal import Journal
from ctosd.host.storage.store import FileStore
from ctosd.testing.store import MemoryStore

VICTIM = Path(__file__).with_name("journal_victim.py")
CHANGES = st.dictionaries(
    st.sampled_from("abcdefgh") | st.text(max_size=3), st.none() | st.binary(max_size=9), max_size=6
)


@given(st.lists(CHANGES, max_size=12))
@settings(max_examples=60, deadline=None)
def test_both_stores_are_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, writes: list[Mapping[str, bytes | None]]
) -> None:
    """Whatever is written, both read back what a dictionary would hold, the file also after reopening."""
    path = tmp_path_factory.mktemp("store") / "store.db"
    model: dict[str, bytes] = {}
    memory, file = MemoryStore(), FileStore(path)
    stores: list[Store] = [memory, file]
    for changes in writes:
        for store in stores:
            store.write(changes)
        model.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            model.pop(key, None)
    assert memory.read() == file.read() == model
    file.close()
    again = FileStore(path)
    assert again.read() == model
    again.close()


def test_many_keys_go_in_one_commit(tmp_path: Path) -> None:
    """Beyond the widest statement it is still all or nothing."""
    store = FileStore(tmp_path / "store.db")
    store.write({f"order/{number}": b"%d" % number for number in range(1_000)})
    store.write({f"order/{number}": None for number in range(0, 1_000, 2)})
    assert len(store.read()) == 500
    store.close()


def test_a_refused_write_changes_nothing(tmp_path: Path) -> None:
    """Half of a write is never seen, and the sentence has the file and the remedy."""
    store = FileStore(tmp_path / "store.db")
    store.write({"cash": b"1", "position": b"1"})
    store._connection.execute("PRAGMA max_page_count=4").fetchall()
    for changes in ({"cash": b"2", "big": bytes(100_000)}, {"cash": b"2", "position": None, "big": bytes(100_000)}):
        with pytest.raises(NotReady, match=r"the disk under .*store\.db is full"):
            store.write(changes)
        assert store.read() == {"cash": b"1", "position": b"1"}
    store._connection.execute("PRAGMA max_page_count=100000").fetchall()
    store.write({"cash": b"3"})
    assert store.read()["cash"] == b"3"
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Closing twice is fine; writing afterwards is told in a sentence."""
    store = FileStore(tmp_path / "store.db")
    store.close()
    store.close()
    for act in (store.read, lambda: store.write({"a": b"1"}), lambda: store.write({"a": None})):
        with pytest.raises(NotReady, match=r"store\.db is closed"):
            act()


def test_kill_9_loses_no_write_and_splits_none(tmp_path: Path) -> None:
    """Twenty processes killed in mid-stream on one file."""
    words = [sys.executable, str(VICTIM), "store", str(tmp_path), "process", "20", "3"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["boots"] == 20
    assert report["acknowledged"] > 1_000


def test_a_journal_is_not_a_store(tmp_path: Path) -> None:
    """Two files of the house are not mistaken for each other."""
    Journal(tmp_path / "x.db").close()
    with pytest.raises(Misconfigured, match="not ctosd's store"):
        FileStore(tmp_path / "x.db")


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    """Not a database at all, and a damaged page."""
    path = tmp_path / "store.db"
    path.write_bytes(b"hello" * 100)
    with pytest.raises(Misconfigured, match=r"store\.db is damaged"):
        FileStore(path)


def test_a_second_store_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """One connection only."""
    store = FileStore(tmp_path / "store.db")
    with pytest.raises(NotReady, match="open in another program"):
        FileStore(tmp_path / "store.db")
    store.close()


def test_the_log_of_a_store_stays_bounded(tmp_path: Path) -> None:
    """Twenty thousand writes of the same few keys do not grow the files for ever."""
    store = FileStore(tmp_path / "store.db")
    for number in range(20_000):
        store.write({"cash": b"%d" % number})
    size = (tmp_path / "store.db-wal").stat().st_size
    store.close()
    assert size < 20 << 20
    connection = sqlite3.connect(tmp_path / "store.db")
    assert connection.execute("SELECT value FROM entries").fetchall() == [(b"19999",)]
    connection.close()


def test_a_write_is_on_the_disk_soon_after_or_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`process` syncs behind the writer, many writes with one sync; `power` leaves it to SQLite, before a write returns."""
    synced: list[float] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (real(fd), synced.append(time.monotonic()))[0])
    behind = FileStore(tmp_path / "process.db")
    for number in range(50):
        behind.write({"counter": b"%d" % number})
    wrote = time.monotonic()
    while not synced:
        assert time.monotonic() < wrote + 5
        time.sleep(0.01)
    assert len(synced) == 1
    behind.close()
    before = len(synced)
    power = FileStore(tmp_path / "power.db", durability="power")
    assert power._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: the log is synced at each commit
    power.write({"counter": b"1"})
    power.close()
    assert len(synced) == before


def test_after_a_sync_that_failed_nothing_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel could not write it forgets: nobody may rely on what comes after."""

    def failing(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    store = FileStore(tmp_path / "store.db")
    store.write({"a": b"1"})
    deadline = time.monotonic() + 5
    while not store._failed:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(NotReady, match=r"check the disk and the kernel's log.*restart ctosd when the disk is well"):
        store.write({"b": b"2"})
    assert store.read() == {"a": b"1"}
    store.close()
