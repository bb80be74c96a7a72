"""Live figures, alerts and books of a whole center: before a kill, after it, and in the records."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import reporting.records
from agent_console.live import SUPERVISOR
from callcenter import restart
from callcenter.alerting import Alerting
from callcenter.figuresnow import FiguresNow
from callcenter.metrics import Metrics
from cti.virtual.callers import Customer
from cti.virtual.phones import careless
from reporting.alerts import AlertRule
from reporting.definitions import values
from reporting.figures import Tally
from reporting.live import WINDOWS
from reporting.store import History
from reporting.tables import METADATA

AGENTS = ("anna", "dana", "ben", "emeka")


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/records.db")
    async with made.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield made
    await made.dispose()


class Wall:
    """A center with its history on disk, its figures and its alerts."""

    def __init__(self, center: Any, disk: AsyncEngine) -> None:
        self.center = center
        self.history = History(
            disk,
            center.fold,
            zone=center.site.time_zone,
            now=center.time.now,
            limits=center.view.limits,
            agents_of=center.view.agents_of,
        )
        self.metrics = Metrics()
        self.alerting = Alerting(
            book=center.fold.alerts,
            store=center.store,
            metrics=self.metrics,
            site=lambda: center.site,
            name_of=center.view.name_of,
            note=center.router.note,
            now=center.time.now,
            midnight=center.figures.calendar.midnight,
        )
        self.now = FiguresNow(
            store=center.store,
            engine=center.router.engine,
            figures=center.figures,
            fold=center.fold,
            metrics=self.metrics,
            site=lambda: center.site,
            now=center.time.now,
            watch=self.alerting.watch,
        )

    async def next_life(self, disk: AsyncEngine) -> Wall:
        """What another process makes of the journal and of the disk; nothing is taken up yet."""
        old = self.center
        kept = await restart.load(old.journal)
        engine = restart.engine_of(kept)
        center = type(old)(old.time, old.switch, old.journal, engine, old.site)
        wall = Wall(center, disk)
        await wall.history.seed(center.figures, old.time.now())
        await restart.replay(old.journal, kept, center.router)
        center.figures.settle_all_but(center.fold.live_keys())
        wall.now.trust_engine()
        return wall

    def picture(self) -> dict[tuple[str, str, str], Tally]:
        """Every tally of every queue and agent."""
        found = {}
        for scope in ("queue", "agent", "team", "site"):
            for ident in self.now.ids(scope):
                windows = self.now.windows(scope, ident)
                found |= {(scope, ident, window): windows[window] for window in WINDOWS}
        return found


def same(found: Tally, wanted: Tally, what: object) -> None:
    for name in Tally.__slots__:
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1e-6), (what, name)


@pytest.mark.parametrize("seed", range(6))
async def test_after_a_kill_the_figures_are_those_from_before_and_those_of_the_records(
    opened: Any, wild_dice: Any, disk: AsyncEngine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7, I9, I16: counters are what journal and disk say, whatever was saved when."""
    monkeypatch.setattr(reporting.records, "MOST_ENDED", 5)  # others are on disk only
    dice = random.Random(seed)
    center = await opened(
        phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05),
        customers=lambda number: Customer("answer" if seed % 2 else "busy", 3.0, 20.0),
    )
    site = center.site
    teams = {
        one.id: replace(one, team="north" if one.id < "c" else "") for one in site.agents.values()
    }
    rules = (AlertRule("many", "waiting", above=0.0, for_s=0.0, clear_for_s=0.0),)
    center.site = replace(site, agents=teams, alerts=rules)
    if seed % 2:
        await center.run(20.8 * 3600.0)  # midnight comes in the middle
    await center.staff("anna", "dana")
    wall = Wall(center, disk)
    happened = wild_dice(seed)
    for _ in range(40):
        await happened.happen(center, 4)
        await wall.now.look()
        if dice.random() < 0.3:
            await wall.history.save()
        if dice.random() < 0.2:
            center.fold.forget(center.figures.calendar.midnight(center.time.now()))
        if dice.random() < 0.1:
            await restart.keep(center.journal, center.router)
    center.die()
    before, alerts = wall.picture(), center.fold.alerts.snapshot()
    assert sum(tally.offered for (scope, _, _), tally in before.items() if scope == "queue") > 50
    assert alerts["over"] or alerts["standing"]
    later = await wall.next_life(disk)
    after = later.picture()
    assert set(after) == set(before)
    for key, tally in before.items():
        same(after[key], tally, key)
    assert later.center.router.engine.snapshot() == center.router.engine.snapshot()
    assert later.center.fold.alerts.snapshot() == alerts
    assert later.center.fold.books == center.fold.books
    assert all(later.now.books(queue) == {} for queue in site.queues)
    now = center.time.now()
    midnight = center.figures.calendar.midnight(now)
    queues, agents = await later.history.totals(since=midnight, until=now)
    start = center.figures.calendar.start(now)
    for row in await later.history.intervals(since=start, until=now + 1, minutes=15, queue=""):
        live = values(after["queue", row["queue"], "interval"], "queue", 9)
        assert row["balanced"]
        assert row["service_level"]["standard"] == pytest.approx(live["service_level"])
        for name in (
            "offered",
            "answered",
            "abandoned",
            "flowed_out",
            "transfer_rate",
            "occupancy",
        ):
            assert row[name] == pytest.approx(live[name]), (row["queue"], name)
    for scope in ("queue", "team", "agent", "site"):
        for ident in later.now.ids(scope):
            recorded = later.now.tally_of(scope, ident, queues, agents)
            same(recorded, after[scope, ident, "day"], (scope, ident))


