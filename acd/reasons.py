"""Every routing reason as a sentence, in English and in Chinese.

A reason is a stable code with data (`acd.decisions.Reason`); people read the sentence.
An unknown code or language never fails: the code itself is shown, or English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from acd.decisions import Reason

LANGUAGES: Final = ("en", "zh")

Clock = Callable[[float], str]


def utc_clock(moment: float) -> str:
    """Engine time (UTC epoch seconds) as a time of day, "10:31:07"."""
    second = int(moment) % 86_400
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def sentence(reason: Reason, language: str, clock: Clock = utc_clock) -> str:
    """The reason in `language` ("en", "zh", or such as "zh-CN").

    `clock` writes moments; give one to show the site's own time of day.
    """
    of_language = SENTENCES.get(language.split("-")[0], SENTENCES["en"])
    write = of_language.get(reason.code)
    if write is None:
        return reason.code
    try:
        return write(_Filled(reason.data), clock)
    except (KeyError, TypeError, ValueError):  # data of an older version
        return reason.code


class _Filled(dict[str, Any]):
    """Data in which a number that is missing counts as 0 and a word as ""."""

    def number(self, name: str) -> int:
        return int(self.get(name) or 0)

    def seconds(self, name: str) -> int:
        return round(float(self.get(name) or 0.0))

    def percent(self, name: str) -> int:
        return round(100 * float(self.get(name) or 0.0))

    def span(self, to: str = "to") -> str:
        """The expected wait, "20 to 60 s" (in Chinese without its unit)."""
        if to == "to":
            return f"{self.seconds('low_s')} to {self.seconds('high_s')} s"
        return f"{self.seconds('low_s')} {to} {self.seconds('high_s')}"

    def word(self, name: str) -> str:
        value = self.get(name)
        return "" if value is None else str(value)

    def needs(self, name: str = "needs") -> str:
        """Skills and their levels for people: "billing>=3" is "billing 3+"."""
        return re.sub(r">=(\d+)", r" \1+", self.word(name))

    def words(self, name: str) -> str:
        return ", ".join(map(str, self.get(name) or ()))


# English ---------------------------------------------------------------------------------


def _en_agents(number: int) -> str:
    return "1 agent" if number == 1 else f"{number} agents"


def _en_open(x: _Filled) -> str:
    number = x.number("open")
    return "no open item" if not number else f"{number} open item{'s' if number > 1 else ''}"


def _en_with(needs: str) -> str:
    return f" with {needs}" if needs else ""


_EN_SHARED = {"weight": "by the queues' weight", "target": "by the queues' targets"}


def _en_place_taken(x: _Filled) -> str:
    waiting = x.number("waiting")
    if waiting <= 1:
        return "the only caller waiting"
    why = [f"queue number {x.number('order')} of the agent"] if x.get("order") else []
    why += [f"priority {x.number('priority')}"] if x.number("priority") else []
    why += [_EN_SHARED[x.word("sharing")]] if x.word("sharing") in _EN_SHARED else []
    why += [f"waited {x.seconds('waited_s')} s"] if x.seconds("waited_s") else []
    return f"first of {waiting} waiting" + (f" ({', '.join(why)})" if why else "")


def _en_chosen(what: Callable[[_Filled], str]) -> Callable[[_Filled, Clock], str]:
    """Why one of several idle agents: what the queue's choice went by."""
    return lambda x, clock: (
        f"{what(x)} of {_en_agents(x.number('agents'))}{_en_with(x.needs())}, "
        f"idle {x.seconds('idle_s')} s{_en_order(x)}; {_en_place_taken(x)}"
    )


def _en_order(x: _Filled) -> str:
    return f"; {_en_agents(x.number('later'))} to follow" if x.number("later") else ""


def _en_turn(x: _Filled) -> str:
    if x.get("turn_s") is None:
        return "next in turn (not asked before)"
    return f"next in turn (asked {x.seconds('turn_s')} s ago)"


