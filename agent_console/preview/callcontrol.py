"""Call control in the preview: what `CallControl` promises, without a switch."""

from __future__ import annotations

import time
from typing import Literal

from agent_console.ports import Refusal
from agent_console.preview.company import AGENTS, QUEUES, why
from agent_console.preview.moves import TALKING, Moves
from agent_console.preview.people import Caller, Person
from agent_console.protocol import CallCard, LegCard

RINGS_S = 1.5


class Control(Moves):
    """`CallControl` over the play."""

    async def mute(self, agent: str, call_id: str, on: bool) -> None:
        self._on_call(agent, "mute", call_id, str(on))
        self._talks(agent)["muted"] = on
        self.publish()

    async def send_digits(self, agent: str, call_id: str, digits: str) -> None:
        self._on_call(agent, "send_digits", call_id)
        self._talks(agent)

    async def dial(self, agent: str, number: str, queue: str) -> str:
        person = self._signed_in(agent, "dial", number, queue)
        if person.call or person.host:
            raise Refusal("on-a-call", "You are on a call already.")
        if not number.lstrip("+").isdigit():
            raise Refusal("bad-number", "This is not a telephone number.", 422)
        if number.startswith("+1900"):
            raise Refusal("number-not-allowed", "This number may not be dialled.", 403)
        now = time.time()
        caller = self._arrive(now)
        self.waiting.remove(caller)
        caller.ani, caller.name = number, ""
        caller.queue = queue or next(iter(QUEUES))
        caller.row.update({"direction": "outbound", "caller": number, "caller_name": ""})
        card = self._ring(person, caller, now)
        card.update({"direction": "outbound", "ani_local": number, "trail": []})
        card["why"] = why("dialled", "You place this call.", "您主动外呼。")
        person.next_at = now + RINGS_S
        self.publish()
        return caller.call_id

    async def transfer(self, agent: str, call_id: str, kind: str, to: str) -> None:
        person = self._on_call(agent, "transfer", call_id, kind, to)
        card = self._talks(agent)
        if kind == "agent":
            target = self._asked(to)
            self._wrap(person, "")
            self._ring(target, self._caller_of(card), time.time())
        elif kind == "queue":
            if to not in QUEUES:
                raise Refusal("unknown-queue", "There is no such queue.", 404)
            self._wrap(person, "")
            caller = self._caller_of(card)
            caller.queue = caller.row["queue"] = to
            caller.row["outcome"] = "waiting"
            self.waiting.append(caller)
        else:
            self._wrap(person, "transferred")
        self.publish()

    async def consult(self, agent: str, call_id: str, kind: str, to: str) -> str:
        person = self._on_call(agent, "consult", call_id, kind, to)
        card = self._talks(agent)
        now = time.time()
        leg_id = f"leg-{len(self.told)}"
        leg: LegCard = {
            "id": leg_id,
            "agent": "",
            "name": to,
            "number": to,
            "state": "ringing",
            "supervision": "",
            "since": now,
        }
        if kind == "agent":
            target = self._asked(to)
            leg.update({"agent": to, "name": AGENTS[to][0], "number": ""})
            self._join(target, person, leg_id)
        card["legs"] = [*card["legs"], leg]
        if card["place"] != "conference":
            self._set(person, "consulting")
        person.next_at = 0.0
        if kind == "number":
            self._later[leg_id] = now + RINGS_S
        self.publish()
        return leg_id

    async def swap(self, agent: str, call_id: str) -> None:
        self._on_call(agent, "swap", call_id)
        leg = self._consulted(agent)
        leg["state"] = "held" if leg["state"] == "talking" else "talking"
        self.publish()

    async def complete(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "complete", call_id)
        card = self._talks(agent)
        leg = self._consulted(agent)
        others = [x for x in card["legs"] if x["id"] != leg["id"] and not x["supervision"]]
        state = "conference" if others else "talking"
        handed: CallCard = {**card, "place": state, "legs": others, "muted": False}
        for other in card["legs"]:
            if other["agent"] and not other["supervision"]:  # they stay when the agent leaves
                self.people[other["agent"]].host = ""
        self._wrap(person, "" if leg["agent"] else "transferred")
        if leg["agent"]:
            target = self.people[leg["agent"]]
            target.call = handed
            target.host = target.leg = ""
            self._set(target, state)
            target.next_at = time.time() + 60 if target.played else 0.0
            for other in others:
                if other["agent"]:
                    self._join(self.people[other["agent"]], target, other["id"])
        self.publish()

    async def conference(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "conference", call_id)
        self._consulted(agent)
        card = self._talks(agent)
        self._set(person, "conference")
        for leg in card["legs"]:
            if not leg["supervision"]:
                leg["state"] = "talking"
        self.publish()

    async def end_leg(self, agent: str, call_id: str, leg_id: str) -> None:
        person = self._signed_in(agent, "end_leg", call_id, leg_id)
        owner = self.people[person.host] if person.host else person
        card = owner.call
        if card is None or card["call_id"] != call_id:
            raise Refusal("call-gone", "You are not on this call.")
        leg = next((leg for leg in card["legs"] if leg["id"] == leg_id), None)
        if leg is None or (person.host and leg_id != person.leg):
            raise Refusal("leg-gone", "This party has left the call.")
        card["legs"] = [other for other in card["legs"] if other["id"] != leg_id]
        if leg["agent"]:
            self._free(self.people[leg["agent"]])
        if not [other for other in card["legs"] if not other["supervision"]]:
            self._set(owner, "talking")
        self.publish()

    async def park(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "park", call_id)
        card = self._talks(agent)
        self._wrap(person, "")
        caller = self._caller_of(card)
        caller.parked = time.time()
        caller.row["outcome"] = "parked"
        self.parked.append(caller)
        self.publish()

    async def pick(self, agent: str, call_id: str) -> None:
        person = self._signed_in(agent, "pick", call_id)
        if person.call or person.host:
            raise Refusal("on-a-call", "You are on a call already.")
        card = self._ring(person, self._taken(call_id), time.time())
        card["why"] = why("picked", "You picked this call up.", "您优先代接。")
        person.next_at = time.time() + RINGS_S
        self.publish()

    async def record(self, agent: str, call_id: str, action: str) -> None:
        self._on_call(agent, "record", call_id, action)
        card = self._talks(agent)
        now = card["recording"]
        then: dict[str, dict[str, Literal["", "on", "paused"]]] = {
            "start": {"": "on"},
            "pause": {"on": "paused"},
            "resume": {"paused": "on"},
            "stop": {"on": "", "paused": ""},
        }
        if now not in then[action]:
            raise Refusal("no-change", "That is so already.")
        card["recording"] = then[action][now]
        self.publish()

    async def assign(self, by: str, call_id: str, agent: str) -> None:
        self.told.append(("assign", by, call_id, agent))
        target = self._asked(agent)
        self._ring(target, self._taken(call_id), time.time())
        self.publish()

    async def supervise(self, agent: str, call_id: str, mode: str) -> None:
        person = self._signed_in(agent, "supervise", call_id, mode)
        if mode == "off":
            if person.host:
                self._free(person)
            self.publish()
            return
        if person.host:
            host = self.people[person.host].call
            mine = [x for x in (host["legs"] if host else []) if x["id"] == person.leg]
            for one in mine:
                one["supervision"] = mode
            self.publish()
            return
        if person.call:
            raise Refusal("on-a-call", "You are on a call already.")
        owner = next((p for p in self.people.values() if self._is_on(p, call_id)), None)
        if owner is None or owner.call is None:
            raise Refusal("not-talking", "Nobody talks in this call.")
        leg_id = f"leg-{len(self.told)}"
        leg: LegCard = {
            "id": leg_id,
            "agent": agent,
            "name": AGENTS[agent][0],
            "number": "",
            "state": "ringing",
            "supervision": mode,
            "since": time.time(),
        }
        owner.call["legs"] = [*owner.call["legs"], leg]
        owner.next_at = 0.0
        self._join(person, owner, leg_id)
        self.publish()

    async def take_over(self, agent: str, call_id: str) -> None:
        person = self._signed_in(agent, "take_over", call_id)
        owner = self.people.get(person.host)
        if owner is None or owner.call is None or owner.call["call_id"] != call_id:
            raise Refusal("not-supervising", "You are not in this call.")
        card: CallCard = {**owner.call, "place": "talking", "legs": [], "muted": False}
        self._wrap(owner, "")
        person.host = person.leg = ""
        person.call = card
        self._set(person, "talking")
        self.publish()

    # ---------------------------------------------------------------------------------------

    def _leg_moves(self, person: Person) -> None:
        card = self.people[person.host].call
        leg = next((x for x in (card["legs"] if card else []) if x["id"] == person.leg), None)
        if leg is None:
            self._free(person)
        elif leg["state"] == "ringing":
            self._answers(leg, card)
            self._set(person, "talking")
            person.next_at = 0.0

    @staticmethod
    def _answers(leg: LegCard, card: CallCard | None) -> None:
        leg["state"] = "supervising" if leg["supervision"] else "talking"
        leg["since"] = time.time()

    def step(self, now: float) -> None:
        for leg_id, due in list(self._later.items()):
            if now >= due:
                del self._later[leg_id]
                for person in self.people.values():
                    for leg in person.call["legs"] if person.call else []:
                        if leg["id"] == leg_id:
                            self._answers(leg, person.call)
        super().step(now)

    def _join(self, party: Person, owner: Person, leg_id: str) -> None:
        party.host, party.leg = owner.id, leg_id
        self._set(party, "reserved")
        party.next_at = time.time() + RINGS_S

    def _asked(self, agent: str) -> Person:
        target = self.people.get(agent)
        if target is None:
            raise Refusal("unknown-agent", "There is no such agent.", 404)
        if target.state != "ready":
            raise Refusal("agent-not-ready", "This agent is not ready.")
        return target

    def _talks(self, agent: str) -> CallCard:
        card = self.people[agent].call
        if card is None or card["place"] not in TALKING:
            raise Refusal("not-talking", "You are not talking on this call.")
        return card

    def _consulted(self, agent: str) -> LegCard:
        legs = [leg for leg in self._talks(agent)["legs"] if not leg["supervision"]]
        if not legs:
            raise Refusal("no-consultation", "You are asking nobody.")
        if legs[0]["state"] == "ringing":
            raise Refusal("not-answered", "They have not answered yet.")
        return legs[0]

    @staticmethod
    def _is_on(person: Person, call_id: str) -> bool:
        card = person.call
        return card is not None and card["call_id"] == call_id and card["place"] in TALKING

    def _caller_of(self, card: CallCard) -> Caller:
        row = self.rows[card["call_id"]]
        number = int(card["call_id"].removeprefix("call-"))
        entered = time.time()
        name = card["ani_name"]
        return Caller(
            card["call_id"], card["queue"], number, entered, 300.0, card["ani"], name, row
        )

    def _taken(self, call_id: str) -> Caller:
        for line in (self.parked, self.waiting):
            for caller in line:
                if caller.call_id == call_id:
                    line.remove(caller)
                    caller.parked = 0.0
                    return caller
        raise Refusal("not-waiting", "This caller does not wait any more.")

    def _person(self, agent: str, *what: str) -> Person:
        self.told.append((what[0], agent, *what[1:]))
        return self.people[agent]

    def _signed_in(self, agent: str, *what: str) -> Person:
        person = self._person(agent, *what)
        if person.state == "offline":
            raise Refusal("not-signed-in", "Sign in first.")
        return person

    def _on_call(self, agent: str, *what: str) -> Person:
        person = self._signed_in(agent, *what)
        if not person.call or person.call["call_id"] != what[1]:
            raise Refusal("call-gone", "You are not on this call.")
        return person
