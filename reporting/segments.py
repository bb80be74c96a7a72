"""The parts of a call: whose it was, one after the other, and who else took part.

All parts of a call have its id. Each agent to whom a call belonged has a part of role "agent",
from the answer (or the hand-over) to the end of the after-call work; its time is the agent's
handle time. Somebody outside to whom an agent left the call has a part of role "outside".
Whoever was consulted, was in a conference or supervised has a part that counts in no figure of
the call: the same minute is not counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

AGENT = "agent"
CONSULTED = "consulted"
CONFERENCE = "conference"
SUPERVISOR = "supervisor"
OUTSIDE = "outside"


@dataclass(slots=True)
class Segment:
    """One part. Moments are UTC epoch seconds; None is "not yet" or "never".

    `how` is how it ended: who hung up ("caller", "agent", "system", "switch lost"), where the
    call went ("to queue", "to agent", "to parked", "to menu", "to outside"), or for further
    parties "left" or "took over". `hold_s` is how long the caller heard music, consultations
    included.
    """

    role: str
    queue: str
    began: float
    agent: str = ""  # "" for somebody outside
    number: str = ""
    ended: float | None = None
    talk_s: float | None = None
    hold_s: float | None = None
    wrap_up_s: float | None = None
    how: str = ""
    disposition: str = ""
    note: str = ""
    visit: int = -1  # which of the call's queue visits it belongs to
    leg: str = ""  # further parties only


def open_part(segments: Iterable[Segment], agent: str, at: float) -> Segment | None:
    """The agent's own part that runs at this moment."""
    for part in segments:
        if part.role == AGENT and part.agent == agent and part.ended is None and part.began <= at:
            return part
    return None


def part_to_wrap_up(segments: Iterable[Segment], agent: str, at: float) -> Segment | None:
    """The agent's own part whose after-call work is not over at this moment."""
    for part in segments:
        ended = part.role == AGENT and part.agent == agent and part.ended is not None
        if ended and part.wrap_up_s is None and (part.ended or 0.0) <= at:
            return part
    return None


def last_part(segments: list[Segment], agent: str) -> Segment | None:
    """The agent's own latest part."""
    for part in reversed(segments):
        if part.role == AGENT and part.agent == agent:
            return part
    return None


def leave(segments: Iterable[Segment], leg: str, at: float, how: str) -> None:
    """A further party (or with "" every one) is gone."""
    for part in segments:
        if part.leg and part.leg == (leg or part.leg) and part.ended is None:
            part.ended, part.how = at, how
            part.talk_s = max(0.0, at - part.began)
