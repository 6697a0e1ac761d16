"""One way, step by step, against servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ctosd.host.probing.pace import Pace
from ctosd.host.probing.way import Way, bare, servers
from ctosd.kernel.clock import WallClock
from tests.host.probing import stand
from tests.testing.toy import Toy


def way(timeout_s: float = 2.0, **more: Any) -> Way:
    return Way(WallClock(), Pace(), timeout_s, **more)


async def test_every_step_to_a_server_that_is_well() -> None:
    served = await stand.serve(Toy)
    checks = await way().look(served.addresses())
    assert stand.spelled(checks) == ["tcp ok", "http ok", "websocket ok"]
    assert all(check.ms is not None and 0 <= check.ms < 2_000 for check in checks)
    assert [check.message for check in checks] == ["127.0.0.1", "HTTP 200", "opens"]
    assert stand.named(checks, "http").target == f"rest {served.addresses()['rest']}"
    await served.stop()


async def test_a_failure_hides_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    stand.no_names(monkeypatch, asyncio.get_running_loop(), stand.unknown_name)
    served = await stand.serve(Toy)
    endpoints = {
        "rest": "https://nowhere.invalid",
        "orders": f"http://127.0.0.1:{stand.dead_port()}",
        "public": served.addresses()["public"],
    }
    checks = await way().look(endpoints)
    assert stand.spelled(checks) == ["dns wrong", "tcp wrong", "tcp ok", "websocket ok"]
    assert (checks[0].target, checks[0].message) == ("nowhere.invalid", "Name or service not known")
    assert "spelling under `endpoints:`" in checks[0].remedy
    assert checks[1].message == "127.0.0.1: Connection refused"
    assert "ctosctl emulate" in checks[1].remedy
    await served.stop()


async def test_a_name_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(host: str) -> None:
        await asyncio.sleep(60)

    stand.no_names(monkeypatch, asyncio.get_running_loop(), never)
    tried = way(0.1)
    began = time.monotonic()
    (check,) = await tried.look({"rest": "https://nowhere.invalid", "ws": "wss://nowhere.invalid"})
    assert time.monotonic() - began < 2
    assert (check.name, check.ok, check.message) == ("dns", False, "no name server answers within 0.1 s")
    assert "resolv.conf" in check.remedy
    assert tried.stuck


async def test_an_untrusted_certificate_names_its_signer_and_a_trusted_one_its_days(tmp_path: Path) -> None:
    server = stand.Deaf()
    port = await server.start(stand.certificate(tmp_path))
    url = {"rest": f"https://127.0.0.1:{port}"}
    checks = await way().look(url)
    assert stand.spelled(checks) == ["tcp ok", "tls wrong"]
    assert "signed by CN=Nobody's CA" in checks[1].message
    assert "reads along" in checks[1].remedy
    checks = await way(0.3, tls=stand.trusting(tmp_path)).look(url)
    assert stand.spelled(checks) == ["tcp ok", "tls ok", "http wrong"]
    assert "good for 90 more days" in checks[1].message
    assert "no answer within 0.3 s" in checks[2].message
    await server.stop()


async def test_connections_without_tls_behind_them() -> None:
    server = stand.Deaf()
    port = await server.start()
    checks = await way(0.2).look({"rest": f"https://127.0.0.1:{port}"})
    assert stand.spelled(checks) == ["tcp ok", "tls wrong"]
    assert checks[1].message == "no handshake within 0.2 s"
    await server.stop()


@pytest.mark.parametrize(
    ("status", "ok", "said"),
    [
        (200, True, ""),
        (404, True, ""),
        (503, True, ""),
        (451, False, "place"),
        (418, False, "banned"),
        (429, False, "too many"),
    ],
)
async def test_any_answer_is_one_but_those_that_nobody_trades_behind(status: int, ok: bool, said: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/api/"
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    checks = await way().look({"rest": f"http://127.0.0.1:{runner.addresses[0][1]}/api"})
    found = stand.named(checks, "http")
    assert found.ok == ok
    assert f"HTTP {status}" in found.message
    assert said in found.message
    assert bool(found.remedy) != ok
    await runner.cleanup()


async def test_a_refused_websocket_tells_what_the_server_said() -> None:
    served = await stand.serve(Toy)
    url = served.addresses()["public"]
    wrong = await way().look({"ws": url.replace("public", "none") + "?key=abc"})
    found = stand.named(wrong, "websocket")
    assert not found.ok
    assert "HTTP 404: no such stream" in found.message
    assert "abc" not in f"{found.target} {found.message}"
    head = await way().look({"ws": url.removesuffix("/ws/public")})
    assert not stand.named(head, "websocket").ok  # neither / nor /ws is one here
    await served.stop()


async def test_the_family_that_a_client_tries_first_and_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for the first address and never comes to the second; a refusal it passes over."""
    served = await stand.serve(Toy)
    loop = asyncio.get_running_loop()
    port = int(served.addresses()["rest"].rpartition(":")[2])
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    real = loop.sock_connect
    refused = False

    async def both(host: Any, port: Any, **options: Any) -> Any:
        return found

    async def sock_connect(connection: socket.socket, address: Any) -> None:
        if address[0] == "::1":
            if refused:
                raise ConnectionRefusedError(111, "Connect call failed")
            await asyncio.sleep(60)
        await real(connection, address)

    monkeypatch.setattr(loop, "getaddrinfo", both)
    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    named, silent = await way(0.2).look_at("two.invalid", port)
    assert named.message == "::1, 127.0.0.1"
    assert not silent.ok
    assert silent.message == "::1: no answer within 0.2 s; 127.0.0.1 answers"
    assert "gai.conf" in silent.remedy
    refused = True
    _, passed = await way(0.2).look_at("two.invalid", port)
    assert (passed.ok, passed.message) == (True, "127.0.0.1; ::1: Connection refused")
    await served.stop()


def test_servers_are_told_apart_by_host_port_and_tls() -> None:
    found = servers(
        {"a": "https://one.test", "b": "wss://one.test:443/x", "c": "ws://[::1]:8/x", "d": "ws://[::1]:8/x"}
    )
    assert [str(origin) for origin in found] == ["one.test:443", "[::1]:8"]
    assert list(found.values()) == [{"https://one.test": "a", "wss://one.test:443/x": "b"}, {"ws://[::1]:8/x": "c, d"}]
    assert bare("wss://user:pass@one.test:9/x?listenKey=k") == "wss://one.test:9/x"
