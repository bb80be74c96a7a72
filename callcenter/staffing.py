"""What supervisors make of their people (`agent_console.ports.Staffing`), carried out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from acd import facts as f
from agent_console.ports import Refusal
from callcenter import happenings as h
from callcenter.deeds import Deeds


class Staffing(Deeds):
    """Changes of what agents do, and of what they are at. `_skills`: those that the site names."""

    _skills: Callable[[], Collection[str]]

    async def staff(
        self,
        by: str,
        agent: str,
        queues: Sequence[str] | None,
        skills: Mapping[str, int] | None,
        order: Mapping[str, int] | None,
        reset: bool,
    ) -> None:
        for skill in skills or {}:
            if skill not in self._skills():
                raise Refusal("unknown-skill", f"There is no skill “{skill}”.", 422)
        listed = None if queues is None else tuple(queues)
        fact = f.AgentStaffed(agent, listed, skills, order, reset, by)
        await self._supervise(by, agent, fact, "staffing")

    async def reset_staffing(self, by: str, agent: str) -> None:
        await self._supervise(by, agent, f.AgentStaffed(agent, reset=True, by=by), "staffing reset")

    async def end_wrap_up(self, by: str, agent: str) -> None:
        self._router.catch_up()  # the time for it may be over in this very moment
        await self._supervise(by, agent, f.WrapUpDone(agent), "wrap-up ended")

    async def _supervise(self, by: str, agent: str, fact: f.Fact, what: str) -> None:
        lost = self._can_save()
        self._refuse_if(self._router.act(fact))
        self._router.note(h.SupervisorActed(by, agent, what), self._router.now())
        await self._saved(lost)
