"""Where Binance is: addresses by product and environment, and whether real money can move there. (Sheet A1.)"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from ctosd.abi import Misconfigured
from drivers.binance.config import BinanceConfig, ProductName

ADDRESSES: Mapping[tuple[ProductName, str], Mapping[str, str]] = {
    ("usdm", "live"): {
        "rest": "https://fapi.binance.com",
        "wsapi": "wss://ws-fapi.binance.com/ws-fapi/v1",
        "public": "wss://fstream.binance.com/public",
        "market": "wss://fstream.binance.com/market",
        "private": "wss://fstream.binance.com/private",
    },
    ("usdm", "demo"): {
        "rest": "https://demo-fapi.binance.com",
        "wsapi": "wss://testnet.binancefuture.com/ws-fapi/v1",
        "public": "wss://fstream.binancefuture.com/public",
        "market": "wss://fstream.binancefuture.com/market",
        "private": "wss://fstream.binancefuture.com/private",
    },
    ("spot", "live"): {
        "rest": "https://api.binance.com",
        "wsapi": "wss://ws-api.binance.com:443/ws-api/v3",
        "stream": "wss://stream.binance.com:9443",
    },
    ("spot", "demo"): {
        "rest": "https://demo-api.binance.com",
        "wsapi": "wss://demo-ws-api.binance.com/ws-api/v3",
        "stream": "wss://demo-stream.binance.com",
    },
}


def addresses(config: BinanceConfig) -> dict[str, str]:
    """The addresses in use.

    Raises:
        Misconfigured: `endpoints:` names an address that the product does not have, or one of the wrong scheme.
    """
    known = dict(ADDRESSES[config.product, config.environment])
    for name, url in config.endpoints.items():
        if name not in known:
            raise Misconfigured(f"endpoints: {config.product} has no address {name!r}; it has {', '.join(known)}")
        schemes = ("https", "http") if name == "rest" else ("wss", "ws")
        parts = urlsplit(url)
        if parts.scheme not in schemes or not parts.hostname:
            raise Misconfigured(f"endpoints: {name} is {url!r}: write {schemes[0]}://host[:port]")
        known[name] = url.rstrip("/")
    return known


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_live(config: BinanceConfig, rest: str) -> bool:
    """Whether real money can move: the live environment, and not an emulator on this machine in its place."""
    return config.environment == "live" and not is_loopback(rest)
