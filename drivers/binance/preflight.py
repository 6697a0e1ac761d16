"""What a person should know of an account before it trades, with the exact remedy; changed on consent only. (Sheet C2.)

One-way mode is required: an order here does not say which leg it means. What Binance does not tell an exchange key is said
to be unknown, not guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from ctosd.abi import Finding, NotReady
from drivers.binance.account import Account
from drivers.binance.errors import NOOP, Refused
from drivers.binance.history import History
from drivers.binance.rest import Rest

MOST_FEES = 5
MODE, ASSETS, MARGIN = "position mode", "multi-assets mode", "margin type"
BLOCKED = {-4047, -4048, -4067, -4068, -4531}
"""A mode cannot be changed while orders or positions are open."""


class Preflight:
    """Looks at the accounts of one product. `symbols`: those of the configuration; `margin`: the wanted margin type."""

    def __init__(
        self, rest: Rest, history: History, natives: Mapping[str, str], symbols: Sequence[str], margin: str
    ) -> None:
        self._rest = rest
        self._history = history
        self._natives = natives
        self._symbols = [symbol for symbol in symbols if symbol in natives]
        self._margin = {"cross": "CROSSED", "isolated": "ISOLATED"}[margin]

    async def look(self, account: Account, consent: Collection[str], now_ns: int) -> list[Finding]:
        """All findings, those that stand in the way first. Raises `NotReady` when the venue cannot be asked."""
        if account.signer is None:
            return [_missing(account.name)]
        clock = self._rest.skew.refusal(now_ns)
        remedy = "set this machine's clock: timedatectl set-ntp true" if clock else ""
        found = [Finding(subject="clock", ok=not clock, message=clock or "in step with the venue", remedy=remedy)]
        try:
            found += await self._settings(account, consent)
            found += await self._margins(account, MARGIN in consent)
        except Refused as error:
            if error.reason not in ("auth", "permission"):
                raise
            return [_refused(account.name, error)]
        found += [await self._strangers(account), _rights(self._rest.product), *await self._fees(account)]
        return sorted(found, key=lambda finding: (not finding.blocks, finding.ok))

    async def obstacles(self, account: Account) -> list[Finding]:
        """What no order may leave with, and nothing else: a start asks for little, so that a crash loop can go on starting.

        Raises `NotReady` when the venue cannot be asked.
        """
        try:
            found = await self._settings(account, ())
        except Refused as error:
            if error.reason not in ("auth", "permission"):
                raise
            found = [_refused(account.name, error)]
        return [finding for finding in found if finding.blocks and not finding.ok]

    async def _settings(self, account: Account, consent: Collection[str]) -> list[Finding]:
        return await (self._usdm(account, consent) if self._rest.product == "usdm" else self._spot(account))

    # -- USDⓈ-M -----------------------------------------------------------------------------------------------------------

    async def _usdm(self, account: Account, consent: Collection[str]) -> list[Finding]:
        settings = await self._rest.read("account", account=account.name)
        if not isinstance(settings, dict):
            raise NotReady(f"{account.name}: the account's settings cannot be read")
        found = [_may_trade(settings.get("canTrade"), "enable futures trading for this account at Binance")]
        found.append(await self._mode(account, settings.get("dualSidePosition") is True, MODE in consent))
        found.append(await self._assets(account, settings.get("multiAssetsMargin") is True, ASSETS in consent))
        return found

    async def _margins(self, account: Account, consented: bool) -> list[Finding]:
        if self._rest.product == "spot":
            return []
        rows = await self._rest.read("symbol_config", account=account.name)
        wanted = {self._natives[symbol] for symbol in self._symbols}
        chosen = [row for row in rows if row.get("symbol") in wanted] if isinstance(rows, list) else []
        return [await self._margin_type(account, row, consented) for row in chosen]

    async def _mode(self, account: Account, hedged: bool, consented: bool) -> Finding:
        if not hedged:
            return Finding(subject=MODE, ok=True, message="one-way")
        if consented:
            return await self._change(
                MODE,
                "one-way now",
                lambda: self._rest.read("position_mode", [("dualSidePosition", "false")], account=account.name),
            )
        return Finding(
            subject=MODE, ok=False, blocks=True, message="hedge mode: every order would need the leg that it means",
            remedy='close all positions and orders, then consent to "position mode", or at Binance: Futures, Preferences,'
            " Position Mode, One-way (COIN-M has the same switch)",
        )  # fmt: skip

    async def _assets(self, account: Account, multi: bool, consented: bool) -> Finding:
        if not multi:
            return Finding(subject=ASSETS, ok=True, message="single-asset")
        if consented:
            return await self._change(
                ASSETS, "single-asset now",
                lambda: self._rest.read("multi_assets", [("multiAssetsMargin", "false")], account=account.name),
            )  # fmt: skip
        return Finding(
            subject=ASSETS, ok=False,
            message="multi-assets: one margin for all coins, and what is available is told for all of them together",
            remedy='if that is not meant, consent to "multi-assets mode", or at Binance: Futures, Preferences, Asset Mode',
        )  # fmt: skip

    async def _margin_type(self, account: Account, row: Mapping[str, Any], consented: bool) -> Finding:
        native, kind = str(row.get("symbol")), str(row.get("marginType"))
        message = f"{native}: {kind.lower()}, leverage {row.get('leverage')}"
        if kind == self._margin:
            return Finding(subject=MARGIN, ok=True, message=message)
        if consented:
            params = [("symbol", native), ("marginType", self._margin)]
            return await self._change(
                MARGIN, f"{native}: {self._margin.lower()} now",
                lambda: self._rest.read("margin_type", params, account=account.name),
            )  # fmt: skip
        return Finding(
            subject=MARGIN, ok=False, message=f"{message}; the configuration says {self._margin.lower()}",
            remedy=f'close the position and orders of {native}, then consent to "margin type", or correct `margin:`',
        )  # fmt: skip

    async def _change(self, subject: str, done: str, change: Callable[[], Awaitable[Any]]) -> Finding:
        """Change one setting; that it was so already is as good."""
        try:
            await change()
        except Refused as error:
            if error.code not in NOOP:
                why = (
                    "orders or positions are in the way: close them first"
                    if error.code in BLOCKED
                    else "see the message"
                )
                return Finding(subject=subject, ok=False, blocks=subject == MODE, message=str(error), remedy=why)
        return Finding(subject=subject, ok=True, message=done)

    # -- both -------------------------------------------------------------------------------------------------------------

    async def _spot(self, account: Account) -> list[Finding]:
        answer = await self._rest.read("balances", [("omitZeroBalances", "true")], account=account.name)
        if not isinstance(answer, dict):
            raise NotReady(f"{account.name}: the account cannot be read")
        message = "Binance spot has none: open orders stay when this machine dies"
        return [
            _may_trade(answer.get("canTrade"), "enable spot trading for this account at Binance"),
            Finding(
                subject="dead-man switch", ok=False, message=message, remedy="keep few resting orders, watch the daemon"
            ),
        ]

    async def _strangers(self, account: Account) -> Finding:
        updates = await self._history.open_orders(account.name)
        foreign = [update for update in updates if not update.client_id.startswith("ctos")]
        if not foreign:
            return Finding(subject="foreign orders", ok=True, message="none")
        places = ", ".join(sorted({update.symbol for update in foreign})[:5])
        return Finding(
            subject="foreign orders", ok=False, message=f"{len(foreign)} open orders that CTOS did not place, on {places}",
            remedy="cancel them, or give CTOS a sub-account of its own: they share margin and positions with its orders",
        )  # fmt: skip

    async def _fees(self, account: Account) -> list[Finding]:
        found = []
        for symbol in self._symbols[:MOST_FEES]:
            try:
                row = await self._rest.read("fees", [("symbol", self._natives[symbol])], account=account.name)
            except NotReady as error:
                found.append(Finding(subject="fees", ok=False, message=f"{symbol}: {error}", remedy="ask again later"))
                continue
            rates = row.get("standardCommission", row) if isinstance(row, dict) else {}
            maker = rates.get("makerCommissionRate", rates.get("maker"))
            taker = rates.get("takerCommissionRate", rates.get("taker"))
            found.append(Finding(subject="fees", ok=True, message=f"{symbol}: maker {maker}, taker {taker}"))
        return found


def _missing(name: str) -> Finding:
    return Finding(
        subject="credentials", ok=False, blocks=True, message=f"{name} has none: only public data can be had",
        remedy="add api_key and api_secret (HMAC) or private_key (Ed25519) to accounts.yaml",
    )  # fmt: skip


def _refused(name: str, error: Refused) -> Finding:
    return Finding(
        subject="credentials", ok=False, blocks=True, message=f"{name}: {error}",
        remedy="check the key, its trading right and its IP list under API Management; demo keys work on demo hosts only",
    )  # fmt: skip


def _may_trade(allowed: Any, remedy: str) -> Finding:
    if allowed is False:
        return Finding(subject="trading", ok=False, blocks=True, message="the account may not trade", remedy=remedy)
    return Finding(subject="trading", ok=True, message="the account may trade")


def _rights(product: str) -> Finding:
    return Finding(
        subject="key rights", ok=False,
        message=f"the {product} interface does not tell what this key may do, to which addresses it is bound, or when it ends",
        remedy="look under API Management: withdrawals off, bound to this machine's address",
    )  # fmt: skip
