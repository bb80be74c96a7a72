"""A caller whose every byte is chosen: SIP by hand, for what no telephone would send."""

from __future__ import annotations

import asyncio
import secrets
from types import TracebackType
from typing import Self

_SDP = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 {host}",
        "s=-",
        "c=IN IP4 {host}",
        "t=0 0",
        "m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "",
    )
)


class SipCaller(asyncio.DatagramProtocol):
    """One call over UDP from `host`; sends no sound."""

    def __init__(self, host: str, center: tuple[str, int]) -> None:
        self.host = host
        self.center = center
        self.answers: list[int] = []
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._call_id = secrets.token_hex(8)
        self._to = self._from = self._target = ""
        self._name = b""
        self._transport: asyncio.DatagramTransport

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, 0)
        )
        self._port: int = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._target and not self._over.done():
            self._send("BYE", self._target, 2)
        self._transport.close()

    async def call(self, dnis: str, ani: str, name: bytes) -> None:
        """Dial; `name` stands between the quotes of From exactly as it is."""
        host, port = self.center
        uri = f"sip:{dnis}@{host}:{port}"
        self._name = name
        self._from = f"<sip:{ani}@{self.host}:{self._port}>;tag={secrets.token_hex(4)}"
        self._to = f"<{uri}>"
        self._send("INVITE", uri, 1, _SDP.format(host=self.host, port=self._port))
        async with asyncio.timeout(5):
            await self._answered

    async def hang_up(self) -> None:
        self._send("BYE", self._target, 2)
        async with asyncio.timeout(5):
            await self._over

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        head = data.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
        first, *lines = head.split("\r\n")
        headers = {key.lower(): value for key, _, value in (x.partition(": ") for x in lines)}
        if not first.startswith("SIP/2.0"):
            self._agree(first, lines)
            return
        status = int(first.split()[1])
        self.answers.append(status)
        method = headers.get("cseq", "").split()[-1]
        if method == "INVITE" and status == 200:
            self._to = headers["to"]
            self._target = headers["contact"].strip("<>").split(">")[0]
            self._send("ACK", self._target, 1)
            if not self._answered.done():
                self._answered.set_result(None)
        elif method == "INVITE" and status >= 300 and not self._answered.done():
            self._answered.set_exception(ConnectionError(first))
        elif method == "BYE" and not self._over.done():
            self._over.set_result(None)

    def _agree(self, request: str, lines: list[str]) -> None:
        """200 to whatever the center asks (BYE, OPTIONS, a new INVITE's end)."""
        kept = [
            line
            for line in lines
            if line.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:"))
        ]
        answer = "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])
        if not request.startswith("ACK"):
            self._transport.sendto(answer.encode("utf-8", "replace"), self.center)
        if request.startswith("BYE") and not self._over.done():
            self._over.set_result(None)

    def _send(self, method: str, uri: str, number: int, body: str = "") -> None:
        before = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self._port};branch=z9hG4bK{secrets.token_hex(6)}",
            "Max-Forwards: 70",
            f"To: {self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:caller@{self.host}:{self._port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        who = b'From: "' + self._name + b'" ' + self._from.encode()
        message = "\r\n".join(before).encode() + b"\r\n" + who + b"\r\n\r\n" + body.encode()
        self._transport.sendto(message, self.center)
