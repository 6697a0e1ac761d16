"""A check of the suite: a number, a sentence, and a coroutine that is given a world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ctosd.testing.conformance.world import Subject, World
from ctosd.testing.rig import run_virtual

Body = Callable[[World], Awaitable[None]]

CHECKS: list[Check] = []


class Unfit(Exception):
    """The check does not apply to this driver; the text says why."""


@dataclass(frozen=True)
class Check:
    """Check `number`. `start` says whether the driver is started before the body runs."""

    number: int
    title: str
    body: Body
    start: bool

    @property
    def id(self) -> str:
        return f"C{self.number:02}-{self.body.__name__.replace('_', '-')}"

    def __call__(self, subject: Subject) -> None:
        """Run it on a fresh virtual loop. Raises `AssertionError` where the driver fails, `Unfit` where it does not apply."""

        async def main() -> None:
            world = World(subject)
            try:
                if self.start:
                    await world.start()
                await self.body(world)
            finally:
                await world.close()

        run_virtual(main())


def check(number: int, title: str, *, start: bool = True) -> Callable[[Body], Body]:
    """Enter a body into the suite."""

    def enter(body: Body) -> Body:
        assert all(number != known.number for known in CHECKS), f"two checks have number {number}"
        CHECKS.append(Check(number, title, body, start))
        return body

    return enter
