"""What a person should know of an account before it trades. (Sheet sections 1, 6 and 12.)

Findings are pure functions of what the venue says; changes are made only to the subjects that were consented to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import orjson

from ctosd.abi import Finding, NotReady
from ctosd.core.ids import is_ours
from drivers.okx.account import Account
from drivers.okx.config import OkxConfig
from drivers.okx.controls import Controls
from drivers.okx.errors import Refused
from drivers.okx.listing import Listing
from drivers.okx.queries import Queries
from drivers.okx.records import AlgoRow, ConfigRow, OrderRow, PositionRow, decimal
from drivers.okx.rest import Rest

CONFIG_PATH = "/api/v5/account/config"
MODE_PATH = "/api/v5/account/set-position-mode"
LEVELS = {"1": "Spot mode", "2": "Futures mode", "3": "Multi-currency margin", "4": "Portfolio margin"}
MODES = {"net": "net_mode", "hedge": "long_short_mode"}
KEYS_PAGE = "on OKX under Profile > API"

MODE, ORDERS = "position mode", "foreign orders"


def no_credentials(account: str) -> Finding:
    """The account can look at the market only."""
    return Finding(
        subject="credentials",
        ok=False,
        message=f"{account} has none: market data only",
        remedy="write api_key, api_secret and passphrase in accounts.yaml",
        blocks=True,
    )


def key_rights(row: ConfigRow) -> Finding:
    """A key must trade and must not withdraw."""
    rights = [right.strip() for right in row.perm.split(",") if right.strip()]
    shown = ", ".join(rights) or "none told"
    if "withdraw" in rights:
        remedy = f"make a new key without the right to withdraw, {KEYS_PAGE}, and delete this one"
        return Finding(
            subject="key rights", ok=False, message=f"the key may withdraw ({shown})", remedy=remedy, blocks=True
        )
    if rights and "trade" not in rights:
        remedy = f"give the key the right to trade, {KEYS_PAGE}"
        return Finding(
            subject="key rights", ok=False, message=f"the key may not trade ({shown})", remedy=remedy, blocks=True
        )
    return Finding(subject="key rights", ok=True, message=shown)


def key_binding(row: ConfigRow) -> Finding:
    """A key that trades and is bound to no address expires after 14 days without use."""
    if row.ip:
        return Finding(subject="key binding", ok=True, message=f"bound to {row.ip}")
    return Finding(
        subject="key binding",
        ok=False,
        message="the key is bound to no IP address: it works from anywhere, and expires after 14 days without use",
        remedy=f"bind the key to this machine's public address, {KEYS_PAGE}",
    )


def account_level(row: ConfigRow) -> Finding:
    """Perpetuals need more than Spot mode."""
    name = LEVELS.get(row.acct_lv, f"level {row.acct_lv or 'untold'}")
    if row.acct_lv != "1":
        return Finding(subject="account mode", ok=True, message=name)
    return Finding(
        subject="account mode",
        ok=False,
        message=f"{name}: perpetuals are refused, spot trades",
        remedy="to trade perpetuals choose Futures mode on OKX under Trade > Settings > Account mode",
    )


def position_mode(row: ConfigRow, wanted: str) -> Finding:
    """Orders of one mode mean something else in the other, so nothing may leave until they agree."""
    mode = MODES[wanted]
    if row.pos_mode == mode or (row.acct_lv == "1" and not row.pos_mode):
        return Finding(subject=MODE, ok=True, message=row.pos_mode or "none in Spot mode")
    return Finding(
        subject=MODE,
        ok=False,
        message=f"the account is in {row.pos_mode or 'no mode that was told'}, the configuration says {wanted} ({mode})",
        remedy=f"close positions and orders, then set {mode} on OKX under Trade > Settings, or consent to the change; or"
        " write the account's mode as position_mode in the configuration",
        blocks=True,
    )


def foreign_orders(orders: Sequence[OrderRow], algos: Sequence[AlgoRow]) -> Finding:
    """Orders that CTOS did not place."""
    names = [f"{row.inst_id} {row.ord_id}" for row in orders if not is_ours(row.cl_ord_id or row.algo_cl_ord_id)]
    names += [f"{row.inst_id} {row.algo_id} ({row.ord_type})" for row in algos if not is_ours(row.algo_cl_ord_id)]
    if not names:
        return Finding(subject=ORDERS, ok=True, message="none")
    shown = "; ".join(names[:3]) + ("; …" if len(names) > 3 else "")
    return Finding(
        subject=ORDERS,
        ok=False,
        message=f"{len(names)} open orders that CTOS did not place: {shown}",
        remedy="cancel them on OKX, or consent to cancelling every open order of the account",
    )


def margins(rows: Sequence[PositionRow], listing: Listing, margin: str) -> list[Finding]:
    """Open positions: their leverage, and whether orders of ours would reach them."""
    found = []
    for row in rows:
        product = listing.get(row.inst_id)
        if product is None or product.spot or not decimal(row.pos):
            continue
        message = f"{product.symbol}: {row.mgn_mode} margin, leverage {row.lever or 'untold'}"
        same = row.mgn_mode == margin
        remedy = "" if same else f"close it on OKX, or write margin: {row.mgn_mode} in the configuration"
        note = message if same else f"{message}; orders of ours are {margin} and would not reduce it"
        found.append(Finding(subject="leverage", ok=same, message=note, remedy=remedy))
    return found


class Preflight:
    """Asks the venue, and mends what a person consented to."""

    def __init__(self, config: OkxConfig, listing: Listing, rest: Rest, queries: Queries, controls: Controls) -> None:
        self._config = config
        self._listing = listing
        self._rest = rest
        self._queries = queries
        self._controls = controls

    async def __call__(self, account: Account, consent: Collection[str] = ()) -> list[Finding]:
        """The findings. Raises `NotReady`, `AuthFailed`."""
        rows = await self._rest.rows(ConfigRow, CONFIG_PATH, (), account.cost("acc.config"), account)
        if not rows:
            raise NotReady(f"GET {CONFIG_PATH}: no row")
        row = rows[0]
        orders = await self._queries.pending(account, urgent=False)
        algos = await self._queries.conditionals(account)
        await self._queries.positions(account)
        mode, strangers = position_mode(row, self._config.position_mode), foreign_orders(orders, algos)
        if not mode.ok and MODE in consent:
            mode = await self._set_mode(account, mode)
        if not strangers.ok and ORDERS in consent:
            await self._controls.cancel_everything(account)
            strangers = Finding(subject=ORDERS, ok=True, message="every open order was cancelled")
        held = margins(account.positions.rows(), self._listing, self._config.margin)
        return [key_rights(row), key_binding(row), account_level(row), mode, strangers, *held]

    async def _set_mode(self, account: Account, before: Finding) -> Finding:
        mode = MODES[self._config.position_mode]
        try:
            await self._rest.set(MODE_PATH, orjson.dumps({"posMode": mode}), account.cost("acc.posmode"), account)
        except Refused as error:
            message = f"{before.message}; it could not be changed: {error}"
            return Finding(subject=MODE, ok=False, message=message, remedy=before.remedy, blocks=True)
        return Finding(subject=MODE, ok=True, message=f"changed to {mode}")
