"""The parts of the link that need no Asterisk: words, numbers, lists, flow state."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.asterisk.adoption import find_calls
from cti.asterisk.ami import Action, BadAction, Frame
from cti.asterisk.live import pack_flow, unpack_flow
from cti.asterisk.outcomes import callback_failure, offer_failure, originate_failure
from cti.asterisk.phones import Phones, line_of
from cti.calls import PhoneKind, Place
from cti.dialing import Dialing, DialRefusedError, DialRules

NO_ANSWER, REFUSED, UNREACHABLE = "no answer", "refused", "unreachable"


@pytest.mark.parametrize(
    ("status", "cause", "offer", "callback"),
    [
        ("NOANSWER", "19", NO_ANSWER, "no answer"),
        ("NOANSWER", "", NO_ANSWER, "no answer"),
        ("BUSY", "17", REFUSED, "busy"),
        ("CHANUNAVAIL", "21", REFUSED, "busy"),
        ("CHANUNAVAIL", "20", UNREACHABLE, "unreachable"),
        ("CONGESTION", "34", UNREACHABLE, "unreachable"),
        ("CHANUNAVAIL", "", UNREACHABLE, "unreachable"),
        ("", "x" * 50, UNREACHABLE, "unreachable"),
    ],
)
def test_words_for_a_failed_dial(status, cause, offer, callback):
    """No answer, refusal and unreachable lead to different lives for the agent."""
    assert offer_failure(status, cause) == offer
    assert callback_failure(status, cause) == callback


@pytest.mark.parametrize(
    ("reason", "cause", "why"),
    [
        ("3", "19", NO_ANSWER),
        ("5", "17", REFUSED),
        ("0", "17", REFUSED),
        ("0", "21", REFUSED),
        ("0", "", UNREACHABLE),
        ("8", "34", UNREACHABLE),
    ],
)
def test_words_for_a_failed_originate(reason, cause, why):
    """The same for the agent's side of a callback."""
    assert originate_failure(reason, cause) == why


@pytest.mark.parametrize(
    ("rules", "number", "allowed"),
    [
        (DialRules(("+49",)), "+4930123456", True),
        (DialRules(("",)), "0800123", True),
        (DialRules(()), "+4930123456", False),
        (DialRules(("+49",)), "+1900555", False),
        (DialRules(("+49",), ("+49900",)), "+49900123", False),
        (DialRules(("",)), "500&PJSIP/itsp/1416", False),
        (DialRules(("",)), "${SHELL(id)}", False),
        (DialRules(("",)), "123\n", False),
        (DialRules(("",)), "１２３", False),
        (DialRules(("",)), "1", False),
        (DialRules(("",)), "1" * 30, False),
    ],
)
def test_only_listed_numbers_are_dialled(rules, number, allowed):
    """Toll fraud starts with a number that nobody wanted to allow."""
    dialing = Dialing(rules)
    if allowed:
        assert dialing.check(number, 0.0) == number
    else:
        with pytest.raises(DialRefusedError):
            dialing.check(number, 0.0)


def test_dialling_is_bounded_in_a_minute():
    """A stolen console must not dial by the hundred."""
    dialing = Dialing(DialRules(("",), per_minute=20))
    for _ in range(20):
        dialing.check("123", 10.0)
    with pytest.raises(DialRefusedError, match="more than 20"):
        dialing.check("123", 69.0)
    assert dialing.check("123", 70.5) == "123"


@given(st.text(max_size=600))
def test_flow_state_survives_the_channel(state):
    """A menu goes on from its step, whatever its state contains."""
    packed = pack_flow(state)
    assert unpack_flow(packed) == state
    assert not packed or packed.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=200))
def test_foreign_flow_state_is_no_state(text):
    """What somebody else put on the channel must not stop an adoption."""
    assert isinstance(unpack_flow(text), str)


def test_flow_state_too_large_is_refused():
    """A cut state would be worse than none."""
    with pytest.raises(ValueError, match="does not fit"):
        pack_flow(random.Random(1).randbytes(5_000).hex())


_VALUES = st.text(max_size=60)


