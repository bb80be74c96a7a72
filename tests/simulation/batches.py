"""Intervals of a simulation's figures by batch means.

A run drops its first calls (the house is empty then) and cuts the rest into batches of equal
size, long against the time in which the line forgets, so that batch means are nearly
independent. A figure passes when theory lies within the Student interval of the batch means.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

BATCHES = 20
STUDENT = 3.883
"""19 degrees of freedom, 99.9 % two-sided: ten figures together hold with 99 % or more."""

Miss = tuple[float, float, float]  # theory, mean, half-width


def misses(found: Mapping[str, Sequence[float]], theory: Mapping[str, float]) -> dict[str, Miss]:
    """The figures whose interval leaves theory out. `found` has a value per batch and name."""
    wrong = {}
    for name, values in found.items():
        assert len(values) == BATCHES, name
        mean = statistics.fmean(values)
        half = STUDENT * statistics.stdev(values) / math.sqrt(len(values))
        if abs(mean - theory[name]) > half + 1e-12:
            wrong[name] = (theory[name], mean, half)
    return wrong
