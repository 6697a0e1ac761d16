"""Benchmark of the paper venue's matching engine: nanoseconds per call on the paths that every market event takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from decimal import Decimal

from ctosd.abi import Bar, BookDelta, Instrument, Place, Quote, Trade
from drivers.paper.matching import Engine, Rules

SYMBOL = "BTC/USDT:USDT"
BAR_NS = QUOTE_NS = 500  # the bars that are set for the fast path


def instrument(symbol: str = SYMBOL) -> Instrument:
    base = symbol.partition("/")[0]
    return Instrument(
        venue="paper",
        symbol=symbol,
        native=base,
        kind="perp",
        base=base,
        quote="USDT",
        settle="USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        max_leverage=Decimal(125),
        maintenance_margin=Decimal("0.004"),
    )


def place(number: int, side: str, price: str | None, size: str = "0.01") -> Place:
    return Place(
        account="paper/main",
        client_id=f"c{number}",
        symbol=SYMBOL,
        side=side,  # type: ignore[arg-type]
        type="limit" if price else "market",
        size=Decimal(size),
        price=Decimal(price) if price else None,
    )


def engine() -> Engine:
    """Two resting orders far from the market, and a position whose margin is watched."""
    made = Engine("paper", [instrument()], Rules())
    made.open_account("paper/main", {"USDT": Decimal(100_000)}, Decimal(5))
    made.on_bar(Bar("paper", SYMBOL, "1m", 60000.0, 60001.0, 59999.0, 60000.0, 10.0, 0, 60))
    made.place(place(1, "buy", "58000.0"), 61)
    made.place(place(2, "sell", "62000.0"), 61)
    made.place(place(3, "buy", None), 61)
    return made


def per_call(call: Callable[[object], object], events: list[object], rounds: int = 7) -> float:
    """Best of several rounds, in ns per call, the loop included."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for event in events:
            call(event)
        best = min(best, (time.perf_counter_ns() - began) / len(events))
    return best


def book(count: int) -> list[object]:
    levels = lambda sign: [(60000.0 + sign * (0.1 * k + 0.1), 1.0 + k) for k in range(20)]  # noqa: E731
    first = BookDelta("paper", SYMBOL, levels(-1), levels(1), 1, last_id=1, snapshot=True)
    deltas = [
        BookDelta(
            "paper", SYMBOL, [(59999.9, 1.0 + i % 7)], [(60000.1, 2.0 + i % 5)], 2 + i, prev_id=1 + i, last_id=2 + i
        )
        for i in range(count)
    ]
    return [first, *deltas]


def main() -> int:
    count = 50_000
    bars = [
        Bar("paper", SYMBOL, "1m", 60000.0, 60010.0 + i % 9, 59990.0, 60005.0, 10.0, i, i + 60) for i in range(count)
    ]
    quotes = [Quote("paper", SYMBOL, 60000.0 - i % 3, 1.0, 60000.1 + i % 5, 1.0, i) for i in range(count)]
    trades = [Trade("paper", SYMBOL, 60000.0 + i % 5, 0.5, "buy", i) for i in range(count)]
    near = engine()
    near.on_quote(Quote("paper", SYMBOL, 60000.0, 1.0, 60000.1, 1.0, 1))
    near.place(place(9, "buy", "60000.0"), 2)
    at_touch = [Quote("paper", SYMBOL, 60000.0, 5.0 + i % 3, 60000.1, 1.0 + i % 2, 3 + i) for i in range(count)]
    figures: dict[str, float] = {
        "on_bar, two far orders and a position": per_call(engine().on_bar, list(bars)),
        "on_quote, two far orders and a position": per_call(engine().on_quote, list(quotes)),
        "on_trade, two far orders and a position": per_call(engine().on_trade, list(trades)),
        "on_quote, an order at the touch": per_call(near.on_quote, list(at_touch), 2),
        "on_book, one level a side": per_call(engine().on_book, book(count), 1),
    }
    settling = engine()
    settling.settle(1)
    figures["settle, nothing due"] = per_call(lambda _: settling.settle(2), list(bars))
    churn = engine()
    orders: list[object] = [place(100 + i, "buy" if i % 2 else "sell", None, "0.001") for i in range(2_000)]
    figures["place at market and fill"] = per_call(lambda each: churn.place(each, 70), orders, 1)  # type: ignore[arg-type]
    for name, ns in figures.items():
        print(f"{name:<44}{ns:10.0f} ns {1e9 / ns:14,.0f} /s")
    slow = [name for name in list(figures)[:3] if figures[name] > BAR_NS]
    print("fast path within 500 ns" if not slow else f"TOO SLOW: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
