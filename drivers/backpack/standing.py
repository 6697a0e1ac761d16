"""Whether the venue is up, as the kernel shall hear it: not in maintenance, and every account's private stream there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ctosd.abi import Clock, VenueStatus, topic


class Standing:
    """Tells changes only. Before `begin` nothing is told: a driver that has started is up."""

    def __init__(
        self, venue: str, accounts: Iterable[str], clock: Clock, publish: Callable[[str, VenueStatus], None]
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._publish = publish
        self._topic = topic("status", venue)
        self._down: dict[str, str] = dict.fromkeys(accounts, "its private stream is not up yet")
        self._maintenance = ""
        self._told = True
        self._begun = False

    @property
    def up(self) -> bool:
        return not self._down and not self._maintenance

    @property
    def maintenance(self) -> str:
        return self._maintenance

    def begin(self) -> None:
        """The driver's start is about to return."""
        self._begun = True
        self._tell()

    def end(self) -> None:
        """The driver stops; nobody is told of what closes now."""
        self._begun = False

    def link(self, account: str, up: bool, reason: str = "") -> None:
        """The private stream of an account came up or was lost."""
        if up:
            self._down.pop(account, None)
        else:
            self._down[account] = reason
        self._tell()

    def maintain(self, reason: str) -> None:
        """The venue is in maintenance, and why; empty when it is over."""
        self._maintenance = reason
        self._tell()

    @property
    def reason(self) -> str:
        if self._maintenance:
            return f"maintenance: {self._maintenance}"
        return "; ".join(f"{account}: {reason}" for account, reason in self._down.items())

    def _tell(self) -> None:
        if self._begun and self.up != self._told:
            self._told = self.up
            status = VenueStatus(venue=self._venue, up=self.up, reason=self.reason, time_ns=self._clock.now_ns())
            self._publish(self._topic, status)

    def statistics(self) -> Mapping[str, Any]:
        return {"up": self.up, "reason": self.reason}
