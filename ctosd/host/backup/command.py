"""`ctosctl backup`: a verified copy of the store, whether the daemon runs or not; checking one, and putting one back."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ctosd.abi.errors import CtosError, Misconfigured
from ctosd.host import places
from ctosd.host.backup import checking, making, restoring
from ctosd.host.backup.checking import Manifest
from ctosd.host.config import load
from ctosd.kernel.clock import WallClock

DONE, FAILED, CONFIGURATION, INTERRUPTED = 0, 1, 4, 130


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosctl backup",
        description="Copy the journal and the stores of the venues, verified, while the daemon runs or not. Flight recordings,"
        " logs, configuration and credentials are not in it.",
        epilog="example: ctosctl backup /mnt/safe --keep 14    Exit: 0 done, 1 failed, 2 usage, 4 configuration.",
    )
    add = parser.add_argument
    add("dest", nargs="?", default="", metavar="DEST", help="where backups lie side by side (default: lib/backup)")
    add("--var", default="", metavar="DIR", help="the daemon's directory (or $CTOS_VAR)")
    add(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="note the checksums of this configuration in the manifest",
    )
    add("--keep", type=_count, default=0, metavar="N", help="then remove all but the newest N backups in DEST")
    add("--verify", type=Path, default=None, metavar="DIR", help="instead: check this backup")
    add(
        "--restore",
        type=Path,
        default=None,
        metavar="DIR",
        help="instead: put this backup back; the daemon must not run",
    )
    add("--force", action="store_true", help="with --restore: also over a newer store, which is moved aside")
    add("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if (args.verify and args.restore) or ((args.verify or args.restore) and (args.dest or args.keep or args.config)):
        parser.error("make a backup, or --verify DIR, or --restore DIR: one of them")
    if args.force and not args.restore:
        parser.error("--force belongs to --restore")
    return args


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("keep at least 1")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    args = options(sys.argv[1:] if argv is None else argv)
    environ = os.environ  # noqa: TID251 - a command of its own reads its own environment
    try:
        args.files = _config(args.config, environ)
    except Misconfigured as error:
        return _complain(str(error), CONFIGURATION)
    act = _verify if args.verify else _restore if args.restore else _make
    try:
        told, text, code = act(args, environ)
    except CtosError as error:
        return _complain(f"ctosctl backup: {error}", FAILED)
    except OSError as error:
        return _complain(f"ctosctl backup: {error.filename}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    sys.stdout.write(f"{json.dumps(told, indent=2) if args.json else text}\n")
    return code


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


Told = tuple[dict[str, Any], str, int]


def _make(args: argparse.Namespace, environ: Mapping[str, str]) -> Told:
    lib = places.find(args.var, environ).lib
    parent = Path(args.dest) if args.dest else lib / "backup"
    folder, manifest = making.make(lib, parent.absolute(), WallClock().now_ns(), args.files)
    gone = making.thin(folder.parent, args.keep) if args.keep else []
    removed = f"\nremoved {len(gone)} older" if gone else ""
    told = {"backup": str(folder), "removed": [str(each) for each in gone], **msgspec.to_builtins(manifest)}
    return told, f"{folder}\n{_page(manifest)}, verified{removed}", DONE


def _config(main_file: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """The files that a configuration is written in. Raises `Misconfigured`, when it is none."""
    if main_file is None:
        return []
    path = load(main_file, environ).path
    return [path, *sorted((path.parent / "strategies.d").glob("*.yaml"))]


def _verify(args: argparse.Namespace, _: Mapping[str, str]) -> Told:
    manifest, faults = checking.verify(args.verify)
    told = {"ok": not faults, "faults": faults, **msgspec.to_builtins(manifest)}
    text = "\n".join([f"{args.verify}: {_page(manifest)}", *faults, "it must not be used" if faults else "it is whole"])
    return told, text, FAILED if faults else DONE


def _restore(args: argparse.Namespace, environ: Mapping[str, str]) -> Told:
    where = places.find(args.var, environ)
    where.make()
    manifest, aside, boot = restoring.restore(args.restore, where.lib, WallClock().now_ns(), force=args.force)
    told = {"restored": str(where.lib), "aside": str(aside or ""), "epoch": boot, **msgspec.to_builtins(manifest)}
    old = f"\nwhat lay there is in {aside}" if aside else ""
    return told, f"{where.lib}: {_page(manifest)}{old}\nclient ids go on above epoch {boot}; start ctosd", DONE


def _page(manifest: Manifest) -> str:
    files = ", ".join(each.name for each in manifest.files)
    return f"{manifest.time}: {files}: {manifest.rows} rows to {manifest.last_seq}, boot {manifest.boot}"


if __name__ == "__main__":
    sys.exit(main())
