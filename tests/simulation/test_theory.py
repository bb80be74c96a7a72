"""The real engine on the virtual switch against Erlang C and Erlang A."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from typer.testing import CliRunner

from acd import decisions as d
from callcenter.simulate import Params, Simulation, run_simulation
from reporting.erlang import Expected, erlang_a, erlang_c
from reporting.figures import SERVICE_LEVELS, Tally, occupancy, service_level
from tests.simulation.batches import BATCHES, misses

WARM_UP = 600


@dataclass
class Batches:
    """One figure per batch and name."""

    simulation: Simulation
    size: int
    figures: dict[str, list[float]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    busy_s: float = 0.0
    ready_s: float = 0.0

    def left(self, notice: d.CallLeft) -> None:
        params = self.simulation.params
        tally = self.tally
        tally.offered += 1
        tally.leave(notice.outcome, notice.waited_s, threshold_s=params.threshold_s)
        if tally.offered == self.size:
            self.close()

    def close(self) -> None:
        counter, tally = self.simulation.counter, self.tally
        counter.elapse(self.simulation.time.now())
        busy, ready = counter.busy_s - self.busy_s, counter.ready_s - self.ready_s
        self.busy_s, self.ready_s = counter.busy_s, counter.ready_s
        values = {
            "probability_of_wait": tally.waited / tally.offered,
            "mean_wait_s": tally.wait_s / tally.offered,
            "mean_wait_answered_s": tally.answered_wait_s / tally.answered,
            "abandon_rate": tally.abandoned / tally.offered,
            "occupancy": occupancy(busy, ready),
            **{kind: service_level(tally, kind) for kind in SERVICE_LEVELS},
        }
        for name, value in values.items():
            assert value is not None
            self.figures.setdefault(name, []).append(value)
        self.tally = Tally()


def batches_of(params: Params) -> Batches:
    params = replace(params, warm_up_calls=WARM_UP)
    simulation = Simulation(params)
    batches = Batches(simulation, params.calls // BATCHES)
    simulation.counter.on_left = batches.left
    simulation.run()
    return batches


def theory_of(params: Params) -> dict[str, float]:
    rate, handle = params.arrivals_per_hour / 3600.0, params.handle_time_s
    theory: Expected
    if params.patience_s is None:
        theory = erlang_c(rate, handle, params.agents, params.threshold_s)
    else:
        theory = erlang_a(rate, handle, params.agents, params.patience_s, params.threshold_s)
    return {
        "probability_of_wait": theory.probability_of_wait,
        "mean_wait_s": theory.mean_wait_s,
        "mean_wait_answered_s": theory.mean_wait_answered_s,
        "abandon_rate": theory.abandon_rate,
        "occupancy": theory.occupancy,
        **theory.service_levels,
    }


@pytest.mark.parametrize(
    "params",
    [
        # Erlang C, from one agent to a hundred, from idle to 95 % busy
        Params(200, 180, 12, 30_000, 20, seed=1),
        Params(200, 180, 13, 15_000, 20, seed=2),
        Params(200, 180, 11, 40_000, 20, seed=31),
        Params(14, 180, 1, 15_000, 60, seed=3),
        Params(90, 300, 10, 15_000, 10, seed=4),
        Params(36, 150, 2, 15_000, 30, seed=33),
        Params(100, 120, 5, 10_000, 15, seed=34),
        Params(600, 90, 18, 15_000, 10, seed=35),
        Params(400, 240, 30, 15_000, 20, seed=36),
        Params(1500, 200, 88, 20_000, 5, seed=37),
        # Erlang A, also with more callers than agents could ever serve
        Params(200, 180, 10, 10_000, 20, seed=5, patience_s=60),
        Params(400, 180, 15, 10_000, 20, seed=6, patience_s=45),
        Params(1200, 90, 28, 10_000, 15, seed=7, patience_s=120),
        Params(30, 200, 1, 10_000, 30, seed=41, patience_s=90),
        Params(60, 240, 3, 10_000, 20, seed=42, patience_s=400),
        Params(150, 120, 5, 10_000, 10, seed=43, patience_s=20),
        Params(200, 180, 12, 10_000, 20, seed=44, patience_s=600),
        Params(300, 60, 4, 10_000, 15, seed=45, patience_s=30),
        Params(900, 150, 45, 10_000, 20, seed=46, patience_s=180),
        Params(2000, 180, 90, 10_000, 20, seed=47, patience_s=75),
    ],
    ids=lambda p: f"{p.arrivals_per_hour}x{p.handle_time_s}s-{p.agents}-{p.patience_s}",
)
def test_the_engine_reproduces_theory(params: Params) -> None:
    """If routing, clocks or counts were wrong anywhere, these figures could not all agree."""
    found = batches_of(params)
    assert misses(found.figures, theory_of(params)) == {}


def test_one_agent_more_would_be_noticed() -> None:
    """A test whose intervals are wide enough for anything proves nothing."""
    params = Params(200, 180, 12, 20_000, 20, seed=8)
    found = batches_of(params)
    wrong = misses(found.figures, theory_of(replace(params, agents=13)))
    assert {"probability_of_wait", "mean_wait_s", "standard", "occupancy"} <= set(wrong)


def test_service_levels_by_another_name_would_be_noticed() -> None:
    """The five definitions must be told apart by the data, not only by their names."""
    params = Params(400, 180, 15, 20_000, 20, seed=9, patience_s=45)
    found, theory = batches_of(params), theory_of(params)
    for kind in SERVICE_LEVELS:
        others = [k for k in SERVICE_LEVELS if abs(theory[k] - theory[kind]) > 0.08]
        assert others
        for other in others:
            assert kind in misses(found.figures, {**theory, kind: theory[other]})


def test_every_call_is_in_the_result() -> None:
    """Counts must add up to what was asked for, with and without a warm-up."""
    result = run_simulation(Params(calls=700, agents=8, patience_s=30.0, seed=3))
    assert result.offered == 700 == result.answered + result.abandoned
    warm = run_simulation(Params(calls=700, agents=8, patience_s=30.0, seed=3, warm_up_calls=100))
    assert warm.offered == 700 == warm.answered + warm.abandoned


def test_wrap_up_keeps_agents_busy() -> None:
    """After-call work is work: handle time is talk plus wrap-up, and so is occupancy."""
    result = run_simulation(Params(120, 120, 8, 6000, wrap_up_s=60.0, seed=2))
    assert result.occupancy == pytest.approx(120 / 3600 * 180 / 8, rel=0.05)


def test_the_same_seed_gives_the_same_result() -> None:
    """A figure in a report must be repeatable by whoever doubts it."""

    def without_clock(seed: int) -> dict[str, object]:
        result = run_simulation(Params(calls=2000, seed=seed, patience_s=50.0, agents=9))
        return {
            name: getattr(result, name)
            for name in result.__slots__
            if name not in ("wall_s", "cpu_s", "calls_per_s", "calls_per_cpu_s")
        }

    assert without_clock(1) == without_clock(1)
    assert without_clock(1) != without_clock(2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"agents": 0},
        {"calls": 0},
        {"patience_s": 0.0},
        {"handle_time_s": 0.0},
        {"arrivals_per_hour": -1.0},
        {"wrap_up_s": -1.0},
    ],
)
def test_senseless_parameters_are_refused(wrong: dict[str, float]) -> None:
    """A simulation without agents would run for ever and tell nothing."""
    with pytest.raises(ValueError, match=r"must|cannot"):
        run_simulation(replace(Params(calls=10), **wrong))  # type: ignore[arg-type]


def test_the_command_prints_one_json_object() -> None:
    """Other programs read it."""
    import typer

    from callcenter.simulate import simulate

    app = typer.Typer()
    app.command()(simulate)
    asked = {"--arrivals-per-hour": 200, "--handle-time-s": 180, "--agents": 12, "--calls": 500}
    asked |= {"--threshold-s": 20, "--seed": 1, "--patience-s": 90}
    words = [str(word) for pair in asked.items() for word in pair]
    run = CliRunner().invoke(app, [*words, "--json"])
    assert run.exit_code == 0
    result = json.loads(run.stdout)
    assert {
        "offered",
        "answered",
        "abandoned",
        "abandon_rate",
        "mean_wait_s",
        "mean_wait_answered_s",
        "occupancy",
        "probability_of_wait",
        "seed",
        "wall_s",
    } <= set(result)
    assert set(result["service_level"]) == set(SERVICE_LEVELS)
    assert result["offered"] == 500
    people = CliRunner().invoke(app, ["--calls", "300"])
    assert people.exit_code == 0
    assert "probability of wait" in people.stdout
    assert CliRunner().invoke(app, ["--agents", "0"]).exit_code == 2


def test_the_simulation_is_fast_enough_to_be_used() -> None:
    """A year must be simulated over a coffee. CPU time: a busy machine does not matter."""
    result = run_simulation(Params(calls=20_000))
    assert result.calls_per_cpu_s >= 5_000
