"""Where the driver connects to, and when it is live."""

import pytest

from ctosd.abi import Misconfigured
from drivers.backpack.config import BackpackConfig, endpoints_of, is_loopback

PAIR = {"rest": "http://127.0.0.1:8080/", "ws": "ws://127.0.0.1:8081"}


def test_there_is_no_demo() -> None:
    """Without an emulator or a clear word nothing is connected to; the message says both remedies."""
    with pytest.raises(Misconfigured, match=r"environment: live.*emulator"):
        endpoints_of(BackpackConfig())
    with pytest.raises(Misconfigured):
        endpoints_of(BackpackConfig(endpoints={"rest": PAIR["rest"]}))  # half an emulator would be half real


def test_endpoints() -> None:
    live = endpoints_of(BackpackConfig(environment="live"))
    assert live == {
        "rest": "https://api.backpack.exchange",
        "public": "wss://ws.backpack.exchange",
        "private": "wss://ws.backpack.exchange",
    }
    emulated = endpoints_of(BackpackConfig(endpoints=PAIR))
    assert emulated == {"rest": "http://127.0.0.1:8080", "public": PAIR["ws"], "private": PAIR["ws"]}
    apart = endpoints_of(BackpackConfig(environment="live", endpoints={"private": "wss://colo.example"}))
    assert (apart["private"], apart["public"]) == ("wss://colo.example", "wss://ws.backpack.exchange")


@pytest.mark.parametrize(
    "given", [{"rets": "http://127.0.0.1"}, {"rest": "127.0.0.1:80"}, {"ws": "http://127.0.0.1"}, {"rest": "http://"}]
)
def test_wrong_addresses_are_named(given) -> None:
    with pytest.raises(Misconfigured, match="endpoints"):
        endpoints_of(BackpackConfig(environment="live", endpoints=given))


def test_loopback() -> None:
    """Only what can lead nowhere else counts."""
    assert all(map(is_loopback, ("http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:3", "http://localhost:5")))
    assert not any(
        map(is_loopback, ("https://api.backpack.exchange", "http://10.0.0.1", "http://localhost.evil.example"))
    )
