"""Finished calls on disk, and the history that people look at: disk and memory together.

`History` satisfies the console's port of the same name. What the fold still holds (today's
calls) is taken from memory, so that a list is never behind what is live; the rest comes from
the database. Writing happens behind calls' backs: what cannot be written is tried again.
"""

from __future__ import annotations

import asyncio
import csv
import functools
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from reporting.callrecord import CallRecord
from reporting.figures import SERVICE_LEVELS, Tally
from reporting.intervals import (
    Attribution,
    Calendar,
    IntervalFold,
    Limits,
    Span,
    Visit,
    interval_row,
    occupancy_of,
    time_by_interval,
    usual_limits,
)
from reporting.live import KEPT_S, MINUTE_S, LiveFigures
from reporting.records import RecordFold, part_key, visit_key
from reporting.segments import AGENT, Segment
from reporting.tables import agent_spans, call_parts, call_records, queue_visits

MAX_CALLS = 5000  # most calls that one list shows


class History:
    """Saves what `fold` finishes into the database of `engine`, and reads it again.

    `zone` is the site's time zone, `limits` what each queue promises, `agents_of` a queue's
    agents (for its occupancy), `now` engine time.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        fold: RecordFold,
        *,
        zone: str,
        now: Callable[[], float],
        limits: Callable[[str], Limits] = usual_limits,
        agents_of: Callable[[str], Iterable[str]] = lambda queue: (),
        on_error: Callable[[Exception | None], None] = lambda error: None,
    ) -> None:
        self._engine = engine
        self._fold = fold
        self._zone = zone
        self._now = now
        self._limits = limits
        self._agents_of = agents_of
        self._on_error = on_error
        self._lock = asyncio.Lock()

    # Writing -------------------------------------------------------------------------------

    async def save(self) -> int:
        """Write down what has finished; the number of calls written.

        Raises what the database raises; nothing is lost then, the next `save` tries again.
        """
        async with self._lock:
            records, spans = self._fold.take_finished(), self._fold.take_spans()
            items = self._fold.take_items()
            if not records and not spans and not items:
                return 0
            calls = [self._record_row(record) for record in records]
            visits = [
                row for record in records for row in _visit_rows(record.call_id, record.visits)
            ]
            visits += [row for name, item in items.items() for row in _visit_rows(name, [item])]
            parts = [row for record in records for row in _part_rows(record)]
            try:
                writing = self._engine.execution_options(sqlite_begin="IMMEDIATE")
                async with writing.begin() as connection:
                    await _upsert(connection, call_records, calls)
                    await _upsert(connection, queue_visits, visits)
                    await _upsert(connection, call_parts, parts)
                    await _upsert(connection, agent_spans, [_span_row(s) for s in spans])
            except BaseException:
                self._fold.give_back(records, spans, items)
                raise
            return len(records)

    async def run(self, every_s: float = 1.0) -> None:
        """Save for ever; `on_error` gets each error, and None when it works again."""
        failed = False
        while True:
            try:
                await self.save()
                if failed:
                    failed = False
                    self._on_error(None)
            except (sa.exc.SQLAlchemyError, OSError) as error:
                failed = True
                self._on_error(error)
            await asyncio.sleep(every_s)

    def _record_row(self, record: CallRecord) -> dict[str, Any]:
        return {
            "call_id": record.call_id,
            "arrived": record.arrived,
            "ended": record.ended,
            "direction": record.direction,
            "ani": record.ani,
            "queue": record.queue,
            "agent": record.agent,
            "customer_id": record.customer_id,
            "outcome": record.outcome,
            "disposition": record.disposition,
            "menu": record.menu,
            "served": record.served,
            "row": self._fold.row(record),
            "detail": self._fold.detail(record),
        }

    # Reading -------------------------------------------------------------------------------

    async def calls(self, *, since: float, until: float, limit: int) -> Sequence[dict[str, Any]]:
        """Calls that arrived in [since, until), the latest first."""
        limit = max(0, min(limit, MAX_CALLS))
        query = (
            sa.select(call_records.c.call_id, call_records.c.row)
            .where(call_records.c.arrived >= since, call_records.c.arrived < until)
            .order_by(call_records.c.arrived.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            stored = (await connection.execute(query)).all()
        rows: dict[str, dict[str, Any]] = {found.call_id: found.row for found in stored}
        for record in self._fold.calls.values():
            if since <= record.arrived < until:
                rows[record.call_id] = self._fold.row(record)
        return sorted(rows.values(), key=lambda row: -row["arrived"])[:limit]

    async def call(self, call_id: str) -> dict[str, Any] | None:
        """One call with its timeline; None when there is no such call."""
        record = self._fold.calls.get(call_id)
        if record is not None:
            return self._fold.detail(record)
        query = sa.select(call_records.c.detail).where(call_records.c.call_id == call_id)
        async with self._engine.connect() as connection:
            detail: dict[str, Any] | None = (await connection.execute(query)).scalar()
        return detail

    async def seed(self, live: LiveFigures, now: float) -> int:
        """Put what is on disk of today and of the last hour into `live`; how many visits.

        At the start only, before a snapshot and the journal are folded over it; afterwards
        `LiveFigures.settle_all_but` forgets what nothing more will be heard of.
        """
        since = min(live.calendar.midnight(now), now // MINUTE_S * MINUTE_S - KEPT_S)
        async with self._engine.connect() as connection:
            query = sa.select(queue_visits).where(queue_visits.c.entered >= since)
            visits = (await connection.execute(query)).all()
            parts = await self._stored_parts(connection, since, now + 1.0)
            times = sa.select(agent_spans).where(agent_spans.c.ended_at > since)
            spans = (await connection.execute(times.order_by(agent_spans.c.started_at))).all()
        for kept in visits:
            live.put(visit_key(kept.call_id, kept.queue, kept.entered), _visit(kept))
        for (call_id, _), part in parts.items():
            live.put_part(part_key(call_id, part.agent, part.began), part)
        for row in spans:
            live.spend(Span(row.agent, row.state, row.reason, row.started_at, row.ended_at))
        return len(visits)

    async def totals(
        self, *, since: float, until: float
    ) -> tuple[dict[str, Tally], dict[str, Tally]]:
        """What is counted of each queue and of each agent in [since, until).

        Visits that entered in it, parts that began in it, and agents' time cut at its ends.
        """
        fold = IntervalFold(Calendar(self._zone), self._limits)
        query = sa.select(queue_visits).where(
            queue_visits.c.entered >= since, queue_visits.c.entered < until
        )
        async with self._engine.connect() as connection:
            visits = (await connection.execute(query)).all()
            parts = await self._stored_parts(connection, since, until)
        for kept in visits:
            fold.put((kept.call_id, kept.number), _visit(kept))
        for record in self._fold.calls.values():
            for number, visit in enumerate(record.visits):
                if since <= visit.entered < until:
                    fold.put((record.call_id, number), visit)
            for number, part in enumerate(record.segments):
                if part.role == AGENT and since <= part.began < until:
                    parts[record.call_id, number] = part
        for name, item in self._fold.items_in_memory().items():
            if since <= item.entered < until:
                fold.put((name, 0), item)
        for (call_id, number), part in parts.items():
            fold.put_part((call_id, number, AGENT), part)
        end = min(until, self._now())
        for span in sorted(await self._spans(since, until), key=lambda span: span.start):
            last = end if span.end is None else min(span.end, end)
            fold.spend(Span(span.agent, span.state, span.reason, max(span.start, since), last))
        return _sums(fold.tallies), _sums(fold.agents)

    @staticmethod
    async def _stored_parts(
        connection: AsyncConnection, since: float, until: float
    ) -> dict[tuple[str, int], Segment]:
        query = sa.select(call_parts).where(call_parts.c.began >= since, call_parts.c.began < until)
        return {(row.call_id, row.number): _part(row) for row in await connection.execute(query)}

    async def intervals(
        self,
        *,
        since: float,
        until: float,
        minutes: int,
        queue: str,
        attribution: Attribution = "entered",
    ) -> Sequence[dict[str, Any]]:
        """One row per queue and interval that begins in [since, until); `queue` "" means all.

        Raises ValueError for `minutes` other than 15 and 30. See
        `reporting.intervals.interval_row`; each row tells whether its books balance.
        """
        calendar = Calendar(self._zone, minutes)
        fold = IntervalFold(calendar, self._limits, attribution)
        start, end = calendar.start(since), until
        # A call that is answered or ends in the range may have entered a day before.
        early = start if attribution == "entered" else start - 86_400
        query = sa.select(queue_visits).where(
            queue_visits.c.entered >= early, queue_visits.c.entered < end
        )
        if queue:
            query = query.where(queue_visits.c.queue == queue)
        async with self._engine.connect() as connection:
            stored = (await connection.execute(query)).all()
        spans = await self._spans(start, end)
        for kept in stored:
            fold.put((kept.call_id, kept.number), _visit(kept))
        for record in self._fold.calls.values():
            for number, visit in enumerate(record.visits):
                if early <= visit.entered < end and queue in ("", visit.queue):
                    fold.put((record.call_id, number), visit)
        for name, item in self._fold.items_in_memory().items():
            if early <= item.entered < end and queue in ("", item.queue):
                fold.put((name, 0), item)
        times = time_by_interval(spans, calendar, start, min(end, self._now()))
        rows: list[dict[str, Any]] = []
        for (name, begin), tally in sorted(fold.tallies.items(), key=lambda i: (i[0][1], i[0][0])):
            if not start <= begin < end or not (
                tally.offered
                or tally.callbacks_queued
                or tally.placed
                or tally.turned_away
                or tally.items_queued
            ):
                continue
            row = interval_row(name, calendar, begin, tally, self._limits(name))
            there = times.get(begin, {})
            mine = [there[agent] for agent in self._agents_of(name) if agent in there]
            row["occupancy"] = occupancy_of(mine)
            rows.append(row)
        return rows

    async def intervals_csv(self, *, since: float, until: float, minutes: int, queue: str) -> str:
        """The same as comma-separated values; shares as decimals, empty for "not defined"."""
        rows = await self.intervals(since=since, until=until, minutes=minutes, queue=queue)
        flat = [_flat(row) for row in rows]
        out = io.StringIO()
        columns = _columns()
        writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(flat)
        return out.getvalue()

    async def _spans(self, since: float, until: float) -> list[Span]:
        query = sa.select(agent_spans).where(
            agent_spans.c.ended_at > since, agent_spans.c.started_at < until
        )
        async with self._engine.connect() as connection:
            stored = (await connection.execute(query)).all()
        spans = {
            (row.agent, row.started_at): Span(
                row.agent, row.state, row.reason, row.started_at, row.ended_at
            )
            for row in stored
        }
        for span in self._fold.all_spans():
            spans[(span.agent, span.start)] = span
        return list(spans.values())


def _sums(tallies: Mapping[tuple[str, float], Tally]) -> dict[str, Tally]:
    sums: dict[str, Tally] = {}
    for (ident, _), tally in tallies.items():
        found = sums.setdefault(ident, Tally())
        found += tally
    return sums


async def _upsert(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]
) -> None:
    """Write rows; those that are there already become the new ones."""
    keys = [column.name for column in table.primary_key]
    unique = {tuple(row[key] for key in keys): row for row in rows}
    if unique:
        # One statement for many parameter sets: it is compiled once, not anew for each number
        # of rows.
        await connection.execute(_upserting(table, connection.dialect.name), [*unique.values()])


@functools.cache
def _upserting(table: sa.Table, dialect: str) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changes = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def _visit_rows(call_id: str, visits: Iterable[Visit]) -> list[dict[str, Any]]:
    return [
        {
            "call_id": call_id,
            "number": number,
            "queue": visit.queue,
            "entered": visit.entered,
            "kind": visit.kind,
            "left_at": visit.left,
            "outcome": visit.outcome,
            "waited_s": visit.waited_s,
            "agent": visit.agent,
            "ended": visit.ended,
            "talk_s": visit.talk_s,
            "hold_s": visit.hold_s,
            "wrap_up_s": visit.wrap_up_s,
            "transferred": visit.transferred,
            "promise": visit.promise,
            "attempts": visit.attempts,
            "told_at": visit.told_at,
            "told_low_s": visit.told_low_s,
            "told_high_s": visit.told_high_s,
        }
        for number, visit in enumerate(visits)
    ]


def _visit(row: Any) -> Visit:
    return Visit(
        row.queue,
        row.entered,
        row.kind,
        row.left_at,
        row.outcome,
        row.waited_s,
        row.agent,
        row.ended,
        row.talk_s,
        row.hold_s,
        row.wrap_up_s,
        transferred=bool(row.transferred),
        promise=row.promise,
        attempts=row.attempts,
        told_at=row.told_at,
        told_low_s=row.told_low_s,
        told_high_s=row.told_high_s,
    )


def _part_rows(record: CallRecord) -> list[dict[str, Any]]:
    return [
        {
            "call_id": record.call_id,
            "number": number,
            "agent": part.agent,
            "queue": part.queue,
            "began": part.began,
            "ended": part.ended,
            "talk_s": part.talk_s,
            "hold_s": part.hold_s,
            "wrap_up_s": part.wrap_up_s,
            "how": part.how,
        }
        for number, part in enumerate(record.segments)
        if part.role == AGENT
    ]


def _part(row: Any) -> Segment:
    times = (row.ended, row.talk_s, row.hold_s, row.wrap_up_s, row.how)
    return Segment(AGENT, row.queue, row.began, row.agent, "", *times)


def _span_row(span: Span) -> dict[str, Any]:
    return {
        "agent": span.agent,
        "started_at": span.start,
        "state": span.state,
        "reason": span.reason,
        "ended_at": span.end,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    levels = row["service_level"]
    return {**row, **{f"service_level_{kind}": levels[kind] for kind in SERVICE_LEVELS}}


def _columns() -> list[str]:
    empty = interval_row("", Calendar("UTC"), 0.0, Tally(), Limits())
    names = [name for name in empty if name not in ("service_level", "start", "end")]
    at = names.index("abandon_rate")
    names[at:at] = [f"service_level_{kind}" for kind in SERVICE_LEVELS]
    return [*names, "occupancy"]
