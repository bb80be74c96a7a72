"""How a handler says no: it raises before it has changed anything."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """A fact does not fit the state. `code` is stable and in kebab-case."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
