"""The call model that every switch is translated into.

A switch link turns whatever its switch says into the facts of `cti.events`
and carries out the orders of `cti.commands`. This module holds the nouns that
both use. Nothing here may be shaped like one particular switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MOST_LEGS = 8
"""How many further parties a call can have."""


class Place(StrEnum):
    """Where a call is on its switch, as far as routing cares."""

    ENTRY = "entry"  # answered, in the voice menu
    WAITING = "waiting"  # hears the wait treatment; may be moved to an agent
    RINGING = "ringing"  # an agent's phone rings for it
    TALKING = "talking"
    HELD = "held"
    CONSULTING = "consulting"  # the caller hears music while the agent speaks with a third party
    CONFERENCE = "conference"  # three or more speak together
    ENDED = "ended"


CONVERSATION = (Place.TALKING, Place.HELD, Place.CONSULTING, Place.CONFERENCE)
"""Where somebody of ours talks with the caller, or is about to again."""


class PhoneKind(StrEnum):
    """What an agent speaks through."""

    BROWSER = "browser"  # the console's own WebRTC phone
    DESK = "desk"  # a SIP phone registered with the switch
    OUTSIDE = "outside"  # any telephone number, reached over the trunk


@dataclass(frozen=True, slots=True)
class Phone:
    """How a switch reaches an agent.

    `address` is the agent's id for browser and desk phones (the link knows how
    its endpoints are named) and an E.164 number for outside phones. `via` names the
    link of the switch where the phone is registered when that is another one than the
    call's own: the call is then led there over the trunk between the two.
    """

    kind: PhoneKind
    address: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing to be said to a caller.

    `text` is spoken in `language` (BCP 47, such as "en" or "zh") by the
    synthesiser, unless a recording is named by `recording` (a file of the
    site, without extension). Text has been filled in already: no templates.
    """

    text: str
    language: str = "en"
    recording: str = ""


class Supervision(StrEnum):
    """What a supervisor who joins a conversation does in it."""

    LISTEN = "listen"  # hears both, is heard by nobody
    WHISPER = "whisper"  # is heard by the agent only
    BARGE = "barge"  # is heard by both


class LegState(StrEnum):
    """Where a further party of a call is."""

    RINGING = "ringing"
    TALKING = "talking"  # with the agent, or in the conference
    HELD = "held"  # hears music while the agent talks with the caller
    SUPERVISING = "supervising"


@dataclass(frozen=True, slots=True)
class Leg:
    """A further party of a call: neither the caller nor the agent whose call it is.

    `agent_id` is "" for somebody outside, whose number is `number`. `supervision` is
    set for supervisors only.
    """

    leg_id: str
    agent_id: str = ""
    number: str = ""
    state: LegState = LegState.RINGING
    supervision: Supervision | None = None


class EndedBy(StrEnum):
    """Who ended a call."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"
    SWITCH_LOST = "switch lost"


class OfferFailure(StrEnum):
    """Why a ringing agent did not get the call. Three different outcomes, never one."""

    NO_ANSWER = "no answer"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CALLER_GONE = "caller gone"
    CANCELLED = "cancelled"
