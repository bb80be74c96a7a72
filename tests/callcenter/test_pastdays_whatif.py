"""`callcenter replay --config …`: the same callers and shifts under other circumstances."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callcenter.cli import app
from callcenter.pastdays.again import habits_of, simulate_again
from callcenter.pastdays.observed import Observed, observe
from callcenter.pastdays.reading import Rerun, extent, start_before
from callcenter.pastdays.tables import sides_as_json
from callcenter.pastdays.whatif import CannotCompare, SideBySide, changed, compare_sites
from callcenter.siteview import SiteView
from config.settings import DEMO_SITE
from storage.database import open_engine
from storage.journal import Journal
from tests.callcenter.busyday import CLOSED, LASTS_S, MORNING, PATIENCE_S, busy_morning
from tests.callcenter.conftest import SITE
from tests.callcenter.test_pastdays_same import three_lives

LIMITS = SiteView(lambda: SITE).limits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a busy morning, only to be read."""
    made = tmp_path_factory.mktemp("busy")
    asyncio.run(busy_morning(made))
    return made


async def _observed(folder: Path, since: float | None = None) -> Observed:
    engine = open_engine(f"sqlite:///{folder}/callcenter.db")
    try:
        journal = Journal(engine)
        ends = await extent(journal)
        assert ends is not None
        start = await start_before(journal, since)
        day = await observe(Rerun(journal, start), since, ends[1] + 1.0, LIMITS)
        assert day is not None
        return day
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
def day(folder: Path) -> Observed:
    """What really happened on it."""
    return asyncio.run(_observed(folder))


def _compared(day: Observed, **how: Any) -> SideBySide:
    without, add = how.pop("without", ()), how.pop("add", {})
    other = changed(how.pop("site", day.site), without=without, add=add)
    return compare_sites(day, other, LIMITS, shifts=add, **how)


def test_the_simulation_of_a_real_morning_is_like_the_morning(day: Observed) -> None:
    """The model check: each real figure lies where a dozen simulations of it lie."""
    sides = _compared(day, seeds=range(1, 13))
    assert set(sides.really) == {"", "sales", "support"}
    assert sides.really[""].offered > 180
    off = []
    for queue, really in sides.really.items():
        for field in ("service_level", "abandon_rate", "occupancy", "asa_s", "aht_s", "offered"):
            value, spread = getattr(really, field), sides.present[queue][field]
            slack = 0.02 if field in ("service_level", "abandon_rate", "occupancy") else value / 50
            assert spread.low is not None
            assert spread.high is not None
            if not spread.low - slack <= value <= spread.high + slack:
                off.append((queue, field, value, spread))
    assert off == []
    assert sides.partings == []  # both sides are the same configuration
    assert sides.present == sides.other
    assert sides.idle == []


def test_the_patience_that_the_callers_had_is_found(day: Observed) -> None:
    """Out of a real journal, too: its 95 % interval holds the truth."""
    found = habits_of(day).patience[""]
    assert found.abandons > 50
    assert found.low_s is not None
    assert found.high_s is not None
    assert found.low_s <= PATIENCE_S <= found.high_s


def test_one_agent_more_helps_and_one_less_hurts(day: Observed) -> None:
    """Fewer abandons and quicker answers with each seed, and the other way round."""
    more = _compared(day, add={"extra": "anna"}, seeds=(1, 2, 3))
    less = _compared(day, without=("anna",), seeds=(1, 2, 3))
    for sides, better, worse in ((more, "other", "present"), (less, "present", "other")):
        good, bad = getattr(sides, better)[""], getattr(sides, worse)[""]
        assert good["abandon_rate"].high < bad["abandon_rate"].low
        assert good["service_level"].low > bad["service_level"].high
        assert sides.partings
        assert all(one.then != one.now for one in sides.partings)
        moments = [one.at for one in sides.partings]
        assert moments == sorted(moments)
        assert MORNING <= moments[0] < MORNING + 600.0
    first = more.partings[0]
    assert first.then is not None
    assert first.now is not None
    assert first.now.agent == "extra"
    assert first.then.reason != first.now.reason


