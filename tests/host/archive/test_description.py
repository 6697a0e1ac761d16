"""What a configuration may say about a feed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.archive.description import FOREVER, describe

NOON = 1_723_118_400_000_000_000


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "btc_1m.csv").write_text("x")
    return tmp_path


def test_defaults(base: Path) -> None:
    got = describe({"path": "btc_1m.csv"}, base)
    assert (got.path, got.symbol, got.kind, got.format, got.timeframe) == (base / "btc_1m.csv", "", "auto", "auto", "")
    assert (got.gaps, got.duplicates, got.volume, got.tick) == ("warn", "error", "auto", None)
    assert (got.start_ns, got.end_ns) == (0, FOREVER)


@pytest.mark.parametrize(
    "value",
    ["2024-08-08T12:00Z", "2024-08-08 12:00", "2024-08-08T14:00+02:00", 1723118400, 1723118400000, "1723118400000",
     datetime.fromisoformat("2024-08-08T12:00"), datetime(2024, 8, 8, 12, tzinfo=UTC)],
)  # fmt: skip
def test_times(base: Path, value: Any) -> None:
    """As people and as YAML write them."""
    got = describe({"path": "btc_1m.csv", "start": value, "end": value}, base)
    assert (got.start_ns, got.end_ns) == (NOON, NOON)


def test_dates_and_ticks(base: Path) -> None:
    got = describe({"path": "btc_1m.csv", "start": date(2024, 8, 8), "tick": 0.1, "symbol": "btc-usdt"}, base)
    assert (got.start_ns, got.tick, got.symbol) == (NOON - 43_200_000_000_000, Decimal("0.1"), "BTC/USDT")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"simbol": "X"}, "'simbol' is not a key; write symbol"),
        ({"path": ""}, "no path; write `path:`"),
        ({"path": "btc_1.csv"}, r"no such file; did you mean btc_1m\.csv\?"),
        ({"path": "other/zzz"}, "no such file; check `path:`"),
        ({"path": "."}, "is a directory; name one file"),
        ({"kind": "candles"}, "kind: 'candles' is not known; write one of auto bars trades"),
        ({"gaps": "no"}, "gaps: 'no' is not known; write one of warn allow error"),
        ({"timeframe": "7m"}, "'7m' is not a timeframe"),
        ({"symbol": "BTC"}, "'BTC' is not a symbol"),
        ({"tick": 0}, "tick: 0 is not a price step"),
        ({"tick": "small"}, "tick: 'small' is not a price step"),
        ({"start": "yesterday"}, "start: 'yesterday' is not a time"),
    ],
)
def test_mistakes_are_told_with_a_remedy(base: Path, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        describe({"path": "btc_1m.csv", **spec}, base)
