"""A venue's end of the WebSockets for the tests of sessions: what it is sent it keeps, what it says is the test's choice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ctosd.abi import Limit, NotReady, NotSent
from ctosd.abi.transport import Dialect, Headers, Session
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.clock import Deadline, VirtualClock, WallClock
from ctosd.kernel.loop import VirtualLoop
from ctosd.kernel.session import KeptSession
from ctosd.kernel.tasks import Tasks

SECOND = 1_000_000_000
T0 = 1_000_000 * SECOND


class Wall:
    """The virtual clock as a wall clock: `offset_ns` is by how much somebody has set it."""

    def __init__(self, clock: VirtualClock | WallClock) -> None:
        self._clock = clock
        self.offset_ns = 0

    def now_ns(self) -> int:
        return self._clock.now_ns() + self.offset_ns

    def steady_ns(self) -> int:
        return self._clock.steady_ns()

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Deadline:
        return self._clock.call_at(when_ns - self.offset_ns, call)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Wire:
    """One open socket, seen from the venue. `auto` answers logins, and a first message for each subscription."""

    def __init__(self, server: Server, url: str, on_frame: Any, on_close: Any) -> None:
        self.server, self.url = server, url
        self._on_frame, self._on_close = on_frame, on_close
        self.opened_ns = server.clock.now_ns()
        self.sent: list[tuple[int, bytes]] = []
        self.closed = ""
        self.auto = server.auto

    def send(self, message: bytes) -> None:
        if self.closed:
            raise NotSent("closed")
        self.sent.append((self.server.clock.now_ns(), message))
        word, _, rest = message.decode().partition(" ")
        if word == "login" and self.server.greets:
            self.soon(b"welcome")
        if word == "sub" and self.auto:
            for stream in rest.split(","):
                self.soon(f"data {stream}".encode())
        if word == "ping" and self.server.pongs:
            self.soon(b"pong")

    def close(self, reason: str = "") -> None:
        if not self.closed:
            self.closed = reason or "closed by us"
            asyncio.get_running_loop().call_soon(self._on_close, "closed by us")

    def soon(self, frame: bytes) -> None:
        asyncio.get_running_loop().call_soon(self.say, frame)

    def say(self, frame: bytes | str) -> None:
        if not self.closed:
            raw = frame.encode() if isinstance(frame, str) else frame
            self._on_frame(raw, self.server.clock.now_ns())

    def drop(self, reason: str = "reset by peer") -> None:
        if not self.closed:
            self.closed = reason
            self._on_close(reason)

    @property
    def words(self) -> list[str]:
        return [message.decode() for _, message in self.sent]

    @property
    def streams(self) -> set[str]:
        """What is subscribed, as the venue has understood it."""
        found: set[str] = set()
        for word in self.words:
            act, _, rest = word.partition(" ")
            if act == "sub":
                found |= set(rest.split(","))
            elif act == "unsub":
                found -= set(rest.split(","))
        return found


class Server:
    """Where the session dials. `refuses` answers the next dials with an error each."""

    def __init__(self, clock: Wall) -> None:
        self.clock = clock
        self.wires: list[Wire] = []
        self.dials: list[int] = []
        self.refuses: list[Exception] = []
        self.down = False
        self.auto = True
        self.greets = True
        self.pongs = True
        self.slow_s = 0.0

    async def __call__(
        self,
        url: str,
        on_frame: Callable[[bytes, int], None],
        on_close: Callable[[str], None],
        *,
        headers: Headers = (),
        timeout_s: float = 10.0,
    ) -> Wire:
        self.dials.append(self.clock.now_ns())
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self.refuses:
            raise self.refuses.pop(0)
        if self.down:
            raise NotReady("connection refused")
        wire = Wire(self, url, on_frame, on_close)
        self.wires.append(wire)
        return wire

    @property
    def wire(self) -> Wire:
        """The newest one."""
        return self.wires[-1]

    @property
    def open(self) -> list[Wire]:
        return [wire for wire in self.wires if not wire.closed]


class Speech(Dialect):
    """A dialect in plain words. Frames: ``data <stream>``, ``answer <key> <value>``, ``no <stream>``, ``gap <stream>`` …"""

    name = "public"
    silent_s = 0.0
    messages_per_s = 10.0
    batch = 3
    capacity = 5

    def __init__(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self.clock: Wall | None = None
        self.addresses: list[Exception | str] = []
        self.heard: list[str] = []
        self.news: list[Any] = []
        self.bridges: list[tuple[int, str]] = []
        self.bridge_error: Exception | None = None

    async def address(self) -> str:
        found = self.addresses.pop(0) if self.addresses else "wss://venue.test/ws"
        if isinstance(found, Exception):
            raise found
        return found

    def hello(self) -> Sequence[bytes]:
        return [b"login"] if self.needs_greeting else []

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        return [f"sub {','.join(streams)}".encode()]

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        return [f"unsub {','.join(streams)}".encode()]

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        word, *rest = frame.decode().split(" ")
        if word == "data":
            self.heard.append(rest[0])
            return rest[0]
        if word == "welcome":
            session.greeted()
        elif word == "answer":
            session.answer(rest[0], rest[1])
        elif word == "no":
            session.rejected(rest[0], "no such market")
        elif word == "gap":
            session.resubscribe(rest[0], "gap")
        elif word == "notice":
            session.rotate("the venue says so")
        elif word == "bye":
            session.reconnect("the venue says so")
        elif word == "bad":
            raise {"key": KeyError, "value": ValueError}[rest[0]](rest[0])
        return ""

    def on_up(self, resumed: bool) -> None:
        self.news.append(("up", resumed))

    def on_down(self, reason: str) -> None:
        self.news.append(("down", reason))

    def on_stale(self, stream: str, stale: bool) -> None:
        self.news.append(("stale" if stale else "fresh", stream))

    async def bridge(self, stream: str) -> None:
        assert self.clock is not None
        self.bridges.append((self.clock.now_ns(), stream))
        if self.bridge_error is not None:
            raise self.bridge_error


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def _take(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.lines.append((level, event, fields))

    def debug(self, event: str, **fields: Any) -> None:
        self._take("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._take("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._take("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._take("error", event, fields)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.lines if name == event]


class Stage:
    """A session with everything round it."""

    def __init__(self, clock: VirtualClock | WallClock, dialect: Speech, limits: Sequence[Limit] = ()) -> None:
        self.clock = Wall(clock)
        self.server = Server(self.clock)
        self.dialect = dialect
        dialect.clock = self.clock
        self.log = Log()
        self.budget = SharedBudget(self.clock, limits)
        self.failures: list[BaseException] = []
        self.tasks = Tasks(lambda name, error: self.failures.append(error))
        self.jitter = 0.0
        self.session = KeptSession(
            dialect, self.server, self.clock, self.tasks.spawn, self.budget, self.log, lambda: self.jitter, "test"
        )

    async def pass_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def since_s(self, ns: int) -> float:
        return round((ns - T0) / SECOND, 2)

    async def flow(self, stream: str, seconds: float, every_s: float = 0.5) -> None:
        """Let a stream flow on whatever connection is the newest."""
        for _ in range(int(seconds / every_s)):
            self.server.wire.say(f"data {stream}")
            await asyncio.sleep(every_s)


def play(
    scene: Callable[[Stage], Coroutine[Any, Any, None]],
    *,
    limits: Sequence[Limit] = (),
    wanted: Sequence[str] = (),
    **dialect: Any,
) -> Stage:
    """Run a scene on the virtual loop; whatever it leaves behind after `stop` fails it."""
    clock = VirtualClock(T0)

    async def inside() -> Stage:
        stage = Stage(clock, Speech(**dialect), limits)
        for stream in wanted:
            stage.session.want(stream)
        await asyncio.wait_for(scene(stage), 1_000_000)
        before_ns = clock.now_ns()
        await stage.session.stop()
        assert clock.now_ns() - before_ns < SECOND
        await asyncio.sleep(0)
        assert len(stage.tasks) == 0, "a task is left"
        assert stage.server.open == [], "a socket is left"
        dials, lines = len(stage.server.dials), len(stage.log.lines)
        await asyncio.sleep(300)
        assert (len(stage.server.dials), len(stage.log.lines)) == (dials, lines), "something goes on after the end"
        assert clock.pending() == 0
        return stage

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(inside())
