"""Voice steps of one call, carried out in its FastAGI session."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from cti.asterisk.agi import AgiClosed, AgiError, AgiRefused, AgiTimeout, Session
from cti.calls import Prompt
from cti.commands import CollectDigits, PlayPrompts, RecordMessage, RunStep
from cti.events import Fact, StepFinished

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

PromptPath = Callable[[Prompt], Awaitable[str]]
"""Where the sound of a prompt is, as Asterisk sees it, without extension. May raise."""


class Messages(Protocol):
    """Where what callers say after the tone is recorded (`cti.asterisk.recording`)."""

    def begins(self, call_id: str, recording_id: str) -> str:
        """The file, as Asterisk sees it, without its last extension. Raises when it can't be."""
        ...

    def ends(self, call_id: str, recording_id: str) -> float:
        """It is complete; how long it is, in seconds."""
        ...


LEAST_S = 0.3  # shorter is no message
SILENCE_LEFT_S = 1.0  # of that which ended it
PROMPT_TIMEOUT_S = 10.0
PLAY_TIMEOUT_S = 600.0
LONGEST_MESSAGE_S = 600.0
TONE = "!1000/400"  # once, of 0.4 s: no sound file that may be missing
MESSAGE_FORMAT = "raw"  # 8 kHz, 16 bit, like all recordings
_ORDERS_MAX = 32
_NOTICES_S = 1.0
_DIGITS_MAX = 64
_TERMINATORS = frozenset("0123456789*#")


