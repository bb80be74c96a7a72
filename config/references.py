"""Checks that the parts of a site fit together: every name leads to something that is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping

from acd.site import CALL, Onward
from config.queue_reading import rule_path
from config.site import Agent, AsteriskSwitch, Queue, Site, TwilioSwitch
from ivr import flow as steps
from ivr.flow import Flow, speeches
from ivr.mistakes import Mistake, closest, suggestion
from ivr.reading import Path, Report
from ivr.skillneeds import Need, met, skills_of, written

LineOf = Callable[[Path], int]
MUSIC = ("default",)  # what every installation of Asterisk has


def check_references(
    site: Site,
    report: Report,
    flow_lines: Mapping[str, LineOf],
    flow_names: Collection[str],
    recordings: Collection[str],
) -> tuple[Mistake, ...]:
    """Report every name that leads nowhere; return what is odd but harmless.

    `flow_lines` gives the line of a path in each flow's file; `flow_names` are all flows,
    also those that could not be read.
    """
    _Site(site, report, flow_names).check()
    for flow_id, flow in site.flows.items():
        flow_report = Report(flow.file, flow_lines[flow_id])
        _Flow(site, flow, flow_report, recordings).check()
        report.mistakes += flow_report.mistakes
    return tuple(_oddities(site, report))


class _Site:
    def __init__(self, site: Site, report: Report, flow_names: Collection[str]) -> None:
        self.site = site
        self.report = report
        self.flow_names = flow_names

    def check(self) -> None:
        self.queues()
        self.agents()
        self.speed_dials()
        self.switches()
        self.when_away()
        self.kinds()
        self.callbacks()
        self.music()
        self.alerts()

    def known(self, path: Path, what: str, name: str, names: Collection[str]) -> None:
        if name and name not in names:
            self.report.add(path, f"there is no {what} {name!r}", suggestion(name, names))

    def alerts(self) -> None:
        """An alert about nothing would never be raised."""
        for rule in self.site.alerts or ():
            known = self.site.teams if rule.scope == "team" else self.site.queues
            self.known(("alerts", rule.id, rule.scope), rule.scope, rule.target, known)

    def queues(self) -> None:
        for queue in self.site.queues.values():
            at: Path = ("queues", queue.id)
            self.known((*at, "hours"), "calendar", queue.hours, self.site.calendars)
            for skill in skills_of(queue.needs):
                self.known((*at, "needs", skill), "skill", skill, self.site.skills)
            for index, step in enumerate(queue.relax):
                for skill in step.drop:
                    self.known((*at, "relax", index, "drop"), "skill", skill, self.site.skills)
                for name in step.also:
                    path = (*at, "relax", index, "also")
                    self.other_queue(path, queue, name, "looks for more agents in")
            for path, flow in _announced(queue):
                self.known(path, "flow", flow, self.flow_names)
            for index, rule in enumerate(queue.rules):
                self.target((*at, *rule_path(queue.rules, index)), queue, rule.to)

    def target(self, path: Path, queue: Queue, to: Onward) -> None:
        """Where a queue sends its callers: it is there, takes them, and may be dialled."""
        match to.kind:
            case "queue":
                self.other_queue(path, queue, to.target, "sends its callers to")
            case "flow":
                self.known(path, "flow", to.target, self.flow_names)
                self.kind(path, to.target, "entry")
            case "number" if not self.site.transfer_numbers.permits(to.target):
                message = f"callers may not be sent to {to.target!r}"
                self.report.add(path, message, "add its prefix to 'transfers: {allow: [...]}'")

    def other_queue(self, path: Path, queue: Queue, name: str, does: str) -> None:
        """Another queue, for the same kind of work."""
        other = self.site.queues.get(name)
        if other is None:
            self.known(path, "queue", name, self.site.queues)
        elif name == queue.id:
            message = f"the queue {name!r} {does} itself"
            self.report.add(path, message, "name another queue or leave it out")
        elif other.work != queue.work:
            message = f"the queue {name!r} is for work of kind {other.work!r}"
            self.report.add(path, message, f"name a queue with 'work: {queue.work}'")

    def agents(self) -> None:
        for agent in self.site.agents.values():
            at: Path = ("agents", agent.id)
            for index, queue in enumerate(agent.queues):
                key = queue if agent.order else index
                self.known((*at, "queues", key), "queue", queue, self.site.queues)
            for skill in agent.skills:
                self.known((*at, "skills", skill), "skill", skill, self.site.skills)
            self.known((*at, "team"), "team", agent.team, self.site.teams)
            for index, phone in enumerate(agent.phones):
                if phone.kind == "outside" and phone.address and not self.diallable(phone.address):
                    message = f"calls to the outside phone {phone.address!r} are not allowed"
                    fix = "add its prefix to 'transfers: {allow: [...]}'"
                    self.report.add((*at, "phones", index), message, fix)

    def speed_dials(self) -> None:
        """A button that can only be refused helps nobody."""
        for dial in self.site.speed_dials:
            if not self.diallable(dial.id):
                message = f"calls to the speed dial {dial.id!r} are not allowed"
                fix = "add its prefix to 'transfers: {allow: [...]}'"
                self.report.add(("speed_dials", dial.id), message, fix)

    def switches(self) -> None:
        """Trunks and phones end at an Asterisk; two switches share no port and no address."""
        places: list[tuple[Path, str]] = [
            *((("trunks", one.id, "switch"), one.switch) for one in self.site.trunks.values()),
            *((("agents", one.id, "switch"), one.switch) for one in self.site.agents.values()),
        ]
        for path, name in places:
            self.known(path, "switch", name, self.site.switches)
            if isinstance(self.site.switches.get(name), TwilioSwitch):
                self.report.add(path, f"switch {name!r} is a Twilio account", "name an Asterisk")
        taken: dict[tuple[str, object], str] = {}
        for switch in self.site.switches.values():
            for key in ("sip_port", "ami_port", "http_port", "agi_port", "public_url"):
                value = getattr(switch, key, 0)
                kind = "port" if key.endswith("_port") else key
                other = taken.setdefault((kind, value), switch.id) if value else switch.id
                if other != switch.id:
                    message = f"{key!r} {value} is taken by switch {other!r}"
                    self.report.add(("switches", switch.id, key), message, "choose another one")
        self.rtp_ranges()

    def rtp_ranges(self) -> None:
        ranges = sorted(
            (one.rtp_first_port, one.rtp_last_port, one.id)
            for one in self.site.switches.values()
            if isinstance(one, AsteriskSwitch) and one.rtp_first_port
        )
        for (_, last, other), (first, _, name) in itertools.pairwise(ranges):
            if first <= last:
                message = f"its RTP ports overlap with those of switch {other!r}"
                path: Path = ("switches", name, "rtp_first_port")
                self.report.add(path, message, f"begin above {last}")

    def diallable(self, number: str) -> bool:
        """As the switch decides: agents' own phones have no rule of theirs."""
        return any(
            rule.permits(number)
            for rule in (self.site.callback_numbers, self.site.transfer_numbers)
        )

    def when_away(self) -> None:
        """Who takes calls while we are away must have a phone that works without us."""
        ring = self.site.when_away.ring
        if not ring:
            return
        at: Path = ("when_away", "ring")
        self.known(at, "agent", ring, self.site.agents)
        agent = self.site.agents.get(ring)
        if agent is not None and not any(phone.kind == "desk" for phone in agent.phones):
            fix = "name an agent whose 'phones' include desk: browsers need our process"
            self.report.add(at, f"agent {ring!r} has no desk phone", fix)

    def kinds(self) -> None:
        """Calls begin in entry flows; waiting callers are visited by wait flows."""
        self.kind(("default_flow",), self.site.default_flow, "entry")
        for number in self.site.numbers.values():
            path: Path = ("numbers", number.number, "flow")
            self.kind(path, number.flow, "entry")
            flow = self.site.flows.get(number.flow)
            if flow and number.language and number.language not in flow.languages:
                path = ("numbers", number.number, "language")
                fix = suggestion(number.language, flow.languages)
                message = f"the flow {flow.id!r} has no language {number.language!r}"
                self.report.add(path, message, fix)
        for queue in self.site.queues.values():
            for path, name in _announced(queue):
                self.kind(path, name, "wait")

    def kind(self, path: Path, flow_id: str, kind: str) -> None:
        flow = self.site.flows.get(flow_id)
        if flow is not None and flow.kind != kind:
            message = f"the flow {flow_id!r} is of kind {flow.kind!r}"
            self.report.add(path, message, f"name a flow with 'kind: {kind}'")

    def callbacks(self) -> None:
        wanted = any(queue.callback for queue in self.site.queues.values())
        offered = any(
            isinstance(step, steps.OfferCallback)
            for flow in self.site.flows.values()
            for step in flow.steps.values()
        )
        if wanted and offered and not self.site.callback_numbers.allow:
            fix = "add 'callbacks: {allow: [...]}' with the prefixes that may be dialled"
            self.report.add(("callbacks",), "callbacks are offered, but no number is allowed", fix)
        for queue in self.site.queues.values():
            if queue.callback:
                continue
            for name in dict.fromkeys(one.flow for one in queue.announcements):
                if _callback_offers(self.site, name):
                    message = f"no callbacks here, but the flow {name!r} offers one"
                    fix = "give this queue a wait flow without 'offer_callback'"
                    self.report.add(("queues", queue.id, "callback"), message, fix)

    def music(self) -> None:
        """Callers of a queue whose music is not there would be cut off."""
        for queue in self.site.queues.values():
            self.known(("queues", queue.id, "wait", "music"), "music", queue.music, MUSIC)


