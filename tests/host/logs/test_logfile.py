"""The log file: rotation, a full disk, a file moved away, a folder that is not there."""

import errno
import os
from pathlib import Path

import pytest

from ctosd.host.logs.logfile import RETRY_S, LogFile


class Bench:
    """A log file with a clock that the test sets and a list of what it warned of."""

    def __init__(self, path: Path, max_bytes: int = 1 << 20, keep: int = 3) -> None:
        self.now = 0.0
        self.warnings: list[str] = []
        self.file = LogFile(path, self.warnings.append, lambda: self.now, max_bytes, keep)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ctosd.jsonl"


def test_it_rotates_by_size_and_keeps_so_many(path: Path) -> None:
    """The newest lines are in the file itself, older ones in .1 and up, and what is older than `keep` is gone."""
    bench = Bench(path, max_bytes=10, keep=2)
    for number in range(5):
        bench.file.write([b"line %05d\n" % number])
    bench.file.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["ctosd.jsonl", "ctosd.jsonl.1", "ctosd.jsonl.2"]
    kept = [path, path.with_name("ctosd.jsonl.1"), path.with_name("ctosd.jsonl.2")]
    assert [file.read_bytes() for file in kept] == [b"line 00004\n", b"line 00003\n", b"line 00002\n"]


def test_it_appends_to_what_is_there(path: Path) -> None:
    """A second start goes on in the same file, its size counted."""
    path.write_bytes(b"before\n")
    bench = Bench(path, max_bytes=7)
    bench.file.write([b"after\n"])
    bench.file.close()
    assert path.read_bytes() == b"after\n"
    assert path.with_name("ctosd.jsonl.1").read_bytes() == b"before\n"


def test_it_follows_its_name_when_the_file_is_moved(path: Path) -> None:
    """logrotate renames the file: the next line makes a new one."""
    bench = Bench(path)
    bench.file.write([b"one\n"])
    path.rename(path.with_name("moved"))
    bench.file.write([b"two\n"])
    bench.file.close()
    assert path.read_bytes() == b"two\n"
    assert path.with_name("moved").read_bytes() == b"one\n"


def test_a_full_disk_is_told_once_and_left_behind(path: Path) -> None:
    """/dev/full answers as a full disk does: one warning, lines counted, tried again, and a word when it works again."""
    path.symlink_to("/dev/full")
    bench = Bench(path)
    bench.file.write([b"a\n", b"b\n"])
    bench.file.write([b"c\n"])
    bench.now = RETRY_S + 1
    bench.file.write([b"d\n"])
    assert len(bench.warnings) == 1
    assert "No space left on device" in bench.warnings[0]
    assert bench.file.statistics()["lost"] == 4
    assert bench.file.statistics()["failed"] == "No space left on device"
    path.unlink()
    bench.now = 3 * RETRY_S
    bench.file.write([b"e\n"])
    bench.file.close()
    assert path.read_bytes() == b"e\n"
    assert "works again; 4 lines were lost" in bench.warnings[1]
    assert bench.file.statistics()["failed"] == ""


def test_half_a_line_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills within a line leaves whole lines only."""
    bench = Bench(path)
    bench.file.write([b"whole\n"])
    real = os.write
    room = [3]

    def write(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", write)
    bench.file.write([b"torn apart\n"])
    bench.file.close()
    assert path.read_bytes() == b"whole\n"
    assert bench.file.lost == 1


def test_a_folder_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    """A missing folder stops nobody; the message names the file."""
    bench = Bench(tmp_path / "gone" / "ctosd.jsonl")
    bench.file.write([b"a\n"])
    assert "gone/ctosd.jsonl" in bench.warnings[0]
    assert "No such file or directory" in bench.warnings[0]


def test_only_owner_and_group_read_it(path: Path) -> None:
    """Orders and balances are nobody else's business."""
    bench = Bench(path)
    bench.file.write([b"a\n"])
    bench.file.close()
    assert path.stat().st_mode & 0o007 == 0
