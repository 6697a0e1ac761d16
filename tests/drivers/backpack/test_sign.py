"""Signatures equal to the byte, and keys that are refused with a remedy."""

import json
from base64 import b64encode
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ctosd.abi import AuthFailed
from ctosd.host.secrets import Secret
from drivers.backpack.sign import Signer, batch, instruction, plain, query
from tests.drivers.backpack.exchange import FIXTURES, PUBLIC_KEY, SEED

AT, WINDOW = 1_795_341_600_000, 5_000
LIMIT = {"orderType": "Limit", "price": "141", "quantity": "12", "side": "Bid", "symbol": "SOL_USDC_PERP"}
NEXT = {**LIMIT, "price": "140", "quantity": "11"}
FULL = {**LIMIT, "clientId": 7, "postOnly": True, "timeInForce": "GTC", "reduceOnly": None}

SHEET = [
    (instruction("balanceQuery", {}), "kaUday1OBLUbKLZfLjUWHnBH0BLFr3Lhsa/oqeQKWuoKrsCjL9QZ2CgVhGIhAqn9xI+Nr1Y/Dn6V1Qk62rKaDQ=="),
    (
        instruction("orderCancel", {"symbol": "BTC_USDC", "orderId": 28}),
        "fZo3sXc4lIa2BiViIiYyYU8/78/czBeIFIOyHpsXX8rSSPb+vz70EDnGizpp+oo/Bl1R3iJIpYnDx9ZYst/ABw==",
    ),
    (
        instruction("orderExecute", FULL),
        "JRiTKJDGjU7wmYMspPYyc7VxHs1rCqxkKDKLMDyrFGIv+uwKkfblVz/nWim7HBV4P625y/KYQyzzmJdnYRLnCA==",
    ),
    (
        batch("orderExecute", [LIMIT, NEXT]),
        "Q16sZwnu+ZHZYbkILGHwVsIMxByF082P/9h/gx9arBONTrYTzO/Mf+xAJQAX+11BqsdjVQW1Bpa/seWv4y4gCQ==",
    ),
]  # fmt: skip


def signer() -> Signer:
    made = Signer.of({"api_key": PUBLIC_KEY, "api_secret": SEED})
    assert made is not None
    return made


@pytest.mark.parametrize(("line", "signature"), SHEET)
def test_the_sheets_vectors(line: str, signature: str) -> None:
    assert dict(signer().headers(line, AT, WINDOW)) == {
        "X-API-Key": PUBLIC_KEY,
        "X-Timestamp": str(AT),
        "X-Window": str(WINDOW),
        "X-Signature": signature,
    }


def test_the_subscription_vector() -> None:
    assert signer().subscription(AT, WINDOW) == [
        PUBLIC_KEY,
        "+ZkJ85OefagttYnn+1E1tX8Jm7veKYjxM/zaLR54Qa6oRMSBW1gbtkZjmMP11i53SvvcB1Hp1U8BvWqG6ysaBg==",
        str(AT),
        str(WINDOW),
    ]


def vectors() -> list[dict]:
    path = FIXTURES / "signing_vectors.json"
    if not path.exists():
        return []
    return [each for each in json.loads(path.read_text())["vectors"] if each["exchange"] == "backpack"]


@pytest.mark.skipif(not vectors(), reason="the shared fixtures are not here")
def test_the_fixtures_vectors() -> None:
    """Line, key and signature of every recorded vector."""
    assert len(vectors()) == 4
    for vector in vectors():
        made = Signer.of({"api_key": vector["api_key_base64_public"], "api_secret": vector["secret_base64_seed"]})
        line = instruction(vector["instruction"], vector.get("body", {}))
        assert f"{line}&timestamp={vector['timestamp']}&window={vector['window']}" == vector["signing_string"]
        headers = dict(made.headers(line, vector["timestamp"], vector["window"]))
        assert headers["X-Signature"] == vector["signature"]
        assert headers["X-API-Key"] == vector["headers"]["X-API-Key"]


def test_values() -> None:
    """Booleans in small letters, no exponents, nothing for None, texts as they are."""
    assert (
        query({"b": True, "a": False, "d": None, "c": Decimal("1E-8"), "e": "80%"})
        == "a=false&b=true&c=0.00000001&e=80%"
    )
    assert plain(Decimal("1E+3")) == "1000"
    assert instruction("orderQueryAll", {"symbol": None}) == "instruction=orderQueryAll"


def test_keys_come_as_secrets_that_do_not_print() -> None:
    """The values of the host's credentials show nothing when they are formatted; they sign all the same."""
    made = Signer.of({"api_key": Secret(PUBLIC_KEY), "api_secret": Secret(SEED)})
    assert dict(made.headers(SHEET[0][0], AT, WINDOW))["X-API-Key"] == PUBLIC_KEY


def test_other_forms_of_the_same_key() -> None:
    """Seed and public half together, a PEM, and no api_key at all."""
    both = b64encode(bytes(range(32)) + bytes(32)).decode()
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for secrets in ({"api_secret": both}, {"private_key": pem, "api_key": PUBLIC_KEY}, {"api_secret": SEED}):
        made = Signer.of(secrets)
        assert made.api_key == PUBLIC_KEY
        assert made.sign(f"{SHEET[0][0]}&timestamp={AT}&window={WINDOW}") == SHEET[0][1]
    assert Signer.of({}) is None


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ({"api_key": SEED, "api_secret": SEED}, "not the public key"),
        ({"api_key": PUBLIC_KEY}, "without api_secret"),
        ({"api_secret": "not base64!"}, "api_secret is not base64"),
        ({"api_secret": "AAAA"}, "3 bytes"),
        ({"api_key": "???", "api_secret": SEED}, "api_key is not base64"),
        ({"private_key": "-----"}, "no PEM"),
    ],
)
def test_wrong_keys_are_told_apart(secrets, words) -> None:
    with pytest.raises(AuthFailed, match=words) as caught:
        Signer.of(secrets)
    assert SEED not in str(caught.value)
