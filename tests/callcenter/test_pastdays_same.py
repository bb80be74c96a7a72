"""`callcenter replay`: what real days decided is decided again, and a difference is named."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from acd.decisions import Reason, StaffingChanged
from acd.engine import Engine
from agent_console.ports import Refusal
from callcenter import restart
from callcenter.cli import app
from callcenter.pastdays.moments import BadRange, read_range
from callcenter.pastdays.reading import NothingToRun, Rerun, Written, start_before
from callcenter.pastdays.same import Comparison, compare, is_same
from cti.virtual.callers import Customer
from cti.virtual.phones import careless
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from storage.database import open_engine
from storage.database import opened as database
from storage.journal import Journal
from storage.journal_retention import forget_before
from storage.tables import snapshots
from tests.callcenter.conftest import SITE, START, Center, Dice
from tests.callcenter.planning_page import unfair

DAY_S = 86_400.0


def _customers(seed: int) -> Any:
    dice = random.Random(seed)
    outcomes = ("answer", "answer", "busy", "no answer")
    return lambda number: Customer(dice.choice(outcomes), dice.uniform(0, 20), dice.uniform(1, 60))


class Lives:
    """One installation: a real journal on disk, and process after process on one switch."""

    def __init__(self, engine: Any, seed: int) -> None:
        self.engine = engine
        self.time = VirtualTime(START)
        self.switch = VirtualSwitch(
            "virtual",
            self.time,
            phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05),
            customers=_customers(seed),
            agents=SITE.agents,
        )
        self.dice = Dice(seed)
        self.center: Center | None = None

    async def begin(self) -> Center:
        journal = Journal(self.engine)
        await journal.open()
        routing = restart.engine_of(await restart.load(journal))
        self.center = Center(self.time, self.switch, journal, routing, SITE)  # type: ignore[arg-type]
        return await self.center.start()

    async def killed(self) -> None:
        """kill -9: what was not on disk yet is lost, and some time passes."""
        assert self.center is not None
        self.center.die()
        self.time.run(until=self.time.now() + 30.0)

    async def stopped(self) -> None:
        assert self.center is not None
        await restart.keep(self.center.journal, self.center.router)
        self.center.die()
        await self.center.journal.close()  # type: ignore[attr-defined]


async def three_lives(url: str) -> None:
    """Three processes, one after the other: killed, killed, stopped. A day from one to the next."""
    async with database(url) as engine:
        lives = Lives(engine, 7)
        for life in range(3):
            center = await lives.begin()
            with contextlib.suppress(Refusal):  # who was signed in when it died still is
                await center.staff("anna", "dana", "ben")
            await lives.dice.happen(center, 40)
            await restart.keep(center.journal, center.router)
            await lives.dice.happen(center, 40)
            if life < 2:
                await lives.killed()
                lives.time.run(until=START + (life + 1) * DAY_S)
            else:
                await lives.stopped()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that three lives have left, to copy."""
    folder = tmp_path_factory.mktemp("lived")
    asyncio.run(three_lives(f"sqlite:///{folder}/callcenter.db"))
    return folder


