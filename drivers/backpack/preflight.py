"""What a person should know of an account before it trades, and the remedy for what is wrong.

Backpack does not tell what a key may do. Whether it may trade is found by cancelling an order that cannot exist; whether it may
withdraw cannot be found out without trying.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from ctosd.abi import AuthFailed, Finding, NotReady
from ctosd.core.ids import is_ours
from drivers.backpack.account import Account
from drivers.backpack.errors import VenueError
from drivers.backpack.listing import Listing
from drivers.backpack.queries import Queries, signer_of
from drivers.backpack.records import Settings
from drivers.backpack.rest import Rest, write_of
from drivers.backpack.sign import plain

AUTO_LEND = "auto lend"
LEVERAGE = "leverage"
NO_ORDER = "0"
"""An order id that no order has."""


class Preflight:
    """Looks at one account after the other."""

    def __init__(self, rest: Rest, listing: Listing, queries: Queries) -> None:
        self._rest = rest
        self._listing = listing
        self._queries = queries

    async def look(self, account: Account, consent: Collection[str]) -> Sequence[Finding]:
        """All findings. Raises `NotReady` when the venue cannot be asked."""
        if account.signer is None:
            return [_wrong("credentials", f"{account.name} has none: its markets can be watched, it cannot trade",
                           "write api_key and api_secret of a Backpack key into accounts.yaml", blocks=True)]  # fmt: skip
        try:
            settings = await self._queries.settings(account)
        except AuthFailed as error:
            remedy = (
                "make a key in Backpack's API settings and copy both its parts; a subaccount needs a key of its own"
            )
            return [_wrong("credentials", str(error), remedy, blocks=True)]
        return [
            _right("credentials", "the key is accepted"),
            *await self._rights(account),
            _liquidating(settings),
            await self._lending(account, settings, consent),
            await self._leverage(account, settings, consent),
            _fees(settings),
            *await self._foreign(account),
            _right("position mode", "net positions and cross margin, which are the only ones at Backpack"),
        ]

    async def set_leverage(self, account: Account, leverage: Decimal) -> None:
        """Change the leverage of the whole account. Raises `NotReady`."""
        await self._update(account, {"leverageLimit": plain(Decimal(leverage))})
        await self._queries.settings(account)

    async def _update(self, account: Account, params: dict[str, object]) -> None:
        write = write_of("PATCH", "/api/v1/account", "accountUpdate", params)
        await self._rest.change(account.name, signer_of(account), write)

    # -- the single findings ----------------------------------------------------------------------------------------------

    async def _rights(self, account: Account) -> Sequence[Finding]:
        market = next(iter(self._listing.by_symbol.values()), None)
        if market is None:
            return []
        withdraw = _right("withdrawals", "Backpack does not tell whether this key may withdraw; give it no such right")
        params = {"orderId": NO_ORDER, "symbol": market.native}
        write = write_of("DELETE", "/api/v1/order", "orderCancel", params)
        try:
            await self._rest.change(account.name, signer_of(account), write)
        except VenueError as error:
            if error.verdict.reason in ("auth", "permission"):
                remedy = "give the key the right to trade in Backpack's API settings, or make a new one that has it"
                return [_wrong("key rights", f"the key may not trade: {error}", remedy, blocks=True), withdraw]
            if error.verdict.reason not in ("order_not_found", "bad_request", "filter"):
                message = f"whether the key may trade could not be found out: {error}"
                return [_wrong("key rights", message, "look at the key in Backpack's API settings"), withdraw]
        return [_right("key rights", "the key may trade"), withdraw]

    async def _lending(self, account: Account, settings: Settings, consent: Collection[str]) -> Finding:
        if not settings.auto_lend:
            return _right(AUTO_LEND, "off")
        if AUTO_LEND in consent:
            await self._update(account, {"autoLend": False})
            settings = await self._queries.settings(account)
            if not settings.auto_lend:
                return _right(
                    AUTO_LEND, "was on and is off now; what is lent out already stays lent until it is redeemed"
                )
        return _right(AUTO_LEND, "on: balances are lent out, and spot orders ask for them back (autoLendRedeem)")

    async def _leverage(self, account: Account, settings: Settings, consent: Collection[str]) -> Finding:
        wanted = account.config.leverage
        if wanted is not None and wanted != settings.leverage_limit and LEVERAGE in consent:
            await self.set_leverage(account, wanted)
            settings = account.settings or settings
        message = f"{settings.leverage_limit.normalize():f}, for the whole account"
        if wanted is None or wanted == settings.leverage_limit:
            return _right(LEVERAGE, message)
        remedy = f"set the leverage of the account to {wanted} at Backpack, or correct `leverage:` of {account.name}"
        return _wrong(LEVERAGE, f"{message}, not {wanted} as configured", remedy)

    async def _foreign(self, account: Account) -> Sequence[Finding]:
        orders = await self._queries.open_orders(account)
        foreign = [order for order in orders if not is_ours(order.client_id)]
        if not foreign:
            return [_right("foreign orders", f"none; {len(orders)} of our own")]
        shown = ", ".join(f"{order.venue_id} on {order.symbol}" for order in foreign[:5])
        remedy = "give CTOS a subaccount of its own, or cancel them: both would count on the same margin"
        return [_wrong("foreign orders", f"{len(foreign)} open orders are not ours: {shown}", remedy)]

    async def demand(self, account: Account) -> None:
        """What must hold before anything starts. Raises `NotReady` or `AuthFailed`."""
        settings = await self._queries.settings(account)
        if settings.liquidating:
            raise NotReady(f"{account.name} is being liquidated by Backpack: {LIQUIDATING}")


LIQUIDATING = "add collateral or reduce positions at Backpack, then start again"


def _right(subject: str, message: str) -> Finding:
    return Finding(subject=subject, ok=True, message=message)


def _wrong(subject: str, message: str, remedy: str, *, blocks: bool = False) -> Finding:
    return Finding(subject=subject, ok=False, message=message, remedy=remedy, blocks=blocks)


def _liquidating(settings: Settings) -> Finding:
    if settings.liquidating:
        return _wrong("liquidation", "the account is being liquidated", LIQUIDATING, blocks=True)
    return _right("liquidation", "the account is not being liquidated")


def _fees(settings: Settings) -> Finding:
    return _right(
        "fees",
        f"maker and taker in basis points: perpetuals {settings.futures_maker_fee} and {settings.futures_taker_fee},"
        f" spot {settings.spot_maker_fee} and {settings.spot_taker_fee}",
    )
