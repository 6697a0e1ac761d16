"""WebSockets: logins, subscriptions, pings, idleness, orders."""

import json

import pytest

from ctosd.abi import Reply, Request
from tests.drivers.okx.emulator.venue import ETH, SWAP, Client, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


def order(venue, **more):
    terms = {"instIdCode": venue.code(), "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1"}
    return terms | {"px": venue.below()} | more


# -- connections -----------------------------------------------------------------------------------------------------------


def test_three_connections_a_second(venue):
    for _ in range(3):
        venue.connect("public")
    refused = venue.emulator.connect(Request("GET", "/ws/v5/public", {}), Client())
    assert isinstance(refused, Reply)
    assert refused.status == 429
    venue.clock.run(1.01)
    venue.connect("business")


@pytest.mark.parametrize(
    ("target", "good"), [("/ws/v5/public?brokerId=9999", True), ("/ws/v5/other", False), ("/", False)]
)
def test_there_are_three_urls(venue, target, good):
    found = venue.emulator.connect(Request("GET", target, {}), Client())
    assert isinstance(found, Reply) is not good


def test_a_text_ping_is_answered_by_a_text_pong(venue):
    client = venue.connect()
    client.conversation.receive("ping")
    assert client.got == ["pong"]


def test_who_is_silent_for_thirty_seconds_is_closed(venue):
    quiet, pinging, hearing, ponging = venue.connect(), venue.connect(), venue.connect(), None
    hearing.subscribe({"channel": "trades", "instId": SWAP})
    venue.clock.run(2)
    ponging = venue.connect()
    for _ in range(4):
        pinging.conversation.receive("ping")
        ponging.ping()
        venue.clock.run(10)
    assert quiet.ended == ("closed", 4004, "No data received in 30s")
    assert not pinging.ended
    assert not hearing.ended
    assert not ponging.ended
    assert venue.emulator.statistics()["sockets"]["closed_idle"] == 1


def test_a_closed_socket_is_forgotten(venue):
    client = venue.connect()
    client.subscribe({"channel": "trades", "instId": SWAP})
    client.conversation.closed()
    count = len(client.got)
    client.conversation.receive("ping")
    venue.clock.run(5)
    assert len(client.got) == count
    assert venue.emulator.statistics()["sockets"]["open"]["public"] == 0


# -- logins ----------------------------------------------------------------------------------------------------------------


def test_a_login_and_another(venue):
    client = venue.connect("private")
    (told,) = client.say(op="login", args=[venue.proof()])
    assert (told["event"], told["code"], told["msg"]) == ("login", "0", "")
    assert len(told["connId"]) == 8
    assert client.say(op="login", args=[venue.proof()])[0]["code"] == "60031"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"sign": "x"}, "60007"), ({"passphrase": "x"}, "60024"), ({"apiKey": "x"}, "60005"), ({"timestamp": "1"}, "60004"),
     ({"timestamp": "1767225000"}, "60006")],
)  # fmt: skip
def test_a_login_that_fails_is_told_and_closed(venue, changes, code):
    client = venue.connect("private")
    (told,) = client.say(op="login", args=[venue.proof() | changes])
    assert (told["event"], told["code"]) == ("error", code)
    assert client.ended[:2] == ("closed", 4001)


def test_a_key_that_expires_closes_its_sockets(venue):
    private, public = venue.login(), venue.connect()
    venue.emulator.set_fault("key_expired", 1)
    assert private.ended[:2] == ("closed", 4007)
    assert not public.ended
    client = venue.connect("private")
    assert client.say(op="login", args=[venue.proof()])[0]["code"] == "60032"
    assert venue.ask("account/balance")["code"] == "50119"
    venue.emulator.set_fault("key_expired", 0)
    assert venue.ask("account/balance")["code"] == "0"


# -- subscriptions ---------------------------------------------------------------------------------------------------------


def test_each_argument_is_acknowledged(venue):
    client = venue.connect()
    args = [{"channel": "trades", "instId": SWAP}, {"channel": "trades", "instId": ETH}]
    told = client.say(id="7", op="subscribe", args=args)
    acks = [each for each in told if each.get("event") == "subscribe"]
    assert [ack["arg"] for ack in acks] == args
    assert all(ack["id"] == "7" and ack["connId"] for ack in acks)
    venue.clock.run(5)
    assert {push["arg"]["instId"] for push in client.told("trades")} == {SWAP, ETH}
    (gone,) = client.say(op="unsubscribe", args=args[:1])
    assert (gone["event"], gone["arg"]) == ("unsubscribe", args[0])
    client.got.clear()
    venue.clock.run(5)
    assert {push["arg"]["instId"] for push in client.told("trades")} == {ETH}