@given(st.dictionaries(st.text(min_size=1, max_size=20), _VALUES, max_size=5))
async def test_one_order_is_one_frame_or_refused(headers):
    """I14: what is written reads back as the same order, or it is not written."""
    action = Action({"Action": "X", **headers}, "id-1")
    try:
        raw = action.encode()
    except BadAction:
        return
    assert raw.count(b"\r\n\r\n") == 1
    assert raw.endswith(b"\r\n\r\n")
    fields = Frame(raw[:-4]).fields()
    assert fields == dict(action.items())


def channel(name: str, context: str, **more: str) -> Frame:
    lines = [
        "Event: Status",
        f"Channel: PJSIP/{name}",
        f"Context: {context}",
        f"Uniqueid: {more.pop('uniqueid', name)}",
        f"Linkedid: {more.pop('linkedid', name)}",
        f"ChannelStateDesc: {more.pop('state', 'Up')}",
        f"BridgeID: {more.pop('bridge', '')}",
        "CallerIDNum: 123",
        "CallerIDName: <unknown>",
        *(f"Variable: {key}={value}" for key, value in more.items()),
    ]
    return Frame("\r\n".join(lines).encode())


@pytest.mark.parametrize(
    ("context", "bridge", "place"),
    [
        ("cc-in", "", Place.ENTRY),
        ("cc-wait", "", Place.WAITING),
        ("cc-visit", "", Place.WAITING),
        ("cc-connect", "", Place.RINGING),
        ("cc-ring", "", Place.RINGING),
        ("cc-ring", "b1", Place.TALKING),
        ("cc-held", "", Place.HELD),
        ("cc-retrieve", "b1", Place.TALKING),
        ("cc-transfer", "b1", None),
        ("cc-fallback", "", None),
        ("cc-agent", "", None),
    ],
)
def test_the_place_of_a_live_call(context, bridge, place):
    """After a restart everything depends on knowing where each caller is."""
    found = find_calls([channel("trunk-a-1", context, bridge=bridge, CC_CALL="m-1")])
    assert [call.place for call in found] == ([] if place is None else [place])


def test_the_other_party_is_found():
    """Hold and hang-up after a restart need the agent's channel."""
    channels = [
        channel("trunk-a-1", "cc-ring", bridge="b1", CC_CALL="m-1", CC_AGENT="anna"),
        channel("desk-anna-2", "cc-agent", bridge="b1"),
        channel("trunk-a-3", "cc-ring", linkedid="x", CC_CALL="m-2"),
        channel("desk-bert-4", "cc-agent", linkedid="x", state="Ringing"),
        channel("trunk-a-5", "cc-held", CC_CALL="m-3", CC_PEER="PJSIP/desk-cleo-6"),
        channel("desk-cleo-6", "cc-held-agent"),
    ]
    assert {call.call_id: call.peer for call in find_calls(channels)} == {
        "m-1": "PJSIP/desk-anna-2",
        "m-2": "PJSIP/desk-bert-4",
        "m-3": "PJSIP/desk-cleo-6",
    }


def leg(name: str, context: str, exten: str = "s", **more: str) -> Frame:
    frame = channel(name, context, CC_LEG=name, CC_LEG_CALL="m-1", CC_LEG_AGENT=name, **more)
    return Frame(frame.raw + f"\r\nExten: {exten}".encode())


def test_further_parties_are_found_with_their_states():
    """Consultations and conferences go on after a restart with everybody in them."""
    caller = channel("t-1", "cc-held", CC_CALL="m-1", CC_PEER="PJSIP/desk-anna-2")
    (call,) = find_calls(
        [
            caller,
            channel("desk-anna-2", "cc-held-agent"),
            leg("rings", "default", state="Ringing"),
            leg("asked", "cc-confirm"),
            leg("asking", "cc-leg", "confirm"),
            leg("talks", "cc-leg", "talk"),
            leg("waits", "cc-leg-parked"),
            leg("meets", "cc-conference"),
            leg("watches", "cc-supervise", CC_LEG_MODE="whisper"),
            leg("strange", "cc-supervise", CC_LEG_MODE="shout"),
        ]
    )
    assert call.place is Place.CONSULTING
    assert {one.leg_id: one.state.value for one in call.legs} == {
        "rings": "ringing",
        "asked": "ringing",
        "asking": "ringing",
        "talks": "talking",
        "waits": "held",
        "meets": "talking",
        "watches": "supervising",
        "strange": "talking",
    }
    (alone,) = find_calls([caller, leg("watches", "cc-supervise", CC_LEG_MODE="listen")])
    assert alone.place is Place.HELD, "a supervisor is nobody who is consulted"


