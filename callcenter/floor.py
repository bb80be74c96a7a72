"""What people do on the floor (`agent_console.ports.Floor`), carried out.

Each deed is refused before anything is changed, or acknowledged after the journal has
it on disk; nothing in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from acd import facts as f
from agent_console.ports import Refusal
from callcenter import happenings as h
from callcenter.callbook import LiveCall
from callcenter.router import Router
from cti import commands as c
from cti.calls import PhoneKind, Place

ACK_TIMEOUT_S = 5.0
CONTACT_AGAIN_S = (1.0, 5.0, 20.0, 60.0, 300.0)

log = structlog.get_logger("callcenter.floor")


class Durability(Protocol):
    """What the floor needs of the journal."""

    async def committed(self, seq: int, timeout_s: float = ...) -> None: ...

    @property
    def healthy(self) -> bool: ...


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


class Floor:
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
    ) -> None:
        self._router = router
        self._durable = durable
        self._customers = customers
        self._dispositions = dispositions
        self._phones = phones
        self._spawn = spawn

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
        self._refuse_if(router.act(f.AgentSignedIn(agent, up)))
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

    # The call ------------------------------------------------------------------------------

    async def decline(self, agent: str, offer_id: str) -> None:
        call = self._call_of(agent)
        if call.offer_id != offer_id or call.place is not Place.RINGING:
            raise Refusal("offer-over", "This call is no longer ringing at your phone.")
        lost = self._can_save()
        call_id = call.call_id
        self._refuse_if(self._router.act(f.OfferDeclined(offer_id)))
        self._router.execute(c.CancelOffer(call_id, offer_id))
        await self._saved(lost)

    async def hang_up(self, agent: str, call_id: str) -> None:
        call = self._call_of(agent, call_id)
        if call.place is Place.RINGING:
            raise Refusal("still-ringing", "The call is not answered yet. Use Decline.")
        if call.place is Place.ENDED:
            raise Refusal("call-over", "The call is over already.")
        self._order(c.HangUpCall(call_id, "agent"))

    async def hold(self, agent: str, call_id: str) -> None:
        call = self._call_of(agent, call_id)
        if call.place is not Place.TALKING:
            raise Refusal("not-talking", "Only a call that you are talking on can be held.")
        self._order(c.HoldCall(call_id))

    async def retrieve(self, agent: str, call_id: str) -> None:
        call = self._call_of(agent, call_id)
        if call.place is not Place.HELD:
            raise Refusal("not-held", "This call is not on hold.")
        self._order(c.RetrieveCall(call_id))

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

    def _order(self, order: c.Order) -> None:
        if not self._router.reachable(order.call_id):
            message = "The telephone switch cannot be reached at the moment. The call goes on."
            raise Refusal("switch-away", message, 503)
        self._router.execute(order)

    async def _matched(self, call_id: str, customer_id: str, name: str, lost: int) -> None:
        router = self._router
        router.note(h.CustomerMatched(call_id, customer_id, name), router.now())
        if router.board is not None:
            router.board.touch_call(call_id)
        await self._saved(lost)

    def _call_of(self, agent: str, call_id: str = "") -> LiveCall:
        call = self._router.call_of(agent)
        if call is None or (call_id and call.call_id != call_id):
            raise Refusal("not-your-call", "You have no such call.", 404)
        return call

    async def _tell(self, fact: f.Fact) -> None:
        lost = self._can_save()
        self._refuse_if(self._router.act(fact))
        await self._saved(lost)

    def _can_save(self) -> int:
        """How many entries the journal has lost so far, for `_saved`; or refuse."""
        if not self._durable.healthy:
            raise Refusal(
                "cannot-save",
                "The system cannot save anything at the moment; nothing was changed. "
                "Calls go on. Try again shortly.",
                503,
            )
        return self._router.lost

    async def _saved(self, lost: int) -> None:
        """Return when everything is on disk, of which the journal lost nothing since `lost`."""
        try:
            await self._durable.committed(self._router.last_seq, ACK_TIMEOUT_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise Refusal(
                "not-saved-yet", "Done, but not saved to disk yet; it is being tried again.", 503
            ) from error
        if self._router.lost != lost:
            raise Refusal("not-saved", "Done, but it could not be written down.", 503)

    @staticmethod
    def _refuse_if(refused: object | None) -> None:
        if refused is not None:
            raise Refusal(refused.code, refused.message)  # type: ignore[attr-defined]
