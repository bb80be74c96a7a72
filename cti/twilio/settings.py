"""What a site says about its Twilio account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from cti.calls import Phone, PhoneKind

_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Voice:
    """How Twilio speaks one language: its language tag, and the voice ("" for Twilio's own).

    `hears` is the tag for recognising speech, where Twilio has another one for that.
    """

    language: str
    voice: str = ""
    hears: str = ""

    @property
    def listens(self) -> str:
        return self.hears or self.language


VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "en": Voice("en-US", "Polly.Joanna"),
        "zh": Voice("cmn-CN", "Polly.Zhiyu", "cmn-Hans-CN"),
    }
)


# Twilio's own, for everybody. A site that has music of its own names it.
MUSIC: Mapping[str, str] = MappingProxyType(
    {"default": "http://com.twilio.sounds.music.s3.amazonaws.com/ClockworkWaltz.mp3"}
)


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """One Twilio account.

    `public_url` is where Twilio reaches our webhooks, everything before "/voice" (such as
    "https://calls.example.com/twilio"): signatures are checked against it and against
    nothing that a request says of itself. REST is called with the account's token, or with
    an API key if one is given.

    `fallback_url` is where the document is hosted that keeps callers while we are away (see
    `TwilioLink.write_fallback`): somewhere that our own outage does not reach. "" is our own
    "/fallback", which helps only while this process is slow or broken, not when it is gone.

    Agents are dialled at `browser_address` and `desk_address`, where `{agent}` is the agent's
    id: "client:{agent}" for a Twilio Client, "sip:{agent}@pbx.example.com" for a phone that is
    registered elsewhere; "" when there is no such phone. `phones` are the phones that are
    reported up, as Twilio does not tell. An outside phone must press a key before it is
    connected (`confirm_outside`), or its voice mail would take calls.

    `conference_always`: conversations enter a conference as soon as they begin, not when the
    first order needs one. It costs more, and nothing is heard when a supervisor joins later.

    `caller_id` is shown on calls to outside numbers when nothing else is asked for; it must
    belong to the account. `music` and `recordings_url` are addresses that Twilio fetches
    sound from (no music: silence). `state_file` is where live calls are kept over a restart
    (None: nowhere).

    Times are in seconds. A webhook is answered after `answer_s` at the latest: with "ask
    again in `again_s`" when nobody has said by then what the caller is to hear.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    public_url: str
    api_key: str = ""
    api_secret: str = field(default="", repr=False)
    api_url: str = ""  # another REST origin than Twilio's: tests, private gateways
    caller_id: str = ""
    browser_address: str = "client:{agent}"
    desk_address: str = ""
    phones: tuple[tuple[str, PhoneKind], ...] = ()
    confirm_outside: bool = True
    conference_always: bool = False
    voices: Mapping[str, Voice] = field(default_factory=lambda: VOICES)
    music: Mapping[str, str] = field(default_factory=lambda: MUSIC)
    music_loops: int = 20
    recordings_url: str = ""
    fallback_url: str = ""
    sorry: tuple[tuple[str, str], ...] = (("en", "One moment, please. We will be right with you."),)
    state_file: Path | None = None
    answer_s: float = 2.0
    again_s: int = 1
    rest_timeout_s: float = 8.0
    rest_tries: int = 3
    check_s: float = 15.0
    max_calls: int = 5_000

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account_sid):
            raise ValueError("account_sid: AC and 32 hexadecimal digits are wanted")
        if not self.auth_token:
            raise ValueError("auth_token: without it no webhook can be trusted")
        url = urlsplit(self.public_url)
        safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
        if not safe or not url.netloc or url.query or url.fragment:
            raise ValueError("public_url: an https address without query is wanted")
        if self.fallback_url and urlsplit(self.fallback_url).scheme not in ("http", "https"):
            raise ValueError("fallback_url: a web address is wanted")
        if self.public_url.endswith("/"):
            raise ValueError("public_url: without the slash at the end, please")

    def address(self, phone: Phone) -> str:
        """Where the phone is dialled: "client:…", "sip:…" or a number; "" when it cannot be."""
        if phone.kind is PhoneKind.OUTSIDE:
            return phone.address
        wanted = self.browser_address if phone.kind is PhoneKind.BROWSER else self.desk_address
        if not _AGENT.fullmatch(phone.address):
            return ""
        return wanted.replace("{agent}", phone.address)
