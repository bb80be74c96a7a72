"""What a switch must lend to the contract suite: a link, and people who do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from cti.calls import Phone
from cti.link import FactSink, SwitchLink

AGENTS = ("anna", "ben", "cleo", "sue")
GONE = "gone"  # an agent whose phone is never there


class Driver(Protocol):
    """One switch with a telephone network around it.

    Several scenarios run at the same time, each on a *slot* of its own: a number from 0 to
    `slots - 1` with its own agents and outside numbers. Every phone and number rings until
    somebody says what to do. People are named by a string: a caller by the number that they
    call from, an agent by the agent's id, somebody outside by their number.

    What people do returns when it is done, as far as the switch can tell; whatever follows
    comes as facts.
    """

    name: str
    slots: int
    unlike: Mapping[str, str]
    """Scenarios that come out otherwise on this switch, by title, and why they must."""

    @property
    def link(self) -> SwitchLink: ...

    async def start(self, sink: FactSink) -> None:
        """Everything is up and the link reports to `sink`."""
        ...

    async def stop(self) -> None: ...

    async def restart(self) -> None:
        """Our process ends without a word and another one begins: a new link, the same switch.

        Returns when the new link is up.
        """
        ...

    def agent(self, name: str, slot: int) -> str:
        """The id of one of `AGENTS`, or of `GONE`."""
        ...

    def phone(self, agent: str) -> Phone:
        """How the link reaches an agent of `agent`."""
        ...

    def outside(self, number: int, slot: int) -> str:
        """Two numbers (0 and 1) in the public network that the link may dial, E.164."""
        ...

    def caller(self, slot: int) -> str:
        """The number from which this slot's caller calls."""
        ...

    async def call_in(self, caller: str) -> None:
        """The caller dials a number of ours."""
        ...

    async def presses(self, caller: str, keys: str) -> None:
        """The caller presses keys, and waits with that until the switch listens."""
        ...

    async def answers(self, who: str) -> None:
        """Somebody whose phone rings picks up; waits for the ringing."""
        ...

    async def refuses(self, who: str) -> None:
        """Somebody whose phone rings says no; outside: the line is busy."""
        ...

    async def hangs_up(self, who: str) -> None:
        """A caller, an agent or somebody outside who is on the line hangs up."""
        ...

    async def until(self, so: Callable[[], bool], within_s: float) -> bool:
        """Let time pass until something is so; False when it never was."""
        ...

    async def nothing_left(self, slot: int) -> str:
        """What of this slot is still on the switch or rings somewhere; "" when all is over."""
        ...
