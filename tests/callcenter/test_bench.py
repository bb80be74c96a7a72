"""The comparison with app_queue: its figures, its stop-watches, and that it cleans up."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from rich.console import Console

from callcenter.bench import show_queue, show_waiting
from callcenter.benching import company
from callcenter.benching.consoles import EngineClock
from callcenter.benching.measure import CpuWatch, quantiles
from callcenter.benching.queue import PREFIX, Plan, _median, bench_queue
from callcenter.benching.sipp import SippFailed, SippProgram, obtain_sipp
from callcenter.benching.waiting import bench_waiting
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Layout
from cti.asterisk.server import find_process


@pytest.fixture(scope="module")
def sipp() -> SippProgram:
    """The machine's SIPp, fetched into the cache the first time."""
    try:
        return asyncio.run(obtain_sipp())
    except SippFailed as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no SIPp: {error}")


def left_behind() -> list[Path]:
    """Folders of runs that this process or its children made."""
    return list(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


@pytest.mark.asterisk
@pytest.mark.slow
async def test_a_tiny_comparison_gives_every_figure(
    asterisk_install: AsteriskInstall, sipp: SippProgram
) -> None:
    """What `make bench` prints and keeps must be there and make sense, and no call may fail."""
    before = set(left_behind())
    plan = Plan(calls=8, rate=8, hold_s=1.5, idle_s=0.5, warm_up=2)
    result = await bench_queue(plan)
    assert json.loads(json.dumps(result)) == result
    assert result["failed"] == {"app_queue": 0, "callcenter": 0, "dial_floor": 0}
    assert result["failed_calls"] == 0
    cpu = result["cpu_ms_per_call"]
    assert list(cpu) == ["app_queue", "asterisk", "callcenter", "sum", "dial_floor"]
    # Eight calls cost a few clock ticks; less the idle time some may come out as nothing.
    assert all(isinstance(value, float | int) for value in cpu.values())
    assert max(cpu.values()) > 0
    assert cpu["sum"] == pytest.approx(cpu["asterisk"] + cpu["callcenter"], abs=0.02)
    for name in ("wait_to_ring_ms", "app_queue_wait_to_ring_ms", "offer_to_record_ms"):
        assert 0 < result[name]["p50"] <= result[name]["p99"] <= result[name]["max"] < 5000
    assert result["records_shown"] == plan.calls
    assert result["versions"]["asterisk"] == asterisk_install.version
    assert result["versions"]["sipp"] == sipp.version
    assert set(left_behind()) <= before
    console = Console(record=True, width=100, file=io.StringIO())
    show_queue(result, console)
    assert "app_queue" in console.export_text()


@pytest.mark.asterisk
@pytest.mark.slow
async def test_a_small_line_gives_every_figure(
    asterisk_install: AsteriskInstall, sipp: SippProgram
) -> None:
    """Everybody must have waited and then talked, in each contender, and nothing is left behind."""
    before = set(left_behind())
    result = await bench_waiting((3,), watch_s=1.0)  # raises when a caller was not connected
    assert json.loads(json.dumps(result)) == result
    (row,) = result["sizes"]
    assert (row["callers"], row["agents"]) == (3, 3)
    for name in ("music", "app_queue", "asterisk", "callcenter"):
        assert set(row[name]) == {"waiting_ms_per_s", "connected_ms_per_call"}
        assert min(row[name].values()) >= 0
    assert row["callcenter"]["connected_ms_per_call"] > 0
    assert set(left_behind()) <= before
    console = Console(record=True, width=100, file=io.StringIO())
    show_waiting(result, console)
    assert "music alone" in console.export_text()


@pytest.mark.asterisk
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(
    how: signal.Signals, asterisk_install: AsteriskInstall, sipp: SippProgram
) -> None:
    """Ctrl-C in the middle of a load must end Asterisk, callers and phones, and clear the files."""
    before = set(left_behind())
    run = subprocess.Popen(
        [sys.executable, "-m", "callcenter", "bench", "queue", "--calls", "200", "--rate", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As from a terminal: a test run in the background hands on that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        made = _wait_for_calls(run, before)
        asterisk = find_process(Layout(made / "asterisk"))
        assert asterisk is not None
        run.send_signal(how)
        said, _ = run.communicate(timeout=30)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 130, said
    assert not made.exists()
    assert not Path(f"/proc/{asterisk}").exists()
    assert [line for line in _commands() if str(made) in line] == []


def _wait_for_calls(run: subprocess.Popen[str], before: set[Path]) -> Path:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert run.poll() is None, run.communicate()[0]
        for folder in set(left_behind()) - before:
            calls = (folder / "sipp" / "caller1.stat").exists()
            if calls and (folder / "owner").read_text() == str(run.pid):
                return folder
        time.sleep(0.1)
    raise AssertionError("no call was placed within a minute")


def _commands() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("values", "p50", "p99"),
    [([], None, None), ([0.002], 2.0, 2.0), ([n / 1000 for n in range(100, 0, -1)], 50.0, 99.0)],
)
def test_quantiles_are_of_the_nearest_rank(
    values: list[float], p50: float | None, p99: float | None
) -> None:
    """A p99 that interpolates or is off by one would flatter or shame whoever is measured."""
    found = quantiles(values)
    assert (found["p50"], found["p99"]) == (p50, p99)


def test_the_engines_clock_is_found_between_the_bounds_of_all_pings() -> None:
    """Records are timed across two processes: the offset must be surer than one trip is long."""
    clock = EngineClock()
    offset = 1_000_000.0
    for sent, there, back in ((10.0, 0.004, 0.001), (11.0, 0.001, 0.005)):
        clock.learn(sent, sent + there + offset, sent + there + back)
    assert clock.offset == pytest.approx(offset, abs=clock.error_s)
    assert clock.error_s <= 0.001 + 1e-9


async def test_cpu_is_counted_without_what_is_spent_idle() -> None:
    """The baseline must be taken off, or a busy idle process would seem to cost calls."""
    watch = CpuWatch(us=os.getpid())
    await watch.idle(0.05)
    watch.start()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    spent = watch.stop()["us"]
    assert spent.total_s >= 0.18
    assert spent.load_s == pytest.approx(spent.total_s - spent.idle_s)


def test_medians_are_of_each_figure_and_failures_add_up() -> None:
    """One lucky run must not hide a failed call of another."""
    runs = [
        {"cpu": {"sum": x}, "failed": {"us": f}, "failed_calls": f, "none": {"p50": None}}
        for x, f in ((3.0, 0), (9.0, 2), (4.0, 0))
    ]
    assert _median(runs) == {
        "cpu": {"sum": 4.0},
        "failed": {"us": 2},
        "failed_calls": 2,
        "none": {"p50": None},
    }


def test_the_site_that_is_measured_is_sound_and_large_enough(tmp_path: Path) -> None:
    """Callers must find a free agent at once, at any rate, or waiting would be measured."""
    plan = Plan(calls=100, rate=10.0, hold_s=2.0)
    site = company.write_site(tmp_path / "site", plan.agents)
    assert site.warnings == ()
    assert len(site.agents) == plan.agents > plan.rate * plan.hold_s
    numbers = {company.floor_number(n, plan.agents) for n in range(plan.calls)}
    assert numbers == {f"9{agent[1:]}" for agent in site.agents}
