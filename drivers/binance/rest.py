"""Binance's REST interface: signs, spends the budget, feeds the venue's counters back, and reads the answers.

Reads raise what the ABI says of queries: `NotSent` and `NoAnswer` from the transport, `Refused` with the venue's code.
A write is sent once, and its verdict is returned; for a write the budget was taken before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi import AuthFailed, Budget, ClockReading, Http, NoAnswer, NotReady, Ports
from ctosd.core.clockskew import Skew
from drivers.binance.calls import CALLS, Call
from drivers.binance.config import ProductName
from drivers.binance.errors import Refused, Verdict, judge
from drivers.binance.limits import FUNDING, Pools
from drivers.binance.requests import Pairs
from drivers.binance.sign import Signer, encode

TIMEOUT_S = 10.0
READ_WINDOW_MS = 10_000


class Rest:
    """One product's REST interface for all accounts. `on_verdict(verdict)` hears of every refusal (limits, maintenance)."""

    def __init__(
        self, product: ProductName, address: str, ports: Ports, pools: Pools, signers: Mapping[str, Signer | None]
    ) -> None:
        self.product = product
        self.address = address
        self.calls = CALLS[product]
        self.skew = Skew()
        self.on_verdict: Callable[[Verdict, str], None] = lambda verdict, account: None
        self._ports = ports
        self._pools = pools
        self._signers = signers
        self._sent = self._refused = 0

    # -- reads ----------------------------------------------------------------------------------------------------------

    async def read(
        self,
        name: str,
        params: Pairs | None = None,
        *,
        account: str = "",
        weight: float | None = None,
        urgent: bool = False,
    ) -> Any:
        """The decoded answer of a query (or of a setting that may be sent twice). Raises `NotReady`, `Refused`, `AuthFailed`.

        A query that came outside of the venue's time window is sent again once, with the clock read anew.
        """
        call = self.calls[name]
        taken = call.weight if weight is None else weight
        verdict = await self._ask(call, params or [], account, taken, urgent)
        if verdict.reason == "timestamp":
            await self.read_clock()
            verdict = await self._ask(call, params or [], account, taken, urgent)
        if verdict.kind == "ok":
            return verdict.data
        if verdict.kind == "unknown":
            raise NotReady(f"{call.method} {call.path}: {verdict.message}")
        raise Refused(f"{call.method} {call.path}", verdict)

    async def _ask(self, call: Call, params: Pairs, account: str, weight: float, urgent: bool) -> Verdict:
        await self._take(call, weight, urgent)
        pairs = list(params)
        if call.security == "signed":
            pairs += [("recvWindow", f"{READ_WINDOW_MS}"), ("timestamp", f"{self.venue_ms()}")]
        return await self._exchange(call, pairs, account)

    async def read_clock(self) -> ClockReading:
        """The venue's clock against ours, noted for every request that follows. Raises `NotReady`."""
        call = self.calls["time"]
        await self._take(call, call.weight, True)
        began_ns = self._ports.clock.now_ns()
        verdict = await self._exchange(call, [], "")
        ended_ns = self._ports.clock.now_ns()
        if verdict.kind != "ok":
            raise Refused(f"GET {call.path}", verdict)
        try:
            venue_ns = int(verdict.data["serverTime"]) * 1_000_000
        except (KeyError, TypeError, ValueError):
            raise NotReady(f"GET {call.path}: no time in the answer") from None
        reading = ClockReading(
            offset_ns=venue_ns - (began_ns + ended_ns) // 2, round_trip_ns=max(0, ended_ns - began_ns)
        )
        self.skew.note(reading, ended_ns)
        return reading

    def venue_ns(self, now_ns: int) -> int:
        """The venue's time at `now_ns` of ours."""
        return now_ns + self.skew.offset_ns

    def venue_ms(self) -> int:
        return self.venue_ns(self._ports.clock.now_ns()) // 1_000_000

    # -- writes ---------------------------------------------------------------------------------------------------------

    async def write(self, name: str, params: Pairs, account: str) -> Verdict:
        """Send one write; `params` have their timestamp. Raises `NotSent` when nothing left, never for anything else."""
        try:
            return await self._exchange(self.calls[name], params, account)
        except NoAnswer as error:
            return Verdict(kind="unknown", reason="exchange_error", message=str(error))

    def signer(self, account: str) -> Signer:
        """The signer of an account. Raises `AuthFailed` when it has no credentials."""
        signer = self._signers.get(account)
        if signer is None:
            raise AuthFailed(
                f"{account} has no credentials: add api_key and api_secret (or private_key) to accounts.yaml"
            )
        return signer

    # -- one exchange ---------------------------------------------------------------------------------------------------

    async def _exchange(self, call: Call, pairs: Pairs, account: str) -> Verdict:
        headers: tuple[tuple[str, str], ...] = ()
        if call.security == "none":
            query = encode(pairs)
        else:
            signer = self.signer(account)
            headers = signer.headers
            query = signer.query(pairs) if call.security == "signed" else encode(pairs)
        url = f"{self.address}{call.path}?{query}" if query else f"{self.address}{call.path}"
        self._sent += 1
        answer = await self._http().request(call.method, url, headers=headers, timeout_s=TIMEOUT_S)
        budget = self._ports.budget
        if budget is not None:
            for name, used, allowed in self._pools.used_by_headers(answer.headers, account):
                budget.sync_used(name, used, allowed)
        verdict = judge(self.product, answer.status, answer.headers, answer.body, self._ports.clock.now_ns())
        if verdict.kind != "ok":
            self._refused += 1
            self.note(verdict, account)
        return verdict

    def note(self, verdict: Verdict, account: str) -> None:
        """What a refusal means for everybody: silence until the venue hears again, and whoever else must know."""
        budget = self._ports.budget
        if budget is not None and verdict.until_ns:
            budget.penalise(verdict.until_ns)
        elif budget is not None and verdict.code == -1015 and account:
            hold_ns = self._ports.clock.now_ns() + 10_000_000_000
            for name, _ in self._pools.orders(account):
                budget.penalise(hold_ns, name)
        self.on_verdict(verdict, account)

    async def _take(self, call: Call, weight: float, urgent: bool) -> None:
        budget: Budget | None = self._ports.budget
        if budget is None:
            return
        costs = self._pools.weight(weight)
        if call.funding:
            costs.append(self._pools.take(FUNDING, 1.0))
        if costs:
            await budget.take(costs, urgent=urgent)

    def _http(self) -> Http:
        http = self._ports.http
        if http is None:
            raise NotReady("the host gave no HTTP client")
        return http

    def statistics(self) -> Mapping[str, Any]:
        return {"sent": self._sent, "refused": self._refused, "clock": self.skew.statistics()}
