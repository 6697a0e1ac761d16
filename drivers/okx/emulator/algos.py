"""Conditional orders: trigger orders and take-profit or stop-loss orders that wait for the last price (sheet section 7).

They wait on the stage; when one is reached an order of the book comes of it. Of the two of an `oco` the first that is
reached takes the other away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Cancel, OrderUpdate, Outcome, Place, Rejected, Side, exact
from drivers.okx.emulator import terms as reading
from drivers.okx.emulator.figures import ms, number, plain
from drivers.okx.emulator.ledger import Book, Numbers
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.orders import Ticket
from drivers.okx.emulator.paging import page
from drivers.okx.emulator.refusals import Refusal
from drivers.paper.stage import Stage

KINDS = ("conditional", "oco", "trigger")
PRICES = ("last", "mark", "index", "")
MARKET_PRICE = "-1"
Given = Mapping[str, Any]
Row = dict[str, Any]
EMPTY = (
    *(
        "activePx",
        "amendPxOnTriggerType",
        "callbackRatio",
        "callbackSpread",
        "ccy",
        "chaseType",
        "chaseVal",
        "closeFraction",
    ),
    *("maxChaseType", "maxChaseVal", "moveTriggerPx", "pxLimit", "pxSpread", "pxVar", "quickMgnType", "szLimit"),
    *("timeInterval", "advChaseParams"),
)


class Algo(msgspec.Struct, kw_only=True, eq=False):
    """One conditional order. `prices` has trigger and order price of each of its parts: ``tp``, ``sl`` or ``trigger``."""

    account: str
    market: Market
    id: str
    kind: str
    side: Side
    size: Decimal
    prices: dict[str, tuple[Decimal, Decimal | None]]
    price_type: str
    mode: str
    pos_side: str
    reduce_only: bool
    client_id: str
    tag: str
    created_ns: int
    updated_ns: int
    state: str = "live"
    order_id: str = ""
    actual: str = ""
    triggered_ns: int = 0
    fail_code: str = ""

    def key(self, part: str) -> str:
        """The name of a part on the stage."""
        return f"{self.id}{part}"

    def row(self) -> Row:
        pairs: Row = {}
        for part in ("tp", "sl"):
            trigger, price = self.prices.get(part, (None, None))
            pairs |= {
                f"{part}TriggerPx": plain(trigger),
                f"{part}OrdPx": "" if trigger is None else plain(price) or MARKET_PRICE,
                f"{part}TriggerPxType": "" if trigger is None else self.price_type,
            }
        trigger, price = self.prices.get("trigger", (None, None))
        fired = self.state == "effective"
        return {
            **dict.fromkeys(EMPTY, ""),
            **pairs,
            "actualPx": "",
            "actualSide": self.actual,
            "actualSz": plain(self.size) if fired else "0",
            "algoClOrdId": self.client_id,
            "algoId": self.id,
            "attachAlgoOrds": [],
            "cTime": ms(self.created_ns),
            "clOrdId": "",
            "failCode": self.fail_code,
            "instId": self.market.id,
            "instType": self.market.type,
            "isTradeBorrowMode": "",
            "last": "",
            "lever": "",
            "linkedOrd": {"ordId": ""},
            "ordId": self.order_id,
            "ordIdList": [self.order_id] if self.order_id else [],
            "ordPx": "" if trigger is None else plain(price) or MARKET_PRICE,
            "ordType": self.kind,
            "posSide": self.pos_side,
            "reduceOnly": "true" if self.reduce_only else "false",
            "side": self.side,
            "state": self.state,
            "sz": plain(self.size),
            "tag": self.tag,
            "tdMode": self.mode,
            "tgtCcy": "",
            "triggerPx": plain(trigger),
            "triggerPxType": "" if trigger is None else self.price_type,
            "triggerTime": ms(self.triggered_ns),
            "tradeQuoteCcy": "",
            "uTime": ms(self.updated_ns),
        }

    def push(self) -> Row:
        more = dict.fromkeys(("amendResult", "reqId", "notionalUsd", "px"), "")
        return {**self.row(), **more, "code": "0", "msg": ""}


class Algos:
    """`tell` hears of each change. Methods that answer requests raise `Refusal`."""

    def __init__(
        self, stage: Stage, listing: Listing, books: Mapping[str, Book], numbers: Numbers, now: Callable[[], int]
    ) -> None:
        self._stage = stage
        self._listing = listing
        self._books = books
        self._numbers = numbers
        self._now = now
        self._all: dict[str, Algo] = {}
        self._keys: dict[str, Algo] = {}
        self.tell: Callable[[Algo], None] = lambda algo: None

    # -- requests ---------------------------------------------------------------------------------------------------------

    def place(self, account: str, given: Given) -> Row:
        algo = self._read(self._books[account], given)
        self._stage.open(algo.market.symbol)
        for part, (trigger, price) in algo.prices.items():
            self._keys[algo.key(part)] = algo
            outcome = self._stage.execute(self._command(algo, part, trigger, price))
            if isinstance(outcome, Rejected):
                raise Refusal("51065")
        self._all[algo.id] = algo
        self.tell(algo)
        row = {"algoId": algo.id, "algoClOrdId": algo.client_id, "clOrdId": "", "tag": algo.tag}
        return {**row, "sCode": "0", "sMsg": "", "subCode": ""}

    def _read(self, book: Book, given: Given) -> Algo:
        market = self._listing.named(given.get("instId"))
        kind = given.get("ordType")
        if kind in ("move_order_stop", "iceberg", "twap", "chase"):
            raise Refusal("50062")
        if kind not in KINDS:
            raise Refusal("51000" if kind else "50014", "ordType")
        # The rest of it is read as an order at the market would be.
        client_id = given.get("algoClOrdId") or ""
        plain_order = {**given, "ordType": "market", "clOrdId": client_id, "tgtCcy": "base_ccy"}
        terms = reading.read(plain_order, market, book)
        if any(each.client_id == client_id and each.state == "live" for each in self._of(book) if client_id):
            raise Refusal("51065")
        price_type = next(
            (given[name] for name in ("triggerPxType", "slTriggerPxType", "tpTriggerPxType") if given.get(name)), "last"
        )
        if price_type not in PRICES:
            raise Refusal("51000", "triggerPxType")
        now_ns = self._now()
        return Algo(
            account=book.account, market=market, id=self._numbers.order(), kind=str(kind), side=terms.side,
            size=terms.size, prices=self._prices(str(kind), given, market, terms.side), price_type=str(price_type),
            mode=terms.mode, pos_side=terms.pos_side, reduce_only=terms.reduce_only, client_id=client_id,
            tag=terms.tag, created_ns=now_ns, updated_ns=now_ns,
        )  # fmt: skip

    def _of(self, book: Book) -> list[Algo]:
        return [algo for algo in self._all.values() if algo.account == book.account]

    def _prices(self, kind: str, given: Given, market: Market, side: str) -> dict[str, tuple[Decimal, Decimal | None]]:
        if kind == "trigger":
            return {"trigger": self._pair(given, market, "triggerPx", "orderPx")}
        found = {
            part: self._pair(given, market, f"{part}TriggerPx", f"{part}OrdPx")
            for part in ("tp", "sl")
            if given.get(f"{part}TriggerPx") not in (None, "")
        }
        if not found or (kind == "oco" and len(found) < 2):
            raise Refusal("50015", "tpTriggerPx", "slTriggerPx")
        last = exact(self._stage.last_price(market.symbol))
        for part, (trigger, _) in found.items():
            rises = (part == "tp") == (side == "sell")
            if rises and trigger <= last:
                raise Refusal("51279" if part == "tp" else "51278")
            if not rises and trigger >= last:
                raise Refusal("51277" if part == "tp" else "51280")
        return found

    @staticmethod
    def _pair(given: Given, market: Market, trigger_name: str, price_name: str) -> tuple[Decimal, Decimal | None]:
        trigger = number(given.get(trigger_name))
        written = given.get(price_name)
        if not trigger or trigger % market.tick:
            raise Refusal("51000", trigger_name)
        if written in (None, ""):
            raise Refusal("50014", price_name)
        price = None if str(written) == MARKET_PRICE else number(written)
        if price is not None and (not price or price % market.tick):
            raise Refusal("51000", price_name)
        if price is None and str(written) != MARKET_PRICE:
            raise Refusal("51000", price_name)
        return trigger, price

    @staticmethod
    def _command(algo: Algo, part: str, trigger: Decimal, price: Decimal | None) -> Place:
        return Place(
            account=algo.account,
            client_id=algo.key(part),
            symbol=algo.market.symbol,
            side=algo.side,
            type="market" if price is None else "limit",
            size=algo.market.coins(algo.size),
            price=price,
            reduce_only=algo.reduce_only,
            trigger=trigger,
        )

    def cancel(self, account: str, given: Given) -> Row:
        algo = self._find(account, given)
        if algo is None or algo.state != "live":
            raise Refusal("51400")
        self.withdraw(algo)
        row = {"algoId": algo.id, "algoClOrdId": algo.client_id, "clOrdId": "", "tag": algo.tag}
        return {**row, "sCode": "0", "sMsg": "", "subCode": ""}

    def withdraw(self, algo: Algo) -> None:
        for part in algo.prices:
            self._stage.execute(
                Cancel(account=algo.account, client_id=algo.key(part), venue_id="", symbol=algo.market.symbol)
            )
        self._end(algo, "canceled")

    def _find(self, account: str, given: Given) -> Algo | None:
        wanted, name = given.get("algoId"), given.get("algoClOrdId")
        if wanted in (None, "") and name in (None, ""):
            raise Refusal("50015", "algoId", "algoClOrdId")
        mine = [algo for algo in self._all.values() if algo.account == account]
        return next(
            (
                algo
                for algo in reversed(mine)
                if (algo.id == str(wanted) if wanted not in (None, "") else algo.client_id == name)
            ),
            None,
        )

    def order(self, account: str, given: Given) -> list[Row]:
        algo = self._find(account, given)
        if algo is None:
            raise Refusal("51603")
        return [algo.row()]

    def pending(self, account: str, given: Given) -> list[Row]:
        return [algo.row() for algo in self._asked(account, given, live=True)]

    def history(self, account: str, given: Given) -> list[Row]:
        state = given.get("state")
        if not state and not given.get("algoId"):
            raise Refusal("50015", "state", "algoId")
        found = self._asked(account, given, live=False)
        return [algo.row() for algo in found if state in (None, "", algo.state)]

    def _asked(self, account: str, given: Given, *, live: bool) -> list[Algo]:
        """Newest first, of the kinds and the instrument that are asked for."""
        kinds = str(given.get("ordType") or "").split(",")
        if kinds == [""]:
            raise Refusal("50014", "ordType")
        found = (
            algo
            for algo in reversed(self._all.values())
            if algo.account == account
            and algo.kind in kinds
            and given.get("instId") in (None, "", algo.market.id)
            and given.get("instType") in (None, "", algo.market.type)
            and given.get("algoId") in (None, "", algo.id)
            and ((algo.state == "live") == live)
        )
        return page(found, given, lambda each: int(each.id))

    # -- what becomes of them -----------------------------------------------------------------------------------------------

    def adopt(self, update: OrderUpdate) -> Ticket | None:
        """The order of the book that comes of a conditional one."""
        algo = self._keys.get(update.client_id)
        if algo is None:
            return None
        market, now_ns = algo.market, self._now()
        algo.order_id = self._numbers.order()
        return Ticket(
            account=algo.account, market=market, id=algo.order_id, key=update.client_id, side=update.side,
            type=update.type, size=market.contracts(update.size), price=update.price, created_ns=now_ns,
            updated_ns=now_ns, pos_side=algo.pos_side, mode=algo.mode, reduce_only=algo.reduce_only,
            tag=algo.tag, source="7" if algo.kind == "trigger" else "", algo_id=algo.id,
            algo_client_id=algo.client_id, fee_asset=market.settle if market.swap else market.quote,
        )  # fmt: skip

    def triggered(self, place: Place, outcome: Outcome) -> None:
        """The stage let one of them go."""
        algo = self._keys.get(place.client_id)
        if algo is None or algo.state != "live":
            return
        part = place.client_id[len(algo.id) :]
        for other in algo.prices:
            if other != part:
                self._stage.execute(
                    Cancel(account=algo.account, client_id=algo.key(other), venue_id="", symbol=place.symbol)
                )
        algo.actual, algo.triggered_ns = part if part != "trigger" else "", self._now()
        if isinstance(outcome, Rejected):
            algo.fail_code = {"reduce_only": "51169", "insufficient_funds": "51008"}.get(outcome.reason, "51022")
            self._end(algo, "order_failed")
        else:
            self._end(algo, "effective")

    def _end(self, algo: Algo, state: str) -> None:
        algo.state, algo.updated_ns = state, self._now()
        self.tell(algo)

    def truth(self, account: str) -> list[dict[str, str]]:
        return [
            {"id": algo.id, "client_id": algo.client_id, "symbol": algo.market.symbol, "state": algo.state}
            for algo in self._all.values()
            if algo.account == account
        ]
