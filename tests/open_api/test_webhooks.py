"""Webhooks: signed, in order, at least once; and never a tool against our own network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from callcenter import posting, signing
from callcenter.eventfeed import EventFeed
from callcenter.posting import AddressRefused, CheckedResolver, Poster, PostFailed, forbidden
from callcenter.webhooks import Patience, Webhooks
from storage.database import open_engine, upgrade
from storage.journal import Journal
from storage.webhooks import Webhooks as Store
from tests.open_api.conftest import free_port, until


def signed_well(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does, by the specification."""
    given = {name.lower(): value for name, value in headers.items()}
    text = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mine = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return mine in given["webhook-signature"].split()


async def test_a_webhook_from_making_to_ending(center: Any, receiver: Any) -> None:
    """Made, pinged, delivered and signed, secret changed without a gap, ended: all by API."""
    given = {"name": "CRM", "url": receiver.url, "types": ["agent.*"]}
    status, made, _ = await center.ask("POST", "/webhooks", json=given)
    assert status == 201
    path, secret = f"/webhooks/{made['id']}", made["secret"]
    assert made["created_by"] == "key:everything"
    _, told, _ = await center.ask("POST", f"{path}/ping")
    assert (told["ok"], told["status"]) == (True, 200)
    assert receiver.events[0]["type"] == "webhook.ping"
    assert signed_well(secret, *receiver.got[0])
    await center.done("/agents/anna/sign-in", phone="browser")
    await center.until(lambda: len(receiver.got) >= 2)
    assert receiver.events[1]["data"]["state"] == "not ready"
    assert signed_well(secret, *receiver.got[1])
    assert not signed_well(signing.new_secret(), *receiver.got[1])
    assert not signed_well(secret, receiver.got[1][0], receiver.got[1][1] + b" ")
    _, rotated, _ = await center.ask("POST", f"{path}/rotate")
    assert rotated["two_secrets"]
    await center.done("/agents/anna/ready")
    await center.until(lambda: len(receiver.got) >= 3)
    assert signed_well(secret, *receiver.got[2])
    assert signed_well(rotated["secret"], *receiver.got[2])
    await center.ask("POST", f"{path}/drop-old-secret")
    await center.done("/agents/anna/not-ready", reason="lunch")
    await center.until(lambda: len(receiver.got) >= 4)
    assert not signed_well(secret, *receiver.got[3])
    assert signed_well(rotated["secret"], *receiver.got[3])
    _, shown, _ = await center.ask("GET", path)
    assert shown["secret"] is None
    assert shown["last_success"] is not None
    _, shown, _ = await center.ask("PATCH", path, json={"enabled": False})
    await center.done("/agents/anna/ready")
    await asyncio.sleep(0.3)
    assert len(receiver.got) == 4
    await center.ask("PATCH", path, json={"enabled": True})
    await center.until(lambda: len(receiver.got) >= 5)  # what it missed meanwhile, too
    assert (await center.ask("DELETE", path))[0] == 200
    assert (await center.ask("GET", path))[1]["code"] == "not-found"


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/hook",
        "https://127.0.0.2/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.1.2.3/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://localhost/hook",
        "file:///etc/passwd",
        "gopher://crm.example.com/",
        "https://user:pass@crm.example.com/",
        "https://crm.example.com/#x",
        "https:///hook",
        "https://crm.example.com:99999/",
        "javascript:alert(1)",
        "https://crm.example.com/\r\nX: y",
        "https://" + "x" * 70 + ".example.com/",
    ],
)
async def test_an_address_that_is_refused_makes_no_webhook(center: Any, url: str) -> None:
    """Told at once to whoever makes it; nothing is kept."""
    status, told, _ = await center.ask("POST", "/webhooks", json={"name": "x", "url": url})
    assert (status, told["code"]) == (422, "address-refused"), url
    assert (await center.ask("GET", "/webhooks"))[1]["webhooks"] == []


async def test_a_senseless_webhook_is_refused(center: Any, receiver: Any) -> None:
    """Unknown events and formats are slips."""
    for wrong in (
        {"types": ["call.nothing"]},
        {"format": "soap"},
        {"secret": "x"},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "a\n"},
    ):
        given = {"name": "x", "url": receiver.url, **wrong}
        assert (await center.ask("POST", "/webhooks", json=given))[0] == 422


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.1.1", "192.0.2.1", "198.18.0.1"),
        *("168.63.129.16", "100.100.100.200", "192.0.0.192", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::"),
        *("2001:db8::1", "2002:a9fe:a9fe::", "::127.0.0.1", "fec0::1", "feff::1"),
    ],
)
def test_no_address_inside_is_reached(address: str) -> None:
    """Private, link-local, loopback, multicast, metadata: also in IPv6's disguises."""
    assert forbidden(address)


