"""An emulator joined to a driver in memory: no socket, any clock, and every accident on demand.

What one side writes reaches the other in a later turn of the loop and in order, as over a wire; delays pass on the clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from ctosd.abi import NoAnswer, NotReady, NotSent, Reply, Request, Response
from ctosd.abi.clock import Clock
from ctosd.abi.emulator import Conversation, Emulator
from ctosd.abi.transport import Headers


def _target(url: str) -> str:
    parts = urlsplit(url)
    return url[url.index(parts.netloc) + len(parts.netloc) :] or "/"


class MemoryHttp:
    """`abi.Http` that ends in an emulator. `refuse` makes every connection fail; `latency_s` passes each way."""

    def __init__(self, emulator: Emulator, clock: Clock, latency_s: float = 0.0) -> None:
        self._emulator = emulator
        self._clock = clock
        self.latency_s = latency_s
        self.refuse = False
        self.requests = 0

    async def request(
        self, method: str, url: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = 10.0
    ) -> Response:
        if self.refuse:
            raise NotSent("no connection: refused by the test")
        self.requests += 1
        lowered = {name.lower(): value for name, value in headers}
        if self.latency_s:
            await self._clock.sleep(self.latency_s)
        reply = self._emulator.handle(Request(method, _target(url), lowered, body))
        left_s = timeout_s - self.latency_s
        lost = reply.mishap in ("reset", "silence") or reply.delay_s + self.latency_s > left_s
        wait_s = left_s if reply.mishap == "silence" or (lost and reply.mishap != "reset") else reply.delay_s
        await self._clock.sleep(max(0.0, wait_s) + self.latency_s)
        if lost:
            raise NoAnswer(
                "the connection was reset" if reply.mishap == "reset" else f"no answer within {timeout_s:g} s"
            )
        return Response(
            reply.status, {name.lower(): value for name, value in reply.headers}, reply.body, self._clock.now_ns()
        )


class _Wire:
    """One direction of a socket: delivers in order, never from inside the writer."""

    def __init__(self, clock: Clock, latency_s: float, deliver: Callable[[bytes], None]) -> None:
        self._clock = clock
        self._latency_ns = int(latency_s * 1e9)
        self._deliver = deliver
        self._waiting: deque[bytes] = deque()
        self.cut = False

    def put(self, message: bytes) -> None:
        self._waiting.append(message)
        if self._latency_ns:
            self._clock.call_at(self._clock.now_ns() + self._latency_ns, self._next)
        else:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        if not self.cut and self._waiting:
            self._deliver(self._waiting.popleft())


class MemorySocket:
    """Both ends of one WebSocket: the driver's `abi.Socket`, and the emulator's `Peer`."""

    def __init__(
        self,
        clock: Clock,
        latency_s: float,
        on_frame: Callable[[bytes, int], None],
        on_close: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._on_close = on_close
        self.conversation: Conversation | None = None
        self.open = True
        self.frozen = False
        self._up = _Wire(clock, latency_s, self._to_server)
        self._down = _Wire(clock, latency_s, lambda message: on_frame(message, clock.now_ns()))
        self.peer = _Peer(self)

    # -- the driver's end ---------------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        if not self.open:
            raise NotSent("the socket is closed")
        self._up.put(message)

    def close(self, reason: str = "") -> None:
        self.end(reason or "closed by us")

    # -- what happens to it -----------------------------------------------------------------------------------------------

    def _to_server(self, message: bytes) -> None:
        if self.conversation is not None and not self.frozen:
            self.conversation.receive(message.decode())

    def to_client(self, message: str) -> None:
        if self.open and not self.frozen:
            self._down.put(message.encode())

    def pong(self) -> None:
        if self.open and not self.frozen and self.conversation is not None:
            self.conversation.pong()

    def end(self, reason: str) -> None:
        """The socket is gone for both; what was under way is lost."""
        if not self.open:
            return
        self.open = False
        self._up.cut = self._down.cut = True
        loop = asyncio.get_running_loop()
        loop.call_soon(self._on_close, reason)
        if self.conversation is not None:
            loop.call_soon(self.conversation.closed)


class _Peer:
    """`abi.Peer` of a `MemorySocket`."""

    def __init__(self, socket: MemorySocket) -> None:
        self._socket = socket

    def send(self, message: str) -> None:
        self._socket.to_client(message)

    def ping(self) -> None:
        asyncio.get_running_loop().call_soon(self._socket.pong)

    def close(self, code: int = 1000, reason: str = "") -> None:
        # What was sent before the close frame arrives before it.
        asyncio.get_running_loop().call_soon(
            lambda: asyncio.get_running_loop().call_soon(
                self._socket.end, f"closed by the server: {code} {reason}".strip()
            )
        )

    def abort(self) -> None:
        self._socket.end("the connection was reset")


class MemoryDial:
    """`abi.Dial` that ends in an emulator. `refuse` makes every handshake fail; `cut` breaks all that are open."""

    def __init__(self, emulator: Emulator, clock: Clock, latency_s: float = 0.0) -> None:
        self._emulator = emulator
        self._clock = clock
        self.latency_s = latency_s
        self.refuse = False
        self.sockets: list[MemorySocket] = []
        self.dials = 0

    async def __call__(
        self,
        url: str,
        on_frame: Callable[[bytes, int], None],
        on_close: Callable[[str], None],
        *,
        headers: Headers = (),
        timeout_s: float = 10.0,
    ) -> MemorySocket:
        self.dials += 1
        await self._clock.sleep(self.latency_s)
        if self.refuse:
            raise NotReady("no connection: refused by the test")
        socket = MemorySocket(self._clock, self.latency_s, on_frame, on_close)
        lowered = {name.lower(): value for name, value in headers}
        answer = self._emulator.connect(Request("GET", _target(url), lowered), socket.peer)
        if isinstance(answer, Reply):
            raise NotReady(f"refused with HTTP {answer.status}: {answer.body[:200].decode(errors='replace')}")
        socket.conversation = answer
        self.sockets = [each for each in self.sockets if each.open]
        self.sockets.append(socket)
        return socket

    def cut(self, reason: str = "the connection was reset") -> int:
        """Break every open socket; returns how many there were."""
        live = [each for each in self.sockets if each.open]
        for socket in live:
            socket.end(reason)
        self.sockets = []
        return len(live)

    def freeze(self, frozen: bool = True) -> None:
        """Let open sockets stand, and nothing pass: neither side hears the other."""
        for socket in self.sockets:
            socket.frozen = frozen
