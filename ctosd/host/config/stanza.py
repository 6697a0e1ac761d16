"""What the stanzas of venues and units have in common: names, symbols, and the look-up of what they use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ctosd.abi.errors import CallerMistake, Misconfigured
from ctosd.abi.instruments import normalise_symbol, split_symbol
from ctosd.core.ledger import DUST, EXTERNAL
from ctosd.host import modprobe
from ctosd.host.config.document import Section
from ctosd.runtime.operator import OPERATOR

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
RESERVED = (DUST, EXTERNAL, OPERATOR)


class Resolver:
    """Looks every `use:` up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Path], modprobe.Resolved | Misconfigured] = {}

    def resolve(self, group: modprobe.Group, use: str, section: Section, key: str) -> modprobe.Resolved | None:
        base = Path(section.document.file).parent
        asked = (group, use, base)
        if asked not in self._known:
            try:
                self._known[asked] = modprobe.resolve(group, use, base)
            except Misconfigured as error:
                self._known[asked] = error
        found = self._known[asked]
        if isinstance(found, Misconfigured):
            section.wrong(str(found), key)
            return None
        return found


def check_name(name: str, what: str, section: Section, *steps: str) -> None:
    if what == "strategy" and name in RESERVED:
        section.wrong(f'the strategy name "{name}" is what CTOS books other things under: choose another', *steps)
        return
    if _NAME.fullmatch(name):
        return
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    hint = f': write "{better}"' if better else ""
    there = steps if steps and isinstance(section.data, dict) and steps[0] in section.data else ()
    section.wrong(f'the {what} name "{name}" must be of small letters, digits and hyphens{hint}', *there, key=not there)


def normalise_symbols(data: dict[str, Any], section: Section, *steps: str | int, deep: bool = False) -> None:
    """Give every value under `symbol` and `symbols` its unified spelling, in place; `deep` looks into nested ones too."""
    for key, value in data.items():
        path = (*steps, key)
        if key == "symbol" and isinstance(value, str):
            data[key] = _symbol(value, section, *path)
        elif key == "symbols" and isinstance(value, list):
            data[key] = [_symbol(one, section, *path, index) for index, one in enumerate(value)]
        elif key == "symbols" and isinstance(value, dict):
            data[key] = {_symbol(one, section, *path, one): inner for one, inner in value.items()}
        elif deep and isinstance(value, dict):
            data[key] = dict(value)
            normalise_symbols(data[key], section, *path, deep=True)
        elif deep and isinstance(value, list):
            data[key] = [dict(one) if isinstance(one, dict) else one for one in value]
            for index, one in enumerate(data[key]):
                if isinstance(one, dict):
                    normalise_symbols(one, section, *path, index, deep=True)


def _symbol(text: Any, section: Section, *steps: str | int) -> Any:
    if not isinstance(text, str):
        return text
    try:
        split_symbol(text)
    except CallerMistake as error:
        section.wrong(str(error), *steps)
        return text
    return normalise_symbol(text)
