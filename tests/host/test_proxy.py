"""Proxies: HTTP CONNECT and SOCKS5 as small servers of our own, for requests and for sockets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from ctosd.abi import Misconfigured, NotReady, NotSent
from ctosd.host.http import HttpClient
from ctosd.host.proxy import Proxy
from ctosd.host.served import Served
from ctosd.host.ws import make_dial
from ctosd.kernel.clock import WallClock
from ctosd.testing.rig import Rig
from tests.testing.toy import Toy


class Relay:
    """Speaks HTTP CONNECT or SOCKS5 and relays; `asked` is where it was told to go."""

    def __init__(self, kind: str, refuse: bool = False) -> None:
        self.kind, self.refuse = kind, refuse
        self.asked: list[str] = []
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host, port = await (self._connect if self.kind == "http" else self._socks)(reader, writer)
            self.asked.append(f"{host}:{port}")
            if self.refuse:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
        head = await reader.readuntil(b"\r\n\r\n")
        host, _, port = head.split()[1].decode().rpartition(":")
        writer.write(b"HTTP/1.1 407 Who\r\n\r\n" if self.refuse else b"HTTP/1.1 200 Go\r\n\r\n")
        return host, int(port)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(str(part) for part in await reader.readexactly(4))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        writer.write(b"\x05" + (b"\x02" if self.refuse else b"\x00") + b"\x00\x01\x7f\x00\x00\x01\x00\x00")
        return host, port


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    rig = Rig(clock=WallClock())
    made = Served(Toy(None, rig.ports("toy", rig.log)))
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize(("kind", "scheme"), [("http", "http"), ("socks", "socks5"), ("socks", "socks5h")])
async def test_requests_and_sockets_go_through(served: Served, kind: str, scheme: str) -> None:
    relay = Relay(kind)
    await relay.start()
    proxy = Proxy(f"{scheme}://127.0.0.1:{relay.port}")
    client = HttpClient(WallClock(), proxy=proxy)
    addresses = served.addresses()
    for _ in range(2):
        assert (await client.request("GET", addresses["rest"] + "/x")).status == 200
    frames: list[bytes] = []
    socket = await make_dial(WallClock(), proxy=proxy)(
        addresses["public"], lambda frame, _: frames.append(frame), lambda reason: None
    )
    socket.send(b"hi")
    while not frames:
        await asyncio.sleep(0.005)
    assert frames == [b"echo hi"]
    assert relay.asked == [addresses["rest"].removeprefix("http://")] * 2
    socket.close()
    await client.close()
    relay.stop()
    await asyncio.sleep(0.02)


@pytest.mark.parametrize(("kind", "scheme"), [("http", "http"), ("socks", "socks5")])
async def test_a_proxy_that_refuses_is_not_sent_and_tells_no_password(served: Served, kind: str, scheme: str) -> None:
    relay = Relay(kind, refuse=True)
    await relay.start()
    proxy = Proxy(f"{scheme}://127.0.0.1:{relay.port}")
    proxy.url = f"{scheme}://127.0.0.1:{relay.port}"
    client = HttpClient(WallClock(), proxy=proxy)
    with pytest.raises(NotSent, match=f"the proxy {scheme}://127"):
        await client.request("POST", served.addresses()["rest"] + "/order", body=b"{}")
    with pytest.raises(NotReady, match="proxy"):
        await make_dial(WallClock(), proxy=proxy)(served.addresses()["public"], lambda f, _: None, lambda r: None)
    relay.stop()
    with pytest.raises(NotSent, match="proxy"):
        await client.request("GET", served.addresses()["rest"] + "/", timeout_s=2)
    await client.close()


def test_an_address_shows_no_password() -> None:
    assert Proxy("http://user:pass@localhost:3128").text == "http://localhost:3128"
    for wrong in ("ftp://user:secret@localhost:1", "localhost:1080", "socks5://localhost", "http://localhost:x"):
        with pytest.raises(Misconfigured, match="such as socks5") as caught:
            Proxy(wrong)
        assert "secret" not in str(caught.value)
