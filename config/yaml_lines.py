"""Reads YAML into plain values and remembers the line of every node.

Only what a configuration needs is taken, and mistakes are collected with their lines:

- a key that stands twice is refused, not silently overwritten;
- tags (`!!python/object` and all others), anchors and aliases are refused, so a file
  cannot build objects or grow without bound;
- size, depth and number of nodes are bounded;
- keys are always texts, and only `true`, `false`, plain decimal numbers, `null` and `~`
  are not texts. So `no:` is a language, `09:30` a time, `0123` and `+1416` are numbers to
  dial and `2026-12-24` is a text, where YAML 1.1 would read something else into them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from ivr.mistakes import Mistake, Mistakes
from ivr.reading import Path, shown

MAX_BYTES = 4 * 1024 * 1024  # a site of 20,000 agents has 2 MB
MAX_DEPTH = 24
MAX_NODES = 400_000
_INT = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,9}")
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}

Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None


@dataclass(slots=True)
class Loaded:
    """A document and where everything stands in it."""

    file: str
    value: Value = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of the node at `path`; of its nearest ancestor when it has none."""
        for length in range(len(path), -1, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 1


def load_yaml(data: bytes | str, file: str) -> Loaded:
    """Read one document. Raises `Mistakes` with all that is wrong with its form."""
    reader = _Reader(file)
    text = reader.decoded(data)
    try:
        if text is not None:
            reader.read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(str(error.problem or error.context or "broken YAML").split())
        begun = error.context_mark.line + 1 if error.context_mark else line
        since = f" (what began in line {begun})" if begun != line else ""
        message = f"this is not YAML: {problem[:120]}{since}"
        reader.add(line, message, "check indentation, quotes, colons")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if text else 1
        reader.add(line, "a character that YAML does not allow", "delete it or write it escaped")
    except _TooMuch:
        pass
    except (ValueError, RecursionError, IndexError) as error:
        # The scanner trips over a few malformed escapes with plain Python errors.
        reader.add(1, f"this is not YAML: {shown(str(error))}", "check escapes in quoted texts")
    if reader.mistakes:
        raise Mistakes(reader.mistakes)
    return reader.loaded


class _TooMuch(Exception):  # noqa: N818 - stops reading, already reported
    """A bound was passed."""


class _Reader:
    """Builds values from YAML events, with its own stack: nothing recurses."""

    def __init__(self, file: str) -> None:
        self.loaded = Loaded(file)
        self.mistakes: list[Mistake] = []
        self.nodes = 0

    def add(self, line: int, message: str, fix: str) -> None:
        if len(self.mistakes) < 100:
            self.mistakes.append(Mistake(self.loaded.file, line, message, fix))

    def decoded(self, data: bytes | str) -> str | None:
        size = len(data)
        if size > MAX_BYTES:
            self.add(1, f"the file has {size} bytes", f"use at most {MAX_BYTES}")
            return None
        if isinstance(data, str):
            return data
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.add(line, "the file is not UTF-8", "save it as UTF-8")
            return None

    def read(self, text: str) -> None:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    line = _line(event)
                    self.add(line, "a second document begins here", "delete the '---'")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self.loaded.lines[()] = _line(event)
                self.loaded.value = self.node(event, events)

    def node(self, first: yaml.NodeEvent, events: Iterator[yaml.Event]) -> Value:
        """The value that begins with `first`; takes its events up to its end."""
        root: list[Value] = []
        stack: list[_Open] = [_Open(root, (), line=0)]
        event: yaml.Event = first
        while True:
            if isinstance(event, yaml.NodeEvent):
                self.node_event(event, stack)
            else:  # the end of a mapping or list
                closed = stack.pop()
                if closed.key is not None:
                    self.add(closed.line, "a key without a value", "write 'key: value'")
            if len(stack) == 1:
                return root[0] if root else None
            event = next(events)

    def node_event(self, event: yaml.NodeEvent, stack: list[_Open]) -> None:
        line = _line(event)
        self.nodes += 1
        if self.nodes > MAX_NODES or len(stack) > MAX_DEPTH:
            what = f"more than {MAX_NODES} values" if self.nodes > MAX_NODES else "nested too deep"
            self.add(line, what, f"use at most {MAX_NODES} values and {MAX_DEPTH} levels")
            raise _TooMuch
        self.refuse_extras(event, line)
        top = stack[-1]
        if isinstance(top.into, dict) and top.key is None:
            self.key(event, top, line, stack)
            return
        path = top.place()
        self.loaded.lines.setdefault(path, line)
        value: Value
        if isinstance(event, yaml.MappingStartEvent):
            value = {}
            stack.append(_Open(value, path, line))
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            stack.append(_Open(value, path, line))
        else:
            value = _scalar(event)
            if isinstance(value, str) and _UNSPEAKABLE.search(value):
                self.add(line, "a control character in a text", "delete it")
        top.put(value)

    def key(self, event: yaml.NodeEvent, top: _Open, line: int, stack: list[_Open]) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            if not isinstance(event, yaml.AliasEvent):
                self.add(line, "a key that is a list or mapping", "write a plain word as key")
                raise _TooMuch
            top.key = f"*{event.anchor}"
            return
        top.key = str(event.value)
        top.line = line
        assert isinstance(top.into, dict)
        path = (*top.path, top.key)
        if top.key in top.into:
            first = self.loaded.lines.get(path, line)
            message = f"the key {shown(top.key)} stands twice (first in line {first})"
            self.add(line, message, "leave one out")
        self.loaded.lines.setdefault(path, line)

    def refuse_extras(self, event: yaml.NodeEvent, line: int) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self.add(line, f"an anchor or alias ({shown(event.anchor)})", "write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.add(line, f"a tag ({shown(tag)})", "write the plain value, without '!'")


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being filled."""

    into: list[Value] | dict[str, Value]
    path: Path
    line: int  # 0 for the list around the root
    key: str | None = None  # the key that waits for its value

    def place(self) -> Path:
        """The path of the value that comes next."""
        if isinstance(self.into, dict):
            return (*self.path, self.key or "")
        # The outermost list only holds the root, whose path is empty.
        return (*self.path, len(self.into)) if self.line else self.path

    def put(self, value: Value) -> None:
        if isinstance(self.into, dict):
            self.into[self.key or ""] = value
            self.key = None
        else:
            self.into.append(value)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _scalar(event: yaml.NodeEvent) -> Value:
    if not isinstance(event, yaml.ScalarEvent):
        return None  # an alias, refused already
    text = str(event.value)
    if event.style is not None:
        return text  # quoted or block: always a text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
