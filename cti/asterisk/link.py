"""One Asterisk as a `cti.link.SwitchLink`.

    AMI events ──▶ _on_event ──▶ facts ──▶ sink ──▶ … ──▶ execute ──▶ AMI orders
    FastAGI  ──▶ _entry, _wait ──▶ VoiceSession ⇄ steps

Asterisk is the truth: a call lives as long as its channel, whatever our sessions do.
Facts are reported as the bytes come in; what `execute` finds out by itself is reported
a moment later, never from inside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
from collections.abc import Callable, Mapping

from cti import commands as c
from cti import events as e
from cti.asterisk.adoption import Found, find_calls
from cti.asterisk.agi import AgiLimits, AgiServer, Session
from cti.asterisk.ami import Ami, AmiError, AmiSettings, Frame, OutcomeUnknown, Reply
from cti.asterisk.dialing import Dialing, DialRefusedError, DialRules
from cti.asterisk.dialplan import ADOPTED_VARIABLES
from cti.asterisk.live import Live, pack_flow, unpack_flow
from cti.asterisk.outcomes import callback_failure, offer_failure, originate_failure
from cti.asterisk.phones import Line, Phones, endpoint_kind, is_agent_id
from cti.asterisk.sessions import PromptPath, VoiceSession
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place
from cti.link import FactSink

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[A-Za-z0-9_.:@+-]{1,40}")
_DIGITS = re.compile(r"[0-9*#]{0,12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_TEXT_MAX = 256
_LIST_TIMEOUT_S = 30.0
_EXTENSION_MAX = 79
_UNKNOWN = frozenset(("", "unknown", "<unknown>", "anonymous", "Anonymous"))


class AsteriskLink:
    """Links one Asterisk.

    `agi_port` is where we listen for voice sessions (the port that the dialplan calls;
    0 takes a free one, found in `agi_port` after `start`). `prompt_path` finds or renders
    the sound of a prompt. `dialling` is the allow-list for outside numbers; `trunk` the
    name of the trunk that they are dialled over.
    """

    def __init__(
        self,
        name: str,
        *,
        ami: AmiSettings,
        agi_port: int,
        prompt_path: PromptPath,
        trunk: str = "",
        dialling: DialRules | None = None,
        agi_host: str = "127.0.0.1",
        agi_limits: AgiLimits | None = None,
    ) -> None:
        self._name = name
        self._ami_settings = ami
        self._agi_host = agi_host
        self._agi_limits = agi_limits
        self.agi_port = agi_port
        self._prompt_path = prompt_path
        self._trunk = trunk
        self._dialing = Dialing(dialling or DialRules())
        self._sink: FactSink | None = None
        self._ami: Ami | None = None
        self._agi: AgiServer | None = None
        self._up = False
        self._boot_id = ""
        self._calls: dict[str, Live] = {}
        self._by_uniqueid: dict[str, Live] = {}
        self._phones = Phones()
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: dict[str, Callable[[Frame], None]] = {
            "UserEvent": self._on_user_event,
            "DialBegin": self._on_dial_begin,
            "DialEnd": self._on_dial_end,
            "Hangup": self._on_hangup,
            "Hold": self._on_hold,
            "Unhold": self._on_unhold,
            "OriginateResponse": self._on_originate,
            "ContactStatus": self._on_contact,
        }
        self._user_events: dict[str, Callable[[Frame, Live], None]] = {
            "CallWaiting": self._on_waiting,
            "OfferEnded": self._on_offer_ended,
            "PeerHungUp": self._on_peer_hung_up,
            "CallbackAgent": self._on_callback_agent,
            "CallbackEnded": self._on_callback_ended,
        }
        self._orders: dict[type, Callable[..., None]] = {
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.OfferCall: self._offer,
            c.CancelOffer: self._cancel,
            c.DialCallback: self._dial_callback,
            c.HoldCall: self._hold,
            c.RetrieveCall: self._retrieve,
            c.TransferCall: self._transfer,
            c.HangUpCall: self._hang_up,
        }

    # The port -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def up(self) -> bool:
        return self._up

    async def start(self, sink: FactSink) -> None:
        """Begin to connect. Raises `OSError` when our own port for voice sessions is taken."""
        self._sink = sink
        self._agi = AgiServer(self.agi_port, self._agi_host, self._agi_limits)
        self._agi.add_route("entry", self._entry)
        self._agi.add_route("wait", self._wait)
        # Bound now, open once the live calls are taken up: until then the dialplan
        # finds nobody and plays music.
        await self._agi.bind()
        self.agi_port = self._agi.port
        self._ami = Ami(
            self._ami_settings, self._on_event, on_up=self._take_up, on_down=self._on_down
        )
        self._ami.connect()

    async def stop(self) -> None:
        """Let go. Calls live on: voice sessions end, and the dialplan waits for us."""
        self._sink = None
        self._up = False
        if self._agi is not None:
            await self._agi.stop()
        if self._ami is not None:
            await self._ami.stop()
        for task in list(self._tasks):
            task.cancel()

    def execute(self, order: c.Order) -> None:
        try:
            self._orders[type(order)](order)
        except (AmiError, DialRefusedError, _OrderError) as error:
            self._order_failed(order, str(error))
        except Exception as error:
            log.exception("order failed: %r", order)
            self._order_failed(order, f"{type(error).__name__}: {error}")

    # Reporting ------------------------------------------------------------------------

    def _report(self, fact: e.Fact) -> None:
        if self._sink is None:
            return
        try:
            self._sink(fact)
        except Exception:
            log.exception("the sink failed on %r", fact)

    def _report_soon(self, fact: e.Fact) -> None:
        asyncio.get_running_loop().call_soon(self._report, fact)

    def _order_failed(self, order: c.Order, why: str, unknown: bool = False) -> None:
        self._report_soon(e.OrderFailed(order.call_id, type(order).__name__, why, unknown))

    # Connection -----------------------------------------------------------------------

    def _on_down(self, why: str) -> None:
        if self._up:
            self._up = False
            self._report(e.LinkDown(self._name, why))

    def _take_up(self) -> None:
        """Ask for everything that lives on the switch; the answers come in this order."""
        variables = ",".join(ADOPTED_VARIABLES)
        self._ask({"Action": "CoreStatus"}, self._check_restart)
        self._ask({"Action": "Status", "Variables": variables}, self._adopt)
        self._ask({"Action": "DeviceStateList"}, self._take_phones)

    def _ask(self, headers: Mapping[str, str], take: Callable[[Reply], None]) -> None:
        def done(outcome: Reply | AmiError) -> None:
            if isinstance(outcome, Reply) and outcome.ok:
                take(outcome)
                return
            why = outcome.message if isinstance(outcome, Reply) else str(outcome)
            log.error("link %s: %s failed: %s", self._name, headers["Action"], why)
            if self._ami is not None and self._ami.protocol is not None:
                self._ami.protocol.fail(f"{headers['Action']} failed: {why}")

        if self._ami is not None:
            self._ami.order(headers, done, _LIST_TIMEOUT_S)

    def _check_restart(self, reply: Reply) -> None:
        """Calls do not outlive their switch: say so before the live ones are told."""
        response = reply.response
        boot_id = response.get("CoreStartupDate") + " " + response.get("CoreStartupTime")
        if self._boot_id and boot_id != self._boot_id:
            for call in list(self._calls.values()):
                self._forget(call)
                self._report(e.CallEnded(call.call_id, EndedBy.SWITCH_LOST, "switch restarted"))
        self._boot_id = boot_id

    def _adopt(self, reply: Reply) -> None:
        found = find_calls(reply.items)
        there = {call.call_id for call in found}
        for call in [call for call in self._calls.values() if call.call_id not in there]:
            if call.session is None or not call.session.open:
                self._forget(call)  # LinkUp says that it is gone
        for one in found:
            self._keep(one)
        self._up = True
        for one in found:
            self._report(
                e.CallAdopted(
                    call_id=one.call_id,
                    link=self._name,
                    ani=_text(one.ani),
                    ani_name=_name(one.ani_name),
                    dnis=_text(one.dnis),
                    trunk=_text(one.trunk),
                    place=one.place,
                    queue=one.queue,
                    entered_at=one.entered_at,
                    agent_id=one.agent_id,
                    offer_id=one.offer_id,
                    flow_state=one.flow_state,
                )
            )
        self._report(e.LinkUp(self._name, tuple(self._calls)))
        self._spawn(self._open_agi())

    def _keep(self, one: Found) -> None:
        call = self._calls.get(one.call_id)
        if call is None:
            call = Live(one.call_id, one.channel, one.uniqueid, one.place)
        self._by_uniqueid.pop(call.uniqueid, None)
        call.channel, call.uniqueid, call.place = one.channel, one.uniqueid, one.place
        call.offer_id, call.agent_id = one.offer_id, one.agent_id
        call.peer, call.peer_uniqueid = one.peer, one.peer_uniqueid
        call.callback, call.agent_answered = one.callback, one.agent_answered
        call.connected = one.place in (Place.TALKING, Place.HELD)
        call.cancelled = False
        self._calls[call.call_id] = call
        self._by_uniqueid[call.uniqueid] = call

    async def _open_agi(self) -> None:
        if self._agi is not None:
            await self._agi.open()

    def _spawn(self, coroutine: object) -> None:
        task = asyncio.ensure_future(coroutine)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Phones ---------------------------------------------------------------------------

    def _take_phones(self, reply: Reply) -> None:
        for line, up in self._phones.take_all(reply.items):
            self._tell_phone(line, up, "not registered")

    def _on_contact(self, event: Frame) -> None:
        changed = self._phones.on_contact(event)
        if changed is not None:
            self._tell_phone(*changed, event.get("ContactStatus").lower())

    def _tell_phone(self, line: Line, up: bool, why: str) -> None:
        agent_id, kind = line
        if up:
            self._report(e.PhoneUp(agent_id, self._name, kind))
        else:
            self._report(e.PhoneDown(agent_id, self._name, why, kind))

    # Events ---------------------------------------------------------------------------

    def _on_event(self, event: Frame) -> None:
        handle = self._events.get(event.name)
        if handle is not None:
            handle(event)

    def _on_user_event(self, event: Frame) -> None:
        handle = self._user_events.get(event.get("UserEvent"))
        call = self._calls.get(event.get("Call"))
        if handle is not None and call is not None:
            handle(event, call)

    def _on_waiting(self, event: Frame, call: Live) -> None:
        offer_id, agent_id = call.offer_id, call.agent_id
        call.place = Place.WAITING
        call.offer_id = call.agent_id = call.peer = call.peer_uniqueid = ""
        call.cancelled = call.connected = False
        if offer_id:  # back without a word of the dialplan: we took the caller out
            self._report(e.OfferFailed(call.call_id, offer_id, agent_id, OfferFailure.CANCELLED))
        if call.place is Place.WAITING and not call.offer_id:
            self._report(e.CallWaiting(call.call_id))

    def _on_offer_ended(self, event: Frame, call: Live) -> None:
        if event.get("Offer") != call.offer_id or not call.offer_id:
            return
        why = offer_failure(event.get("Status"), event.get("Cause"))
        if call.cancelled:
            why = OfferFailure.CANCELLED
        offer_id, agent_id = call.offer_id, call.agent_id
        call.offer_id = call.agent_id = ""
        self._report(e.OfferFailed(call.call_id, offer_id, agent_id, why))

    def _on_peer_hung_up(self, _: Frame, call: Live) -> None:
        if call.ends_by is None:
            call.ends_by = EndedBy.CALLER if call.callback else EndedBy.AGENT

    def _on_dial_begin(self, event: Frame) -> None:
        call = self._by_uniqueid.get(event.get("Uniqueid"))
        if call is not None:
            call.peer = event.get("DestChannel")
            call.peer_uniqueid = event.get("DestUniqueid")
            if call.callback or not call.offer_id:
                return
        else:  # a callback's agent: nobody dials, the phone just rings
            call = self._by_uniqueid.get(event.get("DestUniqueid"))
            if call is None or not call.callback:
                return
            call.channel = event.get("DestChannel")
        self._report(e.OfferRinging(call.call_id, call.offer_id, call.agent_id))

    def _on_dial_end(self, event: Frame) -> None:
        call = self._by_uniqueid.get(event.get("Uniqueid"))
        if call is None or event.get("DialStatus") != "ANSWER" or call.cancelled:
            return
        if not call.offer_id:
            return
        call.place = Place.TALKING
        call.connected = True
        call.peer = event.get("DestChannel")
        call.peer_uniqueid = event.get("DestUniqueid")
        fact = e.CallbackConnected if call.callback else e.OfferAnswered
        self._report(fact(call.call_id, call.offer_id, call.agent_id))

    def _on_callback_agent(self, _: Frame, call: Live) -> None:
        if call.callback and not call.agent_answered:
            call.agent_answered = True
            self._report(e.OfferAnswered(call.call_id, call.offer_id, call.agent_id))

    def _on_callback_ended(self, event: Frame, call: Live) -> None:
        if not call.connected:
            why = callback_failure(event.get("Status"), event.get("Cause"))
            call.ends_by = EndedBy.SYSTEM
            call.why = why
            self._report(e.CallbackFailed(call.call_id, call.offer_id, call.agent_id, why))

    def _on_originate(self, event: Frame) -> None:
        call = self._by_uniqueid.get(event.get("Uniqueid"))
        if call is not None and call.callback and event.get("Response") == "Failure":
            call.reason = event.get("Reason")
            self._callback_not_answered(call)

    def _callback_not_answered(self, call: Live) -> None:
        """Both the answer to Originate and the channel's end are needed to say why."""
        if call.agent_answered or not call.reason or (call.channel and not call.cause):
            return
        self._forget(call)
        why = originate_failure(call.reason, call.cause)
        why = OfferFailure.CANCELLED if call.cancelled else why
        self._report(e.OfferFailed(call.call_id, call.offer_id, call.agent_id, why))

    def _on_hangup(self, event: Frame) -> None:
        uniqueid = event.get("Uniqueid")
        call = self._by_uniqueid.get(uniqueid)
        if call is None:
            self._on_peer_hangup(event)
            return
        call.cause = event.get("Cause")
        if call.callback and not call.agent_answered:
            self._callback_not_answered(call)
            return
        self._forget(call)
        by = call.ends_by or (EndedBy.AGENT if call.callback else EndedBy.CALLER)
        if call.callback and not call.connected and call.ends_by is None:
            self._report(e.CallbackFailed(call.call_id, call.offer_id, call.agent_id, "agent gone"))
        elif call.offer_id and not call.connected and not call.callback:
            gone = OfferFailure.CALLER_GONE
            self._report(e.OfferFailed(call.call_id, call.offer_id, call.agent_id, gone))
        self._report(e.CallEnded(call.call_id, by, call.why or event.get("Cause-txt")))

    def _on_peer_hangup(self, event: Frame) -> None:
        """An agent on hold hung up: nobody else would tell the caller soon."""
        channel = event.get("Channel")
        for call in self._calls.values():
            if call.place is Place.HELD and channel and channel == call.peer:
                call.ends_by = call.ends_by or EndedBy.AGENT
                with contextlib.suppress(AmiError):
                    self._order({"Action": "Hangup", "Channel": call.channel, "Cause": "16"})
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
        return next(
            (x for x in self._calls.values() if x.connected and channel == x.agent_channel), None
        )

    def _forget(self, call: Live) -> None:
        self._calls.pop(call.call_id, None)
        if self._by_uniqueid.get(call.uniqueid) is call:
            del self._by_uniqueid[call.uniqueid]

    # Voice sessions -------------------------------------------------------------------

    async def _entry(self, session: Session) -> None:
        """A call is in the menu: for the first time, or again after we were away."""
        call_id, trunk, dnis, tries = _arguments(session, 4)
        if not call_id.startswith(f"{self._name}-"):
            log.error("a voice session without a call: %r", call_id[:80])
            return
        known = call_id in self._calls
        call = self._session_call(session, call_id, Place.ENTRY)
        voice = self._voice(session, call)
        flow = "" if tries == "0" else unpack_flow(await session.get_variable("CC_FLOW"))
        if known or flow:
            self._report(e.IvrResumed(call_id, flow))
        else:
            headers = session.headers
            self._report(
                e.CallArrived(
                    call_id=call_id,
                    link=self._name,
                    ani=_text(headers.get("agi_callerid", "")),
                    ani_name=_name(headers.get("agi_calleridname", "")),
                    dnis=_text(dnis),
                    trunk=_text(trunk.removeprefix("trunk-")),
                )
            )
        await voice.serve()

    async def _wait(self, session: Session) -> None:
        """A waiting caller pressed a digit, or an announcement is due."""
        call_id, digit = _arguments(session, 2)
        if not call_id.startswith(f"{self._name}-"):
            log.error("a voice session without a call: %r", call_id[:80])
            return
        call = self._session_call(session, call_id, Place.WAITING)
        voice = self._voice(session, call)
        self._report(e.WaitVisited(call_id, digit))
        await voice.serve()

    def _session_call(self, session: Session, call_id: str, place: Place) -> Live:
        call = self._calls.get(call_id)
        if call is None:
            headers = session.headers
            channel, uniqueid = headers.get("agi_channel", ""), headers.get("agi_uniqueid", "")
            call = Live(call_id, channel, uniqueid, place)
            self._calls[call_id] = call
            self._by_uniqueid[uniqueid] = call
        call.place = place
        return call

    def _voice(self, session: Session, call: Live) -> VoiceSession:
        voice = VoiceSession(session, call.call_id, self._prompt_path, self._report, pack_flow)
        call.session = voice
        return voice

    def _run_step(self, order: c.RunStep) -> None:
        call = self._call(order)
        if call.session is None or not call.session.run(order):
            raise _OrderError("no open voice session")

    # Waiting --------------------------------------------------------------------------

    def _start_waiting(self, order: c.StartWaiting) -> None:
        call = self._call(order)
        variables = {
            "CC_QUEUE": _token(order.queue, "queue"),
            "CC_ENTERED": f"{order.entered_at:.3f}",
            "CC_MUSIC": _token(order.music, "music class"),
            "CC_VISIT": str(max(1, min(3600, math.ceil(_finite(order.visit_after_s))))),
            "CC_DIGITS": _digits(order.digits),
        }
        if call.session is not None and call.session.open:
            # CC_NEXT last: before it stands, a broken session means "try again".
            if not call.session.finish({**variables, "CC_NEXT": "wait"}):
                raise _OrderError("the voice session takes no more")
            return
        channel = call.caller_channel
        for name, value in variables.items():
            self._order(_setvar(channel, name, value))
        self._redirect(order, channel, "cc-wait", "s")

    # Offers ---------------------------------------------------------------------------

    def _offer(self, order: c.OfferCall) -> None:
        call = self._call(order)
        if call.offer_id:
            raise _OrderError(f"offer {call.offer_id} is open")
        kind = endpoint_kind(order.phone.kind)
        agent = self._agent(order.agent_id)
        ring = max(1, min(600, math.ceil(order.ring_s)))
        exten = f"{ring}~{kind}~{agent}~{_token(order.offer_id, 'offer')}"
        if len(exten) > _EXTENSION_MAX:
            raise _OrderError("the offer's name is too long")
        if order.phone.kind is PhoneKind.OUTSIDE:
            number = self._outside(order.phone.address)
            self._order(_setvar(call.channel, "CC_NUMBER", number))
        self._redirect(order, call.channel, "cc-connect", exten, failed=self._offer_not_begun)
        call.offer_id, call.agent_id = order.offer_id, order.agent_id
        call.place = Place.RINGING
        call.cancelled = False

    def _offer_not_begun(self, order: c.Order) -> None:
        """The Redirect was refused: the caller is where he was, or gone."""
        call = self._calls.get(order.call_id)
        if call is not None and getattr(order, "offer_id", "") == call.offer_id:
            call.offer_id = call.agent_id = ""
            call.place = Place.WAITING

    def _cancel(self, order: c.CancelOffer) -> None:
        call = self._call(order)
        if call.offer_id != order.offer_id:
            raise _OrderError("that offer is not open")
        if call.connected:
            raise _OrderError("the offer was answered")
        call.cancelled = True
        if call.callback:
            target = call.channel or call.uniqueid
            self._order({"Action": "Hangup", "Channel": target, "Cause": "16"}, order)
        else:
            self._redirect(order, call.channel, "cc-wait", "s", "back")

    # Callbacks ------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._calls:
            raise _OrderError("the call is live already")
        number = self._outside(order.number)
        variables = {
            "CC_CALL": _token(order.call_id, "call", 80),
            "CC_CALLBACK": "1",
            "CC_OFFER": _token(order.offer_id, "offer"),
            "CC_AGENT": self._agent(order.agent_id),
            "CC_NUMBER": number,
            "CC_DNIS": number,
            "CC_TRUNK": f"trunk-{self._trunk}",
            "CC_CALLER_ID": order.caller_id if _dialable(order.caller_id) else "",
            "CC_DIAL": str(max(1, min(600, math.ceil(order.dial_s)))),
            "CC_MUSIC": "default",
        }
        uniqueid = f"{order.call_id}~{order.offer_id}"
        call = Live(order.call_id, "", uniqueid, Place.RINGING, order.offer_id, order.agent_id)
        call.callback = True
        self._order(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{self._endpoint(order.phone, order.agent_id)}",
                "Context": "cc-callback",
                "Exten": "s",
                "Priority": "1",
                "Timeout": str(max(1000, min(600_000, math.ceil(order.ring_s * 1000)))),
                "CallerID": number,
                "ChannelId": uniqueid,
                "Async": "true",
                "Variable": [f"{name}={value}" for name, value in variables.items()],
            },
            order,
            failed=self._callback_not_begun,
        )
        self._calls[call.call_id] = call
        self._by_uniqueid[uniqueid] = call

    def _callback_not_begun(self, order: c.Order) -> None:
        call = self._calls.get(order.call_id)
        if call is not None and not call.agent_answered:
            self._forget(call)

    def _endpoint(self, phone: Phone, agent_id: str) -> str:
        if phone.kind is PhoneKind.OUTSIDE:
            return f"{self._outside(phone.address)}@trunk-{self._trunk}"
        return f"{endpoint_kind(phone.kind)}-{self._agent(agent_id)}"

    # Hold, transfer, end --------------------------------------------------------------

    def _hold(self, order: c.HoldCall) -> None:
        call = self._call(order)
        if call.place is not Place.TALKING or not call.connected:
            raise _OrderError("the call is not talking")
        if call.callback:
            self._caller_leads(call)
        headers = {
            "Action": "Redirect",
            "Channel": call.channel,
            "Context": "cc-hold",
            "Exten": call.peer,
            "Priority": "1",
            "ExtraChannel": call.peer,
            "ExtraContext": "cc-hold-agent",
            "ExtraExten": call.channel,
            "ExtraPriority": "1",
        }
        call.place = Place.HELD
        self._order(
            headers,
            order,
            lambda _: self._report(e.CallHeld(call.call_id)),
            lambda _: setattr(call, "place", Place.TALKING),
        )

    def _caller_leads(self, call: Live) -> None:
        """From now on the customer's channel carries a callback, as in every other call."""
        agent = call.channel
        customer = call.peer
        for name, value in (
            ("CC_CALL", call.call_id),
            ("CC_OFFER", call.offer_id),
            ("CC_AGENT", call.agent_id),
            ("CC_TRUNK", f"trunk-{self._trunk}"),
            ("CC_MUSIC", "default"),
        ):
            self._order(_setvar(customer, name, value))
        self._order(_setvar(agent, "CC_CALL", ""))
        self._by_uniqueid.pop(call.uniqueid, None)
        call.channel, call.peer = customer, agent
        call.uniqueid, call.peer_uniqueid = call.peer_uniqueid, call.uniqueid
        call.callback = False
        self._by_uniqueid[call.uniqueid] = call

    def _retrieve(self, order: c.RetrieveCall) -> None:
        call = self._call(order)
        if call.place is not Place.HELD:
            raise _OrderError("the call is not held")

        def retrieved(_: Reply) -> None:
            call.place = Place.TALKING
            self._report(e.CallRetrieved(call.call_id))

        self._redirect(order, call.channel, "cc-retrieve", "s", done=retrieved)

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._call(order)
        number = self._outside(order.number)

        def transferred(_: Reply) -> None:
            if call.call_id in self._calls:
                self._forget(call)
                self._report(e.CallEnded(call.call_id, EndedBy.SYSTEM, "transferred"))

        self._redirect(order, call.caller_channel, "cc-transfer", number, done=transferred)

    def _hang_up(self, order: c.HangUpCall) -> None:
        call = self._call(order)
        call.ends_by, call.why = EndedBy.SYSTEM, order.why
        target = call.channel or call.uniqueid
        self._order({"Action": "Hangup", "Channel": target, "Cause": "16"}, order)
        if call.place is Place.HELD and call.peer:
            self._order({"Action": "Hangup", "Channel": call.peer, "Cause": "16"})

    # Orders to Asterisk ---------------------------------------------------------------

    def _call(self, order: c.Order) -> Live:
        call = self._calls.get(order.call_id)
        if call is None:
            raise _OrderError("no such call on this switch")
        return call

    def _redirect(
        self,
        order: c.Order,
        channel: str,
        context: str,
        exten: str,
        priority: str = "1",
        *,
        done: Callable[[Reply], None] | None = None,
        failed: Callable[[c.Order], None] | None = None,
    ) -> None:
        self._order(
            {
                "Action": "Redirect",
                "Channel": channel,
                "Context": context,
                "Exten": exten,
                "Priority": priority,
            },
            order,
            done,
            failed,
        )

    def _order(
        self,
        headers: Mapping[str, str | list[str]],
        order: c.Order | None = None,
        done: Callable[[Reply], None] | None = None,
        failed: Callable[[c.Order], None] | None = None,
    ) -> None:
        """Send one action; what comes of it belongs to `order` (None: nobody waits)."""

        def settled(outcome: Reply | AmiError) -> None:
            if isinstance(outcome, Reply) and outcome.ok:
                if done is not None:
                    done(outcome)
                return
            unknown = isinstance(outcome, OutcomeUnknown)
            why = outcome.message if isinstance(outcome, Reply) else str(outcome)
            if order is None:
                log.warning("link %s: %s: %s", self._name, headers["Action"], why)
                return
            if failed is not None and not unknown:
                failed(order)
            self._order_failed(order, why, unknown)

        if self._ami is None:
            raise _OrderError("the link is stopped")
        self._ami.order(headers, settled)

    def _outside(self, number: str) -> str:
        if not self._trunk:
            raise _OrderError("there is no trunk to dial over")
        return self._dialing.check(number, asyncio.get_running_loop().time())

    @staticmethod
    def _agent(agent_id: str) -> str:
        if not is_agent_id(agent_id):
            raise _OrderError("not an agent's id")
        return agent_id


