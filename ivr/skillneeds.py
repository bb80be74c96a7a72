"""What an agent must be able to do, as people write it: an expression over skills and levels.

    billing >= 3 and (german >= 5 or english >= 8) and not trainee

    needs  = every { "or" every }
    every  = one { "and" one }
    one    = "not" one | "(" needs ")" | skill [ (">=" | ">" | "<" | "<=") level ]

A skill alone means level 1. Every expression is brought into one form: a list of `Need`s that
must all hold, each perhaps with others of which one is enough as well. What this form would
make too long (it can grow by every "or" of "and"s) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

MAX_TEXT = 400  # characters
MAX_DEPTH = 10  # brackets and "not"s in one another
MAX_NEEDS = 16  # that must all hold
MAX_ALTERNATIVES = 8  # of one of them
MAX_LEVEL = 10

_TOKEN = re.compile(r"\s*(?:([a-z][a-z0-9_-]{0,31})(?![a-z0-9_-])|([0-9]{1,6})|(>=|<=|[<>()]))")
JOINS = ("and", "or", "not")  # no skill may be called so
_EXAMPLE = "such as 'billing >= 3 and not trainee'"


@dataclass(frozen=True, slots=True)
class Need:
    """A skill that the agent must have at `level` or higher (1 to 10); `below`: must not.

    With `others`, one of them is enough as well; they have no others themselves.
    """

    skill: str
    level: int = 1
    below: bool = False
    others: tuple[Need, ...] = ()

    def choices(self) -> tuple[Need, ...]:
        """This need and its others, each on its own."""
        return (replace(self, others=()), *self.others)


class Unreadable(ValueError):  # noqa: N818 - it carries a mistake, it is not one of ours
    """An expression that cannot be taken: what is wrong (`message`) and how to put it right."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message}; {fix}")
        self.message = message
        self.fix = fix


def parse_needs(text: str) -> tuple[Need, ...]:
    """The needs that `text` writes. Raises `Unreadable`."""
    found = _shortest(_Parser(text).read())
    if not found:
        raise Unreadable("these needs are met by everybody", "leave them out")
    needs = tuple(replace(choices[0], others=choices[1:]) for choices in found)
    contradiction = _contradiction(needs)
    if contradiction:
        raise Unreadable(f"nobody can ever meet {contradiction}", "leave one of the two out")
    return needs


def written(needs: Iterable[Need]) -> str:
    """The needs as people would write them; `parse_needs` reads it again."""
    return " and ".join(
        f"({' or '.join(map(_one, need.choices()))})" if need.others else _one(need)
        for need in needs
    )


def both(first: Iterable[Need], second: Iterable[Need]) -> tuple[Need, ...]:
    """What meets both. A skill that both ask for counts once, at the higher level."""
    return tuple(
        replace(choices[0], others=choices[1:])
        for choices in _shortest([need.choices() for need in (*first, *second)])
    )


def met(needs: Iterable[Need], skills: Mapping[str, int]) -> bool:
    """Whether who has these skills (name to level) meets the needs."""
    return all(
        any((skills.get(one.skill, 0) >= one.level) is not one.below for one in need.choices())
        for need in needs
    )


def skills_of(needs: Iterable[Need]) -> tuple[str, ...]:
    """Every skill that is named, each once."""
    return tuple(dict.fromkeys(one.skill for need in needs for one in need.choices()))


def _one(need: Need) -> str:
    if need.level == 1:
        return f"not {need.skill}" if need.below else need.skill
    return f"{need.skill} {'<' if need.below else '>='} {need.level}"


# Reading ----------------------------------------------------------------------------------

_Choices = tuple[Need, ...]  # one of them is enough
_All = list[_Choices]  # all of them must hold


