"""Disk and clock: what happens to a daemon that trades when one of them fails. Real processes, real files, real mounts.

In each case no order goes out that is not on record (the emulator's own record says so), the log or the refusal says what to
do, and when the trouble is over, or after a new start, journal and venue say the same.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import mmap
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests import crashes
from tests.autopsy import Truth, look, told

LIVELY = "binance"  # it is up soonest
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS = 0x20000  # of linux/sched.h; the others of linux/mount.h
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
WITHIN_S = 30.0

pytestmark = pytest.mark.timeout(100)


class Patient:
    """One emulator, and a daemon on it that trades all the time; both in processes of their own."""

    def __init__(self, folder: Path, venue: str) -> None:
        self.folder = folder
        self.venue = venue
        self.lib = folder / "var" / "lib"
        self.ahead_ns = mmap.mmap(-1, 8)  # of the daemon's clock; shared with its process
        crashes.prepare(venue)
        self.emulator, self.address = crashes.venue_process(folder, venue)
        (folder / "ctos.yaml").write_text(crashes.configuration(venue, self.address))
        (folder / "audits.jsonl").touch()
        self.pid = 0

    def start(self, *, trading: bool = True, under: Callable[[Path], None] = lambda place: None) -> None:
        """`under`: what is done to the directory of its state before, in its own process."""
        self.lib.mkdir(parents=True, exist_ok=True)

        def live() -> None:
            under(self.lib)
            real_ns = time.time_ns
            time.time_ns = lambda: real_ns() + int.from_bytes(self.ahead_ns[:8], "little", signed=True)
            crashes.daemon(self.folder, self.venue, self.address, "", trading)

        self.pid = crashes.forked(live)

    def await_audit(self) -> dict[str, Any]:
        """What the life that has just begun found."""
        known = len(self.audits())
        self.until(lambda: len(self.audits()) > known, "no audit")
        return self.audits()[-1]

    def audits(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in crashes.whole_lines(self.folder / "audits.jsonl")]

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = [line for line in crashes.whole_lines(self.folder / "out") if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def until(self, true: Callable[[], object], what: str) -> None:
        end = time.monotonic() + WITHIN_S
        while not true():
            assert time.monotonic() < end, f"{what}\n{(self.folder / 'out').read_text()[-3000:]}"
            time.sleep(0.02)

    def truth(self) -> Truth:
        return look(self.venue, asyncio.run(told(self.address["control"])))

    def sent(self) -> int:
        """Orders that the venue was sent, whatever it made of them."""
        return sum(self.truth().received.values())

    def trade(self, count: int = 5) -> None:
        """Return when so many more orders were sent."""
        before = self.sent()
        self.until(lambda: self.sent() >= before + count, "it does not trade")

    def set_clock(self, hours: int) -> None:
        """Move the daemon's clock, and nobody else's, to so far from the truth."""
        self.ahead_ns[:8] = (hours * 3_600_000_000_000).to_bytes(8, "little", signed=True)

    def end(self, number: int = signal.SIGKILL) -> int:
        if not self.pid:
            return 0
        os.kill(self.pid, number)
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def refused(self) -> bool:
        """Whether it ends by itself, and not well."""
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) > 0

    def out(self) -> str:
        return (self.folder / "out").read_text()

    def agrees(self) -> None:
        """Another life finds everything as the venue says."""
        self.start(trading=False)
        assert self.await_audit()["faults"] == []

    def close(self) -> None:
        self.end()
        crashes.stop(self.emulator)


@pytest.fixture
def patient(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Patient]:
    made = Patient(tmp_path, getattr(request, "param", LIVELY))
    yield made
    made.close()


def mount(place: Path) -> None:
    """A small disk at `place` for this process alone, gone with it: in a mount namespace of its own."""
    _own_mounts()
    _mount(b"tmpfs", place, b"tmpfs", 0, b"size=4m")


def freeze(place: Path) -> None:
    """`place` as it is, for this process read-only."""
    _own_mounts()
    _mount(str(place).encode(), place, None, BIND, None)
    _mount(b"none", place, None, BIND | REMOUNT | READ_ONLY, None)


def _own_mounts() -> None:
    if LIBC.unshare(NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "no mounts of our own")
    _mount(b"none", Path("/"), None, RECURSIVE | PRIVATE, None)


def _mount(source: bytes, place: Path, kind: bytes | None, flags: int, data: bytes | None) -> None:
    if LIBC.mount(source, str(place).encode(), kind, ctypes.c_ulong(flags), data):
        raise OSError(ctypes.get_errno(), f"nothing can be mounted at {place}")


# -- a full disk -------------------------------------------------------------------------------------------------------


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            return


@root
def test_on_a_full_disk_nothing_is_sent_until_there_is_room(patient: Patient) -> None:
    patient.start(under=mount)
    assert patient.await_audit()["faults"] == []
    patient.trade()
    disk = Path(f"/proc/{patient.pid}/root{patient.lib}")
    fill(disk)
    _stands_still(patient, f"the disk under {patient.lib / 'journal.db'} is full: free some space there")
    (disk / "filler").unlink()
    patient.trade()
    os.kill(patient.pid, signal.SIGSTOP)  # it is over for this one; its disk goes with it
    shutil.copytree(disk, patient.lib, dirs_exist_ok=True)
    patient.end()
    patient.agrees()


def test_a_write_that_fails_is_as_bad_as_a_full_disk(patient: Patient) -> None:
    """A quota here; a file system that turns read-only under a running daemon is the same refused write to SQLite."""
    patient.start()
    assert patient.await_audit()["faults"] == []
    patient.trade()
    size = (patient.lib / "journal.db-wal").stat().st_size
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(patient.pid, resource.RLIMIT_FSIZE, (size + 4096, unlimited))
    _stands_still(patient, "check the disk, its quota and the kernel's log")
    resource.prlimit(patient.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    patient.trade()
    patient.end()
    patient.agrees()


def _stands_still(patient: Patient, remedy: str) -> None:
    """No order leaves while the journal cannot take its intent, and the daemon says what to do about it."""
    patient.until(lambda: patient.said("order_denied"), "no order is denied")
    patient.until(lambda: patient.said("journal_failed"), "the journal does not say that it failed")
    assert remedy in patient.said("journal_failed")[0]["reason"]
    assert {line["reason"] for line in patient.said("order_denied")} == {"journal"}
    assert remedy in patient.said("order_denied")[-1]["message"]
    before = patient.sent()
    time.sleep(1.0)
    assert patient.sent() == before


@root
def test_a_start_on_a_read_only_disk_says_who_may_not_write_where(patient: Patient) -> None:
    patient.start()
    patient.await_audit()
    patient.trade()
    patient.end()
    before = patient.sent()
    patient.start(under=freeze)
    assert patient.refused()
    assert f"{patient.lib}" in patient.out()
    assert "Read-only file system" in patient.out()
    assert patient.sent() == before
    patient.agrees()


# -- a journal that was damaged --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_page_is_refused_with_the_remedy(patient: Patient, seed: int) -> None:
    patient.start()
    patient.await_audit()
    patient.trade(20)
    assert patient.end(signal.SIGTERM) == 0  # the log is in the file now
    random = Random(seed)
    journal = patient.lib / "journal.db"
    data = bytearray(journal.read_bytes())
    pages = len(data) // 4096
    assert pages > 4
    page = random.randrange(2, pages) * 4096
    data[page : page + 4096] = random.randbytes(4096)
    journal.write_bytes(data)
    before = patient.sent()
    patient.start()
    assert patient.refused()
    assert f"{journal} is damaged" in patient.out()
    assert "restore a backup or move both away; orders and positions are then read from the venues" in patient.out()
    assert patient.sent() == before


# -- a clock that was set ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", ["okx", "binance", "backpack"], indirect=True)
def test_a_clock_that_is_set_stops_orders_until_it_is_right_again(patient: Patient) -> None:
    """Forth and back, and back and forth: prices are old or of the future, and no stamp of ours means anything."""
    patient.start()
    assert patient.await_audit()["faults"] == []
    for hours, word in ((1, "ahead of"), (-1, "behind")):
        patient.trade()
        patient.set_clock(hours)
        reason = f"this machine's clock is 3600.0 s {word} the venue's"
        patient.until(lambda said=reason: said in patient.out(), "the driver has not asked the venue's clock")  # type: ignore[misc]
        before = patient.sent()
        time.sleep(0.8)
        assert patient.sent() == before
        assert "set it (`timedatectl set-ntp true`)" in patient.out()
        patient.set_clock(0)
        patient.trade()
    assert [round(line["seconds"]) for line in patient.said("clock_stepped")] == [3600, -3600, -3600, 3600]
    patient.end()
    patient.agrees()
