"""What each party of a call sees of it, and who may see whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent_console.live import EVERYONE, SUPERVISOR, agent_room


async def talking(center: Any, *others: str) -> str:
    """Anna talks with a caller; the others are ready."""
    await center.staff("anna")
    call: str = center.call(talk_s=6000.0, patience_s=6000.0)
    await center.until(lambda: center.state("anna") == "talking")
    await center.staff(*others)
    return call


def card(center: Any, agent: str) -> dict[str, Any]:
    center.board.publish()
    found: dict[str, Any] = center.store.get(agent_room(agent), "desk")["call"]
    return found


async def test_a_consulted_agent_sees_whose_call_it_is_until_it_is_the_own(opened: Any) -> None:
    """Part, place, buttons and reason follow from the ringing to the hand-over."""
    center = await opened()
    call = await talking(center, "ben")
    leg = await center.floor.consult("anna", call, "agent", "ben")
    await center.until(lambda: center.state("ben") in ("reserved", "talking"))
    await center.until(lambda: center.state("ben") == "talking")
    mine, theirs = card(center, "anna"), card(center, "ben")
    assert (mine["part"], mine["place"], mine["leg_id"]) == ("own", "consulting", "")
    assert [(one["id"], one["agent"], one["state"]) for one in mine["legs"]] == [
        (leg, "ben", "talking")
    ]
    assert mine["legs"][0]["name"] == "Ben Okafor"
    assert mine["legs"][0]["since"] > 0
    assert (theirs["part"], theirs["leg_id"], theirs["whose"]) == ("party", leg, "Anna Kowalska")
    assert theirs["why"]["text"]["en"] == "Anna Kowalska asks you about this caller."
    assert center.store.get(SUPERVISOR, "agent:anna")["legs"] == mine["legs"]
    assert center.store.get(SUPERVISOR, "agent:ben")["place"] == ""

    await center.floor.complete("anna", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    mine, theirs = card(center, "anna"), card(center, "ben")
    assert (mine["place"], mine["legs"]) == ("ended", [])
    assert (theirs["part"], theirs["place"], theirs["legs"]) == ("own", "talking", [])


@pytest.mark.parametrize("visible", [True, False])
async def test_agents_see_who_listens_as_the_site_says(opened: Any, visible: bool) -> None:
    """Supervisors always see it; agents unless the site hides it; who barges in is no secret."""
    center = await opened()
    center.site = replace(center.site, supervision_visible=visible)
    call = await talking(center, "ben")
    await center.floor.supervise("ben", call, "listen")
    await center.until(lambda: center.state("ben") == "talking")

    def seen() -> list[str]:
        return [leg["supervision"] for leg in card(center, "anna")["legs"]]

    assert seen() == (["listen"] if visible else [])
    assert card(center, "ben")["part"] == "supervisor"
    assert [leg["supervision"] for leg in card(center, "ben")["legs"]] == ["listen"]
    shown = center.store.get(SUPERVISOR, "agent:anna")["legs"]
    assert [(leg["agent"], leg["supervision"]) for leg in shown] == [("ben", "listen")]
    await center.floor.supervise("ben", call, "whisper")
    await center.run(0.5)
    assert seen() == (["whisper"] if visible else [])
    await center.floor.supervise("ben", call, "barge")
    await center.run(0.5)
    assert seen() == ["barge"]


async def test_a_parked_caller_is_shown_to_those_who_may_pick(opened: Any) -> None:
    """Agents of the queue see the caller and till when; nobody else; and nothing stays."""
    center = await opened()
    call = await talking(center)
    center.router.book.get(call).customer_name = "Grace Chen"
    queue = center.router.book.get(call).queue
    await center.floor.park("anna", call)
    await center.until(lambda: center.router.engine.visit(call).place == "parked")
    center.board.publish()
    for agent in center.site.agents.values():
        parked = center.store.get(agent_room(agent.id), f"parked:{call}")
        if queue in agent.queues:
            assert (parked["caller_name"], parked["queue"]) == ("Grace Chen", queue)
            assert parked["until"] > parked["since"]
        else:
            assert parked is None
    row = center.store.get(SUPERVISOR, f"waiting:{call}")
    assert row["parked"] is True
    await center.staff("dana")
    await center.floor.pick("dana", call)
    await center.until(lambda: center.state("dana") == "talking")
    assert card(center, "dana")["why"]["code"] == "picked"
    assert center.store.get(SUPERVISOR, f"waiting:{call}") is None
    for agent in center.site.agents:
        assert center.store.get(agent_room(agent), f"parked:{call}") is None


async def test_a_parked_caller_who_nobody_picks_is_in_the_line_again(opened: Any) -> None:
    """The same row, then with a place in the line."""
    center = await opened()
    call = await talking(center)
    await center.floor.not_ready("anna", "lunch")
    await center.floor.park("anna", call)
    await center.until(lambda: center.router.engine.visit(call).place == "parked")
    await center.run(130.0)
    center.board.publish()
    row = center.store.get(SUPERVISOR, f"waiting:{call}")
    assert (row["parked"], row["position"]) == (False, 1)
    assert center.store.get(agent_room("anna"), f"parked:{call}") is None


async def test_recording_and_mute_are_shown_to_the_agent_and_the_floor(opened: Any) -> None:
    """What the switch said, not what was asked for."""
    center = await opened()
    call = await talking(center)
    shown = []
    for action in ("start", "pause", "resume", "stop"):
        await center.floor.record("anna", call, action)
        await center.run(0.5)
        shown.append(card(center, "anna")["recording"])
        assert center.store.get(SUPERVISOR, "agent:anna")["recording"] == shown[-1]
    assert shown == ["on", "paused", "on", ""]
    for calls in ("never", "always", "on demand"):
        rule = replace(center.site.recording, calls=calls)
        queues = {q.id: replace(q, recording=rule) for q in center.site.queues.values()}
        center.site = replace(center.site, queues=queues)
        center.board.touch_call(call)
        assert card(center, "anna")["recorded"] == calls
    await center.floor.mute("anna", call, True)
    await center.run(0.5)
    assert card(center, "anna")["muted"] is True
    assert center.store.get(SUPERVISOR, "agent:anna")["muted"] is True


async def test_colleagues_are_known_to_everybody_with_the_state_of_now(opened: Any) -> None:
    """To whom a call can be given is at most a second old."""
    center = await opened()
    await center.staff("ben")
    center.board.publish()
    ben = {"id": "ben", "name": "Ben Okafor", "state": "ready"}
    assert center.store.get(EVERYONE, "colleague:ben") == {
        **ben,
        "queues": list(center.site.agents["ben"].queues),
    }
    await center.floor.not_ready("ben", "lunch")
    center.board.publish()
    assert center.store.get(EVERYONE, "colleague:ben")["state"] == "not ready"
