"""Backpack over HTTP: one address, its limits, its clock, and who signs.

Reads take their cost from the budget and raise; writes take nothing (the kernel has) and give back whatever came. Either
way a 429 holds its scope back until the next minute, and whoever must know hears of maintenance and of a wrong clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ctosd.abi import Headers, Http, Misconfigured, NotReady, Ports, Response
from ctosd.core.clockskew import Skew
from drivers.backpack.config import BackpackConfig
from drivers.backpack.errors import VenueError, Verdict, glimpse, judge
from drivers.backpack.limits import HISTORY, PUBLIC, REST, cost, penalty_until_ns
from drivers.backpack.sign import USER_AGENT, Params, Signer, instruction, query

MS = 1_000_000
NOTHING: Mapping[str, Any] = {}
JSON: Headers = (("Content-Type", "application/json; charset=utf-8"),)
MOST_WINDOW_MS = 60_000

encode = msgspec.json.Encoder().encode


class Write(NamedTuple):
    """A request that changes something, before it is signed."""

    method: str
    path: str
    line: str  # what is signed, before timestamp and window
    body: bytes


def write_of(method: str, path: str, name: str, params: Params) -> Write:
    """A write with a JSON body; DELETE has one too, and it is the body that is signed."""
    wanted = {key: value for key, value in params.items() if value is not None}
    return Write(method, path, instruction(name, wanted), encode(wanted))


class Rest:
    """The REST side of one venue."""

    def __init__(self, url: str, config: BackpackConfig, ports: Ports) -> None:
        if ports.http is None:
            raise Misconfigured(f"{ports.venue} needs the network, and none was handed to its driver")
        self.url = url
        self.skew = Skew()
        self.on_trouble: Callable[[str, str], None] = lambda reason, message: None
        self.requests = self.limited = self.failed = 0
        self._http: Http = ports.http
        self._ports = ports
        self._clock = ports.clock
        self._window_ms = config.window_ms
        self._timeout_s = config.timeout_s

    # -- reads ----------------------------------------------------------------------------------------------------------

    async def get(
        self, path: str, params: Params = NOTHING, *, history: bool = False, urgent: bool = False
    ) -> Response:
        """A public read. Raises `NotReady`, as `VenueError` when the venue refused."""
        await self.take(PUBLIC, history=history, urgent=urgent)
        return self._checked(await self._send("GET", _target(path, params), USER_AGENT, b""), PUBLIC, history=history)

    async def ask(
        self, scope: str, signer: Signer, path: str, name: str, params: Params = NOTHING, *, urgent: bool = False
    ) -> Response:
        """A signed read of the account `scope`. Raises `NotReady`, as `VenueError` when the venue refused."""
        history = path.startswith("/wapi/v1/history/")
        await self.take(scope, history=history, urgent=urgent)
        headers = self._headers(signer, instruction(name, params), self._window_ms)
        return self._checked(await self._send("GET", _target(path, params), headers, b""), scope, history=history)

    async def take(self, scope: str, *, history: bool = False, urgent: bool = False) -> None:
        """Take what one request costs. Raises `NotReady` when that would take too long."""
        if self._ports.budget is not None:
            await self._ports.budget.take(cost(scope, history=history), urgent=urgent)

    def _checked(self, response: Response, scope: str, *, history: bool) -> Response:
        if response.status < 300:
            return response
        verdict = self.verdict(response, scope, history=history)
        raise VenueError(verdict)

    # -- writes ---------------------------------------------------------------------------------------------------------

    async def change(self, scope: str, signer: Signer, write: Write, *, urgent: bool = False) -> Response:
        """A write that is not one of the kernel's commands, and may be repeated. Raises `NotReady` as a read does."""
        await self.take(scope, history=False, urgent=urgent)
        return self._checked(await self.write(signer, write, self._window_ms), scope, history=False)

    async def write(self, signer: Signer, write: Write, window_ms: int) -> Response:
        """One write, once, and whatever status comes back. Raises `NotSent` or `NoAnswer`."""
        headers = self._headers(signer, write.line, min(window_ms, MOST_WINDOW_MS)) + tuple(JSON)
        return await self._send(write.method, write.path, headers, write.body)

    def window_ms(self, expires_ns: int) -> int:
        """The window after which the venue must refuse a command; 0 or less when that time has passed."""
        if not expires_ns:
            return self._window_ms
        return min((expires_ns - self._clock.now_ns()) // MS, MOST_WINDOW_MS)

    # -- what both share ------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """The venue's time as far as we know it."""
        return (self._clock.now_ns() + self.skew.offset_ns) // MS

    def _headers(self, signer: Signer, line: str, window_ms: int) -> tuple[tuple[str, str], ...]:
        return signer.headers(line, self.now_ms(), window_ms) + tuple(USER_AGENT)

    async def _send(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        self.requests += 1
        try:
            return await self._http.request(
                method, self.url + target, headers=headers, body=body, timeout_s=self._timeout_s
            )
        except NotReady:
            self.failed += 1
            raise

    def verdict(self, response: Response, scope: str, *, history: bool = False) -> Verdict:
        """What a refusal says; those who must know hear of it."""
        verdict = judge(response)
        if response.status == 429 or verdict.reason == "rate_limited":
            self.limited += 1
            until_ns = penalty_until_ns(self._clock.now_ns(), response.headers.get("retry-after", ""))
            if self._ports.budget is not None:
                self._ports.budget.penalise(until_ns, f"{HISTORY if history else REST}@{scope}")
            self._ports.log.warning("backpack_limited", venue=self._ports.venue, scope=scope, history=history)
        if verdict.reason in ("maintenance", "timestamp"):
            self.on_trouble(verdict.reason, verdict.message)
        return verdict

    def unreadable(self, response: Response, error: Exception) -> NotReady:
        """A reply that should have been readable."""
        self.failed += 1
        return NotReady(f"Backpack answered what cannot be read ({error}): {glimpse(response.body)}")

    def statistics(self) -> Mapping[str, Any]:
        return {
            "requests": self.requests,
            "failed": self.failed,
            "limited": self.limited,
            "clock": self.skew.statistics(),
        }


def batch_of(path: str, line: str, items: Sequence[Params]) -> Write:
    """A write whose body is a list."""
    return Write("POST", path, line, encode(items))


def _target(path: str, params: Params) -> str:
    text = query(params)
    return f"{path}?{text}" if text else path