class VoiceSession:
    """Takes steps one after the other until it is finished or the caller is gone."""

    def __init__(
        self,
        session: Session,
        call_id: str,
        prompt_path: PromptPath,
        report: Callable[[Fact], None],
        pack_flow: Callable[[str], str],
        messages: Messages | None = None,
    ) -> None:
        self.call_id = call_id
        self._session = session
        self._prompt_path = prompt_path
        self._report = report
        self._pack_flow = pack_flow
        self._messages = messages
        self._orders: deque[RunStep | Mapping[str, str] | None] = deque()  # None: hang up
        self._wake = asyncio.Event()
        self._flow: str | None = None
        self.closed = False

    @property
    def open(self) -> bool:
        return not self.closed and not self._session.hung_up

    @property
    def caller_left(self) -> bool:
        """The channel was hung up, or taken out of the session."""
        return self._session.hung_up

    def abandon(self) -> None:
        """The call is over: end a session that has not noticed soon."""
        if not self.closed:
            loop = asyncio.get_running_loop()
            loop.call_later(_NOTICES_S, self._session.writer.transport.abort)

    def run(self, order: RunStep) -> bool:
        """Queue a step. False when no more can be taken."""
        return self._put(order)

    def finish(self, variables: Mapping[str, str]) -> bool:
        """Set these on the channel after the steps, and let the dialplan go on."""
        return self._put(variables)

    def hang_up(self) -> bool:
        """End the call after the steps."""
        return self._put(None)

    def _put(self, what: RunStep | Mapping[str, str] | None) -> bool:
        if not self.open or len(self._orders) >= _ORDERS_MAX:
            return False
        self._orders.append(what)
        self._wake.set()
        return True

    async def serve(self) -> None:
        """Carry out what is queued; returns when the session is over."""
        try:
            while await self._something_to_do():
                order = self._orders.popleft()
                if isinstance(order, RunStep):
                    await self._step(order)
                elif order is None:
                    await self._session.hang_up()
                    return
                else:
                    await self._set(order)
                    return
        finally:
            self.closed = True

    async def _something_to_do(self) -> bool:
        """Wait for an order, with an ear on the caller. False when the caller is gone."""
        if self._session.hung_up:
            return False
        if self._orders:
            return True
        self._wake.clear()
        gone = asyncio.ensure_future(self._session.watch())
        order = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({gone, order}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            order.cancel()
            gone.cancel()
            results = await asyncio.gather(gone, order, return_exceptions=True)
        if isinstance(results[0], AgiError):
            raise results[0]
        return not self._session.hung_up

    async def _step(self, order: RunStep) -> None:
        digits = ""
        try:
            outcome, digits = await self._perform(order)
        except (AgiClosed, AgiTimeout):
            raise  # the dialplan opens a new session and the step is done again there
        except AgiError as error:
            outcome = "failed"
            log.warning("call %s: step %d failed: %s", self.call_id, order.step_no, error)
        except Exception:
            outcome = "failed"
            log.exception("call %s: step %d failed", self.call_id, order.step_no)
        if not self._session.hung_up:
            self._report(StepFinished(self.call_id, order.step_no, outcome, digits))

    async def _perform(self, order: RunStep) -> tuple[str, str]:
        variables = self._flow_variables(order.flow_state)
        step = order.step
        if isinstance(step, CollectDigits):
            variables["TIMEOUT(response)"] = _seconds(step.first_timeout_s)
            variables["TIMEOUT(digit)"] = _seconds(step.between_timeout_s)
            variables["CC_READ"] = ""
        if variables:
            await self._set(variables)  # the flow's place first, whatever happens then
        async with asyncio.timeout(PROMPT_TIMEOUT_S):
            paths = [await self._prompt_path(prompt) for prompt in step.prompts]
        if isinstance(step, PlayPrompts):
            for path in paths:
                await self._session.stream_file(path, timeout_s=PLAY_TIMEOUT_S)
            return "done", ""
        if isinstance(step, RecordMessage):
            return await self._record(step, paths), ""
        return await self._collect(step, paths)

    async def _record(self, step: RecordMessage, paths: Sequence[str]) -> str:
        if self._messages is None:
            raise AgiRefused("this switch keeps no recordings")
        for path in paths:
            await self._session.stream_file(path, timeout_s=PLAY_TIMEOUT_S)
        file = self._messages.begins(self.call_id, step.recording_id)
        key = ""
        try:
            # Goes on while it is recorded, which is what the caller says and not the tone.
            await self._session.execute("Playtones", TONE)
            key = await self._session.record_file(
                file,
                MESSAGE_FORMAT,
                step.terminator if step.terminator in _TERMINATORS else "",
                min(max(step.max_s, 1.0), LONGEST_MESSAGE_S),
                min(max(step.silence_s, 1.0), 60.0),
            )
        finally:
            length_s = self._messages.ends(self.call_id, step.recording_id)
        return "done" if length_s > (LEAST_S if key else LEAST_S + SILENCE_LEFT_S) else "timeout"

    async def _collect(self, step: CollectDigits, paths: Sequence[str]) -> tuple[str, str]:
        # One command for prompts and digits: Asterisk drops a digit that is pressed
        # while no command runs.
        terminator = step.terminator if step.terminator in _TERMINATORS else ""
        most = max(1, min(step.max_digits, _DIGITS_MAX))
        options = f"CC_READ,{'&'.join(paths)},{most},t({terminator}),1"
        limit_s = PLAY_TIMEOUT_S + step.first_timeout_s + most * step.between_timeout_s
        await self._session.execute("Read", options, timeout_s=limit_s)
        if self._session.hung_up:
            return "failed", ""
        digits = await self._session.get_variable("CC_READ")
        return ("digits", digits) if digits else ("timeout", "")

    def _flow_variables(self, state: str) -> dict[str, str]:
        if state == self._flow:
            return {}
        try:
            packed = self._pack_flow(state)
        except ValueError as error:
            log.error("call %s: %s; a restart would begin its menu anew", self.call_id, error)
            packed = ""
        self._flow = state
        return {"CC_FLOW": packed}

    async def _set(self, variables: Mapping[str, str]) -> None:
        """Several variables in one command. Values hold no comma, quote or `$`."""
        pairs = ",".join(f"{name}={value}" for name, value in variables.items())
        await self._session.execute("MSet", pairs)


def _seconds(value: float) -> str:
    return f"{min(max(value, 0.1), 300.0):.1f}"
