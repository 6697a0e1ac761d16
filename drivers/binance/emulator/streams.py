"""Market and user streams: subscriptions, combined and raw frames, and the routes that stay silent (sheet B4, C6, C7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ctosd.abi.emulator import Peer
from drivers.binance.emulator.channels import channel_of
from drivers.binance.emulator.connections import Connection, Connections
from drivers.binance.emulator.formats import encode
from drivers.binance.emulator.limits import Limits
from drivers.binance.emulator.products import Product

MOST_STREAMS = 1024
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Hub:
    """Who hears what, of one product. `on_first` and `on_last` are told when a stream begins and ends to be heard."""

    def __init__(self, product: Product, limits: Limits) -> None:
        self.product = product
        self.limits = limits
        self.on_first: Callable[[str], None] = lambda name: None
        self.on_last: Callable[[str], None] = lambda name: None
        self._heard: dict[str, dict[int, StreamConnection]] = {}
        self.told = 0

    def join(self, name: str, connection: StreamConnection) -> None:
        listeners = self._heard.setdefault(name, {})
        listeners[connection.number] = connection
        if len(listeners) == 1:
            self.on_first(name)

    def leave(self, name: str, connection: StreamConnection) -> None:
        listeners = self._heard.get(name, {})
        if listeners.pop(connection.number, None) is not None and not listeners:
            del self._heard[name]
            self.on_last(name)

    def heard(self, name: str) -> bool:
        return name in self._heard

    def listeners(self, name: str) -> list[StreamConnection]:
        return list(self._heard.get(name, {}).values())

    def publish(self, name: str, data: Any) -> None:
        """Tell everybody who listens; encoded once."""
        if name not in self._heard:
            return
        raw = encode(data)
        combined = f'{{"stream":"{name}","data":{raw}}}'
        self.told += 1
        for connection in self.listeners(name):
            connection.send(combined if connection.combined else raw)


class StreamConnection(Connection):
    """One stream socket. `route` is empty for spot; "unrouted" takes every subscription and never says anything."""

    def __init__(
        self, peer: Peer, hub: Hub, connections: Connections, remote: str, *, route: str = "", combined: bool = False
    ) -> None:
        super().__init__(peer, hub.product, connections, remote)
        self.hub = hub
        self.route = route
        self.combined = combined
        self.events: frozenset[str] = frozenset()  # of a user stream that wants only some
        self._names: dict[str, bool] = {}  # name -> whether anything comes of it

    # -- subscriptions --------------------------------------------------------------------------------------------------

    def subscribe(self, names: Sequence[str]) -> bool:
        """False when there would be too many."""
        if len(self._names.keys() | set(names)) > MOST_STREAMS:
            return False
        for name in names:
            if name not in self._names:
                self._names[name] = self._flows(name)
                if self._names[name]:
                    self.hub.join(name, self)
        return True

    def _flows(self, name: str) -> bool:
        """Whether this route carries the stream; user streams are on the private one."""
        if self.route == "private":
            return True
        if self.route == "unrouted":
            return False
        channel = channel_of(name, self.product)
        return channel is not None and (not self.route or channel.route == self.route)

    def unsubscribe(self, names: Sequence[str]) -> None:
        for name in names:
            if self._names.pop(name, False):
                self.hub.leave(name, self)

    def gone(self) -> None:
        self.unsubscribe(list(self._names))

    def notice(self, event: dict[str, Any]) -> None:
        self.tell({"stream": "!serverShutdown", "data": event} if self.combined else event)

    # -- in ---------------------------------------------------------------------------------------------------------------

    def pong(self) -> None:
        super().pong()
        self._counted()

    def _counted(self) -> bool:
        if self.hub.limits.hear(self.name):
            return True
        self.close(1008, "Too many requests")
        return False

    def receive(self, message: str) -> None:
        if not self._counted():
            return
        try:
            request = json.loads(message)
        except ValueError:
            self._refuse(None, 3, "Invalid JSON: expected value at line 1 column 1")
            return
        if not isinstance(request, dict):
            self._refuse(None, 2, "Invalid request: request must be an object")
            return
        self._serve(request)

    def _serve(self, request: dict[str, Any]) -> None:
        number, method, params = request.get("id"), request.get("method"), request.get("params", [])
        if not _is_id(number):
            self._refuse(None, 2, "Invalid request: request ID must be an unsigned integer or a string of 36 at most")
        elif method not in METHODS:
            words = ", ".join(f"`{each}`" for each in METHODS)
            self._refuse(number, 2, f"Invalid request: unknown variant `{method}`, expected one of {words}")
        elif not isinstance(params, list):
            self._refuse(number, 2, "Invalid request: params must be an array")
        elif method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            self._change(number, str(method), params)
        elif method == "LIST_SUBSCRIPTIONS":
            self.tell({"result": list(self._names), "id": number})
        else:
            self._property(number, str(method), params)

    def _change(self, number: Any, method: str, params: list[Any]) -> None:
        if not params or not all(isinstance(each, str) for each in params):
            self._refuse(number, 2, "Invalid request: params must be an array of stream names")
        elif method == "UNSUBSCRIBE":
            self.unsubscribe(params)
            self.tell({"result": None, "id": number})
        elif self.subscribe(params):
            self.tell({"result": None, "id": number})
        else:
            self._refuse(number, 2, f"Invalid request: too many streams, at most {MOST_STREAMS}")

    def _property(self, number: Any, method: str, params: list[Any]) -> None:
        if not params or params[0] != "combined":
            self._refuse(number, 0, "Unknown property")
        elif method == "GET_PROPERTY":
            self.tell({"result": self.combined, "id": number})
        elif len(params) != 2 or not isinstance(params[1], bool):
            self._refuse(number, 1, "Invalid value type: expected Boolean")
        else:
            self.combined = params[1]
            self.tell({"result": None, "id": number})

    def _refuse(self, number: Any, code: int, text: str) -> None:
        self.tell({"error": {"code": code, "msg": text}, "id": number})


def _is_id(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return value is None
    return (isinstance(value, int) and value >= 0) or (isinstance(value, str) and 0 < len(value) <= 36)
