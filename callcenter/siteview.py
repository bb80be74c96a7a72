"""The site's configuration as the menus, the reports and the consoles want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from acd import decisions as d
from acd.reasons import sentence
from callcenter.voicemails import flow_of
from config.hours import State, next_change
from config.site import Announcement, Queue, Site
from crm_link.numbers import format_local, to_e164
from cti.calls import PhoneKind
from ivr.flow import Flow
from ivr.times import Slot
from reporting.intervals import Limits


def wall_clock(zone: str, moment: float) -> str:
    """UTC epoch seconds as a time of day in this time zone, "10:31:07"."""
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%H:%M:%S")


class SiteView:
    """Answers from the site in force, which may be replaced at any time."""

    def __init__(self, site: Callable[[], Site]) -> None:
        self._site = site

    # For the menus -------------------------------------------------------------------------

    def entry_flow(self, dnis: str) -> tuple[Flow, str]:
        return self._site().flow_for(dnis)

    def flow(self, flow_id: str) -> Flow | None:
        site = self._site()
        built_in = flow_of(flow_id, site.languages, self.default_queue())
        return built_in or site.flows.get(flow_id)

    def plan(self, queue: str) -> Sequence[Announcement]:
        known = self._site().queues.get(queue)
        return () if known is None else known.announcements

    def waiting(self, queue: str) -> Queue:
        queues = self._site().queues
        return queues.get(queue) or queues[self.default_queue()]

    def default_queue(self) -> str:
        site = self._site()
        fallback = site.flows[site.default_flow].fallback
        if fallback is not None and fallback.queue in site.queues:
            return fallback.queue
        return next(iter(site.queues))

    def hours(self, calendar: str, utc_s: float) -> str:
        return self._site().hours(calendar, utc_s)

    def queues(self) -> Iterable[str]:
        return self._site().queues

    def opening(self, queue: str, utc: float) -> State:
        """Whether the calendar of a queue lets callers in at a moment."""
        return self._site().opening(queue, utc)

    def next_opening_change(self, after: float) -> float | None:
        """When the calendar of some queue changes next."""
        site = self._site()
        used = {queue.hours for queue in site.queues.values()} & set(site.calendars)
        changes = (next_change(site.calendars[name], after) for name in used)
        return min((change for change in changes if change is not None), default=None)

    def callback_number(self, number: str) -> str:
        """The number as it may be dialled, "" when it may not be."""
        site = self._site()
        e164 = to_e164(number, site.region) or ""
        return e164 if e164 and site.callback_numbers.permits(e164) else ""

    def transfer_number(self, number: str) -> str:
        """Like `callback_number`, by the rules for transfers."""
        site = self._site()
        e164 = to_e164(number, site.region) or ""
        return e164 if e164 and site.transfer_numbers.permits(e164) else ""

    def e164(self, number: str) -> str:
        """Who calls, "" when that is withheld or no number."""
        return to_e164(number, self._site().region) or ""

    def number_priority(self, dnis: str) -> int:
        return self._site().number(dnis).priority

    def tier_priority(self, tier: str) -> int:
        return self._site().tiers.get(tier, 0)

    def callback_times(self, queue: str, after: float, most: int) -> tuple[Slot, ...]:
        """When callers of a queue may choose to be called back."""
        site = self._site()
        known = site.queues.get(queue)
        calendar = site.calendars.get(known.hours) if known is not None else None
        zone = ZoneInfo(calendar.time_zone if calendar is not None else site.time_zone)
        today = datetime.fromtimestamp(after, zone).date()
        walls = (
            datetime.fromtimestamp(due, zone) for due in site.callback_times(queue, after, most)
        )
        return tuple(
            Slot(
                round(wall.timestamp()),
                (wall.date() - today).days,
                wall.weekday(),
                wall.hour,
                wall.minute,
            )
            for wall in walls
        )

    def caller_id(self, queue: str) -> str:
        return self._site().callback_caller_id

    def phone_address(self, agent: str, kind: PhoneKind) -> str:
        """What a switch rings: an outside phone's number (as configured), else the agent's id."""
        if kind is not PhoneKind.OUTSIDE:
            return agent
        known = self._site().agents.get(agent)
        phones = known.phones if known is not None else ()
        return next((phone.address for phone in phones if phone.kind == kind), "")

    # For reports ---------------------------------------------------------------------------

    def limits(self, queue: str) -> Limits:
        known = self._site().queues.get(queue)
        if known is None:
            return Limits()
        return Limits(known.threshold_s, known.short_abandon_s, known.target)

    def agents_of(self, queue: str) -> list[str]:
        return [a.id for a in self._site().agents.values() if queue in a.queues]

    def name_of(self, kind: str, ident: str, language: str = "") -> str:
        """The name of a queue, agent, team, menu or disposition; of what is not known, the id.

        `language` "" is the site's first.
        """
        site = self._site()
        language = language or site.languages[0]
        if kind == "agent":
            agent = site.agents.get(ident)
            return agent.name if agent is not None else ident
        if kind == "disposition":
            labels = next((one.labels for one in site.dispositions if one.id == ident), None)
        elif kind == "team":
            labels = site.teams[ident].labels if ident in site.teams else None
        elif kind == "flow":
            flow = site.flows.get(ident)
            labels = self._flow_labels(flow) if flow is not None else None
        else:
            queue = site.queues.get(ident)
            labels = queue.labels if queue is not None else None
        return ident if labels is None else site.label(labels, language)

    def sentence(self, code: str, data: Any) -> dict[str, str]:
        """A routing reason in each language of the console."""
        reason = d.Reason(code, self._named(dict(data)))
        return {language: sentence(reason, language, self.clock) for language in ("en", "zh")}

    def clock(self, moment: float) -> str:
        """A moment as the site's own time of day, "10:31:07"."""
        return wall_clock(self._site().time_zone, moment)

    def _named(self, data: dict[str, Any]) -> dict[str, Any]:
        for key in ("agent", "queue"):
            if isinstance(data.get(key), str):
                data[key] = self.name_of(key, data[key])
        if isinstance(data.get("by"), str):
            data["by"] = self.name_of("agent", data["by"])
        return data

    # For people ----------------------------------------------------------------------------

    def pop_url(self, queue: str, values: Mapping[str, str]) -> str:
        """The link into another program that goes with a call; "" for none."""
        return self._site().pop_url(queue, values)

    def local(self, number: str) -> str:
        return format_local(number, self._site().region) if number else ""

    def _flow_labels(self, flow: Flow) -> dict[str, str]:
        """A flow has no label: it is named like a number that leads to it, or by its id."""
        numbers = self._site().numbers.values()
        named = (one.labels for one in numbers if one.flow == flow.id and one.labels)
        return dict(next(named, {"en": flow.id}))

    def info(self, *, switch: str, switch_up: bool, demo: bool) -> dict[str, Any]:
        """As `agent_console.protocol.SiteInfo`."""
        site = self._site()
        return {
            "company": site.company,
            "time_zone": site.time_zone,
            "queues": [{"id": q.id, "label": dict(q.labels)} for q in site.queues.values()],
            "flows": [
                {"id": flow.id, "label": self._flow_labels(flow)}
                for flow in site.flows.values()
                if flow.kind == "entry"
            ],
            "speed_dials": [
                {"number": dial.id, "label": dict(dial.labels)} for dial in site.speed_dials
            ],
            "skills": [{"id": one.id, "label": dict(one.labels)} for one in site.skills.values()],
            "not_ready_reasons": [
                {"id": one.id, "label": dict(one.labels)} for one in site.not_ready_reasons
            ],
            "dispositions": [
                {"id": one.id, "label": dict(one.labels)} for one in site.dispositions
            ],
            "switch": switch,
            "switch_up": switch_up,
            "demo": demo,
        }
