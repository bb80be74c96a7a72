"""Queueing theory for checking the simulation and for planning: Erlang C and Erlang A.

Poisson arrivals at rate lambda, exponential handling with mean `handle_s`, `agents` servers,
first come first served. Rates are per second, times in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """What theory says. `service_levels` has the keys of `reporting.figures.SERVICE_LEVELS`."""

    probability_of_wait: float
    mean_wait_s: float
    mean_wait_answered_s: float
    abandon_rate: float
    occupancy: float
    service_levels: dict[str, float]


def blocking(agents: int, load: float) -> float:
    """Erlang B by its recurrence: the share of calls that find all agents busy and leave."""
    b = 1.0
    for i in range(1, agents + 1):
        b = load * b / (i + load * b)
    return b


def erlang_c(arrivals_per_s: float, handle_s: float, agents: int, threshold_s: float) -> Expected:
    """Endless patience. ValueError when the agents cannot keep up (load >= agents)."""
    load = arrivals_per_s * handle_s
    if load >= agents:
        raise ValueError(f"{agents} agents cannot carry a load of {load:.3f} erlang")
    rho = load / agents
    b = blocking(agents, load)
    wait = b / (1.0 - rho * (1.0 - b))
    asa = wait * handle_s / (agents - load)
    level = 1.0 - wait * math.exp(-(agents - load) * threshold_s / handle_s)
    levels = dict.fromkeys(("standard", "negative", "ignored", "positive", "handled_only"), level)
    return Expected(wait, asa, asa, 0.0, rho, levels)


def erlang_a(
    arrivals_per_s: float,
    handle_s: float,
    agents: int,
    patience_s: float,
    threshold_s: float,
    short_s: float = 5.0,
) -> Expected:
    """M/M/n+M: waiting callers give up after an exponential time with mean `patience_s`.

    Stationary states by pi_k ~ prod lambda / (min(k, n) mu + (k - n)+ theta); the distribution
    of the wait by conditioning on the number found in the line.
    """
    lam, mu, theta, n = arrivals_per_s, 1.0 / handle_s, 1.0 / patience_s, agents
    pi = _states(lam, mu, theta, n)
    queue = sum((k - n) * p for k, p in enumerate(pi) if k > n)
    busy = sum(min(k, n) * p for k, p in enumerate(pi))
    wait = sum(pi[n:])
    abandon = theta * queue / lam
    within, short = (_left_by(pi, n, mu, theta, t) for t in (threshold_s, short_s))
    h_t = 1.0 - wait + within[0]
    answered = 1.0 - abandon
    # E[wait of the answered] = E[W] - E[W of those who gave up], by the survival functions
    mean_wait = abandon / theta
    mean_answered = _mean_wait_answered(pi, n, mu, theta) / answered
    levels = {
        "standard": h_t / (1.0 - short[1]),
        "negative": h_t,
        "ignored": h_t / (1.0 - within[1]),
        "positive": h_t + within[1],
        "handled_only": h_t / answered,
    }
    return Expected(wait, mean_wait, mean_answered, abandon, busy / n, levels)


def _states(lam: float, mu: float, theta: float, n: int) -> list[float]:
    logs = [0.0]
    k = 0
    peak = 0.0
    while k < n or logs[-1] > peak - 60.0:
        k += 1
        logs.append(logs[-1] + math.log(lam / (min(k, n) * mu + max(k - n, 0) * theta)))
        peak = max(peak, logs[-1])
    weights = [math.exp(value - peak) for value in logs]
    total = sum(weights)
    return [weight / total for weight in weights]


def _left_by(pi: list[float], n: int, mu: float, theta: float, t: float) -> tuple[float, float]:
    """Of all callers: those who waited and were answered by `t`, and those who gave up by `t`.

    A caller who finds j in the line moves up at rate n mu + i theta with i ahead, and gives
    up at rate theta. Forward equations of that chain, all starting positions at once, solved
    by uniformisation.
    """
    depth = len(pi) - n
    state = [pi[n + j] for j in range(depth)]  # j callers ahead in the line
    rates = [n * mu + j * theta for j in range(depth)]
    top = rates[-1] + theta
    answered = gave_up = 0.0
    # chain of jumps at rate `top`; after m jumps the state is `state`; weights are Poisson
    mean = top * t
    log_weight, m, cumulative = -mean, 0, 0.0
    done_answered = done_gave_up = 0.0
    while cumulative < 1.0 - 1e-12 and m < mean + 40.0 * math.sqrt(mean) + 100:
        weight = math.exp(log_weight)
        cumulative += weight
        answered += weight * done_answered
        gave_up += weight * done_gave_up
        following = [0.0] * depth
        for j in range(depth):
            mass = state[j]
            if mass == 0.0:
                continue
            done_gave_up += mass * theta / top
            forward = mass * rates[j] / top
            if j == 0:
                done_answered += forward
            else:
                following[j - 1] += forward
            following[j] += mass * (1.0 - (rates[j] + theta) / top)
        state = following
        m += 1
        log_weight += math.log(mean / m) if mean > 0 else -math.inf
    return answered, gave_up


def _mean_wait_answered(pi: list[float], n: int, mu: float, theta: float) -> float:
    """E[wait; answered], over all callers: for each j ahead, the mean time to the head and out,
    on the event that the caller does not give up first."""
    total = 0.0
    reach = 1.0  # probability of being answered with j ahead
    time = 0.0  # E[wait; answered] with j ahead
    for j in range(len(pi) - n):
        rate = n * mu + j * theta
        leave = rate + theta
        step = rate / leave
        time = step * (time + reach / leave)
        reach = step * reach
        total += pi[n + j] * time
    return total
