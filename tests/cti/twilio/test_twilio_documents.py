"""TwiML, settings and REST by themselves: what Twilio is asked for, to the letter."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from cti.calls import LegState, Phone, PhoneKind, Prompt, Supervision
from cti.commands import CollectDigits, PlayPrompts
from cti.twilio.keeping import pack, unpack
from cti.twilio.live import Live, Party, Recording, Room
from cti.twilio.memory import Memory
from cti.twilio.settings import TwilioSettings, Voice
from cti.twilio.twiml import SAY_MAX, Documents
from cti.twilio.urls import Urls, parse
from tests.cti.twilio.openapi import FILE, description

ACCOUNT = "AC" + "5" * 32


def settings(**more: Any) -> TwilioSettings:
    given: dict[str, Any] = {
        "account_sid": ACCOUNT,
        "auth_token": "t",
        "public_url": "https://calls.example.com/twilio",
    }
    return TwilioSettings(**{**given, **more})


def documents(**more: Any) -> Documents:
    made = settings(**more)
    return Documents(made, Urls(made.public_url))


@pytest.mark.parametrize(
    ("step", "timeout", "digits", "finish"),
    [
        (CollectDigits((), 1, 5.0, 9.0, "#"), "5", "1", "#"),
        (CollectDigits((), 4, 5.0, 7.2, "#"), "8", "4", "#"),
        (CollectDigits((), 4, 5.0, 3.0, ""), "5", "4", ""),
        (CollectDigits((), 4, 0.0, 0.0, "**"), "1", "4", ""),
        (CollectDigits((), 0, float("inf"), 3.0, "*"), "120", "1", "*"),
    ],
)
def test_digits_are_gathered_as_the_step_says(
    step: CollectDigits, timeout: str, digits: str, finish: str
) -> None:
    """Twilio has one timeout in whole seconds where a step has two: no caller is cut short."""
    gather = ET.fromstring(documents().step(step, "then"))[0]
    found = (gather.get("timeout"), gather.get("numDigits"), gather.get("finishOnKey"))
    assert found == (timeout, digits, finish)


def test_a_recording_is_played_where_there_is_one() -> None:
    """A site's own voice wins over the synthesiser; a name that is a path does not."""
    made = documents(recordings_url="https://sound.example.com")
    prompts = (
        Prompt("Hello", "en", "greeting/day"),
        Prompt("Bye", "en", "../../etc/passwd"),
        Prompt("Wait", "fr"),
    )
    verbs = list(ET.fromstring(made.step(PlayPrompts(prompts), "then")))
    assert [(verb.tag, verb.text) for verb in verbs[:3]] == [
        ("Play", "https://sound.example.com/en/greeting/day.wav"),
        ("Say", "Bye"),
        ("Say", "Wait"),
    ]
    assert verbs[2].get("language") == "fr"


def test_languages_have_their_voices() -> None:
    """A Chinese sentence read by an English voice is noise."""
    made = documents(voices={"zh": Voice("cmn-CN", "Polly.Zhiyu")})
    prompts = (Prompt("您好", "zh"), Prompt("您好", "zh-TW"))
    for verb in list(ET.fromstring(made.step(PlayPrompts(prompts), "then")))[:2]:
        assert (verb.text, verb.get("language")) == ("您好", "cmn-CN")


def test_a_document_is_bounded_and_well_formed() -> None:
    """Twilio refuses a document with a character that XML cannot hold, and hangs up."""
    text = "".join(map(chr, range(256))) + "\ud800\uffff" + "x" * 10_000
    (say, _) = ET.fromstring(documents().step(PlayPrompts((Prompt(text),)), "then"))
    assert len(say.text or "") <= SAY_MAX


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"account_sid": "AC1"}, "account_sid"),
        ({"auth_token": ""}, "auth_token"),
        ({"public_url": "http://calls.example.com/twilio"}, "public_url"),
        ({"public_url": "https://calls.example.com/twilio/"}, "public_url"),
        ({"public_url": "https://calls.example.com/?x=1"}, "public_url"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str], what: str) -> None:
    """A mistake must show at the start, not at the first call."""
    with pytest.raises(ValueError, match=what):
        settings(**wrong)


