"""Whether real days come to the same decisions again, and what differs if not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import msgspec

from acd.decisions import Decision, Reason
from acd.reasons import sentence
from callcenter import happenings as h
from callcenter.pastdays.reading import Rerun, Step, Written

Clock = Callable[[float], str]
_FIRST = ("call", "callback", "item", "agent", "queue", "state", "outcome")  # what people look at


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact upon which something else was decided then than now; both as sentences."""

    seq: int
    at: float
    fact: str  # the kind of the fact, "DeadlinePassed" for the clock
    call: str  # "" when the fact is about no call
    then: list[str]
    now: list[str]


@dataclass(slots=True)
class Comparison:
    """What running again came to. `first` are the first differences, `differences` how many.

    Once something differs, what follows may differ because of it.
    """

    facts: int = 0
    decisions: int = 0
    differences: int = 0
    first: list[Difference] = field(default_factory=list)
    first_at: float | None = None  # of the first and the last fact
    last_at: float | None = None
    cut_off: int = 0  # decisions that the end of the process (or of the journal) cut off
    took_s: float = 0.0


async def compare(
    rerun: Rerun,
    *,
    until: float = float("inf"),
    most: int = 10,
    clock: Clock = str,
    language: str = "en",
    progress: Callable[[float], None] = lambda at: None,
) -> Comparison:
    """Run again to `until` (engine time) and compare each decision, exactly and in order.

    Fields that the journal does not have, because they came with a later version, are not
    compared. `progress` is told the moment that has been reached.
    """
    found = Comparison()
    async for step in rerun.steps():
        if step.at >= until:
            break
        found.facts += 1
        found.decisions += len(step.then)
        found.first_at = step.at if found.first_at is None else found.first_at
        found.last_at = step.at
        if step.last and not step.problem and len(step.then) < len(step.now):
            found.cut_off = len(step.now) - len(step.then)
            step.now = step.now[: len(step.then)]
        if step.problem or not _same(step):
            found.differences += 1
            if len(found.first) < most:
                found.first.append(_difference(step, clock, language))
        if found.facts % 500 == 0:
            progress(step.at)
    return found


def _same(step: Step) -> bool:
    return len(step.then) == len(step.now) and all(map(is_same, step.then, step.now))


def is_same(then: Written, now: Decision) -> bool:
    """Whether the journalled decision says what `now` says, as far as it says anything."""
    return then.kind == type(now).__name__ and not list(_changed(then.data, _as_written(now)))


def _as_written(decision: Decision) -> dict[str, Any]:
    """As the journal would give it back: lists for tuples, nothing that JSON does not have."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(decision))
    return written


def _changed(then: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What was written then and is something else now: where, then, now.

    A later version may have added fields, and data to reasons; a field that it has no more says
    nothing about it.
    """
    if isinstance(then, dict) and isinstance(now, dict):
        names = dict.fromkeys((*then, *now)) if path else [name for name in then if name in now]
        for name in names:
            added = name not in then and path.startswith("reason")
            if not added:
                inside = f"{path}.{name}" if path else name
                yield from _changed(then.get(name), now.get(name), inside)
    elif then != now:
        yield path, then, now


def _difference(step: Step, clock: Clock, language: str) -> Difference:
    then, now = [], []
    for was, decided in zip_longest(step.then, step.now):
        if was is not None and decided is not None and is_same(was, decided):
            continue
        changed: list[str] = []
        if was is not None and decided is not None and was.kind == type(decided).__name__:
            changed = [path for path, _, _ in _changed(was.data, _as_written(decided))]
        if was is not None:
            then.append(_told(was.kind, was.data, changed, clock, language))
        if decided is not None:
            data = _as_written(decided)
            now.append(_told(type(decided).__name__, data, changed, clock, language))
    if step.problem:
        now.append(f"the engine cannot be told this: {step.problem}")
    call = "" if step.fact is None else h.call_of(step.fact)
    return Difference(step.seq, step.at, step.kind, call, then, now)


def _told(kind: str, data: dict[str, Any], changed: list[str], clock: Clock, language: str) -> str:
    """One decision for people: what, about whom, the fields that differ, and why."""
    words = [f"{name} {data[name]}" for name in _FIRST if data.get(name)]
    other_reason = "reason.code" in changed  # then its sentence says enough
    for path in changed:
        value: Any = data
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if path not in _FIRST and not (other_reason and path.startswith("reason")):
            words.append(f"{path} {value}")
    told = f"{kind}: {', '.join(words)}"
    reason = data.get("reason")
    if isinstance(reason, dict):
        told += f" – {reason_told(msgspec.convert(reason, Reason), clock, language)}"
    return told


def reason_told(reason: Reason, clock: Clock, language: str = "en") -> str:
    """The reason as a sentence."""
    return sentence(reason, language, clock)
