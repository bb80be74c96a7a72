"""The bodies of requests and answers: what is taken is checked by these, what is given is
described by them (and a test checks the one against the other).

Moments are UTC epoch seconds; durations end in `_s`. Programs must bear fields that they do not
know: new ones may come within v1.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=200)]
Moment = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]


class Given(BaseModel):
    """A request's body or query: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(populate_by_name=True)


# Answers ------------------------------------------------------------------------------------------


class Problem(Told):
    """RFC 9457. `code` is stable and for programs, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str


class Done(Told):
    """The order was carried out; `result` is the id of what came into being, if anything did."""

    done: Literal[True] = True
    result: str | None = None


class Leg(Told):
    """A further party of a call; `agent` is empty for somebody outside."""

    id: str
    agent: str
    number: str
    state: Literal["ringing", "talking", "held", "supervising"]
    supervision: Literal["", "listen", "whisper", "barge"]


class LiveState(Told):
    """What is known only of a call that lives."""

    place: str = Field(
        description="entry (menu), waiting, ringing, talking, held, consulting, conference, ended"
    )
    offer_id: str
    legs: list[Leg]
    muted: bool
    recording: Literal["", "recording", "paused"]
    switch: str
    answered: float | None


class Call(Told):
    """A call, live or past. `agent` is an id and known of live calls only."""

    id: str
    direction: Literal["inbound", "outbound", "callback"]
    from_: str = Field(alias="from", description="Who calls; empty when withheld")
    from_name: str
    to: str = Field(description="The number that was dialled")
    queue: str
    agent: str
    agent_name: str
    customer_id: str
    customer_name: str
    arrived: float
    ended: float | None
    waited_s: float | None
    talk_s: float | None
    outcome: str
    live: LiveState | None


class Calls(Told):
    """`next`: ask again with this as `until` for the calls before these; null at the end."""

    calls: list[Call]
    next: float | None


class Why(Told):
    """`code` and `data` say it for programs, `text` for people."""

    code: str
    data: dict[str, Any]
    text: str


class WhyThen(Why):
    at: float
    kind: str = Field(description="The entry of the timeline: offered, waits, turned-away, …")


class Whys(Told):
    """`now`: why the call waits, or is with whom it is; null when it is in a menu or over."""

    call_id: str
    now: Why | None
    before: list[WhyThen]


class CallbackRow(Told):
    """Somebody who is to be called back."""

    id: str
    asked_in: str = Field(description="The call in which it was asked for")
    queue: str
    number: str
    customer_name: str
    state: str = Field(
        description="Where it is: parked (its caller is still on the line), "
        "due later, waiting, offered, dialling, retry or connected"
    )
    attempts: int
    entered: float
    due: float | None = Field(description="When it is tried (again); null for as soon as possible")
    promised: float | None = Field(description="The time that the customer chose")


class VoicemailRow(Told):
    """A caller's message; its sound is `GET /recordings/{id}`."""

    id: str
    call_id: str
    box: str
    ani: str
    customer_id: str
    customer_name: str
    at: float
    length_s: float


class Voicemails(Told):
    voicemails: list[VoicemailRow]


class Callbacks(Told):
    callbacks: list[CallbackRow]


class CallDetail(Told):
    call: Call
    timeline: list[dict[str, Any]]
    disposition: str
    note: str


class Customer(Told):
    model_config = ConfigDict(extra="allow")

    customer_id: str
    name: str
    company: str
    tier: str
    email: str
    language: str
    phones: list[str]
    account_number: str
    owner: str = ""
    contacts: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    notes: list[dict[str, Any]]


class Match(Told):
    customer_id: str
    name: str
    company: str
    account_number: str


class Matches(Told):
    customers: list[Match]


class Record(Told):
    """The record on the agent's screen; `url` is the site's screen-pop link, if it has one."""

    call_id: str
    status: Literal["looking", "found", "several", "none", "failed"]
    number: str
    customer: Customer | None
    matches: list[Match]
    message: str
    url: str = ""


class Phone(Told):
    kind: Literal["browser", "desk", "outside"]
    up: bool


class Duties(Told):
    queues: list[str]
    skills: dict[str, int]
    order: dict[str, int]


class Agent(Told):
    id: str
    name: str
    state: str = Field(
        description="offline, not ready, ready, reserved, talking, held, consulting, conference, "
        "wrap-up or fault"
    )
    since: float
    reason: str
    intent: str
    call_id: str
    queue: str
    phone: Phone
    deadline: float | None = Field(description="Of ringing, wrap-up, or a pause while ready")
    queues: list[str] = Field(description="In force now, as skills and order")
    skills: dict[str, int]
    order: dict[str, int] = Field(description="Queue to number: lower first, 1 when not named")
    configured: Duties | None = Field(
        description="What the configuration says, when a supervisor set something else"
    )
    capacity: dict[str, int] = Field(description="Kind of work item to how many at a time")
    items: dict[str, int] = Field(description="Kind of work item to how many there are")


class Agents(Told):
    agents: list[Agent]


class Queue(Told):
    """Counts and rates are since midnight of the site."""

    id: str
    name: str
    work: str = Field(description="call, or the kind of work item that waits here")
    waiting: int
    longest_since: float | None
    callbacks: int
    open: bool = Field(description="Callers are let in")
    opened_by: str = Field(description="Who says so until it is taken back; empty: by the hours")
    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    service_level: dict[str, float | None]
    threshold_s: float
    target: float
    abandon_rate: float | None
    asa_s: float | None
    aht_s: float | None
    agents: dict[str, int]


