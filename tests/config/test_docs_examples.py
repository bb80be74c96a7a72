"""What the pages on configuration, flows and Twilio say is tried: examples, tables, messages.

The first line of each YAML block says what it is:

    # my-site/<file>                a file of a whole site of its own
    # part of site.yaml             merged into the demonstration's site
    # flows/<id>.yaml               a flow, added to the demonstration's
    # more steps of flows/<id>.yaml further steps of that flow; key 3 of its menu leads to them
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.check import ConfigErrors, read_site
from config.settings import DEMO_SITE, Settings
from config.site import Site
from config.yaml_lines import load_yaml
from ivr.reading import Section

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    name: (DOCS / name).read_text("utf-8")
    for name in ("configuration.md", "flows.md", "twilio.md", "figures.md")
}
BLOCK = re.compile(r"^```yaml\n# (?P<marker>[^\n]+)\n(?P<body>.*?)^```$", re.M | re.S)
ANY_BLOCK = re.compile(r"^```ya?ml$", re.M)
BOUNDS = re.compile(r"(-?[\d.]+) to (-?[\d.]+)")
READ_ONCE = functools.lru_cache(maxsize=64)(load_yaml)
NAMED = ("queues", "agents", "hours", "trunks", "numbers", "switches", "alerts")
MAPPINGS = (  # their keys are the site's own
    *("labels", "needs", "skills", "week", "dates"),
    *("not_ready_reasons", "dispositions", "phones", "speed_dials", "tiers", "teams"),
    *("capacity", "to", "closed", "nobody", "queues"),
)
BLOCKS = [(page, m["marker"], m["body"]) for page, t in PAGES.items() for m in BLOCK.finditer(t)]


@pytest.fixture(autouse=True)
def _files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests change one file of several: the others need no second reading."""
    monkeypatch.setattr("config.check.load_yaml", READ_ONCE)


def demo(name: str) -> Any:
    return load_yaml((DEMO_SITE / name).read_bytes(), name).value


def merged(old: Any, new: Any) -> Any:
    """`new` over `old`, mapping by mapping."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def parts(prefix: str) -> dict[str, Any]:
    """The blocks whose marker begins with `prefix`, by the rest of it (several: numbered)."""
    found: dict[str, Any] = {}
    for _, marker, body in BLOCKS:
        if marker.startswith(prefix):
            name = marker.removeprefix(prefix).strip() or str(len(found))
            assert name not in found, f"two blocks are {marker!r}"
            found[name] = load_yaml(body, marker).value
    return found


def written(value: Any) -> str:
    """YAML as the reader takes it: no anchors, texts in quotes."""
    return json.dumps(value, ensure_ascii=False)


def whole() -> dict[str, Any]:
    """The demonstration with every example of the pages in it: file to document."""
    return deepcopy(_whole())


@functools.cache
def _whole() -> dict[str, Any]:
    files = {"site.yaml": demo("site.yaml")}
    for path in (DEMO_SITE / "flows").glob("*.yaml"):
        files[f"flows/{path.name}"] = demo(f"flows/{path.name}")
    for fragment in parts("part of site.yaml").values():
        files["site.yaml"] = merged(files["site.yaml"], fragment)
    files |= {f"flows/{name}": flow for name, flow in parts("flows/").items()}
    for name, steps in parts("more steps of ").items():
        menu = files[name]["steps"]["menu"]
        files[name]["steps"]["menu"] = merged(menu, {"choices": {"3": next(iter(steps))}})
        files[name]["steps"] |= steps
    return files


def read(files: dict[str, Any]) -> Site:
    return read_site({name: written(document) for name, document in files.items()})


def mistakes(files: dict[str, Any]) -> list[str]:
    try:
        read(files)
    except ConfigErrors as errors:
        return [str(mistake) for mistake in errors.mistakes]
    return []


def rows(page: str, head: str) -> Iterator[list[str]]:
    """The cells of every table of the page whose head begins with `head`."""
    lines = iter(PAGES[page].splitlines())
    for line in lines:
        if line.startswith(head):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                yield [cell.strip() for cell in row[1:-1].split("|")]


def documented_keys() -> dict[str, tuple[str, str]]:
    """Each key of site.yaml on the page, with its default and its bounds."""
    found: dict[str, tuple[str, str]] = {}
    for keys, default, bounds, _ in rows("configuration.md", "| key | default | bounds | meaning"):
        for key in re.findall(r"`([^`]+)`", keys):
            assert key not in found
            found[key] = (default, bounds)
    return found


KEYS = documented_keys()
TWILIO = (
    "account_sid",
    "auth_token_env",
    "public_url",
    "api_key",
    "api_secret_env",
    "caller_id",
    "sip_addresses",
    "conference_always",
)
EXAMPLES = {
    "queues": "sales",
    "agents": "ben",
    "hours": "office",
    "numbers": "200",
    "alerts": "slow-sales",
}


def place(site: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The mapping in `site` that holds a documented key, made where it is not there."""
    *way, last = key.split(".")
    at = site
    if way[:1] == ["switches"]:
        way[1] = "cloud" if last in TWILIO else "east"
    for index, name in enumerate(way):
        word = EXAMPLES.get(way[0], "provider") if (index, name) == (1, "<id>") else name
        at = at.setdefault(word, {})
        at = at[0] if isinstance(at, list) else at
    return at, last


