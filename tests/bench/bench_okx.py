"""How fast OKX's frames become events, and orders become signed requests.

Usage: ``python tests/bench/bench_okx.py``. Prints the best and the median of several rounds, us a call.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

from ctosd.abi import Place
from drivers.okx.listing import Listing
from drivers.okx.requests import Writer, frame
from drivers.okx.sign import Signer
from drivers.okx.wire import Decoder

ROUNDS, CALLS = 9, 20_000
NATIVE = "BTC-USDT-SWAP"
ROW = {
    "instId": NATIVE, "instType": "SWAP", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC", "ctType": "linear", "settleCcy": "USDT",
    "uly": "BTC-USDT", "tickSz": "0.1", "lotSz": "0.01", "minSz": "0.01", "lever": "100", "state": "live", "instIdCode": 10459,
}  # fmt: skip


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def push(channel: str, row: Any, **more: str) -> bytes:
    return dump({"arg": {"channel": channel, "instId": NATIVE}, **more, "data": [row]})


def levels(n: int) -> list[list[str]]:
    return [[f"{63921.5 + step / 10:.1f}", f"{790.41 + step:.2f}", "0", "42"] for step in range(n)]


FRAMES = {
    "trade": push("trades", {"instId": NATIVE, "tradeId": "2832749635", "px": "63913.5", "sz": "1", "side": "buy", "ts": "1786540435948", "count": "1", "source": "0", "seqId": 333793117432}),
    "ticker": push("tickers", {"instType": "SWAP", "instId": NATIVE, "last": "63921", "lastSz": "0.4", "askPx": "63921.1", "askSz": "1871.75", "bidPx": "63921", "bidSz": "779.3", "open24h": "64297.6", "high24h": "64466", "low24h": "63162.7", "sodUtc0": "63566", "sodUtc8": "63584.6", "volCcy24h": "73998.8786", "vol24h": "7399887.86", "ts": "1786540471710"}),
    "bbo-tbt": push("bbo-tbt", {"asks": levels(1), "bids": levels(1), "ts": "1786541241006", "seqId": 333794734980}),
    "books, 20 levels a side": push("books", {"asks": levels(20), "bids": levels(20), "ts": "1786541241006", "checksum": 0, "seqId": 9, "prevSeqId": 8}, action="update"),
}  # fmt: skip


def measure(name: str, call: Callable[[], object]) -> None:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        taken.append((time.perf_counter() - start) / CALLS * 1e6)
    print(f"{name:<28} best {min(taken):7.3f} us  median {statistics.median(taken):7.3f} us")


def main() -> None:
    listing = Listing("bench")
    listing.adopt([dump(ROW)])
    decode = Decoder("bench", listing).decode
    for name, raw in FRAMES.items():
        measure(f"decode {name}", lambda raw=raw: decode(raw, 0))
    product = listing.by_native[NATIVE]
    writer, signer = Writer("ctos", "cross", "net"), Signer("key", "22582BD0CFF14C41EDBF1AB98506286D", "phrase")
    order = Place(account="okx/main", client_id="ctos0000001000000001", symbol=product.symbol, side="buy", type="limit", size=Decimal("0.5"), price=Decimal("60000.1"), post_only=True)  # fmt: skip
    now = count(1_795_341_600_000_000_000, 1_000_000)

    def by_rest() -> object:
        body = writer.place(order, product, by_code=False).encode()
        return signer.headers("POST", "/api/v5/trade/order", body, next(now))

    measure("place, built and signed", by_rest)
    measure(
        "place, WebSocket frame",
        lambda: frame("o1", "order", [writer.place(order, product, by_code=True)], 1_795_341_605_000),
    )


if __name__ == "__main__":
    main()
