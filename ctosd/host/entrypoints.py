"""The entry points of installed packages, read straight from their metadata; nothing of the packages is imported.

`importlib.metadata` does the same, but importing it costs more than this whole look-up, and it reads every package's files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A name that a distribution registered in a group; `target` is ``pkg.mod:Class``."""

    name: str
    target: str
    distribution: str
    version: str


def scan(group: str, path: Sequence[str] | None = None) -> list[EntryPoint]:
    """Every entry point of `group` on `path` (default `sys.path`). The first of two installations of a package counts."""
    seen: set[str] = set()
    found: list[EntryPoint] = []
    for folder in dict.fromkeys(sys.path if path is None else path):
        for info in _metadata_folders(folder or "."):
            distribution, version = _identity(info)
            if distribution not in seen:
                seen.add(distribution)
                found += [EntryPoint(name, target, distribution, version) for name, target in _read(info, group)]
    return found


def _metadata_folders(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
    except OSError:  # not a folder, or gone: sys.path may name what is not there
        return


def _identity(info: str) -> tuple[str, str]:
    stem = os.path.basename(info).rsplit(".", 1)[0]
    name, _, version = stem.partition("-")
    return name.lower().replace("_", "-"), version.split("-")[0]


def _read(info: str, group: str) -> Iterator[tuple[str, str]]:
    try:
        with open(os.path.join(info, "entry_points.txt"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):  # most packages have none
        return
    inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            inside = line.strip("[] ") == group
        elif inside and "=" in line and line[0] not in "#;":
            name, _, target = line.partition("=")
            yield name.strip(), target.partition("[")[0].strip()  # extras in brackets are history
