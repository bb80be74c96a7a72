"""What the callers of a random day do, and the menu that they meet."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from acd import decisions as d
from acd import facts as f
from callcenter.randomdays.sites import random_needs
from callcenter.routing import Preferred
from cti import commands as c
from cti import events as e
from cti.calls import Prompt
from cti.virtual.callers import Caller, Customer

if TYPE_CHECKING:
    from callcenter.randomdays.day import Day

WHY: Final = ("last agent", "owner")
REGULARS: Final = tuple(f"customer-{n}" for n in range(5))
"""Who calls again and again: a place may be kept for them."""


class Callers:
    """Everybody outside."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._step_no = 0
        self.led: set[str] = set()  # from a line to a menu, in the voice session that was open

    def calls(self, call: str, dice: random.Random) -> None:
        """Somebody calls."""
        self._day.switch.call_in(
            Caller(
                ani=f"+4930{dice.randrange(1000):03d}",
                dnis="100",
                digits=("1",),
                wait_digit="1" if dice.random() < 0.15 else "",
                wait_digit_after_s=dice.uniform(0, 40),
                patience_s=dice.choice((0.0, 3.0, 20.0, 90.0, 600.0, 600.0)) * dice.random(),
                stays_s=dice.choice((0.5, 2.0, 1e4, 1e4, 1e4, 1e4)),
                talk_s=dice.uniform(1, 120) if dice.random() < 0.8 else None,
            ),
            call,
        )

    def dialled(self, number: str) -> Customer:
        """Who is rung at an outside number, and what comes of it."""
        dice = self._day.fate(f"customer/{number}")
        outcome = dice.choice(("answer", "answer", "busy", "no answer", "unreachable"))
        return Customer(outcome, dice.uniform(0, 40), dice.uniform(1, 60))

    def menu(self, fact: e.Fact, now: float) -> None:
        """The voice menu: says something, lets wait, takes a number for a callback."""
        day = self._day
        match fact:
            case e.CallArrived():
                if self._dice(fact.call_id).random() < 0.3:
                    self._say(fact.call_id)
                else:
                    self._enter(fact.call_id)
            case e.IvrResumed():
                self._say(fact.call_id)
            case e.StepFinished():
                if day.routing.knows(fact.call_id):
                    day.routing.wait_again(fact.call_id)
                else:
                    self._enter(fact.call_id)
            case e.WaitVisited(call_id=call, digit="1"):
                self._wants_callback(call, now)
            case e.WaitVisited(call_id=call):
                day.act(f.PositionAsked(call))
                view = day.engine.visit(call)
                # Records know a visit by queue and moment: not twice in one moment, please.
                if self._dice(call).random() < 0.1 and view is not None and view.entered < now:
                    day.act(f.CallWithdrawn(call, "elsewhere"))
                    self._enter(call)
                else:
                    self._say(call)

    def _dice(self, call: str) -> random.Random:
        return self._day.fate(f"menu/{call}")

    def _say(self, call: str) -> None:
        self._step_no += 1
        step = c.PlayPrompts((Prompt("x" * self._dice(call).randrange(1, 80)),))
        self._day.execute(c.RunStep(call, self._step_no, step))

    def led_away(self, sent: d.SendOn) -> None:
        """A menu begins with a caller to whom an announcement is spoken: at the end of that."""
        self.led.add(sent.call)

    def _wants_callback(self, call: str, now: float) -> None:
        """As soon as possible or at a chosen time, which may be changed later."""
        day, dice, callback = self._day, self._dice(call), f"cb-{call}"
        due = now + dice.uniform(20.0, 400.0) if dice.random() < 0.4 else None
        day.act(f.CallbackRequested(call, callback, f"+49301{call[1:]}", due))
        day.execute(c.HangUpCall(call, "callback promised"))
        if dice.random() < 0.3:
            day.time.after(dice.uniform(1.0, 200.0), self._reschedules, callback)

    def _reschedules(self, callback: str) -> None:
        day, dice = self._day, self._dice(callback)
        due = day.time.time + dice.uniform(0.0, 200.0) if dice.random() < 0.7 else None
        day.act(f.CallbackRescheduled(callback, due, dice.choice(("", "boss"))))

    def _enter(self, call: str) -> None:
        """Into a queue, if it takes the caller; else to where it sends the caller."""
        dice, day = self._dice(call), self._day
        self.led.discard(call)
        queue = dice.choice(day.queues)
        needs = random_needs(dice) if dice.random() < 0.3 else ()
        priority = dice.choice((0, 0, 0, 1))
        while (away := self._turned_away(f.EntryAsked(call, queue, needs, priority))) is not None:
            if away.kind != "queue":
                day.execute(c.HangUpCall(call, f"turned away: {away.kind}"))
                return
            queue = away.target
        agent = dice.choice(day.site.agents).id
        day.routing.queue_call(
            call,
            queue,
            day.time.time,
            needs=needs,
            priority=priority,
            visit_after_s=dice.choice((0.0, 7.0, 25.0)),
            digits="1",
            preferred=Preferred(agent, dice.choice((0.0, 10.0, 30.0)), dice.choice(WHY))
            if dice.random() < 0.25
            else None,
            caller=dice.choice(("", *REGULARS)),
        )

    def _turned_away(self, asked: f.EntryAsked) -> d.CallTurnedAway | None:
        decided = self._day.act(asked)
        return next((x for x in decided if isinstance(x, d.CallTurnedAway)), None)
