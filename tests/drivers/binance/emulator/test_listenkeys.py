"""Listen keys."""

import pytest

from tests.drivers.binance.emulator.rig import Rig


def start(rig: Rig) -> str:
    return str(rig.open("/fapi/v1/listenKey", "POST")["listenKey"])


def test_a_key_is_good_for_an_hour_and_is_extended() -> None:
    rig = Rig()
    key = start(rig)
    socket = rig.socket(f"/private/ws/{key}")
    rig.run(3000)
    assert start(rig) == key, "the same one, extended"
    rig.run(3000)
    rig.open("/fapi/v1/listenKey", "PUT")
    rig.run(3500)
    assert socket.events("listenKeyExpired") == []
    rig.run(101)
    assert [each["listenKey"] for each in socket.events("listenKeyExpired")] == [key]
    assert start(rig) != key


def test_an_expired_key_says_nothing_more() -> None:
    rig = Rig()
    socket = rig.user_stream()
    rig.emulator.set_fault("listen_key_expired", 1)
    assert [each["e"] for each in socket.heard] == ["listenKeyExpired"]
    rig.limit()
    assert len(socket.heard) == 1
    fresh = rig.user_stream()
    rig.limit()
    assert len(fresh.events("ORDER_TRADE_UPDATE")) == 1


def test_a_stopped_key_ends_its_streams() -> None:
    rig = Rig()
    socket = rig.user_stream()
    rig.open("/fapi/v1/listenKey", "DELETE")
    assert socket.events("listenKeyExpired")


def test_a_key_that_nobody_gave_out_connects_and_says_nothing() -> None:
    rig = Rig()
    start(rig)
    socket = rig.socket("/private/ws/nosuchkey")
    rig.limit()
    assert socket.heard == []


@pytest.mark.parametrize("value", [1.0, 0.5])
def test_private_events_may_be_lost(value: float) -> None:
    rig = Rig()
    socket = rig.user_stream()
    rig.emulator.set_fault("drop_private", value)
    for _ in range(20):
        rig.limit()
    heard = len(socket.events("ORDER_TRADE_UPDATE"))
    assert heard == 0 if value == 1 else 0 < heard < 20
    rig.emulator.set_fault("drop_private", 0)
    rig.limit()
    assert len(socket.events("ORDER_TRADE_UPDATE")) == heard + 1


def test_two_listeners_hear_the_same() -> None:
    rig = Rig()
    key = start(rig)
    first, second = rig.socket(f"/private/ws/{key}"), rig.socket(f"/private/stream?streams={key}")
    rig.market()
    assert [each["e"] for each in first.heard] == [each["data"]["e"] for each in second.heard]
