"""The words of a ctosctl command line: one verb, and options before or after it."""

from __future__ import annotations

import argparse

from ctosd.ctl.client import NOT_FOUND, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    from ctosd.ctl.client import Daemon

DEFAULT_TIMEOUT_S = 30.0
LONGEST_TIMEOUT_S = 600.0
_TAKE_A_VALUE = ("--socket", "--var", "--timeout")


class Verb:
    """One verb: what it does, how it is called, an example, and the options of its own."""

    __slots__ = ("doc", "example", "name", "options", "run")

    def __init__(
        self,
        name: str,
        run: Callable[[Daemon, argparse.Namespace], int],
        doc: str,
        example: str,
        *options: tuple[tuple[str, ...], dict[str, Any]],
    ) -> None:
        self.name = name
        self.run = run
        self.doc = doc
        self.example = example
        self.options = options


def option(*flags: str, **rest: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """One argument of a verb, as argparse takes it."""
    return flags, rest


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure(NOT_FOUND, f"{message}; see: {self.prog} --help")


def split(argv: Sequence[str]) -> tuple[str, list[str]]:
    """`(verb, everything else)`; the verb is empty when there is none."""
    waiting = False
    for place, word in enumerate(argv):
        if waiting:
            waiting = False
        elif word in _TAKE_A_VALUE:
            waiting = True
        elif not word.startswith("-"):
            return word, [*argv[:place], *argv[place + 1 :]]
    return "", list(argv)


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The options of `verb`. Raises `Failure` for a wrong one, `SystemExit` after ``--help``."""
    parser = _Parser(
        prog=f"ctosctl {verb.name}",
        description=verb.doc,
        epilog=f"example:\n  {verb.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for flags, rest in verb.options:
        parser.add_argument(*flags, **rest)
    _add_common(parser)
    return parser.parse_args(list(words))


def _add_common(parser: argparse.ArgumentParser) -> None:
    common = parser.add_argument_group("options of every verb")
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    common.add_argument("--socket", default="", metavar="PATH", help="the daemon's socket (or $CTOS_SOCKET)")
    common.add_argument("--var", default="", metavar="DIR", help="the daemon's directory (or $CTOS_VAR)")
    common.add_argument(
        "--timeout", type=seconds, default=DEFAULT_TIMEOUT_S, metavar="SECONDS", help="how long to wait (default 30)"
    )


def seconds(text: str) -> float:
    """A time that somebody may wait for."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= LONGEST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {LONGEST_TIMEOUT_S:g}")
    return value


def count(text: str) -> int:
    """A number of things to show."""
    if not (text.isascii() and text.isdigit() and int(text) <= 10_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 10000")
    return int(text)


def unknown(word: str, verbs: Mapping[str, Verb]) -> Failure:
    """The answer to a verb that does not exist, with the nearest that does."""
    from difflib import get_close_matches  # only for those who mistype

    near = get_close_matches(word, list(verbs), n=1, cutoff=0.5)
    return Failure(
        NOT_FOUND, f"no verb {word!r}" + (f"; did you mean {near[0]!r}?" if near else "; see: ctosctl --help")
    )


def overview(verbs: Mapping[str, Verb]) -> str:
    """What ``ctosctl --help`` prints."""
    lines = "\n".join(f"  {verb.name.ljust(10)} {verb.doc.splitlines()[0]}" for verb in verbs.values())
    return (
        "usage: ctosctl VERB [OPTIONS]\n\nSpeaks to ctosd, the trading daemon.\n\n"
        f"{lines}\n\n"
        "Every verb takes --json, --help, --socket PATH, --var DIR and --timeout SECONDS, before or behind it.\n"
        "Exit: 0 done, 1 failed, 2 usage or not found, 3 not running, 4 configuration, 5 timed out."
    )
