"""The dialects: logins, subscriptions, errors, notices, pings."""

import json
from typing import Any

import pytest

from ctosd.abi import AuthFailed, NotReady
from drivers.okx.link import CHANNELS
from drivers.okx.sign import Signer
from drivers.okx.streams import PrivateDialect, PublicDialect
from drivers.okx.wire import Decoder
from tests.drivers.okx.scripted import dump, fixture, listing, push

TICK = {"instId": "BTC-USDT", "tradeId": "1", "px": "5", "sz": "2", "side": "buy", "ts": "9"}


class Told:
    """Records what a dialect tells its session."""

    def __init__(self) -> None:
        self.acts: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *facts: self.acts.append((name, *facts))


def public() -> PublicDialect:
    return PublicDialect("public", "ws://127.0.0.1:9/ws/v5/public", Decoder("okx", listing()))


def private(pushed: list[Any] | None = None) -> PrivateDialect:
    heard = pushed if pushed is not None else []
    return PrivateDialect(
        "private-main",
        "ws://x",
        Signer("k", "s", "p"),
        lambda: 1_795_341_600 * 10**9,
        CHANNELS,
        lambda channel, frame: heard.append(channel),
    )


def test_subscriptions() -> None:
    dialect = public()
    (message,) = dialect.subscribe(["trades:BTC-USDT", "status"])
    said = json.loads(message)
    assert said["op"] == "subscribe"
    assert said["id"].isalnum()
    assert said["args"] == [{"channel": "trades", "instId": "BTC-USDT"}, {"channel": "status"}]
    assert json.loads(dialect.unsubscribe(["status"])[0])["op"] == "unsubscribe"


def test_pushes_go_to_their_listeners() -> None:
    dialect, told = public(), Told()
    heard: list[Any] = []
    dialect.listeners["trades:BTC-USDT"] = heard.extend
    assert dialect.hear(told, dump(push("trades", TICK, instId="BTC-USDT")), 1) == "trades:BTC-USDT"
    assert heard[0].price == 5
    raw: list[bytes] = []
    dialect.raw["status"] = raw.append
    assert dialect.hear(told, dump(push("status", {"state": "ongoing"})), 1) == "status"
    assert len(raw) == 1
    assert told.acts == []


def test_a_refused_stream_is_named() -> None:
    """Of a message with several streams only the one that the venue names is refused."""
    dialect, told = public(), Told()
    dialect.subscribe(["trades:BTC-USDT", "trades:XX-USDT"])
    error = {
        "id": "s1",
        "event": "error",
        "code": "60018",
        "msg": "Wrong URL or channel:trades,instId:XX-USDT doesn't exist",
    }
    dialect.hear(told, dump(error), 1)
    assert [act[:2] for act in told.acts] == [("rejected", "trades:XX-USDT")]
    assert "60018" in told.acts[0][2]


def test_an_error_without_names_refuses_what_is_not_confirmed() -> None:
    dialect, told = public(), Told()
    dialect.subscribe(["trades:BTC-USDT", "books:BTC-USDT"])
    dialect.hear(told, dump({"id": "s1", "event": "subscribe", "arg": {"channel": "books", "instId": "BTC-USDT"}}), 1)
    dialect.hear(told, dump({"id": "s1", "event": "error", "code": "60012", "msg": "Invalid request"}), 1)
    assert [act[:2] for act in told.acts] == [("rejected", "trades:BTC-USDT")]


def test_notices_rotate_before_the_upgrade() -> None:
    dialect, told = public(), Told()
    dialect.hear(told, dump({"event": "notice", "code": "64008", "msg": "upgrade", "connId": "x"}), 1)
    assert told.acts == [("rotate", "upgrade")]


def test_a_flood_reconnects() -> None:
    dialect, told = public(), Told()
    dialect.hear(told, dump({"event": "error", "code": "60014", "msg": "Requests too frequent"}), 1)
    assert told.acts[0][0] == "reconnect"


