"""The whole system on a Twilio account: webhooks through the console's port, phones, callbacks."""

from __future__ import annotations

import asyncio
import socket
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callcenter import twiliofloor
from callcenter.system import System
from config.settings import DEMO_SITE, Settings
from config.site import Site, TwilioSwitch
from cti import commands as c
from cti.calls import Place
from tests.cti.twilio.fake_twilio import FakeTwilio

DESK = "sip:desk-{agent}@pbx.example.com"


class Cloud:
    """A system and its simulated Twilio."""

    def __init__(self, system: System, twilio: FakeTwilio) -> None:
        self.system = system
        self.twilio = twilio

    async def until(self, what: Callable[[], Any], why: str) -> Any:
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while not (found := what()):
                    await asyncio.sleep(0.01)
                return found
        legs = "\n".join(f"{leg.to} {leg.status} {leg.heard}" for leg in self.twilio.legs.values())
        sent = "\n".join(f"{url} {said}" for url, said in self.twilio.sent[-10:])
        raise AssertionError(f"never: {why}\n{legs}\n{sent}\n{self.twilio.errors}")

    def state(self, agent: str) -> str:
        return self.system.router.engine.agent_view(agent).state


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    twilio = FakeTwilio(speed=10.0)
    await twilio.start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://localhost:{port}/twilio"
    monkeypatch.setenv("CALLCENTER_TEST_TOKEN", twilio.token)
    asked = twiliofloor.twilio_settings

    def settings(switch: TwilioSwitch, site: Site, var: Path) -> Any:
        return replace(asked(switch, site, var), api_url=twilio.api_url, check_s=0.3)

    monkeypatch.setattr(twiliofloor, "twilio_settings", settings)
    switch = TwilioSwitch(
        id="cloud",
        account_sid=twilio.account,
        auth_token_env="CALLCENTER_TEST_TOKEN",
        public_url=base,
        caller_id="+14165550100",
        desk_address=DESK,
    )
    twilio.voice_url, twilio.status_url = f"{base}/voice", f"{base}/status"
    twilio.fallback = f"{base}/fallback"
    system = System(Settings(var=tmp_path / "var", site=DEMO_SITE, port=port))
    system.site = replace(system.site, switches={"cloud": switch})
    try:
        await system.start()
        made = Cloud(system, twilio)
        await made.until(lambda: system.switches.is_up("cloud"), "the link is up")
        yield made
    finally:
        await system.stop()
        await twilio.stop()
    assert twilio.violations == []
    assert twilio.errors == []


async def test_a_call_comes_in_is_answered_and_written_down(cloud: Cloud) -> None:
    """From the number at Twilio through our one port to an agent's SIP phone, and to the record."""
    system, twilio = cloud.system, cloud.twilio
    await system.floor.sign_in("chen", "desk")
    await system.floor.ready("chen")
    caller = twilio.call_in(to="200", keys=["1"])
    await cloud.until(lambda: cloud.state("chen") == "talking", "Chen talks")
    assert caller.peer is twilio.leg_to(DESK.format(agent="chen"))
    call = system.router.call_of("chen")
    assert call is not None
    assert (call.link, call.ani) == ("cloud", "+12025550100")
    caller.hang_up()
    await cloud.until(lambda: cloud.state("chen") == "wrap-up", "Chen is in wrap-up")
    assert system.records.calls[call.call_id].outcome == "answered"
    text = system.metrics.text().decode()
    assert 'callcenter_link_up{link="cloud"} 1.0' in text


async def test_a_callback_goes_out_over_the_account(cloud: Cloud) -> None:
    """The agent first, then the customer, who sees the company's number."""
    system, twilio = cloud.system, cloud.twilio
    caller = twilio.call_in(to="200", keys=["1", "1", "1"])
    callback = await cloud.until(
        lambda: next(
            (c for c in system.router.book.calls.values() if c.direction == "callback"), 0
        ),
        "a callback is promised",
    )
    await cloud.until(lambda: not caller.live, "the caller leaves")
    await system.floor.sign_in("chen", "desk")
    await system.floor.ready("chen")
    await cloud.until(lambda: cloud.state("chen") == "talking" and callback.answered, "they talk")
    customer = twilio.leg_to("+12025550100")
    assert customer.peer is twilio.leg_to(DESK.format(agent="chen"))
    assert callback.link == "cloud"