@pytest.fixture
async def past(lived: Path, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """That database, as this test's own `callcenter.db`."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    engine = open_engine(f"sqlite:///{tmp_path}/callcenter.db")
    yield engine
    await engine.dispose()


async def _compared(engine: Any, since: float | None = None, **how: Any) -> Comparison:
    journal = Journal(engine)
    return await compare(Rerun(journal, await start_before(journal, since)), **how)


async def test_real_days_with_kills_come_to_the_same_decisions(past: AsyncEngine) -> None:
    """From the first entry over two crashes: not one decision differs."""
    found = await _compared(past)
    assert found.differences == 0, found.first
    assert found.facts > 300
    assert found.decisions > 300


async def test_a_day_begins_at_its_own_snapshot(past: AsyncEngine) -> None:
    """The last day is not run from the beginning of time, and is the same nevertheless."""
    whole = await _compared(past)
    third_day = START + 2 * DAY_S - 60.0
    start = await start_before(Journal(past), third_day)
    assert start.at is not None
    found = await _compared(past, third_day)
    assert found.differences == 0, found.first
    assert 0 < found.facts < whole.facts
    assert found.first_at is not None
    assert found.first_at > START + DAY_S - 60.0
    part = await _compared(past, until=START + DAY_S - 60.0)
    assert part.differences == 0
    assert 0 < part.facts < whole.facts / 2


async def test_a_snapshot_that_cannot_be_read_only_costs_time(past: AsyncEngine) -> None:
    """The one before it is taken, or the first entry: the decisions are the same."""
    whole = await _compared(past)
    async with past.begin() as connection:
        newest = sa.select(sa.func.max(snapshots.c.seq))
        await connection.execute(
            sa.delete(snapshots).where(snapshots.c.seq == newest.scalar_subquery())
        )
        await connection.execute(sa.update(snapshots).values(blob=b"{}"))
    found = await _compared(past, START + 2 * DAY_S)
    assert (found.differences, found.facts) == (0, whole.facts)


async def test_a_changed_choice_is_found_and_named(past: AsyncEngine) -> None:
    """An engine that passes somebody over: the first call that goes elsewhere, and why."""
    journal = Journal(past)
    start = await start_before(journal, None)
    with unfair():
        found = await compare(Rerun(journal, start), most=5)
    assert found.differences > 5 == len(found.first)
    one = next(one for one in found.first if any("Offer: " in told for told in one.then))
    then = next(told for told in one.then if "Offer: " in told)
    assert "agent anna" in then
    assert "idle" in then  # the reason's sentence
    assert "agent anna" not in "".join(told for told in one.now if "Offer: " in told)
    assert START <= one.at <= START + 3 * DAY_S


async def test_a_decision_that_is_not_in_the_journal_is_a_difference(past: AsyncEngine) -> None:
    """Nothing may be lost in the middle; only the journal's very end may be cut off."""
    journal = Journal(past)
    entries = [entry async for entry in journal.read(streams=("acd", "decision"))]
    offers = [entry.seq for entry in entries if entry.kind == "Offer"]

    class Without(Journal):
        gone: frozenset[int] = frozenset()

        async def read(self, *where: Any, **how: Any) -> AsyncIterator[Any]:
            async for entry in super().read(*where, **how):
                if entry.seq not in self.gone:
                    yield entry

    torn = Without(past)
    torn.gone = frozenset(offers[2:3])
    found = await compare(Rerun(torn, await start_before(torn, None)))
    assert found.differences == 1
    assert found.first[0].then == []
    assert found.first[0].now[0].startswith("Offer:")
    last = max(entry.seq for entry in entries if entry.stream == "acd" and entry.kind != "Resumed")
    torn.gone = frozenset(entry.seq for entry in entries if entry.seq > last)
    found = await compare(Rerun(torn, await start_before(torn, None)))
    assert found.differences == 0


async def test_what_a_later_version_adds_is_not_held_against_the_journal(past: AsyncEngine) -> None:
    """Old journals lack new fields; what they do say must still be decided."""

    class Older(Journal):
        async def read(self, *where: Any, **how: Any) -> AsyncIterator[Any]:
            async for entry in super().read(*where, **how):
                data = entry.decode()
                if entry.kind == "Offer":
                    data.pop("deadline")
                    data["reason"]["data"].pop("waited_s", None)
                yield _Entry(entry, data)

    class _Entry:
        def __init__(self, entry: Any, data: Any) -> None:
            self.seq, self.at, self.stream = entry.seq, entry.at, entry.stream
            self.kind, self._data = entry.kind, data

        def decode(self) -> Any:
            return self._data

    older = Older(past)
    assert (await compare(Rerun(older, await start_before(older, None)))).differences == 0


@pytest.mark.parametrize(
    ("then", "same"),
    [
        ({}, True),
        ({"agent": "anna", "queues": ["sales"], "gone": 1}, True),  # a field of an older version
        ({"reason": {"code": "staffed", "data": {}}}, True),  # data of a later version
        ({"reason": {"code": "staffed", "data": {"by": "sam"}}}, True),
        ({"reason": {"code": "staffed", "data": {"by": "zoe"}}}, False),
        ({"reason": {"code": "staffed", "data": {"by": "sam", "was": 1}}}, False),
        ({"reason": {"code": "reset", "data": {}}}, False),
        ({"queues": ["sales", "support"]}, False),
        ({"skills": {"billing": 3, "english": 9}}, True),
        ({"skills": {"billing": 3}}, False),  # a skill more is another decision
        ({"skills": {"billing": 3, "english": 8}}, False),
    ],
)
def test_what_the_journal_says_must_be_said_again(then: dict[str, Any], same: bool) -> None:
    """All of it, and it may say less than we do today."""
    reason = Reason("staffed", {"by": "sam"})
    now = StaffingChanged("anna", ("sales",), {"billing": 3, "english": 9}, {}, reason)
    assert is_same(Written("StaffingChanged", then), now) is same
    assert not is_same(Written("AgentChanged", then), now)


async def test_an_entry_of_an_unknown_kind_is_told(past: AsyncEngine) -> None:
    """The engine cannot be told what it does not know; the days after it may differ."""

    class Newer(Journal):
        async def read(self, *where: Any, **how: Any) -> AsyncIterator[Any]:
            async for entry in super().read(*where, **how):
                if entry.kind == "AgentReady":
                    entry = type(entry)(entry.seq, entry.at, "acd", "Levitated", "", b"{}")
                yield entry

    newer = Newer(past)
    found = await compare(Rerun(newer, await start_before(newer, None)))
    assert found.differences > 0
    assert "unknown" in found.first[0].now[0]


async def test_days_that_were_forgotten_are_refused_with_the_first_that_can_be(
    past: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what was before, nobody knows what the engine knew then."""
    monkeypatch.setattr("storage.journal_retention.TAIL", 10)
    assert await forget_before(past, START + DAY_S) > 0
    journal = Journal(past)
    with pytest.raises(NothingToRun) as refused:
        await start_before(journal, START + 60.0)
    earliest = refused.value.args[1]
    assert earliest is not None
    found = await _compared(past, earliest)
    assert found.differences == 0, found.first
    assert found.facts > 0
    assert (await _compared(past)).facts == found.facts


# The command ---------------------------------------------------------------------------------


async def _command(folder: Path, *words: str) -> Any:
    env = {"CALLCENTER_VAR": str(folder), "CALLCENTER_SITE": ""}
    return await asyncio.to_thread(CliRunner().invoke, app, ["replay", *words], env=env)


async def test_the_command_says_so_when_all_is_the_same(past: AsyncEngine, tmp_path: Path) -> None:
    """One sentence for people, one object for programs, and the exit code for scripts."""
    run = await _command(tmp_path)
    assert run.exit_code == 0, run.output
    assert "Every decision is the same." in run.output
    run = await _command(tmp_path, "--json")
    found = json.loads(run.stdout)
    assert (run.exit_code, found["differences"], found["first"]) == (0, 0, [])
    one_day = await _command(tmp_path, "--from", "2027-01-16", "--to", "2027-01-16", "--json")
    assert 0 < json.loads(one_day.stdout)["facts"] < found["facts"]


async def test_the_command_names_what_differs(
    past: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time, fact and call, then and now with their reasons; a script sees exit code 1."""
    ready = Engine.handle

    def deaf(self: Engine, fact: Any, now: float) -> Any:
        decided = ready(self, fact, now)
        return [one for one in decided if type(one).__name__ != "Offer"]

    monkeypatch.setattr(Engine, "handle", deaf)
    run = await _command(tmp_path, "--most", "2")
    assert run.exit_code == 1
    assert "decided upon otherwise; the first 2" in run.output
    assert "then  Offer: call" in run.output
    assert "now   nothing" in run.output
    assert "idle" in run.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "2031-01-01"), "nothing in this range; it has 2027-01-15"),
        (("--to", "2001-01-01"), "nothing in this range; it has 2027-01-15"),
        (("--from", "2027-01-16", "--to", "2027-01-15"), "is not before"),
        (("--from", "tomorrow"), "no date"),
    ],
)
async def test_the_command_refuses_what_makes_no_sense(
    past: AsyncEngine, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """A clear word about the range, and what there is."""
    run = await _command(tmp_path, *words)
    assert run.exit_code == 2
    assert says in run.output


async def test_a_place_without_a_journal_is_said_to_be_one(tmp_path: Path) -> None:
    """No database, or one that is something else: no trace, and none is made."""
    run = await _command(tmp_path / "nowhere")
    assert (run.exit_code, "There is no database" in run.output) == (2, True)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "callcenter.db").touch()
    run = await _command(tmp_path)
    assert (run.exit_code, "There is no journal in" in run.output) == (2, True)
    async with database(f"sqlite:///{tmp_path}/fresh/callcenter.db"):
        run = await _command(tmp_path / "fresh")
    assert (run.exit_code, "The journal is empty." in run.output) == (2, True)


def test_a_date_is_the_whole_day_of_the_site() -> None:
    """Also where the clocks change on it."""
    begin, end = read_range("2026-03-29", "2026-03-29", "Europe/Berlin")
    assert begin is not None
    assert end is not None
    assert end - begin == 23 * 3600
    assert read_range("", "", "Europe/Berlin") == (None, None)
    assert read_range("2026-03-02T09:30", "", "UTC") == (1772443800.0, None)
    assert read_range("2026-03-02 09:30+01:00", "", "UTC") == (1772440200.0, None)
    with pytest.raises(BadRange):
        read_range("2026-03-02T09:30", "2026-03-02T09:30", "UTC")
