"""Rate limits: fixed windows aligned to the clock, what they count, and what happens to those who pass them (sheet, part E).

A request that passes a limit is answered with 429, and whoever goes on in the same window is banned with 418.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.binance.emulator.products import FIVE_MINUTES_MS, MINUTE_MS, Product
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.venuetime import VenueTime

PATIENCE = 5
"""Refused requests in one window before the address is banned."""
FIRST_BAN_MS = 120_000
LONGEST_BAN_MS = 3 * 86_400_000
FUNDING = 500


class Window:
    """One limit, counted apart for each key (an address, an account, a connection)."""

    def __init__(self, allowed: int, length_ms: int) -> None:
        self.allowed = allowed
        self.length_ms = length_ms
        self.peak = 0
        self.refused = 0
        self._used: dict[str, tuple[int, int]] = {}

    def used(self, key: str, now_ms: int) -> int:
        index, used = self._used.get(key, (0, 0))
        return used if index == now_ms // self.length_ms else 0

    def add(self, key: str, count: int, now_ms: int) -> bool:
        """Count, and tell whether the limit is kept."""
        used = max(0, self.used(key, now_ms) + count)
        self._used[key] = (now_ms // self.length_ms, used)
        self.peak = max(self.peak, used)
        if used <= self.allowed or count <= 0:
            return True
        self.refused += 1
        return False

    def left_ms(self, now_ms: int) -> int:
        """Until the next window begins."""
        return self.length_ms - now_ms % self.length_ms

    def statistics(self, now_ms: int) -> dict[str, int]:
        used = max((self.used(key, now_ms) for key in self._used), default=0)
        return {"used": used, "allowed": self.allowed, "peak": self.peak, "refused": self.refused}


class Ban:
    """What is known of one address that went too far."""

    def __init__(self) -> None:
        self.until_ms = 0
        self.strikes = 0
        self.window = 0
        self.length_ms = FIRST_BAN_MS


class Limits:
    """All limits of one product."""

    def __init__(self, product: Product, time: VenueTime) -> None:
        self.product = product
        self._time = time
        self.weight = Window(product.weight, MINUTE_MS)
        self.raw = Window(product.raw or 1_000_000, FIVE_MINUTES_MS)
        self.funding = Window(FUNDING, FIVE_MINUTES_MS)
        self.connections = Window(product.connections, FIVE_MINUTES_MS)
        self.messages = Window(product.messages, 1_000)
        self.pools = {pool.tag: Window(pool.limit, pool.window_ms) for pool in product.pools}
        self._bans: dict[str, Ban] = {}
        self.banned = 0

    # -- by address -----------------------------------------------------------------------------------------------------

    def admit(self, remote: str, weight: int, *, funding: bool = False) -> None:
        """Count one request. Raises `Refusal`: 429, or 418 for those who go on."""
        now_ms = self._time.now_ms()
        ban = self._bans.get(remote)
        if ban is not None and now_ms < ban.until_ms:
            raise self._banned(remote, ban, now_ms)
        kept = self.weight.add(remote, weight, now_ms)
        if self.product.raw:
            kept = self.raw.add(remote, 1, now_ms) and kept
        if funding and not self.funding.add(remote, 1, now_ms):
            raise self._too_many(remote, f"{FUNDING} requests per 5 MINUTES", self.funding.left_ms(now_ms))
        if not kept or (weight == 0 and self.weight.used(remote, now_ms) > self.weight.allowed):
            self._strike(remote, now_ms)
            words = f"{self.product.weight} request weight per 1 MINUTE"
            raise self._too_many(remote, words, self.weight.left_ms(now_ms))

    def charge(self, remote: str, weight: int) -> None:
        """Count weight afterwards, as that of a spot order that was refused."""
        self.weight.add(remote, weight, self._time.now_ms())

    def _strike(self, remote: str, now_ms: int) -> None:
        ban = self._bans.setdefault(remote, Ban())
        window = now_ms // MINUTE_MS
        ban.strikes = ban.strikes + 1 if ban.window == window else 1
        ban.window = window
        if ban.strikes > PATIENCE:
            ban.until_ms, ban.strikes = now_ms + ban.length_ms, 0
            ban.length_ms = min(LONGEST_BAN_MS, 2 * ban.length_ms)
            self.banned += 1
            raise self._banned(remote, ban, now_ms)

    def _banned(self, remote: str, ban: Ban, now_ms: int) -> Refusal:
        message = (
            f"Way too much request weight used; IP banned until {ban.until_ms}."
            " Please use WebSocket Streams for live updates to avoid bans."
        )
        return self._hold(418, -1003, message, ban.until_ms - now_ms)

    def _too_many(self, remote: str, words: str, left_ms: int) -> Refusal:
        message = (
            f"Too many requests; current limit of IP({remote}) is {words}."
            " Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return self._hold(429, -1003, message, left_ms)

    def _hold(self, status: int, code: int, message: str, left_ms: int) -> Refusal:
        now_ms = self._time.now_ms()
        headers = (("Retry-After", str(-(-left_ms // 1000))),)
        data = {"serverTime": now_ms, "retryAfter": now_ms + left_ms}
        return Refusal(code, message, status=status, data=data, headers=headers)

    def demand(self, status: int) -> Refusal:
        """The refusal that a fault asks for."""
        return self._hold(status, -1003, "Too many requests; this limit is an emulated fault.", 5_000)

    def connect(self, remote: str) -> bool:
        """Count one handshake."""
        return self.connections.add(remote, 1, self._time.now_ms())

    def hear(self, connection: str) -> bool:
        """Count one message of a stream connection."""
        return self.messages.add(connection, 1, self._time.now_ms())

    # -- by account -----------------------------------------------------------------------------------------------------

    def order(self, account: str, counts: Mapping[str, int]) -> None:
        """Count new orders: `counts` by the pools' tags. Raises `Refusal` (-1015)."""
        now_ms = self._time.now_ms()
        for pool in self.product.pools:
            count = counts.get(pool.tag, 0)
            if count and not self.pools[pool.tag].add(account, count, now_ms):
                message = f"Too many new orders; current limit is {pool.limit} orders per {pool.words}."
                raise self._hold(429, -1015, message, self.pools[pool.tag].left_ms(now_ms))

    def give_back(self, account: str, count: int = 1) -> None:
        """A first fill takes an order out of the unfilled ones (spot)."""
        for window in self.pools.values():
            window.add(account, -count, self._time.now_ms())

    # -- told -------------------------------------------------------------------------------------------------------------

    def headers(self, remote: str, account: str | None) -> tuple[tuple[str, str], ...]:
        """Usage headers; those of orders for requests that count some."""
        now_ms = self._time.now_ms()
        used = str(self.weight.used(remote, now_ms))
        found = [("x-mbx-used-weight", used), ("x-mbx-used-weight-1m", used)]
        if account is not None:
            for tag, window in self.pools.items():
                found.append((f"x-mbx-order-count-{tag.lower()}", str(window.used(account, now_ms))))
        return tuple(found)

    def declared(self) -> list[dict[str, Any]]:
        """`rateLimits` of exchangeInfo."""
        found: list[dict[str, Any]] = [_limit("REQUEST_WEIGHT", "MINUTE", 1, self.product.weight)]
        found += [_limit("ORDERS", pool.interval, pool.count, pool.limit) for pool in self.product.pools]
        if self.product.raw:
            found.append(_limit("RAW_REQUESTS", "MINUTE", 5, self.product.raw))
        return found

    def usage(self, remote: str, account: str | None) -> list[dict[str, Any]]:
        """`rateLimits` of a WebSocket API answer."""
        now_ms = self._time.now_ms()
        found = self.orders(account) if account is not None else []
        return [*found, {**self.declared()[0], "count": self.weight.used(remote, now_ms)}]

    def orders(self, account: str) -> list[dict[str, Any]]:
        now_ms = self._time.now_ms()
        return [
            {
                **_limit("ORDERS", pool.interval, pool.count, pool.limit),
                "count": self.pools[pool.tag].used(account, now_ms),
            }
            for pool in self.product.pools
        ]

    def statistics(self) -> dict[str, dict[str, int]]:
        now_ms, name = self._time.now_ms(), self.product.name
        windows = {"weight": self.weight, "connections": self.connections, "messages": self.messages}
        windows |= {f"orders.{tag.lower()}": window for tag, window in self.pools.items()}
        windows |= {"raw": self.raw} if self.product.raw else {"funding": self.funding}
        return {f"{name}.{key}": window.statistics(now_ms) for key, window in windows.items()}


def _limit(kind: str, interval: str, count: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
