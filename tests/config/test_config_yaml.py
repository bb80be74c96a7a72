"""The YAML reader: plain values with their lines, and nothing that can do harm."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.yaml_lines import MAX_BYTES, load_yaml
from ivr.mistakes import Mistakes


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        load_yaml(text, "x.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_every_node_knows_its_line() -> None:
    """Messages are only useful when they lead to the line."""
    loaded = load_yaml("a: 1\nb:\n  - x\n  -\n    c: y\n\nd: {e: [1,\n 2]}\n", "x.yaml")
    assert loaded.value == {"a": 1, "b": ["x", {"c": "y"}], "d": {"e": [1, 2]}}
    lines = {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1, "c"): 5, ("d", "e"): 7, ("d", "e", 1): 8}
    assert {path: loaded.line(path) for path in lines} == lines
    assert loaded.line(("b", 1, "missing", "deep")) == 5
    assert loaded.line(("nowhere",)) == 1


# what is written | what it means here
PLAIN = [
    ("no", "no"),  # a language, not false
    ("on", "on"),
    ("ON", "ON"),  # Ontario
    ("true", True),
    ("null", None),
    ("~", None),
    ("", None),
    ("12", 12),
    ("-3", -3),
    ("0.8", 0.8),
    ("0123", "0123"),  # a number to dial, not octal 83
    ("+14165550100", "+14165550100"),
    ("09:30", "09:30"),  # a time, not 570
    ("22:30:00", "22:30:00"),
    ("2026-12-24", "2026-12-24"),
    ("1e5", "1e5"),
    ("0x1F", "0x1F"),
    (".inf", ".inf"),
    ("1_000", "1_000"),
    ("9" * 5000, "9" * 5000),
    ("'5'", "5"),
    ('"true"', "true"),
]


@pytest.mark.parametrize(("written", "meant"), PLAIN)
def test_values_mean_what_people_expect(written: str, meant: object) -> None:
    """YAML 1.1 would turn numbers to dial, times and languages into something else."""
    value = load_yaml(f"key: {written}\n", "x.yaml").value
    assert value == {"key": meant}
    assert isinstance(value, dict)
    assert type(value["key"]) is type(meant)


def test_keys_are_always_texts() -> None:
    """`1:` in a menu and `no:` among languages are keys as written."""
    assert load_yaml("1: a\nno: b\n+1: c\n", "x.yaml").value == {"1": "a", "no": "b", "+1": "c"}


# what is written | first message
REFUSED = [
    ("a: 1\nb: 2\na: 3\n", "x.yaml:3: the key 'a' stands twice (first in line 1); leave one out"),
    ("1: a\n'1': b\n", "x.yaml:2: the key '1' stands twice (first in line 1); leave one out"),
    ("a:\n  b: 1\n  b: 2\n", "x.yaml:3: the key 'b' stands twice (first in line 2); leave one out"),
    ("a: !!python/object/apply:os.system [id]\n", "x.yaml:1: a tag ("),
    ("a: !custom x\n", "x.yaml:1: a tag ('!custom'); write the plain value, without '!'"),
    ("a: &x [1]\nb: *x\n", "x.yaml:1: an anchor or alias ('x'); write the value out"),
    ("a: b: c\n", "x.yaml:1: this is not YAML: mapping values are not allowed here"),
    ("a: 1\n\tb: 2\n", "x.yaml:2: this is not YAML: found character '\\t'"),
    ("a: [1, 2\nb: 3\n", "x.yaml:2: this is not YAML: "),
    ("a: 'x\n", "x.yaml:2: this is not YAML: "),
    ("a: 1\n---\nb: 2\n", "x.yaml:2: a second document begins here; delete the '---'"),
    ("? [a]\n: b\n", "x.yaml:1: a key that is a list or mapping; write a plain word as key"),
    ('a: 1\nb: "x\\0y"\n', "x.yaml:2: a control character in a text; delete it"),
    ('a: "\\ud800"\n', "x.yaml:1: a control character in a text; delete it"),
    ("a: 1\nb: \x07\n", "x.yaml:2: a character that YAML does not allow"),
    (b"a: 1\nb: \xff\n", "x.yaml:2: the file is not UTF-8; save it as UTF-8"),
    ("[" * 30, "x.yaml:1: nested too deep; use at most"),
    (b"#" * (MAX_BYTES + 1), f"x.yaml:1: the file has {MAX_BYTES + 1} bytes; use at most"),
]


@pytest.mark.parametrize(("written", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_says_where_and_why(written: str | bytes, message: str) -> None:
    """Each of these would silently do something else, or do harm."""
    assert refused(written)[0].startswith(message)


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that only grows is stopped, however simple it is."""
    monkeypatch.setattr("config.yaml_lines.MAX_NODES", 1000)
    assert refused("- a\n" * 1100)[0].startswith("x.yaml:1000: more than 1000 values; use at most")


def test_an_alias_bomb_costs_nothing() -> None:
    """Nine lines of aliases stand for a billion values."""
    lines = ["a0: &a0 [x, x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)
    ]
    assert "anchor or alias" in refused("\n".join(lines))[0]


@given(st.one_of(st.text(), st.text("[]{}:,- \n'\"&*!|>%@`#?abc01", max_size=60), st.binary()))
@settings(max_examples=400)
@example('"\\U00110000"')
@example("\ufeffa: 1")
@example("%TAG ! tag:x,2000:\n--- !a\n")
@example("{? : x}")
@example("a: |99\n x")
def test_any_input_is_read_or_refused(text: str | bytes) -> None:
    """A broken file must never take the program down with some other exception."""
    lines = [1]
    try:
        lines.append(load_yaml(text, "x.yaml").line(()))
    except Mistakes as errors:
        lines += [mistake.line for mistake in errors.mistakes]
    assert len(lines) > 1
    assert min(lines) >= 1
