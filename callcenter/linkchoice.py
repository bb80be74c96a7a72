"""Which switch carries out an order, and how a phone on another one is reached from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from callcenter.agentphones import AgentPhones
from callcenter.callbook import CallBook, LiveCall
from cti import commands as c
from cti.calls import Place
from cti.link import SwitchLink


class LinkChoice:
    """Orders go to the switch of their call; calls that we place go where they can.

    `is_dialled(call_id)` says whether a callback's attempt is on its switch. `outgoing` are the
    names of the switches that can dial outside numbers, best first.
    """

    def __init__(
        self,
        links: Mapping[str, SwitchLink],
        book: CallBook,
        phones: AgentPhones,
        is_dialled: Callable[[str], bool],
    ) -> None:
        self.outgoing: Callable[[], Sequence[str]] = lambda: tuple(links)
        self._links = links
        self._book = book
        self._phones = phones
        self._is_dialled = is_dialled

    def of(self, call_id: str) -> SwitchLink | None:
        """The switch where the call lives, or is to be placed."""
        call = self._book.get(call_id)
        if call is not None and call.link in self._links:
            return self._links[call.link]
        # Ids of calls that come in begin with their link's name.
        named = self._links.get(call_id.partition("-")[0])
        return named or self._to_dial(call.link if call is not None else "", "")

    def for_order(self, order: c.Order) -> SwitchLink | None:
        """Where an order goes."""
        if not isinstance(order, c.DialCallback):
            return self.of(order.call_id)
        call = self._book.get(order.call_id)
        return self._to_dial(call.link if call is not None else "", order.agent_id)

    def reachable(self, call_id: str) -> bool:
        """Whether the call's switch takes orders now; for a call yet to be placed, any that can."""
        call = self._book.get(call_id)
        if call is not None and self._is_to_be_placed(call):
            return any(name in self._phones.links_up for name in self._able())
        link = self.of(call_id)
        return link is not None and link.name in self._phones.links_up

    def led(self, order: c.Order, link: SwitchLink) -> c.Order:
        """The order with its phone as it is reached from this switch."""
        if len(self._links) < 2 or not isinstance(
            order, c.OfferCall | c.DialCallback | c.DialLeg | c.SuperviseCall
        ):
            return order
        return replace(order, phone=self._phones.seen_from(link.name, order.phone))

    def _is_to_be_placed(self, call: LiveCall) -> bool:
        placed_by_us = call.direction != "inbound" and call.place in (Place.WAITING, Place.RINGING)
        return placed_by_us and not call.reached and not self._is_dialled(call.call_id)

    def _able(self) -> list[str]:
        able = [name for name in self.outgoing() if name in self._links]
        return able or list(self._links)

    def _to_dial(self, asked_at: str, agent: str) -> SwitchLink | None:
        """Where the callback was asked for, where the agent's phone is, or any other that is up."""
        able = self._able()
        wanted = [asked_at, self._phones.home_of(agent), *able]
        fits = [name for name in wanted if name in able]
        up = [name for name in fits if name in self._phones.links_up]
        name = next(iter(up or fits), "")
        return self._links.get(name)
