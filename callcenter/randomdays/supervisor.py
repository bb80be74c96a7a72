"""What a supervisor of a random day changes while callers wait and agents talk."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from acd import facts as f
from callcenter.randomdays.sites import ABLE, CHATS, SKILLS, changed_site

if TYPE_CHECKING:
    from callcenter.randomdays.day import Day


class Supervisor:
    """Opens and closes queues, staffs them anew, reloads the configuration."""

    def __init__(self, day: Day) -> None:
        self._day = day

    def doors(self, dice: random.Random) -> None:
        """A queue opens, or closes for some time."""
        queue = dice.choice(self._day.queues)
        if dice.random() < 0.3:
            self._day.act(f.QueueOpened(queue, "boss"))
        else:
            self._day.act(f.QueueClosed(queue, dice.choice(("hours", "holiday"))))
            self._day.time.after(dice.uniform(5.0, 120.0), self._opens, queue)

    def _opens(self, queue: str) -> None:
        self._day.act(f.QueueOpened(queue))

    def staffing(self, dice: random.Random) -> None:
        """An agent does something else from now on; never the one who can do everything."""
        names = self._day.queues
        agent = dice.choice([agent.id for agent in self._day.site.agents])
        if agent == ABLE:
            return
        queues = tuple(dice.sample(names, dice.randint(0, len(names))))
        if len(names) < len(self._day.site.queues) and dice.random() < 0.5:
            queues += (CHATS,)
        self._day.act(
            f.AgentStaffed(
                agent,
                queues=queues if dice.random() < 0.6 else None,
                skills={dice.choice(SKILLS): dice.randint(1, 9)} if dice.random() < 0.5 else None,
                order=dict.fromkeys(queues, 2) if dice.random() < 0.3 else None,
                reset=dice.random() < 0.2,
                by="boss",
            )
        )

    def configuration(self, dice: random.Random) -> None:
        """The site's files were changed."""
        self._day.act(f.Configured(changed_site(self._day.engine.site, dice)))

    def calm_down(self, _: object) -> None:
        """Every queue is open."""
        for queue in self._day.queues:
            self._day.act(f.QueueOpened(queue))