def test_secrets_are_not_shown() -> None:
    """Settings end up in logs and tracebacks."""
    shown = repr(settings(auth_token="hush-1", api_secret="hush-2"))
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("phone", "address"),
    [
        (Phone(PhoneKind.BROWSER, "anna"), "client:anna"),
        (Phone(PhoneKind.DESK, "anna"), "sip:anna@pbx.example.com"),
        (Phone(PhoneKind.BROWSER, "anna@evil.example.com"), ""),
        (Phone(PhoneKind.DESK, "{agent}"), ""),
    ],
)
def test_where_phones_are_dialled(phone: Phone, address: str) -> None:
    """An agent's id must not become another address."""
    made = settings(desk_address="sip:{agent}@pbx.example.com")
    assert made.address(phone) == address


def test_addresses_are_taken_apart_as_they_were_made() -> None:
    """What we hand to Twilio must come back as what it was."""
    urls = Urls("")
    call, offer = "cb-asterisk-17.3~o", "o1:2"
    for url, name in (
        (urls.step(call, 7), "step"),
        (urls.again(call, 7), "again"),
        (urls.agent(call, offer), "agent"),
        (urls.yes(call, offer), "yes"),
        (urls.room(call, offer), "room"),
        (urls.digits(call, offer), "digits"),
        (urls.conference(call, 3), "conference"),
        (urls.recording(call, offer), "recording"),
        (urls.hold(call), "hold"),
        (urls.leg(call, offer), "leg"),
        (urls.lead(call, offer), "lead"),
    ):
        route = parse(url)
        assert route is not None
        assert (route.name, route.call) == (name, call)
        assert route.leg in ("", offer)


def test_a_call_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    """A restart reads what was written, and ended calls stay ended."""
    file = tmp_path / "calls"
    memory = Memory(file)
    memory.open()
    call = Live("twilio-CA1", "CA1", ani="+1", turn=4, flow_state="flow:x")
    call.room, call.room_no, call.room_sid = Room.IN, 2, "CF1"
    call.parties["l1"] = Party("l1", "ben", sid="CA3", state=LegState.HELD)
    call.parties["s1"] = Party("s1", "sam", mode=Supervision.WHISPER, confirms=True, rang=True)
    call.recording = Recording("r1", "RE1")
    memory.keep(call.call_id, pack(call))
    memory.forget("twilio-CA2", "CA2")
    memory.close()
    kept, ended = Memory(file).open()
    assert ended == ["CA2"]
    again = unpack("twilio-CA1", kept["twilio-CA1"])
    assert again.resume
    assert pack(again) == pack(call)
    assert file.stat().st_mode & 0o077 == 0, "callers' numbers are nobody else's to read"


def test_twilios_description_is_there() -> None:
    """Without it the simulated Twilio takes any REST call, and the tests prove less."""
    api = description()
    if api is None:
        pytest.skip(f"Twilio's OpenAPI description is missing: ../shared/twilio/{FILE.name}")
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
    good = [("To", "client:anna"), ("From", "+14165550100"), ("Url", "https://x.example")]
    assert api.request("POST", path, [], good) == []
    # The check itself must be able to fail.
    for bad in (good[:1], [*good, ("Colour", "red")], [*good, ("Timeout", "soon")]):
        assert api.request("POST", path, [], bad) != []
    one = path.replace(".json", "/CA" + "a" * 32 + ".json")
    assert api.request("POST", one, [], [("Status", "completed")]) == []
    assert api.request("POST", one, [], [("Status", "exploded")]) != []
    assert api.request("GET", path, [("Status", "in-progress"), ("PageSize", "9")], []) == []
    assert api.request("GET", path, [("Sort", "up")], []) != []
