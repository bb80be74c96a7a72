"""Random small sites: every option is used in a good share of them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final, get_args

from acd.site import (
    CALL,
    Agent,
    Choice,
    Missed,
    Onward,
    Queue,
    Relax,
    Rona,
    Rule,
    Sharing,
    Site,
    SkillNeed,
    Staffed,
)

SKILLS: Final = ("billing", "chinese")
ABLE: Final = "able"
"""Who serves every queue and can do everything, so that nobody has to wait for ever."""

CHATS: Final = "chats"
"""The queue of work items, on sites that have one."""


def random_site(dice: random.Random) -> Site:
    """One to three queues and two to six agents, one of whom can do everything."""
    names = [f"q{n}" for n in range(dice.randint(1, 3))]
    queues = tuple(_queue(dice, name, names) for name in names)
    able = Agent(ABLE, queues=tuple(names), skills=dict.fromkeys(SKILLS, 10))
    others = [_agent(dice, f"agent-{n}", names) for n in range(dice.randint(1, 5))]
    if dice.random() < 0.3:
        queues += (replace(_queue(dice, CHATS, names), work="chat", rules=(), ring_several=1),)
        able, *others = (_chats(dice, agent) for agent in (able, *others))
    return Site(
        queues,
        (able, *others),
        sharing=dice.choice(("arrival", *get_args(Sharing))),
        priority_worth_s=dice.choice((None, None, 15.0)),
        console_grace_s=5.0,
        place_grace_s=dice.choice((0.0, 0.0, 60.0)),
    )


def _chats(dice: random.Random, agent: Agent) -> Agent:
    """The same agent, who has some chats beside the calls."""
    capacity = {"chat": dice.randint(1, 3)}
    return replace(agent, queues=(*agent.queues, CHATS), capacity=capacity)


def calls_of(site: Site) -> tuple[str, ...]:
    """The queues of a site where callers wait."""
    return tuple(queue.id for queue in site.queues if queue.work == CALL)


def changed_site(site: Site, dice: random.Random) -> Site:
    """Another configuration with the same queues and agents: rules and people's work differ."""
    names = list(calls_of(site))
    queues = [
        _queue(dice, queue.id, names) if queue.id in names and dice.random() < 0.5 else queue
        for queue in site.queues
    ]
    agents = [
        _agent(dice, agent.id, names) if agent.id != ABLE and dice.random() < 0.5 else agent
        for agent in site.agents
    ]
    if len(names) < len(queues):
        agents = [_chats(dice, a) if CHATS not in a.queues else a for a in agents]
    return replace(site, queues=tuple(queues), agents=tuple(agents))


def random_needs(dice: random.Random) -> tuple[SkillNeed, ...]:
    """What the able agent can do: a skill, one of two, both, or not to be a master of one."""
    skill, other = dice.sample(SKILLS, 2)
    match dice.randrange(5):
        case 0:
            return (SkillNeed(skill, dice.randint(1, 5), others=(SkillNeed(other, 3),)),)
        case 1:
            return (SkillNeed(skill, dice.randint(1, 3)), SkillNeed(other, 1))
        case 2:
            return (SkillNeed(skill, 11, below=True),)
        case _:
            return (SkillNeed(skill, dice.randint(1, 3)),)


def _queue(dice: random.Random, name: str, names: list[str]) -> Queue:
    return Queue(
        name,
        priority=dice.choice((0, 0, 5)),
        weight=dice.choice((1.0, 1.0, 3.0)),
        threshold_s=dice.choice((20.0, 20.0, 60.0)),
        first_after_s=dice.choice((None, None, 45.0)),
        choice=dice.choice(("longest-idle", *get_args(Choice))),
        ring_several=dice.choice((1, 1, 1, 2, 3)),
        needs=random_needs(dice) if dice.random() < 0.2 else (),
        relax=_relax(dice, names),
        ring_s=dice.choice((5.0, 10.0, 20.0)),
        rona=_rona(dice),
        rules=_rules(dice, name, names),
        staffed=dice.choice(get_args(Staffed)),
        wrap_up_s=dice.choice((0.0, 10.0, 30.0)),
        extend_s=dice.choice((None, None, 25.0)),
        callback_attempts=dice.randint(1, 3),
        callback_retry_s=dice.choice((30.0, 120.0)),
        callback_window_s=dice.choice((60.0, 900.0)),
        callback_expires_s=dice.choice((200.0, 86_400.0, 86_400.0)),
    )


def _relax(dice: random.Random, names: list[str]) -> tuple[Relax, ...]:
    if dice.random() < 0.6:
        return ()
    steps = []
    for after_s in (8.0, 25.0)[: dice.randint(1, 2)]:
        lower_by = dice.choice((0, 1, 2))
        drop = (dice.choice(SKILLS),) if dice.random() < 0.4 else ()
        also = tuple(dice.sample(names, 1)) if dice.random() < 0.5 else ()
        steps.append(Relax(after_s, lower_by, drop, also))
    return tuple(steps)


def _rona(dice: random.Random) -> Rona:
    if dice.random() < 0.5:
        return Rona()
    return Rona(dice.randint(1, 3), dice.choice(get_args(Missed)), dice.choice((5.0, 30.0)))


def _rules(dice: random.Random, name: str, names: list[str]) -> tuple[Rule, ...]:
    at = names.index(name) if name in names else 0
    following = names[(at + 1) % len(names)]
    queue = Onward("queue", following) if len(names) > 1 else Onward("voicemail")
    targets = (queue, queue, Onward("voicemail"), Onward("flow", "closed"), Onward("number", "+4"))
    rules = [
        Rule("waited", dice.choice(targets), 30.0),
        Rule("waited", dice.choice(targets), 70.0),
        Rule("closed", dice.choice(targets)),
        Rule("nobody", dice.choice(targets)),
        Rule("full", dice.choice(targets), dice.choice((1.0, 2.0, 4.0))),
        Rule("expected-wait", dice.choice(targets), dice.choice((20.0, 60.0))),
        Rule("left-alone", dice.choice(targets), 20.0),
        Rule("closing", dice.choice(targets), dice.choice((0.0, 20.0))),
    ]
    return tuple(rule for rule in rules if dice.random() < 0.25)


def _agent(dice: random.Random, name: str, names: list[str]) -> Agent:
    queues = tuple(sorted(dice.sample(names, dice.randint(1, len(names)))))
    order = {queue: dice.randint(1, 2) for queue in queues if dice.random() < 0.3}
    return Agent(
        name,
        queues=queues,
        skills={skill: dice.randint(1, 5) for skill in SKILLS if dice.random() < 0.6},
        order=order,
        weight=dice.choice((1.0, 1.0, 0.5, 3.0)),
    )
