# ruff: noqa: E501 - rows of text are easier to read whole
"""A whole site: what is read, what is refused with which words, and what a reload keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from acd.engine import Engine
from acd.site import Onward, Rule, SkillNeed
from config.check import ConfigErrors, load_site, read_site, reload_site
from config.settings import DEMO_SITE
from config.site import Announcement, NumberRule, Site
from config.yaml_lines import load_yaml

SITE = """\
company: Test
time_zone: America/Toronto
region: CA
languages: [en, zh]
default_flow: main
numbers:
  "100": {flow: main}
  "+14165550100": {flow: main, language: zh}
skills:
  billing: {en: Billing, zh: 账单}
queues:
  sales:
    labels: {en: Sales, zh: 销售}
    wrap_up_s: unlimited
    overflow: {after_s: 60, to: support}
    needs: {billing: 2}
    recording: {calls: always, keep_days: 365}
  support:
    labels: Support
    wait: {flow: wait}
    callback: {attempts: 2}
agents:
  anna:
    name: Anna
    queues: [sales, support]
    skills: {billing: 7}
    phones: [browser, desk, {outside: "+14165550199"}]
not_ready_reasons:
  lunch: {en: Lunch, zh: 午餐}
dispositions:
  solved: {en: Solved, zh: 已解决}
hours:
  office: {always: true}
callbacks: {caller_id: "100", allow: ["+1"], refuse: ["+1900"]}
transfers: {allow: ["+1416"]}
speed_dials: {"+14165550142": {en: Warehouse, zh: 仓库}}
supervision_visible: false
recording: {calls: on demand, stereo: false, agents_hear_own: true}
trunks:
  carrier: {addresses: [192.0.2.0/24], contact: "sip.example.com:5060", user: u, password_env: CALLCENTER_T}
"""

MAIN = """\
fallback: {queue: support}
steps:
  open: {do: hours, calendar: office, open: buy, closed: out}
  buy: {do: queue, queue: sales, needs: {billing: 3}}
  out: {do: transfer, number: "+14165550123"}
"""

WAIT = """\
kind: wait
steps:
  offer:
    do: offer_callback
    text: {en: a, zh: b}
    ask_number: {en: a, zh: b}
    confirm: {en: a, zh: b}
    accepted: bye
    next: back
  bye: {do: hang_up}
  back: {do: wait}
