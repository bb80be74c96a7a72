"""The screen pop: the customer record is there when the phone rings.

A look-up begins as soon as the caller's number is known, in the voice menu, and runs
beside everything else: `begin` and `record` never wait and never raise. Until the
source answers the record says "looking"; when it does, `on_record` is called with the
new record. A slow source gets `timeout_s`; a dead one a bounded number of waiting
look-ups, beyond which the record says at once that it could not be had.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import msgspec
import structlog

from crm_link.numbers import is_withheld, to_e164
from crm_link.records import Customer, Match, Record, Status
from crm_link.sources import CustomerSource, Found

log = structlog.get_logger("crm_link.screen_pop")

RecordCallback = Callable[[str, Record], None]

RECORD_BYTES_MAX = 512 * 1024
MATCHES_SHOWN = 20


@dataclass(slots=True)
class _Pop:
    record: Record
    e164: str  # "" when the caller shows no usable number
    task: asyncio.Task[None] | None = None


class ScreenPop:
    """One record per live call. Belongs to the event loop; `forget` each call at its end.

    `on_record(call_id, record)` is called for every change that comes after `begin`.
    """

    def __init__(
        self,
        source: CustomerSource,
        *,
        region: str = "US",
        on_record: RecordCallback | None = None,
        timeout_s: float = 30.0,
        at_once: int = 16,
        waiting_max: int = 1_000,
        calls_max: int = 20_000,
        cache_size: int = 1_000,
        cache_s: float = 10.0,
    ) -> None:
        self.on_record = on_record
        self._source = source
        self._region = region
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(at_once)
        self._waiting_max = waiting_max
        self._calls_max = calls_max
        self._cache_size = cache_size
        self._cache_s = cache_s
        self._pops: OrderedDict[str, _Pop] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: OrderedDict[str, tuple[Found, float]] = OrderedDict()

    # What the call flow calls ----------------------------------------------------------------

    def begin(self, call_id: str, number: str, customer_id: str = "") -> None:
        """Start looking for who calls; `number` as the trunk gave it. Again: nothing happens.

        With `customer_id` it is known whose call it is, whatever the number says.
        """
        e164 = to_e164(number, self._region) or ""
        known = self._pops.get(call_id)
        if known is not None:
            if known.e164 == e164:
                return
            self.forget(call_id)
        while len(self._pops) >= self._calls_max:
            self.forget(next(iter(self._pops)))
        pop = self._pops[call_id] = _Pop(_blank(call_id, e164), e164)
        if customer_id:
            self._start(pop, self._find(call_id, pop, customer_id))
        elif not e164:
            why = "the number is withheld" if is_withheld(number) else "not a telephone number"
            pop.record = {**pop.record, "status": "none", "message": why}
        elif (answer := self._remembered(e164)) is not None:
            pop.record = _answered(pop.record, answer)
        elif len(self._tasks) >= self._waiting_max:
            pop.record = {**pop.record, "status": "failed", "message": "too many look-ups wait"}
        else:
            self._start(pop, self._find(call_id, pop))

    def record(self, call_id: str) -> Record | None:
        """The record as it is now; None for a call that never began."""
        pop = self._pops.get(call_id)
        return None if pop is None else pop.record

    def retry(self, call_id: str) -> None:
        """Look again, after a failure."""
        pop = self._pops.get(call_id)
        if pop is None or not pop.e164 or len(self._tasks) >= self._waiting_max:
            return
        self._answers.pop(pop.e164, None)
        self._stop(pop)
        self._change(call_id, pop, _blank(call_id, pop.e164))
        self._start(pop, self._find(call_id, pop))

    async def choose(self, call_id: str, customer_id: str) -> Customer | None:
        """Attach a customer to the call (one of several, a new one, another one).

        None when there is no such customer or the source fails; the record stays as it was.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                customer = _sound_customer(await self._source.get(customer_id))
        except Exception as error:
            log.warning("customer not fetched", call_id=call_id, error=_text(error))
            return None
        pop = self._pops.get(call_id)
        if customer is not None and pop is not None:
            self._stop(pop)
            self._answers.pop(pop.e164, None)
            self._change(call_id, pop, _found(pop.record, customer))
        return customer

    def changed(self, customer: Customer) -> None:
        """A customer was edited or got a note: every call that shows it shows it anew."""
        for number in customer["phones"]:
            self._answers.pop(number, None)
        for call_id, pop in list(self._pops.items()):
            if _shows(pop.record, customer["customer_id"]):
                self._change(call_id, pop, _found(pop.record, customer))

    def erased(self, customer_id: str) -> None:
        """A person was erased: no copy stays in memory or on a screen."""
        self._answers.clear()
        for call_id, pop in list(self._pops.items()):
            among = any(m["customer_id"] == customer_id for m in pop.record["matches"])
            if among or pop.task is not None or _shows(pop.record, customer_id):
                self._stop(pop)
                self._change(call_id, pop, {**_blank(call_id, ""), "status": "none"})

    def forget(self, call_id: str) -> None:
        """The call is over: stop looking, keep nothing."""
        pop = self._pops.pop(call_id, None)
        if pop is not None:
            self._stop(pop)

    async def close(self) -> None:
        """Stop all look-ups."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pops.clear()
        self._answers.clear()

    # Looking ---------------------------------------------------------------------------------

    def _start(self, pop: _Pop, work: Coroutine[None, None, None]) -> None:
        pop.task = asyncio.get_running_loop().create_task(work, name="screen-pop")
        self._tasks.add(pop.task)
        pop.task.add_done_callback(self._tasks.discard)

    def _stop(self, pop: _Pop) -> None:
        task, pop.task = pop.task, None
        if task is not None:
            task.cancel()

    async def _find(self, call_id: str, pop: _Pop, customer_id: str = "") -> None:
        record = _blank(call_id, pop.e164)
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                if customer_id:
                    answer = Found([], _sound_customer(await self._source.get(customer_id)))
                else:
                    answer = _sound(await self._source.look_up(pop.e164))
        except TimeoutError:
            self._fail(call_id, pop, f"no answer within {self._timeout_s:g} s")
            return
        except Exception as error:
            # Whatever a source does, the phone rings and the agent is told.
            log.warning("look-up failed", call_id=call_id, error=_text(error))
            self._fail(call_id, pop, "the customer records cannot be reached")
            return
        pop.task = None
        if not customer_id:
            self._remember(pop.e164, answer)
        self._change(call_id, pop, _answered(record, answer))

    def _fail(self, call_id: str, pop: _Pop, message: str) -> None:
        pop.task = None
        failed: Record = {**_blank(call_id, pop.e164), "status": "failed", "message": message}
        self._change(call_id, pop, failed)

    def _change(self, call_id: str, pop: _Pop, record: Record) -> None:
        pop.record = record
        if self.on_record is None or self._pops.get(call_id) is not pop:
            return
        try:
            self.on_record(call_id, record)
        except Exception:
            log.exception("showing a record failed", call_id=call_id)

    def _remembered(self, e164: str) -> Found | None:
        answer, until = self._answers.get(e164, (None, 0.0))
        return answer if time.monotonic() < until else None

    def _remember(self, e164: str, answer: Found) -> None:
        self._answers[e164] = (answer, time.monotonic() + self._cache_s)
        self._answers.move_to_end(e164)
        while len(self._answers) > self._cache_size:
            self._answers.popitem(last=False)


# Records ------------------------------------------------------------------------------------------


def _blank(call_id: str, e164: str) -> Record:
    return Record(
        call_id=call_id,
        status="looking",
        number=e164,
        customer=None,
        matches=[],
        message="",
        url="",
    )


def _answered(record: Record, answer: Found) -> Record:
    if answer.customer is not None:
        return _found(record, answer.customer)
    status: Status = "several" if answer.matches else "none"
    return {**record, "status": status, "matches": answer.matches}


def _found(record: Record, customer: Customer) -> Record:
    return {**record, "status": "found", "customer": customer, "matches": [], "message": ""}


def _shows(record: Record, customer_id: str) -> bool:
    customer = record["customer"]
    return customer is not None and customer["customer_id"] == customer_id


def _sound(answer: Found) -> Found:
    """The source's answer, if it has the right shape and size. Raises what msgspec raises."""
    matches = msgspec.convert(list(answer.matches[:MATCHES_SHOWN]), list[Match])
    return Found(matches, _sound_customer(answer.customer))


def _sound_customer(customer: object) -> Customer | None:
    if customer is None:
        return None
    if len(msgspec.json.encode(customer)) > RECORD_BYTES_MAX:
        raise ValueError(f"a record of more than {RECORD_BYTES_MAX} bytes")
    return msgspec.convert(customer, Customer)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
