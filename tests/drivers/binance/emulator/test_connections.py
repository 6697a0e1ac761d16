"""Sockets: pings, age, cuts, shutdowns."""

import json

from tests.drivers.binance.emulator.rig import Rig


def test_spot_pings_each_twenty_seconds_and_futures_each_three_minutes() -> None:
    rig = Rig()
    spot, futures = rig.socket("/ws"), rig.socket("/public/ws")
    rig.run(61)
    assert (spot.pings, futures.pings) == (3, 0)
    rig.run(120)
    assert futures.pings == 1


def test_who_does_not_pong_is_closed() -> None:
    rig = Rig()
    spot, futures = rig.socket("/ws"), rig.socket("/market/ws")
    spot.answers_pings = futures.answers_pings = False
    rig.run(79)
    assert spot.ended == ""
    rig.run(3)
    assert spot.ended == "1008 Pong timeout"
    rig.run(180 + 600)
    assert futures.ended == "1008 Pong timeout"
    assert rig.emulator.statistics()["connections"] == {"open": 0, "opened": 2, "unanswered_pings": 2}


def test_nobody_lives_longer_than_a_day() -> None:
    rig = Rig()
    socket = rig.socket("/ws-api/v3")
    connection = rig.emulator.connections.all()[0]
    connection.since_ns -= 24 * 3600 * 1_000_000_000 - 30_000_000_000
    rig.run(29)
    assert socket.ended == ""
    rig.run(2)
    assert socket.ended == "1001 24 hours"


def test_a_cut_resets_everybody_and_nothing_is_told_then() -> None:
    rig = Rig()
    socket = rig.socket("/public/ws/btcusdt@bookTicker")
    rig.run(1)
    rig.emulator.set_fault("cut", 1)
    count = len(socket.heard)
    rig.run(5)
    assert (socket.ended, len(socket.heard)) == ("reset", count)
    rig.emulator.set_fault("cut", 0)
    assert rig.emulator.statistics()["connections"]["open"] == 0


def test_a_shutdown_is_told_to_each_kind_of_socket_and_then_comes() -> None:
    rig = Rig()
    raw, combined, api = rig.socket("/ws"), rig.socket("/public/stream"), rig.socket("/ws-api/v3")
    rig.emulator.set_fault("shutdown_notice", 3)
    assert raw.heard[-1] == {"e": "serverShutdown", "E": rig.now_ms}
    assert combined.heard[-1]["stream"] == "!serverShutdown"
    assert api.heard[-1]["event"]["e"] == "serverShutdown"
    rig.run(2)
    late = rig.socket("/ws")
    rig.run(2)
    assert {raw.ended, combined.ended, api.ended} == {"1001 Server shutdown"}
    assert late.ended == ""


def test_a_silent_socket_stays_open_and_says_nothing() -> None:
    rig = Rig()
    socket = rig.socket("/public/ws/btcusdt@bookTicker")
    rig.run(2)
    rig.emulator.set_fault("silent_socket", 1)
    count = len(socket.heard)
    socket.conversation.receive(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
    rig.run(5)
    assert (len(socket.heard), socket.ended) == (count, "")
    rig.emulator.set_fault("silent_socket", 0)
    rig.run(2)
    assert len(socket.heard) > count


def test_the_end_closes_everybody() -> None:
    rig = Rig()
    socket = rig.socket("/public/ws")
    rig.emulator.stop()
    assert socket.ended.startswith("1001")
    socket.conversation.closed()
