"""Whether the venue can be traded on, told once for each change: private streams that are down, and maintenance."""

from __future__ import annotations

from ctosd.abi import Ports, VenueStatus, topic


class Presence:
    """The reasons why a venue is down; it is up when there are none. Silent until `open`, and after `close`."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._topic = topic("status", ports.venue)
        self._reasons: dict[str, str] = {}
        self._told = True
        self._open = False

    @property
    def up(self) -> bool:
        return not self._reasons

    @property
    def reasons(self) -> dict[str, str]:
        return dict(self._reasons)

    def open(self) -> None:
        """The driver has started: changes are published from now on, and one that is already there at once."""
        self._open, self._told = True, True
        self._tell()

    def close(self) -> None:
        self._open = False
        self._reasons.clear()

    def lose(self, what: str, reason: str) -> bool:
        """Something is down; `what` names it. False when that was known."""
        known = what in self._reasons
        self._reasons[what] = reason
        self._tell()
        return not known

    def regain(self, what: str) -> None:
        if self._reasons.pop(what, None) is not None:
            self._tell()

    def _tell(self) -> None:
        if not self._open or self.up == self._told:
            return
        self._told = self.up
        reason = "; ".join(self._reasons.values())
        now_ns = self._ports.clock.now_ns()
        self._ports.publish(
            self._topic, VenueStatus(venue=self._ports.venue, up=self.up, reason=reason, time_ns=now_ns)
        )
