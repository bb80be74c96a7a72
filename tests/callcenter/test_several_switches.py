"""One call center on several switches: starting them, choosing one, and going on without one."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from agent_console.ports import Refusal
from callcenter import switches
from callcenter.access import HomePhones
from callcenter.asteriskfloor import asterisk_config, other_places, place_of
from callcenter.switches import Switches, VirtualFloor
from callcenter.system import System
from config.check import load_site
from config.settings import DEMO_SITE, SecretMissing, Settings
from config.site import AsteriskSwitch, TwilioSwitch
from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind
from cti.virtual.phones import Act, Reaction, always
from cti.virtual.scheduling import RealTime
from cti.virtual.switch import VirtualSwitch

TOKEN = "f" * 32
TWILIO = TwilioSwitch(
    id="cloud",
    account_sid="AC" + "0" * 32,
    auth_token_env="CALLCENTER_TEST_TOKEN",
    public_url="http://localhost:1/twilio",
)


# Starting ----------------------------------------------------------------------------------


class Builder:
    """Brings switches up; those in `broken` do not start."""

    def __init__(self, *names: str) -> None:
        self.broken: set[str] = set()
        self.alarms: dict[str, dict[str, str]] = {}
        self.facts: list[e.Fact] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.switches = Switches(
            {name: lambda name=name: self.build(name) for name in names},
            alarm=self.alarm,
            spawn=self.spawn,
            on_new=lambda switch: None,
        )

    async def build(self, name: str) -> VirtualFloor:
        if name in self.broken:
            raise OSError(f"no room for {name}")
        return VirtualFloor(VirtualSwitch(name, RealTime()), None, NamedPhones(name))

    def alarm(self, code: str, text: dict[str, str] | None) -> None:
        if text is None:
            self.alarms.pop(code, None)
        else:
            self.alarms[code] = text

    def spawn(self, work: Awaitable[Any]) -> None:
        async def run() -> None:
            await work

        self.tasks.append(asyncio.create_task(run()))


class NamedPhones:
    """Log-ins that say where they are for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sip_url(self, at: str = "") -> str:
        return f"ws://{self.name}"

    async def agent_access(self, agent: str) -> Any:
        return {"user": f"agent-{agent}", "ws": "/sip", "password": self.name}

    caller_access = agent_access


async def test_one_that_does_not_start_is_an_alarm_and_comes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A port that is taken on one of them must not keep the other's callers out."""
    monkeypatch.setattr(switches, "AGAIN_FIRST_S", 0.05)
    builder = Builder("east", "west")
    builder.broken = {"east"}
    await builder.switches.start()
    await builder.switches.connect(builder.facts.append)
    assert [name for name in ("east", "west") if builder.switches.is_up(name)] == ["west"]
    assert "no room for east" in builder.alarms["switch-start-east"]["en"]
    assert builder.switches.names == ("east", "west")
    builder.broken = set()
    async with asyncio.timeout(5):
        while not builder.switches.is_up("east"):
            await asyncio.sleep(0.01)
        await asyncio.gather(*builder.tasks)
    assert builder.alarms == {}
    assert list(builder.switches.outgoing) == ["east", "west"]
    await builder.switches.disconnect()


async def test_each_of_several_that_do_not_start_comes_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that stays away must not keep another away that could start."""
    monkeypatch.setattr(switches, "AGAIN_FIRST_S", 0.05)
    builder = Builder("east", "north", "west")
    builder.broken = {"east", "north"}
    await builder.switches.start()
    await builder.switches.connect(builder.facts.append)
    assert list(builder.switches.outgoing) == ["west"]
    builder.broken = {"north"}
    async with asyncio.timeout(5):
        while not builder.switches.is_up("east"):
            await asyncio.sleep(0.01)
    assert list(builder.switches.outgoing) == ["east", "west"]
    assert list(builder.alarms) == ["switch-start-north"]
    await builder.switches.disconnect()
    for task in builder.tasks:
        task.cancel()


async def test_a_link_that_cannot_begin_leaves_its_switch_with_its_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Our own port is taken: callers there talk on, and the link comes as soon as it can."""
    monkeypatch.setattr(switches, "AGAIN_FIRST_S", 0.05)
    builder = Builder("east", "west")
    await builder.switches.start()
    east = builder.switches.up["east"]
    gone: list[str] = []

    async def refuse(sink: Any) -> None:
        raise OSError("port taken")

    async def note(what: str) -> None:
        gone.append(what)

    monkeypatch.setattr(east.link, "start", refuse)
    monkeypatch.setattr(VirtualFloor, "let_go", lambda floor: note("let go"))
    monkeypatch.setattr(VirtualFloor, "stop", lambda floor: note("stopped"))
    await builder.switches.connect(builder.facts.append)
    assert gone == ["let go"]
    assert "port taken" in builder.alarms["switch-start-east"]["en"]
    await asyncio.gather(*builder.tasks)
    assert builder.switches.is_up("east")
    assert builder.alarms == {}
    await builder.switches.disconnect()


