"""Random small sites: every option is used in a good share of them."""

from __future__ import annotations

import random

from acd.site import Agent, Onward, Queue, Rule, Site, SkillNeed

SKILLS = ("billing", "chinese")


def random_site(dice: random.Random) -> Site:
    """One to three queues and two to six agents, one of whom can do everything."""
    names = [f"q{n}" for n in range(dice.randint(1, 3))]
    queues = tuple(
        Queue(
            name,
            priority=dice.choice((0, 0, 5)),
            ring_s=dice.choice((5.0, 10.0, 20.0)),
            wrap_up_s=dice.choice((0.0, 10.0, 30.0)),
            needs=(SkillNeed("billing", 1),) if dice.random() < 0.2 else (),
            rules=(Rule("waited", Onward("queue", names[(n + 1) % len(names)]), 30.0),)
            if len(names) > 1 and dice.random() < 0.5
            else (),
            callback_attempts=dice.randint(1, 3),
            callback_retry_s=dice.choice((30.0, 120.0)),
        )
        for n, name in enumerate(names)
    )
    able = Agent("able", queues=tuple(names), skills=dict.fromkeys(SKILLS, 10))
    others = [
        Agent(
            f"agent-{n}",
            queues=tuple(sorted(dice.sample(names, dice.randint(1, len(names))))),
            skills={s: dice.randint(1, 5) for s in SKILLS if dice.random() < 0.6},
        )
        for n in range(dice.randint(1, 5))
    ]
    return Site(queues, (able, *others), console_grace_s=5.0)
