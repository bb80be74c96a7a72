"""What a decision may cost, by CPU time, so that a busy machine does not matter."""

from __future__ import annotations

import time

from benchmarks.engine_cost import MOST_P99_US, MOST_RATIO, measure, memory


def test_a_decision_at_ten_thousand_agents_costs_little_more_than_at_ten() -> None:
    """Nothing on the usual path may look at all agents, callers or queues."""
    few = measure(10, 1, "full", 0.3, time.thread_time_ns)
    many = measure(10_000, 2_000, "full", 0.5, time.thread_time_ns)
    assert many["waiting"] > 8_000
    assert many["handle_us"]["p99"] < MOST_P99_US
    assert many["decision_us"] < few["decision_us"] * MOST_RATIO


def test_an_agent_and_a_waiting_call_take_little_memory() -> None:
    """A hundred thousand callers must fit into a small machine."""
    took = memory(1_000)
    assert 0 < took["agent_bytes"] < 5_000
    assert 0 < took["waiting_call_bytes"] < 2_000
