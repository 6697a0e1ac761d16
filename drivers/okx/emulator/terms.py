"""What a client wrote in an order, read and judged before anything looks at the market (sheet section 7.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import msgspec

from ctosd.abi import Side
from drivers.okx.emulator.figures import number, whole
from drivers.okx.emulator.ledger import Book
from drivers.okx.emulator.listing import PENDING, PENDING_IN_ALL, Market
from drivers.okx.emulator.orders import Ticket
from drivers.okx.emulator.refusals import Refusal

CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
TAG = re.compile(r"[A-Za-z0-9]{1,16}")
PRICED = ("limit", "post_only", "fok", "ioc", "rpi")
UNPRICED = ("market", "optimal_limit_ioc")
STP = ("cancel_maker", "cancel_taker", "cancel_both")
Given = Mapping[str, Any]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was asked for; `size` in contracts, base coins or quote money."""

    market: Market
    side: Side
    type: str
    size: Decimal
    price: Decimal | None
    mode: str
    pos_side: str
    target: str
    reduce_only: bool
    client_id: str
    tag: str
    stp: str

    @property
    def closes(self) -> bool:
        """Whether it can only make a leg of the long/short mode smaller."""
        return (self.side, self.pos_side) in (("sell", "long"), ("buy", "short"))

    @property
    def in_quote(self) -> bool:
        return self.target == "quote_ccy"


def read(given: Given, market: Market, book: Book) -> Terms:
    """Raises `Refusal`."""
    for name in ("tdMode", "side", "ordType", "sz"):
        if given.get(name) in (None, ""):
            raise Refusal("50014", name)
    client_id, tag = labels(given)
    kind = _one_of(given, "ordType", (*PRICED, *UNPRICED))
    side = cast("Side", _one_of(given, "side", ("buy", "sell")))
    mode = _mode(given, market)
    size = number(given["sz"])
    if not size:
        raise Refusal("51000", "sz")
    price = _price(given, kind)
    terms = Terms(
        market=market,
        side=side,
        type=kind,
        size=size,
        price=price,
        mode=mode,
        pos_side=_pos_side(given, market, book),
        target=_target(given, market, kind, side),
        reduce_only=market.swap and not book.hedged and flag(given, "reduceOnly"),
        client_id=client_id,
        tag=tag,
        stp=_one_of({"stpMode": given.get("stpMode") or STP[0]}, "stpMode", STP),
    )
    _grids(terms)
    _room(terms, book)
    return terms


def labels(given: Given) -> tuple[str, str]:
    """`(clOrdId, tag)`. Raises `Refusal`."""
    client_id, tag = given.get("clOrdId") or "", given.get("tag") or ""
    if client_id and not (isinstance(client_id, str) and CLIENT_ID.fullmatch(client_id)):
        raise Refusal("51000", "clOrdId")
    if tag and not (isinstance(tag, str) and TAG.fullmatch(tag)):
        raise Refusal("51000", "tag")
    return client_id, tag


def flag(given: Given, name: str) -> bool:
    """A truth value, bare or as a word. Raises `Refusal`."""
    value = given.get(name, False)
    if value in (True, "true"):
        return True
    if value in (False, "false", "", None):
        return False
    raise Refusal("51000", name)


def _one_of(given: Given, name: str, words: tuple[str, ...]) -> str:
    value = given.get(name)
    if value not in words:
        raise Refusal("51000", name)
    return cast("str", value)


def _mode(given: Given, market: Market) -> str:
    mode = _one_of(given, "tdMode", ("cash", "cross", "isolated", "spot_isolated"))
    if mode == "spot_isolated" or (mode == "cash") == market.swap:
        if market.swap:
            raise Refusal("51000", "tdMode")
        raise Refusal("51010")  # margin trading of spot: not in this account
    return mode


