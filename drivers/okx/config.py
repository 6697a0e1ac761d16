"""The driver's own section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Interval


@dataclass(frozen=True, kw_only=True)
class OkxConfig:
    """OKX: spot and linear perpetuals."""

    environment: Annotated[Literal["demo", "live"], "demo: play money; live: real money, needs arming"] = "demo"
    region: Annotated[
        Literal["global", "eea", "us"], "the OKX entity that the account is with; keys of one are unknown to the others"
    ] = "global"
    endpoints: Annotated[Mapping[str, str], "addresses that replace single ones: rest, public, business, private"] = (
        field(default_factory=dict)
    )
    margin: Annotated[Literal["cross", "isolated"], "margin mode of perpetual orders; spot orders are always cash"] = (
        "cross"
    )
    position_mode: Annotated[
        Literal["net", "hedge"],
        "net: the account must be in net_mode; hedge: long_short_mode, where orders that reduce close the other leg",
    ] = "net"
    orders: Annotated[
        Literal["websocket", "rest"],
        "websocket: orders go over the WebSocket, by REST only while it is not up; rest: always REST",
    ] = "websocket"
    tag: Annotated[
        str, "letters and digits, 16 at most: every order carries it, and the dead-man switch touches such orders only"
    ] = "ctos"
    quotes: Annotated[Literal["bbo", "tickers"], "bbo: best bid and ask every 10 ms; tickers: every 100 ms"] = "bbo"
    history_days: Annotated[
        float, Interval(ge=0.0, le=90.0), "how far back fills are asked for when nothing is known yet"
    ] = 7.0
    first_s: Annotated[
        float, Ge(0), "a stream whose first message does not come within so many seconds is suspect; 0 never is"
    ] = 30.0
    quiet_s: Annotated[float, Ge(0), "quotes and books that are silent for so many seconds are stale; 0 never are"] = (
        120.0
    )
