"""A site as its people configured it: company, numbers, queues, agents, hours, flows.

Immutable, and whole: `config.check.load_site` returns one only when everything in it is
known to fit together. Durations are in seconds, moments in UTC epoch seconds.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from acd import site as acd_site
from config import popurl
from config.alert_reading import Reckoning
from config.hours import Calendar, State, hours_state, moments
from ivr.flow import Flow
from ivr.mistakes import Mistake
from ivr.skillneeds import Need
from reporting.alerts import BOOKS, AlertRule, usual_rules

Labels = Mapping[str, str]  # language → text for people
_DIALABLE = re.compile(r"\+?[0-9]{3,15}")
PHONE_KINDS = ("browser", "desk", "outside")
TIERS = ("standard", "silver", "gold")  # of customers, as in their records


@dataclass(frozen=True, slots=True)
class Label:
    """An id with its name in each language (skills, dispositions, not-ready reasons)."""

    id: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Number:
    """A number that callers dial. `language` "" lets the caller choose."""

    number: str
    flow: str
    language: str = ""
    labels: Labels = field(default_factory=dict)
    priority: int = 0  # of its callers, beside the queue's


RECORDING = ("never", "always", "on demand")


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Which calls are recorded, how, and for how long recordings are kept.

    `calls`: "always" begins when the agent answers, and the agent may only pause it; "on
    demand" leaves it to the agent. `stereo`: the caller left, everybody else right.
    """

    calls: str = "never"
    stereo: bool = True
    keep_days: int = 90


@dataclass(frozen=True, slots=True)
class Announcement:
    """Visit a waiting caller with `flow`, `after_s` in the queue and then again and again."""

    flow: str
    after_s: float = 0.0
    every_s: float | None = None  # None: once


