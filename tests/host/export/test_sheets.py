"""Files that are only appended to: what is refused, and that a crash leaves the old one whole."""

import os
import signal
import stat
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from ctosd.abi.errors import CallerMistake
from ctosd.host.export.sheets import append, render

COLUMNS = ("seq", "symbol", "amount")
LINES = [[str(n), "BTC/USDT:USDT", f"0.{n:018d}"] for n in range(1, 6)]

KILLED = """
import os, signal, sys
from pathlib import Path
from ctosd.host.export import sheets
os.rename = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
sheets.append(Path(sys.argv[1]), ("seq", "a"), [["1", "x"], ["2", "y"]], table="fills", parquet=False)
"""


@pytest.mark.parametrize("parquet", [False, True])
def test_only_what_is_new_comes_behind(tmp_path, parquet):
    path = tmp_path / "sheet"
    assert append(path, COLUMNS, LINES[:2], table="fills", parquet=parquet) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_bytes()
    path.chmod(0o640)
    assert append(path, COLUMNS, LINES[:2], table="fills", parquet=parquet) == 0
    assert path.read_bytes() == first
    assert append(path, COLUMNS, LINES, table="fills", parquet=parquet) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if parquet:
        held = pq.read_table(path).to_pylist()
        assert [(each["seq"], each["amount"]) for each in held] == [(int(line[0]), line[2]) for line in LINES]
    else:
        assert path.read_bytes().startswith(first)
        assert path.read_bytes() == render(COLUMNS, LINES)
    assert [each.name for each in tmp_path.iterdir()] == ["sheet"]


@pytest.mark.parametrize("parquet", [False, True])
def test_a_file_that_tells_otherwise_is_refused_and_left(tmp_path, parquet):
    path = tmp_path / "sheet"
    append(path, COLUMNS, LINES, table="fills", parquet=parquet)
    body = path.read_bytes()
    changed = [*LINES[:4], ["5", "BTC/USDT:USDT", "9"]]
    with pytest.raises(CallerMistake, match=r"row 5 \(seq 5\) does not match the journal"):
        append(path, COLUMNS, changed, table="fills", parquet=parquet)
    with pytest.raises(CallerMistake, match="has 5 rows and the journal tells of 4"):
        append(path, COLUMNS, LINES[:4], table="fills", parquet=parquet)
    with pytest.raises(CallerMistake, match="no export of this table"):
        append(path, ("seq", "other"), [], table="fills", parquet=parquet)
    assert path.read_bytes() == body


@pytest.mark.parametrize("body", [b"", b"my notes\n", b"\xff\xfe", b"PAR1rubbish"])
@pytest.mark.parametrize("parquet", [False, True])
def test_what_is_not_ours_is_refused(tmp_path, body, parquet):
    path = tmp_path / "sheet"
    path.write_bytes(body)
    with pytest.raises(CallerMistake, match="no export of this table"):
        append(path, COLUMNS, LINES, table="fills", parquet=parquet)
    assert path.read_bytes() == body


def test_a_parquet_file_of_another_table_is_refused(tmp_path):
    path = tmp_path / "sheet"
    append(path, COLUMNS, LINES, table="fills", parquet=True)
    with pytest.raises(CallerMistake, match="no export of this table"):
        append(path, COLUMNS, LINES, table="fees", parquet=True)


def test_a_last_row_without_its_end_is_refused(tmp_path):
    """A copy that was cut, or an editor that took the last newline away."""
    path = tmp_path / "sheet"
    append(path, COLUMNS, LINES, table="fills", parquet=False)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CallerMistake, match="another program"):
        append(path, COLUMNS, LINES, table="fills", parquet=False)


def test_killed_in_the_middle_the_old_file_is_whole(tmp_path):
    path = tmp_path / "sheet"
    append(path, ("seq", "a"), [["1", "x"]], table="fills", parquet=False)
    body = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == body
    assert append(path, ("seq", "a"), [["1", "x"], ["2", "y"]], table="fills", parquet=False) == 1
    assert os.listdir(tmp_path)
