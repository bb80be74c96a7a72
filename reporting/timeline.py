"""What each entry of a call's timeline says, in each language.

Placeholders come from the entry's data; queues, agents and dispositions are shown by their
names in each language. `who` is a further party: an agent's name, or a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Names(Protocol):
    """The label of an id; `kind` is "queue", "agent" or "disposition"."""

    def __call__(self, kind: str, ident: str, language: str = "") -> str: ...


TEXTS: dict[str, tuple[str, str]] = {
    "arrived": ("Call from {ani} to {dnis}", "来电 {ani} 拨打 {dnis}"),
    "adopted": ("Found on the switch again", "在交换机上重新接管"),
    "menu": ("{label}: {value}", "{label}：{value}"),
    "menu-ended": ("Left the menu", "离开语音菜单"),
    "queued": ("Entered the queue {queue}", "进入队列 {queue}"),
    "turned-away": ("Not let into the queue {queue}", "未进入队列 {queue}"),
    "sent-on": ("Sent on from {queue}", "从 {queue} 转往别处"),
    "ranked": ("Priority {priority}: {parts}", "优先级 {priority}：{parts}"),
    "waits": ("Waits in {queue}", "在 {queue} 等待"),
    "voicemail": (
        "Left a message of {length_s:.0f} s for {queue}",
        "给 {queue} 留言 {length_s:.0f} 秒",
    ),
    "voicemail-done": ("{by} dealt with the message", "{by} 已处理留言"),
    "announced": ("Heard the announcement {target}", "播放提示：{target}"),
    "position-told": ("Heard the position: {position}", "播报排队位置：{position}"),
    "relaxed": ("Requirement relaxed: {needs}", "放宽要求：{needs}"),
    "offered": ("Offered to {agent}", "分配给 {agent}"),
    "ringing": ("{agent}'s phone rings", "{agent} 的电话振铃"),
    "refused": ("{agent} refused", "{agent} 拒接"),
    "unanswered": ("{agent} did not answer", "{agent} 无人应答"),
    "unreachable": ("{agent}'s phone could not be reached", "{agent} 的电话无法接通"),
    "cancelled": ("Offer to {agent} withdrawn", "撤回对 {agent} 的分配"),
    "answered": ("{agent} answered after {waited_s:.0f} s", "{agent} 在 {waited_s:.0f} 秒后接听"),
    "reached": ("Customer reached", "已接通客户"),
    "abandoned": ("Caller gave up after {waited_s:.0f} s", "来电者等待 {waited_s:.0f} 秒后放弃"),
    "overflowed": ("Moved on from {queue}", "从 {queue} 溢出"),
    "callback": ("Left a number to be called back", "留下号码等待回拨"),
    "withdrawn": ("Left {queue}", "离开 {queue}"),
    "switch-lost": ("Lost by the switch", "交换机丢失通话"),
    "expired": ("Callback given up", "回拨已放弃"),
    "callback-state": ("Callback: {state}", "回拨：{state}"),
    "callback-failed": ("Customer not reached: {why}", "未接通客户：{why}"),
    "held": ("On hold", "通话保持"),
    "retrieved": ("Talking again", "恢复通话"),
    "completed": ("Conversation over, {talk_s:.0f} s", "对话结束，{talk_s:.0f} 秒"),
    "ended": ("Call ended", "通话结束"),
    "taken": ("{giver} handed the call over to {agent}", "{giver} 将通话移交给 {agent}"),
    "parked": ("Parked: who picks the call up gets it", "已驻留，等待代接"),
    "unparked": ("Nobody picked it up: in the queue {queue} again", "无人代接，返回队列 {queue}"),
    "action": ("{by}: {verb} {to}", "{by}：{verb} {to}"),
    "leg-answered": ("{who} is on the line", "{who} 已接入"),
    "leg-failed": ("{who} was not reached: {why}", "未接通 {who}：{why}"),
    "leg-ended": ("{who} left", "{who} 已离开"),
    "swapped": ("Talking with the caller", "与来电者通话"),
    "conference": ("Everybody talks together", "多方通话"),
    "handed-over": ("{who} has the caller", "来电者由 {who} 接手"),
    "supervision": ("{who}: {mode}", "{who}：{mode}"),
    "muted": ("The agent is muted", "坐席已静音"),
    "unmuted": ("The agent can be heard again", "坐席已取消静音"),
    "digits-sent": ("Digits sent: {count}", "已发送按键：{count} 个"),
    "recording-started": ("Recording", "开始录音"),
    "recording-paused": ("Recording paused", "暂停录音"),
    "recording-resumed": ("Recording again", "继续录音"),
    "recording-stopped": ("Recording stopped", "停止录音"),
    "recording-kept": ("Recording saved", "录音已保存"),
    "recording-heard": ("{by} listened to the recording", "{by} 收听了录音"),
    "wrapped-up": (
        "{agent}: after-call work done, {wrap_up_s:.0f} s",
        "{agent}：话后处理完成，{wrap_up_s:.0f} 秒",
    ),
    "saved": ("{agent}: disposition {disposition}", "{agent}：处理结果 {disposition}"),
    "customer": ("Customer: {customer}", "客户：{customer}"),
    "order-failed": ("The switch refused {order}: {why}", "交换机拒绝 {order}：{why}"),
}

# What a caller did in the menu, by the entry's `what`.
MENU_TEXTS: dict[str, tuple[str, str]] = {
    "menu": ("Pressed {value}: {label}", "按 {value}：{label}"),
    "language": ("Language: {label}", "语言：{label}"),
    "hours": ("Opening hours “{label}”: {value}", "营业时间“{label}”：{value}"),
    "silence": ("{label}: no key was pressed", "{label}：未按键"),
    "invalid": ("{label}: {value} is not a choice", "{label}：{value} 不是有效选项"),
    "fallback": ("The menu failed: {value}", "语音菜单出错：{value}"),
    "callback": ("Callback: {value}", "回拨：{value}"),
    "voicemail": ("Voicemail {label}: {value}", "语音信箱 {label}：{value}"),
}

# The same, where one value of a field has a sentence of its own.
_BY_FIELD = {
    "turned-away": "to",
    "sent-on": "to",
    "callback-state": "state",
    "callback-failed": "why",
    "ended": "by",
    "menu hours": "value",
    "menu callback": "value",
    "action": "verb",
    "completed": "onward",
    "saved": "disposition",
    "leg-answered": "role",
    "leg-failed": "why",
    "swapped": "with",
    "supervision": "mode",
}
SPECIAL_TEXTS: dict[tuple[str, str], tuple[str, str]] = {
    ("turned-away", "queue"): (
        "Not let into the queue {queue}: on to the queue {target}",
        "未进入队列 {queue}：转往队列 {target}",
    ),
    ("turned-away", "flow"): (
        "Not let into the queue {queue}: on to the menu {target}",
        "未进入队列 {queue}：转往语音菜单 {target}",
    ),
    ("turned-away", "voicemail"): (
        "Not let into the queue {queue}: on to the voicemail",
        "未进入队列 {queue}：转往语音信箱",
    ),
    ("turned-away", "number"): (
        "Not let into the queue {queue}: on to {target}",
        "未进入队列 {queue}：转往 {target}",
    ),
    ("sent-on", "flow"): (
        "From the queue {queue} to the menu {target}",
        "从队列 {queue} 转往语音菜单 {target}",
    ),
    ("sent-on", "voicemail"): (
        "From the queue {queue} to the voicemail",
        "从队列 {queue} 转往语音信箱",
    ),
    ("sent-on", "number"): (
        "From the queue {queue} to {target}",
        "从队列 {queue} 转往 {target}",
    ),
    ("callback-state", "queued"): ("Callback waits for an agent", "回拨等待坐席"),
    ("callback-state", "due later"): ("Callback at a chosen time", "按约定时间回拨"),
    ("callback-state", "dialling"): (
        "Customer is dialled, attempt {attempts}",
        "正在呼叫客户，第 {attempts} 次",
    ),
    ("callback-state", "retry"): (
        "Attempt {attempts} did not reach the customer; another one follows",
        "第 {attempts} 次呼叫未接通，稍后再试",
    ),
    ("callback-state", "reached"): (
        "Reached at attempt {attempts}",
        "第 {attempts} 次呼叫接通",
    ),
    ("callback-state", "expired"): (
        "Callback given up; attempts made: {attempts}",
        "回拨已放弃，共呼叫 {attempts} 次",
    ),
    ("callback-state", "cancelled"): ("Callback cancelled", "回拨已取消"),
    ("callback-failed", "busy"): ("Customer not reached: busy", "未接通客户：占线"),
    ("callback-failed", "no answer"): ("Customer not reached: no answer", "未接通客户：无人接听"),
    ("callback-failed", "unreachable"): (
        "Customer not reached: the number cannot be called",
        "未接通客户：号码无法接通",
    ),
    ("callback-failed", "agent gone"): (
        "The agent hung up before the customer answered",
        "客户接听前坐席已挂机",
    ),
    ("action", "hang_up"): ("{by} hangs up", "{by} 挂机"),
    ("action", "hold"): ("{by} puts the caller on hold", "{by} 保持通话"),
    ("action", "retrieve"): ("{by} goes back to the caller", "{by} 恢复与来电者通话"),
    ("action", "mute"): ("{by}: microphone {to}", "{by}：麦克风{to}"),
    ("action", "send_digits"): ("{by} sends {to} digits", "{by} 发送 {to} 个按键"),
    ("action", "dial"): ("{by} calls {to}", "{by} 呼叫 {to}"),
    ("action", "transfer"): ("{by} transfers the call to {to}", "{by} 将通话转接到 {to}"),
    ("action", "consult"): ("{by} calls {to} into the call", "{by} 呼叫 {to} 加入"),
    ("action", "swap"): ("{by} swaps caller and consulted party", "{by} 切换通话对象"),
    ("action", "complete"): ("{by} leaves the call to {to}", "{by} 将通话交给 {to}"),
    ("action", "conference"): ("{by} brings everybody together", "{by} 发起多方通话"),
    ("action", "end_leg"): ("{by} ends the part of {to}", "{by} 结束 {to} 的通话"),
    ("action", "park"): ("{by} parks the call", "{by} 驻留通话"),
    ("action", "pick"): ("{by} picks the call up", "{by} 代接来电"),
    ("action", "record"): ("{by}: recording {to}", "{by}：录音{to}"),
    ("action", "assign"): ("{by} assigns the call to {to}", "{by} 将来电指派给 {to}"),
    ("action", "supervise"): ("{by} as supervisor: {to}", "{by} 作为班长：{to}"),
    ("action", "take_over"): ("{by} takes the call over", "{by} 接管通话"),
    ("saved", ""): (
        "{agent} saved without a disposition",
        "{agent} 已保存，未选处理结果",
    ),
    ("completed", "queue"): (
        "{agent} gave the call to a queue after {talk_s:.0f} s",
        "{agent} 通话 {talk_s:.0f} 秒后转入队列",
    ),
    ("completed", "agent"): (
        "{agent} gave the call to another agent after {talk_s:.0f} s",
        "{agent} 通话 {talk_s:.0f} 秒后转给另一坐席",
    ),
    ("completed", "parked"): (
        "{agent} parked the call after {talk_s:.0f} s",
        "{agent} 通话 {talk_s:.0f} 秒后驻留",
    ),
    ("completed", "menu"): (
        "{agent} sent the caller to a menu after {talk_s:.0f} s",
        "{agent} 通话 {talk_s:.0f} 秒后转入语音菜单",
    ),
    ("completed", "outside"): (
        "{agent} gave the call to somebody outside after {talk_s:.0f} s",
        "{agent} 通话 {talk_s:.0f} 秒后转给外线",
    ),
    ("leg-answered", "supervisor"): ("{who} is in the call as supervisor", "{who} 以班长身份进入"),
    ("leg-failed", "no answer"): ("{who} did not answer", "{who} 无人应答"),
    ("leg-failed", "refused"): ("{who} refused", "{who} 拒接"),
    ("leg-failed", "unreachable"): ("{who} cannot be reached", "无法接通 {who}"),
    ("leg-failed", "cancelled"): ("The call to {who} was given up", "已取消呼叫 {who}"),
    ("swapped", "party"): ("Talking with the consulted party", "与咨询方通话"),
    ("supervision", "listen"): ("{who} listens", "{who} 监听"),
    ("supervision", "whisper"): ("{who} whispers to the agent", "{who} 对坐席耳语"),
    ("supervision", "barge"): ("{who} talks with both", "{who} 插话，与双方通话"),
    ("ended", "caller"): ("Caller hung up", "来电者挂机"),
    ("ended", "agent"): ("Agent hung up", "坐席挂机"),
    ("ended", "system"): ("Ended by the system", "由系统结束"),
    ("ended", "transferred"): ("Gone to somebody outside", "已转至外线"),
    ("ended", "switch lost"): ("Ended: the switch was lost", "交换机中断，通话结束"),
    ("menu hours", "open"): ("Opening hours “{label}”: open", "营业时间“{label}”：营业中"),
    ("menu hours", "closed"): ("Opening hours “{label}”: closed", "营业时间“{label}”：已下班"),
    ("menu hours", "holiday"): ("Opening hours “{label}”: holiday", "营业时间“{label}”：节假日"),
    ("menu callback", "declined"): ("Callback: the caller does not want one", "回拨：来电者不需要"),
    ("menu callback", "no answer"): ("Callback: no key was pressed", "回拨：未按键"),
}


# What a deed's detail says, where it is a word of ours.
DETAILS: dict[tuple[str, str], tuple[str, str]] = {
    ("record", "start"): ("begins", "开始"),
    ("record", "stop"): ("ends", "停止"),
    ("record", "pause"): ("pauses", "暂停"),
    ("record", "resume"): ("goes on", "继续"),
    ("mute", "on"): ("muted", "静音"),
    ("mute", "off"): ("open again", "恢复"),
    ("supervise", "listen"): ("listens", "监听"),
    ("supervise", "whisper"): ("whispers to the agent", "对坐席耳语"),
    ("supervise", "barge"): ("talks with both", "插话，与双方通话"),
    ("supervise", "off"): ("leaves", "退出"),
}


# What a priority is made of (`callcenter.happenings.Ranked`).
RANK_PARTS: dict[str, tuple[str, str]] = {
    "number": ("number dialled {points}", "所拨号码 {points}"),
    "tier": ("customer tier {tier} {points}", "客户等级 {tier} {points}"),
    "choice": ("choice in the menu {points}", "菜单选择 {points}"),
}


def plain_names(kind: str, ident: str, language: str = "") -> str:
    """Ids as they are."""
    return ident


class _Data(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def text_of(kind: str, data: Mapping[str, Any], names: Names = plain_names) -> dict[str, str]:
    """The entry's sentence in each language."""
    texts = TEXTS.get(kind, (kind, kind))
    of = kind
    if kind == "menu":
        what = str(data.get("what", ""))
        texts, of = MENU_TEXTS.get(what, texts), f"menu {what}"
    if of in _BY_FIELD:
        value = str(data.get(_BY_FIELD[of], ""))
        if kind == "ended" and data.get("cause") == "transferred":
            value = "transferred"
        texts = SPECIAL_TEXTS.get((of, value), texts)
    return {
        language: _filled(text, kind, data, names, language)
        for language, text in zip(("en", "zh"), texts, strict=True)
    }


