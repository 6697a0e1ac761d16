"""The console: log lines on standard output, as JSON for machines or as sentences for a person at a terminal."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson

from ctosd.host.logs.sentences import sentence

Console = Literal["auto", "pretty", "json"]
Line = tuple[int, bytes]  # level (as in logging), JSON with its newline

_RESET, _DIM, _BOLD, _RED, _GREEN, _YELLOW = "\x1b[0m", "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
_MARKS = {
    "debug": ("·", _DIM),
    "info": (" ", ""),
    "warning": ("!", _YELLOW),
    "error": ("✗", _RED),
    "critical": ("✗", _RED + _BOLD),
}
_TINTS = {"fill": _GREEN, "ready": _BOLD, "order_denied": _DIM}


class Pretty:
    """Renders JSON lines as `time mark sentence`, with a line for each new day (a virtual clock runs through many)."""

    def __init__(self, colours: bool, unicode: bool = True) -> None:
        self._colours = colours
        self._unicode = unicode
        self._day = ""

    def __call__(self, level: int, line: bytes) -> bytes:
        record = orjson.loads(line)
        day, _, clock = str(record["time"]).partition("T")
        mark, tint = _MARKS.get(str(record["level"]), (" ", ""))
        tint = tint or _TINTS.get(str(record["event"]), "")
        text = f"{self._paint(clock[:8], _DIM)} {self._paint(f'{mark} {sentence(record)}', tint)}\n"
        text += "".join(
            f"           {self._paint(part, _DIM)}\n" for part in str(record.get("exception", "")).splitlines()
        )
        if day != self._day:
            self._day, text = day, f"{self._paint(f'{day}, times are UTC', _DIM)}\n{text}"
        return text.encode("utf-8" if self._unicode else "ascii", "replace")

    def _paint(self, text: str, tint: str) -> str:
        text = " ".join(text.splitlines())
        safe = (
            text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)
        )  # no escape codes
        return f"{tint}{safe}{_RESET}" if tint and self._colours else safe


def plain(_level: int, line: bytes) -> bytes:
    return line


def prefixed(level: int, line: bytes) -> bytes:
    """With the syslog level that journald strips and files it under, so that `journalctl -p warning` works."""
    return b"<%d>%s" % (_syslog(level), line)


def renderer(
    mode: Console, descriptor: int, environ: Mapping[str, str], encoding: str
) -> Callable[[int, bytes], bytes]:
    """The rendering for what stands at `descriptor`: a terminal, systemd's journal, or a pipe."""
    if mode == "json" or (mode == "auto" and not os.isatty(descriptor)):
        return prefixed if is_journal(descriptor, environ) else plain
    coloured = os.isatty(descriptor) and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Pretty(coloured, unicode=encoding.lower().replace("-", "") == "utf8")


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Whether `descriptor` is the stream that systemd connected to its journal (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    facts = os.fstat(descriptor)
    return (device, inode) == (str(facts.st_dev), str(facts.st_ino))


class Output:
    """Writes rendered lines to a descriptor; may block, so it belongs behind a `Drain`. A closed pipe ends it quietly."""

    def __init__(self, descriptor: int, render: Callable[[int, bytes], bytes]) -> None:
        self._descriptor = descriptor
        self._render = render
        self.failed = ""
        self.lost = 0

    def write(self, batch: list[Line]) -> None:
        if self.failed:
            self.lost += len(batch)
            return
        try:
            self._all(b"".join(self._rendered(level, line) for level, line in batch))
        except OSError as error:
            self.failed = error.strerror or str(error)
            self.lost += len(batch)

    def statistics(self) -> Mapping[str, Any]:
        return {"failed": self.failed, "lost": self.lost}

    def _rendered(self, level: int, line: bytes) -> bytes:
        try:
            return self._render(level, line)
        except Exception:  # noqa: BLE001 - a line that cannot be made pretty is shown as it is
            return line

    def _all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # another program made the terminal non-blocking
                select.select([], [self._descriptor], [], 1.0)


def _syslog(level: int) -> int:
    """logging's level as syslog(3)'s: debug 7, info 6, warning 4, error 3, critical 2."""
    return 7 if level < 20 else 6 if level < 30 else 4 if level < 40 else 3 if level < 50 else 2
