"""Engines with a mistake in what they hear or say, for harnesses to find."""

from __future__ import annotations

from dataclasses import replace

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine


class Broken(Engine):
    """The real engine with a planted bug."""

    def tick(self, now: float) -> list[d.Decision]:
        return self.spoil(super().tick(now))

    def handle(self, fact: f.Fact, now: float) -> list[d.Decision]:
        if self.swallow(fact):
            return []
        return self.spoil(super().handle(fact, now))

    def swallow(self, fact: f.Fact) -> bool:
        return False

    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return decisions


class LeavesWithoutAbandon(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.CallerGone)


class StuckInReserved(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.OfferUnanswered | f.OfferDeclined | f.OfferUnreachable)


class CountedTwice(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        left = [x for x in decisions if isinstance(x, d.CallLeft)]
        return [*decisions, *left]


class GoneShownAsAnswered(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [
            replace(x, outcome="answered")
            if isinstance(x, d.CallLeft) and x.outcome == "abandoned"
            else x
            for x in decisions
        ]


class TwoAgentsForOneCall(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        more = [
            replace(x, offer=x.offer + "b", agent="able")
            for x in decisions
            if isinstance(x, d.Offer) and x.agent != "able"
        ]
        return [*decisions, *more]


class ForgetsTheEndOfAnOffer(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [x for x in decisions if not isinstance(x, d.OfferEnded)]


class BackwardsClock(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [
            replace(x, talk_s=-x.talk_s - 1) if isinstance(x, d.CallCompleted) else x
            for x in decisions
        ]


class LosesTheLine(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [x for x in decisions if not isinstance(x, d.CallEntered)]


class ConsultedAgentGetsAnOffer(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        on_legs = [agent.id for agent in self.agents.values() if agent.leg]
        more = [
            replace(x, offer=x.offer + "b", agent=agent)
            for x in decisions
            if isinstance(x, d.Offer)
            for agent in on_legs[:1]
        ]
        return [*decisions, *more]


class TransferredCallerCountedTwice(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        gone = {x.call for x in decisions if isinstance(x, d.CallCompleted) and x.onward}
        again = [x for x in decisions if isinstance(x, d.CallEntered) and x.call in gone]
        return [*decisions, *again]


class HandsOverWithoutTelling(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [x for x in decisions if not isinstance(x, d.CallTaken)]


class DeafToHours(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.QueueClosed)


class LetsEverybodyIn(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.EntryAsked)


class DeafToStaffing(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.AgentStaffed)


class TellsWrongPositions(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [
            replace(x, position=x.position + 1) if isinstance(x, d.PositionTold) else x
            for x in decisions
        ]


class BreaksPromisesUnseen(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [
            replace(x, promise="kept") if isinstance(x, d.CallbackChanged) and x.promise else x
            for x in decisions
        ]


class OneMoreChat(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        more = [replace(x, agent="able") for x in decisions if isinstance(x, d.OfferItem)]
        return [*decisions, *more]


class SendsOnWithoutSayingSo(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        gone = {x.call for x in decisions if isinstance(x, d.SendOn)}
        return [x for x in decisions if not isinstance(x, d.CallLeft) or x.call not in gone]
