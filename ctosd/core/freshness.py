"""The ladder that a silent stream climbs, as a pure state machine over ages: no clock, no socket.

A stream that must flow and does not is `stale`; then, each after its own patience, it is subscribed again, its connection
is replaced, what it would have told is fetched by REST for as long as it stays silent, and a person is called. The first
message takes it off the ladder, from whatever rung::

    fresh --quiet--> stale, resubscribe --> reconnect --> bridge --> alarm --> bridge --> bridge ...
      ^                                                                                     |
      +------------------------------------ any message -----------------------------------+
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

SECOND_NS = 1_000_000_000

Act = Literal["stale", "resubscribe", "reconnect", "bridge", "alarm"]
MENDS: tuple[Act, ...] = ("resubscribe", "reconnect")
"""Rungs that need the stream to be subscribed; while its connection is down it is being mended anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """How long each rung is given to help, in seconds."""

    resubscribe_s: float = 8.0
    reconnect_s: float = 15.0
    bridge_s: float = 5.0  # from the first bridge to the alarm, and the first of the waits between bridges
    bridge_cap_s: float = 60.0


class Step(NamedTuple):
    """One act that is due for a stream, and why."""

    stream: str
    act: Act
    reason: str


class Watch:
    """What is known of one stream. `rung` is 0 while it is fresh."""

    __slots__ = ("due_ns", "first_ns", "quiet_ns", "reason", "rung", "since_ns", "subscribed_ns")

    def __init__(self, quiet_s: float, first_s: float) -> None:
        self.quiet_ns = int(quiet_s * SECOND_NS)
        self.first_ns = int(first_s * SECOND_NS)
        self.subscribed_ns = 0  # 0: not subscribed now
        self.rung = 0
        self.due_ns = 0  # when the next rung is climbed
        self.since_ns = 0  # when it went stale
        self.reason = ""


