"""`ctosctl replay`: what a flight recording tells, and whether all of it comes out the same again. No daemon is needed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ctosd.abi.errors import CtosError, Misconfigured
from ctosd.ctl.options import seconds
from ctosd.ctl.words import Paper, clean, paper_for
from ctosd.host.recorder.flightfile import Torn
from ctosd.host.recorder.records import Answered, Asked, Decision, Entry, Frame, Line, Link, Told
from ctosd.host.replay.decisions import decide_again
from ctosd.host.replay.frames import decode_again
from ctosd.host.replay.ledger import fold, named_instruments, read_journal
from ctosd.host.replay.market import DECODER, extract
from ctosd.host.replay.orders import fold_again
from ctosd.host.replay.tape import Difference, Tape, load
from ctosd.host.replay.timeline import Wanted, clock, timeline

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
NAMES = {
    Frame: "frames",
    Link: "connections made and lost",
    Asked: "HTTP requests",
    Answered: "HTTP answers",
    Told: "events",
    Decision: "decisions",
    Entry: "journal rows",
    Line: "lines of the log",
}
MOST = 20
"""Differences of one kind that are shown to a person; JSON has all."""


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosctl replay",
        description="Tell what a flight recording holds, and do all of it again: decisions, frames and orders must come out"
        " the same. The daemon need not run.",
        epilog="example: ctosctl replay var/lib/flight/20260301T120000Z-order_unknown.flight --around 5"
        "    Exit: 0 the same, 1 something differs or the file is torn, 2 usage.",
    )
    add = parser.add_argument
    add("file", nargs="?", default="", metavar="FILE", help="a recording, from lib/flight in the daemon's directory")
    add("--json", action="store_true", help="print JSON")
    add("--around", type=seconds, default=None, metavar="SECONDS", help="only so long before and after the fault")
    add("--strategy", default="", metavar="NAME", help="only what concerns this strategy")
    add("--frames", action="store_true", help="every frame and every market event too")
    add("--quiet", action="store_true", help="no timeline: only whether it comes out the same")
    add(
        "--extract",
        type=Path,
        default=None,
        metavar="OUT",
        help="write its market as a recorded market for the paper venue",
    )
    add(
        "--journal",
        type=Path,
        default=None,
        metavar="DB",
        help="instead of a recording: fold this journal, and see that it adds up",
    )
    args = parser.parse_args(argv)
    if bool(args.file) == bool(args.journal):
        parser.error("name one recording, or one journal with --journal")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    args = options(sys.argv[1:] if argv is None else argv)
    paper = paper_for(sys.stdout, os.environ)  # noqa: TID251 - a command of its own reads its own environment
    try:
        return _journal(args) if args.journal else _recording(args, paper)
    except (Torn, Misconfigured) as error:
        return _complain(str(error), FAILED)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"ctosctl replay: {text}\n")
    return code


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


# -- a recording -------------------------------------------------------------------------------------------------------


def _recording(args: argparse.Namespace, paper: Paper) -> int:
    tape = load(Path(args.file))
    wanted = Wanted(args.around, args.strategy, args.frames)
    proof = prove(tape)
    if args.json:
        moments = [] if args.quiet else [moment.plain() for moment in timeline(tape, wanted)]
        _say(json.dumps({**_facts(tape), "timeline": moments, "proof": proof}, indent=2, ensure_ascii=False))
    else:
        _tell(tape, wanted, paper, quiet=args.quiet)
        _conclude(tape, proof, paper)
    if args.extract is not None:
        _extract(tape, args.extract, told=not args.json)
    return DONE if proof["ok"] else FAILED


def _facts(tape: Tape) -> dict[str, Any]:
    header = tape.header
    begin_ns = tape.records[0].time_ns if tape.records else header.time_ns
    return {
        "file": str(tape.path),
        "event": header.event,
        "cause": header.cause,
        "version": header.version,
        "boot": header.boot,
        "begin_ns": begin_ns,
        "fault_ns": tape.fault_ns,
        "end_ns": header.time_ns,
        "records": dict(Counter(NAMES[type(each)] for each in tape.records)),
        "torn": tape.torn,
    }


def prove(tape: Tape) -> dict[str, Any]:
    """Do everything again. `ok` is False when something differs, or the file does not go on to its end."""
    decisions, decided = decide_again(tape.records)
    heard = decode_again(tape)
    orders, folded = fold_again(tape)
    differences = [*decided, *heard.differences, *folded]
    return {
        "ok": not differences and not tape.torn,
        "decisions": decisions,
        "frames": heard.frames,
        "events": heard.compared,
        "unfollowed_frames": heard.silent,
        "venues_without_reader": sorted(heard.unread),
        "orders": orders,
        "differences": [asdict(each) for each in differences],
    }


def _tell(tape: Tape, wanted: Wanted, paper: Paper, *, quiet: bool) -> None:
    facts = _facts(tape)
    length_s = (facts["end_ns"] - facts["begin_ns"]) / 1e9
    held = ", ".join(f"{count} {kind}" for kind, count in facts["records"].items()) or "nothing"
    _say(
        f"{tape.path.name}: {facts['event']} at {clock(tape.fault_ns)} UTC, boot {facts['boot']}, ctosd {facts['version']}"
    )
    _say(f"{length_s:.1f} s: {held}")
    for moment in () if quiet else timeline(tape, wanted):
        mark = paper.paint(">>>", "red") if moment.fault else "   "
        _say(f"{mark} {clock(moment.time_ns)}  {moment.kind:<8}  {clean(moment.text)}")


def _conclude(tape: Tape, proof: dict[str, Any], paper: Paper) -> None:
    for each in [Difference(**each) for each in proof["differences"]][:MOST]:
        _say(f"{paper.paint('DIFFERS', 'red')} {clock(each.time_ns)}  {each.place}")
        _say(f"        recorded: {each.recorded}\n        again:    {each.again}")
    more = len(proof["differences"]) - MOST
    if more > 0:
        _say(f"        and {more} more; --json has all")
    for venue in proof["venues_without_reader"]:
        _say(f"        frames of {venue} are not decoded again: its driver has no module `replay`")
    if tape.torn:
        _say(f"{paper.paint('TORN', 'red')}    {tape.torn}")
    same = f"{proof['decisions']} decisions, {proof['events']} events of {proof['frames']} frames, {proof['orders']} orders"
    verdict = "come out the same" if not proof["differences"] else f"{len(proof['differences'])} come out otherwise"
    _say(f"done again: {same}: {verdict}")


def _extract(tape: Tape, path: Path, *, told: bool) -> None:
    count, symbols = extract(tape, path)
    if told:
        _say(f"{path}: {count} market events of {', '.join(symbols) or 'nothing'}")
        _say(f"play it: a paper venue with `feeds: [{{path: {path}, decoder: {DECODER}}}]`, and `clock: virtual`")


# -- a journal ---------------------------------------------------------------------------------------------------------


def _journal(args: argparse.Namespace) -> int:
    """Fold a whole journal as a start of the daemon does, and say what it comes to."""
    rows = read_journal(args.journal)
    try:
        folded = fold(rows, named_instruments(rows))
    except CtosError as error:
        return _complain(f"{args.journal}: {error}", FAILED)
    faults = folded.ledger.check()
    states = dict(Counter(order.state for order in folded.orders.values()))
    holdings = [
        {"account": each.account, "strategy": each.strategy, "symbol": each.symbol, "size": str(each.size),
         "realised": str(each.realised), "fees": {asset: str(paid) for asset, paid in each.fees.items()}, "fills": each.fills}
        for each in folded.ledger.holdings()
    ]  # fmt: skip
    if args.json:
        told = {"ok": not faults, "rows": len(rows), "orders": states, "holdings": holdings, "faults": faults}
        _say(json.dumps(told, indent=2, ensure_ascii=False))
        return FAILED if faults else DONE
    _say(
        f"{args.journal}: {len(rows)} rows, {len(folded.orders)} orders: "
        + (", ".join(f"{n} {s}" for s, n in states.items()) or "none")
    )
    for each in holdings:
        _say(
            "  {strategy} holds {size} of {symbol} on {account}: {fills} fills, realised {realised}, fees {fees}".format(
                **each
            )
        )
    for fault in faults:
        _say(f"  WRONG: {fault}")
    _say("it does not add up" if faults else "it adds up")
    return FAILED if faults else DONE


if __name__ == "__main__":
    sys.exit(main())
