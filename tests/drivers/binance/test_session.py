"""The driver over the kernel's own sessions, in memory and on the virtual clock: greetings, rotation, loss, silence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ctosd.abi import Accepted, Emulator, NotReady, Peer, Place, Ports, Quote, Reply, Request, Unknown
from ctosd.testing.conformance.world import Subject, World
from ctosd.testing.rig import run_virtual
from drivers.binance import Binance
from tests.drivers.binance.scripted import PERP, SPOT, Venue

KEYS = {"api_key": "emulator", "api_secret": "emulator"}


class Talk:
    """The venue's side of one WebSocket: it acknowledges, and says what a test has it say."""

    def __init__(self, far: Far, request: Request, peer: Peer) -> None:
        self.far = far
        self.path = request.path
        self.peer = peer
        self.streams: list[str] = []
        self.gone = False

    def receive(self, message: str) -> None:
        request = json.loads(message)
        method = request["method"]
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            self.streams += request["params"] if method == "SUBSCRIBE" else []
            self.peer.send(json.dumps({"result": None, "id": request["id"]}))
        elif method == "LIST_SUBSCRIPTIONS":
            self.peer.send(json.dumps({"result": self.streams, "id": request["id"]}))
        elif method in self.far.venue.methods:
            self.far.asked.append(method)
            answer = self.far.venue.methods[method](request["params"])
            if answer is not None:
                self.say({"id": request["id"], "status": 200, "result": answer})
        else:
            self.say({"id": request["id"], "status": 400, "error": {"code": -1000, "msg": "no such method"}})

    def say(self, frame: dict[str, Any]) -> None:
        self.peer.send(json.dumps(frame, separators=(",", ":")))

    def pong(self) -> None: ...

    def closed(self) -> None:
        self.gone = True


class Far(Emulator):
    """The other end, as small as can be: routes of the scripted venue behind the emulator's door."""

    name = "far"
    product = "usdm"

    def __init__(self, settings: Any, ports: Ports) -> None:
        super().__init__(settings, ports)
        self.venue = Venue(self.product)
        self.venue.clock = ports.clock  # type: ignore[assignment]
        self.talks: list[Talk] = []
        self.asked: list[str] = []

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def endpoints(self) -> dict[str, str]:
        if self.product == "spot":
            return {"rest": "http:", "wsapi": "ws:/wsapi", "stream": "ws:"}
        return {
            "rest": "http:",
            "wsapi": "ws:/wsapi",
            "public": "ws:/public",
            "market": "ws:/market",
            "private": "ws:/private",
        }

    def credentials(self) -> list[dict[str, str]]:
        return [KEYS]

    def handle(self, request: Request) -> Reply:
        self.venue.calls.append((request.method, request.path, {}))
        answer = self.venue.routes[request.method, request.path](dict(parse_qsl(request.query)))
        return Reply(200, json.dumps(answer).encode())

    def connect(self, request: Request, peer: Peer) -> Talk:
        talk = Talk(self, request, peer)
        self.talks.append(talk)
        return talk

    def set_fault(self, name: str, value: float) -> None: ...

    def on(self, path: str) -> list[Talk]:
        return [talk for talk in self.talks if talk.path.startswith(path) and not talk.gone]


class FarSpot(Far):
    product = "spot"


def play(scene: Callable[[World, Far], Awaitable[None]], *, spot: bool = False, start: bool = True) -> World:
    async def main() -> World:
        settings = {"product": "spot"} if spot else {}
        subject = Subject(
            driver=Binance, emulator=FarSpot if spot else Far, settings=settings, perp="" if spot else PERP, spot=SPOT
        )
        world = World(subject)
        far = world.emulator
        assert isinstance(far, Far)
        try:
            if start:
                await world.start()
            await scene(world, far)
        finally:
            await world.close()
        assert world.failures == []
        return world

    return run_virtual(main())


def order(world: World, **more: Any) -> Place:
    return world.place("buy", D("0.01"), D(60000), **more)


def ticker(stream: str = "btcusdt@bookTicker") -> dict[str, Any]:
    return {
        "stream": stream,
        "data": {"e": "bookTicker", "u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1", "T": 5, "E": 6},
    }


