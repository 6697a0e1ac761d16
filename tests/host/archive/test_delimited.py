"""CSV files: delimiters, headers, quoting, and lines that cannot be read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.archive.delimited import read_delimited

Write = Callable[..., Path]
HEAD = "timestamp,open,high,low,close,volume\n"
ROWS = "2024-01-01 00:00:00,1,4,0.5,2,10\n2024-01-01 00:01:00,2,3,1,3,0\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(write: Write, delimiter: str) -> None:
    table = read_delimited(write("x.csv", (HEAD + ROWS).replace(",", delimiter)))
    assert list(table.columns["high"]) == [4.0, 3.0]
    assert table.place(1) == "line 3"


@pytest.mark.parametrize(
    "text", [HEAD + ROWS.replace("\n", "\r\n"), "\ufeff" + HEAD + ROWS + "\n\n", HEAD + ROWS.rstrip()]
)
def test_line_ends_and_marks_do_not_matter(write: Write, text: str) -> None:
    assert len(read_delimited(write("x.csv.gz", text))) == 2


def test_quotes_spaces_and_empty_lines_are_read(write: Write) -> None:
    """What the fast way refuses is read slowly, to the same columns, and keeps its line numbers."""
    text = '"timestamp", "open", "high", "low", "close", "volume"\n"2024-01-01 00:00:00", "1" ,4,0.5,2,10\n\n2024-01-01 00:01:00,2,3,1,3,0\n'
    table = read_delimited(write("x.csv", text))
    assert list(table.columns["open"]) == [1.0, 2.0]
    assert [table.place(0), table.place(1)] == ["line 2", "line 4"]


def test_binance_dump_without_a_header(write: Write) -> None:
    row = "1704067200000,42283.5,42298.6,42261.0,42298.6,35.92,1704067259999,1519032.1,1327,21.4,905236.5,0\n"
    table = read_delimited(write("x.csv", row * 2))
    assert (table.columns["time"][0], table.columns["close"][0], table.place(0)) == ("1704067200000", 42298.6, "line 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + ROWS + "2024-01-01 00:02:00,2,3\n",
            r"line 4: 3 columns instead of 6 \('2024-01-01 00:02:00,2,3'\); complete",
        ),
        (HEAD + ROWS + "2024-01-01 00:02:00,2,3,1,3,0,9\n", "line 4: 7 columns instead of 6"),
        (HEAD + ROWS.replace(",4,", ",4x,"), "line 2: high is '4x', not a number; correct or delete the line"),
        (HEAD + ROWS.replace(",4,", ",,"), "line 2: high is '', not a number"),
        (HEAD, "no rows below the header"),
        ("1,2,3\n", "line 1: no header, and 3 columns; name the columns"),
        (HEAD + ROWS.replace(",4,", ',"4,'), "line 2: "),
    ],
)
def test_unreadable_lines_are_told(write: Write, text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        read_delimited(write("x.csv", text))
