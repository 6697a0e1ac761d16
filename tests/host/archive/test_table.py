"""Tables: kinds, times, places."""

from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.archive.table import Table


def table(**columns: Any) -> Table:
    return Table(Path("x"), tuple(columns), columns, range(2, 9))


def test_kind_is_told_by_the_columns() -> None:
    assert table(time=["1"], price=[1.0], size=[1.0]).kind("auto") == "trades"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("auto", "x, line 2: no bars, trades, quotes or funding among time, price; name the columns"),
        ("trades", "no column for size of trades among time, price"),
        ("bars", "no column for open, high, low, close of bars"),
    ],
)
def test_missing_columns_are_named(wanted: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        table(time=["1"], price=[1.0]).kind(wanted)


def test_bad_time_is_told_with_its_line() -> None:
    with pytest.raises(Misconfigured, match="x, line 3: '2024-01-32' is not a time; write ISO 8601"):
        table(time=["2024-01-01", "2024-01-32"]).times()
    with pytest.raises(Misconfigured, match="x, line 2: '2024-01-01 24:30' is not a time"):
        table(day=["2024-01-01"], time=["24:30"]).times()


def test_date_beside_a_full_time_is_not_its_half() -> None:
    assert table(day=["2024-08-08 12:00"], time=["1723118400"]).times() == [1_723_118_400_000_000_000]


def test_several_symbols_in_one_file_are_refused() -> None:
    table(symbol=["A", "A"]).one_symbol()
    with pytest.raises(Misconfigured, match=r"holds 2 symbols \(A, B\); split it"):
        table(symbol=["A", "B", "A"]).one_symbol()
