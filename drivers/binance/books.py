"""Order books from depth streams: deltas and REST snapshots through `BookSync`, published as they become true. (Sheet B4, C6.)"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ctosd.abi import BookDelta, NotReady, Ports, topic
from ctosd.core.book import Book, Rule
from ctosd.core.booksync import BookSync, Step
from drivers.binance.config import ProductName

CHAINS: Mapping[ProductName, Rule] = {"usdm": Rule(chain="previous"), "spot": Rule(chain="first")}
TICK_S = 1.0
Fetch = Callable[[str], Coroutine[Any, Any, BookDelta]]


class Books:
    """All books of one venue. `fetch(symbol)` asks for a snapshot by REST, `renew(symbol)` for a new subscription."""

    def __init__(self, product: ProductName, ports: Ports, fetch: Fetch, renew: Callable[[str, str], None]) -> None:
        self._rule = CHAINS[product]
        self._ports = ports
        self._fetch = fetch
        self._renew = renew
        self._all: dict[str, BookSync] = {}
        self._topics: dict[str, str] = {}
        self._asking: set[str] = set()
        self.losses = 0

    def follow(self, symbol: str) -> None:
        """Keep a book of this symbol from now on."""
        if symbol not in self._all:
            self._all[symbol] = BookSync(self._ports.venue, symbol, self._rule)
            self._topics[symbol] = topic("book", self._ports.venue, symbol)

    def subscribed(self, symbol: str) -> None:
        """The stream is being subscribed, for the first time or again."""
        self._do(symbol, self._all[symbol].begin(self._ports.clock.now_ns()))

    def lost(self, symbol: str) -> None:
        """The connection of its stream is gone."""
        self._all[symbol].lost()

    def take(self, delta: BookDelta) -> None:
        """What the stream brought."""
        sync = self._all.get(delta.symbol)
        if sync is None:
            return
        step = sync.take(delta, self._ports.clock.now_ns())
        if step.publish is delta and not step.action:
            self._ports.publish(self._topics[delta.symbol], delta)
        else:
            self._do(delta.symbol, step)

    async def refresh(self, symbol: str) -> None:
        """Fetch the whole book: its stream is silent. Raises `NotReady`."""
        snapshot = await self._fetch(symbol)
        self._do(symbol, self._all[symbol].fetched(snapshot, self._ports.clock.now_ns()))

    def live(self, symbol: str) -> Book | None:
        """The book of a symbol, if it can be trusted now."""
        sync = self._all.get(symbol)
        return sync.book if sync is not None and sync.live else None

    async def tend(self) -> None:
        """Look after every book for ever; runs in the background."""
        while True:
            await self._ports.clock.sleep(TICK_S if not self._asking else TICK_S / 4)
            for symbol, sync in list(self._all.items()):
                self._do(symbol, sync.check(self._ports.clock.now_ns()))

    def _do(self, symbol: str, step: Step) -> None:
        if step.reason:
            self.losses += 1
            self._ports.log.warning("book_lost", venue=self._ports.venue, symbol=symbol, reason=step.reason)
        if step.publish is not None:
            self._ports.publish(self._topics[symbol], step.publish)
        if step.action == "fetch" and symbol not in self._asking:
            self._asking.add(symbol)
            self._ports.spawn(f"book-{symbol}", self._ask(symbol))
        elif step.action == "resubscribe":
            self._renew(symbol, step.reason or "the book does not come together")

    async def _ask(self, symbol: str) -> None:
        sync = self._all[symbol]
        try:
            snapshot = await self._fetch(symbol)
        except NotReady:
            self._asking.discard(symbol)
            self._do(symbol, sync.failed(self._ports.clock.now_ns()))
            return
        finally:
            self._asking.discard(symbol)
        self._do(symbol, sync.fetched(snapshot, self._ports.clock.now_ns()))

    def statistics(self) -> Mapping[str, Any]:
        return {symbol: sync.statistics() for symbol, sync in self._all.items()}
