"""Switches that go and come back, one of several, and the phones that hang on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.site import Phone as SitePhone
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Phone, PhoneKind
from cti.virtual.phones import Act, Reaction, always
from cti.virtual.switch import VirtualSwitch


def _lose(center: Any) -> None:
    center.switch.disconnect()
    center.router.receive(e.LinkDown("virtual", "cut"))


async def test_nobody_is_blamed_while_the_switch_is_away(opened: Any) -> None:
    """No phone rings without a switch, so no agent misses a call by not answering it."""
    center = await opened()
    await center.staff("anna")
    busy = center.call(talk_s=100.0)
    await center.until(lambda: center.state("anna") == "talking")
    waits = center.call(patience_s=900.0)
    await center.run(30.0)
    _lose(center)
    await center.run(100.0)
    center.router.receive(e.CallEnded(busy, EndedBy.CALLER))  # some news slips through
    await center.floor.wrap_up("anna", busy, "", "", "ready")
    await center.run(120.0)
    assert center.state("anna") == "fault"
    assert center.fold.calls[waits].offers == []
    center.switch.connect(center.router.receive)
    await center.run(1.0)
    assert center.outcome(waits) == "talking"
    assert center.fold.calls[waits].agent == "anna"


async def test_a_short_cut_does_not_stop_a_phone_that_rings(opened: Any) -> None:
    """Half a second without news is no reason to take a call from an agent."""
    center = await opened(phones=always(Reaction(after_s=5.0)))
    await center.staff("anna")
    call = center.call(talk_s=60.0)
    await center.until(lambda: center.state("anna") == "reserved")
    _lose(center)
    await center.run(0.5)
    center.switch.connect(center.router.receive)
    await center.run(10.0)
    assert center.outcome(call) == "talking"
    assert len(center.fold.calls[call].offers) == 1


async def test_a_phone_that_rang_into_the_void_is_not_rung_again(opened: Any) -> None:
    """The offer that was open when the switch went is over some day; the next waits for it."""
    center = await opened(phones=always(Reaction(Act.IGNORE)))
    await center.staff("anna")
    center.call(patience_s=900.0)
    await center.until(lambda: center.state("anna") == "reserved")
    _lose(center)
    await center.run(30.0)
    assert center.router.engine.agent_view("anna").reason == "switch lost"  # nobody is blamed
    assert center.state("anna") == "fault"
    center.switch.connect(center.router.receive)
    await center.run(1.0)
    assert center.state("anna") == "reserved"


async def test_one_lost_switch_does_not_stop_the_other(opened: Any) -> None:
    """Offers of a switch that is there go on, those of one that is away wait, whoever returns."""
    center = await opened()
    other = VirtualSwitch("other", center.time, agents=("ben",))
    center.router.links["other"] = other
    other.connect(center.router.receive)
    await center.staff("ben")
    _lose(center)
    there = other.call_in(center.caller(digits=("1", "3"), talk_s=5.0))
    await center.run(30.0)
    assert center.outcome(there) == "answered"
    other.disconnect()
    center.router.receive(e.LinkDown("other", "cut"))
    center.switch.connect(center.router.receive)
    sent: list[c.Order] = []
    other.execute = sent.append  # type: ignore[method-assign]
    await center.run(60.0)
    assert sent == []


async def test_a_phone_is_up_while_one_switch_has_it(opened: Any) -> None:
    """Each switch knows its own registrations only; one without any must not put phones out."""
    center = await opened()
    await center.staff("anna")
    center.router.receive(e.PhoneDown("anna", "other", "not registered"))
    assert center.state("anna") == "ready"
    center.router.receive(e.PhoneDown("anna", "virtual", "gone"))
    assert center.state("anna") == "fault"
    center.router.receive(e.PhoneUp("anna", "virtual"))
    assert center.state("anna") == "ready"


async def test_a_phone_that_went_while_we_were_away_is_known_to_be_down(opened: Any) -> None:
    """After a restart the first word about a phone is news, good or bad."""
    center = await opened()
    await center.staff("anna")
    center.die()
    center.switch.phone_down("anna")
    again = await opened(after=center)
    await again.run(1.0)
    assert again.state("anna") == "fault"


@pytest.fixture
async def outside(opened: Any) -> Any:
    """A call center whose Anna also works from her mobile phone."""
    center = await opened()
    anna = replace(center.site.agents["anna"], phones=(SitePhone("outside", "+14165550199"),))
    site = replace(center.site, agents={**center.site.agents, "anna": anna})
    return await opened(site=site)


async def test_an_outside_phone_is_rung_by_its_number(outside: Any) -> None:
    """Nobody registers a mobile phone: it counts as there, and the trunk dials its number."""
    orders: list[c.Order] = []
    carry_out = outside.switch.execute
    outside.switch.execute = lambda order: (orders.append(order), carry_out(order))
    await outside.floor.sign_in("anna", "outside")
    await outside.floor.ready("anna")
    assert outside.state("anna") == "ready"
    assert outside.desk("anna")["phone"] == {"kind": "outside", "up": True}
    call = outside.call(talk_s=10.0)
    await outside.run(15.0)
    assert outside.outcome(call) == "talking"
    (offer,) = [order for order in orders if isinstance(order, c.OfferCall)]
    assert offer.phone == Phone(PhoneKind.OUTSIDE, "+14165550199")


async def test_calls_that_went_with_their_switch_are_not_the_callers_doing(opened: Any) -> None:
    """A switch that started anew while we were away has lost its calls; nobody gave up."""
    center = await opened()
    older = center.call(patience_s=900.0)
    await center.run(30.0)
    newer = center.call(patience_s=900.0)
    await center.run(10.0)
    _lose(center)
    center.router.receive(e.LinkUp("virtual", (), 20.0))
    assert center.outcome(older) == "switch lost"
    assert center.outcome(newer) == "abandoned"
