"""Who may call: Ed25519 keys by account, and the check of a signature byte by byte (sheet section 2).

The text that is signed is rebuilt from what was sent: `instruction=name`, every parameter in alphabetical order, then the
timestamp and the window; of a batch the first two once an order.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from drivers.backpack.emulator.formats import ms
from drivers.backpack.emulator.refusals import Refusal, bad_request

WINDOW_MS, LARGEST_WINDOW_MS = 5_000, 60_000
EARLY_MS = 1_000
"""How far in the future a timestamp may lie. The venue tells no figure."""

Pairs = Sequence[tuple[str, str]]


class Key:
    """One account's key pair, made from its 32-byte seed."""

    def __init__(self, account: str, seed: bytes) -> None:
        self.account = account
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
        self.api_key = base64.b64encode(public.public_bytes_raw()).decode()
        self.api_secret = base64.b64encode(seed).decode()
        self.public: Ed25519PublicKey = public


class Keys:
    """Every key that the venue knows."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self.all = [Key(account, bytes(range(n, n + 32))) for n, account in enumerate(accounts)]
        self._known = {key.api_key: key for key in self.all}
        self.expired = False

    def verify(self, headers: Mapping[str, str], instruction: str, parameters: Sequence[Pairs], now_ns: int) -> str:
        """The account that signed a request; `parameters` has one entry, or one for each order of a batch.

        Raises:
            Refusal: a header is missing or wrong, the time is, or the signature.
        """
        api_key, signature, timestamp = (_header(headers, name) for name in ("X-API-Key", "X-Signature", "X-Timestamp"))
        window = headers.get("x-window", str(WINDOW_MS))
        key = self._check(api_key, timestamp, window, now_ns)
        tail = f"timestamp={timestamp}&window={window}"
        for texts in spellings(parameters):
            head = "&".join("&".join((f"instruction={instruction}", *pairs)) for pairs in texts)
            if signed(key.public, signature, f"{head}&{tail}"):
                return key.account
        raise bad_request("Invalid signature")

    def subscriber(self, signature: Any, now_ns: int) -> str:
        """The account of a SUBSCRIBE message's `signature`: key, signature, timestamp, window as texts. Raises `Refusal`."""
        if not isinstance(signature, list) or len(signature) != 4 or not all(isinstance(s, str) for s in signature):
            raise bad_request("Invalid signature")
        api_key, given, timestamp, window = signature
        key = self._check(api_key, timestamp, window, now_ns)
        if not signed(key.public, given, f"instruction=subscribe&timestamp={timestamp}&window={window}"):
            raise bad_request("Invalid signature")
        return key.account

    def known(self, headers: Mapping[str, str]) -> str:
        """The account whose key stands in the headers, not verified; empty for none."""
        key = self._known.get(headers.get("x-api-key", ""))
        return key.account if key is not None else ""

    def _check(self, api_key: str, timestamp: str, window: str, now_ns: int) -> Key:
        if not (timestamp.isascii() and timestamp.isdigit()):
            raise bad_request("Invalid timestamp")
        if not (window.isascii() and window.isdigit()) or not 0 < int(window) <= LARGEST_WINDOW_MS:
            raise bad_request("Invalid window")
        key = self._known.get(api_key)
        if key is None or self.expired:
            raise Refusal("UNAUTHORIZED", "Unauthorized")
        if ms(now_ns) > int(timestamp) + int(window):
            raise bad_request("Request has expired")
        if int(timestamp) > ms(now_ns) + EARLY_MS:
            raise bad_request("Invalid timestamp")
        return key


def _header(headers: Mapping[str, str], name: str) -> str:
    try:
        return headers[name.lower()]
    except KeyError:
        raise bad_request(f"Missing {name} header") from None


def signed(public: Ed25519PublicKey, signature: str, text: str) -> bool:
    try:
        public.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def spellings(parameters: Sequence[Pairs]) -> list[list[list[str]]]:
    """The parameters as they may stand in the signed text: plain, and escaped as in a query (ccxt signs the latter)."""
    ordered = [sorted(pairs, key=lambda pair: pair[0]) for pairs in parameters]
    plain = [[f"{key}={value}" for key, value in pairs] for pairs in ordered]
    escaped = [[f"{key}={quote_plus(value)}" for key, value in pairs] for pairs in ordered]
    return [plain] if escaped == plain else [plain, escaped]


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query, in the order in which they were sent."""
    return parse_qsl(query, keep_blank_values=True)


def body_pairs(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a body as they are signed: texts plain, booleans lower-case, null fields not at all."""
    return [(key, _text(value)) for key, value in body.items() if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
