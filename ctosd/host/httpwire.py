"""One HTTP/1.1 connection and its pool: the bytes of requests, the parsing of answers. `host.http` decides when."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools

from ctosd import __version__
from ctosd.abi.clock import Clock
from ctosd.abi.errors import CallerMistake, NoAnswer
from ctosd.abi.transport import Headers, Response

MOST_BYTES = 64 << 20
"""Of an answer, also after it was unpacked."""

Origin = tuple[str, str, int]


class Pool:
    """The connections to one origin. The newest is used first, so that the others grow old and are closed."""

    def __init__(self, origin: Origin) -> None:
        scheme, host, port = origin
        self.origin = origin
        self.idle: list[Connection] = []
        self.open = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        shown = f"[{host}]" if ":" in host else host
        default = 443 if scheme == "https" else 80
        self.host = shown if port == default else f"{shown}:{port}"
        self.head = f"host: {self.host}\r\nuser-agent: ctos/{__version__}\r\n".encode("ascii")
        self.host_line = f"host: {self.host}\r\n".encode("ascii")

    def free(self) -> None:
        """A place is free: wake who has waited longest."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Connection(asyncio.Protocol):
    """One connection; at most one request is under way on it."""

    __slots__ = (
        "_body",
        "_clock",
        "_headed",
        "_headers",
        "_length",
        "_method",
        "_on_rest",
        "_parser",
        "_turn",
        "pool",
        "since",
        "transport",
    )

    def __init__(self, clock: Clock, pool: Pool, on_rest: Callable[[Connection], None]) -> None:
        self._clock = clock
        self._on_rest = on_rest
        self.pool = pool
        self.transport: asyncio.Transport | None = None
        self.since = 0.0
        self._turn: asyncio.Future[Response] | None = None
        self._method = ""
        self._headers: dict[str, str] = {}
        self._headed = False
        self._body: list[bytes] = []
        self._length = 0
        self._parser: Any = None

    # -- asyncio's side ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self.transport.set_write_buffer_limits(high=0)  # uvloop: write at once, and not when the loop turns

    def data_received(self, data: bytes) -> None:
        if self._turn is None:
            self.drop("the server spoke without being asked")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(f"the answer cannot be read: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        turn = self._turn
        if turn is not None and not turn.done() and self._reads_to_end():
            self._finish()
        self.fail(f"the connection was lost{f': {error}' if error else ''}")
        self.pool.open -= 1
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        self.pool.free()

    def _reads_to_end(self) -> bool:
        """Whether the body has no length of its own, so that the end of the connection is its end."""
        headers = self._headers
        whole = "content-length" in headers or "transfer-encoding" in headers
        return self._headed and not whole and self._parser.get_status_code() >= 200

    # -- the parser's side --------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._turn is None:
            self.drop("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self._length += len(data)
        if self._length > MOST_BYTES:
            self.fail(f"the answer is larger than {MOST_BYTES >> 20} MiB")
            return
        self._body.append(data)

    def on_headers_complete(self) -> None:
        self._headed = True
        if self._method == "HEAD" and self._parser.get_status_code() >= 200:
            self._finish()

    def on_message_complete(self) -> None:
        if 100 <= self._parser.get_status_code() < 200:
            self._headers.clear()
            self._headed = False
            return
        self._finish()

    # -- ours ---------------------------------------------------------------------------------------------------------------

    def write(self, method: str, request: bytes, turn: asyncio.Future[Response]) -> None:
        """The one write of a request."""
        assert self.transport is not None
        self._turn, self._method = turn, method
        self.transport.write(request)
        # The answer is heard when the loop turns: what it needs is made while the request is on its way.
        self._headers, self._headed, self._body, self._length = {}, False, [], 0
        self._parser = httptools.HttpResponseParser(self)

    def _finish(self) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        headers, parser = self._headers, self._parser
        try:
            if "content-encoding" in headers:
                body = unpack(body, headers["content-encoding"])
        except (ValueError, zlib.error) as error:
            self.drop(str(error))
            if not turn.done():
                turn.set_exception(NoAnswer(f"the answer cannot be unpacked: {error}"))
            return
        keep = parser.should_keep_alive() and self._method != "HEAD"
        if not turn.done():
            turn.set_result(Response(parser.get_status_code(), headers, body, self._clock.now_ns()))
        if keep:
            self._on_rest(self)
        else:
            self.drop("")

    def fail(self, reason: str) -> None:
        """Give the connection up; whoever waits for an answer does not know what became of the request."""
        turn, self._turn = self._turn, None
        if turn is not None and not turn.done():
            turn.set_exception(NoAnswer(f"{self.pool.host}: {reason}"))
        self.drop(reason)

    def drop(self, reason: str) -> None:
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing() and self._turn is None


def compose(pool: Pool, method: str, target: str, headers: Headers, body: bytes) -> bytes:
    """The bytes of a request: what was signed is what is sent."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    text = f"{method} {target} HTTP/1.1\r\n{lines}"
    if text.count("\n") != len(headers) + 1 or "\0" in text or " " in target:
        raise CallerMistake(f"{method} {target.partition('?')[0]}: a line break or a space in a request")
    if method in ("GET", "HEAD"):
        length = b"accept-encoding: gzip\r\n\r\n" if not body else b"content-length: %d\r\n\r\n" % len(body)
    else:
        length = b"content-length: %d\r\n\r\n" % len(body)
    own_agent = any(name.lower() == "user-agent" for name, _ in headers)
    try:
        return text.encode("ascii") + (pool.host_line if own_agent else pool.head) + length + body
    except UnicodeEncodeError as error:
        raise CallerMistake(f"{method} {target.partition('?')[0]}: not ASCII: percent-encode it first") from error


def unpack(body: bytes, encoding: str) -> bytes:
    """Raises `ValueError` for an encoding that was not asked for, and for a body that swells beyond all measure."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("", "identity"):
            continue
        if name not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(f"content-encoding {name}")
        stream = zlib.decompressobj(47 if name != "deflate" or body[:1] == b"\x78" else -15)
        body = stream.decompress(body, MOST_BYTES)
        if stream.unconsumed_tail or not stream.eof:
            raise ValueError("the packed body is cut off or too large")
    return body
