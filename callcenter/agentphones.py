"""The agents' phones: which one each works with, and whether it can be rung.

Each switch tells of its own registrations. A phone is up while a switch that we hear has it,
unknown while one that we don't hear had it, and down while all say that they don't. Outside phones
register nowhere: they are up while there is a switch to dial them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cti import events as e
from cti.calls import Phone, PhoneKind


class AgentPhones:
    """`address(agent, kind)` is what the switch has to ring (see `cti.calls.Phone`)."""

    def __init__(self, address: Callable[[str, PhoneKind], str]) -> None:
        self.chosen: dict[str, PhoneKind] = {}  # what each agent signed in with
        self.links_up: set[str] = set()
        self._address = address
        self._told: dict[tuple[str, PhoneKind], dict[str, bool]] = {}  # by link

    def take(self, fact: e.PhoneUp | e.PhoneDown) -> bool:
        """A switch's word; whether that is news."""
        before = self.is_up(fact.agent_id, fact.phone)
        told = self._told.setdefault((fact.agent_id, fact.phone), {})
        up = isinstance(fact, e.PhoneUp)
        if up and not told.get(fact.link):  # the last one to have it comes first
            rest = {link: there for link, there in told.items() if link != fact.link}
            told = self._told[fact.agent_id, fact.phone] = {fact.link: True, **rest}
        told[fact.link] = up
        return self.is_up(fact.agent_id, fact.phone) != before

    def is_up(self, agent: str, kind: PhoneKind) -> bool | None:
        """Whether the phone can be rung; None when nobody knows."""
        if kind is PhoneKind.OUTSIDE:
            return True if self.links_up else None
        told = self._told.get((agent, kind), {})
        heard = [up for link, up in told.items() if link in self.links_up]
        if any(heard):
            return True
        had_it = any(up for link, up in told.items() if link not in self.links_up)
        return None if had_it or not heard else False

    def of(self, agent: str) -> Phone:
        """How the agent is rung."""
        kind = self.kind_of(agent)
        return Phone(kind, self._address(agent, kind))

    def home_of(self, agent: str) -> str:
        """The switch where the agent's phone is registered, "" when none says so."""
        return next(iter(self._homes(agent, self.kind_of(agent))), "")

    def seen_from(self, link: str, phone: Phone) -> Phone:
        """The phone as it is reached from a call on this switch: led over where it is registered.

        Outside phones are anybody's; so is one that no switch has, which then cannot be reached.
        A desk phone may be registered with several, a browser is where it came last.
        """
        if phone.kind is PhoneKind.OUTSIDE:
            return phone
        homes = self._homes(phone.address, phone.kind)
        here = homes[:1] if phone.kind is PhoneKind.BROWSER else homes
        return phone if link in here or not homes else replace(phone, via=homes[0])

    def _homes(self, agent: str, kind: PhoneKind) -> list[str]:
        told = self._told.get((agent, kind), {})
        return [link for link, up in told.items() if up and link in self.links_up]

    def kind_of(self, agent: str) -> PhoneKind:
        """What the agent works with; a browser unless they said otherwise."""
        return self.chosen.get(agent, PhoneKind.BROWSER)
