"""The stream of events: in order, complete, resumable, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import inspect
import json
import re
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
import websockets

import cti.events
from acd import decisions
from agent_console.api.vocabulary import EVENTS, Wanted, is_pattern
from callcenter import happenings
from callcenter.eventfeed import EventFeed
from callcenter.publicevents import _TELL, EventFold
from storage.apikeys import ApiKeys
from storage.database import open_engine, upgrade
from storage.journal import Journal


async def heard(stream: Any, until: Any, timeout_s: float = 20.0) -> list[dict[str, Any]]:
    """Frames up to the one that was waited for."""
    frames: list[dict[str, Any]] = []
    async with asyncio.timeout(timeout_s):
        while not frames or not until(frames[-1]):
            frames.append(json.loads(await stream.recv()))
    return frames


def tuned(center: Any, **changed: Any) -> Any:
    """The sockets of the stream, with other bounds."""
    routes = center.system.app.routes
    sockets = next(r.app for r in routes if getattr(r, "path", "") == "/api/v1").state.sockets
    settings = dataclasses.replace(sockets._ports.settings, **changed)
    sockets._ports = dataclasses.replace(sockets._ports, settings=settings)
    return sockets


def is_type(name: str) -> Any:
    return lambda frame: frame["type"] == name


def ready(agent: str) -> Any:
    return lambda f: (
        f["type"] == "agent.state"
        and ((f["data"]["agent"], f["data"]["state"]) == (agent, "ready"))
    )


async def test_a_call_is_told_from_arrival_to_wrap_up(center: Any) -> None:
    """Everything that a CRM needs of a call, in order, with who it is about."""
    async with center.stream() as stream:
        call = await center.talking()
        await center.done(f"/calls/{call}/hold")
        await center.done(f"/calls/{call}/retrieve")
        await center.done(f"/calls/{call}/hang-up")
        state = center.system.router.engine.agent_view
        await center.until(lambda: state("anna").state == "wrap-up")
        given = {"disposition": "solved", "note": "secret words", "then": "ready"}
        await center.done(f"/calls/{call}/wrap-up", **given)
        frames = await heard(stream, lambda f: f["type"] == "call.wrapped_up")
    assert frames[0]["type"] == "stream.opened"
    assert frames[0]["oldest"] == 1
    events = frames[1:]
    numbers = [event["sequence"] for event in events]
    assert numbers == sorted(set(numbers))
    of_call = [e for e in events if e["data"].get("call", {}).get("id") == call]
    types = [e["type"] for e in of_call if e["type"] not in ("call.action", "call.customer")]
    assert types == [
        "call.arrived",
        "call.queued",
        "call.offered",
        "call.ringing",
        "call.answered",
        "call.held",
        "call.retrieved",
        "call.ended",
        "call.disposition",
        "call.wrapped_up",
    ]
    ended = next(e for e in of_call if e["type"] == "call.ended")
    assert ended["data"]["answered"] is True
    assert ended["data"]["call"]["from"] == "+12025550100"
    assert {e["type"] for e in events} <= set(EVENTS)
    assert "secret words" not in json.dumps(events)
    verbs = [e["data"]["verb"] for e in of_call if e["type"] == "call.action"]
    assert {"hold", "retrieve", "hang_up"} <= set(verbs)


async def test_a_call_that_is_given_away_tells_who_has_it(center: Any) -> None:
    """Consultation, hand-over and transfer, as a CRM follows them."""
    await center.done("/agents/dana/sign-in", phone="browser")
    call = await center.talking("anna")
    await center.done("/agents/dana/ready")
    async with center.stream("?types=call.*") as stream:
        live = center.system.router.book.get(call)
        leg = await center.done(f"/calls/{call}/consult", kind="agent", to="dana")
        await center.until(lambda: leg in live.legs and live.legs[leg].state.value == "talking")
        await center.done(f"/calls/{call}/complete")
        await center.until(lambda: live.agent == "dana")
        await center.done(f"/calls/{call}/transfer", kind="queue", to="support")
        frames = await heard(stream, is_type("call.queued"))
    told = [
        (f["type"], f["data"].get("agent", ""), f["data"].get("to_agent", ""))
        for f in frames[1:]
        if f["type"] != "call.action"
    ]
    assert told == [
        ("call.held", "", ""),
        ("call.leg_ringing", "dana", ""),
        ("call.leg_answered", "dana", ""),
        ("call.transferred", "anna", "dana"),
        ("call.transferred", "dana", ""),
        ("call.queued", "", ""),
    ]
    assert frames[-1]["data"]["call"]["queue"] == "support"
    by = [(f["data"]["verb"], f["data"]["by"]) for f in frames if f["type"] == "call.action"]
    assert by == [(verb, "key:everything") for verb in ("consult", "complete", "transfer")]


async def test_who_was_away_gets_what_was_missed_exactly(center: Any, start_center: Any) -> None:
    """Cut anywhere, also over our restart: the parts together are the whole, in order."""
    async with center.stream() as stream:
        opened = (await heard(stream, is_type("stream.opened")))[0]["sequence"]
        call = await center.talking()
        await center.done(f"/calls/{call}/hang-up")
        first = await heard(stream, is_type("call.ended"))
    after = first[3]["sequence"]
    async with center.stream(f"?after={after}") as stream:
        again = (await heard(stream, is_type("call.ended")))[1:]
    assert again == first[4:]
    key = center.key
    await center.system.stop()
    center = await start_center()
    center.key = key
    async with center.stream(f"?after={opened}") as stream:
        whole = (await heard(stream, is_type("call.ended")))[1:]
    assert whole == first
    async with center.stream(f"?after={after}") as stream:
        part = (await heard(stream, is_type("call.ended")))[1:]
    assert part == first[4:]


async def test_filters_by_type_queue_and_agent(center: Any) -> None:
    """A program hears what it asked for, and a bound key what is its agent's."""
    await center.done("/agents/dana/sign-in", phone="browser")
    bound = await center.new_key("danas", agent="dana")
    async with (
        center.stream("?types=call.answered,agent.*") as some,
        center.stream("?queues=support") as support,
        center.stream(key=bound) as danas,
        center.stream("?types=call.*&queues=sales") as sales,
    ):
        call = await center.talking("anna")
        await center.done(f"/calls/{call}/hang-up")
        await center.done("/agents/dana/ready")
        frames = await heard(some, ready("dana"))
        types = {f["type"] for f in frames[1:]}
        assert types == {"call.answered", "agent.state"}
        frames = await heard(danas, ready("dana"))
        assert {f["data"]["agent"] for f in frames[1:]} == {"dana"}
        frames = await heard(sales, is_type("call.ended"))
        assert {f["data"]["call"]["queue"] for f in frames[1:]} == {"sales"}
        assert frames[1]["type"] == "call.queued"
        await heard(support, is_type("stream.opened"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await support.recv()


@pytest.mark.parametrize(
    "query",
    [
        "?after=x",
        "?after=-1",
        "?after=999999999",
        "?after=1e3",
        "?types=nothing.*",
        "?types=call",
        "?types=call.nothing",
        "?what=1",
        "?after=99999999999999999999",
        "?types=" + "agent.*," * 30,
    ],
)
async def test_a_senseless_question_is_refused_before_the_stream(center: Any, query: str) -> None:
    """A slip in a filter must not look like silence."""
    if query.endswith(","):
        async with center.stream(query) as stream:  # the same word again and again is one word
            assert await heard(stream, is_type("stream.opened"))
        return
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with center.stream(query):
            pass
    assert refusal.value.response.status_code == 422
    assert json.loads(refusal.value.response.body)["code"] == "bad-request"


async def test_no_stream_without_a_key_or_beyond_the_bound(center: Any) -> None:
    """Refused before anything is accepted; ten streams of one key, no more."""
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with center.stream(key="cck_00000000_x"):
            pass
    assert refusal.value.response.status_code == 401
    streams = [center.stream() for _ in range(10)]
    for stream in streams:
        await stream.__aenter__()
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with center.stream():
            pass
    assert refusal.value.response.status_code == 429
    for stream in streams:
        await stream.__aexit__(None, None, None)


async def test_many_streams_at_the_same_moment_are_no_more_than_one_after_another(
    center: Any,
) -> None:
    """The bound holds between its check and the opening, too."""
    key = await center.new_key("greedy", "events:read")
    tuned(center, sockets_per_key=2)
    streams = [center.stream(key=key) for _ in range(12)]
    opened = await asyncio.gather(*(one.__aenter__() for one in streams), return_exceptions=True)
    refused = [one for one in opened if isinstance(one, websockets.InvalidStatus)]
    for stream, one in zip(streams, opened, strict=True):
        if not isinstance(one, BaseException):
            await stream.__aexit__(None, None, None)
    assert len(opened) - len(refused) == 2


async def test_a_revoked_key_hears_no_more(center: Any) -> None:
    """Also a stream that is open already ends."""
    tuned(center, check_key_every_s=0.1)
    key = await center.new_key("short", "events:read")
    async with center.stream(key=key) as stream:
        await heard(stream, is_type("stream.opened"))
        await ApiKeys(center.system.database).revoke("short")
        with pytest.raises(websockets.ConnectionClosed):
            await heard(stream, lambda frame: False)
        assert stream.close_code == 4401


async def test_a_program_with_filters_learns_how_far_it_is(center: Any) -> None:
    """Else it would look through a quiet night again at every resume."""
    tuned(center, position_every_s=0.1)
    async with center.stream("?types=call.*") as stream:
        opened = (await heard(stream, is_type("stream.opened")))[0]
        await center.done("/agents/anna/sign-in", phone="browser")
        frames = await heard(stream, lambda f: f["sequence"] >= center.system.journal.last_seq)
    assert {frame["type"] for frame in frames} == {"stream.position"}
    assert frames[-1]["sequence"] > opened["sequence"]


async def test_a_program_with_filters_learns_it_also_in_a_busy_hour(center: Any) -> None:
    """Events that it does not want come all the time: there is never a pause."""
    tuned(center, position_every_s=0.3)
    await center.done("/agents/anna/sign-in", phone="browser")

    async def to_and_fro() -> None:
        while True:
            await center.done("/agents/anna/ready")
            await center.done("/agents/anna/not-ready", reason="lunch")
            await asyncio.sleep(0.05)

    async with center.stream("?types=call.arrived") as stream:
        busy = asyncio.create_task(to_and_fro())
        try:
            await heard(stream, is_type("stream.position"), 5.0)
        finally:
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)


async def test_a_program_that_talks_all_the_time_is_let_go(center: Any) -> None:
    """The stream has one direction."""
    async with center.stream() as stream:
        await heard(stream, is_type("stream.opened"))
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await stream.send("x" * 1000)
        assert stream.close_code == 4429


async def test_who_does_not_read_is_let_go_and_resumes(center: Any) -> None:
    """A program that stops reading costs one number, not memory, and loses nothing."""
    sockets = tuned(center, slow_after_s=0.5)
    feed = center.system.programs.feed
    reader, writer = await asyncio.open_connection("127.0.0.1", center.system.settings.port)
    request = (
        "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {center.key}\r\n\r\n"
    )
    writer.write(request.encode())
    await reader.readuntil(b"\r\n\r\n")
    assert len(sockets) == 1
    before = feed.last
    note = center.system.router.note
    for number in range(30_000):
        fact = happenings.CallAction("c", "somebody", "test", f"{number} {'x' * 900}")
        note(fact, center.system.clock.now())
    await center.until(lambda: len(sockets) == 0, 40)
    writer.close()
    async with center.stream(f"?after={before}&types=call.action") as stream:
        got: list[int] = []
        async with asyncio.timeout(60):
            while len(got) < 30_000:
                frame = json.loads(await stream.recv())
                if frame["type"] == "call.action":
                    got.append(int(frame["data"]["detail"].split()[0]))
    assert got == list(range(30_000))


# The vocabulary -----------------------------------------------------------------------------------


def test_every_event_is_described_and_every_description_is_told() -> None:
    """Programs are written against the list; nothing on it is a promise without code."""
    source = inspect.getsource(inspect.getmodule(EventFold))  # type: ignore[arg-type]
    told = set(re.findall(r'"((?:call|agent|alert|callback|queue|switch)\.[a-z_]+)"', source))
    callbacks = {name for name in EVENTS if name.startswith("callback.")}
    items = {name for name in EVENTS if name.startswith("item.")}
    assert told | callbacks | items == set(EVENTS)
    of_items = {"queued", "offered", "working", "done", "withdrawn"}
    assert items == {f"item.{state}" for state in of_items}
    states = {"queued", "dialling", "retry", "reached", "expired", "cancelled", "due_later"}
    assert callbacks == {f"callback.{state}" for state in states}


def test_every_rule_is_of_an_entry_there_is() -> None:
    """A renamed fact must not silently end an event."""
    known = {(stream, cls.__name__) for cls, stream in happenings._STREAM_OF.items()}
    assert set(_TELL) <= known
    assert get_args(cti.events.Fact)
    assert get_args(decisions.Decision)


def sample(of: Any) -> Any:
    """A value of this type."""
    if dataclasses.is_dataclass(of) and isinstance(of, type):
        hints = get_type_hints(of)
        return of(**{field.name: sample(hints[field.name]) for field in dataclasses.fields(of)})
    if isinstance(of, type) and issubclass(of, enum.Enum):
        return next(iter(of))
    empty = {int: 1, float: 1.0, bool: True, str: "queued", dict: {}, tuple: (), list: []}
    return empty.get(get_origin(of) or of)


def test_every_rule_finds_its_fields() -> None:
    """A field that is renamed in the call model must not make an event vanish."""
    told = set()
    for cls, stream in happenings._STREAM_OF.items():
        entry = sample(cls)
        data = happenings.as_dict(entry)
        fold = EventFold()
        event = fold.feed(1, 1.0, stream, cls.__name__, happenings.call_of(entry), data)
        if event is not None:
            told.add(cls.__name__)
            json.loads(event.body)
    assert {"CallArrived", "RecordingKept", "CallHandedOver", "CallEnded"} - told == {
        "CallHandedOver"
    }
    assert len(told) > 25


def test_patterns_and_filters() -> None:
    """What is no event and no group is a slip."""
    assert all(is_pattern(text) for text in ("call.*", "agent.state", "callback.*", "switch.up"))
    wrong = ("", "*", "call", "call.", "call.x", "other.*", "call.*.x", "CALL.*")
    assert not any(is_pattern(text) for text in wrong)
    fold = EventFold()
    data = {"call_id": "c", "link": "l", "ani": "+1", "ani_name": "", "dnis": "100", "trunk": ""}
    event = fold.feed(1, 0.0, "switch", "CallArrived", "c", data)
    assert event is not None
    assert Wanted().takes(event)
    assert Wanted(frozenset(("call.*",))).takes(event)
    assert not Wanted(frozenset(("agent.*",))).takes(event)
    assert not Wanted(queues=frozenset(("sales",))).takes(event)
    assert not Wanted(agent="anna").takes(event)


async def test_a_bound_key_hears_who_is_asked_and_what_is_handed_over(center: Any) -> None:
    """The one agent hears of the party of the own call, the other of the call that was given."""
    keys = [await center.new_key(who, "events:read", agent=who) for who in ("anna", "dana")]
    await center.done("/agents/dana/sign-in", phone="browser")
    call = await center.talking("anna")
    await center.done("/agents/dana/ready")
    query = "?types=call.leg_answered,call.transferred"
    async with center.stream(query, keys[0]) as one, center.stream(query, keys[1]) as other:
        live = center.system.router.book.get(call)
        leg = await center.done(f"/calls/{call}/consult", kind="agent", to="dana")
        await center.until(lambda: leg in live.legs and live.legs[leg].state.value == "talking")
        await center.done(f"/calls/{call}/complete")
        await center.until(lambda: live.agent == "dana")
        for stream in (one, other):
            frames = await heard(stream, is_type("call.transferred"))
            types = [frame["type"] for frame in frames if not frame["type"].startswith("stream.")]
            assert types == ["call.leg_answered", "call.transferred"]


async def test_nothing_is_told_before_it_is_on_disk(tmp_path: Path) -> None:
    """What a program has heard never un-happens; and the same journal tells the same again."""
    url = f"sqlite:///{tmp_path}/c.db"
    await upgrade(url)
    engine = open_engine(url)
    journal = Journal(engine, linger_s=0.2)
    await journal.open()
    feed = EventFeed(journal, remembered=10)
    running = asyncio.create_task(feed.run())
    reader = feed.reader(0)
    for number in range(60):
        # Some entries are written by others, past the feed.
        feed_or_journal = journal if number % 10 > 7 else feed
        call = f"c{number % 7}"
        arrived = {"call_id": call, "link": "l", "ani": "+1", "ani_name": "", "dnis": "100"}
        feed.append("switch", "CallArrived", call, {**arrived, "trunk": ""}, float(number))
        if number == 30:  # of another version: it is left out, and all that follows is told
            feed.append("switch", "LegsSwapped", call, {"call_id": call}, float(number))
        feed_or_journal.append("switch", "CallHeld", call, {"call_id": call}, float(number))
        feed_or_journal.append("decision", "Refused", "", {"fact": "x"}, float(number))
    assert await reader.next() == []
    assert await reader.wait(5.0)
    await journal.committed(181)
    live: list[Any] = []
    async with asyncio.timeout(10):
        while len(live) < 120:
            live += await reader.next(7)
            await reader.wait(0.1)
    assert len(live) == len({event.sequence for event in live}) == 120
    late = feed.reader(90)  # long out of memory: from the disk, with what came before folded in
    behind = [event for _ in range(20) for event in await late.next(7)]
    assert [event.body for event in behind] == [e.body for e in live if e.sequence > 90]
    assert msgspec.json.decode(behind[0].body)["data"]["call"]["from"] == "+1"
    await journal.close()
    await asyncio.wait_for(running, 5)
    await engine.dispose()