class _Flow:
    """The names that one flow uses."""

    def __init__(self, site: Site, flow: Flow, report: Report, recordings: Collection[str]) -> None:
        self.site = site
        self.flow = flow
        self.report = report
        self.recordings = recordings

    def known(self, path: Path, what: str, name: str, names: Collection[str]) -> None:
        if name not in names:
            self.report.add(path, f"there is no {what} {name!r}", suggestion(name, names))

    def queue(self, path: Path, name: str) -> None:
        """A queue where callers can wait."""
        self.known(path, "queue", name, self.site.queues)
        found = self.site.queues.get(name)
        if found is not None and found.work != CALL:
            message = f"callers cannot wait in {name!r}, a queue for work of kind {found.work!r}"
            self.report.add(path, message, "name a queue of calls")

    def needs(self, path: Path, needs: Iterable[Need]) -> None:
        for skill in skills_of(needs):
            self.known((*path, skill), "skill", skill, self.site.skills)

    def check(self) -> None:
        fallback = self.flow.fallback
        if fallback is not None:
            self.queue(("fallback", "queue"), fallback.queue)
            self.needs(("fallback", "needs"), fallback.needs)
        for language, needs in self.flow.language_needs.items():
            self.needs(("language_needs", language), needs)
        for step in self.flow.steps.values():
            self.step(step, ("steps", step.id))

    def step(self, step: steps.Step, at: Path) -> None:
        match step:
            case steps.Queue():
                self.queue((*at, "queue"), step.queue)
                self.needs((*at, "needs"), step.needs)
            case steps.Hours():
                self.known((*at, "calendar"), "calendar", step.calendar, self.site.calendars)
            case steps.Transfer():
                if not self.site.transfer_numbers.permits(step.number):
                    message = f"transfers to {step.number!r} are not allowed"
                    fix = "add its prefix to 'transfers: {allow: [...]}' in site.yaml"
                    self.report.add((*at, "number"), message, fix)
            case _:
                pass
        for _, speech in speeches(step):
            for language, name in speech.recordings.items():
                if name and not {name, f"{language.lower()}/{name}"} & set(self.recordings):
                    fix = suggestion(name, self.recordings)
                    message = f"there is no recording {name!r}"
                    self.report.add((*at, "recording", language), message, fix)


