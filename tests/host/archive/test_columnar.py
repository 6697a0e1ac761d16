"""Parquet and feather files."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.archive.columnar import read_columnar

pa = pytest.importorskip("pyarrow", reason="pyarrow reads these files")
feather = pytest.importorskip("pyarrow.feather")
parquet = pytest.importorskip("pyarrow.parquet")

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
NOON_NS = 1_723_118_400_000_000_000


def table(time: Any, **columns: Any) -> Any:
    return pa.table({"date": time, **columns})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_of_every_unit_and_zone_are_utc(tmp_path: Path, unit: str, zone: str | None) -> None:
    kind = pa.timestamp(unit, tz=zone)
    value = pa.array([NOON if zone else NOON.replace(tzinfo=None)], kind)
    parquet.write_table(table(value, close=[1.0]), tmp_path / "x")
    assert read_columnar(tmp_path / "x", "parquet").columns["time"] == [NOON_NS]


def test_missing_volume_is_none_and_missing_price_is_not_a_number(tmp_path: Path) -> None:
    """freqtrade's mark prices have no volume; a price that is missing must not look like one."""
    feather.write_feather(
        table([1, 2], close=[1.0, None], volume=pa.array([None, None], pa.float64())), str(tmp_path / "x")
    )
    got = read_columnar(tmp_path / "x", "feather")
    assert list(got.columns["volume"]) == [0.0, 0.0]
    assert got.columns["close"][1] != got.columns["close"][1]
    assert got.place(1) == "row 2"


def test_whole_numbers_are_read_as_prices(tmp_path: Path) -> None:
    parquet.write_table(table([1], close=pa.array([7], pa.int32())), tmp_path / "x")
    assert read_columnar(tmp_path / "x", "parquet").columns["close"] == [7.0]


def test_damaged_and_empty_files_are_told(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(Misconfigured, match=r"x\.parquet: is no parquet file that can be read \(.*\); copy"):
        read_columnar(write("x.parquet", b"PAR1 and then nothing"), "parquet")
    parquet.write_table(table(pa.array([], pa.int64()), close=pa.array([], pa.float64())), tmp_path / "none")
    with pytest.raises(Misconfigured, match="the file holds no rows"):
        read_columnar(tmp_path / "none", "parquet")


def test_text_where_prices_belong_is_told(tmp_path: Path) -> None:
    parquet.write_table(table([1], close=["dear"]), tmp_path / "x")
    with pytest.raises(Misconfigured, match="is no parquet file that can be read"):
        read_columnar(tmp_path / "x", "parquet")
