"""What the agents of a random day do, fitting or not: at their desks, in calls, at their phones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from acd import facts as f
from callcenter import happenings as h
from callcenter.randomdays.plan import CALM_AT_S
from cti import commands as c
from cti.calls import Leg, Phone, PhoneKind, Supervision
from cti.virtual.phones import Act, Reaction

if TYPE_CHECKING:
    from callcenter.randomdays.day import Day

IN_CALL: Final = ("talking", "held", "consulting", "conference")
_IDLE_PACE: Final = 0.32  # out of a call an agent uses this share of the moments
_PATIENT_S: Final = 1000.0  # after calming down: how long a conversation may go on


class Agents:
    """Everybody at a desk."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._dice = random.Random()  # of the present moment
        self._number = 0  # ... and its number: names what it begins

    def begin(self, _: object) -> None:
        """Everybody comes to work."""
        for agent in self._day.site.agents:
            self._day.act(f.AgentSignedIn(agent.id))
            self._day.act(f.AgentReady(agent.id))

    def rung(self, agent: str) -> Reaction:
        """What the agent does when the phone rings."""
        day, plan = self._day, self._day.plan
        if day.calm:
            return Reaction(Act.ANSWER, 1.0, hang_up_after_s=60.0)
        dice = day.fate(f"phone/{agent}")
        roll, delay_s, after_s = dice.random(), dice.choice((0.0, 0.2, 1.0)), dice.uniform(0, 12)
        hang_up_s = dice.uniform(1.0, 120.0) if dice.random() < 0.3 else None
        for share, act in (
            (plan.refuses, Act.REFUSE),
            (plan.ignores, Act.IGNORE),
            (plan.unreachable, Act.UNREACHABLE),
        ):
            if roll < share:
                return Reaction(act, after_s, delay_s)
            roll -= share
        return Reaction(Act.ANSWER, after_s, delay_s, hang_up_s)

    # At the desk ---------------------------------------------------------------------------

    def moment(self, agent: str, number: int, dice: random.Random) -> None:
        """The agent may do something now."""
        day = self._day
        if agent not in day.engine.agents:
            return
        self._dice, self._number = dice, number
        view = day.engine.agent_view(agent)
        if view.state not in IN_CALL and dice.random() > _IDLE_PACE:
            return
        roll = dice.random()
        if view.leg and roll < 0.5:
            day.switch.people.hangs_up(agent)
        elif view.call and view.state in IN_CALL and roll < 0.6:
            self._in_call(agent, view.call, view.state)
        elif roll < 0.45:
            if view.state not in ("ready", "reserved") or dice.random() < 0.2:
                day.tell(f"{agent} wants calls")
                self._back_to_work(agent)
        elif roll < 0.55:
            day.act(f.AgentNotReady(agent, "lunch"))
        elif roll < 0.60:
            day.act(f.AgentSignedOut(agent))
        elif roll < 0.65:
            day.act(f.ConsoleLost(agent))
        elif roll < 0.70:
            day.switch.phone_down(agent)
        elif roll < 0.75:
            day.act(f.WrapUpExtended(agent, 20.0))
        elif roll < 0.80:
            day.act(f.WrapUpDone(agent))
        elif view.offer and roll < 0.90:
            day.act(f.OfferDeclined(view.offer))
            day.execute(c.CancelOffer(view.call, view.offer))
        elif view.state in ("ready", "not ready") and roll > 0.9:
            self._own_wish(agent)

    def _back_to_work(self, agent: str) -> None:
        day = self._day
        if day.engine.agent_view(agent).state == "offline":
            day.act(f.AgentSignedIn(agent))
        day.switch.phone_up(agent)
        day.act(f.ConsoleBack(agent))
        day.act(f.PhoneHealthy(agent))
        day.act(f.AgentReady(agent))

    def calm_down(self, _: object) -> None:
        """From now on nobody misbehaves, and whoever is out comes back."""
        day = self._day
        day.calm = True
        for agent in day.site.agents:
            view = day.engine.agent_view(agent.id)
            if view.state not in ("ready", "reserved", "wrap-up", *IN_CALL):
                self._back_to_work(agent.id)
            elif (
                view.leg
                or view.state in ("consulting", "conference")
                or (view.state == "talking" and day.time.time > CALM_AT_S + _PATIENT_S)
            ):
                day.switch.people.hangs_up(agent.id)
            elif view.state == "held":
                for leg in day.switch.legs(view.call):
                    day.routing.parties.end(view.call, leg.leg_id, back=True)
                day.execute(c.RetrieveCall(view.call))
            if view.state != "ready":
                day.act(f.AgentReady(agent.id))
        if day.engine.visits() or day.switch.live:
            day.time.after(10.0, self.calm_down)

    def _own_wish(self, agent: str) -> None:
        """Pick a caller out of turn, place a call, join somebody's conversation."""
        day, dice = self._day, self._dice
        visits = day.engine.visits()
        roll = dice.random()
        if roll < 0.3:
            queue = dice.choice(day.queues)
            number = f"+49304{self._number}"
            day.act(f.CallDialled(f"out-{self._number}", agent, queue, number))
        elif visits and roll < 0.6:
            day.act(f.CallPicked(dice.choice(visits).call, agent, dice.choice(("", "boss"))))
        elif visits:
            call, phone = dice.choice(visits).call, Phone(PhoneKind.BROWSER, agent)
            mode = dice.choice(tuple(Supervision))
            order = c.SuperviseCall(call, f"leg-{self._number}", agent, phone, mode, 20.0)
            self._ring(agent, order)

    # In a call -----------------------------------------------------------------------------

    def _in_call(self, agent: str, call: str, state: str) -> None:
        day, roll = self._day, self._dice.random()
        legs = [leg for leg in day.switch.legs(call) if not leg.supervision]
        if roll < 0.12:
            day.switch.agent_hangs_up(call)
        elif roll < 0.16:
            day.execute(c.HangUpCall(call, "agent"))
        elif legs and roll < 0.85:
            self._with_party(call, state, self._dice.choice(legs))
        elif state in ("talking", "held") and not legs and roll < 0.28:
            self._give_away(agent, call)
        elif roll < 0.85:
            self._consult(agent, call)
        elif state == "talking":
            day.execute(c.HoldCall(call))
        else:
            day.execute(c.RetrieveCall(call))

    def _with_party(self, call: str, state: str, leg: Leg) -> None:
        """Whatever the button is pressed for, fitting or not: the switch may refuse."""
        day, roll = self._day, self._dice.random()
        if roll < 0.25:
            day.execute(c.HandOver(call, leg.leg_id))
        elif roll < 0.5:
            day.execute(c.JoinLegs(call))
        elif roll < 0.7:
            day.execute(c.SwapLegs(call, leg.leg_id))
        else:
            day.routing.parties.end(call, leg.leg_id, back=state != "conference")

    def _give_away(self, agent: str, call: str) -> None:
        """To a queue, to another agent, to nobody for a while, to a menu, outside."""
        day, dice, now = self._day, self._dice, self._day.time.time
        view = day.engine.visit(call)
        if view is None or view.entered == now:  # see `Callers.menu`
            return
        queue = dice.choice(day.queues)
        gone = dice.choice(
            (
                f.CallTransferred(call, queue, priority=dice.choice((0, 1))),
                f.CallTransferred(call, view.queue, dice.choice(day.site.agents).id),
                f.CallTransferred(call, view.queue, park_s=dice.uniform(5.0, 60.0)),
                f.CallTransferred(call, onward="menu"),
                f.CallTransferred(call, onward="outside"),
            )
        )
        if gone.agent == agent:
            return
        order: c.StartWaiting | c.StartMenu | c.TransferCall
        if gone.queue:
            order = c.StartWaiting(call, gone.queue, now, visit_after_s=7.0, digits="1")
        elif gone.onward == "menu":
            order = c.StartMenu(call, "menu:")
        else:
            order = c.TransferCall(call, "+49302")
        day.routing.transfer(gone, order, now)

    def _consult(self, agent: str, call: str) -> None:
        day, dice = self._day, self._dice
        everybody = [one.id for one in day.site.agents]
        ready = [one for one in everybody if day.engine.agent_view(one).state == "ready"]
        party = dice.choice((*ready, *ready, *ready, "", "", *everybody))
        address = party or f"+49303{self._number}"
        phone = Phone(PhoneKind.BROWSER if party else PhoneKind.OUTSIDE, address)
        leg = f"leg-{self._number}"
        self._ring(agent, c.DialLeg(call, leg, party, phone, "", dice.choice((3.0, 20.0))))

    def _ring(self, by: str, order: c.DialLeg | c.SuperviseCall) -> None:
        day = self._day
        look = day.switch.look(order.call_id)
        if look is None or look[0].value not in IN_CALL or not look[1]:
            return
        day.tell(order)
        if day.routing.parties.dial(order, day.time.time) is None:
            mode = order.mode.value if isinstance(order, c.SuperviseCall) else ""
            number = "" if order.agent_id else order.phone.address
            placed = h.LegPlaced(order.call_id, order.leg_id, by, order.agent_id, number, mode)
            day.watch.feed(placed)
