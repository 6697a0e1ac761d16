"""An emulator on a loopback port: real HTTP and WebSockets, for the real driver and for clients of others.

Beside the venue's own protocol it answers at ``/_emulator``: GET tells faults and figures, POST ``{"fault": …, "value": …}``
switches one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from ipaddress import ip_address
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from ctosd.abi import CallerMistake, Misconfigured, Reply, Request
from ctosd.abi.emulator import Conversation, Emulator

CONTROL = "/_emulator"
MOST_WAITING = 8 << 20
"""Bytes that may wait for a peer that does not read."""
SILENCE_S = 120.0
TRICKLE = 16
"""Pieces that a slow body comes in."""


class ServedPeer:
    """`abi.Peer` over a real socket: what it is told is written in order, by one task."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._socket = socket
        self._request = request
        self._waiting: deque[tuple[str, Any]] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self.gone = False

    def send(self, message: str) -> None:
        self._put("text", message, len(message))

    def ping(self) -> None:
        self._put("ping", b"", 1)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._put("close", (code, reason), 1)

    def abort(self) -> None:
        self.gone = True
        if self._request.transport is not None:
            self._request.transport.abort()
        self._wake.set()

    def _put(self, kind: str, what: Any, size: int) -> None:
        if self.gone:
            return
        self._size += size
        if self._size > MOST_WAITING:
            self.abort()
            return
        self._waiting.append((kind, what))
        self._wake.set()

    async def write(self) -> None:
        """Write what comes until the socket is gone."""
        while not self.gone:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and not self.gone:
                kind, what = self._waiting.popleft()
                if kind == "text":
                    self._size -= len(what)
                    await self._socket.send_str(what)
                elif kind == "ping":
                    await self._socket.ping()
                else:
                    self.gone = True
                    await self._socket.close(code=what[0], message=what[1].encode())


class Served:
    """Serves one emulator. It binds loopback only: what it speaks is a real venue's protocol with everybody's keys."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._runner: web.AppRunner | None = None
        self._address = ""
        self.requests = 0
        self.sockets = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind, then let the market run. Raises `Misconfigured` for an address that is not loopback or is taken."""
        try:
            loopback = ip_address(host).is_loopback
        except ValueError:
            loopback = host == "localhost"
        if not loopback:
            raise Misconfigured(
                f"{host} is not a loopback address: an emulator serves this machine only, such as 127.0.0.1"
            )
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", CONTROL, self._control)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise Misconfigured(
                f"port {port} of {host} cannot be bound: {error.strerror}; take another --port"
            ) from error
        bound = self._runner.addresses[0]
        self._address = f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"
        self.emulator.start()

    async def stop(self) -> None:
        self.emulator.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def addresses(self) -> dict[str, str]:
        """The endpoints as the driver's configuration takes them."""
        found = {}
        for name, where in self.emulator.endpoints().items():
            scheme, _, path = where.partition(":")
            found[name] = f"{scheme}://{self._address}{path}"
        return found

    def control(self) -> str:
        """Where faults are switched."""
        return f"http://{self._address}{CONTROL}"

    # -- requests -------------------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read() if request.can_read_body else b""
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, request.raw_path, headers, body, request.remote or "127.0.0.1")
        self.requests += 1
        if headers.get("upgrade", "").lower() == "websocket":
            return await self._converse(asked, request)
        return await self._reply(self.emulator.handle(asked), request)

    async def _reply(self, reply: Reply, request: web.Request) -> web.StreamResponse:
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.mishap == "silence":
            await asyncio.sleep(SILENCE_S)
        if reply.mishap in ("reset", "silence"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=499)
        if reply.mishap == "slow":
            return await self._trickle(reply, request)
        response = web.Response(status=reply.status, body=reply.body)
        for name, value in reply.headers:
            response.headers[name] = value
        return response

    async def _trickle(self, reply: Reply, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
        response.content_length = len(reply.body)
        await response.prepare(request)
        step = max(1, len(reply.body) // TRICKLE)
        for start in range(0, len(reply.body), step):
            await response.write(reply.body[start : start + step])
            await asyncio.sleep(0.2)
        return response

    async def _converse(self, asked: Request, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            autoping=False, autoclose=True, compress=False, timeout=1.0, max_msg_size=4 << 20
        )
        peer = ServedPeer(socket, request)
        conversation = self.emulator.connect(asked, peer)
        if isinstance(conversation, Reply):
            return await self._reply(conversation, request)
        await socket.prepare(request)
        self.sockets += 1
        writer = asyncio.get_running_loop().create_task(peer.write(), name="emulator-peer")
        try:
            await self._listen(socket, conversation)
        finally:
            self.sockets -= 1
            peer.gone = True
            writer.cancel()
            conversation.closed()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    @staticmethod
    async def _listen(socket: web.WebSocketResponse, conversation: Conversation) -> None:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                conversation.receive(message.data)
            elif message.type == WSMsgType.BINARY:
                conversation.receive(message.data.decode(errors="replace"))
            elif message.type == WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type == WSMsgType.PONG:
                conversation.pong()

    # -- faults ---------------------------------------------------------------------------------------------------------------

    async def _control(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            try:
                asked = orjson.loads(await request.read())
                self.emulator.set_fault(str(asked["fault"]), float(asked["value"]))
            except (CallerMistake, KeyError, TypeError, ValueError) as error:
                return web.Response(status=400, text=f"{error}")
        told = {
            "faults": dict(self.emulator.faults),
            "statistics": self.emulator.statistics(),
            "endpoints": self.addresses(),
        }
        body = orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS)
        return web.Response(body=body, content_type="application/json")
