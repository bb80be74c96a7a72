"""Asterisk refuses to move a caller: the call is then as it was, for everybody."""

from __future__ import annotations

import pytest

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions, Headers
from cti.asterisk.ami import Done, Frame, Reply
from cti.asterisk.live import Live, LiveCalls
from cti.asterisk.orders import Orders
from cti.calls import Place
from cti.dialing import Dialing, DialRules

CALLER, AGENT = "PJSIP/trunk-1", "PJSIP/desk-anna-2"


class World:
    """One conversation on an Asterisk that moves nobody while `refuses` says so."""

    def __init__(self) -> None:
        self.refuses = True
        self.calls = LiveCalls()
        self.call = Live("m-1", CALLER, "u1", Place.TALKING, "o1", "anna", AGENT, "u2")
        self.call.connected = True
        self.calls.add(self.call)
        self.facts: list[e.Fact] = []
        self.variables: dict[str, str] = {}
        self.answers: list[tuple[Done, str]] = []
        dialing = Dialing(DialRules(("",)))
        report = self.facts.append
        actions = Actions(self.calls, self.ask, report, report, dialing, "main")
        self.orders = Orders(actions, lambda call, soon=False: None)

    def ask(self, headers: Headers, done: Done) -> object:
        refused = self.refuses and headers["Action"] == "Redirect"
        if headers["Action"] == "Setvar":
            self.variables[str(headers["Variable"])] = str(headers["Value"])
        self.answers.append((done, "Error\r\nMessage: no" if refused else "Success"))
        return None

    def settle(self) -> None:
        answers, self.answers = self.answers, []
        for done, how in answers:
            done(Reply(Frame(f"Response: {how}".encode())))


@pytest.mark.parametrize(
    "order",
    [
        c.StartWaiting("m-1", "support", 1.0),
        c.StartMenu("m-1", "main:"),
        c.TransferCall("m-1", "+14165550142"),
    ],
)
async def test_an_agent_who_keeps_the_caller_can_do_everything_with_the_call(
    order: c.Order,
) -> None:
    """And a conference later on does not take the caller for one who is just leaving."""
    world = World()
    world.orders.execute(order)
    world.settle()
    assert world.facts == [e.OrderFailed("m-1", type(order).__name__, "no")]
    assert world.variables["CC_LEAVES"] == ""
    call = world.call
    assert (call.agent_id, call.peer, call.connected) == ("anna", AGENT, True)
    world.refuses = False
    world.orders.execute(c.HoldCall("m-1"))
    world.settle()
    assert world.facts[1:] == []
    assert call.place is Place.HELD
