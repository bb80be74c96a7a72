"""`alerts:` and `figures:` of a site: read, defaulted, and refused with line and fix."""

from __future__ import annotations

import re

import pytest

from config.check import ConfigErrors, read_site
from config.settings import DEMO_SITE
from config.site import Site
from reporting.alerts import BOOKS, AlertRule
from reporting.definitions import ALL

FLOWS = {f"flows/{p.name}": p.read_text("utf-8") for p in (DEMO_SITE / "flows").glob("*.yaml")}
DEMO = (DEMO_SITE / "site.yaml").read_text("utf-8")
PLAIN = re.sub(r"^alerts:\n(?:[ #].*\n|\n)*", "", DEMO, flags=re.M)


def site(more: str = "") -> Site:
    return read_site({**FLOWS, "site.yaml": PLAIN + more})


def mistake(rule: str) -> str:
    """The one thing that is said of an alert."""
    with pytest.raises(ConfigErrors) as caught:
        site(f"\nalerts:\n  slow: {{{rule}}}\n")
    assert len(caught.value.mistakes) == 1, caught.value
    return str(caught.value.mistakes[0])


def test_a_site_that_names_no_alerts_has_the_usual_ones() -> None:
    """Nobody should have to write thresholds to hear that callers wait for nobody."""
    rules = site().alert_rules()
    assert {
        "books",
        "abandon-rate",
        "unstaffed",
        "long-wait-sales",
        "service-level-support",
    } <= set(rules)
    queue = site().queues["sales"]
    assert rules["long-wait-sales"].above == 3 * queue.threshold_s
    assert rules["service-level-sales"].clear == queue.target
    assert all(
        rule.figure in ALL and rule.scope in ALL[rule.figure].scopes for rule in rules.values()
    )


def test_books_that_are_out_are_an_alert_whatever_a_site_says() -> None:
    """A fault of ours is not for a site to switch off."""
    assert site("\nalerts: {}\n").alert_rules() == {"books": BOOKS}


def test_an_alert_is_read_as_it_is_written() -> None:
    """What is left out has its default; the rest is what stands there."""
    written = "figure: service_level, queue: sales, below: 0.7, clear: 0.8, for_s: 90, window: 15"
    rules = site(f"\nalerts:\n  slow: {{{written}}}\n").alert_rules()
    assert rules["slow"] == AlertRule(
        "slow", "service_level", "queue", "sales", "15", below=0.7, clear=0.8, for_s=90.0
    )
    rules = site("\nalerts:\n  many: {figure: waiting, site: true, above: 20}\n").alert_rules()
    assert rules["many"] == AlertRule("many", "waiting", "site", above=20.0, clear=20.0)


@pytest.mark.parametrize(
    ("rule", "said", "fix"),
    [
        ("figure: service_levl, below: 0.7", "unknown figure 'service_levl'", "service_level"),
        ("figure: waiting", "alert 'slow' has no 'above'", "add 'above:' or 'below:'"),
        ("figure: waiting, above: 3, below: 1", "both 'above' and 'below'", "keep the one"),
        ("figure: waiting, above: 3, clear: 4", "'clear' is 4, above 'above'", "use at most 3"),
        (
            "figure: service_level, below: 0.7, clear: 0.6",
            "'clear' is 0.6, below 'below'",
            "use at least 0.7",
        ),
        ("figure: service_level, below: 70", "'below' is 70", "use 0 to 1"),
        ("figure: waiting, above: 3, queue: salez", "there is no queue 'salez'", "sales"),
        ("figure: waiting, above: 3, queue: sales, site: true", "several things", "keep 'queue'"),
        ("figure: containment, below: 0.1", "no figure of a queue", "name a 'site'"),
        ("figure: waiting, above: 3, window: 30", "has no 'window'", "of the moment"),
        ("figure: asa_s, above: 3, window: 20", "unknown window '20'", "15"),
        ("figure: waiting, above: 3, fors: 3", "unknown key 'fors'", "for_s"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_fix(rule: str, said: str, fix: str) -> None:
    """An alert that can never be raised is worse than none."""
    told = mistake(rule)
    line = (PLAIN + "\nalerts:\n  slow").count("\n") + 1
    assert told.startswith(f"site.yaml:{line}: "), told
    assert said in told
    assert fix in told


def test_days_and_prices_are_read() -> None:
    """What no call tells."""
    found = site("\nfigures: {repeat_days: 3, agent_hour: 28.5, line_minute: 0.02}\n").reckoning
    assert (found.repeat_days, found.agent_hour, found.line_minute) == (3.0, 28.5, 0.02)
