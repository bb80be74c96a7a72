"""The addresses of our webhooks: written into TwiML here, taken apart here.

    /voice                      a new call
    /back                       a call that the fallback kept while we were away
    /step/<call>/<n>            document n of a call has come to its end
    /again/<call>/<n>           REST told the caller, then at document n, to ask for the next
    /agent/<call>/<leg>         a leg that we rang was answered; /yes: who pressed a key
    /room/<call>/<leg>          REST tells an agent's leg to go to the conference
    /hold/<call>                what a leg on hold hears
    /digits/<call>/<token>      the digits to be played to the caller, once
    /status                     a call ended, as its number is set up to tell
    /status/<call>/<leg>        how a leg that we rang is doing
    /status/<call>/<leg>/lead   how the agent's leg of a callback is doing
    /conference/<call>/<n>      who joined and left the call's conference n
    /recording/<call>/<id>      how a recording is doing
    /fallback                   static: keeps the caller while we are away

Every document carries its number n in the addresses that it leads to, so a webhook that comes
twice, late or out of order is known as such by its address alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(r"[A-Za-z0-9_.:@+~-]{1,120}")

_CALL = r"(?P<call>[A-Za-z0-9_.:@+~-]{1,120})"
_LEG = r"(?P<leg>[A-Za-z0-9_.:@+~-]{1,120})"
_N = r"(?P<n>[0-9]{1,6})"
_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("voice", "/voice"),
        ("back", "/back"),
        ("step", f"/step/{_CALL}/{_N}"),
        ("again", f"/again/{_CALL}/{_N}"),
        ("agent", f"/agent/{_CALL}/{_LEG}"),
        ("yes", f"/agent/{_CALL}/{_LEG}/yes"),
        ("room", f"/room/{_CALL}/{_LEG}"),
        ("hold", f"/hold/{_CALL}"),
        ("digits", f"/digits/{_CALL}/{_LEG}"),
        ("status", "/status"),
        ("leg", f"/status/{_CALL}/{_LEG}"),
        ("lead", f"/status/{_CALL}/{_LEG}/lead"),
        ("conference", f"/conference/{_CALL}/{_N}"),
        ("recording", f"/recording/{_CALL}/{_LEG}"),
        ("fallback", "/fallback"),
    )
)


@dataclass(frozen=True, slots=True)
class Route:
    """A webhook's address, taken apart. `n` is -1 where there is none.

    `leg` is the offer, the further leg, the recording or the token that it is about.
    """

    name: str
    call: str = ""
    leg: str = ""
    n: int = -1


def parse(path: str) -> Route | None:
    """The route of a path below the public address, or None."""
    for name, pattern in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None:
            parts = found.groupdict()
            return Route(name, parts.get("call", ""), parts.get("leg", ""), int(parts.get("n", -1)))
    return None


@dataclass(frozen=True, slots=True)
class Urls:
    """Our webhooks below `base`; `elsewhere` is where the fallback is hosted, if it is."""

    base: str
    elsewhere: str = ""

    @property
    def back(self) -> str:
        return f"{self.base}/back"

    @property
    def fallback(self) -> str:
        return self.elsewhere or f"{self.base}/fallback"

    @property
    def status(self) -> str:
        return f"{self.base}/status"

    def step(self, call: str, n: int) -> str:
        return f"{self.base}/step/{call}/{n}"

    def again(self, call: str, n: int) -> str:
        return f"{self.base}/again/{call}/{n}"

    def agent(self, call: str, leg: str) -> str:
        return f"{self.base}/agent/{call}/{leg}"

    def yes(self, call: str, leg: str) -> str:
        return f"{self.base}/agent/{call}/{leg}/yes"

    def room(self, call: str, leg: str) -> str:
        return f"{self.base}/room/{call}/{leg}"

    def hold(self, call: str) -> str:
        return f"{self.base}/hold/{call}"

    def digits(self, call: str, token: str) -> str:
        return f"{self.base}/digits/{call}/{token}"

    def leg(self, call: str, leg: str) -> str:
        return f"{self.base}/status/{call}/{leg}"

    def lead(self, call: str, leg: str) -> str:
        return f"{self.base}/status/{call}/{leg}/lead"

    def conference(self, call: str, n: int) -> str:
        return f"{self.base}/conference/{call}/{n}"

    def recording(self, call: str, recording: str) -> str:
        return f"{self.base}/recording/{call}/{recording}"
