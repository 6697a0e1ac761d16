"""Fills by query: which symbols to ask for, all pages, and whose order each one belongs to. (Sheet B2 and C2.)

Binance tells fills symbol by symbol. The symbols are: those that orders of ours or events of the stream ever named (kept
in the store), those of the configuration, and, for what others did while nobody listened, those with open orders and
positions and those of the income history (USDⓈ-M), or the pairs of which both coins are held (spot). What a person trades
on spot and sells out again while the daemon is down is seen for symbols of the configuration only.

While the stream is heard without a gap only symbols that were in use since are asked for. A fill names its order by the
venue's id; whose order that was is looked up once, a page of orders at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ctosd.abi import Fill, NotReady, Ports
from drivers.binance import replies
from drivers.binance.account import Account
from drivers.binance.history import PAGE, History, rows_of
from drivers.binance.requests import Pairs
from drivers.binance.rest import Rest

MS = replies.MS
DAY_MS = 86_400_000
WINDOW_MS = {"usdm": 7 * DAY_MS - 1_000, "spot": DAY_MS - 1_000}
OLDEST_MS = 90 * DAY_MS
MOST_PAIRS = 40
LISTED_NS = 10_000_000_000
"""How old a list of the open orders may be to tell the symbols in use: it is the dearest question of a start."""
WRITTEN = "ctos"
"""How the client ids of this house begin; all others are strangers'."""


