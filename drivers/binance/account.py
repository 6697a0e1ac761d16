"""One account as the driver knows it: its key, its user data, the terms of its open orders, whose order an id is.

Binance's fills and positions name symbols and orders in ways of their own: trades tell the venue's order id only, and are
asked for symbol by symbol. What is learnt on the way is kept here, and the symbols that were ever traded also in the
driver's store, so that a restart asks for the fills of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from ctosd.abi import TERMINAL, Amend, Clock, Fill, OrderUpdate, Place, PrivateEvent, Session, Side, Store
from drivers.binance.sign import Signer
from drivers.binance.userdata import UserData
from drivers.binance.wsapi import Api

MOST_TERMS, MOST_IDS = 20_000, 50_000


class Terms(msgspec.Struct):
    """What is known of an order that may be open."""

    symbol: str
    side: Side
    size: Decimal
    price: Decimal | None
    filled: Decimal = Decimal(0)


class Account:
    """`name` is full, such as ``binance/main``."""

    def __init__(
        self, name: str, signer: Signer | None, symbols: Mapping[str, str], store: Store | None, clock: Clock
    ) -> None:
        self.name = name
        self.active: dict[str, int] = {}  # symbol -> when an order of it was last sent or heard of
        self.listening_ns = 0  # since when nothing of the stream was missed; 0: it is down
        self._clock = clock
        self.signer = signer
        self.data = UserData(name, symbols)
        self.api: Api | None = None
        self.private: Session | None = None
        self.terms: dict[str, Terms] = {}
        self.owners: dict[tuple[str, str], str] = {}  # symbol and the venue's order id -> client id
        self.listed_ns = 0  # when the last list of all open orders was asked for; their symbols are in `traded`
        self.surveyed_ns = -1  # all symbols traded since then are in `traded`; -1: nothing is known of strangers
        self._store = store
        kept = store.read() if store is not None else {}
        self._key = f"traded/{name}"
        self.traded: set[str] = set(kept.get(self._key, b"").decode().split()) - {""}

    # -- what is learnt -------------------------------------------------------------------------------------------------

    def trade(self, symbols: Iterable[str]) -> None:
        """These symbols have or may soon have fills. Durable before the first order of a symbol leaves."""
        named = set(symbols)
        self.active.update(dict.fromkeys(named, self._clock.now_ns()))
        new = named - self.traded
        if new:
            self.traded |= new
            if self._store is not None:
                self._store.write({self._key: " ".join(sorted(self.traded)).encode()})

    def send(self, order: Place) -> None:
        """A place is about to leave."""
        if order.symbol in self.traded:
            self.active[order.symbol] = self._clock.now_ns()
        else:
            self.trade((order.symbol,))
        self._keep(order.client_id, Terms(order.symbol, order.side, order.size, order.price))
        if order.trigger is not None:
            self.data.conditionals.arm(order.client_id, order.symbol, order.side, order.size)

    def refuse(self, order: Place) -> None:
        """The venue refused it."""
        self.terms.pop(order.client_id, None)
        self.data.conditionals.disarm(order.client_id)

    def accept(self, client_id: str, symbol: str, venue_id: str) -> None:
        self._own(symbol, venue_id, client_id)

    def amend(self, order: Amend) -> None:
        """The venue took an amend."""
        terms = self.terms.get(order.client_id)
        if terms is not None:
            terms.price = order.price if order.price is not None else terms.price
            terms.size = order.size if order.size is not None else terms.size

    def learn(self, event: PrivateEvent) -> None:
        """Whatever the account is told, by a stream or a query."""
        if isinstance(event, OrderUpdate):
            self.active[event.symbol] = self._clock.now_ns()
            self._own(event.symbol, event.venue_id, event.client_id)
            if event.state in TERMINAL:
                self.terms.pop(event.client_id, None)
            else:
                self._keep(event.client_id, Terms(event.symbol, event.side, event.size, event.price, event.filled))
        elif isinstance(event, Fill):
            self._own(event.symbol, event.venue_id, event.client_id)
            self.trade((event.symbol,))

    def _keep(self, client_id: str, terms: Terms) -> None:
        self.terms[client_id] = terms
        if len(self.terms) > MOST_TERMS:
            del self.terms[next(iter(self.terms))]

    def _own(self, symbol: str, venue_id: str, client_id: str) -> None:
        if venue_id:
            self.owners[symbol, venue_id] = client_id
            if len(self.owners) > MOST_IDS:
                del self.owners[next(iter(self.owners))]
