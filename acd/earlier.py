"""Sites as earlier versions wrote them into journals and snapshots, in today's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def site_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A site's plain data with what earlier versions called otherwise."""
    return {**row, "queues": [queue_row(queue) for queue in row.get("queues", ())]}


def queue_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Before a queue had rules, it had one overflow, to another queue."""
    to, after_s = row.get("overflow_to"), row.get("overflow_after_s")
    if to is None or after_s is None or "rules" in row:
        return dict(row)
    onward = {"kind": "queue", "target": to}
    return {**row, "rules": [{"when": "waited", "to": onward, "limit": after_s}]}


def need_rows(rows: Sequence[Any]) -> list[Any]:
    """A call's needs were pairs of skill and level once."""
    return [
        {"skill": row[0], "level": row[1]} if isinstance(row, list | tuple) else row for row in rows
    ]