def _oddities(site: Site, report: Report) -> Iterable[Mistake]:
    """What a person should look at, though the system runs."""
    used = {phone.kind for agent in site.agents.values() for phone in agent.phones}
    for switch in site.switches.values():
        for kind in ("browser", "desk"):
            if isinstance(switch, TwilioSwitch) and kind in used:
                key = f"{kind}_address"
                if not getattr(switch, key):
                    message = f"callers of switch {switch.id!r} reach no {kind} phone"
                    fix = f"add '{key}: sip:…', or agents there are tried in vain"
                    line = report.line(("switches", switch.id))
                    yield Mistake(report.file, line, message, fix)
    for queue in site.queues.values():
        yield from _odd_queue(site, queue, report)
    yield from _circles(site, report)
    yield from _without_effect(site, report)
    yield from _mistyped_boxes(site, report)
    for agent in site.agents.values():
        if all(phone.kind == "outside" for phone in agent.phones):
            message = f"agent {agent.id!r} has no phone to begin a shift with"
            fix = "add browser or desk: outside phones cannot be chosen at the console yet"
            yield _odd(report, ("agents", agent.id, "phones"), message, fix)
    used = {site.default_flow, *(number.flow for number in site.numbers.values())}
    for queue in site.queues.values():
        used |= {one.flow for one in queue.announcements}
        used |= {rule.to.target for rule in queue.rules if rule.to.kind == "flow"}
    for flow in site.flows.values():
        if flow.id not in used:
            message = f"the flow {flow.id!r} is used by no number and no queue"
            yield Mistake(flow.file, 1, message, "name it in site.yaml or delete the file")