async def test_a_switch_that_hangs_keeps_the_new_configuration_from_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others take it, and somebody is told which one did not."""
    builder = Builder("east", "west")
    await builder.switches.start()
    taken: list[str] = []

    async def reload(floor: VirtualFloor, site: Any) -> None:
        if floor.link.name == "east" and not taken:
            raise TimeoutError("no answer")
        taken.append(floor.link.name)

    monkeypatch.setattr(VirtualFloor, "reload", reload)
    site = load_site(DEMO_SITE)
    await builder.switches.reload(site)
    assert taken == ["west"]
    assert "no answer" in builder.alarms["switch-reload-east"]["en"]
    await builder.switches.reload(site)
    assert taken == ["west", "east", "west"]
    assert builder.alarms == {}


async def test_when_none_starts_the_reason_is_told() -> None:
    """A call center without any switch is a mistake to be seen at once."""
    builder = Builder("east", "west")
    builder.broken = {"east", "west"}
    with pytest.raises(OSError, match="no room for east"):
        await builder.switches.start()


# Browser phones ----------------------------------------------------------------------------


async def test_a_browser_registers_at_home_and_elsewhere_when_that_is_gone() -> None:
    """A console whose switch died asks for a new access and works on."""
    builder = Builder("east", "west")
    await builder.switches.start()
    await builder.switches.connect(builder.facts.append)
    phones = HomePhones(builder.switches, {"ben": "west"}.get)  # type: ignore[arg-type]
    assert (await phones.agent_access("ben"))["ws"] == "/sip?at=west"
    assert (await phones.agent_access("anna"))["ws"] == "/sip?at=east"
    assert phones.sip_url("west") == "ws://west"
    assert phones.sip_url("nowhere") == ""
    await builder.switches.up["west"].link.stop()
    assert (await phones.agent_access("ben"))["password"] == "east"
    await builder.switches.disconnect()


async def test_one_switch_needs_no_name() -> None:
    """Where there is no choice the address stays as it always was."""
    builder = Builder("only")
    await builder.switches.start()
    phones = HomePhones(builder.switches, lambda agent: "")
    assert (await phones.agent_access("ben"))["ws"] == "/sip"
    assert phones.sip_url() == "ws://only"


# Orders ------------------------------------------------------------------------------------


@pytest.fixture
async def two(opened: Any) -> Any:
    """A call center on "virtual" and "other"; `sent` is what each was ordered."""
    center = await opened()
    center.other = VirtualSwitch("other", center.time, agents=())
    center.router.links["other"] = center.other
    center.sent = {"virtual": [], "other": []}
    for link in (center.switch, center.other):
        _listen(link, center.sent[link.name])
    center.other.connect(center.router.receive)
    return center


def _listen(link: VirtualSwitch, sent: list[c.Order]) -> None:
    carry_out = link.execute

    def execute(order: c.Order) -> None:
        sent.append(order)
        carry_out(order)

    link.execute = execute  # type: ignore[method-assign]


def _last(sent: list[c.Order], kind: type) -> Any:
    return [order for order in sent if isinstance(order, kind)][-1]


async def test_a_phone_on_another_switch_is_led_there(two: Any) -> None:
    """The call's own switch rings it, and is told where it is registered."""
    await two.staff("anna")
    two.other.call_in(two.caller(talk_s=10.0))
    await two.until(lambda: any(isinstance(o, c.OfferCall) for o in two.sent["other"]))
    assert _last(two.sent["other"], c.OfferCall).phone == Phone(
        PhoneKind.BROWSER, "anna", via="virtual"
    )
    two.router.receive(e.PhoneUp("anna", "other"))
    here = two.router.phones.seen_from("other", Phone(PhoneKind.BROWSER, "anna"))
    assert here.via == ""
    assert two.router.phones.seen_from("other", Phone(PhoneKind.OUTSIDE, "+1416")).via == ""


