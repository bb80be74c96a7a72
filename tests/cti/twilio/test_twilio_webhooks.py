"""What our webhooks take and refuse: signatures, repetitions, hostile requests, time."""

from __future__ import annotations

import asyncio
import random
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind, Place, Prompt, Supervision
from cti.link import FactSink
from cti.twilio.link import TwilioLink
from cti.twilio.live import Live, Room
from cti.twilio.settings import TwilioSettings
from tests.cti.twilio.conftest import World

SID = "CA" + "a" * 32
ACCOUNT, TOKEN = "AC" + "5" * 32, "token-of-the-account"
PUBLIC = "https://calls.example.com/twilio"
VALIDATOR = RequestValidator(TOKEN)


def said(**more: str) -> dict[str, str]:
    given = {
        "AccountSid": ACCOUNT,
        "CallSid": SID,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": "+12025550100",
        "To": "100",
    }
    return {**given, **more}


class Client:
    """Calls the ASGI application as a web server would, mounted at /twilio."""

    def __init__(self, link: TwilioLink) -> None:
        self.link = link

    async def send(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        query: bytes = b"",
    ) -> tuple[int, str]:
        raw = {"content-type": "application/x-www-form-urlencoded", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": "/twilio" + path,
            "root_path": "/twilio",
            "query_string": query,
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in raw.items()],
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Any) -> None:
            messages.append(message)

        await self.link.asgi(scope, receive, collect)
        text = b"".join(message.get("body", b"") for message in messages[1:])
        return messages[0]["status"], text.decode()

    async def post(
        self, path: str, params: Mapping[str, str], *, url: str = "", token: str = ""
    ) -> tuple[int, str]:
        """A webhook as Twilio signs it (for another address, if given)."""
        signature = VALIDATOR.compute_signature(url or PUBLIC + path, dict(params))
        headers = {"x-twilio-signature": signature}
        if token:
            headers["i-twilio-idempotency-token"] = token
        return await self.send(path, urlencode(params).encode(), headers)


def settings(**more: Any) -> TwilioSettings:
    given: dict[str, Any] = {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "public_url": PUBLIC,
        "answer_s": 0.05,
    }
    return TwilioSettings(**{**given, **more})


class Sink:
    """Collects facts; gives the first step of a menu to every new call."""

    def __init__(self) -> None:
        self.facts: list[e.Fact] = []
        self.link: TwilioLink | None = None

    def __call__(self, fact: e.Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, e.CallArrived) and self.link is not None:
            step = c.CollectDigits((Prompt(f"{fact.ani_name} Press a key.", "en"),))
            self.link.execute(c.RunStep(fact.call_id, 1, step, "flow:1"))

    def names(self) -> list[str]:
        return [type(fact).__name__ for fact in self.facts]


def opened(sink: FactSink, **more: Any) -> TwilioLink:
    """A link that hears webhooks, without any Twilio behind it."""
    link = TwilioLink("twilio", settings(**more))
    link._sink = sink
    link._up = link._taken_up = True
    return link


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def client(sink: Sink) -> Client:
    sink.link = opened(sink)
    return Client(sink.link)


BODY = urlencode(said()).encode()
GOOD = VALIDATOR.compute_signature(PUBLIC + "/voice", said())
OTHER = RequestValidator("another token").compute_signature(PUBLIC + "/voice", said())


