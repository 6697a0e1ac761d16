"""From an order to its signed request, and from a frame to its event, at the three venues; ccxt beside it in the same run.

Usage: ``python tests/bench/bench_request.py``. Best and median of several rounds, us a call. A request is everything between the
kernel's command and the bytes of the body or the frame: parameters, expiry, signature, encoding. ccxt runs in `.venv/clients`
(``make test`` sets it up) and is left out where that is missing.

Bars: a place 5 us at Binance, 8 at OKX, 60 at Backpack (its signature is Ed25519); a quote 1, a trade 1.5, a book of 20 levels a
side 8.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from ctosd.abi import Place
from drivers.backpack.listing import Fees
from drivers.backpack.listing import Listing as BackpackListing
from drivers.backpack.orders import place_params
from drivers.backpack.rest import write_of
from drivers.backpack.sign import Signer as BackpackSigner
from drivers.backpack.wire import Decoder as BackpackDecoder
from drivers.binance import requests as binance
from drivers.binance.sign import signer
from drivers.binance.wire import Decoder as BinanceDecoder
from drivers.okx.listing import Listing as OkxListing
from drivers.okx.requests import Writer
from drivers.okx.requests import frame as okx_frame
from drivers.okx.sign import Signer as OkxSigner
from drivers.okx.wire import Decoder as OkxDecoder

HERE = Path(__file__).resolve().parent
CLIENTS = HERE.parents[1] / ".venv" / "clients" / "bin" / "python"
ROUNDS, CALLS = 11, 10_000
NOW_NS = 1_795_341_600_000_000_000
SEED = b64encode(bytes(range(32))).decode()
BTC, SOL = "BTC/USDT:USDT", "SOL/USDC:USDC"
BARS = {"binance place": 5.0, "okx place": 8.0, "backpack place": 60.0, "quote": 1.0, "trade": 1.5, "depth": 8.0}

OKX_ROW = {
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC", "ctType": "linear",
    "settleCcy": "USDT", "uly": "BTC-USDT", "tickSz": "0.1", "lotSz": "0.01", "minSz": "0.01", "lever": "100", "state": "live",
    "instIdCode": 10459,
}  # fmt: skip
BACKPACK_ROW = {
    "symbol": "SOL_USDC_PERP", "baseSymbol": "SOL", "quoteSymbol": "USDC", "marketType": "PERP", "fundingInterval": "28800000",
    "filters": {"price": {"tickSize": "0.01"}, "quantity": {"minQuantity": "0.01", "stepSize": "0.01"}},
    "imfFunction": {"base": "0.02"}, "mmfFunction": {"base": "0.0135"}, "orderBookState": "Open", "visible": True,
}  # fmt: skip


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def levels(first: float, step: float, *more: str) -> list[list[str]]:
    return [[f"{first + n * step:.2f}", f"{1.417 + n:.3f}", *more] for n in range(20)]


def okx_push(channel: str, row: Any, **more: str) -> bytes:
    return dump({"arg": {"channel": channel, "instId": "BTC-USDT-SWAP"}, **more, "data": [row]})


def okx_levels(first: float, step: float) -> list[list[str]]:
    return levels(first, step, "0", "42")


MS, US = NOW_NS // 1_000_000, NOW_NS // 1_000
FRAMES: dict[str, bytes] = {
    "binance quote": dump({"stream": "btcusdt@bookTicker", "data": {"e": "bookTicker", "u": 8711204127345, "s": "BTCUSDT", "b": "63921.40", "B": "4.213", "a": "63921.50", "A": "2.870", "T": MS, "E": MS}}),
    "binance trade": dump({"stream": "btcusdt@aggTrade", "data": {"e": "aggTrade", "E": MS, "a": 2741931113, "s": "BTCUSDT", "p": "63921.40", "q": "0.013", "f": 6211239001, "l": 6211239003, "T": MS, "m": True}}),
    "binance depth": dump({"stream": "btcusdt@depth@100ms", "data": {"e": "depthUpdate", "E": MS, "T": MS, "s": "BTCUSDT", "U": 8711204127000, "u": 8711204127345, "pu": 8711204126999, "b": levels(63921.4, -0.1), "a": levels(63921.5, 0.1)}}),
    "okx quote": okx_push("bbo-tbt", {"asks": okx_levels(63921.5, 0.1)[:1], "bids": okx_levels(63921.4, -0.1)[:1], "ts": str(MS), "seqId": 333794734980}),
    "okx trade": okx_push("trades", {"instId": "BTC-USDT-SWAP", "tradeId": "2832749635", "px": "63913.5", "sz": "1", "side": "buy", "ts": str(MS), "count": "1", "source": "0", "seqId": 333793117432}),
    "okx depth": okx_push("books", {"asks": okx_levels(63921.5, 0.1), "bids": okx_levels(63921.4, -0.1), "ts": str(MS), "checksum": 0, "seqId": 9, "prevSeqId": 8}, action="update"),
    "backpack quote": dump({"data": {"e": "bookTicker", "E": US, "s": "SOL_USDC_PERP", "a": "98.70", "A": "41.90", "b": "98.67", "B": "12.41", "u": 111063070525358080, "T": US}, "stream": "bookTicker.SOL_USDC_PERP"}),
    "backpack trade": dump({"data": {"e": "trade", "E": US, "s": "SOL_USDC_PERP", "p": "98.68", "q": "0.12", "b": "4415512", "a": "4415513", "t": 12345, "T": US, "m": True}, "stream": "trade.SOL_USDC_PERP"}),
    "backpack depth": dump({"data": {"e": "depth", "E": US, "s": "SOL_USDC_PERP", "a": levels(98.7, 0.01), "b": levels(98.67, -0.01), "U": 94978271, "u": 94978272, "T": US}, "stream": "depth.SOL_USDC_PERP"}),
}  # fmt: skip


def order(venue: str, symbol: str, size: str, price: str) -> Place:
    return Place(
        account=f"{venue}/main", client_id="ctos0000001000000001", symbol=symbol, side="buy", type="limit",
        size=Decimal(size), price=Decimal(price), post_only=True, expires_ns=NOW_NS + 5_000_000_000,
    )  # fmt: skip


def places() -> dict[str, Callable[[], object]]:
    """What builds and signs one order, over each way."""
    now = count(NOW_NS, 100)
    key = signer({"api_key": "k" * 64, "api_secret": "s" * 64})
    assert key is not None
    on_binance = order("binance", BTC, "0.01", "60000.1")

    def venue_ns(ns: int) -> int:
        return ns

    def binance_rest() -> object:
        name, pairs = binance.place("usdm", on_binance, "BTCUSDT")
        return name, key.query(pairs + binance.expiry(on_binance, next(now), venue_ns))

    def binance_socket() -> object:
        _, pairs = binance.place("usdm", on_binance, "BTCUSDT")
        params = key.socket(pairs + binance.expiry(on_binance, next(now), venue_ns))
        return binance.frame("o1", "order.place", params)

    okx_listing = OkxListing("okx")
    okx_listing.adopt([dump(OKX_ROW)])
    product = okx_listing.by_native["BTC-USDT-SWAP"]
    writer, okx_signer = Writer("ctos", "cross", "net"), OkxSigner("key", "22582BD0CFF14C41EDBF1AB98506286D", "phrase")
    on_okx = order("okx", BTC, "0.5", "60000.1")

    def okx_socket() -> object:
        return okx_frame("o1", "order", [writer.place(on_okx, product, by_code=True)], next(now) // 1_000_000)

    def okx_rest() -> object:
        body = writer.place(on_okx, product, by_code=False).encode()
        return okx_signer.headers("POST", "/api/v5/trade/order", body, next(now)), body

    listing = BackpackListing("backpack")
    listing.load(dump([BACKPACK_ROW]), Fees())
    market = listing.by_native["SOL_USDC_PERP"]
    backpack_signer = BackpackSigner.of({"api_secret": SEED})
    assert backpack_signer is not None
    on_backpack = order("backpack", SOL, "1.5", "98.5")

    def backpack_rest() -> object:
        write = write_of(
            "POST", "/api/v1/order", "orderExecute", place_params(on_backpack, market, 1_234_567, redeem=False)
        )
        return backpack_signer.headers(write.line, next(now) // 1_000_000, 5_000), write.body

    return {
        "binance place, REST": binance_rest,
        "binance place, WebSocket": binance_socket,
        "okx place, REST": okx_rest,
        "okx place, WebSocket": okx_socket,
        "backpack place, REST": backpack_rest,
    }


def decoders() -> dict[str, tuple[Callable[[bytes, int], object], bytes]]:
    """What reads one frame of each kind, and the frame."""
    okx_listing = OkxListing("okx")
    okx_listing.adopt([dump(OKX_ROW)])
    listing = BackpackListing("backpack")
    listing.load(dump([BACKPACK_ROW]), Fees())
    decode: dict[str, Callable[[bytes, int], object]] = {
        "binance": BinanceDecoder("binance", {"BTCUSDT": BTC}).decode,
        "okx": OkxDecoder("okx", okx_listing).decode,
        "backpack": BackpackDecoder("backpack", lambda: listing.by_native).decode,
    }
    calls: dict[str, tuple[Callable[[bytes, int], object], bytes]] = {}
    for name, raw in FRAMES.items():
        read = decode[name.split()[0]]
        heard = read(raw, NOW_NS)
        event = heard[1] if isinstance(heard, tuple) else heard
        assert event, f"{name} tells nothing"
        calls[name] = read, raw
    return calls


def measure_place(call: Callable[[], object]) -> tuple[float, float]:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        taken.append((time.perf_counter() - start) / CALLS * 1e6)
    return min(taken), statistics.median(taken)


def measure_decode(read: Callable[[bytes, int], object], raw: bytes) -> tuple[float, float]:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            read(raw, NOW_NS)
        taken.append((time.perf_counter() - start) / CALLS * 1e6)
    return min(taken), statistics.median(taken)


def ccxt() -> dict[str, Any]:
    """ccxt's figures; empty without it."""
    if not CLIENTS.exists():
        return {}
    asked = {"calls": 500, "rounds": 7, "seed": SEED, "frames": {name: raw.decode() for name, raw in FRAMES.items()}}
    done = subprocess.run(
        [CLIENTS, str(HERE / "ccxt_side.py")], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"ccxt failed: {done.stderr.strip().splitlines()[-1:]}")
        return {}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def bar_of(name: str) -> float:
    return next(bar for part, bar in BARS.items() if part in name)


def main() -> None:
    theirs = ccxt()
    print(f"{'us a call':<26}{'best':>8}{'median':>8}{'bar':>7}   ccxt: best, median, times ours")
    gc.freeze()
    found = {name: measure_place(call) for name, call in places().items()}
    found |= {name: measure_decode(*pair) for name, pair in decoders().items()}
    for name, (best, median) in found.items():
        line = f"{name:<26}{best:8.2f}{median:8.2f}{bar_of(name):7.1f}"
        other = theirs.get(name)
        if isinstance(other, list):
            line += f"   {other[0]:8.1f} {other[1]:8.1f} {other[0] / best:6.1f}"
        print(line if not isinstance(other, str) else f"{line}   {other}")
    if not theirs:
        print("ccxt is not installed in .venv/clients: our figures alone")


if __name__ == "__main__":
    main()
