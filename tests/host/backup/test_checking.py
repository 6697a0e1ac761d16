"""What a check finds: damaged pages, lost rows, changed bytes, what is no backup."""

import sqlite3

import pytest

from ctosd.abi.errors import Misconfigured
from ctosd.host.backup.checking import inspect, read_manifest, verify
from ctosd.host.backup.making import make
from ctosd.host.storage.journal import open_journal

NOW = 1_790_000_000 * 10**9


@pytest.fixture
def lib(tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    journal = open_journal(folder / "journal.db", now_ns=NOW)
    for number in range(400):
        journal.append("operator", "note", b'{"n": "%d", "text": "%s"}' % (number, b"x" * 200), NOW)
    journal.close()
    return folder


def change(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("DROP TRIGGER rows_stay", "DROP TRIGGER rows_keep", *statements):
        connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def test_a_whole_journal_tells_its_facts(lib):
    facts = inspect(lib / "journal.db")
    assert (facts.rows, facts.last_seq, facts.boots) == (400, 400, [NOW // 10**9])


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM rows WHERE seq = 200", "row 200 is missing"),
        ("UPDATE rows SET body = x'7b' WHERE seq = 7", "row 7 of kind 'operator' cannot be read"),
        ("UPDATE rows SET kind = 'fill' WHERE seq = 9", "row 9 of kind 'fill' cannot be read"),
        ("UPDATE rows SET boot = 5 WHERE seq = 300", "row 300 is of boot 5"),
        ("UPDATE rows SET boot = boot + 1 WHERE seq = 400", "row 400 is of boot"),
    ],
)
def test_rows_that_no_daemon_wrote_are_found(lib, statement, said):
    change(lib / "journal.db", statement)
    with pytest.raises(Misconfigured, match=said):
        inspect(lib / "journal.db")


def test_a_damaged_page_of_the_source_is_said_with_its_file_and_what_to_do(lib, tmp_path):
    path = lib / "journal.db"
    with path.open("r+b") as file:
        file.seek(4096 * 6)
        file.write(b"\xde\xad" * 2048)
    with pytest.raises(Misconfigured) as caught:
        make(lib, tmp_path / "safe", NOW)
    assert str(path) in str(caught.value)
    assert "damaged" in str(caught.value)
    assert "restore" in str(caught.value)
    assert list((tmp_path / "safe").iterdir()) == []


def test_a_changed_or_missing_file_of_a_backup_is_found(lib, tmp_path):
    folder, _ = make(lib, tmp_path / "safe", NOW)
    assert verify(folder)[1] == []
    with (folder / "journal.db").open("ab") as file:
        file.write(b"x")
    assert "sha256 differs" in verify(folder)[1][0]
    (folder / "journal.db").unlink()
    assert "cannot be read" in verify(folder)[1][0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "is no backup"),
        (b"{", "is damaged"),
        (b'{"format": "other", "version": 9', "is damaged"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path, body, said):
    if body is not None:
        (tmp_path / "manifest.json").write_bytes(body)
    with pytest.raises(Misconfigured, match=said):
        read_manifest(tmp_path)


def test_a_manifest_cannot_name_files_elsewhere(lib, tmp_path):
    folder, _ = make(lib, tmp_path / "safe", NOW)
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"journal.db"', '"../journal.db"'))
    with pytest.raises(Misconfigured, match="which is no file of a backup"):
        read_manifest(folder)
