"""Leads a caller through a flow: answer in, action out. Pure; all memory is in the state text.

    start(flow, variables, language) ─▶ Turn(state, action, trail)
                                             │  the router carries the action out
    resume(flow, state, answer) ◀────────────┘

Whatever happens, a turn comes back with an action: a step that fails, retries that run
out without a rule, a state nobody can read, or a flow that goes on too long all lead to
the flow's fallback queue (in a wait flow: back to the music) with the reason in `why`.

Speech that a key may cut short is said together with the question that follows it, so a
caller who knows the menu need not wait; any other action lets the speech end first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr import actions
from ivr import flow as steps
from ivr.actions import Action, Answer, Digits, Failed, IvrTrail, Prompt
from ivr.flow import CUSTOMER_FIELDS, DERIVED, GIVEN, WORDED, Flow, Speech, Step
from ivr.skillneeds import Need, both
from ivr.state import State, StateBroken, from_text, to_text
from ivr.templates import fill
from ivr.times import MORE, chosen, kept, page_of
from ivr.waits import wait_in_words

STEP_BOUND = 200  # steps without an action
TURN_BOUND = 200  # actions in one run of a flow
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_COUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
# What the choice of a time needs to remember; no flow's variable is called so.
TIMES, TIMES_PAGE, TIME_WORDS, DUE = "*times", "*page", "*words", "*due"
_KEYS = frozenset("0123456789*#")

Given = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """The runner's answer.

    `state` goes back into `resume` or `again` and may be kept on the switch. `language`
    is the caller's choice so far ("" for none). `secrets` are (variable, digits) of secret
    collect steps: they appear in this one turn and in no state, trail or repr.
    """

    state: str
    action: Action
    trail: tuple[IvrTrail, ...] = ()
    language: str = ""
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def start(flow: Flow, variables: Given, language: str = "") -> Turn:
    """Begin a flow. `language` "" means that the caller has not chosen one yet.

    `variables` are those of `ivr.flow.GIVEN` and `CUSTOMER_FIELDS`; others are ignored.
    """
    state = State(flow.id, flow.start, language=language if language in flow.languages else "")
    run = _Run(flow, state)
    run.give(variables)
    return run.turn(run.go())


def resume(flow: Flow, state: str, answer: Answer, variables: Given | None = None) -> Turn:
    """Go on with the answer to the last action. `variables` update what was given before."""
    run, broken = _opened(flow, state, variables)
    if broken:
        return run.turn(run.fall_back(broken))
    return run.turn(run.take(answer))


def again(flow: Flow, state: str, variables: Given | None = None) -> Turn:
    """Repeat the current step after a broken voice session, without what was said before it."""
    run, broken = _opened(flow, state, variables)
    if broken:
        return run.turn(run.fall_back(broken))
    return run.turn(run.repeat())


def fallback(flow: Flow, why: str, variables: Given | None = None) -> Turn:
    """Leave the flow for its fallback: for callers whose flow cannot go on for outside reasons."""
    run = _Run(flow, State(flow.id, flow.start))
    run.give(variables or {})
    return run.turn(run.fall_back(why))


def _opened(flow: Flow, text: str, variables: Given | None) -> tuple[_Run, str]:
    """The run that a state text describes, and what is wrong with the text ("" if nothing)."""
    broken = ""
    state = State(flow.id, flow.start)
    try:
        found = from_text(text)
    except StateBroken as error:
        broken = f"the state cannot be read ({error})"
    else:
        if found.flow != flow.id:
            broken = f"the state belongs to flow {found.flow!r}"
        else:
            state = found
            if found.phase != "fallback" and found.step not in flow.steps:
                broken = f"step {found.step!r} is gone from the flow"
    if state.language not in flow.languages:
        state.language = ""
    run = _Run(flow, state)
    run.give(variables or {})
    return run, broken


class _Run:
    """One turn in the making."""

    def __init__(self, flow: Flow, state: State) -> None:
        self.flow = flow
        self.state = state
        self.trail: list[IvrTrail] = []
        self.secrets: list[tuple[str, str]] = []
        self.pending: list[Prompt] = []  # said with the next question
        self.pending_step = ""  # the last step that `pending` speaks for

    # Variables and words ------------------------------------------------------------------

    def give(self, variables: Given) -> None:
        """Take the given variables over, bounded."""
        for name, value in variables.items():
            if name in GIVEN or name in CUSTOMER_FIELDS:
                text = "" if value is None else _plain(value)
                self.state.given[name] = text[:120]

    def variables(self) -> dict[str, str]:
        """Everything that templates and conditions may read."""
        values = {**self.state.given, **self.state.collected, "language": self.state.language}
        for name, source in DERIVED.items():
            if _COUNT.fullmatch(values.get(source, "")):
                values[name] = str(int(-(-float(values[source]) // 60)))
        return {**values, **in_words(values, self.spoken)}

    @property
    def spoken(self) -> str:
        """The language to speak: the caller's, or the flow's first."""
        return self.state.language or self.flow.languages[0]

    def say(self, speech: Speech | None, **extra: str) -> tuple[Prompt, ...]:
        """The prompts for a speech, in the caller's language (or in every one)."""
        if speech is None:
            return ()
        values = {**self.variables(), **extra}
        by_digit = frozenset(self.state.collected)
        languages = self.flow.languages if speech.every_language else (self.spoken,)
        prompts = (
            Prompt(
                fill(
                    speech.texts.get(language, ""),
                    {**values, **in_words(values, language)},
                    by_digit,
                ),
                language,
                speech.recordings.get(language, ""),
            )
            for language in languages
        )
        return tuple(prompt for prompt in prompts if prompt.text or prompt.recording)

    def note(self, what: str, label: str, value: str) -> None:
        self.trail.append(IvrTrail(what, label, value))

    # Turns --------------------------------------------------------------------------------

    def turn(self, action: Action) -> Turn:
        return Turn(
            to_text(self.state, self.flow.uses | {"ani"}),
            action,
            tuple(self.trail),
            self.state.language,
            tuple(self.secrets),
        )

    def act(self, phase: str, action: Action) -> Action:
        """Send an action out, unless this run has had too many."""
        self.state.turns += 1
        if self.state.turns > TURN_BOUND:
            return self.fall_back(f"more than {TURN_BOUND} turns")
        self.state.phase = phase
        return action

    def fall_back(self, why: str) -> Action:
        """Out of the flow, to where a person will answer."""
        self.note("fallback", self.state.step, why)
        already = self.state.phase == "fallback"
        self.state.phase = "fallback"
        if self.flow.kind == "wait":
            return actions.KeepWaiting(f"fallback: {why}")
        rescue = self.flow.fallback
        if rescue is None or already:
            return actions.HangUp(f"fallback: {why}")
        needs = self.needs(rescue.needs)
        return actions.EnterQueue(rescue.queue, needs, rescue.priority, f"fallback: {why}")

    def needs(self, own: tuple[Need, ...]) -> tuple[Need, ...]:
        """A queue step's needs and those of the language; the higher level counts."""
        return both(own, self.flow.language_needs.get(self.spoken, ()))

    # Performing steps ---------------------------------------------------------------------

    def to(self, step: str) -> Action:
        """Go to another step."""
        self.state.step = step
        self.state.tries = 0
        self.state.number = ""
        self.state.phase = "do"
        return self.go()

    def go(self) -> Action:
        """Perform steps, from the current one, until one of them asks for something."""
        for _ in range(STEP_BOUND):
            step = self.flow.steps.get(self.state.step)
            if step is None:
                return self.fall_back(f"there is no step {self.state.step!r}")
            onward = self.pass_through(step)
            if onward is None:
                return self.perform(step)
            self.state.step = onward
        return self.fall_back(f"more than {STEP_BOUND} steps without the caller")

    def pass_through(self, step: Step) -> str | None:
        """Perform a step that needs nobody's answer; the step that follows it, else None."""
        match step:
            case steps.Say():
                prompts = self.say(step.speech)
                if prompts and not step.interrupt:
                    return None
                self.pending += prompts
                self.pending_step = step.id if prompts else self.pending_step
                return step.next
            case steps.Set():
                self.assign(step)
                return step.next
            case steps.Goto():
                return step.next
            case steps.If():
                return step.then if holds(step, self.variables()) else step.otherwise
            case _:
                return None

    def assign(self, step: steps.Set) -> None:
        values = self.variables()
        for name, template in step.variables.items():
            text = fill(template, values, frozenset())[:32]
            if name != "language":
                self.state.collected[name] = text
            elif text in self.flow.languages:
                self.state.language = text

    def record(self, step: steps.Voicemail) -> Action:
        """Let the caller leave a message."""
        prompts = (*self.pending, *self.say(step.speech))
        message = actions.RecordMessage(prompts, step.box, step.max_s, step.silence_s)
        return self.act("record", message)

    def perform(self, step: Step) -> Action:
        """Perform a step that asks for something; speech that came before it comes first."""
        match step:
            case steps.Menu() | steps.Collect():
                return self.ask(step, ())
            case steps.OfferCallback():
                return self.offer(step)
            case steps.Voicemail():
                return self.record(step)
            case steps.Say():
                self.pending += self.say(step.speech)
                self.pending_step = step.id
            case _:
                pass
        if self.pending:
            self.state.step = self.pending_step
            return self.act("said", actions.Say(tuple(self.pending)))
        return self.finish(step)

    def finish(self, step: Step) -> Action:
        """The action of a step that says nothing by itself."""
        match step:
            case steps.Hours():
                return self.act("hours", actions.AskHours(step.calendar))
            case steps.Queue():
                needs = self.needs(step.needs)
                return self.act("end", actions.EnterQueue(step.queue, needs, step.priority))
            case steps.Wait():
                return self.act("end", actions.KeepWaiting())
            case steps.Transfer():
                return self.act("end", actions.Transfer(step.number))
            case steps.HangUp():
                return self.act("end", actions.HangUp("flow", step.served))
            case _:
                return self.fall_back(f"step {step.id!r} cannot be performed")

    def ask(self, step: steps.Menu | steps.Collect, before: tuple[Prompt, ...]) -> Action:
        """Ask for a menu's key or for digits."""
        prompts = (*self.pending, *before, *self.say(step.speech))
        if isinstance(step, steps.Menu):
            words = tuple(
                (word, choice.digit)
                for choice in step.choices
                for word in choice.say.get(self.spoken, ())
            )
            key = actions.Collect(prompts, 1, step.timeout_s, terminator="", words=words)
            return self.act("ask", key)
        return self.act(
            "ask",
            actions.Collect(
                prompts,
                step.max_digits,
                step.timeout_s,
                step.between_timeout_s,
                step.terminator,
                step.secret,
            ),
        )

    def offer(self, step: steps.OfferCallback, before: tuple[Prompt, ...] = ()) -> Action:
        """Ask for consent to a callback; without a usable ANI ask for a number at once."""
        ani = self.callers_number()
        if not ani:
            return self.ask_number(step, before)
        prompts = (*self.pending, *before, *self.say(step.speech, number=ani))
        return self.act("ask", actions.Collect(prompts, 1, step.timeout_s, terminator=""))

    # A chosen time ------------------------------------------------------------------------

    def times(self, step: steps.OfferCallback, answer: Answer) -> Action:
        """Say the times of a page, each with its key."""
        slots = answer.slots if isinstance(answer, actions.Times) else ()
        own = self.state.collected
        page, others = page_of(slots, int(own.get(TIMES_PAGE, "0") or 0))
        if not page:
            self.note("callback", step.id, "no time")
            return self.offer(step, self.say(step.no_time))
        own[TIMES] = kept(page)
        prompts = [
            prompt
            for key, slot in enumerate(page, start=1)
            for prompt in self.say(step.times, time=slot.words(self.spoken), key=str(key))
        ]
        prompts += self.say(step.more, key=MORE) if others else ()
        key = actions.Collect(tuple(prompts), 1, step.timeout_s, terminator="")
        return self.act("when", key)

    def chosen_time(self, step: steps.OfferCallback, pressed: str) -> Action:
        own = self.state.collected
        slot = chosen(own.get(TIMES, ""), pressed[:1])
        if slot is not None:
            own[TIME_WORDS], own[DUE] = slot.words(self.spoken), str(slot.due)
            self.state.number = self.callers_number()
            return self.confirm(step) if self.state.number else self.ask_number(step, ())
        if pressed[:1] == MORE:
            own[TIMES_PAGE] = str(int(own.get(TIMES_PAGE, "0") or 0) + 1)
            return self.act("times", actions.AskTimes())
        return self.not_taken(step, pressed) or self.act("times", actions.AskTimes())

    def ask_number(self, step: steps.OfferCallback, before: tuple[Prompt, ...]) -> Action:
        prompts = (*self.pending, *before, *self.say(step.ask_number))
        return self.act("type", actions.Collect(prompts, 15, step.timeout_s + 2, 4.0, "#"))

    def confirm(self, step: steps.OfferCallback, before: tuple[Prompt, ...] = ()) -> Action:
        speech, own = step.confirm, self.state.collected
        if DUE in own and step.confirm_time is not None:
            speech = step.confirm_time
        said = self.say(speech, number=self.state.number, time=own.get(TIME_WORDS, ""))
        prompts = (*before, *said)
        return self.act("sure", actions.Collect(prompts, 1, step.timeout_s, terminator=""))

    def callers_number(self) -> str:
        ani = self.state.given.get("ani", "")
        return ani if _NUMBER.fullmatch(ani) else ""

    def repeat(self) -> Action:
        """The current step once more."""
        step = self.flow.steps.get(self.state.step)
        if self.state.phase == "fallback":
            self.state.phase = "do"
            return self.fall_back("the session broke in the fallback")
        if isinstance(step, steps.OfferCallback):
            if self.state.phase == "type":
                return self.ask_number(step, ())
            if self.state.phase == "sure" and self.state.number:
                return self.confirm(step)
            if self.state.phase == "take":
                return self.take_callback(self.state.number or self.callers_number())
            if self.state.phase in ("times", "when"):
                return self.act("times", actions.AskTimes())
        self.state.phase = "do"
        return self.go()

    # Taking answers -----------------------------------------------------------------------

    def take(self, answer: Answer) -> Action:
        """Go on with an answer."""
        step = self.flow.steps.get(self.state.step)
        phase = self.state.phase
        if isinstance(answer, Failed) and phase != "take":
            return self.fall_back(f"step {self.state.step!r} failed: {answer.why[:80]}")
        match step, phase:
            case (_, "fallback" | "end" | "do"):
                return self.repeat()
            case (steps.Say(), "said"):
                return self.to(step.next)
            case (steps.Voicemail(), "record"):
                said = isinstance(answer, actions.Done)
                self.note("voicemail", step.box, "left" if said else "nothing said")
                return self.to(step.next)
            case (steps.Menu(), "ask"):
                return self.chosen(step, _pressed(answer))
            case (steps.Collect(), "ask"):
                return self.collected(step, _pressed(answer))
            case (steps.OfferCallback(), "times"):
                return self.times(step, answer)
            case (steps.OfferCallback(), "when"):
                return self.chosen_time(step, _pressed(answer))
            case (steps.OfferCallback(), "ask" | "type" | "sure"):
                return self.callback_digits(step, _pressed(answer))
            case (steps.OfferCallback(), "take"):
                return self.callback_noted(step, answer)
            case (steps.Hours(), "hours"):
                return self.hours(step, answer)
            case _:
                return self.fall_back(f"step {self.state.step!r} has changed its kind")

    def chosen(self, step: steps.Menu, pressed: str) -> Action:
        for choice in step.choices:
            if choice.digit == pressed[:1]:
                self.note("menu", choice.label or step.label or step.id, choice.digit)
                if choice.language:
                    self.state.language = choice.language
                    self.note("language", choice.label or choice.language, choice.language)
                return self.to(choice.next)
        return self.missed(step, pressed)

    def collected(self, step: steps.Collect, pressed: str) -> Action:
        digits = "".join(char for char in pressed if char in "0123456789")
        fits = step.min_digits <= len(digits) <= step.max_digits and digits == pressed
        if not fits:
            return self.missed(step, "" if not pressed else "…" if step.secret else pressed)
        label = step.label or step.variable
        if step.secret:
            self.secrets.append((step.variable, digits))
            self.note("digits", label, "…")
        else:
            self.state.collected[step.variable] = digits
            self.note("digits", label, digits)
        return self.to(step.next)

    def missed(self, step: steps.Menu | steps.Collect, pressed: str) -> Action:
        """No key, or none that fits: repeat, or leave by the rule, or by the fallback."""
        label = step.label or step.id
        if pressed or self.flow.kind == "entry":  # to go on waiting in silence is no event
            self.note("invalid" if pressed else "silence", label, pressed[:16])
        self.state.tries += 1
        if self.state.tries <= step.retries:
            speech = step.invalid if pressed else getattr(step, "silence", None)
            return self.ask(step, self.say(speech))
        if step.otherwise:
            return self.to(step.otherwise)
        return self.fall_back(f"no usable answer at {step.id!r}")

    def hours(self, step: steps.Hours, answer: Answer) -> Action:
        if not isinstance(answer, actions.Hours):
            return self.fall_back(f"no hours for {step.calendar!r}")
        self.note("hours", step.calendar, answer.state)
        match answer.state:
            case "open":
                return self.to(step.open)
            case "holiday":
                return self.to(step.holiday)
            case _:
                return self.to(step.closed)

    def callback_digits(self, step: steps.OfferCallback, pressed: str) -> Action:
        """What was pressed in one of the three questions of a callback."""
        if self.state.phase == "ask":
            if pressed[:1] == step.accept:
                return self.take_callback(self.callers_number())
            if pressed[:1] == step.other:
                self.state.tries = 0
                return self.ask_number(step, ())
            if step.at and pressed[:1] == step.at:
                self.state.tries = 0
                return self.act("times", actions.AskTimes())
            return self.not_taken(step, pressed) or self.offer(step, self.complaint(step, pressed))
        if self.state.phase == "type":
            if _NUMBER.fullmatch(pressed):
                self.state.number = pressed
                return self.confirm(step)
            before = self.complaint(step, pressed)
            return self.not_taken(step, pressed) or self.ask_number(step, before)
        if pressed[:1] == step.accept:
            return self.take_callback(self.state.number)
        if pressed[:1] == step.other:
            return self.not_taken(step, pressed) or self.ask_number(step, ())
        return self.not_taken(step, pressed) or self.confirm(step, self.complaint(step, pressed))

    def complaint(self, step: steps.OfferCallback, pressed: str) -> tuple[Prompt, ...]:
        return self.say(step.invalid) if pressed else ()

    def not_taken(self, step: steps.OfferCallback, pressed: str) -> Action | None:
        """Count a try; after the last one the caller goes on without a callback."""
        self.state.tries += 1
        if self.state.tries <= step.retries:
            return None
        self.note("callback", step.id, "declined" if pressed else "no answer")
        return self.to(step.next)

    def take_callback(self, number: str) -> Action:
        if not number:
            return self.fall_back("a callback without a number")
        due = self.state.collected.get(DUE, "")
        return self.act("take", actions.TakeCallback(number, int(due) if due.isdigit() else None))

    def callback_noted(self, step: steps.OfferCallback, answer: Answer) -> Action:
        if not isinstance(answer, Failed):
            number = self.state.number or self.callers_number()
            when = self.state.collected.get(TIME_WORDS, "") if DUE in self.state.collected else ""
            self.note("callback", step.id, f"{number} {when}".rstrip())
            return self.to(step.accepted)
        self.state.number = ""
        self.note("callback", step.id, f"refused: {answer.why[:60]}")
        return self.not_taken(step, "refused") or self.ask_number(step, self.say(step.invalid))


