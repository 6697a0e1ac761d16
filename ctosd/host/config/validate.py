"""Typed records from sections of the configuration: pydantic finds every mistake at once, this places and words it."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import CoreSchema, PydanticCustomError, SchemaError, SchemaValidator, ValidationError

from ctosd.host.config.document import Section
from ctosd.host.config.mistakes import did_you_mean

T = TypeVar("T")
Steps = tuple[str | int, ...]

_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def validate(kind: type[T], section: Section, label: str = "", data: Any = None) -> T | None:
    """The record of the dataclass `kind` that the section describes; None when something is wrong, which is reported.

    `data` stands for the section's own data (when some of its keys belong to somebody else); `label` is the dotted name
    of the section in messages. The last text in a field's ``Annotated`` is shown as the field's meaning.
    """
    given = section.data if data is None else data
    try:
        return cast("T", _validator(cast("Hashable", kind)).validate_python([given])[0])
    except ValidationError as error:
        for complaint in _complaints(kind, given, error):
            _report(complaint, kind, given, section, label)
    except (PydanticUserError, SchemaError, NameError) as error:
        first = str(error).splitlines()[0]
        section.wrong(f"{kind.__module__}.{kind.__qualname__} cannot be checked: {first}")
    except Exception as error:  # noqa: BLE001  a stranger's __post_init__: its failure is a mistake, never our end
        section.wrong(f"{kind.__qualname__} refuses this: {type(error).__name__}: {error}")
    return None


# -- pydantic, with fewer surprises ------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _validator(kind: Hashable) -> SchemaValidator:
    with _without_plugins():
        # The list is there because pydantic takes no configuration for a bare dataclass that is not its own.
        wrapped: Any = list.__class_getitem__(kind)
        adapter: TypeAdapter[Any] = TypeAdapter(wrapped, config=ConfigDict(extra="forbid"))
    return SchemaValidator(cast("CoreSchema", _tightened(adapter.core_schema)))


@contextmanager
def _without_plugins() -> Iterator[None]:
    """Keep pydantic from scanning every installed package for plug-ins of its own, which it would import and run."""
    environ = os.environ  # noqa: TID251  pydantic looks nowhere else
    before = environ.get(_NO_PLUGINS)
    environ[_NO_PLUGINS] = "__all__"
    try:
        yield
    finally:
        if before is None:
            del environ[_NO_PLUGINS]
        else:
            environ[_NO_PLUGINS] = before


def _tightened(schema: Any) -> Any:
    """The schema in which true and false are no numbers, and nothing else is true or false."""
    if isinstance(schema, list):
        return [_tightened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = ("default", "metadata", "expected", "cls")
    copy = {key: value if key in kept else _tightened(value) for key, value in schema.items()}
    if copy.get("type") == "bool":
        copy["strict"] = True
    if copy.get("type") in ("int", "float"):
        before = {"type": "no-info", "function": _int_not_bool if copy["type"] == "int" else _float_not_bool}
        return {"type": "function-before", "function": before, "schema": copy}
    return copy


def _int_not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "a truth value is no number")
    return value


def _float_not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "a truth value is no number")
    return value


# -- words -------------------------------------------------------------------------------------------------------------

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string_type": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen": "a list",
    "iterable": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "dataclass": "a mapping",
    "none": "nothing",
}
_BOUNDS = {
    "gt": "greater than",
    "ge": "at least",
    "lt": "less than",
    "le": "at most",
    "multiple_of": "a multiple of",
    "min_length": "of length at least",
    "max_length": "of length at most",
    "pattern": "of the form",
}


@dataclass(frozen=True, slots=True)
class _Complaint:
    kind: str  # pydantic's word
    steps: Steps  # where in the data; for what is missing, where it should be
    name: str  # the missing or unknown key
    expected: str  # "a number"; empty when `message` says all
    message: str
    choices: tuple[str, ...] = ()


def _complaints(kind: type, data: Any, error: ValidationError) -> list[_Complaint]:
    """One complaint a place: the arms of a union complain together."""
    merged: dict[tuple[Steps, str], _Complaint] = {}
    for detail in error.errors(include_url=False):
        one = _complaint(cast("Mapping[str, Any]", detail), data)
        before = merged.get((one.steps, one.name))
        if before is None:
            merged[one.steps, one.name] = one
        elif before.expected and one.expected and one.expected not in before.expected:
            both = f"{before.expected} or {one.expected}"
            merged[one.steps, one.name] = _Complaint(
                one.kind, one.steps, one.name, both, "", before.choices + one.choices
            )
    return list(merged.values())


def _complaint(detail: Mapping[str, Any], data: Any) -> _Complaint:
    kind, context = str(detail["type"]), detail.get("ctx") or {}
    location = tuple(detail["loc"][1:])
    steps = _steps(location, data)
    if kind in ("missing", "missing_keyword_only_argument", "unexpected_keyword_argument"):
        name = str(location[-1])
        return _Complaint(kind, steps if kind.startswith("unexpected") else _steps(location[:-1], data), name, "", "")
    if kind == "literal_error":
        choices = tuple(re.findall(r"'([^']*)'", str(context["expected"])))
        return _Complaint(
            kind, steps, "", f"one of {', '.join(choices)}" if choices else str(context["expected"]), "", choices
        )
    for bound, words in _BOUNDS.items():
        if bound in context:
            return _Complaint(kind, steps, "", f"{words} {_bound(context[bound])}", "")
    if "error" in context:
        return _Complaint(kind, steps, "", "", str(context["error"]))
    expected = next((words for start, words in _EXPECTED.items() if kind.startswith(start)), "")
    return _Complaint(kind, steps, "", expected, str(detail["msg"]))


def _bound(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _steps(location: Sequence[str | int], data: Any) -> Steps:
    """The part of pydantic's location that is a path in the data: it also names the arms of unions."""
    steps: list[str | int] = []
    for step in location:
        if _holds(data, step):
            data = data[step]
            steps.append(step)
    return tuple(steps)


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _report(complaint: _Complaint, kind: type, data: Any, section: Section, label: str) -> None:
    steps, name = complaint.steps, complaint.name
    here = data
    for step in steps:
        here = here[step]
    dotted = ".".join(str(part) for part in (label, *steps) if part != "")
    if complaint.kind == "unexpected_keyword_argument":
        known = _names(kind, steps[:-1])
        holder = ".".join(dotted.split(".")[:-1]) if not name.count(".") else label
        where = f"{holder} has" if holder else "there is"
        section.wrong(f'{where} no key "{name}"{did_you_mean(name, known)}', *steps, key=True)
    elif name:
        meaning = _meaning(kind, (*steps, name))
        section.wrong(f'"{name}" is missing{f": {meaning}" if meaning else ""}', *steps, key=True)
    elif complaint.expected:
        section.wrong(_unfit(complaint, kind, here, section, dotted), *steps)
    else:
        _report_sentence(complaint.message, here, section, steps, dotted)


