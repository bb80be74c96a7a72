"""Plays one scenario on a switch, and all of a file's at the same time."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind, Prompt, Supervision
from reporting.records import RecordFold
from tests.contract.driver import AGENTS, GONE, Driver
from tests.contract.notation import Row, Scenario, told

FACT_WITHIN_S = 12.0
QUIET_S = 0.5  # after the last row: what else is told then is too much
CALLER_ID = "+14165550100"
OUTSIDE = ("outside", "other")
_LEG_FACTS = (
    e.LegRinging,
    e.LegAnswered,
    e.LegFailed,
    e.LegEnded,
    e.LegsSwapped,
    e.CallHandedOver,
    e.SupervisionChanged,
)


class Differs(AssertionError):  # noqa: N818 - it is what it is called
    """The switch does not do what the scenario says; shows both, row by row."""


class Stage:
    """One scenario on one slot of a switch."""

    def __init__(
        self, driver: Driver, scenario: Scenario, slot: int, restart: Callable[[], Awaitable[None]]
    ) -> None:
        self.driver = driver
        self.scenario = scenario
        self.slot = slot
        self.call_id = ""
        self.offers: dict[str, str] = {}  # the last round's: agent's address to offer id
        self.legs: dict[str, str] = {}  # who, by leg id
        self.recording = ""
        self.facts: list[str] = []
        self._why: list[str] = []  # why orders failed, for the message of a failed test
        self.record = RecordFold()
        self.step_no = 0
        self._ids = itertools.count(1)
        self._next = 0  # the first fact that no row has told
        self._loose: list[str] = []  # must come somewhere
        self._maybe: list[str] = []  # may come somewhere
        self._played: list[str] = []
        self._people = {driver.agent(name, slot): name for name in (*AGENTS, GONE)}
        self._does: dict[str, Callable[..., Any]] = {
            "fact": self._expects,
            "any": self._expects_somewhere,
            "maybe": self._allows,
            "record": self._expects_record,
            "calls": self._calls,
            "restart": restart,
            "presses": lambda keys: driver.presses(self._caller, keys),
            "caller hangs up": lambda: driver.hangs_up(self._caller),
            "answers": lambda who: driver.answers(self._address(who)),
            "refuses": lambda who: driver.refuses(self._address(who)),
            "hangs up": lambda who: driver.hangs_up(self._address(who)),
        }

    @property
    def _caller(self) -> str:
        return self.driver.caller(self.slot)

    # Facts ---------------------------------------------------------------------------------

    def takes(self, fact: Any) -> bool:
        """Whether the fact is about this scenario's call; remembers it then."""
        if isinstance(fact, e.CallArrived) and not self.call_id and fact.ani == self._caller:
            self.call_id = fact.call_id
        if not self.call_id or getattr(fact, "call_id", "") != self.call_id:
            return False
        self.facts.append(told(fact, self._who(fact), self._with(fact)))
        if isinstance(fact, e.OrderFailed):
            self._why.append(f"    {fact.order}: {fact.why}")
        data = dataclasses.asdict(fact)
        self.record.feed("switch", type(fact).__name__, self.call_id, data, len(self.facts))
        return True

    def _who(self, fact: Any) -> str:
        """Whom a fact is about, by the name in the scenario; says so when it is wrong."""
        if isinstance(fact, _LEG_FACTS):
            who = self.legs.get(fact.leg_id, f"an unknown leg {fact.leg_id}")
            agent = getattr(fact, "agent_id", None)
            if agent is not None and self._people.get(agent, "") != ("" if who in OUTSIDE else who):
                return f"{who}, told as {agent or 'outside'}"
            return who
        agent = getattr(fact, "agent_id", "")
        offer = getattr(fact, "offer_id", None)
        made = offer in self.offers.values() and self.offers.get(agent, offer) == offer
        known = made or offer is None or offer == agent == ""
        strange = "" if known else f" in an unknown offer {offer}"
        return self._people.get(agent, agent) + strange

    def _with(self, fact: Any) -> str:
        """The further parties of a call that was found again."""
        parties = []
        for leg in getattr(fact, "legs", ()):
            who = self.legs.get(leg.leg_id, f"an unknown leg {leg.leg_id}")
            address = self.driver.outside(OUTSIDE.index(who), self.slot) if who in OUTSIDE else ""
            right = (self._people.get(leg.agent_id, ""), leg.number) == (
                ("", address) if address else (who, "")
            )
            parties.append(f"{who} {leg.state}" + ("" if right else f", told as {leg}"))
        others = "".join(
            f"and {self._people.get(agent, agent)}"
            + ("" if self.offers.get(agent) == offer else f" in an unknown offer {offer}")
            for offer, agent in getattr(fact, "also", ())
        )
        return f"with {' and '.join(sorted(parties))}" if parties else others

    # Rows ----------------------------------------------------------------------------------

    async def play(self) -> None:
        """Every row; raises `Differs`."""
        for row in self.scenario.rows:
            does = self._does.get(row.verb)
            if row.verb in ("fact", "any", "maybe", "record"):
                assert does is not None
                await does(row)
            elif does is not None:
                await does(*row.words)
            else:
                self.driver.link.execute(self._order(row))
            self._played.append(row.text)
        await self._is_over()

    async def _expects(self, row: Row) -> None:
        while (fact := await self._next_fact(row, row.text)) != row.text:
            self._comes_somewhere(row, fact)

    async def _expects_somewhere(self, row: Row) -> None:
        self._loose.append(row.text)

    async def _allows(self, row: Row) -> None:
        self._maybe.append(row.text)

    async def _next_fact(self, row: Row | None, awaited: str) -> str:
        if not await self.driver.until(lambda: len(self.facts) > self._next, FACT_WITHIN_S):
            self._differs(row, f"{awaited} never came")
        self._next += 1
        return self.facts[self._next - 1]

    def _comes_somewhere(self, row: Row | None, fact: str) -> None:
        """A fact that no row tells at this place."""
        for expected in (self._loose, self._maybe):
            if fact in expected:
                expected.remove(fact)
                return
        self._differs(row, f"{fact} came")

    async def _expects_record(self, row: Row) -> None:
        await self._collect_loose()
        record = self.record.calls.get(self.call_id)
        parts = []
        if record is not None and record.held:
            parts.append(f"held {len(record.held)}")
        if record is not None and record.ended is not None:
            parts.append(f"ended by {record.ended_by}")
        if ", ".join(parts) != row.text:
            self._differs(row, f"the record is: {', '.join(parts)}")

    async def _collect_loose(self) -> None:
        while self._loose:
            awaited = " and ".join(self._loose)
            self._comes_somewhere(None, await self._next_fact(None, awaited))

    async def _is_over(self) -> None:
        """Nothing else is told, and nothing is left on the switch."""
        await self._collect_loose()
        await self.driver.until(lambda: False, QUIET_S)
        for fact in self.facts[self._next :]:
            self._comes_somewhere(None, fact)
        if "record" in {row.verb for row in self.scenario.rows}:
            left = await self.driver.nothing_left(self.slot)
            if left:
                self._differs(None, f"still there: {left}")

    def _differs(self, row: Row | None, what: str) -> NoReturn:
        where = "at the end" if row is None else f"line {row.line}, {row.text!r}"
        played = "\n".join(f"    {text}" for text in self._played)
        facts = "\n".join(f"    {fact}" for fact in self.facts)
        why = "\n".join(self._why)
        raise Differs(f"{where}: {what}\nplayed:\n{played}\ntold:\n{facts}\n{why}".rstrip())

    # People and orders ---------------------------------------------------------------------

    async def _calls(self) -> None:
        await self.driver.call_in(self._caller)

    def _address(self, who: str) -> str:
        if who in OUTSIDE:
            return self.driver.outside(OUTSIDE.index(who), self.slot)
        return self.driver.agent(who, self.slot)

    def _phone(self, who: str) -> Phone:
        address = self._address(who)
        return Phone(PhoneKind.OUTSIDE, address) if who in OUTSIDE else self.driver.phone(address)

    def _leg(self, who: str, *, new: bool = False) -> str:
        if new:
            leg_id = f"leg-{self.slot}-{next(self._ids)}-{self.call_id[-6:]}"
            self.legs[leg_id] = who
            return leg_id
        known = [leg_id for leg_id, name in self.legs.items() if name == who]
        return known[-1] if known else f"leg-{self.slot}-none"

    def _order(self, row: Row) -> c.Order:
        """The order that a row stands for."""
        call, words = self.call_id, row.words
        match row.verb:
            case "say" | "ask" | "message":
                return self._step(row)
            case "wait":
                after_s = float(words[0] or 0)
                return c.StartWaiting(call, "sales", 1.0, visit_after_s=after_s, digits=words[1])
            case "menu":
                return c.StartMenu(call, words[0])
            case "ring":
                first, *others = [who for who in words[:2] if who]
                self.offers = {
                    self._address(who): f"offer-{self.slot}-{next(self._ids)}-{call[-6:]}"
                    for who in (first, *others)
                }
                agent, ring_s = self._address(first), float(words[2] or 30)
                also = tuple(
                    c.AlsoRing(
                        self.offers[self._address(who)], self._address(who), self._phone(who)
                    )
                    for who in others
                )
                offer, phone = self.offers[agent], self._phone(first)
                return c.OfferCall(call, offer, agent, phone, ring_s, also)
            case "stop ringing":
                return c.CancelOffer(call, self.offers[self._address(words[0])])
            case "call back":
                return self._callback(words[0])
            case "hold":
                return c.HoldCall(call)
            case "retrieve":
                return c.RetrieveCall(call)
            case "mute":
                return c.MuteAgent(call, words[0] == "mute")
            case "send":
                return c.SendDigits(call, words[0])
            case "transfer":
                return c.TransferCall(call, self._address(words[0]))
            case "hang up":
                return c.HangUpCall(call, "agent" if words[0] else "")
            case _:
                return self._leg_order(row) or self._recording_order(row)

    def _step(self, row: Row) -> c.Order:
        self.step_no += 1
        step: c.VoiceStep
        match row.verb:
            case "say":
                step = c.PlayPrompts((Prompt(row.words[0]),))
            case "message":
                self.recording = f"vm-{self.slot}-{next(self._ids)}-{self.call_id[-6:]}"
                step = c.RecordMessage((Prompt("please speak"),), self.recording, 60.0, 30.0)
            case _:
                most, first_s = int(row.words[0]), float(row.words[1] or 2)
                step = c.CollectDigits((Prompt("your choice"),), most, first_s, 2.0)
        return c.RunStep(self.call_id, self.step_no, step, f"flow-{self.step_no}")

    def _callback(self, who: str) -> c.Order:
        agent = self._address(who)
        self.call_id = f"{self.driver.name}-cb-{self.slot}-{id(self):x}"
        offer = f"offer-{self.slot}-{next(self._ids)}-{id(self):x}"
        self.offers = {agent: offer}
        customer = self._address("outside")
        phone = self._phone(who)
        return c.DialCallback(self.call_id, offer, agent, phone, customer, CALLER_ID, 30.0, 30.0)

    def _leg_order(self, row: Row) -> c.Order | None:
        call, words = self.call_id, row.words
        match row.verb:
            case "dial":
                who = words[0]
                leg, ring_s = self._leg(who, new=True), float(words[1] or 30)
                agent = "" if who in OUTSIDE else self._address(who)
                return c.DialLeg(call, leg, agent, self._phone(who), CALLER_ID, ring_s)
            case "supervise":
                who = words[0]
                leg, mode = self._leg(who, new=True), Supervision(words[1])
                agent = self._address(who)
                return c.SuperviseCall(call, leg, agent, self._phone(who), mode, 30.0)
            case "drop":
                return c.EndLeg(call, self._leg(words[0]))
            case "swap":
                return c.SwapLegs(call, self._leg(words[0]))
            case "join":
                return c.JoinLegs(call)
            case "hand over":
                return c.HandOver(call, self._leg(words[0]))
            case "change":
                return c.ChangeSupervision(call, self._leg(words[0]), Supervision(words[1]))
        return None

    def _recording_order(self, row: Row) -> c.Order:
        call = self.call_id
        match row.verb:
            case "start":
                self.recording = f"rec-{self.slot}-{next(self._ids)}-{call[-6:]}"
                return c.StartRecording(call, self.recording)
            case "pause":
                return c.PauseRecording(call, self.recording)
            case "resume":
                return c.ResumeRecording(call, self.recording)
            case "stop":
                return c.StopRecording(call, self.recording)
        raise AssertionError(row)