def _en_preferred(x: _Filled, clock: Clock) -> str:
    who = {"last agent": "spoke with this caller last", "owner": "looks after this customer"}
    why = who.get(x.word("why"), "is preferred for this caller")
    return f"{x.word('agent')} {why}; waited {x.seconds('waited_s')} s"


def _en_waits_for(x: _Filled, clock: Clock) -> str:
    who = {"last agent": ", who spoke with this caller last", "owner": ", the account's owner"}
    return f"waits for {x.word('agent')}{who.get(x.word('why'), '')}, until {clock(x['until'])}"


def _en_relaxed_to(needs: str, also: str) -> str:
    return f"{needs or 'no skill'} is enough" + (f", agents of {also} as well" if also else "")


def _en_brings(x: _Filled, clock: Clock) -> str:
    """What waiting has brought, and brings next."""
    text = "; comes before all others" if x.get("first") else ""
    if x.get("relaxed_at") is None:
        return text
    then = _en_relaxed_to(x.needs("relaxed_needs"), x.words("relaxed_also"))
    return f"{text}; from {clock(x['relaxed_at'])} on {then}"


def _en_only_free(x: _Filled, clock: Clock) -> str:
    return (
        f"the only free agent{_en_with(x.needs())}, "
        f"idle {x.seconds('idle_s')} s; {_en_place_taken(x)}"
    )


def _en_states(x: _Filled, clock: Clock) -> str:
    parts = [f"{x.number('talking')} talking"] if x.number("talking") else []
    parts += [f"{x.number('held')} with a caller on hold"] if x.number("held") else []
    parts += [f"{x.number('consulting')} consulting"] if x.number("consulting") else []
    parts += [f"{x.number('conference')} in a conference"] if x.number("conference") else []
    parts += [f"{x.number('reserved')} being rung"] if x.number("reserved") else []
    if x.number("wrap_up"):
        until = x.get("wrap_up_until")
        parts.append(
            f"{x.number('wrap_up')} in wrap-up" + (f" until {clock(until)}" if until else "")
        )
    parts += [f"{x.number('paused')} paused for not answering"] if x.number("paused") else []
    parts += [f"{x.number('not_ready')} not ready"] if x.number("not_ready") else []
    parts += [f"{x.number('fault')} with a broken phone"] if x.number("fault") else []
    skill = f"skill {x.needs()}: " if x.needs() else ""
    return f"{skill}{', '.join([_en_agents(x.number('agents')), *parts])}{_en_brings(x, clock)}"


def _en_by(x: _Filled) -> str:
    return f" (by {x.word('by')})" if x.word("by") else ""


def _en_item_place(x: _Filled) -> str:
    waiting = x.number("waiting")
    return "the only item waiting" if waiting <= 1 else f"first of {waiting} items waiting"


def _en_withdrawn(x: _Filled, clock: Clock) -> str:
    return "the call went elsewhere" + (f": {x.word('why')}" if x.word("why") else "")


def _en_expired(x: _Filled, clock: Clock) -> str:
    return f"not reached in {x.number('attempts')} attempts; the last: {x.word('why')}"


_EN_PLACES: Final = {"flow": "the menu", "voicemail": "the voicemail", "number": "the number"}


def _en_onward(x: _Filled) -> str:
    """Where a rule sent a caller; by default to another queue."""
    place = _EN_PLACES.get(x.word("kind"))
    if place is None:
        return f"moved on to {x.word('to')} with the original arrival"
    return f"sent on to {place} {x.word('to')}".rstrip()


def _en_doer(x: _Filled) -> str:
    return f" by {x.word('by')}" if x.word("by") else ""


def _en_why(x: _Filled) -> str:
    return f" ({x.word('why')})" if x.word("why") else ""


def _en_range(x: _Filled) -> str:
    if x.get("high_s") is None:
        return ""
    return f"; expected wait {x.span()}, with {_en_agents(x.number('agents'))} at work"