def test_somebody_in_somebodys_place_changes_nothing_but_the_name(day: Observed) -> None:
    """With the skills and the shift of anna, in her place: the same figures."""
    sides = _compared(day, without=("anna",), add={"zoe": "anna"}, seeds=(1,))
    present, other = sides.present[""], sides.other[""]
    assert other["service_level"].mean == pytest.approx(present["service_level"].mean, abs=0.06)
    assert other["abandon_rate"].mean == pytest.approx(present["abandon_rate"].mean, abs=0.06)
    assert sides.partings[0].now is not None
    assert sides.partings[0].now.agent == "zoe"


def test_other_queues_are_met_by_the_same_callers(day: Observed) -> None:
    """No after-call work at all: the handle time falls, nothing about the callers changes."""
    queues = tuple(replace(queue, wrap_up_s=0.0) for queue in day.site.queues)
    sides = _compared(day, site=replace(day.site, queues=queues), seeds=(1,))
    present, other = sides.present[""], sides.other[""]
    assert other["aht_s"].mean is not None
    assert present["aht_s"].mean is not None
    assert 10.0 < present["aht_s"].mean - other["aht_s"].mean < 45.0
    assert other["abandon_rate"].mean < present["abandon_rate"].mean  # type: ignore[operator]
    longer = tuple(replace(queue, wrap_up_s=120.0) for queue in day.site.queues)
    sides = _compared(day, site=replace(day.site, queues=longer), seeds=(1,))
    assert sides.other[""]["aht_s"].mean > present["aht_s"].mean + 5.0  # type: ignore[operator]


def test_shifts_are_those_that_were(day: Observed) -> None:
    """Dana had lunch: in no simulation a call is offered to her then."""
    run = simulate_again(day, habits_of(day), LIMITS, seed=3)
    lunch = (MORNING + 0.5 * LASTS_S + 60.0, MORNING + 0.7 * LASTS_S)
    offers = [one for offers in run.offers.values() for one in offers if one.agent == "dana"]
    assert len(offers) > 5
    assert not [one for one in offers if lunch[0] < one.at < lunch[1]]
    assert {one.agent for offers in run.offers.values() for one in offers} == {
        *("anna", "ben", "dana", "emeka")
    }


def test_the_same_seed_gives_the_same_again(day: Observed) -> None:
    """A figure in a discussion must be repeatable by whoever doubts it."""
    habits = habits_of(day)
    one, two, other = (simulate_again(day, habits, LIMITS, seed=seed) for seed in (5, 5, 6))
    assert one.figures == two.figures
    assert one.offers == two.offers
    assert one.offers != other.offers


async def test_a_part_of_a_day_begins_with_who_is_there_and_waits(folder: Path) -> None:
    """From the middle on: agents are at their desks, and callers of before are in no figure."""
    middle = MORNING + 0.45 * LASTS_S
    part = await _observed(folder, middle)
    assert part.since == middle
    assert {fact.agent for at, fact in part.shifts.presence if at == middle} >= {"anna", "ben"}
    sides = _compared(part, seeds=(1, 2, 3))
    really = sides.really[""]
    assert 0 < really.offered < 180
    assert sides.present[""]["service_level"].mean == pytest.approx(really.service_level, abs=0.12)
    assert sides.present[""]["occupancy"].mean == pytest.approx(really.occupancy, abs=0.05)
    assert sides.present[""]["abandon_rate"].mean == pytest.approx(really.abandon_rate, abs=0.12)


async def test_who_is_turned_away_is_turned_away_again(folder: Path, day: Observed) -> None:
    """A closed queue is closed in the simulation, too: also when it was before the range began."""
    late = await _observed(folder, CLOSED[0] + 60.0)
    for one in (day, late):
        away = [journey for journey in one.journeys if journey.turned_away]
        assert away
        assert all(CLOSED[0] < journey.at < CLOSED[1] for journey in away)
        sides = _compared(one, seeds=(1,))
        assert sides.really["sales"].turned_away == len(away)
        assert sides.present["sales"]["turned_away"].mean == len(away)


async def test_wild_days_can_be_simulated(tmp_path: Path) -> None:
    """Transfers, callbacks, conferences, kills, phones that break: all are survived and drained."""
    await three_lives(f"sqlite:///{tmp_path}/callcenter.db")
    wild = await _observed(tmp_path)
    assert wild.shifts.lapses
    assert any(len(journey.waits) > 1 for journey in wild.journeys)
    assert any(journey.callback for journey in wild.journeys)
    for journey in wild.journeys:  # who waits in the end has waited since the last crash, not more
        assert all((one.waited_s or 0.0) < 2 * 86_400.0 for one in journey.waits)
    sides = _compared(wild, seeds=(1, 2))
    known = {journey.id for journey in wild.journeys}
    run = simulate_again(wild, sides.habits, LIMITS)
    ended = {one for one in run.ends if not one.startswith("callback-")}
    assert ended <= known
    assert len(known - ended) < len(known) / 10  # nobody is forgotten, but for the last ones
    assert sides.present[""]["offered"].mean == pytest.approx(sides.really[""].offered, rel=0.25)


