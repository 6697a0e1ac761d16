"""Events: what drivers publish and strategies hear.

Market data carries floats: it feeds signals, and `instruments.exact` gives back the venue's digits where money begins.
What concerns an account (orders, fills, balances) carries `Decimal`. Every time is in nanoseconds UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from ctosd.abi.instruments import Side

Channel = Literal["quotes", "trades", "book", "bars", "funding"]
CHANNELS: tuple[Channel, ...] = ("quotes", "trades", "book", "bars", "funding")

OrderState = Literal[
    "pending",  # the intent is durable; the venue may or may not know
    "open",
    "partially_filled",
    "filled",
    "cancelled",
    "expired",
    "rejected",
    "denied",  # our own gate; never sent
    "unknown",  # the outcome is not known; being resolved
    "never_sent",  # proved absent at the venue
]
OrderType = Literal["limit", "market"]
TimeInForce = Literal["gtc", "ioc", "fok"]
Liquidity = Literal["maker", "taker"]

TERMINAL: frozenset[str] = frozenset({"filled", "cancelled", "expired", "rejected", "denied", "never_sent"})
"""States that an order never leaves."""


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of one symbol. Sizes in base units."""

    venue: str
    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    time_ns: int

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One public trade. `side` is the taker's."""

    venue: str
    symbol: str
    price: float
    size: float
    side: Side
    time_ns: int
    trade_id: str = ""


class BookDelta(msgspec.Struct, frozen=True):
    """A change of the order book: `(price, size)` levels, size 0 deletes. A snapshot replaces the whole book."""

    venue: str
    symbol: str
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    time_ns: int
    first_id: int = 0
    last_id: int = 0
    prev_id: int = 0  # the last_id that this delta follows, where the venue tells (Binance futures `pu`, OKX prevSeqId)
    snapshot: bool = False


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One closed bar. `open_ns` is its first instant, `time_ns` the first instant after it. Volume in base units."""

    venue: str
    symbol: str
    timeframe: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    open_ns: int
    time_ns: int


class Funding(msgspec.Struct, frozen=True, gc=False):
    """The funding rate of the present interval, a fraction; positive means that longs pay."""

    venue: str
    symbol: str
    rate: float
    mark: float
    next_ns: int
    time_ns: int
    interval_ns: int = 8 * 3600 * 1_000_000_000


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its venue tells it: pushed by a private stream or answered to a query. `account` is `venue/name`."""

    account: str
    symbol: str
    client_id: str
    venue_id: str
    state: OrderState
    side: Side
    type: OrderType
    size: Decimal
    filled: Decimal
    time_ns: int
    price: Decimal | None = None
    average: Decimal | None = None
    reduce_only: bool = False
    reason: str = ""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of an order of ours. `(account, symbol, trade_id)` is unique; `fee` is positive when paid."""

    account: str
    symbol: str
    trade_id: str
    client_id: str
    venue_id: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    time_ns: int
    cause: str = ""  # "liquidation" or "adl" when the venue itself traded for us


class FundingPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A funding record of one account. `amount` is positive when received; `(account, symbol, payment_id)` is unique.

    `position` is the signed size that the venue paid on, 0 when it does not tell.
    """

    account: str
    symbol: str
    payment_id: str
    amount: Decimal
    asset: str
    rate: Decimal
    position: Decimal
    time_ns: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of one account. `total` without unrealised profit; `available` can be used for new orders."""

    account: str
    asset: str
    total: Decimal
    available: Decimal
    time_ns: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A net position: `size` in base units, negative when short."""

    account: str
    symbol: str
    size: Decimal
    entry: Decimal  # average entry price; 0 when flat
    mark: Decimal
    unrealised: Decimal
    realised: Decimal = Decimal(0)
    leverage: Decimal = Decimal(1)
    liquidation: Decimal | None = None
    time_ns: int = 0


class VenueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A venue came up, went down or entered maintenance."""

    venue: str
    up: bool
    reason: str
    time_ns: int


MarketEvent = Quote | Trade | BookDelta | Bar | Funding
PrivateEvent = OrderUpdate | Fill | FundingPayment | Balance | Position
Event = MarketEvent | PrivateEvent | VenueStatus


def topic(channel: str, venue: str, symbol: str = "", timeframe: str = "") -> str:
    """The bus topic of a stream, such as ``quotes/paper/BTC-USDT:USDT`` or ``bars.1m/okx/ETH-USDT``.

    A driver makes it once per stream and keeps it: publishing costs one dict look-up.
    """
    head = f"{channel}.{timeframe}" if timeframe else channel
    return f"{head}/{venue}/{symbol.replace('/', '-')}" if symbol else f"{head}/{venue}"
