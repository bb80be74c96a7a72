"""The table of figures: each one's id, name, version, formula in words, unit and scopes.

`FIGURES` are reckoned from a `Tally`, so they exist for any span of time: a rolling window, the
day, an interval of last year. `NOW` are those of this moment. What a screen, a report or the API
shows of a figure comes from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reporting import figures as f
from reporting.figures import Tally, check_books

QUEUES = ("queue", "site")
AGENTS = ("agent", "team")
EVERY = (*QUEUES, *AGENTS)
SITE = ("site",)


@dataclass(frozen=True, slots=True)
class Moment:
    """How things stand now, in one queue, one team or the whole site.

    `waiting` are callers in line or ringing, `unstaffed` those of them whose queue nobody is
    signed in for; the expected wait is the range for who enters now (None: nothing to go by).
    `books` is by how many calls the books are out.
    """

    waiting: int = 0
    longest_wait_s: float | None = None
    signed_in: int = 0
    ready: int = 0
    unstaffed: int = 0
    expected_wait_low_s: float | None = None
    expected_wait_s: float | None = None
    books: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its definition, in each language.

    `unit` is "share" (0 to 1), "s", "count" or "money"; `scopes` are what it is a figure of:
    "queue", "agent", "team", "site". A new meaning gets a new `version`. `of` takes a `Tally`,
    or for the figures of `NOW` a `Moment`. `least` is the count that must be large enough
    before an alarm is worth it ("" for figures that are no shares or means).
    """

    id: str
    name: dict[str, str]
    formula: dict[str, str]
    unit: str
    of: Callable[[Any], float | None]
    scopes: tuple[str, ...] = QUEUES
    version: int = 1
    least: str = ""


def _count(field: str) -> Callable[[Any], float | None]:
    return lambda counted: getattr(counted, field)


def _level(kind: str) -> Callable[[Any], float | None]:
    return lambda tally: f.service_level(tally, kind)


def _figure(
    id: str,  # noqa: A002 - the table reads better
    en: tuple[str, str],
    zh: tuple[str, str],
    unit: str,
    of: Callable[[Any], float | None],
    scopes: tuple[str, ...] = QUEUES,
    least: str = "",
) -> Figure:
    names, formulas = zip(en, zh, strict=True)
    return Figure(
        id,
        dict(zip(("en", "zh"), names, strict=True)),
        dict(zip(("en", "zh"), formulas, strict=True)),
        unit,
        of,
        scopes,
        least=least,
    )


