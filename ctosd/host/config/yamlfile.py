"""The strict YAML reader: every value keeps its place, every trap of YAML 1.1 is a mistake, and all of them are told at once.

Read from the parser's events rather than through PyYAML's constructors: those lose the places, take the last of two equal
keys and make binary floats. Keys are always text. Anchors, aliases, merge keys and tags are refused, so that what stands in
a file is all there is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from ctosd.host.config.document import Document
from ctosd.host.config.document import Path as Steps
from ctosd.host.config.mistakes import Place, Report
from ctosd.host.config.yamlscalar import Trap, read_plain

LARGEST = 1 << 20
DEEPEST = 40

Expand = Callable[[str], str]
"""Replaces ``${VAR}`` in a text; raises `Trap` with the reason when it cannot."""

Guard = Callable[[os.stat_result], str]
"""Looks at the file that was opened, before it is read; returns why it is refused, or nothing."""

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it was built in
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INDENT_NBSP = re.compile("^ *\u00a0", re.MULTILINE)
_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\xef\xbb\xbf", "UTF-8 with a byte order mark"))

_EXPLAINED: tuple[tuple[str, bool, str], ...] = (
    # a piece of the parser's words, whether its context is the better place, ours
    (
        "mapping values are not allowed",
        False,
        "a second `: ` on one line: quote the text, or indent this line like its neighbours",
    ),
    ("could not find expected ':'", True, "a key without its `: `"),
    ("unexpected end of stream", True, "a quote is opened here and never closed"),
    ("unknown escape character", False, "a backslash inside double quotes: write it twice, or use single quotes"),
    ("<block end>", False, "the indentation fits no line above, or a line is neither `key: value` nor `- item`"),
    (
        "did not find expected key",
        False,
        "the indentation fits no line above, or a line is neither `key: value` nor `- item`",
    ),
    ("'-' indicator", False, "the indentation fits no line above, or a line is neither `key: value` nor `- item`"),
    ("sequence entries are not allowed", False, "a `- item` on the line of a key: begin it on its own line"),
    ("expected ',' or", True, "this bracket is not closed, or a comma is missing after it"),
    (r"'\t' that cannot start", False, "a tab: use spaces"),
    ("cannot start any token", False, "this character cannot begin a value: quote the text"),
    ("directive", False, "a line that begins with % is a directive: quote the text"),
    ("expected alphabetic", False, "`*` and `&` begin an alias or an anchor: quote the text"),
    ("node content", False, "a value is expected here: quote the text if it begins with a sign"),
    ("undefined tag handle", False, "`!` begins a tag: quote the text"),
)


class _Unreadable(Exception):
    """The file cannot be taken for YAML at all: `(message, line)`."""


def read_file(
    path: Path, report: Report, expand: Expand | None = None, *, guard: Guard | None = None, texts: bool = False
) -> Document:
    """Read one file; what is wrong goes into `report`.

    `texts` is for secrets: every scalar stays the text that it is, and none is quoted in a message.
    """
    document = Document(str(path), report)
    report.reading(document.file)
    try:
        text = _utf8(_bytes(path, guard))
    except _Unreadable as error:
        message, line = error.args
        document.spoil((), Place(document.file, line), message)
    else:
        read_text(text, document, expand, texts=texts)
    return document


def read_text(text: str, document: Document, expand: Expand | None = None, *, texts: bool = False) -> None:
    """Read YAML into `document`. A syntax error spoils all of it, any other mistake only the value where it stands."""
    try:
        _refuse_odd_characters(text)
        _Builder(document, expand, texts).run(text)
    except _Unreadable as error:
        message, line = error.args
        document.spoil((), Place(document.file, line), message)
    except yaml.MarkedYAMLError as error:
        document.data = None
        document.spoil((), *_explained(error, text, document.file))


def _bytes(path: Path, guard: Guard | None) -> bytes:
    try:
        with open(path, "rb") as file:
            refused = guard(os.fstat(file.fileno())) if guard else ""
            raw = b"" if refused else file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _Unreadable("there is no such file", 0) from None
    except IsADirectoryError:
        raise _Unreadable("this is a directory, not a file", 0) from None
    except PermissionError:
        raise _Unreadable("may not be read by this user: check its owner and mode", 0) from None
    except (OSError, ValueError) as error:
        raise _Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}", 0) from None
    if refused:
        raise _Unreadable(refused, 0)
    if len(raw) > LARGEST:
        raise _Unreadable(f"is larger than {LARGEST >> 20} MiB: surely not a configuration", 0)
    return raw


def _utf8(raw: bytes) -> str:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            raise _Unreadable(f"is {name}: save it as plain UTF-8", 1)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Unreadable(f"is not UTF-8 (byte 0x{raw[error.start]:02x}): save it as plain UTF-8", line) from None


def _refuse_odd_characters(text: str) -> None:
    bad = _UNPRINTABLE.search(text)
    if bad:
        raise _Unreadable(
            f"holds the control character U+{ord(bad[0]):04X}: delete it", text.count("\n", 0, bad.start()) + 1
        )
    space = _INDENT_NBSP.search(text)
    if space:
        line = text.count("\n", 0, space.start()) + 1
        raise _Unreadable("is indented with a no-break space: replace it by an ordinary space", line)


def _explained(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Place, str]:
    mark, problem = error.problem_mark or error.context_mark, error.problem or "not YAML"
    message = f"is not YAML: {problem}"
    for piece, use_context, ours in _EXPLAINED:
        if piece in f"{error.context or ''} {problem}":
            message, mark = ours, (error.context_mark or mark) if use_context else mark
            break
    if mark is None:
        return Place(file), message
    line = text.split("\n")[mark.line] if mark.line <= text.count("\n") else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        message = "a tab is used to indent: use spaces"
    return Place(file, mark.line + 1, mark.column + 1), message


class _Builder:
    """Builds values from the parser's events, and notes where each one stood."""

    def __init__(self, document: Document, expand: Expand | None, texts: bool) -> None:
        self.document = document
        self.expand = expand
        self.texts = texts

    def run(self, text: str) -> None:
        self.parser = _PARSER(text)
        try:
            self._documents()
        finally:
            self.parser.dispose()

    def _next(self) -> Event:
        event: Event = self.parser.get_event()
        return event

    def _documents(self) -> None:
        seen = False
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, StreamStartEvent):
                continue
            if isinstance(event, DocumentStartEvent) and seen:
                self._spoil((), event, "a second document (`---`): write one document a file")
                return
            if isinstance(event, NodeEvent):
                seen = True
                self.document.data = self._node(event, ())

    def _place(self, event: Event) -> Place:
        mark: Any = event.start_mark
        return Place(self.document.file, mark.line + 1, mark.column + 1)

    def _spoil(self, path: Steps, event: Event, message: str) -> None:
        self.document.spoil(path, self._place(event), message)

    def _node(self, event: Event, path: Steps) -> Any:
        self.document.values[path] = self._place(event)
        if isinstance(event, AliasEvent):
            return self._spoil(
                path, event, f"{self._named('*', event.anchor)} is an alias: write the value out, or quote it"
            )
        if isinstance(event, NodeEvent) and event.anchor:
            self._spoil(
                path,
                event,
                f"{self._named('&', event.anchor)} is an anchor: write the value out where it is needed, or quote it",
            )
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._spoil(path, event, f"{self._named('', tag)} is a tag: write the plain value, or quote it")
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= DEEPEST:
            self._spoil(path, event, f"nested deeper than {DEEPEST} levels")
            return self._skip()
        return self._mapping(path) if isinstance(event, MappingStartEvent) else self._sequence(path)

    def _named(self, sign: str, name: str | None) -> str:
        return "this" if self.texts else f"{sign}{name}"

    def _skip(self) -> None:
        depth = 1
        while depth:
            event = self._next()
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, MappingEndEvent | SequenceEndEvent)

    def _scalar(self, event: ScalarEvent, path: Steps) -> Any:
        text: str = event.value
        plain = not event.style and not self.texts
        try:
            if self.expand is not None and "${" in text:
                self.document.written[path] = text
                text = self.expand(text)
            return read_plain(text) if plain else text
        except Trap as trap:
            self._spoil(path, event, str(trap))
            return None

    def _sequence(self, path: Steps) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Steps) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event, path)
            if key is None or key in items:
                self._refuse_twice(event, key, path)
                self._node(self._next(), (*path, "\0"))  # read over, but for the mistakes in it
                continue
            self.document.keys[*path, key] = self._place(event)
            items[key] = self._node(self._next(), (*path, key))
        return items

    def _key(self, event: Event, path: Steps) -> str | None:
        if not isinstance(event, ScalarEvent):
            self._spoil((*path, "\0"), event, "a key must be a word: quote it if it begins with a bracket, * or &")
            if isinstance(event, CollectionStartEvent):
                self._skip()
            return None
        if event.value == "<<" and not event.style:
            self._spoil((*path, "\0"), event, "<< merges another mapping: write its keys out")
            return None
        if not event.value:
            self._spoil((*path, "\0"), event, "a key is missing before the `:`")
            return None
        return str(event.value)

    def _refuse_twice(self, event: Event, key: str | None, path: Steps) -> None:
        if key is not None:
            first = self.document.keys[*path, key]
            self.document.report.wrong(
                self._place(event), f'"{key}" is here a second time; the first is on line {first.line}'
            )
