"""Stream names are understood or refused."""

import pytest

from drivers.backpack.emulator.markets import SYMBOLS, Markets, settings_of
from drivers.backpack.emulator.names import understand
from drivers.paper import listing
from tests.drivers.backpack.emulator.counter import PERP, SOL

MARKETS = Markets({symbol: listing.instrument("backpack", symbol) for symbol in SYMBOLS}, settings_of(None))


@pytest.mark.parametrize(
    ("text", "kind", "name", "part"),
    [
        (f"bookTicker.{SOL}", "bookTicker", SOL, ""),
        (f"depth.{PERP}", "depth", PERP, ""),
        (f"depth.600ms.{PERP}", "depth", PERP, "600ms"),
        (f"kline.1month.{SOL}", "kline", SOL, "1month"),
        (f"markPrice.{PERP}", "markPrice", PERP, ""),
        ("liquidation", "liquidation", None, ""),
        ("account.orderUpdate", "account.orderUpdate", None, ""),
        (f"account.positionUpdate.{PERP}", "account.positionUpdate", PERP, ""),
        ("account.balanceUpdate", "account.balanceUpdate", None, ""),
    ],
)
def test_names_of_this_venue(text: str, kind: str, name: str | None, part: str) -> None:
    found = understand(text, MARKETS)
    assert found is not None
    assert (found.kind, found.market.name if found.market else None, found.part) == (kind, name, part)
    assert found.private == text.startswith("account.")


@pytest.mark.parametrize(
    "text",
    [
        "", "depth", "depth.", "depth.NO_USDC", f"depth.500ms.{SOL}", f"kline.{SOL}", f"kline.2m.{SOL}", f"markPrice.{SOL}",
        f"openInterest.{SOL}", f"sol.{SOL}", f"DEPTH.{SOL}", "account", "account.orders", "account.orderUpdate.NO_USDC",
        f"account.balanceUpdate.{SOL}", "liquidation.SOL_USDC", None, 7,
    ],
)  # fmt: skip
def test_names_of_no_stream(text: object) -> None:
    assert understand(text, MARKETS) is None
