"""Addresses by product and environment, and single ones replaced."""

import pytest

from ctosd.abi import Misconfigured
from drivers.binance.config import BinanceConfig
from drivers.binance.endpoints import ADDRESSES, addresses, is_live, is_loopback


def test_demo_is_the_default_and_shares_no_host_with_live() -> None:
    assert "demo" in addresses(BinanceConfig())["rest"]
    for product in ("usdm", "spot"):
        demo, live = ADDRESSES[product, "demo"], ADDRESSES[product, "live"]  # type: ignore[index]
        assert not set(demo.values()) & set(live.values())
        assert demo.keys() == live.keys()


def test_single_addresses_are_replaced() -> None:
    config = BinanceConfig(
        product="spot", endpoints={"rest": "http://127.0.0.1:8080/", "stream": "ws://127.0.0.1:8080"}
    )
    found = addresses(config)
    assert found["rest"] == "http://127.0.0.1:8080"
    assert found["wsapi"] == ADDRESSES["spot", "demo"]["wsapi"]


@pytest.mark.parametrize(
    ("name", "url", "word"),
    [
        ("public", "wss://x", "has no address"),
        ("rest", "wss://x", "https://"),
        ("wsapi", "http://x", "wss://"),
        ("rest", "x", "https://"),
    ],
)
def test_wrong_ones_are_refused(name: str, url: str, word: str) -> None:
    with pytest.raises(Misconfigured, match=word):
        addresses(BinanceConfig(product="spot", endpoints={name: url}))


def test_loopback() -> None:
    assert all(
        is_loopback(url) for url in ("http://127.0.0.1:1", "http://localhost", "http://[::1]:5", "ws://127.9.9.9")
    )
    assert not any(
        is_loopback(url) for url in ("http://10.0.0.1", "https://api.binance.com", "http://localhost.evil.com", "")
    )
    assert not is_live(BinanceConfig(environment="live"), "http://localhost:1")
    assert not is_live(BinanceConfig(), "https://api.binance.com")
