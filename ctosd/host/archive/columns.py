"""Which column of a table holds what: names and orders vary from one recorder to the next."""

from __future__ import annotations

import re
from collections.abc import Sequence

ALIASES: dict[str, str] = {
    alias: role
    for role, names in {
        "time": "timestamp time datetime fundingtime opentime ts t unix unixtime starttime transacttime timestampms tsevent",
        "day": "date",
        "open": "open o openprice",
        "high": "high h highprice",
        "low": "low l lowprice",
        "close": "close c closeprice",
        "volume": "volume vol v volumebase basevolume basevol",
        "quote_volume": "quotevolume quoteassetvolume volumequote quotevol turnover volumeusdt volumeusd",
        "price": "price p tradeprice",
        "size": "size qty quantity amount q tradesize",
        "side": "side takerside aggressorside",
        "buyer_maker": "buyermaker isbuyermaker m",
        "id": "id tradeid aggtradeid",
        "bid": "bid bidprice bestbid bestbidprice",
        "ask": "ask askprice bestask bestaskprice",
        "bid_size": "bidsize bidqty bidquantity bidamount bestbidqty bestbidsize bidvolume",
        "ask_size": "asksize askqty askquantity askamount bestaskqty bestasksize askvolume",
        "rate": "fundingrate rate lastfundingrate",
        "mark": "mark markprice",
        "symbol": "symbol instrument pair",
    }.items()
    for alias in names.split()
}
NUMBERS = frozenset(
    {"open", "high", "low", "close", "volume", "quote_volume", "price", "size"}
    | {"bid", "ask", "bid_size", "ask_size", "rate", "mark"}
)
NEEDS: dict[str, tuple[str, ...]] = {
    "bars": ("open", "high", "low", "close"),
    "quotes": ("bid", "ask"),
    "funding": ("rate",),
    "trades": ("price", "size"),
}

KLINES = "time open high low close volume close_time quote_volume count taker_volume taker_quote_volume ignore"
HEADERLESS: dict[int, str] = {
    12: KLINES,
    6: "time open high low close volume",
    7: "id price size quote_size time buyer_maker best_match",
    8: "id price size first_id last_id time buyer_maker best_match",
}
"""What files without a header hold, by the number of their columns: Binance's dumps of klines, trades and aggTrades."""


def roles_of(names: Sequence[str]) -> dict[str, int]:
    """Role → column, for the columns whose names are known; the first of two with the same role counts."""
    roles: dict[str, int] = {}
    for index, name in enumerate(names):
        role = ALIASES.get(re.sub(r"[^a-z]", "", name.lower()))
        if role:
            roles.setdefault(role, index)
    if "day" in roles and "time" not in roles:  # a lone date is the whole time; beside a time it is its first half
        roles["time"] = roles.pop("day")
    return roles


def kind_of(roles: dict[str, int]) -> str:
    """The kind of record that the columns can hold; empty when none."""
    return next((kind for kind, needed in NEEDS.items() if all(role in roles for role in needed)), "")


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names its columns rather than filling them: no cell of it is a number."""
    return not any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().lower() not in ("nan", "inf", "infinity")