async def test_a_browser_is_where_it_came_last(two: Any) -> None:
    """What an older switch remembers of a phone that moved must not ring into the void."""
    phones = two.router.phones
    browser, desk = (Phone(kind, "anna") for kind in (PhoneKind.BROWSER, PhoneKind.DESK))
    two.router.receive(e.PhoneUp("anna", "other"))
    for link in ("virtual", "other", "virtual"):
        two.router.receive(e.PhoneUp("anna", link, PhoneKind.DESK))
    assert phones.seen_from("virtual", browser).via == "other"
    assert phones.seen_from("other", browser).via == ""
    assert [phones.seen_from(link, desk).via for link in ("virtual", "other")] == ["", ""]
    two.router.receive(e.PhoneUp("anna", "virtual"))  # told again after a lost connection
    assert phones.seen_from("other", browser).via == ""
    two.router.receive(e.PhoneDown("anna", "other", "gone"))
    assert phones.seen_from("other", browser).via == "virtual"


async def test_a_caller_whose_agent_was_on_a_switch_that_ended_waits_again(two: Any) -> None:
    """Nobody can talk with a phone that is gone: music and the next agent, at once."""
    await two.staff("anna")
    talks = two.other.call_in(two.caller(talk_s=600.0, patience_s=600.0))
    await two.until(lambda: two.state("anna") == "talking")
    entered = two.router.book.get(talks).entered
    two.switch.disconnect()
    two.router.receive(e.LinkDown("virtual", "gone"))
    two.router.presence.switch_gone("virtual")
    assert _last(two.sent["other"], c.StartWaiting).entered_at == entered
    await two.run(2.0)
    assert two.outcome(talks) == "waiting"
    assert two.router.engine.position(talks) == 1
    two.router.presence.switch_gone("virtual")
    await two.run(2.0)
    assert two.outcome(talks) == "waiting"


async def test_where_the_agents_phone_is_survives_our_restart(two: Any, opened: Any) -> None:
    """Who is on which switch is in the journal: a switch may also die after our own restart."""
    await two.staff("anna")
    talks = two.other.call_in(two.caller(talk_s=600.0, patience_s=600.0))
    await two.until(lambda: two.state("anna") == "talking")
    two.die()
    two.other.disconnect()
    again = await opened(after=two)
    again.router.links["other"] = two.other
    assert again.router.book.get(talks).led == {"": "virtual"}
    two.other.connect(again.router.receive)
    await again.run(1.0)
    again.router.presence.switch_gone("virtual")
    await again.run(2.0)
    assert again.outcome(talks) == "waiting"


async def test_the_phone_of_whoever_has_the_call_counts(two: Any) -> None:
    """A consulted colleague on another switch takes the caller: from then on it is that phone."""
    await two.staff("anna", "ben")
    two.router.receive(e.PhoneUp("anna", "other"))
    call = two.other.call_in(two.caller(talk_s=600.0, patience_s=600.0, digits=("1", "1")))
    await two.until(lambda: "talking" in (two.state("anna"), two.state("ben")))
    book = two.router.book
    first, second = ("anna", "ben") if two.state("anna") == "talking" else ("ben", "anna")
    homes = {"anna": "", "ben": "virtual"}
    assert book.get(call).led.get("", "") == homes[first]
    await two.floor.consult(first, call, "agent", second)
    await two.until(lambda: book.get(call).legs and two.state(second) == "talking")
    await two.floor.complete(first, call)
    await two.until(lambda: book.get(call).agent == second)
    assert book.get(call).led.get("", "") == homes[second]


async def test_a_colleague_on_a_switch_that_ended_is_no_party_any_more(two: Any) -> None:
    """Nobody waits in silence for a voice that is gone: the agent goes back to the caller."""
    await two.staff("anna")
    two.router.receive(e.PhoneUp("anna", "other"))
    call = two.other.call_in(two.caller(talk_s=600.0, patience_s=600.0))
    await two.until(lambda: two.state("anna") == "talking")
    await two.staff("ben")
    await two.floor.consult("anna", call, "agent", "ben")
    await two.until(lambda: two.state("ben") == "talking")
    (leg,) = two.router.book.get(call).legs
    assert two.router.book.get(call).led == {leg: "virtual"}
    two.switch.disconnect()
    two.router.receive(e.LinkDown("virtual", "gone"))
    two.router.presence.switch_gone("virtual")
    await two.run(1.0)
    assert _last(two.sent["other"], c.EndLeg).leg_id == leg
    assert two.router.book.get(call).legs == {}
    assert two.state("anna") == "held"
    await two.floor.retrieve("anna", call)
    await two.until(lambda: two.state("anna") == "talking")


