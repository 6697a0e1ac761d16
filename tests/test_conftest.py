"""The suite's own fences hold."""

import asyncio
import os
import socket

import pytest
import uvloop

ELSEWHERE = ("192.0.2.1", 9)  # TEST-NET-1, RFC 5737: nobody's address


def test_a_socket_cannot_leave_this_machine() -> None:
    """connect, connect_ex and sendto to another machine fail the test at once."""
    for family, call in ((socket.SOCK_STREAM, "connect"), (socket.SOCK_STREAM, "connect_ex")):
        with socket.socket(socket.AF_INET, family) as out, pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
            getattr(out, call)(ELSEWHERE)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
        pytest.raises(pytest.fail.Exception, match="loopback"),
    ):
        out.sendto(b"x", ELSEWHERE)


def test_no_name_is_looked_up() -> None:
    """A host name would be asked of a resolver elsewhere."""
    with pytest.raises(pytest.fail.Exception, match=r"venue\.invalid"):
        socket.getaddrinfo("venue.invalid", 443)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_no_loop_leaves_this_machine(factory) -> None:
    """asyncio goes through the socket module, uvloop past it: both are fenced."""
    with asyncio.Runner(loop_factory=factory) as runner, pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
        runner.run(_connect())


async def _connect() -> None:
    await asyncio.get_running_loop().create_connection(asyncio.Protocol, *ELSEWHERE)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_loopback_is_open(factory) -> None:
    """Emulators live on 127.0.0.1."""

    async def round_trip() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(4))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"ping")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(round_trip()) == b"ping"


def test_each_test_has_its_own_var() -> None:
    """No test meets the state of a daemon that somebody runs from this checkout, nor its settings."""
    assert "var" in os.environ["CTOS_VAR"]
    assert not os.path.exists(os.environ["CTOS_VAR"])
    assert not [name for name in os.environ if name.startswith("CTOS__")]