def in_words(values: Mapping[str, str], language: str) -> dict[str, str]:
    """The variables that are said in words, in this language; those of which nothing is known
    are left out."""
    words: dict[str, str] = {}
    for name, (low, high) in WORDED.items():
        found = (values.get(low, ""), values.get(high, ""))
        if all(map(_COUNT.fullmatch, found)):
            words[name] = wait_in_words(float(found[0]), float(found[1]), language)
    return words


def holds(step: steps.If, variables: Mapping[str, str]) -> bool:
    """Whether the condition of an `if` step is true. Comparing what is no number is false."""
    value = variables.get(step.variable, "")
    match step.test:
        case "is" | "one_of":
            return value in step.values
        case "is_not":
            return value not in step.values
        case "given":
            return bool(value) == (step.values == ("true",))
        case "at_least" | "less_than":
            if not _COUNT.fullmatch(value):
                return False
            reached = float(value) >= float(step.values[0])
            return reached if step.test == "at_least" else not reached
        case _:
            return False


def _pressed(answer: Answer) -> str:
    """The keys of an answer, bounded; nothing for a timeout."""
    if isinstance(answer, Digits):
        return "".join(char for char in answer.text[:64] if char in _KEYS)
    return ""


def _plain(value: str | int | float) -> str:
    """A variable's text; whole numbers without a decimal point."""
    if isinstance(value, float):
        return str(int(value)) if value == value and abs(value) < 1e9 else ""
    return str(value)
