"""The WebSocket side: conversations, who hears what, and the frames themselves (sheet section 7).

Nothing is acknowledged; a wrong name or signature is answered with an error frame. The server pings each minute and closes
a connection that owes a pong for two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from ctosd.abi import Peer
from drivers.backpack.emulator.faults import Faults
from drivers.backpack.emulator.keys import Keys
from drivers.backpack.emulator.markets import Markets
from drivers.backpack.emulator.names import Name, understand
from drivers.backpack.emulator.refusals import Refusal

PING_S, PONG_NS, GRACE_NS = 60.0, 120_000_000_000, 30_000_000_000
INVALID_STREAM, INVALID_REQUEST, INVALID_SIGNATURE = 4006, 4000, 4001
"""Only the first is documented."""
GOING_AWAY = 1001


class Talk:
    """One connection: what it hears, and for which accounts."""

    def __init__(self, hub: Hub, peer: Peer, now_ns: int) -> None:
        self._hub = hub
        self.peer = peer
        self.names: dict[str, Name] = {}
        self.accounts: dict[str, set[str]] = {}  # private stream -> accounts whose signature came with it
        self.pinged_ns = 0  # when the oldest ping without a pong went out
        self.leaving = False
        self.since_ns = now_ns

    def receive(self, message: str) -> None:
        self._hub.receive(self, message)

    def pong(self) -> None:
        self.pinged_ns = 0

    def closed(self) -> None:
        self._hub.forget(self)

    def hears(self, stream: str, account: str) -> bool:
        return account in self.accounts.get(stream, ())


class Hub:
    """All conversations. `now_ns` is the venue's clock, `clock_ns` one that no fault sets wrong.

    `on_subscribed(talk, name, account)` hears of each new stream of a conversation, `on_idle` of one that nobody hears any more.
    """

    def __init__(
        self,
        markets: Markets,
        keys: Keys,
        faults: Faults,
        now_ns: Callable[[], int],
        clock_ns: Callable[[], int],
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._markets = markets
        self._keys = keys
        self._faults = faults
        self._now_ns = now_ns
        self._clock_ns = clock_ns
        self._later = later
        self.talks: list[Talk] = []
        self._listeners: dict[str, list[Talk]] = {}
        self.on_subscribed: Callable[[Talk, Name, str], None] = lambda talk, name, account: None
        self.on_idle: Callable[[Name], None] = lambda name: None
        self.connected = self.sent = self.received = self.errors = self.dropped = 0

    # -- conversations ------------------------------------------------------------------------------------------------------

    def connect(self, peer: Peer) -> Talk:
        talk = Talk(self, peer, self._clock_ns())
        self.talks.append(talk)
        self.connected += 1
        return talk

    def forget(self, talk: Talk) -> None:
        if talk in self.talks:
            self.talks.remove(talk)
        for stream in list(talk.names):
            self._drop(talk, stream)

    def receive(self, talk: Talk, message: str) -> None:
        """One message of a client."""
        self.received += 1
        try:
            data = orjson.loads(message)
        except orjson.JSONDecodeError:
            data = None
        if not isinstance(data, dict):
            self._error(talk, INVALID_REQUEST, "Invalid request")
            return
        method, streams = data.get("method"), data.get("params")
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not isinstance(streams, list):
            self._error(talk, INVALID_REQUEST, "Invalid request")
            return
        names = [understand(stream, self._markets) for stream in streams]
        if method == "UNSUBSCRIBE":
            for name in names:
                if name is not None:
                    self._drop(talk, name.text)
        else:
            self._subscribe(talk, [name for name in names if name is not None], data.get("signature"))
        if None in names or not names:
            self._error(talk, INVALID_STREAM, "Invalid stream")

    def _subscribe(self, talk: Talk, names: list[Name], signature: Any) -> None:
        account = ""
        if any(name.private for name in names):
            try:
                account = self._keys.subscriber(signature, self._now_ns())
            except Refusal as refusal:
                self._error(talk, INVALID_SIGNATURE, refusal.message)
                names = [name for name in names if not name.private]
        for name in names:
            if name.private:
                talk.accounts.setdefault(name.text, set()).add(account)
            if name.text not in talk.names:
                talk.names[name.text] = name
                self._listeners.setdefault(name.text, []).append(talk)
            self.on_subscribed(talk, name, account)

    def _drop(self, talk: Talk, stream: str) -> None:
        name = talk.names.pop(stream, None)
        if name is None:
            return
        talk.accounts.pop(stream, None)
        listeners = self._listeners[stream]
        listeners.remove(talk)
        if not listeners:
            del self._listeners[stream]
            self.on_idle(name)

    def _error(self, talk: Talk, code: int, message: str) -> None:
        self.errors += 1
        self._write(talk, orjson.dumps({"id": None, "error": {"code": code, "message": message}}).decode())

    # -- frames -------------------------------------------------------------------------------------------------------------

    def wanted(self, stream: str) -> bool:
        return stream in self._listeners

    def names(self, kind: str) -> list[Name]:
        """The streams of a kind that somebody hears."""
        return [
            talks[0].names[stream]
            for stream, talks in list(self._listeners.items())
            if talks[0].names[stream].kind == kind
        ]

    def publish(self, stream: str, data: dict[str, Any]) -> None:
        """Send a public message to everybody who hears the stream."""
        talks = self._listeners.get(stream)
        if talks:
            text = frame(stream, data)
            for talk in list(talks):
                self._write(talk, text)

    def publish_private(self, account: str, kind: str, symbol: str, data: dict[str, Any]) -> None:
        """Send a private message on the stream of all markets and on that of its own."""
        for stream in (kind, f"{kind}.{symbol}") if symbol else (kind,):
            for talk in list(self._listeners.get(stream, ())):
                if talk.hears(stream, account):
                    self.send_private(talk, stream, data)

    def send_private(self, talk: Talk, stream: str, data: dict[str, Any]) -> None:
        if self._faults.strikes("drop_private"):
            self.dropped += 1
            return
        self._write(talk, frame(stream, data))

    def _write(self, talk: Talk, text: str) -> None:
        if talk.leaving or self._faults.value("silent_socket"):
            return
        self.sent += 1
        talk.peer.send(text)

    # -- life -----------------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Each second: pings that are due, and the end of those who do not answer them."""
        now_ns = self._clock_ns()
        for talk in list(self.talks):
            if talk.leaving or self._faults.value("silent_socket"):
                continue
            if talk.pinged_ns and now_ns - talk.pinged_ns >= PONG_NS:
                self._leave(talk, "no pong")
            elif now_ns - talk.since_ns >= PING_S * 1e9:
                talk.since_ns += int(PING_S * 1e9)
                talk.pinged_ns = talk.pinged_ns or now_ns
                talk.peer.ping()

    def _leave(self, talk: Talk, reason: str) -> None:
        """Close it: nothing more is told, and what is still there after the grace is cut."""
        talk.leaving = True
        talk.peer.close(GOING_AWAY, reason)
        self._later(GRACE_NS, lambda: self._cut(talk))

    def notice(self) -> None:
        """The server shuts down; new connections are taken at once."""
        for talk in list(self.talks):
            self._leave(talk, "server is shutting down")

    def cut(self) -> None:
        for talk in list(self.talks):
            self._cut(talk)

    def _cut(self, talk: Talk) -> None:
        if talk in self.talks:
            self.forget(talk)
            talk.peer.abort()

    def statistics(self) -> dict[str, Any]:
        return {
            "connections": len(self.talks),
            "connected": self.connected,
            "streams": sorted(self._listeners),
            "sent": self.sent,
            "received": self.received,
            "errors": self.errors,
            "dropped": self.dropped,
        }


def frame(stream: str, data: dict[str, Any]) -> str:
    return orjson.dumps({"data": data, "stream": stream}).decode()