FIGURES: dict[str, Figure] = {
    figure.id: figure
    for figure in (
        _figure(
            "offered",
            ("Offered", "O: calls that entered the queue"),
            ("呼入量", "O：进入队列的来电数"),
            "count",
            _count("offered"),
        ),
        _figure(
            "answered",
            ("Answered", "H: answered by an agent; of an agent: conversations that began"),
            ("接听量", "H：由坐席接听的来电数；坐席：开始的通话数"),
            "count",
            _count("answered"),
            EVERY,
        ),
        _figure(
            "abandoned",
            ("Abandoned", "A: the caller hung up while waiting or ringing"),
            ("放弃量", "A：来电者在等待或振铃时挂断"),
            "count",
            _count("abandoned"),
        ),
        _figure(
            "short_abandoned",
            ("Short abandons", "S: abandoned sooner than the short-abandon limit of the queue"),
            ("短放弃", "S：早于队列短放弃时限的放弃"),
            "count",
            _count("short_abandoned"),
        ),
        _figure(
            "flowed_out",
            ("Flowed out", "F: overflow to whatever target, transfer, callback accepted"),
            ("流出量", "F：溢出（任何目标）、转出、已约回拨"),
            "count",
            _count("flowed_out"),
        ),
        _figure(
            "still_waiting",
            ("Still waiting", "entered in this time and not left yet"),
            ("仍在等待", "此时段进入且尚未离开"),
            "count",
            _count("waiting"),
        ),
        _figure(
            "turned_away",
            ("Turned away", "not let into the line by a rule of the queue; in no other figure"),
            ("未准入", "按队列规则未进入排队；不计入其他指标"),
            "count",
            _count("turned_away"),
        ),
        _figure(
            "service_level",
            (
                "Service level",
                "answered within T / (answered + abandoned + flowed out - short abandons)",
            ),
            ("服务水平", "T 内接听 /（接听 + 放弃 + 流出 − 短放弃）"),
            "share",
            _level("standard"),
            least="offered",
        ),
        _figure(
            "service_level_negative",
            ("Service level (abandons count against)", "answered within T / offered"),
            ("服务水平（放弃计为未达标）", "T 内接听 / 呼入"),
            "share",
            _level("negative"),
            least="offered",
        ),
        _figure(
            "service_level_ignored",
            (
                "Service level (early abandons ignored)",
                "answered within T / (offered - abandoned within T)",
            ),
            ("服务水平（忽略早期放弃）", "T 内接听 /（呼入 − T 内放弃）"),
            "share",
            _level("ignored"),
            least="offered",
        ),
        _figure(
            "service_level_positive",
            (
                "Service level (early abandons count as met)",
                "(answered within T + abandoned within T) / offered",
            ),
            ("服务水平（早期放弃计为达标）", "（T 内接听 + T 内放弃）/ 呼入"),
            "share",
            _level("positive"),
            least="offered",
        ),
        _figure(
            "service_level_handled_only",
            ("Service level (answered calls only)", "answered within T / answered"),
            ("服务水平（仅已接来电）", "T 内接听 / 接听"),
            "share",
            _level("handled_only"),
            least="answered",
        ),
        _figure(
            "abandon_rate",
            ("Abandon rate", "abandoned / offered"),
            ("放弃率", "放弃 / 呼入"),
            "share",
            f.abandon_rate,
            least="offered",
        ),
        _figure(
            "abandon_rate_without_short",
            (
                "Abandon rate without short abandons",
                "(abandoned - short abandons) / (offered - short abandons)",
            ),
            ("放弃率（不含短放弃）", "（放弃 − 短放弃）/（呼入 − 短放弃）"),
            "share",
            f.abandon_rate_without_short,
            least="offered",
        ),
        _figure(
            "asa_s",
            (
                "Average speed of answer",
                "sum of the waits of answered calls / answered; waiting starts on entering the "
                "queue",
            ),
            ("平均应答速度", "已接来电等待之和 / 接听；自进入队列起计"),
            "s",
            f.asa,
            least="answered",
        ),
        _figure(
            "longest_wait_past_s",
            ("Longest wait that ended", "the longest wait of any call that has left the queue"),
            ("最长等待（已结束）", "已离开队列的来电中最长的等待"),
            "s",
            _count("longest_wait_s"),
        ),
        _figure(
            "aht_s",
            (
                "Average handle time",
                "(talk + hold + wrap-up) / answered calls that are over; ring time is not in it",
            ),
            ("平均处理时长", "（通话 + 保持 + 话后）/ 已结束的接听；不含振铃"),
            "s",
            f.aht,
            EVERY,
            least="handled",
        ),
        _figure(
            "acw_s",
            ("Average after-call work", "wrap-up / answered calls that are over"),
            ("平均话后处理时长", "话后 / 已结束的接听"),
            "s",
            f.acw,
            EVERY,
            least="handled",
        ),
        _figure(
            "occupancy",
            (
                "Occupancy",
                "(talk + hold + wrap-up) / (talk + hold + wrap-up + ready); ringing counts as "
                "neither",
            ),
            ("占用率", "（通话 + 保持 + 话后）/（通话 + 保持 + 话后 + 就绪）；振铃不计"),
            "share",
            lambda tally: f.occupancy(tally.busy_s, tally.ready_s),
            EVERY,
        ),
        _figure(
            "utilisation",
            ("Utilisation", "(talk + hold + wrap-up + ready) / signed in"),
            ("利用率", "（通话 + 保持 + 话后 + 就绪）/ 签入时长"),
            "share",
            f.utilisation,
            EVERY,
        ),
        _figure(
            "transfer_rate",
            (
                "Transfer rate",
                "answered calls that an agent gave away / answered; each queue visit counts by "
                "itself",
            ),
            ("转接率", "坐席转出的接听 / 接听；每次进入队列单独计"),
            "share",
            f.transfer_rate,
            EVERY,
            least="answered",
        ),
        _figure(
            "waits_right",
            (
                "Expected waits that came true",
                "answered after a wait within the range that the caller heard / answered callers "
                "who heard one",
            ),
            ("预计等待准确率", "实际等待在所报范围内 / 听到预计等待且被接听的来电"),
            "share",
            f.waits_right,
            least="waits_told",
        ),
        _figure(
            "promises_kept",
            (
                "Callback promises kept",
                "kept / (kept + late + failed), of callbacks at a time that the caller chose",
            ),
            ("回拨承诺兑现率", "按时 /（按时 + 迟到 + 失败），限客户指定时间的回拨"),
            "share",
            f.promises_kept,
            least="callbacks_queued",
        ),
        _figure(
            "callbacks_late",
            ("Callbacks late", "reached after the chosen time and its window"),
            ("回拨迟到", "在指定时间及其窗口之后才接通"),
            "count",
            _count("callbacks_late"),
        ),
        _figure(
            "callbacks_failed",
            ("Callbacks failed", "promised for a time and never reached"),
            ("回拨失败", "已约定时间但始终未接通"),
            "count",
            _count("callbacks_failed"),
        ),
        _figure(
            "attempts_per_callback",
            ("Attempts per callback", "attempts / callbacks that are over"),
            ("每次回拨尝试次数", "尝试次数 / 已结束的回拨"),
            "count",
            f.attempts_per_callback,
        ),
        _figure(
            "items_queued",
            ("Work items", "work items that are no calls and came in"),
            ("工作项", "进入的非电话工作项"),
            "count",
            _count("items_queued"),
        ),
        _figure(
            "items_done",
            ("Work items done", "of those, done by an agent"),
            ("已完成工作项", "其中由坐席完成的"),
            "count",
            _count("items_done"),
        ),
        _figure(
            "books",
            (
                "Books check (0 when they balance)",
                "offered - (answered + abandoned + flowed out + still waiting)",
            ),
            ("账目核对（平衡时为 0）", "呼入 −（接听 + 放弃 + 流出 + 仍在等待）"),
            "count",
            lambda tally: float(check_books(tally)),
        ),
        _figure(
            "containment",
            (
                "Menu containment",
                "ended in the menu by a step marked 'served' / entered the menu; hang-ups are not "
                "containment",
            ),
            ("菜单自助率", "在标记“served”的步骤结束 / 进入菜单；中途挂断不算"),
            "share",
            f.containment,
            SITE,
            least="menu_entered",
        ),
        _figure(
            "true_containment",
            (
                "True menu containment",
                "(served in the menu - of those, callers who came back within 24 h) / entered the "
                "menu",
            ),
            ("真实菜单自助率", "（菜单内完成 − 其中 24 小时内再次来电）/ 进入菜单"),
            "share",
            f.true_containment,
            SITE,
            least="menu_entered",
        ),
        _figure(
            "first_contact_resolution",
            (
                "First-contact resolution",
                "1 - answered calls of people whom an agent talked with in the days before / "
                "answered calls with a known number",
            ),
            ("首次联系解决率", "1 − 此前数天内已与坐席通话者的再次来电 / 已知号码的接听"),
            "share",
            f.first_contact_resolution,
            SITE,
            least="contacts",
        ),
        _figure(
            "cost_per_call",
            (
                "Cost per call",
                "(signed-in hours x rate + minutes on the lines x rate) / answered",
            ),
            ("每通成本", "（签入小时 × 费率 + 线路分钟 × 费率）/ 接听"),
            "money",
            f.cost_per_call,
            SITE,
        ),
    )
}