_EN_CAME: Final = (
    ("priority", "of higher priority"),
    ("earlier", "with an earlier arrival"),
    ("kept", "back at a kept place"),
    ("callback", "to be called back"),
    ("returned", "back after a phone that rang for nothing"),
    ("first", "who had waited for too long"),
    ("meanwhile", "while a phone rang for this caller, or by other rules"),
)


def _en_worse(x: _Filled, clock: Clock) -> str:
    came = [f"{x.number(name)} {text}" for name, text in _EN_CAME if x.number(name)]
    front = f"; in front came {', '.join(came)}" if came else ""
    return (
        f"position {x.number('position')}, before it was {x.number('before')}{front}{_en_range(x)}"
    )


_EN: dict[str, Callable[[_Filled, Clock], str]] = {
    "longest-idle": _en_chosen(lambda x: "longest idle"),
    "least-occupied": _en_chosen(lambda x: f"least occupied ({x.percent('occupancy')} %)"),
    "round-robin": _en_chosen(_en_turn),
    "linear": _en_chosen(lambda x: f"first in the list (place {x.number('place')})"),
    "fewest-calls": _en_chosen(lambda x: f"fewest calls ({x.number('calls')})"),
    "best-skill": _en_chosen(lambda x: f"best skills (levels of {x.number('level')} in all)"),
    "closest-skill": _en_chosen(lambda x: f"closest skills (levels of {x.number('level')} in all)"),
    "weighted": _en_chosen(lambda x: f"next by weight ({x.get('weight', 1):g})"),
    "first-in-order": lambda x, clock: (
        f"asked first by this queue{_en_with(x.needs())}, with {_en_agents(x.number('later'))} to "
        f"follow; idle {x.seconds('idle_s')} s; {_en_place_taken(x)}"
    ),
    "ring-several": lambda x, clock: (
        f"one of {x.number('phones')} phones that ring at once{_en_with(x.needs())}; "
        f"{_en_place_taken(x)}"
    ),
    "starved": lambda x, clock: (
        f"waited {x.seconds('waited_s')} s: after {x.seconds('first_after_s')} s a caller comes "
        "before all others"
    ),
    "preferred-agent": _en_preferred,
    "waiting-for-agent": _en_waits_for,
    "relaxed": lambda x, clock: (
        f"after {x.seconds('after_s')} s {_en_relaxed_to(x.needs(), x.words('also'))} "
        f"(step {x.number('step')} of {x.number('steps')})"
    ),
    "answered-elsewhere": lambda x, clock: "another agent answered first",
    "only-free": _en_only_free,
    "all-busy": _en_states,
    "nobody-ready": _en_states,
    "nobody-signed-in": lambda x, clock: (
        f"nobody{_en_with(x.needs())} is signed in ({_en_agents(x.number('agents'))} could serve)"
        f"{_en_brings(x, clock)}"
    ),
    "nobody-has-skills": lambda x, clock: (
        f"no agent of this queue has {x.needs()}{_en_brings(x, clock)}"
    ),
    "nobody-serves": lambda x, clock: "no agent serves this queue",
    "ringing": lambda x, clock: f"the phone of {x.word('agent')} rings",
    "dialling": lambda x, clock: f"{x.word('agent')} is dialling the customer",
    "callback-retry": lambda x, clock: f"not reached yet, next attempt at {clock(x['until'])}",
    "callback-asked": lambda x, clock: "asked to be called back and has not hung up yet",
    "callback-parked": lambda x, clock: "will be called back once the caller has hung up",
    "not-waiting": lambda x, clock: "does not wait",
    "answered": lambda x, clock: "an agent answered",
    "found-connected": lambda x, clock: "found talking on the switch",
    "callback-reached": lambda x, clock: "the customer was reached",
    "callback-taken": lambda x, clock: "the caller prefers to be called back",
    "callback-expired": _en_expired,
    "callback-out-of-time": lambda x, clock: (
        f"not reached in its time, {x.number('attempts')} attempts"
    ),
    "callback-moved": lambda x, clock: f"another time was chosen for the callback{_en_by(x)}",
    "callback-due-later": lambda x, clock: f"will be called back at {clock(x['until'])}",
    "callback-cancelled": lambda x, clock: (
        "the callback was cancelled" + (f": {x.word('why')}" if x.word("why") else "")
    ),
    "callback-not-needed": lambda x, clock: "the caller reached an agent before the callback",
    "caller-gone": lambda x, clock: "the caller hung up",
    "switch-lost": lambda x, clock: "the switch was lost",
    "withdrawn": _en_withdrawn,
    "overflow": lambda x, clock: f"waited {x.seconds('after_s')} s, {_en_onward(x)}",
    "left-alone": lambda x, clock: (
        f"nobody had been there for {x.seconds('after_s')} s, {_en_onward(x)}"
    ),
    "closing-time": lambda x, clock: (
        f"the queue had been closed for {x.seconds('after_s')} s, {_en_onward(x)}"
    ),
    "turned-closed": lambda x, clock: f"the queue is closed{_en_why(x)}",
    "turned-nobody": lambda x, clock: "nobody is there for this queue",
    "turned-full": lambda x, clock: (
        f"{x.number('waiting')} callers wait already, {x.number('limit')} may"
    ),
    "turned-wait": lambda x, clock: (
        f"the wait would be {x.span()}, at most {x.seconds('limit_s')} s is accepted"
    ),
    "queue-opened": lambda x, clock: f"the queue was opened{_en_doer(x)}",
    "queue-closed": lambda x, clock: f"the queue was closed{_en_doer(x)}{_en_why(x)}",
    "closed-and-alone": lambda x, clock: (
        f"the queue is closed{_en_why(x)} and nobody works for it any more"
    ),
    "place-kept": lambda x, clock: (
        f"rang again {x.seconds('away_s')} s after being cut off, and has the old place back"
    ),
    "position-first-told": lambda x, clock: f"position {x.number('position')}{_en_range(x)}",
    "position-better": lambda x, clock: (
        f"position {x.number('position')}, before it was {x.number('before')}{_en_range(x)}"
    ),
    "position-same": lambda x, clock: f"position {x.number('position')} still{_en_range(x)}",
    "position-worse": _en_worse,
    "queue-removed": lambda x, clock: "the queue was removed from the configuration",
    "ring-time-over": lambda x, clock: "the phone rang too long without an answer",
    "dial-time-over": lambda x, clock: "the customer was dialled too long without an answer",
    "agent-signed-out": lambda x, clock: "the agent signed out",
    "agent-not-ready": lambda x, clock: "the agent became not ready",
    "agent-removed": lambda x, clock: "the agent was removed from the configuration",
    "agent-elsewhere": lambda x, clock: "the agent talks with another caller",
    "call-elsewhere": lambda x, clock: "the caller talks with another agent",
    "phone-failed": lambda x, clock: "the agent's phone failed",
    "parked": lambda x, clock: (
        f"parked: whoever picks it up gets it; back in the queue at {clock(x['until'])}"
    ),
    "picked": lambda x, clock: "picked up out of turn",
    "assigned": lambda x, clock: f"assigned out of turn by {x.word('by')}",
    "transferred-to-agent": lambda x, clock: f"transferred to this agent by {x.word('by')}",
    "taken": lambda x, clock: f"taken over from {x.word('by')} during the call",
    "dialled": lambda x, clock: "the agent places this call",
    "not-reached": lambda x, clock: (
        "the number was not reached" + (f": {x.word('why')}" if x.word("why") else "")
    ),
    "not-placed": lambda x, clock: "the agent did not go through with the call",
    "staffed": lambda x, clock: "changed" + _en_by(x),
    "staffing-reset": lambda x, clock: "as configured again" + _en_by(x),
    "staffing-narrowed": lambda x, clock: "a queue of it was removed from the configuration",
    "item-fewest": lambda x, clock: (
        f"fewest open items ({x.number('open')}) of {_en_agents(x.number('agents'))} with room"
        f"{_en_with(x.needs())}; {_en_item_place(x)}"
    ),
    "item-only-room": lambda x, clock: (
        f"the only agent with room{_en_with(x.needs())} ({_en_open(x)}); {_en_item_place(x)}"
    ),
    "item-queued": lambda x, clock: "a work item came",
    "item-accepted": lambda x, clock: "the agent accepted it",
    "item-declined": lambda x, clock: "the agent declined it",
    "item-unanswered": lambda x, clock: "the agent did not react in time",
    "item-call-first": lambda x, clock: "a call came first",
    "item-not-served": lambda x, clock: "the agent does not serve this queue any more",
    "item-done": lambda x, clock: "the agent finished it",
    "item-withdrawn": lambda x, clock: (
        "nobody needs it done any more" + (f": {x.word('why')}" if x.word("why") else "")
    ),
    "restaffed": lambda x, clock: "the agent does not serve this caller any more" + _en_by(x),
}


