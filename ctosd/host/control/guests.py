"""The connections of the control socket: at most so many, none idle for ever, each with the peer that the kernel names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from ctosd.host.control import patience, peer

_FULL = b'{"type":"error","kind":"busy","message":"too many connections to ctosd: close some, or try again"}\n'
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client can cost at most."""

    connections: int = 32
    followers: int = 16
    body_bytes: int = 65_536
    request_s: float = 30.0  # to send a request, to take a piece of the log, and to sit idle
    spare_s: float = 1.0  # when all connections are taken, one that was idle for so long makes room
    follow_lines: int = 10_000
    stop_s: float = 1.0


class Guest(asyncio.Protocol):
    """One connection: hands everything on to `inner`, and knows who it is and since when nothing happened."""

    def __init__(self, door: Door, inner: Any) -> None:
        self._door = door
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._reaper: patience.Handle | None = None
        self._admitted = False
        self.peer: peer.Peer | None = None
        self.busy = False
        self.since = patience.now()

    def touch(self) -> None:
        self.since = patience.now()

    @property
    def idle_s(self) -> float:
        return 0.0 if self.busy else patience.now() - self.since

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but their class.
        self._transport = transport = cast("asyncio.Transport", transport)
        self._admitted = self._door.admit(self._inner, self)
        if not self._admitted:
            transport.write(_REFUSAL)
            self._reaper = patience.call_later(1.0, transport.abort)
            return
        self.peer = _peer(transport)
        self._reaper = patience.call_later(self._door.limits.request_s, self._reap)
        self._inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        if self._admitted:
            self._door.guests.pop(self._inner, None)
            self._inner.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._admitted:
            self._inner.data_received(data)
        elif self._transport is not None:
            self._transport.close()  # it has spoken, so it will read the refusal

    def eof_received(self) -> bool | None:
        return bool(self._inner.eof_received()) if self._admitted else False

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def _reap(self) -> None:
        """Cut the connection when it was idle for too long, half a request or an unread answer included."""
        left = self._door.limits.request_s - self.idle_s
        if left <= 0:
            self.cut()
        else:
            self._reaper = patience.call_later(left, self._reap)

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _peer(transport: asyncio.Transport) -> peer.Peer | None:
    try:
        return peer.peer_of(transport.get_extra_info("socket"))
    except OSError:
        return None


class Door:
    """Makes a guest of each connection, and keeps them within the limits."""

    def __init__(self, server: Callable[[], Any], limits: Limits) -> None:
        self._server = server
        self.limits = limits
        self.guests: dict[Any, Guest] = {}
        self.refused = 0

    def __call__(self) -> Guest:
        return Guest(self, self._server())

    def admit(self, inner: Any, guest: Guest) -> bool:
        """Whether there is room for one more; the guest that was idle longest may have to make it."""
        if len(self.guests) >= self.limits.connections and not self._make_room():
            self.refused += 1
            return False
        self.guests[inner] = guest
        return True

    def _make_room(self) -> bool:
        inner, idlest = max(self.guests.items(), key=lambda item: item[1].idle_s)
        if idlest.idle_s < self.limits.spare_s:
            return False
        self.guests.pop(inner)
        idlest.cut()
        return True

    def close(self) -> None:
        """Cut everybody who waits for nothing; those who are being served end with the server."""
        for guest in tuple(self.guests.values()):
            if not guest.busy:
                guest.cut()
