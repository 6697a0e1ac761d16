"""Where the daemon keeps its things: systemd's directories, a directory that was named, or the checkout's `var`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ctosd
from ctosd.abi.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Places:
    """`run` for the socket, `lib` for what must survive, `log` for the log file (None: standard output alone)."""

    run: Path
    lib: Path
    log: Path | None

    @property
    def socket(self) -> Path:
        return self.run / "ctosd.sock"

    @property
    def journal(self) -> Path:
        return self.lib / "journal.db"

    def make(self) -> None:
        """Create the directories, for us alone. Raises `Misconfigured` when that cannot be."""
        for folder in (self.run, self.lib, self.log):
            if folder is None:
                continue
            try:
                folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            except OSError as error:
                raise Misconfigured(
                    f"{folder} cannot be made ({error.strerror}): give the daemon a directory of its own with --var DIR"
                ) from error


def find(var: str, environ: Mapping[str, str]) -> Places:
    """`var` is what --var says. systemd's directories win: systemd.exec(5), RUNTIME_DIRECTORY and the others."""
    if state := environ.get("STATE_DIRECTORY"):
        logs = environ.get("LOGS_DIRECTORY")
        run = environ.get("RUNTIME_DIRECTORY", state)
        return Places(_first(run), _first(state), _first(logs) if logs else None)
    chosen = var or environ.get("CTOS_VAR", "")
    checkout = Path(ctosd.__file__).resolve().parent.parent
    if chosen:
        base = Path(chosen).expanduser().absolute()
    elif (checkout / "pyproject.toml").is_file():
        base = checkout / "var"
    else:
        return Places(Path("/run/ctos"), Path("/var/lib/ctos"), Path("/var/log/ctos"))
    return Places(base / "run", base / "lib", base / "log")


def _first(paths: str) -> Path:
    """systemd gives several directories with colons between them; the first is the main one."""
    return Path(paths.partition(":")[0])