def _filled(text: str, kind: str, data: Mapping[str, Any], names: Names, language: str) -> str:
    shown = _Data(data)
    if "detail" in shown:
        said = DETAILS.get((str(shown["verb"]), str(shown["detail"])))
        shown["to"] = (
            _named(str(shown["detail"]), names, language)
            if said is None
            else said[language == "zh"]
        )
    for field in ("queue", "agent", "disposition"):
        if field in shown:
            shown[field] = names(field, str(shown[field]), language)
    for field in ("by", "giver"):
        if field in shown:
            shown[field] = names("agent", str(shown[field]), language)
    if shown.get("to") in ("queue", "flow") and "target" in shown:
        shown["target"] = names(str(shown["to"]), str(shown["target"]), language)
    if isinstance(shown.get("parts"), Mapping):
        shown["parts"] = _rank(shown["parts"], str(shown.get("tier", "")), language)
    shown["who"] = shown["agent"] if "agent" in shown else str(data.get("number") or "?")
    try:
        return text.format_map(shown)
    except (ValueError, TypeError):  # a number is missing or is none
        return kind


def _rank(parts: Mapping[str, Any], tier: str, language: str) -> str:
    told = (RANK_PARTS.get(what, ("{points}", "{points}")) for what in parts)
    texts = (
        text[language == "zh"].format(points=points, tier=tier)
        for text, points in zip(told, parts.values(), strict=True)
    )
    return ("，" if language == "zh" else ", ").join(texts)


def _named(detail: str, names: Names, language: str) -> str:
    """To whom or what something was done: "agent dana" by name, "number +1…" as it is."""
    kind, _, ident = detail.partition(" ")
    if kind in ("agent", "queue", "flow") and ident:
        return names(kind, ident, language)
    return ident if kind == "number" and ident else detail
