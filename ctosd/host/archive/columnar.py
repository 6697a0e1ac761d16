"""Parquet and feather files as a table. pyarrow takes 0.2 s to import: only when such a file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctosd.abi.errors import Misconfigured
from ctosd.host.archive.columns import NUMBERS, roles_of
from ctosd.host.archive.faults import fault
from ctosd.host.archive.table import Table


def read_columnar(path: Path, form: str) -> Table:
    """The table in a parquet or feather file.

    Raises:
        Misconfigured: pyarrow is missing, or the file is damaged or holds other types than numbers and times.
    """
    try:
        import pyarrow as pa
        import pyarrow.feather
        import pyarrow.parquet
    except ImportError:
        raise Misconfigured(f"{path}: {form} needs pyarrow; install ctos with its `data` extra") from None
    try:
        read = pyarrow.parquet.read_table if form == "parquet" else pyarrow.feather.read_table
        table = read(str(path))
        names = tuple(table.column_names)
        columns: dict[str, Sequence[Any]] = {
            role: _column(pa, table.column(index), role) for role, index in roles_of(names).items()
        }
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise fault(path, f"is no {form} file that can be read ({reason})", "copy or record it anew") from None
    if not table.num_rows:
        raise fault(path, "the file holds no rows", "record or copy it anew")
    return Table(path, names, columns)


def _column(pa: Any, column: Any, role: str) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        return list(column.cast(pa.timestamp("ns", tz=zone)).cast(pa.int64()).to_pylist())
    if role not in NUMBERS:
        return list(column.to_pylist())
    missing = 0.0 if role in ("volume", "quote_volume") else float("nan")
    return list(column.cast(pa.float64()).fill_null(missing).to_pylist())
