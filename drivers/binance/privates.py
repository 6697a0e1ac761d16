"""The private connections of all accounts, and what they tell.

USDⓈ-M has two an account: the user data, without which the venue is down, and the WebSocket API for orders, which REST
can stand in for. Spot has one for both. After a loss the stream is up first; then the venue is told to be up, balances
and positions are fetched and published, and whatever else was missed the kernel asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ctosd.abi import AuthFailed, Dialect, NotReady, Ports, PrivateEvent, Session, topic
from drivers.binance.account import Account
from drivers.binance.history import History
from drivers.binance.limits import Pools
from drivers.binance.listenkey import PrivateDialect
from drivers.binance.payments import Payments
from drivers.binance.presence import Presence
from drivers.binance.replies import MS
from drivers.binance.rest import Rest
from drivers.binance.sign import Signer
from drivers.binance.wsapi import Api, ApiDialect

HOLD_NS = 2_000_000_000
"""How long events wait for the conditional order that they may belong to."""
RETRY_S = 30.0
SOON_S = 1.0
"""How long after the stream's word on funding the record of it is asked for."""
JUST_NS = 120_000_000_000
"""How long before that word the payment may have been due. What was told before is told again, and known by its id."""


class Privates:
    """The private connections of one venue."""

    def __init__(
        self,
        rest: Rest,
        ports: Ports,
        pools: Pools,
        presence: Presence,
        history: History,
        payments: Payments,
        addresses: Mapping[str, str],
        *,
        over_socket: bool,
    ) -> None:
        self._rest = rest
        self._ports = ports
        self._pools = pools
        self._presence = presence
        self._history = history
        self._payments = payments
        self._addresses = addresses
        self._over_socket = over_socket
        self._topic = topic("private", ports.venue)
        self._sessions: list[Session] = []
        self._era = 0  # which start this is: what was begun before a stop ends itself
        self._late: set[str] = set()
        self._refreshing: set[str] = set()
        self._paying: set[str] = set()  # accounts whose funding is about to be asked for
        self.refreshes = 0

    async def start(self, account: Account) -> None:
        """Return when the user data of an account with a key flows. Raises `NotReady`, `AuthFailed` or `Misconfigured`."""
        signer = account.signer
        if signer is None:
            return
        if self._rest.product == "spot":
            dialect = self._api_dialect(account, signer)
            dialect.hear_data = lambda session, frame, recv_ns: self._hear(account, session, frame, recv_ns, dialect)
            dialect.when_up = lambda resumed: self._on_up(account, resumed)
            dialect.when_down = lambda reason: self._on_down(account, reason)
            session = await self._open(dialect)
            account.private = session
            account.api = Api(dialect, session) if self._over_socket else None
            await self._seed(account)
            return
        private = PrivateDialect(self._addresses["private"], account.name, self._rest, self._pools)
        private.hear_data = lambda session, frame, recv_ns: self._hear(account, session, frame, recv_ns)
        private.when_up = lambda resumed: self._on_up(account, resumed)
        private.when_down = lambda reason: self._on_down(account, reason)
        account.private = await self._open(private)
        self._ports.spawn(
            f"listen-key-{account.name}", private.renew(account.private, self._ports.clock, self._ended())
        )
        if self._over_socket and not await self._start_api(account, signer):
            self._ports.spawn(f"order-socket-{account.name}", self._start_api_later(account, signer))
        await self._seed(account)

    async def _seed(self, account: Account) -> None:
        """Learn what single events leave out: what is free, what is held, with which leverage."""
        try:
            await self._history.balances(account.name)
            await self._history.positions(account.name)
        except NotReady:
            pass  # the stream's own figures must do until somebody asks

    async def _open(self, dialect: Dialect) -> Session:
        if self._ports.open_session is None:
            raise NotReady("the host opens no sessions")
        session = self._ports.open_session(dialect)
        self._sessions.append(session)
        await session.start()
        return session

    def _api_dialect(self, account: Account, signer: Signer) -> ApiDialect:
        dialect = ApiDialect(self._rest.product, self._addresses["wsapi"], signer, self._pools, self._rest.venue_ms)
        dialect.when_refused = lambda verdict: self._rest.note(verdict, account.name)
        return dialect

    async def _start_api(self, account: Account, signer: Signer) -> bool:
        """Whether orders can go over the WebSocket API now; REST does it meanwhile."""
        dialect = self._api_dialect(account, signer)
        try:
            session = await self._open(dialect)
        except (NotReady, AuthFailed) as error:
            self._sessions.pop()
            if account.name not in self._late:
                self._late.add(account.name)
                self._ports.log.warning(
                    "order_socket_down", venue=self._ports.venue, account=account.name, reason=str(error)
                )
            return False
        account.api = Api(dialect, session)
        self._late.discard(account.name)
        return True

    async def _start_api_later(self, account: Account, signer: Signer) -> None:
        ended = self._ended()
        while not ended():
            await self._ports.clock.sleep(RETRY_S)
            if ended() or await self._start_api(account, signer):
                return

    def _ended(self) -> Callable[[], bool]:
        """Whether the start that this is asked in is over by now."""
        era = self._era
        return lambda: era != self._era

    # -- what they tell -------------------------------------------------------------------------------------------------

    def _hear(
        self, account: Account, session: Session, frame: bytes, recv_ns: int, api: ApiDialect | None = None
    ) -> None:
        events, control = account.data.decode(frame, recv_ns)
        self._tell(account, events)
        if account.data.conditionals.waiting:
            self._ports.clock.call_at(recv_ns + HOLD_NS, lambda: self._release(account, recv_ns))
        if not control:
            return
        if control == "expired":
            session.reconnect("the listen key expired")
        elif control == "shutdown":
            session.rotate("the venue announced that it will close this connection")
        elif control == "terminated" and api is not None:
            self._listen_again(account, session, api)
        elif control == "funding":
            self._fund(account)
        elif control == "margin_call":
            self._ports.log.warning("margin_call", venue=self._ports.venue, account=account.name)

    def _tell(self, account: Account, events: Iterable[PrivateEvent]) -> None:
        for event in events:
            account.learn(event)
            self._ports.publish(self._topic, event)

    def _release(self, account: Account, since_ns: int) -> None:
        """No conditional order claimed these events in time."""
        self._tell(account, account.data.conditionals.release(since_ns))

    def _listen_again(self, account: Account, session: Session, api: ApiDialect) -> None:
        """The connection stays, its subscription is gone."""
        self._on_down(account, "the venue ended the user data stream")
        try:
            session.send(api.listen_again())
        except NotReady:
            session.reconnect("the user data stream ended")

    def _on_up(self, account: Account, resumed: bool) -> None:
        account.listening_ns = self._ports.clock.now_ns()
        self._presence.regain(account.name)
        if resumed and account.name not in self._refreshing:
            self._refreshing.add(account.name)
            self._ports.spawn(f"refresh-{account.name}", self._refresh(account))

    def _on_down(self, account: Account, reason: str) -> None:
        account.listening_ns = 0
        account.surveyed_ns = -1
        self._presence.lose(account.name, f"the private stream of {account.name} is down: {reason}")

    async def _refresh(self, account: Account) -> None:
        """What a stream does not repeat after a loss: balances and positions."""
        try:
            for wait_s in (0.0, 1.0, 5.0, 15.0, 60.0):
                if wait_s:
                    await self._ports.clock.sleep(wait_s)
                try:
                    balances = await self._history.balances(account.name)
                    positions = await self._history.positions(account.name)
                    break
                except NotReady:
                    continue
            else:
                return
            self.refreshes += 1
            self._tell(account, [*balances, *positions])
        finally:
            self._refreshing.discard(account.name)

    def _fund(self, account: Account) -> None:
        """Funding moved money. Every isolated position is an event of its own: one question for all of them."""
        if account.name not in self._paying:
            self._paying.add(account.name)
            self._ports.spawn(f"funding-{account.name}", self._tell_funding(account, self._rest.venue_ms() * MS))

    async def _tell_funding(self, account: Account, moment_ns: int) -> None:
        await self._ports.clock.sleep(SOON_S)
        self._paying.discard(account.name)
        try:
            payments = await self._payments.fetch(account, moment_ns - JUST_NS)
        except NotReady:
            return  # the kernel asks by itself before long
        for payment in payments:
            self._ports.publish(self._topic, payment)

    async def stop(self) -> None:
        self._era += 1
        sessions, self._sessions = self._sessions, []
        await asyncio.gather(*(session.stop() for session in sessions))

    def statistics(self) -> Mapping[str, Any]:
        return {"refreshes": self.refreshes, "late": sorted(self._late)}
