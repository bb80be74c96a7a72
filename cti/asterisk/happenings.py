"""Asterisk's events, translated into facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cti import events as e
from cti.asterisk.ami import Frame
from cti.asterisk.live import Live, LiveCalls
from cti.asterisk.outcomes import (
    ANSWERED,
    UNCONFIRMED,
    callback_failure,
    offer_failure,
    originate_failure,
)
from cti.asterisk.rounds import Rounds
from cti.calls import EndedBy, OfferFailure, Place


class Happenings:
    """Keeps the live calls up to date and reports what happened to them.

    A fact is reported after the call's state is right: the sink may give orders at once.
    `hang_up` ends a channel that nobody else would end. `is_ending` finds out whether the
    whole switch is going down just now, and says so soon. `part` lets go of the further
    legs of a call that ends or leaves its agent. `bring_back` takes a caller back to the
    wait treatment, away from a phone that should not ring. `name` notes on the switch who has
    the call, when it was one of several who were rung.
    """

    def __init__(
        self,
        calls: LiveCalls,
        report: Callable[[e.Fact], None],
        hang_up: Callable[[str], None],
        is_ending: Callable[[Callable[[bool], None]], None] = lambda then: then(False),
        part: Callable[[Live], None] = lambda call: None,
        bring_back: Callable[[Live], None] = lambda call: None,
        name: Callable[[Live], None] = lambda call: None,
    ) -> None:
        self._calls = calls
        self._report = report
        self._hang_up = hang_up
        self._is_ending = is_ending
        self._part = part
        self._bring_back = bring_back
        self.rounds = Rounds(calls, report, hang_up, bring_back, name)
        self._events: dict[str, Callable[[Frame], None]] = {
            "UserEvent": self._on_user_event,
            "DialBegin": self._on_dial_begin,
            "DialEnd": self._on_dial_end,
            "Hangup": self._on_hangup,
            "Hold": self._on_hold,
            "Unhold": self._on_unhold,
            "OriginateResponse": self._on_originate,
        }
        self._user_events: dict[str, Callable[[Frame, Live], None]] = {
            "CallWaiting": self._on_waiting,
            "OfferEnded": self._on_offer_ended,
            "PeerHungUp": self._on_peer_hung_up,
            "CallerHungUp": self._on_caller_hung_up,
            "CallbackAgent": self._on_callback_agent,
            "CallbackUnconfirmed": self._on_callback_unconfirmed,
            "CallbackEnded": self._on_callback_ended,
        }

        self._others: dict[str, list[Callable[[Frame], None]]] = {}

    def listen(self, events: Mapping[str, Callable[[Frame], None]]) -> None:
        """Let another module hear events too, before us; `events` by name.

        A UserEvent is known by its own name, "UserEvent/<name>".
        """
        for name, handler in events.items():
            self._others.setdefault(name, []).append(handler)

    def take(self, event: Frame) -> None:
        name = event.name
        if name == "UserEvent":
            name = f"UserEvent/{event.get('UserEvent')}"
        for other in self._others.get(name, ()):
            other(event)
        handle = self._events.get(event.name)
        if handle is not None:
            handle(event)

    def _on_user_event(self, event: Frame) -> None:
        handle = self._user_events.get(event.get("UserEvent"))
        call = self._calls.get(event.get("Call"))
        if handle is not None and call is not None:
            handle(event, call)

    def _on_waiting(self, event: Frame, call: Live) -> None:
        # An offer that is open although the dialplan said nothing of its end: we took
        # the caller out of it.
        self._part(call)
        offer_id, agent_id = ("", "") if call.connected else (call.offer_id, call.agent_id)
        call.place = Place.WAITING
        call.offer_id = call.agent_id = call.peer = call.peer_uniqueid = ""
        call.cancelled = call.connected = False
        cancelled = OfferFailure.CANCELLED
        if call.ringing:
            self._tell(self.rounds.over(call, cancelled))
        elif offer_id:
            self._report(e.OfferFailed(call.call_id, offer_id, agent_id, cancelled))
        if not call.offer_id:  # unless that brought the next offer
            self._report(e.CallWaiting(call.call_id))

    def _tell(self, facts: list[e.Fact]) -> None:
        for fact in facts:
            self._report(fact)

    def _on_offer_ended(self, event: Frame, call: Live) -> None:
        if call.ringing and event.get("Offer") == call.round_id:
            call.offer_id = call.agent_id = ""
            cancelled = OfferFailure.CANCELLED if call.cancelled else None
            self._tell(self.rounds.over(call, cancelled))
            return
        if event.get("Offer") != call.offer_id or not call.offer_id:
            return
        why = offer_failure(event.get("Status"), event.get("Cause"))
        if call.cancelled:
            why = OfferFailure.CANCELLED
        offer_id, agent_id = call.offer_id, call.agent_id
        call.offer_id = call.agent_id = ""
        self._report(e.OfferFailed(call.call_id, offer_id, agent_id, why))

    def _on_caller_hung_up(self, event: Frame, call: Live) -> None:
        """The caller's end follows. That of the agent's channel does not tell who hung up."""
        call.peer = call.peer_uniqueid = ""

    def _on_peer_hung_up(self, _: Frame, call: Live) -> None:
        if call.ends_by is None and call.connected and not call.agent_id:
            call.ends_by = EndedBy.SYSTEM  # somebody outside, to whom the call was handed over
        elif call.ends_by is None:
            call.ends_by = EndedBy.CALLER if call.callback else EndedBy.AGENT

    def _on_dial_begin(self, event: Frame) -> None:
        call = self._calls.on_channel(event.get("Uniqueid"))
        if call is not None and call.ringing:
            self.rounds.begins(call, event)
            return
        if call is not None:
            if _strange(call, event):
                # An order of before a reconnect was carried out only now.
                self._bring_back(call)
                return
            call.peer = event.get("DestChannel")
            call.peer_uniqueid = event.get("DestUniqueid")
            if call.callback or not call.offer_id:
                return
        else:  # a callback's agent: nobody dials, the phone just rings
            call = self._calls.on_channel(event.get("DestUniqueid"))
            if call is None or not call.callback:
                return
            call.channel = event.get("DestChannel")
        self._report(e.OfferRinging(call.call_id, call.offer_id, call.agent_id))

    def _on_dial_end(self, event: Frame) -> None:
        call = self._calls.on_channel(event.get("Uniqueid"))
        others: list[e.Fact] = []
        if call is not None and call.ringing:
            rung = self.rounds.ends(call, event)
            if rung is None:
                return
            others = self.rounds.answered(call, rung)
        elif call is None or not _takes(call, event):
            return
        call.place = Place.TALKING
        call.connected = True
        call.peer = event.get("DestChannel")
        call.peer_uniqueid = event.get("DestUniqueid")
        fact = e.CallbackConnected if call.callback else e.OfferAnswered
        self._report(fact(call.call_id, call.offer_id, call.agent_id))
        self._tell(others)

    def _on_callback_agent(self, _: Frame, call: Live) -> None:
        if call.callback and not call.agent_answered:
            call.agent_answered = True
            self._report(e.OfferAnswered(call.call_id, call.offer_id, call.agent_id))

    def _on_callback_unconfirmed(self, _: Frame, call: Live) -> None:
        call.reason = UNCONFIRMED

    def _on_callback_ended(self, event: Frame, call: Live) -> None:
        if not call.connected:
            why = callback_failure(event.get("Status"), event.get("Cause"))
            call.ends_by = EndedBy.SYSTEM
            call.why = why
            self._report(e.CallbackFailed(call.call_id, call.offer_id, call.agent_id, why))

    def _on_originate(self, event: Frame) -> None:
        call = self._calls.on_channel(event.get("Uniqueid"))
        if call is None or not call.callback:
            return
        if event.get("Response") == "Failure":
            call.reason = event.get("Reason")
        else:
            call.reason = call.reason or ANSWERED
        self._callback_not_answered(call)

    def _callback_not_answered(self, call: Live) -> None:
        """Both the answer to Originate and the channel's end are needed to say why."""
        if call.agent_answered or not call.reason or (call.channel and not call.cause):
            return
        self._calls.forget(call)
        why = originate_failure(call.reason, call.cause)
        why = OfferFailure.CANCELLED if call.cancelled else why
        self._report(e.OfferFailed(call.call_id, call.offer_id, call.agent_id, why))

    def _on_hangup(self, event: Frame) -> None:
        uniqueid = event.get("Uniqueid")
        call = self._calls.on_channel(uniqueid)
        if call is None:
            self.rounds.hung_up(event)
            self._on_peer_hangup(event)
            return
        call.cause = event.get("Cause")
        call.place = Place.ENDED
        text = event.get("Cause-txt")
        if call.ends_by is not None:
            self._hung_up(call, text)
            return
        call.ends_by = EndedBy.AGENT if call.callback else EndedBy.CALLER
        # A switch that goes down hangs up on everybody first, and tells us later.
        self._is_ending(lambda lost: self._hung_up(call, text, by_themselves=True, lost=lost))

    def _hung_up(
        self, call: Live, text: str, *, by_themselves: bool = False, lost: bool = False
    ) -> None:
        if self._calls.get(call.call_id) is not call:
            return  # found out otherwise meanwhile
        self._part(call)
        if lost:
            self._calls.forget(call)
            self._report(e.CallEnded(call.call_id, EndedBy.SWITCH_LOST, "switch shut down"))
            return
        if call.callback and not call.agent_answered:
            self._callback_not_answered(call)
            return
        gone = OfferFailure.CALLER_GONE
        rang = self.rounds.over(call, gone) if call.ringing else []
        self._calls.forget(call)
        if call.callback and not call.connected and by_themselves:
            self._report(e.CallbackFailed(call.call_id, call.offer_id, call.agent_id, "agent gone"))
        elif rang:
            self._tell(rang)
        elif call.offer_id and not call.connected and not call.callback:
            self._report(e.OfferFailed(call.call_id, call.offer_id, call.agent_id, gone))
        by = call.ends_by or EndedBy.SYSTEM
        self._report(e.CallEnded(call.call_id, by, call.why or text))

    def _on_peer_hangup(self, event: Frame) -> None:
        """An agent on hold hung up: nobody else would tell the caller soon."""
        channel, uniqueid = event.get("Channel"), event.get("Uniqueid")
        for call in self._calls:
            if call.place is Place.HELD and call.is_peer(channel, uniqueid):
                call.ends_by = call.ends_by or EndedBy.AGENT
                self._hang_up(call.channel)
                return

    def _on_hold(self, event: Frame) -> None:
        call = self._held_by_phone(event)
        if call is not None and call.place is Place.TALKING:
            call.place = Place.HELD
            self._report(e.CallHeld(call.call_id))

    def _on_unhold(self, event: Frame) -> None:
        call = self._held_by_phone(event)
        if call is not None and call.place is Place.HELD:
            call.place = Place.TALKING
            self._report(e.CallRetrieved(call.call_id))

    def _held_by_phone(self, event: Frame) -> Live | None:
        """The call whose agent put it on hold with the phone's own key."""
        channel = event.get("Channel")
        return next((x for x in self._calls if x.connected and channel == x.agent_channel), None)


def _takes(call: Live, event: Frame) -> bool:
    """Whether a DialEnd says that the phone of the open offer, or a customer, was answered."""
    answered = event.get("DialStatus") == "ANSWER" and not call.cancelled
    return answered and bool(call.offer_id) and not _strange(call, event)


def _strange(call: Live, event: Frame) -> bool:
    """Whether the phone of a Dial event is another one than the open offer's."""
    waits = bool(call.offer_id and call.rings) and not call.connected and not call.callback
    return waits and not event.get("DestChannel").startswith(call.rings)
