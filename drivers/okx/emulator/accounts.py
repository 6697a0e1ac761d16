"""Settings of accounts, in OKX's words: leverage, position mode, fees, what could be bought (sheet section 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi import CallerMistake
from drivers.okx.emulator.figures import ms, number, plain
from drivers.okx.emulator.holdings import Holdings
from drivers.okx.emulator.ledger import Book
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.refusals import Refusal
from drivers.paper.stage import Stage

ZERO = Decimal(0)
CENT = Decimal("1e-8")
Given = Mapping[str, Any]
Row = dict[str, Any]


class Accounts:
    """Answers of requests that say `given`. They raise `Refusal`."""

    def __init__(
        self, stage: Stage, listing: Listing, books: Mapping[str, Book], holdings: Holdings, now: Callable[[], int]
    ) -> None:
        self._stage = stage
        self._listing = listing
        self._books = books
        self._holdings = holdings
        self._now = now

    def instruments(self, account: str, given: Given) -> list[Row]:
        """What this account may trade: everything."""
        return listed(self._listing, given)

    def max_size(self, account: str, given: Given) -> list[Row]:
        rows = []
        for name in str(given.get("instId") or "").split(","):
            market = self._listing.named(name)
            if given.get("tdMode") not in ("cash", "cross", "isolated"):
                raise Refusal("51000" if given.get("tdMode") else "50014", "tdMode")
            bid, ask = self._most(account, market)
            rows.append({"ccy": "", "instId": market.id, "maxBuy": bid, "maxSell": ask})
        return rows

    def max_available(self, account: str, given: Given) -> list[Row]:
        """In money: the quote asset for buys, for sells the base (spot) or the settlement asset."""
        market = self._listing.named(given.get("instId"))
        held = {each.asset: each.available for each in self._stage.floor.engine.balances(account)}
        buys, sells = (market.settle, market.settle) if market.swap else (market.quote, market.base)
        row = {"availBuy": plain(held.get(buys, ZERO)), "availSell": plain(held.get(sells, ZERO))}
        return [{"instId": market.id, **row}]

    def _most(self, account: str, market: Market) -> tuple[str, str]:
        held = {each.asset: each.available for each in self._stage.floor.engine.balances(account)}
        mark = self._holdings.mark(market)
        if not market.swap:
            return plain((held.get(market.quote, ZERO) / mark).quantize(CENT)), plain(held.get(market.base, ZERO))
        worth = held.get(market.settle, ZERO) * self._holdings.leverage(account, market)
        most = plain(worth // (mark * market.value) if mark else ZERO)
        return most, most

    # -- leverage -------------------------------------------------------------------------------------------------------

    def leverage_info(self, account: str, given: Given) -> list[Row]:
        mode = self._margin_mode(given)
        return [
            {
                "ccy": "",
                "instId": market.id,
                "mgnMode": mode,
                "posSide": side,
                "lever": plain(self._holdings.leverage(account, market)),
            }
            for market in (self._listing.named(name) for name in str(given.get("instId") or "").split(","))
            for side in (("long", "short") if mode == "isolated" and self._books[account].hedged else ("net",))
        ]

    @staticmethod
    def _margin_mode(given: Given) -> str:
        mode = given.get("mgnMode")
        if mode in (None, ""):
            raise Refusal("50014", "mgnMode")
        if mode not in ("cross", "isolated"):
            raise Refusal("51000", "mgnMode")
        return str(mode)

    def set_leverage(self, account: str, given: Given) -> list[Row]:
        market, mode = self._listing.named(given.get("instId")), self._margin_mode(given)
        side, book = given.get("posSide") or "", self._books[account]
        wanted = number(given.get("lever"))
        if not wanted or not market.swap:
            raise Refusal("51000", "lever" if market.swap else "instId")
        if side not in (("long", "short") if mode == "isolated" and book.hedged else ("", "net")):
            raise Refusal("51000", "posSide")
        if wanted > market.leverage:
            raise Refusal("59102")
        if wanted != self._holdings.leverage(account, market):
            if any(ticket.market is market for ticket in book.pending.values()):
                raise Refusal("59107")
            try:
                self._stage.set_leverage(account, market.symbol, wanted)
            except CallerMistake:
                raise Refusal("59108" if wanted >= 1 else "51000", "lever") from None
        return [{"lever": plain(wanted), "mgnMode": mode, "instId": market.id, "posSide": side or "net"}]

    # -- settings -------------------------------------------------------------------------------------------------------

    def config(self, account: str, given: Given) -> list[Row]:
        book = self._books[account]
        empty = ("opAuth", "ip", "settleCcy", "levelTmp")
        return [
            {
                **dict.fromkeys(empty, ""),
                "acctLv": "2",
                "acctStpMode": "cancel_maker",
                "autoLoan": False,
                "ctIsoMode": "automatic",
                "enableSpotBorrow": False,
                "feeType": "1",
                "greeksType": "PA",
                "kycLv": "3",
                "label": "emulator",
                "level": "Lv1",
                "liquidationGear": "-1",
                "mainUid": book.uid,
                "mgnIsoMode": "automatic",
                "opAuth": "0",
                "perm": "read_only,trade",
                "posMode": "long_short_mode" if book.hedged else "net_mode",
                "roleType": "0",
                "settleCcyList": ["USDT", "USDC", "USD"],
                "spotBorrowAutoRepay": False,
                "spotOffsetType": "",
                "spotRoleType": "0",
                "spotTraderInsts": [],
                "stgyType": "0",
                "traderInsts": [],
                "type": "0",
                "uid": book.uid,
            }
        ]

    def set_position_mode(self, account: str, given: Given) -> list[Row]:
        book, mode = self._books[account], given.get("posMode")
        if mode in (None, ""):
            raise Refusal("50014", "posMode")
        if mode not in ("net_mode", "long_short_mode"):
            raise Refusal("51000", "posMode")
        if (mode == "long_short_mode") != book.hedged:
            pending = any(ticket.market.swap for ticket in book.pending.values())
            if pending or book.open_legs():
                raise Refusal("59000")
            book.hedged = not book.hedged
        return [{"posMode": mode}]

    def trade_fee(self, account: str, given: Given) -> list[Row]:
        kind = given.get("instType")
        if kind in (None, ""):
            raise Refusal("50014", "instType")
        if kind not in ("SPOT", "SWAP", "MARGIN", "FUTURES", "OPTION"):
            raise Refusal("51000", "instType")
        named = self._listing.named(given["instId"]) if given.get("instId") else None
        market = named or next(iter(self._listing.of_type("SWAP" if kind in ("SWAP", "FUTURES") else "SPOT")), None)
        if market is None:
            return []
        maker, taker = plain(-market.maker), plain(-market.taker)
        group = "4" if market.swap else "1"
        old = ("delivery", "exercise", "makerUSDC", "takerUSDC", "uly", "category", "ruleType", "settle")
        return [
            {
                **dict.fromkeys(old, ""),
                "feeGroup": [{"groupId": group, "maker": maker, "taker": taker, "rpiMaker": "", "elpMaker": ""}],
                "fiat": [],
                "instType": kind,
                "level": "Lv1",
                "maker": maker,
                "makerU": maker,
                "taker": taker,
                "takerU": taker,
                "ts": ms(self._now()),
            }
        ]


def listed(listing: Listing, given: Given) -> list[Row]:
    """Rows of instruments of a type. Raises `Refusal`."""
    kind, name = given.get("instType"), given.get("instId")
    if kind in (None, ""):
        raise Refusal("50014", "instType")
    if kind not in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"):
        raise Refusal("51000", "instType")
    if kind == "OPTION" and not (given.get("uly") or given.get("instFamily")):
        raise Refusal("50015", "uly", "instFamily")
    family = given.get("instFamily") or given.get("uly")
    markets = [
        market
        for market in listing.of_type(kind)
        if name in (None, "", market.id) and family in (None, "", market.family)
    ]
    if name and not markets:
        raise Refusal("51001" if listing.find(name) is None else "51015")
    return [market.row() for market in markets]