def test_one_bad_argument_does_not_spoil_the_others(venue):
    client = venue.connect()
    told = client.say(id="1", op="subscribe", args=[{"channel": "nope"}, {"channel": "trades", "instId": SWAP}])
    assert [(each["event"], each.get("code")) for each in told] == [("error", "60018"), ("subscribe", None)]
    assert told[0]["id"] == "1"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "60012"),
        ("[]", "60012"),
        ('{"args": []}', "60012"),
        ('{"op": "dance"}', "60019"),
        ('{"op": "subscribe"}', "60013"),
        ('{"op": "subscribe", "args": []}', "60013"),
        ('{"op": "subscribe", "args": [1]}', "60013"),
        ('{"op": "subscribe", "id": "a-b", "args": [1]}', "60033"),
        ('{"op": "login", "args": [{}]}', "60027"),
        ('{"op": "subscribe", "x": "' + "a" * 65_536 + '"}', "60012"),
    ],
)
def test_what_is_no_request(venue, message, code):
    client = venue.connect()
    client.conversation.receive(message)
    told = json.loads(client.got[-1])
    assert (told["event"], told["code"]) == ("error", code)


def test_private_channels_want_a_login_and_count_connections(venue):
    client = venue.connect("private")
    arg = {"channel": "orders", "instType": "ANY"}
    assert client.subscribe(arg)[0]["code"] == "60011"
    one, two = venue.login(), venue.login()
    one.subscribe(arg)
    told = two.subscribe(arg)[-1]
    assert (told["event"], told["channel"], told["connCount"]) == ("channel-conn-count", "orders", "2")


def test_thirty_connections_of_a_private_channel(venue):
    clients = []
    for each in range(31):
        if each % 3 == 0:
            venue.clock.run(1.01)
        clients.append(venue.login())
    told = [client.subscribe({"channel": "account"})[-1] for client in clients]
    assert [each.get("event", "push") for each in told[-2:]] == ["push", "channel-conn-count-error"]


def test_operations_are_counted_for_an_hour(venue):
    client = venue.connect()
    arg = {"channel": "trades", "instId": SWAP}
    for each in range(480):
        told = client.say(op="subscribe" if each % 2 == 0 else "unsubscribe", args=[arg])
        assert told[0]["event"] != "error"
    assert client.subscribe(arg)[0]["code"] == "60014"
    (limit,) = [each for name, each in venue.emulator.statistics()["limits"].items() if name.startswith("ws.ops")]
    assert limit == {"used": 480, "allowed": 480, "peak": 480, "refused": 1}


# -- orders ----------------------------------------------------------------------------------------------------------------


def test_an_order_lives_on_the_socket(venue):
    client, code = venue.login(), venue.code()
    (placed,) = client.say(id="o1", op="order", args=[order(venue, clOrdId="a")])
    assert (placed["id"], placed["op"], placed["code"]) == ("o1", "order", "0")
    assert placed["data"][0]["clOrdId"] == "a"
    assert int(placed["outTime"]) > int(placed["inTime"])
    ref = {"instIdCode": code, "clOrdId": "a"}
    (amended,) = client.say(id="o2", op="amend-order", args=[ref | {"newSz": "2"}])
    assert amended["data"][0]["sCode"] == "0"
    (cancelled,) = client.say(id="o3", op="cancel-order", args=[ref])
    assert cancelled["data"][0]["sCode"] == "0"
    (again,) = client.say(id="o4", op="cancel-order", args=[ref])
    assert (again["code"], again["data"][0]["sCode"]) == ("1", "51400")


