"""WebSockets: logins, subscriptions, orders, pings, and who hears what (sheet section 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import orjson

from ctosd.abi import Peer
from drivers.okx.emulator import channels
from drivers.okx.emulator.channels import Subscription
from drivers.okx.emulator.faults import Faults
from drivers.okx.emulator.figures import us
from drivers.okx.emulator.keys import Keys
from drivers.okx.emulator.limits import SECOND, Limits
from drivers.okx.emulator.listing import Listing
from drivers.okx.emulator.refusals import TEXTS, Refusal, outcome
from drivers.okx.emulator.terms import CLIENT_ID
from drivers.okx.emulator.trading import OPS, Trading

IDLE_NS = 30 * SECOND
LARGEST = 64 * 1024
MOST_CONNECTIONS = 30
UNPROVED = ("50026", "50004", "51149")


class Socket:
    """One connection. `account` is empty before a login."""

    def __init__(self, hub: Hub, url: str, number: int, peer: Peer) -> None:
        self._hub = hub
        self.url = url
        self.id = f"{0xA4D3AE55 + 7_919 * number & 0xFFFFFFFF:08x}"
        self.peer = peer
        self.account = ""
        self.subscriptions: dict[tuple[str, ...], Subscription] = {}
        self.active_ns = hub.clock()
        self.gone = False

    # -- the contract -----------------------------------------------------------------------------------------------------

    def receive(self, message: str) -> None:
        if self.gone:
            return
        self.active_ns = self._hub.clock()
        if message == "ping":
            self.write("pong")
            return
        told = self._parse(message)
        if told is None:
            self.error(Refusal("60012", message[:200]))
            return
        name = told.get("id")
        if name is not None and not (isinstance(name, str) and CLIENT_ID.fullmatch(name)):
            self.error(Refusal("60033", "id"))
            return
        try:
            self._act(str(told.get("op")), told)
        except Refusal as refusal:
            self.error(refusal, told)

    def pong(self) -> None:
        self.active_ns = self._hub.clock()

    def closed(self) -> None:
        self.gone = True
        self._hub.drop(self)

    # -- what it says -------------------------------------------------------------------------------------------------------

    def write(self, message: str) -> None:
        if not self.gone and not self._hub.faults.value("silent_socket"):
            self.active_ns = self._hub.clock()
            self.peer.send(message)

    def say(self, **message: Any) -> None:
        self.write(orjson.dumps(message).decode())

    def error(self, refusal: Refusal, told: dict[str, Any] | None = None) -> None:
        named = {"id": told["id"]} if told is not None and told.get("id") else {}
        self.say(**named, event="error", code=refusal.code, msg=refusal.message, connId=self.id)

    def close(self, code: int, reason: str) -> None:
        if not self.gone:
            self.gone = True
            self._hub.drop(self)
            self.peer.close(code, reason)

    # -- operations -----------------------------------------------------------------------------------------------------------

    @staticmethod
    def _parse(message: str) -> dict[str, Any] | None:
        if len(message) > LARGEST:
            return None
        try:
            told = orjson.loads(message)
        except orjson.JSONDecodeError:
            return None
        return told if isinstance(told, dict) and isinstance(told.get("op"), str) else None

    def _act(self, op: str, told: dict[str, Any]) -> None:
        if op in OPS:
            self._trade(op, told)
            return
        if op not in ("login", "subscribe", "unsubscribe"):
            raise Refusal("60019", op)
        if not self._hub.limits.free(f"ws.ops@{self.id}", self._hub.clock()):
            raise Refusal("60014")
        if op == "login":
            self._login(told)
            return
        args = told.get("args")
        if not isinstance(args, list) or not args:
            raise Refusal("60013")
        for arg in args:
            try:
                self._subscribe(arg, told) if op == "subscribe" else self._unsubscribe(arg, told)
            except Refusal as refusal:
                self.error(refusal, told)

    def _login(self, told: dict[str, Any]) -> None:
        if self.account:
            raise Refusal("60031")
        try:
            self.account = self._hub.keys.login(told.get("args"), self._hub.now())
        except Refusal as refusal:
            self._hub.refused_logins += 1
            self.error(refusal, told)
            self.close(4001, "Login Failed")
            return
        self.say(event="login", code="0", msg="", connId=self.id)

    def _subscribe(self, arg: object, told: dict[str, Any]) -> None:
        hub = self._hub
        found = channels.understand(arg, self.url, hub.listing, logged_in=bool(self.account))
        private = found.channel in channels.PRIVATE
        count = hub.connections(self.account, found.channel, self) + 1 if private else 0
        if count > MOST_CONNECTIONS:
            self.say(
                event="channel-conn-count-error", channel=found.channel, connCount=str(MOST_CONNECTIONS), connId=self.id
            )
            return
        self.subscriptions[found.key] = found
        hub.index(self, found)
        named = {"id": told["id"]} if told.get("id") else {}
        self.say(**named, event="subscribe", arg=arg, connId=self.id)
        if private:
            self.say(event="channel-conn-count", channel=found.channel, connCount=str(count), connId=self.id)
        hub.on_subscribed(self, found)

    def _unsubscribe(self, arg: object, told: dict[str, Any]) -> None:
        found = channels.understand(arg, self.url, self._hub.listing, logged_in=bool(self.account))
        if (old := self.subscriptions.pop(found.key, None)) is not None:
            self._hub.unindex(self, old)
        named = {"id": told["id"]} if told.get("id") else {}
        self.say(**named, event="unsubscribe", arg=arg, connId=self.id)

    def _trade(self, op: str, told: dict[str, Any]) -> None:
        hub = self._hub
        if self.url != "private":
            raise Refusal("60028")
        if not self.account:
            raise Refusal("60011")
        if not told.get("id"):
            raise Refusal("60027", "id")
        started = us(hub.now())
        hub.operations += 1
        code, text, rows = self._carry_out(op, told)
        if hub.faults.strikes("reset_after"):
            self.gone = True
            hub.drop(self)
            self.peer.abort()
            return
        if hub.faults.strikes("error_after"):
            code, rows = hub.faults.choose(UNPROVED), []
            text = TEXTS[code][1]
        times = {"inTime": started, "outTime": us(hub.now() + 700_000)}
        self.say(id=told["id"], op=op, code=code, msg=text, data=rows, **times)
        hub.on_order()

    def _carry_out(self, op: str, told: dict[str, Any]) -> tuple[str, str, list[dict[str, Any]]]:
        """`(code, msg, data)` of the answer."""
        faults, args, how = self._hub.faults, told.get("args"), OPS[op]
        try:
            if faults.value("maintenance"):
                raise Refusal("50001")
            if faults.strikes("rate_limit"):
                raise Refusal("50011")
            if not isinstance(args, list) or (not how.batch and len(args) != 1):
                raise Refusal("60013")
            trading, expires = self._hub.trading, told.get("expTime")
            if how.batch:
                rows = trading.batch(how.verb, self.account, args, coded=True, expires=expires)
            else:
                rows = trading.single(how.verb, self.account, args[0], coded=True, expires=expires)
        except Refusal as refusal:
            return refusal.code, refusal.message, []
        return *outcome(rows), rows


class Hub:
    """Every connection. `clock` is the true time, `now` the venue's."""

    def __init__(
        self,
        listing: Listing,
        keys: Keys,
        trading: Trading,
        limits: Limits,
        faults: Faults,
        now: Callable[[], int],
        clock: Callable[[], int],
    ) -> None:
        self.listing = listing
        self.keys = keys
        self.trading = trading
        self.limits = limits
        self.faults = faults
        self.now = now
        self.clock = clock
        self.sockets: dict[str, Socket] = {}
        self._heard_by: dict[tuple[str, str], dict[str, tuple[Socket, Subscription]]] = {}
        self._count = 0
        self.operations = self.refused_logins = self.lost = self.closed_idle = 0
        self.on_subscribed: Callable[[Socket, Subscription], None] = lambda socket, subscription: None
        self.on_order: Callable[[], None] = lambda: None

    def connect(self, url: str, peer: Peer) -> Socket:
        self._count += 1
        socket = Socket(self, url, self._count, peer)
        self.sockets[socket.id] = socket
        return socket

    def drop(self, socket: Socket) -> None:
        self.sockets.pop(socket.id, None)
        for subscription in socket.subscriptions.values():
            self.unindex(socket, subscription)
        socket.subscriptions.clear()

    # -- who hears what -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _place(subscription: Subscription) -> tuple[str, str]:
        market = subscription.market
        return subscription.channel, subscription.index or (market.id if market is not None else subscription.kind)

    def index(self, socket: Socket, subscription: Subscription) -> None:
        if subscription.channel not in channels.LOGIN:
            self._heard_by.setdefault(self._place(subscription), {})[socket.id] = (socket, subscription)

    def unindex(self, socket: Socket, subscription: Subscription) -> None:
        heard_by = self._heard_by.get(self._place(subscription))
        if heard_by is not None:
            heard_by.pop(socket.id, None)
            if not heard_by:
                del self._heard_by[self._place(subscription)]

    def wanted(self, prefix: str) -> list[tuple[str, str]]:
        """`(channel, instrument)` of every public stream whose channel begins so and that somebody hears."""
        return [place for place in self._heard_by if place[0].startswith(prefix)]

    def heard(self, channel: str, name: str) -> int:
        """How many connections hear a public stream."""
        return len(self._heard_by.get((channel, name), ()))

    def publish(self, channel: str, name: str, data: list[Any], action: str = "") -> None:
        """Push to everybody who subscribed to a public channel of an instrument."""
        heard_by = self._heard_by.get((channel, name))
        if heard_by:
            socket, subscription = next(iter(heard_by.values()))
            message = push(subscription, data, action)
            for socket, _ in list(heard_by.values()):
                socket.write(message)

    def private(self, account: str, channel: str) -> Iterator[tuple[Socket, Subscription]]:
        for socket in list(self.sockets.values()):
            if socket.account == account:
                for subscription in list(socket.subscriptions.values()):
                    if subscription.channel == channel:
                        yield socket, subscription

    def tell(self, socket: Socket, subscription: Subscription, uid: str, data: list[Any], **more: Any) -> None:
        """Push to one private subscription, unless the push is to be lost."""
        if self.faults.strikes("drop_private"):
            self.lost += 1
            return
        socket.say(arg={**subscription.arg, "uid": uid}, **more, data=data)

    def connections(self, account: str, channel: str, but: Socket) -> int:
        """How many connections have a private channel."""
        return len({socket.id for socket, _ in self.private(account, channel)} - {but.id})

    # -- life and death ---------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Close what was idle for too long."""
        now_ns = self.clock()
        if self.faults.value("silent_socket"):
            return
        for socket in list(self.sockets.values()):
            if now_ns - socket.active_ns > IDLE_NS:
                self.closed_idle += 1
                socket.close(4004, "No data received in 30s")

    def expire(self) -> None:
        for socket in list(self.sockets.values()):
            if socket.account:
                socket.close(4007, "API key has been updated or deleted. Please reconnect.")

    def notice(self) -> list[Socket]:
        """Tell everybody that the connection will be closed; who that was."""
        refusal = Refusal("64008")
        told = list(self.sockets.values())
        for socket in told:
            socket.say(event="notice", code=refusal.code, msg=refusal.message, connId=socket.id)
        return told

    def cut(self) -> None:
        for socket in list(self.sockets.values()):
            socket.gone = True
            self.drop(socket)
            socket.peer.abort()

    def statistics(self) -> dict[str, Any]:
        return {
            "open": {url: sum(socket.url == url for socket in self.sockets.values()) for url in channels.URLS},
            "connected": self._count,
            "subscriptions": sum(len(socket.subscriptions) for socket in self.sockets.values()),
            "operations": self.operations,
            "refused_logins": self.refused_logins,
            "lost_pushes": self.lost,
            "closed_idle": self.closed_idle,
        }


def push(subscription: Subscription, data: list[Any], action: str = "") -> str:
    message: dict[str, Any] = {"arg": subscription.arg}
    if action:
        message["action"] = action
    message["data"] = data
    return msgspec.json.encode(message).decode()
