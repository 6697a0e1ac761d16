"""The instance lock: one daemon a directory, and no trace of a dead one in the way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ctosd.abi import Misconfigured, NotReady
from ctosd.host.storage.lock import InstanceLock

HOLDER = """
import pathlib, sys
from ctosd.host.storage.lock import InstanceLock
lock = InstanceLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ctosd.lock"


def test_it_writes_the_pid_and_lets_go(path: Path) -> None:
    """While held the file tells who; afterwards the next one gets in."""
    with InstanceLock(path):
        assert path.read_text() == f"{os.getpid()}\n"
    with InstanceLock(path) as lock:
        lock.release()
        lock.release()
    assert path.read_text() == ""


def test_a_second_instance_is_told_who_holds_it(path: Path) -> None:
    """The sentence has the pid and the remedy."""
    process = hold(path)
    try:
        with pytest.raises(NotReady, match=rf"\(pid {process.pid} holds ctosd\.lock\): stop it with `ctosctl stop`"):
            InstanceLock(path)
    finally:
        process.communicate()


def test_kill_9_lets_go(path: Path) -> None:
    """The kernel releases it; the file with the dead one's pid is no obstacle."""
    process = hold(path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.read_text() == f"{process.pid}\n"
    with InstanceLock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_two_locks_in_one_process_exclude_each_other(path: Path) -> None:
    """flock belongs to the open file, not to the process."""
    with InstanceLock(path), pytest.raises(NotReady, match=f"pid {os.getpid()}"):
        InstanceLock(path)


def test_any_leftover_is_no_obstacle(path: Path) -> None:
    """Garbage, or the pid of a process that lives but holds nothing."""
    path.parent.mkdir()
    for leftover in (b"\xff\xfe not a pid", b"1\n", b"9" * 100):
        path.write_bytes(leftover)
        with InstanceLock(path):
            assert path.read_text() == f"{os.getpid()}\n"


def test_a_holder_that_wrote_no_pid_is_still_a_holder(path: Path) -> None:
    """The lock counts, not what is written in the file."""
    with InstanceLock(path):
        path.write_text("")
        with pytest.raises(NotReady, match="a process that has not written its pid"):
            InstanceLock(path)


def test_a_file_that_was_removed_while_locking_is_not_trusted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock on a file without a name would let a second daemon in: it tries again on the new file."""
    real = InstanceLock._is_current
    removed: list[int] = []

    def remove_once(lock: InstanceLock, fd: int) -> bool:
        if not removed:
            path.unlink()
            removed.append(fd)
        return real(lock, fd)

    monkeypatch.setattr(InstanceLock, "_is_current", remove_once)
    with InstanceLock(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert removed


def test_a_place_where_no_file_can_be_is_said(tmp_path: Path) -> None:
    """A directory in its place, a file in place of its directory."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "taken", tmp_path / "file" / "ctosd.lock", Path("/proc/ctos/ctosd.lock")):
        with pytest.raises(Misconfigured, match="cannot be opened for writing by uid"):
            InstanceLock(place)
