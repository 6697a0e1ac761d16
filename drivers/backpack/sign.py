"""Backpack's signature: Ed25519 over a line of text that names the instruction (sheet, section 2).

The line is ``instruction=<name>``, then every query or body parameter in alphabetical order as raw text, then timestamp and
window. Parameters that are None are neither sent nor signed. A batch repeats the instruction before each order's parameters.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ctosd.abi import AuthFailed, Headers

Params = Mapping[str, Any]
Signed = tuple[tuple[str, str], ...]


def plain(value: Any) -> str:
    """A parameter as it is signed: booleans in small letters, no exponents, texts as they are."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def query(params: Params) -> str:
    """``k=v`` joined by ``&``, in alphabetical order, without those that are None."""
    return "&".join([f"{key}={plain(params[key])}" for key in sorted(params) if params[key] is not None])


def instruction(name: str, params: Params) -> str:
    """The line of one request, before timestamp and window."""
    tail = query(params)
    return f"instruction={name}&{tail}" if tail else f"instruction={name}"


def batch(name: str, items: Sequence[Params]) -> str:
    """The line of a batch: each item's own line, in the order in which they are sent."""
    return "&".join([instruction(name, item) for item in items])


class Signer:
    """Signs for one API key. The seed never leaves it."""

    __slots__ = ("_key", "api_key")

    def __init__(self, api_key: str, key: Ed25519PrivateKey) -> None:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        own = binascii.b2a_base64(public, newline=False).decode()
        if api_key and _key_bytes(api_key) != public:
            raise AuthFailed(
                "api_key is not the public key of api_secret: copy both from the same row of Backpack's API settings"
            )
        self._key = key
        self.api_key = own

    @classmethod
    def of(cls, secrets: Mapping[str, str]) -> Signer | None:
        """The signer of an account's credentials; None without any.

        `api_secret` is base64 of the 32-byte seed (of 64 bytes the first half counts), or `private_key` a PEM.

        Raises:
            AuthFailed: they are no Ed25519 key, or not those of `api_key`.
        """
        api_key = secrets.get("api_key", "").encode().decode()
        secret = secrets.get("api_secret", "").encode()
        pem = secrets.get("private_key", "").encode()
        if not secret and not pem:
            if api_key:
                raise AuthFailed("api_key without api_secret: give the secret that Backpack showed with the key")
            return None
        return cls(api_key, _from_seed(secret) if secret else _from_pem(pem))

    def sign(self, line: str) -> str:
        return binascii.b2a_base64(self._key.sign(line.encode()), newline=False).decode()

    def headers(self, line: str, timestamp_ms: int, window_ms: int) -> Signed:
        """The headers that authenticate a request whose line is `line`."""
        signature = self.sign(f"{line}&timestamp={timestamp_ms}&window={window_ms}")
        return (
            ("X-API-Key", self.api_key),
            ("X-Timestamp", str(timestamp_ms)),
            ("X-Window", str(window_ms)),
            ("X-Signature", signature),
        )

    def subscription(self, timestamp_ms: int, window_ms: int) -> list[str]:
        """The `signature` field of a private SUBSCRIBE."""
        line = f"instruction=subscribe&timestamp={timestamp_ms}&window={window_ms}"
        return [self.api_key, self.sign(line), str(timestamp_ms), str(window_ms)]


def _key_bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AuthFailed("api_key is not base64: copy it whole from Backpack's API settings") from None


def _from_seed(secret: bytes) -> Ed25519PrivateKey:
    try:
        seed = b64decode(secret.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise AuthFailed("api_secret is not base64: copy it whole from Backpack's API settings") from None
    if len(seed) not in (32, 64):
        raise AuthFailed(f"api_secret holds {len(seed)} bytes, not the 32 of an Ed25519 seed")
    return Ed25519PrivateKey.from_private_bytes(seed[:32])


def _from_pem(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise AuthFailed("private_key is no PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuthFailed("private_key is not an Ed25519 key, and Backpack takes no other")
    return key


USER_AGENT: Headers = (("User-Agent", "ctos"),)
"""Backpack's front door may turn away requests without one."""
