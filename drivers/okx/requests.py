"""Commands as OKX's order requests: bodies of REST, frames of the WebSocket. (Sheet sections 7.1 and 9.6.)

The parts of a body are written once per order by plain formatting: every text in it is checked to need no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from ctosd.abi import Amend, CallerMistake, Cancel, Place
from drivers.okx.listing import Product

PositionMode = Literal["net", "hedge"]
Margin = Literal["cross", "isolated"]

CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
VENUE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

PLACE, AMEND, CANCEL = "order", "amend-order", "cancel-order"
PATHS = {
    PLACE: "/api/v5/trade/order",
    AMEND: "/api/v5/trade/amend-order",
    CANCEL: "/api/v5/trade/cancel-order",
    "batch-orders": "/api/v5/trade/batch-orders",
    "batch-amend-orders": "/api/v5/trade/amend-batch-orders",
    "batch-cancel-orders": "/api/v5/trade/cancel-batch-orders",
}
"""WebSocket operation -> REST path of the same."""
BATCHES = {PLACE: "batch-orders", AMEND: "batch-amend-orders", CANCEL: "batch-cancel-orders"}
ALGO_PATH = "/api/v5/trade/order-algo"
CANCEL_ALGOS_PATH = "/api/v5/trade/cancel-algos"


def text(value: Decimal) -> str:
    """A number without an exponent."""
    written = str(value)
    return format(value, "f") if "E" in written else written


def known(client_id: str) -> str:
    """A client id that OKX takes. Raises `CallerMistake`."""
    if not CLIENT_ID.fullmatch(client_id):
        raise CallerMistake(f"{client_id!r}: OKX takes 1 to 32 letters and digits as a client id")
    return client_id


def size_text(product: Product, coins: Decimal) -> str:
    return text(product.contracts(coins))


def instrument(product: Product, by_code: bool) -> str:
    """How a request names its instrument: the WebSocket by its number, REST by its name."""
    return f'"instIdCode":{product.code}' if by_code else f'"instId":"{product.native}"'


def position_side(place: Place) -> str:
    """The leg that an order opens, or closes when it reduces."""
    opens = place.side if not place.reduce_only else ("sell" if place.side == "buy" else "buy")
    return "long" if opens == "buy" else "short"


def order_type(place: Place) -> str:
    """OKX's word for type, post-only and time in force.

    Raises:
        CallerMistake: no such order exists here.
    """
    if place.type == "market":
        if place.post_only:
            raise CallerMistake("a market order cannot be post-only")
        return "market"
    if place.price is None:
        raise CallerMistake("a limit order needs a price")
    if place.post_only:
        if place.tif != "gtc":
            raise CallerMistake(f"a post-only order rests: it cannot be {place.tif}")
        return "post_only"
    return "limit" if place.tif == "gtc" else place.tif


class Writer:
    """Writes the orders of one venue: what is the same in all of them is kept."""

    def __init__(self, tag: str, margin: Margin, mode: PositionMode) -> None:
        self._tag = f',"tag":"{tag}"'
        self._margin = f',"tdMode":"{margin}"'
        self._hedge = mode == "hedge"

    def place(self, place: Place, product: Product, *, by_code: bool) -> str:
        """The body of a new order, one JSON object. Raises `CallerMistake`."""
        kind = order_type(place)
        size = size_text(product, place.size)
        body = (
            f'{{{instrument(product, by_code)}{self._mode(place, product)},"side":"{place.side}","ordType":"{kind}",'
            f'"sz":"{size}","clOrdId":"{known(place.client_id)}"{self._tag}'
        )
        if kind != "market":
            return f'{body},"px":"{text(place.price)}"}}' if place.price is not None else body
        # without a word on it the size of a spot market buy would be money
        return f'{body},"tgtCcy":"base_ccy"}}' if product.spot else f"{body}}}"

    def _mode(self, place: Place, product: Product) -> str:
        if product.spot:
            return ',"tdMode":"cash"'
        if self._hedge:
            return f'{self._margin},"posSide":"{position_side(place)}"'
        return f'{self._margin},"reduceOnly":true' if place.reduce_only else self._margin

    def conditional(self, place: Place, product: Product, last: Decimal | None) -> str:
        """The body of a conditional order. One that reduces is a stop or a take-profit, which `last` tells apart.

        Raises:
            CallerMistake: OKX has no such conditional order.
        """
        trigger = place.trigger
        if trigger is None or place.post_only or (place.type == "limit" and place.tif != "gtc") or place.tif == "fok":
            raise CallerMistake("OKX has no conditional order that is post-only, ioc or fok")
        price = text(place.price) if place.type == "limit" and place.price is not None else "-1"
        body = (
            f'{{"instId":"{product.native}"{self._mode(place, product)},"side":"{place.side}",'
            f'"sz":"{size_text(product, place.size)}","algoClOrdId":"{known(place.client_id)}"{self._tag}'
        )
        if product.spot:
            body = f'{body},"tgtCcy":"base_ccy"'
        if product.spot or not place.reduce_only:
            return (
                f'{body},"ordType":"trigger","triggerPx":"{text(trigger)}","orderPx":"{price}","triggerPxType":"last"}}'
            )
        if last is None:
            raise CallerMistake("a conditional order that reduces needs a market price")
        stops = trigger < last if place.side == "sell" else trigger > last
        head = "sl" if stops else "tp"
        return (
            f'{body},"ordType":"conditional","{head}TriggerPx":"{text(trigger)}","{head}OrdPx":"{price}",'
            f'"{head}TriggerPxType":"last"}}'
        )

    def amend(self, amend: Amend, product: Product, *, by_code: bool, order_id: str = "") -> str:
        """The body of a change. `newSz` is the new total, what was filled included, as ours is.

        `order_id`: the venue's id of the order that a conditional one became. Raises `CallerMistake`.
        """
        terms = ""
        if amend.size is not None:
            terms += f',"newSz":"{size_text(product, amend.size)}"'
        if amend.price is not None:
            terms += f',"newPx":"{text(amend.price)}"'
        if not terms:
            raise CallerMistake("an amend must change the price or the size")
        return f"{{{instrument(product, by_code)}{self._target(amend, order_id)}{terms}}}"

    def cancel(self, cancel: Cancel, product: Product, *, by_code: bool, order_id: str = "") -> str:
        """The body of a cancel; `order_id` as for an amend. Raises `CallerMistake`."""
        return f"{{{instrument(product, by_code)}{self._target(cancel, order_id)}}}"

    @staticmethod
    def _target(command: Amend | Cancel, order_id: str) -> str:
        """The order that is meant: the venue's id wins, where both are given."""
        venue_id = order_id or command.venue_id
        if VENUE_ID.fullmatch(venue_id):
            return f',"ordId":"{venue_id}"'
        return f',"clOrdId":"{known(command.client_id)}"'


def frame(key: str, operation: str, bodies: Sequence[str], expires_ms: int) -> bytes:
    """A WebSocket order message."""
    expiry = f',"expTime":"{expires_ms}"' if expires_ms else ""
    return f'{{"id":"{key}","op":"{operation}","args":[{",".join(bodies)}]{expiry}}}'.encode()
