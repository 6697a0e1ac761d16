"""A document of the configuration: its values, and the place in a file of every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ctosd.host.config.mistakes import Place, Report

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """What one YAML file said. `data` is made of dict, list, str, int, bool, Decimal and None."""

    file: str
    report: Report
    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)  # where a key is written
    values: dict[Path, Place] = field(default_factory=dict)
    written: dict[Path, str] = field(
        default_factory=dict
    )  # the text before expansion, to be shown instead of the value
    spoiled: set[Path] = field(default_factory=set)  # reported already; what follows from it stays silent

    def place(self, path: Path, key: bool = False) -> Place:
        """The place of the value at `path` (or of its key), else of the nearest thing that holds it."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            found = first.get(path[:length]) or second.get(path[:length])
            if found is not None:
                return found
        return Place(self.file)

    def is_spoiled(self, path: Path) -> bool:
        return any(path[:length] in self.spoiled for length in range(len(path) + 1))

    def spoil(self, path: Path, place: Place, message: str) -> None:
        self.report.wrong(place, message)
        self.spoiled.add(path)

    def set(self, path: Path, value: Any, place: Place) -> None:
        """Put a value at `path`; mappings on the way are made where they are missing."""
        holder: Any = self.data
        for depth, step in enumerate(path[:-1], 1):
            if isinstance(holder, dict) and holder.get(step) is None:
                holder[step] = {}
                self.keys.setdefault(path[:depth], place)
            holder = holder[step]
        holder[path[-1]] = value
        self.forget(path)
        self.values[path] = self.keys[path] = place

    def forget(self, path: Path) -> None:
        """Drop what is known of the old value at `path`: it was replaced."""
        for record in (self.keys, self.values, self.written):
            for known in [known for known in record if known[: len(path)] == path]:
                del record[known]
        self.spoiled = {known for known in self.spoiled if known[: len(path)] != path}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document, with the means to complain about it."""

    document: Document
    path: Path = ()

    @property
    def data(self) -> Any:
        """What stands here; None when nothing does."""
        value = self.document.data
        for step in self.path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    @property
    def report(self) -> Report:
        return self.document.report

    def at(self, *steps: str | int) -> Section:
        return Section(self.document, self.path + steps)

    def place(self, *steps: str | int, key: bool = False) -> Place:
        return self.document.place(self.path + steps, key)

    def wrong(self, message: str, *steps: str | int, key: bool = False) -> None:
        """Report a mistake at a value below this section, unless it is the consequence of one reported before."""
        if not self.document.is_spoiled(self.path + steps):
            self.report.wrong(self.place(*steps, key=key), message)

    def doubt(self, message: str, *steps: str | int) -> None:
        self.report.doubt(self.place(*steps), message)

    def shown(self, value: Any, *steps: str | int) -> str:
        """A value as a message quotes it. What came from the environment may be secret: its ``${NAME}`` is shown."""
        written = self.document.written.get(self.path + steps)
        return written if written is not None else show(value)

    def mapping(self, key: str, what: str) -> dict[str, Any]:
        """The mapping under `key`; a missing or an empty one is empty, anything else is reported."""
        value = self.data.get(key)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.wrong(f"{key} must be a mapping of {what}, not {self.shown(value, key)}", key)
        return {}

    def items(self) -> Iterator[tuple[str, Section]]:
        """The entries of a mapping."""
        return ((key, self.at(key)) for key in self.data)


def show(value: Any) -> str:
    """A value as it would be written in YAML, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value[:40]}…"' if len(value) > 40 else f'"{value}"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)
