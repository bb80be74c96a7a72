"""What queues had to carry in the past: calls by weekday and interval, handle time, patience."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from reporting.intervals import Calendar, Visit
from reporting.patience import Patience, Wait, patience_of
from reporting.tables import queue_visits

Slot = tuple[int, int]
"""A weekday (0 is Monday) and the minute of the day at which the interval begins."""


@dataclass(frozen=True, slots=True)
class PastDemand:
    """The average week of a range. `calls` are per slot; slots without calls have 0.0.

    `handle_s` is None when nobody was answered.
    """

    minutes: int
    calls: dict[Slot, float]
    offered: int
    handle_s: float | None
    patience: Patience


async def past_visits(
    engine: AsyncEngine, since: float, until: float, queue: str = ""
) -> list[Visit]:
    """The callers who entered `queue` ("" for any) in [since, until), as far as they are saved."""
    c = queue_visits.c
    names = (c.queue, c.entered, c.outcome, c.waited_s, c.ended, c.talk_s, c.hold_s, c.wrap_up_s)
    query = sa.select(*names).where(c.kind == "call", c.entered >= since, c.entered < until)
    if queue:
        query = query.where(c.queue == queue)
    async with engine.connect() as connection:
        return [
            Visit(
                row.queue,
                row.entered,
                outcome=row.outcome,
                waited_s=row.waited_s,
                ended=row.ended,
                talk_s=row.talk_s,
                hold_s=row.hold_s,
                wrap_up_s=row.wrap_up_s,
            )
            for row in await connection.execute(query)
        ]


def past_demand(
    visits: Iterable[Visit], since: float, until: float, *, zone: str, minutes: int = 30
) -> PastDemand:
    """The average week of the range. Raises ValueError for `minutes` other than 15 and 30.

    Each slot is divided by how often it lies in the range, so that a range may begin and end
    anywhere, and a week with a change of the clocks counts as it was.
    """
    calendar, place = Calendar(zone, minutes), ZoneInfo(zone)

    def slot(at: float) -> Slot:
        local = datetime.fromtimestamp(at, place)
        return local.weekday(), (local.hour * 60 + local.minute) // minutes * minutes

    times: dict[Slot, int] = {}
    for begin in calendar.between(since, until):
        times[slot(begin)] = times.get(slot(begin), 0) + 1
    calls = dict.fromkeys(sorted(times), 0.0)
    waits: list[Wait] = []
    offered = handled = 0
    handle_s = 0.0
    for visit in visits:
        offered += 1
        at = slot(visit.entered)
        calls[at] += 1.0 / times[at]
        if visit.waited_s is not None and visit.outcome:
            waits.append(Wait(visit.waited_s, visit.outcome == "abandoned"))
        if visit.outcome == "answered" and visit.ended is not None:
            handled += 1
            handle_s += (visit.talk_s or 0.0) + (visit.hold_s or 0.0) + (visit.wrap_up_s or 0.0)
    mean_s = handle_s / handled if handled else None
    return PastDemand(minutes, calls, offered, mean_s, patience_of(waits))
