"""What the environment says in the configuration: ``${VAR}`` inside a text, and ``CTOS__SECTION__KEY=value`` over a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ctosd.host.config.document import Document, Section
from ctosd.host.config.mistakes import Place, Report, did_you_mean
from ctosd.host.config.yamlfile import Expand, read_text
from ctosd.host.config.yamlscalar import Trap, read_plain

PREFIX = "CTOS__"

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{([^}]*)(\}|$)")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def expander(environ: Mapping[str, str]) -> Expand:
    """The replacer of ``${VAR}`` and ``${VAR:-default}`` (for a variable that is unset or empty); ``$${`` is a plain ``${``."""

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[3]
        if match[0] == "$${":
            return "${"
        if name is None:
            raise Trap(f"{match[0]} is no reference: write ${{NAME}} or ${{NAME:-default}}, or $${{ for a plain ${{")
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            raise Trap(f"the environment variable {name} is not set: set it, or write ${{{name}:-default}}")
        return environ[name]

    return lambda text: _REFERENCE.sub(value, text)


def apply(environ: Mapping[str, str], main: Document, units: Mapping[str, Section], known: Iterable[str]) -> None:
    """Lay every ``CTOS__A__B=value`` over the documents; `known` are the sections of the main file.

    Words are matched without regard to case and punctuation: ``CTOS__STRATEGIES__GRID_BTC__PARAMS__BUY_STEP``.
    """
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        _apply(variable, environ[variable], main, units, tuple(known))


def _apply(variable: str, text: str, main: Document, units: Mapping[str, Section], known: tuple[str, ...]) -> None:
    place = Place(f"${variable}")
    words = variable[len(PREFIX) :].split("__")
    try:
        section, rest = _target(variable, words, main, units, known)
        if section.data is None:  # the file could not be read, and that was told
            return None
        path = section.path + _path(section.data, rest)
    except _Lost as error:
        return main.report.wrong(place, str(error))
    value, problems = _value(text, place)
    section.document.set(path, value, place)
    for problem in problems:
        section.document.spoil(path, place, problem)
    return None


class _Lost(Exception):
    """A variable that names nothing; the message says what it could have named."""


def _target(
    variable: str, words: list[str], main: Document, units: Mapping[str, Section], known: tuple[str, ...]
) -> tuple[Section, list[str]]:
    """The section that a variable speaks of, and the words that lead on from there."""
    if not all(words):
        raise _Lost(f"write {PREFIX}SECTION__KEY, such as {PREFIX}LOG__LEVEL")
    first = _match(words[0], known)
    if first is None:
        raise _Lost(f'there is no section "{words[0].lower()}"{did_you_mean(words[0].lower(), known)}')
    if first != "strategies":
        return Section(main), [first, *words[1:]]
    unit = _match(words[1], units) if len(words) > 1 else None
    if unit is None:
        hint = did_you_mean(words[1].lower(), units) if len(words) > 1 else ""
        raise _Lost(f"names no strategy{hint}: write {PREFIX}STRATEGIES__NAME__KEY")
    if len(words) == 2:
        raise _Lost(f"names no key of {unit}: write {variable}__KEY")
    return units[unit], words[2:]


def _match(word: str, known: Iterable[str]) -> str | None:
    wanted = _simple(word)
    return next((candidate for candidate in known if _simple(candidate) == wanted), None)


def _simple(word: str) -> str:
    return _NOT_A_WORD.sub("_", word.lower())


def _path(holder: Any, words: list[str]) -> tuple[str | int, ...]:
    """The path in `holder` that the words lead along."""
    steps: list[str | int] = []
    for word in words:
        step = _step(holder, word)
        if step is None:
            raise _Lost(f"{'.'.join(map(str, steps))} is not a mapping, and holds no {word.lower()}")
        steps.append(step)
        holder = _child(holder, step)
    return tuple(steps)


def _step(holder: Any, word: str) -> str | int | None:
    """The key or index that `word` means in `holder`; a key that is not there yet is made, and validated later."""
    if holder is None:
        return word.lower()
    if isinstance(holder, dict):
        return _match(word, holder) or word.lower()
    if isinstance(holder, list) and word.isdecimal() and int(word) < len(holder):
        return int(word)
    return None


def _child(holder: Any, step: str | int) -> Any:
    if isinstance(holder, list):
        return holder[int(step)]
    return holder.get(step) if isinstance(holder, dict) else None


def _value(text: str, place: Place) -> tuple[Any, list[str]]:
    """The value of an override, a scalar as in a file or a collection in brackets, and what is wrong with it."""
    if text[:1] in ("[", "{"):
        inner = Document(place.file, Report())
        read_text(text, inner)
        return inner.data, [mistake.message for mistake in inner.report.mistakes]
    try:
        return read_plain(text.strip()), []
    except Trap as trap:
        return None, [str(trap)]
