"""Both ways to a venue where there are two, and which of them works."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from ctosd.abi.clock import Clock
from ctosd.abi.errors import Misconfigured
from ctosd.host.probing.check import Check
from ctosd.host.probing.pace import Pace
from ctosd.host.probing.way import Way, servers
from ctosd.host.proxy import Proxy


class Reach(NamedTuple):
    """What was found. `rest`: whether HTTP is answered on the way that the venue's driver takes."""

    checks: list[Check]
    rest: bool
    stuck: bool


async def reach(
    endpoints: Mapping[str, str], proxy: str, *, clock: Clock, pace: Pace, timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> Reach:  # fmt: skip
    """Try the endpoints directly, and through `proxy` when one is named."""
    if not proxy:
        direct = Way(clock, pace, timeout_s, tls=tls)
        checks = await direct.look(endpoints)
        return Reach(checks, _is_answered(endpoints, checks), direct.stuck)
    direct = Way(clock, pace, timeout_s, name="direct", matters=False, tls=tls)
    without = await direct.look(endpoints)
    try:
        named = Proxy(proxy)
    except Misconfigured as error:
        text = Proxy.shown(proxy)
        wrong = Check(
            name="proxy", target=text, ok=False, message=str(error), remedy="correct `proxy:`, or take it out"
        )
        return Reach([*without, wrong], rest=False, stuck=direct.stuck)
    itself = Way(clock, pace, timeout_s, name="proxy", tls=tls)
    through = Way(clock, pace, timeout_s, name="proxy", proxy=named, tls=tls)
    parts = urlsplit(named.url)
    begun = await itself.look_at(parts.hostname or "", parts.port or 0)
    through_it = await through.look(endpoints) if all(check.ok for check in begun) else []
    checks = [*begun, *through_it]
    verdict = which(named.text, without, checks, works=_is_whole(through_it))
    return Reach(
        [*without, *checks, verdict], _is_answered(endpoints, through_it), direct.stuck or itself.stuck or through.stuck
    )


def which(proxy: str, without: Sequence[Check], through: Sequence[Check], *, works: bool) -> Check:
    """Which of the two ways works, in one sentence."""
    past = next((check for check in without if not check.ok), None)
    inside = next((check for check in through if not check.ok), None)
    remedy = ""
    if works and past is None:
        message = "works with the proxy and without it"
    elif works:
        message = f"works with the proxy, not without it: {_what(past)}"
    elif past is None:
        message = f"works without the proxy, not with it: {_what(inside)}"
        remedy = "mend the proxy, or take `proxy:` out of this venue"
    else:
        message = f"works neither with the proxy ({_what(inside)}) nor without it ({_what(past)})"
        remedy = "see the lines above"
    return Check(name="proxy", target=proxy, ok=works, message=message, remedy=remedy)


def _what(check: Check | None) -> str:
    return f"{check.name} {check.target}: {check.message}" if check is not None else "not all was tried"


def _is_whole(checks: Sequence[Check]) -> bool:
    return bool(checks) and all(check.ok for check in checks)


def _is_answered(endpoints: Mapping[str, str], checks: Sequence[Check]) -> bool:
    """Whether every HTTP address among the endpoints gave an answer; true when there is none."""
    wanted = sum(url.startswith("http") for urls in servers(endpoints).values() for url in urls)
    return sum(check.name == "http" and check.ok for check in checks) == wanted