class Freshness:
    """The streams of one session. Whoever hears a message writes its time into `ages`, and asks `fresh` for those in `stale`."""

    __slots__ = ("_checked_ns", "_ladder", "_watches", "ages", "stale")

    def __init__(self, ladder: Ladder | None = None) -> None:
        self._ladder = ladder or Ladder()
        self._watches: dict[str, Watch] = {}
        self._checked_ns = 0
        self.ages: dict[str, int] = {}  # stream -> when its last message came
        self.stale: set[str] = set()

    def want(self, stream: str, quiet_s: float, first_s: float) -> None:
        self._watches[stream] = Watch(quiet_s, first_s)

    def forget(self, stream: str) -> None:
        self._watches.pop(stream, None)
        self.ages.pop(stream, None)
        self.stale.discard(stream)

    def subscribed(self, streams: Iterable[str], now_ns: int) -> None:
        """The venue was asked for these now: from here on their first message is waited for."""
        for stream in streams:
            if (watch := self._watches.get(stream)) is not None:
                watch.subscribed_ns = now_ns

    def adopted(self, streams: Iterable[str], now_ns: int) -> None:
        """Another connection brings these from now on. Those that flowed go on; their first message there went unheard."""
        self.subscribed([stream for stream in streams if self._is_unsubscribed(stream)], now_ns)

    def _is_unsubscribed(self, stream: str) -> bool:
        watch = self._watches.get(stream)
        return watch is not None and not watch.subscribed_ns

    def first_s(self, stream: str) -> float:
        """How soon after its subscription the first message must come; 0 when it need not."""
        watch = self._watches.get(stream)
        return watch.first_ns / SECOND_NS if watch is not None else 0.0

    def unsubscribed(self, streams: Iterable[str]) -> None:
        """Their connection is gone, or the venue refused them. Their age goes on, the wait for a first message does not."""
        for stream in streams:
            if (watch := self._watches.get(stream)) is not None:
                watch.subscribed_ns = 0

    def fresh(self, stream: str) -> bool:
        """A message came on `stream`: take it off the ladder. True when it was stale."""
        self.stale.discard(stream)
        watch = self._watches.get(stream)
        if watch is None or not watch.rung:
            return False
        watch.rung = 0
        watch.reason = ""
        return True

    def check(self, now_ns: int, late_ns: int = 5 * SECOND_NS) -> list[Step]:
        """The acts that are due. To be asked about once a second.

        When the last question is longer ago than `late_ns`, or lies ahead, then the machine slept or its clock was set:
        that time counts for nobody, for what arrived meanwhile could not be heard.
        """
        passed_ns, self._checked_ns = now_ns - self._checked_ns, now_ns
        if passed_ns != now_ns and not 0 <= passed_ns <= late_ns:
            self._shift(passed_ns, now_ns)
        steps: list[Step] = []
        for stream, watch in self._watches.items():
            if not watch.rung:
                watch.reason = self._silence(stream, watch, now_ns)
                if not watch.reason:
                    continue
                watch.rung, watch.since_ns, watch.due_ns = 1, now_ns, now_ns
                self.stale.add(stream)
                steps.append(Step(stream, "stale", watch.reason))
            if now_ns >= watch.due_ns:
                self._climb(stream, watch, now_ns, steps)
        return steps

    def _silence(self, stream: str, watch: Watch, now_ns: int) -> str:
        """Why the stream is stale; empty while it is not."""
        heard_ns = self.ages.get(stream, 0)
        begun_ns = watch.subscribed_ns
        if begun_ns and heard_ns < begun_ns and watch.first_ns and now_ns - begun_ns >= watch.first_ns:
            return (
                f"subscribed {_seconds(now_ns - begun_ns)} ago and nothing came: the venue took the subscription, or did"
                " not refuse it, and stays silent; a wrong route or a dead market is the usual cause"
            )
        if not watch.quiet_ns:
            return ""
        since_ns = heard_ns or (0 if watch.first_ns else begun_ns)
        if since_ns and now_ns - since_ns >= watch.quiet_ns:
            return f"nothing for {_seconds(now_ns - since_ns)}"
        return ""

    def _climb(self, stream: str, watch: Watch, now_ns: int, steps: list[Step]) -> None:
        act, patience_s = self._rung(watch.rung)
        watch.rung += 1
        watch.due_ns = now_ns + int(patience_s * SECOND_NS)
        if watch.subscribed_ns or act not in MENDS:
            steps.append(Step(stream, act, f"{watch.reason}; stale for {_seconds(now_ns - watch.since_ns)}"))

    def _rung(self, rung: int) -> tuple[Act, float]:
        ladder = self._ladder
        if rung == 1:
            return "resubscribe", ladder.resubscribe_s
        if rung == 2:
            return "reconnect", ladder.reconnect_s
        if rung == 4:
            return "alarm", ladder.bridge_s
        return "bridge", min(ladder.bridge_cap_s, ladder.bridge_s * 2.0 ** min(max(0, rung - 4), 16))

    def _shift(self, by_ns: int, now_ns: int) -> None:
        """Forgive `by_ns` to everybody; what is younger than the jump is of now at the latest."""
        lent_ns = max(0, by_ns)
        for stream, heard_ns in self.ages.items():
            self.ages[stream] = min(heard_ns + lent_ns, now_ns)
        for watch in self._watches.values():
            watch.due_ns += by_ns
            watch.since_ns = min(watch.since_ns + lent_ns, now_ns)
            if watch.subscribed_ns:
                watch.subscribed_ns = min(watch.subscribed_ns + lent_ns, now_ns)

    def statistics(self, now_ns: int) -> Mapping[str, Any]:
        """Ages in ms, None for a stream that was never heard."""
        ages = self.ages
        return {
            "streams": {
                stream: round((now_ns - ages[stream]) / 1e6, 1) if stream in ages else None for stream in self._watches
            },
            "stale": {stream: self._watches[stream].reason for stream in sorted(self.stale) if stream in self._watches},
        }


def _seconds(ns: int) -> str:
    return f"{ns / SECOND_NS:.1f} s"
