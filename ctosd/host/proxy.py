"""Proxies: how a connection leaves when it may not leave directly. HTTP CONNECT and SOCKS, by python-socks."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from ctosd.abi.errors import Misconfigured, NotSent

SCHEMES = ("http", "socks4", "socks5", "socks5h")


class Proxy:
    """One proxy, by its address: ``http://user:password@host:port``, ``socks5://host:port``.

    With `socks5h` and `http` the proxy resolves names, with `socks5` and `socks4` this machine does.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in SCHEMES or not parts.hostname or not port:
            raise Misconfigured(
                f"proxy {self.shown(address)!r} is not one: write {', '.join(f'{each}://' for each in SCHEMES)}"
                " with host and port, such as socks5://127.0.0.1:1080"
            )
        self.url = address.replace("socks5h://", "socks5://", 1)
        self.remote_names = parts.scheme in ("http", "socks5h")
        self.text = self.shown(address)

    @staticmethod
    def shown(address: str) -> str:
        """The address without its user and password."""
        scheme, mark, rest = address.partition("://")
        return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else address.rpartition("@")[2]

    async def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connected socket to `host:port` through the proxy. Raises `NotSent`."""
        from python_socks import ProxyError, ProxyTimeoutError
        from python_socks.async_.asyncio import Proxy as Tunnel

        tunnel = Tunnel.from_url(self.url, rdns=self.remote_names)
        try:
            return await tunnel.connect(dest_host=host, dest_port=port, timeout=timeout_s)
        except (ProxyError, ProxyTimeoutError, OSError) as error:
            raise NotSent(f"the proxy {self.text} gives no connection to {host}:{port}: {error}") from None
