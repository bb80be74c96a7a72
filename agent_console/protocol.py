"""The live protocol between a console and the server, frame by frame.

Everything a console shows is a flat store of *entities*: a key and a JSON value.
The server sends one `Snapshot`, then numbered `Delta` frames; a console that lost
its connection says where it was and gets the missing deltas, or a fresh snapshot.

    client → server   {"t": "hello", "epoch": "…", "seq": 17}     first frame; resume point or ""/0
                      {"t": "do", "id": 5, "verb": "ready", "args": {}}
                      {"t": "ping", "id": 6}
    server → client   {"t": "snapshot", "epoch": "…", "seq": 20, "now": 1764…, "put": {key: value}}
                      {"t": "delta", "seq": 21, "put": {key: value}, "drop": [key]}
                      {"t": "resumed", "epoch": "…", "seq": 20, "now": …}   then the missed deltas
                      {"t": "done", "id": 5, "result": null}
                      {"t": "refused", "id": 5, "code": "not-signed-in", "message": "…"}
                      {"t": "pong", "id": 6, "now": …}

Keys and who sees them:

    me                 this console's user                       everyone
    site               names, reasons, dispositions, languages   everyone
    desk               the agent's own state and call            agent
    record             the customer record of the call           agent
    queue:<id>         live figures of a queue                   agent (own queues), supervisor
    agent:<id>         an agent's state                          supervisor
    colleague:<id>     an agent as one who may be asked          everyone
    waiting:<call_id>  one waiting or parked caller              supervisor
    callback:<id>      somebody who is to be called back    supervisor
    voicemail:<id>     a caller's message, not dealt with    supervisor
    parked:<call_id>   one parked caller                         agent (own queues)
    call:<call_id>     one of today's calls                      supervisor
    alarm:<code>       something is wrong                        supervisor
    figures:<of>:<id>  figures of site, queue, team or agent    supervisor
    definitions        what each figure means                    supervisor
    alert:<…>          a figure beyond its threshold             supervisor

All moments are UTC epoch seconds (float); durations end in `_s`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Role = Literal["agent", "supervisor", "admin"]


class Me(TypedDict):
    user_id: str
    name: str
    role: Role
    agent_id: str  # "" when this user takes no calls
    language: str


class Choice(TypedDict):
    """An id with its label in each language: {"en": "Lunch", "zh": "午餐"}."""

    id: str
    label: dict[str, str]


class SpeedDial(TypedDict):
    """An outside number that the site names for transfers and calls."""

    number: str  # as it is dialled
    label: dict[str, str]


class SiteInfo(TypedDict):
    company: str
    time_zone: str  # IANA: days and intervals begin by it
    queues: list[Choice]
    skills: list[Choice]
    flows: list[Choice]  # menus to which a caller can be sent
    speed_dials: list[SpeedDial]
    not_ready_reasons: list[Choice]
    dispositions: list[Choice]
    switch: str  # "asterisk" or "virtual": with "virtual" there is no browser phone
    switch_up: bool
    demo: bool


class Why(TypedDict):
    """A routing reason: stable code, data, and the sentence in each language."""

    code: str
    data: dict[str, object]
    text: dict[str, str]


class IvrTrail(TypedDict):
    """One thing the caller did in the menu."""

    at: float
    what: str  # "menu", "digits", "language", …
    label: str  # "Billing", "order number"
    value: str  # "2", "10042"; never a card number


class LegCard(TypedDict):
    """A further party of a call: consulted, in the conference, or supervising."""

    id: str
    agent: str  # "" for somebody outside
    name: str  # the agent's, or the number as people write it
    number: str  # of somebody outside
    state: str  # cti.calls.LegState value: ringing, talking, held, supervising
    supervision: str  # "", "listen", "whisper", "barge"
    since: float  # in this state


class Trouble(TypedDict):
    """What the agent wanted and did not come about, in each language."""

    at: float
    text: dict[str, str]


class CallCard(TypedDict):
    """A call as the agent sees it: the agent's own, or one that the agent is a party of.

    With `part` "party" or "supervisor" the agent is the leg `leg_id` of a call of
    `whose` (a name); `offer_id` is then the leg while it rings.
    """

    call_id: str
    part: Literal["own", "party", "supervisor"]
    leg_id: str
    whose: str
    direction: Literal["inbound", "callback", "outbound"]
    place: str  # cti.calls.Place value: ringing, talking, held, consulting, conference, ended
    muted: bool
    recording: Literal["", "on", "paused"]
    recorded: Literal["never", "always", "on demand"]  # the site's rule: what agents may do
    legs: list[LegCard]  # the site may hide supervisors who only listen or whisper
    offer_id: str
    queue: str
    queue_name: str
    ani: str
    ani_local: str  # formatted for people
    ani_name: str
    dnis: str
    entered: float
    waited_s: float | None
    offered: float
    answered: float | None
    ended: float | None
    why: Why
    trouble: NotRequired[Trouble | None]  # till the agent's next deed
    trail: list[IvrTrail]


class Today(TypedDict):
    handled: int
    aht_s: float | None
    wrap_up_s: float | None
    occupancy: float | None


class PhoneHealth(TypedDict):
    kind: str  # browser, desk, outside
    up: bool


class OwnPhone(TypedDict):
    """A phone that the agent may choose at the start of a shift."""

    kind: str  # browser, desk, outside
    number: str  # of an outside phone, as people write it


class ItemCard(TypedDict):
    """A work item (a chat, a task) that the agent is offered or works on."""

    item_id: str
    offer_id: str  # "" once it is accepted
    queue: str
    queue_name: str
    work: str  # the kind
    title: str  # as a program wrote it
    link: str  # http or https, "" for none
    state: Literal["offered", "working"]
    since: float  # in this state
    entered: float
    deadline: float | None  # of the offer
    why: Why


class Desk(TypedDict):
    state: str  # acd.states: offline, not ready, ready, reserved, talking, held, wrap-up, …
    since: float
    reason: str
    intent: str
    intent_reason: str
    deadline: float | None  # ready: a pause after missed calls, nothing is offered before
    extend_left_s: float | None  # how much longer wrap-up may still be made; None: any
    phone: PhoneHealth
    phones: list[OwnPhone]
    call: CallCard | None  # also during wrap-up, until it is saved
    items: list[ItemCard]  # oldest first
    capacity: dict[str, int]  # kind of work to how many at a time, without calls
    today: Today


class Contact(TypedDict):
    at: float
    channel: str
    summary: str
    agent: str
    disposition: str


class OrderRow(TypedDict):
    number: str
    at: float
    status: str
    total: str


class NoteRow(TypedDict):
    at: float
    author: str
    text: str


class Customer(TypedDict):
    customer_id: str
    name: str
    company: str
    tier: str  # "standard", "silver", "gold"
    email: str
    language: str
    phones: list[str]
    account_number: str
    owner: NotRequired[str]  # the agent who looks after the account, by id
    contacts: list[Contact]
    orders: list[OrderRow]
    notes: list[NoteRow]


class Match(TypedDict):
    customer_id: str
    name: str
    company: str
    account_number: str


class Record(TypedDict):
    """The screen pop. `status`: looking, found, several (choose), none (form), failed."""

    call_id: str
    status: Literal["looking", "found", "several", "none", "failed"]
    number: str
    customer: Customer | None
    matches: list[Match]
    message: str
    url: str  # into another program: a link that the agent may open


class ServiceLevels(TypedDict):
    standard: float | None
    negative: float | None
    ignored: float | None
    positive: float | None
    handled_only: float | None


class QueueLive(TypedDict):
    id: str
    name: str
    work: str  # "call", or the kind of work item that waits here
    waiting: int  # callers, or work items
    longest_since: float | None  # when the longest-waiting caller entered
    callbacks: int
    open: bool  # callers are let in
    opened_by: str  # who says so until it is taken back: a user; "" by the hours
    offered: int  # since midnight of the site, like all below
    answered: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    service_level: ServiceLevels
    threshold_s: float
    target: float
    abandon_rate: float | None
    asa_s: float | None
    aht_s: float | None
    agents: dict[str, int]  # state to number, agents of this queue


class Colleague(TypedDict):
    """An agent as one to whom a call can be given. At most a second old."""

    id: str
    name: str
    state: str
    queues: list[str]


class Duties(TypedDict):
    """What an agent does. `order`: queue to number, 1 when not named; lower comes first."""

    queues: list[str]
    skills: dict[str, int]
    order: dict[str, int]


class AgentLive(TypedDict):
    """`legs`, `place`, `muted` and `recording` are those of the agent's own call.

    `queues`, `skills` and `order` are in force now; `configured` says what the configuration
    has instead, when a supervisor set something else.
    """

    id: str
    name: str
    state: str
    since: float
    reason: str
    intent: str
    place: str
    muted: bool
    recording: Literal["", "on", "paused"]
    legs: list[LegCard]
    call_id: str  # also while the agent is only a party of it
    queue: str
    caller: str
    phone: PhoneHealth
    deadline: float | None  # of wrap-up, ringing, or a pause while ready
    queues: list[str]
    skills: dict[str, int]
    order: dict[str, int]
    configured: Duties | None
    capacity: dict[str, int]
    items: dict[str, int]  # kind of work to how many are offered or open
    today: Today


class ParkedCall(TypedDict):
    """A caller whom anybody of the queue may pick."""

    call_id: str
    queue: str
    caller: str
    caller_name: str
    since: float  # parked
    until: float | None  # then the caller waits in the queue again


class WaitingCall(TypedDict):
    call_id: str
    kind: Literal["call", "callback"]
    parked: bool
    queue: str
    caller: str
    caller_name: str
    entered: float
    position: int
    priority: int
    why: Why


class CallbackLive(TypedDict):
    """Somebody who is to be called back, while no agent is about to. `due`: not before then."""

    id: str
    queue: str
    caller: str
    caller_name: str
    attempts: int
    due: float | None
    promised: float | None


class VoicemailLive(TypedDict):
    """A caller's message that nobody has dealt with; `id` is that of its recording."""

    id: str
    call_id: str
    box: str  # a queue's id, or another name
    caller: str
    caller_name: str
    at: float
    length_s: float


