"""Files of rows, CSV or Parquet, that are only ever appended to, and whole at any moment.

What lies there must be the beginning of what the journal tells today, row for row; the new rows come behind it in a file beside it,
which then takes its name. In Parquet, too, amounts are text: decimal128 has one scale for a column, and prices, coins and
shares of funding have none in common; a cast in the reader (`CAST(fee AS DECIMAL(38, 18))`) is exact where it fits.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctosd.abi.errors import CallerMistake, Misconfigured
from ctosd.host.backup.copying import PRIVATE
from ctosd.host.storage.database import sync_directory

INTEGERS = frozenset({"seq", "time_ns", "revision", "created_ns", "ended_ns"})
MARK = b"ctos.export"

Line = list[str]


def render(columns: Sequence[str], lines: Sequence[Line]) -> bytes:
    """The CSV of these rows, with its header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return text.getvalue().encode()


def append(path: Path, columns: Sequence[str], lines: Sequence[Line], *, table: str, parquet: bool) -> int:
    """Bring the file up to `lines`, made when it is missing; returns how many rows that added.

    Raises:
        CallerMistake: the file is not ours, or tells otherwise than the journal. It was not touched.
        Misconfigured: pyarrow is missing.
        OSError: the disk refuses. The file is as it was.
    """
    with _alone(path.parent):
        old = 0
        if path.exists():
            there = _read_parquet(path, columns, table) if parquet else _read_csv(path, columns)
            old = len(there)
            _require_beginning(path, there, lines)
            if not parquet and render(columns, there) != path.read_bytes():
                raise CallerMistake(f"{path} was written by another program since: export to a new file")
        if old < len(lines) or not path.exists():
            body = _parquet(columns, lines, table) if parquet else render(columns, lines)
            _replace(path, body)
        return len(lines) - old


def _require_beginning(path: Path, there: Sequence[Line], lines: Sequence[Line]) -> None:
    remedy = "was it exported from another journal, or with other filters? Export to a new file"
    for number, (old, new) in enumerate(zip(there, lines, strict=False), 1):
        if old != new:
            raise CallerMistake(f"{path}: row {number} (seq {old[0]}) does not match the journal: {remedy}")
    if len(there) > len(lines):
        raise CallerMistake(
            f"{path} has {len(there)} rows and the journal tells of {len(lines)}, the last is seq {there[-1][0]}: {remedy}"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two exports to one directory wait for each other."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _replace(path: Path, body: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    mode = path.stat().st_mode & 0o777 if path.exists() else PRIVATE
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with open(fd, "wb") as writer:
            writer.write(body)
            writer.flush()
            os.fsync(writer.fileno())
        os.rename(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


# -- CSV -----------------------------------------------------------------------------------------------------------------


def _read_csv(path: Path, columns: Sequence[str]) -> list[Line]:
    try:
        with path.open(encoding="utf-8", newline="") as reader:
            lines = list(csv.reader(reader, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise _foreign(path, str(error)) from None
    if not lines or lines[0] != list(columns):
        raise _foreign(path, "its columns are others")
    return lines[1:]


def _foreign(path: Path, detail: str) -> CallerMistake:
    return CallerMistake(f"{path} is no export of this table ({detail}): name a new file with --out")


# -- Parquet -------------------------------------------------------------------------------------------------------------


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Misconfigured("--parquet needs pyarrow: install ctos with its `data` extra, or use --csv") from None
    return pa, pq


def _parquet(columns: Sequence[str], lines: Sequence[Line], table: str) -> bytes:
    pa, pq = _arrow()
    kinds = [(name, pa.int64() if name in INTEGERS else pa.string()) for name in columns]
    schema = pa.schema(kinds, metadata={MARK: table.encode()})
    cells: Mapping[str, list[Any]] = {
        name: [int(line[index]) if name in INTEGERS else line[index] for line in lines]
        for index, name in enumerate(columns)
    }
    body = pa.BufferOutputStream()
    pq.write_table(pa.table(cells, schema=schema), body)
    return bytes(body.getvalue().to_pybytes())


def _read_parquet(path: Path, columns: Sequence[str], table: str) -> list[Line]:
    pa, pq = _arrow()
    try:
        # From a Python file, or by threads, Arrow may abort the process at its end: a worker still wants the interpreter.
        held = pq.read_table(pa.BufferReader(path.read_bytes()), use_threads=False, pre_buffer=False)
    except (pa.ArrowException, ValueError) as error:
        raise _foreign(path, str(error).partition("\n")[0]) from None
    if held.column_names != list(columns) or (held.schema.metadata or {}).get(MARK) != table.encode():
        raise _foreign(path, "its columns are others")
    return [[str(each[name]) for name in columns] for each in held.to_pylist()]
