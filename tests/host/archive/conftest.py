"""Small recorded files, and the real ones beside the tree."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Feed
from ctosd.host.archive import open_feed

SHARED = Path(__file__).parents[4] / "shared" / "data"


class Notes:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    debug = info = error = warning


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Put text or bytes into a file; gzip when its name says so."""

    def put(name: str, content: str | bytes) -> Path:
        raw = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return put


@pytest.fixture
def opened(write: Callable[..., Path], tmp_path: Path, notes: Notes) -> Callable[..., Feed]:
    """Write a CSV file and open it as a feed; keywords are keys of its description."""

    def put(content: str | bytes, name: str = "x.csv", **spec: Any) -> Feed:
        write(name, content)
        return open_feed({"path": name, "symbol": "BTC/USDT", **spec}, venue="paper", base=tmp_path, log=notes)

    return put


@pytest.fixture
def shared() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        if not (SHARED / name).is_file():
            pytest.skip(f"the recorded data {name} is not beside the tree")
        return SHARED / name

    return find
