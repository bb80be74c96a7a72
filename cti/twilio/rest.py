"""Orders to Twilio over its REST API: bounded in time and number, never on a blocking thread.

What is safe to order twice (redirecting, ending, a participant's hold or mute) is tried again
when nobody knows what became of it. What rings a phone or starts a recording is sent once,
whatever happens. Every method raises `RestRefused` or `RestUnreachable` (see `cti.twilio.http`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.rest import Client  # type: ignore[import-untyped]

from cti.twilio.http import AT_ONCE, AioHttp, RestRefused, RestUnreachable
from cti.twilio.settings import TwilioSettings

_TWILIO = "https://api.twilio.com"
_PAGE = 1000
_PROGRESS = ["initiated", "ringing", "answered", "completed"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Leg:
    """One of Twilio's calls, as its list of calls has it."""

    sid: str
    parent_sid: str
    status: str
    direction: str
    to: str


class Rest:
    """The few things that we ask of Twilio. Needs a running loop to be made.

    `room` is a conference's id, `sid` a leg's.
    """

    def __init__(self, settings: TwilioSettings, http: AioHttp | None = None) -> None:
        self._http = http or AioHttp(settings.rest_timeout_s, settings.api_url)
        self._auth = (
            settings.api_key or settings.account_sid,
            settings.api_secret if settings.api_key else settings.auth_token,
        )
        self._client = Client(*self._auth, settings.account_sid, http_client=self._http)
        self._origin = settings.api_url or _TWILIO
        self._account = settings.account_sid
        self._tries = settings.rest_tries
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        await self._http.close()

    async def redirect(self, sid: str, url: str, fallback: str) -> None:
        """Let a live call ask at `url` what to do next. The fallback is got, not posted to: who
        hosts a file takes no form."""
        await self._repeated(
            lambda: self._client.calls(sid).update_async(
                url=url, method="POST", fallback_url=fallback, fallback_method="GET"
            )
        )

    async def hang_up(self, sid: str) -> None:
        """End a call, ringing or talking. One that is over already is no error."""
        try:
            await self._repeated(lambda: self._client.calls(sid).update_async(status="completed"))
        except RestRefused as refused:
            if not refused.call_is_over:
                raise

    async def create(
        self, to: str, caller_id: str, url: str, fallback: str, progress: str, ring_s: int
    ) -> str:
        """Call somebody; the new call's id. Sent once and never again."""
        call = await self._once(
            lambda: self._client.calls.create_async(
                to=to,
                from_=caller_id,
                url=url,
                method="POST",
                fallback_url=fallback,
                fallback_method="GET",
                status_callback=progress,
                status_callback_method="POST",
                status_callback_event=_PROGRESS,
                timeout=ring_s,
            )
        )
        return str(call.sid)

    # Conferences --------------------------------------------------------------------------

    async def room(self, name: str) -> str:
        """The id of the conference of this name; "" when there is none now."""
        found = await self._repeated(
            lambda: self._client.conferences.list_async(
                friendly_name=name, status="in-progress", limit=1
            )
        )
        return str(found[0].sid) if found else ""

    async def in_room(self, room: str) -> list[str]:
        """Who is in a conference."""
        found = await self._repeated(
            lambda: self._client.conferences(room).participants.list_async(page_size=_PAGE)
        )
        return [str(one.call_sid) for one in found if one.status in (None, "connected")]

    async def invite(
        self, room: str, to: str, caller_id: str, progress: str, ring_s: int, *, heard: bool
    ) -> str:
        """Ring somebody for a conference; the new leg's id. Sent once and never again.

        `heard`: those who are in it hear it ring.
        """
        participant = await self._once(
            lambda: self._client.conferences(room).participants.create_async(
                from_=caller_id,
                to=to,
                timeout=ring_s,
                early_media=heard,
                beep="false",
                end_conference_on_exit=False,
                status_callback=progress,
                status_callback_method="POST",
                status_callback_event=_PROGRESS,
            )
        )
        return str(participant.call_sid)

    async def hold(self, room: str, sid: str, music: str) -> None:
        """Let a participant hear `music`, and nobody else."""
        await self._participant(room, sid, hold=True, hold_url=music, hold_method="POST")

    async def retrieve(self, room: str, sid: str) -> None:
        await self._participant(room, sid, hold=False)

    async def mute(self, room: str, sid: str, on: bool) -> None:
        await self._participant(room, sid, muted=on)

    async def supervise(self, room: str, sid: str, *, muted: bool, coached: str) -> None:
        """`coached`: the one leg that hears this participant, "" for all of them."""
        more = {"call_sid_to_coach": coached} if coached else {}
        await self._participant(room, sid, muted=muted, coaching=bool(coached), **more)

    async def announce(self, room: str, sid: str, url: str) -> None:
        """Play a document to one participant. Sent once: twice would be heard twice."""
        await self._once(
            lambda: (
                self._client.conferences(room)
                .participants(sid)
                .update_async(announce_url=url, announce_method="POST")
            )
        )

    async def _participant(self, room: str, sid: str, **changed: Any) -> None:
        await self._repeated(
            lambda: self._client.conferences(room).participants(sid).update_async(**changed)
        )

    # Recordings ---------------------------------------------------------------------------

    async def record(self, sid: str, progress: str, *, stereo: bool) -> str:
        """Record a leg until it ends; the recording's id. Sent once and never again."""
        recording = await self._once(
            lambda: self._client.calls(sid).recordings.create_async(
                recording_channels="dual" if stereo else "mono",
                recording_track="both",
                trim="do-not-trim",
                recording_status_callback=progress,
                recording_status_callback_method="POST",
                recording_status_callback_event=["completed", "absent"],
            )
        )
        return str(recording.sid)

    def recording_address(self, recording: str, *, stereo: bool) -> str:
        """Where Twilio has a recording; it wants the account's name and token there."""
        file = f"/2010-04-01/Accounts/{self._account}/Recordings/{recording}.wav"
        return f"{_TWILIO}{file}" + ("?RequestedChannels=2" if stereo else "")

    async def recording(self, sid: str, recording: str) -> tuple[str, str, int]:
        """How a recording is doing, its length in seconds ("" when unknown), its channels."""
        found = await self._repeated(
            lambda: self._client.calls(sid).recordings(recording).fetch_async()
        )
        return str(found.status), str(found.duration or ""), int(found.channels or 1)

    async def fetch_recording(self, recording: str, target: Path, *, stereo: bool) -> None:
        """Write a recording's file. Raises `OSError` too."""
        address = self.recording_address(recording, stereo=stereo)
        address = self._origin + address.removeprefix(_TWILIO)
        async with self._slots:
            await self._http.download(address, self._auth, target)

    async def delete_recording(self, recording: str) -> None:
        """One that is not there any more is no error."""
        try:
            await self._repeated(lambda: self._client.recordings(recording).delete_async())
        except RestRefused as refused:
            if not refused.call_is_over:
                raise

    async def pause_recording(self, sid: str, recording: str) -> None:
        await self._recording(sid, recording, status="paused", pause_behavior="silence")

    async def resume_recording(self, sid: str, recording: str) -> None:
        await self._recording(sid, recording, status="in-progress")

    async def stop_recording(self, sid: str, recording: str) -> None:
        await self._recording(sid, recording, status="stopped")

    async def _recording(self, sid: str, recording: str, **changed: str) -> None:
        await self._repeated(
            lambda: self._client.calls(sid).recordings(recording).update_async(**changed)
        )

    # Legs ---------------------------------------------------------------------------------

    async def live(self) -> list[Leg]:
        """Every call that rings or talks now."""
        legs = []
        for status in ("in-progress", "ringing", "queued"):
            found = await self._repeated(
                lambda status=status: self._client.calls.list_async(  # type: ignore[misc]
                    status=status, page_size=_PAGE
                )
            )
            legs += [_leg(call) for call in found]
        return legs

    async def talks_with(self, sid: str) -> str:
        """The leg that this one has dialled and that has answered; "" when there is none."""
        found = await self._repeated(
            lambda: self._client.calls.list_async(
                parent_call_sid=sid, status="in-progress", limit=1
            )
        )
        return str(found[0].sid) if found else ""

    async def status(self, sid: str) -> str:
        """What has become of one call; "" when Twilio knows no such call."""
        try:
            found = await self._repeated(lambda: self._client.calls(sid).fetch_async())
        except RestRefused as refused:
            if refused.call_is_over:
                return ""
            raise
        return str(found.status)

    async def _repeated(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask until there is an answer, with growing pauses, `rest_tries` times at most."""
        pause_s = 0.25
        for left in range(self._tries - 1, -1, -1):
            try:
                return await self._once(ask)
            except RestRefused as refused:
                if not refused.again_later or not left:
                    raise
            except RestUnreachable:
                if not left:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("rest_tries must be at least 1")

    async def _once(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        async with self._slots:
            try:
                return await ask()
            except TwilioRestException as error:
                raise RestRefused(error.status, error.code or 0, error.msg) from error
            except TwilioServiceException as error:
                raise RestRefused(error.status, error.code or 0, error.title) from error
            except TwilioException as error:
                status = _page_status(error)
                raise RestRefused(status, 0, "the list of calls was refused") from error
            except (ValueError, KeyError, TypeError) as error:
                why = f"an answer that cannot be read: {type(error).__name__}"
                raise RestUnreachable(why, sent=True) from error


def _page_status(error: TwilioException) -> int:
    """The library keeps the answer of a refused list among the error's arguments."""
    response: Any = error.args[-1] if error.args else None
    return int(getattr(response, "status_code", 0))


def _leg(call: Any) -> Leg:
    return Leg(
        str(call.sid),
        str(call.parent_call_sid or ""),
        str(call.status),
        str(call.direction or ""),
        str(call.to or ""),
    )
