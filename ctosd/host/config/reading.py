"""Reads the whole configuration: the main file, one file a unit beside it, and the environment over both.

Every mistake of every file is told at once. What comes out is valid as a whole, and only what it names was imported.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ctosd.abi.strategy import Strategy
from ctosd.core.gate import Limits
from ctosd.host.config import overrides
from ctosd.host.config.document import Document, Section
from ctosd.host.config.mistakes import Place, Report, counted, did_you_mean
from ctosd.host.config.settings import Config, Settings, UnitConfig, VenueConfig
from ctosd.host.config.stanza import Resolver
from ctosd.host.config.stanza_unit import check_limits, read_unit
from ctosd.host.config.stanza_venue import account_names, read_venue
from ctosd.host.config.validate import validate
from ctosd.host.config.yamlfile import Expand, read_file

UNITS = "strategies.d"
SECTIONS = (*(field.name for field in fields(Settings)), "venues", "strategies")

Units = list[tuple[str, Section]]


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration of the main file at `path`, with ``strategies.d/*.yaml`` beside it.

    Raises:
        ConfigMistakes: anything is wrong; it holds everything that is.
    """
    report, expand = Report(), overrides.expander(environ)
    main = _main(path, report, expand)
    files = [read_file(file, report, expand) for file in _unit_files(main, report)]
    units = _units(main, files, report)
    overrides.apply(environ, main, dict(units), SECTIONS)
    settings, resolver = _settings(main), Resolver()
    venues = _venues(main, resolver)
    known = None if main.data is None else _known_accounts(main)
    strategies = [unit for name, section in units if (unit := read_unit(name, section, known, _house(main), resolver))]
    _check_modes([main, *files], venues, report)
    _check_clock(venues, main)
    _warn(strategies, venues, report)
    warnings = report.close()
    assert settings is not None  # else there was a mistake
    own = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    return Config(**own, path=path, venues=tuple(venues), strategies=tuple(strategies), warnings=warnings)


def _unit_files(main: Document, report: Report) -> list[Path]:
    """The files of units that the main file wants; what is wrong with the name is said where settings are checked."""
    wanted = main.data.get("strategies_dir", UNITS) if isinstance(main.data, dict) else UNITS
    return unit_files(Path(main.file).parent / wanted, report) if isinstance(wanted, str) and wanted else []


def unit_files(folder: Path, report: Report | None = None) -> list[Path]:
    """The files of units, sorted by name. What editors leave behind is not one; a missing folder holds none."""
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    if report is not None:
        for name in names:
            if name.endswith(".yml") and not name.startswith("."):
                report.doubt(Place(str(folder / name)), f"is not read: name it {name[:-4]}.yaml")
    return [folder / name for name in names if name.endswith(".yaml") and not name.startswith((".", "#"))]


# -- reading -----------------------------------------------------------------------------------------------------------


def _main(path: Path, report: Report, expand: Expand) -> Document:
    main = read_file(path, report, expand)
    root = Section(main)
    if main.data is None and not main.spoiled:
        main.data = {}
    if main.data is not None and not isinstance(main.data, dict):
        root.wrong("the file must be a mapping: `key: value` lines")
        main.spoiled.add(())
        main.data = None
    for key in main.data or ():
        if key not in SECTIONS:
            root.wrong(f'there is no section "{key}"{did_you_mean(key, SECTIONS)}', key, key=True)
    if main.data is not None and not main.data.get("venues") and not main.is_spoiled(("venues",)):
        root.wrong('"venues" is missing: where to trade, such as venues: {paper: {driver: paper}}', "venues", key=True)
    return main


def _units(main: Document, files: list[Document], report: Report) -> Units:
    """Every unit with its name. A name that is taken is reported."""
    taken: dict[str, Section] = {}
    units: Units = []
    for name, section in [*_inline(main), *_from_files(files)]:
        if name in taken:
            section.wrong(f'the name "{name}" is taken by the strategy at {taken[name].place()}', "name")
        taken.setdefault(name, section)
        units.append((name, section))
    return units


def _inline(main: Document) -> Iterator[tuple[str, Section]]:
    listed = (main.data or {}).get("strategies")
    root = Section(main)
    if listed is not None and not isinstance(listed, list):
        return root.wrong("strategies must be a list of units, each beginning with `- name:`", "strategies")
    for index, stanza in enumerate(listed or ()):
        section = root.at("strategies", index)
        if not isinstance(stanza, dict):
            section.wrong(f"a unit must be a mapping, not {section.shown(stanza)}")
        elif not isinstance(stanza.get("name"), str):
            section.wrong('"name" is missing: small letters, digits and hyphens', *_if_there(stanza, "name"), key=True)
            yield f"unit-{index + 1}", section
        else:
            yield stanza["name"], section


def _if_there(stanza: Mapping[str, object], key: str) -> tuple[str, ...]:
    return (key,) if key in stanza else ()


