"""What each entry of a call's timeline says, in each language.

Placeholders come from the entry's data; `queue` and `agent` are shown by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Names = Callable[[str, str], str]
"""Label of an id: called with ("queue", id) or ("agent", id)."""

TEXTS: dict[str, tuple[str, str]] = {
    "arrived": ("Call from {ani} to {dnis}", "来电 {ani} 拨打 {dnis}"),
    "adopted": ("Found on the switch again", "在交换机上重新接管"),
    "menu": ("{label}: {value}", "{label}：{value}"),
    "menu-ended": ("Left the menu", "离开语音菜单"),
    "queued": ("Entered the queue {queue}", "进入队列 {queue}"),
    "offered": ("Offered to {agent}", "分配给 {agent}"),
    "ringing": ("{agent}'s phone rings", "{agent} 的电话振铃"),
    "refused": ("{agent} refused", "{agent} 拒接"),
    "unanswered": ("{agent} did not answer", "{agent} 无人应答"),
    "unreachable": ("{agent}'s phone could not be reached", "{agent} 的电话无法接通"),
    "cancelled": ("Offer to {agent} withdrawn", "撤回对 {agent} 的分配"),
    "answered": ("{agent} answered after {waited_s:.0f} s", "{agent} 在 {waited_s:.0f} 秒后接听"),
    "reached": ("Customer reached", "已接通客户"),
    "abandoned": ("Caller gave up after {waited_s:.0f} s", "来电者等待 {waited_s:.0f} 秒后放弃"),
    "overflowed": ("Left {queue} for another queue", "从 {queue} 溢出到其他队列"),
    "callback": ("Left a number to be called back", "留下号码等待回拨"),
    "withdrawn": ("Left {queue}", "离开 {queue}"),
    "switch-lost": ("Lost by the switch", "交换机丢失通话"),
    "expired": ("Callback given up", "回拨已放弃"),
    "callback-state": ("Callback: {state}, attempt {attempts}", "回拨：{state}，第 {attempts} 次"),
    "callback-failed": ("Customer not reached: {why}", "未接通客户：{why}"),
    "held": ("On hold", "通话保持"),
    "retrieved": ("Talking again", "恢复通话"),
    "completed": ("Conversation over, {talk_s:.0f} s", "通话结束，{talk_s:.0f} 秒"),
    "ended": ("Call ended by {by}", "通话结束（{by}）"),
    "wrapped-up": ("After-call work done, {wrap_up_s:.0f} s", "话后处理完成，{wrap_up_s:.0f} 秒"),
    "saved": ("Disposition: {disposition}", "处理结果：{disposition}"),
    "customer": ("Customer: {customer}", "客户：{customer}"),
    "order-failed": ("The switch refused {order}: {why}", "交换机拒绝 {order}：{why}"),
}


def plain_names(kind: str, ident: str) -> str:
    """Ids as they are."""
    return ident


class _Data(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def text_of(kind: str, data: Mapping[str, Any], names: Names = plain_names) -> dict[str, str]:
    """The entry's sentence in each language."""
    shown = _Data(data)
    for field in ("queue", "agent"):
        if field in shown:
            shown[field] = names(field, str(shown[field]))
    en, zh = TEXTS.get(kind, (kind, kind))
    try:
        return {"en": en.format_map(shown), "zh": zh.format_map(shown)}
    except (ValueError, TypeError):  # a number is missing or is none
        return {"en": kind, "zh": kind}
