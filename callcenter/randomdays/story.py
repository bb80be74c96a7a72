"""Steps and plans of a day as lines for people: what is as usual is left out."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any


def told(what: object) -> str:
    """One step (a fact, an order, a decision), or one part of a site."""
    if isinstance(what, str):
        return what
    return _short(what)


def line(at: float, what: object) -> str:
    """One step with its time in seconds."""
    return f"{at:10.3f}  {told(what)}"


def _short(what: Any) -> str:
    if isinstance(what, Enum):
        return str(what.value)
    if isinstance(what, float):
        return f"{what:.3f}".rstrip("0").rstrip(".")
    if is_dataclass(what) and not isinstance(what, type):
        given = ((f.name, getattr(what, f.name), f) for f in fields(what))
        inside = (f"{name}={_short(value)}" for name, value, f in given if not _usual(value, f))
        return f"{type(what).__name__}({', '.join(inside)})"
    if isinstance(what, tuple | list):
        return f"[{', '.join(map(_short, what))}]"
    if isinstance(what, dict):
        return f"{{{', '.join(f'{key}: {_short(value)}' for key, value in what.items())}}}"
    return str(what)


def _usual(value: object, field: Field[Any]) -> bool:
    if field.default_factory is not MISSING:
        return bool(value == field.default_factory())
    return value == field.default if field.default is not MISSING else value in ("", None)
