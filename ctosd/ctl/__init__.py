"""``ctosctl``: speaks to the daemon over its Unix socket. The standard library only, and little of that.

It has to start fast and to work when the virtual environment is broken, so it knows nothing of the rings.

- ``options``   the words of the command line
- ``verbs``     the table of verbs and what each does
- ``client``    where the socket is, and HTTP/1.1 over it
- ``status``    the page that `status` shows, ``troubles`` what is wrong and how to mend it
- ``show``      the other tables
- ``words``     ages, numbers, colours, columns

Exit codes: 0 done, 1 failed, 2 usage or not found, 3 not running, 4 configuration, 5 timed out.
"""

from __future__ import annotations

import signal
import sys

from ctosd.ctl.client import Failure


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code; never a traceback for what a person can mend."""
    # A reader that has gone (`ctosctl logs | head`) ends us without a word, as it does every other tool.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    from ctosd.ctl import verbs

    try:
        return verbs.run(sys.argv[1:] if argv is None else argv)
    except Failure as failure:
        sys.stdout.flush()
        print(f"ctosctl: {failure}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return 130
