"""Texts with `{variables}` in them, filled so that what callers and records hold is harmless.

A value is put in once and never read as a template again; it is cut to `MAX_VALUE`
characters and only letters, digits and plain punctuation stay. What is missing is empty.
`{{` and `}}` are braces to be spoken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

MAX_VALUE = 60  # characters of one filled-in value
MAX_FILLED = 1000  # characters of a whole text: more than a minute of speech

_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_.]*)\}|[{}]")
_PLAIN = frozenset(" .,'’-+&")
_BY_DIGIT = frozenset({"ani", "dnis", "number"})  # spoken digit by digit


def variables_of(template: str) -> tuple[str, ...]:
    """The variable names in a template, in order."""
    return tuple(match[1] for match in _TOKEN.finditer(template) if match[1])


def stray_brace(template: str) -> bool:
    """Whether a brace stands there that is neither doubled nor around a variable name."""
    return any(match[0] in "{}" for match in _TOKEN.finditer(template))


def harmless(value: object) -> str:
    """A value as it may be spoken: bounded, without control or markup characters."""
    kept = (
        char if char in _PLAIN or unicodedata.category(char)[0] in "LMN" else " "
        for char in str(value)[: MAX_VALUE * 4]
    )
    return " ".join("".join(kept).split())[:MAX_VALUE].rstrip()


def fill(template: str, variables: Mapping[str, str], by_digit: frozenset[str]) -> str:
    """The template with its variables; those in `by_digit` are spoken digit by digit."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not name:
            return match[0][0]
        text = harmless(variables.get(name, ""))
        if name in by_digit or name in _BY_DIGIT:
            text = " ".join(char for char in text if char.isalnum())
        return text

    return " ".join(_TOKEN.sub(value, template).split())[:MAX_FILLED]