# Chinese ---------------------------------------------------------------------------------


def _zh_with(needs: str) -> str:
    return f"具备 {_zh_needs(needs)} 的" if needs else ""


_ZH_SHARED = {"weight": "按队列权重", "target": "按队列目标"}


def _zh_place_taken(x: _Filled) -> str:
    waiting = x.number("waiting")
    if waiting <= 1:
        return "唯一等待的来电"
    why = [f"该坐席的第 {x.number('order')} 队列"] if x.get("order") else []
    why += [f"优先级 {x.number('priority')}"] if x.number("priority") else []
    why += [_ZH_SHARED[x.word("sharing")]] if x.word("sharing") in _ZH_SHARED else []
    why += [f"已等待 {x.seconds('waited_s')} 秒"] if x.seconds("waited_s") else []
    return f"{waiting} 个等待来电中的第一个" + (f"（{'，'.join(why)}）" if why else "")


def _zh_needs(needs: str) -> str:
    return re.sub(r"\bnot ", "非 ", needs.replace(" or ", " 或 "))


def _zh_chosen(what: Callable[[_Filled], str]) -> Callable[[_Filled, Clock], str]:
    return lambda x, clock: (
        f"{x.number('agents')} 名{_zh_with(x.needs())}坐席中{what(x)}，"
        f"已空闲 {x.seconds('idle_s')} 秒{_zh_order(x)}；{_zh_place_taken(x)}"
    )


