"""`ctosctl export`: fills, fees, funding and orders as CSV or Parquet, from the journal alone; the daemon may run or not."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ctosd.abi.errors import CallerMistake, CtosError
from ctosd.core.holding import Sums, count
from ctosd.host import places
from ctosd.host.backup.checking import inspect, rows_of
from ctosd.host.backup.copying import copy_database
from ctosd.host.export.sheets import append, render
from ctosd.host.export.tables import COLUMNS, Cells, Tables, plain, tables_of
from ctosd.kernel.ports import Row

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
SECOND = 1_000_000_000
FOREVER_NS = 1 << 63

SUMS = {
    "fills": (("fees", "fee", "fee_asset"), ("realised", "realised", "realised_asset")),
    "fees": (("fees", "amount", "asset"),),
    "funding": (("funding", "amount", "asset"),),
    "orders": (),
}
"""What is added up of each table: the name of the sum, the amount's column, its asset's column."""


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosctl export",
        description="Write what was traded, one row for each fill, fee, funding payment or ended order, exact to the last digit."
        " Exported again to the same file, only what is new is appended. Realised profit is by average cost, fees apart.",
        epilog="example: ctosctl export fills --csv --out fills.csv --since 2026-01-01 --until 2026-12-31"
        "    Exit: 0 done, 1 failed, 2 usage.",
    )
    add = parser.add_argument
    add("table", choices=tuple(COLUMNS), help="fills, fees, funding, or orders")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="CSV, amounts as exact text (the default)")
    form.add_argument("--parquet", action="store_true", help="Parquet, amounts as exact text too; needs --out")
    add(
        "--out",
        type=Path,
        default=None,
        metavar="FILE",
        help="the file to make or to append to (default: standard output)",
    )
    add("--account", default="", metavar="NAME", help="only of this account, such as okx/main")
    add("--strategy", default="", metavar="NAME", help="only of this strategy; of funding what it had a share of")
    add("--since", type=_since, default=0, metavar="DATE", help="only from then on: 2026-01-01, or 2026-01-01T08:00Z")
    add("--until", type=_until, default=FOREVER_NS, metavar="DATE", help="only until then: a date's whole day (UTC)")
    add("--var", default="", metavar="DIR", help="the daemon's directory (or $CTOS_VAR)")
    add("--journal", type=Path, default=None, metavar="DB", help="instead: this journal, such as a backup's journal.db")
    add("--json", action="store_true", help="print the totals as JSON; without --out the rows too")
    args = parser.parse_args(argv)
    if args.parquet and not args.out:
        parser.error("--parquet needs --out FILE")
    return args


def _since(text: str) -> int:
    return _instant(text)[0]


def _until(text: str) -> int:
    start, end = _instant(text)
    return end if len(text) <= len("2026-01-01") else start


def _instant(text: str) -> tuple[int, int]:
    """The instant, and the end of the day it lies in, in ns. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write 2026-01-31, or 2026-01-31T08:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _ns(moment), _ns(moment + timedelta(days=1))


def _ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    args = options(sys.argv[1:] if argv is None else argv)
    environ = os.environ  # noqa: TID251 - a command of its own reads its own environment
    try:
        return _export(args, environ)
    except CallerMistake as error:
        return _complain(f"ctosctl export: {error}", USAGE)
    except CtosError as error:
        return _complain(f"ctosctl export: {error}", FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read it has seen enough
        return FAILED
    except OSError as error:
        return _complain(f"ctosctl export: {error.filename}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def read_rows(path: Path) -> list[Row]:
    """Every row of a journal, verified; its daemon may run. Raises `Misconfigured`, `NotReady`."""
    with tempfile.TemporaryDirectory(prefix="ctos-export-") as folder:
        copy = Path(folder) / "journal.db"
        copy_database(path, copy)
        inspect(copy, path)
        return list(rows_of(copy))


class Wanted(NamedTuple):
    """Which rows are meant."""

    account: str
    strategy: str
    since_ns: int
    until_ns: int

    def takes(self, cells: Cells) -> bool:
        owners = (
            [share.partition("=")[0] for share in cells["shares"].split(";")]
            if "shares" in cells
            else [cells["strategy"]]
        )
        return (
            (not self.account or cells["account"] == self.account)
            and (not self.strategy or self.strategy in owners)
            and self.since_ns <= int(cells["time_ns"]) < self.until_ns
        )


def _export(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    rows = read_rows(args.journal or places.find(args.var, environ).journal)
    tables, found = tables_of(rows)
    wanted = Wanted(args.account, args.strategy, args.since, args.until)
    cells = [each for each in found[args.table] if wanted.takes(each)]
    columns = COLUMNS[args.table]
    lines = [[each.get(name, "") for name in columns] for each in cells]
    told: dict[str, Any] = {"table": args.table, "rows": len(lines), **totals(args.table, cells, tables)}
    if args.out:
        told["appended"] = append(args.out, columns, lines, table=args.table, parquet=args.parquet)
        told["file"] = str(args.out)
    elif args.json:
        told["lines"] = [dict(zip(columns, line, strict=True)) for line in lines]
    else:
        sys.stdout.write(render(columns, lines).decode())
        sys.stdout.flush()
    if args.json:
        sys.stdout.write(f"{json.dumps(told, indent=2, ensure_ascii=False)}\n")
    else:
        (sys.stdout if args.out else sys.stderr).write(f"{_page(told)}\n")
    return DONE


def totals(table: str, cells: Sequence[Cells], tables: Tables) -> dict[str, Any]:
    """Sums by account and asset, to be held against the venue's statement."""
    sums: dict[str, dict[str, Sums]] = {}
    for each in cells:
        for name, amount, asset in SUMS[table]:
            by_asset = sums.setdefault(each["account"], {}).setdefault(name, {})
            count(by_asset, each[asset], Decimal(each[amount]))
    told: dict[str, Any] = {
        "totals": {
            account: {name: {asset: plain(amount) for asset, amount in by.items()} for name, by in names.items()}
            for account, names in sums.items()
        }
    }
    if table == "orders":
        told["orders"] = len({each["client_id"] for each in cells})
        told["open"] = sum(order.is_open for order in tables.orders.values())
    if tables.repeats:
        told["repeats"] = tables.repeats
    return told


def _page(told: Mapping[str, Any]) -> str:
    lines = [f"{told['rows']} {told['table']}"]
    if "file" in told:
        lines = [f"{told['file']}: {told['appended']} rows appended, {told['rows']} {told['table']} in it"]
    if "open" in told:
        lines.append(f"  {told['orders']} orders have ended; {told['open']} are open, and exported when they end")
    for account, names in told["totals"].items():
        for name, by_asset in names.items():
            lines += [f"  {account} {name}: {amount} {asset}" for asset, amount in by_asset.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
