"""What is wrong in a text that a site wrote: where, what, and how to put it right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake. `line` counts from 1; `fix` says what to write instead."""

    file: str
    line: int
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}; {self.fix}"


class Mistakes(ValueError):  # noqa: N818 - it carries mistakes, it is not one error
    """A text could not be taken; `mistakes` are all that were found, in order of place."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def closest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, or "" when none is near."""
    found = get_close_matches(word[:64], sorted(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """A fix for an unknown word: the nearest known one, or the list of them."""
    names = sorted(known)
    near = closest(word, names)
    if near:
        return f"did you mean {near!r}?"
    if not names:
        return "none is defined yet: define it first"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"known are: {shown}"
