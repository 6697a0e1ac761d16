"""A heap clock, a store in a dict, the other ports, and short words for the tests of the paper venue."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

from pydantic import TypeAdapter

from ctosd.abi import Bar, Event, MarketEvent, Misconfigured, Place, Ports, Quote, Side
from drivers.paper import Paper, listing
from drivers.paper.config import PaperConfig, SymbolConfig
from drivers.paper.synthetic import Market, Rules

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
T0 = 1_767_225_600 * SECOND


BTC, ETH, SPOT, MAIN = "BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT", "paper/main"
CONFIG = TypeAdapter(PaperConfig)


class Handle:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class HeapClock:
    """Time that moves when a test says so; what is due runs in order."""

    def __init__(self, now_ns: int = T0) -> None:
        self.time_ns = now_ns
        self._heap: list[tuple[int, int, Handle]] = []
        self._count = 0

    def now_ns(self) -> int:
        return self.time_ns

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Handle:
        self._count += 1
        handle = Handle(call)
        heapq.heappush(self._heap, (max(when_ns, self.time_ns), self._count, handle))
        return handle

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self.call_at(self.time_ns + int(seconds * SECOND), lambda: woken.done() or woken.set_result(None))
        await woken

    def run_until(self, when_ns: int) -> None:
        while self._heap and self._heap[0][0] <= when_ns:
            due, _, handle = heapq.heappop(self._heap)
            self.time_ns = max(self.time_ns, due)
            if handle.call is not None:
                handle.call()
        self.time_ns = when_ns

    def run(self, seconds: float) -> None:
        self.run_until(self.time_ns + int(seconds * SECOND))

    def pending(self) -> int:
        return sum(1 for *_, handle in self._heap if handle.call is not None)


class DictStore:
    """The store's protocol over a dict; `broken` makes it refuse like a full disk."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.writes = 0
        self.broken = False

    def read(self) -> Mapping[str, bytes]:
        return dict(self.rows)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.writes += 1
        for key, value in changes.items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


class ListFeed:
    """A recorded market in a list."""

    def __init__(self, rows: Sequence[tuple[int, MarketEvent]]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[tuple[int, MarketEvent]]:
        return iter(self.rows)

    def statistics(self) -> Mapping[str, Any]:
        return {"rows": len(self.rows)}


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(("error", event, fields))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.lines if name == event]


class World:
    """All ports of one venue; `heard` is what was published, in order."""

    def __init__(self, *, store: DictStore | None = None, now_ns: int = T0, virtual: bool = False) -> None:
        self.clock = HeapClock(now_ns)
        self.store = store
        self.log = Log()
        self.heard: list[tuple[str, Event]] = []
        self.listeners: dict[str, Callable[[Any], None]] = {}
        self.feeds: dict[str, ListFeed] = {}
        self.driven: list[tuple[Any, Callable[[int, MarketEvent], None]]] = []
        self.ports = Ports(
            venue="paper",
            clock=self.clock,
            log=self.log,
            publish=self._publish,
            spawn=lambda name, coro: coro.close(),
            open_feed=self._open,
            store=store,
            drive=(lambda feed, deliver: self.driven.append((feed, deliver))) if virtual else None,
        )

    def _publish(self, name: str, event: Event) -> None:
        self.heard.append((name, event))
        if name in self.listeners:
            self.listeners[name](event)

    def _open(self, spec: Mapping[str, Any]) -> ListFeed:
        try:
            return self.feeds[spec["path"]]
        except KeyError:
            raise Misconfigured(f"{spec['path']}: no such file") from None

    def pump(self, most: int = 1 << 60) -> None:
        """Do what the kernel does on a virtual clock."""
        for feed, deliver in self.driven:
            for count, (ns, event) in enumerate(feed):
                if count >= most:
                    break
                self.clock.run_until(ns)
                deliver(ns, event)

    def on(self, name: str) -> list[Any]:
        return [event for topic, event in self.heard if topic == name]

    def private(self, kind: type) -> list[Any]:
        return [event for event in self.on("private/paper") if isinstance(event, kind)]


def bars(closes: Sequence[float], symbol: str = "BTC/USDT:USDT", start_ns: int = T0) -> list[tuple[int, MarketEvent]]:
    """One-minute bars through these closes, each delivered at its end."""
    rows: list[tuple[int, MarketEvent]] = []
    for index, close in enumerate(closes):
        before = closes[index - 1] if index else close
        open_ns = start_ns + index * MINUTE
        high, low = max(before, close), min(before, close)
        bar = Bar("paper", symbol, "1m", before, high, low, close, 100.0, open_ns, open_ns + MINUTE)
        rows.append((bar.time_ns, bar))
    return rows


def config(**settings: Any) -> PaperConfig:
    return CONFIG.validate_python({"accounts": {"main": {}}, **settings})


def recorded(path: str = "x", **settings: Any) -> PaperConfig:
    market = {"kind": "recorded", "feeds": [{"path": path}], **settings.pop("market", {})}
    return config(market=market, **settings)


async def venue(world: World, settings: PaperConfig | None = None) -> Paper:
    driver = Paper(settings or config(), [MAIN], world.ports)
    await driver.start()
    return driver


def place(
    client_id: str, side: Side, size: str, price: float | str | None = None, symbol: str = BTC, **more: Any
) -> Place:
    exact = Decimal(str(price)) if price is not None else None
    kind = "market" if price is None else "limit"
    return Place(
        account=MAIN, client_id=client_id, symbol=symbol, side=side, type=kind, size=Decimal(size), price=exact, **more
    )


def at_once(coro: Any) -> Any:
    """Run a coroutine that must not suspend."""
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it suspended")


def quote_rows(*mids: float, step_ns: int = SECOND, start_ns: int = T0) -> list[Any]:
    return [
        (ns, Quote("paper", BTC, mid - 0.5, 5.0, mid + 0.5, 5.0, ns))
        for ns, mid in ((start_ns + i * step_ns, mid) for i, mid in enumerate(mids))
    ]


def market_of(*symbols: str, rules: Rules | None = None, own: SymbolConfig | None = None) -> Market:
    market = Market(rules or Rules(), T0)
    for symbol in symbols:
        market.open(listing.instrument("paper", symbol), own, T0)
    return market


def take(market: Market, count: int) -> list[MarketEvent]:
    return [event for _, event in islice(market, count)]


def quotes(events: list[MarketEvent], symbol: str = BTC) -> list[Quote]:
    return [event for event in events if isinstance(event, Quote) and event.symbol == symbol]


def minute_returns(symbol: str, events: list[MarketEvent]) -> list[float]:
    closes: dict[int, float] = {}
    for quote in quotes(events, symbol):
        closes[quote.time_ns // MINUTE] = quote.mid
    values = list(closes.values())
    return [math.log(after / before) for before, after in pairwise(values)]
