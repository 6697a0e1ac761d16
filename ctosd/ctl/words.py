"""How ctosctl writes: ages, numbers, times, colours and columns."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TextIO

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "grey": "90", "bold": "1"}
_STATES = {
    "running": "green", "active": "green", "up": "green", "filled": "green", "open": "green", "pass": "green",
    "partially_filled": "green",
    "starting": "yellow", "stopping": "yellow", "backoff": "yellow", "reducing": "yellow", "pending": "yellow",
    "parked": "red", "zombie": "red", "halted": "red", "down": "red", "unknown": "red", "rejected": "red",
    "denied": "red", "refuse": "red", "error": "red", "critical": "red",
    "stopped": "grey", "done": "grey", "cancelled": "grey", "expired": "grey", "debug": "grey", "warning": "yellow",
}  # fmt: skip
_NARROWEST = 6


class Paper:
    """What is written on: its width in columns (0 is endless) and whether it shows colours."""

    __slots__ = ("colours", "width")

    def __init__(self, width: int = 0, colours: bool = False) -> None:
        self.width = width
        self.colours = colours

    def paint(self, text: str, colour: str) -> str:
        if not self.colours or colour not in _COLOURS:
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    def state(self, word: str) -> str:
        """A state or a verdict in its colour."""
        return self.paint(word, _STATES.get(word.strip().lower(), ""))

    def wrap(self, text: str, indent: str) -> str:
        """`text` in lines of this paper's width, each after `indent`; 80 columns on endless paper."""
        width, lines, line = self.width or 80, [], ""
        for word in clean(text).split():
            if line and len(indent) + len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        return "\n".join(indent + each for each in [*lines, line])


def paper_for(stream: TextIO, environment: Mapping[str, str]) -> Paper:
    """A terminal has a width and, unless NO_COLOR or TERM=dumb says otherwise, colours; a file has neither."""
    if not stream.isatty():
        return Paper()
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        width = 80
    return Paper(width or 80, not environment.get("NO_COLOR") and environment.get("TERM") != "dumb")


def clean(value: Any) -> str:
    """Text that cannot play with the terminal: what comes from a venue or a strategy is not trusted to be harmless."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def age(seconds: Any) -> str:
    """``42s``, ``3m12s``, ``5h08m``, ``12d4h``; empty for None."""
    if not isinstance(seconds, int | float):
        return ""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600}h"


def when(time_ns: Any) -> str:
    """A time of UTC to the second; empty for 0 and None."""
    if not isinstance(time_ns, int) or time_ns <= 0:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_ns // 1_000_000_000))


def number(value: Any) -> str:
    """A number as the daemon wrote it, without idle zeros behind the point."""
    text = clean(value)
    if "." in text and "e" not in text.lower():
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") and value not in (None, "") else text


def money(value: Any) -> str:
    """An amount to two places, or to four digits when it is smaller; only to be looked at, never to be counted with."""
    try:
        amount = float(value)
    except (TypeError, ValueError):
        return clean(value)
    if amount == 0 or abs(amount) >= 1:
        return f"{amount:.2f}".replace("-0.00", "0.00")
    return f"{amount:.2f}" if abs(amount) >= 0.1 else f"{amount:.4g}"


def gain(value: Any) -> str:
    """As `money`, with a plus before a gain."""
    text = money(value)
    return f"+{text}" if text and text[0].isdigit() and text.strip("0.") else text


class Column:
    """One column of a table: its title, how a row gives its cell, and how it looks."""

    __slots__ = ("cell", "paint", "right", "title")

    def __init__(
        self,
        title: str,
        cell: str | Callable[[Any], str],
        right: bool = False,
        paint: Callable[[Paper, str], str] | None = None,
    ) -> None:
        self.title = title
        self.cell: Callable[[Any], str] = (lambda row: clean(row.get(cell))) if isinstance(cell, str) else cell
        self.right = right
        self.paint = paint


def table(rows: Iterable[Any], columns: Sequence[Column], paper: Paper, empty: str, indent: str = "") -> str:
    """Aligned columns under a head, as wide as they must and as the paper allows; `empty` when there is no row."""
    cells = [[column.cell(row) for column in columns] for row in rows]
    if not cells:
        return indent + empty
    widths = [max(len(column.title), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    _shrink(widths, columns, (paper.width or sys.maxsize) - len(indent) - 2 * (len(columns) - 1))
    head = paper.paint(_line([column.title for column in columns], columns, widths, Paper()), "bold")
    return "\n".join(indent + line for line in [head, *(_line(row, columns, widths, paper) for row in cells)])


def _shrink(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """Narrow the widest texts until everything fits. Numbers are never cut: half a price is a wrong price."""
    while sum(widths) > room:
        texts = [i for i, column in enumerate(columns) if not column.right and widths[i] > _NARROWEST]
        if not texts:
            return
        widths[max(texts, key=lambda i: widths[i])] -= 1


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], paper: Paper) -> str:
    shown = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        cut = cell if len(cell) <= width else cell[: width - 1].rstrip() + "…"
        padded = cut.rjust(width) if column.right else cut.ljust(width)
        shown.append(column.paint(paper, padded) if column.paint else padded)
    return "  ".join(shown).rstrip()
