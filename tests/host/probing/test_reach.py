"""With a proxy and without: which of the two works."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ctosd.host.probing.pace import Pace
from ctosd.host.probing.reach import Reach, reach
from ctosd.kernel.clock import WallClock
from drivers.okx.emulator import Emulator as OkxEmulator
from tests.host.probing import stand
from tests.host.test_proxy import Relay
from tests.testing.toy import Toy


async def reached(endpoints: Any, proxy: str = "") -> Reach:
    return await reach(endpoints, proxy, clock=WallClock(), pace=Pace(), timeout_s=1.0)


async def test_without_a_proxy_there_is_one_way_and_no_verdict() -> None:
    served = await stand.serve(Toy)
    found = await reached(served.addresses())
    assert stand.spelled(found.checks) == ["tcp ok", "http ok", "websocket ok"]
    assert found.rest
    assert {check.way for check in found.checks} == {""}
    nowhere = await reached({**served.addresses(), "rest": f"http://127.0.0.1:{stand.dead_port()}"})
    assert not nowhere.rest
    await served.stop()


async def test_a_venue_that_takes_three_sockets_a_second_refuses_none() -> None:
    """OKX's emulator counts as OKX does."""
    served, relay = await stand.serve(OkxEmulator), Relay("http")
    await relay.start()
    found = await reached(served.addresses(), f"http://127.0.0.1:{relay.port}")
    assert [check.ok for check in found.checks if check.name == "websocket"] == [True] * 6
    assert all(check.ms is not None and check.ms < 500 for check in found.checks if check.name == "websocket")
    relay.stop()
    await served.stop()
    await asyncio.sleep(0.02)


@pytest.mark.parametrize(("kind", "scheme"), [("http", "http"), ("socks", "socks5")])
async def test_both_ways_work(kind: str, scheme: str) -> None:
    served, relay = await stand.serve(Toy), Relay(kind)
    await relay.start()
    found = await reached(served.addresses(), f"{scheme}://127.0.0.1:{relay.port}")
    steps = ["tcp ok", "http ok", "websocket ok", "tcp ok", "tunnel ok", "http ok", "websocket ok", "proxy ok"]
    assert stand.spelled(found.checks) == steps
    assert [check.way for check in found.checks] == ["direct"] * 3 + ["proxy"] * 4 + [""]
    assert found.checks[-1].message == "works with the proxy and without it"
    assert found.rest
    relay.stop()
    await served.stop()
    await asyncio.sleep(0.02)


async def test_a_proxy_that_refuses_is_what_is_wrong() -> None:
    served, relay = await stand.serve(Toy), Relay("http", refuse=True)
    await relay.start()
    found = await reached(served.addresses(), f"http://someone:hunter22@127.0.0.1:{relay.port}")
    verdict = found.checks[-1]
    assert not verdict.ok
    assert verdict.message.startswith("works without the proxy, not with it: tunnel ")
    assert "407" in verdict.message
    assert "take `proxy:` out" in verdict.remedy
    assert "user and password" in stand.named(found.checks, "tunnel").remedy
    assert "hunter22" not in repr(found)
    assert not found.rest
    relay.stop()
    await served.stop()
    await asyncio.sleep(0.02)


async def test_a_proxy_that_is_needed_makes_the_direct_failures_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy knows a name that this machine does not."""
    stand.no_names(monkeypatch, asyncio.get_running_loop(), stand.unknown_name)
    served, relay = await stand.serve(Toy), Relay("http")
    await relay.start()
    endpoints = {name: url.replace("127.0.0.1", "venue.invalid") for name, url in served.addresses().items()}
    found = await reached(endpoints, f"http://127.0.0.1:{relay.port}")
    assert stand.spelled(found.checks)[0] == "dns wrong"
    assert not any(check.wrong for check in found.checks)
    assert (
        found.checks[-1].message == "works with the proxy, not without it: dns venue.invalid: Name or service not known"
    )
    assert found.rest
    relay.stop()
    await served.stop()
    await asyncio.sleep(0.02)


async def test_neither_way_works() -> None:
    found = await reached({"rest": f"http://127.0.0.1:{stand.dead_port()}"}, f"socks5://127.0.0.1:{stand.dead_port()}")
    assert stand.spelled(found.checks) == ["tcp wrong", "tcp wrong", "proxy wrong"]
    assert "is the proxy running" in found.checks[1].remedy
    assert found.checks[-1].message.startswith("works neither with the proxy (tcp ")


async def test_an_address_that_is_no_proxys() -> None:
    served = await stand.serve(Toy)
    found = await reached(served.addresses(), "ftp://u:hunter22@127.0.0.1")
    assert stand.spelled(found.checks) == ["tcp ok", "http ok", "websocket ok", "proxy wrong"]
    assert "such as socks5://" in found.checks[-1].message
    assert "hunter22" not in repr(found)
    await served.stop()
