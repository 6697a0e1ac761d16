"""Orders as the venue keeps them, by both of their ids, with what the venue forgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from ctosd.abi import Side
from drivers.binance.emulator.formats import ZERO
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.refusals import missing

UNFILLED_KEPT_MS = 3 * 86_400_000
KEPT_MS = 90 * 86_400_000
OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


class Execution(msgspec.Struct, frozen=True):
    """One fill of an order."""

    id: int
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    time_ms: int
    realised: Decimal
    cause: str = ""

    @property
    def quote(self) -> Decimal:
        return self.price * self.size


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked for, checked and on the grid."""

    market: Market
    side: Side
    type: str
    size: Decimal
    tif: str = "GTC"
    price: Decimal | None = None
    quote_size: Decimal = ZERO
    stop: Decimal | None = None
    client_id: str = ""
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    price_match: str = "NONE"
    stp: str = "EXPIRE_MAKER"
    good_till_ms: int = 0
    response: str = "ACK"


class Order(msgspec.Struct, kw_only=True, eq=False):
    """One order. `engine_id` is its name on the stage, where ids are never used again."""

    number: int
    engine_id: str
    client_id: str
    terms: Terms
    size: Decimal
    price: Decimal
    created_ms: int
    updated_ms: int
    status: str = "NEW"
    executed: Decimal = ZERO
    quote_executed: Decimal = ZERO
    working: bool = True
    working_ms: int = 0
    expiry: str = ""  # why it expired, in the words of the stage
    changes: int = 0  # modifies or amends
    executions: list[Execution] = msgspec.field(default_factory=list)

    @property
    def market(self) -> Market:
        return self.terms.market

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        return self.size - self.executed

    @property
    def average(self) -> Decimal:
        return self.quote_executed / self.executed if self.executed else ZERO


class Ledger:
    """The orders of one account in one product."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._by_number: dict[int, Order] = {}
        self._by_client: dict[str, list[Order]] = {}
        self._by_engine: dict[str, Order] = {}
        self._open: dict[int, Order] = {}  # and those that closed since somebody looked
        self.received: Counter[str] = Counter()
        self.processed: Counter[str] = Counter()

    def number(self) -> int:
        self._next += 1
        return self._next

    def add(self, order: Order) -> Order:
        self._by_number[order.number] = order
        self._by_engine[order.engine_id] = order
        self._open[order.number] = order
        self._by_client.setdefault(order.client_id, []).append(order)
        return order

    def rename(self, order: Order, client_id: str) -> None:
        """An amend on spot gives an order another client id."""
        self._by_client[order.client_id].remove(order)
        order.client_id = client_id
        self._by_client.setdefault(client_id, []).append(order)

    def __iter__(self) -> Iterator[Order]:
        return iter(self._by_number.values())

    def of_engine(self, engine_id: str) -> Order | None:
        return self._by_engine.get(engine_id)

    def open(self, market: Market | None = None) -> list[Order]:
        self._open = {number: order for number, order in self._open.items() if order.open}
        return [order for order in self._open.values() if market is None or order.market is market]

    def in_use(self, client_id: str) -> bool:
        """Whether an open order has this client id; those of closed ones may be used again."""
        return any(order.open for order in self._by_client.get(client_id, ()))

    def find(self, market: Market, number: int | None, client_id: str) -> Order | None:
        """By number, else by client id: the newest that had it. With both, both must fit."""
        if number is None and not client_id:
            raise missing("orderId")
        if number is not None:
            found = self._by_number.get(number)
            fits = found is not None and (not client_id or client_id == found.client_id)
            return found if fits and found is not None and found.market is market else None
        named = [order for order in self._by_client.get(client_id, ()) if order.market is market]
        return next((order for order in reversed(named) if order.open), named[-1] if named else None)


def forgotten(order: Order, now_ms: int) -> bool:
    """Whether futures know it no more: cancelled or expired unfilled after three days, any after ninety."""
    if order.open:
        return False
    age = now_ms - order.created_ms
    unfilled = not order.executed and order.status in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")
    return age > (UNFILLED_KEPT_MS if unfilled else KEPT_MS)
