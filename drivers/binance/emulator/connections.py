"""Sockets: who is connected, that they answer pings, how old they may become, and the faults of a connection."""

from __future__ import annotations

from typing import Any

from ctosd.abi.emulator import Peer
from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.formats import encode
from drivers.binance.emulator.products import Product
from drivers.binance.emulator.venuetime import VenueTime

LIFE_S = 24 * 3600


class Connection:
    """One WebSocket: the part that streams and the WebSocket API have in common. An `abi.Conversation`."""

    def __init__(self, peer: Peer, product: Product, connections: Connections, remote: str) -> None:
        self.peer = peer
        self.product = product
        self.remote = remote
        self.open = True
        self.number = connections.number()
        self.connections = connections
        now_ns = connections.time.now_ns()
        self.since_ns = now_ns
        self.heard_ns = now_ns
        self.pinged_ns = now_ns
        self.asked_ns = now_ns  # of the first ping that is not answered yet
        connections.add(self)

    @property
    def name(self) -> str:
        return f"{self.remote}#{self.number}"

    # -- out --------------------------------------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        if self.open and not self.connections.faults.value("silent_socket"):
            self.peer.send(text)

    def tell(self, message: Any) -> None:
        self.send(encode(message))

    def notice(self, event: dict[str, Any]) -> None:
        """Tell what concerns the connection itself."""
        self.tell({"event": event})

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.open:
            self.peer.close(code, reason)
            self.closed()

    def abort(self) -> None:
        if self.open:
            self.peer.abort()
            self.closed()

    # -- in ---------------------------------------------------------------------------------------------------------------

    def receive(self, message: str) -> None:
        raise NotImplementedError

    def pong(self) -> None:
        self.heard_ns = self.connections.time.now_ns()

    def closed(self) -> None:
        if self.open:
            self.open = False
            self.connections.remove(self)
            self.gone()

    def gone(self) -> None:
        """What is to be forgotten with the connection."""


class Connections:
    """All open sockets. `tend` is called every second."""

    def __init__(self, time: VenueTime, faults: Faults) -> None:
        self.time = time
        self.faults = faults
        self._open: dict[int, Connection] = {}
        self._number = 0
        self.opened = 0
        self.unanswered = 0

    def number(self) -> int:
        self._number += 1
        return self._number

    def add(self, connection: Connection) -> None:
        self.opened += 1
        self._open[connection.number] = connection

    def remove(self, connection: Connection) -> None:
        self._open.pop(connection.number, None)

    def all(self) -> list[Connection]:
        return list(self._open.values())

    def tend(self) -> None:
        """Ping who is due, close who did not answer or is a day old."""
        now_ns = self.time.now_ns()
        silent = bool(self.faults.value("silent_socket"))
        for each in self.all():
            product = each.product
            if now_ns - each.since_ns >= LIFE_S * 1_000_000_000:
                each.close(1001, "24 hours")
            elif each.asked_ns > each.heard_ns and now_ns - each.asked_ns >= product.pong_s * 1_000_000_000:
                self.unanswered += 1
                each.close(1008, "Pong timeout")
            elif not silent and now_ns - each.pinged_ns >= product.ping_s * 1_000_000_000:
                if each.asked_ns <= each.heard_ns:
                    each.asked_ns = now_ns
                each.pinged_ns = now_ns
                each.peer.ping()

    def cut(self) -> None:
        for each in self.all():
            each.abort()

    def shut_down(self, after_s: float) -> None:
        """Tell everybody that the server goes down, and close them a while later."""
        doomed = self.all()
        for each in doomed:
            each.notice({"e": "serverShutdown", "E": self.time.now_ms()})

        def close() -> None:
            for each in doomed:
                each.close(1001, "Server shutdown")

        self.time.after(after_s, close)

    def statistics(self) -> dict[str, int]:
        return {"open": len(self._open), "opened": self.opened, "unanswered_pings": self.unanswered}
