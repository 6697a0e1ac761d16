"""The scheduler: strategies share one thread, run to completion, and are entered without a trip round the loop.

Each strategy has a `Lane`: one asyncio task, one mailbox. While a lane is idle, an event enters its handler directly, on
its task's behalf; only a handler that really suspends is handed to the task, which finishes it and whatever came
meanwhile. While any lane runs, events for others wait in their mailboxes, so a lane is never entered from inside
another one's code and the order of everything is the order of publication.

Task switching uses `asyncio._enter_task` and `_leave_task`, which asyncio documents for those who run coroutines on a
task's behalf (docs.python.org, "Extending asyncio").
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import _enter_task, _leave_task
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any

from ctosd.kernel.mailbox import Handler, Mailbox, Policy

if sys.version_info < (3, 12):
    # Until 3.12 `current_task` is a Python function around this look-up, which each event would pay for.
    current_task: Callable[[asyncio.AbstractEventLoop], asyncio.Task[Any] | None] = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]
else:
    current_task = asyncio.current_task


class Blocked(BaseException):
    """Raised inside a strategy that held the loop too long. Not an `Exception`: a strategy must not swallow it."""


class Scheduler:
    """Who runs now, and who is to run next. `turns` counts entries: a watchdog sees by it that one lasts too long."""

    __slots__ = ("loop", "running", "turns", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.running: Lane | None = None
        self.turns = 0
        self.waiting: deque[Lane] = deque()

    def ready(self, lane: Lane) -> None:
        """Let an idle lane with mail run when the present one has returned."""
        self.waiting.append(lane)

    def drain(self) -> None:
        """Run every lane that became ready; called when no lane runs."""
        ready = self.waiting
        while ready:
            ready.popleft().pump()


class Suspended:
    """A coroutine that was run to its first suspension elsewhere; awaiting it finishes it on the awaiting task.

    Every segment of strategy code passes here or through `Lane.enter`, so the scheduler always knows who runs.
    """

    __slots__ = ("_coro", "_lane", "_yielded")

    def __init__(self, lane: Lane, coro: Coroutine[Any, Any, Any], yielded: Any = None) -> None:
        self._lane = lane
        self._coro = coro
        self._yielded = yielded

    def __await__(self) -> Generator[Any, Any, Any]:
        coro, scheduler, lane = self._coro, self._lane.scheduler, self._lane
        value: Any = None
        pending: BaseException | None = None
        yielded = self._yielded
        started = yielded is not None
        while True:
            if started:
                try:
                    value = yield yielded
                except BaseException as thrown:
                    pending = thrown
            started = True
            scheduler.running = lane
            scheduler.turns += 1
            try:
                if pending is None:
                    yielded = coro.send(value)
                else:
                    error, pending = pending, None
                    yielded = coro.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                scheduler.running = None
                scheduler.drain()


class Lane:
    """One strategy's thread of execution.

    `after` is called after each handler that returned (it saves the strategy's state); `main` is the body of its task.
    """

    __slots__ = (
        "_after",
        "_held",
        "_ready",
        "_wake",
        "busy",
        "entered",
        "failure",
        "mailbox",
        "name",
        "scheduler",
        "task",
    )

    def __init__(self, name: str, scheduler: Scheduler, after: Callable[[bool], None]) -> None:
        self.name = name
        self.scheduler = scheduler
        self.mailbox = Mailbox()
        self.task: asyncio.Task[None] | None = None
        self.busy = True
        self.failure: BaseException | None = None
        self._after = after
        self._held: Suspended | None = None
        self._wake: asyncio.Future[None] | None = None
        self._ready = False

    # -- delivery: plain functions, called by the bus ----------------------------------------------------------------------

    def sink(self, handler: Handler, policy: Policy, stream: str, own: bool = False) -> Callable[[Any], None]:
        """The subscriber that brings one stream into one handler; `own` streams concern the strategy's orders."""
        scheduler, mailbox, ready = self.scheduler, self.mailbox, self.scheduler.waiting

        def deliver(event: Any) -> None:
            if self.busy or scheduler.running is not None:
                mailbox.put(handler, event, policy, stream)
                if not self.busy and not self._ready:
                    self._ready = True
                    scheduler.ready(self)
            else:
                self.enter(handler, event, own)
                if ready:
                    scheduler.drain()

        return deliver

    def enter(self, handler: Handler, event: Any, own: bool) -> None:
        """Run a handler of an idle lane until it returns or suspends."""
        scheduler, loop, task = self.scheduler, self.scheduler.loop, self.task
        outer = current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, task)  # type: ignore[arg-type]
        scheduler.turns += 1
        scheduler.running = self
        try:
            coro = handler(event)
            if coro is not None:
                self._hold(coro, coro.send(None))
            else:
                self._after(own)
        except StopIteration:
            self._after(own)
        except BaseException as error:
            self.fail(error)
        finally:
            _leave_task(loop, task)  # type: ignore[arg-type]
            scheduler.running = None
            if outer is not None:
                _enter_task(loop, outer)

    def _hold(self, coro: Coroutine[Any, Any, None], yielded: Any) -> None:
        """The handler suspended: its task goes on with it."""
        self.busy = True
        self._held = Suspended(self, coro, yielded)
        self.wake()

    def pump(self) -> None:
        """Enter the handlers of what waits, while the lane stays idle."""
        self._ready = False
        mailbox = self.mailbox
        while not self.busy and (letter := mailbox.get()) is not None:
            self.enter(letter.handler, letter.event, not letter.stream)

    def wake(self) -> None:
        """Have the task look around."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def fail(self, error: BaseException) -> None:
        """End the lane's task with what a handler raised."""
        self.failure = error
        self.busy = True
        self.wake()

    def left(self) -> list[Any]:
        """Empty the mailbox; returns the events that may not be lost."""
        self.busy = True
        return self.mailbox.clear()

    # -- the task --------------------------------------------------------------------------------------------------------

    def call(self, handler: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Future[None]:
        """Have the lane's task run `handler` next to last of what waits; the future is done when it returned."""
        done: asyncio.Future[None] = self.scheduler.loop.create_future()

        async def step(_: Any) -> None:
            try:
                await handler()
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(None)

        self.mailbox.put(step, None, "never-drop", "")
        if not self.busy and not self._ready:
            self._ready = True
            self.scheduler.ready(self)
            self.scheduler.loop.call_soon(self.scheduler.drain)
        return done

    async def run(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine of the strategy inside the lane's task."""
        return await Suspended(self, coro)

    async def main(self) -> None:
        """Finish what suspended, then what waits, then sleep; ends by what a handler raised or by cancellation."""
        while True:
            await self._work()
            if self.failure is not None:
                raise self.failure
            self.busy = False
            self._wake = self.scheduler.loop.create_future()
            try:
                await self._wake
            finally:
                self._wake = None
                self.busy = True

    async def _work(self) -> None:
        if (held := self._held) is not None:
            self._held = None
            await held
            self._after(True)
        while self.failure is None and (letter := self.mailbox.get()) is not None:
            await self._handle(letter.handler, letter.event)
            self._after(True)

    async def _handle(self, handler: Handler, event: Any) -> None:
        coro = handler(event)
        if coro is not None:
            await Suspended(self, coro)

    def statistics(self) -> Mapping[str, Any]:
        return {**self.mailbox.statistics(), "busy": self.busy}
