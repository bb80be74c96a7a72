"""Two of our Asterisks: a caller of one is connected to an agent whose phone is at the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cti import commands as c
from cti import events as e
from cti.asterisk.configuration import AgentLine, AsteriskConfig, Peer, Trunk, render
from cti.asterisk.dialplan import Dialplan
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Layout, free_ports
from cti.asterisk.server import AsteriskServer
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind
from tests.cti.asterisk.conftest import SECRET, TONES_HZ, Desk, Lab, start_lab, stop_lab

pytestmark = pytest.mark.asterisk

BRANCH = "127.0.0.3"
NETWORK = "127.0.0.2"


@pytest.fixture(scope="module")
def lab(asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]) -> Iterator[Lab]:
    """Two of our switches that know each other, on one network; dora's phone is at the second."""
    layout = Layout(asterisk_folder() / "a")
    identity = layout.identity(free_ports())
    lab = start_lab(
        asterisk_install,
        asterisk_folder,
        network_address=NETWORK,
        peers=(Peer("b", BRANCH, identity.ports.sip),),
        phones_elsewhere={"dora": f"{BRANCH}:{identity.ports.sip}"},
    )
    config = AsteriskConfig(
        name="branch",
        agents=(AgentLine("dora", desk_secret=SECRET),),
        trunks=(Trunk("main", (NETWORK,), f"{NETWORK}:{lab.network.identity.ports.sip}"),),
        peers=(Peer("t", "127.0.0.1", lab.office.identity.ports.sip),),
        sip_address=BRANCH,
    )
    plan = Dialplan("b", identity.ports.agi, trunk="main")
    files = render(config, layout, asterisk_install, identity, plan.text())
    branch = AsteriskServer(asterisk_install, layout, identity, files)

    async def begin() -> None:
        await branch.start()
        async with asyncio.timeout(20):
            while "desk-dora/sip:" not in await branch.console("pjsip show contacts"):
                await asyncio.sleep(0.2)
            while not re.search(
                r"peer-b/.* Avail", await lab.office.console("pjsip show contacts")
            ):
                await lab.office.console("pjsip qualify peer-b")
                await asyncio.sleep(0.2)

    asyncio.run(begin())
    try:
        yield lab
    finally:
        stop_lab(lab)
        asyncio.run(branch.stop(graceful_s=1.0))


def at_branch(agent: str = "dora") -> Phone:
    return Phone(PhoneKind.DESK, agent, "b")


async def waiting(desk: Desk) -> tuple[str, object]:
    record = await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    return call_id, record


async def test_a_phone_at_our_other_switch_takes_the_call(desk, hearing):
    """One waiting line over two switches: both hear each other, the number is shown."""
    await desk.phone("deskdora", "answer")
    call_id, record = await waiting(desk)
    desk.link.execute(c.OfferCall(call_id, "o1", "dora", at_branch(), 8.0))
    await desk.facts.wait(e.OfferRinging, agent_id="dora")
    await desk.facts.wait(e.OfferAnswered, agent_id="dora")
    await asyncio.sleep(2.0)
    assert desk.shown["deskdora"] == "15550100"
    await desk.phone_hangs_up("deskdora")
    assert (await desk.facts.wait(e.CallEnded, call_id=call_id)).by is EndedBy.AGENT
    assert (await hearing(f"{record}-heard.wav")).tone(1300, -1.2) > 0.5
    assert (await hearing(f"{record}-deskdora-heard.wav")).tone(700, -1.2) > 0.5


async def test_why_a_phone_at_our_other_switch_did_not_answer(desk):
    """Routing treats a refusal, silence and a dead phone differently, wherever the phone is."""
    call_id, _ = await waiting(desk)
    for number, (act, agent, why) in enumerate(
        (
            ("ring", "dora", OfferFailure.NO_ANSWER),
            ("refuse", "dora", OfferFailure.REFUSED),
            ("decline", "dora", OfferFailure.REFUSED),
            ("congestion", "dora", OfferFailure.UNREACHABLE),
            ("answer", "nobody", OfferFailure.UNREACHABLE),
        )
    ):
        await desk.phone("deskdora", act)
        name = f"o{number}"
        desk.link.execute(c.OfferCall(call_id, name, agent, at_branch(agent), 2.0))
        assert (await desk.facts.wait(e.OfferFailed, offer_id=name)).why is why, act
        await desk.facts.wait(e.CallWaiting, skip=number + 1)
    desk.link.execute(
        c.OfferCall(call_id, "far", "dora", Phone(PhoneKind.DESK, "dora", "nowhere"), 2.0)
    )
    failed = await desk.facts.wait(e.OfferFailed, offer_id="far")
    assert failed.why is OfferFailure.UNREACHABLE


async def test_a_phone_at_our_other_switch_is_consulted_and_takes_the_call_over(desk, ears):
    """A further leg, a hold and a hand-over cross the two switches like an offer does."""
    await desk.tone("deskdora", TONES_HZ["deskcleo"])
    await desk.phone("deskdora", "answer")
    call_id = await desk.talking()
    desk.link.execute(c.DialLeg(call_id, "l1", "dora", at_branch(), "", 8.0))
    await desk.facts.wait(e.LegRinging, agent_id="dora")
    await desk.facts.wait(e.LegAnswered, agent_id="dora")
    await ears.phase("asking", music="caller", deskanna="deskcleo", deskdora="deskanna")
    await desk.phone_hangs_up("deskanna")
    await desk.facts.wait(e.CallHandedOver, agent_id="dora")
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld, skip=1)
    desk.link.execute(c.RetrieveCall(call_id))
    await desk.facts.wait(e.CallRetrieved)
    await ears.phase("handed over", caller="deskcleo", deskdora="caller")
    await desk.phone_hangs_up("deskdora")
    assert (await desk.facts.wait(e.CallEnded, call_id=call_id)).by is EndedBy.AGENT
    await ears.check()


async def test_a_peer_can_ring_agents_phones_and_nothing_else(desk):
    """Whoever takes over one switch must not dial out, or into menus, at the cost of the other."""
    await desk.phone("deskdora", "answer")

    async def dial(target: str) -> None:
        action = {"Action": "Originate", "Channel": f"PJSIP/{target}@peer-b", "Async": "true"}
        await desk.link._ami.request({**action, "Application": "Wait", "Data": "2"})

    for target in (
        "+49301234",
        "0049301234",
        "5000",
        "s",
        "trunk-main",
        "agent",
        "dnumber",
        "a*11",
        "desk-gone",
        "desk-dora%26PJSIP%2F49301234@trunk-main",
    ):
        await dial(target)
    await asyncio.sleep(1.0)
    assert await desk.rung() == []
    await dial("desk-dora")
    async with asyncio.timeout(5):
        while "deskdora" not in await desk.rung():
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("via", ["b@x", "b&PJSIP/x", "B", "", "x" * 40])
async def test_the_name_of_a_switch_is_checked(desk, via):
    """A name is part of what is dialled: it must not bring more with it."""
    call_id, _ = await waiting(desk)
    phone = Phone(PhoneKind.DESK, "dora", via or "~")
    desk.link.execute(c.OfferCall(call_id, "o1", "dora", phone, 2.0))
    assert (await desk.facts.wait(e.OrderFailed)).order == "OfferCall"
