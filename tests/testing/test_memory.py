"""An emulator in memory: in order, never re-entrant, on virtual time, with accidents that leave their effect."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ctosd.abi import NoAnswer, NotReady, NotSent
from ctosd.testing.memory import MemoryDial, MemoryHttp
from ctosd.testing.rig import Rig, run_virtual
from tests.testing.toy import Toy


class World:
    def __init__(self, latency_s: float = 0.0) -> None:
        rig = Rig()
        self.clock = rig.clock
        self.toy = Toy(None, rig.ports("toy", rig.log))
        self.http = MemoryHttp(self.toy, self.clock, latency_s)
        self.dial = MemoryDial(self.toy, self.clock, latency_s)
        self.frames: list[str] = []
        self.ends: list[str] = []

    async def connect(self, url: str = "ws://127.0.0.1:9/ws/public") -> Any:
        return await self.dial(url, lambda frame, ns: self.frames.append(frame.decode()), self.ends.append)

    async def get(self, target: str = "/x?a=1", **more: Any) -> Any:
        return await self.http.request("GET", f"http://127.0.0.1:9{target}", **more)


def test_requests_arrive_as_they_were_written() -> None:
    async def main() -> None:
        world = World()
        response = await world.http.request(
            "POST", "http://127.0.0.1:9/a/b?c=%20d", headers=(("X-Sign", "s"),), body=b"{}"
        )
        assert json.loads(response.body) == {"target": "/a/b?c=%20d", "body": "{}"}
        assert response.headers["x-used"] == "7"
        assert world.toy.seen[0].headers == {"x-sign": "s"}

    run_virtual(main())


@pytest.mark.parametrize(("accident", "seconds"), [("reset", 0.0), ("silence", 3.0), ("slow", 3.0)])
def test_an_answer_that_is_lost_had_its_effect(accident: str, seconds: float) -> None:
    async def main() -> None:
        world = World()
        headers = (("x-mishap", accident),) if accident != "slow" else ()
        if accident == "slow":
            world.toy.fault["slow"] = 60
        start_ns = world.clock.now_ns()
        with pytest.raises(NoAnswer):
            await world.get(timeout_s=3, headers=headers)
        assert (world.clock.now_ns() - start_ns) / 1e9 == pytest.approx(seconds, abs=0.01)
        assert len(world.toy.seen) == 1

    run_virtual(main())


def test_a_refused_connection_reaches_nobody() -> None:
    async def main() -> None:
        world = World()
        world.http.refuse = world.dial.refuse = True
        with pytest.raises(NotSent):
            await world.get()
        with pytest.raises(NotReady):
            await world.connect()
        assert world.toy.seen == world.toy.talks == []

    run_virtual(main())


def test_frames_keep_their_order_and_take_their_time() -> None:
    async def main() -> None:
        world = World(latency_s=0.25)
        socket = await world.connect()
        socket.send(b"push 100")
        socket.send(b"end")
        await asyncio.sleep(0.3)
        assert world.frames == []
        await asyncio.sleep(0.3)
        assert [json.loads(frame)["n"] for frame in world.frames[:-1]] == list(range(100))
        assert world.frames[-1] == "echo end"

    run_virtual(main())


def test_nothing_is_delivered_inside_the_write() -> None:
    async def main() -> None:
        world = World()
        socket = await world.connect()
        socket.send(b"hello")
        assert world.toy.heard == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert world.frames == ["echo hello"]

    run_virtual(main())


def test_pings_closes_and_cuts_are_those_of_a_wire() -> None:
    async def main() -> None:
        world = World()
        socket = await world.connect()
        socket.send(b"ping me")
        await asyncio.sleep(0.01)
        assert world.toy.talks[0].pongs == 1
        socket.send(b"close")
        await asyncio.sleep(0.01)
        assert world.frames == ["last words"]
        assert world.ends == ["closed by the server: 4004 idle"]
        with pytest.raises(NotSent):
            socket.send(b"x")
        second, third = await world.connect(), await world.connect()
        second.send(b"lost")
        assert world.dial.cut() == 2
        await asyncio.sleep(0.01)
        assert len(world.ends) == 3
        assert "lost" not in world.toy.heard
        assert [talk.gone for talk in world.toy.talks] == [1, 1, 1]
        third.close()
        await asyncio.sleep(0.01)
        assert len(world.ends) == 3

    run_virtual(main())


def test_a_frozen_socket_stands_and_says_nothing() -> None:
    async def main() -> None:
        world = World()
        socket = await world.connect()
        world.dial.freeze()
        socket.send(b"x")
        await asyncio.sleep(1)
        assert (world.frames, world.ends) == ([], [])
        world.dial.freeze(False)
        socket.send(b"y")
        await asyncio.sleep(0.01)
        assert world.frames == ["echo y"]

    run_virtual(main())


def test_a_refused_handshake_tells_status_and_body() -> None:
    async def main() -> None:
        with pytest.raises(NotReady, match="404: no such stream"):
            await World().connect("ws://127.0.0.1:9/elsewhere")

    run_virtual(main())
