# ruff: noqa: E501 - rows of text are easier to read whole
"""How a site says who comes first, who gets the call and what becomes of who waits."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from acd import site as acd
from acd.engine import Engine
from config.check import ConfigErrors, read_site
from config.queue_reading import OCCASIONS
from config.site import TIERS, Announcement, Preference, Site
from crm_link.records import TIERS as TIERS_OF_RECORDS
from ivr.skillneeds import parse_needs

SITE = """\
company: Test
time_zone: America/Toronto
region: CA
languages: [en]
default_flow: main
skills: {billing: Billing, german: German, english: English, trainee: Trainee}
numbers: {"100": {flow: main, priority: 5}}
sharing: weight
priority_worth_s: 30
place_grace_s: 120
tiers: {gold: 20, silver: 10}
teams: {east: East}
queues:
  sales:
    priority: 2
    weight: 2.5
    first_after_s: 300
    choice: weighted
    ring_several: 3
    needs: billing >= 3 and (german >= 5 or english >= 8) and not trainee
    relax:
      - {after_s: 60, drop: [german]}
      - {after_s: 20, lower_by: 2}
      - {after_s: 90, also: [support]}
    preferred: {owner: {wait_s: 15}, last_agent: {within_days: 7}}
    rona: {misses: 2, then: pause, pause_s: 60}
    wrap_up_s: unlimited
    extend_s: 120
    hours: office
    staffed: working
    closed: {flow: closed}
    nobody: support
    full: {at: 20, to: {number: "+14165550123"}}
    expected_wait: {above_s: 600, to: {voicemail: office}}
    overflow: {after_s: 180, to: [support, {voicemail: }]}
    left_alone: {after_s: 60, to: support}
    closing: {after_s: 300, to: {flow: closed}}
    callback: {attempts: 2, retry_s: 60, window_s: 600, expires_s: 7200, times: ["14:00", "09:30"], days: 1}
    wait:
      flow: wait
      first_s: 30
      every_s: 60
      announcements:
        - {flow: welcome, after_s: 0}
        - {flow: welcome, after_s: 300, every_s: 120}
  support: {}
  chats: {work: chat}
agents:
  anna:
    name: Anna
    queues: {sales: 1, support: 2, chats: 1}
    skills: {billing: 7, english: 9}
    weight: 2
    capacity: {call: 1, chat: 3}
    team: east
hours:
  office: {week: {weekdays: "09:00-17:00"}}
callbacks: {allow: ["+1"]}
transfers: {allow: ["+1416"]}
"""

FLOWS = {
    "flows/main.yaml": """\
fallback: {queue: support}
steps:
  buy: {do: queue, queue: sales, needs: billing >= 3 and not trainee}