"""

FILES = {"site.yaml": SITE, "flows/main.yaml": MAIN, "flows/wait.yaml": WAIT}


def test_the_config_package_is_ours() -> None:
    """A distribution named `config` on the package index would merge into ours unnoticed."""
    assert Path(config.__file__ or "").parent == Path(__file__).parents[2] / "config"
    ours = {path.parent.name for path in map(Path, config.__path__)}
    assert len(config.__path__) == 1, ours


def test_a_whole_site_is_read() -> None:
    """Every value must arrive where routing, telephony and people look for it."""
    site = read_site(FILES)
    assert (site.company, site.region, site.languages) == ("Test", "CA", ("en", "zh"))
    sales, support = site.queues["sales"], site.queues["support"]
    assert (sales.wrap_up_s, sales.rules) == (
        None,
        (Rule("waited", Onward("queue", "support"), 60),),
    )
    assert (support.wrap_up_s, support.callback_attempts, support.wait_flow) == (30, 2, "wait")
    assert support.labels == {"en": "Support", "zh": "Support"}
    anna = site.agents["anna"]
    assert [(phone.kind, phone.address) for phone in anna.phones] == [
        ("browser", "anna"),
        ("desk", "anna"),
        ("outside", "+14165550199"),
    ]
    assert site.trunks["carrier"].addresses == ("192.0.2.0/24",)
    assert support.announcements == (Announcement("wait", 1.0, 45.0),)
    assert sales.announcements == ()
    assert site.hours("office", 0.0) == "open"
    assert site.warnings == ()


def test_routing_is_what_the_engine_needs() -> None:
    """The engine routes by this alone."""
    routing = read_site(FILES).routing()
    sales = next(queue for queue in routing.queues if queue.id == "sales")
    assert sales.needs == (SkillNeed("billing", 2),)
    assert (sales.name, sales.wrap_up_s) == ("Sales", None)
    assert [(rule.when, rule.to.target) for rule in sales.rules] == [("waited", "support")]
    assert [(a.id, a.queues, a.skills) for a in routing.agents] == [
        ("anna", ("sales", "support"), {"billing": 7})
    ]


@pytest.mark.parametrize(
    ("dnis", "language"),
    [("100", ""), ("+14165550100", "zh"), ("14165550100", "zh"), ("999", ""), ("", "")],
)
def test_a_dialled_number_finds_its_flow(dnis: str, language: str) -> None:
    """An unknown number goes to the default flow: no call is lost over a digit."""
    flow, found = read_site(FILES).flow_for(dnis)
    assert (flow.id, found) == ("main", language)


# file | what is changed | by what | file:line: message; fix
ROWS = """\
site | default_flow: main | default_flow: mian | site.yaml:5: there is no flow 'mian'; did you mean 'main'?
site | "100": {flow: main} | "100": {flow: maim} | site.yaml:7: there is no flow 'maim'; did you mean 'main'?
site | "100": {flow: main} | "100": {flow: wait} | site.yaml:7: the flow 'wait' is of kind 'wait'; name
site | "100": {flow: main} | "1a": {flow: main} | site.yaml:7: the number '1a'; write 2 to 15 digits
site | "100": {flow: main} | "100": {flow: main, language: fr} | site.yaml:7: the site has no language 'fr'
site | company: Test | companny: Test | site.yaml:1: the site has no 'company'; add 'company: …'
site | company: Test | companny: Test | site.yaml:1: the site has an unknown key 'companny'; did you mean
site | America/Toronto | America/Torono | site.yaml:2: unknown time zone 'America/Torono'; did you mean 'Am
site | region: CA | region: Canada | site.yaml:3: 'region' is 'Canada'; write two letters, such as CA
site | languages: [en, zh] | languages: [en, en] | site.yaml:4: 'en' stands twice in 'languages'; leave
site | to: support | to: suport | site.yaml:15: there is no queue 'suport'; did you mean 'support'?
site | to: support | to: sales | site.yaml:15: the queue 'sales' sends its callers to itself; name
site | needs: {billing: 2} | needs: {biling: 2} | site.yaml:16: there is no skill 'biling'; did you mean 'b
site | wrap_up_s: unlimited | wrap_up_s: -1 | site.yaml:14: 'wrap_up_s' is -1; use 0 to 3600
site | wrap_up_s: unlimited | ring_s: 1000 | site.yaml:14: 'ring_s' is 1000; use 3 to 120
site | wait: {flow: wait} | wait: {flow: wiat} | site.yaml:20: there is no flow 'wiat'; did you mean 'wait'?
site | wait: {flow: wait} | wait: {flow: main} | site.yaml:20: the flow 'main' is of kind 'entry'; name a
site | queues: [sales, support] | queues: [sale] | site.yaml:25: there is no queue 'sale'; did you mean 's
site | queues: [sales, support] | language: en | site.yaml:23: agent 'anna' has no 'queues'; add 'queues:
site | skills: {billing: 7} | skills: {bilin: 7} | site.yaml:26: there is no skill 'bilin'; did you mean
site | skills: {billing: 7} | skills: {billing: 11} | site.yaml:26: 'billing' is 11; use 1 to 10
site | anna: | Anna B: | site.yaml:23: the name 'Anna B' in 'agents'; use 1 to 32 lower case letters
site | "+14165550199" | "+19005550199" | site.yaml:27: calls to the outside phone '+19005550199' are not allowed
site | [browser, desk, | [browser, dsek, | site.yaml:27: unknown kind of phone 'dsek'; did you mean 'desk'?
site | "+14165550142": {en | "+19005550142": {en | site.yaml:36: calls to the speed dial '+19005550142' are not a
site | "+14165550142": {en | warehouse: {en | site.yaml:36: the number 'warehouse'
site | supervision_visible: false | supervision_visible: sometimes | site.yaml:37: 'supervision_visible' is 'sometimes'; write true
site | calls: on demand | calls: sometimes | site.yaml:38: unknown calls 'sometimes'
site | calls: on demand | cals: always | site.yaml:38: 'recording' has an unknown key 'cals'; did you mean 'calls'?
site | keep_days: 365 | keep_days: 0 | site.yaml:17: 'keep_days' is 0; use 1 to 36500
site | keep_days: 365 | keep_years: 1 | site.yaml:17: 'recording' has an unknown key 'keep_years'
site | stereo: false | stereo: left | site.yaml:38: 'stereo' is 'left'; write true
site | [192.0.2.0/24] | [192.0.2.0/33] | site.yaml:40: '192.0.2.0/33' is no address; write an IP address
site | user: u | password: x | site.yaml:40: a password in the configuration; name an environment variable
site | CALLCENTER_T | HOME | site.yaml:40: 'password_env' is 'HOME'; name an environment variable
site | allow: ["+1"], | | site.yaml:34: callbacks are offered, but no number is allowed; add 'callbacks:
site | allow: ["+1"], | allow: [one], | site.yaml:34: 'allow' holds 'one'; write '+', the country code
site | allow: ["+1"], | allow: ["1416"], | site.yaml:34: 'allow' holds '1416'; write '+', the country code
site | region: CA | region: UK | site.yaml:3: unknown region 'UK'; use the country's ISO code, which is GB
site | carrier: | the_carrier: | site.yaml:40: the name 'the_carrier' in 'trunks'; start with a letter or digit
site | [192.0.2.0/24] | [0.0.0.0/0] | site.yaml:40: '0.0.0.0/0' lets the whole world call in; name your
site | , password_env: CALLCENTER_T | | site.yaml:40: trunk 'carrier' has no 'password_env'; name an environment
site | user: u, | | site.yaml:40: trunk 'carrier' has no 'user'; add 'user:', whose password this is
site | contact: "sip.example.com:5060" | register: true | site.yaml:40: trunk 'carrier' has no 'contact'; add
site | wait: {flow: wait} | wait: {flow: wait, music: jazz} | site.yaml:20: there is no music 'jazz'; known are: default
site | callback: {attempts: 2} | callback: false | site.yaml:21: no callbacks here, but the flow 'wait' offers one
site | {always: true} | {} | site.yaml:33: calendar 'office' has no 'week'; add 'week:' with opening hours
main | queue: sales | queue: slaes | flows/main.yaml:4: there is no queue 'slaes'; did you mean 'sales'?
main | {queue: support} | {queue: nobody} | flows/main.yaml:1: there is no queue 'nobody'; known are: sale
main | calendar: office | calendar: ofice | flows/main.yaml:3: there is no calendar 'ofice'; did you mean
main | {billing: 3} | {biling: 3} | flows/main.yaml:4: there is no skill 'biling'; did you mean 'billing'?
main | "+14165550123" | "+19005550123" | flows/main.yaml:5: transfers to '+19005550123' are not allowed; add
main | "+14165550123" | "4165550123" | flows/main.yaml:5: 'number' is '4165550123'; write '+', the country
main | do: queue | do: queu | flows/main.yaml:4: unknown step kind 'queu'; did you mean 'queue'?
wait | kind: wait | kind: [ | flows/wait.yaml:3: this is not YAML: expected ',' or ']', but got ':' (what began in line 1)"""


@pytest.mark.parametrize("row", ROWS.splitlines(), ids=str)
def test_a_mistake_names_file_line_and_fix(row: str) -> None:
    """People repair a site from the message alone, so the literal message counts."""
    which, old, new, expected = (part.strip() for part in row.split("|", 3))
    name = "site.yaml" if which == "site" else f"flows/{which}.yaml"
    assert FILES[name].count(old) == 1, "the row must change one place"
    with pytest.raises(ConfigErrors) as caught:
        read_site({**FILES, name: FILES[name].replace(old, new)})
    said = [str(mistake) for mistake in caught.value.mistakes]
    assert any(text.startswith(expected) for text in said), said


def test_mistakes_of_all_files_are_reported_together() -> None:
    """One run of the check must be enough to repair a site."""
    with pytest.raises(ConfigErrors) as caught:
        read_site(
            {
                "site.yaml": SITE.replace("to: support", "to: suport"),
                "flows/main.yaml": MAIN.replace("calendar: office", "calendar: ofice"),
                "flows/wait.yaml": WAIT.replace("next: back", "next: bakc"),
            }
        )
    found = [(mistake.file, mistake.line) for mistake in caught.value.mistakes]
    assert found == [("flows/main.yaml", 3), ("flows/wait.yaml", 9), ("site.yaml", 15)]


def test_a_broken_flow_is_not_also_called_missing() -> None:
    """Second messages about one mistake send people looking in the wrong file."""
    with pytest.raises(ConfigErrors) as caught:
        read_site({**FILES, "flows/main.yaml": MAIN.replace("do: hours", "do: horse")})
    assert [mistake.file for mistake in caught.value.mistakes] == ["flows/main.yaml"]


def test_queues_that_send_callers_round_are_told_once() -> None:
    """It may be meant (nobody comes to a queue twice), but it is mostly a slip."""
    text = SITE.replace("    labels: Support\n", "    overflow: {after_s: 5, to: sales}\n")
    assert [str(one) for one in read_site({**FILES, "site.yaml": text}).warnings] == [
        "site.yaml:12: callers can go in a circle: sales → support → sales; "
        "nobody comes to a queue twice that way: who has been to all of them waits"
    ]


def test_missing_recordings_are_found() -> None:
    """A prompt without its file would be silence."""
    flow = MAIN.replace("open: buy", "open: jingle") + (
        "  jingle: {do: play, recording: {en: en/jingle, zh: zh/jingle}, next: buy}\n"
    )
    files = {**FILES, "flows/main.yaml": flow}
    with pytest.raises(ConfigErrors) as caught:
        read_site(files, ["en/jingle"])
    assert str(caught.value).startswith(
        "flows/main.yaml:6: there is no recording 'zh/jingle'; did you mean 'en/jingle'?"
    )
    assert read_site(files, ["en/jingle", "zh/jingle"]).flows["main"].steps["jingle"]
    plain = {**files, "flows/main.yaml": flow.replace("{en: en/jingle, zh: zh/jingle}", "jingle")}
    assert read_site(plain, ["en/jingle", "zh/jingle"]).flows["main"].steps["jingle"]
    with pytest.raises(ConfigErrors, match="there is no recording 'jingle'"):
        read_site(plain, ["en/jingle"])


def test_recordings_are_found_as_the_player_finds_them(tmp_path: Path) -> None:
    """What would play on the phone must not be refused here."""
    flow = MAIN.replace("open: buy", "open: jingle")
    flow += "  jingle: {do: play, recording: jingle, next: buy}\n"
    write(tmp_path, {**FILES, "flows/main.yaml": flow})
    for name in ("en/jingle.mp3", "zh/jingle.ogg"):
        (tmp_path / "recordings" / name).parent.mkdir(parents=True)
        (tmp_path / "recordings" / name).write_bytes(b"")
    assert "jingle" in load_site(tmp_path).flows["main"].steps


def test_a_password_that_is_not_set_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the trunk is down, but the check may run where the secret must not be."""
    write(tmp_path, FILES)
    monkeypatch.delenv("CALLCENTER_T", raising=False)
    assert [str(warning) for warning in load_site(tmp_path).warnings] == [
        "site.yaml:40: CALLCENTER_T is not set here; "
        "set it for the process that runs 'callcenter up'"
    ]
    monkeypatch.setenv("CALLCENTER_T", "secret-1")
    assert load_site(tmp_path).warnings == ()


def test_oddities_are_warnings() -> None:
    """A queue that nobody can serve runs, but somebody should know."""
    text = SITE.replace("needs: {billing: 2}", "needs: {billing: 9}")
    text = text.replace("[sales, support]", "[sales]")
    text = text.replace("[browser, desk, ", "[")
    site = read_site({**FILES, "site.yaml": text, "flows/old.yaml": MAIN})
    assert [str(warning) for warning in site.warnings] == [
        "site.yaml:16: no agent of 'sales' has billing >= 9; its callers would wait for ever",
        "site.yaml:18: no agent serves the queue 'support'; add it to an agent's 'queues'",
        "site.yaml:27: agent 'anna' has no phone to begin a shift with; "
        "add browser or desk: outside phones cannot be chosen at the console yet",
        "flows/old.yaml:1: the flow 'old' is used by no number and no queue; "
        "name it in site.yaml or delete the file",
    ]


def test_a_broken_reload_keeps_the_old_site(tmp_path: Path) -> None:
    """A typing mistake must never take the phone lines down."""
    write(tmp_path, FILES)
    old = load_site(tmp_path)
    (tmp_path / "site.yaml").write_text(SITE.replace("to: support", "to: suport"))
    kept, mistakes = reload_site(tmp_path, old)
    assert kept is old
    assert [mistake.line for mistake in mistakes] == [15]
    (tmp_path / "site.yaml").write_text(SITE.replace("company: Test", "company: New"))
    new, mistakes = reload_site(tmp_path, old)
    assert (new.company, old.company, mistakes) == ("New", "Test", ())


def test_folders_that_cannot_be_read_are_mistakes_too(tmp_path: Path) -> None:
    """The caller of `load_site` has one kind of error to handle."""
    for folder in (tmp_path / "nowhere", tmp_path / "file", tmp_path / "odd"):
        (tmp_path / "file").write_text("x")
        (tmp_path / "odd" / "site.yaml").mkdir(parents=True, exist_ok=True)
        with pytest.raises(ConfigErrors) as caught:
            load_site(folder)
        assert caught.value.mistakes
    for folder, message in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "file", "a file"),
    ):
        with pytest.raises(ConfigErrors, match=message) as caught:
            load_site(folder)
        assert str(caught.value).startswith(str(folder))


def test_the_demonstration_company_is_sound() -> None:
    """It is the first thing that everybody sees, and the example that sites copy."""
    site = load_site(DEMO_SITE)
    assert site.warnings == ()
    assert set(site.queues) == {"sales", "support"}
    assert len([agent for agent in site.agents.values() if agent.queues]) == 6
    assert site.agents["sam"].queues == ()
    assert {"billing", "technical", "english", "mandarin"} <= set(site.skills)
    assert {one.flow for queue in site.queues.values() for one in queue.announcements} == {"wait"}
    assert site.flows["wait"].wait_digits == "1"
    for labelled in (*site.skills.values(), *site.dispositions, *site.not_ready_reasons):
        assert set(labelled.labels) == {"en", "zh"}
    for need in ({"english": 5}, {"mandarin": 5}, {"mandarin": 5, "technical": 5}):
        skills = [agent.skills for agent in site.agents.values()]
        assert any(all(s.get(k, 0) >= v for k, v in need.items()) for s in skills)


@pytest.mark.parametrize(
    ("number", "permitted"),
    [
        ("+14165550100", True),
        ("+19005550100", False),
        ("+44205550100", False),
        ("", False),
        ("+1", False),
        ("+1416555010012345678", False),
        ("+1416&PJSIP/itsp/900", False),
        ("+1416${SHELL(id)}", False),
        ("+1416\r\n", False),
        ("+1416\n", False),
        ("+1٤١٦٥", False),
    ],
)
def test_only_allowed_numbers_may_be_dialled(number: str, permitted: bool) -> None:
    """Toll fraud and dialplan injection both end here."""
    assert NumberRule(("+1",), ("+1900",)).permits(number) is permitted


def test_without_a_rule_no_number_may_be_dialled() -> None:
    """The default is the safe one."""
    assert not NumberRule().permits("+14165550100")


def pieces(text: str) -> st.SearchStrategy[str]:
    """Damaged versions of a good text: lines dropped, doubled, swapped, or overwritten."""
    lines = text.splitlines(keepends=True)
    numbers = st.integers(0, len(lines) - 1)
    junk = st.sampled_from(
        [
            "x: [\n",
            "- 1\n",
            "    do: wait\n",
            "zzz\n",
            "'\n",
            "  a: {b: {c: 1}}\n",
            "? \n",
            "5: 5\n",
        ]
    )

    def damaged(edits: list[tuple[int, int, str]]) -> str:
        new = list(lines)
        for kind, at, what in edits:
            if kind == 0:
                new[at] = ""
            elif kind == 1:
                new[at] = what
            elif kind == 2:
                new[at] = new[at] + what
            else:
                new[at] = new[at].replace(": ", ": 7", 1)
        return "".join(new)

    edits = st.lists(st.tuples(st.integers(0, 3), numbers, junk), min_size=1, max_size=4)
    return edits.map(damaged)


def outcome(files: dict[str, bytes | str]) -> Site | ConfigErrors:
    try:
        return read_site(files)
    except ConfigErrors as errors:
        return errors


@given(st.fixed_dictionaries({name: pieces(text) for name, text in FILES.items()}))
@settings(max_examples=250, deadline=None)
def test_any_damage_gives_a_site_or_its_mistakes(files: dict[str, bytes | str]) -> None:
    """A broken file must never take the program down with some other exception."""
    found = outcome(files)
    if isinstance(found, ConfigErrors):
        assert found.mistakes
        for mistake in found.mistakes:
            lines = str(files[mistake.file]).count("\n") + 1
            assert 1 <= mistake.line <= lines + 1
            assert mistake.message
            assert mistake.fix
    else:
        Engine(found.routing())


values: st.SearchStrategy[object] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-99, 99999), st.floats(0, 2), st.text(max_size=8)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = list(load_yaml(SITE, "x").value)  # type: ignore[arg-type]


@given(st.sampled_from(KEYS), st.sampled_from(["", "inner"]), values)
@settings(max_examples=300, deadline=None)
def test_any_value_anywhere_gives_a_site_or_its_mistakes(
    key: str, where: str, value: object
) -> None:
    """Each field must stand a value of any shape."""
    text = SITE[: SITE.index(f"\n{key}:") + 1] if f"\n{key}:" in SITE else ""
    rest = SITE[len(text) :].splitlines(keepends=True)
    end = next((n for n, line in enumerate(rest[1:], 1) if not line.startswith(" ")), len(rest))
    inner = f"{key}:\n  x:\n    flow: {as_yaml(value)}\n    queues: {as_yaml(value)}\n"
    mine = inner if where else f"{key}: {as_yaml(value)}\n"
    outcome({**FILES, "site.yaml": text + mine + "".join(rest[end:])})


def as_yaml(value: object) -> str:
    """A value in YAML's flow style."""
    import json

    return json.dumps(value)


def write(folder: Path, files: dict[str, str]) -> None:
    (folder / "flows").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_who_takes_calls_while_we_are_away_needs_a_desk_phone() -> None:
    """A browser phone cannot ring without our process: the mistake must show in daylight."""
    text = (DEMO_SITE / "site.yaml").read_text(encoding="utf-8")
    flows = {f"flows/{p.name}": p.read_bytes() for p in (DEMO_SITE / "flows").glob("*.yaml")}
    for ring, message in (("dana", "agent 'dana' has no desk phone"), ("zoe", "'zoe'")):
        changed = text.replace("ring: anna, after_s", f"ring: {ring}, after_s")
        with pytest.raises(ConfigErrors) as wrong:
            read_site({"site.yaml": changed, **flows})
        assert message in str(wrong.value)
        assert "site.yaml:" in str(wrong.value)


SWITCHES = """
switches:
  east: {kind: asterisk, sip_port: 5080, rtp_first_port: 30000, rtp_last_port: 30999}
  west: {kind: asterisk}
  cloud:
    kind: twilio
    account_sid: AC0123456789abcdef0123456789abcdef
    auth_token_env: CALLCENTER_TWILIO_TOKEN
    public_url: https://calls.example.com/twilio
"""


def _with_switches(text: str = SWITCHES) -> list[str]:
    """What the demonstration's site with these switches is refused for."""
    files = {f"flows/{p.name}": p.read_text("utf-8") for p in (DEMO_SITE / "flows").glob("*.yaml")}
    files["site.yaml"] = text.lstrip() + (DEMO_SITE / "site.yaml").read_text("utf-8")
    try:
        read_site(files)
    except ConfigErrors as errors:
        return [str(mistake) for mistake in errors.mistakes]
    return []


def test_several_switches_are_read() -> None:
    """Asterisks and Twilio accounts stand side by side."""
    assert _with_switches() == []


@pytest.mark.parametrize(
    ("this", "to", "said"),
    [
        ("kind: twilio", "kind: twilo", "5: unknown kind 'twilo'; did you mean 'twilio'?"),
        ("  west:", "  West-1:", "3: the name 'West-1' in 'switches'; start with a letter; "),
        ("5080", "80", "2: 'sip_port' is 80; use 1024 to 65535"),
        (", rtp_last_port: 30999", "", "2: switch 'east' has no 'rtp_last_port'; set both or none"),
        ("30999", "30001", "2: 'rtp_last_port' is 30001; use at least 30003"),
        ("{kind: asterisk}", "{kind: asterisk, sip_port: 5080}", "'sip_port' 5080 is taken by"),
        (
            "{kind: asterisk}",
            "{kind: asterisk, rtp_first_port: 30900, rtp_last_port: 32000}",
            "3: its RTP ports overlap with those of switch 'east'; begin above 30999",
        ),
        (
            "token_env: CALLCENTER_TWILIO_TOKEN",
            "token_env: CALLCENTER_X\n    auth_token: 1",
            "8: a token in the configuration",
        ),
        ("calls.example.com/twilio", "calls.example.com", "write it like https://calls.example"),
        ("https:", "http:", "write it like https://calls.example.com/twilio"),
        ("AC0123456789abcdef", "AC", "write AC and 32 hexadecimal digits"),
    ],
)
def test_a_mistake_in_a_switch_is_told_with_its_line(this: str, to: str, said: str) -> None:
    """A switch that cannot be must be said before it is started."""
    assert SWITCHES.count(this) == 1
    (told, *_) = [m for m in _with_switches(SWITCHES.replace(this, to)) if said in m] or [""]
    assert told.startswith("site.yaml:"), _with_switches(SWITCHES.replace(this, to))


def test_phones_that_twilios_callers_cannot_reach_are_a_warning() -> None:
    """Agents would be rung in vain, and look as if their phones were broken."""
    files = {f"flows/{p.name}": p.read_text("utf-8") for p in (DEMO_SITE / "flows").glob("*.yaml")}
    address = "    browser_address: sip:agent-{agent}@pbx.example.com\n"
    files["site.yaml"] = SWITCHES.lstrip() + address + (DEMO_SITE / "site.yaml").read_text("utf-8")
    said = [str(warning) for warning in read_site(files).warnings]
    assert "site.yaml:4: callers of switch 'cloud' reach no desk phone; " in "\n".join(said)
    assert not any("browser phone" in one for one in said)


def test_trunks_and_agents_stand_at_an_asterisk_that_is_there() -> None:
    """A phone at a switch that nobody runs would be silence."""
    site = SWITCHES + "trunks:\n  a: {addresses: [192.0.2.1], switch: nort}\n"
    assert any("10: there is no switch 'nort'" in m for m in _with_switches(site))
    site = site.replace("nort", "cloud")
    assert any(
        "10: switch 'cloud' is a Twilio account; name an As" in m for m in _with_switches(site)
    )