def _odd_queue(site: Site, queue: Queue, report: Report) -> Iterable[Mistake]:
    """A queue whose callers are in for something that nobody may have meant."""
    at: Path = ("queues", queue.id)
    staff = [agent for agent in site.agents.values() if queue.id in agent.queues]
    if not staff:
        message = f"no agent serves the queue {queue.id!r}"
        yield _odd(report, at, message, "add it to an agent's 'queues'")
    elif not any(_at_a_time(agent, queue.work) for agent in staff):
        message = f"no agent of {queue.id!r} takes work of kind {queue.work!r}"
        fix = f"add 'capacity: {{{queue.work}: 1}}' to an agent"
        yield _odd(report, (*at, "work"), message, fix)
    elif not queue.relax and not any(met(queue.needs, agent.skills) for agent in staff):
        message = f"no agent of {queue.id!r} has {written(queue.needs)}"
        yield _odd(report, (*at, "needs"), message, "its callers would wait for ever")
    if queue.hours and not any(rule.when == "closed" for rule in queue.rules):
        message = f"{queue.id!r} has hours, but does not say where callers go when it is closed"
        yield _odd(report, (*at, "hours"), message, "add 'closed: {flow: …}', or they will wait")
    for path, name in _announced(queue) if not queue.callback_times else ():
        if any(step.at for step in _callback_offers(site, name)):
            message = f"the flow {name!r} lets callers choose a time, but {queue.id!r} has none"
            yield _odd(report, path, message, "add 'callback: {times: [\"09:30\", …]}'")
    moves = [rule.limit for rule in queue.rules if rule.when == "waited"]
    for index, step in enumerate(queue.relax):
        if moves and step.after_s >= min(moves):
            message = f"nobody waits {step.after_s:g} s here: callers move on at {min(moves):g} s"
            fix = "let this step of 'relax' come before the overflow"
            yield _odd(report, (*at, "relax", index), message, fix)


