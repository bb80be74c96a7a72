"""What people do on the floor (`agent_console.ports.Floor`), carried out.

Each deed is refused before anything is changed, or acknowledged after the journal has
it on disk; nothing in between. What they do with calls is in `callcenter.callcontrol`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

import structlog

from acd import decisions as d
from acd import facts as f
from agent_console.acting import doer
from agent_console.ports import Refusal
from callcenter import happenings as h
from callcenter.callcontrol import CallControl, random_token
from callcenter.deeds import Durability
from callcenter.itemdeeds import ItemDeeds
from callcenter.router import Router
from callcenter.staffing import Staffing
from config.site import RecordingRule
from cti import commands as c
from cti.calls import LegState, PhoneKind, Place

CONFIRM_S = 12.0  # what an outside phone takes from its answer to the digit, at most
CONTACT_AGAIN_S = (1.0, 5.0, 20.0, 60.0, 300.0)

log = structlog.get_logger("callcenter.floor")


class CustomerWriter(Protocol):
    """What the floor needs of the customer records."""

    async def choose(self, call_id: str, customer_id: str) -> str | None:
        """Attach a customer to a call's pop; the customer's name, None if unknown."""
        ...

    async def create(self, call_id: str, fields: Mapping[str, str]) -> tuple[str, str]:
        """Make a customer; id and name. Raises ValueError with a message for people."""
        ...

    async def contact(
        self, customer_id: str, *, call_id: str, summary: str, agent: str, disposition: str
    ) -> None:
        """Write the contact history."""
        ...


def no_alerts(by: str, alert: str) -> d.Refused | None:
    """Where nobody looks after alerts, none stands."""
    return d.Refused("AlertAcknowledged", "alert-over", "This alert does not stand.")


class Floor(CallControl, Staffing, ItemDeeds):
    """Implements the console's port on the router."""

    def __init__(
        self,
        router: Router,
        durable: Durability,
        customers: CustomerWriter,
        *,
        dispositions: Callable[[], set[str]],
        phones: Callable[[str], set[str]],
        spawn: Callable[[Awaitable[None]], None],
        skills: Callable[[], Collection[str]] = frozenset,
        recording: Callable[[str], RecordingRule] = lambda queue: RecordingRule("on demand"),
        token: Callable[[], str] = random_token,
        acknowledge: Callable[[str, str], d.Refused | None] = no_alerts,
    ) -> None:
        super().__init__(router, durable, recording=recording, token=token)
        self._customers = customers
        self._dispositions = dispositions
        self._phones = phones
        self._skills = skills
        self._spawn = spawn
        self._acknowledge = acknowledge

    # The shift -----------------------------------------------------------------------------

    async def sign_in(self, agent: str, phone: str) -> None:
        try:
            kind = PhoneKind(phone)
        except ValueError:
            raise Refusal("unknown-phone", f"There is no kind of phone “{phone}”.", 422) from None
        if phone not in self._phones(agent):
            raise Refusal("no-such-phone", "This phone is not set up for you in the site.", 422)
        lost = self._can_save()
        router = self._router
        up = router.phones.is_up(agent, kind) is True
        answer_s = CONFIRM_S if kind is PhoneKind.OUTSIDE else 0.0
        self._refuse_if(router.act(f.AgentSignedIn(agent, up, answer_s)))
        router.phones.chosen[agent] = kind
        router.note(h.ShiftBegan(agent, kind.value), router.now())
        await self._saved(lost)

    async def sign_out(self, agent: str) -> None:
        await self._tell(f.AgentSignedOut(agent))

    async def ready(self, agent: str) -> None:
        await self._tell(f.AgentReady(agent))

    async def not_ready(self, agent: str, reason: str) -> None:
        await self._tell(f.AgentNotReady(agent, reason))

    async def console_lost(self, agent: str) -> None:
        self._router.act(f.ConsoleLost(agent))

    async def console_back(self, agent: str) -> None:
        self._router.act(f.ConsoleBack(agent))

    async def set_agent_state(self, by: str, agent: str, state: str, reason: str) -> None:
        match state:
            case "ready":
                fact: f.Fact = f.AgentReady(agent)
            case "not ready":
                fact = f.AgentNotReady(agent, reason)
            case "offline":
                fact = f.AgentSignedOut(agent)
            case _:
                raise Refusal("unknown-state", f"There is no state “{state}” to set.", 422)
        lost = self._can_save()
        self._refuse_if(self._router.act(fact))
        self._router.note(h.SupervisorActed(by, agent, state), self._router.now())
        await self._saved(lost)

    # Alerts --------------------------------------------------------------------------------

    async def acknowledge_alert(self, by: str, alert: str) -> None:
        lost = self._can_save()
        self._refuse_if(self._acknowledge(doer(by), alert))
        await self._saved(lost)

    # Messages ------------------------------------------------------------------------------

    async def voicemail_done(self, by: str, recording: str) -> None:
        message = self._router.voicemails.open.get(recording)
        if message is None:
            raise Refusal("unknown-voicemail", "There is no such message any more.", 404)
        lost = self._can_save()
        done = h.VoicemailDone(message.call_id, recording, message.box, doer(by))
        self._router.note(done, self._router.now())
        self._router.show_message(recording, message.box)
        await self._saved(lost)

    # Queues --------------------------------------------------------------------------------

    async def close_queue(self, by: str, queue: str, why: str) -> None:
        await self._override(by, queue, "closed", why)

    async def open_queue(self, by: str, queue: str) -> None:
        await self._override(by, queue, "open", "")

    async def queue_by_hours(self, by: str, queue: str) -> None:
        await self._override(by, queue, "hours", "")

    async def _override(self, by: str, queue: str, state: str, why: str) -> None:
        if queue not in {one.id for one in self._router.engine.site.queues}:
            raise Refusal("unknown-queue", f"There is no queue “{queue}”.", 404)
        lost = self._can_save()
        self._router.opening.override(queue, state, doer(by), why)
        await self._saved(lost)

    # Callbacks -----------------------------------------------------------------------------

    async def cancel_callback(self, by: str, callback: str, why: str) -> None:
        self._callback(callback)
        await self._tell(f.CallbackCancelled(callback, why or doer(by)))

    async def move_callback(self, by: str, callback: str, due: float) -> None:
        self._callback(callback)
        await self._tell(f.CallbackRescheduled(callback, due, doer(by)))

    async def call_back_now(self, by: str, callback: str) -> None:
        self._callback(callback)
        await self._tell(f.CallbackRescheduled(callback, None, doer(by)))

    def _callback(self, callback: str) -> None:
        visit = self._router.engine.visit(callback)
        if visit is None or visit.kind != "callback":
            raise Refusal("unknown-callback", "There is no such callback any more.", 404)

    # The call ------------------------------------------------------------------------------

    async def decline(self, agent: str, offer_id: str) -> None:
        """Refuse an offer; also a further leg, by the leg's id."""
        call = self._call_of(agent)
        leg = call.leg_of(agent)
        lost = self._can_save()
        call_id = call.call_id
        if leg is not None and leg.leg_id == offer_id and leg.state is LegState.RINGING:
            self._refuse_if(self._router.act(f.LegOver(offer_id, "refused")))
            self._router.execute(c.EndLeg(call_id, offer_id))
        elif call.offer_id == offer_id and call.place is Place.RINGING:
            self._refuse_if(self._router.act(f.OfferDeclined(offer_id)))
            self._router.execute(c.CancelOffer(call_id, offer_id))
        else:
            raise Refusal("offer-over", "This call is no longer ringing at your phone.")
        await self._saved(lost)

    async def wrap_up(
        self, agent: str, call_id: str, disposition: str, note: str, then: str
    ) -> None:
        if disposition and disposition not in self._dispositions():
            raise Refusal("unknown-disposition", f"There is no disposition “{disposition}”.", 422)
        if then not in ("", "ready", "not_ready"):
            raise Refusal("unknown-state", f"There is no state “{then}” to go to.", 422)
        router = self._router
        router.catch_up()  # the time for it may be over in this very moment
        call = self._call_of(agent, call_id)
        if router.engine.agent_view(agent).state != "wrap-up":
            raise Refusal("still-talking", "The call is not over yet; hang up first.")
        lost = self._can_save()
        router.note(h.WrapUpSaved(call_id, agent, disposition, note), router.now())
        customer, queue = call.customer_id, call.queue
        if then == "ready":
            router.act(f.AgentReady(agent))
        elif then == "not_ready":
            router.act(f.AgentNotReady(agent))
        self._refuse_if(router.act(f.WrapUpDone(agent)))
        await self._saved(lost)
        if customer:
            contact = {"call_id": call_id, "agent": agent, "disposition": disposition}
            contact["summary"] = note or disposition or queue
            self._spawn(self._write_contact(customer, contact, 0))

    async def extend_wrap_up(self, agent: str, by_s: float) -> None:
        if not 0 < by_s <= 3600:
            raise Refusal("out-of-range", "Wrap-up can be extended by up to an hour.", 422)
        await self._tell(f.WrapUpExtended(agent, by_s))

    async def choose_customer(self, agent: str, call_id: str, customer_id: str) -> None:
        self._call_of(agent, call_id)
        lost = self._can_save()
        name = await self._customers.choose(call_id, customer_id)
        if name is None:
            raise Refusal("unknown-customer", "There is no such customer.", 404)
        await self._matched(call_id, customer_id, name, lost)

    async def create_customer(self, agent: str, call_id: str, fields: Mapping[str, str]) -> str:
        self._call_of(agent, call_id)
        lost = self._can_save()
        try:
            customer_id, name = await self._customers.create(call_id, fields)
        except ValueError as error:
            raise Refusal("bad-customer", str(error), 422) from None
        await self._matched(call_id, customer_id, name, lost)
        return customer_id

    # ---------------------------------------------------------------------------------------

    async def _write_contact(self, customer: str, contact: Mapping[str, str], tries: int) -> None:
        """Behind everybody's back; customer records that are away get some more chances."""
        try:
            await self._customers.contact(customer, **contact)
        except Exception:
            if tries == len(CONTACT_AGAIN_S):
                raise
            log.warning("contact not written yet", call_id=contact["call_id"], exc_info=True)
            self._router.later(
                CONTACT_AGAIN_S[tries],
                lambda: self._spawn(self._write_contact(customer, contact, tries + 1)),
            )

    async def _matched(self, call_id: str, customer_id: str, name: str, lost: int) -> None:
        router = self._router
        router.note(h.CustomerMatched(call_id, customer_id, name), router.now())
        if router.board is not None:
            router.board.touch_call(call_id)
        await self._saved(lost)