def _price(given: Given, kind: str) -> Decimal | None:
    if kind in UNPRICED:
        return None
    if given.get("px") in (None, ""):
        raise Refusal("51204")
    price = number(given["px"])
    if not price:
        raise Refusal("51000", "px")
    return price


def _pos_side(given: Given, market: Market, book: Book) -> str:
    value = given.get("posSide") or ""
    if not market.swap:
        if value not in ("", "net"):
            raise Refusal("51000", "posSide")
        return "net"
    if value not in (("long", "short") if book.hedged else ("", "net")):
        raise Refusal("51000", "posSide")
    return value or "net"


def _target(given: Given, market: Market, kind: str, side: str) -> str:
    """In what the size of a spot market order counts: by default a buy's in quote money, a sell's in base coins."""
    if market.swap or kind != "market":
        return ""
    value = given.get("tgtCcy") or ("quote_ccy" if side == "buy" else "base_ccy")
    if value not in ("quote_ccy", "base_ccy"):
        raise Refusal("51000", "tgtCcy")
    return cast("str", value)


def _grids(terms: Terms) -> None:
    market = terms.market
    if not terms.in_quote:
        check_size(market, terms.size, at_market=terms.price is None)
    if terms.price is not None and terms.price % market.tick:
        raise Refusal("51150")


def check_size(market: Market, size: Decimal, *, at_market: bool = False) -> None:
    """Raises `Refusal`."""
    if size < market.least:
        raise Refusal("51020")
    if size % market.lot:
        raise Refusal("51121")
    if at_market and size > market.most_at_market:
        raise Refusal("51202")
    if size > market.most:
        raise Refusal("51101", f"{market.most:f}")


def _room(terms: Terms, book: Book) -> None:
    if terms.client_id:
        check_free(book, terms.client_id)
    if len(book.pending) >= PENDING_IN_ALL:
        raise Refusal("51103", PENDING_IN_ALL)
    if sum(ticket.market is terms.market for ticket in book.pending.values()) >= PENDING:
        raise Refusal("51102", PENDING)


def check_free(book: Book, client_id: str) -> None:
    """A client id must be unique among pending orders; afterwards it may be used again. Raises `Refusal`."""
    last = book.by_client.get(client_id)
    if last is not None and last.open:
        raise Refusal("51016")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An amendment as it was asked for. `size` is the new total, what was filled included."""

    ticket: Ticket
    size: Decimal | None
    price: Decimal | None
    cancel_on_failure: bool
    request_id: str


def read_change(given: Given, market: Market, book: Book) -> Change:
    """Raises `Refusal`."""
    if given.get("ordId") in (None, "") and given.get("clOrdId") in (None, ""):
        raise Refusal("51003")
    ticket = book.find(market.id, given.get("ordId"), given.get("clOrdId"))
    request_id = given.get("reqId") or ""
    if request_id and not (isinstance(request_id, str) and CLIENT_ID.fullmatch(request_id)):
        raise Refusal("51000", "reqId")
    size, price = (number(given[name]) if given.get(name) not in (None, "") else None for name in ("newSz", "newPx"))
    for name, value in (("newSz", size), ("newPx", price)):
        if given.get(name) not in (None, "") and not value:
            raise Refusal("51000", name)
    if size is None and price is None:
        raise Refusal("51500")
    if ticket is None or not ticket.open:
        raise Refusal("51503")
    if ticket.price is None:
        raise Refusal("51506")
    return Change(
        ticket=ticket,
        size=size,
        price=price,
        cancel_on_failure=flag(given, "cxlOnFail"),
        request_id=request_id,
    )


def expiry(value: object, now_ns: int) -> None:
    """Judge an `expTime`, milliseconds: what comes after it is refused. Raises `Refusal`."""
    if value in (None, ""):
        return
    instant = whole(value)
    if instant is None or not 1_000_000_000_000 <= instant < 10_000_000_000_000:
        raise Refusal("50036")
    if instant * 1_000_000 < now_ns:
        raise Refusal("50037")