async def test_a_recording_is_taken_from_twilio_into_our_store(cloud: Cloud) -> None:
    """Recorded there, kept and heard here, deleted there: the call itself is over long before."""
    system, twilio = cloud.system, cloud.twilio
    await system.floor.sign_in("chen", "desk")
    await system.floor.ready("chen")
    caller = twilio.call_in(to="200", keys=["1"])
    await cloud.until(lambda: cloud.state("chen") == "talking", "Chen talks")
    call = system.router.call_of("chen")
    assert call is not None
    system.router.execute(c.StartRecording(call.call_id, "rec-1"))
    await cloud.until(lambda: twilio.rooms.recordings, "it is recorded")
    await cloud.until(lambda: call.recording == "rec-1", "the desk knows")
    caller.hang_up()

    def kept() -> list[Path]:
        return list(system.settings.var.rglob("rec-1.wav"))

    await cloud.until(kept, "it is kept")
    with wave.open(str(kept()[0])) as sound:
        assert (sound.getnchannels(), sound.getnframes()) == (2, 8000)
    await cloud.until(lambda: not twilio.rooms.recordings, "it is deleted there")


async def test_an_agents_buttons_work_on_twilio(cloud: Cloud) -> None:
    """Consult, talk together, leave, and send back to a queue: the same verbs as anywhere."""
    system, twilio = cloud.system, cloud.twilio
    expert, chen = "+14165550123", DESK.format(agent="chen")
    await system.floor.sign_in("chen", "desk")
    await system.floor.ready("chen")
    caller = twilio.call_in(to="200", keys=["1"])
    await cloud.until(lambda: cloud.state("chen") == "talking", "Chen talks")
    call = system.router.call_of("chen")
    assert call is not None
    await system.floor.consult("chen", call.call_id, "number", expert)
    await cloud.until(lambda: any(leg.to == expert for leg in twilio.live), "the expert's phone")
    outside = twilio.leg_to(expert)
    await cloud.until(lambda: outside.peer is twilio.leg_to(chen), "they consult")
    await cloud.until(lambda: cloud.state("chen") == "consulting", "Chen consults")
    await system.floor.conference("chen", call.call_id)
    await cloud.until(lambda: len(caller.talks_with) == 2, "three talk together")
    await cloud.until(lambda: call.place is Place.CONFERENCE, "the books say so")
    await system.floor.complete("chen", call.call_id)
    await cloud.until(lambda: cloud.state("chen") == "wrap-up", "Chen is out")
    await cloud.until(lambda: caller.peer is outside, "the other two go on")
    caller.hang_up()
    await cloud.until(lambda: not twilio.live, "all have gone")


async def test_a_call_is_sent_back_to_a_queue_and_comes_to_another(cloud: Cloud) -> None:
    """The caller hears music and keeps the time of the first arrival; the agent is free."""
    system, twilio = cloud.system, cloud.twilio
    await system.floor.sign_in("chen", "desk")
    await system.floor.ready("chen")
    caller = twilio.call_in(to="200", keys=["1"])
    await cloud.until(lambda: cloud.state("chen") == "talking", "Chen talks")
    call = system.router.call_of("chen")
    assert call is not None
    await system.floor.transfer("chen", call.call_id, "queue", "support")
    await cloud.until(lambda: cloud.state("chen") == "wrap-up", "Chen is free")
    await cloud.until(lambda: call.place is Place.WAITING, "the caller waits")
    await cloud.until(lambda: twilio.live == [caller], "nobody else is there")
    assert call.queue == "support"