@pytest.mark.parametrize(
    ("what", "body", "headers", "status"),
    [
        ("signed", BODY, {"x-twilio-signature": GOOD}, 200),
        ("no signature", BODY, {}, 403),
        ("an empty signature", BODY, {"x-twilio-signature": ""}, 403),
        ("signed with another token", BODY, {"x-twilio-signature": OTHER}, 403),
        ("a signature that is not ASCII", BODY, {"x-twilio-signature": "\xe9" * 28}, 403),
        ("a parameter more", BODY + b"&Digits=1", {"x-twilio-signature": GOOD}, 403),
        ("a value altered", BODY.replace(b"100", b"200"), {"x-twilio-signature": GOOD}, 403),
        (
            "a host that somebody made up",
            BODY,
            {
                "host": "evil.example.com",
                "x-forwarded-host": "evil.example.com",
                "x-twilio-signature": VALIDATOR.compute_signature(
                    "https://evil.example.com/twilio/voice", said()
                ),
            },
            403,
        ),
        (
            "another host, but signed for ours",
            BODY,
            {"host": "internal:8080", "x-twilio-signature": GOOD},
            200,
        ),
        (
            "signed with the port",
            BODY,
            {
                "x-twilio-signature": VALIDATOR.compute_signature(
                    "https://calls.example.com:443/twilio/voice", said()
                )
            },
            200,
        ),
        ("too large", BODY + b"&x=" + b"y" * 70_000, {"x-twilio-signature": GOOD}, 413),
        (
            "said to be too large",
            BODY,
            {"content-length": "99999999", "x-twilio-signature": GOOD},
            413,
        ),
        ("JSON", b"{}", {"content-type": "application/json"}, 400),
        ("not a form", b"\xff\xfe&&&", {"x-twilio-signature": GOOD}, 400),
        ("a thousand fields", b"a=1&" * 1000, {"x-twilio-signature": GOOD}, 400),
    ],
)
async def test_what_is_let_in(
    client: Client, sink: Sink, what: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Whoever could forge a webhook could place calls in our queues and end them."""
    found, _ = await client.send("/voice", body, headers)
    assert (what, found) == (what, status)
    assert len(sink.facts) == (1 if status == 200 else 0)


async def test_a_query_belongs_to_the_signed_address(client: Client) -> None:
    """Otherwise somebody could add one to a request that Twilio signed."""
    headers = {"x-twilio-signature": GOOD}
    assert (await client.send("/voice", BODY, headers, query=b"x=1"))[0] == 403
    signature = VALIDATOR.compute_signature(PUBLIC + "/voice?x=1", said())
    headers = {"x-twilio-signature": signature}
    assert (await client.send("/voice", BODY, headers, query=b"x=1"))[0] == 200


async def test_repeated_keys_are_part_of_the_signature(client: Client) -> None:
    """Twilio may send a key twice; a plain dictionary would drop one and refuse the webhook."""
    pairs = [*said().items(), ("Extra", "b"), ("Extra", "a")]

    class Pairs(dict[str, str]):
        def getlist(self, name: str) -> list[str]:
            return [value for key, value in pairs if key == name]

    signature = VALIDATOR.compute_signature(PUBLIC + "/voice", Pairs(pairs))
    body = urlencode(pairs).encode()
    assert (await client.send("/voice", body, {"x-twilio-signature": signature}))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/voice", 405),
        ("POST", "/nothing", 404),
        ("POST", "/step/../voice/1", 404),
        ("POST", "/step/x%2fy/1", 404),
        ("POST", "/step/x/99999999999", 404),
        ("POST", "/agent/" + "x" * 500 + "/o", 404),
        ("GET", "/fallback", 200),
        ("POST", "/fallback", 200),
    ],
)
async def test_addresses(client: Client, method: str, path: str, status: int) -> None:
    """Only what we hand out exists; the fallback is the same for everybody."""
    found, text = await client.send(path, b"", {}, method=method)
    assert (path, found) == (path, status)
    if status == 200:
        assert f"{PUBLIC}/back" in text


async def test_another_account_is_refused_even_with_our_token(client: Client) -> None:
    """A subaccount's webhooks are not ours to answer."""
    params = said(AccountSid="AC" + "6" * 32)
    assert (await client.post("/voice", params))[0] == 403


async def test_a_call_that_is_told_twice_arrives_once(client: Client, sink: Sink) -> None:
    """Twilio repeats what it got no answer to, and the caller is still one caller."""
    first = await client.post("/voice", said())
    again = await client.post("/voice", said())
    assert first == again
    assert "Press a key." in first[1]
    assert sink.names() == ["CallArrived"]


async def test_a_repetition_while_the_first_is_being_answered(sink: Sink) -> None:
    """Both get the one answer, however long it takes."""
    link = opened(sink, answer_s=5.0)
    client = Client(link)
    both = [asyncio.create_task(client.post("/voice", said())) for _ in range(2)]
    await asyncio.sleep(0.05)
    step = c.PlayPrompts((Prompt("Hello.", "en"),))
    link.execute(c.RunStep(f"twilio-{SID}", 1, step))
    first, second = await asyncio.gather(*both)
    assert first == second
    assert "Hello." in first[1]
    assert sink.names() == ["CallArrived"]


async def test_a_replayed_step_changes_nothing(client: Client, sink: Sink) -> None:
    """Who records a signed request and sends it again gets what Twilio got, and no more."""
    await client.post("/voice", said())
    path = f"/step/twilio-{SID}/1"
    params = said(CallStatus="in-progress", Digits="7")
    answer = await client.post(path, params)
    before = list(sink.facts)
    for _ in range(3):
        assert await client.post(path, params) == answer
    assert sink.facts == before
    assert sink.names() == ["CallArrived", "StepFinished"]


async def test_the_same_token_is_the_same_request(client: Client, sink: Sink) -> None:
    """Twilio marks its repetitions; they are recognised even where no number tells."""
    await client.post("/voice", said(), token="t1")
    path = "/back"
    first = await client.post(path, said(CallStatus="in-progress"), token="t2")
    again = await client.post(path, said(CallStatus="in-progress"), token="t2")
    assert first == again
    assert sink.names() == ["CallArrived", "IvrResumed"]


async def test_an_ended_call_stays_ended(client: Client, sink: Sink) -> None:
    """An old request about a call that is over must not bring it to life again."""
    await client.post("/voice", said())
    await client.post("/status", said(CallStatus="completed"))
    names = ["CallArrived", "CallEnded"]
    assert sink.names() == names
    _, text = await client.post("/voice", said())
    assert "<Hangup" in text
    _, text = await client.post(f"/step/twilio-{SID}/1", said(Digits="1"))
    assert "<Hangup" in text
    await client.post("/status", said(CallStatus="completed"))
    await client.post("/status", said(CallStatus="in-progress"))
    assert sink.names() == names


async def test_the_answer_comes_in_time_when_nobody_says_what(client: Client, sink: Sink) -> None:
    """Twilio hangs up on a caller after fifteen seconds without an answer."""
    sink.link = None  # nobody gives a step
    loop = asyncio.get_running_loop()
    began = loop.time()
    _, text = await client.post("/voice", said())
    assert loop.time() - began < 1.0
    assert f"{PUBLIC}/step/twilio-{SID}/1" in text
    assert "<Pause" in text
    step = c.PlayPrompts((Prompt("At last.", "en"),))
    client.link.execute(c.RunStep(f"twilio-{SID}", 1, step))
    _, text = await client.post(f"/step/twilio-{SID}/1", said(CallStatus="in-progress"))
    assert "At last." in text


async def test_a_sink_that_breaks_keeps_the_caller(sink: Sink) -> None:
    """A fault of ours must not become Twilio's "an application error has occurred"."""

    def broken(fact: e.Fact) -> None:
        raise RuntimeError("ours")

    status, text = await Client(opened(broken)).post("/voice", said())
    assert status == 200
    assert "<Redirect" in text


HOSTILE = (
    'Bob"/><Dial>+19005550000</Dial><Say x="',
    "<img src=x onerror=alert(1)>",
    "]]><Redirect>https://evil.example.com</Redirect>",
    "Bob\r\n\r\nAction: Command",
    "\u202egnp.exe\u0000\u001b[2J\ud83d\ude00",
    "x" * 5000,
    "&amp;&lt;&#0;",
)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_stays_text(client: Client, sink: Sink, name: str) -> None:
    """A caller chooses the own name and, with SIP, the number: neither may become a verb."""
    name = name.encode("utf-8", "replace").decode()
    _, text = await client.post("/voice", said(CallerName=name, From=name))
    arrived = sink.facts[0]
    assert isinstance(arrived, e.CallArrived)
    assert len(arrived.ani_name) <= 256
    assert arrived.ani_name.isprintable() or "\u202e" in arrived.ani_name
    assert "\n" not in arrived.ani + arrived.ani_name
    assert "\x00" not in arrived.ani + arrived.ani_name
    # The menu says the name, and it is still one sentence.
    root = ET.fromstring(text)
    assert [verb.tag for verb in root.iter()] == ["Response", "Gather", "Say", "Redirect"]


@pytest.mark.parametrize("number", ["+266696687", "anonymous", "Restricted", "unknown", ""])
async def test_a_withheld_number_is_nobody(client: Client, sink: Sink, number: str) -> None:
    """What Twilio writes instead of a number must not be looked up, or called back."""
    await client.post("/voice", said(From=number))
    assert isinstance(sink.facts[0], e.CallArrived)
    assert sink.facts[0].ani == ""


async def test_too_many_calls_are_refused_in_time(sink: Sink) -> None:
    """A flood of calls has a bound; who is one too many hears a busy tone, not silence."""
    sink.link = link = opened(sink, max_calls=2)
    client = Client(link)
    answers = [await client.post("/voice", said(CallSid=f"CA{count:032x}")) for count in range(3)]
    assert "<Reject" in answers[2][1]
    assert len(link.live) == 2


async def test_a_card_number_is_nowhere_in_the_logs(
    client: Client, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """What is typed on the keypad may be a card number."""
    caplog.set_level(0)
    await client.post("/voice", said())
    await client.post(f"/step/twilio-{SID}/1", said(Digits="4111111111111111"))
    await client.post(f"/step/twilio-{SID}/9", said(Digits="4111111111111111"))
    await client.send("/voice", b"Digits=4111111111111111", {})
    assert "4111" not in caplog.text


def soup(dice: random.Random, link: TwilioLink, calls: list[str]) -> tuple[str, dict[str, str]]:
    """Any webhook at any time, with anything that Twilio could say in it."""
    call, n = dice.choice(calls), dice.randrange(6)
    live = link._book.calls.get(call)
    if live is not None and dice.random() < 0.8:
        n = live.turn  # the one that Twilio would ask for
    elif live is None and dice.random() < 0.5:
        return "/voice", said(CallSid=call.removeprefix("twilio-"))
    if live is not None and live.room is not Room.NO and dice.random() < 0.9:
        return in_the_room(dice, live)
    if live is not None and live.offer_id and dice.random() < 0.5:
        status = dice.choice(("ringing", "in-progress", "in-progress", "completed"))
        child = said(CallSid="CA" + "b" * 32, CallStatus=status)
        return dice.choice(((f"/status/{call}/o1", child), (f"/room/{call}/o1", child)))
    steps = (f"/step/{call}/{n}", f"/step/{call}/{n}", f"/again/{call}/{n}")
    legs = (f"/agent/{call}/o1", f"/agent/{call}/o1/yes", f"/room/{call}/o1", f"/hold/{call}")
    legs += (f"/agent/{call}/l1", f"/agent/{call}/l1/yes", f"/digits/{call}/x")
    statuses = ("/status", f"/status/{call}/o1", f"/status/{call}/o1/lead")
    statuses += (f"/status/{call}/l1", f"/conference/{call}/1", f"/recording/{call}/r1")
    path = dice.choice(("/voice", "/back", *steps, *legs, *statuses))
    params = said(CallSid=call.removeprefix("twilio-"))
    params["CallStatus"] = dice.choice(("ringing", "in-progress", "in-progress", "in-progress"))
    if dice.random() < 0.05:
        params["CallStatus"] = dice.choice(("completed", "busy", "", "\x00nonsense"))
    choices: dict[str, tuple[str, ...]] = {
        "Digits": ("", "1", "#", "12345", "x" * 300, "\ud83d\ude00"),
        "DialCallStatus": ("completed", "busy", "no-answer", "failed", "canceled", "?"),
        "DialBridged": ("true", "false"),
        "SpeechResult": ("sales", "\x00", "\ud83d\ude00", "s" * 5000),
        "StatusCallbackEvent": ("participant-join", "participant-leave", "?"),
        "ConferenceSid": ("CF" + "c" * 32, "../.."),
        "RecordingStatus": ("completed", "absent", "?"),
        "RecordingSid": ("RE" + "e" * 32, "../../etc"),
        "RecordingDuration": ("12", "-1", "1e9"),
    }
    for name, values in choices.items():
        if dice.random() < 0.3:
            params[name] = dice.choice(values)
    return path, {k: v.encode("utf-8", "replace").decode() for k, v in params.items()}


def in_the_room(dice: random.Random, live: Live) -> tuple[str, dict[str, str]]:
    """A word about somebody in the call's conference."""
    names = list(live.parties) or ["l1"]
    sids = [live.sid, live.other_sid, "CA" + "d" * 32, *(p.sid for p in live.parties.values())]
    leg, sid = dice.choice(names), dice.choice([sid for sid in sids if sid])
    event = "participant-leave" if dice.random() < 0.1 else "participant-join"
    there = {"StatusCallbackEvent": event, "ConferenceSid": "CF" + "c" * 32}
    status = dice.choice(("ringing", "in-progress", "in-progress", "completed", "no-answer"))
    party = said(CallSid="CA" + "d" * 32, CallStatus=status)
    return dice.choice(
        (
            (f"/conference/{live.call_id}/{live.room_no}", said(CallSid=sid, **there)),
            (f"/status/{live.call_id}/{leg}", party),
            (f"/agent/{live.call_id}/{leg}", party),
        )
    )


class Obeying:
    """REST that does at once whatever it is told."""

    def __init__(self, link: TwilioLink) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        async def done(*_: object, **__: object) -> None:
            return

        return done

    async def room(self, name: str) -> str:
        return "CF" + "c" * 32

    async def in_room(self, room: str) -> list[str]:
        calls = list(self._link._book.calls)
        return [sid for call in calls for sid in (call.sid, call.other_sid)]

    async def status(self, sid: str) -> str:
        return "in-progress"

    async def create(self, *_: object) -> str:
        return "CA" + "d" * 32

    async def invite(self, *_: object, heard: bool) -> str:
        return "CA" + "d" * 32

    async def record(self, sid: str, progress: str, *, stereo: bool) -> str:
        return "RE" + "e" * 32

    def recording_address(self, recording: str, *, stereo: bool) -> str:
        return f"https://api.example/{recording}"


class Restless:
    """Orders anything at any time, from inside the sink and outside."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.facts: list[e.Fact] = []
        self.link: TwilioLink | None = None
        self.inside = False
        self.dialled: list[tuple[str, c.DialLeg | c.SuperviseCall]] = []

    def __call__(self, fact: e.Fact) -> None:
        assert not self.inside, "a fact was reported from inside execute"
        self.facts.append(fact)
        call_id = getattr(fact, "call_id", "")
        failed = isinstance(fact, e.OrderFailed) and self.dice.random() < 0.7
        if call_id and not failed and not isinstance(fact, e.CallEnded):
            self.order(call_id)

    def order(self, call_id: str) -> None:
        assert self.link is not None
        phone = Phone(self.dice.choice(list(PhoneKind)), "anna")
        mode = self.dice.choice(list(Supervision))
        sam = Phone(PhoneKind.BROWSER, "sam")
        orders: tuple[Callable[[], c.Order], ...] = (
            lambda: c.RunStep(call_id, 1, c.CollectDigits((Prompt("x"),)), "s"),
            lambda: c.RunStep(call_id, 2, c.PlayPrompts((Prompt("y"),)), "s"),
            lambda: c.StartWaiting(call_id, "sales", 1.0, digits="1"),
            lambda: c.OfferCall(call_id, "o1", "anna", phone, 10.0),
            lambda: c.CancelOffer(call_id, "o1"),
            lambda: c.TransferCall(call_id, "+14165550123"),
            lambda: c.HoldCall(call_id),
            lambda: c.RetrieveCall(call_id),
            lambda: c.StartMenu(call_id, "s"),
            lambda: c.DialLeg(call_id, "l1", "ben", Phone(PhoneKind.BROWSER, "ben"), "+1", 9.0),
            lambda: c.SuperviseCall(call_id, "s1", "sam", sam, mode, 9.0),
            lambda: c.ChangeSupervision(call_id, "s1", mode),
            lambda: c.SwapLegs(call_id, "l1"),
            lambda: c.JoinLegs(call_id),
            lambda: c.HandOver(call_id, self.dice.choice(("l1", "s1"))),
            lambda: c.EndLeg(call_id, self.dice.choice(("l1", "s1"))),
            lambda: c.MuteAgent(call_id, self.dice.random() < 0.5),
            lambda: c.SendDigits(call_id, "42#"),
            lambda: c.StartRecording(call_id, "r1"),
            lambda: c.PauseRecording(call_id, "r1"),
            lambda: c.StopRecording(call_id, "r1"),
            lambda: c.HangUpCall(call_id, "agent"),
        )
        live = self.link._book.calls.get(call_id)
        if live is not None and self.dice.random() < 0.8:
            orders = {
                Place.ENTRY: orders[:3],
                Place.WAITING: orders[:4],
                Place.TALKING: orders[6:7] if self.dice.random() < 0.5 else orders[10:22],
                Place.HELD: (orders[7], *orders[10:12]),
                Place.CONSULTING: orders[13:18],
                Place.CONFERENCE: orders[11:22],
            }.get(live.place, orders)
        order = self.dice.choice(orders)()
        if isinstance(order, c.DialLeg | c.SuperviseCall):
            self.dialled.append((call_id, order))
        self.inside = True
        try:
            self.link.execute(order)
        finally:
            self.inside = False


async def test_ten_thousand_webhooks_in_any_order(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes, signed, at whatever time: no crash, good TwiML, one end for each call."""
    monkeypatch.setattr("cti.twilio.rooms._LOOK_S", 0.002)
    dice = random.Random(7)
    restless = Restless(dice)
    restless.link = link = opened(restless, answer_s=0.001)
    link._book.rest = Obeying(link)  # type: ignore[assignment]
    client = Client(link)
    sids = [f"CA{count:032x}" for count in range(250)]
    for start in range(0, 250, 5):
        group = [f"twilio-{sid}" for sid in sids[start : start + 5]]
        for _ in range(40):
            requests = [client.post(*soup(dice, link, group)) for _ in range(5)]
            for status, text in await asyncio.gather(*requests):
                assert status in (200, 204)
                assert status == 204 or ET.fromstring(text).tag == "Response"
    await link._book.stop()
    told = Counter(type(fact).__name__ for fact in restless.facts)
    assert min(told[name] for name in ("OfferAnswered", "CallHeld", "CallRetrieved")), told
    ends = Counter(fact.call_id for fact in restless.facts if isinstance(fact, e.CallEnded))
    assert len(ends) > 60
    assert max(ends.values()) == 1
    arrived = Counter(x.call_id for x in restless.facts if isinstance(x, e.CallArrived))
    assert max(arrived.values()) == 1
    assert [r.getMessage() for r in caplog.records if r.exc_info] == []


async def test_conversations_with_anything_in_any_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Orders and webhooks of conferences cross as they like: no crash, no leg told twice."""
    dice = random.Random(11)
    restless = Restless(dice)
    restless.link = link = opened(restless, answer_s=0.001, caller_id="+14165550100")
    link._book.rest = Obeying(link)  # type: ignore[assignment]
    client = Client(link)
    for count in range(150):
        call = Live(f"twilio-CA{count:032x}", f"CA{count:032x}", Place.TALKING, turn=3)
        call.offer_id, call.agent_id, call.connected = "o1", "anna", True
        call.other_sid, call.room, call.room_no = f"CA{count + 500:032x}", Room.IN, 1
        call.room_sid = "CF" + "c" * 32
        link._book.calls.add(call)
        for _ in range(30):
            live = link._book.calls.get(call.call_id)
            if live is None:
                break
            restless.order(call.call_id)
            for _ in range(3):
                await asyncio.sleep(0)
            there = dice.random() < 0.9
            what = in_the_room(dice, live) if there else soup(dice, link, [live.call_id])
            status, text = await client.post(*what)
            assert status == 204 or ET.fromstring(text).tag == "Response"
    await link._book.stop()
    told = Counter(type(fact).__name__ for fact in restless.facts)
    wanted = (e.LegAnswered, e.LegEnded, e.LegFailed, e.CallHandedOver, e.ConferenceBegan)
    assert min(told[name.__name__] for name in (*wanted, e.SupervisionChanged)), told
    for one in (e.LegAnswered, e.LegFailed, e.CallEnded):
        seen = Counter(
            (x.call_id, getattr(x, "leg_id", "")) for x in restless.facts if isinstance(x, one)
        )
        ids = Counter((o, getattr(x, "leg_id", "")) for o, x in restless.dialled)
        assert all(times <= max(1, ids[what]) for what, times in seen.items()), seen
    assert [r.getMessage() for r in caplog.records if r.exc_info] == []


async def test_the_time_that_webhooks_take(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forty callers at once through the router: the figure is reported, the bound is loose."""
    center = await world.open()
    center.staff("anna", "dana", "ben")
    callers = [world.twilio.call_in(f"+1202555{n:04}", keys=["1", "1"]) for n in range(40)]
    await world.until(lambda: center.count(e.CallWaiting) >= 40, "all wait", 20.0)
    await world.sleep(20.0)
    for what, taken in (("over HTTP", world.twilio.latencies), ("inside", world.inside_s)):
        times = sorted(taken)
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        with capsys.disabled():
            print(f"\n{len(times)} webhooks {what}: p50 {p50 * 1e3:.1f}, p99 {p99 * 1e3:.1f} ms")
        assert p99 < 2.0
    for caller in callers:
        caller.hang_up()
    await world.until(lambda: center.link.live == (), "all are gone", 20.0)