class _Parser:
    """Recursive descent over the tokens; `not` is carried down to the skills."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.next
        self.at += 1
        return token

    def read(self) -> _All:
        found = self.any_of(negated=False, depth=0)
        if self.next == ")":
            raise Unreadable("a ')' without its '('", "delete it or add the '('")
        if self.next:
            raise Unreadable(f"no 'and' or 'or' before {self.next!r}", f"write one, {_EXAMPLE}")
        return found

    def any_of(self, *, negated: bool, depth: int) -> _All:
        found = self.every(negated=negated, depth=depth)
        while self.next == "or":
            self.take()
            more = self.every(negated=negated, depth=depth)
            found = _all(found, more) if negated else _either(found, more)
        return found

    def every(self, *, negated: bool, depth: int) -> _All:
        found = self.one(negated=negated, depth=depth)
        while self.next == "and":
            self.take()
            more = self.one(negated=negated, depth=depth)
            found = _either(found, more) if negated else _all(found, more)
        return found

    def one(self, *, negated: bool, depth: int) -> _All:
        if depth > MAX_DEPTH:
            raise Unreadable("too many brackets in one another", f"use at most {MAX_DEPTH}")
        word = self.take()
        if word == "not":
            return self.one(negated=not negated, depth=depth + 1)
        if word == "(":
            found = self.any_of(negated=negated, depth=depth + 1)
            if self.next != ")":
                raise Unreadable("a '(' without its ')'", "add the ')'")
            self.take()
            return found
        if not word[:1].isalpha() or word in JOINS:
            before = self.tokens[self.at - 2] if 1 < self.at <= len(self.tokens) + 1 else ""
            where = f" after {before!r}" if before else ""
            what = f"{word!r}" if word else "the end"
            raise Unreadable(f"{what} where a skill belongs{where}", f"name a skill, {_EXAMPLE}")
        return [(self.level(word, negated=negated),)]

    def level(self, skill: str, *, negated: bool) -> Need:
        sign = self.next if self.next in (">=", ">", "<", "<=") else ""
        if not sign:
            return Need(skill, 1, negated)
        self.take()
        digits = self.take()
        if not digits.isdigit():
            fix = f"write a number from 1 to {MAX_LEVEL}"
            raise Unreadable(f"no level after '{skill} {sign}'", fix)
        highest = MAX_LEVEL - 1 if sign in (">", "<=") else MAX_LEVEL
        if not 1 <= int(digits) <= highest:
            raise Unreadable(f"the level in '{skill} {sign} {digits}'", f"use 1 to {highest}")
        level = int(digits) + 1 if sign in (">", "<=") else int(digits)
        return Need(skill, level, (sign in ("<", "<=")) is not negated)


def _tokens(text: str) -> list[str]:
    if len(text) > MAX_TEXT:
        raise Unreadable(f"needs of {len(text)} characters", f"use at most {MAX_TEXT}")
    found: list[str] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            odd = text[at:].split()[0][:20]
            fix = f"use skills, 'and', 'or', 'not', brackets, '>=' and '<', {_EXAMPLE}"
            raise Unreadable(f"{odd!r} in the needs", fix)
        found.append(match[0].strip())
        at = match.end()
    return found


# The one form -----------------------------------------------------------------------------


def _all(first: _All, second: _All) -> _All:
    return _bounded(_shortest([*first, *second]))


def _either(first: _All, second: _All) -> _All:
    """`first` or `second`: one of each of the first with one of each of the second."""
    return _bounded(_shortest([(*one, *other) for one in first for other in second]))


def _bounded(found: _All) -> _All:
    if len(found) > MAX_NEEDS or any(len(choices) > MAX_ALTERNATIVES for choices in found):
        raise Unreadable(
            "these needs are too many when written out",
            f"use at most {MAX_NEEDS} that must all hold, of {MAX_ALTERNATIVES} choices each",
        )
    return found


def _shortest(found: Iterable[_Choices]) -> _All:
    """Without what is always met, and without what another one asks for already."""
    kept: _All = []
    for choices in map(_without_repeats, found):
        if _always(choices) or any(_implies(other, choices) for other in kept):
            continue
        at = next((n for n, other in enumerate(kept) if _implies(choices, other)), len(kept))
        kept = [other for other in kept if not _implies(choices, other)]
        kept.insert(at, choices)
    return kept


def _without_repeats(choices: _Choices) -> _Choices:
    """Of several levels of one skill the easiest is enough."""
    easiest: dict[tuple[str, bool], Need] = {}
    for one in choices:
        known = easiest.get((one.skill, one.below))
        if known is None or _easier(one, known):
            easiest[one.skill, one.below] = one
    return tuple(easiest.values())


def _easier(one: Need, other: Need) -> bool:
    """Whether who meets `other` meets `one`, both about the same skill and side."""
    return one.level >= other.level if one.below else one.level <= other.level


def _always(choices: _Choices) -> bool:
    """`skill >= 3 or skill < 5` holds for everybody."""
    least = {one.skill: one.level for one in choices if not one.below}
    return any(one.below and least.get(one.skill, MAX_LEVEL + 1) <= one.level for one in choices)


def _implies(first: _Choices, second: _Choices) -> bool:
    """Whether who meets `first` is known to meet `second`."""
    return all(
        any(
            (one.skill, one.below) == (other.skill, other.below) and _easier(other, one)
            for other in second
        )
        for one in first
    )


def _contradiction(needs: Iterable[Need]) -> str:
    """Two single needs that nobody meets both, as text; "" when there are none."""
    least = {one.skill: one for one in needs if not one.others and not one.below}
    for one in needs:
        if one.below and not one.others:
            other = least.get(one.skill)
            if other is not None and other.level >= one.level:
                return f"'{_one(other)} and {_one(one)}'"
    return ""
