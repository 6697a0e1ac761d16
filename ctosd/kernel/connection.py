"""One WebSocket of a session, from the dialling to its end: greeting, subscribing, hearing.

What is subscribed follows what is wanted: the sender looks at the difference and closes it, a batch at a time, within the
venue's limits. So a want is never lost, whatever came between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Budget, Log
from ctosd.abi.errors import AuthFailed, Misconfigured, NotReady, NotSent
from ctosd.abi.transport import Dial, Dialect, Session, Socket
from ctosd.core.freshness import Freshness
from ctosd.kernel.clock import SECOND

DIAL_S = 10.0
GREETING_S = 10.0
PERMANENT = (AuthFailed, Misconfigured)

Spawn = Callable[[str, Coroutine[Any, Any, None]], "asyncio.Task[Any]"]


class Hub:
    """What the connections of one session share, and whom they tell."""

    def __init__(
        self, session: Session, dialect: Dialect, dial: Dial, clock: Clock, spawn: Spawn, budget: Budget, log: Log
    ) -> None:
        self.session = session
        self.dialect = dialect
        self.dial = dial
        self.clock = clock
        self.spawn = spawn
        self.budget = budget
        self.log = log
        self.freshness = Freshness()
        self.connections = 0
        self.hearing: Connection | None = None  # whose frame is being heard now
        self.on_fresh: Callable[[str], None] = lambda stream: None
        self.on_unread: Callable[[Exception], None] = lambda error: None
        self.on_end: Callable[[Connection, str], None] = lambda connection, reason: None


class Connection:
    """One socket. `left` is done when it leads no more: it ended, or was retired for its successor."""

    def __init__(self, hub: Hub, streams: dict[str, None]) -> None:
        loop = asyncio.get_running_loop()
        self._hub = hub
        self._dialect = hub.dialect
        self._hear = hub.dialect.hear
        self._session = hub.session
        self._ages = hub.freshness.ages
        self._stale = hub.freshness.stale
        self._socket: Socket | None = None
        self._sender: asyncio.Task[Any] | None = None
        self._wake = asyncio.Event()
        self._free_ns = 0  # when the next frame may be sent
        self._pinged_ns = 0
        self._gap_ns = int(SECOND / hub.dialect.messages_per_s) if hub.dialect.messages_per_s > 0 else 0
        self.streams = streams  # wanted here; shared with the lane
        self.subscribed: dict[str, None] = {}
        self.refused: set[str] = set()
        self.again: set[str] = set()  # to be unsubscribed first
        self.listening = True  # whether frames are heard, or only counted
        self.leads = False  # whether its subscriptions are those that count
        self.opened = False  # connected and greeted
        self.frames = 0
        self.heard_ns = 0
        self.ended = False
        self.error: Exception | None = None  # what ended it, when trying again cannot help
        self.awaited: set[str] | None = None  # streams whose first message a rotation waits for
        self.greeting: asyncio.Future[None] = loop.create_future()
        self.settled: asyncio.Future[None] = loop.create_future()  # everything that was wanted is subscribed
        self.flowing: asyncio.Future[None] = loop.create_future()  # `awaited` has come to nothing
        self.left: asyncio.Future[str] = loop.create_future()

    # -- its life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, greet, and begin to subscribe. Raises `NotReady`, `AuthFailed` or `Misconfigured`; then it is closed."""
        try:
            await self._connect()
        except BaseException as error:
            self.end(str(error) or type(error).__name__)
            raise
        self.opened = True
        self._sender = self._hub.spawn(f"{self._dialect.name}-subscribe", self._keep_subscribed())

    async def _connect(self) -> None:
        hub, dialect = self._hub, self._dialect
        hub.connections += 1
        if dialect.connects:
            await hub.budget.take(dialect.connects)
        url = await dialect.address()
        self._socket = await hub.dial(url, self.hear, self.end, headers=dialect.headers(), timeout_s=DIAL_S)
        self.heard_ns = hub.clock.now_ns()
        if self.ended:
            self._socket.close()
        self._demand()
        for frame in dialect.hello():
            await self._pace()
            self._write(frame)
        if dialect.needs_greeting:
            await self._either(self.greeting, GREETING_S)
            if not self.greeting.done():
                raise NotReady(f"no answer to the login within {GREETING_S:g} s")

    async def settle(self) -> None:
        """Return when everything that is wanted was subscribed. Raises what ended it before."""
        await self._either(self.settled, None)

    async def _either(self, hoped: asyncio.Future[None], timeout_s: float | None) -> None:
        ends: set[asyncio.Future[Any]] = {hoped, self.left}
        await asyncio.wait(ends, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        self._demand()

    def _demand(self) -> None:
        if self.ended:
            raise self.error or NotReady(self.left.result())

    def end(self, reason: str = "", error: Exception | None = None) -> None:
        """Close it for good; what waits on it fails. Calling again changes nothing."""
        if self.ended:
            return
        self.ended = True
        self.opened = self.listening = self.leads = False
        self.error = error if isinstance(error, PERMANENT) else None
        reason = reason or "closed"
        if not self.left.done():
            self.left.set_result(reason)
        if self._sender is not None:
            self._sender.cancel()
        if self._socket is not None:
            self._socket.close(reason)
        self._hub.on_end(self, reason)

    def retire(self) -> None:
        """Another one leads from now on; this one stays only to hear the answers that it owes."""
        self.leads = False
        if not self.left.done():
            self.left.set_result("retired")
        if self._sender is not None:
            self._sender.cancel()

    # -- in ---------------------------------------------------------------------------------------------------------------

    def hear(self, frame: bytes, recv_ns: int) -> None:
        """The hot path: one frame, heard in line."""
        self.frames += 1
        self.heard_ns = recv_ns
        if not self.listening:
            return
        hub = self._hub
        hub.hearing = self
        try:
            stream = self._hear(self._session, frame, recv_ns)
        except Exception as error:
            hub.on_unread(error)
            return
        finally:
            hub.hearing = None
        if stream:
            self._ages[stream] = recv_ns
            if self._stale and stream in self._stale:
                hub.on_fresh(stream)
            if self.awaited is not None:
                self._flows(stream)

    def _flows(self, stream: str) -> None:
        if self.awaited is not None:
            self.awaited.discard(stream)
            if not self.awaited:
                self.awaited = None
                self.flowing.set_result(None)

    def expect(self, streams: Iterable[str]) -> None:
        """Have `flowing` tell when each of these has brought its first message."""
        self.awaited = set(streams)
        self._flows("")

    def tick(self, now_ns: int) -> None:
        """About once a second: end it when the server is silent, ping it when it is quiet."""
        if not self.opened:
            return
        dialect = self._dialect
        self.heard_ns = min(self.heard_ns, now_ns)  # a clock that was set back must not make a dead server young
        quiet_ns = now_ns - self.heard_ns
        # Without a ping and without a stream nothing is owed to us, and silence proves nothing.
        if 0 < dialect.silent_s * SECOND <= quiet_ns and (dialect.ping or self.subscribed):
            self.end(f"the server is silent for {quiet_ns / SECOND:.0f} s")
        elif dialect.ping and min(quiet_ns, abs(now_ns - self._pinged_ns)) >= dialect.ping_s * SECOND:
            self._pinged_ns = now_ns
            self._free_ns = max(self._free_ns, now_ns) + self._gap_ns
            try:
                self.send(dialect.ping)
            except NotSent as error:
                self.end(str(error))

    # -- out --------------------------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Write one frame now. Raises `NotSent`."""
        if self._socket is None or not self.opened:
            raise NotSent(f"the {self._dialect.name} connection is not up")
        self._socket.send(message)

    def wake(self) -> None:
        """What is wanted has changed."""
        self._wake.set()

    def refuse(self, stream: str) -> None:
        """The venue will not have this subscription: it is not asked for again here."""
        self.refused.add(stream)
        self.subscribed.pop(stream, None)

    async def _keep_subscribed(self) -> None:
        try:
            while True:
                step = self._difference()
                if step is None:
                    if not self.settled.done():
                        self.settled.set_result(None)
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                frames, joining = step
                for frame in frames:
                    await self._permit()
                    self._write(frame)
                if self.leads:
                    self._hub.freshness.subscribed(joining, self._hub.clock.now_ns())
        except PERMANENT as error:
            self.end(str(error), error)
        except NotSent as error:
            self.end(str(error))
        except Exception as error:
            self.end(f"it could not subscribe: {error!r}")

    def _difference(self) -> tuple[Sequence[bytes], Sequence[str]] | None:
        """The frames of the next batch between what is subscribed and what is wanted, and the streams that join by them.

        None when both are the same.
        """
        batch, streams, subscribed = self._dialect.batch, self.streams, self.subscribed
        leaving = [stream for stream in subscribed if stream not in streams or stream in self.again][:batch]
        self.again &= subscribed.keys()
        if leaving:
            for stream in leaving:
                del subscribed[stream]
            self.again.difference_update(leaving)
            return self._dialect.unsubscribe(leaving), ()
        joining = [stream for stream in streams if stream not in subscribed and stream not in self.refused][:batch]
        if not joining:
            return None
        subscribed.update(dict.fromkeys(joining))
        return self._dialect.subscribe(joining), joining

    async def _permit(self) -> None:
        """Wait for the venue's limits on subscriptions, however long they hold: the want stays."""
        operations = self._dialect.operations
        while operations:
            try:
                await self._hub.budget.take(operations)
                break
            except NotReady as error:
                self._hub.log.debug("subscribe_waits", session=self._dialect.name, reason=str(error))
                await self._hub.clock.sleep(1.0)
        await self._pace()

    async def _pace(self) -> None:
        now_ns = self._hub.clock.now_ns()
        wait_ns = min(self._free_ns - now_ns, self._gap_ns)
        if wait_ns > 0:
            await self._hub.clock.sleep(wait_ns / SECOND)
            now_ns = self._hub.clock.now_ns()
        self._free_ns = now_ns + self._gap_ns

    def _write(self, frame: bytes) -> None:
        assert self._socket is not None
        self._socket.send(frame)
