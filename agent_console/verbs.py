"""What people do over the live websocket: each verb's arguments and the call behind it.

Who acts is never an argument: it comes from the log-in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_console.permissions import may_do
from agent_console.ports import Floor, Refusal, User

Id = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(max_length=200)]
Line = Annotated[str, Field(max_length=1000)]
Prose = Annotated[str, Field(max_length=8000)]


class _Args(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(_Args):
    pass


Level = Annotated[int, Field(ge=1, le=10)]
Skills = Annotated[dict[Id, Level], Field(max_length=200)]


class Staff(_Args):
    """Parts that are left out stay as they are."""

    agent: Id
    queues: Annotated[list[Id], Field(max_length=2000)] | None = None
    skills: Skills | None = None
    order: Annotated[dict[Id, Annotated[int, Field(ge=1, le=1000)]], Field(max_length=2000)] | (
        None
    ) = None
    reset: bool = False


class OfAgent(_Args):
    agent: Id


class AddItem(_Args):
    """`link` is http or https; `item_id` a new one unless given."""

    queue: Id
    title: Annotated[str, Field(min_length=1, max_length=300)]
    link: Annotated[str, Field(max_length=2000)] = ""
    item_id: Word = ""
    needs: Skills = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0


class WithdrawItem(_Args):
    item_id: Id
    why: Word = ""


class ItemOf(_Args):
    item_id: Id


class SignIn(_Args):
    phone: Literal["browser", "desk", "outside"]


class NotReady(_Args):
    reason: Word


class Offer(_Args):
    offer_id: Id


class Call(_Args):
    call_id: Id


class Mute(_Args):
    call_id: Id
    on: bool


class SendDigits(_Args):
    call_id: Id
    digits: Annotated[str, Field(pattern=r"^[0-9A-D*#]{1,32}$")]


class Dial(_Args):
    number: Annotated[str, Field(min_length=1, max_length=50)]
    queue: Word = ""


class Transfer(_Args):
    call_id: Id
    kind: Literal["agent", "queue", "number", "flow"]
    to: Id


class Consult(_Args):
    call_id: Id
    kind: Literal["agent", "number"]
    to: Id


class Leg(_Args):
    call_id: Id
    leg_id: Id


class Record(_Args):
    call_id: Id
    action: Literal["start", "stop", "pause", "resume"]


class Assign(_Args):
    call_id: Id
    agent: Id


class Supervise(_Args):
    call_id: Id
    mode: Literal["listen", "whisper", "barge", "off"]


class WrapUp(_Args):
    call_id: Id
    disposition: Word
    note: Prose = ""
    then: Literal["ready", "not_ready", ""] = ""


class ExtendWrapUp(_Args):
    by_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class ChooseCustomer(_Args):
    call_id: Id
    customer_id: Id


class CreateCustomer(_Args):
    call_id: Id
    fields: Annotated[dict[Word, Line], Field(max_length=30)]


class Alert(_Args):
    alert: Id


class Queue(_Args):
    queue: Id


class CloseQueue(_Args):
    queue: Id
    why: Word = ""


class Callback(_Args):
    callback: Id


class CancelCallback(_Args):
    callback: Id
    why: Word = ""


class MoveCallback(_Args):
    callback: Id
    due: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Message(_Args):
    recording: Id


class SetAgentState(_Args):
    agent: Id
    state: Literal["ready", "not ready", "offline"]
    reason: Word = ""


# Any: each function takes the model that stands beside it.
Deed = Callable[[Floor, str, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Verb:
    """`as_agent`: the actor is the user's agent, and a user who takes no calls is refused."""

    args: type[_Args]
    deed: Deed
    as_agent: bool = True


