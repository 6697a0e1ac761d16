"""The emulator as a whole: settings, keys, routes of REST, recorded markets, what survives."""

from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import CallerMistake
from ctosd.abi.emulator import Request
from drivers.binance.emulator import Emulator
from drivers.binance.emulator.emulator import furnished
from drivers.paper.config import AccountConfig, MarketConfig, PaperConfig
from tests.drivers.binance.emulator.rig import BTC, T0, Rig
from tests.drivers.paper.clockwork import ListFeed, World, quote_rows


def test_it_is_what_the_host_asks_for() -> None:
    rig = Rig()
    assert (Emulator.name, Emulator.config) == ("binance", PaperConfig)
    assert set(Emulator.faults) > {"reset_after", "book_gap", "clock_skew", "liquidation", "maintenance"}
    assert all(Emulator.faults.values())
    for address in rig.emulator.endpoints().values():
        assert address.partition(":")[0] in ("http", "ws")
    first, second, third = rig.emulator.credentials()
    assert first == {"api_key": "emulator", "api_secret": "emulator"}
    assert (second["api_key"], third["private_key"].startswith("-----BEGIN PRIVATE KEY-----")) == ("emulator2", True)
    with pytest.raises(CallerMistake):
        rig.emulator.set_fault("earthquake", 1)


def test_wallets_come_from_the_settings() -> None:
    settings = PaperConfig(
        balances={"USDT": D(500)},
        accounts={
            "second": AccountConfig(balances={"USDT": D(7)}),
            "second-spot": AccountConfig(balances={"ETH": D(3)}),
        },
        market=MarketConfig(seed=3),
    )
    rig = Rig(settings)
    assert rig.truth()["balances"] == {"USDT": "500"}
    assert rig.truth("spot")["balances"] == {"BTC": "1", "USDT": "500"}
    assert rig.truth(account="second")["balances"] == {"USDT": "7"}
    assert rig.truth("spot", "second")["balances"] == {"ETH": "3"}
    assert furnished(None).market.seed == 7


def test_the_same_seed_gives_the_same_answers() -> None:
    def told(seed: int) -> Any:
        rig = Rig(PaperConfig(market=MarketConfig(seed=seed)))
        rig.limit()
        rig.market()
        rig.run(5)
        return rig.open("/fapi/v1/depth", symbol=BTC), rig.truth()

    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/sapi/v1/capital/config/getall", 404),
        ("GET", "/fapi/v9/time", 404),
        ("POST", "/fapi/v1/time", 404),
        ("GET", "/fapi", 404),
        ("GET", "/api/v3/time", 200),
    ],
)
def test_other_paths_do_not_exist(method: str, path: str, status: int) -> None:
    assert Rig().emulator.handle(Request(method, path, {})).status == status


def test_a_request_that_cannot_be_read_is_refused() -> None:
    answer = Rig().emulator.handle(Request("GET", "/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT", {}))
    assert (answer.status, b"-1101" in answer.body) == (400, True)


def test_addresses_have_limits_of_their_own() -> None:
    rig = Rig()
    for remote in ("10.0.0.1", "10.0.0.2"):
        rig.emulator.handle(Request("GET", "/api/v3/time", {}, remote=remote))
    used = rig.emulator.statistics()["limits"]["spot.weight"]
    assert used == {"used": 1, "allowed": 6000, "peak": 1, "refused": 0}


def test_figures_tell_what_was_refused() -> None:
    rig = Rig()
    rig.refused("DELETE", "/fapi/v1/order", symbol=BTC, orderId=1)
    rig.emulator.set_fault("slow", 2)
    figures = rig.emulator.statistics()
    assert figures["refusals"] == {"futures": {-2011: 1}, "spot": {}}
    assert figures["faults"]["on"] == {"slow": 2}
    assert figures["requests"] == 1


def test_a_recorded_market_is_played() -> None:
    world = World(now_ns=T0)
    world.feeds["x"] = ListFeed(quote_rows(*(60_000.0 + i for i in range(50)), start_ns=T0))
    settings = PaperConfig(market=MarketConfig(kind="recorded", feeds=({"path": "x"},)))
    emulator = Emulator(settings, world.ports)
    emulator.start()
    world.clock.run(20)
    answer = emulator.handle(Request("GET", f"/fapi/v1/ticker/bookTicker?symbol={BTC}", {}))
    assert answer.status == 200
    assert b'"bidPrice":"600' in answer.body
    emulator.stop()


def test_nothing_happens_after_the_end() -> None:
    rig = Rig()
    socket = rig.socket("/public/ws/btcusdt@bookTicker")
    rig.limit(-0.05, timeInForce="GTD", goodTillDate=rig.now_ms + 700_000)
    rig.emulator.stop()
    heard = len(socket.heard)
    rig.run(800)
    assert len(socket.heard) == heard
    assert rig.clock.pending() == 0
