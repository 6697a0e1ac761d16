"""Subscriptions, frames and routes."""

import json

import pytest

from tests.drivers.binance.emulator.rig import Rig


def test_a_subscription_is_acknowledged_listed_and_ended() -> None:
    rig = Rig()
    socket = rig.socket("/ws")
    assert socket.say({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": "a"}) == {
        "result": None,
        "id": "a",
    }
    assert socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 3}) == {
        "result": ["btcusdt@trade", "ethusdt@trade"],
        "id": 3,
    }
    rig.run(3)
    assert {each["s"] for each in socket.events("trade")} == {"BTCUSDT", "ETHUSDT"}
    socket.say({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 4})
    socket.clear()
    rig.run(3)
    assert {each["s"] for each in socket.events("trade")} == {"ETHUSDT"}


def test_frames_are_combined_or_raw() -> None:
    rig = Rig()
    raw, combined = (
        rig.socket("/ws/btcusdt@bookTicker/ethusdt@bookTicker"),
        rig.socket("/stream?streams=btcusdt@bookTicker"),
    )
    rig.run(1)
    assert {each["s"] for each in raw.heard} == {"BTCUSDT", "ETHUSDT"}
    assert {each["stream"] for each in combined.heard} == {"btcusdt@bookTicker"}
    assert combined.say({"method": "GET_PROPERTY", "params": ["combined"], "id": 1}) == {"result": True, "id": 1}
    combined.say({"method": "SET_PROPERTY", "params": ["combined", False], "id": 2})
    combined.clear()
    rig.run(1)
    assert all("u" in each for each in combined.heard)


@pytest.mark.parametrize(
    ("route", "flows", "silent"),
    [
        ("public", "btcusdt@bookTicker", "btcusdt@aggTrade"),
        ("market", "btcusdt@aggTrade", "btcusdt@bookTicker"),
        ("public", "btcusdt@depth@100ms", "btcusdt@kline_1m"),
        ("market", "btcusdt@markPrice@1s", "btcusdt@depth5"),
    ],
)
def test_a_stream_on_the_wrong_route_is_acknowledged_and_silent(route: str, flows: str, silent: str) -> None:
    rig = Rig()
    right, wrong = rig.socket(f"/{route}/ws"), rig.socket(f"/{route}/ws")
    right.subscribe(flows)
    wrong.subscribe(silent)
    rig.run(4)
    assert len(right.heard) > 1
    assert wrong.heard == [{"result": None, "id": 1}]


def test_the_old_addresses_of_futures_connect_and_stay_silent() -> None:
    rig = Rig()
    socket = rig.socket("/fstream/ws/btcusdt@aggTrade")
    socket.subscribe("btcusdt@kline_1m", "btcusdt@bookTicker")
    rig.run(5)
    assert len(socket.heard) == 1


def test_an_unknown_stream_is_acknowledged_too() -> None:
    rig = Rig()
    socket = rig.socket("/ws")
    socket.subscribe("nosuch@trade", "btcusdt@nonsense", "BTCUSDT@trade", "!ticker@arr")
    rig.run(3)
    assert len(socket.heard) == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": -1}, 2),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": "x" * 37}, 2),
        ({"method": "LISTEN", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "a@trade", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [5], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1),
        ({"method": "GET_PROPERTY", "params": ["speed"], "id": 1}, 0),
    ],
)
def test_what_makes_no_sense_has_an_error(message: object, code: int) -> None:
    answer = Rig().socket("/ws").say(message)
    assert answer["error"]["code"] == code


def test_too_many_messages_end_a_connection() -> None:
    for target, most in (("/ws", 5), ("/public/ws", 10)):
        rig = Rig()
        socket = rig.socket(target)
        for number in range(most):
            socket.say({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert socket.ended == ""
        rig.run(1)
        for number in range(most + 1):
            socket.say({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert socket.ended == "1008 Too many requests"
        told = rig.emulator.statistics()["limits"]["spot.messages" if target == "/ws" else "futures.messages"]
        assert (told["peak"], told["refused"]) == (most + 1, 1)


def test_a_connection_has_1024_streams_at_most() -> None:
    rig = Rig()
    socket = rig.socket("/ws")
    names = [f"s{number}@trade" for number in range(1024)]
    socket.subscribe(*names)
    assert socket.say({"method": "SUBSCRIBE", "params": ["one@trade"], "id": 2})["error"]["code"] == 2
    assert socket.say({"method": "SUBSCRIBE", "params": names[:5], "id": 3}) == {"result": None, "id": 3}


def test_a_stream_is_told_to_all_who_listen_in_the_same_bytes() -> None:
    rig = Rig()
    first, second = rig.socket("/public/ws/btcusdt@depth@100ms"), rig.socket("/public/ws/btcusdt@depth@100ms")
    rig.run(1)
    assert first.raw == second.raw
    second.conversation.closed()
    rig.run(1)
    assert len(first.raw) > len(second.raw)
    assert json.loads(first.raw[-1])["pu"] >= json.loads(second.raw[-1])["u"]
    first.conversation.closed()
    assert rig.emulator.futures.books.feeds["BTC/USDT:USDT"].channels == {}
