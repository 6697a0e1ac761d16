"""The driver's own section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Interval

ProductName = Literal["usdm", "spot"]


@dataclass(frozen=True, kw_only=True)
class BinanceConfig:
    """One product of Binance. Spot and USDⓈ-M futures are two products with their own hosts, keys, limits and rules:
    write one venue for each."""

    product: Annotated[ProductName, "usdm: USDⓈ-M perpetual futures; spot: the spot market"] = "usdm"
    environment: Annotated[Literal["demo", "live"], "demo: play money; live: real money, needs arming"] = "demo"
    endpoints: Annotated[
        Mapping[str, str],
        "addresses that replace single ones: rest, wsapi, and public, market, private (usdm) or stream (spot)",
    ] = field(default_factory=dict)
    symbols: Annotated[
        Sequence[str],
        "symbols whose fills are asked for besides those that the account is known to have traded: Binance tells fills per symbol only",
    ] = ()
    history_days: Annotated[
        float, Interval(ge=0.0, le=90.0), "how far back fills are asked for when nothing is known yet"
    ] = 7.0
    margin: Annotated[
        Literal["cross", "isolated"], "usdm: the margin type that preflight checks the symbols above for"
    ] = "cross"
    orders: Annotated[
        Literal["websocket", "rest"],
        "websocket: orders go over the WebSocket API, by REST only while it is not up; rest: always REST",
    ] = "websocket"
    depth_ms: Annotated[
        Literal[100, 250, 500, 1000], "interval of order book updates; spot has 100 and 1000, usdm 100, 250 and 500"
    ] = 100
    first_s: Annotated[
        float, Ge(0), "a stream whose first message does not come within so many seconds is suspect; 0 never is"
    ] = 30.0
    quiet_s: Annotated[float, Ge(0), "quotes and books that are silent for so many seconds are stale; 0 never are"] = (
        120.0
    )
