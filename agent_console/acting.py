"""Who is named as the doer of a deed: the agent, or the program that acts for the agent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_BY: ContextVar[str] = ContextVar("acting_by", default="")


def doer(agent: str) -> str:
    """The name for the journal: `key:NAME` while a program acts, else the agent (or user)."""
    return _BY.get() or agent


@contextlib.contextmanager
def acting_by(name: str) -> Iterator[None]:
    """Whatever is done within is done by this program."""
    token = _BY.set(name)
    try:
        yield
    finally:
        _BY.reset(token)