VERBS: dict[str, Verb] = {
    "sign_in": Verb(SignIn, lambda f, who, a: f.sign_in(who, a.phone)),
    "sign_out": Verb(Nothing, lambda f, who, a: f.sign_out(who)),
    "ready": Verb(Nothing, lambda f, who, a: f.ready(who)),
    "not_ready": Verb(NotReady, lambda f, who, a: f.not_ready(who, a.reason)),
    "decline": Verb(Offer, lambda f, who, a: f.decline(who, a.offer_id)),
    "hang_up": Verb(Call, lambda f, who, a: f.hang_up(who, a.call_id)),
    "hold": Verb(Call, lambda f, who, a: f.hold(who, a.call_id)),
    "retrieve": Verb(Call, lambda f, who, a: f.retrieve(who, a.call_id)),
    "mute": Verb(Mute, lambda f, who, a: f.mute(who, a.call_id, a.on)),
    "send_digits": Verb(SendDigits, lambda f, who, a: f.send_digits(who, a.call_id, a.digits)),
    "dial": Verb(Dial, lambda f, who, a: f.dial(who, a.number, a.queue)),
    "transfer": Verb(Transfer, lambda f, who, a: f.transfer(who, a.call_id, a.kind, a.to)),
    "consult": Verb(Consult, lambda f, who, a: f.consult(who, a.call_id, a.kind, a.to)),
    "swap": Verb(Call, lambda f, who, a: f.swap(who, a.call_id)),
    "complete": Verb(Call, lambda f, who, a: f.complete(who, a.call_id)),
    "conference": Verb(Call, lambda f, who, a: f.conference(who, a.call_id)),
    "end_leg": Verb(Leg, lambda f, who, a: f.end_leg(who, a.call_id, a.leg_id)),
    "park": Verb(Call, lambda f, who, a: f.park(who, a.call_id)),
    "pick": Verb(Call, lambda f, who, a: f.pick(who, a.call_id)),
    "record": Verb(Record, lambda f, who, a: f.record(who, a.call_id, a.action)),
    "wrap_up": Verb(
        WrapUp, lambda f, who, a: f.wrap_up(who, a.call_id, a.disposition, a.note, a.then)
    ),
    "extend_wrap_up": Verb(ExtendWrapUp, lambda f, who, a: f.extend_wrap_up(who, a.by_s)),
    "choose_customer": Verb(
        ChooseCustomer, lambda f, who, a: f.choose_customer(who, a.call_id, a.customer_id)
    ),
    "create_customer": Verb(
        CreateCustomer, lambda f, who, a: f.create_customer(who, a.call_id, a.fields)
    ),
    "set_agent_state": Verb(
        SetAgentState,
        lambda f, who, a: f.set_agent_state(who, a.agent, a.state, a.reason),
        as_agent=False,
    ),
    "acknowledge_alert": Verb(
        Alert, lambda f, who, a: f.acknowledge_alert(who, a.alert), as_agent=False
    ),
    "voicemail_done": Verb(
        Message, lambda f, who, a: f.voicemail_done(who, a.recording), as_agent=False
    ),
    "cancel_callback": Verb(
        CancelCallback,
        lambda f, who, a: f.cancel_callback(who, a.callback, a.why),
        as_agent=False,
    ),
    "move_callback": Verb(
        MoveCallback, lambda f, who, a: f.move_callback(who, a.callback, a.due), as_agent=False
    ),
    "call_back_now": Verb(
        Callback, lambda f, who, a: f.call_back_now(who, a.callback), as_agent=False
    ),
    "close_queue": Verb(
        CloseQueue, lambda f, who, a: f.close_queue(who, a.queue, a.why), as_agent=False
    ),
    "open_queue": Verb(Queue, lambda f, who, a: f.open_queue(who, a.queue), as_agent=False),
    "queue_by_hours": Verb(Queue, lambda f, who, a: f.queue_by_hours(who, a.queue), as_agent=False),
    "assign": Verb(Assign, lambda f, who, a: f.assign(who, a.call_id, a.agent), as_agent=False),
    "supervise": Verb(Supervise, lambda f, who, a: f.supervise(who, a.call_id, a.mode)),
    "take_over": Verb(Call, lambda f, who, a: f.take_over(who, a.call_id)),
    "staff": Verb(
        Staff,
        lambda f, who, a: f.staff(who, a.agent, a.queues, a.skills, a.order, a.reset),
        as_agent=False,
    ),
    "reset_staffing": Verb(
        OfAgent, lambda f, who, a: f.reset_staffing(who, a.agent), as_agent=False
    ),
    "end_wrap_up": Verb(OfAgent, lambda f, who, a: f.end_wrap_up(who, a.agent), as_agent=False),
    "add_item": Verb(
        AddItem,
        lambda f, who, a: f.add_item(who, a.queue, a.title, a.link, a.item_id, a.needs, a.priority),
        as_agent=False,
    ),
    "withdraw_item": Verb(
        WithdrawItem, lambda f, who, a: f.withdraw_item(who, a.item_id, a.why), as_agent=False
    ),
    "accept_item": Verb(Offer, lambda f, who, a: f.accept_item(who, a.offer_id)),
    "decline_item": Verb(Offer, lambda f, who, a: f.decline_item(who, a.offer_id)),
    "finish_item": Verb(ItemOf, lambda f, who, a: f.finish_item(who, a.item_id)),
}


async def carry_out(floor: Floor, user: User, verb: str, args: object) -> Any:
    """Do it as this user; returns the verb's result or raises `Refusal`."""
    known = VERBS.get(verb)
    if known is None:
        raise Refusal("unknown-verb", "There is no such action.", 404)
    if not may_do(user.role, verb):
        raise Refusal("forbidden", "Your role does not allow this.", 403)
    if known.as_agent and not user.agent_id:
        raise Refusal("takes-no-calls", "This user takes no calls.", 403)
    try:
        checked = known.args.model_validate(args)
    except ValidationError as wrong:
        raise Refusal("bad-arguments", _first_mistake(wrong), 422) from None
    who = user.agent_id if known.as_agent else user.user_id
    return await known.deed(floor, who, checked)


def _first_mistake(wrong: ValidationError) -> str:
    # Not what was sent: a message must not carry a stranger's text into a log.
    error = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part)[:50] for part in error["loc"])
    return f"{place}: {error['msg']}" if place else error["msg"]
