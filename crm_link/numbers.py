"""Telephone numbers: from whatever a trunk or a person gives to E.164, and back to local form.

Input is hostile: it is bounded before anything looks at it, and what is no number
gives None, never an error.
"""

from __future__ import annotations

import functools

import phonenumbers

LONGEST = 64
# A call's number is read and shown a dozen times, at 0.2 ms each.
_REMEMBERED = 2_000

# What switches and trunks send for a caller who does not show a number.
_WITHHELD_WORDS = frozenset(
    {
        "",
        "anonymous",
        "restricted",
        "unavailable",
        "unknown",
        "private",
        "withheld",
        "asserted",
        "blocked",
        "<unknown>",
        # The words for these on a keypad: sent by gateways that only know digits.
        "266696687",  # ANONYMOUS
        "7378742833",  # RESTRICTED
        "8656696",  # UNKNOWN
        "86282452253",  # UNAVAILABLE
        "2562533",  # BLOCKED
    }
)


def is_withheld(text: str) -> bool:
    """Whether this stands for a caller who shows no number."""
    return len(text) <= LONGEST and text.strip().lower().lstrip("+") in _WITHHELD_WORDS


def to_e164(text: str, region: str) -> str | None:
    """`text` as E.164 ("+12025550123"), or None when it can be no telephone number.

    `region` ("US", "CN", "GB") is where numbers without a country code belong. Lengths
    are checked, assignment is not: new number ranges must work at once.
    """
    if len(text) > LONGEST or is_withheld(text):
        return None
    if "@" in text:  # sip:+12025550123@carrier.example
        text = text.partition("@")[0]
    return _read(text.removeprefix("sips:").removeprefix("sip:").removeprefix("tel:"), region)


@functools.lru_cache(_REMEMBERED)
def _read(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not _complete(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def format_local(e164: str, region: str) -> str:
    """How people in `region` write the number: "(202) 555-0123", abroad "+44 20 7946 0018".

    What is no number comes back as it is, shortened to a bound.
    """
    return _shown(e164[:LONGEST], region)


@functools.lru_cache(_REMEMBERED)
def _shown(e164: str, region: str) -> str:
    shown = "".join(c if c.isprintable() else "�" for c in e164)
    try:
        number = phonenumbers.parse(shown, region)
    except phonenumbers.NumberParseException:
        return shown
    if not _complete(number):
        return shown
    at_home = number.country_code == phonenumbers.country_code_for_region(region)
    style = (
        phonenumbers.PhoneNumberFormat.NATIONAL
        if at_home
        else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return str(phonenumbers.format_number(number, style))


def _complete(number: phonenumbers.PhoneNumber) -> bool:
    # IS_POSSIBLE_LOCAL_ONLY (a number without its area code) can't be dialled from here.
    reason = phonenumbers.is_possible_number_with_reason(number)
    return bool(reason == phonenumbers.ValidationResult.IS_POSSIBLE)


def digits_of(text: str) -> str:
    """Only the digits: what a search compares numbers by."""
    return "".join(c for c in text[:LONGEST] if c.isascii() and c.isdigit())
