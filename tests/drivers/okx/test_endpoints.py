"""Addresses, overrides, and when real money can move."""

import pytest

from ctosd.abi import Misconfigured
from drivers.okx.config import OkxConfig
from drivers.okx.endpoints import addresses, is_live, is_loopback


def test_the_default_is_demo() -> None:
    found = addresses(OkxConfig())
    assert found["private"] == "wss://wspap.okx.com:8443/ws/v5/private"
    assert not is_live(OkxConfig(), found["rest"])


@pytest.mark.parametrize(
    ("region", "rest", "stream"), [("global", "openapi", "ws"), ("eea", "eea", "wseea"), ("us", "us", "wsus")]
)
def test_live_addresses_of_each_region(region: str, rest: str, stream: str) -> None:
    config = OkxConfig(environment="live", region=region)  # type: ignore[arg-type]
    found = addresses(config)
    assert found["rest"] == f"https://{rest}.okx.com"
    assert found["business"] == f"wss://{stream}.okx.com:8443/ws/v5/business"
    assert is_live(config, found["rest"])


def test_single_addresses_are_replaced() -> None:
    config = OkxConfig(environment="live", endpoints={"rest": "http://127.0.0.1:9/"})
    found = addresses(config)
    assert found["rest"] == "http://127.0.0.1:9"
    assert found["public"].startswith("wss://ws.okx.com")
    assert not is_live(config, found["rest"])


@pytest.mark.parametrize(
    "endpoints", [{"ws": "wss://x"}, {"rest": "wss://x"}, {"public": "http://x"}, {"rest": "https://"}]
)
def test_wrong_addresses_are_refused(endpoints: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="endpoints"):
        addresses(OkxConfig(endpoints=endpoints))


@pytest.mark.parametrize("tag", ["", "with-dash", "x" * 17])
def test_a_tag_is_letters_and_digits(tag: str) -> None:
    with pytest.raises(Misconfigured, match="tag"):
        addresses(OkxConfig(tag=tag))


def test_loopback() -> None:
    assert all(map(is_loopback, ["http://127.0.0.1:1", "http://localhost", "http://[::1]:5", "http://x.localhost"]))
    assert not any(map(is_loopback, ["https://openapi.okx.com", "http://10.0.0.1", "http://localhost.example.com"]))
