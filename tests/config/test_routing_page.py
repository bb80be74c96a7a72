"""What docs/routing.md shows is what the engine does, sentence by sentence."""

from __future__ import annotations

import re

import pytest

from config.check import ConfigErrors
from tests.config.routing_day import EXAMPLE, HEAD, PAGE, Example, examples, played, site_of

TEXT = PAGE.read_text("utf-8")
EXAMPLES = list(examples(TEXT))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.title)
def test_an_example_comes_out_as_shown(example: Example) -> None:
    """A supervisor plans the floor by this page."""
    rows = "\n".join(map(str, example.rows))
    assert "\n".join(map(str, played(example))) == rows, (
        "if this is meant: python -m tests.config.routing_day"
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.title)
def test_an_example_is_a_sound_part_of_a_site(example: Example) -> None:
    """It is copied as it stands."""
    try:
        site = site_of(example.site)
    except ConfigErrors as errors:
        pytest.fail(str(errors))
    odd = [str(one) for one in site.warnings if "is used by no number" not in str(one)]
    assert odd == []


def test_every_block_of_the_page_is_an_example() -> None:
    """A block or table that nobody plays could say anything."""
    assert len(re.findall(r"^```", TEXT, re.M)) == 2 * len(EXAMPLES)
    assert TEXT.count(HEAD) == len(EXAMPLES) == len(EXAMPLE.findall(TEXT))