@dataclass(frozen=True, slots=True)
class Preference:
    """Whom a caller gets if that agent is there within `wait_s`.

    "last agent": who spoke to the caller last, `within_days`; "owner": of the account.
    """

    who: Literal["last agent", "owner"]
    wait_s: float = 20.0
    within_days: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. `target` is the share of calls to be answered within `threshold_s`.

    What the routing engine has to know means the same as there (`acd.site.Queue`).
    """

    id: str
    labels: Labels
    work: str = acd_site.CALL
    # who comes first, and who gets the call
    priority: int = 0
    weight: float = 1.0
    first_after_s: float | None = None
    choice: acd_site.Choice = "longest-idle"
    ring_several: int = 1
    needs: tuple[Need, ...] = ()
    relax: tuple[acd_site.Relax, ...] = ()
    preferred: tuple[Preference, ...] = ()  # the first of whom there is somebody counts
    ring_s: float = 15.0
    rona: acd_site.Rona = field(default_factory=acd_site.Rona)
    # after the call
    wrap_up_s: float | None = 30.0  # None: no forced end
    extend_s: float | None = None
    # the figures
    threshold_s: float = 20.0
    target: float = 0.8
    short_abandon_s: float = 5.0
    # before and while waiting
    hours: str = ""  # the calendar by which it opens; "": always open
    staffed: acd_site.Staffed = "signed in"
    rules: tuple[acd_site.Rule, ...] = ()
    wait_flow: str = ""  # `wait.flow` of the site: the first of the plan
    announcements: tuple[Announcement, ...] = ()  # the whole plan; none: music only
    music: str = "default"
    # callbacks
    callback: bool = True
    callback_attempts: int = 3
    callback_retry_s: float = 300.0
    callback_window_s: float = 900.0
    callback_expires_s: float = 86_400.0
    callback_times: tuple[int, ...] = ()  # minutes of the day that a caller may choose
    callback_days: int = 2  # so many days ahead, today not counted
    recording: RecordingRule = field(default_factory=RecordingRule)
    screen_pop_url: str = ""  # "": the site's


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone that an agent may use; `address` is the number of an outside phone."""

    kind: str
    address: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A person with a phone. `skills` maps a skill to a level from 1 to 10.

    Without queues nothing is offered: a supervisor, who listens in and picks calls up.
    `order`, `weight` and `capacity` are as in `acd.site.Agent`.
    """

    id: str
    name: str
    queues: tuple[str, ...]
    skills: Mapping[str, int]
    phones: tuple[Phone, ...]
    order: Mapping[str, int] = field(default_factory=dict)
    weight: float = 1.0
    capacity: Mapping[str, int] = field(default_factory=dict)
    team: str = ""
    language: str = ""
    switch: str = ""  # the Asterisk where the phones register; "" for the first


@dataclass(frozen=True, slots=True)
class AsteriskSwitch:
    """An Asterisk that we run ourselves. Ports that are 0 are chosen.

    `sip_address` "" is the one of the settings.
    """

    id: str
    sip_address: str = ""
    sip_port: int = 0
    ami_port: int = 0
    http_port: int = 0
    agi_port: int = 0
    rtp_first_port: int = 0
    rtp_last_port: int = 0


@dataclass(frozen=True, slots=True)
class TwilioSwitch:
    """A Twilio account. Secrets are read from the environment variables `…_env`.

    `public_url` is where Twilio reaches us: https, with the path "/twilio" or below it.
    `browser_address` and `desk_address` are where agents are dialled ("sip:{agent}@…"), ""
    where that is not possible; `sip_addresses` is where such calls come from to our Asterisks.
    """

    id: str
    account_sid: str
    auth_token_env: str
    public_url: str
    api_key: str = ""
    api_secret_env: str = ""
    caller_id: str = ""
    browser_address: str = ""
    desk_address: str = ""
    sip_addresses: tuple[str, ...] = ()  # IP addresses or networks
    fallback_url: str = ""  # where the document is hosted that keeps callers while we are away
    music_url: str = ""  # "": Twilio's own
    recordings_url: str = ""  # where Twilio finds the files of `recordings`
    conference_always: bool = False


Switch = AsteriskSwitch | TwilioSwitch


@dataclass(frozen=True, slots=True)
class Trunk:
    """A line to the public network, known by the `addresses` its calls come from.

    It ends at the Asterisk `switch` ("": the first). `contact` ("host" or "host:port") is
    where our own calls go; "" for incoming only. The password is read from the environment
    variable `password_env`.
    """

    id: str
    addresses: tuple[str, ...]  # IP addresses or networks
    contact: str = ""
    user: str = ""
    password_env: str = ""
    register: bool = False
    codecs: tuple[str, ...] = ("ulaw", "alaw")
    switch: str = ""


@dataclass(frozen=True, slots=True)
class NumberRule:
    """Which outside numbers may be dialled: prefixes that are allowed, less those refused."""

    allow: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()

    def permits(self, number: str) -> bool:
        """Whether `number` (digits, E.164 with '+' or internal) may be dialled."""
        if not _DIALABLE.fullmatch(number):
            return False
        if self.refuse and number.startswith(self.refuse):
            return False
        return bool(self.allow) and number.startswith(self.allow)


@dataclass(frozen=True, slots=True)
class WhenAway:
    """What the switch does with new callers while our process is away.

    They hear music for `after_s`; then the desk phone of agent `ring` rings for `ring_s`.
    With no such agent, or when nobody answers, they hear that they should call again.
    """

    ring: str = ""
    after_s: float = 30.0
    ring_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a site configures. `warnings` are oddities that do not stop it."""

    company: str
    time_zone: str
    region: str  # ISO country, for numbers typed without "+"
    languages: tuple[str, ...]  # the first is the default
    default_flow: str
    numbers: Mapping[str, Number]
    queues: Mapping[str, Queue]
    skills: Mapping[str, Label]
    agents: Mapping[str, Agent]
    not_ready_reasons: tuple[Label, ...]
    dispositions: tuple[Label, ...]
    calendars: Mapping[str, Calendar]
    trunks: Mapping[str, Trunk]
    flows: Mapping[str, Flow]
    callback_caller_id: str
    callback_numbers: NumberRule
    transfer_numbers: NumberRule
    speed_dials: tuple[Label, ...] = ()  # outside numbers with a name; the id is the number
    supervision_visible: bool = True  # agents see who listens and whispers in their calls
    recording: RecordingRule = field(default_factory=RecordingRule)  # where a queue has no own
    agents_hear_own: bool = False  # the recordings of their own calls
    screen_pop_url: str = ""  # a template: see `config.popurl`
    when_away: WhenAway = field(default_factory=WhenAway)
    switches: Mapping[str, Switch] = field(default_factory=dict)  # none: one, by the settings
    console_grace_s: float = 10.0
    place_grace_s: float = 0.0
    sharing: acd_site.Sharing = "arrival"
    priority_worth_s: float | None = None
    tiers: Mapping[str, int] = field(default_factory=dict)  # a customer's tier to priority
    teams: Mapping[str, Label] = field(default_factory=dict)
    alerts: tuple[AlertRule, ...] | None = None  # None: the usual ones
    reckoning: Reckoning = field(default_factory=Reckoning)
    warnings: tuple[Mistake, ...] = ()

    def number(self, dnis: str) -> Number:
        """What a dialled number leads to; an unknown one goes to the default flow."""
        plain = dnis.lstrip("+")
        for known in (dnis, plain, f"+{plain}"):
            if known in self.numbers:
                return self.numbers[known]
        return Number(dnis, self.default_flow)

    def flow_for(self, dnis: str) -> tuple[Flow, str]:
        """The entry flow for a dialled number, and the language it sets ("" for none)."""
        number = self.number(dnis)
        return self.flows[number.flow], number.language

    def alert_rules(self) -> dict[str, AlertRule]:
        """What is worth an alert, by id."""
        rules = self.alerts
        if rules is None:
            rules = usual_rules({q.id: (q.threshold_s, q.target) for q in self.queues.values()})
        return {rule.id: rule for rule in (BOOKS, *rules)}

    def team_members(self) -> dict[str, tuple[str, ...]]:
        """The agents of each team."""
        found: dict[str, tuple[str, ...]] = dict.fromkeys(self.teams, ())
        for agent in self.agents.values():
            if agent.team:
                found[agent.team] = (*found.get(agent.team, ()), agent.id)
        return found

    def recording_of(self, queue: str) -> RecordingRule:
        """How calls of a queue are recorded; a call of none as the site says."""
        found = self.queues.get(queue)
        return found.recording if found is not None else self.recording

    def pop_url(self, queue: str, values: Mapping[str, str]) -> str:
        """The link into another program for a call of this queue; "" for none."""
        found = self.queues.get(queue)
        template = (found.screen_pop_url if found else "") or self.screen_pop_url
        return popurl.filled(template, values) if template else ""

    def hours(self, calendar: str, utc: float) -> State:
        """The state of a calendar at a moment; an unknown one is open: never lose a caller."""
        found = self.calendars.get(calendar)
        return hours_state(found, utc) if found else "open"

    def opening(self, queue: str, utc: float) -> State:
        """Whether a queue takes callers at a moment, by its calendar."""
        found = self.queues.get(queue)
        return self.hours(found.hours, utc) if found is not None else "open"

    def callback_times(self, queue: str, utc: float, most: int) -> tuple[float, ...]:
        """The next moments (UTC, at most `most`) that a caller of this queue may choose."""
        found = self.queues.get(queue)
        if found is None:
            return ()
        calendar = self.calendars.get(found.hours) or Calendar("", self.time_zone, always=True)
        times = moments(calendar, utc, found.callback_times, found.callback_days)
        return tuple(itertools.islice(times, most))

    def label(self, labels: Labels, language: str) -> str:
        """The label in `language`, or in the site's first."""
        return labels.get(language) or labels.get(self.languages[0], "")

    def routing(self) -> acd_site.Site:
        """What the routing engine has to know of this site."""
        return acd_site.Site(
            queues=tuple(self._routed(queue) for queue in self.queues.values()),
            agents=tuple(
                acd_site.Agent(
                    id=agent.id,
                    name=agent.name,
                    queues=agent.queues,
                    skills=dict(agent.skills),
                    order=dict(agent.order),
                    weight=agent.weight,
                    capacity=dict(agent.capacity),
                )
                for agent in self.agents.values()
            ),
            sharing=self.sharing,
            priority_worth_s=self.priority_worth_s,
            console_grace_s=self.console_grace_s,
            place_grace_s=self.place_grace_s,
        )

    def _routed(self, queue: Queue) -> acd_site.Queue:
        return acd_site.Queue(
            id=queue.id,
            name=self.label(queue.labels, self.languages[0]),
            work=queue.work,
            priority=queue.priority,
            weight=queue.weight,
            threshold_s=queue.threshold_s,
            first_after_s=queue.first_after_s,
            choice=queue.choice,
            ring_several=queue.ring_several,
            needs=skill_needs(queue.needs),
            relax=tuple(sorted(queue.relax, key=lambda step: step.after_s)),
            ring_s=queue.ring_s,
            rona=queue.rona,
            rules=queue.rules,
            staffed=queue.staffed,
            wrap_up_s=queue.wrap_up_s,
            extend_s=queue.extend_s,
            callback_attempts=queue.callback_attempts,
            callback_retry_s=queue.callback_retry_s,
            callback_window_s=queue.callback_window_s,
            callback_expires_s=queue.callback_expires_s,
        )


def skill_needs(needs: tuple[Need, ...]) -> tuple[acd_site.SkillNeed, ...]:
    """A flow's or queue's needs as the engine wants them."""
    return tuple(
        acd_site.SkillNeed(need.skill, need.level, need.below, skill_needs(need.others))
        for need in needs
    )
