"""One account as the driver holds it: who signs, its settings at the venue, what it was last told to hold."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi import Costs
from drivers.backpack.config import AccountConfig
from drivers.backpack.limits import cost
from drivers.backpack.records import Settings
from drivers.backpack.sign import Signer


class Account:
    """`name` is the full one, such as ``backpack/main``; `signer` is None without credentials."""

    def __init__(self, name: str, config: AccountConfig, signer: Signer | None) -> None:
        self.name = name
        self.config = config
        self.signer = signer
        self.settings: Settings | None = None
        self.redeem = False  # whether balances may be lent out, so that spot orders must ask for them back
        self.held: dict[str, Decimal] = {}  # positions that are not flat, as last told
        self.stirred = False  # whether something happened since balances were read
        self.order_cost: Costs = cost(name)

    @property
    def leverage(self) -> Decimal:
        return self.settings.leverage_limit if self.settings is not None else Decimal(1)

    def take_settings(self, settings: Settings) -> None:
        self.settings = settings
        self.redeem = settings.auto_lend

    def statistics(self) -> Mapping[str, Any]:
        return {
            "credentials": self.signer is not None,
            "leverage": str(self.leverage),
            "auto_lend": self.redeem,
            "positions": len(self.held),
        }
