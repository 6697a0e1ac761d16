"""What lies between a venue's depth stream and those who follow it: when to publish, when to fetch, when to begin again.

`Book` knows whether deltas hang together; `BookSync` adds what a driver must do about it. Those who follow are given a
snapshot, then the deltas that follow it without a gap, and after any doubt a snapshot again. All snapshots that it makes
carry ``prev_id = -1``: they replace whatever a follower holds, also when their ids are lower.

Two sources of snapshots: `rest` (Binance, Backpack: the stream has deltas only) and `stream` (OKX: a subscription begins
with one; should it ever not, `fetch` is asked for as well).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ctosd.abi.events import BookDelta
from ctosd.core.book import Book, Rule
from ctosd.core.restart import RestartPolicy, next_delay

SECOND_NS = 1_000_000_000
ANSWER_NS = 10 * SECOND_NS
"""How long a snapshot that was asked for is waited for."""
UNOPENED_NS = 3 * SECOND_NS
"""And so long where a stream begins with one, but brings deltas instead."""
FLIGHT_NS = 5 * SECOND_NS
"""Deltas that were made before a snapshot may come so long after it."""
GOOD_NS = 60 * SECOND_NS
"""A book that held for so long forgets the failures before it."""
ASKING = RestartPolicy(policy="always", backoff_s=0.2, cap_s=30.0, jitter=0.0)
TURN = 4
"""Every so many failures in a row a book of the source `rest` is given a new subscription: what it kept may itself be wrong."""
ALL = 1 << 30

Action = Literal["", "fetch", "resubscribe"]
Source = Literal["rest", "stream"]


class Step(NamedTuple):
    """What the driver does now: publish this, ask for that. `reason` says why trust in the book was lost, at that moment."""

    publish: BookDelta | None = None
    action: Action = ""
    reason: str = ""


NOTHING = Step()


class BookSync:
    """One book of one venue. Hand it what the stream brings (`take`), what REST answered (`fetched`, `failed`), and time (`check`).

    `depth`: levels a side in the snapshots that it publishes; 0 for all.
    """

    def __init__(
        self, venue: str, symbol: str, rule: Rule | None = None, *, source: Source = "rest", depth: int = 0
    ) -> None:
        self.book = Book(venue, symbol, rule)
        self.live = False  # whether those who follow have the true book, as far as the stream has told
        self.due_ns = 0  # when `check` is wanted next; 0: not on account of a snapshot
        self._source: Source = source
        self._depth = depth or ALL
        self._joined = False  # whether a delta was published since the snapshot
        self._ordered = False  # whether that snapshot came in the stream, so that nothing older can follow
        self._asked: Action = ""  # how the snapshot that is waited for was asked for, and when
        self._asked_ns = 0
        self._failures = 0  # in a row
        self._failed_ns = 0  # the last of them
        self._held = False  # whether deltas came since the snapshot was asked for
        self._unopened = False  # deltas came, but not the snapshot that a stream should begin with
        self._live_ns = 0
        self._floor = 0  # a REST snapshot below this id is older than what proved the book wrong
        self._crossed_ns = 0
        self._counts = {"published": 0, "snapshots": 0, "fetches": 0, "resubscribes": 0, "stale": 0}
        self._losses: dict[str, int] = {}

    # -- what happens ---------------------------------------------------------------------------------------------------

    def begin(self, now_ns: int) -> Step:
        """The stream is (or is being) subscribed, for the first time or again: a snapshot is wanted at once."""
        self.lost()
        if now_ns - self._failed_ns >= GOOD_NS:
            self._failures = 0
        delay_s = next_delay(ASKING, self._failures, 0.0)
        if self._source == "stream":
            self._await("resubscribe", now_ns)
            return NOTHING
        self.due_ns = now_ns + int(delay_s * SECOND_NS)
        return self._ask("fetch", now_ns) if now_ns >= self.due_ns else NOTHING

    def lost(self) -> None:
        """The connection is gone: nothing is known until `begin`."""
        self.book.reset()
        self._drop()
        self._floor = 0
        self.due_ns = 0

    def take(self, delta: BookDelta, now_ns: int) -> Step:
        """What the stream brought."""
        if delta.snapshot:
            return self.fetched(delta, now_ns) if self._source == "rest" else self._restart(delta, now_ns)
        verdict = self.book.apply(delta)
        if not verdict and self.live:
            self._joined = True
            if self._crossed_ns and not self._is_crossed():
                self._crossed_ns = 0
            self._counts["published"] += 1
            return Step(delta)
        if verdict in ("gap", "crossed", "malformed"):
            if verdict != "gap":
                self._floor = delta.last_id
            return self._lose(verdict, now_ns)
        if verdict == "stale":
            return self._outdated(delta, now_ns)
        self._held = True
        return self._pending(now_ns)

    def fetched(self, snapshot: BookDelta, now_ns: int) -> Step:
        """A REST snapshot came. One that nobody waits for any more may be from before the deltas that were forgotten since."""
        if self.live:
            older = (
                self._source == "stream" and snapshot.time_ns <= self.book.time_ns
            )  # ids of such a venue may go back
            if older or snapshot.last_id <= self.book.last_id:
                return NOTHING
        elif self._asked != "fetch":
            return NOTHING
        if 0 < snapshot.last_id < self._floor:
            return self._again("the snapshot is older than what proved the book wrong", now_ns)
        return self._replace(snapshot, now_ns)

    def failed(self, now_ns: int) -> Step:
        """The REST snapshot could not be had."""
        return NOTHING if self._asked != "fetch" else self._again("", now_ns)

    def check(self, now_ns: int) -> Step:
        """Time passed. Wanted at `due_ns`, and about once a second: a book may stay crossed while no delta comes."""
        if not self.live:
            return self._pending(now_ns)
        if not self._is_crossed():
            self._crossed_ns = 0
            return NOTHING
        if not self._crossed_ns:
            self._crossed_ns = now_ns
        if now_ns - self._crossed_ns <= self.book.rule.crossed_ns:
            return NOTHING
        self._floor = self.book.last_id
        self.book.reset()
        return self._lose("crossed", now_ns)

    # -- from doubt to a book -------------------------------------------------------------------------------------------

    def _restart(self, snapshot: BookDelta, now_ns: int) -> Step:
        """A snapshot in the stream: what was kept from before it is older."""
        if not self.live:
            self.book.reset()
        step = self._replace(snapshot, now_ns)
        self._ordered = self.live
        return step

    def _replace(self, snapshot: BookDelta, now_ns: int) -> Step:
        verdict = self.book.apply(snapshot)
        if verdict == "stale":
            self._counts["stale"] += 1
            return NOTHING
        if verdict:
            reason = "the snapshot does not join on to the deltas" if verdict == "gap" else verdict
            return self._lose(reason, now_ns) if self.live else self._again(reason, now_ns)
        self.live = True
        self._joined = self._ordered = False
        self._live_ns = now_ns
        self._asked = ""
        self._floor = self.due_ns = self._crossed_ns = 0
        self._counts["snapshots"] += 1
        book = self.book
        return Step(
            BookDelta(
                book.venue,
                book.symbol,
                book.levels("buy", self._depth),
                book.levels("sell", self._depth),
                book.time_ns,
                last_id=book.last_id,
                prev_id=-1,
                snapshot=True,
            )
        )

    def _outdated(self, delta: BookDelta, now_ns: int) -> Step:
        """A delta with old ids is a repetition, unless the venue made it later: then its ids began anew and we missed where."""
        self._counts["stale"] += 1
        if not self.live or delta.time_ns <= self.book.time_ns:
            return NOTHING
        if not (self._joined or self._ordered or now_ns - self._live_ns > FLIGHT_NS):
            return NOTHING
        self.book.reset()
        return self._lose("the venue's ids went back", now_ns)

    def _lose(self, reason: str, now_ns: int) -> Step:
        """A book that was live is lost. The first time in a good while help is asked for at once."""
        if self.live and now_ns - self._live_ns >= GOOD_NS:
            self._failures = 0
        at_once = self.live and not self._failures
        self._drop()
        return self._again(reason, now_ns, at_once)

    def _drop(self) -> None:
        self.live = self._joined = self._held = self._unopened = False
        self._asked = ""
        self._crossed_ns = 0

    def _again(self, reason: str, now_ns: int, at_once: bool = False) -> Step:
        """One more failure: help is asked for when its time comes."""
        if reason:
            self._losses[reason] = self._losses.get(reason, 0) + 1
        self._fail(now_ns, at_once)
        return self._pending(now_ns, reason)

    def _fail(self, now_ns: int, at_once: bool = False) -> None:
        self._asked = ""
        self._failed_ns = now_ns
        if not at_once:
            self._failures = max(1, self._failures)
        self.due_ns = now_ns + int(next_delay(ASKING, self._failures, 0.0) * SECOND_NS)
        self._failures += 1

    def _pending(self, now_ns: int, reason: str = "") -> Step:
        """Ask when it is time to; give up waiting for an answer that does not come."""
        unopened = self._held and self._source == "stream"
        if self._asked and now_ns - self._asked_ns >= (UNOPENED_NS if unopened else ANSWER_NS):
            self._unopened = unopened
            return self._again("no snapshot came", now_ns)
        if self._asked or not self.due_ns or now_ns < self.due_ns:
            return Step(reason=reason) if reason else NOTHING
        return self._ask(self._remedy(), now_ns, reason)

    def _remedy(self) -> Action:
        if self._source == "stream":
            return "fetch" if self._unopened else "resubscribe"
        return "fetch" if self._failures % TURN else "resubscribe"

    def _ask(self, action: Action, now_ns: int, reason: str = "") -> Step:
        self._unopened = False
        if action == "fetch":
            self._counts["fetches"] += 1
            self._await(action, now_ns)
            return Step(None, action, reason)
        self._counts["resubscribes"] += 1
        self.book.reset()
        self._floor = 0
        if self._source == "stream":
            self._await(action, now_ns)
        else:  # the subscription brings no snapshot: that one is fetched a little later
            self._fail(now_ns)
        return Step(None, action, reason)

    def _await(self, action: Action, now_ns: int) -> None:
        self._held = False
        self._asked, self._asked_ns = action, now_ns
        self.due_ns = now_ns + ANSWER_NS

    def _is_crossed(self) -> bool:
        bid, ask = self.book.best_bid, self.book.best_ask
        return bid is not None and ask is not None and bid >= ask

    def statistics(self) -> Mapping[str, Any]:
        return {
            "live": self.live,
            "failures": self._failures,
            "due_ns": self.due_ns,
            **self._counts,
            "losses": dict(self._losses),
            "book": self.book.statistics(),
        }
