"""The call model that every switch is translated into.

A switch link turns whatever its switch says into the facts of `cti.events`
and carries out the orders of `cti.commands`. This module holds the nouns that
both use. Nothing here may be shaped like one particular switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where a call is on its switch, as far as routing cares."""

    ENTRY = "entry"  # answered, in the voice menu
    WAITING = "waiting"  # hears the wait treatment; may be moved to an agent
    RINGING = "ringing"  # an agent's phone rings for it
    TALKING = "talking"
    HELD = "held"
    ENDED = "ended"


class PhoneKind(StrEnum):
    """What an agent speaks through."""

    BROWSER = "browser"  # the console's own WebRTC phone
    DESK = "desk"  # a SIP phone registered with the switch
    OUTSIDE = "outside"  # any telephone number, reached over the trunk


@dataclass(frozen=True, slots=True)
class Phone:
    """How a switch reaches an agent.

    `address` is the agent's id for browser and desk phones (the link knows how
    its endpoints are named) and an E.164 number for outside phones.
    """

    kind: PhoneKind
    address: str


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
