"""The two products of Binance that are emulated, with the limits that each one has (sheet, parts B, C and E)."""

from __future__ import annotations

from typing import Literal

import msgspec

from ctosd.abi import Kind

MINUTE_MS = 60_000
FIVE_MINUTES_MS = 300_000


class Pool(msgspec.Struct, frozen=True):
    """An order pool of one account, as `rateLimits` and the usage headers name it."""

    interval: str
    count: int
    limit: int
    window_ms: int
    tag: str  # of the header: 10S, 1M, 1D
    words: str  # of the message of -1015


class Product(msgspec.Struct, frozen=True):
    """What distinguishes one product. Times in seconds."""

    name: Literal["futures", "spot"]
    kind: Kind
    weight: int  # a minute and address
    raw: int  # requests in five minutes and address; 0 when there is no such limit
    pools: tuple[Pool, ...]
    messages: int  # a second and stream connection
    connections: int  # in five minutes and address
    handshake: int  # weight of a WebSocket API connection
    ping_s: int
    pong_s: int
    client_id: str  # what a client order id may look like


FUTURES = Product(
    name="futures",
    kind="perp",
    weight=2400,
    raw=0,
    pools=(
        Pool("SECOND", 10, 300, 10_000, "10S", "10 SECONDS"),
        Pool("MINUTE", 1, 1200, MINUTE_MS, "1M", "1 MINUTE"),
    ),
    messages=10,
    connections=300,
    handshake=5,
    ping_s=180,
    pong_s=600,
    client_id=r"^[.A-Z:/a-z0-9_-]{1,36}$",
)
SPOT = Product(
    name="spot",
    kind="spot",
    weight=6000,
    raw=300_000,
    pools=(
        Pool("SECOND", 10, 100, 10_000, "10S", "10 SECONDS"),
        Pool("DAY", 1, 200_000, 86_400_000, "1D", "1 DAY"),
    ),
    messages=5,
    connections=300,
    handshake=2,
    ping_s=20,
    pong_s=60,
    client_id=r"^[a-zA-Z0-9-_]{1,36}$",
)
