"""OKX's REST interface: signs, spends the budget, reads the answers, and keeps the venue's clock.

Queries raise what the ABI says: `NotSent` and `NoAnswer` from the transport, `Refused` with the venue's code, `AuthFailed` without keys.
A write is sent once and its verdicts are returned; its budget was taken before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ctosd.abi import ClockReading, Costs, Http, NoAnswer, NotReady, Ports, Response
from ctosd.core.clockskew import Skew
from drivers.okx.account import Account
from drivers.okx.errors import Refused, Verdict
from drivers.okx.records import MS, Page
from drivers.okx.replies import BROKEN, judge, read_error
from drivers.okx.sign import SIMULATED

T = TypeVar("T", bound=msgspec.Struct)
Pairs = Sequence[tuple[str, str]]

TIMEOUT_S = 10.0
BACKOFF_NS = 2_000_000_000
BANNED_NS = 60_000_000_000

read_page = msgspec.json.Decoder(Page).decode


class Rest:
    """The REST interface for all accounts. `on_refusal(reason, costs)` hears what went wrong with any request."""

    def __init__(self, address: str, ports: Ports, *, simulated: bool) -> None:
        self.address = address
        self.skew = Skew()
        self.on_refusal: Callable[[str, Costs], None] = lambda reason, costs: None
        self._ports = ports
        self._anonymous = (SIMULATED,) if simulated else ()
        self._decoders: dict[type, Callable[[msgspec.Raw], Any]] = {}
        self._sent = self._refused = self._unreadable = 0

    # -- queries --------------------------------------------------------------------------------------------------------

    async def get(
        self, path: str, pairs: Pairs, costs: Costs, account: Account | None = None, *, urgent: bool = False
    ) -> Sequence[msgspec.Raw]:
        """The rows of an answer. Raises `NotReady`, `Refused`."""
        query = "&".join(f"{name}={value}" for name, value in pairs)
        return await self._ask("GET", f"{path}?{query}" if query else path, b"", costs, account, urgent)

    async def rows(
        self,
        shape: type[T],
        path: str,
        pairs: Pairs,
        costs: Costs,
        account: Account | None = None,
        *,
        urgent: bool = False,
    ) -> list[T]:
        """The rows of an answer, read as `shape`. Raises as `get` does."""
        return self.read(shape, await self.get(path, pairs, costs, account, urgent=urgent))

    def read(self, shape: type[T], raws: Sequence[msgspec.Raw]) -> list[T]:
        """Rows as `shape`.

        Raises:
            NotReady: one cannot be read. Leaving it out would tell that it is not there.
        """
        decode = self._decoders.get(shape)
        if decode is None:
            decode = self._decoders[shape] = msgspec.json.Decoder(shape).decode
        try:
            return [decode(raw) for raw in raws]
        except BROKEN as error:
            self._unreadable += 1
            raise NotReady(f"{shape.__name__}: the venue's answer cannot be read: {error}") from None

    async def set(self, path: str, body: bytes, costs: Costs, account: Account) -> Sequence[msgspec.Raw]:
        """A setting that may be sent twice (leverage, mode, dead-man timer). Raises as `get` does."""
        return await self._ask("POST", path, body, costs, account, True)

    async def _ask(
        self, method: str, target: str, body: bytes, costs: Costs, account: Account | None, urgent: bool
    ) -> Sequence[msgspec.Raw]:
        """One exchange; one more after the clock was read anew, when the first came outside of the venue's window."""
        what = f"{method} {target.partition('?')[0]}"
        code, message, reason = 0, "", ""
        for last in (False, True):
            if self._ports.budget is not None:
                await self._ports.budget.take(costs, urgent=urgent)
            response = await self._exchange(method, target, body, account)
            page = _page(response)
            if page is not None:
                return page.data
            code, message, reason = read_error(response.status, response.body)
            self._refused += 1
            self.note(reason, costs)
            if reason != "timestamp" or last or account is None:
                break
            await self.read_clock()
        who = f"{account.name}: " if account is not None else ""
        raise Refused(f"{who}{what}", code, message, reason)

    async def read_clock(self) -> ClockReading:
        """The venue's clock against ours, noted for every request that follows. Raises `NotReady`."""
        path = "/api/v5/public/time"
        if self._ports.budget is not None:
            await self._ports.budget.take((("pub.time", 1.0),), urgent=True)
        began_ns = self._ports.clock.now_ns()
        response = await self._exchange("GET", path, b"", None)
        ended_ns = self._ports.clock.now_ns()
        try:
            page = _page(response)
            venue_ns = int(msgspec.json.decode(page.data[0])["ts"]) * MS if page is not None else 0
        except (*BROKEN, KeyError, IndexError, TypeError):
            venue_ns = 0
        if not venue_ns:
            raise NotReady(f"GET {path}: HTTP {response.status}, no time in the answer")
        reading = ClockReading(
            offset_ns=venue_ns - (began_ns + ended_ns) // 2, round_trip_ns=max(0, ended_ns - began_ns)
        )
        self.skew.note(reading, ended_ns)
        return reading

    def venue_ns(self) -> int:
        """The venue's time now."""
        return self._ports.clock.now_ns() + self.skew.offset_ns

    # -- writes ---------------------------------------------------------------------------------------------------------

    async def write(
        self, path: str, body: bytes, account: Account, count: int, costs: Costs, expires_ms: int = 0
    ) -> list[Verdict]:
        """Send one write that carries `count` commands. Raises `NotSent` when nothing left, never anything else."""
        try:
            response = await self._exchange("POST", path, body, account, expires_ms)
        except NoAnswer as error:
            return [Verdict("unknown", "exchange_error", str(error))] * count
        verdicts = judge(response.status, response.body, count)
        for verdict in verdicts:
            if verdict.kind != "ok":
                self._refused += 1
                self.note(verdict.reason, costs)
        return verdicts

    def note(self, reason: str, costs: Costs) -> None:
        """What a refusal means for everybody: silence until the venue hears again, and whoever else must know."""
        budget, now_ns = self._ports.budget, self._ports.clock.now_ns()
        if budget is not None and reason == "banned":
            budget.penalise(now_ns + BANNED_NS)
        elif budget is not None and reason == "rate_limited":
            for name, _ in costs:
                budget.penalise(now_ns + BACKOFF_NS, name)
        self.on_refusal(reason, costs)

    # -- one exchange ---------------------------------------------------------------------------------------------------

    async def _exchange(
        self, method: str, target: str, body: bytes, account: Account | None, expires_ms: int = 0
    ) -> Response:
        headers: Sequence[tuple[str, str]] = self._anonymous
        if account is not None:
            headers = account.signer.headers(method, target, body, self.venue_ns())
        if expires_ms:
            headers = (*headers, ("expTime", str(expires_ms)))
        self._sent += 1
        return await self._http().request(
            method, f"{self.address}{target}", headers=headers, body=body, timeout_s=TIMEOUT_S
        )

    def _http(self) -> Http:
        http = self._ports.http
        if http is None:
            raise NotReady("the host gave no HTTP client")
        return http

    def statistics(self) -> Mapping[str, Any]:
        return {
            "sent": self._sent,
            "refused": self._refused,
            "unreadable": self._unreadable,
            "clock": self.skew.statistics(),
        }


def _page(response: Response) -> Page | None:
    """A good answer; None for any other."""
    try:
        page = read_page(response.body)
    except BROKEN:
        return None
    return page if str(page.code) == "0" and response.status == 200 else None
