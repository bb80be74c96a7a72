"""Reads `site.yaml` field by field into a `Site`, collecting mistakes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import get_args

from phonenumbers import SUPPORTED_REGIONS

from acd import site as acd_site
from config.alert_reading import read_alerts, read_reckoning
from config.hours_reading import read_calendar, read_time_zone
from config.queue_reading import maybe, one_of, read_pop_url, read_queue, read_recording
from config.site import (
    PHONE_KINDS,
    TIERS,
    Agent,
    AsteriskSwitch,
    Label,
    Number,
    NumberRule,
    Phone,
    RecordingRule,
    Site,
    Switch,
    Trunk,
    TwilioSwitch,
    WhenAway,
)
from ivr.flow import Flow
from ivr.mistakes import Mistake, suggestion
from ivr.parsing import read_levels
from ivr.reading import ID, ID_FORM, LANGUAGE, Report, Section, shown
from ivr.skillneeds import JOINS

_AGENT_ID = re.compile(r"[a-z0-9-]{1,32}")
_AGENT_FORM = "use 1 to 32 lower case letters, digits and '-'"
_DIALLED = re.compile(r"\+?[0-9]{2,15}")
_DIALLED_FORM = "write 2 to 15 digits, with '+' before a country code"
_PREFIX = re.compile(r"\+[0-9]{1,14}")
_PREFIX_FORM = "write '+', the country code and the first digits, such as '+1416'"
_CONTACT = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_CONTACT_FORM = "write 'host' or 'host:port'"
_WORD = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_WORD_FORM = "use letters, digits, '.', '_', '+' and '-', at most 64"
_ENV = re.compile(r"CALLCENTER_[A-Z0-9_]{1,48}")
_ENV_FORM = "name an environment variable such as CALLCENTER_TRUNK_PASSWORD"
_REGION = re.compile(r"[A-Z]{2}")
_TRUNK = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_TRUNK_FORM = "start with a letter or digit; use lower case letters, digits and '-', at most 32"
_SWITCH = re.compile(r"[a-z][a-z0-9]{0,15}")
_SWITCH_FORM = "start with a letter; use lower case letters and digits, at most 16"
_KINDS = ("asterisk", "twilio")
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_ACCOUNT_FORM = "write AC and 32 hexadecimal digits, from Twilio's console"
_API_KEY = re.compile(r"SK[0-9a-f]{32}")
_API_KEY_FORM = "write SK and 32 hexadecimal digits, from Twilio's console"
_WEBHOOKS = re.compile(
    r"(https://[A-Za-z0-9.-]{1,253}|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?"
    r"/twilio(/[a-z0-9]{1,16})?"
)
_WEBHOOKS_FORM = "write it like https://calls.example.com/twilio"
_DIALLED_AT = re.compile(r"(client:|sip:)[A-Za-z0-9._-]*\{agent\}(@[A-Za-z0-9.:;=_-]{1,253})?")
_DIALLED_AT_FORM = "write it like sip:desk-{agent}@pbx.example.com"
_FETCHED = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[!-~]{0,400})?")
_FETCHED_FORM = "write a web address, such as https://files.example.com/waiting.mp3"
_E164 = re.compile(r"\+[0-9]{3,15}")
_E164_FORM = "write '+', the country code and the number"
_ONE = {
    "queues": "queue",
    "agents": "agent",
    "hours": "calendar",
    "trunks": "trunk",
    "switches": "switch",
}
_CODECS = ("ulaw", "alaw", "g722", "opus", "gsm")


class SiteReader:
    """Reads one site document. Call `languages` first: flows are parsed with them."""

    def __init__(self, report: Report, document: object) -> None:
        self.report = report
        self.top = Section(report, (), document, "the site")
        self._languages: tuple[str, ...] = ("en",)

    def languages(self) -> tuple[str, ...]:
        form = "write a language tag such as en or zh"
        found = self.top.texts("languages", pattern=LANGUAGE, form=form)
        if not found:
            self.top.missing("languages", "add 'languages: [en]'")
        self._languages = found or ("en",)
        return self._languages

    def read(self, flows: Mapping[str, Flow], flow_names: Collection[str]) -> Site:
        """The site with these flows; what is wrong is in the report."""
        top = self.top
        zone = read_time_zone(top, "time_zone", None)
        callbacks = top.section("callbacks")
        caller_id = callbacks.text("caller_id", "", pattern=_DIALLED, form=_DIALLED_FORM)
        recording, hear_own = self.site_recording()
        site = Site(
            company=top.text("company", limit=120),
            time_zone=zone,
            region=self.region(),
            languages=self._languages,
            default_flow=self.flow("default_flow", flow_names),
            numbers=self.numbers(flow_names),
            skills=self.label_map("skills"),
            queues={
                name: read_queue(name, part, self._languages, recording)
                for name, part in self.named("queues")
            },
            agents={
                name: self.agent(name, part)
                for name, part in self.named("agents", _AGENT_ID, _AGENT_FORM)
            },
            not_ready_reasons=tuple(self.label_map("not_ready_reasons").values()),
            dispositions=tuple(self.label_map("dispositions").values()),
            calendars={name: read_calendar(name, part, zone) for name, part in self.named("hours")},
            trunks={
                name: self.trunk(name, part)
                for name, part in self.named("trunks", _TRUNK, _TRUNK_FORM)
            },
            switches={
                name: self.switch(name, part)
                for name, part in self.named("switches", _SWITCH, _SWITCH_FORM)
            },
            flows=flows,
            callback_caller_id=caller_id,
            callback_numbers=self.rule(callbacks),
            transfer_numbers=self.rule(top.section("transfers")),
            speed_dials=tuple(self.speed_dials()),
            supervision_visible=top.flag("supervision_visible", True),
            recording=recording,
            agents_hear_own=hear_own,
            screen_pop_url=read_pop_url(top.section("screen_pop")),
            when_away=self.when_away(top.section("when_away")),
            console_grace_s=top.number("console_grace_s", 10.0, low=0, high=600),
            place_grace_s=top.number("place_grace_s", 0.0, low=0, high=3600),
            sharing=one_of(top, "sharing", get_args(acd_site.Sharing), "arrival"),
            priority_worth_s=maybe(top, "priority_worth_s", low=1, high=3600),
            tiers=self.tiers(),
            teams=self.label_map("teams"),
            alerts=read_alerts(top),
            reckoning=read_reckoning(top.section("figures")),
        )
        if not site.queues:
            top.missing("queues", "add 'queues:' with at least one queue")
        top.close()
        return site

    @staticmethod
    def with_warnings(site: Site, warnings: tuple[Mistake, ...]) -> Site:
        return dataclasses.replace(site, warnings=warnings)

    # Parts --------------------------------------------------------------------------------

    def named(
        self, key: str, pattern: re.Pattern[str] = ID, form: str = ID_FORM
    ) -> list[tuple[str, Section]]:
        """The named parts of a mapping, such as queues."""
        section = self.top.section(key)
        found = []
        for name in section.names():
            if not pattern.fullmatch(name):
                section.wrong(name, f"the name {shown(name)} in {key!r}", form)
            found.append((name, section.section(name, f"{_ONE[key]} {name!r}")))
        return found

    def region(self) -> str:
        found = self.top.text("region", pattern=_REGION, form="write two letters, such as CA")
        if found and found not in SUPPORTED_REGIONS:
            fix = "use the country's ISO code" + (", which is GB" if found == "UK" else "")
            self.top.wrong("region", f"unknown region {found!r}", fix)
        return found

    def label_map(self, key: str) -> dict[str, Label]:
        section = self.top.section(key)
        found: dict[str, Label] = {}
        for name in section.names():
            if not ID.fullmatch(name):
                section.wrong(name, f"the name {shown(name)} in {key!r}", ID_FORM)
            if key == "skills" and name in JOINS:
                fix = "use another word: this one joins needs"
                section.wrong(name, f"the name {shown(name)} in {key!r}", fix)
            found[name] = Label(name, section.labels(name, self._languages, name))
        return found

    def speed_dials(self) -> Iterator[Label]:
        """Numbers that people call or transfer to often."""
        section = self.top.section("speed_dials")
        for number in section.names():
            if not _DIALLED.fullmatch(number):
                section.wrong(number, f"the number {shown(number)}", _DIALLED_FORM)
            yield Label(number, section.labels(number, self._languages, number))

    def flow(self, key: str, flow_names: Collection[str]) -> str:
        name = self.top.name(key)
        if name and name not in flow_names:
            self.top.wrong(key, f"there is no flow {name!r}", suggestion(name, flow_names))
        return name

    def numbers(self, flow_names: Collection[str]) -> dict[str, Number]:
        section = self.top.section("numbers")
        found: dict[str, Number] = {}
        for dialled in section.names():
            if not _DIALLED.fullmatch(dialled):
                section.wrong(dialled, f"the number {shown(dialled)}", _DIALLED_FORM)
            part = section.section(dialled, f"number {dialled!r}")
            flow = part.name("flow")
            if flow and flow not in flow_names:
                part.wrong("flow", f"there is no flow {flow!r}", suggestion(flow, flow_names))
            language = part.text("language", "")
            if language and language not in self._languages:
                fix = suggestion(language, self._languages)
                part.wrong("language", f"the site has no language {language!r}", fix)
            labels = part.labels("labels", self._languages, dialled)
            priority = part.whole("priority", 0, low=-100, high=100)
            part.close()
            found[dialled] = Number(dialled, flow, language, labels, priority)
        return found

    def tiers(self) -> dict[str, int]:
        """What a customer's tier is worth: `{gold: 20, silver: 10}`."""
        section = self.top.section("tiers")
        for name in section.names():
            if name not in TIERS:
                section.wrong(name, f"unknown tier {shown(name)}", suggestion(name, TIERS))
        return {name: section.whole(name, low=-100, high=100) for name in section.names()}

    def site_recording(self) -> tuple[RecordingRule, bool]:
        """The rule of the site, and whether agents hear their own calls."""
        part = self.top.section("recording")
        hear_own = part.flag("agents_hear_own")
        return read_recording(part, RecordingRule()), hear_own

    def agent(self, name: str, part: Section) -> Agent:
        language = part.text("language", self._languages[0])
        if language not in self._languages:
            fix = suggestion(language, self._languages)
            part.wrong("language", f"the site has no language {language!r}", fix)
        queues, order = self.served(part)
        found = Agent(
            id=name,
            name=part.text("name", limit=80),
            queues=queues,
            order=order,
            weight=part.number("weight", 1.0, low=0.1, high=100),
            capacity=self.capacity(part.section("capacity")),
            team=part.name("team", ""),
            skills=read_levels(part, "skills"),
            phones=self.phones(part),
            language=language,
            switch=part.text("switch", "", pattern=_SWITCH, form=_SWITCH_FORM),
        )
        if not found.queues and "queues" not in part:
            part.missing("queues", "add 'queues: [...]': the queues this agent serves")
        part.close()
        return found

    @staticmethod
    def served(part: Section) -> tuple[tuple[str, ...], dict[str, int]]:
        """`[sales, support]`, or `{sales: 1, support: 2}` with the order of each."""
        if not isinstance(part.take("queues"), Mapping):
            return part.texts("queues", pattern=ID, form=ID_FORM), {}
        section = part.section("queues")
        for name in section.names():
            if not ID.fullmatch(name):
                section.wrong(name, f"'queues' holds {shown(name)}", ID_FORM)
        order = {name: section.whole(name, low=1, high=100) for name in section.names()}
        return section.names(), order

    @staticmethod
    def capacity(section: Section) -> dict[str, int]:
        """How many of each kind of work at a time: `{call: 1, chat: 3}`."""
        for name in section.names():
            if not ID.fullmatch(name):
                section.wrong(name, f"'capacity' holds {shown(name)}", ID_FORM)
        return {
            name: section.whole(name, low=0, high=1 if name == acd_site.CALL else 50)
            for name in section.names()
        }

    def phones(self, part: Section) -> tuple[Phone, ...]:
        """`[browser, desk, {outside: "+14165550199"}]`; a browser phone when none are named."""
        agent = part.path[-1]
        found: list[Phone] = []
        for path, item in part.items("phones"):
            if isinstance(item, Mapping):
                outside = Section(self.report, path, item, "a phone")
                number = outside.text("outside", pattern=_DIALLED, form=_DIALLED_FORM)
                outside.close()
                found.append(Phone("outside", number))
            elif item in ("browser", "desk"):
                found.append(Phone(str(item), str(agent)))
            elif item == "outside":
                fix = "write {outside: '+14165550199'}"
                self.report.add(path, "an outside phone without its number", fix)
            else:
                fix = suggestion(str(item), PHONE_KINDS)
                self.report.add(path, f"unknown kind of phone {shown(item)}", fix)
        return tuple(found) or (Phone("browser", str(agent)),)

    @staticmethod
    def when_away(part: Section) -> WhenAway:
        found = WhenAway(
            ring=part.text("ring", "", pattern=_AGENT_ID, form=_AGENT_FORM),
            after_s=part.number("after_s", 30.0, low=1, high=600),
            ring_s=part.number("ring_s", 60.0, low=5, high=600),
        )
        part.close()
        return found

    def trunk(self, name: str, part: Section) -> Trunk:
        codecs = part.texts("codecs")
        for codec in codecs:
            if codec not in _CODECS:
                part.wrong("codecs", f"unknown codec {shown(codec)}", suggestion(codec, _CODECS))
        found = Trunk(
            id=name,
            addresses=self.addresses(part),
            contact=part.text("contact", "", pattern=_CONTACT, form=_CONTACT_FORM),
            user=part.text("user", "", pattern=_WORD, form=_WORD_FORM),
            password_env=part.text("password_env", "", pattern=_ENV, form=_ENV_FORM),
            register=part.flag("register"),
            codecs=codecs or ("ulaw", "alaw"),
            switch=part.text("switch", "", pattern=_SWITCH, form=_SWITCH_FORM),
        )
        self.no_secret(part, "password", "a password")
        if found.register and not found.contact:
            part.missing("contact", "add 'contact:': where to register")
        if found.register and not found.user:
            part.missing("user", "add 'user:': registering needs one")
        if found.user and not found.password_env:
            part.missing("password_env", _ENV_FORM)
        if found.password_env and not found.user:
            part.missing("user", "add 'user:', whose password this is")
        part.close()
        return found

    @staticmethod
    def no_secret(part: Section, key: str, what: str) -> None:
        """A secret itself, where the name of its variable belongs."""
        if key in part:
            part.take(key)
            part.wrong(key, f"{what} in the configuration", f"{_ENV_FORM} instead")

    def switch(self, name: str, part: Section) -> Switch:
        if part.one_of("kind", _KINDS) == "twilio":
            return self.twilio(name, part)
        found = AsteriskSwitch(
            id=name,
            sip_address=self.address(part, "sip_address"),
            sip_port=self.port(part, "sip_port"),
            ami_port=self.port(part, "ami_port"),
            http_port=self.port(part, "http_port"),
            agi_port=self.port(part, "agi_port"),
            rtp_first_port=self.port(part, "rtp_first_port"),
            rtp_last_port=self.port(part, "rtp_last_port"),
        )
        if bool(found.rtp_first_port) != bool(found.rtp_last_port):
            other = "rtp_last_port" if found.rtp_first_port else "rtp_first_port"
            part.missing(other, "set both or none")
        elif found.rtp_first_port and found.rtp_last_port < found.rtp_first_port + 3:
            what = f"'rtp_last_port' is {found.rtp_last_port}"
            part.wrong("rtp_last_port", what, f"use at least {found.rtp_first_port + 3}")
        part.close()
        return found

    @staticmethod
    def port(part: Section, key: str) -> int:
        return part.whole(key, 0, low=1024, high=65535)

    def address(self, part: Section, key: str) -> str:
        found = part.text(key, "")
        try:
            ip_address(found or "127.0.0.1")
        except ValueError:
            part.wrong(key, f"{key!r} is {shown(found)}", "write an IP address of this machine")
        return found

    def twilio(self, name: str, part: Section) -> TwilioSwitch:
        found = TwilioSwitch(
            id=name,
            account_sid=part.text("account_sid", pattern=_ACCOUNT, form=_ACCOUNT_FORM),
            auth_token_env=part.text("auth_token_env", pattern=_ENV, form=_ENV_FORM),
            public_url=part.text("public_url", pattern=_WEBHOOKS, form=_WEBHOOKS_FORM),
            api_key=part.text("api_key", "", pattern=_API_KEY, form=_API_KEY_FORM),
            api_secret_env=part.text("api_secret_env", "", pattern=_ENV, form=_ENV_FORM),
            caller_id=part.text("caller_id", "", pattern=_E164, form=_E164_FORM),
            browser_address=part.text(
                "browser_address", "", pattern=_DIALLED_AT, form=_DIALLED_AT_FORM
            ),
            desk_address=part.text("desk_address", "", pattern=_DIALLED_AT, form=_DIALLED_AT_FORM),
            sip_addresses=self.addresses(part, "sip_addresses"),
            fallback_url=part.text("fallback_url", "", pattern=_FETCHED, form=_FETCHED_FORM),
            music_url=part.text("music_url", "", pattern=_FETCHED, form=_FETCHED_FORM),
            recordings_url=part.text("recordings_url", "", pattern=_FETCHED, form=_FETCHED_FORM),
            conference_always=part.flag("conference_always"),
        )
        self.no_secret(part, "auth_token", "a token")
        self.no_secret(part, "api_secret", "a secret")
        if found.api_key and not found.api_secret_env:
            part.missing("api_secret_env", _ENV_FORM)
        if found.api_secret_env and not found.api_key:
            part.missing("api_key", "add 'api_key:', whose secret this is")
        part.close()
        return found

    def addresses(self, part: Section, key: str = "addresses") -> tuple[str, ...]:
        """The IP addresses or networks that calls come from."""
        found = part.texts(key)
        for index, address in enumerate(found):
            path = (*part.path, key, index)
            try:
                network = ip_network(address, strict=False)
            except ValueError:
                fix = "write an IP address or a network, such as 203.0.113.0/24"
                self.report.add(path, f"{shown(address)} is no address", fix)
                continue
            if network.prefixlen == 0:
                fix = "name your provider's addresses only"
                self.report.add(path, f"{shown(address)} lets the whole world call in", fix)
        if not found and key == "addresses":
            part.missing("addresses", "add 'addresses: [...]': where its calls come from")
        return found

    def rule(self, part: Section) -> NumberRule:
        found = NumberRule(
            allow=part.texts("allow", pattern=_PREFIX, form=_PREFIX_FORM),
            refuse=part.texts("refuse", pattern=_PREFIX, form=_PREFIX_FORM),
        )
        part.close()
        return found
