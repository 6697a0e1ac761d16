"""Transport: how a driver reaches its venue. The host supplies the sockets, the kernel keeps them alive.

HTTP is one call, `Http.request`. WebSockets are sessions: a driver says in a `Dialect` how its venue speaks (address,
login, subscribe, what a frame means), all of it plain functions, and the kernel's `Session` has the awaits: connecting
within the venue's limits, back-off, resubscribing, ages, rotation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

Headers = Sequence[tuple[str, str]]


class Response(msgspec.Struct, frozen=True, gc=False):
    """The answer to an HTTP request. Header names are lower-case; of repeated ones the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    time_ns: int  # when it was complete here


class Http(Protocol):
    """One write, one answer. Nothing is re-sent, no redirect is followed, no cookie is kept."""

    async def request(
        self, method: str, url: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = 10.0
    ) -> Response:
        """`url` goes out exactly as it is given: what was signed is what is sent.

        Raises:
            NotSent: proved that no byte of the request left (no name, no connection, no TLS).
            NoAnswer: the request, or a part of it, may have reached the venue; its answer did not come whole.
        """
        ...


class Socket(Protocol):
    """One open WebSocket."""

    def send(self, message: bytes) -> None:
        """Write one text frame now. Raises `NotSent` when the socket is closed."""
        ...

    def close(self, reason: str = "") -> None:
        """Close it; `on_close` is called soon, once."""
        ...


class Dial(Protocol):
    """Opens WebSockets. Protocol pings are answered below; frames arrive complete, on the event loop."""

    async def __call__(
        self,
        url: str,
        on_frame: Callable[[bytes, int], None],
        on_close: Callable[[str], None],
        *,
        headers: Headers = (),
        timeout_s: float = 10.0,
    ) -> Socket:
        """`on_frame(frame, recv_ns)` for each text or binary message, `on_close(reason)` once at the end. Raises `NotReady`."""
        ...


class Session(Protocol):
    """A WebSocket that is kept: what a driver holds, and what its dialect's `hear` speaks to."""

    @property
    def up(self) -> bool:
        """Connected, and greeted where the venue wants a login."""
        ...

    async def start(self, within_s: float = 15.0) -> None:
        """Return when it is up for the first time. Raises `NotReady`, `AuthFailed` or `Misconfigured`; then it does not go on."""
        ...

    async def stop(self) -> None: ...

    def want(self, stream: str, *, quiet_s: float = 0.0, first_s: float = 10.0) -> None:
        """Keep `stream` subscribed from now on, over every reconnect. Asking twice changes nothing.

        `quiet_s`: with nothing on this stream for so long it is stale, and the ladder begins (0: it may be quiet).
        `first_s`: how soon after the subscription its first message must come (0: need not).
        """
        ...

    def unwant(self, stream: str) -> None: ...

    def send(self, message: bytes) -> None:
        """Write one frame now, outside of every ladder. Raises `NotSent` when it is not up."""
        ...

    async def ask(self, key: str, message: bytes, timeout_s: float = 10.0) -> Any:
        """Write one frame and wait for the value that `hear` gives to `answer(key, value)`.

        Raises:
            NotSent: it is not up; nothing left.
            NoAnswer: the socket was lost, or `timeout_s` passed, after the frame was written.
        """
        ...

    # -- what the dialect tells it while it hears -----------------------------------------------------------------------

    def greeted(self) -> None:
        """The login was accepted."""
        ...

    def refused(self, error: Exception) -> None:
        """The login was refused; `AuthFailed` and `Misconfigured` are permanent, anything else backs off."""
        ...

    def answer(self, key: str, value: Any) -> None:
        """The reply to `ask(key, …)`; without one that waits it is dropped."""
        ...

    def rejected(self, stream: str, reason: str) -> None:
        """The venue refused a subscription: the stream is not asked for again on this connection, and the log says so."""
        ...

    def resubscribe(self, stream: str, reason: str) -> None:
        """The stream lost its thread (a gap in a book): unsubscribe and subscribe again within the venue's limits."""
        ...

    def rotate(self, reason: str) -> None:
        """The venue will close this connection soon: open the next one first, then let this one go."""
        ...

    def reconnect(self, reason: str) -> None:
        """Give this connection up at once."""
        ...

    def statistics(self) -> Mapping[str, Any]: ...


class Dialect:
    """How one kind of WebSocket of a venue speaks. Subclass it; the defaults are those of a venue that asks for little.

    Streams are names that the driver chooses; they are what `want`, `subscribe` and `hear` have in common.
    """

    name = "stream"
    ping = b""  # a text frame that keeps the connection open; empty when the venue pings by itself
    ping_s = 15.0  # sent after so long without any frame
    silent_s = 45.0  # nothing at all heard for so long, the answer to our ping included: the server is gone
    rotate_s = 0.0  # open a new connection after so long (0: never)
    batch = 50  # streams in one subscribe message at most
    capacity = 200  # streams on one connection at most
    messages_per_s = 4.0  # frames that we may send on one connection
    connects: tuple[tuple[str, float], ...] = ()  # costs of one connect in the venue's limits
    operations: tuple[tuple[str, float], ...] = ()  # costs of one subscribe or unsubscribe message
    needs_greeting = False  # whether `hello` is a login whose answer must be awaited
    replays = False  # during a rotation both connections are heard (private streams); else only one at a time

    async def address(self) -> str:
        """The URL to connect to; may ask the venue for a listen key. Raises `NotReady` or `AuthFailed`."""
        raise NotImplementedError

    def headers(self) -> Headers:
        return ()

    def hello(self) -> Sequence[bytes]:
        """Frames to send first: a login, a mode."""
        return ()

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        """Frames that subscribe `streams`, at most `batch` of them."""
        raise NotImplementedError

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        raise NotImplementedError

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        """Take one frame in: decode it, publish what it tells. Returns the stream that it belongs to, empty for none.

        Never raises for what a venue may send; it counts what it cannot read.
        """
        raise NotImplementedError

    def on_up(self, resumed: bool) -> None:
        """The session is up and its subscriptions were sent; `resumed` when it had been up before."""

    def on_down(self, reason: str) -> None:
        """The connection is lost; the session comes back by itself."""

    def on_stale(self, stream: str, stale: bool) -> None:
        """A stream went stale, or flows again."""

    async def bridge(self, stream: str) -> None:
        """The ladder's last step before the alarm: fetch by REST what the stale stream would have told. May raise `NotReady`."""
