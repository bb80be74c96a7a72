"""Warnings: what a site says that runs, but that nobody may have meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acd.site import CALL
from config.queue_reading import announced, rule_path
from config.site import Agent, Queue, Site, TwilioSwitch
from ivr import flow as steps
from ivr.mistakes import Mistake, closest
from ivr.reading import Path, Report
from ivr.skillneeds import met, written


def oddities(site: Site, report: Report) -> Iterator[Mistake]:
    """What a person should look at, though the system runs."""
    yield from _unreachable_phones(site, report)
    staff: dict[str, list[Agent]] = {}
    for agent in site.agents.values():
        for name in agent.queues:
            staff.setdefault(name, []).append(agent)
    for queue in site.queues.values():
        yield from _odd_queue(site, queue, staff.get(queue.id, []), report)
    yield from _circles(site, report)
    yield from _without_effect(site, report)
    yield from _mistyped_boxes(site, report)
    for agent in site.agents.values():
        if all(phone.kind == "outside" for phone in agent.phones):
            message = f"agent {agent.id!r} has no phone to begin a shift with"
            fix = "add browser or desk: outside phones cannot be chosen at the console yet"
            yield _odd(report, ("agents", agent.id, "phones"), message, fix)
    yield from _unused_flows(site)


def _unreachable_phones(site: Site, report: Report) -> Iterator[Mistake]:
    """Phones that the callers of a Twilio account cannot be led to."""
    used = {phone.kind for agent in site.agents.values() for phone in agent.phones}
    for switch in site.switches.values():
        for kind in ("browser", "desk"):
            if isinstance(switch, TwilioSwitch) and kind in used:
                key = f"{kind}_address"
                if not getattr(switch, key):
                    message = f"callers of switch {switch.id!r} reach no {kind} phone"
                    fix = f"add '{key}: sip:…', or agents there are tried in vain"
                    yield _odd(report, ("switches", switch.id), message, fix)


def _unused_flows(site: Site) -> Iterator[Mistake]:
    used = {site.default_flow, *(number.flow for number in site.numbers.values())}
    for queue in site.queues.values():
        used |= {one.flow for one in queue.announcements}
        used |= {rule.to.target for rule in queue.rules if rule.to.kind == "flow"}
    for flow in site.flows.values():
        if flow.id not in used:
            message = f"the flow {flow.id!r} is used by no number and no queue"
            yield Mistake(flow.file, 1, message, "name it in site.yaml or delete the file")


def _odd_queue(site: Site, queue: Queue, staff: list[Agent], report: Report) -> Iterator[Mistake]:
    """A queue whose callers are in for something that nobody may have meant."""
    at: Path = ("queues", queue.id)
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
    for path, name in announced(queue) if not queue.callback_times else ():
        if any(step.at for step in callback_offers(site, name)):
            message = f"the flow {name!r} lets callers choose a time, but {queue.id!r} has none"
            yield _odd(report, path, message, "add 'callback: {times: [\"09:30\", …]}'")
    moves = [rule.limit for rule in queue.rules if rule.when == "waited"]
    for index, step in enumerate(queue.relax):
        if moves and step.after_s >= min(moves):
            message = f"nobody waits {step.after_s:g} s here: callers move on at {min(moves):g} s"
            fix = "let this step of 'relax' come before the overflow"
            yield _odd(report, (*at, "relax", index), message, fix)


def callback_offers(site: Site, flow_id: str) -> list[steps.OfferCallback]:
    """The steps of a flow that offer to call back."""
    flow = site.flows.get(flow_id)
    found = flow.steps.values() if flow is not None else ()
    return [step for step in found if isinstance(step, steps.OfferCallback)]


def _at_a_time(agent: Agent, work: str) -> int:
    return agent.capacity.get(work, 1 if work == CALL else 0)


def _circles(site: Site, report: Report) -> Iterator[Mistake]:
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


def _without_effect(site: Site, report: Report) -> Iterator[Mistake]:
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


def _mistyped_boxes(site: Site, report: Report) -> Iterator[Mistake]:
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


def _odd(report: Report, path: Path, message: str, fix: str) -> Mistake:
    return Mistake(report.file, report.line(path), message, fix)
