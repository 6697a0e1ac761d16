"""How fast Binance's recorded frames are decoded and booked.

Usage: ``python tests/bench/bench_wire.py [FEED.gz [spot]]``; without a feed, the recorded futures under $CTOS_DATA. Prints the best and the median of several rounds, us a frame,
and frames a second for the whole feed read from the compressed file.
"""

from __future__ import annotations

import gzip
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ctosd.abi import BookDelta
from ctosd.core.book import Book
from ctosd.host.archive import open_feed
from drivers.binance.wire import Decoder

ROUNDS = 7


def measure(name: str, count: int, run: Callable[[], None]) -> None:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        taken.append((time.perf_counter() - start) / count * 1e6)
    print(f"{name:<28} {count:>7} frames  best {min(taken):7.3f} us  median {statistics.median(taken):7.3f} us")


def decode_all(frames: list[bytes], symbols: dict[str, str]) -> Callable[[], None]:
    def run() -> None:
        decode = Decoder("bench", symbols).decode
        for frame in frames:
            decode(frame, 0)

    return run


def book_all(deltas: list[BookDelta]) -> Callable[[], None]:
    def run() -> None:
        book = Book("bench", "S")
        apply = book.apply
        for delta in deltas:
            apply(delta)

    return run


def whole_feed(path: Path, symbol: str, symbols: dict[str, str], *, booked: bool) -> None:
    taken, frames = [], 0
    for _ in range(3):
        start = time.perf_counter()
        frames = read_feed(path, symbol, symbols, booked=booked)
        taken.append(time.perf_counter() - start)
    what = "gunzip, decode and book" if booked else "gunzip and decode"
    print(f"{what:<28} {frames:>7} frames  best {frames / min(taken):>9,.0f} frames/s")


def read_feed(path: Path, symbol: str, symbols: dict[str, str], *, booked: bool) -> int:
    decoder, book, frames = Decoder("bench", symbols), Book("bench", symbol), 0
    for _, event in open_feed({"path": path.name}, venue="bench", decoder=decoder, base=path.parent):
        frames += 1
        if booked and isinstance(event, BookDelta):
            book.apply(event)
    return frames


def main(path: Path, spot: bool) -> None:
    symbols = {"BTCUSDT": "BTC/USDT" if spot else "BTC/USDT:USDT"}
    with gzip.open(path) as file:
        lines = [line.partition(b" ")[2] for line in file.read().splitlines()]
    for channel in (b"@bookTicker", b"@trade", b"@depth"):
        frames = [line for line in lines if channel in line[:48]]
        measure(channel.decode(), len(frames), decode_all(frames, symbols))
    decoder = Decoder("bench", symbols)
    deltas = [e for line in lines if isinstance(e := decoder.decode(line, 0), BookDelta)]
    levels = sum(len(d.bids) + len(d.asks) for d in deltas) / max(1, len(deltas))
    measure(f"Book.apply, {levels:.0f} levels", len(deltas), book_all(deltas))
    for booked in (False, True):
        whole_feed(path, symbols["BTCUSDT"], symbols, booked=booked)


if __name__ == "__main__":
    data = Path(os.environ.get("CTOS_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    feed = Path(sys.argv[1]) if sys.argv[1:] else data / "feeds" / "usdm_btcusdt_20240808.gz"
    if feed.exists():
        main(feed, "spot" in sys.argv[2:])
    else:
        print(f"no recorded feed at {feed} (set CTOS_DATA): nothing measured")
