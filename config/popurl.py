"""Addresses in other programs, filled with a call: `https://crm.example.com/c/{customer_id}`.

The scheme and host are the site's own words; what a call says comes percent-encoded into path
and query, so that a hostile caller's name changes neither host nor path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

FIELDS = ("customer_id", "account_number", "ani", "dnis", "call_id", "queue", "agent")
FORM = (
    "write it like https://crm.example.com/customers/{customer_id}?phone={ani}; "
    f"to be filled in: {', '.join(FIELDS)}"
)
_TEMPLATE = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?"
    r"(?:[/?#](?:[A-Za-z0-9._~!$&'()*+,;=:@/?#%-]|{(?:" + "|".join(FIELDS) + r")})*)?"
)
_FIELD = re.compile(r"{(\w+)}")
PATTERN = _TEMPLATE


def filled(template: str, values: Mapping[str, str]) -> str:
    """The address, or "" when something that its path needs is not known (yet).

    In the query an empty value is fine. A value that means a step up in a path is refused.
    """
    path, mark, query = template.partition("?")
    for name in _FIELD.findall(path):
        if values.get(name, "") in ("", ".", ".."):
            return ""

    def value(match: re.Match[str]) -> str:
        return quote(values.get(match[1], "").encode("utf-8", "replace"), safe="")

    if _FIELD.search(query) and not any(values.get(name) for name in _FIELD.findall(template)):
        return ""
    return _FIELD.sub(value, path) + mark + _FIELD.sub(value, query)
