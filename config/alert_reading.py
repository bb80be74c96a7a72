"""Reads `alerts:` and `figures:` of a site."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.reading import ID, ID_FORM, Section, shown
from reporting.alerts import AlertRule, Scope
from reporting.definitions import ALL, FIGURES
from reporting.live import WINDOWS

_MOST = 100_000.0
_OF = {"queue": "queue", "team": "team", "site": "site"}


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What figures need to know that no call tells: days, and prices in the site's currency."""

    repeat_days: float = 7.0
    agent_hour: float = 0.0
    line_minute: float = 0.0


def read_reckoning(part: Section) -> Reckoning:
    """The `figures:` of a site."""
    found = Reckoning(
        repeat_days=part.number("repeat_days", 7.0, low=1, high=90),
        agent_hour=part.number("agent_hour", 0.0, high=_MOST),
        line_minute=part.number("line_minute", 0.0, high=_MOST),
    )
    part.close()
    return found


def read_alerts(top: Section) -> tuple[AlertRule, ...] | None:
    """The `alerts:` of a site; None when it names none, not even `{}`."""
    given = "alerts" in top
    section = top.section("alerts")
    rules = []
    for name in section.names():
        if not ID.fullmatch(name):
            section.wrong(name, f"the name {shown(name)} in 'alerts'", ID_FORM)
        rules.append(_rule(name, section.section(name, f"alert {name!r}")))
    return tuple(rules) if given else None


def _rule(name: str, part: Section) -> AlertRule:
    figure = part.one_of("figure", tuple(ALL))
    scope, target = _about(part)
    if figure and scope not in ALL[figure].scopes:
        scopes = [known for known in _OF if known in ALL[figure].scopes]
        fix = f"name a {scopes[0]!r}" if scopes else f"use one of {', '.join(_OF)}"
        part.wrong("figure", f"{figure!r} is no figure of a {scope}", fix)
    above, below = _threshold(part, "above", figure), _threshold(part, "below", figure)
    if above is not None and below is not None:
        part.wrong("below", "both 'above' and 'below'", "keep the one that is worth an alert")
    if above is None and below is None:
        part.missing("above", "add 'above:' or 'below:': what must not be passed")
    limit = above if above is not None else below or 0.0
    clear = _threshold(part, "clear", figure)
    if clear is None:
        clear = limit
    elif above is not None and clear > limit:
        part.wrong("clear", f"'clear' is {clear:g}, above 'above'", f"use at most {limit:g}")
    elif above is None and clear < limit:
        part.wrong("clear", f"'clear' is {clear:g}, below 'below'", f"use at least {limit:g}")
    found = AlertRule(
        id=name,
        figure=figure,
        scope=scope,
        target=target,
        window=_window(part, figure),
        above=above,
        below=None if above is not None else below,
        clear=clear,
        for_s=part.number("for_s", 60.0),
        clear_for_s=part.number("clear_for_s", 60.0),
        least=part.whole("least", 10, high=10_000),
    )
    part.close()
    return found


def _about(part: Section) -> tuple[Scope, str]:
    """One queue, one team, or the whole site; nothing said: each queue by itself."""
    queue, team, site = part.name("queue", ""), part.name("team", ""), part.flag("site")
    if sum((bool(queue), bool(team), site)) > 1:
        part.wrong("", f"{part.what} is about several things", "keep 'queue', 'team' or 'site'")
    if site:
        return "site", ""
    return ("team", team) if team else ("queue", queue)


def _threshold(part: Section, key: str, figure: str) -> float | None:
    if key not in part:
        part.take(key)
        return None
    share = figure in ALL and ALL[figure].unit == "share"
    return part.number(key, high=1.0 if share else _MOST)


def _window(part: Section, figure: str) -> str:
    if figure in FIGURES:
        return part.one_of("window", WINDOWS, "30")
    if "window" in part:
        fix = "leave it out: this figure is of the moment"
        part.wrong("window", f"{figure!r} has no 'window'", fix)
    part.take("window")
    return ""
