"""Credentials of accounts: systemd's credentials, else a private accounts.yaml, else the environment. Never logged.

For the account ``okx/main``, the first source that knows it gives all of its fields:

1. ``$CREDENTIALS_DIRECTORY``: a file ``accounts`` (an accounts.yaml), or one file a field, ``okx-main.api_key``
2. without that file, ``accounts.yaml`` beside the main configuration; mode 0600 and owned by this user, else it is refused
3. ``CTOS_OKX_MAIN_API_KEY``, ``CTOS_OKX_MAIN_API_SECRET``, …
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctosd.host.config.document import Section
from ctosd.host.config.mistakes import Mistake, Place, Report, did_you_mean
from ctosd.host.config.yamlfile import read_file

FILE = "accounts.yaml"

FIELDS = {
    "api_key": "the key's public part, as the venue shows it",
    "api_secret": "the secret that requests are signed with",
    "passphrase": "OKX: the passphrase chosen with the key",
    "private_key": "Ed25519 in PEM form, where a venue signs with one",
}


class Secret(str):
    """A text that does not print. Concatenation, `encode` and `reveal` give the real one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memory: Any) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a secret is not written anywhere")

    def reveal(self) -> str:
        return str.__str__(self)


Fields = Mapping[str, Secret]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was found: the fields of each account, empty for one without, and where they came from (for humans)."""

    accounts: Mapping[str, Fields]
    origins: Mapping[str, str]
    warnings: tuple[Mistake, ...] = ()


def read(accounts: Mapping[str, bool], directory: Path, environ: Mapping[str, str]) -> Credentials:
    """Credentials of `accounts` (full name → whether it cannot do without); `directory` is the configuration's.

    Raises:
        ConfigMistakes: an accounts.yaml is wrong or open to others, or an account that needs credentials has none.
    """
    report = Report()
    sources = _sources(accounts, directory, environ, report)
    found: dict[str, Fields] = {}
    origins: dict[str, str] = {}
    for account, needed in accounts.items():
        name, fields = next(((name, source[account]) for name, source in sources if source.get(account)), ("", {}))
        found[account], origins[account] = fields, name
        if needed and not fields and not report.mistakes:
            report.wrong(Place(str(directory / FILE)), _missing(account))
    return Credentials(found, origins, report.close())


def _sources(
    accounts: Mapping[str, bool], directory: Path, environ: Mapping[str, str], report: Report
) -> list[tuple[str, Mapping[str, Fields]]]:
    sources: list[tuple[str, Mapping[str, Fields]]] = []
    handed = environ.get("CREDENTIALS_DIRECTORY")
    file, private = directory / FILE, True
    if handed:
        sources.append((handed, _from_files(Path(handed), accounts, report)))
        given = Path(handed, "accounts")
        if given.exists():  # mounted for this service alone: its modes are the service manager's affair
            file, private = given, False
    if os.path.lexists(file) and (any(accounts.values()) or os.access(file, os.R_OK)):
        sources.append((str(file), _from_yaml(file, accounts, report, private=private)))
    sources.append(("the environment", _from_environment(accounts, environ, report)))
    return sources


def _missing(account: str) -> str:
    head = _variable(account)
    return (
        f"{account} has no credentials: write them here (mode 0600; see accounts.example.yaml), or set {head}_API_KEY and "
        f"{head}_API_SECRET, or give systemd a credential {_file(account)}.api_key"
    )


# -- accounts.yaml -----------------------------------------------------------------------------------------------------


def _from_yaml(path: Path, accounts: Iterable[str], report: Report, *, private: bool) -> dict[str, Fields]:
    guard = (lambda status: _open_to_others(status, path)) if private else None
    root = Section(read_file(path, report, guard=guard, texts=True))
    if root.data in (None, ""):
        return {}
    if not isinstance(root.data, dict):
        root.wrong("write accounts and their fields, as in accounts.example.yaml")
        return {}
    return {name: _account(name, section, accounts) for name, section in root.items()}


def _open_to_others(status: os.stat_result, path: Path) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_uid != os.geteuid():
        return f"holds secrets but belongs to uid {status.st_uid}, not to this user (uid {os.geteuid()}): chown it, then chmod 600"
    mode = stat.S_IMODE(status.st_mode)
    return f"holds secrets and is open to others (mode {mode:04o}): run chmod 600 {path}" if mode & 0o177 else ""


def _account(name: str, section: Section, accounts: Iterable[str]) -> Fields:
    if name not in accounts:
        section.doubt(f"{name} is not an account of the configuration{did_you_mean(name, accounts)}")
    if not isinstance(section.data, dict):
        section.wrong(f"{name} must hold fields: {', '.join(FIELDS)}")
        return {}
    fields: dict[str, Secret] = {}
    for key, value in section.data.items():
        problem = _problem(key, value)
        if problem:
            section.wrong(f"{name}: {problem}", key, key=key not in FIELDS)
        else:
            fields[key] = Secret(value)
    return fields


def _problem(key: str, value: Any) -> str:
    """What is wrong with a field. Never quotes the value."""
    if key not in FIELDS:
        return f'there is no field "{key}"{did_you_mean(key, FIELDS)}'
    if not isinstance(value, str) or not value.strip():
        return f"{key} is empty: {FIELDS[key]}"
    if not value.isascii():
        return f"{key} holds a character that no key has: copy it again"
    if key != "private_key" and re.search(r"\s", value):
        return f"{key} holds a space or a line break: copy it again"
    return ""


# -- one file a field, one variable a field ----------------------------------------------------------------------------


def _file(account: str) -> str:
    return account.replace("/", "-")


def _variable(account: str) -> str:
    return f"CTOS_{re.sub('[^A-Z0-9]', '_', account.upper())}"


def _from_files(folder: Path, accounts: Iterable[str], report: Report) -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    for account in accounts:
        texts = {key: _text(folder / f"{_file(account)}.{key}", report) for key in FIELDS}
        found[account] = _fields(
            account, {key: text for key, text in texts.items() if text is not None}, str(folder), report
        )
    return found


def _text(path: Path, report: Report) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        report.wrong(Place(str(path)), f"cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
        return None


def _from_environment(accounts: Iterable[str], environ: Mapping[str, str], report: Report) -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    owners: dict[str, str] = {}
    for account in accounts:
        head = _variable(account)
        texts = {key: environ[name] for key in FIELDS if (name := f"{head}_{key.upper()}") in environ}
        if texts and head in owners:
            report.wrong(
                Place(f"${head}_*"), f"could mean {owners[head]} or {account}: use accounts.yaml for these two"
            )
        owners[head] = account
        found[account] = _fields(account, texts, "the environment", report)
    return found


def _fields(account: str, texts: Mapping[str, str], source: str, report: Report) -> Fields:
    for key, text in texts.items():
        problem = _problem(key, text)
        if problem:
            report.wrong(Place(source), f"{account}: {problem}")
    return {key: Secret(text) for key, text in texts.items()}
