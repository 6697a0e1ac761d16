"""A process that holds a journal and writes it as fast as commits return, as a busy daemon would."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WRITER = """
import json, os, struct, sys, time
from pathlib import Path
from ctosd.host.storage.journal import open_journal
folder, size = Path(sys.argv[1]), int(sys.argv[2])
journal = open_journal(folder / "journal.db", now_ns=time.time_ns())
told = os.open(folder / "told", os.O_RDWR | os.O_CREAT)
body = json.dumps({"text": "x" * size}).encode()
failures, slowest = 0, 0.0
while not (folder / "stop").exists():
    for _ in range(50):
        before = time.monotonic()
        seq = journal.append("operator", "note", body, time.time_ns())
        deadline = before + 10
        while not journal.commit_now(seq) and not journal.failed and time.monotonic() < deadline:
            time.sleep(0.0005)
        slowest = max(slowest, time.monotonic() - before)
        figures = journal.statistics()
        failures = figures["failures"] + bool(journal.failed)
        os.pwrite(told, struct.pack("<qqqd", seq, failures, figures["checkpoints"], slowest), 0)
    time.sleep(0.02)
journal.close()
"""


class Writer:
    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(size)])

    def told(self) -> tuple[int, int, int, float]:
        """The last committed row, failed commits, checkpoints, the slowest commit in seconds."""
        path = self.folder / "told"
        body = path.read_bytes() if path.exists() else b""
        return struct.unpack("<qqqd", body) if len(body) == 32 else (0, 0, 0, 0.0)

    def wait(self, seq: int) -> None:
        end = time.monotonic() + 30
        while self.told()[0] < seq:
            assert self.process.poll() is None, "the writer has ended"
            assert time.monotonic() < end, self.told()
            time.sleep(0.01)

    def stop(self) -> None:
        (self.folder / "stop").touch()
        assert self.process.wait(30) == 0

    def kill(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    made: list[Writer] = []

    def start(size: int = 4000) -> Writer:
        folder = tmp_path / "lib"
        folder.mkdir(exist_ok=True)
        made.append(Writer(folder, size))
        return made[-1]

    yield start
    for each in made:
        each.kill()
