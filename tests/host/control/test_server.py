"""The control socket, spoken to with bytes and with curl."""

import asyncio
import importlib.util
import json
import os
import shutil
import socket
import stat
import time
from pathlib import Path

import pytest
import uvloop

from ctosd.abi import Misconfigured
from ctosd.host.control.routes import ROUTES
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.loop import VirtualLoop

_SPEC = importlib.util.spec_from_file_location("toy_operator", Path(__file__).with_name("toy_operator.py"))
toy = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(toy)


async def until(true):
    """Return when it is."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for is on the other side of a socket
            await asyncio.sleep(0.01)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_kind(request):
    """Both loops: their transports and sockets differ."""
    return request.param


@pytest.fixture
def inside(tmp_path, loop_kind):
    """Run an async test body in a fresh house, on either loop."""

    def run(body, **limits):
        async def life():
            house = toy.House(tmp_path / "ctosd.sock", **limits)
            await house.server.start()
            try:
                await body(house)
            finally:
                await house.server.stop()
            assert not house.path.exists()

        factory = uvloop.new_event_loop if loop_kind == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(life(), 20))

    return run


def test_reads_and_acts_come_in_one_envelope(inside):
    """A result, an act with who did it, and the table of routes."""

    async def body(house):
        status, answer = await house.get("/v1/status")
        assert (status, answer["type"], answer["result"]["boot"]) == (200, "sync", 7)
        status, answer = await house.post("/v1/strategies/grid-btc/stop", reason="news")
        assert (status, answer["result"]["state"]) == (200, "stopped")
        act, name, by = house.operator.acts[0]
        assert (act, name) == ("stop news", "grid-btc")
        assert by.startswith(f"uid={os.getuid()} pid={os.getpid()} (")
        table = (await house.get("/v1"))[1]["result"]
        assert {"method": "POST", "path": "/v1/halt"}.items() <= next(
            row for row in table if row["path"] == "/v1/halt"
        ).items()
        assert len(table) == len(ROUTES)
        assert (await house.get("/v1/fills?limit=1&strategy=mr-eth"))[1]["result"] == []

    inside(body)


def test_every_mistake_has_its_status_and_word(inside):
    """404 and 400 with the nearest word, 405, 409, 503, 500; never a page of HTML."""

    async def body(house):
        cases = [
            (await house.get("/v1/statsu"), 404, "not_found", "did you mean '/v1/status'?"),
            (await house.get("/v1/why/grid-bct"), 404, "not_found", "did you mean 'grid-btc'?"),
            (await house.get("/v1/orders?limt=1"), 400, "bad_request", "did you mean 'limit'?"),
            (await house.get("/v1/orders?limit=-1"), 400, "bad_request", "between 0 and"),
            (await house.get("/v1/orders?all=maybe"), 400, "bad_request", "yes or no"),
            (await house.get("/v1/halt"), 405, "method_not_allowed", "is for POST"),
            (await house.post("/v1/status"), 405, "method_not_allowed", "is for GET"),
            (await house.post("/v1/halt", reason=3), 400, "bad_request", "reason must be a text"),
            (await house.post("/v1/halt", wait="long"), 400, "bad_request", "number of seconds"),
            (await house.post("/v1/call"), 400, "bad_request", "needs an account"),
            (
                await house.post("/v1/call", account="paper/main", name="x", args={"a": []}),
                400,
                "bad_request",
                "argument a",
            ),
            (await house.post("/v1/call", account="paper/main", name="never"), 503, "not_ready", "not connected"),
            (await house.post("/v1/call", account="paper/main", name="refused"), 409, "refused", "not now"),
            (await house.post("/v1/call", account="paper/main", name="wrong"), 409, "misconfigured", "venues.paper"),
            (await house.post("/v1/call", account="paper/main", name="bug"), 500, "internal", "KeyError"),
        ]
        for (status, answer), wanted, kind, words in cases:
            assert (status, answer["type"], answer["kind"]) == (wanted, "error", kind), answer
            assert words in answer["message"]
        status, _, raw = await house.ask("POST", "/v1/halt", b"{half")
        assert (status, json.loads(raw)["message"][:20]) == (400, "the body is not JSON")
        status, _, raw = await house.ask("POST", "/v1/halt", b"[]")
        assert (status, json.loads(raw)["message"]) == (400, "the body must be a JSON object, not list")
        assert house.operator.mode == "active"
        # Both the act's own end and the answer to its client are told; a mistake of the caller is not.
        assert [event for _, event, _ in house.words.said] == ["operator_act_failed", "control_failed"]

    inside(body)


def test_proc_is_text_or_json_and_cannot_be_left(inside):
    """Files end in a newline, directories list, JSON takes the subtree; `..` is only a name that is not there."""

    async def body(house):
        status, headers, raw = await house.ask("GET", "/proc/version")
        assert (status, headers["x-ctos-kind"], raw) == (200, "file", b"0.1.0\n")
        assert headers["content-type"].startswith("text/plain")
        _, headers, raw = await house.ask("GET", "/proc")
        assert headers["x-ctos-kind"] == "directory"
        assert b"strategies/\n" in raw
        assert (await house.ask("GET", "/proc/"))[2] == raw
        _, headers, raw = await house.ask("GET", "/proc/risk", headers="Accept: application/json\r\n")
        assert json.loads(raw) == {"mode": "active", "armed": False, "reason": None}
        assert headers["x-ctos-kind"] == "directory"
        assert (await house.ask("GET", "/proc/drivers/paper/latency_us"))[0] == 503
        for target in (
            "/proc/../../etc/passwd",
            "/proc/%2e%2e/%2e%2e/etc/passwd",
            "/proc/..%2f..%2fetc%2fpasswd",
            "/proc//etc/passwd",
        ):
            status, _, raw = await house.ask("GET", target)
            assert status == 404, target
            assert b"root:" not in raw

    inside(body)


def test_a_late_act_goes_on_without_its_client(inside):
    """504 after `wait`, and the act still comes to its end."""

    async def body(house):
        house.operator.delay_s = 0.3
        status, answer = await house.post("/v1/strategies/slow/start", wait=0.05)
        assert (status, answer["kind"]) == (504, "timeout")
        assert house.operator.finished == []
        _, writer = await asyncio.open_unix_connection(str(house.path))
        writer.write(b"POST /v1/strategies/slow/stop HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.close()
        await until(lambda: len(house.operator.finished) == 2)

    inside(body)


def test_bodies_beyond_the_limit_are_refused(inside):
    """413 at 64 KiB and one byte, nothing done."""

    async def body(house):
        fits = b'{"reason": "' + b"x" * (65_536 - 14) + b'"}'
        assert (await house.ask("POST", "/v1/halt", fits))[0] == 200
        status, _, raw = await house.ask("POST", "/v1/resume", fits.replace(b"x", b"xx", 1) + b" ")
        assert (status, json.loads(raw)["kind"]) == (413, "too_large")
        assert house.operator.mode == "halted"

    inside(body)


def test_one_connection_too_many_is_refused_and_the_rest_are_served(inside):
    """The 33rd hears 503 at once; the others go on, and there is room again when one leaves."""

    async def body(house):
        held = [await asyncio.open_unix_connection(str(house.path)) for _ in range(32)]
        await asyncio.sleep(0.05)
        status, answer = await house.get("/v1/status")
        assert (status, answer["kind"]) == (503, "busy")
        reader, writer = held.pop()
        writer.write(b"GET /v1/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b'"alive":true' in await reader.read()
        writer.close()
        await asyncio.sleep(0.05)
        assert (await house.get("/v1/status"))[0] == 200
        assert house.server.statistics()["refused"] == 1
        for _, writer in held:
            writer.close()

    inside(body)


def test_idle_connections_make_room(inside):
    """Somebody who holds all connections and says nothing cannot keep the kill switch from anybody."""

    async def body(house):
        held = [await asyncio.open_unix_connection(str(house.path)) for _ in range(4)]
        await asyncio.sleep(0.1)
        assert (await house.post("/v1/halt"))[0] == 200
        for _, writer in held:
            writer.close()

    inside(body, connections=4, spare_s=0.05)


async def end_of(reader):
    """What is left to read; an abort comes as the end or as a reset, by what the server had not read yet."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""


