"""Reading a parsed YAML document field by field, collecting every mistake on the way.

A reader never raises for what the document holds: it reports the mistake with its
line and returns a harmless value, so that one pass finds everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from ivr.mistakes import Mistake, suggestion

Path = tuple[str | int, ...]
Where = Callable[[Path], int]

ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
MAX_TEXT = 2000  # characters of one text


def shown(value: object) -> str:
    """A value as it may stand in a message: bounded, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


class Report:
    """Collects the mistakes of one file."""

    def __init__(self, file: str, where: Where) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._where = where

    def line(self, path: Path) -> int:
        """The line of the node at `path`, or of its nearest ancestor."""
        return self._where(path)

    def add(self, path: Path, message: str, fix: str) -> None:
        self.mistakes.append(Mistake(self.file, self._where(path), message, fix))


class Section:
    """One mapping of a document, read key by key; `close` reports the keys nobody read."""

    def __init__(self, report: Report, path: Path, value: object, what: str) -> None:
        self.report = report
        self.path = path
        self.what = what  # for messages: "step 'welcome'"
        self._values: dict[str, object] = {}
        self._read: set[str] = set()
        if isinstance(value, Mapping):
            self._values = {str(key): item for key, item in value.items()}
        elif value is not None:
            report.add(path, f"{what} is {shown(value)}", "write it as 'key: value' lines")

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    @property
    def line(self) -> int:
        return self.report.line(self.path)

    def names(self) -> tuple[str, ...]:
        """The keys, in the order they were written."""
        return tuple(self._values)

    def wrong(self, key: str, message: str, fix: str) -> None:
        """Report a mistake at `key` ("" for the section itself)."""
        self.report.add((*self.path, key) if key else self.path, message, fix)

    def take(self, key: str) -> object:
        """The raw value of `key`, or None; marks it as read."""
        self._read.add(key)
        return self._values.get(key)

    def missing(self, key: str, fix: str) -> None:
        self.wrong("", f"{self.what} has no {key!r}", fix)

    def section(self, key: str, what: str = "") -> Section:
        """The mapping at `key`; empty when there is none."""
        return Section(self.report, (*self.path, key), self.take(key), what or f"{key!r}")

    def text(
        self,
        key: str,
        default: str | None = None,
        *,
        limit: int = MAX_TEXT,
        pattern: re.Pattern[str] | None = None,
        form: str = "",
    ) -> str:
        """A text. Without a default it must be there; `form` describes `pattern` to people."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.missing(key, f"add '{key}: …'")
            return default or ""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self.wrong(key, f"{key!r} is {shown(value)}", "write a text")
        elif len(value) > limit:
            self.wrong(key, f"{key!r} is {len(value)} characters long", f"use at most {limit}")
        elif pattern is not None and not pattern.fullmatch(value):
            self.wrong(key, f"{key!r} is {shown(value)}", form)
        else:
            return value
        return default or ""

    def name(self, key: str, default: str | None = None) -> str:
        """An id of ours (lower case, digits, '-' and '_', at most 32)."""
        return self.text(key, default, pattern=ID, form=ID_FORM)

    def number(
        self, key: str, default: float | None = None, *, low: float = 0, high: float = 86400
    ) -> float:
        """A number within bounds."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.missing(key, f"add '{key}: …'")
                return low
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, f"{key!r} is {shown(value)}", "write a number")
        elif not low <= value <= high:
            self.wrong(key, f"{key!r} is {value:g}", f"use {low:g} to {high:g}")
        else:
            return float(value)
        return low if default is None else default

    def whole(self, key: str, default: int | None = None, *, low: int = 0, high: int = 1000) -> int:
        """A whole number within bounds."""
        value = self.take(key)
        if isinstance(value, float):
            self.wrong(key, f"{key!r} is {shown(value)}", "write a whole number")
            return low if default is None else default
        return int(self.number(key, default, low=low, high=high))

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.wrong(key, f"{key!r} is {shown(value)}", "write true or false")
        return default

    def one_of(self, key: str, known: Sequence[str], default: str | None = None) -> str:
        """One word of a closed list."""
        value = self.text(key, default)
        if value and value not in known:
            self.wrong(key, f"unknown {key} {shown(value)}", suggestion(value, known))
            return default if default is not None else known[0]
        return value

    def items(self, key: str) -> list[tuple[Path, object]]:
        """The items of a list with their paths; a missing list is empty."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.wrong(key, f"{key!r} is {shown(value)}", "write a list: one '- …' line for each")
            return []
        return [((*self.path, key, index), item) for index, item in enumerate(value)]

    def texts(
        self, key: str, *, pattern: re.Pattern[str] | None = None, form: str = ""
    ) -> tuple[str, ...]:
        """A list of different texts."""
        found: list[str] = []
        for path, item in self.items(key):
            text = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
            if not isinstance(text, str) or len(text) > MAX_TEXT:
                self.report.add(path, f"{key!r} holds {shown(item)}", "write a text")
            elif pattern is not None and not pattern.fullmatch(text):
                self.report.add(path, f"{key!r} holds {shown(item)}", form)
            elif text in found:
                self.report.add(path, f"{shown(text)} stands twice in {key!r}", "leave one out")
            else:
                found.append(text)
        return tuple(found)

    def labels(self, key: str, languages: Iterable[str], default: str = "") -> dict[str, str]:
        """A label for people, in each language; one plain text serves all."""
        value = self.take(key)
        wanted = tuple(languages)
        if value is None or isinstance(value, str | int | float):
            plain = default if value is None else str(value)[:MAX_TEXT]
            return dict.fromkeys(wanted, plain)
        texts = Section(self.report, (*self.path, key), value, f"{key!r}")
        found = {language: texts.text(language, None, limit=200) for language in wanted}
        texts.close()
        return found

    def close(self) -> None:
        """Report every key that nobody asked for."""
        for key in self._values:
            if key not in self._read:
                self.wrong(
                    key, f"{self.what} has an unknown key {shown(key)}", suggestion(key, self._read)
                )


ID_FORM = "start with a letter; use lower case letters, digits, '-' and '_', at most 32"
