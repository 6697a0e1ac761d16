"""One account's record."""

import json
from decimal import Decimal as D

from drivers.backpack.account import Account
from drivers.backpack.config import AccountConfig
from drivers.backpack.records import Settings, read
from tests.drivers.backpack.exchange import MAIN, SETTINGS


def test_settings_are_kept() -> None:
    """Lending at the venue decides whether spot orders ask for their coins back."""
    account = Account(MAIN, AccountConfig(), None)
    assert (account.leverage, account.redeem) == (D(1), False)
    account.take_settings(read(json.dumps({**SETTINGS, "autoLend": True}).encode(), Settings))
    assert (account.leverage, account.redeem) == (D(10), True)
    assert account.order_cost == (("bp.rest@backpack/main", 1.0),)
    assert account.statistics() == {"credentials": False, "leverage": "10", "auto_lend": True, "positions": 0}
