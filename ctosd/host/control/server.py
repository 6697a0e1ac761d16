"""The control socket: HTTP/1.1 on a Unix socket, with the peer's credentials checked by the kernel.

``curl --unix-socket var/run/ctosd.sock http://ctos/v1/status`` works, as does ``…/proc/``. What can be asked stands in
`ctosd.host.control.routes`. Answers come in one envelope, ``{"type": "sync", "result": …}`` or ``{"type": "error", "kind": …,
"message": …}``; /proc answers as a file does, in text or bare JSON. A client that is slow, stuck, greedy or gone costs one
of a bounded number of connections, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web

from ctosd.abi import CallerMistake, Log, NotReady
from ctosd.host.control import listener, patience, peer, proc
from ctosd.host.control.ear import Ear
from ctosd.host.control.guests import Door, Limits
from ctosd.host.control.routes import (
    MOST_WAIT_S,
    ROUTES,
    Ask,
    Follow,
    LogTap,
    Node,
    Operator,
    Row,
    at_least,
    check_words,
    failure,
    nearest,
)
from ctosd.kernel.tasks import Tasks

__all__ = ["ControlServer", "Limits", "LogTap", "Operator"]

_KIND = "X-Ctos-Kind"  # tells a client whether a path of /proc is a file or a directory
_RANK = {"none": 0, "read": 1, "admin": 2}
_NEEDED = {"open": 0, "read": 1, "admin": 2}
_STATUS_WORDS = {404: "not_found", 405: "method_not_allowed", 408: "timeout", 413: "too_large", 504: "timeout"}


class ControlServer:
    """The daemon's front door at `path`. Hold the instance lock before `start`, so that a stale socket is really stale."""

    def __init__(
        self,
        path: str | Path,
        operator: Operator,
        logs: LogTap,
        mode: int = 0o660,
        group: str = "",
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        log: Log | None = None,
    ) -> None:
        self._path = Path(path)
        self._operator = operator
        self._logs = logs
        self._mode = mode
        self._group = group
        self._limits = limits
        self._log: Log = log or structlog.get_logger()
        self._access = peer.access_here(group)
        self._tasks = Tasks(self._act_failed)
        self._acts: set[asyncio.Task[Any]] = set()
        self._ears: set[Ear] = set()
        self._asked = 0
        self._denied = 0
        self._bound: listener.Bound | None = None
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._door: Door | None = None

    async def start(self) -> None:
        """Bind and listen. Raises `Misconfigured` when the socket cannot be had there."""
        app = web.Application(client_max_size=self._limits.body_bytes, middlewares=[self._envelope])
        for row in ROUTES:
            app.router.add_route(row.method, row.path, partial(self._answer, row))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=self._limits.stop_s,
            # aiohttp would count these on the loop's clock, which may be virtual: `guests` counts real time.
            keepalive_timeout=0,
            lingering_time=0,
        )
        await self._runner.setup()
        assert self._runner.server is not None
        self._door = Door(self._runner.server, self._limits)
        self._bound = listener.bind(self._path, self._mode, self._group)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._door, sock=self._bound.socket, backlog=64)

    async def stop(self) -> None:
        """Answer nobody any more and take the socket file away. Acts that are under way get a moment to end."""
        if self._server is not None:
            self._server.close()
        if self._bound is not None:
            listener.remove(self._bound)
        for ear in self._ears:
            ear.close()
        if self._acts:
            await asyncio.wait(self._acts, timeout=self._limits.stop_s)
        await self._tasks.cancel(self._limits.stop_s)
        if self._door is not None:
            self._door.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._server = self._bound = self._runner = None

    def statistics(self) -> dict[str, int]:
        connections = len(self._door.guests) if self._door else 0
        refused = self._door.refused if self._door else 0
        return {
            "connections": connections,
            "followers": len(self._ears),
            "asked": self._asked,
            "denied": self._denied,
            "refused": refused,
            "acting": len(self._acts),
        }

    # -- one request ----------------------------------------------------------------------------------------------------

    @web.middleware
    async def _envelope(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Whatever goes wrong below becomes an envelope with the right status. One request a connection."""
        self._asked += 1
        with self._at_work(request):
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = _refusal(
                    error.status, _STATUS_WORDS.get(error.status, "http"), _http_message(error, request)
                )
            except Exception as error:  # noqa: BLE001 - the last line of defence, and it logs
                response = self._failed(request, error)
        response.force_close()
        return response

    def _failed(self, request: web.Request, error: Exception) -> web.Response:
        known = failure(error)
        if known is not None:
            return _refusal(*known, str(error))
        self._log.error("control_failed", path=request.path, error=repr(error), exc_info=error)
        return _refusal(500, "internal", f"a mistake inside ctosd, see its log: {type(error).__name__}: {error}")

    @contextlib.contextmanager
    def _at_work(self, request: web.Request) -> Any:
        """While this lasts, the connection does not count as idle."""
        guest = self._door.guests.get(request.protocol) if self._door else None
        if guest is None:
            yield
            return
        guest.busy = True
        try:
            yield
        finally:
            guest.busy = False
            guest.touch()

    async def _answer(self, row: Row, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        refusal = self._denial(row, caller)
        if refusal is not None:
            return refusal
        words = await self._words(row, request)
        if row.method == "POST":
            return _sync(await self._act(row, words, caller))
        result = row.handler(Ask(self._operator, self._logs, words))
        if isinstance(result, Follow):
            return await self._follow(request, result)
        return _node(request, result) if isinstance(result, Node) else _sync(result)

    def _caller(self, request: web.Request) -> peer.Peer | None:
        guest = self._door.guests.get(request.protocol) if self._door else None
        return guest.peer if guest else None

    def _denial(self, row: Row, caller: peer.Peer | None) -> web.Response | None:
        role = self._access.role(caller) if caller else "none"
        if _RANK[role] >= _NEEDED[row.needs]:
            return None
        self._denied += 1
        self._log.warning("control_denied", path=row.path, uid=caller.uid if caller else -1, role=role, needs=row.needs)
        group = peer.ADMIN_GROUP if row.needs == "admin" else peer.READ_GROUP
        who = f"user {caller.uid}" if caller else "a user that the kernel does not name"
        return _refusal(
            403, "denied", f"{who} may not do this: it needs the group {group!r}, the daemon's own user or root"
        )

    async def _words(self, row: Row, request: web.Request) -> dict[str, Any]:
        """The parts of the path, the parameters of the query and of a JSON body, in one; the path counts most."""
        given: dict[str, Any] = dict(request.query)
        if row.method == "POST":
            given |= _body(await self._read(request))
        check_words(row, given)
        return given | request.match_info

    async def _read(self, request: web.Request) -> bytes:
        try:
            async with patience.within(self._limits.request_s):
                return await request.read()
        except TimeoutError:
            message = f"the request was not complete within {self._limits.request_s:g} s"
            raise web.HTTPRequestTimeout(text=message) from None

    async def _act(self, row: Row, words: dict[str, Any], caller: peer.Peer | None) -> Any:
        """Do what was asked to its end, whether or not the client waits for it."""
        by = await asyncio.to_thread(peer.describe, caller) if caller else "unknown"
        ask = Ask(self._operator, self._logs, words, by)
        wait = ask.seconds("wait", self._limits.request_s, MOST_WAIT_S)
        act = self._tasks.spawn(row.path, row.handler(ask))
        self._acts.add(act)
        act.add_done_callback(self._acts.discard)
        try:
            async with patience.within(wait):
                await asyncio.wait((act,))
        except TimeoutError:
            raise web.HTTPGatewayTimeout(text=f"not done after {wait:g} s; it goes on: see `ctosctl status`") from None
        return act.result()

    def _act_failed(self, path: str, error: BaseException) -> None:
        """Logged here as well: the client may have gone before the end."""
        if isinstance(error, Exception) and failure(error) is None:
            self._log.error("operator_act_failed", path=path, error=repr(error), exc_info=error)

    # -- the log, as it is written --------------------------------------------------------------------------------------

    async def _follow(self, request: web.Request, follow: Follow) -> web.StreamResponse:
        if len(self._ears) >= self._limits.followers:
            raise NotReady(f"{len(self._ears)} clients follow the log already, which is all there may be")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        response.enable_chunked_encoding()
        response.force_close()
        ear = Ear(self._limits.follow_lines)
        self._ears.add(ear)
        self._logs.subscribe(ear)
        try:
            ear.lines.extend(self._logs.recent(follow.n, follow.level))
            await response.prepare(request)
            with contextlib.suppress(ConnectionError, TimeoutError):
                while not ear.closed:
                    await self._pour(response, ear, follow.level)
                    await ear.wait()
        finally:
            self._logs.unsubscribe(ear)
            self._ears.discard(ear)
        return response

    async def _pour(self, response: web.StreamResponse, ear: Ear, level: str) -> None:
        """Send what has come; a client that does not read is left after the time of one request."""
        lines = [line for line in ear.take() if at_least(line, level)]
        if lines:
            async with patience.within(self._limits.request_s):
                await response.write("".join(f"{line}\n" for line in lines).encode())


def _body(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise CallerMistake(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise CallerMistake(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def _sync(result: Any) -> web.Response:
    return _json(200, {"type": "sync", "result": result})


def _refusal(status: int, kind: str, message: str) -> web.Response:
    return _json(status, {"type": "error", "kind": kind, "message": message})


def _json(status: int, content: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content) + b"\n", content_type="application/json")


def _node(request: web.Request, node: Node) -> web.Response:
    """A part of /proc as text, or as bare JSON for a client that asks for it."""
    headers = {_KIND: "directory" if proc.is_directory(node.value) else "file"}
    if "application/json" in request.headers.get("Accept", ""):
        body = msgspec.json.encode(proc.plain(node.value)) + b"\n"
        return web.Response(body=body, content_type="application/json", headers=headers)
    return web.Response(text=proc.text(node.value), headers=headers)


def _http_message(error: web.HTTPException, request: web.Request) -> str:
    if error.status == 404:
        near = nearest(request.path, [row.path for row in ROUTES])
        return f"no such path: {request.path}{near or '; GET /v1 lists them all'}"
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"{request.path} is for {', '.join(sorted(error.allowed_methods - {'HEAD'}))}, not {error.method}"
    return error.text or error.reason