""",
    "flows/closed.yaml": "fallback: {queue: support}\nsteps: {bye: {do: hang_up}}\n",
    "flows/wait.yaml": "kind: wait\nsteps: {back: {do: wait}}\n",
    "flows/welcome.yaml": "kind: wait\nsteps: {back: {do: wait}}\n",
}


def read(text: str = SITE) -> Site:
    return read_site({**FLOWS, "site.yaml": text})


def test_everything_about_routing_is_read() -> None:
    """Every word that a supervisor writes must arrive where it counts."""
    site = read()
    sales = site.queues["sales"]
    assert (sales.hours, sales.callback_times, sales.callback_days) == ("office", (570, 840), 1)
    assert sales.preferred == (Preference("owner", 15), Preference("last agent", 20, 7))
    assert sales.announcements == (
        Announcement("wait", 30, 60),
        Announcement("welcome", 0),
        Announcement("welcome", 300, 120),
    )
    assert (site.tiers, site.numbers["100"].priority) == ({"gold": 20, "silver": 10}, 5)
    assert site.agents["anna"].team == "east"
    (step,) = site.flows["main"].steps.values()
    assert getattr(step, "needs", ()) == parse_needs("billing >= 3 and not trainee")


def test_the_engine_gets_all_of_it() -> None:
    """What is read and not handed on would be a promise that nobody keeps."""
    routing = read().routing()
    assert (routing.sharing, routing.priority_worth_s, routing.place_grace_s) == ("weight", 30, 120)
    sales = routing.queues[0]
    need, onward = acd.SkillNeed, acd.Onward
    assert sales == acd.Queue(
        id="sales",
        name="sales",
        priority=2,
        weight=2.5,
        threshold_s=20,
        first_after_s=300,
        choice="weighted",
        ring_several=3,
        needs=(
            need("billing", 3),
            need("german", 5, others=(need("english", 8),)),
            need("trainee", 1, below=True),
        ),
        relax=(
            acd.Relax(20, lower_by=2),
            acd.Relax(60, drop=("german",)),
            acd.Relax(90, also=("support",)),
        ),
        ring_s=15,
        rona=acd.Rona(2, "pause", 60),
        rules=(
            acd.Rule("closed", onward("flow", "closed")),
            acd.Rule("nobody", onward("queue", "support")),
            acd.Rule("full", onward("number", "+14165550123"), 20),
            acd.Rule("expected-wait", onward("voicemail", "office"), 600),
            acd.Rule("waited", onward("queue", "support"), 180),
            acd.Rule("waited", onward("voicemail"), 180),
            acd.Rule("left-alone", onward("queue", "support"), 60),
            acd.Rule("closing", onward("flow", "closed"), 300),
        ),
        staffed="working",
        wrap_up_s=None,
        extend_s=120,
        callback_attempts=2,
        callback_retry_s=60,
        callback_window_s=600,
        callback_expires_s=7200,
    )
    assert routing.queues[1:] == (
        acd.Queue("support", "support"),
        acd.Queue("chats", "chats", "chat"),
    )
    assert routing.agents == (
        acd.Agent(
            "anna",
            "Anna",
            ("sales", "support", "chats"),
            {"billing": 7, "english": 9},
            {"sales": 1, "support": 2, "chats": 1},
            2.0,
            {"call": 1, "chat": 3},
        ),
    )


def test_every_occasion_and_every_tier_can_be_written_down() -> None:
    """What the engine or the customer records know more of would be out of reach."""
    assert [when for _, when, _ in OCCASIONS] == list(get_args(acd.Occasion))
    assert TIERS == TIERS_OF_RECORDS


def test_what_is_not_written_is_as_the_engine_has_it() -> None:
    """One default in two places must stay one."""
    text = SITE[: SITE.index("  sales:\n")] + "  support: {}\n" + SITE[SITE.index("agents:\n") :]
    text = text.replace("{sales: 1, support: 2, chats: 1}", "[support]")
    text = text.replace('"100": {flow: main, priority: 5}', "").replace("sharing: weight\n", "")
    text = text.replace("priority_worth_s: 30\nplace_grace_s: 120\n", "")
    text = text.replace("    weight: 2\n    capacity: {call: 1, chat: 3}\n", "")
    text = text.replace("    skills: {billing: 7, english: 9}\n", "")
    flows = {**FLOWS, "flows/main.yaml": FLOWS["flows/main.yaml"].replace("sales", "support")}
    routing = read_site({**flows, "site.yaml": text}).routing()
    plain = acd.Site((acd.Queue("support", "support"),), (acd.Agent("anna", "Anna", ("support",)),))
    assert routing == plain


# what is changed | by what | line: message; fix
MISTAKES = """\
german: German, | not: German, | 6: the name 'not' in 'skills'; use another word: this one joins needs
choice: weighted | choice: longest | 18: unknown choice 'longest'; did you mean 'longest-idle'?
choice: weighted | choice: best | 18: unknown choice 'best'; known are: best-skill, closest-skill, fewest-calls, least-occupied, linear, longest-idle, r
sharing: weight | sharing: fair | 8: unknown sharing 'fair'; known are: arrival, target, weight
staffed: working | staffed: there | 30: unknown staffed 'there'; known are: ready, signed in, working
then: pause | then: logout | 26: unknown then 'logout'; known are: not ready, pause, sign out
tiers: {gold | tiers: {golden | 11: unknown tier 'golden'; did you mean 'gold'?
team: east | team: west | 55: there is no team 'west'; did you mean 'east'?
hours: office | hours: ofice | 29: there is no calendar 'ofice'; did you mean 'office'?
nobody: support | nobody: suport | 32: there is no queue 'suport'; did you mean 'support'?
nobody: support | nobody: sales | 32: the queue 'sales' sends its callers to itself; name another queue or leave it out
nobody: support | nobody: chats | 32: the queue 'chats' is for work of kind 'chat'; name a queue with 'work: call'
nobody: support | nobody: | -
nobody: support | nobody: 5 | 32: 'nobody' is 5; write a queue's name, or {flow: …}, {voicemail: …} or {number: '+…'}
nobody: support | nobody: {queue: support, flow: closed} | 32: 'nobody' is {'queue': 'support', 'flow': 'closed'}; write a queue's name
nobody: support | nobody: {menu: closed} | 32: 'nobody' leads to 'menu'; known are: flow, number, queue, voicemail
nobody: support | nobody: {queue: } | 32: 'nobody' has no 'queue'; add 'queue: …'
closed: {flow: closed} | closed: {flow: closd} | 31: there is no flow 'closd'; did you mean 'closed'?
closed: {flow: closed} | closed: {flow: wait} | 31: the flow 'wait' is of kind 'wait'; name a flow with 'kind: entry'
number: "+14165550123" | number: "+19005550123" | 33: callers may not be sent to '+19005550123'; add its prefix to 'transfers: {allow: [...]}'
number: "+14165550123" | number: "0123" | 33: 'number' is '0123'; write '+', the country code and the number
at: 20 | at: 0 | 33: 'at' is 0; use 1 to 10000
full: {at: 20, to: | full: {to: | 33: 'full' has no 'at'; add 'at: …'
full: {at: 20, to: {number: "+14165550123"}} | full: {at: 20} | 33: 'full' has no 'to'; add 'to:': write a queue's name, or {flow
above_s: 600 | above: 600 | 34: 'expected_wait' has no 'above_s'; add 'above_s: …'
[support, {voicemail: }] | [support, suport] | 35: there is no queue 'suport'; did you mean 'support'?
drop: [german] | drop: [germn] | 22: there is no skill 'germn'; did you mean 'german'?
also: [support] | also: [suport] | 24: there is no queue 'suport'; did you mean 'support'?
also: [support] | also: [sales] | 24: the queue 'sales' looks for more agents in itself; name another queue
{after_s: 20, lower_by: 2} | {after_s: 20} | 23: a step of 'relax' changes nothing; add 'lower_by', 'drop' or 'also'
{after_s: 20, lower_by: 2} | {lower_by: 2} | 23: a step of 'relax' has no 'after_s'; add 'after_s: …'
{after_s: 20, lower_by: 2} | 20 | 23: a step of 'relax' is 20; write it as 'key: value' lines
preferred: {owner | preferred: {ower | 25: 'preferred' has an unknown key 'ower'; did you mean 'owner'?
times: ["14:00" | times: ["2 pm" | 38: 'times' holds '2 pm'; write times such as "09:30"
{flow: welcome, after_s: 0} | {flow: welcom, after_s: 0} | 44: there is no flow 'welcom'; did you mean 'welcome'?
{flow: welcome, after_s: 0} | {flow: closed, after_s: 0} | 44: the flow 'closed' is of kind 'entry'; name a flow with 'kind: wait'
{flow: welcome, after_s: 0} | {after_s: 0} | 44: an announcement has no 'flow'; add 'flow: …'
{sales: 1, | {sale: 1, | 51: there is no queue 'sale'; did you mean 'sales'?
{sales: 1, | {sales: first, | 51: 'sales' is 'first'; write a number
{call: 1, | {call: 2, | 54: 'call' is 2; use 0 to 1
work: chat | work: chat, ring_several: 2 | 47: 'ring_several' in a queue of no calls; only phones ring
(german >= 5 or | (german >= 5 | 20: 'needs': a '(' without its ')'; add the ')'
not trainee | not junior | 20: there is no skill 'junior'; known are: billing, english, german, trainee
extend_s: 120 | extend_s: lots | 28: 'extend_s' is 'lots'; write a number
"""


@pytest.mark.parametrize("row", MISTAKES.splitlines(), ids=str)
def test_a_mistake_names_line_and_fix(row: str) -> None:
    """A supervisor repairs the site from the message alone, so the literal message counts."""
    old, new, said = row.split(" | ")
    assert SITE.count(old) >= 1, "the row changes nothing"
    found: list[str] = []
    try:
        read(SITE.replace(old, new, 1))
    except ConfigErrors as errors:
        found = [str(one).removeprefix("site.yaml:") for one in errors.mistakes]
    assert any(text.startswith(said) for text in found) or (said == "-" and not found), found


# what is changed | by what | line: warning; fix
ODDITIES = """\
sharing: weight | sharing: target | 16: the weight of 'sales' has no effect: 'sharing' is 'target'; write 'sharing: weight'
choice: weighted | choice: linear | 53: the weight of 'anna' has no effect: no queue's choice is 'weighted'; write 'choice
closed: {flow: closed} | closed: | 29: 'sales' has hours, but does not say where callers go when it is closed; add 'closed: {flow: …}', or they will wait
after_s: 90, also | after_s: 200, also | 24: nobody waits 200 s here: callers move on at 180 s; let this step of 'relax' come before the overflow
chats: 1} | sales: 1} | 47: no agent serves the queue 'chats'
{call: 1, chat: 3} | {call: 1} | 47: no agent of 'chats' takes work of kind 'chat'; add 'capacity: {chat: 1}' to an agent
{call: 1, chat: 3} | {call: 1, chat: 3, mail: 2} | 54: 'anna' serves no queue for work of kind 'mail'; add such a queue to 'queues', or leave it out
voicemail: office | voicemail: suport | 34: the voicemail 'suport' is no queue's; is it 'support'?
support: {} | support: {full: {at: 5, to: sales}} | 14: callers can go in a circle: sales → support → sales; nobody comes to a queue twice that way
{billing: 7, english: 9} | {billing: 2} | -
"""


@pytest.mark.parametrize("row", ODDITIES.splitlines(), ids=str)
def test_what_nobody_may_have_meant_is_a_warning(row: str) -> None:
    """It runs, but somebody should look at it."""
    old, new, said = row.split(" | ")
    text = SITE.replace(old, new, 1).replace(", sales: 1, sales: 1", "")
    if "chats" in old:
        text = SITE.replace(", chats: 1}", "}").replace(", chat: 3", "")
    found = [str(one).removeprefix("site.yaml:") for one in read(text).warnings]
    assert any(one.startswith(said) for one in found) or (said == "-" and not found), found
    assert read().warnings == ()


@pytest.mark.parametrize(
    "number", ["+19005550100", "+1416&PJSIP/itsp/1900", "+1416${SHELL(id)}", "0123", "+1416555#"]
)
def test_a_queue_sends_callers_only_to_numbers_that_are_allowed(number: str) -> None:
    """A rule is dialled day and night, without anybody looking: it must not cost the house."""
    for key in ("closed", "nobody"):
        text = SITE.replace("  support: {}", f"  support: {{{key}: {{number: '{number}'}}}}")
        with pytest.raises(ConfigErrors, match=r"site\.yaml:46: "):
            read(text)
    for key in ("full: {at: 5, ", "overflow: {after_s: 5, ", "closing: {after_s: 5, "):
        text = SITE.replace("  support: {}", f"  support: {{{key}to: [{{number: '{number}'}}]}}}}")
        with pytest.raises(ConfigErrors, match=r"site\.yaml:46: "):
            read(text)


def test_a_choice_of_times_without_times_is_a_warning() -> None:
    """Callers who press the key would hear that there is nothing to choose."""
    texts = ("text", "ask_number", "confirm", "times", "confirm_time")
    said = "".join(f"    {key}: x\n" for key in texts)
    offer = (
        "kind: wait\nsteps:\n  back: {do: wait}\n  offer:\n    do: offer_callback\n"
        f"{said}    at: '3'\n    accepted: back\n    next: back\nstart: offer\n"
    )
    files = {**FLOWS, "flows/wait.yaml": offer, "site.yaml": SITE}
    assert read_site(files).warnings == ()
    files["site.yaml"] = SITE.replace('times: ["14:00", "09:30"], ', "")
    assert [str(one) for one in read_site(files).warnings] == [
        "site.yaml:40: the flow 'wait' lets callers choose a time, but 'sales' has none; "
        "add 'callback: {times: [\"09:30\", …]}'"
    ]


def test_a_queue_is_open_by_its_calendar() -> None:
    """Callers are told what the calendar says, in its own zone."""
    site = read()
    zone = ZoneInfo("America/Toronto")
    monday = datetime(2026, 11, 23, 10, 0, tzinfo=zone).timestamp()
    assert site.opening("sales", monday) == "open"
    assert site.opening("sales", monday + 8 * 3600) == "closed"
    assert site.opening("support", monday + 8 * 3600) == "open"
    assert site.opening("gone", monday) == "open"


def test_callers_choose_a_time_at_which_the_queue_is_open() -> None:
    """A callback that is promised for the weekend would be a promise broken."""
    site = read()
    zone = ZoneInfo("America/Toronto")

    def times(day: int, hour: int, most: int = 9) -> list[str]:
        now = datetime(2026, 11, day, hour, 0, tzinfo=zone).timestamp()
        found = site.callback_times("sales", now, most)
        return [datetime.fromtimestamp(one, zone).strftime("%a %H:%M") for one in found]

    assert times(23, 10) == ["Mon 14:00", "Tue 09:30", "Tue 14:00"]
    assert times(23, 8, most=2) == ["Mon 09:30", "Mon 14:00"]
    assert times(27, 15) == []  # a Friday afternoon, and one day ahead at most
    assert site.callback_times("support", 0.0, 9) == ()


def test_any_value_anywhere_in_a_queue_gives_a_site_or_its_mistakes() -> None:
    """Each field must stand a value of any shape."""
    keys = [
        line.strip().split(":")[0]
        for line in SITE.splitlines()
        if line[:5] == "    " + line[4:5].strip()
    ]
    odd: tuple[object, ...] = (
        None,
        True,
        -1,
        0.5,
        "x",
        [],
        [1],
        [[]],
        [{}],
        {"x": 1},
        {"at": {}},
        {"to": [None]},
        [{"flow": 1}],
    )
    assert {"relax", "closed", "full", "wait", "callback", "needs", "preferred"} <= set(keys)
    for key in dict.fromkeys(keys):
        for value in odd:
            text = SITE.replace("  support: {}", f"  support: {{{key}: {json.dumps(value)}}}")
            with contextlib.suppress(ConfigErrors):
                Engine(read(text).routing())
