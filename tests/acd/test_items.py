"""Work items beside calls: rows of text, the expected decisions last.

    queue chats chat          a queue and its kind of work; agent anna q,chats chat=2
    5 | item i1 chats | offer anna i1

`offer` an item is shown, `works` accepted, `waits (why)` back in its line, `done`, `over`;
calls are written as in the rows of routing: `ring`, `talks`, `ready`, …
"""

from __future__ import annotations

import json
import re

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.site import Agent, Queue, Rona, Site, SkillNeed

SCENARIOS = {
    "the agent with the fewest open items is asked first, each up to the capacity": """
        agent anna chats chat=2
        agent bob chats chat=1
        1 | ready anna      | -
        2 | ready bob       | -
        3 | item i1 chats   | offer anna i1
        4 | accept i1       | works anna i1
        5 | item i2 chats   | offer bob i2
        6 | accept i2       | works bob i2
        7 | item i3 chats   | offer anna i3
        8 | accept i3       | works anna i3
        9 | item i4 chats   | -
        10 | done i2        | done bob i2; offer bob i4
    """,
    "an offer counts as an open item": """
        agent anna chats chat=1
        1 | ready anna      | -
        2 | item i1 chats   | offer anna i1
        3 | item i2 chats   | -
        4 | withdraw i1     | over i1; offer anna i2
    """,
    "priority first, then arrival": """
        agent anna chats chat=1
        1 | item i1 chats   | -
        2 | item i2 chats   | -
        3 | item i3 chats 5 | -
        4 | ready anna      | offer anna i3
        5 | withdraw i3     | over i3; offer anna i1
    """,
    "voice first: who is free for both gets the call, and no items during it": """
        agent anna calls,chats chat=2
        1 | item i1 chats   | -
        2 | call c1 calls   | -
        3 | ready anna      | ring anna c1
        4 | answer c1       | talks anna c1
        5 | item i2 chats   | -
        9 | hang up c1      | -
        10 | wrapped anna   | offer anna i1; offer anna i2
    """,
    "who has items stays available for calls; an offer that is open then goes to another": """
        agent anna calls,chats chat=2
        agent bob chats chat=2
        1 | ready anna      | -
        2 | item i1 chats   | offer anna i1
        3 | accept i1       | works anna i1
        4 | item i2 chats   | offer anna i2
        5 | ready bob       | -
        6 | call c1 calls   | ring anna c1; waits i2 (item-call-first); offer bob i2
        7 | answer c1       | talks anna c1
        8 | done i1         | done anna i1
    """,
    "declined: somebody else is asked; the same agent only after a while": """
        agent anna chats chat=1
        agent bob chats chat=1
        1 | ready anna      | -
        2 | item i1 chats   | offer anna i1
        3 | decline i1      | waits i1 (item-declined)
        4 | item i2 chats   | offer anna i2
        5 | withdraw i2     | over i2
        6 | ready bob       | offer bob i1
        7 | decline i1      | waits i1 (item-declined)
        36 | tick           | -
        37 | tick           | offer anna i1
    """,
    "no answer is RONA": """
        agent anna chats chat=2
        agent bob chats chat=1
        1 | ready anna      | -
        2 | ready bob       | -
        3 | item i1 chats   | offer anna i1
        18 | tick           | waits i1 (item-unanswered); anna not ready; offer bob i1
    """,
    "no answer with a pause: neither items nor calls before it is over": """
        agent anna calls,slow slow=2
        1 | ready anna      | -
        2 | item i1 slow    | offer anna i1
        17 | tick           | waits i1 (item-unanswered)
        18 | call c1 calls  | -
        19 | item i2 slow   | -
        37 | tick           | ring anna c1
    """,
    "signing out gives the items back, at their place by arrival": """
        agent anna chats chat=2
        agent bob chats chat=1
        1 | item i1 chats   | -
        2 | ready anna      | offer anna i1
        3 | accept i1       | works anna i1
        4 | item i2 chats   | offer anna i2
        5 | sign out anna   | waits i1 (agent-signed-out); waits i2 (agent-signed-out)
        6 | ready bob       | offer bob i1
    """,
    "not ready keeps what was accepted": """
        agent anna chats chat=2
        1 | ready anna      | -
        2 | item i1 chats   | offer anna i1
        3 | accept i1       | works anna i1
        4 | item i2 chats   | offer anna i2
        5 | break anna      | waits i2 (agent-not-ready)
        6 | ready anna      | offer anna i2
        7 | done i1         | done anna i1
    """,
    "skills are asked for": """
        agent anna chats chat=2
        agent bob chats chat=2 german=3
        1 | ready anna      | -
        2 | item i1 chats 0 german=2 | -
        3 | ready bob       | offer bob i1
        4 | item i2 chats 0 german=2 | offer bob i2
    """,
    "another queue is another matter: staffing takes an offer back, never what was accepted": """
        agent anna chats,tasks chat=2 task=1
        agent bob chats chat=1
        1 | ready anna      | -
        2 | item i1 chats   | offer anna i1
        3 | accept i1       | works anna i1
        4 | item i2 chats   | offer anna i2
        5 | item i3 tasks   | offer anna i3
        6 | staff anna tasks | waits i2 (item-not-served)
        7 | ready bob       | offer bob i2
        8 | done i1         | done anna i1
    """,
    "order: a queue asks agents of a lower number first": """
        agent anna chats chat=3 chats:2
        agent bob chats chat=1
        1 | ready anna      | -
        2 | ready bob       | -
        3 | item i1 chats   | offer bob i1
        4 | item i2 chats   | offer anna i2
    """,
}

