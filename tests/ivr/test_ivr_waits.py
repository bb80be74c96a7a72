"""An expected wait in the words that a caller hears."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.runner import in_words
from ivr.waits import wait_in_words


@pytest.mark.parametrize(
    ("low_s", "high_s", "en", "zh"),
    [
        (0, 20, "less than a minute", "不到 1 分钟"),
        (10, 60, "about a minute", "大约 1 分钟"),
        (30, 200, "up to 4 minutes", "最多 4 分钟"),
        (121, 230, "between 2 and 4 minutes", "2 到 4 分钟"),
        (180, 180, "about 3 minutes", "大约 3 分钟"),
        (200, 700, "up to 15 minutes", "最多 15 分钟"),
        (440, 1100, "between 5 and 20 minutes", "5 到 20 分钟"),
        (3700, 9000, "more than an hour", "超过 1 小时"),
    ],
)
def test_a_wait_is_told_as_a_rounded_range(low_s: float, high_s: float, en: str, zh: str) -> None:
    """What is known is a range, and that is what is said."""
    assert wait_in_words(low_s, high_s, "en") == en
    assert wait_in_words(low_s, high_s, "zh-CN") == zh


@given(st.floats(0, 20_000), st.floats(0, 20_000), st.sampled_from(("en", "zh", "fr")))
def test_nobody_is_told_zero_and_the_range_is_never_too_small(
    one: float, other: float, language: str
) -> None:
    """Rounding goes outwards, and no caller hears of 0 minutes."""
    low_s, high_s = sorted((one, other))
    text = wait_in_words(low_s, high_s, language)
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    assert text
    assert 0 not in numbers
    if len(numbers) == 2:
        assert numbers[0] * 60 <= low_s
        assert high_s <= numbers[1] * 60


def test_what_nobody_knows_is_not_said() -> None:
    """A flow can ask whether there is an expected wait at all."""
    assert in_words({"expected_low_s": "", "expected_wait_s": "60"}, "en") == {}
    assert in_words({}, "en") == {}
    known = {"expected_low_s": "121", "expected_wait_s": "230"}
    assert in_words(known, "en") == {"expected_wait": "between 2 and 4 minutes"}
