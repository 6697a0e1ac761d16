"""A backup comes into being whole, for us alone, and old ones go only when they are ours."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from ctosd.abi.errors import Misconfigured
from ctosd.host.backup.checking import verify
from ctosd.host.backup.making import make, thin

KILLED = """
import sys, os, signal
from pathlib import Path
from ctosd.host.backup import checking, making
checking.digest = lambda path: os.kill(os.getpid(), signal.SIGKILL)
making.make(Path(sys.argv[1]), Path(sys.argv[2]), 1_790_000_000 * 10**9)
"""


def test_a_killed_backup_leaves_nothing_that_looks_complete(writer, tmp_path):
    busy = writer(100)
    busy.wait(10)
    busy.stop()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(busy.folder), str(tmp_path / "safe")], timeout=30, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "safe").iterdir() if not path.name.endswith(".part")] == []
    left = next((tmp_path / "safe").iterdir())
    with pytest.raises(Misconfigured, match="is no backup"):
        verify(left)
    folder, _ = make(busy.folder, tmp_path / "safe", time.time_ns())
    assert verify(folder)[1] == []


def test_it_is_for_us_alone_and_two_of_one_second_stand_side_by_side(writer, tmp_path):
    busy = writer(100)
    busy.wait(10)
    now_ns = time.time_ns()
    config = tmp_path / "ctos.yaml"
    config.write_text("clock: wall\n")
    folders = [make(busy.folder, tmp_path / "safe", now_ns, [config])[0] for _ in range(2)]
    assert len(set(folders)) == 2
    for folder in folders:
        manifest, faults = verify(folder)
        assert faults == []
        assert list(manifest.config) == ["ctos.yaml"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        assert sorted(os.listdir(folder)) == ["journal.db", "manifest.json"]
    busy.stop()


def test_thinning_keeps_the_newest_and_touches_nothing_of_others(writer, tmp_path):
    busy = writer(100)
    busy.wait(10)
    busy.stop()
    start = time.time_ns()
    safe = tmp_path / "safe"
    made = [make(busy.folder, safe, start + number * 10**9)[0] for number in range(4)]
    (safe / "ctos-notes").mkdir()
    assert sorted(thin(safe, 2)) == sorted(made[:2])
    assert sorted(path.name for path in safe.iterdir()) == sorted(["ctos-notes", made[2].name, made[3].name])
