"""The driver over the kernel's own sessions: logins, losses, rotation; the sockets are the test's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ctosd.abi import Accepted, AuthFailed, NotReady, OrderUpdate, Trade, Unknown
from ctosd.kernel.session import KeptSession
from tests.drivers.okx.scripted import PERP, World, accept, dump, order_row, place, push, virtual

SWAP = {"instId": "BTC-USDT-SWAP"}


class Server:
    """What answers on one socket: logins, subscriptions and orders, as OKX does."""

    def __init__(
        self, wire: Wire, url: str, on_frame: Callable[[bytes, int], None], on_close: Callable[[str], None]
    ) -> None:
        self.wire, self.url = wire, url
        self._on_frame, self._on_close = on_frame, on_close
        self.said: list[Any] = []
        self.open = True

    def send(self, message: bytes) -> None:
        if message == b"ping":
            self.tell(b"pong")
            return
        said = json.loads(message)
        self.said.append(said)
        if said["op"] == "login":
            self.tell(self.wire.login)
        elif said["op"] == "subscribe":
            for arg in said["args"]:
                self.tell({"id": said["id"], "event": "subscribe", "arg": arg, "connId": "x"})
        elif said["op"] != "unsubscribe" and self.wire.answers:
            self.tell(accept(said))

    def tell(self, message: Any) -> None:
        frame = message if isinstance(message, bytes) else dump(message)
        asyncio.get_running_loop().call_soon(self._deliver, frame)

    def _deliver(self, frame: bytes) -> None:
        if self.open:
            self._on_frame(frame, self.wire.world.clock.now_ns())

    def close(self, reason: str = "") -> None:
        self.drop(reason or "closed")

    def drop(self, reason: str = "reset by peer") -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().call_soon(self._on_close, reason)


class Wire:
    """`abi.Dial` whose other end is a `Server`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers: list[Server] = []
        self.login: Any = {"event": "login", "code": "0", "msg": "", "connId": "x"}
        self.answers = True
        object.__setattr__(world.ports, "open_session", self._open)

    def _open(self, dialect: Any) -> Any:
        world = self.world
        return KeptSession(
            dialect, self, world.clock, world.tasks.spawn, world.ports.budget, world.log, lambda: 0.5, "okx"
        )  # type: ignore[arg-type]

    async def __call__(
        self, url: str, on_frame: Any, on_close: Any, *, headers: Any = (), timeout_s: float = 10.0
    ) -> Server:
        await asyncio.sleep(0)
        server = Server(self, url, on_frame, on_close)
        self.servers.append(server)
        return server

    def at(self, name: str) -> Server:
        """The newest open socket of a kind."""
        return [server for server in self.servers if server.open and server.url.endswith(name)][-1]


@virtual
async def test_market_and_orders_flow() -> None:
    world = World()
    wire = Wire(world)
    driver = await world.started()
    await driver.subscribe("trades", PERP)
    await world.turn(2)
    public = wire.at("/public")
    assert {"channel": "trades", **SWAP} in [arg for said in public.said for arg in said["args"]]
    public.tell(push("trades", {"tradeId": "7", "px": "1", "sz": "2", "side": "buy", "ts": "5"}, **SWAP))
    await world.turn()
    assert [type(event) for event in world.on("trades/okx/BTC-USDT:USDT")] == [Trade]
    assert isinstance(await driver.submit(place()), Accepted)
    assert world.http.to("/api/v5/trade/order") == []
    await world.close(driver)


@virtual
async def test_a_lost_private_stream_comes_back() -> None:
    world = World()
    wire = Wire(world)
    driver = await world.started()
    wire.at("/private").drop()
    await world.turn(0.001)
    assert [event.up for event in world.on("status/okx")] == [False]
    await world.turn(10)
    assert [event.up for event in world.on("status/okx")] == [False, True]
    wire.at("/private").tell(push("orders", order_row(), instType="ANY"))
    await world.turn()
    assert len(world.private(OrderUpdate)) == 1
    await world.close(driver)


@virtual
async def test_an_answer_that_is_lost_with_its_socket_is_unknown() -> None:
    world = World()
    wire = Wire(world)
    driver = await world.started()
    wire.answers = False
    world.clock.call_at(world.clock.now_ns() + 10**9, wire.at("/private").drop)
    assert isinstance(await driver.submit(place()), Unknown)
    assert world.http.to("/api/v5/trade/order") == []
    await world.close(driver)


@virtual
async def test_a_notice_opens_the_next_connection_first() -> None:
    """Nothing is told to be down, and orders go over the new socket."""
    world = World()
    wire = Wire(world)
    driver = await world.started()
    old = wire.at("/private")
    old.tell({"event": "notice", "code": "64008", "msg": "upgrade soon", "connId": "x"})
    await world.turn(20)
    new = wire.at("/private")
    assert new is not old
    assert not old.open
    assert world.on("status/okx") == []
    assert isinstance(await driver.submit(place()), Accepted)
    assert new.said[-1]["op"] == "order"
    await world.close(driver)


@virtual
async def test_a_silent_server_is_left() -> None:
    """It is connected and says nothing, not even pong."""
    world = World()
    wire = Wire(world)
    driver = await world.started()
    mute = wire.at("/private")
    mute._deliver = lambda frame: None  # type: ignore[method-assign]
    await world.turn(120)
    assert not mute.open
    assert [event.up for event in world.on("status/okx")] == [False, True]
    await world.close(driver)


@pytest.mark.parametrize(("code", "kind"), [("60009", AuthFailed), ("60006", NotReady)])
def test_a_login_that_is_refused(code: str, kind: type[Exception]) -> None:
    @virtual
    async def body() -> None:
        world = World()
        wire = Wire(world)
        wire.login = {"event": "error", "code": code, "msg": "no", "connId": "x"}
        driver = world.driver()
        with pytest.raises(kind):
            await driver.start()
        await world.close(driver)

    body()


@virtual
async def test_a_broken_book_is_subscribed_again() -> None:
    world = World()
    wire = Wire(world)
    driver = await world.started()
    await driver.subscribe("book", PERP)
    await world.turn(2)
    public = wire.at("/public")

    def frame(action: str, seq: int, prev: int) -> dict[str, Any]:
        row = {
            "bids": [["1", "1", "0", "1"]],
            "asks": [["2", "1", "0", "1"]],
            "ts": "5",
            "seqId": seq,
            "prevSeqId": prev,
        }
        return {"arg": {"channel": "books", **SWAP}, "action": action, "data": [row]}

    for each in (frame("snapshot", 5, -1), frame("update", 6, 5), frame("update", 9, 8)):
        public.tell(each)
    await world.turn(5)
    assert [said["op"] for said in public.said][-2:] == ["unsubscribe", "subscribe"]
    public.tell(frame("snapshot", 20, -1))
    await world.turn()
    assert [event.last_id for event in world.on("book/okx/BTC-USDT:USDT")] == [5, 6, 20]
    await world.close(driver)
