"""What callers and agents hear, as TwiML. Pure: settings and addresses in, text out.

Times are rounded up to whole seconds, as Twilio knows no others. `<Gather>` has one timeout
for the first digit and those that follow, so the longer of the two is used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from twilio.twiml.voice_response import (  # type: ignore[import-untyped]
    Dial,
    Gather,
    VoiceResponse,
)

from cti.calls import Prompt, Supervision
from cti.commands import CollectDigits, PlayPrompts, RecordMessage, VoiceStep
from cti.twilio.live import Live, Party
from cti.twilio.settings import TwilioSettings, Voice
from cti.twilio.urls import Urls

SAY_MAX = 3000  # characters: Twilio refuses a document with more than 4096 in one <Say>
_HINTS_MAX = 1000
_SILENCE_S = 30
_PROGRESS = "initiated ringing answered completed"
# What XML 1.0 cannot hold, and what no voice can say.
_UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
_TERMINATORS = frozenset("0123456789*#")
_RECORDING = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class Documents:
    """Writes TwiML for one account."""

    def __init__(self, settings: TwilioSettings, urls: Urls) -> None:
        self._settings = settings
        self._urls = urls

    # The caller ------------------------------------------------------------------------

    def step(self, step: VoiceStep, then: str, call: str = "") -> str:
        """Say the prompts, read digits or record what is said; either way go on at `then`."""
        response = VoiceResponse()
        if isinstance(step, PlayPrompts):
            self._speak(response, step.prompts)
        elif isinstance(step, RecordMessage):
            self._speak(response, step.prompts)
            response.record(
                action=then,
                method="POST",
                max_length=_seconds(step.max_s, 1, 3600),
                timeout=_seconds(step.silence_s, 1, 60),
                finish_on_key=step.terminator if step.terminator in _TERMINATORS else "",
                play_beep=True,
                recording_status_callback=self._urls.recording(call, step.recording_id),
                recording_status_callback_method="POST",
                recording_status_callback_event="completed absent",
            )
        else:
            wait_s = step.first_timeout_s
            if step.max_digits > 1:
                wait_s = max(wait_s, step.between_timeout_s)
            gather = Gather(
                input="dtmf speech" if step.words else "dtmf",
                action=then,
                method="POST",
                num_digits=max(1, step.max_digits),
                timeout=_seconds(wait_s, 1, 120),
                finish_on_key=step.terminator if step.terminator in _TERMINATORS else "",
                **self._listening(step),
            )
            self._speak(gather, step.prompts)
            response.append(gather)
        return self._then(response, then)

    def _listening(self, step: CollectDigits) -> dict[str, Any]:
        """What a `<Gather>` that takes speech needs to know."""
        if not step.words:
            return {}
        language = step.prompts[-1].language if step.prompts else "en"
        return {
            "hints": ",".join(dict.fromkeys(word for word, _ in step.words))[:_HINTS_MAX],
            "language": self._voice(language).listens,
            "speech_timeout": "auto",
            "profanity_filter": False,
        }

    def waiting(self, music: str, digits: str, then: str) -> str:
        """Music that a digit cuts short. It ends at some time, so that a caller whom we have
        lost asks again."""
        response = VoiceResponse()
        if not digits:
            self._music(response, music)
        else:
            gather = Gather(
                input="dtmf", action=then, method="POST", num_digits=1, timeout=1, finish_on_key=""
            )
            self._music(gather, music)
            response.append(gather)
        return self._then(response, then)

    def ask_again(self, then: str) -> str:
        """A short silence, then the same question."""
        response = VoiceResponse()
        response.pause(length=self._settings.again_s)
        return self._then(response, then)

    def ring_agents(
        self, phones: Mapping[str, str], ring_s: float, call: str, caller_id: str, then: str
    ) -> str:
        """Ring agents' phones (offer to address) for the caller, who hears it ring.

        Who answers first, or presses the key first, is connected.
        """
        response = VoiceResponse()
        outside = any(_is_outside(address) for address in phones.values())
        dial = Dial(
            action=then,
            method="POST",
            timeout=_seconds(ring_s, 1, 600),
            answer_on_bridge=True,
            caller_id=caller_id if outside and caller_id else None,
        )
        for offer, address in phones.items():
            self._ring(dial, call, offer, address)
        response.append(dial)
        return str(response)

    def _ring(self, dial: Dial, call: str, offer: str, address: str) -> None:
        progress = self._urls.leg(call, offer)
        confirm = self._urls.agent(call, offer) if self._confirms(address) else None
        if address.startswith("client:"):
            dial.client(
                address.removeprefix("client:"),
                status_callback=progress,
                status_callback_event=_PROGRESS,
                status_callback_method="POST",
            )
        elif not _is_outside(address):
            dial.sip(
                address,
                status_callback=progress,
                status_callback_event=_PROGRESS,
                status_callback_method="POST",
            )
        else:
            dial.number(
                address,
                url=confirm,
                method="POST" if confirm else None,
                status_callback=progress,
                status_callback_event=_PROGRESS,
                status_callback_method="POST",
            )

    def transfer(self, number: str, caller_id: str) -> str:
        """To an outside number, and from there nowhere."""
        response = VoiceResponse()
        response.dial(number, caller_id=caller_id or None, answer_on_bridge=True)
        response.hangup()
        return str(response)

    def room(self, call: Live, then: str) -> str:
        """Into the conference of the call's conversation; when that is over, on at `then`.

        With the caller everybody goes: nobody else is left in it then.
        """
        response = VoiceResponse()
        dial = Dial(action=then, method="POST")
        self._conference(dial, call, end_conference_on_exit=True)
        response.append(dial)
        return str(response)

    # The agent, and further parties ------------------------------------------------------

    def party_room(self, call: Live, party: Party | None = None) -> str:
        """Into the conference for the agent, or for a further party; after it nothing."""
        response = VoiceResponse()
        dial = Dial()
        mode = None if party is None else party.mode
        self._conference(
            dial,
            call,
            muted=True if mode is Supervision.LISTEN else None,
            coach=call.other_sid if mode is Supervision.WHISPER else None,
        )
        response.append(dial)
        return str(response)

    def _conference(self, dial: Dial, call: Live, **more: Any) -> None:
        dial.conference(
            call.room_name,
            beep="false",
            start_conference_on_enter=True,
            wait_url="",
            status_callback=self._urls.conference(call.call_id, call.room_no),
            status_callback_event="start end join leave",
            status_callback_method="POST",
            **more,
        )

    def confirm(self, call: str, offer: str) -> str:
        """An outside phone may be voice mail: only a key takes the call."""
        response = VoiceResponse()
        then = self._urls.yes(call, offer)
        gather = Gather(
            input="dtmf", action=then, method="POST", num_digits=1, timeout=5, finish_on_key=""
        )
        text = "A call from the queue. Press any key to take it."
        self._speak(gather, (Prompt(text, "en"), Prompt(text, "en")))
        response.append(gather)
        response.hangup()
        return str(response)

    def dial_customer(
        self, number: str, caller_id: str, dial_s: float, call: str, offer: str, then: str
    ) -> str:
        """The agent of a callback answered: now the customer."""
        response = VoiceResponse()
        dial = Dial(
            action=then,
            method="POST",
            timeout=_seconds(dial_s, 1, 600),
            caller_id=caller_id or None,
            answer_on_bridge=True,
        )
        dial.number(
            number,
            status_callback=self._urls.leg(call, offer),
            status_callback_event=_PROGRESS,
            status_callback_method="POST",
        )
        response.append(dial)
        return str(response)

    def on_hold(self, music: str) -> str:
        """What a party on hold hears, for as long as that takes."""
        response = VoiceResponse()
        self._music(response, music, loops=0)
        return str(response)

    def digits(self, digits: str) -> str:
        """DTMF, played to one party of a conference."""
        response = VoiceResponse()
        response.play(digits=digits)
        return str(response)

    # Anybody ---------------------------------------------------------------------------

    def hang_up(self) -> str:
        response = VoiceResponse()
        response.hangup()
        return str(response)

    def nothing(self) -> str:
        return str(VoiceResponse())

    def busy(self) -> str:
        response = VoiceResponse()
        response.reject(reason="busy")
        return str(response)

    def fallback(self) -> str:
        """Keeps the caller while we are away, and asks for us again and again."""
        response = VoiceResponse()
        self._speak(response, tuple(Prompt(text, lang) for lang, text in self._settings.sorry))
        response.pause(length=10)
        return self._then(response, self._urls.back)

    # Parts -----------------------------------------------------------------------------

    def _then(self, response: VoiceResponse, url: str) -> str:
        response.redirect(url, method="POST")
        return str(response)

    def _speak(self, parent: VoiceResponse | Gather, prompts: tuple[Prompt, ...]) -> None:
        for prompt in prompts:
            if self._settings.recordings_url and _RECORDING.fullmatch(prompt.recording):
                name = quote(f"{prompt.language}/{prompt.recording}.wav")
                parent.play(f"{self._settings.recordings_url}/{name}")
            elif text := speakable(prompt.text):
                voice = self._voice(prompt.language)
                parent.say(text, voice=voice.voice or None, language=voice.language)

    def _voice(self, language: str) -> Voice:
        voices = self._settings.voices
        return voices.get(language) or voices.get(language.partition("-")[0]) or Voice(language)

    def _music(self, parent: VoiceResponse | Gather, name: str, loops: int = -1) -> None:
        music = self._settings.music
        url = music.get(name) or music.get("default", "")
        if url:
            parent.play(url, loop=self._settings.music_loops if loops < 0 else loops)
        else:
            parent.pause(length=_SILENCE_S)

    def _confirms(self, address: str) -> bool:
        outside = not address.startswith(("client:", "sip:", "sips:"))
        return outside and self._settings.confirm_outside


def speakable(text: str) -> str:
    """Text as it can stand in a document: bounded, without what XML cannot hold."""
    return _UNSPEAKABLE.sub(" ", text)[:SAY_MAX].strip()


def _is_outside(address: str) -> bool:
    return not address.startswith(("client:", "sip:", "sips:"))


def _seconds(value: float, least: int, most: int) -> int:
    if not math.isfinite(value):
        return most
    return max(least, min(most, math.ceil(value)))
