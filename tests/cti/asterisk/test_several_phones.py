"""Several phones at once on a real Asterisk: desk phones and somebody at home."""

from __future__ import annotations

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import OfferFailure, Phone, PhoneKind, Place
from tests.cti.asterisk.conftest import OUTSIDE, desk_phone

pytestmark = pytest.mark.asterisk

HOME = "n49301234"


def ring(call: str, *, ring_s: float = 10.0) -> c.OfferCall:
    """Anna at home, Bert and Cleo at their desks."""
    others = tuple(c.AlsoRing(f"o-{who}", who, desk_phone(who)) for who in ("bert", "cleo"))
    return c.OfferCall(call, "o-anna", "anna", Phone(PhoneKind.OUTSIDE, OUTSIDE), ring_s, others)


async def silent(desk, *phones: str) -> str:
    """A caller who waits, while these phones would only ring."""
    for phone in phones:
        await desk.phone(phone, "ring")
    return await desk.waiting()


async def everybody_rings(desk) -> None:
    for who in ("anna", "bert", "cleo"):
        await desk.facts.wait(e.OfferRinging, offer_id=f"o-{who}", agent_id=who)


async def test_who_presses_the_digit_at_home_has_the_call(desk, ears):
    """The caller and the agent at home hear each other, and the desks stop ringing."""
    call = await silent(desk, "deskbert", "deskcleo")
    await desk.phone(HOME, "press1")
    desk.do(ring(call))
    await everybody_rings(desk)
    await desk.facts.wait(e.OfferAnswered, offer_id="o-anna", agent_id="anna")
    for who in ("bert", "cleo"):
        await desk.facts.wait(e.OfferFailed, offer_id=f"o-{who}", why=OfferFailure.CANCELLED)
    await ears.phase("talking", caller=HOME, **{HOME: "caller"})
    desk.do(c.HoldCall(call))
    await desk.facts.wait(e.CallHeld)
    desk.do(c.HangUpCall(call))
    await desk.facts.wait(e.CallEnded)
    await desk.nobody_left()
    await ears.check()


async def test_picking_up_at_home_without_the_digit_takes_the_call_from_nobody(desk, ears):
    """A voice mailbox answers first, and the agent at the desk still gets the call."""
    call = await silent(desk, "deskcleo")
    await desk.phone(HOME, "answer")
    await desk.phone("deskbert", "late")
    desk.do(ring(call))
    await everybody_rings(desk)
    desk.do(c.CancelOffer(call, "o-cleo"))
    await desk.facts.wait(e.OfferFailed, offer_id="o-cleo", why=OfferFailure.CANCELLED)
    await desk.facts.wait(e.OfferAnswered, offer_id="o-bert", agent_id="bert")
    await desk.facts.wait(e.OfferFailed, offer_id="o-anna", why=OfferFailure.CANCELLED)
    await ears.phase("talking", caller="deskbert", deskbert="caller")
    desk.do(c.HangUpCall(call))
    await desk.facts.wait(e.CallEnded)
    await desk.nobody_left()
    await ears.check()


async def test_whose_call_it_is_is_known_after_a_restart(desk):
    """The agent who answered, not the one by whom the ringing began."""
    call = await silent(desk, HOME, "deskbert")
    desk.do(ring(call))
    await desk.facts.wait(e.OfferAnswered, offer_id="o-cleo", agent_id="cleo")
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    assert (adopted.place, adopted.agent_id, adopted.offer_id) == (Place.TALKING, "cleo", "o-cleo")
    desk.do(c.HangUpCall(call))
    await desk.facts.wait(e.CallEnded)


async def test_nobody_answers_anywhere(desk):
    """Each offer ends with what became of its phone, and the caller waits on."""
    call = await silent(desk, HOME, "deskcleo")
    await desk.phone("deskbert", "refuse")
    desk.do(ring(call, ring_s=3.0))
    await desk.facts.wait(e.OfferFailed, offer_id="o-bert", why=OfferFailure.REFUSED)
    for who in ("anna", "cleo"):
        await desk.facts.wait(e.OfferFailed, offer_id=f"o-{who}", why=OfferFailure.NO_ANSWER)
    await desk.facts.wait(e.CallWaiting, skip=1)
    assert desk.facts.of(e.OfferAnswered) == []
    desk.do(c.OfferCall(call, "o-next", "cleo", desk_phone("cleo"), 5.0))
    await desk.facts.wait(e.OfferRinging, offer_id="o-next")