async def test_a_phone_that_rings_on_a_switch_that_ended_rings_no_more(opened: Any) -> None:
    """The caller on the other switch goes to the next agent, and nobody is blamed."""
    center = await opened(phones=always(Reaction(Act.IGNORE)))
    other = VirtualSwitch("other", center.time, phones=always(Reaction(Act.IGNORE)), agents=())
    center.router.links["other"] = other
    other.connect(center.router.receive)
    await center.staff("anna")
    call = other.call_in(center.caller(patience_s=600.0))
    await center.until(lambda: center.state("anna") == "reserved")
    center.switch.disconnect()
    center.router.receive(e.LinkDown("virtual", "gone"))
    center.router.presence.switch_gone("virtual")
    await center.run(0.5)
    assert center.state("anna") == "fault"
    assert center.router.engine.agent_view("anna").reason == "switch lost"
    assert center.outcome(call) == "waiting"


async def test_a_call_that_an_agent_places_goes_out_where_the_phone_is(two: Any) -> None:
    """One leg less to pay and to fail, unless that switch has no line to the outside."""
    await two.staff("anna")
    placed = await two.floor.dial("anna", "+12025550123", "")
    await two.run(0.2)
    assert _last(two.sent["virtual"], c.DialCallback).phone.via == ""
    assert two.router.book.get(placed).link == "virtual"
    await two.until(lambda: two.state("anna") != "talking", within_s=300.0)
    await two.drain()
    two.router.choice.outgoing = lambda: ("other",)
    placed = await two.floor.dial("anna", "+12025550124", "")
    await two.run(0.2)
    assert _last(two.sent["other"], c.DialCallback).phone.via == "virtual"
    assert two.router.book.get(placed).link == "other"


async def test_a_callback_goes_out_where_it_was_asked_for(two: Any) -> None:
    """The customer sees the same company, and the agent's phone is led to."""
    call = two.other.call_in(two.caller(digits=("1", "1", "1", "1"), patience_s=600.0))
    await two.until(lambda: f"cb-{call}" in two.router.book.calls, within_s=120.0)
    await two.staff("anna")
    await two.until(lambda: any(isinstance(o, c.DialCallback) for o in two.sent["other"]))
    assert _last(two.sent["other"], c.DialCallback).phone.via == "virtual"
    assert not any(isinstance(o, c.DialCallback) for o in two.sent["virtual"])


async def test_a_callback_goes_out_elsewhere_when_its_switch_is_gone(two: Any) -> None:
    """A promise is kept on whatever line there is, and that survives a restart."""
    call = two.other.call_in(two.caller(digits=("1", "1", "1", "1"), patience_s=600.0))
    await two.until(lambda: f"cb-{call}" in two.router.book.calls, within_s=120.0)
    await two.run(30.0)
    two.other.disconnect()
    two.router.receive(e.LinkDown("other", "cut"))
    await two.staff("anna")
    await two.until(lambda: any(isinstance(o, c.DialCallback) for o in two.sent["virtual"]))
    assert two.router.book.get(f"cb-{call}").link == "virtual"
    assert "CallPlaced" in two.journal.kinds()
    two.other.connect(two.router.receive)  # the other one knows nothing of it: no harm
    await two.run(5.0)
    assert two.outcome(f"cb-{call}") in ("dialling", "reached", "talking")


async def test_calls_we_place_go_only_where_there_is_a_trunk(two: Any) -> None:
    """A switch without a line to the outside would refuse, and the agent would wait in vain."""
    two.router.choice.outgoing = lambda: ("virtual",)
    call = two.other.call_in(two.caller(digits=("1", "1", "1", "1"), patience_s=600.0))
    await two.until(lambda: f"cb-{call}" in two.router.book.calls, within_s=120.0)
    await two.staff("anna")
    await two.until(lambda: any(isinstance(o, c.DialCallback) for o in two.sent["virtual"]))


async def test_a_phone_of_a_lost_switch_is_not_down_by_the_others_word(two: Any) -> None:
    """Who never had the phone cannot know that it is gone."""
    two.router.receive(e.PhoneDown("anna", "other", "not registered"))
    await two.staff("anna")
    two.switch.disconnect()
    two.router.receive(e.LinkDown("virtual", "cut"))
    assert two.router.phones.is_up("anna", PhoneKind.BROWSER) is None


async def test_nobody_is_blamed_before_the_second_switch_was_heard(two: Any) -> None:
    """After a restart the first switch's word is not enough to let deadlines pass."""
    again = type(two)(two.time, two.switch, two.journal, two.router.engine)
    again.router.links["other"] = VirtualSwitch("other", two.time, agents=())
    two.die()
    again.switch.connect(again.router.receive)
    await again.run(0.5)
    assert not again.router.live
    await again.run(5.0)
    assert again.router.live


