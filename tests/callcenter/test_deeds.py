"""What people do: acknowledged when it is written down, refused before anything has changed."""

from __future__ import annotations

from typing import Any

import pytest

from agent_console.ports import Refusal
from cti import events as e


async def _wrapping_up(center: Any) -> str:
    await center.staff("anna")
    call: str = center.call(talk_s=10.0)
    await center.until(lambda: center.state("anna") == "wrap-up")
    return call


async def test_after_the_wrap_up_nothing_is_written_and_nobody_made_ready(opened: Any) -> None:
    """The time ran out as the agent pressed Save: refused, so nothing at all was changed."""
    center = await opened()
    call = await _wrapping_up(center)
    center.time.time += 45.0  # our loop was late: the deadline has passed, the timer has not rung
    with pytest.raises(Refusal) as refused:
        await center.floor.wrap_up("anna", call, "solved", "a note", "not_ready")
    assert refused.value.code == "not-your-call"
    assert center.fold.calls[call].disposition == ""
    assert center.state("anna") == "ready"
    assert "WrapUpSaved" not in center.journal.kinds()


async def test_a_call_that_is_over_cannot_be_hung_up(opened: Any) -> None:
    """A button pressed twice makes no order for a call that the switch has forgotten."""
    center = await opened()
    call = await _wrapping_up(center)
    for deed in (center.floor.hang_up, center.floor.hold, center.floor.retrieve):
        with pytest.raises(Refusal):
            await deed("anna", call)
    await center.run(1.0)
    assert "OrderFailed" not in center.journal.kinds()


async def test_without_the_switch_people_are_told_at_once(opened: Any) -> None:
    """A button that does nothing, without a word, is the worst of answers."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=600.0)
    await center.until(lambda: center.state("anna") == "talking")
    center.switch.disconnect()
    center.router.receive(e.LinkDown("virtual", "cut"))
    for deed in (center.floor.hang_up, center.floor.hold):
        with pytest.raises(Refusal) as refused:
            await deed("anna", call)
        assert refused.value.code == "switch-away"
    center.switch.connect(center.router.receive)
    await center.floor.hold("anna", call)
    await center.run(1.0)
    assert center.state("anna") == "held"


async def test_what_the_journal_did_not_take_is_not_acknowledged(opened: Any) -> None:
    """The journal is full, though the disk is well: an "ok" would be forgotten by a crash."""
    center = await opened()
    await center.staff("anna")
    center.journal.broken = True
    with pytest.raises(Refusal) as refused:
        await center.floor.not_ready("anna", "lunch")
    assert refused.value.code == "not-saved"


async def test_the_contact_history_is_written_when_the_records_are_back(opened: Any) -> None:
    """The customer records were away for a while: what was promised to be kept is kept."""
    center = await opened()
    call = await _wrapping_up(center)
    await center.floor.choose_customer("anna", call, "c1")
    center.customers.away = 2
    await center.floor.wrap_up("anna", call, "solved", "a note", "ready")
    await center.run(60.0)
    assert [customer for customer, _ in center.customers.contacts] == ["c1"]


async def test_a_sign_in_that_is_refused_does_not_change_the_phone(opened: Any) -> None:
    """Signing in twice must not send the next call to another phone."""
    center = await opened()
    await center.staff("anna")
    with pytest.raises(Refusal) as refused:
        await center.floor.sign_in("anna", "desk")
    assert refused.value.code == "already-signed-in"
    assert center.desk("anna")["phone"]["kind"] == "browser"
