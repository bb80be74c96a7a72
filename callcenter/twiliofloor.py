"""A Twilio account among the switches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from agent_console.ports import Phones
from callcenter.access import NoPhones
from config.settings import SecretMissing, secret_from_environment
from config.site import Site, TwilioSwitch
from cti.calls import PhoneKind
from cti.dialing import DialRules
from cti.twilio.link import TwilioLink
from cti.twilio.settings import MUSIC, TwilioSettings


@dataclass(slots=True)
class TwilioFloor:
    """The link and its webhooks."""

    link: TwilioLink
    path: str  # of the webhooks
    can_dial: bool
    phones: Phones
    kind: str = "twilio"

    @property
    def webhooks(self) -> tuple[str, ASGIApp] | None:
        return self.path, self.link.asgi

    async def begin(self) -> None:
        return

    async def back(self) -> None:
        return

    def check(self, site: Site) -> None:
        return

    async def reload(self, site: Site) -> None:
        """Numbers and flows are the router's; the account's own part wants a restart."""

    async def let_go(self) -> None:
        return

    async def stop(self) -> None:
        return


def twilio_floor(switch: TwilioSwitch, site: Site, var: Path, rules: DialRules) -> TwilioFloor:
    """Also writes the document that keeps callers while we are away, to be hosted elsewhere.

    Raises `SecretMissing` and OSError.
    """
    settings = twilio_settings(switch, site, var)
    link = TwilioLink(switch.id, settings, dialling=rules)
    path = urlsplit(switch.public_url).path
    link.write_fallback(var / f"twilio-{switch.id}.xml")
    return TwilioFloor(link, path, bool(switch.caller_id), NoPhones())


def twilio_settings(switch: TwilioSwitch, site: Site, var: Path) -> TwilioSettings:
    """What the link is to know of its account."""
    token = secret_from_environment(switch.auth_token_env)
    if not token:
        what = f"{switch.auth_token_env} is not set: the token of the Twilio account {switch.id}"
        raise SecretMissing(what)
    return TwilioSettings(
        account_sid=switch.account_sid,
        auth_token=token,
        public_url=switch.public_url,
        api_key=switch.api_key,
        api_secret=secret_from_environment(switch.api_secret_env) if switch.api_key else "",
        caller_id=switch.caller_id,
        browser_address=switch.browser_address,
        desk_address=switch.desk_address,
        phones=_known_phones(switch, site),
        state_file=var / f"twilio-{switch.id}.calls",
        fallback_url=switch.fallback_url,
        music={"default": switch.music_url} if switch.music_url else MUSIC,
        recordings_url=switch.recordings_url.rstrip("/"),
        conference_always=switch.conference_always,
    )


def _known_phones(switch: TwilioSwitch, site: Site) -> tuple[tuple[str, PhoneKind], ...]:
    """The phones that count as up because nobody else can tell: none where an Asterisk knows."""
    if any(not isinstance(one, TwilioSwitch) for one in site.switches.values()):
        return ()
    addresses = {"browser": switch.browser_address, "desk": switch.desk_address}
    return tuple(
        (agent.id, PhoneKind(phone.kind))
        for agent in site.agents.values()
        for phone in agent.phones
        if addresses.get(phone.kind)
    )