@pytest.mark.parametrize("seed", range(4))
async def test_the_books_of_engine_and_records_agree_at_every_step(
    opened: Any, wild_dice: Any, seed: int
) -> None:
    """O = H + A + F + still waiting, and both count the same, whatever happens."""
    center = await opened(phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05))
    await center.staff("anna", "dana", "ben")
    figures = FiguresNow(
        store=center.store,
        engine=center.router.engine,
        figures=center.figures,
        fold=center.fold,
        metrics=Metrics(),
        site=lambda: center.site,
        now=center.time.now,
    )
    dice = wild_dice(seed)
    for _ in range(60):
        await dice.happen(center, 2)
        for queue in center.site.queues:
            assert figures.books(queue) == {}
            assert figures.moment("queue", queue).books == 0


async def test_books_that_are_out_are_an_alert_with_the_numbers(opened: Any, disk: Any) -> None:
    """A notice that the records missed is found at once, and says what it is about."""
    center = await opened()
    await center.staff("anna")
    wall = Wall(center, disk)
    feed = center.fold.feed

    def deaf(stream: str, kind: str, call_id: str, data: Any, at: float) -> object:
        return None if kind == "CallLeft" else feed(stream, kind, call_id, data, at)

    center.fold.feed = deaf
    center.call(talk_s=5.0)
    await center.until(lambda: center.state("anna") == "talking")
    await wall.now.look()
    standing = center.fold.alerts.standing["books:sales"]
    assert standing.raised.about == "call answered: 1 / 0"
    shown = center.store.get(SUPERVISOR, "alert:books:sales")
    assert "call answered: 1 / 0" in shown["text"]["en"]
    assert shown["cleared"] is None
    assert b'callcenter_books_out{queue="sales"} 1.0' in wall.metrics.text()
    assert b'callcenter_alerts{rule="books"} 1.0' in wall.metrics.text()


