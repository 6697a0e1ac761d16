"""API keys: which there are, whose they are, and whether a signature is theirs (sheet A2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from drivers.binance.emulator.refusals import Refusal, bad_key

FORMAT = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
SEED = bytes(range(32))
"""Of the Ed25519 key that everybody knows."""


class Key:
    """One API key of an account: an HMAC secret, or an Ed25519 public key."""

    def __init__(self, name: str, account: str, secret: str = "", public: Ed25519PublicKey | None = None) -> None:
        self.name = name
        self.account = account
        self.public = public
        self._secret = secret.encode()

    def signed(self, payload: bytes, signature: str) -> bool:
        if self.public is None:
            right = hmac.new(self._secret, payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(right.encode(), signature.lower().encode())
        try:
            self.public.verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class Keyring:
    """All keys of the venue."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.name: key for key in keys}
        self.expired = False

    def find(self, name: str) -> Key:
        """Raises `Refusal`: no key, a malformed or an unknown one."""
        if not FORMAT.match(name):
            raise Refusal(-2014, "API-key format invalid.", status=401)
        found = self._keys.get(name)
        if found is None or self.expired:
            raise bad_key()
        return found


def private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(SEED)


def private_pem() -> str:
    """The known Ed25519 key as a client configures it."""
    return (
        private_key()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def check(key: Key, payload: bytes, signature: str) -> None:
    if not key.signed(payload, signature):
        raise Refusal(-1022, "Signature for this request is not valid.")


def unsigned(text: str) -> tuple[str, str | None]:
    """`(the text without its signature, the signature decoded)`; None when there is none.

    The rest stays byte for byte as it was sent: that is what was signed.
    """
    kept, found = [], None
    for part in text.split("&") if text else ():
        if part.startswith("signature="):
            # An unescaped plus sign of base64 is read as a space, and the signature is wrong then.
            found = unquote_plus(part.removeprefix("signature="))
        else:
            kept.append(part)
    return "&".join(kept), found


def socket_payload(params: Mapping[str, str]) -> bytes:
    """What is signed on the WebSocket API: all parameters by name, unescaped."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()
