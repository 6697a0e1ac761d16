"""Questions over a socket that answers out of order: what was asked, on which connection, and who waits."""

from __future__ import annotations

import asyncio
from typing import Any

from ctosd.abi.errors import NoAnswer
from ctosd.kernel.connection import Connection


class Questions:
    """Futures by key."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[asyncio.Future[Any], Connection]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def on(self, connection: Connection) -> int:
        """How many answers a connection owes."""
        return sum(each is connection for _, each in self._waiting.values())

    async def ask(self, connection: Connection, key: str, message: bytes, timeout_s: float) -> Any:
        """Raises `NotSent`, `NoAnswer`; `ValueError` for a key that waits already, which is its caller's mistake."""
        if key in self._waiting:
            raise ValueError(f"{key!r} was asked already and waits for its answer; nothing was sent")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        entry = self._waiting[key] = (future, connection)
        timer = None
        try:
            connection.send(message)
            timer = loop.call_later(timeout_s, _fail, future, f"no answer within {timeout_s:g} s")
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            if self._waiting.get(key) is entry:
                del self._waiting[key]

    def answer(self, key: str, value: Any) -> None:
        """Hand the answer to who waits for it; nobody may."""
        entry = self._waiting.pop(key, None)
        if entry is not None and not entry[0].done():
            entry[0].set_result(value)

    def lose(self, connection: Connection, reason: str) -> None:
        """The connection is gone: what it owes never comes."""
        for future, each in self._waiting.values():
            if each is connection:
                _fail(future, f"the connection was lost: {reason}")


def _fail(future: asyncio.Future[Any], reason: str) -> None:
    if not future.done():
        future.set_exception(NoAnswer(reason))
        future.exception()  # whoever waits may be cancelled in this very instant; then nobody would ask for it