def test_every_yaml_block_says_what_it_is() -> None:
    """A block without a marker would be an example that nobody tries."""
    known = r"my-site/\S+|part of site\.yaml|flows/\w+\.yaml|more steps of flows/\w+\.yaml"
    for page, text in PAGES.items():
        assert len(ANY_BLOCK.findall(text)) == sum(1 for block in BLOCKS if block[0] == page)
    for _, marker, _ in BLOCKS:
        assert re.fullmatch(known, marker), marker


def test_the_site_of_the_walk_through_is_sound() -> None:
    """The first ten minutes must not end in a mistake of ours."""
    body = {m.removeprefix("my-site/"): b for _, m, b in BLOCKS if m.startswith("my-site/")}
    site = read_site(body)
    assert site.warnings == ()
    told = f"{len(site.queues)} queues, {len(site.agents)} agents, {len(site.flows)} flows"
    assert told in PAGES["configuration.md"]


def test_all_examples_together_are_sound() -> None:
    """Examples are copied as they are."""
    files = whole()
    assert mistakes(files) == []
    odd = [str(warning) for warning in read(files).warnings]
    assert all("is used by no number and no queue" in warning for warning in odd), odd


@pytest.mark.parametrize("name", list(parts("part of site.yaml")))
def test_each_part_of_a_site_fits_the_demonstration(name: str) -> None:
    """People copy one example, not all of them."""
    files = whole()
    files["site.yaml"] = merged(demo("site.yaml"), parts("part of site.yaml")[name])
    assert mistakes(files) == []


@pytest.mark.parametrize("name", list(parts("flows/")))
def test_each_flow_stands_alone(name: str) -> None:
    """A flow as shown must pass the check as shown."""
    files = whole()
    assert mistakes({**files, f"flows/{name}": parts("flows/")[name]}) == []


def taken(monkeypatch: pytest.MonkeyPatch, files: dict[str, Any]) -> set[tuple[str, ...]]:
    """Every (file, path…, key) that the readers look at."""
    found: set[tuple[str, ...]] = set()
    original = Section.take

    def take(self: Section, key: str) -> object:
        found.add((self.report.file, *map(str, self.path), key))
        return original(self, key)

    monkeypatch.setattr(Section, "take", take)
    read(files)
    return found


