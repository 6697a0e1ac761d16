"""Background tasks are named, owned and reaped; a coroutine begun elsewhere goes on where it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ctosd.kernel.tasks import Tasks, resume


async def test_failures_are_told_and_tasks_forgotten() -> None:
    told: list[tuple[str, str]] = []
    tasks = Tasks(lambda name, error: told.append((name, str(error))))

    async def bad() -> None:
        raise ValueError("bad")

    tasks.spawn("one", bad())
    await asyncio.sleep(0.01)
    assert told == [("one", "bad")]
    assert len(tasks) == 0


async def test_cancel_is_bounded_and_names_who_stays() -> None:
    tasks = Tasks(lambda name, error: None)
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    tasks.spawn("stubborn", stubborn())
    tasks.spawn("polite", asyncio.sleep(60))
    await asyncio.sleep(0)
    assert await tasks.cancel(0.05) == ["stubborn"]
    released.set()


async def test_resume_goes_on_after_the_first_suspension() -> None:
    steps: list[Any] = []
    gate = asyncio.get_running_loop().create_future()

    async def work() -> str:
        steps.append("begun")
        steps.append(await gate)
        return "done"

    coro = work()
    yielded = coro.send(None)
    assert steps == ["begun"]

    async def finish() -> Any:
        return await resume(coro, yielded)

    task = asyncio.ensure_future(finish())
    await asyncio.sleep(0)
    gate.set_result("value")
    assert await task == "done"
    assert steps == ["begun", "value"]


async def test_resume_passes_cancellation_on() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    coro = work()
    yielded = coro.send(None)

    async def finish() -> None:
        await resume(coro, yielded)

    task = asyncio.ensure_future(finish())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