def test_what_does_not_fit_is_refused(day: Observed) -> None:
    """With a clear word, before anything is simulated."""
    less = replace(day.site, queues=day.site.queues[:1], agents=())
    with pytest.raises(CannotCompare, match=r"not in the other site: support"):
        _compared(day, site=less)
    with pytest.raises(CannotCompare, match="no agent “nobody” to leave out"):
        _compared(day, without=("nobody",))
    with pytest.raises(CannotCompare, match="no agent “nobody” to be like"):
        _compared(day, add={"extra": "nobody"})
    with pytest.raises(CannotCompare, match="Not there on these days: chen"):
        _compared(day, add={"extra": "chen"})
    with pytest.raises(CannotCompare, match="Nobody called"):
        _compared(replace(day, journeys=[]))


# The command ---------------------------------------------------------------------------------


def _command(folder: Path, *words: str) -> Any:
    env = {"CALLCENTER_VAR": str(folder), "CALLCENTER_SITE": "", "COLUMNS": "120"}
    return CliRunner().invoke(app, ["replay", *words], env=env)


def test_the_command_shows_both_sides(folder: Path) -> None:
    """A table for people with all three columns, and the first callers who part them."""
    run = _command(folder, "--add", "extra=anna", "--seeds", "2", "--most", "1")
    assert run.exit_code == 0, run.output
    for told in ("really", "simulated", "with extra", "Sales", "service level", "abandon rate"):
        assert told in run.output
    assert "Mean patience" in run.output
    assert "to extra: " in run.output
    assert "idle" in run.output


def test_a_model_that_is_far_off_is_said_to_be_doubtful(day: Observed) -> None:
    """Whoever reads the third column must know that the second is not what really happened."""
    sides = _compared(day, seeds=(1,))
    assert sides_as_json(sides, "UTC")["doubts"] == []
    really = replace(sides.really[""], service_level=0.99, abandon_rate=0.0)
    doubts = sides_as_json(replace(sides, really={"": really}), "UTC")["doubts"]
    assert len(doubts) == 2
    assert "service level really was 99.0 %" in doubts[0]


def test_the_command_takes_another_site(folder: Path, tmp_path: Path) -> None:
    """The folder of a site as it could be; new agents there have no shift till they get one."""
    shutil.copytree(DEMO_SITE, tmp_path / "other")
    site = tmp_path / "other" / "site.yaml"
    gina = "{name: Gina, queues: [sales], skills: {english: 9, billing: 9}, phones: [browser]}"
    text = site.read_text("utf-8").replace("  ben:\n", f"  gina: {gina}\n  ben:\n", 1)
    site.write_text(text, "utf-8")
    words = ("--config", str(tmp_path / "other"), "--seeds", "1", "--json")
    found = json.loads(_command(folder, *words).stdout)
    assert found["without_a_shift"] == ["gina"]
    assert found["other"]["all"]["offered"]["mean"] > 180
    with_shift = json.loads(_command(folder, *words, "--add", "gina=dana").stdout)
    assert with_shift["without_a_shift"] == []
    before, now = (one["other"]["sales"]["service_level"] for one in (found, with_shift))
    assert now["mean"] > before["mean"]
    first = with_shift["first_differences"][0]
    assert first["other"]["reason"]["text"]
    assert set(with_shift["patience"]) == {"all", "sales", "support"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--add", "extra"), "write NEW=AGENT"),
        (("--without", "nobody"), "no agent “nobody”"),
        (("--config", "nowhere"), "no such folder"),
        (("--add", "extra=anna", "--from", "2031-01-01"), "nothing in this range"),
    ],
)
def test_the_command_refuses_what_cannot_be(
    folder: Path, words: tuple[str, ...], says: str
) -> None:
    """A clear word, exit code 2, no trace."""
    run = _command(folder, *words)
    assert (run.exit_code, says in run.output) == (2, True), run.output