def test_public_addresses_and_allowed_hosts_are_reached() -> None:
    """The guard must not be in the way; link-local stays shut even for hosts of the site."""
    assert not forbidden("93.184.216.34")
    assert not forbidden("2606:2800:220:1:248:1893:25c8:1946")
    assert not forbidden("10.0.0.5", private_too=True)
    assert not forbidden("127.0.0.1", private_too=True)
    assert forbidden("169.254.169.254", private_too=True)
    assert forbidden("224.0.0.1", private_too=True)
    poster = Poster(["zammad.lan", "127.0.0.1:3000"])
    poster.check("http://zammad.lan/api")
    poster.check("http://127.0.0.1:3000/api")
    for wrong in ("http://127.0.0.1:3001/api", "http://zammad.lan.example.com/"):
        with pytest.raises(AddressRefused):
            poster.check(wrong)


async def test_a_name_that_leads_inside_is_refused_at_the_connection(
    monkeypatch: pytest.MonkeyPatch, receiver: Any
) -> None:
    """Checked where it is connected: a name that turns (rebinding) wins nothing."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    answers = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], []]
    asked: list[str] = []

    def resolve(host: str, port_: int, **_: Any) -> Any:
        asked.append(host)
        found = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port_)) for one in found]

    monkeypatch.setattr(posting.socket, "getaddrinfo", resolve)
    poster = Poster(timeout_s=2.0)
    await poster.look(f"https://turning.example.com:{port}/")  # fine when it was made
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await poster.post(f"https://turning.example.com:{port}/", b"{}", {})
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        await poster.post(f"https://turning.example.com:{port}/", b"{}", {})
    with pytest.raises(PostFailed):
        await poster.post(f"https://turning.example.com:{port}/", b"{}", {})
    assert len(asked) == 4  # nothing was resolved again behind the check
    assert receiver.got == []
    await poster.close()


async def test_the_checked_address_is_the_one_that_is_connected() -> None:
    """What the resolver gives are numbers: nobody looks the name up a second time."""
    resolver = CheckedResolver(lambda host, port: True)
    (found,) = await resolver.resolve("localhost", 443)
    assert found["host"] == "127.0.0.1"
    assert found["flags"] & socket.AI_NUMERICHOST
    await resolver.close()


async def test_redirects_slow_and_endless_answers(receiver: Any) -> None:
    """A receiver cannot send us elsewhere, hold us, or fill our memory."""

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 65536)
        except ConnectionError:
            return answer

    app = web.Application()
    app.router.add_post("/slow", slow)
    app.router.add_post("/endless", endless)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    poster = Poster(["127.0.0.1"], timeout_s=1.0)
    receiver.always, receiver.location = 302, "http://169.254.169.254/latest/"
    with pytest.raises(PostFailed, match="redirects are not followed"):
        await poster.post(receiver.url, b"{}", {})
    assert len(receiver.got) == 1
    with pytest.raises(PostFailed, match="no answer within"):
        await poster.post(f"http://127.0.0.1:{port}/slow", b"{}", {})
    async with asyncio.timeout(5):
        assert await poster.post(f"http://127.0.0.1:{port}/endless", b"{}", {}) == 200
    await poster.close()
    await runner.cleanup()


async def test_an_error_does_not_tell_the_address() -> None:
    """It is shown on consoles and written into logs; the address may hold a token."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nBad\x00: y\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(["127.0.0.1"], timeout_s=2.0)
    with pytest.raises(PostFailed, match="ClientResponseError") as failed:
        await poster.post(f"http://127.0.0.1:{port}/api/v1/cti/token-1234", b"{}", {})
    assert "token-1234" not in str(failed.value)
    await poster.close()
    server.close()


# Delivery: the service over a real journal and database -----------------------------------------


QUICK = Patience(
    first_pause_s=0.01,
    longest_pause_s=0.05,
    give_up_s=1e9,
    tries_least=2,
    save_every_s=0.0,
    alarm_after_s=0.05,
)


