# ruff: noqa: E501 - rows of text are easier to read whole
"""Skills as people write them: what an expression means, and what is said of a broken one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.skillneeds import MAX_ALTERNATIVES, MAX_NEEDS, Need, Unreadable, both, met, parse_needs
from ivr.skillneeds import written as shown

GOOD = """\
billing | billing
Billing_2 | !
not trainee | not trainee
billing >= 1 | billing
billing > 3 | billing >= 4
billing <= 3 | billing < 4
billing < 1 | not billing
not not billing | billing
not (german >= 5 or english) | german < 5 and not english
not (german >= 5 and english) | (german < 5 or not english)
billing>=3 and(german>=5 or english>=8)and not trainee | billing >= 3 and (german >= 5 or english >= 8) and not trainee
(german and billing) or english | (german or english) and (billing or english)
billing >= 3 and billing >= 5 | billing >= 5
billing >= 3 or billing >= 5 | billing >= 3
billing >= 3 and (billing or german) | billing >= 3
(billing >= 3 or billing < 5) and german | german
and-so-on or notary | (and-so-on or notary)
"""

BAD = """\
billing german | no 'and' or 'or' before 'german'; write one, such as 'billing >= 3 and not trainee'
billing and | the end where a skill belongs after 'and'; name a skill, such as
or billing | 'or' where a skill belongs; name a skill
billing and or german | 'or' where a skill belongs after 'and'; name a skill
(billing or german | a '(' without its ')'; add the ')'
billing) | a ')' without its '('; delete it or add the '('
billing >= | no level after 'billing >='; write a number from 1 to 10
billing >= much | no level after 'billing >='; write a number
billing >= 0 | the level in 'billing >= 0'; use 1 to 10
billing >= 11 | the level in 'billing >= 11'; use 1 to 10
billing > 10 | the level in 'billing > 10'; use 1 to 9
billing = 3 | '=' in the needs; use skills, 'and', 'or', 'not', brackets, '>=' and '<'
billing & german | '&' in the needs; use skills
Billing >= 3 | 'Billing' in the needs; use skills
billing or not billing | these needs are met by everybody; leave them out
billing >= 5 and billing < 3 | nobody can ever meet 'billing >= 5 and billing < 3'; leave one of the two out
((((((((((((billing)))))))))))) | too many brackets in one another; use at most 10
"""


@pytest.mark.parametrize("row", GOOD.splitlines(), ids=str)
def test_an_expression_is_brought_into_one_form(row: str) -> None:
    """Whatever way it is written, the engine gets needs that must all hold."""
    text, form = row.split(" | ")
    if form == "!":
        with pytest.raises(Unreadable):
            parse_needs(text)
        return
    assert shown(parse_needs(text)) == form
    assert parse_needs(form) == parse_needs(text)


@pytest.mark.parametrize("row", BAD.splitlines(), ids=str)
def test_a_broken_expression_is_told_with_its_fix(row: str) -> None:
    """Who writes it is no programmer: the message alone must be enough."""
    text, said = row.split(" | ")
    with pytest.raises(Unreadable) as caught:
        parse_needs(text)
    assert str(caught.value).startswith(said), caught.value


def test_an_expression_that_grows_without_bound_is_refused() -> None:
    """A short text can stand for millions of needs: it must cost nothing to say no."""
    pairs = " or ".join(f"(a{n} and b{n})" for n in range(7))
    for text in (pairs, "a" + " and a" * 300, "(" * 390, " and ".join(f"s{n}" for n in range(17))):
        with pytest.raises(Unreadable):
            parse_needs(text)
    with pytest.raises(Unreadable, match=f"at most {MAX_NEEDS} .* of {MAX_ALTERNATIVES} choices"):
        parse_needs(pairs)


def test_two_requirements_together_ask_for_what_either_asks() -> None:
    """A caller's language must not lower what a menu asks for, nor the other way round."""
    menu, language = parse_needs("mandarin >= 2 and billing"), (Need("mandarin", 5),)
    assert shown(both(menu, language)) == "mandarin >= 5 and billing"
    assert both(menu, ()) == menu


SKILLS = ("a", "b", "c")
atoms = st.builds(
    lambda skill, sign, level: f"{skill} {sign} {level}",
    st.sampled_from(SKILLS),
    st.sampled_from((">=", "<", ">", "<=")),
    st.integers(1, 4),
)
expressions = st.recursive(
    atoms | st.sampled_from(SKILLS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} {parts[2]}"
        ),
    ),
    max_leaves=5,
)


def outcome(text: str) -> tuple[Need, ...] | Unreadable:
    try:
        return parse_needs(text)
    except Unreadable as problem:
        return problem


def meant(text: str, skills: dict[str, int]) -> bool:
    """The expression as Python reads it: the same words, the same order of binding."""
    words = text.replace("(", " ( ").replace(")", " ) ").split()
    python: list[str] = []
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        python.append(
            f"skills['{word}']" + ("" if following[:1] in "<>" and following else " >= 1")
            if word in SKILLS
            else word
        )
    return bool(eval(" ".join(python), {}, {"skills": skills}))


@given(expressions)
@settings(max_examples=300, deadline=None)
def test_the_one_form_means_what_was_written(text: str) -> None:
    """For every agent there could be, the form says what the words say."""
    agents = [
        dict(zip(SKILLS, levels, strict=True)) for levels in itertools.product(range(6), repeat=3)
    ]
    found = outcome(text)
    if isinstance(found, Unreadable):
        met_by = [meant(text, skills) for skills in agents]
        assert "everybody" not in found.message or all(met_by)
        assert "nobody" not in found.message or not any(met_by)
        return
    for skills in agents:
        assert met(found, skills) is meant(text, skills), (text, shown(found), skills)


@given(st.text(alphabet="ab ()<>=01 andornot", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_needs_or_its_mistake(text: str) -> None:
    """The file is edited by hand, and shown to programs of others."""
    found = outcome(text)
    if isinstance(found, Unreadable):
        assert found.message
        assert found.fix
    else:
        assert parse_needs(shown(found)) == found
