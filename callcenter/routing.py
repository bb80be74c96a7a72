"""Between a switch and the engine: switch facts become engine facts, decisions become orders.

The live system and the simulation share this code, so what is simulated is what runs.
It is synchronous and keeps, for each call in a line or with an agent, only what the
translation needs: the open offer, and whether the switch can move the caller now.

    link facts ──▶ Routing.on_fact ──▶ engine.handle ──▶ orders to the link, notices to the rest

What belongs to the voice menu (`CallArrived`, `StepFinished`, `WaitVisited`, ...) and to the
links goes to the hook `other`; so does every `OrderFailed`.

A link must not report facts from inside `execute`: decisions are carried out in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from acd import decisions as d
from acd import facts as f
from acd.site import SkillNeed
from callcenter.parties import Parties
from callcenter.sending import InSession, Onward, Sending, sent_order
from callcenter.takingup import TakingUp
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind


class Engine(Protocol):
    """What routing needs of `acd.engine.Engine` (or of something that journals around it)."""

    def handle(self, fact: f.Fact, now: float) -> Sequence[d.Decision]: ...
    def tick(self, now: float) -> Sequence[d.Decision]: ...
    def deadline(self) -> float | None: ...


def browser_phone(agent: str) -> Phone:
    """The phone of an agent nobody said otherwise about."""
    return Phone(PhoneKind.BROWSER, agent)


@dataclass(frozen=True, slots=True)
class Preferred:
    """Whom a caller gets if that agent can take the call within `wait_s`."""

    agent: str = ""
    wait_s: float = 0.0
    why: str = ""


NOBODY = Preferred()


class Line:
    """What is known of one call that the engine has, or gets once it is waiting."""

    __slots__ = (
        "agent",
        "dialled",
        "ending",
        "entry",
        "movable",
        "offers",
        "ordered",
        "parked",
        "queued",
        "refused",
        "round",
        "sent",
        "talking",
        "transfer",
        "visited",
        "wait",
    )

    def __init__(self) -> None:
        self.entry: f.CallQueued | None = None  # told to the engine at the next CallWaiting
        self.queued: f.CallQueued | None = None  # what the engine was told last
        self.wait: c.StartWaiting | None = None
        self.sent: d.SendOn | None = None  # elsewhere; ordered as soon as the caller can be moved
        self.visited = False  # an announcement is spoken to the caller
        self.offers: dict[str, str] = {}  # the open offers and their agents: several may ring
        self.agent = ""  # whom the last offer was for
        self.round = ""
        self.refused = ""  # the agent whom the switch would not ring a moment ago
        self.parked: c.OfferCall | c.DialCallback | None = None  # decided, cannot be done yet
        self.dialled = ""  # callbacks: the offer whose attempt still lives on the switch
        self.ending = False  # callbacks: the end of a failed attempt's call may still be told
        self.movable = False
        self.talking = False
        self.transfer: f.CallTransferred | None = None  # ordered; told when the switch did it
        self.ordered = 0.0  # when the transfer was

    @property
    def offer(self) -> str:
        """The open offer (of several, the first); "" for none."""
        return next(iter(self.offers), "")


ANSWERED_ELSEWHERE = "answered-elsewhere"  # why the other phones of a round stop ringing
TRANSFER_S = 10.0  # a switch that has not done it by then never got the order, or lost it
TRANSFERRED = "transferred"  # the cause of a call's end, when it went to an outside number
TRANSFERS = frozenset(("StartWaiting", "StartMenu", "TransferCall"))
STAYS = frozenset(("queue", "agent", "parked"))  # where a call goes that still is ours to route


class Routing:
    """Drives `engine` with the facts of links and `execute`s its decisions.

    `notice` gets every decision, in order, after its order (if any) went out.
    `phone` tells how an agent is rung, `caller_id` what a queue's callbacks show, `reachable`
    whether a call's switch takes orders now; offers are put off until `go_on` while it does not.
    `wait_order` (call, queue, entered) is how a queue lets a caller wait on, `wait_on` the same
    after an announcement. `onward` and
    `in_session` are those of `callcenter.sending.Sending`.
    """

    def __init__(
        self,
        engine: Engine,
        execute: Callable[[c.Order], None],
        notice: Callable[[d.Decision], None],
        *,
        other: Callable[[e.Fact, float], None] | None = None,
        phone: Callable[[str], Phone] = browser_phone,
        caller_id: Callable[[str], str] = lambda queue: "",
        reachable: Callable[[str], bool] = lambda call: True,
        wait_order: Callable[[str, str, float], c.StartWaiting] = c.StartWaiting,
        wait_on: Callable[[c.StartWaiting], c.StartWaiting] = lambda wait: wait,
        onward: Onward = sent_order,
        in_session: InSession = lambda sent: None,
        dial_s: float = 30.0,
    ) -> None:
        self.engine = engine
        self.execute = execute
        self._notice = notice
        self._other = other
        self._phone = phone
        self.caller_id = caller_id
        self._dial_s = dial_s
        self._lines: dict[str, Line] = {}
        self._rounds: list[str] = []  # calls for whom several phones are to ring
        self.reachable = reachable
        self.wait_order = wait_order
        self._wait_on = wait_on
        self.sending = Sending(self, onward, in_session)
        self.parties = Parties(self.act, execute)
        self.taking_up = TakingUp(self)
        self._on: dict[type, Callable[..., None]] = {
            **self.parties.on,
            e.IvrResumed: self._in_menu,
            e.CallWaiting: self._waiting,
            e.WaitVisited: self._visit_begins,
            e.OfferRinging: self._rang,
            e.OfferAnswered: self._answered,
            e.OfferFailed: self._failed,
            e.CallbackConnected: self._callback_connected,
            e.CallbackFailed: self._callback_failed,
            e.CallHeld: self._held,
            e.CallRetrieved: self._retrieved,
            e.CallEnded: self._ended,
            e.OrderFailed: self._order_failed,
        }
        self._carry_out: dict[type, Callable[..., None]] = {
            d.Offer: self._offer,
            d.Callback: self._callback,
            d.CancelOffer: self._cancel,
            d.CancelLeg: self.parties.cancel,
            d.CallEntered: self._entered,
            d.CallLeft: self._left,
            d.SendOn: self.sending.decided,
            d.OfferEnded: self._offer_ended,
            d.CallCompleted: self._completed,
        }

    # Towards the engine --------------------------------------------------------------------

    def on_fact(self, fact: e.Fact, now: float) -> None:
        """Take one fact of a link."""
        known = self._on.get(type(fact))
        if known is not None:
            known(fact, now)
        elif self._other is not None:
            self._other(fact, now)

    def act(self, fact: f.Fact, now: float) -> Sequence[d.Decision]:
        """Tell the engine one fact and carry out what it decides."""
        decisions = self.engine.handle(fact, now)
        if decisions:
            self._apply(decisions)
        self.sending.go(now)
        return decisions

    def tick(self, now: float) -> Sequence[d.Decision]:
        """Let the engine do what has become due; call it at `engine.deadline()`."""
        decisions = self.engine.tick(now)
        if decisions:
            self._apply(decisions)
        self.sending.go(now)
        return decisions

    def queue_call(
        self,
        call_id: str,
        queue: str,
        now: float,
        *,
        needs: tuple[SkillNeed, ...] = (),
        priority: int = 0,
        entered: float | None = None,
        music: str = "default",
        visit_after_s: float = 30.0,
        visit_every_s: float | None = None,
        digits: str = "",
        preferred: Preferred | None = None,
        caller: str = "",
    ) -> None:
        """Let a caller wait in `queue`.

        The first announcement is due after `visit_after_s`, later ones `visit_every_s` after
        the one before.

        The engine hears of the call as soon as the switch says that it waits, with the
        place of `entered` (or of `now`). A caller who hangs up before never was in the line.
        `caller` is who calls ("" for unknown).
        """
        place = now if entered is None else entered
        line = self._lines.get(call_id)
        if line is None:
            line = self._lines[call_id] = Line()
        wish = preferred or NOBODY
        line.entry = f.CallQueued(
            call_id, queue, needs, priority, place, wish.agent, wish.wait_s, wish.why, caller
        )
        every_s = visit_after_s if visit_every_s is None else visit_every_s
        line.wait = c.StartWaiting(call_id, queue, place, music, every_s, digits)
        self.execute(c.StartWaiting(call_id, queue, place, music, visit_after_s, digits))

    def transfer(
        self,
        fact: f.CallTransferred,
        order: c.StartWaiting | c.StartMenu | c.TransferCall,
        now: float,
    ) -> None:
        """Order the switch to take a call from its agent; the engine is told when it did.

        Until then (and when the switch refuses) the call is its agent's.
        """
        line = self._lines.get(fact.call)
        if line is None:
            line = self._lines[fact.call] = Line()
            line.talking = True
        line.transfer, line.ordered = fact, now
        if isinstance(order, c.StartWaiting):
            line.wait = self.wait_order(fact.call, order.queue, order.entered_at)
        self.execute(order)

    def is_leaving(self, call_id: str, now: float) -> bool:
        """Whether a transfer of this call has just been ordered and not been done yet."""
        line = self._lines.get(call_id)
        if line is None or line.transfer is None:
            return False
        return now < line.ordered + TRANSFER_S

    def wait_again(self, call_id: str) -> None:
        """Back to the music after an announcement, unless a phone rings for the caller already.

        From there the caller can be moved again, which an offer may be waiting for.
        """
        line = self._lines.get(call_id)
        if line is None or line.wait is None or line.talking:
            return
        if not line.offer or line.parked is not None:
            line.movable = line.visited = False
            line.wait = self._wait_on(line.wait)
            self.execute(line.wait)

    def hold_back(self, call_id: str) -> None:
        """The caller goes elsewhere: no phone rings before `wait_again`, or any more."""
        line = self._lines.get(call_id)
        if line is not None:
            line.movable = False

    def go_on(self, now: float) -> None:
        """A switch is back and its live calls have been taken up: do what was put off."""
        for call_id, line in list(self._lines.items()):
            if isinstance(line.parked, c.DialCallback):
                self._dial(line)
            elif line.movable and not self.sending.move(call_id, now):
                self._ring(call_id, line)

    def is_dialled(self, call_id: str) -> bool:
        """Whether an attempt of this callback is on its switch."""
        line = self._lines.get(call_id)
        return line is not None and bool(line.dialled)

    def known_line(self, call_id: str) -> Line | None:
        """What is known of a call in a line, on its way to one, or with an agent."""
        return self._lines.get(call_id)

    def line(self, call_id: str) -> Line:
        """The same; a new one for a call that is nowhere yet."""
        return self._lines.setdefault(call_id, Line())

    def forget(self, call_id: str) -> None:
        """Nothing about this call is ours to route any more."""
        self._lines.pop(call_id, None)

    def knows(self, call_id: str) -> bool:
        """Whether the call is in a line, on its way to one, or with an agent."""
        return call_id in self._lines

    def _in_menu(self, fact: e.IvrResumed, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None and line.talking:
            self._transferred(line, f.CallTransferred(fact.call_id, onward="menu"), now)
        self.forget_sent(fact.call_id)
        if self._other is not None:
            self._other(fact, now)

    def _transferred(self, line: Line, fact: f.CallTransferred, now: float) -> None:
        """The switch has taken the call from its agent."""
        line.transfer, line.talking = None, False
        line.parked, line.dialled = None, ""
        line.offers.clear()
        self.act(fact, now)

    def _waiting(self, fact: e.CallWaiting, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None and line.talking and line.transfer is not None:
            line.movable, gone = True, line.transfer
            if not gone.queue and line.wait is not None:  # of two orders, the one before
                gone = f.CallTransferred(fact.call_id, line.wait.queue)
            self._transferred(line, gone, now)
            return
        if line is None or line.talking:
            return
        if line.offer and line.parked is None:
            return  # said before our order reached the switch, or said twice
        line.movable, line.visited = True, False
        if line.entry is not None:
            entry, line.entry = line.entry, None
            self.enter(entry, now)
        elif not self.sending.move(fact.call_id, now):
            self._ring(fact.call_id, line)

    def enter(self, entry: f.CallQueued, now: float) -> None:
        """Into the line; whom the engine does not take there is for the menus to help."""
        line = self._lines.get(entry.call)
        if line is not None:
            line.queued = entry
        for decision in self.act(entry, now):
            if isinstance(decision, d.Refused) and decision.code != "call-known":
                self._lines.pop(entry.call, None)
                if self._other is not None:
                    self._other(e.OrderFailed(entry.call, "CallQueued", decision.message), now)

    def _rang(self, fact: e.OfferRinging, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None:
            line.refused = ""
        self.act(f.OfferRang(fact.offer_id), now)

    def _answered(self, fact: e.OfferAnswered, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is None:
            return
        if fact.offer_id in line.offers:
            line.talking, line.ending = True, False
            line.offers = {fact.offer_id: fact.agent_id}  # the switch stops ringing the others
            self.act(f.OfferAccepted(fact.offer_id), now)
        elif line.wait is not None and not line.talking:
            # The answer crossed our cancelling it: the two are talking, and the switch is right.
            line.talking, line.parked, line.sent = True, None, None
            place = line.wait
            self.act(
                f.CallFoundConnected(fact.call_id, place.queue, fact.agent_id, place.entered_at),
                now,
            )

    def _failed(self, fact: e.OfferFailed, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None and line.dialled == fact.offer_id:
            line.dialled, line.talking = "", False
            self._dial(line)
        if line is None or line.offers.pop(fact.offer_id, None) is None:
            return  # we cancelled it ourselves, and the engine knows
        if fact.why is OfferFailure.NO_ANSWER:
            self.act(f.OfferUnanswered(fact.offer_id), now)
        elif fact.why is OfferFailure.REFUSED:
            self.act(f.OfferDeclined(fact.offer_id), now)
        elif fact.why is OfferFailure.UNREACHABLE:
            self.act(f.OfferUnreachable(fact.offer_id, fact.why.value), now)
        elif fact.why is OfferFailure.CALLER_GONE:
            self.act(f.CallerGone(fact.call_id), now)
        else:
            self.act(f.OfferLost(fact.offer_id, fact.why.value), now)

    def _callback_connected(self, fact: e.CallbackConnected, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None:  # that the agent answered may not have been told
            line.talking, line.ending = True, False
        self.act(f.CallbackConnected(fact.call_id), now)

    def _callback_failed(self, fact: e.CallbackFailed, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is None:
            return
        if line.dialled == fact.offer_id:
            line.dialled, line.talking, line.ending = "", False, True
        if line.parked is not None:
            self._dial(line)  # the engine knows that this attempt is over: it decided the next
        else:
            self.act(f.CallbackFailed(fact.call_id, fact.why), now)

    def _held(self, fact: e.CallHeld, now: float) -> None:
        self.act(f.CallHeld(fact.call_id), now)

    def _retrieved(self, fact: e.CallRetrieved, now: float) -> None:
        self.act(f.CallRetrieved(fact.call_id), now)

    def _ended(self, fact: e.CallEnded, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None and line.ending and not line.talking:
            line.ending = False  # the attempt before: that it failed we know already
            return
        self._lines.pop(fact.call_id, None)
        self.parties.call_over(fact.call_id, now)
        if line is None or line.entry is not None or line.sent is not None:
            return
        if line.talking and fact.cause == TRANSFERRED:
            self.act(f.CallTransferred(fact.call_id, onward="outside"), now)
            return
        if line.dialled and not line.talking:
            self.act(f.OfferLost(line.offer, fact.by.value), now)
        elif line.talking or fact.by is not EndedBy.CALLER:
            self.act(f.CallEnded(fact.call_id, fact.by.value), now)
        else:
            self.act(f.CallerGone(fact.call_id), now)

    def _order_failed(self, fact: e.OrderFailed, now: float) -> None:
        if fact.outcome_unknown and not self.reachable(fact.call_id):
            return  # carried out or not: we see it when the switch is back
        self.parties.order_failed(fact, now)
        line = self._lines.get(fact.call_id)
        if line is not None and line.talking and fact.order in TRANSFERS:
            if not fact.outcome_unknown:  # else the switch may still say that it was done
                line.transfer = None  # the call stays with its agent
            return
        if self.sending.refused(fact.call_id, fact.order, now):
            return
        if line is not None and line.offer:
            offer = line.offer
            if fact.order == "OfferCall" and line.parked is None:
                # Nobody's fault, if it does not happen again. The next offer stays parked till
                # the switch says that the caller waits, so it is not asked in a circle.
                twice = line.refused == line.agent
                line.movable = False
                line.refused = "" if twice else line.agent
                lost = f.OfferUnreachable if twice else f.OfferLost
                several = list(line.offers)
                line.offers.clear()
                for one in several:
                    self.act(lost(one, fact.why), now)
            elif fact.order == "DialCallback":
                line.dialled = ""
                line.offers.clear()
                self.act(f.OfferUnreachable(offer, fact.why), now)
        if self._other is not None:
            self._other(fact, now)

    # Towards the switch --------------------------------------------------------------------

    def _apply(self, decisions: Sequence[d.Decision]) -> None:
        carry_out, notice = self._carry_out, self._notice
        for decision in decisions:
            order = carry_out.get(type(decision))
            if order is not None:
                order(decision)
            notice(decision)
        while self._rounds:
            call = self._rounds.pop()
            line = self._lines.get(call)
            if line is not None and line.movable:
                self._ring(call, line)

    def _offer(self, offer: d.Offer) -> None:
        line = self._lines.get(offer.call)
        if line is None:
            line = self._lines[offer.call] = Line()
        phone = self._phone(offer.agent)
        line.agent = offer.agent
        if offer.round and line.round == offer.round and isinstance(line.parked, c.OfferCall):
            line.offers[offer.offer] = offer.agent
            one = c.AlsoRing(offer.offer, offer.agent, phone)
            line.parked = replace(line.parked, also=(*line.parked.also, one))
            return
        line.offers, line.round = {offer.offer: offer.agent}, offer.round
        line.parked = c.OfferCall(offer.call, offer.offer, offer.agent, phone, offer.ring_s)
        if offer.round:
            self._rounds.append(offer.call)  # the others follow
        elif line.movable:
            self._ring(offer.call, line)

    def _ring(self, call_id: str, line: Line) -> None:
        """Ring for a caller who can be moved now, if that was decided."""
        if line.parked is not None and self.reachable(call_id):
            order, line.parked = line.parked, None
            line.movable = line.visited = False
            self.execute(order)

    def _visit_begins(self, fact: e.WaitVisited, now: float) -> None:
        line = self._lines.get(fact.call_id)
        if line is not None:
            line.visited = True
        if not self.sending.move(fact.call_id, now) and self._other is not None:
            self._other(fact, now)

    def forget_sent(self, call_id: str) -> None:
        """The caller is where the engine sent the caller: nothing of ours any more."""
        line = self._lines.get(call_id)
        if line is not None and line.sent is not None:
            del self._lines[call_id]

    def _callback(self, offer: d.Callback) -> None:
        line = self._lines.get(offer.call)
        if line is None:
            line = self._lines[offer.call] = Line()
        line.offers = {offer.offer: offer.agent}
        line.parked = c.DialCallback(
            offer.call,
            offer.offer,
            offer.agent,
            self._phone(offer.agent),
            offer.number,
            self.caller_id(offer.queue),
            offer.ring_s,
            self._dial_s,
        )
        self._dial(line)

    def _dial(self, line: Line) -> None:
        """Place the callback that was decided, unless the attempt before it is still ending."""
        order = line.parked
        if order is not None and not line.dialled and self.reachable(order.call_id):
            line.parked = None
            line.dialled = order.offer_id
            self.execute(order)

    def _cancel(self, cancel: d.CancelOffer) -> None:
        line = self._lines.get(cancel.call)
        if line is not None and line.talking and cancel.reason.code == ANSWERED_ELSEWHERE:
            return  # the switch has stopped ringing the others by itself
        open_yet = line is not None and line.offers.pop(cancel.offer, None) is not None
        if line is not None and open_yet and line.parked is not None:
            self._not_rung(line, cancel.offer)
            return  # the switch never heard of it
        self.execute(c.CancelOffer(cancel.call, cancel.offer))

    @staticmethod
    def _not_rung(line: Line, offer: str) -> None:
        """An offer that waits to be carried out, alone or with others, is over."""
        order, line.parked = line.parked, None
        if isinstance(order, c.OfferCall) and line.offers:
            first, *rest = (one for one in order.phones if one.offer_id != offer)
            line.parked = c.OfferCall(
                order.call_id,
                first.offer_id,
                first.agent_id,
                first.phone,
                order.ring_s,
                tuple(rest),
            )

    def _offer_ended(self, ended: d.OfferEnded) -> None:
        line = self._lines.get(ended.call)
        open_yet = line is not None and line.offers.pop(ended.offer, None) is not None
        if line is not None and open_yet and line.parked is not None:
            self._not_rung(line, ended.offer)

    def _entered(self, entered: d.CallEntered) -> None:
        """After an overflow the caller waits as the other queue lets its callers wait."""
        line = self._lines.get(entered.call)
        if line is not None and line.wait is not None and line.wait.queue != entered.queue:
            since = line.wait.entered_at
            line.wait = self.wait_order(entered.call, entered.queue, since)
            if line.movable and not line.offer:
                self.wait_again(entered.call)

    def _left(self, left: d.CallLeft) -> None:
        if left.outcome not in ("answered", "overflowed", "reached"):
            self._lines.pop(left.call, None)

    def _completed(self, completed: d.CallCompleted) -> None:
        if completed.onward not in STAYS:
            self._lines.pop(completed.call, None)