def test_batches_on_the_socket(venue):
    client, code = venue.login(), venue.code()
    (placed,) = client.say(id="1", op="batch-orders", args=[order(venue, clOrdId=name) for name in ("a", "b")])
    assert (placed["code"], len(placed["data"])) == ("0", 2)
    refs = [{"instIdCode": code, "clOrdId": name} for name in ("a", "b")]
    (amended,) = client.say(id="2", op="batch-amend-orders", args=[ref | {"newSz": "2"} for ref in refs])
    assert amended["code"] == "0"
    (cancelled,) = client.say(id="3", op="batch-cancel-orders", args=[*refs, refs[0]])
    assert (cancelled["code"], [row["sCode"] for row in cancelled["data"]]) == ("2", ["0", "0", "51400"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"instIdCode": None, "instId": SWAP}, "50014"), ({"instIdCode": "210001"}, "51001"), ({"instIdCode": 7}, "51001"),
     ({"sz": "0"}, "51000")],
)  # fmt: skip
def test_orders_on_the_socket_want_the_code_of_the_instrument(venue, changes, code):
    (told,) = venue.login().say(id="1", op="order", args=[order(venue) | changes])
    assert (told["code"], told["data"][0]["sCode"]) == ("1", code)
    if code == "50014":
        assert told["data"][0]["sMsg"] == "Parameter instIdCode can not be empty"


def test_where_orders_are_not_taken(venue):
    assert venue.connect("public").say(id="1", op="order", args=[order(venue)])[0]["code"] == "60028"
    assert venue.connect("private").say(id="1", op="order", args=[order(venue)])[0]["code"] == "60011"
    client = venue.login()
    assert client.say(op="order", args=[order(venue)])[0]["code"] == "60027"
    assert client.say(id="1", op="order", args=[order(venue)] * 2)[0]["code"] == "60013"
    assert client.say(id="1", op="order")[0]["code"] == "60013"
    assert venue.truth()["orders"] == []


# -- what goes wrong -------------------------------------------------------------------------------------------------------


def test_an_answer_is_lost_with_its_socket(venue):
    client = venue.login()
    args = [order(venue, clOrdId="a")]
    venue.emulator.set_fault("reset_after", 1)
    assert client.say(id="1", op="order", args=args) == []
    assert client.ended == ("aborted",)
    assert venue.truth()["placed"] == {"a": 1}


def test_an_answer_that_proves_nothing(venue):
    client = venue.login()
    args = [order(venue, clOrdId="a")]
    venue.emulator.set_fault("error_after", 1)
    (told,) = client.say(id="1", op="order", args=args)
    assert told["code"] in ("50026", "50004", "51149")
    assert venue.truth()["placed"] == {"a": 1}


@pytest.mark.parametrize(("fault", "code"), [("maintenance", "50001"), ("rate_limit", "50011")])
def test_an_order_that_is_refused_for_sure(venue, fault, code):
    client, args = venue.login(), [order(venue, clOrdId="a")]
    venue.emulator.set_fault(fault, 1)
    (told,) = client.say(id="1", op="order", args=args)
    assert told["code"] == code
    assert venue.truth()["received"] == {}


def test_a_silent_socket_says_nothing_and_stays_open(venue):
    client = venue.connect()
    client.subscribe({"channel": "trades", "instId": SWAP})
    venue.emulator.set_fault("silent_socket", 1)
    client.got.clear()
    client.conversation.receive("ping")
    venue.clock.run(60)
    assert (client.got, client.ended) == ([], ())
    venue.emulator.set_fault("silent_socket", 0)
    client.conversation.receive("ping")
    assert client.got[0] == "pong"


def test_everything_is_cut(venue):
    clients = [venue.connect(), venue.login()]
    venue.emulator.set_fault("cut", 1)
    assert [client.ended for client in clients] == [("aborted",)] * 2


def test_a_notice_comes_before_the_end(venue):
    client = venue.connect()
    venue.emulator.set_fault("ws_notice", 5)
    told = json.loads(client.got[-1])
    assert (told["event"], told["code"]) == ("notice", "64008")
    venue.clock.run(4)
    later = venue.connect()
    assert not client.ended
    venue.clock.run(1.1)
    assert client.ended == ("closed", 1000, "service upgrade")
    assert not later.ended


def test_private_pushes_are_lost(venue):
    client = venue.login()
    client.subscribe({"channel": "orders", "instType": "ANY"})
    venue.emulator.set_fault("drop_private", 1)
    venue.order("buy", "1")
    assert client.rows("orders") == []
    assert venue.emulator.statistics()["sockets"]["lost_pushes"] == 2
