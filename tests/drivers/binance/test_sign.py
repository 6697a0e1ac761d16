"""Signatures against published vectors, equal to the byte, and what must be percent-encoded."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import Misconfigured
from ctosd.host.secrets import Secret
from drivers.binance.sign import encode, payload, signer
from tests.drivers.binance.scripted import fixture

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
HMAC = {"api_key": KEY, "api_secret": SECRET}


def test_published_vectors() -> None:
    """Every Binance vector that has a key and is not a known error of the documentation."""
    done = 0
    for vector in fixture("signing_vectors.json")["vectors"]:
        if vector["exchange"] != "binance" or "BROKEN" in vector["id"] or "rsa" in vector["id"]:
            continue  # the RSA key is not published, and the broken one has a signature of another algorithm
        secrets = {
            "api_key": "k",
            "api_secret": vector.get("secret", ""),
            "private_key": vector.get("private_key_pem", ""),
        }
        keyed = signer(secrets)
        assert keyed is not None
        assert keyed.sign(vector["payload"]) == vector["signature"], vector["id"]
        done += 1
    assert done >= 7


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            (
                "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTX&quantity=0.01&price=90000"
                "&newClientOrderId=x-1_A%3Ab%2Fc.d&recvWindow=5000&timestamp=1795341600000"
            ),
            "a2127838882f5f87ab646330c89a339cb95e016970f5e3497e4ef8b6df3a5313",
        ),
    ],
)
def test_rest_query(text: str, signature: str) -> None:
    """The signature comes last, over the query as it is sent."""
    keyed = signer(HMAC)
    pairs = [tuple(part.split("=")) for part in text.replace("%3A", ":").replace("%2F", "/").split("&")]
    assert keyed is not None
    assert keyed.query(pairs) == f"{text}&signature={signature}"  # type: ignore[arg-type]


def test_websocket_request_is_signed_sorted_and_unencoded() -> None:
    keyed = signer(HMAC)
    assert keyed is not None
    pairs = [("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("quantity", "0.01"),
             ("price", "60000"), ("timestamp", "1795341600000")]  # fmt: skip
    params = keyed.socket(pairs)
    assert params["signature"] == "3a6a9b4fd92774a5c3c478a24af9dc0c836c3c10ac3bfbd7b91249d1c318659d"
    assert params["apiKey"] == KEY
    assert payload([("b", "x/y"), ("a", "1")]) == "a=1&b=x/y"


def test_ed25519_signature_is_percent_encoded_in_a_query() -> None:
    vector = next(
        v for v in fixture("signing_vectors.json")["vectors"] if v["id"] == "binance-fapi-rest-ed25519-fixkey"
    )
    keyed = signer({"api_key": "k", "private_key": vector["private_key_pem"]})
    assert keyed is not None
    assert keyed.kind == "ed25519"
    pairs = [tuple(part.split("=")) for part in vector["payload"].split("&")]
    assert keyed.query(pairs) == f"{vector['payload']}&signature={vector['signature_urlencoded']}"  # type: ignore[arg-type]


def test_rsa() -> None:
    key = generate_rsa(65_537, 2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keyed = signer({"api_key": "k", "private_key": pem})
    assert keyed is not None
    from base64 import b64decode

    key.public_key().verify(b64decode(keyed.sign("timestamp=1")), b"timestamp=1", PKCS1v15(), SHA256())


def test_names_that_are_not_ascii_and_values_with_reserved_characters() -> None:
    assert encode([("symbol", "币安人生USDT")]) == "symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"
    assert encode([("a", "x&b=1"), ("c", "1+1 %")]) == "a=x%26b%3D1&c=1%2B1%20%25"
    assert encode([]) == ""


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=8)), max_size=5))
def test_a_query_reads_back_as_it_was(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import parse_qsl

    try:
        text = encode(pairs)
    except UnicodeEncodeError:
        return  # lone surrogates are in no name
    assert parse_qsl(text, keep_blank_values=True, strict_parsing=bool(pairs)) == pairs


def test_secrets_that_do_not_print_still_sign() -> None:
    keyed = signer({"api_key": Secret(KEY), "api_secret": Secret(SECRET)})
    plain = signer(HMAC)
    assert keyed is not None
    assert plain is not None
    assert keyed.sign("timestamp=1578963600000") == plain.sign("timestamp=1578963600000")
    assert keyed.headers == (("X-MBX-APIKEY", KEY),)


def test_long_keys_are_hashed_first() -> None:
    import hashlib
    import hmac

    for length in (1, 63, 64, 65, 200):
        keyed = signer({"api_key": "k", "api_secret": "s" * length})
        assert keyed is not None
        assert keyed.sign("x") == hmac.new(b"s" * length, b"x", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("secrets", "word"),
    [
        ({"api_key": "k"}, "lack api_secret"),
        ({"api_secret": "s"}, "lack api_key"),
        ({"api_key": "k", "private_key": "nonsense"}, "no PEM key"),
    ],
)
def test_incomplete_credentials_say_what_is_missing(secrets: dict[str, str], word: str) -> None:
    with pytest.raises(Misconfigured, match=word):
        signer(secrets)


def test_other_keys_are_refused_and_no_key_is_none() -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(Misconfigured, match="takes Ed25519 and RSA"):
        signer({"api_key": "k", "private_key": pem})
    assert signer({}) is None
