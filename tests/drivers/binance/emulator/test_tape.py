"""Public trades and aggregates."""

from ctosd.abi import Trade
from drivers.binance.emulator.tape import Print, Tapes
from drivers.binance.emulator.venuetime import VenueTime
from tests.drivers.binance.emulator.rig import BTC, Rig
from tests.drivers.paper.clockwork import SECOND, HeapClock

MS = SECOND // 1000


def test_trades_of_one_price_and_side_are_told_together() -> None:
    clock = HeapClock(0)
    tapes = Tapes(VenueTime(clock))
    told: list[Print] = []
    tapes.on_aggregate = lambda market, each: told.append(each)
    market = Rig().emulator.spot.markets.find(BTC)
    for ns, price, size, side in (
        (0, 100.0, 1.0, "buy"),
        (30 * MS, 100.0, 2.0, "buy"),
        (60 * MS, 100.0, 4.0, "sell"),
        (70 * MS, 101.0, 8.0, "sell"),
        (200 * MS, 101.0, 16.0, "sell"),
    ):
        tapes.add(market, Trade("v", market.symbol, price, size, side, ns))  # type: ignore[arg-type]
    clock.run(0.29)
    tapes.flush()
    assert [each.size for each in told] == [3.0, 4.0, 8.0]
    clock.run(0.02)
    tapes.flush()
    assert [each.size for each in told] == [3.0, 4.0, 8.0, 16.0]
    assert (told[0].first + 1, told[0].buyer_is_maker, told[1].buyer_is_maker) == (told[0].last, False, True)
    assert [each.id for each in told] == list(range(told[0].id, told[0].id + 4))
    numbers = [each.id for each in tapes.of(market).trades]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
