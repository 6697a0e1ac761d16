"""One account: credentials and scopes."""

import pytest

from ctosd.abi import AuthFailed
from drivers.okx.account import Account
from drivers.okx.sign import Signer
from tests.drivers.okx.scripted import MAIN, listing


def test_without_credentials_nothing_is_signed() -> None:
    account = Account(MAIN, None, listing())
    assert not account.has_keys
    with pytest.raises(AuthFailed, match="okx/main has no credentials"):
        _ = account.signer


def test_costs_name_the_account_and_the_instrument() -> None:
    account = Account(MAIN, Signer("k", "s", "p"), listing())
    assert account.has_keys
    assert account.cost("trd.place", "BTC-USDT") == (("trd.place@okx/main:BTC-USDT", 1.0),)
    assert account.cost("acc.fee", tokens=2) == (("acc.fee@okx/main", 2),)
    assert account.statistics() == {"keys": True, "armed": 0, "guarded": []}
