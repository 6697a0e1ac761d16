"""Mailboxes keep what may not be lost, newest of what conflates, and count what they drop."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ctosd.kernel.mailbox import Mailbox, Policy


async def handler(_: Any) -> None: ...


def drained(box: Mailbox) -> list[Any]:
    out = []
    while (letter := box.get()) is not None:
        out.append(letter.event)
    return out


def test_quotes_conflate_per_stream_and_keep_their_place() -> None:
    box = Mailbox()
    for stream, event in (("a", 1), ("b", 2), ("a", 3)):
        box.put(handler, event, "conflate", stream)
    assert drained(box) == [3, 2]
    assert box.conflated == 1


def test_trades_drop_the_oldest_and_count() -> None:
    box = Mailbox(capacity=2)
    for event in range(5):
        box.put(handler, event, "drop-oldest", "t")
    assert drained(box) == [3, 4]
    assert box.dropped == 3


def test_own_events_go_first_and_are_never_dropped() -> None:
    box = Mailbox(capacity=1)
    box.put(handler, "trade", "drop-oldest", "t")
    for event in range(1000):
        box.put(handler, event, "never-drop", "")
    assert drained(box) == [*range(1000), "trade"]


def test_clearing_returns_what_may_not_be_lost() -> None:
    box = Mailbox()
    box.put(handler, "fill", "never-drop", "")
    box.put(handler, "quote", "conflate", "q")
    box.put(handler, "trade", "drop-oldest", "t")
    assert box.clear() == ["fill"]
    assert len(box) == 0
    box.put(handler, "again", "conflate", "q")
    assert drained(box) == ["again"]


POLICIES: tuple[Policy, ...] = ("conflate", "drop-oldest", "never-drop")


@given(st.lists(st.tuples(st.sampled_from(POLICIES), st.sampled_from("ab")), max_size=60))
def test_accounts_for_every_event(puts: list[tuple[Policy, str]]) -> None:
    """received = delivered + conflated + dropped, and own events come in order."""
    box = Mailbox(capacity=3)
    for index, (policy, stream) in enumerate(puts):
        box.put(handler, (policy, index), policy, stream)
    out = drained(box)
    assert len(out) + box.conflated + box.dropped == box.received == len(puts)
    own = [index for policy, index in out if policy == "never-drop"]
    assert own == [i for i, (policy, _) in enumerate(puts) if policy == "never-drop"]
