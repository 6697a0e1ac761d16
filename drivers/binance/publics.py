"""The public connections of a venue: made when first needed, one for each route, more when one is full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ctosd.abi import NotReady, Ports, Session
from drivers.binance.config import ProductName
from drivers.binance.limits import Pools
from drivers.binance.streams import Deliver, PublicDialect, Stream


class Line:
    """One connection."""

    def __init__(self, dialect: PublicDialect, session: Session) -> None:
        self.dialect = dialect
        self.session = session


class Publics:
    """All public connections. `on_subscribed(stream)`, `on_lost(stream)` tell those who keep state over a stream."""

    def __init__(self, product: ProductName, addresses: Mapping[str, str], ports: Ports, pools: Pools) -> None:
        self._product = product
        self._addresses = addresses
        self._ports = ports
        self._pools = pools
        self._lines: dict[str, list[Line]] = {}
        self._where: dict[str, Line] = {}
        self._lock = asyncio.Lock()
        self.on_subscribed: Callable[[str], None] = lambda stream: None
        self.on_lost: Callable[[str], None] = lambda stream: None
        self.on_silent: Callable[[str], Awaitable[None]] | None = None

    async def want(self, stream: Stream, deliver: Deliver, *, quiet_s: float, first_s: float) -> None:
        """Let a stream flow into `deliver` from now on. Raises `NotReady` when its connection cannot be made."""
        async with self._lock:
            if stream.name in self._where:
                return
            line = await self._line(stream.route)
            line.dialect.listeners[stream.name] = deliver
            self._where[stream.name] = line
        line.session.want(stream.name, quiet_s=quiet_s, first_s=first_s)

    async def _line(self, route: str) -> Line:
        """A connection of the route with room for one stream more."""
        lines = self._lines.setdefault(route, [])
        for line in lines:
            if len(line.dialect.listeners) < PublicDialect.capacity:
                return line
        if self._ports.open_session is None:
            raise NotReady("the host opens no sessions")
        dialect = PublicDialect(self._product, route, self._addresses[route], self._pools)
        dialect.on_change = lambda stream, subscribed: self.on_subscribed(stream)
        dialect.when_down = lambda reason: self._lost(dialect)
        if self.on_silent is not None:
            dialect.when_silent = self.on_silent
        session = self._ports.open_session(dialect)
        await session.start()
        line = Line(dialect, session)
        lines.append(line)
        return line

    def _lost(self, dialect: PublicDialect) -> None:
        for stream in dialect.listeners:
            self.on_lost(stream)

    def renew(self, stream: str, reason: str) -> None:
        """Subscribe a stream anew."""
        line = self._where.get(stream)
        if line is not None:
            line.session.resubscribe(stream, reason)

    async def stop(self) -> None:
        lines = [line for each in self._lines.values() for line in each]
        self._lines.clear()
        self._where.clear()
        await asyncio.gather(*(line.session.stop() for line in lines))

    def statistics(self) -> Mapping[str, Any]:
        return {
            f"{route}{number or ''}": {"unknown": line.dialect.unknown, **line.session.statistics()}
            for route, lines in self._lines.items()
            for number, line in enumerate(lines)
        }
