"""The scrubber: no secret stands in a flight recording.

Two nets. What a name announces as a secret (`"sign":"…"`, `signature=…`) goes, whatever it is; and every secret that this
process knows goes wherever it stands. Both put stars in its place, as many as there were bytes: lengths and JSON stay true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

LEAST = 6
"""A known secret shorter than this is looked for by its name alone: blotting it out everywhere would hide the market."""

_NAMES = (
    rb"sign|signature|passphrase|password|secret|api_?key|api_?secret|secret_?key|private_?key|listen_?key"
    rb"|ok-access-\w+|x-mbx-apikey|x-api-key|x-signature|authorization"
)
_JSON_TEXT = re.compile(rb'(?i)(\\?"(?:' + _NAMES + rb')\\?"\s*:\s*\\?")((?:[^"\\]|\\.)*?)(?=\\?")')
_JSON_LIST = re.compile(rb'(?i)("(?:' + _NAMES + rb')"\s*:\s*\[)([^\]]*)')
_QUERY = re.compile(rb"(?i)((?<![A-Za-z0-9_-])(?:" + _NAMES + rb")=)([^&\s\"'\\,})]+)")
_LISTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_HINT = re.compile(rb"(?i)sign|pass|secret|key|auth")


class Scrubber:
    """Takes secrets out of what is written. `learn` may be called while another thread writes."""

    def __init__(self) -> None:
        self._known: frozenset[bytes] = frozenset()
        self._pattern: re.Pattern[bytes] | None = None

    def learn(self, secrets: Iterable[str]) -> None:
        """Blot out these wherever they stand, in every spelling that a request gives them."""
        spelled = {form for secret in secrets for form in _spellings(secret)} | self._known
        if spelled != self._known:
            self._known = frozenset(spelled)
            longest_first = sorted(spelled, key=len, reverse=True)
            self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))

    def named(self, data: bytes) -> bytes:
        """`data` without what stands behind a name of a secret."""
        if _HINT.search(data) is None:
            return data
        data = _JSON_TEXT.sub(_blot, data)
        data = _JSON_LIST.sub(lambda found: found[1] + _LISTED.sub(_blot_text, found[2]), data)
        return _QUERY.sub(_blot, data)

    def known(self, data: bytes) -> bytes:
        """`data` without the secrets that this process knows."""
        return data if self._pattern is None else self._pattern.sub(_stars, data)


def _blot(found: re.Match[bytes]) -> bytes:
    return found[1] + b"*" * len(found[2])


def _blot_text(found: re.Match[bytes]) -> bytes:
    return b'"' + b"*" * (len(found[0]) - 2) + b'"'


def _stars(found: re.Match[bytes]) -> bytes:
    return b"*" * len(found[0])


def _spellings(secret: str) -> set[bytes]:
    """As it is, each long line of it, and as it stands in an address and in JSON."""
    parts = {secret.strip(), *(line.strip() for line in secret.splitlines())}
    forms = {form for part in parts for form in (part, quote(part, safe=""), json.dumps(part)[1:-1])}
    forms |= {form.replace("/", "\\/") for form in forms}
    framed = ("-----BEGIN", "-----END")  # the frame of a PEM is no secret, and stands in every one
    return {form.encode() for form in forms if len(form) >= LEAST and not form.startswith(framed)}
