"""What every deed of a person has in common: refused before anything is changed, or done
and acknowledged once the journal has it on disk."""

from __future__ import annotations

import asyncio
from typing import Protocol

from acd import decisions as d
from acd import facts as f
from agent_console.acting import doer
from agent_console.ports import Refusal
from callcenter import happenings as h
from callcenter.callbook import LiveCall
from callcenter.router import Router
from cti import commands as c

ACK_TIMEOUT_S = 5.0


class Durability(Protocol):
    """What people's deeds need of the journal."""

    async def committed(self, seq: int, timeout_s: float = ...) -> None: ...

    @property
    def healthy(self) -> bool: ...


class Deeds:
    """The steps that deeds are made of."""

    def __init__(self, router: Router, durable: Durability) -> None:
        self._router = router
        self._durable = durable

    # Whose call ----------------------------------------------------------------------------

    def _call_of(self, agent: str, call_id: str = "") -> LiveCall:
        """The call that the agent has, is wrapping up, or is a further party of."""
        call = self._router.call_of(agent)
        if call is None or (call_id and call.call_id != call_id):
            raise Refusal("not-your-call", "You have no such call.", 404)
        return call

    def _own_call(self, agent: str, call_id: str) -> LiveCall:
        """The agent's own call, as opposed to one that the agent is only a party of."""
        call = self._call_of(agent, call_id)
        if call.agent != agent:
            message = "This is the call of somebody else; you are only a party of it."
            raise Refusal("not-your-call", message)
        return call

    def _name(self, agent: str) -> str:
        known = self._router.engine.agents.get(agent)
        return agent if known is None else known.config.name or agent

    # Doing ---------------------------------------------------------------------------------

    async def _tell(self, fact: f.Fact) -> None:
        lost = self._can_save()
        self._refuse_if(self._router.act(fact))
        await self._saved(lost)

    def _reach(self, call_id: str) -> None:
        """Refuse while nobody can give orders for the call."""
        if not self._router.reachable(call_id):
            message = "The telephone switch cannot be reached at the moment. The call goes on."
            raise Refusal("switch-away", message, 503)

    def _order(self, order: c.Order) -> None:
        self._reach(order.call_id)
        self._router.execute(order)

    def _note(self, call_id: str, by: str, verb: str, detail: str = "") -> None:
        """Leave the deed in the call's timeline, under the name of who does it."""
        self._router.note(h.CallAction(call_id, doer(by), verb, detail), self._router.now())
        if self._router.board is not None:
            self._router.board.touch_call(call_id)

    # Saving --------------------------------------------------------------------------------

    def _can_save(self) -> int:
        """How many entries the journal has lost so far, for `_saved`; or refuse."""
        if not self._durable.healthy:
            raise Refusal(
                "cannot-save",
                "The system cannot save anything at the moment; nothing was changed. "
                "Calls go on. Try again shortly.",
                503,
            )
        return self._router.lost

    async def _saved(self, lost: int) -> None:
        """Return when everything is on disk, of which the journal lost nothing since `lost`."""
        try:
            await self._durable.committed(self._router.last_seq, ACK_TIMEOUT_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise Refusal(
                "not-saved-yet", "Done, but not saved to disk yet; it is being tried again.", 503
            ) from error
        if self._router.lost != lost:
            raise Refusal("not-saved", "Done, but it could not be written down.", 503)

    @staticmethod
    def _refuse_if(refused: d.Refused | None) -> None:
        if refused is not None:
            raise Refusal(refused.code, refused.message)
