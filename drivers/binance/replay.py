"""Reading recorded frames of Binance without a connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ctosd.abi import Event, Fill, Instrument, OrderUpdate
from drivers.binance.userdata import UserData
from drivers.binance.wire import Decoder

COMBINED = b'{"stream":"'


def reader(venue: str, instruments: Sequence[Instrument]) -> Callable[[bytes, int], Sequence[Event]]:
    """What gives the events of one frame, and its time of receipt: of markets, fills and orders; nothing of other frames.

    A frame does not name its account; and a client id that only the driver's memory knows is the venue's own here.
    """
    symbols = {each.native: each.symbol for each in instruments}
    decode, told = Decoder(venue, symbols).decode, UserData(f"{venue}/", symbols).decode

    def read(frame: bytes, recv_ns: int) -> Sequence[Event]:
        event = decode(frame, recv_ns) if frame.startswith(COMBINED) else None
        if event is not None:
            return (event,)
        return [each for each in told(frame, recv_ns)[0] if isinstance(each, (Fill, OrderUpdate))]

    return read
