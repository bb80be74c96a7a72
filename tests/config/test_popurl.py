"""Links into other programs: what a caller sends never leads elsewhere."""

from __future__ import annotations

import pytest

from config.popurl import PATTERN, filled

CRM = "https://crm.example.com/customers/{customer_id}?phone={ani}"


def test_a_link_is_filled_and_encoded() -> None:
    """What a call says stays inside its own place."""
    assert filled(CRM, {"customer_id": "c-1", "ani": "+1 416"}) == (
        "https://crm.example.com/customers/c-1?phone=%2B1%20416"
    )
    hostile = {"customer_id": "a/b?x=1#y&\r\n@evil.com", "ani": "&admin=1#"}
    link = filled(CRM, hostile)
    assert link.startswith("https://crm.example.com/customers/a%2Fb%3Fx%3D1%23y%26%0D%0A%40evil")
    assert link.endswith("?phone=%26admin%3D1%23")
    assert filled(CRM, {"customer_id": "half \ud800", "ani": ""}).endswith("/half%20%3F?phone=")


def test_no_link_without_what_its_path_needs() -> None:
    """A link to nobody, or a step up, is worse than none."""
    for customer in ("", ".", ".."):
        assert filled(CRM, {"customer_id": customer, "ani": "+1"}) == ""
    search = "https://t.example.com/search?q={ani}"
    assert filled(search, {"ani": ""}) == ""
    assert filled(search, {"ani": "+1"}) == "https://t.example.com/search?q=%2B1"
    assert filled("https://t.example.com/", {}) == "https://t.example.com/"


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert({ani})",
        "https://{ani}/x",
        "https://{ani}.example.com/",
        "https://crm.example.com{ani}",
        "https://crm.example.com@evil.com/{ani}",
        "//crm.example.com/{ani}",
        "ftp://crm.example.com/",
        "https://crm.example.com/{password}",
        "https://crm.example.com/{ani",
        "https://crm.example.com/ x",
        'https://crm.example.com/"onclick=',
        "{ani}",
        "",
    ],
)
def test_a_template_with_another_host_or_scheme_is_refused(template: str) -> None:
    """Scheme and host are the site's own words."""
    assert not PATTERN.fullmatch(template)


def test_templates_that_people_write() -> None:
    """With a port, with nothing to fill in, with several fields."""
    for template in (
        CRM,
        "http://crm.lan:8080/?n={ani}",
        "https://crm.example.com",
        "https://a/#/{ani}",
    ):
        assert PATTERN.fullmatch(template), template
