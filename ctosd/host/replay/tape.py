"""A flight recording in memory, whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ctosd.host.recorder import flightfile
from ctosd.host.recorder.records import Footer, Header, Line, Record


@dataclass(frozen=True, slots=True)
class Tape:
    """What one flight file holds. `footer` is None, and `torn` says why, when the file does not go on to its end."""

    path: Path
    header: Header
    records: Sequence[Record]
    footer: Footer | None
    torn: str

    @property
    def fault_ns(self) -> int:
        """When the fault was logged; the end of the tape when a person asked for it."""
        cause = self.header.cause
        found = (each.time_ns for each in reversed(self.records) if isinstance(each, Line) and each.text == cause)
        return next(found, self.header.time_ns)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was recorded. `place` names it, so that a person finds it in the timeline."""

    time_ns: int
    place: str
    recorded: str
    again: str


def load(path: Path) -> Tape:
    """Read a flight file, as far as it goes. Raises `flightfile.Torn` when not even its header can be read."""
    header: Header | None = None
    footer: Footer | None = None
    records: list[Record] = []
    torn = ""
    try:
        for each in flightfile.read(path):
            if isinstance(each, Header):
                header = each
            elif isinstance(each, Footer):
                footer = each
            else:
                records.append(each)
    except flightfile.Torn as error:
        if header is None:
            raise
        torn = str(error)
    assert header is not None
    return Tape(path, header, records, footer, torn)