class Fills:
    """The fills of all accounts of one product. `history_ms`: how far back without a beginning."""

    def __init__(
        self,
        rest: Rest,
        ports: Ports,
        history: History,
        natives: Mapping[str, str],
        symbols: Mapping[str, str],
        *,
        always: Iterable[str] = (),
        history_ms: int = 7 * DAY_MS,
    ) -> None:
        self._rest = rest
        self._ports = ports
        self._history = history
        self._natives = natives
        self._symbols = symbols
        self._always = frozenset(always)
        self._history_ms = history_ms

    async def fetch(self, name: str, since_ns: int) -> list[Fill]:
        """Fills at or after `since_ns`, oldest first. The venue itself tells three months at most. Raises `NotReady`."""
        account = self._history.account(name)
        try:
            return await self._fetch(account, since_ns)
        except replies.WRONG as error:
            raise NotReady(f"{name}: fills that cannot be read ({error!r})") from None

    async def _fetch(self, account: Account, since_ns: int) -> list[Fill]:
        now_ms = self._rest.venue_ms()
        since_ms = max(since_ns // MS or now_ms - self._history_ms, now_ms - OLDEST_MS)
        if account.surveyed_ns < 0 or since_ns < account.surveyed_ns:
            account.trade(await self._survey(account, since_ms))
            account.surveyed_ns = since_ns
        rows: list[tuple[str, Mapping[str, Any]]] = []
        for symbol in self._symbols_of(account, since_ns):
            rows += [(symbol, row) for row in await self._trades(account, symbol, since_ms, now_ms)]
        await self._look_up(account, rows)
        found = []
        for symbol, row in rows:
            owner = account.owners.get((symbol, str(row.get("orderId"))), "")
            fill = replies.fill(row, account.name, symbol, owner)
            if fill.time_ns >= since_ns:
                found.append(fill)
        return sorted(found, key=lambda fill: (fill.time_ns, fill.symbol, int(fill.trade_id)))

    def _symbols_of(self, account: Account, since_ns: int) -> list[str]:
        known = account.traded | self._always
        if account.listening_ns and since_ns >= account.listening_ns:
            open_ones = {terms.symbol for terms in account.terms.values()}
            known = {symbol for symbol in known if account.active.get(symbol, 0) >= since_ns} | open_ones
        return sorted(known & self._natives.keys())

    async def _trades(self, account: Account, symbol: str, since_ms: int, now_ms: int) -> list[Mapping[str, Any]]:
        """All pages: windows of the length that the venue takes, and within a full page on from its last trade."""
        native = self._natives[symbol]
        found: dict[str, Mapping[str, Any]] = {}
        begin = since_ms
        while begin <= now_ms:
            end = min(begin + WINDOW_MS[self._rest.product], now_ms + 60_000)
            params: Pairs = [("symbol", native), ("startTime", f"{begin}"), ("endTime", f"{end}"), ("limit", f"{PAGE}")]
            rows = await rows_of(self._rest, "fills", params, account)
            while rows:
                fresh = {str(row["id"]): row for row in rows if str(row["id"]) not in found}
                found.update(fresh)
                if len(rows) < PAGE or not fresh:
                    break
                after = max(int(row["id"]) for row in rows) + 1
                rows = await rows_of(
                    self._rest, "fills", [("symbol", native), ("fromId", f"{after}"), ("limit", f"{PAGE}")], account
                )
            begin = end + 1
        return list(found.values())

    async def _look_up(self, account: Account, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Learn whose orders the fills belong to."""
        missing: dict[str, set[int]] = {}
        for symbol, row in rows:
            if (symbol, str(row.get("orderId"))) not in account.owners:
                missing.setdefault(symbol, set()).add(int(row["orderId"]))
        for symbol, ids in missing.items():
            await self._look_up_symbol(account, symbol, ids)

    async def _look_up_symbol(self, account: Account, symbol: str, ids: set[int]) -> None:
        native = self._natives[symbol]
        left = sorted(ids)
        while left:
            page = await rows_of(
                self._rest, "orders", [("symbol", native), ("orderId", f"{left[0]}"), ("limit", f"{PAGE}")], account
            )
            for row in page:
                account.owners[symbol, str(row["orderId"])] = str(row["clientOrderId"])
            seen = max((int(row["orderId"]) for row in page), default=left[0])
            left = [each for each in left if each > seen]
        if self._rest.product == "usdm" and any(self._is_strange(account, symbol, each) for each in ids):
            for row in await rows_of(self._rest, "algos", [("symbol", native), ("limit", f"{PAGE}")], account):
                actual = str(row.get("actualOrderId") or "")
                if actual and actual != "0":
                    account.data.conditionals.join(actual, str(row["clientAlgoId"]))
                    account.owners[symbol, actual] = str(row["clientAlgoId"])
        for each in ids:
            account.owners.setdefault((symbol, str(each)), "")

    def _is_strange(self, account: Account, symbol: str, order: int) -> bool:
        return not account.owners.get((symbol, str(order)), "").startswith(WRITTEN)

    # -- which symbols --------------------------------------------------------------------------------------------------

    async def _survey(self, account: Account, since_ms: int) -> set[str]:
        """Symbols that may have fills since then, beyond those that are known."""
        if self._ports.clock.now_ns() - account.listed_ns > LISTED_NS:
            await self._history.open_orders(account.name)  # it notes their symbols
        if self._rest.product == "usdm":
            return await self._earned(account, since_ms) | await self._held(account)
        return await self._paired(account)

    async def _earned(self, account: Account, since_ms: int) -> set[str]:
        """Symbols in the income history: every trade with a fee or a profit stands there."""
        found: set[str] = set()
        begin = since_ms
        while True:
            params = [("startTime", f"{begin}"), ("limit", f"{PAGE}")]
            rows = await rows_of(self._rest, "income", params, account)
            found |= {self._symbols[str(row["symbol"])] for row in rows if str(row.get("symbol")) in self._symbols}
            last = max((int(row["time"]) for row in rows), default=0)
            if len(rows) < PAGE or last <= begin:
                return found
            begin = last

    async def _held(self, account: Account) -> set[str]:
        rows = await rows_of(self._rest, "positions", [], account)
        return {self._symbols[str(row["symbol"])] for row in rows if str(row.get("symbol")) in self._symbols}

    async def _paired(self, account: Account) -> set[str]:
        held = {balance.asset for balance in await self._history.balances(account.name)}
        pairs = [symbol for symbol in self._natives if set(symbol.split("/")) <= held]
        return set(pairs[:MOST_PAIRS])
