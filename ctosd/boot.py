"""Boot: the only module that knows every name. Order of start, signals, exit codes.

`ctosd` is PID 1 of a small world: lock, logs, journal, drivers, recovery, strategies, control socket, in this order; and
all of it again backwards at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ctosd import __version__
from ctosd.abi.errors import AuthFailed, CtosError, InvariantBroken, Misconfigured, NotReady

STOPPED, INVARIANT, TRY_AGAIN, CREDENTIALS, CONFIGURATION = 0, 70, 75, 77, 78


def main(argv: Sequence[str] | None = None) -> None:
    """The `ctosd` command."""
    code = run(sys.argv[1:] if argv is None else argv, os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of strategies that ignore their end must not keep the process: everything of ours is closed by now.
    os._exit(code)


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosd",
        description="Trade: load drivers, run strategies as supervised tasks, serve the control socket.",
        epilog="example: ctosd --config etc/ctos.yaml    (then, elsewhere: ctosctl status)",
    )
    parser.add_argument("--config", type=Path, default=Path("etc/ctos.yaml"), help="the main configuration file")
    parser.add_argument("--check", action="store_true", help="only say whether the configuration is right")
    parser.add_argument("--var", default="", metavar="DIR", help="where to keep run/, lib/ and log/ (or $CTOS_VAR)")
    parser.add_argument("--version", action="version", version=f"ctosd {__version__}")
    return parser.parse_args(argv)


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the daemon to its end and return its exit code. What went wrong stands on standard error, in sentences."""
    args = options(argv)
    try:
        return _run(args, environ)
    except AuthFailed as error:
        return _complain(error, CREDENTIALS)
    except Misconfigured as error:
        return _complain(error, CONFIGURATION)
    except NotReady as error:
        return _complain(error, TRY_AGAIN)
    except CtosError as error:
        return _complain(error, INVARIANT)


def _complain(error: Exception, code: int) -> int:
    """A configuration's mistakes come one a line, each with its own place in front; everything else is ours."""
    head = "" if hasattr(error, "mistakes") else "ctosd: "
    print(f"{head}{error}", file=sys.stderr)
    return code


def _run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ctosd.host import modprobe
    from ctosd.host.config import describe, load

    modprobe.check_namespace()
    config = load(args.config, environ)
    if args.check:
        print(describe(config))
        return STOPPED
    from ctosd.daemon import Daemon
    from ctosd.host import places
    from ctosd.host.storage.lock import InstanceLock

    where = places.find(args.var, environ)
    where.make()
    with InstanceLock(where.lib / "lock"):
        daemon = Daemon(config, where, environ)
        gc.collect()
        gc.freeze()  # what was loaded stays: the collector need not look at it again
        gc.set_threshold(50_000, 20, 50)
        with asyncio.Runner(loop_factory=daemon.new_loop) as runner:
            code = runner.run(daemon.main())
            if daemon.left:
                daemon.close()
                os._exit(code)  # a strategy that ignores its end would keep the runner waiting for ever
        daemon.close()
        return code


__all__ = ["CONFIGURATION", "CREDENTIALS", "INVARIANT", "STOPPED", "TRY_AGAIN", "InvariantBroken", "main", "run"]