QUEUES = (
    Queue("calls", wrap_up_s=None),
    Queue("chats", work="chat"),
    Queue("tasks", work="task", priority=1),
    Queue("slow", work="slow", rona=Rona(1, "pause", 20.0)),
)


def read_agent(words: list[str]) -> Agent:
    capacity, skills, order = {}, {}, {}
    for word in words[2:]:
        name, sign, number = re.split(r"([=:])", word)
        kind = order if sign == ":" else skills if name == "german" else capacity
        kind[name] = int(number)
    return Agent(words[0], "", tuple(words[1].split(",")), skills, order, capacity=capacity)


def short(x: d.Decision) -> str:
    match x:
        case d.OfferItem():
            return f"offer {x.agent} {x.item}"
        case d.ItemChanged(state="working"):
            return f"works {x.agent} {x.item}"
        case d.ItemChanged(state="done"):
            return f"done {x.agent} {x.item}"
        case d.ItemChanged(state="withdrawn"):
            return f"over {x.item}"
        case d.ItemChanged(state="queued") if x.reason.code != "item-queued":
            return f"waits {x.item} ({x.reason.code})"
        case d.Offer():
            return f"ring {x.agent} {x.call}"
        case d.CallLeft(outcome="answered"):
            return f"talks {x.agent} {x.call}"
        case d.AgentChanged(state="not ready", reason="no answer"):
            return f"{x.agent} not ready"
        case d.Refused():
            return f"refused {x.code}"
    return ""


class Play:
    """One scenario on a checked engine, taken through a snapshot after each row."""

    def __init__(self, agents: list[Agent]) -> None:
        self.engine = Engine(Site(QUEUES, tuple(agents)))
        self.checked = CheckedEngine(self.engine)

    def facts(self, words: list[str]) -> list[f.Fact]:
        what, who = words[0], words[-1]
        views = {view.item: view for view in self.engine.items()}
        calls = {view.call: view for view in self.engine.visits()}
        match what:
            case "ready":
                known = self.engine.agents[who].state != "offline"
                return [*([] if known else [f.AgentSignedIn(who)]), f.AgentReady(who)]
            case "break":
                return [f.AgentNotReady(who)]
            case "sign":
                return [f.AgentSignedOut(who)]
            case "item":
                needs = tuple(SkillNeed(*_pair(word)) for word in words[4:])
                return [f.ItemQueued(words[1], words[2], needs, int([*words, "0"][3]))]
            case "accept":
                return [f.OfferAccepted(views[who].offer)]
            case "decline":
                return [f.OfferDeclined(views[who].offer)]
            case "done":
                return [f.ItemDone(who)]
            case "withdraw":
                return [f.ItemWithdrawn(who)]
            case "call":
                return [f.CallQueued(words[1], words[2])]
            case "answer":
                return [f.OfferAccepted(calls[who].offer)]
            case "hang":
                return [f.CallEnded(who)]
            case "wrapped":
                return [f.WrapUpDone(who)]
            case "staff":
                return [f.AgentStaffed(words[1], tuple(words[2].split(",")))]
        raise AssertionError(f"unknown fact {words}")

    def row(self, at: float, text: str) -> str:
        decisions: list[d.Decision] = []
        if text == "tick":
            decisions += self.checked.tick(at)
        else:
            for fact in self.facts(text.split()):
                decisions += self.checked.handle(fact, at)
        state = json.loads(json.dumps(self.engine.snapshot()))
        self.engine = self.checked.engine = Engine.restore(self.engine.site, state)
        assert self.engine.snapshot() == state
        return "; ".join(filter(None, map(short, decisions))) or "-"


def _pair(word: str) -> tuple[str, int]:
    name, _, level = word.partition("=")
    return name, int(level)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    """Who gets which item is agreed on in rows, and a restart between any two changes nothing."""
    agents, rows = [], []
    for line in filter(None, map(str.strip, SCENARIOS[name].splitlines())):
        if line.startswith("agent "):
            agents.append(read_agent(line.split()[1:]))
        else:
            rows.append([part.strip() for part in line.split("|")])
    play = Play(agents)
    for at, text, expected in rows:
        assert play.row(float(at), text) == expected, f"at {at}: {text}"


def _floor(*agents: Agent) -> CheckedEngine:
    checked = CheckedEngine(Engine(Site(QUEUES, agents)))
    for agent in agents:
        checked.handle(f.AgentSignedIn(agent.id), 0.0)
        checked.handle(f.AgentReady(agent.id), 0.0)
    return checked


