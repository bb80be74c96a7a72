"""Random small sites: every option is used in a good share of them."""

from __future__ import annotations

import random
from typing import Final, get_args

from acd.site import Agent, Choice, Missed, Onward, Queue, Rona, Rule, Site, SkillNeed

SKILLS: Final = ("billing", "chinese")
CHOICES: Final = get_args(Choice)


def random_site(dice: random.Random) -> Site:
    """One to three queues and two to six agents, one of whom can do everything."""
    names = [f"q{n}" for n in range(dice.randint(1, 3))]
    queues = tuple(_queue(dice, name, names) for name in names)
    able = Agent("able", queues=tuple(names), skills=dict.fromkeys(SKILLS, 10))
    others = (_agent(dice, f"agent-{n}", names) for n in range(dice.randint(1, 5)))
    return Site(queues, (able, *others), console_grace_s=5.0)


def random_needs(dice: random.Random) -> tuple[SkillNeed, ...]:
    """What the able agent can do: one skill, one of two, or not to be a beginner at one."""
    skill, other = dice.sample(SKILLS, 2)
    need = SkillNeed(skill, dice.randint(1, 3))
    match dice.randrange(5):
        case 0:
            return (SkillNeed(skill, dice.randint(1, 5), others=(SkillNeed(other, 3),)),)
        case 1:
            return (need, SkillNeed(other, 1))
        case 2:
            return (SkillNeed(skill, 11, below=True),)
        case _:
            return (need,)


def _queue(dice: random.Random, name: str, names: list[str]) -> Queue:
    return Queue(
        name,
        priority=dice.choice((0, 0, 5)),
        choice=dice.choice(("longest-idle", *CHOICES)),
        needs=random_needs(dice) if dice.random() < 0.2 else (),
        ring_s=dice.choice((5.0, 10.0, 20.0)),
        rona=_rona(dice),
        rules=_rules(dice, name, names),
        wrap_up_s=dice.choice((0.0, 10.0, 30.0)),
        callback_attempts=dice.randint(1, 3),
        callback_retry_s=dice.choice((30.0, 120.0)),
    )


def _rona(dice: random.Random) -> Rona:
    if dice.random() < 0.5:
        return Rona()
    return Rona(dice.randint(1, 3), dice.choice(get_args(Missed)), dice.choice((5.0, 30.0)))


def _rules(dice: random.Random, name: str, names: list[str]) -> tuple[Rule, ...]:
    if len(names) == 1 or dice.random() < 0.5:
        return ()
    following = names[(names.index(name) + 1) % len(names)]
    return (Rule("waited", Onward("queue", following), 30.0),)


def _agent(dice: random.Random, name: str, names: list[str]) -> Agent:
    return Agent(
        name,
        queues=tuple(sorted(dice.sample(names, dice.randint(1, len(names))))),
        skills={skill: dice.randint(1, 5) for skill in SKILLS if dice.random() < 0.6},
        weight=dice.choice((1.0, 1.0, 0.5, 3.0)),
    )
