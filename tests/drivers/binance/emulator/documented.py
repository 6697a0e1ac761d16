"""Replies as Binance's own SDK documents them: which keys the emulator's must have. Skips where the fixtures are absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[4] / "../shared/fixtures"


def fixture(path: str) -> Any:
    """One file of the fixtures."""
    found = SHARED / path
    if not found.exists():
        pytest.skip("the folder of fixtures is not here")
    return json.loads(found.read_text())


def reply(product: str, name: str, part: str = "rest_api") -> Any:
    """The documented reply of a test of the SDK: `product` is ``spot`` or ``usds_futures``."""
    files = fixture(f"binance-connector-python/{product}.json")["files"]
    cases = [case for file, rows in files.items() if file.startswith(part) for case in rows]
    return next(case["expected_response"] for case in cases if case["test"] == f"test_{name}")


def has_keys(ours: Any, theirs: Any, *without: str) -> None:
    """Our object has every key of theirs but those, all the way down; texts are texts and numbers numbers."""
    if isinstance(theirs, list):
        assert isinstance(ours, list)
        if theirs and ours:
            has_keys(ours[0], theirs[0], *without)
    elif isinstance(theirs, dict):
        missing = theirs.keys() - ours.keys() - set(without)
        assert not missing, f"missing {sorted(missing)}"
        for name in theirs.keys() & ours.keys():
            has_keys(ours[name], theirs[name], *without)
    elif theirs is not None and ours is not None and theirs not in ("None", ""):
        alike = isinstance(ours, bool) == isinstance(theirs, bool) and isinstance(ours, str) == isinstance(theirs, str)
        assert alike, f"{ours!r} is not of the kind of {theirs!r}"
