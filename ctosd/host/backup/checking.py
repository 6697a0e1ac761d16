"""What makes a backup one: a manifest that tells what was copied, and the checks that prove it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from ctosd.abi.errors import CtosError, Misconfigured
from ctosd.abi.events import Fill, FundingPayment, OrderUpdate
from ctosd.host.storage import rowfile, store
from ctosd.host.storage.database import explain
from ctosd.kernel.ports import Row

FORMAT = "ctos-backup"
VERSION = 1
MANIFEST = "manifest.json"
JOURNAL = "journal.db"

_BODIES = {"fill": Fill, "funding": FundingPayment, "order": OrderUpdate}


class Copied(msgspec.Struct, kw_only=True):
    """One file of a backup."""

    name: str
    bytes: int
    sha256: str
    layout: int


class Manifest(msgspec.Struct, kw_only=True):
    """`boot` is the highest epoch in the journal's own count, `boots` those that wrote rows."""

    format: str = FORMAT
    version: int = VERSION
    ctos: str
    time: str
    time_ns: int
    boot: int
    boots: list[int]
    last_seq: int
    rows: int
    files: list[Copied]
    config: dict[str, str] = {}


class Facts(msgspec.Struct):
    """What a journal file says of itself."""

    boot: int = 0
    boots: list[int] = []
    last_seq: int = 0
    rows: int = 0


def read_manifest(folder: Path) -> Manifest:
    """Raises `Misconfigured` when `folder` is no complete backup of ours."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise Misconfigured(
            f"{folder} is no backup: {MANIFEST} cannot be read ({error.strerror}); name the directory that"
            " `ctosctl backup` printed"
        ) from None
    except msgspec.MsgspecError as error:
        raise Misconfigured(f"{path} is damaged ({error}): use another backup") from None
    if manifest.format != FORMAT or manifest.version != VERSION:
        raise Misconfigured(
            f"{path} is {manifest.format!r} version {manifest.version}, and this ctos reads {FORMAT!r} version {VERSION}:"
            " use the release that wrote it"
        )
    if bad := [each.name for each in manifest.files if Path(each.name).name != each.name]:
        raise Misconfigured(f"{path} names {bad[0]!r}, which is no file of a backup: use another backup")
    return manifest


def verify(folder: Path) -> tuple[Manifest, list[str]]:
    """The manifest and what is wrong, in sentences; none when every byte and every row is as it was."""
    manifest = read_manifest(folder)
    faults = []
    for each in manifest.files:
        path = folder / each.name
        try:
            if digest(path) != each.sha256:
                faults.append(f"{path} is not as it was written (its sha256 differs): use another backup")
                continue
            facts = inspect(path)
        except OSError as error:
            faults.append(f"{path} cannot be read ({error.strerror}): use another backup")
            continue
        except CtosError as error:
            faults.append(str(error))
            continue
        if each.name == JOURNAL and (facts.last_seq, facts.boot) != (manifest.last_seq, manifest.boot):
            faults.append(f"{path} ends at row {facts.last_seq} of boot {facts.boot}; its manifest tells otherwise")
    if JOURNAL not in {each.name for each in manifest.files}:
        faults.append(f"{folder} holds no {JOURNAL}: use another backup")
    return manifest, faults


def digest(path: Path) -> str:
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


def inspect(path: Path, shown: Path | None = None) -> Facts:
    """Check a copy that nobody writes, page by page and row by row. Raises `Misconfigured`; `shown` is the name to say."""
    where = shown or path
    try:
        connection = frozen(path)
        try:
            _check_layout(connection, where)
            verdict = connection.execute("PRAGMA integrity_check(3)").fetchall()
            if verdict != [("ok",)]:
                raise _damaged(where, "; ".join(" ".join(row[0].replace("*", "").split()) for row in verdict))
            return (
                _check_rows(connection, where)
                if _pragma(connection, "application_id") == rowfile.LAYOUT.mark
                else Facts()
            )
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain(error, where) from error


def frozen(path: Path) -> sqlite3.Connection:
    """A connection to a file that nobody changes: it leaves nothing beside it."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)


def layout_of(path: Path) -> int:
    connection = frozen(path)
    try:
        return _pragma(connection, "user_version")
    finally:
        connection.close()


def rows_of(path: Path) -> Iterator[Row]:
    """Every row of a journal's copy, in order."""
    connection = frozen(path)
    try:
        for each in connection.execute("SELECT seq, boot, time_ns, kind, key, body FROM rows ORDER BY seq"):
            yield Row(*each)
    finally:
        connection.close()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _check_layout(connection: sqlite3.Connection, where: Path) -> None:
    known = {layout.mark: layout for layout in (rowfile.LAYOUT, store.LAYOUT)}
    layout = known.get(_pragma(connection, "application_id"))
    if layout is None:
        raise Misconfigured(f"{where} is a SQLite file, but not ctosd's: move it out of the daemon's directory")
    version = _pragma(connection, "user_version")
    if version != layout.version:
        raise Misconfigured(
            f"{where} has layout {version} and this ctos knows layout {layout.version}: use its release"
        )


def _check_rows(connection: sqlite3.Connection, where: Path) -> Facts:
    facts = Facts(boot=int(connection.execute("SELECT value FROM meta WHERE name = 'boot'").fetchone()[0]))
    boots: set[int] = set()
    for seq, boot, kind, body in connection.execute("SELECT seq, boot, kind, body FROM rows ORDER BY seq"):
        if seq != facts.last_seq + 1:
            raise _damaged(where, f"row {facts.last_seq + 1} is missing")
        if boot > facts.boot or (boots and boot < max(boots)):
            raise _damaged(where, f"row {seq} is of boot {boot}, out of order")
        try:
            msgspec.json.decode(body, type=_BODIES.get(kind, msgspec.Raw))
            msgspec.json.decode(body)
        except (msgspec.MsgspecError, TypeError) as error:
            raise _damaged(where, f"row {seq} of kind {kind!r} cannot be read: {error}") from None
        boots.add(boot)
        facts.last_seq, facts.rows = seq, facts.rows + 1
    facts.boots = sorted(boots)
    return facts


def _damaged(where: Path, detail: str) -> Misconfigured:
    return Misconfigured(
        f"{where} is damaged ({detail}): keep it and {where.name}-wal for a look, stop ctosd, and put the last good"
        " backup back with `ctosctl backup --restore DIR`; without one move both away, orders and positions are then"
        " read from the venues"
    )
