"""Forged, altered and replayed webhooks against a conversation: nothing of it changes."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from cti import commands as c
from cti import events as e
from cti.calls import Supervision
from cti.twilio.keeping import pack
from tests.cti.twilio.conftest import Center, World
from tests.cti.twilio.test_twilio_conversations import (
    ANNA,
    DANA,
    consulting,
    dial,
    supervise,
    talking,
    told,
)

SID = "CA" + "e" * 32


def state(center: Center) -> tuple[list[e.Fact], dict[str, Any]]:
    calls = {call.call_id: copy.deepcopy(pack(call)) for call in center.link._book.calls}
    return list(center.facts), calls


def forgeries(world: World, url: str, said: Mapping[str, str]) -> list[tuple[str, Any, Any, int]]:
    """Name, body, headers, status."""
    good = world.twilio.signature(url, said)
    host = "evil.example.com"
    elsewhere = url.replace(urlsplit(url).netloc, host)
    body = urlencode(said)
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def signed(signature: str, **more: str) -> dict[str, str]:
        return {**form, "X-Twilio-Signature": signature, **more}

    stranger = RequestValidator("a token of somebody else")
    return [
        ("no signature", body, form, 403),
        ("no token", body, signed(stranger.compute_signature(url, dict(said))), 403),
        ("altered", body + "&AnsweredBy=human", signed(good), 403),
        ("another address", body, signed(world.twilio.signature(url + "0", said)), 403),
        (
            "a made-up host",
            body,
            signed(
                stranger.compute_signature(elsewhere, dict(said)),
                **{"Host": host, "X-Forwarded-Host": host, "X-Original-Host": host},
            ),
            403,
        ),
        ("too large", body + "&x=" + "y" * 70_000, signed(good), 413),
        ("many fields", body + "&a=1" * 500, signed(good), 400),
        ("no form", body, {**signed(good), "Content-Type": "application/json"}, 400),
    ]


async def test_nothing_forged_reaches_a_conversation(world: World) -> None:
    """Whoever could forge a webhook could end calls, join conferences and file recordings."""
    center = await world.open()
    _, call_id, dana = await consulting(world, center)
    anna = world.twilio.leg_to(ANNA)
    before = state(center)
    over = {"CallSid": anna.sid, "CallStatus": "completed"}
    left = {"CallSid": anna.sid, "StatusCallbackEvent": "participant-leave"}
    recorded = {"RecordingSid": "RE" + "1" * 32, "RecordingStatus": "completed"}
    webhooks = {
        f"/status/{call_id}/l1": {"CallSid": dana.sid, "CallStatus": "completed"},
        f"/status/{call_id}/o1": over,
        f"/conference/{call_id}/1": left,
        f"/agent/{call_id}/l1": {"CallSid": SID, "CallStatus": "in-progress"},
        f"/room/{call_id}/o1": {"CallSid": SID, "CallStatus": "in-progress"},
        f"/recording/{call_id}/r1": recorded,
        f"/hold/{call_id}": over,
        f"/digits/{call_id}/x": over,
    }
    async with aiohttp.ClientSession() as http:
        for path, more in webhooks.items():
            url = f"{world.base}/twilio{path}"
            said = {"AccountSid": world.twilio.account, **more}
            for name, body, headers, status in forgeries(world, url, said):
                async with http.post(url, data=body, headers=headers) as answer:
                    assert (path, name, answer.status) == (path, name, status)
                    assert "<" not in await answer.text()
            # In pieces, so that no length warns of it; and no end at all.
            headers = {"X-Twilio-Signature": world.twilio.signature(url, said)}
            form = {"Content-Type": "application/x-www-form-urlencoded", **headers}

            async def endless() -> Any:
                for _ in range(200):
                    yield b"x" * 1000

            try:
                async with http.post(url, data=endless(), headers=form) as answer:
                    assert answer.status == 413
            except aiohttp.ClientError:
                pass  # hung up on us, which is as good
    await world.sleep(2.0)
    assert state(center) == before
    assert dana.peer is anna


async def test_a_whole_conversation_replayed_changes_nothing(world: World) -> None:
    """Somebody who has heard every webhook sends each of them again, as it was signed."""
    center = await world.open()
    caller, call_id, _ = await consulting(world, center)
    await told(world, center, c.JoinLegs(call_id), e.ConferenceBegan)
    await told(world, center, dial(call_id, "+14165550155", "l2"), e.LegAnswered)
    await told(world, center, c.EndLeg(call_id, "l2"), e.LegEnded)
    await told(world, center, supervise(call_id, Supervision.LISTEN), e.LegAnswered)
    await told(world, center, c.SendDigits(call_id, "12"), e.DigitsSent)
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    await told(world, center, c.StopRecording(call_id, "r1"), e.RecordingStopped)
    dice = random.Random(5)
    for round_ in range(3):
        before = state(center)
        old = list(world.twilio.sent)
        dice.shuffle(old)
        for url, said in old:
            status, _ = await world.twilio.post(url, said)
            assert status in (200, 204)
        del world.twilio.sent[len(old) :]
        await world.sleep(2.0)
        assert state(center) == before, f"round {round_}"
        if round_ == 1:
            assert len(caller.talks_with) == 2
            caller.hang_up()
            await world.until(lambda: center.count(e.CallEnded), "it ends")
            await world.until(lambda: not world.twilio.live, "everybody is let go")
            await world.sleep(2.0)


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE calls; --",
        "<Dial>+19005550000</Dial>",
        "\u202e\u0000\x1b[2J",
        "💥" * 200,
        "%",
    ],
)
async def test_hostile_words_in_every_field(world: World, text: str) -> None:
    """Text from outside, signed as everything that Twilio passes on: no crash, no new meaning."""
    center = await world.open()
    _, call_id = await talking(world, center)
    await told(world, center, dial(call_id), e.LegAnswered)
    before = state(center)
    fields = ("StatusCallbackEvent", "ConferenceSid", "RecordingSid", "RecordingStatus", "Digits")
    fields += ("SpeechResult", "CallerName", "From", "ParticipantCallStatus", "FriendlyName")
    said = {"AccountSid": world.twilio.account, "CallSid": SID, "CallStatus": "in-progress"}
    said |= dict.fromkeys(fields, text)
    for path in (
        f"/conference/{call_id}/1",
        f"/recording/{call_id}/r1",
        f"/status/{call_id}/l1",
        f"/status/{call_id}/o1",
        f"/room/{call_id}/o1",
        f"/agent/{call_id}/o1/yes",
        f"/step/{call_id}/3",
        "/status",
    ):
        status, answer = await world.twilio.post(f"{world.base}/twilio{path}", said)
        assert status in (200, 204)
        assert "19005550000" not in answer
    await world.sleep(1.0)
    assert state(center) == before
    assert world.twilio.leg_to(DANA).peer is world.twilio.leg_to(ANNA)
