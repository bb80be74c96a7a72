"""Checks that the parts of a site fit together: every name leads to something that is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping

from acd.site import CALL, Onward
from config.oddities import callback_offers, oddities
from config.queue_reading import announced, rule_path
from config.site import AsteriskSwitch, Queue, Site, TwilioSwitch
from ivr import flow as steps
from ivr.flow import Flow, speeches
from ivr.mistakes import Mistake, suggestion
from ivr.reading import Path, Report
from ivr.skillneeds import Need, skills_of

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
    return tuple(oddities(site, report))


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
            for path, flow in announced(queue):
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
            for path, name in announced(queue):
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
                if callback_offers(self.site, name):
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
