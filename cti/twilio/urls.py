"""The addresses of our webhooks: written into TwiML here, taken apart here.

    /voice                      a new call
    /back                       a call that the fallback kept while we were away
    /step/<call>/<n>            document n of a call has come to its end
    /again/<call>/<n>           REST told the caller, then at document n, to ask for the next
    /agent/<call>/<offer>       the leg of an agent who answered; /yes: who pressed a key
    /other/<call>               the other leg of a call that was on hold
    /hold/<call>                what a leg on hold hears
    /status                     a call ended, as its number is set up to tell
    /status/<call>/<offer>      how the dialled leg of an offer is doing
    /status/<call>/<offer>/lead how the agent's leg of a callback is doing
    /fallback                   static: keeps the caller while we are away

Every document carries its number n in the addresses that it leads to, so a webhook that comes
twice, late or out of order is known as such by its address alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(r"[A-Za-z0-9_.:@+~-]{1,120}")

_CALL = r"(?P<call>[A-Za-z0-9_.:@+~-]{1,120})"
_OFFER = r"(?P<offer>[A-Za-z0-9_.:@+~-]{1,120})"
_N = r"(?P<n>[0-9]{1,6})"
_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("voice", "/voice"),
        ("back", "/back"),
        ("step", f"/step/{_CALL}/{_N}"),
        ("again", f"/again/{_CALL}/{_N}"),
        ("agent", f"/agent/{_CALL}/{_OFFER}"),
        ("yes", f"/agent/{_CALL}/{_OFFER}/yes"),
        ("other", f"/other/{_CALL}"),
        ("hold", f"/hold/{_CALL}"),
        ("status", "/status"),
        ("leg", f"/status/{_CALL}/{_OFFER}"),
        ("lead", f"/status/{_CALL}/{_OFFER}/lead"),
        ("fallback", "/fallback"),
    )
)


@dataclass(frozen=True, slots=True)
class Route:
    """A webhook's address, taken apart. `n` is -1 where there is none."""

    name: str
    call: str = ""
    offer: str = ""
    n: int = -1


def parse(path: str) -> Route | None:
    """The route of a path below the public address, or None."""
    for name, pattern in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None:
            parts = found.groupdict()
            return Route(
                name, parts.get("call", ""), parts.get("offer", ""), int(parts.get("n", -1))
            )
    return None


@dataclass(frozen=True, slots=True)
class Urls:
    """Our webhooks below `base`."""

    base: str

    @property
    def back(self) -> str:
        return f"{self.base}/back"

    @property
    def fallback(self) -> str:
        return f"{self.base}/fallback"

    @property
    def status(self) -> str:
        return f"{self.base}/status"

    def step(self, call: str, n: int) -> str:
        return f"{self.base}/step/{call}/{n}"

    def again(self, call: str, n: int) -> str:
        return f"{self.base}/again/{call}/{n}"

    def agent(self, call: str, offer: str) -> str:
        return f"{self.base}/agent/{call}/{offer}"

    def yes(self, call: str, offer: str) -> str:
        return f"{self.base}/agent/{call}/{offer}/yes"

    def other(self, call: str) -> str:
        return f"{self.base}/other/{call}"

    def hold(self, call: str) -> str:
        return f"{self.base}/hold/{call}"

    def leg(self, call: str, offer: str) -> str:
        return f"{self.base}/status/{call}/{offer}"

    def lead(self, call: str, offer: str) -> str:
        return f"{self.base}/status/{call}/{offer}/lead"
