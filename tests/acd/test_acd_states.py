"""The agent-state table and the diagram drawn from it."""

from __future__ import annotations

from typing import get_args

import pytest

from acd.diagram import mermaid
from acd.states import TABLE, WITH_CALLER, Event, State

STATES = get_args(State)
EVENTS = get_args(Event)

ROWS = """
    offline   signed-in     not ready
    offline   found-talking talking
    not ready ready         ready
    not ready not-ready     not ready
    not ready phone-failed  fault
    not ready signed-out    offline
    not ready offered       reserved
    not ready found-talking talking
    ready     not-ready     not ready
    ready     no-answer     not ready
    ready     console-lost  not ready
    ready     phone-failed  fault
    ready     offered       reserved
    ready     free          ready
    ready     signed-out    offline
    ready     found-talking talking
    reserved  answered      talking
    reserved  declined      not ready
    reserved  no-answer     not ready
    reserved  unreachable   fault
    reserved  free          ready
    reserved  not-ready     not ready
    reserved  console-lost  not ready
    reserved  phone-failed  fault
    reserved  signed-out    offline
    reserved  found-talking talking
    talking   held          held
    talking   consulting    consulting
    talking   conference    conference
    talking   ended         wrap-up
    held      retrieved     talking
    held      consulting    consulting
    held      conference    conference
    held      ended         wrap-up
    consulting retrieved     talking
    consulting consult-ended held
    consulting conference    conference
    consulting ended         wrap-up
    conference held          held
    conference consulting    consulting
    conference retrieved     talking
    conference ended         wrap-up
    wrap-up   free          ready
    wrap-up   not-ready     not ready
    wrap-up   console-lost  not ready
    wrap-up   phone-failed  fault
    wrap-up   signed-out    offline
    wrap-up   found-talking talking
    fault     ready         ready
    fault     free          ready
    fault     not-ready     not ready
    fault     console-lost  not ready
    fault     signed-out    offline
    fault     found-talking talking
"""


def test_table_is_the_agreed_one() -> None:
    """A transition is added or taken away on purpose, here too, or not at all."""
    written = sorted(" ".join(line.split()) for line in ROWS.split("\n") if line.strip())
    table = sorted(
        f"{state} {event} {target}" for state, row in TABLE.items() for event, target in row.items()
    )
    assert written == table


def test_every_state_and_event_is_used() -> None:
    """A state nobody can enter or leave, or an event that leads nowhere, is a mistake."""
    assert set(TABLE) == set(STATES)
    assert {target for row in TABLE.values() for target in row.values()} == set(STATES)
    assert {event for row in TABLE.values() for event in row} == set(EVENTS)


def test_a_call_is_left_only_through_wrap_up() -> None:
    """No event of a person may cut the books of a connected call short."""
    for state in WITH_CALLER:
        assert set(TABLE[state].values()) == {*WITH_CALLER, "wrap-up"} - {state}


def test_table_cannot_be_changed() -> None:
    """One engine must not bend the table for all the others."""
    with pytest.raises(TypeError):
        TABLE["ready"]["offered"] = "talking"  # type: ignore[index]


def test_diagram_draws_every_transition() -> None:
    """The documentation shows the table, whole and with nothing added."""
    text = mermaid()
    assert text.startswith("stateDiagram-v2\n")
    assert text.endswith("\n")
    drawn = set()
    for line in text.splitlines():
        if "-->" in line and ":" in line:
            ends, _, events = line.strip().partition(": ")
            source, target = ends.split(" --> ")
            drawn |= {(source, event, target) for event in events.split(", ")}
    name = {state: state.replace(" ", "_").replace("-", "_") for state in STATES}
    assert drawn == {
        (name[state], event, name[target])
        for state, row in TABLE.items()
        for event, target in row.items()
    }
    assert all(f'state "{state}" as {name[state]}' in text for state in STATES)