def test_half_a_request_is_not_waited_for(inside):
    """Silence, half a head and half a body end with the time of one request; others are served meanwhile."""

    async def body(house):
        guests = []
        for said in (b"", b"GET /v1/status HT", b"POST /v1/halt HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"):
            reader, writer = await asyncio.open_unix_connection(str(house.path))
            writer.write(said)
            guests.append((reader, writer))
        assert (await house.get("/v1/status"))[0] == 200
        answers = [await end_of(reader) for reader, _ in guests]
        assert answers[:2] == [b"", b""]
        assert answers[2].startswith(b"HTTP/1.1 408 ")
        assert house.operator.mode == "active"
        for _, writer in guests:
            writer.close()

    inside(body, request_s=0.3)


def test_an_answer_that_nobody_reads_is_dropped(inside):
    """A client that asks for megabytes and does not take them loses its connection, and nothing else happens."""

    async def body(house):
        reader, writer = await asyncio.open_unix_connection(str(house.path), limit=1024)
        ask = b'{"account": "paper/main", "name": "big"}'
        writer.write(b"POST /v1/call HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(ask), ask))
        await until(lambda: house.operator.acts and house.server.statistics()["connections"] == 0)
        assert len(await end_of(reader)) < 3_000_000
        writer.close()

    inside(body, request_s=0.3)


def test_followers_hear_the_log_and_leave_no_trace(inside):
    """Old lines, then new ones above the level; a bounded number of followers; gone when the client goes."""

    async def body(house):
        house.logs.write("old")
        house.logs.write("trouble", "error")
        reader, writer = await asyncio.open_unix_connection(str(house.path))
        writer.write(b"GET /v1/logs?follow=1&n=5&level=warning HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"trouble" in await asyncio.wait_for(_line_with(reader, b"event"), 5)
        house.logs.write("hidden")
        await asyncio.to_thread(house.logs.write, "from a thread", "critical")
        assert b"from a thread" in await asyncio.wait_for(_line_with(reader, b"event"), 5)
        assert (await house.get("/v1/logs?follow=1"))[0] == 503
        writer.close()
        await until(lambda: not house.logs.calls and not house.server.statistics()["followers"])

    inside(body, followers=1)


async def _line_with(reader, word):
    while word not in (line := await reader.readline()):
        assert line
    return line


def test_a_follower_ends_with_the_server(inside):
    """`stop` does not wait for those who would listen for ever."""

    async def body(house):
        reader, writer = await asyncio.open_unix_connection(str(house.path))
        writer.write(b"GET /v1/logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        before = asyncio.get_running_loop().time()
        await house.server.stop()
        assert asyncio.get_running_loop().time() - before < 0.9
        assert (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()

    inside(body)


class Everybody:
    """An access rule under which everybody has the same role."""

    def __init__(self, role):
        self.role = lambda peer: role


def test_a_stranger_may_do_nothing_and_a_reader_only_read(inside):
    """The access column of each route decides; anyone may ask only whether we live."""

    async def body(house):
        house.server._access = Everybody("none")
        for row in ROUTES:
            target = row.path.replace("{name}", "grid-btc").replace("{path:.*}", "version")
            status, _, raw = await house.ask(row.method, target)
            assert status == (200 if row.needs == "open" else 403), row
            assert b"grid" not in raw
        house.server._access = Everybody("read")
        assert (await house.get("/v1/status"))[0] == 200
        status, answer = await house.post("/v1/halt")
        assert (status, answer["kind"]) == (403, "denied")
        assert "'ctos-admin'" in answer["message"]
        assert house.operator.acts == []
        assert house.server.statistics()["denied"] == len(ROUTES)

    inside(body)


def test_curl_speaks_to_it(inside):
    """``curl --unix-socket`` for a read, an act and a file of /proc."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")

    async def body(house):
        async def run(*words):
            process = await asyncio.create_subprocess_exec(
                curl, "-sS", "--unix-socket", str(house.path), *words, stdout=asyncio.subprocess.PIPE
            )
            return (await process.communicate())[0]

        assert json.loads(await run("http://ctos/v1/status"))["result"]["pid"] == 4242
        assert json.loads(await run("-d", '{"reason": "by curl"}', "http://ctos/v1/halt"))["result"]["mode"] == "halted"
        assert (
            json.loads(await run("-X", "POST", "http://ctos/v1/resume?reason=fine"))["result"]["mode_reason"] == "fine"
        )
        assert await run("http://ctos/proc/strategies/grid-btc/state") == b"running\n"

    inside(body)


def test_the_socket_file_is_made_with_its_mode_and_replaces_a_dead_one(tmp_path):
    """0660 whatever the umask; a socket that nobody serves is in nobody's way."""

    async def life():
        path = tmp_path / "ctosd.sock"
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(path))
        dead.close()
        house = toy.House(path)
        await house.server.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (await house.get("/v1/healthz"))[0] == 200
        second = toy.House(path)
        with pytest.raises(Misconfigured, match="another ctosd answers"):
            await second.server.start()
        await second.server.stop()
        assert (await house.get("/v1/healthz"))[0] == 200
        await house.server.stop()
        assert not path.exists()
        await house.server.stop()

    asyncio.run(life())


def test_on_the_virtual_clock_clients_still_have_real_time(tmp_path):
    """A run that passes years in seconds does not cut off the person who looks at it."""

    def client(path):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(path))
            time.sleep(0.1)  # centuries, for the daemon
            slow.sendall(b"POST /v1/halt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 16\r\n\r\n")
            time.sleep(0.1)
            slow.sendall(b'{"reason":"why"}')
            return slow.makefile("rb").read()

    async def life():
        house = toy.House(tmp_path / "ctosd.sock")
        await house.server.start()
        began, answer = asyncio.get_running_loop().time(), asyncio.create_task(asyncio.to_thread(client, house.path))
        while not answer.done():  # noqa: ASYNC110 - the loop has to have a timer to jump to
            await asyncio.sleep(3600)
        await house.server.stop()
        assert asyncio.get_running_loop().time() - began > 86_400
        assert b'"mode_reason":"why"' in answer.result()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualClock())) as runner:
        runner.run(life())
