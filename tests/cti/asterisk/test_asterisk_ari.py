"""Phones pushed into a running Asterisk, and a real REGISTER against them."""

from __future__ import annotations

import hashlib
import re
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from cti.asterisk.ari import AriClient, AriFailed
from cti.asterisk.configuration import AgentLine, AsteriskConfig
from cti.asterisk.layout import Layout, free_ports
from cti.asterisk.server import AsteriskServer

pytestmark = pytest.mark.asterisk

Factory = Callable[..., Awaitable[AsteriskServer]]

_CONFIG = AsteriskConfig(agents=(AgentLine("anna", desk_secret="a-long-secret"),))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


async def _register(server: AsteriskServer, user: str, password: str) -> int:
    """Register as a browser does, over the websocket with a digest; the last status."""
    host = f"127.0.0.1:{server.identity.ports.http}"
    call_id = str(time.monotonic_ns())

    def request(number: int, extra: str = "") -> str:
        return (
            f"REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK{number}\r\n"
            f"From: <sip:{user}@{host}>;tag=1\r\nTo: <sip:{user}@{host}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {number} REGISTER\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{user}@x.invalid;transport=ws>;expires=60\r\n{extra}"
            "Content-Length: 0\r\n\r\n"
        )

    async with connect(
        f"ws://{host}/ws", subprotocols=[Subprotocol("sip")], compression=None, proxy=None
    ) as line:
        await line.send(request(1))
        answer = str(await line.recv())
        challenge = dict(re.findall(r'(\w+)="?([^",\r]+)"?', answer.partition("Digest ")[2]))
        if "nonce" not in challenge:
            return int(answer.split()[1])
        uri = f"sip:{host}"
        first = _md5(f"{user}:{challenge['realm']}:{password}")
        proof = _md5(f"{first}:{challenge['nonce']}:00000001:ab:auth:{_md5(f'REGISTER:{uri}')}")
        await line.send(
            request(
                2,
                f'Authorization: Digest username="{user}", realm="{challenge["realm"]}", '
                f'nonce="{challenge["nonce"]}", uri="{uri}", response="{proof}", algorithm=MD5, '
                f'opaque="{challenge.get("opaque", "")}", qop=auth, nc=00000001, cnonce="ab"\r\n',
            )
        )
        return int(str(await line.recv()).split()[1])


async def test_a_pushed_password_lets_the_browser_register(asterisk_factory: Factory) -> None:
    """An agent's browser phone has a password only from log-in to log-out."""
    server = await asterisk_factory(config=_CONFIG)
    async with AriClient(server.identity, _CONFIG) as ari:
        assert await ari.endpoints() == {"agent-anna": "offline", "desk-anna": "offline"}
        assert await _register(server, "agent-anna", "guessed-pass") >= 400
        await ari.push_auth("anna", "first-password")
        assert await _register(server, "agent-anna", "guessed-pass") == 401
        assert await _register(server, "agent-anna", "first-password") == 200
        await ari.push_auth("anna", "second-password")
        assert await _register(server, "agent-anna", "first-password") == 401
        assert await _register(server, "agent-anna", "second-password") == 200
        await ari.remove_auth("anna")
        await ari.remove_auth("anna")
        assert await _register(server, "agent-anna", "second-password") >= 400


async def test_a_web_phone_comes_and_goes(asterisk_factory: Factory) -> None:
    """Each visitor of /call gets an endpoint of his own, whose caller id he cannot choose."""
    server = await asterisk_factory(config=_CONFIG)
    async with AriClient(server.identity, _CONFIG) as ari:
        await ari.push_web_endpoint(
            "v1", "web-password", caller_number="+14165550100", caller_name='Bob"\r\n<x>;'
        )
        assert await _register(server, "web-v1", "web-password") == 200
        shown = await server.console("pjsip show endpoint web-v1")
        assert '"Bobx" <+14165550100>' in shown
        assert re.search(r"trust_id_inbound +: false", shown)
        assert re.search(r"context +: cc-entry", shown)
        await ari.remove_web_endpoint("v1")
        await ari.remove_web_endpoint("v1")
        assert "web-v1" not in await ari.endpoints()
        assert await _register(server, "web-v1", "web-password") == 401


async def test_pushes_are_quick_and_survive_a_restart_by_repeating(
    asterisk_factory: Factory,
) -> None:
    """A log-in waits for the push; after Asterisk's restart the same client must go on."""
    server = await asterisk_factory(config=_CONFIG)
    async with AriClient(server.identity, _CONFIG) as ari:
        times = []
        for number in range(50):
            began = time.perf_counter()
            await ari.push_auth("anna", f"password-{number}")
            times.append((time.perf_counter() - began) * 1000)
        print(f"push: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")
        assert statistics.median(times) < 100
        await server.restart()
        assert await _register(server, "agent-anna", "password-49") >= 400
        await ari.push_auth("anna", "password-new")
        assert await _register(server, "agent-anna", "password-new") == 200


async def test_a_dead_asterisk_and_a_wrong_password_are_typed(
    asterisk_factory: Factory,
) -> None:
    """The caller shows a reason to the agent; an untyped error would be a crash."""
    server = await asterisk_factory(config=_CONFIG)
    stranger = Layout(server.layout.root.parent / "b").identity(server.identity.ports)
    async with AriClient(stranger, _CONFIG) as ari:
        with pytest.raises(AriFailed) as refused:
            await ari.push_auth("anna", "some-password")
        assert refused.value.status == 401
    nobody = Layout(server.layout.root.parent / "c").identity(free_ports())
    async with AriClient(nobody, _CONFIG) as ari:
        with pytest.raises(AriFailed) as unreachable:
            await ari.push_auth("anna", "some-password")
        assert unreachable.value.status == 0


@pytest.mark.parametrize("text", ["../x", "a/b", "A", "", "a\r\nb", "x" * 33, "anna?x=1"])
async def test_hostile_names_are_never_sent(text: str, asterisk_folder: Callable[[], Path]) -> None:
    """A name becomes part of an address: refused before anything is sent."""
    folder = asterisk_folder()
    async with AriClient(Layout(folder / "a").identity(free_ports()), _CONFIG) as ari:
        for push in (
            ari.push_auth(text, "some-password"),
            ari.remove_auth(text),
            ari.push_web_endpoint(text, "some-password"),
            ari.remove_web_endpoint(text),
            ari.push_auth("anna", f"short{text}\n"),
        ):
            with pytest.raises(ValueError, match="not allowed"):
                await push
