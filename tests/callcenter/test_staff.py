"""`callcenter staff`: agents needed, as a table, a picture, and for programs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callcenter.cli import app
from callcenter.simulate import Params, run_simulation
from tests.callcenter.busyday import PATIENCE_S, busy_morning


def staff(*words: str, var: Path | None = None) -> Any:
    env = {"CALLCENTER_VAR": str(var or "nowhere"), "CALLCENTER_SITE": "", "COLUMNS": "80"}
    return CliRunner().invoke(app, ["staff", *words], env=env)


def plan(*words: str, var: Path | None = None) -> dict[str, Any]:
    run = staff(*words, "--json", var=var)
    assert run.exit_code == 0, run.output
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a busy morning, only to be read."""
    made = tmp_path_factory.mktemp("busy")
    asyncio.run(busy_morning(made))
    return made


ONE = ("--calls", "100", "--handle-time-s", "180")


def test_one_interval_is_shown_with_its_neighbours() -> None:
    """The published table of Erlang C: 14 agents for 80 % in 20 s, and what 13 would be."""
    rows = plan(*ONE, "--target", "80/20", "--shrinkage", "30")["rows"]
    assert [(row["agents"], row["needed"]) for row in rows] == [(n, n == 14) for n in range(11, 18)]
    shown = {row["agents"]: row for row in rows}
    assert shown[13]["service_level"] == pytest.approx(0.7955948, abs=5e-6)
    assert shown[14]["asa_s"] == pytest.approx(7.83594, abs=5e-5)
    assert shown[14]["scheduled"] == 20
    told = staff(*ONE).stdout
    assert "Erlang C: nobody gives up" in told
    assert "88.8 %" in told


def test_every_limit_counts() -> None:
    """Level, abandons, speed and occupancy: the strictest decides."""

    def needed(*words: str) -> int:
        rows = plan(*ONE, "--patience-s", "60", *words)["rows"]
        return int(next(row["agents"] for row in rows if row["needed"]))

    usual = needed()
    assert needed("--target", "95/10") > usual
    assert needed("--max-abandon", "1") > usual
    assert needed("--max-asa-s", "0.5") > usual
    assert needed("--max-occupancy", "50") > usual
    assert usual < next(row["agents"] for row in plan(*ONE)["rows"] if row["needed"])


def test_the_real_engine_keeps_what_is_promised() -> None:
    """With the agents that were reckoned the simulation keeps the goal, with one less it fails."""
    words = ("--calls", "60", "--handle-time-s", "120", "--patience-s", "90", "--target", "80/20")
    rows = plan(*words)["rows"]
    for row in rows:
        if row["agents"] in (_needed(rows), _needed(rows) - 1):
            params = Params(120, 120, row["agents"], 8_000, 20, 4, 90.0, warm_up_calls=500)
            found = run_simulation(params)
            level = found.service_level["standard"]
            assert level == pytest.approx(row["service_level"], abs=0.03)
            assert found.abandon_rate == pytest.approx(row["abandon_rate"], abs=0.02)
            assert level is not None
            assert (level >= 0.8) == row["needed"]


def _needed(rows: list[dict[str, Any]]) -> int:
    return int(next(row["agents"] for row in rows if row["needed"]))


def test_a_forecast_is_planned_line_by_line(tmp_path: Path) -> None:
    """With a heading or without, with handle times of its own or one for all."""
    file = tmp_path / "day.csv"
    file.write_text("interval,calls,handle_time_s\n09:00,40,\n09:30,80,300\n\n10:00,0,\n", "utf-8")
    rows = plan("--forecast", str(file), "--handle-time-s", "200", "--patience-s", "90")["rows"]
    assert [row["interval"] for row in rows] == ["09:00", "09:30", "10:00"]
    assert [row["handle_time_s"] for row in rows] == [200.0, 300.0, 200.0]
    assert rows[0]["agents"] < rows[1]["agents"]
    assert (rows[2]["agents"], rows[2]["service_level"]) == (0, None)
    file.write_text("Montag früh,40,200\n", "utf-8-sig")
    assert plan("--forecast", str(file))["rows"][0]["interval"] == "Montag früh"
    run = staff("--forecast", str(file), "--csv")
    (row,) = csv.DictReader(io.StringIO(run.stdout))
    assert (row["interval"], row["calls"]) == ("Montag früh", "40.0")
    assert "needed" not in row