class _OrderError(Exception):
    """The order cannot be carried out; nothing was sent."""


def _setvar(channel: str, name: str, value: str) -> dict[str, str]:
    return {"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value}


def _arguments(session: Session, count: int) -> list[str]:
    found = session.arguments[:count]
    return found + [""] * (count - len(found))


def _text(text: str) -> str:
    """Text from outside: bounded, without control characters. It stays hostile."""
    text = _CONTROL.sub(" ", text[:_TEXT_MAX]).strip()
    return "" if text in _UNKNOWN else text


def _name(text: str) -> str:
    """A caller's name; Asterisk hands on SIP's escaped quotes as they are."""
    return _text(_QUOTED_PAIR.sub(r"\1", text))


def _token(text: str, what: str, most: int = 40) -> str:
    if len(text) > most or not _TOKEN.fullmatch(text[:40]) or not _TOKEN.fullmatch(text[-40:]):
        raise _OrderError(f"{what}: {text[:40]!r} cannot be kept on a channel")
    return text


def _digits(text: str) -> str:
    if not _DIGITS.fullmatch(text):
        raise _OrderError("not digits")
    return text


def _dialable(number: str) -> bool:
    return re.fullmatch(r"\+?[0-9]{2,18}", number) is not None


def _finite(seconds: float) -> float:
    return seconds if math.isfinite(seconds) else 3600.0
