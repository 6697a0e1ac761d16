"""The WebSocket dialects of OKX: public data, and what concerns one account. (Sheet sections 9.1 to 9.3.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from ctosd.abi import AuthFailed, Costs, Dialect, NotReady, Session
from drivers.okx.errors import PERMANENT, number, reason_of
from drivers.okx.records import Arg
from drivers.okx.replies import BROKEN, read_reply
from drivers.okx.sign import Signer
from drivers.okx.wire import Decoder, Events, stream_of

PING_S = 15.0  # the venue closes after 30 s without a frame
SILENT_S = 40.0
UPGRADE = 64008
NOT_LOGGED_IN = 60011
LOGIN_CODES = frozenset({60004, 60005, 60006, 60007, 60009, 60023, 60024, 60032, 50119, 50101, 50110, 50121})
FLOODED = frozenset({60014, 60023})
MOST_PENDING = 256


class Control(msgspec.Struct, rename="camel"):
    """Everything that is not a push: acknowledgements, errors, notices, answers to orders."""

    event: str = ""
    op: str = ""
    id: str = ""
    code: str | int = ""
    msg: str = ""
    channel: str = ""
    arg: Arg | None = None


read_control = msgspec.json.Decoder(Control).decode


class OkxDialect(Dialect):
    """What all connections have in common. A stream is named ``channel:instId``, or by its channel alone."""

    ping = b"ping"
    ping_s = PING_S
    silent_s = SILENT_S
    batch = 50
    capacity = 200
    messages_per_s = 3.0

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.connects: Costs = (("ws.connect", 1.0),)  # type: ignore[assignment]
        self.operations: Costs = ((f"ws.ops@{name}", 1.0),)  # type: ignore[assignment]
        self.unknown = 0
        self.reason = ""
        self.when_down: Callable[[str], None] = lambda reason: None
        self.when_up: Callable[[bool], None] = lambda resumed: None
        self._url = url
        self._count = 0
        self._pending: dict[str, list[str]] = {}  # id of a subscribe message -> its streams without an answer

    async def address(self) -> str:
        return self._url

    def arg(self, stream: str) -> Mapping[str, str]:
        """The argument that names a stream."""
        channel, _, native = stream.partition(":")
        return {"channel": channel, "instId": native} if native else {"channel": channel}

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        self._count += 1
        key = f"s{self._count}"
        self._pending[key] = list(streams)
        if len(self._pending) > MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        return [self._message("subscribe", key, streams)]

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        self._count += 1
        return [self._message("unsubscribe", f"u{self._count}", streams)]

    def _message(self, operation: str, key: str, streams: Sequence[str]) -> bytes:
        return orjson.dumps({"id": key, "op": operation, "args": [self.arg(stream) for stream in streams]})

    def on_up(self, resumed: bool) -> None:
        self.when_up(resumed)

    def on_down(self, reason: str) -> None:
        self._pending.clear()
        self.when_down(reason)

    # -- what is not a push ---------------------------------------------------------------------------------------------

    def control(self, session: Session, frame: bytes) -> str:
        """Take in a frame that is no push; returns its stream."""
        if frame == b"pong":
            return ""
        try:
            told = read_control(frame)
        except BROKEN:
            return self._stray(frame)
        if told.event == "subscribe" and told.arg is not None:
            return self._subscribed(told)
        if told.event == "error":
            return self._error(session, told, frame)
        if told.event == "notice":
            if number(told.code) == UPGRADE:
                session.rotate(told.msg or "the venue will close this connection")
            return ""
        if told.event == "channel-conn-count-error":
            session.rejected(told.channel, "too many connections have this channel")
            return ""
        if told.event in {"unsubscribe", "channel-conn-count"}:
            return ""
        return self._stray(frame)

    def acknowledged(self, stream: str) -> None:
        """A subscription stands."""

    def _subscribed(self, told: Control) -> str:
        arg = told.arg or Arg()
        stream = stream_of(arg.channel, arg.inst_id)
        waiting = self._pending.get(told.id)
        if waiting is not None and stream in waiting:
            waiting.remove(stream)
            if not waiting:
                del self._pending[told.id]
        self.acknowledged(stream)
        return ""

    def _error(self, session: Session, told: Control, frame: bytes) -> str:
        """An error names the message that it answers, and mostly the stream in its text."""
        code = number(told.code)
        reason = f"{told.msg} (code {code})"
        waiting = self._pending.get(told.id, [])
        named = [stream for stream in waiting if all(part in told.msg for part in stream.split(":"))]
        if code in FLOODED:
            session.reconnect(reason)
        elif waiting:
            for stream in named or list(waiting):
                waiting.remove(stream)
                session.rejected(stream, reason)
        else:
            self._stray(frame)
        return ""

    def _stray(self, frame: bytes) -> str:
        self.unknown += 1
        self.reason = frame[:200].decode("utf-8", "replace")
        return ""

    def statistics(self) -> Mapping[str, Any]:
        return {"unknown": self.unknown, "reason": self.reason}


class PublicDialect(OkxDialect):
    """A connection for market data. `listeners` maps a stream to what takes its events."""

    def __init__(self, name: str, url: str, decoder: Decoder) -> None:
        super().__init__(name, url)
        self.listeners: dict[str, Callable[[Events], None]] = {}
        self.raw: dict[str, Callable[[bytes], None]] = {}  # streams whose frames are read elsewhere
        self.when_asked: Callable[[str], None] = lambda stream: None
        self.when_stale: Callable[[str, bool], None] = lambda stream, stale: None
        self.bridging: Callable[[str], Any] | None = None
        self._decode = decoder.decode

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        for stream in streams:
            self.when_asked(stream)
        return super().subscribe(streams)

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        if frame.startswith(b'{"arg":'):
            stream, events = self._decode(frame, recv_ns)
            if events:
                listener = self.listeners.get(stream)
                if listener is not None:
                    listener(events)
            elif stream in self.raw:
                self.raw[stream](frame)
            return stream
        return self.control(session, frame)

    def on_stale(self, stream: str, stale: bool) -> None:
        self.when_stale(stream, stale)

    async def bridge(self, stream: str) -> None:
        if self.bridging is not None:
            await self.bridging(stream)


class PrivateDialect(OkxDialect):
    """A connection of one account, logged in. `on_push(channel, frame)` takes what it tells."""

    needs_greeting = True
    replays = True

    def __init__(
        self,
        name: str,
        url: str,
        signer: Signer,
        venue_ns: Callable[[], int],
        args: Mapping[str, Mapping[str, str]],
        on_push: Callable[[str, bytes], None],
    ) -> None:
        super().__init__(name, url)
        self.confirmed: set[str] = set()
        self.when_confirmed: Callable[[], None] = lambda: None
        self.when_skewed: Callable[[], None] = lambda: None
        self._signer = signer
        self._venue_ns = venue_ns
        self._args = args
        self._on_push = on_push

    @property
    def streams(self) -> Sequence[str]:
        return tuple(self._args)

    def hello(self) -> Sequence[bytes]:
        return [self._signer.login(self._venue_ns())]

    def arg(self, stream: str) -> Mapping[str, str]:
        return self._args[stream]

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        if frame == b"pong":
            return ""
        try:
            told = read_control(frame)
            if told.op:
                session.answer(told.id, read_reply(frame))
                return ""
        except BROKEN:
            return self._stray(frame)
        if not told.event and told.arg is not None:
            self._on_push(told.arg.channel, frame)
            return told.arg.channel
        if told.event == "login" and number(told.code) == 0:
            session.greeted()
            return ""
        if told.event in {"login", "error"} and number(told.code) in LOGIN_CODES:
            self._refused(session, number(told.code), told.msg)
            return ""
        if told.event == "error" and number(told.code) == NOT_LOGGED_IN:
            session.reconnect(told.msg or "the venue lost the login")
            return ""
        return self.control(session, frame)

    def _refused(self, session: Session, code: int, message: str) -> None:
        reason = reason_of(code)
        text = f"{self.name}: login: {message} (code {code})"
        if reason == "timestamp":
            self.when_skewed()
        session.refused(AuthFailed(text) if reason in PERMANENT else NotReady(text))

    def acknowledged(self, stream: str) -> None:
        channel = stream.partition(":")[0]
        self.confirmed.add(channel)
        if self.confirmed.issuperset(self._args):
            self.when_confirmed()

    def on_down(self, reason: str) -> None:
        self.confirmed.clear()
        super().on_down(reason)
