"""What an agent must be able to do: requirements in one form, and who fulfils them.

A requirement is a tuple of `SkillNeed`s that must all hold. Two that ask for the same are
made the same by `canonical`, so that their callers wait in one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from acd.site import Relax, SkillNeed

Requirement = tuple[SkillNeed, ...]


def able(skills: Mapping[str, int], needs: Requirement) -> bool:
    """Whether somebody with `skills` (name to level) fulfils `needs`."""
    for need in needs:
        if need.others:
            if not any(_holds(skills, one) for one in choices(need)):
                return False
        elif (skills.get(need.skill, 0) >= need.level) is need.below:
            return False
    return True


def _holds(skills: Mapping[str, int], one: SkillNeed) -> bool:
    return (skills.get(one.skill, 0) >= one.level) is not one.below


def choices(need: SkillNeed) -> Requirement:
    """The needs of which one is enough."""
    return (replace(need, others=()), *need.others) if need.others else (need,)


def level_of(skills: Mapping[str, int], needs: Requirement) -> int:
    """The sum of the levels in what is asked for; of alternatives the highest that holds.

    What an agent must not have counts as nothing.
    """
    total = 0
    for need in needs:
        asked = [one for one in choices(need) if not one.below and _holds(skills, one)]
        total += max((skills[one.skill] for one in asked), default=0)
    return total


def canonical(needs: Iterable[SkillNeed]) -> Requirement:
    """The same requirement in one form: each skill once, sorted, nothing that follows anyway.

    Of two levels of a skill the stricter one counts.
    """
    least: dict[str, int] = {}
    under: dict[str, int] = {}
    either: set[Requirement] = set()
    for need in needs:
        found = _simplest(choices(need))
        first = found[0]
        if len(found) > 1:
            either.add(found)
        elif first.below:
            under[first.skill] = min(first.level, under.get(first.skill, first.level))
        else:
            least[first.skill] = max(first.level, least.get(first.skill, first.level))
    alone = [*_each(least), *_each(under, below=True)]
    open_ = [
        found for found in sorted(either, key=text) if not any(_given(one, alone) for one in found)
    ]
    return (
        *_each(least),
        *(replace(found[0], others=found[1:]) for found in open_),
        *_each(under, below=True),
    )


@lru_cache(maxsize=4096)
def both(first: Requirement, second: Requirement) -> Requirement:
    """What asks for both, in one form. Kept, for the same ones come again with every call."""
    return canonical((*first, *second))


def _each(levels: Mapping[str, int], *, below: bool = False) -> list[SkillNeed]:
    return [SkillNeed(skill, level, below) for skill, level in sorted(levels.items())]


def _simplest(found: Requirement) -> Requirement:
    """Alternatives, each skill once: of several levels the easiest is enough."""
    easiest: dict[tuple[str, bool], int] = {}
    for one in found:
        key = (one.skill, one.below)
        known = easiest.get(key, one.level)
        easiest[key] = max(known, one.level) if one.below else min(known, one.level)
    return tuple(SkillNeed(skill, level, not_) for (skill, not_), level in sorted(easiest.items()))


def _given(one: SkillNeed, alone: Iterable[SkillNeed]) -> bool:
    """Whether what is asked for in any case includes this alternative."""
    return any(
        (other.skill, other.below) == (one.skill, one.below)
        and (other.level <= one.level if one.below else other.level >= one.level)
        for other in alone
    )


@lru_cache(maxsize=4096)
def relaxed(needs: Requirement, steps: tuple[Relax, ...]) -> Requirement:
    """What is still asked for after these steps, in one form.

    Every step asks for less: a need goes when one of its alternatives is dropped, and the
    level of what somebody must *not* have stays (a lower one would be stricter).
    """
    for step in steps:
        dropped = set(step.drop)
        needs = tuple(
            _easier(need, step.lower_by)
            for need in needs
            if not any(one.skill in dropped for one in (need, *need.others))
        )
    return canonical(needs)


def _easier(need: SkillNeed, by: int) -> SkillNeed:
    others = tuple(_easier(one, by) for one in need.others)
    if need.below:
        return replace(need, others=others)
    return replace(need, level=max(1, need.level - max(0, by)), others=others)


def text(needs: Requirement) -> str:
    """For reasons: "billing>=3, german>=5 or english>=8, not trainee"; "" for nothing."""
    return ", ".join(" or ".join(_one(one) for one in choices(need)) for need in needs)


def _one(need: SkillNeed) -> str:
    if need.below:
        return f"not {need.skill}" if need.level <= 1 else f"{need.skill}<{need.level}"
    return f"{need.skill}>={need.level}"
