"""How often one thing is done again that helps at first and harms when it is repeated."""

from __future__ import annotations

SECOND_NS = 1_000_000_000
LEAST_NS = SECOND_NS
MOST_NS = 60 * SECOND_NS
CALM_NS = 60 * SECOND_NS


class Patience:
    """At once the first time; then 1, 2, 4 … 60 s after the last time, until there was a minute of calm.

    `due_ns` is when it is to be done next, 0 when nothing is planned. A clock that was set back makes no wait longer.
    """

    __slots__ = ("_delay_ns", "_done_ns", "due_ns")

    def __init__(self) -> None:
        self._done_ns = 0
        self._delay_ns = 0
        self.due_ns = 0

    def plan(self, now_ns: int) -> bool:
        """Plan the next time. False when one is planned already: it stands for both."""
        if self.due_ns:
            return False
        since_ns = abs(now_ns - self._done_ns)
        if not self._done_ns or since_ns > CALM_NS + self._delay_ns:
            self._delay_ns = 0
            self.due_ns = now_ns
        else:
            self._delay_ns = min(MOST_NS, max(LEAST_NS, 2 * self._delay_ns))
            self.due_ns = max(now_ns, min(self._done_ns, now_ns) + self._delay_ns)
        return True

    def is_due(self, now_ns: int) -> bool:
        return self.due_ns > 0 and (now_ns >= self.due_ns or self.due_ns - now_ns > MOST_NS)

    def done(self, now_ns: int) -> None:
        self.due_ns = 0
        self._done_ns = now_ns
