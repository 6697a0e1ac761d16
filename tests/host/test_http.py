"""The HTTP client: what is proved unsent, what nobody knows, and that nothing is ever sent twice."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NoAnswer, NotSent
from ctosd.host.http import HttpClient
from ctosd.host.httpwire import unpack
from ctosd.kernel.clock import WallClock

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """A server of raw bytes. `heads` has every request's head that arrived, whatever became of it."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.answer: Callable[[Server, asyncio.StreamWriter], Awaitable[bool]] = _ok
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            going = True
            while going:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                self.bodies.append(await reader.readexactly(length))
                going = await self.answer(self, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def _ok(server: Server, writer: asyncio.StreamWriter) -> bool:
    writer.write(OK)
    return True


def says(data: bytes, *, then: str = "close") -> Any:
    """Answer with these bytes, then close, reset or keep."""

    async def answer(server: Server, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        if then == "reset":
            writer.transport.abort()
        elif then == "hang":
            await asyncio.sleep(5)
        return then == "keep"

    return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(WallClock())
    yield made
    await made.close()


async def test_what_is_given_is_what_is_sent(server: Server, client: HttpClient) -> None:
    """Path and query byte for byte, the caller's headers in their order, one body with its length."""
    url = f"{server.url}/api/v1/order?b=2&a=%7E1&c=x%20y"
    response = await client.request("POST", url, headers=(("X-Sign", "abc"), ("Content-Type", "a/b")), body=b'{"a":1}')
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"ok", "2")
    lines = server.heads[0].split(b"\r\n")
    assert lines[0] == b"POST /api/v1/order?b=2&a=%7E1&c=x%20y HTTP/1.1"
    assert lines[1:3] == [b"X-Sign: abc", b"Content-Type: a/b"]
    assert b"host: 127.0.0.1:%d" % server.port in lines
    assert server.bodies == [b'{"a":1}']


async def test_a_callers_own_agent_is_the_only_one(server: Server, client: HttpClient) -> None:
    await client.request("GET", server.url + "/", headers=(("User-Agent", "mine"),))
    await client.request("GET", server.url + "/")
    assert [head.lower().count(b"user-agent:") for head in server.heads] == [1, 1]


async def test_a_connection_is_kept_and_used_again(server: Server, client: HttpClient) -> None:
    for _ in range(5):
        await client.request("GET", server.url + "/")
    assert server.connections == 1
    assert client.statistics()["opened"] == 1
    assert client.statistics()["round_trip_ms"] > 0


async def test_requests_at_once_take_connections_of_their_own_up_to_a_bound(server: Server) -> None:
    client = HttpClient(WallClock(), most_connections=3)
    replies = await asyncio.gather(*(client.request("GET", f"{server.url}/{n}") for n in range(12)))
    assert [each.body for each in replies] == [b"ok"] * 12
    assert server.connections == 3
    await client.close()


async def test_a_full_pool_that_never_frees_is_not_sent(server: Server) -> None:
    client = HttpClient(WallClock(), most_connections=1)
    server.answer = says(b"", then="hang")
    first = asyncio.ensure_future(client.request("POST", server.url + "/1", timeout_s=0.5))
    await asyncio.sleep(0.05)
    with pytest.raises(NotSent, match="under way"):
        await client.request("POST", server.url + "/2", timeout_s=0.1)
    with pytest.raises(NoAnswer):
        await first
    assert len(server.heads) == 1


BROKEN: dict[str, Any] = {
    "cut before the answer": says(b"", then="close"),
    "reset before the answer": says(b"", then="reset"),
    "cut in the head": says(b"HTTP/1.1 200 OK\r\nconte", then="close"),
    "cut in the body": says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", then="close"),
    "cut in a chunk": says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", then="reset"),
    "garbage": says(b"\x00\x01 this is no HTTP\r\n\r\n", then="hang"),
    "a bad chunk": says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", then="hang"),
    "silence": says(b"", then="hang"),
    "half an answer, then silence": says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", then="hang"),
    "a packed body that is none": says(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok"),
}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("accident", BROKEN)
async def test_whatever_happens_after_the_write_is_no_answer_and_one_request(
    server: Server, client: HttpClient, accident: str, method: str
) -> None:
    """On a fresh connection and on a kept one; the server counts what arrives."""
    await client.request("GET", server.url + "/warm")
    server.answer = BROKEN[accident]
    with pytest.raises(NoAnswer):
        await client.request(method, server.url + "/order", body=b"" if method == "GET" else b"{}", timeout_s=0.3)
    await asyncio.sleep(0.02)
    assert [head for head in server.heads if b"/order" in head].__len__() == 1
    server.answer = _ok
    assert (await client.request("GET", server.url + "/after")).body == b"ok"


async def test_a_kept_connection_that_died_quietly_is_not_written_to(server: Server, client: HttpClient) -> None:
    """The server closed while we were idle: the next request goes out on a new connection, once."""
    server.answer = says(OK, then="close")
    await client.request("GET", server.url + "/1")
    await asyncio.sleep(0.05)
    server.answer = _ok
    response = await client.request("POST", server.url + "/2", body=b"{}")
    assert response.body == b"ok"
    assert len([head for head in server.heads if b"/2" in head]) == 1
    assert server.connections == 2


async def test_a_connection_that_was_idle_too_long_is_not_trusted(server: Server) -> None:
    client = HttpClient(WallClock(), idle_s=0.05)
    await client.request("GET", server.url + "/1")
    await asyncio.sleep(0.1)
    await client.request("GET", server.url + "/2")
    assert server.connections == 2
    await client.close()


async def test_a_server_that_speaks_unasked_is_left(server: Server, client: HttpClient) -> None:
    """An answer to nothing must never be taken for the answer to the next request."""
    server.answer = says(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong", then="keep")
    assert (await client.request("GET", server.url + "/1")).body == b"ok"
    server.answer = _ok
    await asyncio.sleep(0.02)
    assert (await client.request("GET", server.url + "/2")).body == b"ok"
    assert server.connections == 2


async def test_no_connection_is_a_proof(client: HttpClient) -> None:
    probe = Server()
    await probe.start()
    await probe.stop()
    with pytest.raises(NotSent, match=r"127\.0\.0\.1"):
        await client.request("POST", probe.url + "/order", body=b"{}", timeout_s=2)
    assert client.statistics()["not_sent"] == 1


async def test_a_cancelled_request_gives_its_connection_up(server: Server, client: HttpClient) -> None:
    server.answer = says(b"", then="hang")
    task = asyncio.ensure_future(client.request("POST", server.url + "/order"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.answer = _ok
    assert (await client.request("GET", server.url + "/")).body == b"ok"
    assert server.connections == 2


async def test_bodies_of_every_kind(server: Server, client: HttpClient) -> None:
    packed = gzip.compress(b"x" * 100_000)
    kinds = {
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n": b"abcde",
        b"HTTP/1.1 204 No Content\r\n\r\n": b"",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nz": b"z",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed: b"x"
        * 100_000,
    }
    for data, body in kinds.items():
        server.answer = says(data, then="keep")
        assert (await client.request("GET", server.url + "/")).body == body
    assert server.connections == 1
    server.answer = says(b"HTTP/1.1 500 Oops\r\n\r\nto the end", then="close")
    last = await client.request("GET", server.url + "/")
    assert (last.status, last.body) == (500, b"to the end")


def test_a_bomb_is_not_unpacked() -> None:
    from ctosd.host import httpwire

    bomb = zlib.compress(b"\0" * (httpwire.MOST_BYTES + 1))
    with pytest.raises(ValueError, match="too large"):
        unpack(bomb, "deflate")
    with pytest.raises(ValueError, match="br"):
        unpack(b"", "br")
    assert unpack(zlib.compress(b"a"), "deflate") == b"a"


@pytest.mark.parametrize(
    "bad",
    [
        {"url": "http://127.0.0.1:1/a b"},
        {"url": "http://127.0.0.1:1/a\r\nx: y"},
        {"url": "ftp://127.0.0.1/"},
        {"url": "127.0.0.1/"},
        {"headers": (("x", "a\r\nb: c"),)},
        {"headers": (("x", "ü"),)},
    ],
)
async def test_what_is_no_request_is_a_callers_mistake(client: HttpClient, bad: dict[str, Any]) -> None:
    with pytest.raises(CallerMistake):
        await client.request("GET", **{"url": "http://127.0.0.1:1/", **bad})


async def test_a_certificate_that_nobody_signed_is_refused_before_a_byte_leaves(tmp_path: Path) -> None:
    server = Server()
    await server.start(_self_signed(tmp_path))
    client = HttpClient(WallClock())
    with pytest.raises(NotSent, match="not trusted"):
        await client.request("POST", f"https://127.0.0.1:{server.port}/order", body=b"{}")
    assert server.heads == []
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    own = HttpClient(WallClock(), tls=trusting)
    assert (await own.request("GET", f"https://127.0.0.1:{server.port}/")).body == b"ok"
    for each in (client, own):
        await each.close()
    await server.stop()


def _self_signed(folder: Path) -> ssl.SSLContext:
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=36500))
    cert = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_it_works_on_the_daemons_own_loop() -> None:
    """uvloop's transports are not those of asyncio."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> bytes:
        server = Server()
        await server.start()
        client = HttpClient(WallClock())
        response = await client.request("POST", server.url + "/x", body=b"{}")
        await client.request("POST", server.url + "/x", body=b"{}")
        assert server.connections == 1
        await client.close()
        await server.stop()
        return response.body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == b"ok"


def test_a_request_is_on_the_wire_before_the_loop_turns() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        client = HttpClient(WallClock())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        first = loop.create_task(client.request("GET", f"{url}/first"))
        peer, _ = await loop.sock_accept(listener)
        with listener, peer:
            await loop.sock_recv(peer, 4_096)
            await loop.sock_sendall(peer, OK)
            await first
            second = client.request("POST", f"{url}/second")
            second.send(None)
            peer.settimeout(5)
            assert peer.recv(4_096).startswith(b"POST /second")
            second.close()
            await client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
