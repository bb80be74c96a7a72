"""The examples of docs/routing.md, played: a site's YAML and what people do; what comes of it.

Each example is a YAML block whose first line is `# part of site.yaml`, and a table after it:

    | time | what happens | what comes of it, and why |
    |---|---|---|
    | 09:00 | anna is ready | |
    | 09:01 | grace calls sales | anna's phone rings for grace: the only free agent, … |
    | 09:01:20 | | grace goes to support: waited 20 s, … |

The first two columns are what a person wrote; a row without the second is what came of time. What
the page leaves out (company, flows, calendars, names) is `REST`. The page is brought up to date by

    python -m tests.config.routing_day
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.reasons import sentence
from callcenter.announcing import Announcing
from callcenter.callbook import LiveCall
from config.check import read_site
from config.site import Announcement, Site, skill_needs
from config.yaml_lines import load_yaml
from ivr.flow import Flow
from ivr.skillneeds import parse_needs

PAGE = Path(__file__).parents[2] / "docs" / "routing.md"
HEAD = "| time | what happens | what comes of it, and why |"
EXAMPLE = re.compile(
    r"^```yaml\n# part of site\.yaml\n(?P<site>.*?)^```\n\n"
    rf"(?P<table>{re.escape(HEAD)}\n\|---\|---\|---\|\n(?:\|[^\n]*\|\n)+)",
    re.M | re.S,
)
ZONE = ZoneInfo("America/Toronto")
DAY = (2026, 11, 23)  # a Monday

REST: dict[str, Any] = {
    "company": "Harbour Lights Electronics",
    "time_zone": "America/Toronto",
    "region": "CA",
    "languages": ["en"],
    "default_flow": "main",
    "skills": {name: name for name in ("billing", "german", "english", "trainee")},
    "transfers": {"allow": ["+1416555"]},
    "hours": {"office": {"week": {"weekdays": "09:00-17:00"}}},
}
WAITS = ("wait", "welcome", "patience")
FLOWS = ("main", "closed", "busy")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table. `at` is the time of day as written."""

    at: str
    happens: str
    comes: str = ""

    def __str__(self) -> str:
        cells = (self.at, self.happens, self.comes)
        return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


@dataclass(frozen=True, slots=True)
class Example:
    """One example of the page: its title, its part of a site, its rows."""

    title: str
    site: str
    rows: list[Row] = field(default_factory=list)


def examples(page: str) -> Iterator[Example]:
    """Every example of the page, in order."""
    for match in EXAMPLE.finditer(page):
        title = re.findall(r"^##+ (.+)$", page[: match.start()], re.M)[-1]
        cells = [line[1:-1].split("|") for line in match["table"].splitlines()[2:]]
        rows = [Row(*(cell.strip() for cell in row)) for row in cells]
        yield Example(title, match["site"], rows)


def site_of(part: str) -> Site:
    """The site that an example is a part of."""
    document: dict[str, Any] = REST | _read(part)
    for name, agent in document.get("agents", {}).items():
        agent.setdefault("name", name)
    first = next(iter(document["queues"]))
    entry = f"fallback: {{queue: {first}}}\nsteps: {{in: {{do: queue, queue: {first}}}}}\n"
    files = {f"flows/{name}.yaml": entry for name in FLOWS}
    files |= {f"flows/{name}.yaml": "kind: wait\nsteps: {back: {do: wait}}\n" for name in WAITS}
    return read_site({**files, "site.yaml": json.dumps(document, ensure_ascii=False)})


def _read(text: str) -> Any:
    """YAML as the site's own reader takes it."""
    return load_yaml(text, "the example").value


def epoch(text: str) -> float:
    """A time of day of the example's Monday ("Tue 09:00": the day after) as engine time."""
    day, _, clock = text.rpartition(" ")
    hour, minute, second = (int(part) for part in (*clock.split(":"), "0")[:3])
    ahead = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun").index(day or "Mon")
    year, month, first = DAY
    return datetime(year, month, first + ahead, hour, minute, second, tzinfo=ZONE).timestamp()


