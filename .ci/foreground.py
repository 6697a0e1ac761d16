"""Run a command as the terminal's foreground job: `foreground.py COMMAND ARGUMENT...`.

make takes Ctrl-C as its own failure, whatever the command answers. So the command gets a process group of its own, and the
terminal with it: Ctrl-C reaches the command once and make never, and make ends with the command's exit code. Without a
terminal nothing of this is needed, and the command takes this process's place.
"""

import contextlib
import os
import signal
import sys
from types import FrameType


def _become(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)  # noqa: S606 - the caller's own command line
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)


def _child(command: list[str], terminal: int) -> None:
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())  # SIGTTOU is still ignored here
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # a trading daemon is not put to sleep by Ctrl-Z
    _become(command)


def _wait(child: int) -> int:
    """The exit code of `child`; what ends us is passed on to it."""

    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM if number == signal.SIGHUP else number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main(command: list[str]) -> int:
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    if not os.isatty(0) or os.tcgetpgrp(0) != os.getpgrp():
        _become(command)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        _child(command, 0)
    code = _wait(child)
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.tcsetpgrp(0, os.getpgrp())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