def _from_files(files: list[Document]) -> Iterator[tuple[str, Section]]:
    for document in files:
        section = Section(document)
        if document.data is None:
            if not document.spoiled:
                section.doubt("holds no unit")
        elif not isinstance(document.data, dict):
            section.wrong("a unit's file must be a mapping that begins with `use:`; write one file a unit")
        else:
            given = document.data.get("name")
            yield (given if isinstance(given, str) else Path(document.file).stem), section


def _settings(main: Document) -> Settings | None:
    if main.data is None:
        return None
    names = [field.name for field in fields(Settings)]
    data = {name: main.data[name] for name in names if main.data.get(name) is not None}
    settings = validate(Settings, Section(main), "", data)
    if isinstance(data.get("risk"), dict):
        check_limits(data["risk"], Section(main, ("risk",)), "risk")
    return settings


def _house(main: Document) -> dict[str, Any]:
    """The daemon's limits as written, the defaults included; what is no limit is left out."""
    risk = main.data.get("risk") if main.data is not None else None
    written = risk if isinstance(risk, dict) else {}
    return {name: written.get(name, default) for name, default in asdict(Limits()).items()}


def _venues(main: Document, resolver: Resolver) -> list[VenueConfig]:
    if main.data is None:
        return []
    root = Section(main)
    stanzas = root.mapping("venues", "venue names")
    for name, stanza in stanzas.items():
        stanzas[name] = {} if stanza is None else stanza
    found = [read_venue(name, root.at("venues", name), resolver) for name in stanzas]
    return [venue for venue in found if venue is not None]


def _known_accounts(main: Document) -> dict[str, tuple[str, ...]]:
    venues = main.data.get("venues")
    return {name: account_names(Section(main, ("venues", name))) for name in venues} if isinstance(venues, dict) else {}


# -- checks across sections ----------------------------------------------------------------------------------------------


def _check_clock(venues: list[VenueConfig], main: Document) -> None:
    real = [venue.name for venue in venues if not venue.simulated]
    if real and main.data.get("clock") == "virtual":
        message = f"clock: virtual needs every venue simulated, and {', '.join(real)} is real: write clock: wall"
        Section(main).wrong(message, "clock")


def _check_modes(documents: list[Document], venues: list[VenueConfig], report: Report) -> None:
    """Who may write these files may have anything run and traded as this user. Without real money it is a warning."""
    tell = report.wrong if any(not venue.simulated for venue in venues) else report.doubt
    for document in documents:
        try:
            mode = os.stat(document.file).st_mode
        except OSError:  # reported when it was read
            continue
        if mode & stat.S_IWOTH:
            tell(Place(document.file), f"may be written by everyone: run chmod o-w {document.file}")


def _warn(strategies: list[UnitConfig], venues: list[VenueConfig], report: Report) -> None:
    seen: dict[tuple[type[Strategy], str, str], UnitConfig] = {}
    for unit in strategies:
        for account in unit.accounts:
            for symbol in symbols(unit):
                key = (unit.factory, account, symbol)
                first = seen.setdefault(key, unit) if unit.enabled else unit
                if first is not unit:
                    message = f"{unit.name} trades {symbol} on {account} as {first.name} ({first.source}) does: the same strategy twice"
                    report.doubt(unit.source, message)
    if venues and not strategies and not report.mistakes:
        report.doubt(venues[0].source, f"no strategy is configured: put one into {UNITS}/")


def symbols(unit: UnitConfig) -> tuple[str, ...]:
    """The instruments that a unit's parameters name."""
    single = getattr(unit.params, "symbol", None)
    several = getattr(unit.params, "symbols", None)
    found = [single] if isinstance(single, str) and single else []
    found += [one for one in several if isinstance(one, str)] if isinstance(several, list | tuple | dict) else []
    return tuple(dict.fromkeys(found))


# -- for people --------------------------------------------------------------------------------------------------------


def describe(config: Config) -> str:
    """What `ctosd --check` says of a valid configuration."""
    on = [unit for unit in config.strategies if unit.enabled]
    head = f"{config.path} is right: {counted(len(config.strategies), 'strategy', 'strategies')}"
    head += f" ({len(config.strategies) - len(on)} disabled)" if len(on) < len(config.strategies) else ""
    lines = [f"{head}, {counted(len(config.venues), 'venue')}, {config.clock} clock, durability {config.durability}"]
    lines += [
        f"  venue {venue.name}: {venue.driver}, {venue.money}, accounts {', '.join(venue.accounts)}"
        for venue in config.venues
    ]
    for unit in config.strategies:
        traded = f", {', '.join(symbols(unit))}" if symbols(unit) else ""
        lines.append(
            f"  strategy {unit.name}: {unit.use} on {', '.join(unit.accounts)}{traded}{'' if unit.enabled else ', disabled'}"
        )
    lines += [f"warning: {warning}" for warning in config.warnings]
    return "\n".join(lines)