class CallRow(TypedDict):
    call_id: str
    arrived: float
    direction: str
    ani: str
    caller: str
    caller_name: str
    customer: str
    dnis: str
    queue: str
    agent: str
    outcome: str  # "in menu", "waiting", "talking", "answered", "abandoned", …
    waited_s: float | None
    talk_s: float | None
    ended: float | None


class TimelineEntry(TypedDict):
    at: float
    kind: str  # stable, kebab-case: "arrived", "menu", "queued", "offered", "answered", …
    text: dict[str, str]
    why: NotRequired[Why]
    data: dict[str, object]


class RecordingRow(TypedDict):
    """A recording of a call; its sound is `GET /api/recordings/{id}`."""

    id: str
    agent: str  # the name
    at: float  # begun
    length_s: float
    channels: int  # 2: the caller left, everybody else right


class SegmentRow(TypedDict):
    """One agent's part of a call, or of a further leg of it."""

    agent: str  # the name; of somebody outside the number
    role: str  # "agent", "consulted", "conference", "supervisor", "outside"
    queue: str
    began: float
    ended: float | None
    talk_s: float | None
    hold_s: float | None
    wrap_up_s: float | None
    how: str  # how it ended (`reporting.segments`), "" while it runs
    disposition: str
    note: str


class CallDetail(TypedDict):
    """`GET /api/calls/{call_id}`."""

    call: CallRow
    recordings: NotRequired[list[RecordingRow]]
    segments: NotRequired[list[SegmentRow]]
    timeline: list[TimelineEntry]
    moments: dict[str, float | None]
    disposition: str
    note: str


class Alarm(TypedDict):
    code: str
    since: float
    text: dict[str, str]


class FigureSet(TypedDict):
    """Figures by id (`definitions`): of this moment, and of each window."""

    scope: Literal["site", "queue", "team", "agent"]
    id: str
    label: dict[str, str]
    now: dict[str, float | None]
    books: dict[str, list[int]]  # queues: where the books differ, engine's and records' count
    windows: dict[str, dict[str, float | None]]  # "15", "30", "60", "interval", "day"


class AlertLive(TypedDict):
    """An alert that stands, or with `cleared` one that was over today."""

    alert: str
    rule: str
    figure: str
    scope: str
    target: str
    window: str
    value: float  # when it was raised
    threshold: float
    clear: float
    about: str
    since: float
    text: dict[str, str]
    acknowledged: float | None
    by: str
    cleared: float | None
    why: str  # "gone": nobody looks any more


class SipAccess(TypedDict):
    """What a browser phone registers with (`POST /api/phone`, `POST /api/webphone`)."""

    uri: str  # sip:agent-anna@callcenter.invalid
    user: str
    password: str
    ws: str  # path of the relay, "/sip"
    expires: float
    target: str  # the web phone only: what to dial, "sip:100@…"; "" for agents