def _zh_order(x: _Filled) -> str:
    return f"；另有 {x.number('later')} 名次序在后" if x.number("later") else ""


def _zh_turn(x: _Filled) -> str:
    if x.get("turn_s") is None:
        return "轮到（尚未轮过）"
    return f"轮到（上次在 {x.seconds('turn_s')} 秒前）"


def _zh_preferred(x: _Filled, clock: Clock) -> str:
    who = {"last agent": "上次与此来电者通话", "owner": "负责此客户"}
    why = who.get(x.word("why"), "为此来电者的首选")
    return f"{x.word('agent')} {why}；已等待 {x.seconds('waited_s')} 秒"


def _zh_waits_for(x: _Filled, clock: Clock) -> str:
    who = {"last agent": "（上次通话的坐席）", "owner": "（客户负责人）"}
    return f"等待 {x.word('agent')}{who.get(x.word('why'), '')}，至 {clock(x['until'])}"


def _zh_relaxed_to(needs: str, also: str) -> str:
    text = f"只需 {_zh_needs(needs)}" if needs else "不再要求技能"
    return text + (f"，{also} 的坐席也可" if also else "")


def _zh_brings(x: _Filled, clock: Clock) -> str:
    text = "；优先于所有其他来电" if x.get("first") else ""
    if x.get("relaxed_at") is None:
        return text
    then = _zh_relaxed_to(x.needs("relaxed_needs"), x.words("relaxed_also"))
    return f"{text}；{clock(x['relaxed_at'])} 起{then}"