async def test_calls_of_a_switch_that_is_no_longer_there_are_over(opened: Any) -> None:
    """A site without its second switch must not keep that one's callers in the line for ever."""
    center = await opened()
    call = center.call(patience_s=900.0)
    await center.run(30.0)
    assert center.outcome(call) == "waiting"
    center.router.presence.end_strangers(["east"])
    assert center.outcome(call) == "switch lost"
    assert center.router.book.get(call) is None


# Twilio's webhooks ---------------------------------------------------------------------------


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A running system whose only switch is a Twilio account that cannot be reached."""
    monkeypatch.setenv("CALLCENTER_TEST_TOKEN", TOKEN)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    system = System(Settings(var=tmp_path / "var", site=DEMO_SITE, port=port, switch="auto"))
    system.site = replace(system.site, switches={"cloud": TWILIO})
    await system.start()
    yield system
    await system.stop()


async def test_webhooks_need_no_session_and_no_origin_but_a_signature(cloud: Any) -> None:
    """Twilio's requests pass the console's checks by; whoever is not Twilio gets nothing."""
    url = f"{cloud.settings.base_url}/twilio/voice"
    form = {"CallSid": "CA" + "1" * 32, "AccountSid": TWILIO.account_sid, "CallStatus": "ringing"}
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(f"{TWILIO.public_url}/voice", form)
    async with aiohttp.ClientSession() as session:
        signed = {"X-Twilio-Signature": signature}
        async with session.post(url, data=form, headers=signed) as response:
            assert response.status == 200
            assert "<Response>" in await response.text()
        async with session.post(url, data=form) as response:
            assert response.status == 403
        async with session.post(url, data={"a": "x" * 100_000}, headers=signed) as response:
            assert response.status == 413
        async with session.post(f"{cloud.settings.base_url}/twilio", data=form) as response:
            assert response.status in (403, 404, 405), "the console's own rules hold elsewhere"
        async with session.get(f"{cloud.settings.base_url}/readyz") as response:
            assert response.status == 503
            assert (await response.json())["switches"] == {"cloud": False}
    fallback = (cloud.settings.var / "twilio-cloud.xml").read_text()
    assert "<Response>" in fallback


async def test_a_twilio_account_without_its_token_does_not_start(tmp_path: Path) -> None:
    """Nothing could be trusted: better say which variable is missing."""
    system = System(Settings(var=tmp_path / "var", site=DEMO_SITE))
    system.site = replace(system.site, switches={"cloud": TWILIO})
    with pytest.raises(SecretMissing, match="CALLCENTER_TEST_TOKEN is not set"):
        await system.start()


async def test_without_phones_nobody_gets_an_access(cloud: Any) -> None:
    """Twilio's callers reach agents by other ways than our browser phones."""
    phones = HomePhones(cloud.switches, lambda agent: "")
    assert phones.sip_url() == ""
    with pytest.raises(Refusal):
        await phones.agent_access("anna")


def test_twilio_may_ring_agents_phones_and_nothing_else() -> None:
    """Calls from a cloud must not come in as callers, and dial nothing out."""
    cloud = replace(TWILIO, sip_addresses=("198.51.100.0/30",))
    site = replace(load_site(DEMO_SITE), switches={"east": AsteriskSwitch("east"), "cloud": cloud})
    config = asterisk_config(Settings(), site, {}, "east")
    (trunk,) = [trunk for trunk in config.trunks if trunk.name == "cloud"]
    assert (trunk.context, trunk.contact) == ("cc-peer", "")
    assert trunk.addresses == cloud.sip_addresses


def test_each_asterisk_has_a_place_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    """Ports and folders never meet; what was chosen once stays, what is named counts."""
    named = AsteriskSwitch("west", sip_port=15999, rtp_first_port=40000, rtp_last_port=40099)
    switches = {
        "east": AsteriskSwitch("east"),
        "west": named,
        "asterisk": AsteriskSwitch("asterisk"),
    }
    site = replace(load_site(DEMO_SITE), switches=switches)
    settings = Settings(var=tmp_path)
    places = {name: place_of(settings, site, name) for name in switches}
    ports = [set(asdict(place.identity.ports).values()) for place in places.values()]
    assert all(not one & other for one, other in itertools.combinations(ports, 2))
    assert places["west"].identity.ports.sip == 15999
    assert places["west"].identity.ports.rtp_last == 40099
    assert places["asterisk"].layout.root == tmp_path / "asterisk"
    assert places["east"].layout.root == tmp_path / "asterisk-east"
    assert places == {name: place_of(settings, site, name) for name in switches}
    assert {p.name for p in other_places(settings, site, "west")} == {"east", "asterisk"}
