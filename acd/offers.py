"""Offers: a phone rings, and every way that this can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acd import choice, preferring, rona
from acd import decisions as d
from acd import facts as f
from acd.decisions import CallLeft, Offer, OfferEnded, Reason, Value
from acd.lines import CONNECTED, OFFERED, Visit
from acd.refusals import Refusal
from acd.states import NOT_READY, READY
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor

OFFER_MARGIN_S: Final = 5.0
"""How long after `ring_s` the engine gives up by itself; the switch should say so first."""

DECLINED: Final = "declined"

RING_TIME_OVER: Final = d.Reason("ring-time-over")
ANSWERED: Final = d.Reason("answered")
REACHED: Final = d.Reason("callback-reached")
ELSEWHERE: Final = d.Reason("answered-elsewhere")


class OpenOffer:
    """A phone that rings for a visit; `round`: the first of several that ring at once, or ""."""

    __slots__ = ("agent", "deadline", "id", "rang", "round", "started", "timer", "visit")

    def __init__(
        self,
        offer: str,
        visit: Visit,
        agent: AgentRecord,
        started: float,
        deadline: float,
        round_: str = "",
    ) -> None:
        self.id = offer
        self.visit = visit
        self.agent = agent
        self.started = started
        self.deadline = deadline
        self.timer = NO_TIMER
        self.rang = False
        self.round = round_


def make(
    floor: Floor,
    visit: Visit,
    agent: AgentRecord,
    among: int,
    waiting: int,
    chosen: Reason | None = None,
    *,
    later: int = 0,
) -> None:
    """Reserve an agent for a visit that is in no line (any more), and order the ringing.

    `among`: how many idle agents could have got it, `later`: how many more the queue would
    have asked after them; `waiting`: how many callers the agent could have got. `chosen`:
    why, when it was a person who chose.
    """
    if chosen is None:
        if agent.group.shares is not None:
            floor.matching.count(agent, visit.queue)
        chosen = _why(floor, visit, agent, among, waiting, later)
    floor.out.append(_reserve(floor, visit, agent, chosen))


def make_round(floor: Floor, visit: Visit, agents: list[AgentRecord], waiting: int) -> None:
    """Reserve several agents for a visit that is in no line; who answers first has it."""
    if agents[0].group.shares is not None:
        floor.matching.count(agents[0], visit.queue)
    name = f"o{floor.last_offer + 1}"
    orders = []
    for agent in agents:
        reason = _why(floor, visit, agent, len(agents), waiting, 0, phones=len(agents))
        orders.append(_reserve(floor, visit, agent, reason, name))
    floor.out.extend(orders)


def _why(
    floor: Floor,
    visit: Visit,
    agent: AgentRecord,
    among: int,
    waiting: int,
    later: int,
    phones: int = 1,
) -> Reason:
    """Why this agent gets this caller: the rule that decided, with its figures."""
    now = floor.now
    config = visit.queue.config
    idle_since = agent.idle_since
    data: dict[str, Value] = {
        "needs": visit.line.needs_text,
        "agents": among,
        "idle_s": 0.0 if idle_since is None else now - idle_since,
        "waiting": waiting,
        "waited_s": now - visit.entered,
        "priority": config.priority + visit.priority,
    }
    if later:
        data["later"] = later
    if agent.config.order:
        data["order"] = agent.config.order.get(visit.queue.id, 1)
    if floor.site.sharing != "arrival" and len(agent.group.queues) > 1:
        data["sharing"] = floor.site.sharing
    if visit.preferred == agent.id:
        data["why"], data["agent"] = visit.preferred_why, agent.id
        return Reason("preferred-agent", data)
    if visit.first:
        data["first_after_s"] = config.first_after_s
        return Reason("starved", data)
    if phones > 1:
        data["phones"] = phones
        return Reason("ring-several", data)
    if among > 1:
        if config.choice != "longest-idle":
            data |= choice.figures(agent, visit.line, now)
        return Reason(config.choice, data)
    return Reason("first-in-order" if later else "only-free", data)


def _reserve(
    floor: Floor, visit: Visit, agent: AgentRecord, reason: Reason, round_: str = ""
) -> Offer | d.Callback:
    """Put the agent into the state of ringing; the order is to be given out."""
    now = floor.now
    queue = visit.queue
    ring_s = queue.config.ring_s
    deadline = now + ring_s + agent.answer_s + OFFER_MARGIN_S
    floor.last_offer = number = floor.last_offer + 1
    offer = OpenOffer(f"o{number}", visit, agent, now, deadline, round_)
    offer.timer = floor.timers.start(deadline, "offer", offer.id)
    floor.offers[offer.id] = offer
    visit.place = OFFERED
    agent.offer = offer.id
    if visit.offer:
        visit.others = (*visit.others, offer.id)
    else:
        visit.offer = offer.id
        visit.agent = agent.id
    agent.call = visit.call
    agent.queue = queue.id
    agent.deadline = deadline
    if queue.remembers and visit.kind != "outbound":
        choice.offered(agent, queue, number, now)
    floor.move(agent, "offered")
    if visit.kind == "call":
        return Offer(offer.id, visit.call, agent.id, queue.id, ring_s, deadline, reason, round_)
    return d.Callback(
        offer.id, visit.call, agent.id, queue.id, visit.number, ring_s, deadline, reason
    )


def close(floor: Floor, offer: OpenOffer, outcome: str, cancel: d.Reason | None = None) -> None:
    """End an offer; the caller and the agent are then for the caller of this to place.

    `cancel` also stops the ringing, when the switch does not know yet.
    """
    visit, agent = offer.visit, offer.agent
    floor.timers.cancel(offer.timer)
    del floor.offers[offer.id]
    if visit.others:
        _rings_on(floor, visit, offer)
    else:
        visit.offer = visit.agent = ""
    agent.offer = agent.call = agent.queue = ""
    agent.deadline = None
    if cancel is not None:
        floor.out.append(d.CancelOffer(offer.id, visit.call, agent.id, cancel))
    floor.out.append(OfferEnded(offer.id, visit.call, agent.id, outcome, floor.now - offer.started))


def _rings_on(floor: Floor, visit: Visit, over: OpenOffer) -> None:
    """One of several phones is out: the visit keeps the others."""
    left = tuple(name for name in (visit.offer, *visit.others) if name != over.id)
    visit.offer, visit.others = left[0], left[1:]
    visit.agent = floor.offers[left[0]].agent.id


def cancel_all(floor: Floor, visit: Visit, reason: d.Reason) -> list[AgentRecord]:
    """Stop every phone that rings for a visit; its agents are to be placed afterwards."""
    agents = []
    while visit.offer:
        offer = floor.offers[visit.offer]
        agents.append(offer.agent)
        close(floor, offer, "cancelled", reason)
    return agents


def ask_others(floor: Floor, offer: OpenOffer) -> None:
    """The agent is out: to the next one, unless other phones ring on."""
    visit = offer.visit
    if visit.preferred == offer.agent.id:
        preferring.give_up(floor, visit)
    if not visit.offer:
        floor.back_in_line(visit)


def connect(floor: Floor, visit: Visit, agent: AgentRecord, reason: d.Reason, event: str) -> None:
    """The two talk now; the visit's wait is over."""
    now = floor.now
    outcome = "answered" if visit.kind == "call" else "reached"
    visit.place = CONNECTED
    visit.answered = now
    visit.agent = agent.id
    agent.call = visit.call
    agent.queue = visit.queue.id
    agent.idle_since = None
    agent.misses = 0
    if agent.busy_since is None:
        agent.busy_since = now
    if visit.queue.remembers and visit.kind != "outbound":
        choice.counted(agent, visit.queue)
    floor.count_left(visit, outcome)
    floor.out.append(
        CallLeft(
            visit.call,
            visit.queue.id,
            visit.entered,
            outcome,
            now - visit.entered,
            agent.id,
            reason,
            visit.kind,
        )
    )
    if event == "answered":
        floor.move(agent, "answered")
    else:
        floor.move(agent, "found-talking")


