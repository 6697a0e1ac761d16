"""WebSockets against real servers on loopback: whole messages, one end, and reasons in words."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from ctosd.abi import CallerMistake, NotReady, NotSent
from ctosd.host.ws import make_dial
from ctosd.kernel.clock import WallClock

Talk = Callable[[web.WebSocketResponse], Any]


class Server:
    def __init__(self) -> None:
        self.talk: Talk = _echo
        self.heard: list[str] = []
        self.headers: dict[str, str] = {}
        self.pongs = 0
        self.port = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/ws", self._serve)
        app.router.add_get("/no", self._refuse)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]

    async def _refuse(self, request: web.Request) -> web.Response:
        return web.Response(status=403, text="keys are not welcome")

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await self.talk(self, socket)
        return socket

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


async def _echo(server: Server, socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            server.heard.append(message.data)
            await socket.send_str(message.data)
        elif message.type == WSMsgType.PONG:
            server.pongs += 1


class Client:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.times: list[int] = []
        self.ends: list[str] = []
        self.clock = WallClock()

    def hear(self, frame: bytes, recv_ns: int) -> None:
        self.frames.append(frame)
        self.times.append(recv_ns)

    async def dial(self, url: str, **more: Any) -> Any:
        return await make_dial(self.clock)(url, self.hear, self.ends.append, **more)

    async def until(self, ready: Callable[[], Any]) -> None:
        for _ in range(400):
            if ready():
                return
            await asyncio.sleep(0.005)
        raise AssertionError((self.frames[:3], self.ends))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    await made.runner.cleanup()


async def test_messages_go_both_ways_and_headers_along(server: Server) -> None:
    client = Client()
    socket = await client.dial(server.url, headers=(("X-Key", "k"),))
    socket.send(b'{"op":"ping"}')
    await client.until(lambda: client.frames)
    assert client.frames == [b'{"op":"ping"}']
    assert abs(client.times[0] - client.clock.now_ns()) < 5e9
    assert server.headers["x-key"] == "k"
    socket.close("enough")
    await client.until(lambda: client.ends)
    assert client.ends == ["enough"]
    with pytest.raises(NotSent, match="enough"):
        socket.send(b"late")


async def test_pieces_and_binary_arrive_as_one_message(server: Server) -> None:
    async def talk(server: Server, socket: web.WebSocketResponse) -> None:
        writer = socket._writer
        assert writer is not None
        for opcode, piece, fin in ((1, b"one ", 0), (0, b"two ", 0), (0, b"three", 1)):
            writer.transport.write(bytes([opcode | (128 if fin else 0), len(piece)]) + piece)
        await socket.send_bytes(b"\x00\x01")
        await asyncio.sleep(1)

    server.talk = talk
    client = Client()
    await client.dial(server.url)
    await client.until(lambda: len(client.frames) == 2)
    assert client.frames == [b"one two three", b"\x00\x01"]


async def test_a_ping_is_answered_below(server: Server) -> None:
    async def talk(server: Server, socket: web.WebSocketResponse) -> None:
        await socket.ping(b"x")
        await _echo(server, socket)

    server.talk = talk
    client = Client()
    await client.dial(server.url)
    await client.until(lambda: server.pongs == 1)
    assert client.frames == []


@pytest.mark.parametrize(("how", "word"), [("close", "4004 idle"), ("abort", "lost")])
async def test_the_end_is_told_once_with_its_reason(server: Server, how: str, word: str) -> None:
    async def talk(server: Server, socket: web.WebSocketResponse) -> None:
        if how == "close":
            await socket.close(code=4004, message=b"idle")
        else:
            assert socket._req is not None
            assert socket._req.transport is not None
            socket._req.transport.abort()

    server.talk = talk
    client = Client()
    await client.dial(server.url)
    await client.until(lambda: client.ends)
    await asyncio.sleep(0.05)
    assert len(client.ends) == 1
    assert word in client.ends[0]


async def test_a_refusal_tells_status_and_body(server: Server) -> None:
    with pytest.raises(NotReady, match="403: keys are not welcome"):
        await Client().dial(server.url.replace("/ws", "/no?listenKey=secret"))


async def test_no_server_and_no_handshake_are_not_ready() -> None:
    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    probe = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    with pytest.raises(NotReady, match=r"0\.2 s"):
        await Client().dial(f"ws://127.0.0.1:{port}/", timeout_s=0.2)
    await asyncio.wait_for(gone.wait(), 5)
    probe.close()
    with pytest.raises(NotReady):
        await Client().dial(f"ws://127.0.0.1:{port}/", timeout_s=1)
    with pytest.raises(CallerMistake):
        await Client().dial("http://127.0.0.1/")


async def test_a_message_beyond_all_measure_ends_the_socket(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctosd.host.ws.MOST_BYTES", 1000)

    async def talk(server: Server, socket: web.WebSocketResponse) -> None:
        await socket.send_str("x" * 5000)
        await asyncio.sleep(1)

    server.talk = talk
    client = Client()
    await client.dial(server.url)
    await client.until(lambda: client.ends)
    assert client.frames == []


async def test_what_hearing_raises_ends_the_socket_and_is_told(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()

    def fail(frame: bytes, recv_ns: int) -> None:
        raise ZeroDivisionError("bad")

    socket = await make_dial(client.clock)(server.url, fail, client.ends.append)
    socket.send(b"x")
    await client.until(lambda: client.ends)
    assert "ZeroDivisionError" in client.ends[0]
    del socket
    await asyncio.sleep(0.01)
    gc.collect()  # asyncio tells of what nobody retrieved: here, and not in the middle of another test
    assert "never retrieved" in caplog.text
