"""Mistakes in what a person wrote: where each one is, what was meant, what to do. Collected whole, raised once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ctosd.abi.errors import Misconfigured


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written. Lines and columns count from 1; line 0 is the file as a whole, or no file at all."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, or only doubtful when it stands among warnings."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigMistakes(Misconfigured):
    """Everything that is wrong with the configuration; `str` is the report, one line a mistake."""

    def __init__(self, mistakes: Sequence[Mistake], warnings: Sequence[Mistake] = ()) -> None:
        self.mistakes = tuple(mistakes)
        self.warnings = tuple(warnings)
        lines = [str(mistake) for mistake in self.mistakes]
        lines += [f"{warning.place}: warning: {warning.message}" for warning in self.warnings]
        super().__init__("\n".join([*lines, counted(len(self.mistakes), "mistake")]))


@dataclass(slots=True)
class Report:
    """Collects mistakes while a reader goes on reading, in the order of the files it was given."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    _files: dict[str, int] = field(default_factory=dict)

    def wrong(self, place: Place, message: str) -> None:
        self._files.setdefault(place.file, len(self._files))
        mistake = Mistake(place, message)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def doubt(self, place: Place, message: str) -> None:
        self._files.setdefault(place.file, len(self._files))
        self.warnings.append(Mistake(place, message))

    def reading(self, file: str) -> None:
        """Fix the rank of `file` in the report."""
        self._files.setdefault(file, len(self._files))

    def close(self) -> tuple[Mistake, ...]:
        """The warnings.

        Raises:
            ConfigMistakes: there is at least one mistake; all of them, file by file, from top to bottom.
        """
        warnings = self._sorted(self.warnings)
        if self.mistakes:
            raise ConfigMistakes(self._sorted(self.mistakes), warnings)
        return tuple(warnings)

    def _sorted(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        return sorted(mistakes, key=lambda m: (self._files[m.place.file], m.place.line, m.place.column))


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 venue``, ``3 strategies``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or nothing."""
    from difflib import get_close_matches  # only a mistake pays for the import

    words = {_plain(candidate): candidate for candidate in known}
    close = get_close_matches(_plain(word), words, n=1, cutoff=0.6)
    return words[close[0]] if close else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest right one, else all of them when they are few."""
    words = sorted(set(known))
    close = nearest(word, words)
    if close:
        return f' (did you mean "{close}"?)'
    if not words:
        return ""
    more = ", …" if len(words) > 12 else ""
    return f" (known: {', '.join(words[:12])}{more})"
