"""WebSockets by picows: a frame costs a fraction of a microsecond, and is heard before the loop turns."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import picows
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ctosd.abi.clock import Clock
from ctosd.abi.errors import CallerMistake, NotReady, NotSent
from ctosd.abi.transport import Dial, Headers
from ctosd.host.http import default_context, explain
from ctosd.host.proxy import Proxy

MOST_BYTES = 16 << 20
"""Of one message."""
TEXT, CONTINUATION, CLOSE = WSMsgType.TEXT, WSMsgType.CONTINUATION, WSMsgType.CLOSE
WHOLE = (TEXT, WSMsgType.BINARY)  # begins with the most frequent


class WebSocket(WSListener):
    """`abi.Socket`: one open connection."""

    def __init__(self, clock: Clock, on_frame: Callable[[bytes, int], None], on_close: Callable[[str], None]) -> None:
        super().__init__()
        self._now_ns = clock.now_ns
        self._on_frame = on_frame
        self._on_close = on_close
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._reason = ""
        self._closed = False

    # -- picows' side -----------------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind in WHOLE:
            if frame.fin and not self._parts:
                self._hear(frame.get_payload_as_bytes())
            else:
                self._gather(frame)
        elif kind == CONTINUATION:
            self._gather(frame)
        elif kind == CLOSE:
            self._reason = f"closed by the server: {_code(frame)} {_text(frame)}".strip()
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self._closed:
            self._closed = True
            self._on_close(self._reason or "the connection was lost")

    def _hear(self, message: bytes) -> None:
        try:
            self._on_frame(message, self._now_ns())
        except Exception as error:
            self.close(f"a frame could not be taken in: {error!r}")
            raise

    def _gather(self, frame: WSFrame) -> None:
        self._size += frame.payload_size
        if self._size > MOST_BYTES:
            self.close(f"a message of more than {MOST_BYTES >> 20} MiB")
            return
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            message, self._parts, self._size = b"".join(self._parts), [], 0
            self._hear(message)

    # -- ours ---------------------------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """See `abi.Socket`."""
        transport = self._transport
        if transport is None or self._closed or transport.is_disconnected or transport.is_close_frame_sent:
            raise NotSent(f"the socket is closed: {self._reason or 'not connected'}")
        transport.send(TEXT, message)

    def close(self, reason: str = "") -> None:
        """See `abi.Socket`."""
        self._reason = self._reason or reason or "closed by us"
        transport = self._transport
        if transport is not None and not transport.is_disconnected:
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()


def make_dial(clock: Clock, *, proxy: Proxy | None = None, tls: ssl.SSLContext | None = None) -> Dial:
    """What opens the WebSockets of one venue."""

    async def dial(
        url: str,
        on_frame: Callable[[bytes, int], None],
        on_close: Callable[[str], None],
        *,
        headers: Headers = (),
        timeout_s: float = 10.0,
    ) -> WebSocket:
        if not url.startswith(("ws://", "wss://")):
            raise CallerMistake(f"{url!r} is not the address of a WebSocket: write ws:// or wss://")
        secure = url.startswith("wss://")
        options: dict[str, Any] = {"socket_factory": _through(proxy, timeout_s)} if proxy is not None else {}
        try:
            async with asyncio.timeout(timeout_s):
                _, listener = await picows.ws_connect(
                    lambda: WebSocket(clock, on_frame, on_close),
                    url,
                    ssl_context=(tls or default_context()) if secure else None,
                    websocket_handshake_timeout=timeout_s,
                    extra_headers=list(headers),
                    max_frame_size=MOST_BYTES,
                    max_redirects=0,
                    **options,
                )
        except TimeoutError:
            raise NotReady(f"{_short(url)}: no WebSocket within {timeout_s:g} s") from None
        except picows.WSError as error:
            raise NotReady(f"{_short(url)}: {_refusal(error)}") from None
        except (OSError, NotSent) as error:
            raise NotReady(f"{_short(url)}: {explain(error)}") from error
        assert isinstance(listener, WebSocket)
        return listener

    return dial


def _through(proxy: Proxy, timeout_s: float) -> Callable[[Any], Any]:
    async def connect(address: Any) -> Any:
        return await proxy.connect(address.host, address.port, timeout_s)

    return connect


def _short(url: str) -> str:
    """Without what may be a key."""
    return url.partition("?")[0]


def _refusal(error: Exception) -> str:
    """What the server said instead of shaking hands."""
    response = getattr(error, "response", None)
    if response is None:
        return f"no handshake: {error}"
    body = getattr(error, "raw_body", b"") or b""
    return f"refused with HTTP {int(response.status)}: {bytes(body)[:200].decode(errors='replace')}"


def _code(frame: WSFrame) -> int:
    code: Any = frame.get_close_code()  # a plain number where the enumeration does not know it
    return int(code.value) if isinstance(code, WSCloseCode) else int(code)


def _text(frame: WSFrame) -> str:
    return (frame.get_close_message() or b"").decode(errors="replace")
