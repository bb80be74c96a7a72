"""Work items of a random day: chats beside the calls, and what agents do with them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from acd import decisions as d
from acd import facts as f
from callcenter.randomdays.sites import CHATS, random_needs

if TYPE_CHECKING:
    from callcenter.randomdays.day import Day


class Work:
    """Everything that is no call."""

    def __init__(self, day: Day) -> None:
        self._day = day

    def comes(self, item: str, dice: random.Random) -> None:
        """Somebody writes; now and then it is over before anybody has seen to it."""
        needs = random_needs(dice) if dice.random() < 0.2 else ()
        self._day.act(f.ItemQueued(item, CHATS, needs, dice.choice((0, 0, 1))))
        if dice.random() < 0.2:
            self._day.time.after(dice.uniform(1.0, 90.0), self._withdrawn, item)

    def _withdrawn(self, item: str) -> None:
        self._day.act(f.ItemWithdrawn(item, "written twice"))

    def offered(self, offer: d.OfferItem) -> None:
        """The agent accepts, declines, or does not look."""
        day = self._day
        dice = day.fate(f"work/{offer.item}")
        roll = dice.random() if not day.calm else 1.0
        if roll > 0.3:
            day.time.after(dice.uniform(0.1, 4.0), self._accepts, (offer, dice.uniform(5.0, 120.0)))
        elif roll > 0.15:
            day.time.after(dice.uniform(0.1, 4.0), self._declines, offer)

    def _accepts(self, what: tuple[d.OfferItem, float]) -> None:
        offer, takes_s = what
        self._day.act(f.OfferAccepted(offer.offer))
        self._day.time.after(takes_s, self._done, offer.item)

    def _declines(self, offer: d.OfferItem) -> None:
        self._day.act(f.OfferDeclined(offer.offer))

    def _done(self, item: str) -> None:
        self._day.act(f.ItemDone(item))

    def finish(self) -> None:
        """What nobody will look at any more is taken back."""
        for item in self._day.checked.ledger.items.items.copy():
            self._day.act(f.ItemWithdrawn(item, "the day is over"))
