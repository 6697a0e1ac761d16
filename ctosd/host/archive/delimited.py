"""CSV and its kin as a table: delimiter, header and quoting as they come.

Clean files go through one typed JSON decode, five times as fast as row by row; whatever that refuses is read again
slowly, and then the message can name the line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ctosd.host.archive.columns import HEADERLESS, NUMBERS, is_header, roles_of
from ctosd.host.archive.faults import fault, shown
from ctosd.host.archive.source import decoded, whole
from ctosd.host.archive.table import Table

DELIMITERS = (",", ";", "\t", "|")


def read_delimited(path: Path) -> Table:
    """The table in a CSV file, plain or gzip.

    Raises:
        Misconfigured: with the line and what is wrong there.
    """
    text = decoded(path, whole(path)).replace("\r\n", "\n").rstrip()
    first, _, rest = text.partition("\n")
    delimiter = max(DELIMITERS, key=first.count)
    cells = [cell.strip().strip('"') for cell in first.split(delimiter)]
    headed = is_header(cells)
    names = cells if headed else _layout(path, cells)
    body = rest if headed else text
    if not body.strip():
        raise fault(path, "no rows below the header", "record or copy it anew")
    roles = roles_of(names)
    start = 2 if headed else 1
    columns = _fast(body, names, roles, delimiter)
    places: Sequence[int]
    if columns is None:
        columns, places = _slow(path, body, names, roles, delimiter, start)
    else:
        places = range(start, start + len(columns[0]))
    return Table(path, tuple(names), {role: columns[index] for role, index in roles.items()}, places)


def _layout(path: Path, cells: Sequence[str]) -> list[str]:
    names = HEADERLESS.get(len(cells))
    if names is None:
        raise fault(path, f"no header, and {len(cells)} columns", "name the columns in a first line", "line 1")
    return names.split()


def _fast(body: str, names: Sequence[str], roles: dict[str, int], delimiter: str) -> list[tuple[Any, ...]] | None:
    """The columns of a clean body; None when it is not clean."""
    if '"' in body or "\\" in body:
        return None
    numbers = {index for role, index in roles.items() if role in NUMBERS}
    row: Any = tuple[tuple(float if index in numbers else str for index in range(len(names)))]  # type: ignore[misc]
    quoted = body.replace(delimiter, '","').replace("\n", '"],["')
    try:
        rows = msgspec.json.decode(f'[["{quoted}"]]', type=list[row], strict=False)
    except msgspec.MsgspecError:
        return None
    return list(zip(*rows, strict=True))


def _slow(
    path: Path, body: str, names: Sequence[str], roles: dict[str, int], delimiter: str, start: int
) -> tuple[list[tuple[Any, ...]], list[int]]:
    numbers = {index: names[index] for role, index in roles.items() if role in NUMBERS}
    rows, places = [], []
    for line, cells in _rows(path, body, delimiter, start):
        if len(cells) != len(names):
            what = f"{len(cells)} columns instead of {len(names)} ({shown(delimiter.join(cells))})"
            raise fault(path, what, "complete or delete the line", f"line {line}")
        for index, name in numbers.items():
            try:
                cells[index] = float(cells[index])
            except ValueError:
                what = f"{name} is {shown(str(cells[index]))}, not a number"
                raise fault(path, what, "correct or delete the line", f"line {line}") from None
        rows.append(cells)
        places.append(line)
    return list(zip(*rows, strict=True)), places


def _rows(path: Path, body: str, delimiter: str, start: int) -> Iterator[tuple[int, list[Any]]]:
    """Cells of the lines that hold any, one line at a time: an open quote must not swallow what follows."""
    for line, text in enumerate(body.split("\n"), start):
        try:
            cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error as error:
            raise fault(path, f"no CSV ({error})", "correct or delete the line", f"line {line}") from None
        if any(cell.strip() for cell in cells):
            yield line, [cell.strip() for cell in cells]
