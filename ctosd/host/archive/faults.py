"""How the archive says that a file cannot be used: place, what is wrong, remedy."""

from __future__ import annotations

from pathlib import Path

from ctosd.abi.errors import Misconfigured


def fault(path: Path, what: str, remedy: str, place: str = "") -> Misconfigured:
    """The error for one file; `place` is ``line 17`` or ``row 17``."""
    where = f"{path}, {place}" if place else f"{path}"
    return Misconfigured(f"{where}: {what}; {remedy}")


def shown(text: str | bytes, most: int = 60) -> str:
    """A piece of the file, short enough for a message."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return repr(text if len(text) <= most else text[:most] + "…")
