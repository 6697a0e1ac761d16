"""/proc as text and as JSON: walks the operator's nested tree, one path at a time.

A `Mapping` is a directory, unless it is a `Status`, which is a file of ``Key:\\tvalue`` lines (keys in CamelCase). A scalar
is a file of one value, a list a file of one value a line. A callable stands for what it returns, and is called only when
its path is visited (or listed, to know whether it is a directory). Every file ends in one newline.

Spelling: booleans are ``true`` and ``false`` as in JSON, None is empty, Decimals have no exponent, a line break inside a
value is written ``\\n``. A ``/`` inside a name (symbols, accounts) is written ``-``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import msgspec

from ctosd.abi import CtosError
from ctosd.kernel.ports import Status

Tree = Mapping[str, Any]

_DEEPEST = 16  # a tree that is deeper has a loop in it


class NotADirectory(LookupError):
    """The path goes on behind a file."""


def spell(name: str) -> str:
    """The name of an entry as a path has it."""
    return str(name).replace("/", "-")


def is_directory(node: Any) -> bool:
    return isinstance(node, Mapping) and not isinstance(node, Status)


def lookup(tree: Tree, path: str) -> Any:
    """What lies at `path` (with or without leading slash; empty is the root), callables resolved.

    Raises:
        LookupError: nothing is there; the message has the nearest right word.
        NotADirectory: a file stands in the way.
    """
    node: Any = tree
    walked = "/proc"
    for part in path.split("/"):
        if not part:
            continue
        if not is_directory(node):
            raise NotADirectory(f"{walked} is a file, not a directory")
        node = _value(_child(node, part, walked))
        walked = f"{walked}/{part}"
    if path.endswith("/") and not is_directory(node):
        raise NotADirectory(f"{walked} is a file, not a directory")
    return node


def _child(directory: Tree, part: str, walked: str) -> Any:
    if part in directory:
        return directory[part]
    for name in directory:
        if spell(name) == part:
            return directory[name]
    near = get_close_matches(part, [spell(name) for name in directory], n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f"; see the directory {walked}"
    raise LookupError(f"no {part!r} in {walked}{hint}")


def _value(node: Any) -> Any:
    """The node itself, or what a callable of the tree returns for it."""
    return node() if callable(node) else node


def names(directory: Tree) -> Iterator[str]:
    """The entries, in the tree's own order; those of directories end in ``/``."""
    for name, node in directory.items():
        yield spell(name) + ("/" if is_directory(_value_or_none(node)) else "")


def _value_or_none(node: Any) -> Any:
    """As `_value`; an entry that cannot be told now must not spoil the list that it stands in."""
    try:
        return _value(node)
    except (CtosError, LookupError):
        return None


def text(node: Any) -> str:
    """A directory as its names, a file as its content."""
    if is_directory(node):
        lines = list(names(node))
    elif isinstance(node, Status):
        lines = [f"{camel(key)}:\t{scalar(_value(value))}" for key, value in node.items()]
    elif _is_list(node):
        lines = [scalar(item) for item in node]
    else:
        lines = [scalar(node)]
    return "".join(f"{line}\n" for line in lines)


def _is_list(node: Any) -> bool:
    return isinstance(node, Sequence | set | frozenset) and not isinstance(node, str | bytes | bytearray)


def scalar(value: Any) -> str:
    """One value in one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping) or _is_list(value) or isinstance(value, msgspec.Struct):
        return msgspec.json.encode(plain(value)).decode()
    return str(value).replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def camel(key: str) -> str:
    """``last_error`` as ``LastError``; what is in CamelCase stays so."""
    return "".join(part[:1].upper() + part[1:] for part in spell(key).split("_"))


def plain(node: Any, depth: int = 0) -> Any:
    """The whole subtree as JSON-ready values; an entry that cannot be told now is null."""
    if depth > _DEEPEST:
        raise ValueError(f"/proc is deeper than {_DEEPEST} directories: is there a loop in the tree?")
    if isinstance(node, Mapping):
        return {spell(name): plain(_value_or_none(child), depth + 1) for name, child in node.items()}
    if _is_list(node):
        return [plain(item, depth + 1) for item in node]
    return format(node, "f") if isinstance(node, Decimal) else node
