"""What happens to an order is told once, in order, with the figures that belong to it."""

import pytest

from drivers.backpack.emulator.orders import DONE
from drivers.paper.config import MarketConfig, PaperConfig, SymbolConfig
from tests.drivers.backpack.emulator.counter import PERP, Counter, market

UPDATES = "account.orderUpdate"


def test_an_order_that_rests_and_is_cancelled() -> None:
    counter = Counter()
    wire, _ = counter.listen(UPDATES, f"{UPDATES}.{PERP}", f"{UPDATES}.SOL_USDC", account=0)
    counter.place(clientId=7, postOnly=True)
    counter.cancel(symbol=PERP, clientId=7)
    told = wire.on(UPDATES)
    assert told == wire.on(f"{UPDATES}.{PERP}")
    assert wire.on(f"{UPDATES}.SOL_USDC") == []
    assert [(each["e"], each["X"], each["c"], each["y"]) for each in told] == [
        ("orderAccepted", "New", 7, True),
        ("orderCancelled", "Cancelled", 7, True),
    ]
    assert told[0]["E"] == counter.now_ms * 1000
    assert (told[0]["o"], told[0]["S"], told[0]["f"], told[0]["p"], told[0]["q"]) == ("LIMIT", "Bid", "GTC", "140", "1")
    assert not {"t", "l", "L", "n", "N", "m", "R", "P", "Q"} & told[0].keys()


def test_fills_add_up_to_the_order() -> None:
    counter = Counter()
    wire, _ = counter.listen(UPDATES, account=0)
    placed = counter.place(**market(quantity="400", clientId=8))
    fills = [each for each in wire.on(UPDATES) if each["e"] == "orderFill"]
    assert len(fills) > 1
    assert [each["X"] for each in fills] == ["PartiallyFilled"] * (len(fills) - 1) + ["Filled"]
    assert sum(float(each["l"]) for each in fills) == 400
    assert fills[-1]["z"] == "400"
    assert fills[-1]["Z"] == placed["executedQuoteQuantity"]
    assert len({each["t"] for each in fills}) == len(fills)
    assert {each["N"] for each in fills} == {"USDC"}
    assert all(float(each["n"]) > 0 and each["m"] is False and each["O"] == "USER" for each in fills)
    asked = counter.history("fills", sortDirection="Asc")
    assert [(each["tradeId"], each["quantity"], each["fee"]) for each in asked] == [
        (each["t"], each["l"], each["n"]) for each in fills
    ]


def test_orders_of_two_accounts_meet_and_share_the_trade() -> None:
    wide = {"SOL/USDC:USDC": SymbolConfig(spread_bps=40)}
    counter = Counter(PaperConfig(market=MarketConfig(seed=7, symbols=wide)))
    public, _ = counter.listen(f"trade.{PERP}")
    wires = [counter.listen(UPDATES, account=n)[0] for n in (0, 1)]
    _, ask = counter.touch()
    mine = counter.place(side="Ask", price=f"{ask - 0.02:.2f}", quantity="1")
    assert counter.touch()[1] == pytest.approx(ask - 0.02)  # it stands in the public book
    taken = counter.place(1, **market(quantity="1"))
    (maker,) = (each for each in wires[0].on(UPDATES) if each["e"] == "orderFill")
    (taker,) = (each for each in wires[1].on(UPDATES) if each["e"] == "orderFill")
    assert (maker["i"], maker["m"], taker["i"], taker["m"]) == (mine["id"], True, taken["id"], False)
    assert maker["t"] == taker["t"] == public.on(f"trade.{PERP}")[-1]["t"]
    assert len(public.on(f"trade.{PERP}")) == 1


def test_an_order_that_expires_says_why() -> None:
    counter = Counter()
    wire, _ = counter.listen(UPDATES, account=0)
    counter.place(timeInForce="IOC")
    counter.place(timeInForce="FOK")
    ended = [each for each in wire.on(UPDATES) if each["e"] == "orderExpired"]
    assert [(each["X"], each["R"]) for each in ended] == [("Expired", "ImmediateOrCancel"), ("Expired", "FillOrKill")]
    assert "Expired" in DONE


def test_the_venue_s_own_orders_have_no_client_id() -> None:
    counter = Counter()
    counter.place(**market(quantity="1"))
    wire, _ = counter.listen(UPDATES, account=0)
    counter.emulator.set_fault("liquidation", 1.0)
    (told,) = wire.on(UPDATES)
    assert (told["e"], told["X"], told["O"], told["o"]) == ("orderFill", "Filled", "LIQUIDATION_AUTOCLOSE", "MARKET")
    assert "c" not in told


def test_what_the_house_does_is_told_to_nobody() -> None:
    counter = Counter()
    bid, _ = counter.touch()
    counter.place(clientId=1, price=f"{bid - 0.2:.2f}")
    wire, _ = counter.listen(UPDATES, account=1)
    counter.emulator.set_fault("cancel_fill_race", 1.0)
    counter.cancel(symbol=PERP, clientId=1)
    assert wire.frames == []
    assert list(counter.emulator.statistics()["accounts"]) == ["paper/main", "paper/second"]
