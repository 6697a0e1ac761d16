"""``ctosctl watch``: one look after the other, on a terminal each in the place of the last."""

from __future__ import annotations

import io
import sys
import time

from ctosd.ctl.client import DONE, NOT_FOUND, NOT_RUNNING, TIMED_OUT, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_HOME_AND_CLEAR = "\x1b[H\x1b[2J"
_SHORTEST_S = 0.1


def watch(look: Callable[[], int], title: str, args: Namespace) -> int:
    """Look every `args.interval` seconds, `args.count` times (0: until Ctrl-C, which ends it as done)."""
    if not _SHORTEST_S <= args.interval <= 86_400:
        raise Failure(NOT_FOUND, f"--interval must be {_SHORTEST_S:g} to 86400 seconds, not {args.interval:g}")
    terminal = sys.stdout.isatty()
    looks = 0
    try:
        while True:
            shown = _shown(look)
            head = (
                f"{_HOME_AND_CLEAR}every {args.interval:g}s: {title}    {time.strftime('%H:%M:%S')}\n\n"
                if terminal
                else ""
            )
            sys.stdout.write(head + shown)
            sys.stdout.flush()
            looks += 1
            if looks == args.count:
                return DONE
            time.sleep(args.interval)
    except KeyboardInterrupt:
        return DONE


def _shown(look: Callable[[], int]) -> str:
    """What one look prints. A daemon that is away for a moment is waited for; a wrong word is not."""
    page, out = io.StringIO(), sys.stdout
    sys.stdout = page
    try:
        look()
    except Failure as failure:
        if failure.code not in (NOT_RUNNING, TIMED_OUT):
            raise
        return f"{page.getvalue()}{failure}\n"
    finally:
        sys.stdout = out
    return page.getvalue()