def _open(floor: Floor, offer_id: str) -> OpenOffer:
    offer = floor.offers.get(offer_id)
    if offer is None:
        raise Refusal("offer-over", f"offer {offer_id} is over or was never made")
    return offer


def rang(floor: Floor, fact: f.OfferRang) -> None:
    """The phone rings; nothing depends on it yet."""
    offer = _open(floor, fact.offer)
    if offer.rang:
        raise Refusal("no-change", f"offer {fact.offer} rings already")
    offer.rang = True


def accepted(floor: Floor, fact: f.OfferAccepted) -> None:
    """The agent is there. A caller is connected, any other customer is dialled.

    Other phones that ring for the caller are stopped, and their agents are as before.
    """
    from_offer = _open(floor, fact.offer)
    visit, agent = from_offer.visit, from_offer.agent
    visit.queue.pace.ring.add(floor.now - from_offer.started)
    close(floor, from_offer, "accepted")
    if visit.kind == "call":
        others = cancel_all(floor, visit, ELSEWHERE) if visit.offer else ()
        connect(floor, visit, agent, ANSWERED, "answered")
        for other in others:
            floor.settle(other)
    else:
        floor.dial(visit, agent, fact.offer)


def declined(floor: Floor, fact: f.OfferDeclined) -> None:
    """The agent refused: not ready, and the next agent is asked."""
    refuse(floor, _open(floor, fact.offer), DECLINED, None)


