"""User data of spot."""

from drivers.binance.emulator.subscriptions import Subscriptions
from tests.drivers.binance.emulator.rig import Rig, Socket


def subscribed(rig: Rig) -> Socket:
    socket = rig.socket("/ws-api/v3")
    assert rig.call(socket, "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
    socket.clear()
    return socket


def test_an_account_is_subscribed_once_on_a_connection() -> None:
    rig = Rig()
    socket = subscribed(rig)
    again = rig.call(socket, "userDataStream.subscribe.signature")
    assert (again["status"], again["error"]["code"]) == (400, -2035)
    assert rig.call(socket, "session.subscriptions", signed=False)["result"] == [{"subscriptionId": 0}]


def test_two_accounts_are_told_apart() -> None:
    rig = Rig()
    socket = subscribed(rig)
    rig.key = rig.secret = "emulator2"
    assert rig.call(socket, "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 1}
    socket.clear()
    rig.spot_limit()
    assert {each["subscriptionId"] for each in socket.heard} == {1}


def test_an_end_is_an_end() -> None:
    rig = Rig()
    socket = subscribed(rig)
    assert rig.call(socket, "userDataStream.unsubscribe", signed=False, subscriptionId=0)["result"] == {}
    assert rig.call(socket, "userDataStream.unsubscribe", signed=False, subscriptionId=0)["error"]["code"] == -2036
    socket.clear()
    rig.spot_limit()
    assert socket.heard == []
    assert rig.call(socket, "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 1}
    rig.call(socket, "userDataStream.unsubscribe", signed=False)
    assert rig.call(socket, "session.subscriptions", signed=False)["result"] == []


def test_the_venue_may_end_it() -> None:
    rig = Rig()
    socket = subscribed(rig)
    rig.emulator.set_fault("stream_terminated", 1)
    assert socket.heard == [{"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": rig.now_ms}}]
    rig.spot_limit()
    assert len(socket.heard) == 1


def test_who_is_gone_is_forgotten() -> None:
    rig = Rig()
    socket = subscribed(rig)
    socket.conversation.closed()
    rig.spot_limit()
    assert socket.heard == []
    feeds: Subscriptions = rig.emulator.spot.subscriptions
    assert feeds._of == {}


def test_events_may_be_lost() -> None:
    rig = Rig()
    socket = subscribed(rig)
    rig.emulator.set_fault("drop_private", 1)
    rig.spot_limit()
    assert socket.heard == []
