"""Where things are kept: systemd first, then what was asked for, then the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

import ctosd
from ctosd.abi import Misconfigured
from ctosd.host import places


def test_systemd_wins() -> None:
    environ = {"STATE_DIRECTORY": "/s:/t", "RUNTIME_DIRECTORY": "/r", "LOGS_DIRECTORY": "/l", "CTOS_VAR": "/v"}
    assert places.find("/x", environ) == places.Places(Path("/r"), Path("/s"), Path("/l"))


def test_an_option_wins_over_the_environment(tmp_path: Path) -> None:
    found = places.find(str(tmp_path), {"CTOS_VAR": "/v"})
    assert (found.socket, found.journal) == (tmp_path / "run" / "ctosd.sock", tmp_path / "lib" / "journal.db")
    assert places.find("", {"CTOS_VAR": "/v"}).lib == Path("/v/lib")


def test_a_checkout_keeps_everything_under_var() -> None:
    root = Path(ctosd.__file__).resolve().parent.parent
    assert places.find("", {}).lib == root / "var" / "lib"


def test_directories_are_ours_alone(tmp_path: Path) -> None:
    where = places.find(str(tmp_path / "v"), {})
    where.make()
    assert where.lib.stat().st_mode & 0o007 == 0
    where.make()


def test_a_place_that_cannot_be_made_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"file.*--var DIR"):
        places.find(str(tmp_path / "file"), {}).make()
