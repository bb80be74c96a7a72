"""What may be in a customer record: text from forms, files and outside systems made sound.

Every refusal is a ValueError whose message is written for the person who typed it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from crm_link.numbers import to_e164
from crm_link.records import TIERS

NAME_MAX = 200
ACCOUNT_MAX = 64
OWNER_MAX = 32
EMAIL_MAX = 254
NOTE_MAX = 10_000
PHONES_MAX = 10

FIELD_NAMES = ("name", "company", "tier", "email", "language", "account_number", "owner", "phones")
# Other names that forms use.
_ALIASES = {"phone": "phones", "number": "phones", "account": "account_number"}

_EMAIL = re.compile(r"[^@\s<>\"']+@[^@\s<>\"']+\.[^@\s<>\"'.]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_PHONE_SEPARATORS = re.compile(r"[;,/|\n]")


@dataclass(frozen=True, slots=True)
class Fields:
    """The checked fields of a customer. `account_number` is "" when there is none.

    `owner` is the id of the agent who looks after the account, "" for nobody.
    """

    name: str
    company: str = ""
    tier: str = "standard"
    email: str = ""
    language: str = ""
    account_number: str = ""
    phones: tuple[str, ...] = ()
    owner: str = ""

    @property
    def search_text(self) -> str:
        """What a search looks in."""
        return fold(f"{self.name} {self.company} {self.email} {self.account_number}")


def fold(text: str) -> str:
    """Text as it is compared: compatibility forms and case folded."""
    return unicodedata.normalize("NFKC", text).casefold()


def clean(text: str, longest: int) -> str:
    """One line: composed, without control and direction-changing characters, bounded.

    Raises ValueError when it is too long.
    """
    if len(text) > 8 * longest:
        raise ValueError(f"longer than {longest} characters")
    kept = "".join(
        " " if c.isspace() else c
        for c in unicodedata.normalize("NFC", text)
        if c.isspace() or not (c in _BIDI or unicodedata.category(c) in ("Cc", "Cs"))
    )
    line = " ".join(kept.split())
    if len(line) > longest:
        raise ValueError(f"longer than {longest} characters")
    return line


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_note(text: str) -> str:
    """Text of several lines. Raises ValueError when it is empty or too long."""
    if len(text) > NOTE_MAX:
        raise ValueError(f"a note has at most {NOTE_MAX} characters")
    lines = [clean(line, NOTE_MAX) for line in text.splitlines()]
    note = "\n".join(lines).strip()
    if not note:
        raise ValueError("the note is empty")
    return note


def canonical(given: Mapping[str, str]) -> dict[str, str]:
    """The fields under their own names. Raises ValueError for one that is not known."""
    fields: dict[str, str] = {}
    for key, value in given.items():
        name = _ALIASES.get(key, key)
        if name not in FIELD_NAMES:
            raise ValueError(f"there is no field {key[:40]!r}")
        fields[name] = value if name not in fields else f"{fields[name]};{value}"
    return fields


def check(given: Mapping[str, str], region: str, base: Fields | None = None) -> Fields:
    """Checked fields; those not given come from `base`. Raises ValueError."""
    fields = canonical(given)
    base = base or Fields(name="")
    name = _one(fields, "name", NAME_MAX, base.name)
    if not name:
        raise ValueError("a customer needs a name")
    return Fields(
        name=name,
        company=_one(fields, "company", NAME_MAX, base.company),
        tier=_tier(_one(fields, "tier", 40, base.tier)),
        email=_email(_one(fields, "email", EMAIL_MAX, base.email)),
        language=_language(_one(fields, "language", 40, base.language)),
        account_number=_one(fields, "account_number", ACCOUNT_MAX, base.account_number),
        owner=_one(fields, "owner", OWNER_MAX, base.owner),
        phones=_phones(fields["phones"], region) if "phones" in fields else base.phones,
    )


def _one(fields: Mapping[str, str], name: str, longest: int, otherwise: str) -> str:
    if name not in fields:
        return otherwise
    try:
        return clean(fields[name], longest)
    except ValueError as error:
        raise ValueError(f"{name.replace('_', ' ')}: {error}") from None


def _tier(text: str) -> str:
    tier = text.casefold() or TIERS[0]
    if tier not in TIERS:
        raise ValueError(f"the tier must be {', '.join(TIERS[:-1])} or {TIERS[-1]}, not {text!r}")
    return tier


def _email(text: str) -> str:
    if text and not _EMAIL.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no e-mail address")
    return text.casefold()


def _language(text: str) -> str:
    if text and not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{text!r} is no language such as en or zh-CN")
    return text


def _phones(text: str, region: str) -> tuple[str, ...]:
    parts = [part.strip() for part in _PHONE_SEPARATORS.split(text[:1000]) if part.strip()]
    if len(parts) > PHONES_MAX or len(text) > 1000:
        raise ValueError(f"more than {PHONES_MAX} telephone numbers")
    numbers: dict[str, None] = {}
    for part in parts:
        number = to_e164(part, region)
        if number is None:
            raise ValueError(f"{part[:40]!r} is no telephone number")
        numbers[number] = None
    return tuple(numbers)
