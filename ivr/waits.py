"""An expected wait, as it is said to a caller: a rounded range of minutes, in words.

Nobody is told "0 minutes", nor a number of seconds: what is known is a range, and a caller who
has heard an exact number takes it for a promise.
"""

from __future__ import annotations

FINE_MIN = 10  # up to so many minutes the range is told to the minute, above to 5 minutes
COARSE_MIN = 5
MOST_MIN = 60

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "less": "less than a minute",
        "one": "about a minute",
        "about": "about {high} minutes",
        "up to": "up to {high} minutes",
        "between": "between {low} and {high} minutes",
        "more": "more than an hour",
    },
    "zh": {
        "less": "不到 1 分钟",
        "one": "大约 1 分钟",
        "about": "大约 {high} 分钟",
        "up to": "最多 {high} 分钟",
        "between": "{low} 到 {high} 分钟",
        "more": "超过 1 小时",
    },
}


def wait_in_words(low_s: float, high_s: float, language: str) -> str:
    """A range of seconds as a caller hears it; languages without words of their own get English."""
    if not 0.0 <= low_s <= high_s:
        return ""
    low, high = _rounded(low_s, high_s)
    if low >= MOST_MIN:
        how = "more"
    elif high < 1:
        how = "less"
    elif high == 1:
        how = "one"
    elif low == high:
        how = "about"
    else:
        how = "between" if low else "up to"
    words = _WORDS.get(language.partition("-")[0], _WORDS["en"])
    return words[how].format(low=low, high=high)


def _rounded(low_s: float, high_s: float) -> tuple[int, int]:
    """Whole minutes around the range; 0 for less than one."""
    low, high = int(low_s // 60), -int(-high_s // 60)
    if high_s < 60:
        return 0, 0
    if high > FINE_MIN:
        low, high = low // COARSE_MIN * COARSE_MIN, -(-high // COARSE_MIN) * COARSE_MIN
    return low, high
