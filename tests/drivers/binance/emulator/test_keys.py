"""Keys and signatures, against the vectors that others published."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from drivers.binance.emulator.keys import (
    SEED,
    Key,
    Keyring,
    check,
    private_key,
    private_pem,
    socket_payload,
    unsigned,
)
from drivers.binance.emulator.refusals import Refusal

VECTORS = Path(__file__).parents[4] / "../shared/fixtures/signing_vectors.json"


def vectors(algorithm: str) -> list[Any]:
    if not VECTORS.exists():
        pytest.skip("the folder of fixtures is not here")
    found = json.loads(VECTORS.read_text())["vectors"]
    return [
        each
        for each in found
        if each["exchange"] == "binance" and each["algorithm"] == algorithm and "BROKEN" not in each["id"]
    ]


def test_published_hmac_signatures_are_good() -> None:
    found = vectors("HMAC-SHA256/hex")
    assert len(found) >= 4
    for each in found:
        key = Key("k", "main", each["secret"])
        payload = each["payload"].encode()
        assert key.signed(payload, each["signature"]), each["id"]
        assert key.signed(payload, each["signature"].upper()), "the case of the digits does not matter"
        assert not key.signed(payload + b"&", each["signature"])


def test_published_ed25519_signatures_are_good() -> None:
    found = [each for each in vectors("Ed25519/base64") if each.get("private_key_pem")]
    assert len(found) >= 2
    for each in found:
        private: Any = load_pem_private_key(each["private_key_pem"].encode(), None)
        key = Key("k", "main", public=private.public_key())
        assert key.signed(each["payload"].encode(), each["signature"]), each["id"]
        assert not key.signed(each["payload"].encode(), each["signature"][:-4] + "AAA=")
        assert not key.signed(each["payload"].encode(), "no base64 !")


def test_the_key_that_everybody_knows() -> None:
    private: Any = load_pem_private_key(private_pem().encode(), None)
    assert private.private_bytes_raw() == SEED
    key = Key("k", "main", public=private_key().public_key())
    assert key.signed(b"x", base64.b64encode(private.sign(b"x")).decode())


def test_the_rest_stays_byte_for_byte_what_was_sent() -> None:
    assert unsigned("a=%2F&signature=q%2Bw%3D&b=2") == ("a=%2F&b=2", "q+w=")
    assert unsigned("signature=abc") == ("", "abc")
    assert unsigned("a=1") == ("a=1", None)
    assert unsigned("") == ("", None)
    assert unsigned("signature=q+w=") == ("", "q w="), "an unescaped plus sign is a space: such a signature is wrong"


def test_the_socket_signs_all_names_in_order_and_unescaped() -> None:
    params = {"timestamp": "1", "symbol": "BTCUSDT", "apiKey": "k", "newClientOrderId": "a/b:c", "signature": "s"}
    assert socket_payload(params) == b"apiKey=k&newClientOrderId=a/b:c&symbol=BTCUSDT&timestamp=1"


def test_keys_are_refused_by_code() -> None:
    ring = Keyring([Key("good", "main", "s")])

    def code(name: str) -> tuple[int, int]:
        with pytest.raises(Refusal) as caught:
            ring.find(name)
        return caught.value.code, caught.value.status

    assert ring.find("good").account == "main"
    assert code("") == (-2014, 401)
    assert code("not a key!") == (-2014, 401)
    assert code("unknown") == (-2015, 401)
    ring.expired = True
    assert code("good") == (-2015, 401)
    with pytest.raises(Refusal) as caught:
        check(Key("good", "main", "s"), b"x", "00")
    assert caught.value.code == -1022
