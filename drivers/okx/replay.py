"""Reading recorded frames of OKX without a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ctosd.abi import Event, Instrument, PrivateEvent
from drivers.okx.conditionals import Conditionals
from drivers.okx.link import read_algos, read_orders
from drivers.okx.listing import Listing, Product
from drivers.okx.private import conditional_update, fill_of_push, order_update
from drivers.okx.replies import BROKEN
from drivers.okx.wire import Decoder

PUSH = b'{"arg":'
ORDERS, ALGOS = b'{"arg":{"channel":"orders"', b'{"arg":{"channel":"orders-algo"'


def reader(venue: str, instruments: Sequence[Instrument]) -> Callable[[bytes, int], Sequence[Event]]:
    """What gives the events of one frame, and its time of receipt: of markets, fills and orders; nothing of other frames.

    A frame does not name its account; and a client id that only the driver's memory knows is the venue's own here.
    """
    listing = Listing(venue)
    for each in instruments:
        product = Product(each, each.contract_size, each.lot / each.contract_size, None, "")
        listing.by_symbol[product.symbol] = listing.by_native[product.native] = product
    decode = Decoder(venue, listing).decode

    def read(frame: bytes, recv_ns: int) -> Sequence[Event]:
        if not frame.startswith(PUSH):
            return ()
        if not frame.startswith((ORDERS, ALGOS)):
            return decode(frame, recv_ns)[1]
        try:
            return list(_private(f"{venue}/", frame, listing))
        except BROKEN:
            return ()

    return read


def _private(account: str, frame: bytes, listing: Listing) -> Iterator[PrivateEvent]:
    conditionals = Conditionals()
    if frame.startswith(ALGOS):
        for row in read_algos(frame).data:
            if (product := listing.get(row.inst_id)) is not None:
                yield conditional_update(account, row, product, conditionals)
        return
    for order in read_orders(frame).data:
        if (product := listing.get(order.inst_id)) is not None:
            fill = fill_of_push(account, order, product, conditionals)
            if fill is not None:
                yield fill
            yield order_update(account, order, product, conditionals)
