"""What a caller said, held against the words that a menu offers. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SAID_MAX = 300  # characters: nobody says more to a menu
_WORD = re.compile(r"[^\W_]+")


def digits_said(said: str, words: Sequence[tuple[str, str]]) -> str:
    """The digits that the words stand for; "" when nothing fits, or not one thing only.

    Case, punctuation and what is said around the words count for nothing ("billing, please"
    is "billing"). A word within a longer one that was said ("order" in "new order") counts
    for nothing either.
    """
    heard = _plain(said[:_SAID_MAX])
    fits = {
        (plain, key) for word, key in words if (plain := _plain(word)).strip() and plain in heard
    }
    longest = {
        digits
        for plain, digits in fits
        if not any(plain != other and plain in other for other, _ in fits)
    }
    return longest.pop() if len(longest) == 1 else ""


def _plain(text: str) -> str:
    """Words between spaces, so that "sale" is not in "wholesale". Chinese and others have no
    spaces between their words: there it is letter by letter."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found = _WORD.findall(folded.replace("'", "").replace("\u2019", ""))
    if any(unicodedata.category(char) == "Lo" for char in folded):
        return "".join(found)
    return f" {' '.join(found)} "
