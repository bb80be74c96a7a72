"""Reads a queue of `site.yaml`: who comes first, who gets the call, what becomes of who waits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar, get_args

from acd import site as acd_site
from acd.site import CALL, Onward, Relax, Rona, Rule
from config import popurl
from config.site import RECORDING, Announcement, Preference, Queue, RecordingRule
from ivr.mistakes import suggestion
from ivr.parsing import NUMBER, NUMBER_FORM, read_needs
from ivr.reading import ID, ID_FORM, Path, Section, shown

Word = TypeVar("Word", bound=str)
UNLIMITED = "unlimited"
MAX_STEPS = 10  # of `relax`, and announcements of one plan
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_TIME_FORM = 'write times such as "09:30"'
_TARGETS: tuple[acd_site.Onwards, ...] = get_args(acd_site.Onwards)
_TARGET_FORM = "write a queue's name, or {flow: …}, {voicemail: …} or {number: '+…'}"

# What may happen to a caller: the key in `site.yaml`, the engine's word, the bound beside the
# target (its key, from, to), and what has no bound. In the order in which the rules are looked at.
Bound = tuple[str, float, float]
OCCASIONS: tuple[tuple[str, acd_site.Occasion, Bound | None], ...] = (
    ("closed", "closed", None),
    ("nobody", "nobody", None),
    ("full", "full", ("at", 1, 10_000)),
    ("expected_wait", "expected-wait", ("above_s", 1, 7200)),
    ("overflow", "waited", ("after_s", 1, 7200)),
    ("left_alone", "left-alone", ("after_s", 0, 7200)),
    ("closing", "closing", ("after_s", 0, 7200)),
)


def read_queue(name: str, part: Section, languages: Sequence[str], site: RecordingRule) -> Queue:
    """One queue; mistakes go into the section's report. `site` is how the site records."""
    level = part.section("service_level")
    wait = part.section("wait")
    back_wanted = part.take("callback") is not False
    back = part.section("callback") if back_wanted else _empty(part, "callback")
    flow = wait.name("flow", "")
    found = Queue(
        id=name,
        labels=part.labels("labels", languages, name),
        work=part.name("work", CALL),
        priority=part.whole("priority", 0, low=-100, high=100),
        weight=part.number("weight", 1.0, low=0.1, high=100),
        first_after_s=maybe(part, "first_after_s", low=1, high=7200),
        choice=one_of(part, "choice", get_args(acd_site.Choice), "longest-idle"),
        ring_several=part.whole("ring_several", 1, low=1, high=10),
        needs=read_needs(part, "needs"),
        relax=_relax(part),
        ring_s=part.number("ring_s", 15.0, low=3, high=120),
        rona=_rona(part.section("rona")),
        wrap_up_s=_limit(part, "wrap_up_s", 30.0),
        extend_s=_limit(part, "extend_s", None),
        threshold_s=level.number("within_s", 20.0, low=1, high=3600),
        target=level.number("target", 0.8, low=0, high=1),
        short_abandon_s=part.number("short_abandon_s", 5.0, low=0, high=60),
        hours=part.name("hours", ""),
        staffed=one_of(part, "staffed", get_args(acd_site.Staffed), "signed in"),
        rules=_rules(part),
        callback=back_wanted,
        callback_attempts=back.whole("attempts", 3, low=1, high=10),
        callback_retry_s=back.number("retry_s", 300.0, low=10, high=86_400),
        callback_window_s=back.number("window_s", 900.0, low=60, high=86_400),
        callback_expires_s=back.number("expires_s", 86_400.0, low=600, high=604_800),
        callback_times=_times(back),
        callback_days=back.whole("days", 2, low=0, high=14),
        wait_flow=flow,
        announcements=_announcements(wait, flow),
        music=wait.name("music", "default"),
        preferred=_preferred(part.section("preferred")),
        recording=read_recording(part.section("recording"), site),
        screen_pop_url=read_pop_url(part.section("screen_pop")),
    )
    if found.work != CALL and found.ring_several > 1:
        part.wrong("ring_several", "'ring_several' in a queue of no calls", "only phones ring")
    for section in (part, level, wait, back):
        section.close()
    return found


def read_recording(part: Section, site: RecordingRule) -> RecordingRule:
    """How calls are recorded; what a queue does not say is as for the site."""
    found = RecordingRule(
        calls=part.one_of("calls", RECORDING, site.calls),
        stereo=part.flag("stereo", site.stereo),
        keep_days=part.whole("keep_days", site.keep_days, low=1, high=36_500),
    )
    part.close()
    return found


def read_pop_url(part: Section) -> str:
    """A link into another program, filled for each call."""
    url = part.text("url", "", pattern=popurl.PATTERN, form=popurl.FORM)
    part.close()
    return url


def rule_path(rules: Sequence[Rule], index: int) -> Path:
    """Where the target of a queue's rule stands, below the queue."""
    rule = rules[index]
    key, bound = next((key, bound) for key, when, bound in OCCASIONS if when == rule.when)
    # Several targets of one occasion are a list; of one alone the line is that of its key.
    place = sum(1 for other in rules[:index] if other.when == rule.when)
    return (key, *(("to",) if bound else ()), place, rule.to.kind)


def announced(queue: Queue) -> Iterator[tuple[Path, str]]:
    """The flows that visit the callers of a queue, and where each is named."""
    at: Path = ("queues", queue.id, "wait")
    base = 1 if queue.wait_flow else 0
    for index, one in enumerate(queue.announcements):
        yield (*at, "flow") if index < base else (*at, "announcements", index - base), one.flow


# Who gets the call ------------------------------------------------------------------------


