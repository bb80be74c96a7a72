"""Digits that Asterisk cannot play: they are told as not sent, and hold up no later ones."""

from __future__ import annotations

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions, Headers
from cti.asterisk.ami import Done, Frame, Reply
from cti.asterisk.live import Live, LiveCalls
from cti.asterisk.phone_keys import PhoneKeys
from cti.calls import Place
from cti.dialing import Dialing, DialRules


async def test_digits_without_a_channel_hold_up_no_later_ones() -> None:
    """An Asterisk at its limit makes no channel, so nothing hangs up that would say so."""
    calls, facts, sent = LiveCalls(), list[e.Fact](), list[Headers]()
    call = Live("m-1", "PJSIP/trunk-1", "u1", Place.TALKING, "o1", "anna", "PJSIP/desk-anna-2")
    call.connected = True
    calls.add(call)

    def ask(headers: Headers, done: Done) -> object:
        sent.append(headers)
        done(Reply(Frame(b"Response: Success\r\nMessage: queued")))
        return None

    actions = Actions(calls, ask, facts.append, facts.append, Dialing(DialRules()), "")
    keys = PhoneKeys(actions)
    keys.orders[c.SendDigits](c.SendDigits("m-1", "12"))
    keys.orders[c.SendDigits](c.SendDigits("m-1", "34"))
    assert len(sent) == 1
    failed = f"Event: OriginateResponse\r\nResponse: Failure\r\nUniqueid: {sent[0]['ChannelId']}"
    for _ in range(2):  # a word that is said twice ends nothing else
        keys.events["OriginateResponse"](Frame(failed.encode()))
    assert facts == [e.OrderFailed("m-1", "SendDigits", "the digits were not sent")]
    assert len(sent) == 2
    begun = f"Event: OriginateResponse\r\nResponse: Success\r\nUniqueid: {sent[1]['ChannelId']}"
    keys.events["OriginateResponse"](Frame(begun.encode()))
    assert len(facts) == 1
