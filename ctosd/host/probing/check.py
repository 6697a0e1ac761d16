"""What a probe finds: one value a check, with its figure, what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ctosd.host.logs import redaction

SHORTEST = 6
"""Letters that a text must have to be taken for a secret: shorter ones stand in ordinary words."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `ms` is None where nothing was measured."""

    name: str  # dns, tcp, tls, http, websocket, proxy, tunnel, credentials, clock, start, market data, or a finding's subject
    target: str
    ok: bool
    ms: float | None = None
    message: str = ""
    remedy: str = ""
    way: str = ""  # direct, proxy; empty where there is no choice
    matters: bool = True  # whether it keeps from trading when it is not ok

    @property
    def wrong(self) -> bool:
        return not self.ok and self.matters


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one venue. `proxy` is without user and password, empty when there is none."""

    venue: str
    money: str
    proxy: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return not any(check.wrong for check in self.checks)


def scrubbed(check: Check, secrets: Iterable[str]) -> Check:
    """`check` without any of `secrets` in its texts: a venue or a library may have quoted one."""
    known = sorted((each for each in secrets if len(each) >= SHORTEST), key=len, reverse=True)
    return msgspec.structs.replace(
        check,
        target=_scrubbed(check.target, known),
        message=_scrubbed(check.message, known),
        remedy=_scrubbed(check.remedy, known),
    )


def _scrubbed(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, redaction.HIDDEN)
    return redaction.text(text.encode()).decode()
