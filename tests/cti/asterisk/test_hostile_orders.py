"""Every order with hostile text in every field, on a real Asterisk: refused, nothing sent."""

from __future__ import annotations

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind, Supervision

pytestmark = pytest.mark.asterisk

DESK = Phone(PhoneKind.DESK, "bert")
MARK = "Evil"
FRAME = f"x\r\n\r\nAction: Originate\r\nChannel: Local/1@{MARK}"
DIALPLAN = f"bert&PJSIP/itsp/1416{MARK}"
SHELL = f"${{SHELL(touch /tmp/{MARK})}}"
EXTENSION = f"10~desk~bert~o~{MARK}/../x"
HOSTILE = (FRAME, DIALPLAN, SHELL, EXTENSION, f'"{MARK}"', f"{MARK}\0x", f"{MARK},1)System(id)")


def outside(number: str) -> Phone:
    return Phone(PhoneKind.OUTSIDE, number)


def orders(call: str, bad: str) -> list[c.Order]:
    """Each order that carries text of people or programs, with `bad` in one place."""
    return [
        c.TransferCall(call, bad),
        c.SendDigits(call, bad),
        c.DialLeg(call, bad, "bert", DESK, "+4930", 5),
        c.DialLeg(call, "l1", bad, DESK, "+4930", 5),
        c.DialLeg(call, "l1", "", outside(bad), "+4930", 5),
        c.DialLeg(call, "l1", "bert", Phone(PhoneKind.DESK, "bert", via=bad), "+4930", 5),
        c.SuperviseCall(call, bad, "bert", DESK, Supervision.LISTEN, 5),
        c.SuperviseCall(call, "l2", bad, DESK, Supervision.LISTEN, 5),
        c.SuperviseCall(call, "l2", "", outside(bad), Supervision.LISTEN, 5),
        c.StartRecording(call, bad),
        c.EndLeg(call, bad),
        c.SwapLegs(call, bad),
        c.HandOver(call, bad),
        c.ChangeSupervision(call, bad, Supervision.BARGE),
        c.PauseRecording(call, bad),
        c.StopRecording(call, bad),
        c.DialCallback(
            "cb-1", "o9", "bert", Phone(PhoneKind.DESK, "bert", via=bad), "+49301234", "+4930", 5, 5
        ),
        c.DialCallback("cb-1", "o9", "bert", outside(bad), "+49301234", "+4930", 5, 5),
        c.DialCallback("cb-1", "o9", "bert", DESK, bad, "+4930", 5, 5),
        c.DialCallback(bad, "o9", "bert", DESK, "+49301234", "+4930", 5, 5),
    ]


@pytest.mark.parametrize("bad", HOSTILE, ids=range(len(HOSTILE)))
async def test_no_order_carries_hostile_text(desk, bad):
    """One word of a program's user must never become a second order, a channel or a file."""
    call = await desk.talking()
    sent = []
    ami = desk.link._ami
    order = ami.order

    def listen(headers, *more, **named):
        sent.append(repr(dict(headers)))
        return order(headers, *more, **named)

    ami.order = listen
    for one in orders(call, bad):
        desk.facts.seen.clear()
        desk.link.execute(one)
        failed = await desk.facts.wait(e.OrderFailed)
        assert failed.order == type(one).__name__, one
    # A flow's state is text of ours with whatever a caller typed in it: it travels packed.
    desk.link.execute(c.StartMenu(call, bad))
    resumed = await desk.facts.wait(e.IvrResumed, call_id=call)
    assert resumed.flow_state == bad
    assert sent
    assert not [text for text in sent if MARK in text]
    desk.link.execute(c.HangUpCall(call, "agent"))
    await desk.facts.wait(e.CallEnded, call_id=call)
    await desk.nobody_left()
