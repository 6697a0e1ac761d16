"""The daemon's log: one event name and stable fields a line, as JSON, by structlog.

A call renders its line at once (so that what it tells is what was true) and hands it to the threads that write; it never
waits for a terminal, a pipe or a disk. Nothing process-wide is configured: each logger carries its own processors.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from ctosd.abi import CallerMistake
from ctosd.host.logs import redaction
from ctosd.host.logs.console import Console, Output, renderer
from ctosd.host.logs.drain import Drain
from ctosd.host.logs.logfile import LogFile

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
KEPT = 2_000
SECOND = 1_000_000_000
_OPTIONS = (
    orjson.OPT_APPEND_NEWLINE
    | orjson.OPT_NON_STR_KEYS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
)

Subscriber = Callable[[str], None]


class Logs:
    """Makes loggers, keeps the newest lines, and writes all of them where they belong.

    Use `Logs.open`. `logger(**bound)` may be called for each strategy and driver; all share one ring and the same sinks.
    """

    def __init__(self, level: str, now_ns: Callable[[], int]) -> None:
        self.level = level_number(level)
        self._now_ns = now_ns
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._ears: dict[Subscriber, tuple[int, asyncio.AbstractEventLoop | None]] = {}
        self._drains: dict[str, Drain] = {}
        self._output: Output | None = None
        self._file: LogFile | None = None
        self._bridge: Bridge | None = None
        self._second = -1
        self._stamp = ""
        self.lines = 0
        self.unreadable = 0

    @classmethod
    def open(
        cls,
        *,
        level: str = "info",
        console: Console = "auto",
        now_ns: Callable[[], int],
        environ: Mapping[str, str],
        directory: Path | None = None,
        stream: TextIO | None = None,
        max_bytes: int = 64 << 20,
        keep: int = 5,
    ) -> Logs:
        """Start logging to `stream` (standard output) and, with a `directory`, to `ctosd.jsonl` in it.

        `now_ns` stamps the lines: the daemon's clock, wall or virtual. A directory that cannot be written is a warning on
        standard error, not an error: the daemon's first duty is to its orders.

        Raises:
            CallerMistake: `level` is no level.
        """
        logs = cls(level, now_ns)
        stream = sys.stdout if stream is None else stream
        descriptor = stream.fileno()
        stream.flush()  # what was printed before comes first
        logs._output = Output(descriptor, renderer(console, descriptor, environ, stream.encoding or "ascii"))
        logs._drains["console"] = Drain("log-console", logs._output.write)
        if directory is not None:
            logs._file = LogFile(directory / "ctosd.jsonl", _complain, time.monotonic, max_bytes, keep)
            logs._drains["file"] = Drain("log-file", logs._write_file)
        return logs

    # -- what others use --------------------------------------------------------------------------------------------------

    def logger(self, **bound: Any) -> FilteringBoundLogger:
        """A logger that adds `bound` to each line. What is below the level costs next to nothing."""
        wrapped = structlog.wrap_logger(
            self,
            processors=[self._emit],
            wrapper_class=structlog.make_filtering_bound_logger(self.level),
            context_class=dict,
            cache_logger_on_first_use=True,
        )
        return cast("FilteringBoundLogger", wrapped.bind(**bound))

    def recent(self, n: int = 100, level: str = "debug") -> list[str]:
        """The newest `n` lines of at least `level`, oldest first: JSON, no newline."""
        least = level_number(level)
        found: list[str] = []
        for number, line in reversed(self._ring.copy()):
            if len(found) >= n:
                break
            if number >= least:
                found.append(line[:-1].decode())
        return found[::-1]

    def subscribe(self, call: Subscriber) -> None:
        """Have `call` given every line (JSON, no newline), on this thread: a line of another thread comes through its loop."""
        loop = None
        with contextlib.suppress(RuntimeError):
            loop = asyncio.get_running_loop()
        self._ears[call] = (threading.get_ident(), loop)

    def unsubscribe(self, call: Subscriber) -> None:
        self._ears.pop(call, None)

    def adopt_stdlib(self) -> None:
        """Take in what libraries say through `logging` (asyncio's "never retrieved", aiohttp's errors), from warnings up.

        The one process-wide thing here, because `logging` has no other door; `close` undoes it.
        """
        if self._bridge is None:
            self._bridge = Bridge(self.logger())
            logging.getLogger().addHandler(self._bridge)

    def statistics(self) -> Mapping[str, Any]:
        """Counts since the start: lines made, what waits, what was dropped or lost, and why."""
        return {
            "lines": self.lines,
            "unreadable": self.unreadable,
            "followers": len(self._ears),
            "dropped": sum(sum(drain.dropped.values()) for drain in self._drains.values()),
            **{name: drain.statistics() for name, drain in self._drains.items()},
            "console_output": self._output.statistics() if self._output else {},
            "file_output": self._file.statistics() if self._file else {},
        }

    def flush(self, within_s: float = 2.0) -> bool:
        """Wait until every line is written, so that what is printed next stands below. Blocks: not for a live loop."""
        return not [name for name, drain in self._drains.items() if not drain.flush(within_s)]

    def close(self, within_s: float = 2.0) -> None:
        """Write what is queued and stop. What a blocked terminal does not take in `within_s` is given up."""
        if self._bridge is not None:
            logging.getLogger().removeHandler(self._bridge)
            self._bridge = None
        for name, drain in self._drains.items():
            written = drain.close(within_s)
            if written and name == "file" and self._file is not None:
                self._file.close()

    # -- one line -----------------------------------------------------------------------------------------------------------

    def _emit(self, _logger: Any, method: str, record: MutableMapping[str, Any]) -> NoReturn:
        """structlog's only processor: stamp, redact, render, hand on."""
        number = LEVELS[method]
        if "exc_info" in record:
            _explain(record)
        redaction.fields(record)
        line = self._render({"time": self._time(), "level": method, "event": record.pop("event", ""), **record})
        self.lines += 1
        self._ring.append((number, line))
        for drain in self._drains.values():
            drain.put(number, line)
        if self._ears:
            self._tell(line[:-1].decode())
        raise structlog.DropEvent  # it is written; structlog has nothing more to do

    def _render(self, record: dict[str, Any]) -> bytes:
        try:
            line = orjson.dumps(record, _plain, _OPTIONS)
        except (TypeError, ValueError, RecursionError):  # what JSON cannot hold must not stop who logs it
            self.unreadable += 1
            shown = {str(name): _readable(value) for name, value in record.items()}
            line = orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE)
        return redaction.text(line)

    def _time(self) -> str:
        """ISO 8601, UTC, microseconds."""
        second, rest = divmod(self._now_ns(), SECOND)
        if second != self._second:
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._stamp}.{rest // 1000:06d}Z"

    def _tell(self, line: str) -> None:
        here = threading.get_ident()
        for call, (thread, loop) in list(self._ears.items()):
            if thread == here or loop is None:
                call(line)
            else:
                with contextlib.suppress(RuntimeError):  # its loop is closed: nobody listens any more
                    loop.call_soon_threadsafe(call, line)

    def _write_file(self, batch: list[tuple[int, bytes]]) -> None:
        if self._file is not None:
            self._file.write([line for _, line in batch])


class Bridge(logging.Handler):
    """`logging` records as lines of this log."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(self._log, level)("library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


def level_number(word: str) -> int:
    try:
        return LEVELS[word.lower()]
    except KeyError:
        raise CallerMistake(f"{word!r} is not a level of the log: write one of {', '.join(LEVELS)}") from None


def _explain(record: MutableMapping[str, Any]) -> None:
    """Replace `exc_info` (True, an exception, or what sys.exc_info gives) by the text of the traceback."""
    given = record.pop("exc_info")
    if not given:
        return
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    if error is not None:
        import traceback

        record["exception"] = "".join(traceback.format_exception(error))


def _plain(value: Any) -> Any:
    """What orjson does not know: numbers and names as text, everything else as it shows itself."""
    if redaction.is_secret(value):
        return redaction.HIDDEN
    if isinstance(value, BaseException):
        return repr(value)
    if isinstance(value, bytes):
        return value[:512].decode("utf-8", "backslashreplace")
    return str(value)


def _readable(value: Any) -> Any:
    try:
        return repr(value).encode("utf-8", "backslashreplace").decode()
    except Exception:  # noqa: BLE001 - a repr may do anything
        return f"<{type(value).__name__} that cannot be shown>"


def _complain(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"ctosd: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the log itself is what fails