REFUSED = [
    (f.ItemQueued("i1", "chats"), "item-known"),
    (f.ItemQueued("i0", "chats"), "item-over"),
    (f.ItemQueued("i9", "calls"), "not-for-items"),
    (f.ItemQueued("i9", "nowhere"), "unknown-queue"),
    (f.ItemDone("i1"), "item-not-working"),
    (f.ItemDone("i9"), "unknown-item"),
    (f.ItemDone("i0"), "item-over"),
    (f.ItemWithdrawn("i9"), "unknown-item"),
    (f.OfferAccepted("o1"), "offer-over"),
]


@pytest.mark.parametrize(("fact", "code"), REFUSED)
def test_refused_and_nothing_changed(fact: f.Fact, code: str) -> None:
    """Late, repeated and impossible news of items is harmless and says what is wrong."""
    floor = _floor(Agent("anna", queues=("chats",), capacity={"chat": 1}))
    engine = floor.engine
    floor.handle(f.ItemQueued("i0", "chats"), 1.0)
    floor.handle(f.ItemWithdrawn("i0"), 1.0)
    floor.handle(f.ItemQueued("i1", "chats"), 1.0)
    assert isinstance(engine, Engine)
    before = engine.snapshot()
    assert [getattr(x, "code", "") for x in floor.handle(fact, 1.0)] == [code]
    assert engine.snapshot() == before


def test_items_of_a_removed_queue_go_to_another_of_their_kind_or_are_over() -> None:
    """Nothing waits where nobody looks; what an agent works on is not touched."""
    floor = _floor(Agent("anna", queues=("chats", "tasks"), capacity={"chat": 1, "task": 1}))
    for item, queue in (("i1", "chats"), ("i2", "chats"), ("i3", "tasks"), ("i4", "tasks")):
        floor.handle(f.ItemQueued(item, queue), 1.0)
    for view in floor.engine.items():  # type: ignore[attr-defined]
        if view.offer:
            floor.handle(f.OfferAccepted(view.offer), 2.0)
    site = Site((QUEUES[0], Queue("more", work="chat")), (Agent("anna", queues=("more",)),))
    decided = [x for x in floor.handle(f.Configured(site), 3.0) if isinstance(x, d.ItemChanged)]
    assert [(x.item, x.queue, x.state) for x in decided] == [
        ("i2", "more", "queued"),
        ("i4", "tasks", "withdrawn"),
    ]
    assert [x.state for x in floor.handle(f.ItemDone("i1"), 4.0) if isinstance(x, d.ItemChanged)]
    floor.handle(f.AgentSignedOut("anna"), 5.0)
    assert {view.item for view in floor.engine.items()} == {"i2"}  # type: ignore[attr-defined]


def test_agents_who_get_room_by_a_new_configuration_are_all_there() -> None:
    """Two at the same moment, with nothing to tell them apart, and items that wait."""
    agents = tuple(Agent(name, queues=("chats",)) for name in ("anna", "bob", "cleo"))
    floor = _floor(*agents)
    for item in ("i1", "i2"):
        floor.handle(f.ItemQueued(item, "chats"), 1.0)
    able = tuple(Agent(agent.id, queues=("chats",), capacity={"chat": 1}) for agent in agents)
    decided = floor.handle(f.Configured(Site(QUEUES, able)), 2.0)
    offered = [(x.item, x.agent) for x in decided if isinstance(x, d.OfferItem)]
    assert offered == [("i1", "anna"), ("i2", "bob")]


def test_a_full_book_of_items_refuses_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that runs wild is told so, and what is open stays."""
    monkeypatch.setattr("acd.items.MAX_ITEMS", 2)
    floor = _floor(Agent("anna", queues=("calls",)))
    decided = [floor.handle(f.ItemQueued(f"i{n}", "chats"), 1.0)[-1] for n in range(3)]
    assert [getattr(x, "code", "") for x in decided] == ["", "", "too-many-items"]


def test_nobody_is_blamed_for_our_absence() -> None:
    """The time to answer an offer of an item moves like every deadline."""
    floor = _floor(Agent("anna", queues=("chats",), capacity={"chat": 1}))
    floor.handle(f.ItemQueued("i1", "chats"), 1.0)
    floor.handle(f.Resumed(100.0), 105.0)
    assert floor.deadline() == 116.0


def test_old_snapshots_without_items_are_taken_up() -> None:
    """An update of the program in the middle of a day loses nothing."""
    engine = Engine(Site(QUEUES, (Agent("anna", queues=("chats",), capacity={"chat": 1}),)))
    engine.handle(f.AgentSignedIn("anna"), 1.0)
    engine.handle(f.AgentReady("anna"), 1.0)
    state = engine.snapshot()
    del state["items"], state["items_over"], state["agents"][0]["desk"]
    again = Engine.restore(engine.site, state)
    decided = again.handle(f.ItemQueued("i1", "chats"), 2.0)
    assert [x.agent for x in decided if isinstance(x, d.OfferItem)] == ["anna"]