def _unfit(complaint: _Complaint, kind: type, here: Any, section: Section, dotted: str) -> str:
    message = f"{dotted or 'this'} must be {complaint.expected}, not {section.shown(here, *complaint.steps)}"
    if complaint.choices and isinstance(here, str):
        hint = did_you_mean(here, complaint.choices)
        if "did you mean" in hint:
            return message + hint
    elif complaint.kind == "string_type" and not isinstance(here, dict | list) and here is not None:
        message += ": write it in quotes"
    meaning = _meaning(kind, complaint.steps)
    return f"{message} ({meaning})" if meaning else message


def _report_sentence(message: str, here: Any, section: Section, steps: Steps, dotted: str) -> None:
    """A record's own words. They are placed at the first key that they name."""
    named = [word for word in re.findall(r"\w+", message) if isinstance(here, dict) and word in here]
    head = "" if not dotted or message.startswith(dotted) else f"{dotted}: "
    section.wrong(head + message, *steps, *named[:1])


# -- what the annotations say ------------------------------------------------------------------------------------------


def _meaning(kind: Any, steps: Steps) -> str:
    """The last text in the annotation of the field at `steps`, or nothing."""
    annotation = _annotation(kind, steps)
    if get_origin(annotation) is not Annotated:
        return ""
    return next((text for text in reversed(get_args(annotation)) if isinstance(text, str)), "")


def _names(kind: Any, steps: Steps) -> list[str]:
    """The keys that the record at `steps` knows."""
    arms = _arms(_annotation(kind, steps))
    return [field.name for arm in arms if is_dataclass(arm) for field in fields(arm) if field.init]


def _annotation(annotation: Any, steps: Steps) -> Any:
    for step in steps:
        annotation = next((found for arm in _arms(annotation) if (found := _child(arm, step)) is not None), None)
    return annotation


def _arms(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _arms(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(arm for choice in get_args(annotation) for arm in _arms(choice))
    return (annotation,)


def _child(arm: Any, step: str | int) -> Any:
    if is_dataclass(arm) and isinstance(arm, type):
        return get_type_hints(arm, include_extras=True).get(str(step))
    origin, arguments = get_origin(arm), get_args(arm)
    if not isinstance(origin, type) or not arguments:
        return None
    if issubclass(origin, Mapping):
        return arguments[1] if len(arguments) > 1 else None
    return arguments[0] if issubclass(origin, Sequence | AbstractSet) else None
