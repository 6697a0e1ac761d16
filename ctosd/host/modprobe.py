"""Finds the class that `use:` names: an entry point, a dotted path or a file. Only what was named is imported."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import ctosd
from ctosd.abi.driver import Driver
from ctosd.abi.emulator import Emulator
from ctosd.abi.errors import Misconfigured
from ctosd.abi.strategy import Strategy
from ctosd.host import entrypoints
from ctosd.host.config.mistakes import did_you_mean

Group = Literal["ctos.drivers", "ctos.emulators", "ctos.strategies"]

_BASES: dict[str, type] = {"ctos.drivers": Driver, "ctos.emulators": Emulator, "ctos.strategies": Strategy}
_LARGEST = 1 << 22


@dataclass(frozen=True, slots=True)
class Resolved:
    """A class and where it came from. `sha256` is of the source file that defines it, empty when there is none to read."""

    factory: Any
    origin: str  # "entry point grid of ctos 0.1.0", "acme.mm:MarketMaker", "/path/to/mine.py:Mine"
    distribution: str = ""
    version: str = ""
    sha256: str = ""


def resolve(group: Group, use: str, base_dir: Path) -> Resolved:
    """The class behind `use`: ``grid`` (entry point), ``acme.mm:MarketMaker``, ``./mine.py`` or ``./mine.py:Mine``.

    Files are relative to `base_dir`, are loaded under a name of their own, and see the same `sys.path` as everybody.

    Raises:
        Misconfigured: there is no such thing, more than one, it is of the wrong kind, or importing it failed.
    """
    if _is_file(use):
        return _from_file(group, use, base_dir)
    if ":" in use:
        factory = _load(use)
        return Resolved(_checked(factory, group, use), use, sha256=_digest(factory))
    return _from_entry_point(group, use)


def names(group: Group) -> list[str]:
    """The entry point names that are installed, sorted."""
    return sorted({entry.name for entry in entrypoints.scan(group)})


def check_namespace() -> None:
    """Our packages `drivers` and `strategies` have common names: other distributions ship packages named so too.

    Raises:
        Misconfigured: the one that Python would import does not lie beside our own package.
    """
    root = Path(ctosd.__file__ or "").resolve().parents[1]
    for name in ("drivers", "strategies"):
        module = sys.modules.get(name)
        spec = module.__spec__ if module is not None else importlib.util.find_spec(name)
        origin = module.__file__ if module is not None else spec and spec.origin
        found = Path(origin).resolve() if origin else None
        if found != root / name / "__init__.py":
            where = found or "nowhere"
            raise Misconfigured(
                f"the package {name!r} is found at {where}, not at {root / name}: another package of that name is in the way; "
                "install CTOS in a virtual environment of its own"
            )


# -- entry points ------------------------------------------------------------------------------------------------------


def _from_entry_point(group: Group, use: str) -> Resolved:
    found = [entry for entry in entrypoints.scan(group) if entry.name == use]
    if not found:
        raise Misconfigured(_unknown(group, use))
    if len({entry.target for entry in found}) > 1:
        owners = " and ".join(f"{entry.distribution} ({entry.target})" for entry in found)
        raise Misconfigured(f'"{use}" is offered by {owners}: write the one that is meant as {found[0].target}')
    entry = found[0]
    factory = _load(entry.target)
    origin = f"entry point {use} of {entry.distribution} {entry.version}"
    return Resolved(_checked(factory, group, use), origin, entry.distribution, entry.version, _digest(factory))


def _unknown(group: Group, use: str) -> str:
    known, kind = names(group), group.removeprefix("ctos.")
    if not known:
        return f'no {kind} are installed, so "{use}" is unknown: install CTOS itself (`make setup`)'
    if "." in use and "/" not in use and all(part.isidentifier() for part in use.split(".")):
        module, _, name = use.rpartition(".")
        return f'"{use}" is not the name of an installed one: write a dotted path with a colon, {module}:{name}'
    return f'there is no "{use}" among the installed {kind}{did_you_mean(use, known)}'


# -- dotted paths ------------------------------------------------------------------------------------------------------


def _load(target: str) -> Any:
    name, _, attributes = target.partition(":")
    if not all(part.isidentifier() for part in f"{name}.{attributes}".split(".")):
        raise Misconfigured(f'"{target}" is not a dotted path: write package.module:Class')
    value: Any = _import(name, target)
    for attribute in attributes.split("."):
        try:
            value = getattr(value, attribute)
        except AttributeError:
            hint = did_you_mean(attribute, [word for word in vars(value) if word[0] != "_"] if vars(value) else [])
            raise Misconfigured(f'{name} has no "{attribute}"{hint}') from None
    return value


def _import(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise Misconfigured(
                f'there is no module "{error.name}" for {target}: install it, or check the spelling'
            ) from None
        raise Misconfigured(_failure(error, name)) from error
    except (Exception, SystemExit) as error:
        raise Misconfigured(_failure(error, name)) from error


def _failure(error: BaseException, what: str) -> str:
    """What an import died of, with the file and line of its author's code rather than of ours or the library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    reason = f"{type(error).__name__}: {error}"
    if not frames:
        return f"importing {what} failed: {reason}"
    home = Path(frames[0].filename).parent
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    return f"{own[-1].filename}:{own[-1].lineno}: importing {what} failed: {reason}"