def test_who_took_the_call_over_is_no_further_party():
    """The variables of a leg stay on the channel of the new agent."""
    caller = channel("t-1", "cc-retrieve", CC_CALL="m-1", CC_PEER="PJSIP/desk-bert-3")
    (call,) = find_calls([caller, leg("desk-bert-3", "cc-held-agent")])
    assert (call.place, call.peer, call.legs) == (Place.TALKING, "PJSIP/desk-bert-3", ())


@pytest.mark.parametrize(
    ("state", "context", "bridge", "place", "answered"),
    [
        ("Ringing", "cc-callback", "", Place.RINGING, False),
        ("Down", "default", "", Place.RINGING, False),
        ("Up", "cc-callback", "", Place.RINGING, True),
        ("Up", "cc-callback", "b1", Place.TALKING, True),
    ],
)
def test_a_callback_is_taken_up(state, context, bridge, place, answered):
    """A callback's own channel is the agent's."""
    one = channel("desk-a-1", context, state=state, bridge=bridge, CC_CALL="cb", CC_CALLBACK="1")
    (call,) = find_calls([one])
    assert (call.place, call.callback, call.agent_answered) == (place, True, answered)


def test_calls_are_taken_up_in_their_order():
    """I5: an earlier arrival stays in front after a restart."""
    channels = [
        channel("a", "cc-wait", CC_CALL="late", CC_ENTERED="200.5"),
        channel("b", "cc-wait", CC_CALL="early", CC_ENTERED="100.5"),
        channel("c", "cc-wait", CC_CALL="broken", CC_ENTERED="nonsense"),
    ]
    assert [call.call_id for call in find_calls(channels)] == ["early", "late", "broken"]


def contact(status: str, uri: str, endpoint: str = "desk-anna") -> Frame:
    lines = (
        "Event: ContactStatus",
        f"URI: {uri}",
        f"ContactStatus: {status}",
        f"EndpointName: {endpoint}",
    )
    return Frame("\r\n".join(lines).encode())


ANNA = ("anna", PhoneKind.DESK)


def test_a_phone_that_registers_anew_stays_up():
    """The new contact comes before the old one goes."""
    phones = Phones()
    assert phones.on_contact(contact("NonQualified", "sip:1")) == (ANNA, True)
    assert phones.on_contact(contact("NonQualified", "sip:2")) is None
    assert phones.on_contact(contact("Removed", "sip:1")) is None
    assert phones.up == {ANNA}
    assert phones.on_contact(contact("Unreachable", "sip:2")) == (ANNA, False)
    assert phones.on_contact(contact("Reachable", "sip:2")) == (ANNA, True)


def test_what_was_known_by_state_only_can_go():
    """The list after a reconnect has no addresses; a later removal must still count."""
    phones = Phones()
    state = Frame(b"Event: DeviceStateChange\r\nDevice: PJSIP/desk-anna\r\nState: INUSE")
    assert phones.take_all([state]) == [(ANNA, True)]
    assert phones.on_contact(contact("Removed", "sip:1")) == (ANNA, False)


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("agent-anna", ("anna", PhoneKind.BROWSER)),
        ("desk-a-b", ("a-b", PhoneKind.DESK)),
        ("trunk-main", None),
        ("web-1", None),
        ("desk-", None),
        ("desk-Ä", None),
    ],
)
def test_whose_phone_an_endpoint_is(endpoint, line):
    """Trunks and callers are nobody's phone."""
    assert line_of(endpoint) == line