def test_streams_and_orders() -> None:
    async def scene(world: World, far: Far) -> None:
        await world.driver.subscribe("quotes", PERP)
        await world.pass_s(1)
        [talk] = far.on("/public/stream")
        assert talk.streams == ["btcusdt@bookTicker"]
        talk.say(ticker())
        await world.pass_s(0.1)
        assert [type(event) for event in world.on("quotes")] == [Quote]
        far.venue.methods["order.place"] = lambda p: {"orderId": 7}
        assert isinstance(await world.submit(order(world)), Accepted)
        assert far.asked == ["order.place"]

    play(scene)


def test_a_stream_that_never_speaks_is_noticed() -> None:
    """What a wrong route looks like: acknowledged, and silent."""

    async def scene(world: World, far: Far) -> None:
        await world.driver.subscribe("quotes", PERP)
        await world.pass_s(90)
        assert world.log.events("streams_stale")
        assert len([talk for talk in far.talks if talk.path.startswith("/public")]) > 1

    play(scene)


def test_an_order_whose_answer_is_lost_is_unknown_and_not_sent_again() -> None:
    async def scene(world: World, far: Far) -> None:
        far.venue.methods["order.place"] = lambda p: None
        assert isinstance(await world.submit(order(world)), Unknown)
        assert far.asked == ["order.place"]
        assert ("POST", "/fapi/v1/order") not in [call[:2] for call in far.venue.calls]

    play(scene)


def test_without_the_socket_orders_go_by_rest() -> None:
    async def scene(world: World, far: Far) -> None:
        far.venue.route("POST", "/fapi/v1/order", lambda p: {"orderId": 8})
        assert world.dial is not None
        far.on("/wsapi")[0].peer.abort()
        world.dial.refuse = True
        await world.pass_s(0.5)
        outcome = await world.submit(order(world))
        assert isinstance(outcome, Accepted)
        assert outcome.venue_id == "8"

    play(scene)


def test_the_loss_of_user_data_is_told_and_mended() -> None:
    async def scene(world: World, far: Far) -> None:
        far.on("/private")[0].peer.abort()
        await world.until(lambda: [status.up for status in world.statuses()] == [False, True], 30)
        far.on("/private")[0].say({"e": "listenKeyExpired", "E": 1})
        await world.until(lambda: [status.up for status in world.statuses()] == [False, True, False, True], 30)
        assert [call[:2] for call in far.venue.calls].count(("POST", "/fapi/v1/listenKey")) == 3

    play(scene)


def test_connections_rotate_before_the_venue_closes_them() -> None:
    """A day and an hour: every connection was replaced by its successor without a loss."""

    async def scene(world: World, far: Far) -> None:
        far.venue.route("PUT", "/fapi/v1/listenKey", lambda p: {})
        await world.driver.subscribe("quotes", PERP)
        first = list(far.talks)
        for _ in range(25 * 60):
            for talk in far.on("/public"):
                talk.say(ticker())
            await world.pass_s(60)
        assert all(talk.gone for talk in first)
        assert world.statuses() == []
        assert len(world.on("quotes")) >= 25 * 60
        renewals = [call[:2] for call in far.venue.calls].count(("PUT", "/fapi/v1/listenKey"))
        assert 55 <= renewals <= 60

    play(scene)


def test_spot_greets_with_its_subscription_and_subscribes_anew() -> None:
    async def scene(world: World, far: Far) -> None:
        assert far.asked == ["userDataStream.subscribe.signature"]
        talk = far.on("/wsapi")[0]
        talk.say({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
        await world.until(lambda: [status.up for status in world.statuses()] == [False, True], 10)
        assert not talk.gone
        talk.peer.abort()
        await world.until(lambda: [status.up for status in world.statuses()] == [False, True, False, True], 30)

    play(scene, spot=True)


def test_a_refused_greeting_is_not_ready() -> None:
    async def scene(world: World, far: Far) -> None:
        far.venue.methods["userDataStream.subscribe.signature"] = lambda p: None
        with pytest.raises(NotReady):
            await world.start()

    play(scene, spot=True, start=False)
