"""What can go wrong between us and a switch: delays, losses, repetitions, refusals, from one seed.

`Weather` says how bad it is, `Passage` carries every fact and every order of a virtual switch
through it. What is lost is healed as on a real link: the link notices after a while that it
missed something, says `LinkDown`, asks the switch for everything that lives there
(`CallAdopted`, `LinkUp`), and facts from before are not told any more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cti import commands as c
from cti import events as e
from cti.link import FactSink
from cti.virtual.exchange import stop
from cti.virtual.scheduling import Scheduler, Timer

EVERY = "every"  # a key of `refused` and `unknown`: all orders that have no share of their own


@dataclass(frozen=True, slots=True)
class Weather:
    """Shares are between 0 and 1, times in seconds; delays are exponential with this mean.

    Facts and orders keep their order, but for the share `late` of facts, which are told up to
    `late_s` later than their time and are overtaken by others. `lost` facts are not told at
    all. Both are noticed after `noticed_after_s`. The link breaks every `break_every_s` on
    average (0: never) and is back after `break_s`. `refused` and `unknown` give, by the order's
    class name or `EVERY`, how many orders the switch refuses, and of how many nobody knows
    whether they were carried out (every other one is); the link breaks with these.
    """

    fact_delay_s: float = 0.0
    order_delay_s: float = 0.0
    longest_delay_s: float = 5.0
    late: float = 0.0
    late_s: float = 2.0
    lost: float = 0.0
    twice: float = 0.0
    noticed_after_s: float = 5.0
    break_every_s: float = 0.0
    break_s: float = 3.0
    refused: Mapping[str, float] = field(default_factory=dict)
    unknown: Mapping[str, float] = field(default_factory=dict)


FAIR = Weather()


class Passage:
    """Carries facts and orders. `reconnect` reports all that lives on the switch, then facts go on.

    `carry_out` gives an order to the switch, `cut_off` stops its reporting. The same seed and
    the same calls give the same weather. `weather` may be changed at any time.
    """

    def __init__(
        self,
        weather: Weather,
        seed: int,
        time: Scheduler,
        *,
        name: str,
        carry_out: Callable[[c.Order], None],
        cut_off: Callable[[], None],
        reconnect: Callable[[FactSink], None],
    ) -> None:
        self.weather = weather
        self._time = time
        self._name = name
        self._carry_out = carry_out
        self._cut_off = cut_off
        self._reconnect = reconnect
        self._facts, self._orders, self._breaks = (
            random.Random(f"{seed}/{what}") for what in ("facts", "orders", "breaks")
        )
        self._sink: FactSink | None = None
        self._up = False
        self._session = 0  # facts of an older one are not told any more
        self._last_fact = 0.0
        self._last_order = 0.0
        self._noticing: Timer | None = None
        self._breaking: Timer | None = None

    # The link ------------------------------------------------------------------------------

    def connected(self, sink: FactSink) -> None:
        """Orders pass from now on. All that lives is being reported to `sink` itself."""
        self._sink, self._up = sink, True
        self._session += 1
        stop(self._noticing)
        self._noticing = None
        if self._breaking is None and self.weather.break_every_s > 0.0:
            after_s = self._breaks.expovariate(1.0 / self.weather.break_every_s)
            self._breaking = self._time.after(after_s, self._breaks_now)

    def disconnected(self) -> None:
        """Our side is gone: nothing is told any more, and nothing comes back by itself."""
        self._sink, self._up = None, False
        self._session += 1
        stop(self._noticing)
        self._noticing = None
        stop(self._breaking)
        self._breaking = None

    def _breaks_now(self, _: object) -> None:
        self._breaking = None
        self._break("the connection broke", self.weather.break_s)

    def _notices(self, _: object) -> None:
        self._noticing = None
        self._break("facts were missed", 0.0)

    def _break(self, why: str, for_s: float) -> None:
        sink = self._sink
        if sink is None or not self._up:
            return
        self._up = False
        self._session += 1
        stop(self._noticing)
        self._noticing = None
        self._cut_off()
        self._time.after(for_s, self._comes_back, self._session)
        sink(e.LinkDown(self._name, why))

    def _comes_back(self, session: int) -> None:
        if self._sink is not None and session == self._session:
            self._reconnect(self._sink)

    # Facts ---------------------------------------------------------------------------------

    def fact(self, fact: e.Fact) -> None:
        """Tell a fact: now, later, twice, or not at all."""
        weather, dice = self.weather, self._facts
        if dice.random() < weather.lost:
            self._missed(weather)
            return
        delay_s = self._delay(dice, weather.fact_delay_s)
        copies = 2 if dice.random() < weather.twice else 1
        if dice.random() < weather.late:
            delay_s += dice.uniform(0.0, weather.late_s)
            self._missed(weather)
        else:
            self._last_fact = max(self._last_fact, self._time.now() + delay_s)
            delay_s = self._last_fact - self._time.now()
        for _ in range(copies):
            if delay_s > 0.0:
                self._time.after(delay_s, self._tell, (self._session, fact))
            else:
                self._tell((self._session, fact))

    def _tell(self, what: tuple[int, e.Fact]) -> None:
        session, fact = what
        if session == self._session and self._sink is not None:
            self._sink(fact)

    def _missed(self, weather: Weather) -> None:
        if self._noticing is None:
            self._noticing = self._time.after(weather.noticed_after_s, self._notices)

    # Orders --------------------------------------------------------------------------------

    def order(self, order: c.Order) -> None:
        """Bring an order to the switch, or say that it did not come to that."""
        weather, dice = self.weather, self._orders
        if not self._up:
            self._time.soon(self._failed, (order, "the link is down", False))
            return
        name, roll = type(order).__name__, dice.random()
        refused = weather.refused.get(name, weather.refused.get(EVERY, 0.0))
        unknown = weather.unknown.get(name, weather.unknown.get(EVERY, 0.0))
        if roll < refused:
            self._time.soon(self._failed, (order, "refused by the weather", False))
            return
        if roll < refused + unknown:
            if dice.random() < 0.5:
                self._bring(order)
            self._time.soon(self._nobody_knows, order)
            return
        self._last_order = max(
            self._last_order, self._time.now() + self._delay(dice, weather.order_delay_s)
        )
        delay_s = self._last_order - self._time.now()
        if delay_s > 0.0:
            self._time.after(delay_s, self._bring, order)
        else:
            self._bring(order)

    def _bring(self, order: c.Order) -> None:
        self._carry_out(order)

    def _nobody_knows(self, order: c.Order) -> None:
        self._break("an order was not answered", self.weather.break_s)
        self._failed((order, "nobody answered", True))

    def _failed(self, what: tuple[c.Order, str, bool]) -> None:
        order, why, unknown = what
        if self._sink is not None:
            self._sink(e.OrderFailed(*c.named(order), why, unknown, c.leg_of(order)))

    def _delay(self, dice: random.Random, mean_s: float) -> float:
        if mean_s <= 0.0:
            return 0.0
        return min(dice.expovariate(1.0 / mean_s), self.weather.longest_delay_s)
