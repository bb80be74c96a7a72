"""Telephone numbers as trunks and people give them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_link.numbers import format_local, is_withheld, to_e164


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("2025550123", "US", "+12025550123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("12025550123", "US", "+12025550123"),
        ("+1 202 555 0123", "CN", "+12025550123"),
        ("0012025550123", "GB", "+12025550123"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("０２０７９４６００１８", "GB", "+442079460018"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("sip:+12025550123@carrier.example", "US", "+12025550123"),
        ("tel:+12025550123", "US", "+12025550123"),
        ("1001", "US", None),
        ("911", "US", None),
        ("5550123", "US", None),
        ("202-555-0123 x12", "US", None),
        ("", "US", None),
        ("anonymous", "US", None),
        ("+266696687", "US", None),
        ("Bob\r\nAction: Command", "US", None),
        ("${SHELL(id)}", "US", None),
        ("2025550123" * 100, "US", None),
        ("+" * 60, "US", None),
        ("\udc80\0", "US", None),
    ],
)
def test_to_e164(text: str, region: str, expected: str | None) -> None:
    """One customer must be found under one number, however the trunk writes it."""
    assert to_e164(text, region) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("Anonymous", True), ("Restricted", True), ("266696687", True),
     ("2025550123", False), ("Bob", False), ("x" * 10_000, False)],
)  # fmt: skip
def test_withheld(text: str, expected: bool) -> None:
    """All callers without a number must not become one customer."""
    assert is_withheld(text) is expected


@pytest.mark.parametrize(
    ("e164", "region", "expected"),
    [
        ("+12025550123", "US", "(202) 555-0123"),
        ("+12025550123", "CA", "(202) 555-0123"),
        ("+12025550123", "GB", "+1 202-555-0123"),
        ("+442079460018", "GB", "020 7946 0018"),
        ("+8613800138000", "CN", "138 0013 8000"),
        ("1001", "US", "1001"),
        ("", "US", ""),
        ("a\r\nb", "US", "a��b"),
    ],
)
def test_format_local(e164: str, region: str, expected: str) -> None:
    """Agents read numbers aloud; they must look as at home."""
    assert format_local(e164, region) == expected


@given(st.text(max_size=200), st.sampled_from(["US", "GB", "CN", "XX", ""]))
def test_no_text_breaks_it(text: str, region: str) -> None:
    """Whatever the caller sends: an answer, bounded, printable, and stable."""
    number = to_e164(text, region)
    if number is not None:
        assert number[0] == "+"
        assert number[1:].isdigit()
        assert len(number) <= 16
        assert to_e164(number, region) == number
    assert len(format_local(text, region)) <= 100


def test_hostile_length_takes_no_time() -> None:
    """A megabyte in the caller's number must not hold the loop."""
    before = time.perf_counter()
    to_e164("9" * 1_000_000, "US")
    format_local("9" * 1_000_000, "US")
    assert time.perf_counter() - before < 0.05
