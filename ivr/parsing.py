"""Reads a call flow from a parsed YAML document and finds every mistake in it.

The document's shape, step kinds and their keys are listed in `_STEPS`; an example is the
demonstration company's `flows/main.yaml`. Line numbers come from outside through `where`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ivr import flow
from ivr.checking import MAX_SET, Checks, uses
from ivr.choices import KEY, KEY_FORM, read_choices
from ivr.flow import DERIVED, GIVEN, WORDED, Fallback, Flow, Speech, Step
from ivr.mistakes import Mistakes, suggestion
from ivr.reading import ID, ID_FORM, LANGUAGE, Report, Section, Where, shown
from ivr.skillneeds import MAX_LEVEL, Need, Unreadable, parse_needs
from ivr.templates import MAX_FILLED

MAX_STEPS = 500
_VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,23}")
_VARIABLE_FORM = "start with a letter; use lower case letters, digits and '_', at most 24"
_RECORDING = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}(/[a-z0-9][a-z0-9_-]{0,31}){0,3}")
_RECORDING_FORM = "name a file of 'recordings', without its ending, such as 'en/welcome'"
NUMBER = re.compile(r"\+[0-9]{3,15}")
NUMBER_FORM = "write '+', the country code and the number, such as '+14165550123'"
_TESTS = ("is", "is_not", "one_of", "at_least", "less_than", "given")


def parse_flow(
    document: object,
    where: Where,
    file: str,
    *,
    languages: tuple[str, ...] = (),
) -> Flow:
    """The flow in `document`. Raises `Mistakes` with every mistake that was found.

    `where` gives the line of a path in the document, `file` is shown in messages and its
    stem is the flow's id. `languages` are the site's, for a flow that lists none.
    """
    report = Report(file, where)
    found = _FlowReader(report, document, languages).read()
    if report.mistakes:
        raise Mistakes(report.mistakes)
    return found


def read_needs(section: Section, key: str) -> tuple[Need, ...]:
    """Skills and the least level of each, `{technical: 5}`, or an expression (`parse_needs`)."""
    value = section.take(key)
    if not isinstance(value, str):
        return tuple(Need(skill, level) for skill, level in read_levels(section, key).items())
    try:
        return parse_needs(value)
    except Unreadable as problem:
        section.wrong(key, f"{key!r}: {problem.message}", problem.fix)
        return ()


def read_levels(section: Section, key: str) -> dict[str, int]:
    """Skills and the level of each: `{technical: 5}`."""
    levels = section.section(key)
    found: dict[str, int] = {}
    for skill in levels.names():
        if not ID.fullmatch(skill):
            levels.wrong(skill, f"skill {shown(skill)}", ID_FORM)
        found[skill] = levels.whole(skill, low=1, high=MAX_LEVEL)
    return found


class _FlowReader:
    """Reads one flow document."""

    def __init__(self, report: Report, document: object, languages: tuple[str, ...]) -> None:
        self.report = report
        self.top = Section(report, (), document, "the flow")
        stem = report.file.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        self.id = stem if ID.fullmatch(stem) else "flow"
        if stem != self.id:
            report.add((), f"the file name gives the flow id {shown(stem)}", ID_FORM)
        self.languages = languages
        self.kind = "entry"
        self.names: tuple[str, ...] = ()  # of all steps, also those that cannot be read

    def read(self) -> Flow:
        top = self.top
        title = top.text("title", "", limit=200)
        self.kind = top.one_of("kind", ("entry", "wait"), "entry")
        self.read_languages()
        fallback = self.read_fallback()
        digits = "".join(top.texts("digits", pattern=KEY, form=KEY_FORM))
        if digits and self.kind == "entry":
            top.wrong("digits", "'digits' in an entry flow", "only wait flows have 'digits'")
        language_needs = self.read_language_needs()
        steps = self.read_steps()
        start = self.read_start(steps)
        top.close()
        found = Flow(
            id=self.id,
            file=self.report.file,
            kind=self.kind,
            start=start,
            languages=self.languages,
            steps=steps,
            fallback=fallback,
            language_needs=language_needs,
            wait_digits=digits,
            title=title,
            uses=uses(steps),
        )
        Checks(self.report, found, self.names).run()
        return found

    def read_languages(self) -> None:
        form = "write a language tag such as en or zh"
        own = self.top.texts("languages", pattern=LANGUAGE, form=form)
        if own and self.languages:
            for index, language in enumerate(own):
                if language not in self.languages:
                    fix = suggestion(language, self.languages)
                    path = ("languages", index)
                    self.report.add(path, f"the site has no language {language!r}", fix)
        self.languages = own or self.languages
        if not self.languages:
            self.top.missing("languages", "add 'languages: [en]'")
            self.languages = ("en",)

    def read_start(self, steps: Mapping[str, Step]) -> str:
        first = next(iter(steps), "")
        start = self.top.name("start", first)
        if self.names and start not in self.names:
            fix = suggestion(start, self.names)
            self.top.wrong("start", f"there is no step {start!r}", fix)
            return first
        return start

    def read_fallback(self) -> Fallback | None:
        if "fallback" not in self.top:
            self.top.take("fallback")
            if self.kind == "entry":
                self.top.missing(
                    "fallback", "add 'fallback: {queue: …}': the queue that takes its callers"
                )
            return None
        if self.kind == "wait":
            fix = "delete it: when a visit breaks, the caller goes on waiting"
            self.top.wrong("fallback", "'fallback' in a wait flow", fix)
        section = self.top.section("fallback")
        found = Fallback(
            queue=section.name("queue"),
            line=section.line,
            needs=read_needs(section, "needs"),
            priority=section.whole("priority", 0, low=-100, high=100),
        )
        section.close()
        return found

    def read_language_needs(self) -> dict[str, tuple[Need, ...]]:
        section = self.top.section("language_needs")
        for language in section.names():
            if language not in self.languages:
                fix = suggestion(language, self.languages)
                section.wrong(language, f"the flow has no language {shown(language)}", fix)
        return {language: read_needs(section, language) for language in section.names()}

    def read_steps(self) -> dict[str, Step]:
        section = self.top.section("steps")
        self.names = names = section.names()
        if not names:
            self.top.missing("steps", "add 'steps:' with at least one step")
        if len(names) > MAX_STEPS:
            section.wrong("", f"{len(names)} steps", f"use at most {MAX_STEPS}")
            return {}
        steps: dict[str, Step] = {}
        for name in names:
            if not ID.fullmatch(name):
                section.wrong(name, f"step id {shown(name)}", ID_FORM)
                section.take(name)
                continue
            fields = section.section(name, f"step {name!r}")
            step = self.read_step(name, fields)
            if step is not None:
                steps[name] = step
        return steps

    def read_step(self, name: str, fields: Section) -> Step | None:
        kind = fields.take("do")
        if not isinstance(kind, str):
            fields.missing("do", f"add 'do: …' with one of {', '.join(_STEPS)}")
            return None
        read = _STEPS.get(kind)
        if read is None:
            fields.wrong("do", f"unknown step kind {shown(kind)}", suggestion(kind, _STEPS))
            return None
        if kind == "wait" and self.kind != "wait":
            fields.wrong("do", "'wait' in an entry flow", "use 'queue': only wait flows can wait")
        if kind == "offer_callback" and self.kind == "entry":
            fix = "only waiting callers keep a place: move it to the queue's wait flow"
            fields.wrong("do", "'offer_callback' in an entry flow", fix)
        step = read(self, name, fields)
        fields.close()
        return step

    # Speech -------------------------------------------------------------------------------

    def speech(self, fields: Section, key: str, every_language: bool = False) -> Speech:
        """A text in every language of the flow."""
        if key not in fields:
            fields.take(key)
            fields.missing(key, f"add '{key}:' with a text for {' and '.join(self.languages)}")
            return Speech()
        return Speech(self.in_languages(fields, key), every_language=every_language)

    def maybe_speech(self, fields: Section, key: str) -> Speech | None:
        if key in fields:
            return self.speech(fields, key)
        fields.take(key)
        return None

    def in_languages(
        self, fields: Section, key: str, pattern: re.Pattern[str] | None = None, form: str = ""
    ) -> dict[str, str]:
        """One text for each language; a plain text will do when there is one language."""
        value = fields.take(key)
        every = " and ".join(self.languages)
        if not isinstance(value, str | Mapping):
            fields.wrong(key, f"{key!r} is {shown(value)}", f"write a text for {every}")
            return {}
        if isinstance(value, str) and (len(self.languages) == 1 or pattern):
            text = fields.text(key, limit=MAX_FILLED, pattern=pattern, form=form)
            return dict.fromkeys(self.languages, text)
        if isinstance(value, str):
            fields.wrong(key, f"{key!r} is in one language only", f"write it for {every}")
            return {}
        texts = fields.section(key, f"{key!r} of {fields.what}")
        found: dict[str, str] = {}
        for language in self.languages:
            if language not in texts:
                texts.take(language)
                fields.wrong(
                    key, f"{key!r} has no text for language {language!r}", f"add '{language}: …'"
                )
            else:
                found[language] = texts.text(language, limit=MAX_FILLED, pattern=pattern, form=form)
                if not str(texts.take(language)).strip():
                    texts.wrong(language, f"{key!r} is empty in {language!r}", "write a text")
        texts.close()
        return found

    # Step kinds ---------------------------------------------------------------------------

    def say(self, name: str, fields: Section) -> Step:
        every = fields.flag("every_language")
        speech = self.speech(fields, "text", every)
        interrupt = fields.flag("interrupt", True)
        return flow.Say(name, fields.line, speech, fields.name("next"), interrupt)

    def play(self, name: str, fields: Section) -> Step:
        recordings: dict[str, str] = {}
        if "recording" in fields:
            recordings = self.in_languages(fields, "recording", _RECORDING, _RECORDING_FORM)
        else:
            fields.take("recording")
            fields.missing("recording", _RECORDING_FORM)
        texts = self.in_languages(fields, "text") if "text" in fields else {}
        fields.take("text")
        interrupt = fields.flag("interrupt", True)
        speech = Speech(texts, recordings)
        return flow.Say(name, fields.line, speech, fields.name("next"), interrupt)

    def menu(self, name: str, fields: Section) -> Step:
        every = fields.flag("every_language")
        return flow.Menu(
            id=name,
            line=fields.line,
            speech=self.speech(fields, "text", every),
            choices=read_choices(fields, self.languages, every),
            label=fields.text("label", "", limit=60),
            timeout_s=fields.number("timeout_s", 5.0, low=1, high=60),
            retries=fields.whole("retries", 2, low=0, high=10),
            invalid=self.maybe_speech(fields, "invalid"),
            silence=self.maybe_speech(fields, "silence"),
            otherwise=fields.name("otherwise", ""),
        )

    def collect(self, name: str, fields: Section) -> Step:
        most = fields.whole("max_digits", 16, low=1, high=32)
        least = fields.whole("min_digits", 1, low=1, high=32)
        if least > most:
            fields.wrong("min_digits", f"'min_digits' {least} is over 'max_digits' {most}", "swap")
        variable = fields.text("variable", pattern=_VARIABLE, form=_VARIABLE_FORM)
        self.writable(fields, "variable", variable)
        return flow.Collect(
            id=name,
            line=fields.line,
            speech=self.speech(fields, "text"),
            variable=variable,
            next=fields.name("next"),
            label=fields.text("label", "", limit=60),
            min_digits=least,
            max_digits=most,
            terminator=fields.text("terminator", "#", pattern=KEY, form=KEY_FORM),
            timeout_s=fields.number("timeout_s", 8.0, low=1, high=60),
            between_timeout_s=fields.number("between_timeout_s", 4.0, low=1, high=30),
            retries=fields.whole("retries", 2, low=0, high=10),
            secret=fields.flag("secret"),
            invalid=self.maybe_speech(fields, "invalid"),
            otherwise=fields.name("otherwise", ""),
        )

    def writable(self, fields: Section, key: str, variable: str) -> None:
        """A flow may not write what the router gives."""
        if variable in {*GIVEN, *DERIVED, *WORDED, "number"}:
            fields.wrong(key, f"the variable {variable!r} is given with the call", "rename it")

    def set(self, name: str, fields: Section) -> Step:
        section = fields.section("variables", f"'variables' of {fields.what}")
        if not section.names():
            fields.missing("variables", "add 'variables:' with 'name: value' lines")
        values: dict[str, str] = {}
        for variable in section.names():
            values[variable] = section.text(variable, limit=MAX_SET)
            if variable == "language":
                if values[variable] not in self.languages:
                    fix = suggestion(values[variable], self.languages)
                    section.wrong(variable, f"the flow has no language {values[variable]!r}", fix)
            elif not _VARIABLE.fullmatch(variable):
                section.wrong(variable, f"variable {shown(variable)}", _VARIABLE_FORM)
            else:
                self.writable(section, variable, variable)
        return flow.Set(name, fields.line, values, fields.name("next"))

    def hours(self, name: str, fields: Section) -> Step:
        calendar = fields.name("calendar")
        closed = fields.name("closed")
        holiday = fields.name("holiday", closed)
        return flow.Hours(name, fields.line, calendar, fields.name("open"), closed, holiday)

    def queue(self, name: str, fields: Section) -> Step:
        priority = fields.whole("priority", 0, low=-100, high=100)
        needs = read_needs(fields, "needs")
        return flow.Queue(name, fields.line, fields.name("queue"), needs, priority)

    def wait(self, name: str, fields: Section) -> Step:
        return flow.Wait(name, fields.line)

    def offer_callback(self, name: str, fields: Section) -> Step:
        accept = fields.text("accept", "1", pattern=KEY, form=KEY_FORM)
        other = fields.text("other", "2", pattern=KEY, form=KEY_FORM)
        if accept == other:
            fields.wrong("other", f"'accept' and 'other' are both {accept!r}", "use two keys")
        at = fields.text("at", "", pattern=KEY, form=KEY_FORM)
        if at in (accept, other):
            fields.wrong("at", f"the key {at!r} means something else already", "use another key")
        times, confirm_time = (self.maybe_speech(fields, key) for key in ("times", "confirm_time"))
        if at and (times is None or confirm_time is None):
            fields.missing("times" if times is None else "confirm_time", "say what can be chosen")
        return flow.OfferCallback(
            id=name,
            line=fields.line,
            speech=self.speech(fields, "text"),
            ask_number=self.speech(fields, "ask_number"),
            confirm=self.speech(fields, "confirm"),
            accepted=fields.name("accepted"),
            next=fields.name("next"),
            invalid=self.maybe_speech(fields, "invalid"),
            accept=accept,
            other=other,
            timeout_s=fields.number("timeout_s", 6.0, low=1, high=60),
            retries=fields.whole("retries", 2, low=0, high=10),
            at=at,
            times=times,
            more=self.maybe_speech(fields, "more"),
            confirm_time=confirm_time,
            no_time=self.maybe_speech(fields, "no_time"),
        )

    def voicemail(self, name: str, fields: Section) -> Step:
        return flow.Voicemail(
            id=name,
            line=fields.line,
            speech=self.speech(fields, "text"),
            box=fields.name("box"),
            next=fields.name("next"),
            max_s=fields.number("max_s", 120.0, low=5, high=600),
            silence_s=fields.number("silence_s", 5.0, low=1, high=30),
        )

    def transfer(self, name: str, fields: Section) -> Step:
        number = fields.text("number", pattern=NUMBER, form=NUMBER_FORM)
        return flow.Transfer(name, fields.line, number)

    def hang_up(self, name: str, fields: Section) -> Step:
        return flow.HangUp(name, fields.line, fields.flag("served"))

    def goto(self, name: str, fields: Section) -> Step:
        return flow.Goto(name, fields.line, fields.name("next"))

    def branch(self, name: str, fields: Section) -> Step:
        variable = fields.text("variable", limit=64)
        tests = [test for test in _TESTS if test in fields]
        if len(tests) != 1:
            what = "no condition" if not tests else f"several conditions: {', '.join(tests)}"
            fields.wrong("", f"{fields.what} has {what}", f"write one of {', '.join(_TESTS)}")
        for test in _TESTS:
            fields.take(test)
        test = tests[0] if tests else "is"
        values = self.condition(fields, test)
        then, otherwise = fields.name("then"), fields.name("else")
        return flow.If(name, fields.line, variable, test, values, then, otherwise)

    def condition(self, fields: Section, test: str) -> tuple[str, ...]:
        if test not in fields:
            return ("",)
        if test == "one_of":
            return fields.texts(test)
        if test == "given":
            return ("true",) if fields.flag(test) else ("false",)
        if test in ("at_least", "less_than"):
            return (f"{fields.number(test, low=0, high=1e9):g}",)
        return (fields.text(test, limit=64),)


_STEPS: Mapping[str, Callable[[_FlowReader, str, Section], Step]] = {
    "say": _FlowReader.say,
    "play": _FlowReader.play,
    "menu": _FlowReader.menu,
    "collect": _FlowReader.collect,
    "set": _FlowReader.set,
    "hours": _FlowReader.hours,
    "queue": _FlowReader.queue,
    "wait": _FlowReader.wait,
    "offer_callback": _FlowReader.offer_callback,
    "voicemail": _FlowReader.voicemail,
    "transfer": _FlowReader.transfer,
    "hang_up": _FlowReader.hang_up,
    "goto": _FlowReader.goto,
    "if": _FlowReader.branch,
}
