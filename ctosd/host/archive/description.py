"""What a configuration says about a recorded market, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from ctosd.abi.errors import CallerMistake, Misconfigured
from ctosd.abi.instruments import normalise_symbol, split_symbol
from ctosd.core.bars import timeframe_ns
from ctosd.host.archive.faults import fault
from ctosd.host.archive.instants import epoch_scale

RecordKind = Literal["auto", "bars", "trades", "quotes", "funding", "frames"]
Format = Literal["auto", "csv", "parquet", "feather", "frames"]
Gaps = Literal["warn", "allow", "error"]
Duplicates = Literal["error", "drop"]
Volume = Literal["auto", "base", "quote"]

CHOICES: dict[str, tuple[str, ...]] = {
    "kind": get_args(RecordKind),
    "format": get_args(Format),
    "gaps": get_args(Gaps),
    "duplicates": get_args(Duplicates),
    "volume": get_args(Volume),
}
KEYS = ("path", "symbol", "timeframe", "start", "end", "tick", "decoder", *CHOICES)
FOREVER = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One recorded market. `start_ns` is inside the range, `end_ns` outside."""

    path: Path
    symbol: str
    kind: str
    format: str
    gaps: str
    duplicates: str
    volume: str
    timeframe: str
    start_ns: int
    end_ns: int
    tick: Decimal | None
    decoder: str


def describe(spec: Mapping[str, Any], base: Path) -> Description:
    """Read a feed's section of the configuration.

    Raises:
        Misconfigured: a key or a value that cannot be meant, or no such file.
    """
    for key in spec:
        if key not in KEYS:
            near = get_close_matches(str(key), KEYS, 1)
            raise Misconfigured(f"feed: {key!r} is not a key; write {near[0] if near else 'one of ' + ' '.join(KEYS)}")
    path = _path(spec, base)
    return Description(
        path=path,
        symbol=_symbol(spec, path),
        timeframe=_timeframe(spec, path),
        start_ns=_instant(spec, "start", 0, path),
        end_ns=_instant(spec, "end", FOREVER, path),
        tick=_tick(spec, path),
        decoder=str(spec.get("decoder") or ""),
        **{key: _choice(spec, key, path) for key in CHOICES},
    )


def _path(spec: Mapping[str, Any], base: Path) -> Path:
    text = spec.get("path")
    if not isinstance(text, str | Path) or not str(text):
        raise Misconfigured("feed: no path; write `path:` with the file of the recorded market")
    path = base / Path(text).expanduser()
    if path.is_dir():
        raise fault(path, "is a directory", "name one file; several files are several feeds")
    if not path.exists():
        there = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, there, 1)
        raise fault(path, "no such file", f"did you mean {near[0]}?" if near else "check `path:` of the feed")
    return path


def _symbol(spec: Mapping[str, Any], path: Path) -> str:
    text = str(spec.get("symbol") or "")
    if not text:
        return ""
    try:
        split_symbol(text)
    except CallerMistake as error:
        raise fault(path, str(error), "correct `symbol:` of the feed") from None
    return normalise_symbol(text)


def _timeframe(spec: Mapping[str, Any], path: Path) -> str:
    text = str(spec.get("timeframe") or "")
    try:
        return text if not text or timeframe_ns(text) else ""
    except CallerMistake as error:
        raise fault(path, str(error), "correct `timeframe:` of the feed, or leave it out") from None


def _choice(spec: Mapping[str, Any], key: str, path: Path) -> str:
    allowed = CHOICES[key]
    default = "auto" if "auto" in allowed else allowed[0]
    value = str(spec.get(key) or default)
    if value not in allowed:
        raise fault(path, f"{key}: {value!r} is not known", f"write one of {' '.join(allowed)}")
    return value


def _tick(spec: Mapping[str, Any], path: Path) -> Decimal | None:
    value = spec.get("tick")
    if value is None:
        return None
    try:
        tick = Decimal(str(value))
    except InvalidOperation:
        tick = Decimal(0)
    if not (tick.is_finite() and tick > 0):
        raise fault(path, f"tick: {value!r} is not a price step", "write a positive number, such as 0.1")
    return tick


def _instant(spec: Mapping[str, Any], key: str, default: int, path: Path) -> int:
    value = spec.get(key)
    if value is None or value == "":
        return default
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)  # YAML reads dates by itself
    try:
        if not isinstance(value, datetime) and str(value).isdigit():
            return int(value) * epoch_scale(int(value))
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise fault(
            path, f"{key}: {value!r} is not a time", "write ISO 8601, such as 2024-08-08T12:00Z, or ms"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND * 1_000


_MICROSECOND = datetime.resolution
