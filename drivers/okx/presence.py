"""Whether the venue can be traded on: the connections of its accounts, and its own word on maintenance. (Sheet section 5.)

Told once for all accounts. During a maintenance entries pause, and cancels still go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ctosd.abi import NotReady, Ports, VenueStatus, topic
from drivers.okx.records import StatusRow
from drivers.okx.rest import Rest

ASK_S = 30.0
WHOLE = frozenset({"0", "5", "8"})
"""Services whose maintenance stops us: WebSocket, trading, trading in batches of accounts."""
STOPPED = frozenset({"ongoing", "pre_open"})
ENVIRONMENTS = {"1": "live", "2": "demo"}
PATH = "/api/v5/system/status"


class Presence:
    """`links()` says which of the accounts' connections is down and why, empty for none."""

    def __init__(self, ports: Ports, rest: Rest, environment: str, links: Callable[[], str]) -> None:
        self._ports = ports
        self._rest = rest
        self._environment = environment
        self._links = links
        self._topic = topic("status", ports.venue)
        self._maintenance = ""
        self._up = True
        self._started = False
        self._asking = False

    @property
    def maintenance(self) -> str:
        """What the venue does to itself now; empty for nothing."""
        return self._maintenance

    @property
    def up(self) -> bool:
        return self._up

    def begin(self) -> None:
        """The driver has started: from now on changes are told."""
        self._started = True
        self._up = not self.reason()
        if not self._up:
            self._publish(False, self.reason())

    def reason(self) -> str:
        """Why the venue is down; empty while it is up."""
        return f"maintenance: {self._maintenance}" if self._maintenance else self._links()

    def changed(self) -> None:
        """A connection came or went, or a maintenance began or ended."""
        reason = self.reason()
        if self._started and self._up != (not reason):
            self._up = not reason
            self._publish(self._up, reason or "connected")

    def _publish(self, up: bool, reason: str) -> None:
        now_ns = self._ports.clock.now_ns()
        self._ports.publish(
            self._topic, VenueStatus(venue=self._ports.venue, up=up, reason=reason, time_ns=now_ns)
        )  # fmt: skip

    # -- maintenance ----------------------------------------------------------------------------------------------------

    def hear(self, rows: Iterable[StatusRow], *, whole: bool = False) -> None:
        """Rows of the venue's status. `whole`: they are all that there are."""
        concerned = [row for row in rows if self._concerns(row)]
        now = next((row for row in concerned if row.state in STOPPED), None)
        if now is not None:
            title = now.title or "announced by the venue"
            if title != self._maintenance:
                self._maintenance = title
                self._ports.log.warning("okx_maintenance", venue=self._ports.venue, reason=title)
            self.suspect()
        elif self._maintenance and (whole or any(row.state in {"completed", "canceled"} for row in concerned)):
            self._maintenance = ""
            self._ports.log.info("okx_maintenance_over", venue=self._ports.venue)
        self.changed()

    def _concerns(self, row: StatusRow) -> bool:
        environment = ENVIRONMENTS.get(row.env, self._environment)
        return row.service_type in WHOLE and environment == self._environment

    def suspect(self) -> None:
        """Ask the venue what it is doing, and ask again until it does nothing."""
        if not self._asking:
            self._asking = True
            self._ports.spawn(f"{self._ports.venue}-status", self._ask())

    async def _ask(self) -> None:
        try:
            while True:
                try:
                    await self.ask()
                except NotReady:
                    pass
                if not self._maintenance:
                    return
                await self._ports.clock.sleep(ASK_S)
        finally:
            self._asking = False

    async def ask(self) -> None:
        """Read the venue's status once. Raises `NotReady`."""
        rows = await self._rest.rows(StatusRow, PATH, (), (("pub.status", 1.0),))
        self.hear(rows, whole=True)

    def statistics(self) -> Mapping[str, Any]:
        return {"up": self._up, "maintenance": self._maintenance}
