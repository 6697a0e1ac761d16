"""The venue's memory: shelves, all or nothing, and a store that refuses for a while."""

from __future__ import annotations

from drivers.paper.vault import Vault
from tests.drivers.paper.clockwork import DictStore, Log


def test_keys_stand_on_shelves() -> None:
    """What was kept is read back by the first part of its key, slashes in the rest included."""
    store = DictStore()
    vault = Vault(store, Log())
    vault.later("engine", {"order/paper/main/c1": b"1", "gone": None})
    vault.later("bar", {"BTC/USDT/7": b"2"})
    assert store.rows == {}
    assert vault.commit()
    assert store.writes == 1
    assert Vault(store, Log()).read() == {"engine": {"order/paper/main/c1": b"1"}, "bar": {"BTC/USDT/7": b"2"}}


def test_nothing_to_say_is_not_written() -> None:
    """A commit without changes does not touch the store; without a store everything is forgotten."""
    store = DictStore()
    assert Vault(store, Log()).commit()
    assert store.writes == 0
    none = Vault(None, Log())
    none.later("engine", {"a": b"1"})
    assert none.commit()
    assert none.read() == {}
    assert none.statistics()["waiting"] == 0


def test_what_the_disk_refused_is_written_later_and_the_newest_wins() -> None:
    """Changes wait in their order; the failure is told once, and so is the recovery."""
    store, log = DictStore(), Log()
    vault = Vault(store, log)
    store.broken = True
    for value in (b"1", b"2"):
        vault.later("engine", {"a": value, "b": value})
        assert not vault.commit()
    assert "No space" in vault.failed
    vault.later("engine", {"b": None})
    store.broken = False
    assert vault.commit()
    assert store.rows == {"engine/a": b"2"}
    assert vault.failed == ""
    assert [event for _, event, _ in log.lines] == ["paper_store_failed", "paper_store_works_again"]
