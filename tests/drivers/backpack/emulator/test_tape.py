"""Public trades are numbered by symbol and paged from the newest."""

from decimal import Decimal as D

from ctosd.abi import Trade
from drivers.backpack.emulator.ledger import Ledger
from drivers.backpack.emulator.orders import Execution
from drivers.backpack.emulator.tape import Tape
from tests.drivers.backpack.emulator.counter import PERP, Counter, check, market
from tests.drivers.backpack.emulator.test_orders import fill, ticket


def test_trades_of_strangers_and_of_accounts_are_one_tape() -> None:
    ledger = Ledger(("a/main",))
    tape = Tape(ledger)
    sold = tape.hear(Trade("backpack", "USDT/USDC", 1.0077, 3.0, "sell", 5_000_000, "x"))
    assert (sold.id, sold.price, sold.buyer_is_maker) == (1, D("1.0077"), True)
    execution = Execution(ticket=ticket(), trade_id=ledger.trade_of(fill()), fill=fill())
    mine = tape.execute(execution)
    assert (mine.id, mine.seller, mine.buyer_is_maker) == (2, ticket().id, False)
    assert [each["id"] for each in tape.page("USDT/USDC", 10)] == [2, 1]
    assert [each["id"] for each in tape.page("USDT/USDC", 1, 1)] == [1]
    assert tape.page("USDT/USDC", 5, 5) == []
    check(mine.rest(), "Trade")


def test_pages_do_not_overlap() -> None:
    counter = Counter()
    counter.run(20)
    counter.place(**market(quantity="1"))
    whole = counter.get("/api/v1/trades/history", symbol=PERP, limit=60)
    assert len(whole) == 60
    pages = [counter.get("/api/v1/trades/history", symbol=PERP, limit=20, offset=20 * n) for n in range(3)]
    assert [row for page in pages for row in page] == whole
    assert [row["id"] for row in whole] == sorted((row["id"] for row in whole), reverse=True)
    assert counter.get("/api/v1/trades", symbol=PERP, limit=60) == whole
