"""The port that every switch satisfies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cti.commands import Order
from cti.events import Fact

FactSink = Callable[[Fact], None]
"""Takes one fact, synchronously and in the order it happened. Never raises."""


class SwitchLink(Protocol):
    """One switch behind the call model.

    `execute` may be called from inside the sink (the answer to a fact is often an
    order), so a link must be ready for that.
    """

    @property
    def name(self) -> str: ...

    @property
    def up(self) -> bool: ...

    async def start(self, sink: FactSink) -> None:
        """Connect and begin reporting; keeps reconnecting by itself until `stop`."""
        ...

    async def stop(self) -> None:
        """Let go of the switch. Calls live on there."""
        ...

    def execute(self, order: Order) -> None:
        """Start carrying out an order; returns at once and never raises."""
        ...