def test_pongs_and_strays() -> None:
    dialect, told = public(), Told()
    assert dialect.ping == b"ping"
    for frame in (
        b"pong",
        dump({"event": "unsubscribe", "arg": {"channel": "x"}}),
        dump({"event": "channel-conn-count", "connCount": "2"}),
    ):
        assert dialect.hear(told, frame, 1) == ""
    assert dialect.unknown == 0
    for frame in (b"hello", dump({"event": "error", "code": "60012", "msg": "what"}), b"\xff"):
        dialect.hear(told, frame, 1)
    assert (dialect.unknown, told.acts) == (3, [])
    dialect.hear(told, dump({"event": "channel-conn-count-error", "channel": "orders", "connCount": "30"}), 1)
    assert told.acts[0][:2] == ("rejected", "orders")


def test_a_login() -> None:
    dialect, told = private(), Told()
    assert dialect.needs_greeting
    assert json.loads(dialect.hello()[0])["args"][0]["timestamp"] == "1795341600"
    dialect.hear(told, dump({"event": "login", "code": "0", "msg": "", "connId": "x"}), 1)
    assert told.acts == [("greeted",)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("60009", AuthFailed),
        ("60005", AuthFailed),
        ("60024", AuthFailed),
        ("60032", AuthFailed),
        ("60006", NotReady),
        ("60023", NotReady),
    ],
)
def test_a_refused_login(code: str, kind: type) -> None:
    dialect, told = private(), Told()
    skewed: list[int] = []
    dialect.when_skewed = lambda: skewed.append(1)
    dialect.hear(told, dump({"event": "error", "code": code, "msg": "no"}), 1)
    ((name, error),) = told.acts
    assert (name, type(error)) == ("refused", kind)
    assert bool(skewed) == (code == "60006")


def test_a_lost_login_reconnects() -> None:
    dialect, told = private(), Told()
    dialect.hear(told, dump({"event": "error", "code": "60011", "msg": "Please log in"}), 1)
    assert told.acts[0][0] == "reconnect"


def test_answers_to_orders_go_to_who_asked() -> None:
    dialect, told = private(), Told()
    dialect.hear(told, dump({"code": "0", "data": [{"ordId": "5", "sCode": "0"}], "id": "o1", "op": "order"}), 1)
    name, key, reply = told.acts[0]
    assert (name, key, reply.data[0].ord_id) == ("answer", "o1", "5")


def test_all_channels_must_be_confirmed() -> None:
    pushed: list[str] = []
    dialect, told = private(pushed), Told()
    ready: list[int] = []
    dialect.when_confirmed = lambda: ready.append(1)
    for channel in ("orders", "account", "positions"):
        assert ready == []
        dialect.hear(told, dump({"event": "subscribe", "arg": {"channel": channel, "instType": "ANY"}}), 1)
    assert ready == [1]
    assert dialect.hear(told, dump(push("orders", uid="5", instType="ANY")), 1) == "orders"
    assert pushed == ["orders"]
    dialect.on_down("reset")
    assert dialect.confirmed == set()


def test_recorded_controls() -> None:
    """hummingbot and gocryptotrader: a good login, a bad one, an invalid request."""
    spot = {each["var"]: each["payload"] for each in fixture("hummingbot/okx.json")["inline_payloads"]}
    dialect, told = private(), Told()
    dialect.hear(told, dump(spot["successful_login_response"]), 1)
    dialect.hear(told, dump(spot["login_response"]), 1)
    assert told.acts[0] == ("greeted",)
    assert isinstance(told.acts[1][1], AuthFailed)
    cases = {
        each["name"]: each["payload"] for each in fixture("gocryptotrader/okx_push_and_payload_literals.json")["cases"]
    }
    dialect = public()
    dialect.hear(told, dump(cases["Failure"]), 1)
    assert "60012" in dialect.reason


def test_private_frames_that_cannot_be_read() -> None:
    dialect, told = private(), Told()
    for frame in (b"", b"{", b"[]", dump({"id": "o1", "op": "order"}), dump({"op": 5})):
        assert dialect.hear(told, frame, 1) == ""
    assert dialect.unknown == 5
    assert told.acts == []