class Theatre:
    """A switch on which scenarios are played, as many at a time as it has slots."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._stages: list[Stage] = []

    def sink(self, fact: e.Fact) -> None:
        """Each fact goes to the scenario that it is about."""
        for stage in self._stages:
            if stage.takes(fact):
                return

    async def play(self, scenarios: Iterable[Scenario]) -> dict[str, str]:
        """Why each scenario failed, by its title; "" for those that did not.

        Those in which we are killed are played last, a few at a time: it hits all of them.
        """
        wanted = list(scenarios)
        last = [one for one in wanted if any(row.verb == "restart" for row in one.rows)]
        failed: dict[str, str] = {}
        await self.driver.start(self.sink)
        try:
            await self._play([one for one in wanted if one not in last], failed)
            for first in range(0, len(last), self.driver.slots):
                await self._play(last[first : first + self.driver.slots], failed)
        finally:
            await self.driver.stop()
        return failed

    async def _play(self, scenarios: list[Scenario], failed: dict[str, str]) -> None:
        free: asyncio.Queue[int] = asyncio.Queue()
        for slot in range(self.driver.slots):
            free.put_nowait(slot)
        together = Together(len(scenarios), self.driver.restart)

        async def one(scenario: Scenario) -> None:
            slot = await free.get()
            stage = Stage(self.driver, scenario, slot, together.restart)
            self._stages.append(stage)
            failed[scenario.title] = await _why(stage)
            await together.leave()
            if stage.call_id and failed[scenario.title]:
                self.driver.link.execute(c.HangUpCall(stage.call_id))
                await self.driver.until(lambda: False, QUIET_S)
            self._stages.remove(stage)
            free.put_nowait(slot)

        await asyncio.gather(*(one(scenario) for scenario in scenarios))


class Together:
    """Restarts once, as soon as everybody who has not left is waiting for it."""

    def __init__(self, count: int, restart: Callable[[], Awaitable[None]]) -> None:
        self._count = count
        self._restart = restart
        self._waiting = 0
        self._done = asyncio.Event()

    async def restart(self) -> None:
        self._waiting += 1
        await self._if_all()
        await self._done.wait()

    async def leave(self) -> None:
        self._count -= 1
        await self._if_all()

    async def _if_all(self) -> None:
        if 0 < self._waiting == self._count and not self._done.is_set():
            self._waiting = 0
            await self._restart()
            self._done.set()


async def _why(stage: Stage) -> str:
    try:
        await stage.play()
    except Differs as different:
        return str(different)
    except Exception:
        return traceback.format_exc()
    return ""
