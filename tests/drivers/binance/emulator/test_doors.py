"""Which address leads where."""

import pytest

from ctosd.abi.emulator import Reply, Request
from drivers.binance.emulator.doors import refused
from drivers.binance.emulator.refusals import Refusal
from tests.drivers.binance.emulator.rig import Refused, Rig


@pytest.mark.parametrize("target", ["/", "/public", "/ws-api/v4", "/private/ws2", "/other/stream", "/fapi/v1/ws"])
def test_other_addresses_do_not_exist(target: str) -> None:
    with pytest.raises(Refused) as caught:
        Rig().socket(target)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "target",
    ["/private/ws?listenKey={}", "/private/ws/{}", "/private/stream?streams={}", "/private/stream?listenKey={}"],
)
def test_a_user_stream_has_several_addresses(target: str) -> None:
    rig = Rig()
    key = rig.open("/fapi/v1/listenKey", "POST")["listenKey"]
    socket = rig.socket(target.format(key))
    rig.limit()
    assert [each["o"]["x"] for each in socket.events("ORDER_TRADE_UPDATE")] == ["NEW"]
    assert (socket.heard[-1].get("stream") == key) == ("/stream" in target)


def test_a_user_stream_can_be_subscribed_to() -> None:
    rig = Rig()
    key = rig.open("/fapi/v1/listenKey", "POST")["listenKey"]
    socket = rig.socket("/private/stream")
    socket.subscribe(key)
    rig.market()
    assert {each["stream"] for each in socket.heard[1:]} == {key}
    assert len(socket.events("TRADE_LITE")) == 1


def test_a_user_stream_may_want_some_events_only() -> None:
    rig = Rig()
    key = rig.open("/fapi/v1/listenKey", "POST")["listenKey"]
    socket = rig.socket(f"/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/TRADE_LITE")
    rig.market()
    assert [each["e"] for each in socket.heard] == ["TRADE_LITE", "ACCOUNT_UPDATE"]


def test_market_streams_do_not_flow_on_the_private_route() -> None:
    rig = Rig()
    socket = rig.socket("/private/ws/btcusdt@bookTicker")
    rig.run(2)
    assert socket.heard == []


def test_handshakes_have_a_limit() -> None:
    rig = Rig()
    for _ in range(300):
        rig.socket("/public/ws").conversation.closed()
    with pytest.raises(Refused) as caught:
        rig.socket("/market/ws")
    assert caught.value.status == 429
    rig.socket("/ws")
    rig.run(300)
    rig.socket("/public/ws")
    assert rig.emulator.statistics()["limits"]["futures.connections"]["refused"] == 1


def test_a_handshake_of_the_api_costs_weight() -> None:
    rig = Rig()
    rig.socket("/ws-fapi/v1")
    rig.socket("/ws-api/v3")
    limits = rig.emulator.statistics()["limits"]
    assert (limits["futures.weight"]["used"], limits["spot.weight"]["used"]) == (5, 2)


def test_maintenance_refuses_handshakes() -> None:
    rig = Rig()
    rig.emulator.set_fault("maintenance", 1)
    for target in ("/public/ws", "/ws", "/ws-api/v3"):
        with pytest.raises(Refused) as caught:
            rig.socket(target)
        assert caught.value.status == 503


def test_too_many_streams_in_an_address_are_refused() -> None:
    rig = Rig()
    names = "/".join(f"s{number}@trade" for number in range(1025))
    with pytest.raises(Refused) as caught:
        rig.socket(f"/stream?streams={names}")
    assert caught.value.status == 400
    assert rig.emulator.statistics()["connections"]["open"] == 0


def test_a_refusal_is_a_reply() -> None:
    found = refused(Refusal(-1003, "x", status=429, headers=(("Retry-After", "3"),)))
    assert isinstance(found, Reply)
    assert ("Retry-After", "3") in found.headers
    assert Request("GET", "/a?b", {}).path == "/a"
