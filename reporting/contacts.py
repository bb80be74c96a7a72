"""What calls tell only together: menus that were enough, callers who come back, time on lines.

Read from the calls that are over and on disk, by when they arrived; a caller is known by the
number. Containment and repeats of a time become final only when the days after it have passed.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from reporting.figures import Tally
from reporting.tables import call_parts, call_records

BACK_WITHIN_S = 86_400.0
DAY_S = 86_400.0


async def contacts(engine: AsyncEngine, *, since: float, until: float, repeat_days: float) -> Tally:
    """The tally's `menu_…`, `contacts`, `repeats` and `line_s` of the calls of [since, until)."""
    call, other = call_records.alias("call"), call_records.alias("other")
    known = sa.and_(call.c.ani != "", other.c.ani == call.c.ani)
    back = sa.exists().where(
        known,
        other.c.direction == "inbound",
        other.c.arrived > call.c.arrived,
        other.c.arrived < call.c.ended + BACK_WITHIN_S,
    )
    talked = sa.exists().where(call_parts.c.call_id == call.c.call_id)
    earlier = sa.exists().where(
        known,
        other.c.arrived < call.c.arrived,
        other.c.arrived >= call.c.arrived - repeat_days * DAY_S,
        sa.exists().where(call_parts.c.call_id == other.c.call_id),
    )
    inbound = call.c.direction == "inbound"
    menu = sa.and_(inbound, call.c.menu != "")
    served = sa.and_(menu, call.c.served)
    contact = sa.and_(inbound, call.c.ani != "", talked)

    def number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    query = sa.select(
        number(menu),
        number(served),
        number(sa.and_(served, back)),
        number(contact),
        number(sa.and_(contact, earlier)),
        sa.func.coalesce(sa.func.sum(call.c.ended - call.c.arrived), 0.0),
    ).where(call.c.arrived >= since, call.c.arrived < until)
    async with engine.connect() as connection:
        found = (await connection.execute(query)).one()
    return Tally(
        menu_entered=found[0],
        menu_served=found[1],
        menu_back=found[2],
        contacts=found[3],
        repeats=found[4],
        line_s=float(found[5]),
    )
