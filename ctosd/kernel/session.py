"""`abi.Session`: a WebSocket that is kept. A dialect says how its venue speaks; here are the awaits and the patience.

The work is divided: a `Connection` is one socket, a `Lane` keeps one open, and the session puts streams on lanes, matches
answers to questions, and climbs the freshness ladder for streams that fall silent. One timer looks at all of it, once a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Budget, Log
from ctosd.abi.errors import NotReady, NotSent
from ctosd.abi.transport import Dial, Dialect
from ctosd.core.freshness import Step
from ctosd.core.patience import Patience
from ctosd.kernel.clock import SECOND
from ctosd.kernel.connection import Connection, Hub, Spawn
from ctosd.kernel.faults import Faults
from ctosd.kernel.lane import Lane
from ctosd.kernel.questions import Questions

TICK_S = 1.0
MEND_NS = 60 * SECOND
"""The ladder replaces a connection at most so often: its other streams pay for it."""
STOP_S = 1.0
LOSSES = 5

State = Literal["idle", "starting", "up", "down", "parked", "stopped"]


class KeptSession:
    """See `abi.Session`. `spawn` makes a named task that the kernel owns; `jitter()` is in [0, 1)."""

    def __init__(
        self,
        dialect: Dialect,
        dial: Dial,
        clock: Clock,
        spawn: Callable[[str, Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        budget: Budget,
        log: Log,
        jitter: Callable[[], float],
        venue: str,
    ) -> None:
        self._dialect = dialect
        self._clock = clock
        self._owner_spawn: Spawn = spawn
        self._log = log
        self._jitter = jitter
        self._about = {"venue": venue, "session": dialect.name}
        self._hub = Hub(self, dialect, dial, clock, self._spawn, budget, log)
        self._faults = Faults(clock, log, self._spawn, self._about)
        self._hub.on_fresh, self._hub.on_unread, self._hub.on_end = self._flows, self._faults.frame, self._ended
        self._freshness = self._hub.freshness
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._lanes: list[Lane] = []
        self._homes: dict[str, Lane] = {}
        self._wants: dict[str, None] = {}
        self._questions = Questions()
        self._repeats: dict[str, Patience] = {}
        self._bridging: set[str] = set()
        self._settled: asyncio.Future[None] | None = None  # first up, or refused
        self._refusal: Exception | None = None
        self.state: State = "idle"
        self.reason = ""
        self._since_ns = clock.now_ns()
        self._ups = 0
        self._losses: deque[dict[str, Any]] = deque(maxlen=LOSSES)
        self._counts = {"reconnects": 0, "rotations": 0, "resubscribes": 0, "frames": 0}

    # -- life -------------------------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        if self.state != "up":
            return False
        for lane in self._lanes:  # noqa: SIM110 - asked before every order, and a loop costs half of all()
            if lane.is_broken:
                return False
        return True

    async def start(self, within_s: float = 15.0) -> None:
        if self.state in ("starting", "up", "down"):
            return
        self._move("starting", "")
        self._ups = 0
        self._refusal = None
        self._settled = asyncio.get_running_loop().create_future()
        self._lanes.append(Lane(self._hub, self, self._jitter))
        for stream in self._wants:
            self._house(stream)
        for lane in self._lanes:
            lane.start()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        try:
            await asyncio.wait({self._settled}, timeout=within_s)
        finally:
            if self.state == "starting":  # too late, or cancelled
                await self.stop()
        if self._refusal is not None:
            raise self._refusal
        if self._ups == 0:
            reason = f": {self._losses[-1]['reason']}" if self._losses else ""
            raise NotReady(f"the {self._dialect.name} connection was not up within {within_s:g} s{reason}")

    async def stop(self) -> None:
        if self.state not in ("idle", "parked"):
            self._move("stopped", "")
        self._close("the session was stopped")
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_S)

    def _close(self, reason: str) -> None:
        """End every connection and what keeps it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._freshness.unsubscribed(self._wants)
        for lane in self._lanes:
            lane.end(reason)
        self._lanes.clear()
        self._homes.clear()
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _spawn(self, name: str, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._owner_spawn(name, coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _move(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason
        self._since_ns = self._clock.now_ns()

    # -- what lanes tell ----------------------------------------------------------------------------------------------------

    def lane_up(self, lane: Lane) -> None:
        if self.state not in ("starting", "down") or not all(each.up for each in self._lanes):
            return
        resumed = self._ups > 0
        self._ups += 1
        self._counts["reconnects"] += resumed
        self._move("up", "")
        self._log.info("session_up", **self._about, streams=len(self._wants), lanes=len(self._lanes), resumed=resumed)
        self._faults.guard(self._dialect.on_up, resumed)
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def lane_down(self, lane: Lane, reason: str, delay_s: float) -> None:
        self._lost(reason)
        if self.state != "up":
            self.lane_failed(lane, reason, delay_s, known=True)
            return
        self._move("down", reason)
        self._log.warning("session_down", **self._about, reason=reason, delay_s=round(delay_s, 2))
        self._faults.guard(self._dialect.on_down, reason)

    def lane_failed(self, lane: Lane, reason: str, delay_s: float, known: bool = False) -> None:
        if not known:
            self._lost(reason)
        self._log.warning("session_retry", **self._about, reason=reason, delay_s=round(delay_s, 2))

    def lane_rotated(self, lane: Lane, reason: str) -> None:
        self._counts["rotations"] += 1
        self._log.info("session_rotated", **self._about, reason=reason)

    def rotation_failed(self, lane: Lane, reason: str, delay_s: float) -> None:
        self._log.warning("session_rotation_failed", **self._about, reason=reason, delay_s=round(delay_s, 2))

    def park(self, error: Exception) -> None:
        """The venue will never have us like this: a person must act."""
        if self.state in ("parked", "stopped"):
            return
        first = self._ups == 0
        self._lost(str(error))
        self._move("parked", str(error))
        self._refusal = error
        self._close(str(error))
        if not first:  # else `start` raises it
            self._log.error("session_parked", **self._about, reason=str(error))
            self._faults.guard(self._dialect.on_down, str(error))

    def _lost(self, reason: str) -> None:
        self._losses.append({"time_ns": self._clock.now_ns(), "reason": reason})

    # -- streams ------------------------------------------------------------------------------------------------------------

    def want(self, stream: str, *, quiet_s: float = 0.0, first_s: float = 10.0) -> None:
        if stream in self._wants:
            return
        self._wants[stream] = None
        self._freshness.want(stream, quiet_s, first_s)
        if not self._lanes:
            return
        lanes = len(self._lanes)
        lane = self._house(stream)
        if len(self._lanes) > lanes:
            lane.start()
            return
        if lane.current is not None and stream in lane.current.subscribed:
            lane.current.again.add(
                stream
            )  # it was not wanted for an instant: whoever wants it now awaits its beginning
        lane.wake()

    def _house(self, stream: str) -> Lane:
        """Give the stream a place: the first lane that has room, or a new one."""
        lane = next((each for each in self._lanes if len(each.streams) < self._dialect.capacity), None)
        if lane is None:
            lane = Lane(self._hub, self, self._jitter)
            self._lanes.append(lane)
        lane.streams[stream] = None
        self._homes[stream] = lane
        return lane

    def unwant(self, stream: str) -> None:
        if stream not in self._wants:
            return
        del self._wants[stream]
        self._freshness.forget(stream)
        self._repeats.pop(stream, None)
        lane = self._homes.pop(stream, None)
        if lane is None:
            return
        del lane.streams[stream]
        if lane.streams or lane is self._lanes[0]:
            lane.wake()
            return
        self._lanes.remove(lane)
        lane.end("it has no streams any more")
        self.lane_up(self._lanes[0])  # it may have been what the session was down for

    def rejected(self, stream: str, reason: str) -> None:
        connection = self._at(stream)
        if connection is not None:
            connection.refuse(stream)
        self._freshness.unsubscribed([stream])
        self._log.warning("stream_rejected", **self._about, stream=stream, reason=reason)

    def resubscribe(self, stream: str, reason: str) -> None:
        if stream not in self._wants:
            return
        now_ns = self._clock.now_ns()
        patience = self._repeats.setdefault(stream, Patience())
        if patience.plan(now_ns) and patience.is_due(now_ns):
            self._repeat(stream, patience, now_ns, reason)

    def _repeat(self, stream: str, patience: Patience, now_ns: int, reason: str) -> None:
        patience.done(now_ns)
        connection = self._at(stream)
        if connection is None or stream not in connection.subscribed:
            return  # it is about to be subscribed anyway, or the venue will not have it
        self._counts["resubscribes"] += 1
        self._log.info("stream_resubscribed", **self._about, stream=stream, reason=reason)
        connection.again.add(stream)
        connection.wake()

    def _at(self, stream: str) -> Connection | None:
        """The connection that has the stream: the one that is being heard, if it can be that, or its lane's."""
        hearing, lane = self._hub.hearing, self._homes.get(stream)
        if hearing is not None and stream in hearing.streams:
            return hearing
        return lane.current if lane is not None else None

    # -- questions and answers ------------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        self._first().send(message)

    def _first(self) -> Connection:
        connection = self._lanes[0].current if self._lanes else None
        if connection is None or not connection.opened:
            raise NotSent(f"the {self._dialect.name} connection is not up{': ' if self.reason else ''}{self.reason}")
        return connection

    def ask(self, key: str, message: bytes, timeout_s: float = 10.0) -> Coroutine[Any, Any, Any]:
        return self._questions.ask(self._first(), key, message, timeout_s)

    def answer(self, key: str, value: Any) -> None:
        self._questions.answer(key, value)

    def asks_on(self, connection: Connection) -> int:
        return self._questions.on(connection)

    def _ended(self, connection: Connection, reason: str) -> None:
        self._counts["frames"] += connection.frames
        self._questions.lose(connection, reason)

    # -- what the dialect tells while it hears --------------------------------------------------------------------------------

    def greeted(self) -> None:
        for connection in self._spoken():
            if not connection.greeting.done():
                connection.greeting.set_result(None)

    def refused(self, error: Exception) -> None:
        for connection in self._spoken():
            connection.end(str(error), error)

    def rotate(self, reason: str) -> None:
        for lane in self._spoken_lanes():
            lane.rotate(reason)

    def reconnect(self, reason: str) -> None:
        for connection in self._spoken():
            connection.end(reason)

    def _spoken(self) -> list[Connection]:
        """The connection whose frame is being heard; outside of that, those that lead."""
        if self._hub.hearing is not None:
            return [self._hub.hearing]
        return [lane.current for lane in self._lanes if lane.current is not None]

    def _spoken_lanes(self) -> list[Lane]:
        hearing = self._hub.hearing
        return [lane for lane in self._lanes if hearing is None or lane.current is hearing]

    # -- the watch --------------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now_ns = self._clock.now_ns()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        for lane in tuple(self._lanes):
            lane.tick(now_ns)
        for stream, patience in self._repeats.items():
            if patience.is_due(now_ns):
                self._repeat(stream, patience, now_ns, "it was asked for again within a minute")
        steps = self._freshness.check(now_ns)
        stale = [step for step in steps if step.act == "stale"]
        if stale:
            shown = ", ".join(step.stream for step in stale[:5]) + (", …" if len(stale) > 5 else "")
            self._log.warning("streams_stale", **self._about, streams=shown, count=len(stale), reason=stale[0].reason)
        for step in steps:
            self._act(step, now_ns)

    def _act(self, step: Step, now_ns: int) -> None:
        if step.act == "stale":
            self._faults.guard(self._dialect.on_stale, step.stream, True)
        elif step.act == "resubscribe":
            self.resubscribe(step.stream, step.reason)
        elif step.act == "reconnect":
            lane = self._homes.get(step.stream)
            if lane is not None and abs(now_ns - lane.mended_ns) >= MEND_NS:
                lane.mended_ns = now_ns
                lane.reconnect(f"{step.stream}: {step.reason}")
        elif step.act == "alarm":
            self._log.error("stream_silent", **self._about, stream=step.stream, reason=step.reason)
        elif step.stream not in self._bridging:
            self._bridging.add(step.stream)
            self._spawn(f"{self._dialect.name}-bridge", self._bridge(step.stream))

    async def _bridge(self, stream: str) -> None:
        try:
            await self._dialect.bridge(stream)
        except NotReady as error:
            self._log.warning("stream_bridge_failed", **self._about, stream=stream, reason=str(error))
        except Exception as error:
            self._faults.dialect(error)
        finally:
            self._bridging.discard(stream)

    def _flows(self, stream: str) -> None:
        """A stale stream brought a message."""
        if self._freshness.fresh(stream):
            self._log.info("stream_flows", **self._about, stream=stream)
            self._faults.guard(self._dialect.on_stale, stream, False)

    def statistics(self) -> Mapping[str, Any]:
        now_ns = self._clock.now_ns()
        there = [connection for lane in self._lanes for connection in lane.connections() if not connection.ended]
        counts = dict(self._counts)
        counts["frames"] += sum(each.frames for each in there)
        return {
            "state": self.state,
            "reason": self.reason,
            "since_ns": self._since_ns,
            "lanes": len(self._lanes),
            "open": sum(each.opened for each in there),
            "connections": self._hub.connections,
            **counts,
            "unread": self._faults.unread,
            "asks": len(self._questions),
            "losses": list(self._losses),
            **self._freshness.statistics(now_ns),
        }
