"""Where OKX is: addresses by region and environment, and whether real money can move there. (Sheet section 1.)"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from ctosd.abi import Misconfigured
from drivers.okx.config import OkxConfig

REST: Mapping[str, str] = {
    "global": "https://openapi.okx.com",
    "eea": "https://eea.okx.com",
    "us": "https://us.okx.com",
}
STREAMS: Mapping[tuple[str, str], str] = {
    ("global", "live"): "wss://ws.okx.com:8443",
    ("eea", "live"): "wss://wseea.okx.com:8443",
    ("us", "live"): "wss://wsus.okx.com:8443",
    ("global", "demo"): "wss://wspap.okx.com:8443",
    ("eea", "demo"): "wss://wseeapap.okx.com:8443",
    ("us", "demo"): "wss://wsuspap.okx.com:8443",
}
SOCKETS = ("public", "business", "private")
TAG = re.compile(r"[A-Za-z0-9]{1,16}")


def addresses(config: OkxConfig) -> dict[str, str]:
    """The addresses in use: rest, public, business, private.

    Raises:
        Misconfigured: `endpoints:` names an address that does not exist, or one of the wrong scheme; or the tag is none.
    """
    if not TAG.fullmatch(config.tag):
        raise Misconfigured(f"tag: {config.tag!r}: OKX takes 1 to 16 letters and digits")
    head = STREAMS[config.region, config.environment]
    known = {"rest": REST[config.region], **{name: f"{head}/ws/v5/{name}" for name in SOCKETS}}
    for name, url in config.endpoints.items():
        if name not in known:
            raise Misconfigured(f"endpoints: OKX has no address {name!r}; it has {', '.join(known)}")
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


def is_live(config: OkxConfig, rest: str) -> bool:
    """Whether real money can move: the live environment, and not an emulator on this machine in its place."""
    return config.environment == "live" and not is_loopback(rest)
