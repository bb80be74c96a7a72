"""Which outside numbers may be dialled, and how often: an allow-list against toll fraud."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

_NUMBER = re.compile(r"\+?[0-9]{2,18}")


class DialRefusedError(Exception):
    """The number may not be dialled. Nothing was."""


@dataclass(frozen=True, slots=True)
class DialRules:
    """`allowed_prefixes`: a number must begin with one of them ("" allows every number).

    Without any prefix nothing can be dialled. `barred_prefixes` win over allowed
    ones. `per_minute` bounds all dialling of the link together.
    """

    allowed_prefixes: tuple[str, ...] = ()
    barred_prefixes: tuple[str, ...] = ()
    per_minute: int = 60


class Dialing:
    """Applies the rules. `now` is monotonic seconds, handed in by the caller."""

    def __init__(self, rules: DialRules) -> None:
        self.rules = rules
        self._dialled: deque[float] = deque()

    def check(self, number: str, now: float) -> str:
        """The number, cleaned of nothing: it is right as it is or it is refused."""
        if not _NUMBER.fullmatch(number):
            raise DialRefusedError("not a telephone number")
        rules = self.rules
        if not number.startswith(rules.allowed_prefixes) or not rules.allowed_prefixes:
            raise DialRefusedError("the number is not on the list of allowed numbers")
        if rules.barred_prefixes and number.startswith(rules.barred_prefixes):
            raise DialRefusedError("the number is barred")
        while self._dialled and self._dialled[0] <= now - 60.0:
            self._dialled.popleft()
        if len(self._dialled) >= rules.per_minute:
            raise DialRefusedError(f"more than {rules.per_minute} numbers were dialled in a minute")
        self._dialled.append(now)
        return number
