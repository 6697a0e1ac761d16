"""Numbers for our texts: on disk before use, never twice, forgotten late."""

import subprocess
import sys

import pytest

from ctosd.abi import NotReady
from ctosd.host.storage.store import FileStore
from ctosd.testing.store import MemoryStore
from drivers.backpack.clientids import ARRIVAL_NS, BLOCK, KEEP_NS, NUMBERS, ClientIds
from tests.drivers.backpack.exchange import MAIN, SECOND, T0


class Broken(MemoryStore):
    """A store that refuses when it is told to."""

    full = False

    def write(self, changes):
        if self.full:
            raise NotReady("no space left")
        super().write(changes)


def test_a_pair_is_durable_before_it_is_given_out() -> None:
    """A crash between the two loses nothing: the next process knows the number, and gives out others."""
    store = MemoryStore()
    (number,) = ClientIds(store, T0).allocate(MAIN, ["ctos1"], T0)
    again = ClientIds(store, T0)  # as after kill -9, before the order left
    assert again.number("ctos1") == number
    assert again.text(number) == "ctos1"
    assert again.allocate(MAIN, ["ctos2"], T0) != [number]
    assert again.allocate(MAIN, ["ctos1"], T0) == [number]


def test_numbers_never_come_twice() -> None:
    """Not within a process, not over restarts, not when the clock stands still or the store is lost."""
    store, seen = MemoryStore(), set()
    for start in range(5):
        ids = ClientIds(store, T0)
        numbers = ids.allocate(MAIN, [f"ctos{start}-{each}" for each in range(400)], T0)
        assert not seen.intersection(numbers)
        assert len(set(numbers)) == 400
        seen.update(numbers)
    assert all(0 < number < NUMBERS for number in seen)
    fresh = ClientIds(MemoryStore(), T0 + 3_600 * SECOND)  # somebody deleted the file an hour later
    assert not seen.intersection(fresh.allocate(MAIN, [f"x{each}" for each in range(400)], T0))


def test_a_loss_of_power_repeats_no_number() -> None:
    """What the store took last is undone, the counter with it, however few seconds later the next start is."""
    store = MemoryStore()
    used: set[int] = set()
    for start in range(6):
        ids = ClientIds(store, T0 + start * SECOND)
        on_disk = dict(store.read())
        for part in range(start):  # blocks that reached the disk before the last one, which does not
            used.update(ids.allocate(MAIN, [f"kept{start}-{part}-{each}" for each in range(100)], T0))
            on_disk = dict(store.read())
        lost = ids.allocate(MAIN, [f"lost{start}-{each}" for each in range(BLOCK)], T0)
        assert not used.intersection(lost)
        used.update(lost)
        store = MemoryStore()
        store.write(on_disk)


def test_a_store_that_refuses_gives_out_nothing() -> None:
    store = Broken()
    ids = ClientIds(store, T0)
    before = ids.statistics()
    store.full = True
    with pytest.raises(NotReady):
        ids.allocate(MAIN, ["ctos1"], T0)
    assert ids.number("ctos1") is None
    assert ids.statistics() == before
    store.full = False
    (number,) = ids.allocate(MAIN, ["ctos1"], T0)
    assert ClientIds(store, T0).number("ctos1") == number


def test_one_write_for_a_batch() -> None:
    writes = []

    class Counted(MemoryStore):
        def write(self, changes):
            writes.append(dict(changes))
            super().write(changes)

    ids = ClientIds(Counted(), T0)
    assert writes.pop().keys() == {"clientid.next"}
    ids.allocate(MAIN, [f"ctos{each}" for each in range(20)], T0)
    assert len(writes) == 1
    ids.allocate(MAIN, ["ctos0", "ctos19"], T0)
    assert len(writes) == 1


def test_strangers_pass_and_their_numbers_are_left_alone() -> None:
    """Unknown numbers get readable texts that lead back; orders without a number are named by their id."""
    ids = ClientIds(MemoryStore(), T0)
    coming = ids.statistics()["next"]
    assert ids.text(coming) == f"bp-{coming}"
    assert ids.text("55555") == "bp-55555"
    assert ids.number("bp-55555") == 55555
    assert ids.number(f"bp-{NUMBERS}") is None
    assert ids.number("bp-order-9") is None
    assert ids.text(None, "8284661092") == "bp-order-8284661092"
    assert ids.text("OID1") == "OID1"
    assert ids.allocate(MAIN, ["ctos1"], T0) == [coming + 1]


def test_numbers_wrap_over_what_is_in_use() -> None:
    """After the last number comes 1, and one in use is stepped over."""
    store = MemoryStore()
    store.write({"clientid.next": str(NUMBERS - 1).encode()})
    ids = ClientIds(store, T0)
    assert ids.allocate(MAIN, ["a", "b"], T0) == [NUMBERS - 1, 1]
    assert ids.text(2) == "bp-2"
    assert ids.allocate(MAIN, ["c"], T0) == [3]


def test_pairs_are_forgotten_long_after_their_end() -> None:
    """An open order's pair stays for ever; an ended one's goes hours later, also over a restart."""
    store = MemoryStore()
    ids = ClientIds(store, T0)
    ids.allocate(MAIN, ["open", "done"], T0)
    ids.note("open", "partially_filled", T0)
    ids.note("done", "cancelled", T0)
    assert ids.prune(T0 + KEEP_NS - 1) == 0
    later = ClientIds(store, T0 + KEEP_NS)
    assert later.pair("done").end_ns == T0
    assert later.prune(T0 + KEEP_NS + 1) == 1
    assert later.number("done") is None
    final = ClientIds(store, T0)
    assert final.number("open") is not None
    assert final.number("done") is None
    assert later.prune(T0 + 100 * KEEP_NS) == 0


def test_orders_missing_from_the_open_ones_have_ended() -> None:
    """Unless their request may still be under way, or they are another account's."""
    ids = ClientIds(MemoryStore(), T0)
    ids.allocate(MAIN, ["old", "listed"], T0)
    ids.allocate("backpack/other", ["other"], T0)
    asked_ns = T0 + ARRIVAL_NS + 1
    ids.allocate(MAIN, ["young"], asked_ns)
    ids.note_open(MAIN, {"listed"}, asked_ns)
    ends = {text: bool(ids.pair(text).end_ns) for text in ("old", "listed", "other", "young")}
    assert ends == {"old": True, "listed": False, "other": False, "young": False}


KILLED = """
import os, signal, sys
from pathlib import Path
from ctosd.host.storage.store import FileStore
from drivers.backpack.clientids import ClientIds
print(ClientIds(FileStore(Path(sys.argv[1])), int(sys.argv[2])).allocate("backpack/main", ["ctos1"], int(sys.argv[2]))[0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_its_pairs_in_the_file(tmp_path) -> None:
    """With the daemon's own store and a real kill -9 right after the number was given out."""
    path = tmp_path / "backpack.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(T0)], capture_output=True, text=True, check=False, timeout=30)  # fmt: skip
    assert done.returncode == -9, done.stderr
    store = FileStore(path)
    ids = ClientIds(store, T0)
    assert (ids.number("ctos1"), ids.pair("ctos1").account) == (int(done.stdout), MAIN)
    assert ids.allocate(MAIN, ["ctos2"], T0)[0] > int(done.stdout)
    store.close()
