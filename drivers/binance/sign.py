"""Binance's signatures, keyed once per account: HMAC-SHA256, Ed25519 or RSA, for REST queries and for the WebSocket API.

REST signs the query exactly as it is sent, percent-encoded, and carries the signature last. The WebSocket API signs
all parameters sorted by name, `apiKey` included, without any encoding. (Sheet A2; "Request security" of the venue's
documentation.)
"""

from __future__ import annotations

import string
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from ctosd.abi import Misconfigured

Params = Sequence[tuple[str, str]]

BLOCK = 64  # bytes of one SHA-256 block
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_PLAIN = (string.ascii_letters + string.digits + "_.~-=&").encode()


def encode(params: Params) -> str:
    """The percent-encoded query of `params`, in their order. What needs no encoding is not walked through twice."""
    text = "&".join(map("=".join, params))
    strange = text.encode().translate(None, _PLAIN)
    if not strange and text.count("=") == len(params) and text.count("&") == max(0, len(params) - 1):
        return text
    return "&".join([f"{name}={quote(value, safe='')}" for name, value in params])


def payload(params: Params) -> str:
    """What the WebSocket API signs: every parameter but the signature, sorted by name, not encoded."""
    return "&".join(sorted(map("=".join, params)))  # names are of letters, and "=" sorts before all of them


class Signer:
    """The key of one account. `kind` is ``hmac``, ``ed25519`` or ``rsa``."""

    def __init__(self, api_key: str, kind: str, sign: Callable[[str], str], *, encoded: bool) -> None:
        self.api_key = api_key
        self.kind = kind
        self.sign = sign  # the signature of a payload: hex for HMAC, base64 else
        self._encoded = encoded
        self.headers = (("X-MBX-APIKEY", api_key),)
        self._named = ("apiKey", api_key)

    def query(self, params: Params) -> str:
        """`params` as a signed query string."""
        text = encode(params)
        signature = self.sign(text)
        return f"{text}&signature={quote(signature, safe='') if self._encoded else signature}"

    def socket(self, params: Params) -> dict[str, Any]:
        """`params` of a WebSocket API request, with `apiKey` and `signature`."""
        keyed = [self._named, *params]
        signed: dict[str, Any] = dict(keyed)
        signed["signature"] = self.sign(payload(keyed))
        return signed


def signer(secrets: Mapping[str, str]) -> Signer | None:
    """The signer of an account's credentials; None when there are none. A `private_key` goes before an `api_secret`.

    Raises:
        Misconfigured: a part is missing or no key that Binance knows.
    """
    api_key, secret, pem = (_text(secrets.get(name)) for name in ("api_key", "api_secret", "private_key"))
    if not (api_key or secret or pem):
        return None
    if not api_key or not (secret or pem):
        missing = "api_key" if not api_key else "api_secret (HMAC) or private_key (Ed25519, PEM)"
        raise Misconfigured(f"the credentials lack {missing}: add it to accounts.yaml or to the environment")
    if pem:
        return _asymmetric(api_key, pem)
    return Signer(api_key, "hmac", _hmac(secret.encode()), encoded=False)


def _text(value: str | None) -> str:
    """The real characters: a `Secret` hides them from str() and format()."""
    return value.encode().decode().strip() if value else ""


def _hmac(key: bytes) -> Callable[[str], str]:
    """HMAC-SHA256 with both key blocks hashed beforehand: a third of the time of the general one."""
    block = (sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner, outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))

    def sign(text: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(text.encode())
        second.update(first.digest())
        return second.hexdigest()

    return sign


def _asymmetric(api_key: str, pem: str) -> Signer:
    # Imported here: it takes as long as all the rest of the driver, and most keys are HMAC.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(
            f"private_key is no PEM key without a password ({type(error).__name__}): write it with its BEGIN and END lines"
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        private = key
        return Signer(api_key, "ed25519", lambda text: b64encode(private.sign(text.encode())).decode(), encoded=True)
    if isinstance(key, RSAPrivateKey):
        rsa = key
        return Signer(
            api_key, "rsa", lambda text: b64encode(rsa.sign(text.encode(), PKCS1v15(), SHA256())).decode(), encoded=True
        )
    raise Misconfigured(f"private_key is a {type(key).__name__}: Binance takes Ed25519 and RSA keys")
