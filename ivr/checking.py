"""Checks of a whole flow: ways that lead nowhere, unknown variables, circles without end."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ivr import flow
from ivr.flow import (
    CUSTOMER_FIELDS,
    DERIVED,
    GIVEN,
    WORDED,
    Flow,
    Step,
    exits,
    silent_exits,
    speeches,
)
from ivr.mistakes import suggestion
from ivr.reading import Report, shown
from ivr.templates import stray_brace, variables_of

MAX_KEPT = 200  # characters that the flow's own variables may take, names included
MAX_SET = 32  # characters of one `set` value


class Checks:
    """What can only be seen when all steps are known."""

    def __init__(self, report: Report, flow: Flow, names: Collection[str]) -> None:
        self.report = report
        self.flow = flow
        self.names = names  # of all steps, also those that could not be read

    def run(self) -> None:
        dangling = self.targets()
        self.variables()
        self.kept()
        if not dangling and not self.report.mistakes:
            # With steps missing, these would only repeat what is said already.
            self.unreachable()
            self.silent_loops()

    def targets(self) -> bool:
        """Every way out leads to a step."""
        dangling = False
        for step in self.flow.steps.values():
            for key, target in exits(step):
                if target and target not in self.names:
                    dangling = True
                    path = ("steps", step.id, *key.split("/"))
                    message = f"step {step.id!r} leads to {target!r}, which does not exist"
                    self.report.add(path, message, suggestion(target, self.names))
        return dangling

    def variables(self) -> None:
        """Every variable that is read is given or written by some step."""
        written, secret = _written(self.flow.steps)
        known = {*GIVEN, *DERIVED, *WORDED, *CUSTOMER_FIELDS, *written}
        for step in self.flow.steps.values():
            for path, name in _reads(step):
                where = ("steps", step.id, *path)
                if name in secret:
                    self.report.add(
                        where, f"the secret digits {name!r} are kept nowhere", "do not read them"
                    )
                elif name not in known and not (
                    name in ("number", "time", "key") and isinstance(step, flow.OfferCallback)
                ):
                    message = f"unknown variable {shown(name)}"
                    self.report.add(where, message, suggestion(name, known))
            for path, template in _templates(step):
                if stray_brace(template):
                    self.report.add(
                        ("steps", step.id, *path),
                        "a brace that is not around a variable name",
                        "write {name}, or {{ for a brace",
                    )

    def kept(self) -> None:
        """What the flow collects must fit beside the call on the switch."""
        sizes: dict[str, int] = {}
        for step in self.flow.steps.values():
            if isinstance(step, flow.Collect) and not step.secret:
                sizes[step.variable] = max(sizes.get(step.variable, 0), step.max_digits)
            elif isinstance(step, flow.Set):
                for name, value in step.variables.items():
                    size = MAX_SET * 3 if "{" in value else len(value.encode("utf-8", "replace"))
                    if name != "language":
                        sizes[name] = max(sizes.get(name, 0), size)
        total = sum(len(name) + 6 + size for name, size in sizes.items())
        if total > MAX_KEPT:
            self.report.add(
                ("steps",),
                f"the flow's variables can take {total} characters",
                f"keep them under {MAX_KEPT}: fewer or shorter variables",
            )

    def unreachable(self) -> None:
        seen: set[str] = set()
        todo = [self.flow.start]
        while todo:
            name = todo.pop()
            if name not in seen and name in self.flow.steps:
                seen.add(name)
                todo += [target for _, target in exits(self.flow.steps[name]) if target]
        for name in self.flow.steps:
            if name not in seen:
                self.report.add(
                    ("steps", name), f"no step leads to {name!r}", "lead a step to it or delete it"
                )

    def silent_loops(self) -> None:
        """A caller who presses nothing must come to an end: the silent ways hold no circle."""
        done: set[str] = set()
        for root in self.flow.steps:
            trail: list[str] = []
            stack: list[tuple[str, bool]] = [(root, False)]
            while stack:
                name, left = stack.pop()
                if left:
                    trail.pop()
                    done.add(name)
                elif name in trail:
                    circle = trail[trail.index(name) :]
                    self.report.add(
                        ("steps", name),
                        f"a caller who presses nothing goes round for ever: "
                        f"{' → '.join((*circle, name))}",
                        "lead one of these steps out, to a queue or a hang-up",
                    )
                elif name not in done:
                    trail.append(name)
                    stack.append((name, True))
                    onward = dict.fromkeys(silent_exits(self.flow.steps[name]))
                    stack += [(target, False) for target in onward if target]


def _written(steps: Mapping[str, Step]) -> tuple[set[str], set[str]]:
    """The variables that steps write, and those of them that are secret."""
    written: set[str] = set()
    secret: set[str] = set()
    for step in steps.values():
        if isinstance(step, flow.Collect):
            (secret if step.secret else written).add(step.variable)
        elif isinstance(step, flow.Set):
            written.update(step.variables)
    return written, secret


def _templates(step: Step) -> list[tuple[tuple[str, ...], str]]:
    """Every template of a step with its path below the step."""
    found: list[tuple[tuple[str, ...], str]] = [
        ((key, language), template)
        for key, speech in speeches(step)
        for language, template in speech.texts.items()
    ]
    if isinstance(step, flow.Set):
        found += [(("variables", name), value) for name, value in step.variables.items()]
    return found


def _reads(step: Step) -> list[tuple[tuple[str, ...], str]]:
    """Every variable that a step reads, with the path where it does."""
    found = [(path, name) for path, text in _templates(step) for name in variables_of(text)]
    if isinstance(step, flow.If) and step.variable:
        found.append((("variable",), step.variable))
    return found


def uses(steps: Mapping[str, Step]) -> frozenset[str]:
    """The given variables that the flow reads, with the sources of the derived ones."""
    names = {name for step in steps.values() for _, name in _reads(step)}
    derived = {DERIVED[name] for name in names if name in DERIVED}
    worded = {source for name in names for source in WORDED.get(name, ())}
    return frozenset(names | derived | worded)
