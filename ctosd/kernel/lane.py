"""A connection that is kept: it comes back when it is lost, and its successor is opened before it grows too old.

One session is one lane, or more when it holds more streams than the venue takes on one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ctosd.abi.errors import NotReady
from ctosd.core.restart import RestartPolicy, next_delay, next_failures
from ctosd.kernel.clock import NEVER, SECOND
from ctosd.kernel.connection import PERMANENT, Connection, Hub

BACKOFF = RestartPolicy(policy="always", backoff_s=0.5, cap_s=30.0, jitter=0.5, reset_after_s=60.0)
OVERLAP_S = 10.0
"""How long the old and the new connection are both open at most before the new one leads."""
IDLE_S = 5.0
"""How long a switch waits for the answers that the old connection owes; after that it goes on owing them while it drains."""
DRAIN_NS = 10 * SECOND


class Keeper(Protocol):
    """Who a lane tells what becomes of it."""

    def lane_up(self, lane: Lane) -> None: ...
    def lane_down(self, lane: Lane, reason: str, delay_s: float) -> None: ...
    def lane_failed(self, lane: Lane, reason: str, delay_s: float) -> None: ...
    def lane_rotated(self, lane: Lane, reason: str) -> None: ...
    def rotation_failed(self, lane: Lane, reason: str, delay_s: float) -> None: ...
    def park(self, error: Exception) -> None: ...
    def asks_on(self, connection: Connection) -> int: ...


class Lane:
    """`current` leads: its frames are heard, its subscriptions count. `heir` is to follow it, `retired` still owes answers."""

    def __init__(self, hub: Hub, keeper: Keeper, jitter: Callable[[], float]) -> None:
        self._hub = hub
        self._keeper = keeper
        self._jitter = jitter
        self._runner: asyncio.Task[None] | None = None
        self._rotation: asyncio.Task[None] | None = None
        self._rotate_ns = NEVER
        self._retired_ns = 0
        self.streams: dict[str, None] = {}
        self.current: Connection | None = None
        self.heir: Connection | None = None
        self.retired: Connection | None = None
        self.up = False
        self.mended_ns = 0  # when the ladder last replaced the connection

    def start(self) -> None:
        self._runner = self._hub.spawn(f"{self._hub.dialect.name}-connect", self._run())

    def end(self, reason: str) -> None:
        """For good: no task, no socket is left."""
        self.up = False
        for task in (self._runner, self._rotation):
            if task is not None:
                task.cancel()
        for connection in self.connections():
            connection.end(reason)
        self.current = self.heir = self.retired = None

    def connections(self) -> Iterator[Connection]:
        return (each for each in (self.current, self.heir, self.retired) if each is not None)

    @property
    def is_broken(self) -> bool:
        """It was up, its connection is gone, and what follows of that is about to happen."""
        return self.up and (self.current is None or not self.current.opened)

    def wake(self) -> None:
        for connection in self.connections():
            connection.wake()

    def reconnect(self, reason: str) -> None:
        if self.current is not None:
            self.current.end(reason)

    def tick(self, now_ns: int) -> None:
        for connection in tuple(self.connections()):
            connection.tick(now_ns)
        if self.retired is not None:
            if abs(now_ns - self._retired_ns) >= DRAIN_NS or not self._keeper.asks_on(self.retired):
                self.retired.end("replaced")
            if self.retired.ended:
                self.retired = None
        if now_ns >= self._rotate_ns:
            self.rotate("it has grown old")

    # -- lost and found ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        clock, failures = self._hub.clock, 0
        while True:
            connection = Connection(self._hub, self.streams)
            self.current = connection
            connection.leads = True
            up_ns, reason = 0, ""
            try:
                await connection.open()
                await connection.settle()
                up_ns = clock.now_ns()
                self._plan_rotation()
                self.up = True
                self._keeper.lane_up(self)
                await self._hold(connection)
            except PERMANENT as error:
                self.up = False
                self._keeper.park(error)
                return
            except NotReady as error:
                reason = str(error)
            except Exception as error:
                reason = f"the dialect failed: {error!r}"
                self.current.end(reason)
            self._hub.freshness.unsubscribed(self.streams)
            failures = next_failures(BACKOFF, failures, (clock.now_ns() - up_ns) / SECOND if up_ns else 0.0)
            delay_s = next_delay(BACKOFF, failures, self._jitter())
            self._lose(reason, delay_s)
            await clock.sleep(delay_s)

    def _lose(self, reason: str, delay_s: float) -> None:
        was_up, self.up = self.up, False
        self._rotate_ns = NEVER
        if self._rotation is not None:
            self._rotation.cancel()
            self._rotation = None
        if self.heir is not None:
            self.heir.end(reason)
            self.heir = None
        (self._keeper.lane_down if was_up else self._keeper.lane_failed)(self, reason, delay_s)

    async def _hold(self, connection: Connection) -> None:
        """Return never: raises what ended the lane's connection when there is no other to go on with."""
        while True:
            reason = await connection.left
            heir = self.heir
            if self.current is connection and heir is not None and heir.settled.done() and not heir.ended:
                self._adopt(heir, f"the old one was lost: {reason}")
            if self.current is connection or self.current is None:
                raise connection.error or NotReady(reason)
            connection = self.current

    # -- rotation ---------------------------------------------------------------------------------------------------------

    def rotate(self, reason: str) -> None:
        """Open the next connection, then let this one go. While that is under way, or nothing is up, it changes nothing."""
        if self.up and self._rotation is None:
            self._rotate_ns = NEVER
            self._rotation = self._hub.spawn(f"{self._hub.dialect.name}-rotate", self._rotate(reason))

    def _plan_rotation(self) -> None:
        rotate_s = self._hub.dialect.rotate_s
        if rotate_s > 0:
            self._rotate_ns = self._hub.clock.now_ns() + int(rotate_s * (0.95 + 0.1 * self._jitter()) * SECOND)

    async def _rotate(self, reason: str) -> None:
        failures = 0
        while True:
            heir = self.heir = Connection(self._hub, self.streams)
            try:
                await self._prepare(heir)
            except Exception as error:
                if self.current is heir:
                    return
                heir.end(str(error))
                self.heir = None
                failures += 1
                delay_s = next_delay(BACKOFF, failures, self._jitter())
                self._keeper.rotation_failed(self, str(error) or repr(error), delay_s)
                await self._hub.clock.sleep(delay_s)
                continue
            if self.current is not heir:
                self._adopt(heir, reason)
            return

    async def _prepare(self, heir: Connection) -> None:
        """Bring the next connection to where it can lead. Raises what it fails of."""
        dialect, old = self._hub.dialect, self.current
        assert old is not None
        await heir.open()
        heir.listening = dialect.replays
        await heir.settle()
        before = heir.frames, old.frames
        ends: set[asyncio.Future[Any]] = {heir.left, old.left}
        if dialect.replays:
            heir.expect(stream for stream in self.streams if self._hub.freshness.first_s(stream))
            ends.add(heir.flowing)
        await asyncio.wait(ends, timeout=OVERLAP_S, return_when=asyncio.FIRST_COMPLETED)
        if heir.ended:
            raise heir.error or NotReady(heir.left.result())
        # Which stream a frame belongs to is not known without hearing it; that something comes at all is.
        if not dialect.replays and not old.ended and heir.frames == before[0] and old.frames > before[1]:
            raise NotReady("the new connection is silent while the old one flows")
        await self._await_answers(old)
        if heir.ended:
            raise heir.error or NotReady(heir.left.result())

    async def _await_answers(self, old: Connection) -> None:
        for _ in range(int(IDLE_S / 0.02)):
            if old.ended or not self._keeper.asks_on(old):
                return
            await self._hub.clock.sleep(0.02)

    def _adopt(self, heir: Connection, reason: str) -> None:
        old, self.current, self.heir = self.current, heir, None
        self._rotation = None
        heir.listening = heir.leads = True
        heir.awaited = None
        self._hub.freshness.adopted(heir.subscribed, self._hub.clock.now_ns())
        self._plan_rotation()
        if old is not None and not old.ended:
            old.retire()
            if self._keeper.asks_on(old):
                self.retired, self._retired_ns = old, self._hub.clock.now_ns()
            else:
                old.end("replaced")
        self._keeper.lane_rotated(self, reason)
