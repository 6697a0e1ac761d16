"""Reading recorded frames of Backpack without a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ctosd.abi import Event, Fill, Instrument, OrderUpdate
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import AccountConfig
from drivers.backpack.listing import Market
from drivers.backpack.private import PrivateDecoder
from drivers.backpack.streams import PRIVATE
from drivers.backpack.wire import Decoder, Refused

INTERVAL_NS = 8 * 3_600 * 1_000_000_000
"""Of the funding, which an instrument does not tell; that it has one is what counts here."""


class _Nothing:
    """A store that knows no pair of ids, and is told none."""

    def read(self) -> Mapping[str, bytes]:
        return {}

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """What is read again needs no memory."""


def reader(venue: str, instruments: Sequence[Instrument]) -> Callable[[bytes, int], Sequence[Event]]:
    """What gives the events of one frame, and its time of receipt: of markets, fills and orders; nothing of other frames.

    A frame does not name its account; and client ids are the venue's numbers here, for their texts are on the disk of
    who sent them.
    """
    markets = {
        each.native: Market(each, each.native, INTERVAL_NS if each.kind == "perp" else 0, "") for each in instruments
    }
    decode = Decoder(venue, lambda: markets).decode
    account = Account(f"{venue}/", AccountConfig(), None)
    told = PrivateDecoder(account, lambda: markets, ClientIds(_Nothing(), 0)).decode

    def read(frame: bytes, recv_ns: int) -> Sequence[Event]:
        if PRIVATE in frame:
            return [each for each in told(frame, recv_ns)[1] if isinstance(each, (Fill, OrderUpdate))]
        _, event = decode(frame, recv_ns)
        return () if event is None or isinstance(event, Refused) else (event,)

    return read