def test_the_page_lists_every_key_of_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is not on the page is not found; one that is gone misleads."""
    found: set[str] = set()
    for file, *path in taken(monkeypatch, whole()):
        if file != "site.yaml":
            continue
        if path[0] in NAMED and len(path) > 1:
            path[1] = "<id>"
        path = [name for name in path if not name.isdigit() or path[0] == "numbers"]
        for index, name in enumerate(path):
            if name in MAPPINGS and (index or name != "queues"):
                del path[index + 1 :]
                break
        found.add(".".join(path))
    leaves = {key for key in found if not any(other.startswith(f"{key}.") for other in found)}
    assert set(KEYS) == leaves


@pytest.mark.parametrize("key", [key for key, (default, _) in KEYS.items() if default != "none"])
def test_defaults_are_as_the_page_says(key: str) -> None:
    """People leave out what has the right default."""
    default = KEYS[key][0]
    with_it, without = whole(), whole()
    at, last = place(without["site.yaml"], key)
    at.pop(last, None)
    if default == "required":
        assert any(f"has no '{last}'" in mistake for mistake in mistakes(without))
    elif default.startswith("`"):
        at, last = place(with_it["site.yaml"], key)
        at[last] = load_yaml(f"value: {default.strip('`')}", "x").value["value"]  # type: ignore[index,call-overload]
        assert read(with_it) == read(without)
    else:
        assert mistakes(without) == []
        assert default in ("the id", "the number", "the site's", "the site's first"), default


@pytest.mark.parametrize("key", [key for key, (_, bounds) in KEYS.items() if bounds])
def test_bounds_are_as_the_page_says(key: str) -> None:
    """Both ends must be right, and be told to whoever passes them."""
    bounds = BOUNDS.fullmatch(KEYS[key][1])
    assert bounds
    low, high = (float(bound) for bound in bounds.groups())
    for value, right in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        files = whole()
        at, last = place(files["site.yaml"], key)
        number = int(value) if value == int(value) else value
        at[last] = {"billing": number} if last == "skills" else number
        told = any(f"use {bounds[1]} to {bounds[2]}" in mistake for mistake in mistakes(files))
        assert told is not right, (value, mistakes(files))


def changed_rows() -> list[list[str]]:
    return list(rows("configuration.md", "| this | changed to"))


@pytest.mark.parametrize(("this", "to", "said"), changed_rows(), ids=range(len(changed_rows())))
def test_a_mistake_is_refused_in_the_words_of_the_page(this: str, to: str, said: str) -> None:
    """People search the page for the message on their screen."""
    this, to, said = (cell.strip("`") for cell in (this, to, said))
    files = {f"flows/{p.name}": p.read_text("utf-8") for p in (DEMO_SITE / "flows").glob("*.yaml")}
    site = (DEMO_SITE / "site.yaml").read_text("utf-8")
    assert site.count(f" {this}") + site.count(f"\n{this}") == 1, "it must stand there once"
    with pytest.raises(ConfigErrors) as caught:
        read_site({**files, "site.yaml": site.replace(this, to)})
    assert [str(mistake) for mistake in caught.value.mistakes] == [said]


def test_the_page_lists_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page cannot lag behind the program."""
    for name in [name for name in os.environ if name.startswith("CALLCENTER_")]:
        monkeypatch.delenv(name)
    settings = Settings().model_dump()
    for name, value in settings.items():
        if hasattr(value, "get_secret_value"):
            settings[name] = value.get_secret_value()
    shown = {
        f"CALLCENTER_{name.upper()}": "" if value in (None, "", ()) else str(value)
        for name, value in settings.items()
    }
    shown = {name: {"True": "true", "False": "false"}.get(v, v) for name, v in shown.items()}
    page = {
        name.strip("`"): default.strip("`")
        for name, default, _ in rows("configuration.md", "| variable | default | meaning")
    }
    assert page == shown


