"""One unit: which strategy, on which accounts, with which parameters and limits. Read as far as it goes, every mistake told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from decimal import Decimal
from typing import Annotated, Any, get_args

from ctosd.core.gate import Limits
from ctosd.core.restart import RestartPolicy, When
from ctosd.host import modprobe
from ctosd.host.config.document import Section
from ctosd.host.config.mistakes import did_you_mean, nearest
from ctosd.host.config.settings import UnitConfig
from ctosd.host.config.stanza import Resolver, check_name, normalise_symbols
from ctosd.host.config.validate import validate
from ctosd.kernel.unit import ExitPolicy, ExitWord

_TIGHTER_WHEN_LARGER = ("duplicate_window_ms",)
_NEVER_NOTHING = ("order_rate", "order_burst", "price_band", "max_price_age_s")


@dataclass(frozen=True, kw_only=True)
class _UnitForm:
    """What may stand in a unit; `params`, `limits` and `exit` are read apart."""

    use: Annotated[str, "which strategy: an installed name, package.module:Class, or ./file.py"]
    name: str = ""
    account: Annotated[str, "venue/account, such as paper/main"] = ""
    accounts: Annotated[tuple[str, ...], "a list of venue/account"] = ()
    enabled: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    exit: Mapping[str, Any] = field(default_factory=dict)
    restart: RestartPolicy = field(default_factory=RestartPolicy)


def read_unit(
    name: str,
    section: Section,
    known: Mapping[str, tuple[str, ...]] | None,
    house: Mapping[str, Any],
    resolver: Resolver,
) -> UnitConfig | None:
    """One strategy. `known` are the accounts of each venue, None when nobody knows; `house` is the daemon's `risk`."""
    check_name(name, "strategy", section, "name")
    data = {key: value for key, value in section.data.items() if value is not None}
    exit_policy = _exit(data.pop("exit", {}), section)
    if isinstance(data.get("restart"), str):
        data["restart"] = _restart(data["restart"], section)
    form = validate(_UnitForm, section, "", data)
    use = data.get("use")
    resolved = resolver.resolve("ctos.strategies", use, section, "use") if isinstance(use, str) else None
    params = _params(resolved, section, data.get("params", {})) if resolved else None
    limits = _limits(section, data.get("limits", {}), house)
    accounts = _accounts(section, data, known) if known is not None else ()
    if form is None or resolved is None or params is None or limits is None or exit_policy is None:
        return None
    return UnitConfig(
        name=name,
        use=form.use,
        factory=resolved.factory,
        params=params,
        accounts=accounts,
        enabled=form.enabled,
        limits=limits,
        exit=exit_policy,
        restart=form.restart,
        origin=resolved.origin,
        version=resolved.version,
        sha256=resolved.sha256,
        source=section.place(),
    )


def _exit(given: Any, section: Section) -> ExitPolicy | None:
    if isinstance(given, str):
        words = get_args(ExitWord)
        if given not in words:
            section.wrong(f'exit must be one of {", ".join(words)}, not "{given}"{_close(given, words)}', "exit")
            return None
        given = dict.fromkeys(("stop", "fault", "park", "shutdown"), given)
    if not isinstance(given, dict):
        section.wrong(f"exit must be one word or a mapping, not {section.shown(given, 'exit')}", "exit")
        return None
    return validate(ExitPolicy, section.at("exit"), "exit", given)


def _restart(word: str, section: Section) -> dict[str, str]:
    words = get_args(When)
    if word in words:
        return {"policy": word}
    section.wrong(
        f'restart must be one of {", ".join(words)} or a mapping, not "{word}"{_close(word, words)}', "restart"
    )
    return {}


def _close(word: str, words: tuple[str, ...]) -> str:
    return did_you_mean(word, words) if nearest(word, words) else ""


def _params(resolved: modprobe.Resolved, section: Section, data: Any) -> Any:
    record = getattr(resolved.factory, "Params", None)
    if not isinstance(record, type) or not is_dataclass(record):
        section.wrong(f"{resolved.factory.__qualname__}.Params must be a dataclass", "use")
        return None
    if not isinstance(data, dict):
        return None  # reported with the form
    copy = dict(data)
    inner = section.at("params")
    normalise_symbols(copy, inner)
    return validate(record, inner, "params", copy)


def _accounts(section: Section, data: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    every = [f"{venue}/{account}" for venue, accounts in known.items() for account in accounts]
    if "account" in data and "accounts" in data:
        section.wrong("account and accounts exclude each other: write one of them", "accounts", key=True)
    if isinstance(data.get("account"), str):
        return tuple(filter(None, [_account(data["account"], section, known, every, "account")]))
    if isinstance(data.get("accounts"), list):
        found = [
            _account(name, section, known, every, "accounts", index) for index, name in enumerate(data["accounts"])
        ]
        if len(set(found)) < len(found) and None not in found:
            section.wrong("an account is named twice", "accounts")
        return tuple(filter(None, found))
    if "account" not in data and "accounts" not in data and len(every) != 1:
        section.wrong(f'"account" is missing: which one of {", ".join(every)}')
    return tuple(every[:1])


def _account(
    name: Any, section: Section, known: Mapping[str, tuple[str, ...]], every: list[str], *steps: str | int
) -> str | None:
    if not isinstance(name, str) or name in every:
        return name if isinstance(name, str) else None
    accounts = known.get(name, ())
    if len(accounts) == 1:
        return f"{name}/{accounts[0]}"
    if accounts:
        section.wrong(
            f"{name} has {len(accounts)} accounts: write one of {', '.join(f'{name}/{one}' for one in accounts)}",
            *steps,
        )
    else:
        section.wrong(f'there is no account "{name}"{did_you_mean(name, [*every, *known])}', *steps)
    return None


# -- limits ------------------------------------------------------------------------------------------------------------


def _limits(section: Section, given: Any, house: Mapping[str, Any]) -> Limits | None:
    """The unit's limits: what it does not name is the daemon's, and what it names may not be looser.

    `house` is what the daemon's `risk` says of each limit, as it was written.
    """
    if not isinstance(given, dict):
        return None  # reported with the form
    inner = section.at("limits")
    check_limits(given, inner, "limits")
    for name in given:
        mine, theirs = given[name], house.get(name)
        if _is_bound(mine) and _is_bound(theirs) and _looser(name, mine, theirs):
            wrote = "open" if mine is None else mine
            inner.wrong(f"limits.{name} is {wrote}, looser than the daemon's risk.{name}, {theirs}", name)
    usable = {name: value for name, value in house.items() if name not in given}
    # The daemon's own mistakes are told at its own place.
    return validate(Limits, inner, "limits", given | usable) if validate(Limits, inner, "limits", given) else None


def _is_bound(value: Any) -> bool:
    return value is None or (isinstance(value, int | Decimal) and not isinstance(value, bool))


def _looser(name: str, mine: Any, theirs: Any) -> bool:
    if mine is None or theirs is None:
        return theirs is not None
    return bool(mine < theirs if name in _TIGHTER_WHEN_LARGER else mine > theirs)


def check_limits(given: Mapping[str, Any], section: Section, label: str) -> None:
    """A bound below zero, or a rate of nothing, would stop a strategy without saying so."""
    for name, value in given.items():
        if value is None or not _is_bound(value):
            continue
        if value < 0 or (value == 0 and name in _NEVER_NOTHING):
            least = "greater than 0" if name in _NEVER_NOTHING else "at least 0"
            section.wrong(
                f"{label}.{name} must be {least}, not {section.shown(value, name)}; null leaves it open", name
            )
