"""One Asterisk as a `cti.link.SwitchLink`.

    AMI events ──▶ Happenings ──▶ facts ──▶ sink ──▶ … ──▶ execute ──▶ Orders ──▶ AMI
    FastAGI ──▶ _entry, _wait ──▶ VoiceSession ⇄ steps

Asterisk is the truth: a call lives as long as its channel, whatever our sessions do.
Facts are reported as the bytes come in; what `execute` finds out by itself is reported
a moment later, never from inside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine, Mapping

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions
from cti.asterisk.adoption import Found, find_calls
from cti.asterisk.agi import AgiClosed, AgiLimits, AgiServer, AgiTimeout, Session
from cti.asterisk.ami import (
    Action,
    Ami,
    AmiError,
    AmiSettings,
    Done,
    Frame,
    Headers,
    NotSent,
    Refused,
    Reply,
)
from cti.asterisk.dialplan import ADOPTED_VARIABLES
from cti.asterisk.happenings import Happenings
from cti.asterisk.legs import Legs
from cti.asterisk.live import Live, LiveCalls, pack_flow, unpack_flow
from cti.asterisk.orders import Orders
from cti.asterisk.phone_keys import PhoneKeys
from cti.asterisk.phones import Line, Phones, endpoint_of
from cti.asterisk.recording import Recorder, Recordings
from cti.asterisk.sessions import PROMPT_TIMEOUT_S, PromptPath, VoiceSession
from cti.asterisk.supervision import Supervisors
from cti.calls import CONVERSATION, EndedBy, PhoneKind, Place, Prompt
from cti.dialing import Dialing, DialRules
from cti.link import FactSink

log = logging.getLogger(__name__)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_TEXT_MAX = 256
_LIST_TIMEOUT_S = 30.0
_SHUTTING_DOWN = "shutting down"
_NOT_REGISTERED = "not registered"
_JUST_STARTED_S = 60.0
_PHONE_ANSWERS_S = 2.0
_GONE_WITHIN_S = 3.0  # an Asterisk that hangs up on everybody and ends, not one that waits
_HANGUP_S = 2.0  # a Hangup event comes long before
CONFIRM_PROMPT = Prompt("You have a call. To take it, press 1.")
_SOUND_PATH = re.compile(r"/[A-Za-z0-9_./+-]{1,200}")
_UNKNOWN = frozenset(("", "unknown", "<unknown>", "anonymous", "Anonymous"))


class AsteriskLink:
    """Links one Asterisk.

    `agi_port` is where we listen for voice sessions (the port that the dialplan calls;
    0 takes a free one, found in `agi_port` after `start`). `prompt_path` finds or renders
    the sound of a prompt. `dialling` is the allow-list for outside numbers; `trunk` the
    name of the trunk that they are dialled over. `recorder` is needed to record calls.
    `confirm_outside`: an agent at an outside number has to press 1, asked for by
    `confirm_prompt`, to be connected, so that a voice mailbox never takes a call.
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
        recorder: Recorder | None = None,
        confirm_outside: bool = True,
        confirm_prompt: Prompt = CONFIRM_PROMPT,
    ) -> None:
        self._name = name
        self._ami_settings = ami
        self._agi_host = agi_host
        self._agi_limits = agi_limits
        self.agi_port = agi_port
        self._prompt_path = prompt_path
        self._confirm_prompt = confirm_prompt if confirm_outside else None
        self._sink: FactSink | None = None
        self._ami: Ami | None = None
        self._agi: AgiServer | None = None
        self._up = False
        self._boot_id = ""
        self._refused = ""  # why, once it was said
        self._calls = LiveCalls()
        self._phones = Phones()
        self._tasks: set[asyncio.Task[None]] = set()
        dialing = Dialing(dialling or DialRules())
        actions = self._actions = Actions(
            self._calls, self._send, self._report, self._report_soon, dialing, trunk
        )
        self._recordings = Recordings(actions, recorder, self._spawn)
        self._keys = PhoneKeys(actions)
        supervisors = Supervisors(actions)
        legs = self._legs = Legs(actions, confirm_outside=confirm_outside)
        self._happenings = Happenings(
            self._calls,
            self._report,
            actions.end_channel,
            self._is_ending,
            legs.part,
            actions.bring_back,
            actions.name_agent,
        )
        self._orders = Orders(
            actions,
            legs.part,
            legs.orders,
            self._recordings.orders,
            self._keys.orders,
            supervisors.orders,
            stop_one=self._happenings.rounds.cancel,
            confirm_outside=confirm_outside,
        )
        self._happenings.listen(legs.events)
        self._happenings.listen(self._keys.events)
        self._happenings.listen(supervisors.events)

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
            self._ami_settings,
            self._on_event,
            on_up=self._take_up,
            on_down=self._on_down,
            on_doubt=self._take_up,
            on_refused=self._on_refused,
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
        self._orders.execute(order)

    def switch_ended(self, why: str) -> None:
        """The switch's process is gone: its calls went with it."""
        if self._ami is not None and self._ami.protocol is not None:
            self._ami.protocol.fail(why)  # nobody shall be offered a call there
        self._all_lost(why)

    def peer_gone(self, name: str) -> None:
        """Another of our Asterisks has ended: whoever talked over it talks with nobody.

        Its agents' callers must have been sent elsewhere before, or they are hung up as well.
        """
        with contextlib.suppress(AmiError):
            channels = f"/^PJSIP.peer-{name}-/"
            self._send({"Action": "Hangup", "Channel": channels, "Cause": "38"}, _ignore)

    def _all_lost(self, why: str) -> None:
        for call in self._calls:
            self._calls.forget(call)
            self._report(e.CallEnded(call.call_id, EndedBy.SWITCH_LOST, why))

    # Reporting ------------------------------------------------------------------------

    def _report(self, fact: e.Fact) -> None:
        if self._sink is None:
            return
        if isinstance(fact, e.CallEnded):
            self._recordings.call_ended(fact.call_id, lives_on=fact.by is EndedBy.SYSTEM)
        elif isinstance(fact, e.OfferAnswered | e.CallbackConnected | e.LegAnswered):
            call = self._calls.get(fact.call_id)
            if call is not None:
                legs = (leg.channel for leg in call.talking_legs)
                self._actions.joined(call.channel, call.peer, *legs)
        try:
            self._sink(fact)
        except Exception:
            log.exception("the sink failed on %r", fact)

    def _report_soon(self, fact: e.Fact) -> None:
        asyncio.get_running_loop().call_soon(self._report, fact)

    def _on_event(self, event: Frame) -> None:
        if event.name == "ContactStatus":
            self._on_contact(event)
        else:
            self._happenings.take(event)

    def _send(self, headers: Headers, done: Done) -> Action:
        if self._ami is None:
            raise NotSent("the link is stopped")
        return self._ami.order(headers, done)

    # Connection -----------------------------------------------------------------------

    def _on_down(self, why: str) -> None:
        if self._up:
            self._up = False
            self._report(e.LinkDown(self._name, why))

    def _on_refused(self, why: str) -> None:
        """Said once, also when the link never was up: only a person can help."""
        why = f"the manager login is refused: {why}"
        if why != self._refused:
            self._refused = why
            self._report(e.LinkDown(self._name, why))

    def _is_ending(self, then: Callable[[bool], None]) -> None:
        """An Asterisk that shuts down refuses everything, saying so."""

        def done(outcome: Reply | AmiError) -> None:
            if isinstance(outcome, Reply) and _SHUTTING_DOWN in outcome.message:
                self._spawn(self._is_gone_soon(then))
            else:
                then(False)

        try:
            self._send({"Action": "Ping"}, done)
        except AmiError:
            then(False)

    async def _is_gone_soon(self, then: Callable[[bool], None]) -> None:
        """One that is to stop gracefully lets everybody talk to the end: nobody is lost by it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_WITHIN_S):
                while self._up:  # noqa: ASYNC110 - in the seconds before a switch ends
                    await asyncio.sleep(0.02)
        then(not self._up)

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
            self._all_lost("switch restarted")
        self._boot_id = boot_id

    def _adopt(self, reply: Reply) -> None:
        found = find_calls(reply.items)
        there = {call.call_id for call in found}
        talked = {call.call_id for call in found if call.in_session}
        for call in self._calls:
            if call.call_id in there:
                continue
            if call.session is None or not call.session.open:
                self._calls.forget(call)  # LinkUp says that it is gone
            else:  # too new for the list, or gone and the session has not noticed
                self._spawn(self._make_sure(call))
        self._refused = ""
        answered = {one.call_id for one in found if self._keep(one)}
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
                    legs=tuple(leg.fact() for leg in one.legs),
                    also=tuple(
                        (rung.offer_id, rung.agent_id)
                        for rung in one.ringing
                        if rung.offer_id != one.offer_id
                    ),
                )
            )
            if one.call_id in answered:
                self._report(e.OfferAnswered(one.call_id, one.offer_id, one.agent_id))
        self._recordings.take_up(reply.items, self._calls)
        self._keys.take_up()
        age_s = self._ami.switch_age_s if self._ami is not None else 0.0
        self._report(e.LinkUp(self._name, self._calls.ids, age_s))
        self._legs.take_up()
        for call in self._calls:
            if call.call_id in talked and (call.session is None or not call.session.open):
                self._step_again(call)
        self._spawn(self._open_agi())
        if self._confirm_prompt is not None:
            self._spawn(self._set_confirm_prompt(self._confirm_prompt))

    async def _set_confirm_prompt(self, prompt: Prompt) -> None:
        """Without our prompt the dialplan plays a sound of Asterisk's own."""
        try:
            async with asyncio.timeout(PROMPT_TIMEOUT_S):
                path = await self._prompt_path(prompt)
            if not _SOUND_PATH.fullmatch(path):
                raise ValueError(f"{path!r} cannot stand in the dialplan")
            self._send({"Action": "Setvar", "Variable": "CC_CONFIRM", "Value": path}, _ignore)
        except Exception as error:
            log.warning("link %s: no prompt for agents outside: %s", self._name, error)

    def _keep(self, one: Found) -> bool:
        """Remember a call as it was found. True when a callback's agent has answered unseen."""
        call = self._calls.get(one.call_id)
        if call is None:
            call = Live(one.call_id, one.channel, one.uniqueid, one.place)
        self._calls.move(call, one.channel, one.uniqueid)
        call.place = one.place
        call.offer_id, call.agent_id = one.offer_id, one.agent_id
        call.peer, call.peer_uniqueid = one.peer, one.peer_uniqueid
        unseen = one.agent_answered and not call.agent_answered
        call.callback, call.agent_answered = one.callback, one.agent_answered
        call.ends_by, call.why = None, ""
        call.rings = ""  # whatever rings for it is what the call itself says
        self._happenings.rounds.found(call, one.ringing)
        call.connected = one.place in CONVERSATION
        call.cancelled = False
        call.agent_gone = one.place is Place.CONSULTING and not one.peer
        for leg in list(call.legs.values()):
            self._calls.forget_leg(call, leg)
        for leg in one.legs:
            self._calls.add_leg(call, leg)
        return unseen

    async def _open_agi(self) -> None:
        if self._agi is not None:
            await self._agi.open()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Phones ---------------------------------------------------------------------------

    def _take_phones(self, reply: Reply) -> None:
        just_started = self._ami is not None and self._ami.switch_age_s < _JUST_STARTED_S
        unsure: list[Line] = []
        for line, up in self._phones.take_all(reply.items):
            if not up and just_started and line[1] is PhoneKind.DESK:
                unsure.append(line)
            else:
                self._tell_phone(line, up, _NOT_REGISTERED)
        if unsure:
            self._ask_phones(unsure)

    def _ask_phones(self, lines: list[Line]) -> None:
        """After its start Asterisk knows the registrations, but takes its time to try them."""
        for line in lines:
            try:
                self._send({"Action": "PJSIPQualify", "Endpoint": endpoint_of(line)}, _ignore)
            except AmiError:
                return  # the link is down again, and will ask again

        def settle() -> None:
            for line in lines:
                if self._up and line not in self._phones.up:
                    self._tell_phone(line, False, _NOT_REGISTERED)

        asyncio.get_running_loop().call_later(_PHONE_ANSWERS_S, settle)

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

    # Voice sessions -------------------------------------------------------------------

    async def _entry(self, session: Session) -> None:
        """A call is in the menu: for the first time, or again after we were away."""
        call_id, trunk, dnis, tries = _arguments(session, 4)
        if not self._is_ours(call_id):
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
        await self._serve(voice, call)

    async def _wait(self, session: Session) -> None:
        """A waiting caller pressed a digit, or an announcement is due."""
        call_id, digit = _arguments(session, 2)
        if not self._is_ours(call_id):
            log.error("a voice session without a call: %r", call_id[:80])
            return
        call = self._session_call(session, call_id, Place.WAITING)
        if call.offer_id:
            return  # opened in the moment of an offer, which takes the caller away from here
        voice = self._voice(session, call)
        self._report(e.WaitVisited(call_id, digit))
        await self._serve(voice, call)

    def _is_ours(self, call_id: str) -> bool:
        """Whether a call has this id; those that we placed are named by whoever ordered them."""
        return call_id.startswith(f"{self._name}-") or call_id in self._calls

    async def _serve(self, voice: VoiceSession, call: Live) -> None:
        try:
            await voice.serve()
        except (AgiClosed, AgiTimeout):
            if not voice.caller_left and call.session is voice:
                self._step_again(call)
            raise
        finally:
            if voice.caller_left:
                self._spawn(self._make_sure(call))

    def _step_again(self, call: Live) -> None:
        """Asterisk may be reading digits for a session that is no more, for a minute or so."""
        known = self._calls.get(call.call_id) is call and not call.offer_id
        context = {Place.ENTRY: "cc-in", Place.WAITING: "cc-visit"}.get(call.place)
        if known and context is not None:
            with contextlib.suppress(AmiError):
                to = {"Context": context, "Exten": "s", "Priority": "broken"}
                self._send({"Action": "Redirect", "Channel": call.channel, **to}, _ignore)

    async def _make_sure(self, call: Live) -> None:
        """A session ended by a hang-up, and no Hangup event: the link was down just then."""
        await asyncio.sleep(_HANGUP_S)
        if self._calls.get(call.call_id) is not call or not self._up or self._ami is None:
            return
        try:
            await self._ami.request({"Action": "Status", "Channel": call.channel})
        except Refused:
            self._calls.forget(call)
            self._report(e.CallEnded(call.call_id, EndedBy.CALLER, "hang-up was missed"))
        except AmiError:
            return  # the link is down again: the next list of calls tells

    def _session_call(self, session: Session, call_id: str, place: Place) -> Live:
        call = self._calls.get(call_id)
        if call is None:
            headers = session.headers
            channel, uniqueid = headers.get("agi_channel", ""), headers.get("agi_uniqueid", "")
            call = Live(call_id, channel, uniqueid, place)
            self._calls.add(call)
        if not call.offer_id:
            call.place = place
        return call

    def _voice(self, session: Session, call: Live) -> VoiceSession:
        voice = VoiceSession(
            session, call.call_id, self._prompt_path, self._report, pack_flow, self._recordings
        )
        call.session = voice
        return voice


def _ignore(_: Reply | AmiError) -> None:
    """What comes of it shows in events."""


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
