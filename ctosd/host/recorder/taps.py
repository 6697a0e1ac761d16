"""The taps: where frames, requests, events, decisions and rows are overheard on their way, without being touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count

from ctosd.abi.clock import Clock
from ctosd.abi.events import BookDelta, Event
from ctosd.abi.orders import Order
from ctosd.abi.transport import Dial, Headers, Http, Response, Socket
from ctosd.core.gate import Refusal, View
from ctosd.host.recorder.records import (
    DECISION,
    HEARD,
    OVERHEAD,
    Answered,
    Asked,
    Decision,
    Entry,
    Frame,
    Heard,
    Link,
    Published,
    levels_cost,
)
from ctosd.host.recorder.ring import Ring
from ctosd.kernel.egress import OnDecision
from ctosd.kernel.ports import Journal, Row

Publish = Callable[[str, Event], None]
KEY_IN_ADDRESS = re.compile(r"[A-Za-z0-9_-]{32,}")
KEY_IN_ANSWER = re.compile(rb'"listenKey"\s*:\s*"([^"]{8,})"')


def tap_publish(ring: Ring, clock: Clock, publish: Publish) -> Publish:
    """`publish` of a driver's ports."""

    def tapped(topic: str, event: Event) -> None:
        frame = ring.hearing
        if frame is None:
            ring.put(Published(clock.now_ns(), topic, event))
        elif frame.told is None and type(event) is not BookDelta:
            frame.told = event
        else:
            add(frame, event)
        publish(topic, event)

    def add(frame: Heard, event: Event) -> None:
        """More than one event of a frame, or a large one: neither is among the most frequent."""
        weight = HEARD + (levels_cost(event) if isinstance(event, BookDelta) else 0)
        frame.weight += weight
        ring.size += weight
        frame.told = event if frame.told is None else [*frame.events, event]

    return tapped


def tap_frames(ring: Ring, lane: str, hear: Callable[[bytes, int], None]) -> Callable[[bytes, int], None]:
    """`on_frame` of one connection."""
    append = ring.records.append

    def tapped(frame: bytes, recv_ns: int) -> None:
        weight = HEARD + len(frame)
        ring.hearing = heard = Heard(recv_ns, lane, frame, weight)
        append(heard)
        ring.size += weight
        if ring.size > ring.limit:
            ring.make_room()
        try:
            hear(frame, recv_ns)
        finally:
            ring.hearing = None

    return tapped


class TappedSocket:
    """`abi.Socket` whose frames are kept as they leave."""

    __slots__ = ("_clock", "_lane", "_ring", "_socket", "close")

    def __init__(self, ring: Ring, clock: Clock, lane: str, socket: Socket) -> None:
        self._ring = ring
        self._clock = clock
        self._lane = lane
        self._socket = socket
        self.close = socket.close

    def send(self, message: bytes) -> None:
        """See `abi.Socket`. What was refused has not left, and is not kept."""
        self._socket.send(message)
        self._ring.put(Frame(self._clock.now_ns(), self._lane, True, message), OVERHEAD + len(message))


class TappedDial:
    """`abi.Dial` of one session. Keys that stand in an address go to `learn`."""

    def __init__(self, ring: Ring, clock: Clock, name: str, dial: Dial, learn: Callable[[str], None]) -> None:
        self._ring = ring
        self._clock = clock
        self._name = name
        self._dial = dial
        self._learn = learn
        self._numbers: Iterator[int] = count(1)

    async def __call__(
        self,
        url: str,
        on_frame: Callable[[bytes, int], None],
        on_close: Callable[[str], None],
        *,
        headers: Headers = (),
        timeout_s: float = 10.0,
    ) -> Socket:
        ring, clock = self._ring, self._clock
        for key in KEY_IN_ADDRESS.findall(url.partition("://")[2].partition("/")[2]):
            self._learn(key)
        lane = f"{self._name} #{next(self._numbers)}"

        def closed(reason: str) -> None:
            ring.put(Link(clock.now_ns(), lane, False, reason))
            on_close(reason)

        try:
            socket = await self._dial(
                url, tap_frames(ring, lane, on_frame), closed, headers=headers, timeout_s=timeout_s
            )
        except Exception as error:
            ring.put(Link(clock.now_ns(), lane, False, str(error) or repr(error)))
            raise
        ring.put(Link(clock.now_ns(), lane, True))
        return TappedSocket(ring, clock, lane, socket)


class TappedHttp:
    """`abi.Http` whose requests and answers are kept, their headers never."""

    def __init__(self, ring: Ring, clock: Clock, venue: str, http: Http, learn: Callable[[str], None]) -> None:
        self._ring = ring
        self._clock = clock
        self._venue = venue
        self._http = http
        self._learn = learn
        self._numbers: Iterator[int] = count(1)

    async def request(
        self, method: str, url: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = 10.0
    ) -> Response:
        """See `abi.Http`."""
        number, clock, venue = next(self._numbers), self._clock, self._venue
        self._ring.put(Asked(clock.now_ns(), venue, number, method, url, body), OVERHEAD + len(body))
        try:
            response = await self._http.request(method, url, headers=headers, body=body, timeout_s=timeout_s)
        except BaseException as error:
            self._ring.put(Answered(clock.now_ns(), venue, number, 0, b"", f"{type(error).__name__}: {error}"))
            raise
        for key in KEY_IN_ANSWER.findall(response.body) if b"listenKey" in response.body else ():
            self._learn(key.decode("utf-8", "replace"))
        self._ring.put(Answered(clock.now_ns(), venue, number, response.status, response.body))
        return response


class TappedJournal:
    """`kernel.ports.Journal` whose rows are kept as they are handed over."""

    def __init__(self, ring: Ring, journal: Journal) -> None:
        self._ring = ring
        self._journal = journal
        self._append = journal.append
        self.boot = journal.boot
        self.commit_now = journal.commit_now
        self.committed = journal.committed
        self.close = journal.close
        self.statistics = journal.statistics

    @property
    def failed(self) -> str:
        return self._journal.failed

    @failed.setter
    def failed(self, reason: str) -> None:
        self._journal.failed = reason

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        """See `kernel.ports.Journal`."""
        seq = self._append(kind, key, body, time_ns)
        self._ring.put(Entry(time_ns, seq, kind, key, body), OVERHEAD + len(body))
        return seq

    def rows(self, kinds: tuple[str, ...] | None = None, after: int = 0) -> Iterator[Row]:
        return self._journal.rows(kinds, after)


def tap_decisions(ring: Ring) -> OnDecision:
    """`Egress.on_decision`. The order goes on changing; what the gate saw of it must not."""

    def tapped(order: Order, view: View, refusal: Refusal | None, again: bool) -> None:
        ring.put(Decision(view.now_ns, order.__copy__(), view, refusal, again), DECISION)  # type: ignore[attr-defined]

    return tapped
