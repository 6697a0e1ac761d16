"""Where the daemon's socket is, and just enough HTTP/1.1 to speak over it."""

from __future__ import annotations

import errno
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, BinaryIO

DONE, FAILED, NOT_FOUND, NOT_RUNNING, CONFIGURATION, TIMED_OUT = range(6)

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:")
_CODES = {400: NOT_FOUND, 404: NOT_FOUND, 405: NOT_FOUND, 413: NOT_FOUND, 408: TIMED_OUT, 504: TIMED_OUT}
_GRACE_S = 2.0  # an act waits in the daemon, whose own word about a time-out comes first
_GONE = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


class Failure(Exception):
    """What ends ctosctl: a message for a person and an exit code for a script."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def sockets(given: str, var: str, environment: Mapping[str, str]) -> list[str]:
    """Where the socket may be, most likely first. What somebody named is the only candidate."""
    if given:
        return [given]
    if var:
        return [os.path.join(var, "run", "ctosd.sock")]
    if environment.get("CTOS_SOCKET"):
        return [environment["CTOS_SOCKET"]]
    if environment.get("CTOS_VAR"):
        return [os.path.join(environment["CTOS_VAR"], "run", "ctosd.sock")]
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    places = [os.path.join(os.getcwd(), "var", "run"), "/run/ctos"]
    if os.path.exists(os.path.join(checkout, "pyproject.toml")):
        places.insert(0, os.path.join(checkout, "var", "run"))
    if environment.get("RUNTIME_DIRECTORY"):
        places.insert(0, environment["RUNTIME_DIRECTORY"].split(":")[0])
    return [os.path.join(place, "ctosd.sock") for place in dict.fromkeys(places)]


def quote(text: str) -> str:
    """Percent-encode for a path or a query (urllib.parse would cost more than the whole request)."""
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in text.encode())


class Daemon:
    """The daemon behind a socket; one connection a request."""

    def __init__(self, candidates: list[str], timeout_s: float) -> None:
        self._candidates = candidates
        self.timeout_s = timeout_s

    def get(self, path: str, **query: Any) -> Any:
        """The result of a verb that reads. Raises `Failure`."""
        pairs = "&".join(f"{key}={quote(str(value))}" for key, value in query.items() if value not in ("", None, False))
        return self._result("GET", f"{path}?{pairs}" if pairs else path)

    def post(self, path: str, **body: Any) -> Any:
        """The result of a verb that acts; the daemon waits with its answer until the act is done."""
        filled = {key: value for key, value in body.items() if value not in ("", None)}
        return self._result("POST", path, json.dumps({"wait": self.timeout_s} | filled).encode())

    def file(self, path: str, accept: str = "text/plain") -> tuple[str, str]:
        """`(kind, content)` of something in /proc; kind is ``file`` or ``directory``."""
        status, headers, reader = self._ask("GET", f"/proc/{quote(path)}", b"", accept)
        body = self._read(reader, headers)
        if status != 200:
            raise _failure(status, body)
        return headers.get("x-ctos-kind", "file"), body.decode("utf-8", "replace")

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """The lines of a stream as they come, without end."""
        pairs = "&".join(f"{key}={quote(str(value))}" for key, value in query.items() if value not in ("", None))
        status, headers, reader = self._ask("GET", f"{path}?{pairs}", b"", "application/json", endless=True)
        if status != 200:
            raise _failure(status, self._read(reader, headers))
        rest = b""
        for chunk in _chunks(reader):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")

    def _result(self, method: str, path: str, body: bytes = b"") -> Any:
        status, headers, reader = self._ask(method, path, body)
        raw = self._read(reader, headers)
        if status != 200:
            raise _failure(status, raw)
        try:
            return json.loads(raw)["result"]
        except (ValueError, KeyError):
            raise Failure(FAILED, "what answers on the socket is not ctosd, or another version of it") from None

    def _ask(
        self, method: str, path: str, body: bytes, accept: str = "application/json", endless: bool = False
    ) -> tuple[int, dict[str, str], BinaryIO]:
        connection = self._connect(self.timeout_s + (_GRACE_S if method == "POST" else 0.0))
        head = f"{method} {path} HTTP/1.1\r\nHost: ctos\r\nAccept: {accept}\r\nConnection: close\r\n"
        if method == "POST":
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        try:
            try:
                connection.sendall(f"{head}\r\n".encode() + body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have said why before it hung up
            reader = connection.makefile("rb")
            status, headers = _head(reader)
        except TimeoutError:
            raise self._late() from None
        except OSError as error:
            raise _broken(error) from None
        if endless:
            connection.settimeout(None)
        return status, headers, reader

    def _connect(self, timeout_s: float) -> socket.socket:
        """A connection to the first candidate that answers. Raises `Failure` when none does."""
        for path in self._candidates:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(timeout_s)
            try:
                connection.connect(path)
            except OSError as error:
                connection.close()
                if error.errno not in _GONE:
                    raise _no_way_in(path, error) from None
            else:
                return connection
        raise Failure(NOT_RUNNING, _not_running(self._candidates))

    def _read(self, reader: BinaryIO, headers: Mapping[str, str]) -> bytes:
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                return b"".join(_chunks(reader))
            length = int(headers.get("content-length", -1))
            body = reader.read(length)
        except TimeoutError:
            raise self._late() from None
        except (OSError, ValueError) as error:
            raise _broken(error) from None
        if len(body) < length:
            raise _broken(None)
        return body

    def _late(self) -> Failure:
        return Failure(TIMED_OUT, f"ctosd did not answer within {self.timeout_s:g} s (--timeout SECONDS waits longer)")


def _head(reader: BinaryIO) -> tuple[int, dict[str, str]]:
    """Status and headers. Raises `OSError` when there are none."""
    words = reader.readline(8192).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise OSError("no answer" if not words else "no HTTP")
    headers = {}
    while line := reader.readline(8192).strip():
        name, _, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return int(words[1]), headers


def _chunks(reader: BinaryIO) -> Iterator[bytes]:
    """The pieces of a chunked body. Raises `OSError` when it breaks off."""
    while True:
        head = reader.readline(64)
        try:
            size = int(head.split(b";")[0], 16)
        except ValueError:
            raise OSError("the stream broke off") from None
        if size == 0:
            return
        piece = reader.read(size)
        if len(piece) < size:
            raise OSError("the stream broke off")
        reader.readline(8)
        yield piece


def _failure(status: int, raw: bytes) -> Failure:
    """What an error envelope means for a script and says to a person."""
    try:
        envelope = json.loads(raw)
        kind, message = str(envelope["kind"]), str(envelope["message"])
    except (ValueError, KeyError, TypeError):
        kind, message = "", raw.decode("utf-8", "replace").strip() or f"HTTP status {status}"
    code = CONFIGURATION if kind == "misconfigured" else _CODES.get(status, FAILED)
    return Failure(code, message)


def _broken(error: Exception | None) -> Failure:
    said = f" ({error})" if error and str(error) else ""
    return Failure(FAILED, f"ctosd hung up before it had answered{said}; see `ctosctl status` and its log")


def _no_way_in(path: str, error: OSError) -> Failure:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(
            FAILED,
            f"you may not speak to {path}: become a member of the group 'ctos' (to read) or 'ctos-admin' (to act), or use sudo",
        )
    if isinstance(error, TimeoutError) or error.errno == errno.EAGAIN:
        return Failure(TIMED_OUT, f"ctosd does not take connections on {path}: it hangs, or is overrun")
    return Failure(CONFIGURATION, f"no socket can be reached at {path}: {error.strerror or error}")


def _not_running(candidates: list[str]) -> str:
    if len(candidates) == 1:
        looked = f"nothing answers on {candidates[0]}"
    else:
        looked = "nothing answers on any of\n" + "\n".join(f"    {path}" for path in candidates)
    return (
        f"ctosd is not running: {looked}\n"
        "  start it:  make run                      (in a checkout)\n"
        "             sudo systemctl start ctosd    (installed as a service)\n"
        "  elsewhere? ctosctl --socket PATH, or --var DIR"
    )
