"""Signatures are rebuilt byte by byte; anything else is refused, and says why."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ctosd.abi import Request
from drivers.backpack.emulator.keys import Keys, body_pairs, query_pairs, signed, spellings
from drivers.backpack.emulator.refusals import Refusal
from tests.drivers.backpack.emulator.counter import FIXTURES, PERP, Counter, order, refusal

NOW_MS = 1_795_341_600_000
MINE = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
BUY = {"symbol": PERP, "side": "Bid", "orderType": "Limit", "timeInForce": "GTC"}
SHEET: list[tuple[str, list[dict[str, Any]], str]] = [
    ("balanceQuery", [{}], "kaUday1OBLUbKLZfLjUWHnBH0BLFr3Lhsa/oqeQKWuoKrsCjL9QZ2CgVhGIhAqn9xI+Nr1Y/Dn6V1Qk62rKaDQ=="),
    (
        "orderCancel",
        [{"symbol": "BTC_USDC", "orderId": 28}],
        "fZo3sXc4lIa2BiViIiYyYU8/78/czBeIFIOyHpsXX8rSSPb+vz70EDnGizpp+oo/Bl1R3iJIpYnDx9ZYst/ABw==",
    ),
    (
        "orderExecute",
        [{**BUY, "price": "141", "quantity": "12", "postOnly": True, "clientId": 7}],
        "JRiTKJDGjU7wmYMspPYyc7VxHs1rCqxkKDKLMDyrFGIv+uwKkfblVz/nWim7HBV4P625y/KYQyzzmJdnYRLnCA==",
    ),
    (
        "orderExecute",
        [
            {"symbol": PERP, "side": "Bid", "orderType": "Limit", "price": "141", "quantity": "12"},
            {"symbol": PERP, "side": "Bid", "orderType": "Limit", "price": "140", "quantity": "11"},
        ],
        "Q16sZwnu+ZHZYbkILGHwVsIMxByF082P/9h/gx9arBONTrYTzO/Mf+xAJQAX+11BqsdjVQW1Bpa/seWv4y4gCQ==",
    ),
]
"""The vectors of the sheet: instruction, bodies, signature at NOW_MS with a window of 5000."""


def headers(signature: str, **more: str) -> dict[str, str]:
    return {"x-api-key": MINE, "x-timestamp": str(NOW_MS), "x-signature": signature, **more}


@pytest.mark.parametrize(("instruction", "bodies", "signature"), SHEET)
def test_the_vectors_of_the_sheet_pass(instruction: str, bodies: list[Any], signature: str) -> None:
    keys = Keys(("a", "b"))
    parameters = [body_pairs(body) for body in bodies]
    assert keys.verify(headers(signature), instruction, parameters, NOW_MS * 10**6) == "a"
    with pytest.raises(Refusal, match="Invalid signature"):
        keys.verify(headers(signature), "orderQuery", parameters, NOW_MS * 10**6)


def test_the_vectors_of_others_pass() -> None:
    path = FIXTURES / "signing_vectors.json"
    if not path.exists():
        pytest.skip("the signing vectors are not there")
    vectors = [v for v in json.loads(path.read_text())["vectors"] if v["exchange"] == "backpack"]
    assert len(vectors) >= 4
    for vector in vectors:
        public = Ed25519PrivateKey.from_private_bytes(base64.b64decode(vector["secret_base64_seed"])).public_key()
        assert base64.b64encode(public.public_bytes_raw()).decode() == vector["api_key_base64_public"]
        assert signed(public, vector["signature"], vector["signing_string"])
        assert not signed(public, vector["signature"], vector["signing_string"] + "0")


def test_the_subscription_of_the_sheet_passes() -> None:
    signature = "+ZkJ85OefagttYnn+1E1tX8Jm7veKYjxM/zaLR54Qa6oRMSBW1gbtkZjmMP11i53SvvcB1Hp1U8BvWqG6ysaBg=="
    keys = Keys(("a",))
    assert keys.subscriber([MINE, signature, str(NOW_MS), "5000"], NOW_MS * 10**6) == "a"
    for wrong in (None, [], [MINE, signature, NOW_MS, 5000], [MINE, "x", str(NOW_MS), "5000"]):
        with pytest.raises(Refusal, match="Invalid signature"):
            keys.subscriber(wrong, NOW_MS * 10**6)
    with pytest.raises(Refusal, match="expired"):
        keys.subscriber([MINE, signature, str(NOW_MS), "5000"], (NOW_MS + 5001) * 10**6)


def test_the_seeds_are_those_that_are_promised() -> None:
    keys = Keys(("a", "b"))
    assert [base64.b64decode(key.api_secret) for key in keys.all] == [bytes(range(32)), bytes(range(1, 33))]
    assert keys.all[0].api_key == MINE


@pytest.mark.parametrize(
    ("late_ms", "window", "message"),
    [
        (5_000, "5000", ""),
        (5_001, "5000", "Request has expired"),
        (59_000, "60000", ""),
        (0, "60001", "Invalid window"),
        (0, "0", "Invalid window"),
        (0, "abc", "Invalid window"),
        (-1_000, "5000", ""),
        (-1_001, "5000", "Invalid timestamp"),
    ],
)
def test_the_window(late_ms: int, window: str, message: str) -> None:
    keys = Keys(("a",))
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    text = f"instruction=balanceQuery&timestamp={NOW_MS}&window={window}"
    given = headers(base64.b64encode(key.sign(text.encode())).decode(), **{"x-window": window})
    now_ns = (NOW_MS + late_ms) * 10**6
    if not message:
        assert keys.verify(given, "balanceQuery", [[]], now_ns) == "a"
    else:
        with pytest.raises(Refusal, match=message):
            keys.verify(given, "balanceQuery", [[]], now_ns)


def test_values_are_signed_plain_or_escaped() -> None:
    assert body_pairs({"b": True, "a": 7, "c": None, "d": "50%"}) == [("b", "true"), ("a", "7"), ("d", "50%")]
    assert spellings([[("d", "50%"), ("a", "7")]]) == [[["a=7", "d=50%"]], [["a=7", "d=50%25"]]]
    assert query_pairs("b=50%25&a=") == [("b", "50%"), ("a", "")]


@pytest.mark.parametrize("missing", ["x-api-key", "x-signature", "x-timestamp"])
def test_a_missing_header_is_named(missing: str) -> None:
    counter = Counter()
    full = {"x-api-key": MINE, "x-signature": "x", "x-timestamp": str(counter.now_ms)}
    del full[missing]
    status, code, message = refusal(counter.emulator.handle(Request("GET", "/api/v1/capital", full)))
    assert (status, code) == (400, "INVALID_CLIENT_REQUEST")
    assert missing in message.lower()


def test_strangers_and_wrong_signatures_are_refused() -> None:
    counter = Counter()
    wrong = {"x-api-key": "AAAA"}
    assert refusal(counter.signed("GET", "/api/v1/capital", headers=wrong))[:2] == (401, "UNAUTHORIZED")
    other = {"x-signature": counter.sign("instruction=balanceQuery", 0)}
    assert refusal(counter.signed("GET", "/api/v1/capital", headers=other)) == (
        400,
        "INVALID_CLIENT_REQUEST",
        "Invalid signature",
    )
    mine = counter.emulator.credentials()[1]["api_key"]
    assert refusal(counter.signed("GET", "/api/v1/capital", headers={"x-api-key": mine}))[2] == "Invalid signature"


def test_what_was_signed_must_be_what_is_sent() -> None:
    counter = Counter()
    stamp = str(counter.now_ms)
    body = order(postOnly=True, price="140")

    def send(text: str) -> int:
        given = {
            "x-api-key": MINE,
            "x-timestamp": stamp,
            "x-signature": counter.sign(f"instruction=orderExecute&{text}&timestamp={stamp}&window=5000"),
            "x-broker-id": "1400",
            "content-type": "application/json",
        }
        return counter.send("POST", "/api/v1/order", headers=given, body=json.dumps(body).encode()).status

    right = f"orderType=Limit&postOnly=true&price=140&quantity=1&side=Bid&symbol={PERP}"
    assert send(right.replace("postOnly=true", "postOnly=True")) == 400
    assert send(f"symbol={PERP}&orderType=Limit&postOnly=true&price=140&quantity=1&side=Bid") == 400
    assert send(right.replace("price=140", 'price="140"')) == 400
    assert send(right) == 200
