"""A hundred thousand calls in one run: everything that a call needed is given back after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = 100_000
PROJECT = Path(__file__).parents[2]

# In a process of its own, whose memory nobody else uses. Prints (calls so far, MB) now and then.
_PROGRAM = """
import json, pathlib, sys
from callcenter.simulate import Params, Simulation

def resident_mb():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024

run = Simulation(Params(calls=int(sys.argv[1]), patience_s=300.0, wrap_up_s=10.0))
seen = []
result = run.run(progress=lambda calls: seen.append((calls, resident_mb())))
left = len(run.switch.live) + len(run.routing._lines) + len(run.time._heap)
print(json.dumps({"seen": seen, "offered": result.offered, "left": left,
                  "over": result.answered + result.abandoned}))
"""


@pytest.mark.slow
def test_a_hundred_thousand_calls_leave_nothing_behind() -> None:
    """Memory is flat from the first thousands on, and each call has come to its end."""
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(CALLS)],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        timeout=300,
    )
    result = json.loads(ran.stdout)
    assert result["offered"] == result["over"] == CALLS
    assert result["left"] == 0
    early_mb = next(mb for calls, mb in result["seen"] if calls >= CALLS / 10)
    most_mb = max(mb for _, mb in result["seen"])
    assert most_mb < early_mb + 5, (early_mb, most_mb)
