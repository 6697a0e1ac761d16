"""Conversations: what is answered, what is refused, and how they live and end."""

import json

import pytest

from ctosd.abi import Reply, Request
from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter, Wire, market


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_nothing_is_acknowledged(counter: Counter) -> None:
    wire, talk = counter.listen(f"ticker.{SOL}")
    assert wire.frames == []
    counter.run(2)
    count = len(wire.frames)
    assert count >= 1
    talk.receive(json.dumps({"method": "UNSUBSCRIBE", "params": [f"ticker.{SOL}"]}))
    counter.run(2)
    assert len(wire.frames) == count


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"method":"SUBSCRIBE","params":["nonsense"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["depth.NO_USDC"]}', 4006),
        ('{"method":"SUBSCRIBE","params":[]}', 4006),
        ('{"method":"UNSUBSCRIBE","params":["nonsense"]}', 4006),
        ('{"method":"LOGIN","params":[]}', 4000),
        ('{"method":"SUBSCRIBE"}', 4000),
        ("nonsense", 4000),
        ("[1]", 4000),
        ('{"method":"SUBSCRIBE","params":["account.orderUpdate"]}', 4001),
    ],
)
def test_what_is_wrong_is_answered_with_an_error(counter: Counter, message: str, code: int) -> None:
    wire, talk = counter.listen(f"ticker.{SOL}")
    talk.receive(message)
    assert [error["code"] for error in wire.errors()] == [code]
    assert wire.frames[0].keys() == {"id", "error"}
    counter.run(2)
    assert len(wire.on(f"ticker.{SOL}")) >= 1


def test_good_names_of_a_bad_message_are_heard(counter: Counter) -> None:
    wire, _ = counter.listen(f"ticker.{SOL}", "nonsense")
    counter.run(2)
    assert wire.errors() == [{"code": 4006, "message": "Invalid stream"}]
    assert wire.on(f"ticker.{SOL}")


def test_private_streams_are_their_account_s(counter: Counter) -> None:
    mine, _ = counter.listen("account.orderUpdate", account=0)
    other, _ = counter.listen("account.orderUpdate", account=1)
    counter.place()
    assert len(mine.frames) == 1
    assert other.frames == []


def test_a_signature_for_another_time_is_refused(counter: Counter) -> None:
    wire, talk = counter.listen(f"ticker.{SOL}")
    stamp = str(counter.now_ms - 6_000)
    signature = counter.sign(f"instruction=subscribe&timestamp={stamp}&window=5000")
    key = counter.emulator.credentials()[0]["api_key"]
    names = ["account.orderUpdate", f"bookTicker.{PERP}"]
    talk.receive(json.dumps({"method": "SUBSCRIBE", "params": names, "signature": [key, signature, stamp, "5000"]}))
    assert wire.errors() == [{"code": 4001, "message": "Request has expired"}]
    counter.place()
    assert wire.on("account.orderUpdate") == []


def test_positions_are_told_when_they_are_subscribed(counter: Counter) -> None:
    counter.place(**market(quantity="2"))
    wire, _ = counter.listen("account.positionUpdate", f"account.positionUpdate.{PERP}", account=0)
    (told,) = wire.on("account.positionUpdate")
    assert wire.on(f"account.positionUpdate.{PERP}") == [told]
    assert (told["s"], told["q"]) == (PERP, "2")
    assert "e" not in told
    counter.place(**market(quantity="1", side="Ask"))
    counter.place(**market(quantity="1", side="Ask"))
    counter.place(**market(quantity="1", side="Ask"))
    assert [(each.get("e"), each["q"]) for each in wire.on("account.positionUpdate")] == [
        (None, "2"),
        ("positionAdjusted", "1"),
        ("positionClosed", "0"),
        ("positionOpened", "-1"),
    ]
    quiet, _ = counter.listen("account.positionUpdate", account=1)
    assert quiet.frames == []


def test_balances_are_absolute(counter: Counter) -> None:
    wire, _ = counter.listen("account.balanceUpdate", account=0)
    counter.place(**market(symbol=SOL, quantity="1"))
    told = {each["a"]: each for each in wire.on("account.balanceUpdate")}
    capital = counter.ask("GET", "/api/v1/capital")
    assert told.keys() == {"SOL", "USDC"}
    for asset, each in told.items():
        assert {"A": each["A"], "L": each["L"], "S": each["S"]} == {
            "A": capital[asset]["available"],
            "L": capital[asset]["locked"],
            "S": "0",
        }


def test_the_server_pings_each_minute_and_wants_a_pong(counter: Counter) -> None:
    good, talk = counter.listen(f"ticker.{SOL}")
    deaf, _ = counter.listen(f"ticker.{SOL}")
    for _ in range(240):
        counter.run(1)
        if good.pings:
            talk.pong()
    assert good.pings == 4
    assert good.closes == []
    assert [code for code, _ in deaf.closes] == [1001]
    count = len(deaf.frames)
    counter.run(60)
    assert deaf.aborted
    assert len(deaf.frames) == count


def test_a_close_notice_gives_thirty_seconds(counter: Counter) -> None:
    wire, talk = counter.listen(f"ticker.{SOL}")
    gone, left = counter.listen(f"ticker.{SOL}")
    counter.emulator.set_fault("close_notice", 1.0)
    assert wire.closes == [(1001, "server is shutting down")]
    left.closed()
    new, _ = counter.listen(f"ticker.{SOL}")
    counter.run(29)
    assert not wire.aborted
    counter.run(2)
    assert wire.aborted
    assert not gone.aborted
    assert new.on(f"ticker.{SOL}")
    talk.closed()
    assert counter.emulator.statistics()["sockets"]["connections"] == 1


def test_silence_cuts_and_drops(counter: Counter) -> None:
    wire, _ = counter.listen(f"ticker.{SOL}")
    counter.emulator.set_fault("silent_socket", 1.0)
    counter.run(70)
    assert (wire.frames, wire.pings, wire.closes) == ([], 0, [])
    counter.emulator.set_fault("silent_socket", 0.0)
    counter.run(2)
    assert wire.frames
    private, _ = counter.listen("account.orderUpdate", account=0)
    counter.emulator.set_fault("drop_private", 1.0)
    counter.place(clientId=1)
    assert private.frames == []
    counter.emulator.set_fault("cut", 1.0)
    assert wire.aborted
    assert private.aborted


def test_there_is_one_path_and_none_in_maintenance(counter: Counter) -> None:
    refused = counter.emulator.connect(Request("GET", "/stream", {}), Wire())
    assert isinstance(refused, Reply)
    assert refused.status == 404
    counter.emulator.set_fault("maintenance", 1.0)
    refused = counter.emulator.connect(Request("GET", "/", {}), Wire())
    assert isinstance(refused, Reply)
    assert refused.status == 503
