"""Between a depth stream and its followers: they have the true book, or it is known that they have not."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import BookDelta
from ctosd.core.book import Chain, Rule
from ctosd.core.booksync import ANSWER_NS, GOOD_NS, BookSync, Source, Step

SECOND = 1_000_000_000
T0 = 1_767_225_600 * SECOND
Levels = list[tuple[float, float]]


def snapshot(
    last: int, bid: float = 100.0, ask: float = 101.0, ns: int = 1, previous: int = 0, symbol: str = "S"
) -> BookDelta:
    return BookDelta("v", symbol, [(bid, 1.0)], [(ask, 1.0)], ns, last_id=last, prev_id=previous, snapshot=True)


def delta(last: int, bids: Levels = [], asks: Levels = [], ns: int = 2, previous: int = -1) -> BookDelta:  # noqa: B006
    before = last - 1 if previous < 0 else previous
    return BookDelta("v", "S", bids, asks, ns, before + 1, last, before)


def rest(chain: Chain = "first") -> BookSync:
    return BookSync("v", "S", Rule(chain=chain))


def stream() -> BookSync:
    return BookSync("v", "S", Rule(chain="previous"), source="stream")


def live(sync: BookSync, last: int = 5, now_ns: int = T0) -> BookSync:
    sync.begin(now_ns)
    sync.take(snapshot(last, previous=-1), now_ns)
    assert sync.live
    return sync


def test_snapshot_is_fetched_at_once_and_not_at_the_first_delta() -> None:
    """A quiet market sends no delta for minutes; its book is wanted now."""
    sync = rest()
    assert sync.begin(T0) == Step(None, "fetch", "")
    step = sync.fetched(snapshot(5), T0 + SECOND)
    assert step.publish == snapshot(5, previous=-1)
    assert (sync.live, step.action) == (True, "")


def test_deltas_before_the_snapshot_are_in_the_snapshot_that_is_published() -> None:
    sync = rest()
    sync.begin(T0)
    assert [sync.take(delta(each, [(100.5, float(each))]), T0).publish for each in (4, 5, 6, 7)] == [None] * 4
    published = sync.fetched(snapshot(5), T0).publish
    assert published is not None
    assert (published.last_id, published.bids) == (7, [(100.5, 7.0), (100.0, 1.0)])
    following = delta(8)
    assert sync.take(following, T0).publish is following


def test_depth_bounds_what_is_published() -> None:
    sync = BookSync("v", "S", Rule(chain="first"), depth=1)
    sync.begin(T0)
    many = BookDelta("v", "S", [(99.0, 1.0), (100.0, 2.0)], [(102.0, 1.0), (101.0, 3.0)], 1, last_id=5, snapshot=True)
    published = sync.fetched(many, T0).publish
    assert published is not None
    assert (published.bids, published.asks) == ([(100.0, 2.0)], [(101.0, 3.0)])


def test_repetition_is_dropped() -> None:
    sync = live(rest())
    sync.take(delta(6), T0)
    assert sync.take(delta(6), T0) == Step()
    assert sync.live


def test_gap_is_told_and_fetched_for_at_once() -> None:
    sync = live(rest())
    assert sync.take(delta(8), T0) == Step(None, "fetch", "gap")
    assert not sync.live
    assert sync.take(delta(9), T0) == Step()
    published = sync.fetched(snapshot(7), T0).publish
    assert published is not None
    assert (published.last_id, published.prev_id) == (9, -1)


def test_snapshot_that_is_older_than_the_first_delta_is_fetched_again_with_growing_patience() -> None:
    sync = rest()
    now_ns = T0
    sync.begin(now_ns)
    sync.take(delta(50), now_ns)
    waits = []
    for _ in range(12):
        step = sync.fetched(snapshot(10), now_ns)
        assert step == Step(None, "", "the snapshot does not join on to the deltas")
        assert sync.check(sync.due_ns - 1).action == ""
        waits.append((sync.due_ns - now_ns) / SECOND)
        now_ns = sync.due_ns
        if sync.check(now_ns).action == "resubscribe":
            waits.append((sync.due_ns - now_ns) / SECOND)
            now_ns = sync.due_ns
            sync.take(delta(50), now_ns - 1)
            assert sync.check(now_ns).action == "fetch"
    assert waits[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
    assert waits[-1] == 30.0
    assert sync.statistics()["resubscribes"] == 4


def test_back_off_is_forgotten_after_a_good_minute_only() -> None:
    sync = live(rest())
    assert sync.take(delta(8), T0).action == "fetch"
    sync.fetched(snapshot(8), T0)
    assert sync.take(delta(11), T0 + SECOND).action == ""
    sync.check(sync.due_ns)
    sync.fetched(snapshot(11), T0 + 2 * SECOND)
    assert sync.take(delta(14), T0 + 2 * SECOND + GOOD_NS).action == "fetch"


def test_subscribing_again_does_not_get_round_the_back_off() -> None:
    sync = rest()
    assert sync.begin(T0).action == "fetch"
    for _ in range(3):
        sync.failed(T0)
        sync.check(sync.due_ns)
    assert sync.begin(T0 + 2 * SECOND).action == ""
    assert sync.check(sync.due_ns).action == "fetch"
    assert sync.begin(sync.due_ns + 2 * GOOD_NS).action == "fetch"


def test_fetch_that_failed_or_is_never_answered_is_repeated() -> None:
    sync = rest()
    sync.begin(T0)
    assert sync.failed(T0) == Step()
    assert sync.due_ns == T0 + SECOND // 5
    assert sync.check(sync.due_ns).action == "fetch"
    asked_ns = sync.due_ns - ANSWER_NS
    assert sync.check(asked_ns + ANSWER_NS).action == ""
    assert sync.check(sync.due_ns).action == "fetch"
    sync.fetched(snapshot(5), T0 + 60 * SECOND)
    assert sync.failed(T0 + 60 * SECOND) == Step()
    assert sync.live


def test_late_snapshot_does_not_turn_a_live_book_back_and_a_newer_one_is_taken() -> None:
    sync = live(rest())
    sync.take(delta(6), T0)
    assert sync.fetched(snapshot(4), T0) == Step()
    newer = sync.fetched(snapshot(9), T0).publish
    assert newer is not None
    assert newer.last_id == 9
    assert sync.take(delta(8), T0) == Step()
    assert sync.take(delta(10), T0).publish == delta(10)


def test_snapshot_from_before_a_crossed_book_is_not_believed() -> None:
    sync = live(rest())
    sync.take(delta(6, [(102.0, 1.0)], ns=SECOND), T0)
    assert sync.take(delta(7, ns=3 * SECOND), T0) == Step(None, "fetch", "crossed")
    assert sync.fetched(snapshot(6), T0).publish is None
    assert sync.check(sync.due_ns).action == "fetch"
    assert sync.fetched(snapshot(7), T0).publish is not None


def test_book_that_stays_crossed_in_silence_is_given_up() -> None:
    """No delta comes, so only the wall clock can tell."""
    sync = live(rest())
    assert sync.take(delta(6, [(101.0, 1.0)]), T0).publish is not None
    assert sync.check(T0) == Step()
    assert sync.check(T0 + SECOND) == Step()
    assert sync.check(T0 + SECOND + 1) == Step(None, "fetch", "crossed")
    assert not sync.live


def test_book_that_uncrosses_between_two_looks_is_kept() -> None:
    sync = live(rest())
    sync.take(delta(6, [(101.0, 1.0)]), T0)
    sync.check(T0)
    sync.take(delta(7, [(101.0, 0.0)]), T0)
    sync.take(delta(8, [(101.0, 1.0)]), T0 + 2 * SECOND)
    assert sync.check(T0 + 2 * SECOND) == Step()
    assert sync.live


def test_impossible_price_is_a_reason() -> None:
    sync = live(rest())
    assert sync.take(delta(6, [(-1.0, 1.0)]), T0) == Step(None, "fetch", "malformed")
    assert sync.fetched(snapshot(7, bid=float("nan")), T0).reason == "malformed"


def test_lost_connection_is_silence_until_the_next_subscription() -> None:
    sync = live(rest())
    sync.lost()
    assert not sync.live
    assert sync.take(delta(6), T0) == Step()
    assert sync.check(T0 + 3600 * SECOND) == Step()
    assert sync.begin(T0 + 3600 * SECOND).action == "fetch"


def test_stream_with_snapshots_waits_for_its_own() -> None:
    sync = stream()
    assert sync.begin(T0) == Step()
    assert sync.take(snapshot(5, previous=-1), T0).publish == snapshot(5, previous=-1)
    assert sync.take(delta(5, previous=5), T0).publish is not None, "OKX repeats an id to show that it lives"
    assert sync.take(delta(9, previous=7), T0) == Step(None, "resubscribe", "gap")
    assert sync.take(delta(12, previous=9), T0) == Step()
    assert sync.take(snapshot(11, previous=-1), T0).publish == snapshot(11, previous=-1), (
        "older deltas are not mixed in"
    )


def test_stream_that_begins_without_its_snapshot_is_helped_by_rest() -> None:
    sync = stream()
    sync.begin(T0)
    sync.take(delta(8), T0)
    assert sync.check(T0 + 2 * SECOND) == Step()
    assert sync.check(T0 + 3 * SECOND).action == ""
    assert sync.check(sync.due_ns).action == "fetch"
    published = sync.fetched(snapshot(7), sync.due_ns).publish
    assert published is not None
    assert published.last_id == 8


def test_stream_that_brings_nothing_is_subscribed_again() -> None:
    sync = stream()
    sync.begin(T0)
    assert sync.check(sync.due_ns).action == ""
    assert sync.check(sync.due_ns).action == "resubscribe"


def test_stream_may_send_a_snapshot_by_itself() -> None:
    sync = live(stream(), 50)
    sync.take(delta(51), T0)
    assert sync.take(snapshot(3, previous=-1), T0).publish == snapshot(3, previous=-1)


@pytest.mark.parametrize("joined", [True, False])
def test_ids_that_went_back_unseen_are_no_repetitions(joined: bool) -> None:
    """The venue began to count anew and that message was lost: every later one looks old for ever."""
    sync = live(stream(), 1000)
    if joined:
        sync.take(delta(1001), T0)
    assert sync.take(delta(5, ns=9), T0) == Step(None, "resubscribe", "the venue's ids went back")


def test_deltas_still_on_their_way_when_the_snapshot_came_are_no_reset() -> None:
    sync = live(rest(), 1000)
    assert sync.take(delta(998, ns=9), T0) == Step()
    assert sync.take(delta(998, ns=9), T0 + 10 * SECOND).reason == "the venue's ids went back"


# -- against a true book, whatever goes wrong ---------------------------------------------------------------------------


@dataclass
class Truth:
    """A book that changes, and all that it ever was. `index` counts its changes; ids are as the venue's chain wants them."""

    chain: Chain
    source: Source
    random: random.Random
    last: int = 1_000_000_000
    may_reset: bool = True
    states: list[tuple[int, dict[float, float], dict[float, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states.append((self.last, {100.0: 1.0}, {101.0: 1.0}))

    def change(self) -> BookDelta:
        _, bids, asks = self.states[-1]
        pick = self.random
        new_bids = [(100.0 - pick.randrange(8), float(pick.randrange(4))) for _ in range(pick.randrange(4))]
        new_asks = [(101.0 + pick.randrange(8), float(pick.randrange(4))) for _ in range(pick.randrange(4))]
        previous, first = self.last, self.last + 1
        self.last += pick.randrange(1, 5)
        if self.source == "stream":
            if pick.random() < 0.05:
                new_bids, new_asks, self.last = [], [], previous
            elif pick.random() < 0.05 and self.may_reset:
                self.last -= pick.randrange(1_000, 1_000_000)
        self.states.append((self.last, _merged(bids, new_bids), _merged(asks, new_asks)))
        return BookDelta("v", "S", new_bids, new_asks, len(self.states) - 1, first, self.last, previous)

    def snapshot(self, back: int = 0, previous: int = 0) -> BookDelta:
        index = max(0, len(self.states) - 1 - back)
        last, bids, asks = self.states[index]
        return BookDelta(
            "v", "S", list(bids.items()), list(asks.items()), index, last_id=last, prev_id=previous, snapshot=True
        )


def _merged(side: dict[float, float], changes: Levels) -> dict[float, float]:
    return {price: size for price, size in {**side, **dict(changes)}.items() if size > 0}


class Follower:
    """What a strategy does with what is published, in its plainest form. Event times are the indices of the truth."""

    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.index = -1

    def hear(self, event: BookDelta) -> None:
        if event.snapshot:
            self.bids, self.asks = dict(event.bids), dict(event.asks)
        else:
            assert self.index >= 0, "a delta before any snapshot"
            self.bids, self.asks = _merged(self.bids, event.bids), _merged(self.asks, event.asks)
        self.index = event.time_ns


class Line:
    """The way from the venue to the sync, and back with what it asks for."""

    def __init__(self, truth: Truth, faulty: float) -> None:
        self.truth = truth
        self.sync = BookSync("v", "S", Rule(chain=truth.chain), source=truth.source)
        self.follower = Follower()
        self.faulty = faulty
        self.now_ns = T0
        self.delivered = 0
        self.late: list[tuple[int, Callable[[], Step]]] = []
        self.held: BookDelta | None = None
        self.cut = 0
        self.done(self.sync.begin(self.now_ns))

    def done(self, step: Step) -> None:
        if step.publish is not None:
            self.follower.hear(step.publish)
        pick = self.truth.random
        wait = pick.randrange(6) if pick.random() < self.faulty else 0
        if step.action == "fetch":
            image = self.truth.snapshot(pick.randrange(6) if pick.random() < self.faulty else 0)
            answer = self.sync.failed if pick.random() < self.faulty / 2 else None
            self.late.append((wait, lambda: answer(self.now_ns) if answer else self.sync.fetched(image, self.now_ns)))
        elif step.action == "resubscribe" and self.truth.source == "stream":
            # What is on the wire before the new subscription still comes; then its snapshot, made when it is sent.
            self.late.append((wait, self._opened))
        elif step.action == "resubscribe":
            self.delivered = 0  # a new subscription knows nothing of the one before
        self.agree()

    def _opened(self) -> Step:
        self.delivered = len(self.truth.states) - 1
        return self.sync.take(self.truth.snapshot(previous=-1), self.now_ns)

    def agree(self) -> None:
        """Whoever follows has the book as it was after the newest message, or it is known that he has not."""
        follower, states = self.follower, self.truth.states
        if follower.index < 0:
            return
        book = (follower.bids, follower.asks)
        assert book == states[follower.index][1:], "a book that never was"
        assert not self.sync.live or book == states[max(self.delivered, follower.index)][1:], "an old book"

    def turn(self) -> None:
        self.now_ns += self.truth.random.choice([SECOND // 20, SECOND, 3 * SECOND])
        self.truth.may_reset = self.sync.live and not self.late  # a REST image from before a reset is told by time only
        self.send(self.truth.change())
        self.late = [(wait - 1, call) for wait, call in self.late]
        for entry in [entry for entry in self.late if entry[0] < 0]:
            self.late.remove(entry)
            self.done(entry[1]())
        self.done(self.sync.check(self.now_ns))

    def send(self, change: BookDelta) -> None:
        pick = self.truth.random
        fault = pick.choice(["drop", "swap", "repeat", "cut"]) if pick.random() < self.faulty else ""
        if fault == "cut":
            self.cut = pick.randrange(1, 6)
        if self.cut or fault == "drop":
            self.cut = max(0, self.cut - 1)
            return
        if fault == "swap" and self.held is None:
            self.held = change
            return
        for each in [change, change] if fault == "repeat" else [change]:
            self.deliver(each)
        if self.held is not None:
            held, self.held = self.held, None
            self.deliver(held)

    def deliver(self, change: BookDelta) -> None:
        self.delivered = max(self.delivered, change.time_ns)
        self.done(self.sync.take(change, self.now_ns))


VENUES: dict[str, tuple[Chain, Source]] = {
    "binance futures": ("previous", "rest"),
    "binance spot, backpack": ("first", "rest"),
    "okx": ("previous", "stream"),
}


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), faulty=st.sampled_from([0.0, 0.05, 0.3, 0.7]), turns=st.integers(5, 120))
def test_follower_has_the_true_book_or_it_is_known_that_he_has_not(
    venue: str, seed: int, faulty: float, turns: int
) -> None:
    chain, source = VENUES[venue]
    line = Line(Truth(chain, source, random.Random(seed)), faulty)
    if source == "stream":
        line.done(line._opened())
    for _ in range(turns):
        line.turn()
    line.faulty, line.cut = 0.0, 0
    for _ in range(120):
        line.turn()
        if line.sync.live and not line.late and line.held is None:
            break
    else:
        pytest.fail(f"no book after the faults were over: {line.sync.statistics()}")
    for _ in range(5):
        line.turn()
        assert line.sync.live
        assert line.follower.index == len(line.truth.states) - 1


def test_statistics_tell_why() -> None:
    sync = live(rest())
    sync.take(delta(8), T0)
    told: Any = sync.statistics()
    assert (told["live"], told["losses"], told["fetches"], told["snapshots"]) == (False, {"gap": 1}, 2, 1)