class Queues(Told):
    queues: list[Queue]


class Item(Told):
    """A work item that is not over."""

    id: str
    queue: str
    work: str = Field(description="Its kind, by its queue")
    title: str
    link: str
    by: str = Field(description="Who brought it: a user, or key:NAME")
    priority: int
    state: Literal["queued", "offered", "working"]
    agent: str
    offer_id: str
    entered: float
    since: float = Field(description="In this state")
    deadline: float | None = Field(description="Of the offer")
    why: str = Field(description="Of the last change, in English")


class Items(Told):
    items: list[Item]


class Definition(Told):
    """What a figure means. `name` and `formula` are in each language."""

    id: str
    name: dict[str, str]
    version: int
    formula: dict[str, str]
    unit: Literal["share", "s", "count", "money"] = Field(description="share: 0 to 1")
    scopes: list[str]
    now: bool = Field(description="Of this moment; the others are of the window or span")


class FigureRow(Told):
    """The figures of one queue, team or agent, or of the site; null where nothing was counted."""

    scope: Literal["queue", "team", "agent", "site"]
    id: str
    name: str
    window: str = Field(description="Empty for a span of its own")
    since: float
    until: float
    values: dict[str, float | None]
    counts: dict[str, float] = Field(description="What the values are reckoned from")


class Figures(Told):
    definitions: list[Definition]
    figures: list[FigureRow]


class AlertNow(Told):
    """An alert that stands, or with `cleared` one that was over today."""

    alert: str
    rule: str
    figure: str
    scope: str
    target: str
    window: str
    value: float
    threshold: float
    clear: float
    about: str
    since: float
    text: dict[str, str]
    acknowledged: float | None
    by: str
    cleared: float | None
    why: str


class Alerts(Told):
    alerts: list[AlertNow]


class KeyInfo(Told):
    """The key that asks."""

    id: str
    name: str
    scopes: list[str]
    agent: str
    expires: float | None
    requests_per_minute: int


class Webhook(Told):
    """A subscription. `secret` is told only when it is made."""

    id: str
    name: str
    url: str
    format: Literal["events", "zammad"]
    types: list[str]
    queues: list[str]
    enabled: bool
    created: float
    created_by: str
    cursor: int = Field(description="Delivered up to this sequence")
    behind: int = Field(description="Journal numbers between the cursor and now")
    last_success: float | None
    last_error: str
    two_secrets: bool = Field(description="An earlier secret signs too, until it is dropped")
    secret: str | None = None


class WebhookList(Told):
    webhooks: list[Webhook]


class Ping(Told):
    """What the receiver answered to the test."""

    ok: bool
    status: int | None
    error: str
    took_ms: float


class Letter(Told):
    id: int
    sequence: int
    at: float
    why: str
    attempts: int
    event: dict[str, Any]


class Letters(Told):
    letters: list[Letter]


class Nothing(Told):
    """Nothing to say."""


# Requests -----------------------------------------------------------------------------------------


class NoQuery(Given):
    pass


class VoicemailsQuery(Given):
    box: Annotated[str, Field(max_length=200)] = ""


class WhyQuery(Given):
    language: Annotated[str, Field(max_length=35)] = Field(
        "en", description="Of the sentences: en or zh"
    )


class CallsQuery(Given):
    live: bool = Field(False, description="Only calls that live now; the rest does not apply")
    since: Moment | None = Field(None, description="Arrived from then on; default: a day ago")
    until: Moment | None = Field(None, description="Arrived before then; default: now")
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    queue: Annotated[str, Field(max_length=200)] = ""
    agent: Annotated[str, Field(max_length=200)] = Field("", description="Live calls only")


class ItemsQuery(Given):
    queue: Annotated[str, Field(max_length=200)] = ""
    agent: Annotated[str, Field(max_length=200)] = Field("", description="Offered to, or with")
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class FiguresQuery(Given):
    scope: Literal["queue", "team", "agent", "site"] = "queue"
    id: Annotated[str, Field(max_length=200)] = Field("", description="Empty: all of this scope")
    window: Literal["15", "30", "60", "interval", "day"] = Field(
        "day", description="The last minutes, the running quarter of an hour, or since midnight"
    )
    since: Moment | None = Field(None, description="A past span instead, at most 31 days")
    until: Moment | None = Field(None, description="Its end; default: now")


class CustomersQuery(Given):
    q: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Name, company, number or account number"
    )
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class LettersQuery(Given):
    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


_Types = Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=60)]
_Queues = Annotated[list[Id], Field(max_length=200)]
_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Url = Annotated[str, Field(min_length=1, max_length=2000)]


class NewWebhook(Given):
    name: _Name
    url: _Url = Field(description="https, and a public address unless the settings allow others")
    format: Literal["events", "zammad"] = "events"
    types: _Types = Field(default_factory=list, description="Such as call.*; empty: all")
    queues: _Queues = Field(default_factory=list, description="Only their calls; empty: all")


class ChangedWebhook(Given):
    """What is left out stays."""

    name: _Name | None = None
    url: _Url | None = None
    types: _Types | None = None
    queues: _Queues | None = None
    enabled: bool | None = None
