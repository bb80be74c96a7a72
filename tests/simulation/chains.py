"""Queues whose figures can be computed exactly: by a formula, or as a Markov chain, solved.

Poisson arrivals, exponential handling with mean `handle_s`; rates are per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from reporting.erlang import erlang_c

State = tuple[int, ...]


def priority_waits(rates: Sequence[float], handle_s: float, agents: int) -> list[float]:
    """Mean wait in seconds of each class, the first served first, nobody interrupted.

    A. Cobham, "Priority Assignment in Waiting Line Problems", Operations Research 2 (1954), for
    several servers; O. Kella and U. Yechiali, "Waits in the M/M/c nonpreemptive priority queue",
    Naval Research Logistics 32 (1985): W_k = W_0 / ((1 - s_(k-1)) (1 - s_k)), where s_k is the load
    of the first k classes per agent and W_0 = P(wait) handle_s / agents.
    """
    residual = erlang_c(sum(rates), handle_s, agents, 0.0).probability_of_wait * handle_s / agents
    waits, before = [], 0.0
    for k in range(len(rates)):
        up_to = sum(rates[: k + 1]) * handle_s / agents
        waits.append(residual / ((1.0 - before) * (1.0 - up_to)))
        before = up_to
    return waits


def stationary(
    start: State, moves: Callable[[State], Iterable[tuple[State, float]]]
) -> dict[State, float]:
    """The share of time in each state of a finite chain; `moves` gives (next state, rate)."""
    number = {start: 0}
    found = [start]
    rows: list[tuple[int, int, float]] = []
    for state in found:  # grows while it is read
        for to, rate in moves(state):
            if rate > 0.0 and to not in number:
                number[to] = len(found)
                found.append(to)
            if rate > 0.0:
                rows.append((number[state], number[to], rate))
    balance = np.zeros((len(found), len(found)))
    for here, there, rate in rows:
        balance[there, here] += rate
        balance[here, here] -= rate
    balance[-1, :] = 1.0  # in place of an equation that the others imply
    right = np.zeros(len(found))
    right[-1] = 1.0
    return dict(zip(found, np.linalg.solve(balance, right).tolist(), strict=True))
