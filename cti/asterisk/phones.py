"""Agents' phones on this switch: how they are named, and which can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cti.asterisk.ami import Frame
from cti.calls import PhoneKind

_PREFIX = {PhoneKind.BROWSER: "agent", PhoneKind.DESK: "desk"}
_ENDPOINT = re.compile(r"(agent|desk)-([a-z0-9-]{1,32})")
_KIND = {prefix: kind for kind, prefix in _PREFIX.items()}
_GONE = frozenset(("Removed", "Unreachable"))
_UNREACHABLE = frozenset(("UNAVAILABLE", "INVALID"))
_AGENT = re.compile(r"[a-z0-9-]{1,32}")

Line = tuple[str, PhoneKind]


def endpoint_kind(kind: PhoneKind) -> str:
    """The first part of an endpoint's name; "out" for outside numbers."""
    return _PREFIX.get(kind, "out")


def is_agent_id(text: str) -> bool:
    return _AGENT.fullmatch(text) is not None


def line_of(endpoint: str) -> Line | None:
    """Whose phone an endpoint is, or None for trunks and callers."""
    found = _ENDPOINT.fullmatch(endpoint)
    return (found[2], _KIND[found[1]]) if found else None


def endpoint_of(line: Line) -> str:
    agent_id, kind = line
    return f"{endpoint_kind(kind)}-{agent_id}"


class Phones:
    """Which phones are up. Contacts are counted: a new one may come before the old one goes."""

    def __init__(self) -> None:
        self._contacts: dict[Line, set[str]] = {}

    @property
    def up(self) -> set[Line]:
        return {line for line, contacts in self._contacts.items() if contacts}

    def on_contact(self, event: Frame) -> tuple[Line, bool] | None:
        """A ContactStatus event: (phone, up?) when the phone came or went, else None."""
        line = line_of(event.get("EndpointName") or event.get("AOR"))
        if line is None:
            return None
        contacts = self._contacts.setdefault(line, set())
        before = bool(contacts)
        uri = event.get("URI")
        if event.get("ContactStatus") in _GONE:
            # What we know only by the device's state has no address.
            contacts.discard(uri if uri in contacts else "")
        else:
            contacts.add(uri)
            contacts.discard("")
        return None if bool(contacts) == before else (line, bool(contacts))

    def take_all(self, states: Iterable[Frame]) -> list[tuple[Line, bool]]:
        """The answer to DeviceStateList: every phone's state now, as (phone, up?)."""
        known: list[tuple[Line, bool]] = []
        for event in states:
            technology, _, endpoint = event.get("Device").partition("/")
            line = line_of(endpoint)
            if technology != "PJSIP" or line is None:
                continue
            up = event.get("State") not in _UNREACHABLE
            if not up:
                self._contacts[line] = set()
            elif not self._contacts.get(line):
                self._contacts[line] = {""}
            known.append((line, up))
        return known