async def test_callers_whom_nobody_serves_are_an_alert(opened: Any, disk: Any) -> None:
    """Nobody signed in and somebody waits: told in both languages, seen, and over in time."""
    center = await opened()
    wall = Wall(center, disk)
    center.call(patience_s=600.0)
    for _ in range(60):
        await center.run(1.0)
        await wall.now.look()
    shown = center.store.get(SUPERVISOR, "alert:unstaffed:sales")
    assert shown["text"]["en"].endswith(": waiting for nobody 1 (limit 0)")
    assert shown["text"]["zh"].endswith("：无人值守等待 1（限值 0）")
    assert wall.alerting.acknowledge("sam", "unstaffed:sales") is None
    shown = center.store.get(SUPERVISOR, "alert:unstaffed:sales")
    assert (shown["by"], shown["acknowledged"]) == ("sam", center.time.now())
    refused = wall.alerting.acknowledge("sam", "unstaffed:support")
    assert refused is not None
    assert refused.code == "alert-over"
    await center.staff("anna")
    for _ in range(20):
        await center.run(1.0)
        await wall.now.look()
    assert center.store.get(SUPERVISOR, "alert:unstaffed:sales") is None
    over = [key for key in center.store.keys(SUPERVISOR) if key.startswith("alert:unstaffed:")]
    assert [center.store.get(SUPERVISOR, key)["by"] for key in over] == ["sam"]
    kinds = [entry.kind for entry in center.journal.entries if entry.stream == "alert"]
    assert kinds == ["AlertRaised", "AlertAcknowledged", "AlertCleared"]


async def test_the_console_is_told_of_queues_agents_teams_and_the_site(
    opened: Any, disk: Any
) -> None:
    """One entity each, with every window; what is gone from the site goes."""
    center = await opened()
    agents = {one.id: replace(one, team="north") for one in center.site.agents.values()}
    center.site = replace(center.site, agents=agents, teams={})
    await center.staff("anna")
    wall = Wall(center, disk)
    center.call(talk_s=10.0)
    await center.until(lambda: center.state("anna") == "talking")
    await center.run(30.0)
    await wall.now.look()
    keys = {key for key in center.store.keys(SUPERVISOR) if key.startswith("figures:")}
    wanted = {f"figures:queue:{queue}" for queue in center.site.queues}
    wanted |= {f"figures:agent:{agent}" for agent in agents}
    assert keys == wanted | {"figures:team:north", "figures:site:"}
    for key in ("queue:sales", "site:"):
        day = center.store.get(SUPERVISOR, f"figures:{key}")["windows"]["day"]
        assert (day["offered"], day["answered"], day["service_level"]) == (1, 1, 1.0)
    for key in ("agent:anna", "team:north"):
        shown = center.store.get(SUPERVISOR, f"figures:{key}")
        assert set(shown["windows"]) == set(WINDOWS)
        assert shown["windows"]["15"]["answered"] == 1
        assert shown["windows"]["15"]["occupancy"] > 0.5
        assert "service_level" not in shown["windows"]["15"]
    center.site = replace(center.site, agents={"anna": replace(agents["anna"], team="")})
    await wall.now.look()
    keys = {key for key in center.store.keys(SUPERVISOR) if key.startswith("figures:")}
    assert "figures:team:north" not in keys
    assert {key for key in keys if ":agent:" in key} == {"figures:agent:anna"}


async def test_a_snapshot_of_an_older_version_begins_with_the_engines_books(opened: Any) -> None:
    """After an upgrade there is no false alarm, and what differs from then on is found."""
    center = await opened()
    await center.staff("anna")
    center.call(talk_s=5.0)
    await center.run(40.0)
    center.fold.books = None
    figures = FiguresNow(
        store=center.store,
        engine=center.router.engine,
        figures=center.figures,
        fold=center.fold,
        metrics=Metrics(),
        site=lambda: center.site,
        now=center.time.now,
    )
    assert figures.books("sales") == {}
    figures.trust_engine()
    assert figures.books("sales") == {}
    assert center.fold.books["sales"]["call offered"] == 1
    center.fold.books["sales"]["call offered"] = 2
    assert figures.books("sales") == {"call offered": (1, 2)}
