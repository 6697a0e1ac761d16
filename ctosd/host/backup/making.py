"""A backup comes into being whole: built under a passing name, checked, synced, and only then given its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ctosd import __version__
from ctosd.abi.errors import CtosError
from ctosd.host.archive.instants import iso
from ctosd.host.backup import checking
from ctosd.host.backup.checking import JOURNAL, MANIFEST, Copied, Facts, Manifest
from ctosd.host.backup.copying import PRIVATE, copy_database, sync_file
from ctosd.host.storage.database import explain, sync_directory

HEAD = "ctos-"
PASSING = ".part"
VIRTUAL = "virtual.db"
"""The journal of a simulated run: begun anew at each start."""


def make(lib: Path, parent: Path, now_ns: int, config: Sequence[Path] = ()) -> tuple[Path, Manifest]:
    """Copy every database of `lib` to a new directory in `parent`. Raises `Misconfigured`, `NotReady`."""
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        final = _free(parent, HEAD + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // 1_000_000_000)))
        draft = parent / f".{final.name}.{os.getpid()}{PASSING}"
        draft.mkdir(mode=0o700)
    except OSError as error:
        raise explain(error, parent) from error
    try:
        manifest = _fill(lib, draft, now_ns, config)
        sync_directory(draft)
        os.rename(draft, final)
        sync_directory(parent)
    except OSError as error:
        raise explain(error, Path(error.filename or draft)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return final, manifest


def databases(lib: Path) -> list[Path]:
    """The journal first: a venue's store that is newer is caught up with at boot, an older one would miss what was filled."""
    others = sorted(path for path in lib.glob("*.db") if path.name not in (JOURNAL, VIRTUAL))
    return [lib / JOURNAL, *others]


def thin(parent: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` complete backups in `parent`; returns what went."""
    found: list[tuple[int, Path]] = []
    for folder in parent.glob(f"{HEAD}*"):
        try:
            found.append((checking.read_manifest(folder).time_ns, folder))
        except CtosError:
            continue  # not complete or not ours: not ours to remove
    gone = [folder for _, folder in sorted(found, reverse=True)[keep:]]
    for folder in gone:
        (folder / MANIFEST).unlink()  # half removed, it must not look complete
        shutil.rmtree(folder)
    return gone


def _free(parent: Path, name: str) -> Path:
    final, number = parent / name, 1
    while final.exists():
        number += 1
        final = parent / f"{name}-{number}"
    return final


def _fill(lib: Path, draft: Path, now_ns: int, config: Sequence[Path]) -> Manifest:
    files, journal = [], Facts()
    for source in databases(lib):
        target = draft / source.name
        copy_database(source, target)
        facts = checking.inspect(target, source)
        journal = facts if source.name == JOURNAL else journal
        files.append(
            Copied(
                name=source.name,
                bytes=target.stat().st_size,
                sha256=checking.digest(target),
                layout=checking.layout_of(target),
            )
        )
    manifest = Manifest(
        ctos=__version__, time=iso(now_ns), time_ns=now_ns, boot=journal.boot, boots=journal.boots,
        last_seq=journal.last_seq, rows=journal.rows, files=files,
        config={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in config},
    )  # fmt: skip
    path = draft / MANIFEST
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with open(fd, "wb") as writer:
        writer.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    sync_file(path)
    return manifest
