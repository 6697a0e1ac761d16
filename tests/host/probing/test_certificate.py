"""Certificates that are good, and the several ways in which they are not."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest

from ctosd.host.probing import certificate
from tests.host.probing import stand


async def connected(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


@pytest.mark.parametrize(
    ("made", "host", "trusted", "said", "remedy"),
    [
        ({}, "127.0.0.1", False, "self-signed", "ca-certificates"),
        ({"days": -2}, "127.0.0.1", True, "expired", "timedatectl"),
        ({"days": 1_200}, "127.0.0.1", True, "not yet valid", "timedatectl"),
        ({"address": "127.0.0.2"}, "127.0.0.1", True, "IP address mismatch", "another server"),
        ({}, "localhost", True, "Hostname mismatch", "another server"),
    ],
)
async def test_what_is_wrong_has_its_own_remedy(
    tmp_path: Path, made: dict[str, object], host: str, trusted: bool, said: str, remedy: str
) -> None:
    server = stand.Deaf()
    port = await server.start(stand.certificate(tmp_path, **made))  # type: ignore[arg-type]
    context = stand.trusting(tmp_path) if trusted else ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        await certificate.handshake(await connected(port), host, context)
    issuer = await certificate.issuer_of(await connected(port), host, 2.0)
    assert issuer == "CN=Nobody's CA"
    told = certificate.told(caught.value, issuer)
    assert said in told
    assert "signed by CN=Nobody's CA" in told
    assert remedy in certificate.remedy(caught.value)
    await server.stop()


async def test_a_good_one_tells_its_days(tmp_path: Path) -> None:
    server = stand.Deaf()
    port = await server.start(stand.certificate(tmp_path, days=61))
    found = await certificate.handshake(await connected(port), "127.0.0.1", stand.trusting(tmp_path))
    assert certificate.validity(found, time.time()) == "TLSv1.3, certificate good for 61 more days"
    assert certificate.validity(found, time.time() + 60 * 86_400).endswith(" 1 more day")
    await server.stop()


async def test_a_server_without_tls(tmp_path: Path) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(OSError) as caught:  # noqa: PT011
        await certificate.handshake(await connected(port), "127.0.0.1", ssl.create_default_context())
    assert "scheme and port" in certificate.remedy(caught.value)
    assert await certificate.issuer_of(await connected(port), "127.0.0.1", 2.0) == ""
    server.close()
    await asyncio.sleep(0.01)
