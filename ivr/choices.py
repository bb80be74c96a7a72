"""Reads the choices of a menu: keys, where they lead, and what may be said instead of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ivr.flow import Choice
from ivr.mistakes import suggestion
from ivr.reading import ID, ID_FORM, Section, shown

KEY = re.compile(r"[0-9*#]")
KEY_FORM = "use one key of 0-9, * and # (in quotes)"
_WORD = re.compile(r"[^\W_]([^\W_]|[' -]){0,39}")
_WORD_FORM = "write what is said, such as 'billing' or 'new order': letters, at most 40"
_WORDS_MAX = 10  # for one key, in one language


def read_choices(
    fields: Section, languages: tuple[str, ...], every_language: bool
) -> tuple[Choice, ...]:
    """The `choices` of a menu whose keys are in `fields`."""
    section = fields.section("choices", f"'choices' of {fields.what}")
    if not section.names():
        fields.missing("choices", "add 'choices:' with a line for each key")
    found: list[Choice] = []
    for digit in section.names():
        if not KEY.fullmatch(digit):
            section.wrong(digit, f"choice {shown(digit)}", KEY_FORM)
        if isinstance(section.take(digit), str):
            found.append(Choice(digit, section.text(digit, pattern=ID, form=ID_FORM)))
        else:
            choice = section.section(digit, f"choice {digit!r}")
            found.append(_choice(digit, choice, languages, every_language))
    _say_one_thing(section, found)
    return tuple(found)


def _choice(
    digit: str, fields: Section, languages: tuple[str, ...], every_language: bool
) -> Choice:
    target = fields.name("next")
    label = fields.text("label", "", limit=60)
    language = fields.text("language", "")
    if language and language not in languages:
        fix = suggestion(language, languages)
        fields.wrong("language", f"the flow has no language {language!r}", fix)
    say = _words(fields, languages)
    if say and every_language:
        fix = "leave it out: a switch listens in one language at a time"
        fields.wrong("say", "'say' in a menu of every language", fix)
    fields.close()
    return Choice(digit, target, label, language, say)


def _words(fields: Section, languages: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What may be said, by language. A language may be left out: it has its keys."""
    value = fields.take("say")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        if len(languages) == 1:
            return {languages[0]: _few(fields, "say")}
        each = ", ".join(f"{language}: […]" for language in languages)
        fields.wrong("say", "'say' is in one language only", f"write {{{each}}}")
        return {}
    section = fields.section("say", f"'say' of {fields.what}")
    for language in languages:
        section.take(language)
    found = {one: _few(section, one) for one in languages if one in section}
    section.close()
    return found


def _few(section: Section, key: str) -> tuple[str, ...]:
    words = section.texts(key, pattern=_WORD, form=_WORD_FORM)
    if len(words) > _WORDS_MAX:
        section.wrong(key, f"{len(words)} words for one key", f"use at most {_WORDS_MAX}")
    return words


def _say_one_thing(section: Section, choices: Iterable[Choice]) -> None:
    """What is said leads to one key, whatever its spelling."""
    keys: dict[tuple[str, str], str] = {}
    for choice in choices:
        for language, words in choice.say.items():
            for word in words:
                other = keys.setdefault((language, word.casefold()), choice.digit)
                if other != choice.digit:
                    what = f"{shown(word)} is said for {other!r} and for {choice.digit!r}"
                    section.wrong(choice.digit, what, "leave one out")
