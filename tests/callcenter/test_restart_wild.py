"""Random floors with every verb on which our process dies again and again."""

from __future__ import annotations

from typing import Any

import pytest

from cti.calls import LegState, Place
from cti.virtual.callers import Customer
from cti.virtual.phones import careless
from reporting.figures import check_books

LIVES = 4
CONVERSATION = (Place.TALKING, Place.HELD, Place.CONSULTING, Place.CONFERENCE)


def _agree(center: Any) -> None:
    """What the engine and the consoles think, against the switch."""
    for call in center.switch.live:
        place, agent, _ = center.switch.look(call)
        if place not in CONVERSATION or not agent:
            continue
        visit = center.router.engine.visit(call)
        dialling = visit is not None and visit.place in ("dialling", "offered")
        if dialling:
            continue
        assert visit is not None, (call, place, agent)
        assert (visit.place, visit.agent) == ("connected", agent), (visit, place)
        legs = {leg.leg_id: leg for leg in center.switch.legs(call)}
        live = center.router.book.get(call)
        assert live.agent == agent
        assert live.legs == legs
        ours = {leg_id for leg_id, leg in legs.items() if leg.agent_id}
        assert set(center.router.engine.legs(call)) == ours
        rings = any(leg.state is LegState.RINGING for leg in legs.values())
        state = center.state(agent)
        assert state == place.value or (place is Place.CONSULTING and rings), (state, place, legs)


@pytest.mark.parametrize("seed", range(10))
async def test_every_call_survives_every_death(opened: Any, wild_dice: Any, seed: int) -> None:
    """Consultations, conferences, transfers half done: after each life all agree, and all ends."""
    center = await opened(
        phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05),
        customers=lambda number: Customer("answer", 3.0, 40.0),
    )
    await center.staff("anna", "dana", "ben", "emeka")
    dice = wild_dice(seed)
    for _ in range(LIVES):
        await dice.happen(center, 12)
        center.die()
        await center.run(dice.choice((0.0, 1.0, 20.0)))
        center = await opened(after=center)
        await center.run(2.0)
        _agree(center)
    await center.drain()
    assert center.router.engine.visits() == []
    assert not [record for record in center.fold.calls.values() if record.ended is None]
    for tally in center.fold.intervals.tallies.values():
        assert check_books(tally) == 0
