"""Conferences and recordings of the simulated Twilio.

As on the real one: a conference's webhooks are those that its first participant asked for; it
ends when somebody leaves who should end it; a participant is found only while in it; whoever
is coached alone hears the coach; a call's recording goes on through all its documents.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import secrets
import wave
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.cti.twilio.fake_twilio import FakeTwilio, Leg

Form = dict[str, str]
TRUE = ("true", "True", "1")
FILE_AFTER_S = 1.0  # a recording's file is there so long after its end


@dataclass(eq=False)
class Participant:
    leg: Leg
    muted: bool = False
    held: bool = False
    coached: str = ""  # the one leg that hears this one
    ends: bool = False
    out: asyncio.Event = field(default_factory=asyncio.Event)
    music: asyncio.Task[None] | None = None

    def stop_music(self) -> None:
        if self.music is not None:
            self.music.cancel()
            self.music = None


@dataclass(eq=False)
class Conference:
    sid: str
    name: str
    callback: str
    events: tuple[str, ...]
    participants: dict[str, Participant] = field(default_factory=dict)
    over: bool = False
    started: bool = False
    sequence: int = 0


@dataclass(eq=False)
class Recording:
    sid: str
    leg: Leg
    channels: str
    callback: str
    began: float
    status: str = "in-progress"
    pauses: list[str] = field(default_factory=list)  # what each pause was to leave
    ended: float = 0.0


class Rooms:
    """All conferences and recordings of the account."""

    def __init__(self, twilio: FakeTwilio) -> None:
        self.twilio = twilio
        self.conferences: dict[str, Conference] = {}
        self.recordings: dict[str, Recording] = {}
        self._ids = itertools.count(1)

    def routes(self, app: web.Application, root: str) -> None:
        add = app.router.add_route
        add("*", root + "/Conferences.json", self._list)
        add("*", root + "/Conferences/{room}/Participants.json", self._participants)
        add("*", root + "/Conferences/{room}/Participants/{sid}.json", self._participant)
        add("*", root + "/Calls/{sid}/Recordings.json", self._record)
        add("*", root + "/Calls/{sid}/Recordings/{recording}.json", self._recording)
        add("GET", root + "/Recordings/{recording}.wav", self._file)
        add("DELETE", root + "/Recordings/{recording}.json", self._delete)

    def _sid(self, kind: str) -> str:
        return f"{kind}{next(self._ids):08x}{secrets.token_hex(12)}"

    # Who is in them -----------------------------------------------------------------------

    def live(self, name: str) -> Conference | None:
        return next(
            (one for one in self.conferences.values() if one.name == name and not one.over), None
        )

    def of(self, leg: Leg) -> tuple[Conference, Participant] | None:
        for conference in self.conferences.values():
            participant = conference.participants.get(leg.sid)
            if participant is not None:
                return conference, participant
        return None

    def hears(self, listener: Leg, speaker: Leg) -> bool:
        there, here = self.of(speaker), self.of(listener)
        if there is None or here is None or there[0] is not here[0]:
            return False
        alone = len(there[0].participants) < 2
        if alone or here[1].held or there[1].held or there[1].muted:
            return False
        return there[1].coached in ("", listener.sid)

    def open(self, name: str, callback: str, events: str) -> Conference:
        found = self.live(name)
        if found is None:
            found = Conference(self._sid("CF"), name, callback, tuple(events.split()))
            self.conferences[found.sid] = found
        return found

    def join(self, conference: Conference, participant: Participant) -> None:
        conference.participants[participant.leg.sid] = participant
        self.tell(conference, "join", "participant-join", participant)
        if len(conference.participants) > 1 and not conference.started:
            conference.started = True
            self.tell(conference, "start", "conference-start", participant)

    def leave(self, leg: Leg) -> None:
        found = self.of(leg)
        if found is None:
            return
        conference, participant = found
        del conference.participants[leg.sid]
        participant.stop_music()
        participant.out.set()
        self.tell(conference, "leave", "participant-leave", participant)
        if participant.ends or not conference.participants:
            self.end(conference)

    def end(self, conference: Conference) -> None:
        if conference.over:
            return
        conference.over = True
        for participant in list(conference.participants.values()):
            self.leave(participant.leg)
        self.tell(conference, "end", "conference-end", None)

    def tell(
        self,
        conference: Conference,
        event: str,
        name: str,
        participant: Participant | None,
        **more: str,
    ) -> None:
        if not conference.callback or event not in conference.events:
            return
        conference.sequence += 1
        said = {
            "AccountSid": self.twilio.account,
            "ConferenceSid": conference.sid,
            "FriendlyName": conference.name,
            "StatusCallbackEvent": name,
            "SequenceNumber": str(conference.sequence),
            "Timestamp": "Mon, 24 Nov 2025 03:00:00 +0000",
            **more,
        }
        if participant is not None:
            said |= {
                "CallSid": participant.leg.sid,
                "Muted": str(participant.muted).lower(),
                "Hold": str(participant.held).lower(),
                "Coaching": str(bool(participant.coached)).lower(),
                "EndConferenceOnExit": str(participant.ends).lower(),
                "StartConferenceOnEnter": "true",
            }
            if name == "participant-leave":
                said["ParticipantCallStatus"] = participant.leg.status
        self.twilio.spawn(self.twilio.status(conference.callback, said))

    # TwiML ----------------------------------------------------------------------------------

    async def dial(self, leg: Leg, noun: ET.Element) -> Form:
        conference = self.open(
            noun.text or "", noun.get("statusCallback", ""), noun.get("statusCallbackEvent", "")
        )
        assert noun.get("beep") == "false", "everybody hears a beep"
        coach = noun.get("coach", "")
        assert not coach or coach in conference.participants, "coaches nobody"
        participant = Participant(
            leg,
            muted=noun.get("muted") in TRUE,
            coached=coach,
            ends=noun.get("endConferenceOnExit") in TRUE,
        )
        self.join(conference, participant)
        await participant.out.wait()
        return {"DialCallStatus": "completed"}

    async def invited(self, conference: Conference, leg: Leg, form: Form) -> None:
        """Ring somebody; in when answered, gone when out."""
        if form.get("EarlyMedia", "true") in TRUE:
            for participant in conference.participants.values():
                if not participant.held:
                    participant.leg.heard.append("[ringing]")
        status = await self.twilio.ring(leg, float(form.get("Timeout", "60")))
        participant = Participant(leg, ends=form.get("EndConferenceOnExit") in TRUE)
        if status != "in-progress" or conference.over:
            self.tell(conference, "leave", "participant-leave", participant)
            self.twilio.end(leg, "completed")
            return
        self.join(conference, participant)
        await participant.out.wait()
        self.twilio.end(leg, "completed")

    # REST: conferences ----------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        form = await self.twilio.received(request)
        if isinstance(form, web.Response):
            return form
        wanted = request.query.get("FriendlyName")
        status = request.query.get("Status")
        found = [
            self._shown(one)
            for one in self.conferences.values()
            if one.name == wanted and (status != "in-progress" or not one.over)
        ]
        return self.twilio.page(request, "conferences", found)

    async def _participants(self, request: web.Request) -> web.Response:
        form = await self.twilio.received(request)
        if isinstance(form, web.Response):
            return form
        room = request.match_info["room"]
        conference = self.conferences.get(room)
        if request.method == "GET":
            if conference is None:
                return self.twilio.error(404, 20404, "no such conference")
            found = [
                self._participant_shown(conference, x) for x in conference.participants.values()
            ]
            return self.twilio.page(request, "participants", found)
        if conference is None:
            conference = self.open(room, form.get("ConferenceStatusCallback", ""), "start end")
        assert form.get("Beep") == "false", "everybody hears a beep"
        leg = self.twilio.created(form)
        leg.program = self.twilio.spawn(self.invited(conference, leg, form))
        shown = self._participant_shown(conference, Participant(leg), "queued")
        return self.twilio.answer(request, 201, shown)

    async def _participant(self, request: web.Request) -> web.Response:
        form = await self.twilio.received(request)
        if isinstance(form, web.Response):
            return form
        conference = self.conferences.get(request.match_info["room"])
        sid = request.match_info["sid"]
        if conference is None or conference.over or sid not in conference.participants:
            return self.twilio.error(404, 20404, "The requested resource was not found")
        participant = conference.participants[sid]
        if request.method == "DELETE":
            self.leave(participant.leg)
            return web.Response(status=204)
        if request.method == "POST":
            wrong = self._change(conference, participant, form)
            if wrong:
                return self.twilio.error(400, 21234, wrong)
        return self.twilio.answer(request, 200, self._participant_shown(conference, participant))

    def _change(self, conference: Conference, one: Participant, form: Form) -> str:
        if (
            form.get("Coaching") in TRUE
            and form.get("CallSidToCoach") not in conference.participants
        ):
            return "CallSidToCoach is not in the conference"
        if "Muted" in form:
            one.muted = form["Muted"] in TRUE
            said = "participant-mute" if one.muted else "participant-unmute"
            self.tell(conference, "mute", said, one)
        if "Coaching" in form:
            one.coached = form["CallSidToCoach"] if form["Coaching"] in TRUE else ""
            self.tell(conference, "modify", "participant-modify", one)
        if "Hold" in form:
            self._hold(conference, one, form["Hold"] in TRUE, form.get("HoldUrl", ""))
        if "EndConferenceOnExit" in form:
            one.ends = form["EndConferenceOnExit"] in TRUE
        if "AnnounceUrl" in form:
            self.twilio.spawn(self._announce(one.leg, form["AnnounceUrl"]))
        return ""

    def _hold(self, conference: Conference, one: Participant, on: bool, url: str) -> None:
        one.stop_music()
        one.held = on
        if on and url:
            one.music = self.twilio.spawn(self.twilio.music(one.leg, url))
        self.tell(conference, "hold", "participant-hold" if on else "participant-unhold", one)

    async def _announce(self, leg: Leg, url: str) -> None:
        text = await self.twilio.fetch(leg, url, {})
        for verb in ET.fromstring(text):
            assert verb.tag in ("Play", "Say", "Pause", "Redirect")
            await self.twilio.verb(leg, verb)

    def _shown(self, conference: Conference) -> dict[str, Any]:
        ended = {"reason_conference_ended": "last-participant-left"} if conference.over else {}
        return {
            **ended,
            "sid": conference.sid,
            "account_sid": self.twilio.account,
            "friendly_name": conference.name,
            "status": "completed" if conference.over else "in-progress",
            "region": "us1",
            "api_version": "2010-04-01",
            "date_created": None,
            "date_updated": None,
            "uri": f"/2010-04-01/Accounts/{self.twilio.account}/Conferences/{conference.sid}.json",
            "subresource_uris": {},
            "call_sid_ending_conference": None,
        }

    def _participant_shown(
        self, conference: Conference, one: Participant, status: str = "connected"
    ) -> dict[str, Any]:
        base = f"/2010-04-01/Accounts/{self.twilio.account}/Conferences/{conference.sid}"
        return {
            "account_sid": self.twilio.account,
            "call_sid": one.leg.sid,
            "call_sid_to_coach": one.coached or None,
            "coaching": bool(one.coached),
            "conference_sid": conference.sid,
            "date_created": None,
            "date_updated": None,
            "end_conference_on_exit": one.ends,
            "hold": one.held,
            "label": None,
            "muted": one.muted,
            "start_conference_on_enter": True,
            "status": status,
            "queue_time": None,
            "uri": f"{base}/Participants/{one.leg.sid}.json",
        }

    # Recordings -------------------------------------------------------------------------------

    def leg_over(self, leg: Leg) -> None:
        for recording in self.recordings.values():
            if recording.leg is leg:
                self._complete(recording)

    def begin_recording(self, leg: Leg, callback: str, channels: str = "mono") -> Recording:
        """From now on this leg is recorded."""
        now = asyncio.get_running_loop().time()
        recording = Recording(self._sid("RE"), leg, channels, callback, now)
        self.recordings[recording.sid] = recording
        return recording

    def end_recording(self, recording: Recording) -> None:
        """It is complete; the file comes later."""
        self._complete(recording)

    def _complete(self, recording: Recording) -> None:
        if recording.status != "completed":
            recording.status = "completed"
            recording.ended = asyncio.get_running_loop().time()
            self.twilio.spawn(self._there(recording))

    async def _there(self, recording: Recording) -> None:
        await self.twilio.sleep(FILE_AFTER_S)
        await self.twilio.status(recording.callback, self.recording_said(recording))

    def recording_said(self, recording: Recording) -> Form:
        where = f"/2010-04-01/Accounts/{self.twilio.account}/Recordings/{recording.sid}"
        return {
            "AccountSid": self.twilio.account,
            "CallSid": recording.leg.sid,
            "RecordingSid": recording.sid,
            "RecordingUrl": self.twilio.api_url + where,
            "RecordingStatus": "completed",
            "RecordingDuration": self._length(recording) or "",
            "RecordingChannels": "2" if recording.channels == "dual" else "1",
            "RecordingSource": "StartCallRecordingAPI",
        }

    def _length(self, recording: Recording) -> str | None:
        if recording.status != "completed":
            return None
        return str(int((recording.ended - recording.began) * self.twilio.speed))

    async def _record(self, request: web.Request) -> web.Response:
        form = await self.twilio.received(request)
        if isinstance(form, web.Response):
            return form
        leg = self.twilio.legs.get(request.match_info["sid"])
        if leg is None or leg.status != "in-progress":
            return self.twilio.error(400, 21220, "Requested resource is not eligible for recording")
        callback = form.get("RecordingStatusCallback", "")
        recording = self.begin_recording(leg, callback, form.get("RecordingChannels", "mono"))
        return self.twilio.answer(request, 201, self._recording_shown(recording))

    async def _recording(self, request: web.Request) -> web.Response:
        form = await self.twilio.received(request)
        if isinstance(form, web.Response):
            return form
        recording = self.recordings.get(request.match_info["recording"])
        if recording is None or recording.leg.sid != request.match_info["sid"]:
            return self.twilio.error(404, 20404, "The requested resource was not found")
        if request.method == "POST":
            if recording.status == "completed":
                return self.twilio.error(400, 21220, "the recording is complete")
            if form["Status"] == "stopped":
                self._complete(recording)
            else:
                recording.status = form["Status"]
                if form["Status"] == "paused":
                    recording.pauses.append(form.get("PauseBehavior", "silence"))
        return self.twilio.answer(request, 200, self._recording_shown(recording))

    def _recording_shown(self, recording: Recording) -> Mapping[str, Any]:
        base = f"/2010-04-01/Accounts/{self.twilio.account}/Calls/{recording.leg.sid}"
        return {
            "account_sid": self.twilio.account,
            "api_version": "2010-04-01",
            "call_sid": recording.leg.sid,
            "conference_sid": None,
            "date_created": None,
            "date_updated": None,
            "start_time": None,
            "duration": self._length(recording),
            "sid": recording.sid,
            "price": None,
            "uri": f"{base}/Recordings/{recording.sid}.json",
            "encryption_details": None,
            "price_unit": "USD",
            "status": recording.status,
            "channels": 2 if recording.channels == "dual" else 1,
            "source": "StartCallRecordingAPI",
            "error_code": None,
            "track": "both",
        }

    async def _file(self, request: web.Request) -> web.Response:
        recording = self.recordings.get(request.match_info["recording"])
        if not self.twilio.authorized(request):
            return self.twilio.error(401, 20003, "Authenticate")
        if recording is None or recording.status != "completed":
            return self.twilio.error(404, 20404, "The requested resource was not found")
        channels = 2 if request.query.get("RequestedChannels") == "2" else 1
        if channels == 2 and recording.channels != "dual":
            return self.twilio.error(400, 20001, "not recorded in two channels")
        sound = io.BytesIO()
        with wave.open(sound, "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(2 * channels * 8000))
        return web.Response(body=sound.getvalue(), content_type="audio/x-wav")

    async def _delete(self, request: web.Request) -> web.Response:
        form = await self.twilio.received(request)
        if isinstance(form, web.Response):
            return form
        if self.recordings.pop(request.match_info["recording"], None) is None:
            return self.twilio.error(404, 20404, "The requested resource was not found")
        return web.Response(status=204)