def refuse(floor: Floor, offer: OpenOffer, reason: str, cancel: d.Reason | None) -> None:
    """Take an offer from an agent who does not want it."""
    close(floor, offer, "refused", cancel)
    if _own_call_over(floor, offer):
        return
    offer.agent.want(NOT_READY, reason)
    floor.stop(offer.agent, "declined", reason)
    ask_others(floor, offer)


def unanswered(floor: Floor, fact: f.OfferUnanswered) -> None:
    """RONA, as the switch says."""
    _no_answer(floor, _open(floor, fact.offer), None)


def ring_time_over(floor: Floor, offer_id: str) -> None:
    """RONA, as the clock says; the switch has been silent."""
    _no_answer(floor, floor.offers[offer_id], RING_TIME_OVER)


def _no_answer(floor: Floor, offer: OpenOffer, cancel: d.Reason | None) -> None:
    close(floor, offer, "unanswered", cancel)
    if _own_call_over(floor, offer):
        return
    visit, agent = offer.visit, offer.agent
    if rona.missed(floor, agent, visit.queue.config.rona):
        ask_others(floor, offer)
        return
    if agent.id not in visit.missed_by:
        visit.missed_by = (*visit.missed_by, agent.id)
    ask_others(floor, offer)
    floor.settle(agent)


def unreachable(floor: Floor, fact: f.OfferUnreachable) -> None:
    """The phone is broken: the agent is out till it is whole, the caller keeps the place."""
    broke(floor, _open(floor, fact.offer), fact.why, None)


def broke(floor: Floor, offer: OpenOffer, why: str, cancel: d.Reason | None) -> None:
    """End an offer for a broken phone."""
    close(floor, offer, "unreachable", cancel)
    if _own_call_over(floor, offer):
        return
    if offer.agent.intent == READY:
        floor.stop(offer.agent, "unreachable", why or "unreachable")
    else:
        floor.settle(offer.agent)
    ask_others(floor, offer)


def _own_call_over(floor: Floor, offer: OpenOffer) -> bool:
    """A call that the agent wanted to place: it is over, and nobody is to blame."""
    if offer.visit.kind != "outbound":
        return False
    floor.put_back(offer.visit)
    floor.settle(offer.agent)
    return True


def lost(floor: Floor, fact: f.OfferLost) -> None:
    """Nobody's fault: the caller keeps the place, the agent the idle clock."""
    offer = _open(floor, fact.offer)
    close(floor, offer, "cancelled")
    keep_place(floor, offer)


def keep_place(floor: Floor, offer: OpenOffer) -> None:
    """Nobody is to blame for the end of an offer: the next agent is asked, this one as well."""
    visit = offer.visit
    if visit.offer:  # other phones ring on
        floor.settle(offer.agent)
        return
    floor.rehome(visit)
    floor.put_back(visit)
    floor.settle(offer.agent)
    floor.seek_agent_if_waiting(visit)
