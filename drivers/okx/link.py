"""The private connections of one account: what they push becomes events. (Sheet section 9.5.)"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ctosd.abi import NotReady, Ports, PrivateEvent, Session, topic
from drivers.okx.account import Account
from drivers.okx.listing import Listing
from drivers.okx.private import balance, conditional_update, fill_of_push, order_update
from drivers.okx.records import AccountRow, AlgoRow, OrderRow, PositionRow, Push
from drivers.okx.replies import BROKEN
from drivers.okx.streams import PrivateDialect

CONFIRM_S = 10.0
CHANNELS: Mapping[str, Mapping[str, str]] = {
    "orders": {"channel": "orders", "instType": "ANY"},
    "account": {"channel": "account"},
    "positions": {"channel": "positions", "instType": "ANY"},
}
ALGO_CHANNELS: Mapping[str, Mapping[str, str]] = {"orders-algo": {"channel": "orders-algo", "instType": "ANY"}}

read_orders = msgspec.json.Decoder(Push[OrderRow]).decode
read_account = msgspec.json.Decoder(Push[AccountRow]).decode
read_positions = msgspec.json.Decoder(Push[PositionRow]).decode
read_algos = msgspec.json.Decoder(Push[AlgoRow]).decode


class Link:
    """One account's stream of its own affairs, and the way in for its orders.

    `up` is True while everything is subscribed and confirmed. `when_changed(resumed)` hears of every change of that.
    """

    def __init__(
        self,
        account: Account,
        ports: Ports,
        listing: Listing,
        addresses: Mapping[str, str],
        venue_ns: Callable[[], int],
    ) -> None:
        self.account = account
        self.up = False
        self.reason = "starting"
        self.when_changed: Callable[[Link, bool], None] = lambda link, resumed: None
        self.when_skewed: Callable[[], None] = lambda: None
        self.session: Session | None = None
        self._algo: Session | None = None
        self._ports = ports
        self._listing = listing
        self._topic = topic("private", ports.venue)
        self._ready = asyncio.Event()
        self._algo_ready = asyncio.Event()
        self._algo_starting: asyncio.Lock = asyncio.Lock()
        self._once = False
        self._foreign = self._unreadable = 0
        short = account.name.partition("/")[2] or account.name
        signer = account.signer
        self._dialect = PrivateDialect(
            f"private-{short}", addresses["private"], signer, venue_ns, CHANNELS, self._push
        )  # fmt: skip
        self._algo_dialect = PrivateDialect(
            f"algo-{short}", addresses["business"], signer, venue_ns, ALGO_CHANNELS, self._push
        )  # fmt: skip
        self._dialect.when_confirmed = self._confirmed
        self._dialect.when_down = self._down
        self._algo_dialect.when_confirmed = self._algo_confirmed
        self._algo_dialect.when_down = self._algo_down
        for dialect in (self._dialect, self._algo_dialect):
            dialect.when_skewed = self._skewed

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Return when it is logged in and everything is subscribed. Raises `NotReady`, `AuthFailed`."""
        if self._ports.open_session is None:
            raise NotReady("the host gave no WebSocket")
        self.session = await self._open(self._dialect, CHANNELS, self._ready)

    @property
    def watches_conditionals(self) -> bool:
        """Whether the connection that tells of conditional orders was asked for."""
        return self._algo is not None or self._algo_starting.locked()

    async def watch_conditionals(self) -> None:
        """Open the connection that tells of conditional orders, once. Raises `NotReady`, `AuthFailed`."""
        if self._algo is not None and self._algo_ready.is_set():
            return
        async with self._algo_starting:
            if self._algo is None:
                self._algo = await self._open(self._algo_dialect, ALGO_CHANNELS, self._algo_ready)
        if not self._algo_ready.is_set():
            raise NotReady("the connection that tells of conditional orders is down")

    async def _open(
        self, dialect: PrivateDialect, channels: Mapping[str, Mapping[str, str]], ready: asyncio.Event
    ) -> Session:
        if self._ports.open_session is None:
            raise NotReady("the host gave no WebSocket")
        session = self._ports.open_session(dialect)
        for stream in channels:
            session.want(stream, first_s=0.0)
        try:
            await session.start()
            await self._wait(ready, dialect)
        except BaseException:
            await session.stop()
            raise
        return session

    async def _wait(self, ready: asyncio.Event, dialect: PrivateDialect) -> None:
        deadline_ns = self._ports.clock.now_ns() + int(CONFIRM_S * 1e9)
        timer = self._ports.clock.call_at(deadline_ns, ready.set)
        await ready.wait()
        timer.cancel()
        if not dialect.confirmed.issuperset(dialect.streams):
            ready.clear()
            missing = ", ".join(sorted(set(dialect.streams) - dialect.confirmed))
            raise NotReady(f"{self.account.name}: the venue did not confirm {missing} within {CONFIRM_S:g} s")

    async def stop(self) -> None:
        sessions, self.session, self._algo = (self.session, self._algo), None, None
        for session in sessions:
            if session is not None:
                await session.stop()

    def _confirmed(self) -> None:
        self._ready.set()
        self._rise()

    def _algo_confirmed(self) -> None:
        self._algo_ready.set()
        self._rise()

    def _rise(self) -> None:
        """Up with the last of the streams that are in use."""
        if self.up or not self._ready.is_set() or (self._algo is not None and not self._algo_ready.is_set()):
            return
        self.up, self.reason = True, ""
        resumed, self._once = self._once, True
        self.when_changed(self, resumed)

    def _skewed(self) -> None:
        self.when_skewed()

    def _down(self, reason: str) -> None:
        self._ready.clear()
        self._fall(reason)

    def _algo_down(self, reason: str) -> None:
        self._algo_ready.clear()
        if self._algo is not None:
            self._fall(reason)

    def _fall(self, reason: str) -> None:
        if self.up:
            self.up, self.reason = False, f"{self.account.name}: {reason}"
            self.when_changed(self, False)

    # -- what it tells --------------------------------------------------------------------------------------------------

    def _push(self, channel: str, frame: bytes) -> None:
        try:
            if channel == "orders":
                self._orders(read_orders(frame).data)
            elif channel == "account":
                now_ns = self._ports.clock.now_ns()
                for row in read_account(frame).data:
                    for each in row.details:
                        self._tell(balance(self.account.name, each, now_ns))
            elif channel == "positions":
                for position in self.account.positions.push(read_positions(frame).data):
                    self._tell(position)
            elif channel == "orders-algo":
                self._algos(read_algos(frame).data)
        except BROKEN as error:
            self._unreadable += 1
            self._ports.log.warning(
                "okx_push_unreadable",
                venue=self._ports.venue,
                account=self.account.name,
                channel=channel,
                reason=str(error),
            )

    def _orders(self, rows: list[OrderRow]) -> None:
        account = self.account
        for row in rows:
            product = self._listing.get(row.inst_id)
            if product is None:
                self._foreign += 1
                continue
            fill = fill_of_push(account.name, row, product, account.conditionals)
            if fill is not None:
                self._tell(fill)
            self._tell(order_update(account.name, row, product, account.conditionals))

    def _algos(self, rows: list[AlgoRow]) -> None:
        for row in rows:
            product = self._listing.get(row.inst_id)
            if product is None:
                self._foreign += 1
                continue
            self._tell(conditional_update(self.account.name, row, product, self.account.conditionals))

    def _tell(self, event: PrivateEvent) -> None:
        self._ports.publish(self._topic, event)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "up": self.up,
            "reason": self.reason,
            "unlisted": self._foreign,
            "unreadable": self._unreadable,
            **self.account.statistics(),
            "session": self.session.statistics() if self.session is not None else {},
            "conditionals": self._algo.statistics() if self._algo is not None else {},
        }
