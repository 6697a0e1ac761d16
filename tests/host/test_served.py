"""An emulator on loopback, met by our own client and socket: the protocol arrives unchanged, accidents are real ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctosd.abi import Misconfigured, NoAnswer, NotReady
from ctosd.host.http import HttpClient
from ctosd.host.served import Served
from ctosd.host.ws import make_dial
from ctosd.kernel.clock import WallClock
from ctosd.testing.rig import Rig
from tests.testing.toy import Toy


class World:
    def __init__(self) -> None:
        rig = Rig(clock=WallClock())
        self.toy = Toy(None, rig.ports("toy", rig.log))
        self.served = Served(self.toy)
        self.client = HttpClient(rig.clock)
        self.frames: list[str] = []
        self.ends: list[str] = []
        self.dial = make_dial(rig.clock)

    async def get(self, target: str, method: str = "GET", **more: Any) -> Any:
        return await self.client.request(method, self.served.addresses()["rest"] + target, **more)

    async def connect(self, url: str = "") -> Any:
        return await self.dial(
            url or self.served.addresses()["public"], lambda f, _: self.frames.append(f.decode()), self.ends.append
        )

    async def until(self, ready: Any) -> None:
        for _ in range(600):
            if ready():
                return
            await asyncio.sleep(0.005)
        raise AssertionError((self.frames[:3], self.ends))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.served.start()
    yield made
    await made.client.close()
    await made.served.stop()


async def test_requests_come_as_they_were_written(world: World) -> None:
    assert world.toy.running
    response = await world.get(
        "/a//b?x=%7E&y=1+2", "DELETE", headers=(("X-Sign", "é".encode("idna").decode()),), body=b'{"a":1}'
    )
    assert json.loads(response.body) == {"target": "/a//b?x=%7E&y=1+2", "body": '{"a":1}'}
    assert response.headers["x-used"] == "7"
    assert world.toy.seen[0].method == "DELETE"
    assert "x-sign" in world.toy.seen[0].headers


@pytest.mark.parametrize("mishap", ["reset", "slow", "silence"])
async def test_mishaps_are_real(world: World, mishap: str) -> None:
    with pytest.raises(NoAnswer):
        await world.get("/order", "POST", headers=(("x-mishap", mishap),), timeout_s=0.4)
    assert len(world.toy.seen) == 1


async def test_a_conversation_over_a_real_socket(world: World) -> None:
    socket = await world.connect()
    socket.send(b"hello")
    socket.send(b"push 500")
    socket.send(b"ping me")
    await world.until(lambda: len(world.frames) == 501 and world.toy.talks[0].pongs == 1)
    assert world.frames[0] == "echo hello"
    assert [json.loads(frame)["n"] for frame in world.frames[1:]] == list(range(500))
    socket.send(b"close")
    await world.until(lambda: world.ends)
    assert world.frames[-1] == "last words"
    assert "4004 idle" in world.ends[0]
    await world.until(lambda: world.toy.talks[0].gone == 1)
    again = await world.connect()
    again.send(b"abort")
    await world.until(lambda: len(world.ends) == 2)
    await world.until(lambda: world.toy.talks[1].gone == 1)


async def test_a_refused_handshake(world: World) -> None:
    with pytest.raises(NotReady, match="404: no such stream"):
        await world.connect(world.served.addresses()["public"].replace("/ws/public", "/ws/none"))


async def test_faults_are_switched_while_it_runs(world: World) -> None:
    control = world.served.control().removeprefix(world.served.addresses()["rest"])
    told = json.loads((await world.get(control)).body)
    assert set(told["faults"]) == {"slow", "reset"}
    assert told["endpoints"] == world.served.addresses()
    done = await world.get(control, "POST", body=b'{"fault": "reset", "value": 1}')
    assert done.status == 200
    with pytest.raises(NoAnswer):
        await world.get("/x")
    wrong = await world.get(control, "POST", body=b'{"fault": "restt", "value": 1}')
    assert (wrong.status, wrong.body) == (400, b"there is no fault 'restt': there are slow, reset")


async def test_it_binds_this_machine_only(world: World) -> None:
    other = Served(world.toy)
    with pytest.raises(Misconfigured, match="loopback"):
        await other.start("0.0.0.0")
    with pytest.raises(Misconfigured, match="--port"):
        await other.start("127.0.0.1", int(world.served.addresses()["rest"].rpartition(":")[2]))