NOW: dict[str, Figure] = {
    figure.id: figure
    for figure in (
        _figure(
            "waiting",
            ("Waiting now", "callers in the line now; who rings at an agent is not in it"),
            ("当前等待", "正在排队的来电者；已在坐席处振铃的不计"),
            "count",
            _count("waiting"),
        ),
        _figure(
            "longest_wait_s",
            ("Longest wait", "time since the longest-waiting caller entered the queue"),
            ("最长等待", "等待最久的来电者进入队列以来的时间"),
            "s",
            _count("longest_wait_s"),
        ),
        _figure(
            "expected_wait_low_s",
            (
                "Expected wait, at least",
                "who enters now waits so long or more, in nine of ten cases",
            ),
            ("预计至少等待", "此刻进入者十次有九次等待不短于此值"),
            "s",
            _count("expected_wait_low_s"),
            ("queue",),
        ),
        _figure(
            "expected_wait_s",
            (
                "Expected wait, at most",
                "who enters now waits so long or less, in nine of ten cases",
            ),
            ("预计最多等待", "此刻进入者十次有九次等待不超过此值"),
            "s",
            _count("expected_wait_s"),
            ("queue",),
        ),
        _figure(
            "signed_in",
            ("Signed in", "agents in any state but offline"),
            ("已签入", "除离线外任何状态的坐席"),
            "count",
            _count("signed_in"),
            ("queue", "team", "site"),
        ),
        _figure(
            "ready",
            ("Ready", "agents who can be offered a call now"),
            ("就绪", "现在可派单的坐席"),
            "count",
            _count("ready"),
            ("queue", "team", "site"),
        ),
        _figure(
            "unstaffed",
            ("Waiting for nobody", "callers waiting in a queue that nobody is signed in for"),
            ("无人值守等待", "在无人签入的队列中等待的来电者"),
            "count",
            _count("unstaffed"),
        ),
        _figure(
            "books_out",
            (
                "Books out of balance",
                "calls by which the routing engine's books and the reports' differ",
            ),
            ("账目差额", "路由引擎账目与报表账目相差的来电数"),
            "count",
            _count("books"),
        ),
    )
}

ALL: dict[str, Figure] = {**NOW, **FIGURES}


def values(tally: Tally, scope: str, digits: int = 4) -> dict[str, float | None]:
    """Every figure of this scope, rounded to so many decimals."""
    return {
        figure.id: rounded(figure.of(tally), digits)
        for figure in FIGURES.values()
        if scope in figure.scopes
    }


def values_now(moment: Moment, scope: str) -> dict[str, float | None]:
    """The figures of this moment."""
    return {
        figure.id: rounded(figure.of(moment)) for figure in NOW.values() if scope in figure.scopes
    }


def rounded(value: float | None, digits: int = 4) -> float | None:
    """No more decimals than anybody can read; a count stays whole."""
    return round(value, digits) if isinstance(value, float) else value


def definitions() -> list[dict[str, Any]]:
    """Each figure's id, name, version, formula, unit and scopes, for hovers and schemas."""
    return [
        {
            "id": figure.id,
            "name": figure.name,
            "version": figure.version,
            "formula": figure.formula,
            "unit": figure.unit,
            "scopes": list(figure.scopes),
            "now": figure.id in NOW,
        }
        for figure in ALL.values()
    ]
