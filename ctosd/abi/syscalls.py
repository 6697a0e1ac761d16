"""The trading syscalls: one handle per strategy, revocable. The names are the seed's."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Protocol

from ctosd.abi.events import Balance, Bar, BookDelta, Channel, Funding, Position, TimeInForce
from ctosd.abi.instruments import Instrument, Side
from ctosd.abi.orders import Order

Number = Decimal | int | str
"""A price, size or amount. Floats are not taken: `Decimal(repr(x))` or `instruments.exact` says which digits were meant."""

OrderKind = Literal["limit", "market", "post_only", "ioc", "fok"]


class Syscalls(Protocol):
    """What a strategy may ask of the kernel.

    Every call takes `account` (``venue/name``); without it the strategy's first account is meant. A call raises
    `CallerMistake` for arguments that no venue could understand, `Fenced` when the handle was revoked, and `NotReady`
    when a venue cannot answer a question now. Orders never raise for a venue's answer: read `Order.state` and `.reason`.
    """

    async def symbols(self, account: str = "") -> Sequence[Instrument]: ...

    async def exchange_limits(self, symbol: str, account: str = "") -> Instrument:
        """Tick, lot, minimums and fees of one instrument."""
        ...

    async def get_price_now(self, symbol: str, account: str = "") -> Decimal:
        """The last traded price, else the mid of the book."""
        ...

    async def get_orderbook(self, symbol: str, level: int = 20, account: str = "") -> BookDelta: ...

    async def get_klines(
        self, symbol: str, timeframe: str, limit: int = 100, start_time: int = 0, end_time: int = 0, account: str = ""
    ) -> Sequence[Bar]:
        """Closed bars, oldest first. Times in ms UTC; 0 is open-ended."""
        ...

    async def fees(self, symbol: str, account: str = "") -> Funding | None:
        """The funding rate with its next time; None for spot."""
        ...

    async def place_order(
        self,
        symbol: str,
        side: Side,
        order_type: OrderKind,
        size: Number,
        price: Number | None = None,
        *,
        tif: TimeInForce = "gtc",
        post_only: bool = False,
        reduce_only: bool = False,
        trigger: Number | None = None,
        tag: str = "",
        account: str = "",
    ) -> Order:
        """Send one order. Size in base units and price must lie on the instrument's grid: see `exchange_limits`.

        With `trigger` the venue keeps it out of the book until the last price reaches that (a stop or a take-profit).
        """
        ...

    async def revoke_order(self, order_id: str, symbol: str = "", account: str = "") -> Order:
        """Cancel one of the strategy's own orders by its client id."""
        ...

    async def amend_order(
        self, order_id: str, symbol: str = "", *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Change price or total size in place. Where the venue cannot, `reason` is `unsupported` and nothing changed."""
        ...

    async def get_open_orders(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        """The strategy's own orders that may still trade."""
        ...

    async def get_order_status(self, order_id: str) -> Order: ...

    async def cancel_all(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        """Cancel every open order of this strategy; returns them."""
        ...

    async def fetch_balance(self, currency: str = "", account: str = "") -> Sequence[Balance]: ...

    async def get_position(self, symbol: str, account: str = "") -> Position:
        """The strategy's own virtual sub-position."""
        ...

    async def close_all_positions(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        """Close the strategy's own sub-positions, reduce-only at market; returns the orders."""
        ...

    async def set_leverage(self, symbol: str, leverage: Number, account: str = "") -> None: ...

    async def subscribe_ticks(self, symbol: str, *channels: Channel, timeframe: str = "1m", account: str = "") -> None:
        """Let `on_quote`, `on_trade`, `on_book`, `on_bar`, `on_funding` hear of `symbol`; `timeframe` is for bars."""
        ...

    # -- the ExecutionEngine ----------------------------------------------------------------------------------------------

    async def set_coin_position(
        self, coin: str, usdt_amount: Number, soft: bool = True, *, stack: bool = False, account: str = ""
    ) -> Sequence[Order]:
        """Trade the difference between the own position and a signed quote target; `stack` adds instead."""
        ...

    async def place_incremental_orders(
        self, amount: Number, coin: str, side: Side, soft: bool = True, *, reduce_only: bool = False, account: str = ""
    ) -> Sequence[Order]:
        """Trade a quote amount: soft is post-only and chased, otherwise market with a slippage bound."""
        ...
