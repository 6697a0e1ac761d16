"""Backpack's own section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge, Le

from ctosd.abi import Misconfigured

LIVE: Mapping[str, str] = {"rest": "https://api.backpack.exchange", "ws": "wss://ws.backpack.exchange"}
NAMES = ("rest", "ws", "public", "private")
SCHEMES = {"rest": ("http", "https"), "ws": ("ws", "wss"), "public": ("ws", "wss"), "private": ("ws", "wss")}


@dataclass(frozen=True, kw_only=True)
class AccountConfig:
    """One account: a Backpack (sub)account with a key of its own."""

    leverage: Annotated[Decimal | None, Ge(1), Le(100), "leverage that the whole account should have; reported"] = None
    set_leverage: Annotated[
        bool, "allow strategies to change the leverage, which Backpack keeps for the whole account"
    ] = False


@dataclass(frozen=True, kw_only=True)
class BackpackConfig:
    """Everything that the Backpack driver can be told."""

    environment: Annotated[
        Literal["demo", "live"], "Backpack has no demo: write live, or give endpoints of an emulator"
    ] = "demo"
    endpoints: Annotated[
        Mapping[str, str], "addresses instead of the venue's: rest, ws (or public and private apart)"
    ] = field(default_factory=dict)
    accounts: Annotated[Mapping[str, AccountConfig], "accounts by name"] = field(default_factory=dict)
    window_ms: Annotated[int, Ge(500), Le(60_000), "how long a signed request stays acceptable, ms"] = 5_000
    timeout_s: Annotated[float, Ge(1), Le(60), "how long an answer is waited for, seconds"] = 10.0
    status_s: Annotated[float, Ge(1), Le(600), "seconds between two looks at the venue's status"] = 30.0
    balances_s: Annotated[float, Ge(2), Le(3_600), "seconds between two reads of balances and positions"] = 60.0
    silent_s: Annotated[
        float, Ge(5), Le(600), "a connection on which nothing came for so long is given up, seconds"
    ] = 45.0
    balance_stream: Annotated[bool, "also ask for the stream of balances, which not every server has"] = True


def endpoints_of(config: BackpackConfig) -> dict[str, str]:
    """The addresses in use: `rest`, `public` and `private`, without a slash at the end.

    Raises:
        Misconfigured: an address is none, or there is nothing to connect to: Backpack has no demo environment.
    """
    given = {name: url.rstrip("/") for name, url in config.endpoints.items()}
    for name, url in given.items():
        _check(name, url)
    socket = given.get("ws", "")
    found = {
        "rest": given.get("rest", ""),
        "public": given.get("public", socket),
        "private": given.get("private", socket),
    }
    if config.environment == "live":
        defaults = {"rest": LIVE["rest"], "public": LIVE["ws"], "private": LIVE["ws"]}
        return {name: url or defaults[name] for name, url in found.items()}
    missing = [name for name, url in found.items() if not url]
    if missing:
        raise Misconfigured(
            "Backpack has no demo environment: write `environment: live` to trade real money, or give the addresses of an"
            " emulator, `endpoints: {rest: http://127.0.0.1:PORT, ws: ws://127.0.0.1:PORT}`"
        )
    return found


def _check(name: str, url: str) -> None:
    if name not in NAMES:
        raise Misconfigured(f"endpoints: {name!r} is no address of Backpack; known: {', '.join(NAMES)}")
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES[name] or not parts.hostname:
        raise Misconfigured(f"endpoints: {name}: {url!r} must begin with {' or '.join(SCHEMES[name])}:// and a host")


def is_loopback(url: str) -> bool:
    """Whether an address can only lead to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