def clock(moment: float) -> str:
    """Engine time as the page writes it."""
    local = datetime.fromtimestamp(moment, ZONE)
    day = "" if local.day == DAY[2] else f"{local:%a} "
    return day + (f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}")


class Plans:
    """The announcements of a site, as `callcenter.announcing` asks for them."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def plan(self, queue: str) -> Sequence[Announcement]:
        return self.site.queues[queue].announcements

    def flow(self, flow_id: str) -> Flow | None:
        return self.site.flows.get(flow_id)


class Play:
    """Plays one example on the engine, as the live system would tell it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.engine = Engine(site.routing())
        self.offers: dict[str, str] = {}  # by agent, or by agent and item
        self.opening = dict.fromkeys(site.queues, "open")
        self.announcing = Announcing(Plans(site))
        self.hears: dict[str, tuple[LiveCall, float]] = {}  # who waits, and when to be visited
        self.rows: list[Row] = []

    def run(self, rows: list[Row]) -> list[Row]:
        """The rows with what comes of them, and those that time brought between."""
        start = epoch(rows[0].at) - 1
        self.by_the_calendar(start, quietly=True)
        now = start
        for row in rows:
            if row.happens:
                until = epoch(row.at)
                self.time_passes(now, until)
                self.rows.append(Row(row.at, row.happens, self.happens(row.happens, until)))
                now = until
        return self.rows

    # Time ----------------------------------------------------------------------------------

    def time_passes(self, since: float, until: float) -> None:
        """Deadlines at their own time, and calendars on the minute."""
        minute = (since // 60 + 1) * 60
        while True:
            self.visit_who_waits()
            due = [at for at in (self.engine.deadline(),) if at is not None]
            now = min(until, minute, *due, *(at for _, at in self.hears.values()))
            self.note(now, self.engine.tick(now))
            self.announce(now)
            if now == minute:
                self.by_the_calendar(now)
                minute += 60
            if now >= until:
                return

    def visit_who_waits(self) -> None:
        """Who has come into a line, or left it."""
        lines = {q: self.engine.waiting(q) for q in self.site.queues if self.announcing_in(q)}
        waiting = {one.call: (q, one.entered) for q, line in lines.items() for one in line}
        for call in set(self.hears) - set(waiting):
            del self.hears[call]
        for call, (queue, entered) in waiting.items():
            if call not in self.hears:
                live = LiveCall(call, queue=queue, entered=entered)
                self.hears[call] = live, entered + self.announcing.first_in(queue)

    def announcing_in(self, queue: str) -> bool:
        return bool(self.site.queues[queue].announcements)

    def announce(self, now: float) -> None:
        """Visit each caller whose time it is."""
        for call, (live, at) in list(self.hears.items()):
            if at > now:
                continue
            due = self.announcing.due(live, now)
            if due is not None:
                live.announced[str(due.place)] = (due.visit, now)
                self.add(now, f"{call} hears “{due.flow.id}”")
            self.hears[call] = live, now + self.announcing.next_in(live, now)

    def by_the_calendar(self, now: float, *, quietly: bool = False) -> None:
        for queue, before in self.opening.items():
            state = self.site.opening(queue, now)
            if (state == "open") is (before == "open"):
                continue
            self.opening[queue] = state
            why = "holiday" if state == "holiday" else "hours"
            fact = f.QueueOpened(queue) if state == "open" else f.QueueClosed(queue, why)
            decisions = self.engine.handle(fact, now)
            if not quietly:
                self.note(now, decisions)

    def note(self, now: float, decisions: list[d.Decision]) -> None:
        """A row for what time alone has brought."""
        self.add(now, self.told(decisions))

    def add(self, now: float, comes: str) -> None:
        if comes and self.rows and self.rows[-1].at == clock(now) and not self.rows[-1].happens:
            comes = f"{self.rows.pop().comes}<br>{comes}"
        if comes:
            self.rows.append(Row(clock(now), "", comes))

    # What people do -------------------------------------------------------------------------

    def happens(self, text: str, now: float) -> str:
        """Tell the engine what a row says; what comes of it."""
        for pattern, tell in _SAYINGS:
            match = pattern.fullmatch(text)
            if match is not None:
                said = tell(self, match.groupdict(), now)
                if isinstance(said, str):
                    return said
                decisions = [one for fact in said for one in self.engine.handle(fact, now)]
                told = self.told(decisions)
                return told.removeprefix(text).removeprefix("<br>")  # not what is there already
        raise AssertionError(f"nobody knows what this means: {text!r}")

    def ready(self, said: dict[str, str]) -> list[f.Fact]:
        agent = said["agent"]
        there = self.engine.agents[agent].state != "offline"
        return [*([] if there else [f.AgentSignedIn(agent)]), f.AgentReady(agent)]

    def calls(self, said: dict[str, str], now: float) -> list[f.Fact] | str:
        """As a menu does it: asked at the door, led on where the queue says so."""
        call, queue = said["call"], said["queue"]
        needs = skill_needs(parse_needs(said["needs"])) if said["needs"] else ()
        priority = self.site.number(said["number"] or "").priority
        priority += self.site.tiers.get(said["tier"] or "", 0) + int(said["priority"] or 0)
        told: list[str] = []
        while True:
            asked = self.engine.handle(f.EntryAsked(call, queue, needs, priority), now)
            told += [self.told(asked)] if self.told(asked) else []
            away = next((one for one in asked if isinstance(one, d.CallTurnedAway)), None)
            if away is None:
                break
            if away.kind != "queue":
                return "<br>".join(told)
            queue = away.target
        fact = f.CallQueued(
            call,
            queue,
            needs,
            priority,
            preferred=said["preferred"] or "",
            preferred_s=self.preferred_s(queue, said["why"] or ""),
            preferred_why=said["why"] or "",
            caller=f"+1416555{sum(map(ord, call.split('-')[0])):04}",
        )
        comes = self.told(self.engine.handle(fact, now))
        return "<br>".join([*told, *([comes] if comes else [])])

    def preferred_s(self, queue: str, why: str) -> float:
        found = (one.wait_s for one in self.site.queues[queue].preferred if one.who == why)
        return next(found, 0.0)

    def staffed(self, said: dict[str, str]) -> f.AgentStaffed:
        given = _read(said["what"])
        queues = given.get("queues")
        return f.AgentStaffed(
            said["agent"],
            queues=None if queues is None else tuple(queues),
            skills=given.get("skills"),
            order=queues if isinstance(queues, dict) else None,
            by=said["by"],
        )

    def why(self, said: dict[str, str], now: float) -> str:
        reason = self.engine.why_waiting(said["call"], now)
        return sentence(reason, "en", clock)

    # What comes of it -----------------------------------------------------------------------

    def told(self, decisions: list[d.Decision]) -> str:
        """Decisions in words; what goes without saying is left out."""
        sent = {one.call for one in decisions if isinstance(one, d.SendOn)}
        return "<br>".join(
            words
            for one in decisions
            if not (isinstance(one, d.CallLeft) and one.call in sent) and (words := self.words(one))
        )

    def words(self, one: d.Decision) -> str:
        match one:
            case d.Offer() | d.Callback():
                self.offers[one.agent] = one.offer
                what = "rings for" if isinstance(one, d.Offer) else "rings to call back"
                return self.because(f"{one.agent}'s phone {what} {_caller(one.call)}", one.reason)
            case d.OfferItem():
                self.offers[f"{one.agent} {one.item}"] = one.offer
                return self.because(f"{one.agent} is shown {one.item}", one.reason)
            case d.SendOn():
                return self.because(
                    f"{one.call} goes to {_where(one.kind, one.target)}", one.reason
                )
            case d.CallTurnedAway():
                where = _where(one.kind, one.target)
                return self.because(
                    f"{one.call} may not wait in {one.queue}: to {where}", one.reason
                )
            case d.CallEntered() if one.reason is not None:
                return self.because(f"{one.call} waits in {one.queue}", one.reason)
            case d.CallLeft(outcome="overflowed") | d.CallLeft(outcome="expired"):
                return self.because(f"{_caller(one.call)} leaves {one.queue}", one.reason)
            case d.CancelOffer():
                return self.because(f"{one.agent}'s phone stops", one.reason)
            case d.QueueChanged():
                state = "open" if one.open else "closed"
                return self.because(f"{one.queue} is {state}", one.reason)
            case d.PositionTold():
                return self.position(one)
            case d.RequirementRelaxed():
                return self.because(f"{one.call}'s call asks for less", one.reason)
            case d.StaffingChanged():
                skills = ", ".join(f"{name} {level}" for name, level in one.skills.items())
                served = f"{one.agent} serves {', '.join(one.queues) or 'nothing'}"
                return self.because(served + (f" with {skills}" if skills else ""), one.reason)
            case d.ItemChanged(state="done") | d.ItemChanged(state="working"):
                return f"{one.item} is {one.state}"
            case d.CallbackChanged():
                return self.callback(one)
            case d.AgentChanged():
                return self.agent(one)
            case d.Refused():
                return f"refused: {one.message}"
        return ""

    @staticmethod
    def because(what: str, reason: d.Reason) -> str:
        return f"{what}: {sentence(reason, 'en', clock)}".replace("|", "/")

    def position(self, one: d.PositionTold) -> str:
        wait = "no word on the time"
        if one.low_s is not None and one.high_s is not None:
            wait = f"{one.low_s:.0f} to {one.high_s:.0f} s more"
        return self.because(f"{one.call} hears: number {one.position}, {wait}", one.reason)

    @staticmethod
    def callback(one: d.CallbackChanged) -> str:
        state = {"due later": "due", "retry": "to be tried again"}.get(one.state, one.state)
        due = f" at {clock(one.due)}" if one.due is not None and one.state != "reached" else ""
        kept = f", the promise {one.promise}" if one.promise else ""
        return f"the callback to {_caller(one.callback)} is {state}{due}{kept}"

    @staticmethod
    def agent(one: d.AgentChanged) -> str:
        if one.state in ("reserved", "offline") or (one.state == "not ready" and not one.reason):
            return ""
        state = {"wrap-up": "in wrap-up"}.get(one.state, one.state)
        until = f" until {clock(one.deadline)}" if one.deadline is not None else ""
        paused = ", but gets no call" if until and one.state == "ready" else ""
        reason = f" ({one.reason})" if one.reason else ""
        then = f", then {one.intent}" if one.intent not in ("", "ready", one.state) else ""
        then += f" ({one.intent_reason})" if then and one.intent_reason else ""
        return f"{one.agent} is {state}{reason}{paused}{until}{then}"


def _caller(call: str) -> str:
    return call.removeprefix("cb-")


def _where(kind: str, target: str) -> str:
    names = {"queue": "", "flow": "the menu ", "number": "", "voicemail": "the voicemail "}
    return f"{names[kind]}{target}".strip()


# What a row may say -------------------------------------------------------------------------

Said = dict[str, str]
Tell = Callable[[Play, Said, float], "list[f.Fact] | str"]


def _facts(make: Callable[[Play, Said], f.Fact]) -> Tell:
    return lambda play, said, now: [make(play, said)]


_CALLS = (
    r"{call}(?:, a (?P<tier>\w+) customer,)? calls {queue}(?: over (?P<number>\+?\d+))?"
    r"(?:, choosing priority (?P<priority>-?\d+))?(?:, needing (?P<needs>[^;]+?))?"
    r"(?:; (?P<preferred>\w+) is the (?P<why>owner|last agent))?"
)
_WORDS: dict[str, Tell] = {
    r"{agent} is ready": lambda play, said, now: play.ready(said),
    r"{agent} signs in": _facts(lambda play, said: f.AgentSignedIn(said["agent"])),
    r"{agent} signs out": _facts(lambda play, said: f.AgentSignedOut(said["agent"])),
    r"{agent} takes a (?P<why>\w+)": _facts(
        lambda play, said: f.AgentNotReady(said["agent"], said["why"])
    ),
    _CALLS: lambda play, said, now: play.calls(said, now),
    r"{agent} answers": _facts(lambda play, said: f.OfferAccepted(play.offers[said["agent"]])),
    r"{agent} does not answer": _facts(
        lambda play, said: f.OfferUnanswered(play.offers[said["agent"]])
    ),
    r"{agent} declines": _facts(lambda play, said: f.OfferDeclined(play.offers[said["agent"]])),
    r"{call} hangs up": _facts(lambda play, said: f.CallerGone(said["call"])),
    r"{agent} finishes": _facts(lambda play, said: f.WrapUpDone(said["agent"])),
    r"{agent} asks for (?P<by>\d+) s more": _facts(
        lambda play, said: f.WrapUpExtended(said["agent"], float(said["by"]))
    ),
    r"{call} hears the position": _facts(lambda play, said: f.PositionAsked(said["call"])),
    r"{call} wants to be called back(?: at (?P<due>[\w :]+))?": lambda play, said, now: [
        f.CallbackRequested(
            said["call"],
            f"cb-{said['call']}",
            "+14165550142",
            epoch(said["due"]) if said["due"] else None,
        ),
        f.CallerGone(said["call"]),
    ],
    r"{call} picks up": _facts(lambda play, said: f.CallbackConnected(f"cb-{said['call']}")),
    r"{call} does not pick up": _facts(
        lambda play, said: f.CallbackFailed(f"cb-{said['call']}", "no answer")
    ),
    r"{agent}'s call with {call} ends": _facts(lambda play, said: f.CallEnded(said["call"])),
    r"the call back to {call} ends": _facts(lambda play, said: f.CallEnded(f"cb-{said['call']}")),
    r"{call} is cut off": _facts(lambda play, said: f.CallerGone(said["call"])),
    r"{by} closes {queue}": _facts(lambda play, said: f.QueueClosed(said["queue"], "", said["by"])),
    r"{by} opens {queue}": _facts(lambda play, said: f.QueueOpened(said["queue"], said["by"])),
    r"{by} gives {agent} (?P<what>\{{.*\}})": _facts(lambda play, said: play.staffed(said)),
    r"{by} takes it back for {agent}": _facts(
        lambda play, said: f.AgentStaffed(said["agent"], reset=True, by=said["by"])
    ),
    r"{call} comes to {queue} as an item": _facts(
        lambda play, said: f.ItemQueued(said["call"], said["queue"])
    ),
    r"{agent} accepts {call}": _facts(
        lambda play, said: f.OfferAccepted(play.offers[f"{said['agent']} {said['call']}"])
    ),
    r"{call} is done": _facts(lambda play, said: f.ItemDone(said["call"])),
    r"why does {call} wait\?": lambda play, said, now: play.why(said, now),
    r"later": lambda play, said, now: [],
}
_SAYINGS = [
    (
        re.compile(
            words.format(
                agent=r"(?P<agent>[a-z]+)",
                call=r"(?P<call>[\w-]+)",
                queue=r"(?P<queue>[a-z-]+)",
                by=r"(?P<by>[a-z]+)",
            )
        ),
        tell,
    )
    for words, tell in _WORDS.items()
]


def played(example: Example) -> list[Row]:
    """The example's rows as the engine has them."""
    return Play(site_of(example.site)).run(example.rows)


def up_to_date(page: str) -> str:
    """The page with every table as the engine has it."""
    found = iter(list(examples(page)))

    def table(match: re.Match[str]) -> str:
        rows = "".join(f"{row}\n" for row in played(next(found)))
        return match[0].replace(match["table"], f"{HEAD}\n|---|---|---|\n{rows}")

    return EXAMPLE.sub(table, page)


if __name__ == "__main__":
    PAGE.write_text(up_to_date(PAGE.read_text("utf-8")), "utf-8")