def _callback_offers(site: Site, flow_id: str) -> list[steps.OfferCallback]:
    """The steps of a flow that offer to call back."""
    flow = site.flows.get(flow_id)
    found = flow.steps.values() if flow is not None else ()
    return [step for step in found if isinstance(step, steps.OfferCallback)]


def _at_a_time(agent: Agent, work: str) -> int:
    return agent.capacity.get(work, 1 if work == CALL else 0)


def _circles(site: Site, report: Report) -> Iterable[Mistake]:
    """Queues that send callers on to each other."""
    onward = {
        queue.id: [rule.to.target for rule in queue.rules if rule.to.kind == "queue"]
        for queue in site.queues.values()
    }
    told: set[str] = set()
    for first in site.queues:
        way = _way_back(first, onward) if first not in told else []
        if way:
            told.update(way)
            message = f"callers can go in a circle: {' → '.join([*way, first])}"
            fix = "nobody comes to a queue twice that way: who has been to all of them waits"
            yield _odd(report, ("queues", first), message, fix)


def _way_back(first: str, onward: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a queue to itself, [] for none."""
    came: dict[str, str] = {}
    todo = [first]
    for here in todo:
        for there in onward.get(here, ()):
            if there == first:
                way = [here]
                while way[-1] != first:
                    way.append(came[way[-1]])
                return way[::-1]
            if there not in came and there in onward:
                came[there] = here
                todo.append(there)
    return []


def _without_effect(site: Site, report: Report) -> Iterable[Mistake]:
    """What somebody wrote down and nothing looks at."""
    for queue in site.queues.values():
        if queue.weight != 1.0 and site.sharing != "weight":
            fix = "write 'sharing: weight' for the site, or leave it out"
            message = f"the weight of {queue.id!r} has no effect: 'sharing' is {site.sharing!r}"
            yield _odd(report, ("queues", queue.id, "weight"), message, fix)
    for agent in site.agents.values():
        served = [site.queues[name] for name in agent.queues if name in site.queues]
        if agent.weight != 1.0 and all(queue.choice != "weighted" for queue in served):
            message = f"the weight of {agent.id!r} has no effect: no queue's choice is 'weighted'"
            fix = "write 'choice: weighted' for a queue, or leave it out"
            yield _odd(report, ("agents", agent.id, "weight"), message, fix)
        for kind in agent.capacity:
            if all(queue.work != kind for queue in served):
                message = f"{agent.id!r} serves no queue for work of kind {kind!r}"
                fix = "add such a queue to 'queues', or leave it out"
                yield _odd(report, ("agents", agent.id, "capacity", kind), message, fix)


def _mistyped_boxes(site: Site, report: Report) -> Iterable[Mistake]:
    """A voicemail may have any name, but one that is nearly a queue's is a slip."""
    named: list[tuple[str, int, str]] = []
    for queue in site.queues.values():
        for index, rule in enumerate(queue.rules):
            if rule.to.kind == "voicemail":
                line = report.line(("queues", queue.id, *rule_path(queue.rules, index)))
                named.append((report.file, line, rule.to.target))
    for flow in site.flows.values():
        for step in flow.steps.values():
            if isinstance(step, steps.Voicemail):
                named.append((flow.file, step.line, step.box))
    for file, line, box in named:
        near = closest(box, site.queues)
        if box and box not in site.queues and near:
            yield Mistake(file, line, f"the voicemail {box!r} is no queue's", f"is it {near!r}?")


def _announced(queue: Queue) -> Iterable[tuple[Path, str]]:
    """The flows that visit the callers of a queue, and where each is named."""
    at: Path = ("queues", queue.id, "wait")
    base = 1 if queue.wait_flow else 0
    for index, one in enumerate(queue.announcements):
        yield (*at, "flow") if index < base else (*at, "announcements", index - base), one.flow


def _odd(report: Report, path: Path, message: str, fix: str) -> Mistake:
    return Mistake(report.file, report.line(path), message, fix)