class Post:
    """A webhook service on its own database; `tell` writes events into the journal."""

    def __init__(self, url: str, patience: Patience) -> None:
        self.url = url
        self.patience = patience
        self.now = 1000.0
        self.alarms: dict[str, Any] = {}
        self.dead = False

    async def open(self) -> Post:
        await upgrade(self.url)
        self.engine = open_engine(self.url)
        self.journal = Journal(self.engine, linger_s=0.0)
        await self.journal.open()
        self.feed = EventFeed(self.journal)
        self.running = asyncio.create_task(self.feed.run())
        self.store = Store(self.engine)
        self.hooks = Webhooks(
            self.store,
            self.feed,
            Poster(["127.0.0.1"], timeout_s=2.0),
            name_of=lambda kind, ident: ident.title(),
            clock=lambda: self.now,
            patience=self.patience,
            alarm=self.alarms.__setitem__,
        )
        await self.hooks.start()
        return self

    async def make(self, receiver: Any, **more: Any) -> str:
        given = {"name": "x", "url": receiver.url, "format": "events", "types": [], "queues": []}
        return str((await self.hooks.create({**given, **more}, "key:x"))["id"])

    def tell(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            data = {"call_id": f"c{number}", "link": "l", "ani": "+1", "ani_name": ""}
            entry = {**data, "dnis": "100", "trunk": ""}
            self.feed.append("switch", "CallArrived", f"c{number}", entry, self.now)

    async def die(self) -> None:
        """kill -9: nothing is said or saved any more. Once is enough."""
        if self.dead:
            return
        self.dead = True
        ending = [delivery._task for delivery in self.hooks._deliveries.values()]
        for task in (*ending, self.running):
            task.cancel()
        await asyncio.wait((*ending, self.running), timeout=5)
        await self.hooks.poster.close()
        await self.journal.close()
        await self.engine.dispose()


@pytest.fixture
async def post(tmp_path: Path) -> Any:
    made = await Post(f"sqlite:///{tmp_path}/hooks.db", QUICK).open()
    yield made
    await made.die()


def calls_of(receiver: Any) -> list[str]:
    return [event["data"]["call"]["id"] for event in receiver.events]


async def test_in_order_and_at_least_once_over_failures_and_kills(
    post: Any, receiver: Any, tmp_path: Path
) -> None:
    """Whatever fails: every event arrives, and none before the one that came earlier."""
    await post.make(receiver)
    receiver.answers = [500, 503, 200, 404, 200, 429, 500]
    post.tell(20)
    await until(lambda: len(set(calls_of(receiver))) == 20)
    await post.die()
    again = await Post(post.url, QUICK).open()
    again.tell(20, 20)
    await until(lambda: len(set(calls_of(receiver))) == 40)
    await again.die()
    first = list(dict.fromkeys(calls_of(receiver)))
    assert first == [f"c{number}" for number in range(40)]
    sequences = [event["sequence"] for event in receiver.events]
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert ids == [f"ev_{sequence}" for sequence in sequences]


async def test_what_is_not_taken_is_given_up_read_and_sent_again(post: Any, receiver: Any) -> None:
    """Too old and still refused: the dead letters have it, the next event has its turn."""
    hook = await post.make(receiver)
    receiver.always = 500
    post.tell(2)
    await until(lambda: len(receiver.got) >= 3)
    post.now += 2e9
    async with asyncio.timeout(15):
        while len(letters := await post.hooks.letters(hook, 0, 10)) < 2:
            await asyncio.sleep(0.02)
    assert [letter["event"]["data"]["call"]["id"] for letter in letters] == ["c0", "c1"]
    assert letters[0]["why"] == "answered 500"
    assert letters[0]["attempts"] >= 2
    told = await post.hooks.resend(hook, letters[0]["id"])
    assert (told["ok"], told["status"]) == (False, 500)
    receiver.always = 200
    assert (await post.hooks.resend(hook, letters[0]["id"]))["ok"]
    assert calls_of(receiver)[-1] == "c0"
    await post.hooks.drop_letter(hook, letters[1]["id"])
    assert await post.hooks.letters(hook, 0, 10) == []
    post.tell(1, 5)
    await until(lambda: calls_of(receiver)[-1] == "c5")
    await post.die()


async def test_a_dead_receiver_keeps_nobody_else_waiting(post: Any, receiver: Any) -> None:
    """Each subscription goes at its own pace, and the event loop goes on."""
    nobody = type("Nobody", (), {"url": f"http://127.0.0.1:{free_port()}/"})
    dead = await post.make(nobody)
    await post.make(receiver)
    post.tell(50)
    await until(lambda: len(receiver.got) == 50)
    shown = await post.hooks.get(dead)
    assert shown["last_error"].startswith("ClientConnectorError")
    assert shown["behind"] == 50
    await until(lambda: post.alarms)
    assert post.alarms[f"webhook-{dead}"]["en"].startswith("Webhook “x” cannot be delivered")
    assert list(post.alarms) == [f"webhook-{dead}"]
    await post.hooks.change(dead, {"url": receiver.url})
    await until(lambda: len(receiver.got) == 100)
    assert post.alarms[f"webhook-{dead}"] is None
    await post.die()


async def test_a_receiver_that_is_gone_for_good_is_left_alone(post: Any, receiver: Any) -> None:
    """410 Gone is a word that we take."""
    hook = await post.make(receiver)
    receiver.always = 410
    post.tell(3)
    async with asyncio.timeout(10):
        while (await post.hooks.get(hook))["enabled"]:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert len(receiver.got) == 1
    await post.die()


async def test_a_change_that_fails_or_changes_nothing_stops_no_delivery(
    post: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away for a moment: the webhook goes on as it was."""
    hook = await post.make(receiver)

    async def away(*_: Any, **__: Any) -> Any:
        raise OSError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(post.store, "change", away)
        with pytest.raises(OSError, match="locked"):
            await post.hooks.rotate(hook)
    post.tell(1, 0)
    await until(lambda: calls_of(receiver) == ["c0"])
    with monkeypatch.context() as broken:
        broken.setattr(post.store, "delete", away)
        with pytest.raises(OSError, match="locked"):
            await post.hooks.delete(hook)
    post.tell(1, 1)
    await until(lambda: calls_of(receiver) == ["c0", "c1"])
    assert (await post.hooks.change(hook, {}))["enabled"]
    post.tell(1, 2)
    await until(lambda: calls_of(receiver) == ["c0", "c1", "c2"])
    await post.die()


async def test_stopping_waits_for_a_slow_database_once_not_for_each_webhook(
    post: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred places to keep in a locked database must not hold up an orderly end."""
    for _ in range(10):
        await post.make(receiver)

    async def locked(*_: Any) -> None:
        await asyncio.sleep(0.5)
        raise OSError("database is locked")

    monkeypatch.setattr(post.store, "delivered", locked)
    for delivery in post.hooks._deliveries.values():
        delivery.cursor += 1  # there is something to keep
    async with asyncio.timeout(3):
        await post.hooks.stop()
    await post.die()


# Zammad -------------------------------------------------------------------------------------------


async def test_zammad_hears_of_a_call_in_its_own_words(center: Any, receiver: Any) -> None:
    """newCall, answer and hangup, as Zammad's generic CTI documents them."""
    given = {"name": "Zammad", "url": receiver.url, "format": "zammad"}
    _, made, _ = await center.ask("POST", "/webhooks", json=given)
    receiver.answers = [422]  # what Zammad says to a message that is no call
    _, told, _ = await center.ask("POST", f"/webhooks/{made['id']}/ping")
    assert told["ok"]
    receiver.got.clear()
    call = await center.talking()
    await center.done(f"/calls/{call}/hang-up")
    await center.until(lambda: len(receiver.got) >= 3)
    base = {"from": "12025550100", "to": "100", "direction": "in", "callId": call}
    name = center.system.site.agents["anna"].name
    with_agent = {**base, "queue": "sales", "user": name, "answeringNumber": "anna"}
    assert receiver.events == [
        {"event": "newCall", **base},
        {"event": "answer", **with_agent},
        {"event": "hangup", "cause": "normalClearing", **with_agent},
    ]
    assert receiver.got[0][0]["Content-Type"] == "application/json"
    receiver.got.clear()
    missed = await center.calls(ani="", stays_s=0.3)
    await center.until(lambda: len(receiver.got) >= 2)
    told = receiver.events
    assert [(one["event"], one["from"]) for one in told] == [
        ("newCall", "anonymous"),
        ("hangup", "anonymous"),
    ]
    assert (told[1]["cause"], told[1]["callId"]) == ("cancel", missed)


async def test_zammad_hears_of_a_call_out(center: Any, receiver: Any) -> None:
    """A call that an agent places goes out, with the agent's name."""
    given = {"name": "Zammad", "url": receiver.url, "format": "zammad"}
    await center.ask("POST", "/webhooks", json=given)
    await center.done("/agents/anna/sign-in", phone="browser")
    call = await center.done("/agents/anna/calls", number="+14165550123")
    await center.until(lambda: any(e["event"] == "answer" for e in receiver.events))
    await center.done(f"/calls/{call}/hang-up")
    await center.until(lambda: any(e["event"] == "hangup" for e in receiver.events))
    assert [e["event"] for e in receiver.events] == ["newCall", "answer", "hangup"]
    for told in receiver.events:
        assert (told["direction"], told["to"], told["callId"]) == ("out", "14165550123", call)
        assert told["user"] == center.system.site.agents["anna"].name
    assert receiver.events[2]["cause"] == "normalClearing"


async def test_zammad_refusals_do_not_stop_the_line(post: Any, receiver: Any) -> None:
    """A hang-up of a call that Zammad never heard of must not hold up the next caller."""
    hook = await post.make(receiver, format="zammad")
    receiver.answers = [500, 500, 500]
    post.tell(2)
    await until(lambda: len(receiver.got) >= 4)
    assert [e["callId"] for e in receiver.events] == ["c0", "c0", "c0", "c1"]
    assert len(await post.hooks.letters(hook, 0, 10)) == 1
    assert json.loads(receiver.got[3][1])["event"] == "newCall"
    await post.die()
