"""The language of routing scenarios: rows of text, `time | what happens | all that is decided`.

    queue q wrap=10 needs=billing:3      a queue; any field of `Site.Queue` has a word here
    agent anna q,vip billing:3           an agent, the queues, the skills
    agent bob q - order=q:2 weight=3     `-` for no skills; then further words
    site sharing=weight worth=30         what is for all queues; grace=60 keeps places
    queue q rule=waited:20:queue:other   rules in their order: when, limit, kind, target
    5 | call c1 q | ring anna c1         at 5 s; `-` stands for nothing at all

A requirement is `billing:3,german:5/english:8,!trainee:1`: all of these, `/` is or, `!` not.

Decisions are written short: `ring` an offer, `dial` a callback, `stop` a cancelled offer,
`out` a stay that ended (outcome, waited), `talked` (seconds, on hold), `wrapped`, an
agent's new state, a callback's new state, `relaxed` what is still asked for. Entering a queue,
the end of an offer and the `reserved` of who rings go without saying: the ledger that runs
beside checks them. `why c1` gives the reason of the last offer, or of waiting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.reasons import sentence
from acd.site import Agent, Onward, Queue, Relax, Rona, Rule, Site, SkillNeed


def short(decision: d.Decision) -> str | None:
    """One decision as in the tables; None for what goes without saying."""
    match decision:
        case d.Offer():
            return f"ring {decision.agent} {decision.call}"
        case d.Callback():
            return f"dial {decision.agent} {decision.call}"
        case d.CancelOffer():
            return f"stop {decision.agent}"
        case d.CallLeft():
            return f"out {decision.call} {decision.outcome} {decision.waited_s:g}"
        case d.CallCompleted():
            onward = f" to {decision.onward}" if decision.onward else ""
            return f"talked {decision.call} {decision.talk_s:g}+{decision.hold_s:g}{onward}"
        case d.CallTaken():
            return f"taken {decision.call} {decision.agent}"
        case d.CancelLeg():
            return f"unring {decision.agent}"
        case d.WrapUpEnded():
            forced = " forced" if decision.forced else ""
            return f"wrapped {decision.agent} {decision.wrap_up_s:g}{forced}"
        case d.AgentChanged(state="reserved") if decision.offer:
            return None
        case d.AgentChanged():
            reason = f" ({decision.reason})" if decision.reason else ""
            return f"{decision.agent} {decision.state}{reason}"
        case d.RequirementRelaxed():
            also = "".join(f" +{queue}" for queue in decision.also)
            return f"relaxed {decision.call} {decision.needs or 'nothing'}{also}"
        case d.CallbackChanged():
            promise = f" ({decision.promise})" if decision.promise else ""
            return f"{decision.callback} {decision.state}{promise}"
        case d.CallTurnedAway():
            to = f"{decision.kind} {decision.target}".rstrip()
            return f"away {decision.call} {to} ({decision.reason.code})"
        case d.SendOn():
            return f"send {decision.call} {decision.kind} {decision.target}".rstrip()
        case d.QueueChanged():
            return f"{decision.queue} {'open' if decision.open else 'closed'}"
        case d.CallEntered(reason=d.Reason() as reason):
            return f"back {decision.call} ({reason.code})"
        case d.PositionTold():
            before = "" if decision.before is None else f" was {decision.before}"
            return f"told {decision.call} {decision.position}{before}{_came(decision.reason)}"
        case d.Refused():
            return f"refused {decision.code}"
    return None


def _came(reason: d.Reason) -> str:
    """Who came in front, of a position that is worse."""
    names = ("priority", "earlier", "kept", "callback", "returned", "first")
    came = [f"{reason.data[name]} {name}" for name in names if reason.data.get(name)]
    return f" ({', '.join(came)})" if came else ""


def _rule(text: str) -> Rule:
    """`waited:20:voicemail:sales`; the limit and the target may be empty."""
    when, limit, kind, target = text.split(":")
    return Rule(when, Onward(kind, target), float(limit or 0))  # type: ignore[arg-type]


def read_needs(text: str) -> tuple[SkillNeed, ...]:
    """A requirement, as in the text above."""
    needs = []
    for part in text.split(","):
        first, *others = (_one_need(one) for one in part.split("/"))
        needs.append(SkillNeed(first.skill, first.level, first.below, tuple(others)))
    return tuple(needs)


def _one_need(text: str) -> SkillNeed:
    skill, level = text.lstrip("!").split(":")
    return SkillNeed(skill, int(level), text.startswith("!"))


def _relax(text: str) -> Relax:
    """`20:-2:drop=a:also=q2+q3` is a step at 20 s."""
    after_s, *parts = text.split(":")
    fields: dict[str, object] = {}
    for part in parts:
        if part.startswith("-"):
            fields["lower_by"] = int(part[1:])
        else:
            name, _, value = part.partition("=")
            fields[name] = tuple(value.split("+"))
    return Relax(float(after_s), **fields)  # type: ignore[arg-type]


def read_site(words: list[str]) -> dict[str, object]:
    """`site` row of a scenario."""
    fields: dict[str, object] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "sharing":
            fields["sharing"] = value
        elif name == "worth":
            fields["priority_worth_s"] = float(value)
        elif name == "grace":
            fields["place_grace_s"] = float(value)
        else:
            raise AssertionError(f"unknown word {word}")
    return fields


def read_queue(words: list[str]) -> Queue:
    """`queue` row of a scenario."""
    fields: dict[str, object] = {}
    for word in words[1:]:
        name, _, value = word.partition("=")
        if name == "wrap":
            fields["wrap_up_s"] = None if value == "none" else float(value)
        elif name == "ring":
            fields["ring_s"] = float(value)
        elif name == "priority":
            fields["priority"] = int(value)
        elif name == "extend":
            fields["extend_s"] = float(value)
        elif name == "rona":
            misses, then, *pause = value.replace("_", " ").split(":")
            fields["rona"] = Rona(int(misses), then, *map(float, pause))  # type: ignore[arg-type]
        elif name == "needs":
            fields["needs"] = read_needs(value)
        elif name == "choice":
            fields["choice"] = value
        elif name == "rings":
            fields["ring_several"] = int(value)
        elif name == "weight":
            fields["weight"] = float(value)
        elif name == "threshold":
            fields["threshold_s"] = float(value)
        elif name == "first":
            fields["first_after_s"] = float(value)
        elif name == "relax":
            fields["relax"] = tuple(map(_relax, value.split(",")))
        elif name == "overflow":
            after, target = value.split(":")
            fields["rules"] = (Rule("waited", Onward("queue", target), float(after)),)
        elif name == "rule":
            fields["rules"] = (*fields.get("rules", ()), _rule(value))  # type: ignore[misc]
        elif name == "staffed":
            fields["staffed"] = value.replace("_", " ")
        elif name == "work":
            fields["work"] = value
        elif name == "expires":
            fields["callback_expires_s"] = float(value)
        elif name == "window":
            fields["callback_window_s"] = float(value)
        elif name == "attempts":
            fields["callback_attempts"] = int(value)
        elif name == "retry":
            fields["callback_retry_s"] = float(value)
        else:
            raise AssertionError(f"unknown word {word}")
    return Queue(words[0], **fields)  # type: ignore[arg-type]


def read_agent(words: list[str]) -> Agent:
    """`agent` row of a scenario."""
    given = words[2] if len(words) > 2 else "-"
    skills = {} if given == "-" else {need.skill: need.level for need in read_needs(given)}
    fields: dict[str, object] = {}
    for word in words[3:]:
        name, _, value = word.partition("=")
        if name == "order":
            pairs = (pair.split(":") for pair in value.split(","))
            fields["order"] = {queue: int(number) for queue, number in pairs}
        elif name == "weight":
            fields["weight"] = float(value)
        else:
            raise AssertionError(f"unknown word {word}")
    return Agent(words[0], queues=tuple(words[1].split(",")), skills=skills, **fields)  # type: ignore[arg-type]


def read_call(words: list[str]) -> f.CallQueued:
    """`call` fact of a scenario."""
    needs: tuple[SkillNeed, ...] = ()
    priority, entered = 0, None
    preferred, preferred_s, why = "", 0.0, "last agent"
    caller, stays = "", False
    for word in words[2:]:
        name, _, value = word.partition("=")
        if name == "needs":
            needs = read_needs(value)
        elif name == "prefers":
            preferred, limit = value.split(":")
            preferred_s = float(limit)
        elif name == "prio":
            priority = int(value)
        elif name == "from":
            caller = value
        elif name == "stays":
            stays = True
        else:
            entered = float(value)
    wish = (preferred, preferred_s, why)
    return f.CallQueued(words[0], words[1], needs, priority, entered, *wish, caller, stays)


class Play:
    """Runs one scenario on a checked engine."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.engine = Engine(site)
        self.checked = CheckedEngine(self.engine)
        self.last_offer: dict[str, str] = {}
        self.reasons: dict[str, d.Reason] = {}  # of each call's last offer

    def facts(self, text: str) -> list[f.Fact]:
        """The facts that a row's second column stands for; none for `tick`."""
        readers: dict[str, Callable[[list[str]], f.Fact]] = {
            "sign in": lambda w: f.AgentSignedIn(w[0]),
            "sign out": lambda w: f.AgentSignedOut(w[0]),
            "break": lambda w: f.AgentNotReady(w[0], w[1]),
            "phone up": lambda w: f.PhoneHealthy(w[0]),
            "phone down": lambda w: f.PhoneFailed(w[0]),
            "console lost": lambda w: f.ConsoleLost(w[0]),
            "console back": lambda w: f.ConsoleBack(w[0]),
            "call": read_call,
            "gone": lambda w: f.CallerGone(w[0]),
            "withdraw": lambda w: f.CallWithdrawn(w[0], w[1]),
            "rang": lambda w: f.OfferRang(self.last_offer[w[0]]),
            "answer": lambda w: f.OfferAccepted(self.last_offer[w[0]]),
            "decline": lambda w: f.OfferDeclined(self.last_offer[w[0]]),
            "no answer": lambda w: f.OfferUnanswered(self.last_offer[w[0]]),
            "unreachable": lambda w: f.OfferUnreachable(self.last_offer[w[0]]),
            "lost": lambda w: f.OfferLost(self.last_offer[w[0]]),
            "hold": lambda w: f.CallHeld(w[0]),
            "retrieve": lambda w: f.CallRetrieved(w[0]),
            "end": lambda w: f.CallEnded(w[0], " ".join(w[1:])),
            "found": lambda w: f.CallFoundConnected(w[0], w[1], w[2], float(w[3])),
            "transfer": lambda w: f.CallTransferred(w[0], w[1]),
            "to agent": lambda w: f.CallTransferred(w[0], w[1], w[2]),
            "park": lambda w: f.CallTransferred(w[0], w[1], park_s=float(w[2])),
            "gives": lambda w: f.CallTransferred(w[0], onward=w[1]),
            "hand over": lambda w: f.CallHandedOver(w[0], w[1]),
            "pick": lambda w: f.CallPicked(w[0], w[1]),
            "assign": lambda w: f.CallPicked(w[0], w[1], w[2]),
            "leg answered": lambda w: f.LegAnswered(w[0]),
            "leg over": lambda w: f.LegOver(w[0], " ".join(w[1:]) or "ended"),
            "leg": lambda w: f.LegOffered(w[0], w[1], w[2]),
            "joins": lambda w: f.LegOffered(w[0], w[1], w[2], own=True),
            "consult over": lambda w: f.ConsultEnded(w[0]),
            "consult": lambda w: f.ConsultBegan(w[0]),
            "conference": lambda w: f.ConferenceBegan(w[0]),
            "dials": lambda w: f.CallDialled(w[0], w[1], w[2], "+15550100"),
            "wrapped": lambda w: f.WrapUpDone(w[0]),
            "extend": lambda w: f.WrapUpExtended(w[0], float(w[1])),
            "ask": lambda w: f.EntryAsked(w[0], w[1]),
            "open": lambda w: f.QueueOpened(w[0]),
            "close": lambda w: f.QueueClosed(w[0]),
            "position": lambda w: f.PositionAsked(w[0]),
            "callback": lambda w: f.CallbackRequested(
                w[1], w[0], "+15550100", float(w[2]) if w[2:] else None
            ),
            "move": lambda w: f.CallbackRescheduled(w[0], float(w[1]), *w[2:]),
            "hurry": lambda w: f.CallbackRescheduled(w[0], None, "zoe"),
            "reached": lambda w: f.CallbackConnected(w[0]),
            "failed": lambda w: f.CallbackFailed(w[0], " ".join(w[1:])),
            "cancel": lambda w: f.CallbackCancelled(w[0]),
            "resumed": lambda w: f.Resumed(float(w[0])),
            "without": self._without,
            "restored": lambda w: f.Configured(self.site),
        }
        if text == "tick":
            return []
        if text == "snapshot":
            state = json.loads(json.dumps(self.engine.snapshot()))
            self.engine = Engine.restore(self.site, state)
            self.checked.engine = self.engine
            return []
        if text.startswith("ready "):
            agent = text.split()[1]
            known = self.engine.agents.get(agent)
            signed_in = known is None or known.state != "offline"
            return [*([] if signed_in else [f.AgentSignedIn(agent)]), f.AgentReady(agent)]
        for name, read in readers.items():
            if text == name or text.startswith(name + " "):
                return [read(text[len(name) :].split())]
        raise AssertionError(f"unknown fact {text!r}")

    def _without(self, words: list[str]) -> f.Fact:
        gone = set(words)
        return f.Configured(
            Site(
                tuple(queue for queue in self.site.queues if queue.id not in gone),
                tuple(
                    Agent(
                        agent.id,
                        queues=tuple(q for q in agent.queues if q not in gone),
                        skills=agent.skills,
                    )
                    for agent in self.site.agents
                    if agent.id not in gone
                ),
            )
        )

    def why(self, call: str, at: float) -> str:
        """Why the call rings where it rings, or why it still waits."""
        reason = self.engine.why_waiting(call, at)
        if reason.code == "ringing":
            reason = self.reasons[call]
        assert sentence(reason, "zh") != reason.code
        return sentence(reason, "en")

    def row(self, at: float, text: str) -> str:
        """What is decided, as in the third column."""
        if text.startswith("why "):
            return self.why(text.split()[1], at)
        decisions = list(self.checked.tick(at)) if text == "tick" else []
        for fact in self.facts(text):
            decisions += self.checked.handle(fact, at)
        for decision in decisions:
            if isinstance(decision, d.Offer | d.Callback):
                self.last_offer[decision.agent] = decision.offer
                self.reasons[decision.call] = decision.reason
        return "; ".join(filter(None, map(short, decisions))) or "-"


def play(scenario: str) -> Play:
    """Play a scenario; every row has to come out as written."""
    site: dict[str, object] = {}
    queues, agents, rows = [], [], []
    for line in filter(None, map(str.strip, scenario.splitlines())):
        if line.startswith("site "):
            site = read_site(line.split()[1:])
        elif line.startswith("queue "):
            queues.append(read_queue(line.split()[1:]))
        elif line.startswith("agent "):
            agents.append(read_agent(line.split()[1:]))
        else:
            rows.append([part.strip() for part in re.split(r"\|", line)])
    playing = Play(Site(tuple(queues), tuple(agents), **site))  # type: ignore[arg-type]
    for at, text, expected in rows:
        decided = playing.row(float(at), text)
        assert decided == expected, f"at {at}: {text} | {decided}"
    playing.checked.ledger.demand()
    return playing