def step_rows() -> dict[str, tuple[set[str], set[str]]]:
    """Kind of step to its keys and those of them that must be there."""
    return {
        kind.strip("`"): (
            set(re.findall(r"`(\w+)`", keys)),
            set(re.findall(r"\*\*`(\w+)`\*\*", keys)),
        )
        for kind, keys, _ in rows("flows.md", "| do | keys | what happens")
    }


def example_steps() -> dict[str, tuple[str, str]]:
    """Kind of step to an example of it: file and step."""
    found: dict[str, tuple[str, str]] = {}
    for name, flow in whole().items():
        for step, fields in flow.get("steps", {}).items():
            found.setdefault(fields["do"], (name, step))
    return found


def with_all_kinds() -> dict[str, Any]:
    """`whole`, with the kinds that the pages show only in passing."""
    files = whole()
    steps = files["flows/hotline.yaml"]["steps"]
    steps["welcome"]["next"] = "on"
    steps["on"] = {"do": "goto", "next": "jingle"}
    steps["jingle"] = {"do": "play", "recording": "jingle", "next": "menu"}
    return files


def test_the_page_lists_every_step_and_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows are written from this table."""
    files = with_all_kinds()
    found: dict[str, set[str]] = {}
    monkeypatch.setattr("config.check.check_references", lambda *_: ())  # no recordings here
    for file, *path in taken(monkeypatch, files):
        if len(path) == 3 and path[0] == "steps":
            kind = files[file]["steps"][path[1]]["do"]
            found.setdefault(kind, set()).add(path[2])
    table = {kind: keys | {"do"} for kind, (keys, _) in step_rows().items()}
    assert table == found


REQUIRED = [(kind, key) for kind, (_, must) in step_rows().items() for key in sorted(must)]


@pytest.mark.parametrize(("kind", "key"), REQUIRED, ids=str)
def test_bold_keys_of_steps_must_be_there(kind: str, key: str) -> None:
    """A step without its next step would be silence."""
    files = with_all_kinds()
    file, step = next(
        (name, step)
        for name, flow in files.items()
        for step, fields in flow.get("steps", {}).items()
        if fields["do"] == kind and key in fields
    )
    del files[file]["steps"][step][key]
    assert any(f"step '{step}' has no '{key}'" in mistake for mistake in mistakes(files))


def step_values() -> list[tuple[str, str, str, str]]:
    """Kind, key, default, bounds ("" for none)."""
    pattern = re.compile(r'`(\w+)` ("?[\d#]+"?)(?: \((-?\d+ to \d+)\))?')
    return [
        (kind.strip("`"), *found)
        for kind, values in rows("flows.md", "| do | default and bounds")
        for found in pattern.findall(values)
    ]


@pytest.mark.parametrize(("kind", "key", "default", "bounds"), step_values(), ids=str)
def test_defaults_and_bounds_of_steps(kind: str, key: str, default: str, bounds: str) -> None:
    """Callers wait by these numbers."""
    file, step = example_steps()[kind]
    with_it, without = whole(), whole()
    without[file]["steps"][step].pop(key, None)
    with_it[file]["steps"][step][key] = yaml.safe_load(default)
    assert read(with_it).flows == read(without).flows
    if bounds:
        low, high = (int(bound) for bound in bounds.split(" to "))
        for value in (low - 1, high + 1):
            wrong = deepcopy(with_it)
            wrong[file]["steps"][step][key] = value
            assert any(f"use {low} to {high}" in mistake for mistake in mistakes(wrong))


def test_links_between_the_pages_lead_somewhere() -> None:
    """A link that leads nowhere sends people away."""
    pages = {path.name: path.read_text("utf-8") for path in DOCS.glob("*.md")}
    anchors = {
        page: {
            re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.+)$", text, re.M)
        }
        for page, text in pages.items()
    }
    for page, text in pages.items():
        for target, anchor in re.findall(r"\]\(([\w.]*)(?:#([\w-]+))?\)", text):
            assert not target or (DOCS / target).is_file(), target
            assert not anchor or anchor in anchors[target or page], anchor