def _zh_states(x: _Filled, clock: Clock) -> str:
    parts = [f"{x.number('talking')} 人通话中"] if x.number("talking") else []
    parts += [f"{x.number('held')} 人保持来电"] if x.number("held") else []
    parts += [f"{x.number('consulting')} 人咨询中"] if x.number("consulting") else []
    parts += [f"{x.number('conference')} 人三方通话中"] if x.number("conference") else []
    parts += [f"{x.number('reserved')} 人振铃中"] if x.number("reserved") else []
    if x.number("wrap_up"):
        until = x.get("wrap_up_until")
        parts.append(
            f"{x.number('wrap_up')} 人话后处理" + (f"至 {clock(until)}" if until else "中")
        )
    parts += [f"{x.number('paused')} 人因未应答暂停"] if x.number("paused") else []
    parts += [f"{x.number('not_ready')} 人未就绪"] if x.number("not_ready") else []
    parts += [f"{x.number('fault')} 人话机故障"] if x.number("fault") else []
    skill = f"技能 {_zh_needs(x.needs())}：" if x.needs() else ""
    agents = f"{x.number('agents')} 名坐席"
    return f"{skill}{'、'.join([agents, *parts])}{_zh_brings(x, clock)}"


def _zh_by(x: _Filled) -> str:
    return f"由 {x.word('by')} 调整：" if x.word("by") else ""


_ZH_PLACES: Final = {"flow": "菜单", "voicemail": "语音信箱", "number": "号码"}


def _zh_onward(x: _Filled) -> str:
    place = _ZH_PLACES.get(x.word("kind"))
    if place is None:
        return f"保留原到达时间转往 {x.word('to')}"
    return f"转往{place} {x.word('to')}".rstrip()


def _zh_why(x: _Filled) -> str:
    return f"（{x.word('why')}）" if x.word("why") else ""


def _zh_range(x: _Filled) -> str:
    if x.get("high_s") is None:
        return ""
    return f"；预计等待 {x.span('至')} 秒，{x.number('agents')} 名坐席在岗"


_ZH_CAME: Final = (
    ("priority", "个优先级更高"),
    ("earlier", "个到达更早"),
    ("kept", "个恢复原位"),
    ("callback", "个约定回拨"),
    ("returned", "个振铃未接返回"),
    ("first", "个等待过久"),
    ("meanwhile", "个在为此来电振铃期间或因规则变更"),
)


def _zh_worse(x: _Filled, clock: Clock) -> str:
    came = [f"{x.number(name)} {text}" for name, text in _ZH_CAME if x.number(name)]
    front = f"；插到前面的有 {'、'.join(came)}" if came else ""
    return f"第 {x.number('position')} 位，之前为第 {x.number('before')} 位{front}{_zh_range(x)}"


def _zh_item_place(x: _Filled) -> str:
    waiting = x.number("waiting")
    return "唯一等待的任务" if waiting <= 1 else f"{waiting} 个等待任务中的第一个"