def _relax(part: Section) -> tuple[Relax, ...]:
    """`[{after_s: 30, lower_by: 2}, {after_s: 60, drop: [german]}, {after_s: 90, also: [x]}]`."""
    found: list[Relax] = []
    for path, item in part.items("relax"):
        step = Section(part.report, path, item, "a step of 'relax'")
        one = Relax(
            after_s=step.number("after_s", low=1, high=7200),
            lower_by=step.whole("lower_by", 0, low=1, high=9),
            drop=step.texts("drop", pattern=ID, form=ID_FORM),
            also=step.texts("also", pattern=ID, form=ID_FORM),
        )
        step.close()
        if not {"lower_by", "drop", "also"} & set(step.names()):
            step.wrong("", "a step of 'relax' changes nothing", "add 'lower_by', 'drop' or 'also'")
        found.append(one)
    if len(found) > MAX_STEPS:
        part.wrong("relax", f"{len(found)} steps of 'relax'", f"use at most {MAX_STEPS}")
    return tuple(found)


def _rona(part: Section) -> Rona:
    found = Rona(
        misses=part.whole("misses", 1, low=1, high=10),
        then=one_of(part, "then", get_args(acd_site.Missed), "not ready"),
        pause_s=part.number("pause_s", 30.0, low=5, high=3600),
    )
    part.close()
    return found


def _preferred(part: Section) -> tuple[Preference, ...]:
    """In the order written: `{last_agent: {within_days: 30, wait_s: 20}, owner: {wait_s: 20}}`."""
    found: list[Preference] = []
    for name in part.names():
        if name not in ("last_agent", "owner"):
            continue  # told by `close`
        who: Literal["last agent", "owner"] = "owner" if name == "owner" else "last agent"
        one = part.section(name)
        days = one.whole("within_days", 30, low=1, high=365) if name == "last_agent" else 0
        found.append(Preference(who, one.number("wait_s", 20.0, low=1, high=300), days))
        one.close()
    part.take("last_agent")
    part.take("owner")
    part.close()
    return tuple(found)


# Before and while waiting -----------------------------------------------------------------


def _rules(part: Section) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for key, when, bound in OCCASIONS:
        if bound is None:
            found += [Rule(when, to) for to in _targets(part, key)]
            continue
        section = part.section(key)
        if section.names():
            limit = section.number(bound[0], low=bound[1], high=bound[2])
            targets = _targets(section, "to")
            if not targets and "to" not in section:
                section.missing("to", f"add 'to:': {_TARGET_FORM}")
            found += [Rule(when, to, limit) for to in targets]
        section.close()
    return tuple(found)


def _targets(part: Section, key: str) -> list[Onward]:
    """One target, or a list of which the first that can take the caller is meant."""
    value = part.take(key)
    if value is None:
        return []
    path: Path = (*part.path, key)
    items = [((*path, n), item) for n, item in enumerate(value)] if isinstance(value, list) else []
    found = [_target(part, at, item, key) for at, item in items or [(path, value)]]
    return [target for target in found if target is not None]


def _target(part: Section, path: Path, value: object, key: str) -> Onward | None:
    if isinstance(value, str) and ID.fullmatch(value):
        return Onward("queue", value)
    if not isinstance(value, dict) or len(value) != 1:
        part.report.add(path, f"{key!r} is {shown(value)}", _TARGET_FORM)
        return None
    section = Section(part.report, path, value, f"{key!r}")
    (written,) = section.names()
    kind = next((kind for kind in _TARGETS if kind == written), None)
    if kind is None:
        section.wrong(written, f"{key!r} leads to {shown(written)}", suggestion(written, _TARGETS))
        return None
    pattern, form = (NUMBER, NUMBER_FORM) if kind == "number" else (ID, ID_FORM)
    own = "" if kind == "voicemail" else None  # the queue's own
    target = section.text(kind, own, pattern=pattern, form=form)
    return Onward(kind, target) if target or own == "" else None


def _announcements(wait: Section, flow: str) -> tuple[Announcement, ...]:
    """The whole plan: `wait.flow` with its times is the first of it."""
    first_s = wait.number("first_s", 1.0, low=1, high=600)
    every_s = wait.number("every_s", 45.0, low=10, high=3600)
    found = [Announcement(flow, first_s, every_s)] if flow else []
    for path, item in wait.items("announcements"):
        one = Section(wait.report, path, item, "an announcement")
        found.append(
            Announcement(
                flow=one.name("flow"),
                after_s=one.number("after_s", low=0, high=7200),
                every_s=maybe(one, "every_s", low=10, high=3600),
            )
        )
        one.close()
    if len(found) > MAX_STEPS:
        wait.wrong("announcements", f"{len(found)} announcements", f"use at most {MAX_STEPS}")
    return tuple(found)


def _times(part: Section) -> tuple[int, ...]:
    """`["09:30", "14:00"]` as minutes of the day."""
    found = part.texts("times", pattern=_TIME, form=_TIME_FORM)
    return tuple(sorted(int(text[:2]) * 60 + int(text[3:]) for text in found))


# Fields -----------------------------------------------------------------------------------


def _limit(part: Section, key: str, default: float | None) -> float | None:
    """Seconds, or "unlimited" for None."""
    value = part.take(key)
    if value == UNLIMITED or (value is None and default is None):
        return None
    return part.number(key, default, low=0, high=3600)


def maybe(part: Section, key: str, *, low: float, high: float) -> float | None:
    """A number that may be left out."""
    return None if part.take(key) is None else part.number(key, low=low, high=high)


def one_of(part: Section, key: str, known: tuple[Word, ...], default: Word) -> Word:
    found = part.one_of(key, known, default)
    return next((word for word in known if word == found), default)


def _empty(part: Section, key: str) -> Section:
    return Section(part.report, (*part.path, key), None, part.what)
