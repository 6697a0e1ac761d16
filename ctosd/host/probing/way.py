"""One way to a venue's addresses, step by step: name, connection, TLS, HTTP, WebSocket.

What fails ends the steps of its own server only. Servers are tried side by side, so that all of it takes as long as the
slowest.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from ctosd.abi.clock import Clock
from ctosd.abi.errors import CtosError, NotReady, NotSent
from ctosd.host.http import HttpClient, default_context, explain
from ctosd.host.probing import certificate
from ctosd.host.probing.check import Check
from ctosd.host.probing.pace import Pace
from ctosd.host.proxy import Proxy
from ctosd.host.ws import make_dial

SHOWN = 4
"""Addresses of one name that are shown."""
REFUSALS: Mapping[int, tuple[str, str]] = {
    418: ("this address is banned for a time", "wait, and send less: every further request makes the ban longer"),
    429: ("this address sent too many requests", "wait a minute, and see what else uses this address"),
    451: ("the venue does not serve the place that this address lies in", "see which places the venue serves"),
}
"""HTTP statuses that nobody trades behind; with any other one the server has answered."""

Info = tuple[int, Any]
"""A family and a socket address, as `getaddrinfo` gives them."""


class Origin(NamedTuple):
    """One server."""

    host: str
    port: int
    secure: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Try(NamedTuple):
    """One attempt to connect."""

    address: str
    connection: socket.socket | None
    ms: float
    problem: str = ""
    late: bool = False


def servers(endpoints: Mapping[str, str]) -> dict[Origin, dict[str, str]]:
    """The servers of all endpoints, each with its addresses and what they are called there."""
    found: dict[Origin, dict[str, str]] = {}
    for name, url in endpoints.items():
        parts = urlsplit(url)
        secure = parts.scheme in ("https", "wss")
        urls = found.setdefault(Origin(parts.hostname or "", parts.port or (443 if secure else 80), secure), {})
        urls[url] = f"{urls[url]}, {name}" if url in urls else name
    return found


class Way:
    """A way out: directly, or through `proxy`. `stuck` tells that a look-up of a name did not end and cannot be stopped."""

    def __init__(self, clock: Clock, pace: Pace, timeout_s: float, *, proxy: Proxy | None = None, name: str = "",
                 matters: bool = True, tls: ssl.SSLContext | None = None) -> None:  # fmt: skip
        self.timeout_s = timeout_s
        self.stuck = False
        self._clock = clock
        self._proxy = proxy
        self._name = name
        self._matters = matters
        self._tls = tls
        self._pace = pace
        self._dial = make_dial(clock, proxy=proxy, tls=tls)

    async def look(self, endpoints: Mapping[str, str]) -> list[Check]:
        """All steps to all endpoints."""
        found = servers(endpoints)
        checks, addresses = ([], {}) if self._proxy is not None else await self._names(each.host for each in found)
        reached = [
            self._server(origin, urls, addresses.get(origin.host, ()))
            for origin, urls in found.items()
            if self._proxy is not None or addresses.get(origin.host)
        ]
        return checks + [check for part in await asyncio.gather(*reached) for check in part]

    async def look_at(self, host: str, port: int) -> list[Check]:
        """Name and connection of one server: a proxy's own."""
        checks, addresses = await self._names([host])
        return checks + (await self._server(Origin(host, port, secure=False), {}, addresses[host]) if addresses else [])

    def _check(self, name: str, target: str, began: float, problem: str, message: str = "", remedy: str = "") -> Check:
        """A check that ends now; with `problem` it failed."""
        ms = round((time.perf_counter() - began) * 1e3, 1)
        return Check(
            name=name, target=target, ok=not problem, ms=ms, message=problem or message, remedy=remedy if problem else "",
            way=self._name, matters=self._matters,
        )  # fmt: skip

    async def _server(self, origin: Origin, urls: Mapping[str, str], infos: Sequence[Info]) -> list[Check]:
        check, connection = await (self._connect(origin, infos) if self._proxy is None else self._tunnel(origin))
        checks = [check]
        if connection is None:
            return checks
        if origin.secure:
            checks.append(await self._handshake(origin, connection, infos))
            if not checks[-1].ok:
                return checks
        else:
            connection.close()
        for url, name in urls.items():
            checks.append(await (self._http if url.startswith("http") else self._websocket)(name, url))
        return checks

    # -- names ----------------------------------------------------------------------------------------------------------

    async def _names(self, hosts: Iterable[str]) -> tuple[list[Check], dict[str, list[Info]]]:
        """A check for each name that is none of an address, and what is known of all of them."""
        told, addresses = [], {}
        names = list(dict.fromkeys(hosts))
        for host, (check, infos) in zip(names, await asyncio.gather(*map(self._resolve, names)), strict=True):
            if not _is_address(host):
                told.append(check)
            if infos:
                addresses[host] = infos
        return told, addresses

    async def _resolve(self, host: str) -> tuple[Check, list[Info]]:
        """The addresses of `host`, the first of each family, as whoever connects would try them."""
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        looking = loop.create_task(loop.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        await asyncio.wait({looking}, timeout=self.timeout_s)
        if not looking.done():
            looking.cancel()
            self.stuck = True
            problem = f"no name server answers within {self.timeout_s:g} s"
            return self._check("dns", host, began, problem, remedy=_unresolved(socket.EAI_AGAIN, host)), []
        try:
            found = looking.result()
        except socket.gaierror as error:
            code = error.errno or 0
            return self._check("dns", host, began, error.strerror or str(error), remedy=_unresolved(code, host)), []
        except OSError as error:
            return self._check("dns", host, began, str(error), remedy=_unresolved(0, host)), []
        shown = list(dict.fromkeys(str(info[4][0]) for info in found))
        message = ", ".join(shown[:SHOWN]) + (", …" if len(shown) > SHOWN else "")
        first: dict[int, Info] = {}
        for family, _, _, _, address in found:
            first.setdefault(family, (family, address))
        return self._check("dns", host, began, "" if found else "no address", message), list(first.values())

    # -- connections ----------------------------------------------------------------------------------------------------

    async def _connect(self, origin: Origin, infos: Sequence[Info]) -> tuple[Check, socket.socket | None]:
        """A connection by the first family that answers, in the order in which a client tries them."""
        began = time.perf_counter()
        tries = await asyncio.gather(*(self._try(info, origin.port) for info in infos))
        first = next((each for each in tries if each.connection is not None), None)
        for each in tries:
            if each.connection is not None and each is not first:
                each.connection.close()
        problems = "; ".join(f"{each.address}: {each.problem}" for each in tries if each.problem)
        if first is None or first.connection is None:
            late = all(each.late for each in tries)
            return self._check("tcp", str(origin), began, problems, remedy=self._unreached(origin, late=late)), None
        check = self._check("tcp", str(origin), began, "", f"{first.address}{f'; {problems}' if problems else ''}")
        if tries[0].late:  # whoever connects waits for the first address and never comes to the second
            message = f"{problems}; {first.address} answers"
            remedy = "the one family of addresses is broken here: mend it, or prefer the other in /etc/gai.conf"
            first.connection.close()
            return self._check("tcp", str(origin), began, message, remedy=remedy), None
        return replace(check, ms=first.ms), first.connection

    def _unreached(self, origin: Origin, *, late: bool) -> str:
        if self._name == "proxy":
            return "is the proxy running there? check host and port of `proxy:`"
        if late:
            return "something drops the packets: a firewall, or the venue blocks this address; try another network, or `proxy:`"
        if _is_loopback(origin.host):
            return (
                f"nothing listens there: is it running? `ctosctl emulate VENUE --port {origin.port}` serves an emulator"
            )
        return "check host and port under `endpoints:`, this machine's routes (`ip route`) and its firewall"

    async def _try(self, info: Info, port: int) -> Try:
        loop = asyncio.get_running_loop()
        family, address = info
        began = time.perf_counter()
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a machine without IPv6
            return Try(address[0], None, 0.0, _reason(error))
        connection.setblocking(False)
        try:
            async with asyncio.timeout(self.timeout_s):
                await loop.sock_connect(connection, (address[0], port, *address[2:]))
        except TimeoutError:
            connection.close()
            return Try(address[0], None, 0.0, f"no answer within {self.timeout_s:g} s", late=True)
        except OSError as error:
            connection.close()
            return Try(address[0], None, 0.0, _reason(error))
        except BaseException:
            connection.close()
            raise
        return Try(address[0], connection, round((time.perf_counter() - began) * 1e3, 1))

    async def _tunnel(self, origin: Origin) -> tuple[Check, socket.socket | None]:
        assert self._proxy is not None
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout_s + 0.5):  # its own time-out tells more
                connection = await self._proxy.connect(origin.host, origin.port, self.timeout_s)
        except (NotSent, TimeoutError) as error:
            problem = str(error) or f"nothing from the proxy within {self.timeout_s:g} s"
            return self._check("tunnel", str(origin), began, problem, remedy=_untunnelled(problem)), None
        return self._check("tunnel", str(origin), began, "", f"through {self._proxy.text}"), connection

    async def _handshake(self, origin: Origin, connection: socket.socket, infos: Sequence[Info]) -> Check:
        """TLS on `connection`, which is closed afterwards."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout_s):
                found = await certificate.handshake(connection, origin.host, self._tls or default_context())
        except TimeoutError:
            problem = f"no handshake within {self.timeout_s:g} s"
            return self._check(
                "tls", str(origin), began, problem, remedy="something between lets connections through and no TLS"
            )
        except OSError as error:
            check = self._check("tls", str(origin), began, explain(error), remedy=certificate.remedy(error))
            return replace(check, message=certificate.told(error, await self._issuer(origin, infos, error)))
        return self._check("tls", str(origin), began, "", certificate.validity(found, self._clock.now_ns() / 1e9))

    async def _issuer(self, origin: Origin, infos: Sequence[Info], error: OSError) -> str:
        if not isinstance(error, ssl.SSLCertVerificationError):
            return ""
        _, again = await (self._connect(origin, infos) if self._proxy is None else self._tunnel(origin))
        return await certificate.issuer_of(again, origin.host, self.timeout_s) if again is not None else ""

    # -- what is spoken -------------------------------------------------------------------------------------------------

    async def _http(self, name: str, url: str) -> Check:
        """Any answer is one."""
        target, began = f"{name} {bare(url)}", time.perf_counter()
        client = HttpClient(self._clock, proxy=self._proxy, tls=self._tls)
        try:
            response = await client.request("GET", f"{url.rstrip('/')}/", timeout_s=self.timeout_s)
        except CtosError as error:
            remedy = (
                "the connection stands and no answer comes: try again, look at the venue's status page, raise --timeout"
            )
            return self._check("http", target, began, str(error), remedy=remedy)
        finally:
            await client.close()
        problem, remedy = REFUSALS.get(response.status, ("", ""))
        told = f"HTTP {response.status}"
        return self._check("http", target, began, f"{told}: {problem}" if problem else "", told, remedy)

    async def _websocket(self, name: str, url: str) -> Check:
        """A handshake at the address; where that is but the head of one (Binance), at `ws` below it."""
        target, problem, began = f"{name} {bare(url)}", "", 0.0
        for address in (url, f"{url.rstrip('/')}/ws"):
            await self._pace.turn(address)
            began = time.perf_counter()
            try:
                opened = await self._dial(
                    address, lambda frame, time_ns: None, lambda reason: None, timeout_s=self.timeout_s
                )
            except NotReady as error:
                problem = problem or str(error)
                if "refused with HTTP" not in str(error):
                    break
            else:
                opened.close()
                return self._check("websocket", target, began, "", "opens")
        remedy = "check the address under `endpoints:`; a proxy or a firewall between may not let WebSockets through"
        return self._check("websocket", target, began, problem, remedy=remedy)


def bare(url: str) -> str:
    """Without what may be a key or a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    """The system's own words; asyncio puts others in their place."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else explain(error)


def _unresolved(code: int, host: str) -> str:
    if code == socket.EAI_NONAME:
        return f"check the spelling under `endpoints:`; if {host} is right, ask another name server, or let a proxy resolve it (socks5h://)"
    return (
        "is this machine online? look at /etc/resolv.conf, and try `resolvectl query` or `getent hosts` with the name"
    )


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _untunnelled(problem: str) -> str:
    if "407" in problem or "auth" in problem.lower():
        return "the proxy wants user and password: write them into `proxy:`, as in http://user:password@host:port"
    return "check host, port and scheme of `proxy:`, and whether that proxy may connect to this host and port"
