"""A call as one agent sees it: `agent_console.protocol.CallCard`, built from the live call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from acd import decisions as d
from acd.reasons import sentence, utc_clock
from callcenter.callbook import LiveCall, Trouble
from config.site import Site
from cti.calls import Leg, LegState, Place, Supervision
from reporting.timeline import text_of

_KEPT = ("The call could not be given away; you still have it.", "转接未成功，通话仍由您处理。")
_NOTHING = ("The telephone system did not do that; nothing has changed.", "电话系统未执行该操作。")
_NOT_DONE = {
    "TransferCall": _KEPT,
    "StartWaiting": _KEPT,
    "StartMenu": _KEPT,
    "HandOver": _KEPT,
    "DialLeg": ("The other party could not be called.", "无法呼叫对方。"),
    "JoinLegs": ("The conference could not begin.", "未能发起多方通话。"),
    "StartRecording": ("The recording could not begin.", "未能开始录音。"),
}
CALLERS_DOING = ("menu", "digits", "callback", "silence", "invalid", "fallback")


def why(
    reason: d.Reason | None,
    clock: Callable[[float], str] = utc_clock,
    languages: Iterable[str] = ("en", "zh"),
) -> dict[str, Any]:
    """A reason as the console shows it: code, data, and the sentence in each language.

    `clock` writes moments as the site's time of day.
    """
    if reason is None:
        return {"code": "", "data": {}, "text": dict.fromkeys(languages, "")}
    text = {language: sentence(reason, language, clock) for language in languages}
    return {"code": reason.code, "data": dict(reason.data), "text": text}


def _named(reason: d.Reason | None, site: Site) -> d.Reason | None:
    """With the name of whoever gave the call, in place of the id."""
    by = site.agents.get(str(reason.data.get("by"))) if reason is not None else None
    if reason is None or by is None:
        return reason
    return d.Reason(reason.code, {**reason.data, "by": by.name})


def recording(call: LiveCall | None) -> str:
    """Of the conversation: "", "on" or "paused"."""
    if call is None or not call.recording:
        return ""
    return "paused" if call.recording_paused else "on"


def _is_seen(leg: Leg, site: Site) -> bool:
    """A supervisor who barges in is heard; the others are seen unless the site hides them."""
    return site.supervision_visible or leg.supervision in (None, Supervision.BARGE)


def _asked(whose: str, part: str) -> dict[str, Any]:
    """Why this call is on the screen of somebody who is only a party of it."""
    if part == "supervisor":
        text = {"en": f"You are in {whose}'s call.", "zh": f"您正在参与 {whose} 的通话。"}
    else:
        text = {
            "en": f"{whose} asks you about this caller.",
            "zh": f"{whose} 就这位来电者向您咨询。",
        }
    return {"code": part, "data": {"agent": whose}, "text": text}


class Cards:
    """Builds them. `local` formats a number for people, `clock` a moment."""

    def __init__(self, local: Callable[[str], str], clock: Callable[[float], str]) -> None:
        self._local = local
        self._clock = clock

    def legs(self, call: LiveCall, legs: Iterable[Leg], site: Site) -> list[dict[str, Any]]:
        return [
            {
                "id": leg.leg_id,
                "agent": leg.agent_id,
                "name": self._name(leg.agent_id, site) or self._local(leg.number) or leg.number,
                "number": leg.number,
                "state": leg.state.value,
                "supervision": leg.supervision.value if leg.supervision else "",
                "since": call.leg_since.get(leg.leg_id, call.arrived),
            }
            for leg in legs
        ]

    def trouble(self, trouble: Trouble | None, site: Site) -> dict[str, Any] | None:
        """What did not come about, in words."""
        if trouble is None:
            return None
        if trouble.what == "LegFailed":
            local = self._local(trouble.number) or trouble.number
            who = {"agent": trouble.agent} if trouble.agent else {"number": local}
            text = text_of(
                "leg-failed",
                {**who, "why": trouble.why},
                lambda kind, ident, language="": self._name(ident, site),
            )
        else:
            text = dict(zip(("en", "zh"), _NOT_DONE.get(trouble.what, _NOTHING), strict=True))
        return {"at": trouble.at, "text": text}

    @staticmethod
    def _name(agent: str, site: Site) -> str:
        known = site.agents.get(agent)
        return known.name if known is not None else agent

    def card(self, call: LiveCall, agent: str, site: Site) -> dict[str, Any]:
        """The call as this agent sees it, who may be only a further party of it."""
        queue = site.queues.get(call.queue)
        mine = call.leg_of(agent) if call.agent != agent else None
        part = "own" if mine is None else "supervisor" if mine.supervision else "party"
        place = call.place if mine is None or mine.state is not LegState.RINGING else Place.RINGING
        offer = mine.leg_id if mine is not None else call.offer_id
        whose = self._name(call.agent, site)
        seen = [leg for leg in call.legs.values() if leg is mine or _is_seen(leg, site)]
        return {
            "call_id": call.call_id,
            "part": part,
            "leg_id": mine.leg_id if mine is not None else "",
            "whose": "" if mine is None else whose,
            "direction": call.direction,
            "place": place.value,
            "muted": call.muted and mine is None,
            "recording": recording(call),
            "recorded": site.recording_of(call.queue).calls,
            "legs": self.legs(call, seen, site),
            "offer_id": offer if place is Place.RINGING else "",
            "queue": call.queue,
            "queue_name": site.label(queue.labels, site.languages[0]) if queue else call.queue,
            "ani": call.ani,
            "ani_local": self._local(call.ani),
            "ani_name": call.ani_name,
            "dnis": call.dnis,
            "entered": call.entered if call.entered is not None else call.arrived,
            "waited_s": call.waited_s,
            "offered": call.offered if call.offered is not None else call.arrived,
            "answered": call.answered,
            "ended": call.ended,
            "why": why(_named(call.reason, site), self._clock)
            if part == "own"
            else _asked(whose, part),
            "trouble": self.trouble(call.trouble, site) if mine is None else None,
            "trail": [
                {"at": at, "what": what, "label": label, "value": value}
                for at, what, label, value in call.trail
                if what in CALLERS_DOING
            ],
        }
