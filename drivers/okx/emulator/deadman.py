"""Cancel-all-after: OKX's dead man's switch, one timer an account and one more for each tag (sheet section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi import Timer
from drivers.okx.emulator.desk import Desk
from drivers.okx.emulator.figures import ms, whole
from drivers.okx.emulator.ledger import Book
from drivers.okx.emulator.refusals import Refusal
from drivers.okx.emulator.terms import TAG

SECOND = 1_000_000_000
MOST_TAGS = 20
SOURCE = "20"


class DeadMan:
    """`call_at` is the clock's. The venue's time `now` may be skewed; timers are not."""

    def __init__(
        self,
        desk: Desk,
        books: Mapping[str, Book],
        now: Callable[[], int],
        later: Callable[[int, Callable[[], None]], Timer],
    ) -> None:
        self._desk = desk
        self._books = books
        self._now = now
        self._later = later
        self._timers: dict[tuple[str, str], Timer] = {}
        self.fired = 0

    def arm(self, account: str, given: Mapping[str, Any]) -> list[dict[str, str]]:
        """``timeOut`` 0 disarms, 10 to 120 seconds arm anew. Raises `Refusal`."""
        if given.get("timeOut") in (None, ""):
            raise Refusal("50014", "timeOut")
        seconds, tag = whole(given["timeOut"]), given.get("tag") or ""
        if seconds is None or not (seconds == 0 or 10 <= seconds <= 120):
            raise Refusal("51000", "timeOut")
        if tag and not (isinstance(tag, str) and TAG.fullmatch(tag)):
            raise Refusal("51000", "tag")
        key = (account, tag)
        tagged = sum(each[0] == account and bool(each[1]) for each in self._timers)
        if tag and key not in self._timers and tagged >= MOST_TAGS:
            raise Refusal("51071")
        if (old := self._timers.pop(key, None)) is not None:
            old.cancel()
        now_ns = self._now()
        if seconds:
            self._timers[key] = self._later(seconds * SECOND, lambda: self._fire(account, tag))
        return [{"triggerTime": ms(now_ns + seconds * SECOND) if seconds else "0", "tag": tag, "ts": ms(now_ns)}]

    def _fire(self, account: str, tag: str) -> None:
        self._timers.pop((account, tag), None)
        self.fired += 1
        for ticket in list(self._books[account].pending.values()):
            if tag in ("", ticket.tag):
                self._desk.withdraw(ticket, SOURCE)

    def statistics(self) -> dict[str, Any]:
        return {"armed": sorted("/".join(each) for each in self._timers), "fired": self.fired}