def test_the_past_says_what_to_expect(folder: Path) -> None:
    """Calls, handle time and patience out of the records; the goal is the queue's own."""
    found = plan("--from", "2026-03-02", "--to", "2026-03-02", "--queue", "sales", var=folder)
    assert {row["day"] for row in found["rows"]} == {"Monday"}
    assert found["rows"][0]["interval"] == "09:00"
    assert sum(row["calls"] for row in found["rows"]) > 80
    assert found["goal"]["level"] == 0.8
    assert found["patience_s"] == pytest.approx(PATIENCE_S, rel=0.3)
    everything = plan("--from", "2026-03-02", "--to", "2026-03-02", var=folder)
    assert sum(r["calls"] for r in everything["rows"]) > sum(r["calls"] for r in found["rows"])
    endless = plan("--from", "2026-03-02", "--to", "2026-03-02", "--patience-s", "0", var=folder)
    assert endless["patience_s"] is None
    week = plan("--from", "2026-02-24", "--to", "2026-03-02T10:00", var=folder)
    assert sum(r["calls"] for r in week["rows"]) < sum(r["calls"] for r in everything["rows"])


def test_pictures_are_written(folder: Path, tmp_path: Path) -> None:
    """One file of its own each: the day's intervals, or the level by number of agents."""
    day, one = tmp_path / "day.svg", tmp_path / "one.svg"
    past = ("--from", "2026-03-02", "--to", "2026-03-02", "--shrinkage", "25")
    assert staff(*past, "--picture", str(day), var=folder).exit_code == 0
    assert staff(*ONE, "--picture", str(one)).exit_code == 0
    for file, words in ((day, ("agents", "calls", "Monday")), (one, ("needed", "ASA, s", "14"))):
        texts = [node.text for node in ET.fromstring(file.read_text("utf-8")).iter()]
        assert set(words) <= set(texts)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Give --calls and --handle-time-s"),
        (("--calls", "100"), "Give --calls and --handle-time-s"),
        ((*ONE, "--from", "2026-03-02"), "not several"),
        ((*ONE, "--target", "80"), "write it like 80/20"),
        ((*ONE, "--target", "120/20"), "between 0 and 1"),
        ((*ONE, "--max-abandon", "0"), "in percent"),
        ((*ONE, "--shrinkage", "100"), "below 100 %"),
        ((*ONE, "--interval", "20"), "15 or 30"),
        (("--calls", "-1", "--handle-time-s", "180"), "cannot be negative"),
        (("--calls", "1e9", "--handle-time-s", "180"), "more than 100000 agents"),
        (("--forecast", "nowhere.csv"), "nowhere.csv: No such file"),
        (("--to", "2026-03-02"), "Give --from too"),
        (("--from", "2026-03-02", "--queue", "nosuch"), "no queue “nosuch”"),
        (("--from", "2026-03-02"), "There is no database"),
        ((*ONE, "--picture", "nowhere/x.svg"), "nowhere/x.svg: No such file"),
    ],
)
def test_what_cannot_be_planned_is_refused(words: tuple[str, ...], says: str) -> None:
    """A clear word, exit code 2, and no trace."""
    run = staff(*words)
    assert (run.exit_code, says in run.output) == (2, True), run.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("09:00,many\n10:00,3\n", "day.csv:1: the calls “many” is no number"),
        ("09:00,3\n10:00\n", "day.csv:2: no calls"),
        ("09:00,3\n10:00,nan,5\n", "cannot be negative"),
        ("", "has no intervals"),
        ("09:00,3\n", "no handle time"),
    ],
)
def test_a_forecast_with_a_mistake_is_refused_with_its_line(
    tmp_path: Path, text: str, says: str
) -> None:
    """Half a plan would be taken for a whole one."""
    file = tmp_path / "day.csv"
    file.write_text(text, "utf-8")
    handle = () if says == "no handle time" else ("--handle-time-s", "60")
    run = staff("--forecast", str(file), *handle)
    assert (run.exit_code, says in run.output) == (2, True), run.output


def test_a_past_without_calls_is_refused(folder: Path) -> None:
    """Nothing to reckon from is said, not planned as nobody."""
    run = staff("--from", "2020-01-01", "--to", "2020-01-02", var=folder)
    assert (run.exit_code, "No calls are saved" in run.output) == (2, True)