def _is_machinery(file: str) -> bool:
    return file == __file__ or file.startswith("<") or file == importlib.__file__


# -- files -------------------------------------------------------------------------------------------------------------


def _is_file(use: str) -> bool:
    return use.startswith(("./", "../", "/")) or use.endswith(".py") or ".py:" in use


def _from_file(group: Group, use: str, base_dir: Path) -> Resolved:
    text, name = use, ""
    if ".py:" in use:
        text, _, name = use.rpartition(":")
    path = Path(base_dir, text).resolve()
    source = _source(path)
    digest = hashlib.sha256(source).hexdigest()
    module = _execute(path, source, digest)
    factory = getattr(module, name, None) if name else _only(group, module, path)
    if factory is None:
        raise Misconfigured(f'{path} has no "{name}"{did_you_mean(name, _own(group, module))}')
    origin = f"{path}:{factory.__name__}" if isinstance(factory, type) else str(path)
    return Resolved(_checked(factory, group, use), origin, sha256=digest)


def _source(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            source = file.read(_LARGEST + 1)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None
    if len(source) > _LARGEST:
        raise Misconfigured(f"{path} is larger than {_LARGEST >> 20} MiB: surely not a strategy")
    return source


def _execute(path: Path, source: bytes, digest: str) -> ModuleType:
    """The module of a file. Its name holds the content's hash, so that a changed file is another module."""
    unique = hashlib.sha256(f"{path}\0{digest}".encode()).hexdigest()[:12]
    name = f"ctos_file_{''.join(letter if letter.isalnum() else '_' for letter in path.stem)}_{unique}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102  that is what `use:` asks for
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise Misconfigured(_failure(error, path.name)) from error
    return module


def _own(group: Group, module: ModuleType) -> dict[str, type]:
    """The classes that the module itself defines and that could be meant."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, _BASES[group])
        and value.__module__ == module.__name__
        and name[0] != "_"
    }


def _only(group: Group, module: ModuleType, path: Path) -> type:
    own = _own(group, module)
    base = _BASES[group].__name__
    if not own:
        raise Misconfigured(
            f"{path} defines no subclass of {base}: import it from ctosd.abi and write class Mine({base})"
        )
    if len(own) > 1:
        raise Misconfigured(f"{path} defines {', '.join(own)}: write which one is meant, {path.name}:{next(iter(own))}")
    return next(iter(own.values()))


# -- what came out -----------------------------------------------------------------------------------------------------


def _checked(factory: Any, group: Group, use: str) -> Any:
    base = _BASES[group]
    if isinstance(factory, type) and issubclass(factory, base) and factory is not base:
        return factory
    what = f"the class {factory.__qualname__}" if isinstance(factory, type) else f"a {type(factory).__name__}"
    raise Misconfigured(f'"{use}" is {what}, not a subclass of ctosd.abi.{base.__name__}')


def _digest(factory: Any) -> str:
    """The hash of the file that defines a class; of compiled extensions and classes made on the fly there is none."""
    file = getattr(sys.modules.get(getattr(factory, "__module__", "")), "__file__", None)
    if not file or not str(file).endswith(".py"):
        return ""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""
