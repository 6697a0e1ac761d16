"""HTTP/1.1 as an order needs it: kept-alive connections, one write a request, nothing ever sent again.

`NotSent` is said only where it is proved; from the first byte on every failure is `NoAnswer`, and the connection is given
up. A general client re-sends what it takes for idempotent; here nobody does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ctosd.abi.clock import Clock
from ctosd.abi.errors import CallerMistake, NoAnswer, NotSent
from ctosd.abi.transport import Headers, Response
from ctosd.host.httpwire import Connection, Origin, Pool, compose
from ctosd.host.proxy import Proxy

IDLE_S = 15.0
"""How long a connection waits for its next request: less than any venue's own patience."""
MOST_CONNECTIONS = 8
"""To one origin: more requests than that at once wait for their turn."""


class HttpClient:
    """`abi.Http` for one venue. Close it at the end."""

    def __init__(self, clock: Clock, *, proxy: Proxy | None = None, tls: ssl.SSLContext | None = None, idle_s: float = IDLE_S,
                 most_connections: int = MOST_CONNECTIONS) -> None:  # fmt: skip
        self.clock = clock
        self._proxy = proxy
        self._tls = tls
        self._idle_s = idle_s
        self._most = most_connections
        self._pools: dict[Origin, Pool] = {}
        self._urls: dict[str, tuple[Pool, str]] = {}
        self._counts = {"requests": 0, "opened": 0, "not_sent": 0, "no_answer": 0}
        self._round_trip_ns = 0.0
        self._closed = False

    async def request(
        self, method: str, url: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = 10.0
    ) -> Response:
        """See `abi.Http`. Raises `NotSent`, `NoAnswer`, and `CallerMistake` for what is no request at all."""
        pool, target = self._find(url)
        request = compose(pool, method, target, headers, body)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        self._counts["requests"] += 1
        began_ns = self.clock.now_ns()
        connection = self._idle(pool, loop)
        if connection is None:
            connection = await self._open(pool, loop, deadline)
        turn: asyncio.Future[Response] = loop.create_future()
        connection.write(method, request, turn)
        timer = loop.call_at(deadline, connection.fail, f"no answer within {timeout_s:g} s")
        try:
            response = await turn
        except NoAnswer:
            self._counts["no_answer"] += 1
            raise
        except asyncio.CancelledError:
            connection.fail("the request was cancelled")
            raise
        finally:
            timer.cancel()
        self._round_trip_ns += 0.1 * (response.time_ns - began_ns - self._round_trip_ns)
        return response

    def _find(self, url: str) -> tuple[Pool, str]:
        origin, slash, rest = url[8:].partition("/") if url.startswith("https://") else url[7:].partition("/")
        base = url[: len(url) - len(rest) - len(slash)]
        known = self._urls.get(base)
        if known is None:
            known = self._urls[base] = (self._pool(base), origin)
        return known[0], f"/{rest}"

    def _pool(self, base: str) -> Pool:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise CallerMistake(f"{base!r} is not the address of a server: write https://host[:port]")
        origin = (parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        found = self._pools.get(origin)
        if found is None:
            found = self._pools[origin] = Pool(origin)
        return found

    # -- connections ----------------------------------------------------------------------------------------------------------

    def _idle(self, pool: Pool, loop: asyncio.AbstractEventLoop) -> Connection | None:
        now = loop.time()
        while pool.idle:
            connection = pool.idle.pop()
            if connection.usable and now - connection.since < self._idle_s:
                return connection
            connection.drop("idle")
        return None

    def rest(self, connection: Connection) -> None:
        """A connection whose request is over waits for the next."""
        loop = asyncio.get_running_loop()
        connection.since = loop.time()
        if self._closed:
            connection.drop("closed")
            return
        connection.pool.idle.append(connection)
        connection.pool.free()
        loop.call_later(self._idle_s + 0.1, self._sweep, connection)

    def _sweep(self, connection: Connection) -> None:
        if connection in connection.pool.idle and (
            asyncio.get_running_loop().time() - connection.since >= self._idle_s
        ):
            connection.drop("idle")

    async def _open(self, pool: Pool, loop: asyncio.AbstractEventLoop, deadline: float) -> Connection:
        """A connection that may be written to: a new one, or one that became free while the pool was full."""
        while pool.open >= self._most:
            turn: asyncio.Future[None] = loop.create_future()
            pool.waiting.append(turn)
            timer = loop.call_at(deadline, _expire, turn)
            try:
                await turn
            except TimeoutError:
                raise self._not_sent(
                    f"{pool.host}: {self._most} requests are under way, and none ended in time"
                ) from None
            finally:
                timer.cancel()
            if (connection := self._idle(pool, loop)) is not None:
                return connection
        if self._closed:
            raise self._not_sent("the client is closed")
        pool.open += 1
        connecting = loop.create_task(self._connect(pool, deadline - loop.time()))  # a name look-up knows no deadline
        connecting.add_done_callback(lambda task: _settle(pool, task))
        timer = loop.call_at(deadline, connecting.cancel)
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            if not connecting.cancelled():  # it is we who are not wanted any more
                connecting.add_done_callback(_unwanted)
                connecting.cancel()
                raise
            raise self._not_sent(f"{pool.host}: no connection in time") from None
        except (OSError, NotSent) as error:
            raise self._not_sent(f"{pool.host}: {explain(error)}") from error
        finally:
            timer.cancel()

    async def _connect(self, pool: Pool, timeout_s: float) -> Connection:
        scheme, host, port = pool.origin
        loop = asyncio.get_running_loop()
        context = (self._tls or default_context()) if scheme == "https" else None
        options: dict[str, Any] = {"ssl": context, "server_hostname": host if context else None}
        if self._proxy is not None:
            options["sock"] = await self._proxy.connect(host, port, timeout_s)
        else:
            options |= {"host": host, "port": port}
        _, connection = await loop.create_connection(lambda: Connection(self.clock, pool, self.rest), **options)
        self._counts["opened"] += 1
        return connection

    def _not_sent(self, reason: str) -> NotSent:
        self._counts["not_sent"] += 1
        return NotSent(reason)

    async def close(self) -> None:
        """Give every connection up."""
        self._closed = True
        for pool in self._pools.values():
            for connection in list(pool.idle):
                connection.drop("closed")

    def statistics(self) -> Mapping[str, Any]:
        return {
            **self._counts,
            "round_trip_ms": round(self._round_trip_ns / 1e6, 3),
            "origins": {pool.host: {"open": pool.open, "idle": len(pool.idle)} for pool in self._pools.values()},
        }


def _settle(pool: Pool, connecting: asyncio.Task[Connection]) -> None:
    """A connection that did not come about gives its place back; one that did does so when it ends."""
    if connecting.cancelled() or connecting.exception() is not None:
        pool.open -= 1
        pool.free()


def _unwanted(connecting: asyncio.Task[Connection]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().drop("nobody waits for it any more")


def _expire(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())


_CONTEXT: list[ssl.SSLContext] = []


def default_context() -> ssl.SSLContext:
    """The verification that the system trusts, loaded once: it costs tens of milliseconds."""
    if not _CONTEXT:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        _CONTEXT.append(context)
    return _CONTEXT[0]


def explain(error: BaseException) -> str:
    """A connection's failure in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