_ZH: dict[str, Callable[[_Filled, Clock], str]] = {
    "longest-idle": _zh_chosen(lambda x: "空闲最久"),
    "least-occupied": _zh_chosen(lambda x: f"占用最少（{x.percent('occupancy')}%）"),
    "round-robin": _zh_chosen(_zh_turn),
    "linear": _zh_chosen(lambda x: f"排在最前（第 {x.number('place')} 位）"),
    "fewest-calls": _zh_chosen(lambda x: f"接听最少（{x.number('calls')} 个）"),
    "best-skill": _zh_chosen(lambda x: f"技能最高（级别合计 {x.number('level')}）"),
    "closest-skill": _zh_chosen(lambda x: f"技能最相近（级别合计 {x.number('level')}）"),
    "weighted": _zh_chosen(lambda x: f"按权重（{x.get('weight', 1):g}）轮到"),
    "first-in-order": lambda x, clock: (
        f"此队列最先询问的{_zh_with(x.needs())}坐席，其后还有 {x.number('later')} 名空闲；"
        f"已空闲 {x.seconds('idle_s')} 秒；{_zh_place_taken(x)}"
    ),
    "ring-several": lambda x, clock: (
        f"同时振铃的 {x.number('phones')} 部{_zh_with(x.needs())}话机之一；{_zh_place_taken(x)}"
    ),
    "starved": lambda x, clock: (
        f"已等待 {x.seconds('waited_s')} 秒："
        f"超过 {x.seconds('first_after_s')} 秒的来电优先于所有其他来电"
    ),
    "preferred-agent": _zh_preferred,
    "waiting-for-agent": _zh_waits_for,
    "relaxed": lambda x, clock: (
        f"{x.seconds('after_s')} 秒后{_zh_relaxed_to(x.needs(), x.words('also'))}"
        f"（第 {x.number('step')} 步，共 {x.number('steps')} 步）"
    ),
    "answered-elsewhere": lambda x, clock: "另一坐席已先接听",
    "only-free": lambda x, clock: (
        f"唯一空闲的{_zh_with(x.needs())}坐席，"
        f"已空闲 {x.seconds('idle_s')} 秒；{_zh_place_taken(x)}"
    ),
    "all-busy": _zh_states,
    "nobody-ready": _zh_states,
    "nobody-signed-in": lambda x, clock: (
        f"没有{_zh_with(x.needs())}坐席签入（共 {x.number('agents')} 名可服务）"
        f"{_zh_brings(x, clock)}"
    ),
    "nobody-has-skills": lambda x, clock: (
        f"此队列没有坐席具备 {_zh_needs(x.needs())}{_zh_brings(x, clock)}"
    ),
    "nobody-serves": lambda x, clock: "没有坐席服务此队列",
    "ringing": lambda x, clock: f"{x.word('agent')} 的话机正在振铃",
    "dialling": lambda x, clock: f"{x.word('agent')} 正在呼叫客户",
    "callback-retry": lambda x, clock: f"尚未接通，{clock(x['until'])} 再次呼叫",
    "callback-asked": lambda x, clock: "已要求回拨，尚未挂机",
    "callback-parked": lambda x, clock: "来电者挂机后回拨",
    "not-waiting": lambda x, clock: "不在等待",
    "answered": lambda x, clock: "坐席已接听",
    "found-connected": lambda x, clock: "在交换机上发现正在通话",
    "callback-reached": lambda x, clock: "已接通客户",
    "callback-taken": lambda x, clock: "来电者选择回拨",
    "callback-expired": lambda x, clock: (
        f"呼叫 {x.number('attempts')} 次未接通；最后一次：{x.word('why')}"
    ),
    "callback-out-of-time": lambda x, clock: f"在期限内未接通，共呼叫 {x.number('attempts')} 次",
    "callback-moved": lambda x, clock: f"{_zh_by(x)}回拨改到另一时间",
    "callback-due-later": lambda x, clock: f"约定 {clock(x['until'])} 回拨",
    "callback-cancelled": lambda x, clock: (
        "回拨已取消" + (f"：{x.word('why')}" if x.word("why") else "")
    ),
    "callback-not-needed": lambda x, clock: "来电者在回拨之前已接通坐席",
    "caller-gone": lambda x, clock: "来电者已挂机",
    "switch-lost": lambda x, clock: "与交换机失去连接",
    "withdrawn": lambda x, clock: (
        "来电已转往别处" + (f"：{x.word('why')}" if x.word("why") else "")
    ),
    "overflow": lambda x, clock: f"已等待 {x.seconds('after_s')} 秒，{_zh_onward(x)}",
    "left-alone": lambda x, clock: f"已有 {x.seconds('after_s')} 秒无人值守，{_zh_onward(x)}",
    "closing-time": lambda x, clock: f"队列已关闭 {x.seconds('after_s')} 秒，{_zh_onward(x)}",
    "turned-closed": lambda x, clock: f"队列已关闭{_zh_why(x)}",
    "turned-nobody": lambda x, clock: "此队列无人值守",
    "turned-full": lambda x, clock: (
        f"已有 {x.number('waiting')} 个来电等待，上限为 {x.number('limit')}"
    ),
    "turned-wait": lambda x, clock: f"预计等待 {x.span('至')} 秒，上限为 {x.seconds('limit_s')} 秒",
    "queue-opened": lambda x, clock: f"{_zh_by(x)}队列已开放",
    "queue-closed": lambda x, clock: f"{_zh_by(x)}队列已关闭{_zh_why(x)}",
    "closed-and-alone": lambda x, clock: f"队列已关闭{_zh_why(x)}，且已无人值守",
    "place-kept": lambda x, clock: f"中断 {x.seconds('away_s')} 秒后再次来电，恢复原来的位置",
    "position-first-told": lambda x, clock: f"第 {x.number('position')} 位{_zh_range(x)}",
    "position-better": lambda x, clock: (
        f"第 {x.number('position')} 位，之前为第 {x.number('before')} 位{_zh_range(x)}"
    ),
    "position-same": lambda x, clock: f"仍为第 {x.number('position')} 位{_zh_range(x)}",
    "position-worse": _zh_worse,
    "queue-removed": lambda x, clock: "该队列已从配置中删除",
    "ring-time-over": lambda x, clock: "话机振铃超时无人接听",
    "dial-time-over": lambda x, clock: "呼叫客户超时无人接听",
    "agent-signed-out": lambda x, clock: "坐席已签出",
    "agent-not-ready": lambda x, clock: "坐席转为未就绪",
    "agent-removed": lambda x, clock: "坐席已从配置中删除",
    "agent-elsewhere": lambda x, clock: "坐席正与另一来电通话",
    "call-elsewhere": lambda x, clock: "来电者正与另一坐席通话",
    "phone-failed": lambda x, clock: "坐席话机故障",
    "parked": lambda x, clock: f"已驻留：任何坐席可代接；{clock(x['until'])} 返回队列",
    "picked": lambda x, clock: "被坐席优先代接",
    "assigned": lambda x, clock: f"由 {x.word('by')} 优先指派",
    "transferred-to-agent": lambda x, clock: f"由 {x.word('by')} 转接给该坐席",
    "taken": lambda x, clock: f"通话中从 {x.word('by')} 接手",
    "dialled": lambda x, clock: "坐席主动外呼",
    "not-reached": lambda x, clock: (
        "未接通该号码" + (f"：{x.word('why')}" if x.word("why") else "")
    ),
    "not-placed": lambda x, clock: "坐席未完成外呼",
    "staffed": lambda x, clock: _zh_by(x) + "队列与技能已更改",
    "staffing-reset": lambda x, clock: _zh_by(x) + "已恢复为配置",
    "staffing-narrowed": lambda x, clock: "其中一个队列已从配置中删除",
    "item-fewest": lambda x, clock: (
        f"{x.number('agents')} 名{_zh_with(x.needs())}有余量的坐席中未完成任务最少"
        f"（{x.number('open')} 个）；{_zh_item_place(x)}"
    ),
    "item-only-room": lambda x, clock: (
        f"唯一有余量的{_zh_with(x.needs())}坐席（未完成 {x.number('open')} 个）；"
        f"{_zh_item_place(x)}"
    ),
    "item-queued": lambda x, clock: "新任务",
    "item-accepted": lambda x, clock: "坐席已接受",
    "item-declined": lambda x, clock: "坐席已拒绝",
    "item-unanswered": lambda x, clock: "坐席未及时响应",
    "item-call-first": lambda x, clock: "来电优先",
    "item-not-served": lambda x, clock: "该坐席不再服务此队列",
    "item-done": lambda x, clock: "坐席已完成",
    "item-withdrawn": lambda x, clock: "已不再需要处理" + _zh_why(x),
    "restaffed": lambda x, clock: _zh_by(x) + "该坐席不再服务此来电",
}

SENTENCES: Final[Mapping[str, Mapping[str, Callable[[_Filled, Clock], str]]]] = MappingProxyType(
    {"en": MappingProxyType(_EN), "zh": MappingProxyType(_ZH)}
)
